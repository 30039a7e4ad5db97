"""What people do on the stage, as functions: each waits until the page shows that it was done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Locator, Page, expect

from edgeseg.codecs import rle_to_mask
from edgeseg.schemas import Rle
from tests.browser.driver import PATIENCE_MS

_STAGE = "async () => { window.stage = (await import('/stage/streamlit.js')).stageOfTab(); }"
_OBJECTS = """() => {
  const { images, openKey } = stage.store.state;
  return JSON.stringify(images.find((image) => image.key === openKey).objects);
}"""


def open_stage(page: Page) -> None:
    """Wait for the stage, which is the page that comes first."""
    expect(page.locator(".stage .brand")).to_be_visible(timeout=PATIENCE_MS)
    page.evaluate(_STAGE)


def put_image(page: Page, *paths: Path) -> None:
    """Choose image files, and wait until the first one is shown whole."""
    with page.expect_file_chooser(timeout=PATIENCE_MS) as waiting:
        page.get_by_role("button", name="Choose images").click()
    waiting.value.set_files(list(paths))
    page.wait_for_function(
        "() => { const photo = stage.root.querySelector('.photo');"
        " return photo.complete && photo.naturalWidth > 0 && !photo.hidden; }"
    )
    still(page)


def still(page: Page) -> None:
    """Wait until no click waits for its answer, and all of it is drawn."""
    page.wait_for_function("() => stage.clicks.pending.length === 0")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def find(page: Page, prompt: str) -> None:
    """Ask for a prompt, and wait for what was found."""
    write(page, prompt)
    settle(page)


def write(page: Page, prompt: str) -> None:
    """Write into the prompt bar in place of its chips, and press Enter."""
    box = page.get_by_role("textbox", name="What to find")
    while page.locator(".chip").count():
        box.press("Backspace")
    box.fill(prompt)
    box.press("Enter")
    expect(box).to_have_value("")


def settle(page: Page) -> None:
    """Wait until every image has its result for the words that are asked, or failed."""
    page.wait_for_function(
        """() => {
          const { images, query } = stage.store.state;
          const isAnswered = ({ sent }) =>
            !sent?.query || JSON.stringify(sent.query) === JSON.stringify(query);
          return images.length > 0 && images.every((image) => image.state === "failed" ||
            (["done", "empty"].includes(image.state) && isAnswered(image)));
        }"""
    )
    still(page)


def images(page: Page) -> list[dict[str, Any]]:
    """Return the images of the strip: name, state, task and its error."""
    text = page.evaluate(
        "() => JSON.stringify(stage.store.state.images.map(({ name, state, taskId, error, review })"
        " => ({ name, state, taskId, error, review })))"
    )
    return list(json.loads(text))


def sent(page: Page) -> dict[str, Any]:
    """Return the fields that the first image's result was asked with."""
    text = page.evaluate("() => JSON.stringify(stage.store.state.images[0].sent.fields)")
    return dict(json.loads(text))


def chips(page: Page) -> list[str]:
    """Return the words of the chips."""
    return page.locator(".chip-text").all_inner_texts()


def export(page: Page, name: str) -> tuple[str, bytes]:
    """Choose something of the Export menu; return its file name and bytes."""
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download(timeout=PATIENCE_MS) as waiting:
        page.get_by_role("menuitem", name=name).first.click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def picture(page: Page) -> Locator:
    """Return the part of the stage that shows the image."""
    return page.locator(".stage .canvas")


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return where on the screen a share of the image's width and height is."""
    photo = page.locator(".stage .photo").bounding_box()
    assert photo is not None
    return photo["x"] + x * photo["width"], photo["y"] + y * photo["height"]


def click(page: Page, x: float, y: float, *modifiers: str) -> None:
    """Click on the image, and wait for the answer."""
    for key in modifiers:
        page.keyboard.down(key)
    page.mouse.click(*place(page, x, y))
    for key in modifiers:
        page.keyboard.up(key)
    still(page)


def drag(page: Page, *places: tuple[float, float]) -> None:
    """Drag over the image along shares of its width and height, and wait for the answer."""
    page.mouse.move(*place(page, *places[0]))
    page.mouse.down()
    for each in places[1:]:
        page.mouse.move(*place(page, *each), steps=5)
    page.mouse.up()
    still(page)


def press(page: Page, *keys: str) -> None:
    """Press keys on the picture."""
    for key in keys:
        page.keyboard.press(key)
    still(page)


def objects(page: Page) -> list[dict[str, Any]]:
    """Return the objects of the open image that are not deleted."""
    found = json.loads(page.evaluate(_OBJECTS))
    return [each for each in found if not each["deleted"]]


def mask(one: dict[str, Any]) -> npt.NDArray[np.bool_]:
    """Return the (H, W) mask of an object."""
    height, width = one["size_hw"]
    return rle_to_mask(Rle(size=(height, width), counts=one["counts"]))


def selected(page: Page) -> dict[str, Any] | None:
    """Return the object that is selected."""
    chosen = page.evaluate("() => stage.store.state.selectedId")
    return next((each for each in objects(page) if each["id"] == chosen), None)


def heard(page: Page) -> str:
    """Return what a screen reader said last."""
    return page.locator(".stage [aria-live=polite]").first.inner_text().strip()
