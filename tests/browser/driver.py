"""What people do on the page, as functions: each waits until the page shows that it was done."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Locator, Page, TimeoutError, expect

from frontend.canvas import ALT

# Generous, since the machine may be busy; nothing waits longer than it must.
PATIENCE_MS = 60_000
ATTEMPTS = 8


def write(page: Page, label: str, text: str) -> None:
    """Write into a box and leave it, so that the page takes it over."""
    box = page.get_by_role("textbox", name=label, exact=True)
    box.fill(text)
    box.press("Control+Enter")
    settle(page)


def upload(page: Page, *paths: Path) -> None:
    """Choose files as the file dialog does, and wait until the page has them."""
    with page.expect_file_chooser(timeout=PATIENCE_MS) as waiting:
        page.get_by_role("button", name=re.compile("Upload$")).click()
    waiting.value.set_files(list(paths))
    for path in paths:
        expect(page.get_by_text(path.name).first).to_be_visible(timeout=PATIENCE_MS)
    settle(page)


def settle(page: Page) -> None:
    """Wait until no script of the page runs, nor one that was just called for."""
    page.wait_for_timeout(200)
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=PATIENCE_MS)


def press(page: Page, name: str | re.Pattern[str]) -> None:
    """Press a button of the page, not one that shows help."""
    page.get_by_role("button", name=name, exact=isinstance(name, str)).click()
    settle(page)


def pick(page: Page, title: str) -> None:
    """Pick a sample, and wait until it has filled the empty prompt."""
    press(page, title)
    expect(page.get_by_alt_text(re.compile(r"\.png$")).first).to_be_visible(timeout=PATIENCE_MS)
    prompt = page.get_by_role("textbox", name="What to find", exact=True)
    expect(prompt).not_to_have_value("", timeout=PATIENCE_MS)
    settle(page)


def choose_view(page: Page, name: str) -> None:
    """Switch the result to another view."""
    page.locator(".st-key-view").get_by_text(name).click()
    settle(page)


def choose(page: Page, label: str, name: str) -> None:
    """Choose an option of a box that drops down."""
    box = page.get_by_test_id("stSelectbox").filter(has_text=label).get_by_role("combobox")
    option = page.get_by_role("option", name=name)
    for _ in range(ATTEMPTS):
        # A page that is drawn anew in this moment closes the list again.
        with suppress(TimeoutError):
            box.click()
            option.click(timeout=PATIENCE_MS / ATTEMPTS)
            break
    expect(box).to_have_value(name, timeout=PATIENCE_MS)
    settle(page)


def canvas(page: Page) -> Locator:
    """Return the image that Refine listens to."""
    return page.get_by_alt_text(ALT)


def click_at(page: Page, x: float, y: float) -> None:
    """Click on the image at a share of its width and height."""
    target = canvas(page)
    expect(target).to_have_js_property("complete", True, timeout=PATIENCE_MS)
    size = target.bounding_box()
    assert size is not None
    target.click(position={"x": size["width"] * x, "y": size["height"] * y})


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag a box over the image, from and to shares of its width and height.

    Its band is there while the button is down.
    """
    target = canvas(page)
    expect(target).to_have_js_property("complete", True, timeout=PATIENCE_MS)
    target.scroll_into_view_if_needed()
    size = target.bounding_box()
    assert size is not None
    page.mouse.move(size["x"] + size["width"] * start[0], size["y"] + size["height"] * start[1])
    page.mouse.down()
    page.mouse.move(size["x"] + size["width"] * end[0], size["y"] + size["height"] * end[1])
    band = page.locator(".band")
    expect(band).to_be_visible(timeout=PATIENCE_MS)
    drawn = band.bounding_box()
    assert drawn is not None
    assert abs(drawn["width"] - size["width"] * (end[0] - start[0])) < 4
    assert abs(drawn["height"] - size["height"] * (end[1] - start[1])) < 4
    page.mouse.up()


def rows(page: Page) -> int:
    """Return the number of objects that the headline names."""
    text = page.locator("strong", has_text=re.compile(r"^\d+ objects?$")).inner_text()
    return int(text.split()[0])


def expect_rows(page: Page, count: int) -> None:
    """Wait until so many objects are there."""
    plural = "" if count == 1 else "s"
    found = page.locator("strong", has_text=re.compile(rf"^{count} object{plural}$"))
    expect(found).to_be_visible(timeout=PATIENCE_MS)
    settle(page)


def download(page: Page, name: str | re.Pattern[str]) -> tuple[str, bytes]:
    """Choose something of the open download menu; return its file name and bytes."""
    with page.expect_download(timeout=PATIENCE_MS) as waiting:
        page.get_by_role("button", name=name, exact=isinstance(name, str)).click()
    with open(waiting.value.path(), "rb") as file:
        return waiting.value.suggested_filename, file.read()
