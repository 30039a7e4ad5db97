"""The pages beside the stage in a real browser, against the whole stack."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from edgeseg.schemas import EntitiesResult
from tests.browser import driver
from tests.browser.driver import PATIENCE_MS


def test_images_are_compared_and_the_report_is_taken_away(page: Page) -> None:
    driver.open_page(page, "Compare images")
    page.get_by_text("Try an example").click()
    driver.settle(page)
    driver.press(page, re.compile("Compare$"))
    expect(page.get_by_text("Thing by thing")).to_be_visible(timeout=PATIENCE_MS)
    driver.settle(page)
    expect(page.get_by_text("ball (2 asked for)")).to_be_visible()
    name, data = driver.download(page, re.compile(r"Report \(HTML\)$"))
    assert name == "report.html"
    assert data.startswith(b"<!doctype html>")
    name, data = driver.download(page, "Result with pairs (JSON)")
    result = EntitiesResult.model_validate_json(data)
    assert [each.file_name for each in result.contextual] == ["chelsea.png", "coffee.png"]
    assert {each.label for each in result.pairings if each.paired} == {"brown cat", "red cup"}


def test_a_click_without_words_and_then_everything(page: Page, photo_folder: Path) -> None:
    driver.open_page(page, "Without words")
    driver.upload(page, photo_folder / "coffee.png")
    # No button was pressed: the image waits for clicks.
    driver.click_at(page, 0.5, 0.5)
    driver.expect_rows(page, 1)
    driver.click_at(page, 0.5, 0.55)
    driver.expect_rows(page, 1)
    driver.press(page, re.compile("Segment everything$"))
    expect(page.get_by_text(re.compile(r"^\d+ objects in coffee.png"))).to_be_visible(
        timeout=PATIENCE_MS
    )
    driver.choose_view(page, "Overlay")
    assert driver.rows(page) >= 3
