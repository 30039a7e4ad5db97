"""Make the images of the UI in docs/images: the main states, in light, dark and on a phone."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

import PIL.Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from edgeseg.settings import Settings  # noqa: E402
from edgeseg.stack.local import EmbeddedStack  # noqa: E402
from frontend import samples  # noqa: E402
from tests.browser import driver as form  # noqa: E402
from tests.browser import stage_driver as driver  # noqa: E402
from tests.browser.conftest import OPTIONS  # noqa: E402
from tests.browser.driver import PATIENCE_MS  # noqa: E402

IMAGES = ROOT / "docs" / "images"
WIDE = {"width": 1360, "height": 980}
PHONE = {"width": 390, "height": 844}
LARGE = {"width": 2560, "height": 1440}
TABLET = {"width": 820, "height": 1180}


def main() -> None:
    """Start the whole stack, go through the states, or those that are named, and stop it."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="edgeseg-ui-") as folder, sync_playwright() as player:
        settings = Settings(
            engines="nano",
            api_port=0,
            ui_port=0,
            data_dir=Path(folder),
        )
        with EmbeddedStack(settings, ui=True) as stack:
            browser = player.chromium.launch(executable_path=program, args=list(OPTIONS))
            asked = sys.argv[1:]
            for shoot in [each for each in SHOTS if not asked or each.__name__ in asked]:
                shoot(browser, str(stack.ui_url))
            browser.close()


def welcome(browser: Browser, url: str) -> None:
    """What a new visitor sees."""
    page = visit(browser, url)
    expect(page.locator(".sample")).to_have_count(len(samples.titles()))
    page.wait_for_function(
        "() => [...stage.root.querySelectorAll('.sample img')].every((each) => each.complete)"
    )
    save(page, "ui_welcome")


def results(browser: Browser, url: str) -> None:
    """Objects with one selected, weaker finds, before and after, files and code."""
    page = visit(browser, url)
    sample(page, "Astronaut")
    page.get_by_role("button", name="person", exact=True).last.click()
    save(page, "ui_stage")
    page.keyboard.press("Escape")
    page.locator(".weaker").get_by_role("button", name="Show").click()
    save(page, "ui_weaker")
    page.locator(".weaker").get_by_role("button", name="Hide").click()
    page.get_by_role("button", name="Before and after").click()
    save(page, "ui_compare")
    page.get_by_role("button", name="Before and after").click()
    page.get_by_role("button", name="Export", exact=True).click()
    save(page, "ui_download")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Code", exact=True).click()
    save(page, "ui_code")


def corrections(browser: Browser, url: str) -> None:
    """An object made by a box."""
    page = visit(browser, url)
    sample(page, "Astronaut")
    driver.press(page, "b")
    driver.drag(page, (0.54, 0.67), (0.98, 0.995))
    save(page, "ui_refine")


def left_out(browser: Browser, url: str) -> None:
    """A choice that leaves nothing, with a button that helps."""
    page = visit(browser, url)
    sample(page, "Cat")
    driver.find(page, "all cats except the leftmost cat")
    expect(page.locator(".notice")).to_contain_text("left out", timeout=PATIENCE_MS)
    save(page, "ui_left_out")


def batch(browser: Browser, url: str) -> None:
    """Several images on their way, and found."""
    page = visit(browser, url)
    for title in ("Astronaut", "Coffee", "Motorcycle", "Horse"):
        add_sample(page, title)
    driver.write(page, "person\ncup\nmotorcycle")
    page.get_by_text(re.compile(r"of 4 images done")).wait_for()
    save(page, "ui_progress")
    driver.settle(page)
    page.get_by_role("button", name=re.compile("^coffee.png")).click()
    save(page, "ui_batch")


def comparison(browser: Browser, url: str) -> None:
    """Several images compared, and the report."""
    page = visit(browser, url)
    form.open_page(page, "Compare images")
    page.get_by_text("Try an example").click()
    form.settle(page)
    form.press(page, re.compile("Compare$"))
    expect(page.get_by_text("Thing by thing")).to_be_visible(timeout=PATIENCE_MS)
    form.settle(page)
    save(page, "ui_entities")
    _, report = form.download(page, re.compile(r"Report \(HTML\)$"))
    page.set_content(report.decode())
    page.set_viewport_size({"width": 1360, "height": 900})
    page.screenshot(path=IMAGES / "report.png", full_page=True)
    shrink(IMAGES / "report.png")


def dark(browser: Browser, url: str) -> None:
    """The same in the dark."""
    page = visit(browser, url, colour_scheme="dark")
    sample(page, "Coffee")
    save(page, "ui_dark")


def phone(browser: Browser, url: str) -> None:
    """At the width of a phone."""
    page = visit(browser, url, size=PHONE)
    sample(page, "Motorcycle")
    save(page, "ui_phone")


def tablet(browser: Browser, url: str) -> None:
    """At the width of a tablet."""
    page = visit(browser, url, size=TABLET, colour_scheme="dark")
    sample(page, "Motorcycle")
    save(page, "ui_tablet")


def large(browser: Browser, url: str) -> None:
    """On a large screen."""
    page = visit(browser, url, size=LARGE)
    sample(page, "Astronaut")
    save(page, "ui_large")


def everything(browser: Browser, url: str) -> None:
    """Masks of all that is in a photo."""
    page = visit(browser, url)
    add_sample(page, "Coffee")
    page.get_by_role("button", name="Everything", exact=True).click()
    driver.settle(page)
    save(page, "ui_everything")


def visit(
    browser: Browser, url: str, *, size: dict[str, int] | None = None, colour_scheme: str = "light"
) -> Page:
    """Open the UI as a new visitor."""
    page = browser.new_page(viewport=size or WIDE, color_scheme=colour_scheme)  # type: ignore[arg-type]
    page.set_default_timeout(5 * PATIENCE_MS)
    page.goto(url)
    driver.open_stage(page)
    expect(page.get_by_text(re.compile(r"\d+ workers?")).first).to_be_attached()
    return page


def sample(page: Page, title: str) -> None:
    """Start with a sample, and wait for what its prompt finds."""
    page.get_by_role("button", name=re.compile(f"^{title}")).click()
    driver.settle(page)


def add_sample(page: Page, title: str) -> None:
    """Add a sample as a file, without its prompt."""
    photo = samples.sample(title)
    with page.expect_file_chooser() as waiting:
        page.locator(".primary:visible, .more:visible").first.click()
    waiting.value.set_files({"name": photo.name, "mimeType": "image/png", "buffer": photo.data})
    page.locator(f'.thumb[aria-label^="{photo.name}"]').wait_for()


def save(page: Page, name: str) -> None:
    """Write a screenshot once all images on the page are loaded."""
    page.mouse.move(5, 5)
    # Long enough for what fades; it is an image, not a test.
    page.wait_for_timeout(700)
    # How long it took says something of the machine that makes the images, and nothing of ours.
    page.evaluate(
        "window.stage?.root.querySelectorAll('.ran').forEach((each) => {"
        " each.textContent = each.textContent.replace(/ · [0-9.]+ s$/, ''); })"
    )
    page.wait_for_function("[...document.images].every(each => each.complete)")
    page.screenshot(path=IMAGES / f"{name}.png")
    shrink(IMAGES / f"{name}.png")


def shrink(path: Path) -> None:
    """Make a screenshot a JPEG of a tenth of its size."""
    with PIL.Image.open(path) as pil_image:
        pil_image.convert("RGB").save(path.with_suffix(".jpg"), quality=86)
    path.unlink()


SHOTS = (
    welcome, results, corrections, left_out, batch, everything, comparison, dark, phone, tablet,
    large,
)  # fmt: skip

if __name__ == "__main__":
    main()
