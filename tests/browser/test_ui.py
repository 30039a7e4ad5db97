"""The UI in a real browser, against the whole stack on the engines that come with the package."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import PIL.Image
from playwright.sync_api import Page, expect

from edgeseg.client import EdgeSegClient
from edgeseg.codecs import rle_to_mask
from edgeseg.schemas import EntitiesResult, SegmentationResult
from edgeseg.stack.local import EmbeddedStack
from tests.browser import driver
from tests.browser.driver import PATIENCE_MS


def test_upload_simplify_edit_segment_refine_download(
    page: Page, stack: EmbeddedStack, photo_folder: Path
) -> None:
    driver.upload(page, photo_folder / "coffee.png")
    driver.write(page, "What to find", "What could I drink coffee from?")
    driver.press(page, "Simplify")
    simplified = page.get_by_role("textbox", name="Simplified prompt")
    expect(simplified).to_have_value(re.compile("cup"), timeout=PATIENCE_MS)
    expect(page.get_by_text(re.compile("^Why: .*drink coffee"))).to_be_visible()
    driver.write(page, "Simplified prompt", "cup")

    driver.press(page, re.compile("Segment Image$"))
    expect(page.get_by_text("Result details")).to_be_visible(timeout=PATIENCE_MS)
    driver.settle(page)
    found = driver.rows(page)
    assert found >= 1

    driver.choose_view(page, "Refine")
    driver.choose(page, "Object", "New object")
    driver.write(page, "Its name", "inside of the cup")
    # The coffee in the cup.
    driver.click_at(page, 0.5, 0.55)
    driver.expect_rows(page, found + 1)
    driver.press(page, re.compile("Undo$"))
    driver.expect_rows(page, found)
    driver.choose(page, "Object", "New object")
    driver.click_at(page, 0.5, 0.55)
    driver.expect_rows(page, found + 1)

    driver.choose(page, "Object", "New object")
    page.locator(".st-key-tool").get_by_text("Box").click()
    expect(page.get_by_text("Drag a box round the object")).to_be_visible(timeout=PATIENCE_MS)
    driver.settle(page)
    driver.drag(page, (0.12, 0.03), (0.82, 0.97))
    driver.expect_rows(page, found + 2)
    driver.press(page, re.compile("Undo$"))
    driver.expect_rows(page, found + 1)

    driver.press(page, re.compile("Download$"))
    name, data = driver.download(page, "Result (JSON)")
    assert name == "coffee.json"
    result = SegmentationResult.model_validate_json(data)
    assert result.prompt == "cup"
    assert [each.label for each in result.objects][-1] == "inside of the cup"
    assert {each.label for each in result.objects[:-1]} <= {"cup"}
    mask = rle_to_mask(result.objects[-1].mask)
    assert mask.shape == (400, 600)
    assert mask[220, 300]
    assert not mask[10, 10]

    name, data = driver.download(page, "Overlay (PNG)")
    assert name == "coffee_overlay.png"
    assert PIL.Image.open(io.BytesIO(data)).size == (600, 400)
    name, data = driver.download(page, "Cut-outs (zip)")
    assert len(zipfile.ZipFile(io.BytesIO(data)).namelist()) == found + 1
    name, data = driver.download(page, "Export")
    assert {each["image_id"] for each in json.loads(data)["annotations"]} == {1}


def test_exports_are_those_of_the_api(page: Page, stack: EmbeddedStack) -> None:
    driver.pick(page, "Cat")
    driver.write(page, "What to find", "cat .")
    driver.press(page, re.compile("Segment Image$"))
    expect(page.get_by_text("Result details")).to_be_visible(timeout=PATIENCE_MS)
    driver.settle(page)
    driver.press(page, re.compile("Download$"))
    _, data = driver.download(page, "Result (JSON)")
    task_id = json.loads(data)["task_id"]
    name, exported = driver.download(page, "Export")
    with EdgeSegClient(stack.api_url) as client:
        same = client.export(task_id, "coco")
    assert (name, exported) == (same.file_name, same.data)


def test_several_images_at_once_come_as_one_zip(page: Page) -> None:
    for title in ("Astronaut", "Coffee"):
        driver.pick(page, title)
    driver.write(page, "What to find", "person . cup .")
    driver.press(page, re.compile("Segment 2 Images$"))
    expect(page.get_by_text("Images of this run")).to_be_visible(timeout=PATIENCE_MS)
    driver.settle(page)
    driver.press(page, re.compile("Download$"))
    name, data = driver.download(page, re.compile("Everything of all 2 images"))
    assert name == "edgeseg.zip"
    files = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert {"astronaut/overlay.png", "coffee/overlay.png", "coffee/result.json"} <= set(files)


def test_progress_is_live_and_an_image_can_be_cancelled(page: Page) -> None:
    page.get_by_text("Engines", exact=True).click()
    driver.choose(page, "Detector", "fake")
    driver.pick(page, "Drawn balls")
    driver.press(page, re.compile("Segment Image$"))
    expect(page.get_by_text("Detecting ...")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name=re.compile("Cancel$")).click()
    expect(page.get_by_text("balls.png: cancelled.")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name=re.compile("Segment Image$"))).to_be_enabled()


def test_images_are_compared_and_the_report_is_taken_away(page: Page) -> None:
    page.get_by_text("Compare images").click()
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
    page.get_by_text("Without words").click()
    driver.settle(page)
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


def test_the_page_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    driver.pick(page, "Drawn balls")
    driver.press(page, re.compile("Segment Image$"))
    expect(page.get_by_text("Result details")).to_be_visible(timeout=PATIENCE_MS)
    driver.settle(page)
    wide = page.evaluate(
        "[...document.querySelectorAll('.stMainBlockContainer *')]"
        ".filter(e => e.getBoundingClientRect().right > innerWidth + 1 &&"
        " !e.closest('[data-testid=stDataFrame]')).length"
    )
    assert wide == 0
