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
from tests.browser import driver  # noqa: E402
from tests.browser.conftest import OPTIONS  # noqa: E402

IMAGES = ROOT / "docs" / "images"
WIDE = {"width": 1360, "height": 980}
PHONE = {"width": 390, "height": 844}
SEGMENT = re.compile(r"Segment (Image|\d+ Images)$")


def main() -> None:
    """Start the whole stack, go through the states, and stop it."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="edgeseg-ui-") as folder, sync_playwright() as player:
        settings = Settings(
            # The fake detector, chosen where images are to be seen on their way, takes its time.
            engines="nano",
            allowed_engines=("fake",),
            api_port=0,
            ui_port=0,
            data_dir=Path(folder),
            fake_latency_s=2,
        )
        with EmbeddedStack(settings, ui=True) as stack:
            browser = player.chromium.launch(executable_path=program, args=list(OPTIONS))
            for shoot in (review, results, batch, everything, comparison, dark, phone, progress):
                shoot(browser, str(stack.ui_url))
            browser.close()


def review(browser: Browser, url: str) -> None:
    """A question, what it became, and why."""
    page = visit(browser, url)
    driver.pick(page, "Coffee")
    driver.press(page, "Simplify")
    expect(page.get_by_role("textbox", name="Simplified prompt")).to_be_visible(
        timeout=driver.PATIENCE_MS
    )
    save(page, "ui_simplify")


def results(browser: Browser, url: str) -> None:
    """Overlay, before and after, refine and download."""
    page = visit(browser, url)
    driver.pick(page, "Astronaut")
    segment(page)
    save(page, "ui_overlay")
    driver.choose_view(page, "Before / after")
    save(page, "ui_compare")
    driver.choose_view(page, "Refine")
    driver.choose(page, "Object", "New object")
    driver.write(page, "Its name", "helmet")
    before = driver.rows(page)
    page.locator(".st-key-tool").get_by_text("Box").click()
    expect(page.get_by_text("Drag a box round")).to_be_visible(timeout=driver.PATIENCE_MS)
    driver.settle(page)
    driver.drag(page, (0.54, 0.67), (0.98, 0.995))
    driver.expect_rows(page, before + 1)
    driver.settle(page)
    save(page, "ui_refine")
    driver.press(page, re.compile("Download$"))
    expect(page.get_by_text("Export format")).to_be_visible(timeout=driver.PATIENCE_MS)
    save(page, "ui_download")


def batch(browser: Browser, url: str) -> None:
    """Several images, and the cut-outs of one."""
    page = visit(browser, url)
    for title in ("Astronaut", "Cat", "Coffee"):
        driver.pick(page, title)
    driver.write(page, "What to find", "person . cat . cup .")
    segment(page)
    driver.choose_view(page, "Cut-outs")
    save(page, "ui_batch")


def comparison(browser: Browser, url: str) -> None:
    """Several images compared, and the report."""
    page = visit(browser, url)
    page.get_by_text("Compare images").click()
    page.get_by_text("Try an example").click()
    driver.settle(page)
    driver.press(page, re.compile("Compare$"))
    expect(page.get_by_text("Thing by thing")).to_be_visible(timeout=driver.PATIENCE_MS)
    save(page, "ui_entities")
    _, report = driver.download(page, re.compile(r"Report \(HTML\)$"))
    page.set_content(report.decode())
    page.set_viewport_size({"width": 1360, "height": 900})
    page.screenshot(path=IMAGES / "report.png", full_page=True)
    shrink(IMAGES / "report.png")


def dark(browser: Browser, url: str) -> None:
    """The same in the dark."""
    page = visit(browser, url, colour_scheme="dark")
    driver.pick(page, "Astronaut")
    segment(page)
    save(page, "ui_dark")


def phone(browser: Browser, url: str) -> None:
    """At the width of a phone."""
    page = visit(browser, url, size=PHONE)
    driver.pick(page, "Drawn balls")
    segment(page)
    page.locator(".st-key-headline").evaluate("each => each.scrollIntoView()")
    save(page, "ui_phone")


def progress(browser: Browser, url: str) -> None:
    """Images on their way: many, so that some are still queued when the image is taken."""
    page = visit(browser, url)
    for title in ("Cat", "Astronaut", "Coffee", "Motorcycle", "Drawn balls"):
        driver.pick(page, title)
    driver.write(page, "What to find", "cat . person . cup . motorcycle . ball .")
    page.get_by_text("Engines", exact=True).click()
    driver.choose(page, "Detector", "fake")
    page.get_by_text("Engines", exact=True).click()
    page.get_by_role("button", name=SEGMENT).click()
    page.get_by_role("progressbar").first.wait_for()
    page.get_by_text(re.compile("Queued|Detecting|Segmenting")).first.wait_for()
    page.get_by_test_id("stMain").evaluate("each => each.scrollTo(0, 0)")
    page.screenshot(path=IMAGES / "ui_progress.png")
    shrink(IMAGES / "ui_progress.png")


def everything(browser: Browser, url: str) -> None:
    """Masks of all that is in a photo."""
    page = visit(browser, url)
    page.get_by_text("Without words").click()
    driver.settle(page)
    driver.press(page, "Astronaut")
    driver.press(page, re.compile("Segment everything$"))
    expect(page.get_by_text(re.compile(r"^\d\d? objects in"))).to_be_visible(
        timeout=driver.PATIENCE_MS
    )
    driver.choose_view(page, "Overlay")
    save(page, "ui_everything")


def visit(
    browser: Browser, url: str, *, size: dict[str, int] | None = None, colour_scheme: str = "light"
) -> Page:
    """Open the UI as a new visitor."""
    page = browser.new_page(viewport=size or WIDE, color_scheme=colour_scheme)  # type: ignore[arg-type]
    page.set_default_timeout(driver.PATIENCE_MS)
    page.goto(url)
    page.get_by_role("heading", name="EdgeSeg").wait_for()
    expect(page.get_by_text(re.compile(r"\d+ workers?")).first).to_be_attached()
    return page


def segment(page: Page) -> None:
    """Press Segment Image and wait for the result."""
    page.get_by_role("button", name=SEGMENT).click()
    expect(page.get_by_text("Result details")).to_be_visible(timeout=driver.PATIENCE_MS)
    driver.settle(page)


def save(page: Page, name: str) -> None:
    """Write a screenshot once all images on the page are loaded."""
    page.mouse.move(5, 5)
    # Long enough for the page to begin drawing anew; it is an image, not a test.
    page.wait_for_timeout(700)
    driver.settle(page)
    page.wait_for_function("[...document.images].every(each => each.complete)")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{name}.png")
    shrink(IMAGES / f"{name}.png")


def shrink(path: Path) -> None:
    """Make a screenshot a JPEG of a tenth of its size."""
    with PIL.Image.open(path) as pil_image:
        pil_image.convert("RGB").save(path.with_suffix(".jpg"), quality=86)
    path.unlink()


if __name__ == "__main__":
    main()
