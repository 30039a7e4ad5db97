"""What people do on the page, as functions: each waits until the page shows that it was done."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from frontend.canvas import ALT

# Generous, since the machine may be busy; nothing waits longer than it must.
PATIENCE_MS = 60_000


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


def open_page(page: Page, name: str) -> None:
    """Open another page by the menu of the stage."""
    page.get_by_label("Other pages").click()
    page.get_by_role("button", name=name, exact=True).click()
    page.locator(".st-key-page").wait_for()
    settle(page)


def choose_view(page: Page, name: str) -> None:
    """Switch the result to another view."""
    page.locator(".st-key-view").get_by_text(name).click()
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
