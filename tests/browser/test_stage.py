"""The stage in a real browser: clicks that the API answers, and all that needs no request."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from playwright.sync_api import Page, expect

from tests.browser import stage_driver as driver


@pytest.fixture
def coffee(page: Page, photo_folder: Path) -> Iterator[Page]:
    """The stage with the photo of a cup, which nobody asked anything about; no error is raised."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    driver.open_stage(page)
    driver.put_image(page, photo_folder / "coffee.png")
    yield page
    assert not faults


def test_clicks_before_any_prompt(coffee: Page) -> None:
    page = coffee
    driver.press(page, "n")
    page.mouse.move(*driver.place(page, 0.5, 0.55))
    page.wait_for_function("() => stage.clicks.preview !== null")
    assert driver.objects(page) == []

    driver.click(page, 0.5, 0.55)
    (first,) = driver.objects(page)
    assert driver.mask(first).shape == (400, 600)
    assert driver.mask(first)[220, 300]
    assert not driver.mask(first)[10, 10]
    # The tool stays: the next click makes another object.
    driver.click(page, 0.08, 0.9)
    assert len(driver.objects(page)) == 2
    assert driver.heard(page) == "object 2 added"

    driver.press(page, "ArrowUp")
    chosen = driver.selected(page)
    assert chosen is not None
    driver.click(page, 0.2, 0.35, "Shift")
    driver.click(page, 0.9, 0.1, "Alt")
    corrected = driver.selected(page)
    assert corrected is not None
    assert [point["label"] for point in corrected["points"]] == [1, 1, 0]
    assert not (driver.mask(corrected) == driver.mask(chosen)).all()
    assert len(driver.objects(page)) == 2

    driver.press(page, "z", "z", "z")
    assert len(driver.objects(page)) == 1
    driver.press(page, "y")
    assert len(driver.objects(page)) == 2


def test_a_box_makes_an_object_and_corrections_start_from_what_is_shown(coffee: Page) -> None:
    page = coffee
    driver.press(page, "b")
    driver.drag(page, (0.12, 0.03), (0.82, 0.97))
    (boxed,) = driver.objects(page)
    rows, columns = np.nonzero(driver.mask(boxed))
    assert 60 < columns.min() < columns.max() < 510
    # Erased by hand, then clicked on: the API is told where the object is now.
    driver.press(page, "e")
    driver.drag(page, (0.3, 0.3), (0.6, 0.3), (0.6, 0.5), (0.3, 0.5))
    erased = driver.selected(page)
    assert erased is not None
    assert driver.mask(erased).sum() < driver.mask(boxed).sum()
    with page.expect_request("**/refine") as asked:
        driver.press(page, "a")
        driver.click(page, 0.45, 0.4)
    sent = json.loads(asked.value.post_data or "")
    assert sent["object_id"] == boxed["id"]
    assert sent["box"] == pytest.approx(erased["box_xyxy"])
    assert len(driver.objects(page)) == 1
    assert rows.size > 0


def test_drawing_needs_no_request(coffee: Page) -> None:
    page = coffee
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    driver.press(page, "p", "]", "]")
    driver.drag(page, (0.2, 0.5), (0.6, 0.5))
    (painted,) = driver.objects(page)
    band = driver.mask(painted)
    assert band[200, 120:360].all()
    radius = page.evaluate("() => stage.store.state.brushPx")
    assert band[:, 240].sum() == pytest.approx(2 * radius, abs=2)

    driver.press(page, "e")
    driver.drag(page, (0.4, 0.3), (0.4, 0.7))
    (erased,) = driver.objects(page)
    assert not driver.mask(erased)[200, 240]
    assert driver.mask(erased)[200, 150]

    driver.press(page, "Escape", "g")
    for x, y in ((0.7, 0.2), (0.9, 0.2), (0.9, 0.6)):
        driver.click(page, x, y)
    driver.press(page, "Enter")
    triangle = driver.mask(driver.objects(page)[-1])
    assert triangle.sum() == pytest.approx(0.2 * 600 * 0.4 * 400 / 2, rel=0.02)
    assert triangle[120, 530]
    # A corner that is dragged takes the mask with it.
    driver.drag(page, (0.7, 0.2), (0.5, 0.2))
    wider = driver.mask(driver.objects(page)[-1])
    assert wider.sum() == pytest.approx(0.4 * 600 * 0.4 * 400 / 2, rel=0.02)
    assert len(driver.objects(page)) == 2

    driver.press(page, "c", "o", "0", "1", "h", "h")
    page.mouse.move(*driver.place(page, 0.2, 0.5))
    page.locator("#opacity").fill("0.8")
    driver.still(page)
    assert page.locator(".stage .fills").evaluate("(layer) => layer.style.opacity") == "0.8"
    assert asked == []


def test_the_list_and_the_picture_show_the_same(coffee: Page) -> None:
    page = coffee
    driver.press(page, "p")
    driver.drag(page, (0.1, 0.2), (0.3, 0.2))
    driver.press(page, "Escape")
    driver.drag(page, (0.1, 0.8), (0.3, 0.8))
    expect(page.get_by_role("heading", name="2 objects")).to_be_visible()
    driver.press(page, "v")
    page.mouse.move(*driver.place(page, 0.2, 0.2))
    expect(page.locator(".row.hovered .name")).to_have_text("object 1")
    driver.click(page, 0.2, 0.2)
    expect(page.locator(".row[aria-current=true] .name")).to_have_text("object 1")

    driver.press(page, "r")
    page.keyboard.type("spoon")
    page.keyboard.press("Enter")
    expect(page.locator(".class-row .name")).to_have_text(["spoon", "object"])
    expect(page.locator(".card strong")).to_contain_text("spoon")
    page.get_by_role("button", name="Hide spoon", exact=True).click()
    expect(page.get_by_role("heading", name="1 of 2 objects shown")).to_be_visible()
    driver.click(page, 0.2, 0.2)
    assert driver.selected(page) is None
    driver.click(page, 0.2, 0.8)
    driver.press(page, "Delete")
    assert [each["label"] for each in driver.objects(page)] == ["spoon"]
    assert driver.heard(page).startswith("object deleted")
    driver.press(page, "Control+z")
    assert len(driver.objects(page)) == 2


def test_by_keyboard_alone(coffee: Page) -> None:
    page = coffee
    driver.picture(page).focus()
    driver.press(page, "n", "ArrowRight", "Shift+ArrowDown", "Enter")
    page.wait_for_function("() => stage.store.state.announced.includes('added')")
    (found,) = driver.objects(page)
    point = found["points"][0]
    scale = page.evaluate("() => stage.view.view.scale")
    assert point["x"] == pytest.approx(300 + 10 / scale)
    assert point["y"] == pytest.approx(200 + 1 / scale)

    driver.press(page, "?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    expect(keys.get_by_text("Before and after")).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    driver.press(page, "c")
    handle = page.get_by_role("slider", name="Before and after")
    handle.focus()
    handle.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "52")


def test_a_cut_out_is_copied(coffee: Page) -> None:
    page = coffee
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    driver.press(page, "p")
    driver.drag(page, (0.4, 0.5), (0.6, 0.5))
    page.get_by_role("button", name="Cut out").click()
    page.wait_for_function("() => stage.store.state.announced.includes('cut out')")
    assert driver.heard(page) == "object cut out and copied"
    data = page.evaluate(
        """async () => {
          const [item] = await navigator.clipboard.read();
          const blob = await item.getType("image/png");
          return [...new Uint8Array(await blob.arrayBuffer())];
        }"""
    )
    with PIL.Image.open(io.BytesIO(bytes(data))) as pil_image:
        cut = np.asarray(pil_image.convert("RGBA"))
    (painted,) = driver.objects(page)
    x0, y0, x1, y1 = painted["box_xyxy"]
    assert cut.shape == (y1 - y0, x1 - x0, 4)
    assert cut[cut.shape[0] // 2, cut.shape[1] // 2, 3] == 255
    assert cut[0, 0, 3] < 128


def test_zoom_keeps_what_is_under_the_pointer(coffee: Page) -> None:
    page = coffee
    at = driver.place(page, 0.25, 0.25)
    page.mouse.move(*at)
    before = page.evaluate("() => stage.view.view.scale")
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"() => stage.view.view.scale > {before}")
    driver.still(page)
    assert driver.place(page, 0.25, 0.25) == pytest.approx(at, abs=1.5)
    driver.press(page, "0")
    assert page.evaluate("() => stage.view.view.scale") == pytest.approx(before)


def test_another_page_and_back_leaves_the_stage_as_it_was(coffee: Page) -> None:
    page = coffee
    driver.press(page, "p")
    driver.drag(page, (0.2, 0.5), (0.6, 0.5))
    page.get_by_label("Other pages").click()
    page.get_by_role("button", name="Classes", exact=True).click()
    expect(page.locator(".stage .brand")).to_have_count(0)
    page.locator(".st-key-page").get_by_text("Segment", exact=True).click()
    expect(page.locator(".row .name")).to_have_text("object")
    # What the tests drive is the same stage, and not a new one.
    driver.press(page, "z")
    assert driver.objects(page) == []
