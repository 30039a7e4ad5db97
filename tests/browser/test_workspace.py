"""The stage with prompts: chips, many images, files, code, and what outlives a reload."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from playwright.sync_api import Browser, Page, expect

from edgeseg.client import EdgeSegClient
from edgeseg.schemas import SegmentationResult
from edgeseg.stack.local import EmbeddedStack
from tests.browser import stage_driver as driver
from tests.browser.driver import PATIENCE_MS


@pytest.fixture
def stage(page: Page) -> Page:
    driver.open_stage(page)
    return page


def shown(page: Page) -> list[tuple[str, float]]:
    """Return labels and scores of what is shown of the open image."""
    rows = driver.objects(page)
    return sorted((row["label"], row["score"]) for row in rows if row["score"] >= 0.35)


def test_a_sample_is_one_click_and_its_code_gives_the_same(
    stage: Page, photo_folder: Path, tmp_path: Path
) -> None:
    stage.get_by_role("button", name=re.compile("^Coffee")).click()
    driver.settle(stage)
    assert driver.chips(stage) == ["cup", "mug"]
    expect(stage.locator(".asked")).to_have_text("What could I drink coffee from?")
    expected = shown(stage)
    assert {label for label, _ in expected} == {"cup"}

    stage.get_by_role("button", name="Code", exact=True).click()
    curl, python, command = stage.locator("dialog.code pre").all_inner_texts()
    stage.keyboard.press("Escape")
    expect(stage.locator("dialog.code")).to_be_hidden()
    shutil.copy(photo_folder / "coffee.png", tmp_path)
    bin_folder = Path(sys.executable).parent
    root = Path(__file__).parents[2]
    environment = {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(root),
        "EDGESEG_ENGINES": "nano",
    }  # fmt: skip

    def run(*arguments: str) -> str:
        return subprocess.run(
            arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
            timeout=120,
        ).stdout  # fmt: skip

    answer = json.loads(run("bash", "-c", curl))
    assert sorted((row["label"], row["score"]) for row in answer["objects"]) == expected
    lines = run(sys.executable, "-c", python).splitlines()
    found = sorted((line.split()[0], float(line.split()[1])) for line in lines)
    assert found == expected
    row = json.loads(run("bash", "-c", command.replace("edgeseg ", "python -m edgeseg ", 1)))
    scores = [(each["label"], each["score"]) for each in row["objects"]]
    assert [label for label, _ in sorted(scores)] == [label for label, _ in expected]
    assert [score for _, score in sorted(scores)] == pytest.approx(
        [score for _, score in expected], abs=1e-3
    )


def test_chips_are_changed_and_taken_out(stage: Page, photo_folder: Path) -> None:
    driver.put_image(stage, photo_folder / "coffee.png")
    driver.find(stage, "plate\nthe largest cup")
    assert driver.sent(stage)["text_prompt"] == "plate . the largest cup ."
    assert driver.chips(stage) == ["plate", "cup", "largest cup"]
    stage.get_by_role("button", name="Take out plate").click()
    assert driver.chips(stage) == ["cup", "largest cup"]
    expect(stage.get_by_text("What is asked for has changed since this result.")).to_be_visible()
    stage.get_by_role("button", name="largest cup", exact=True).click()
    stage.keyboard.type("the leftmost cup")
    stage.keyboard.press("Enter")
    expect(stage.locator(".chip-text")).to_have_text(["cup", "leftmost cup"], timeout=PATIENCE_MS)
    stage.get_by_role("button", name="Find again").click()
    driver.settle(stage)
    sent = driver.sent(stage)
    assert (sent["text_prompt"], sent["simplify"]) == ("cup .", "never")
    assert [each["kind"] for each in sent["filters"]] == ["leftmost"]
    assert [label for label, _ in shown(stage)] == ["cup"]
    # The first result comes back with its words.
    stage.get_by_role("button", name=re.compile("^plate . the largest cup")).click()
    assert driver.chips(stage) == ["plate", "cup", "largest cup"]


def test_files_hold_what_is_shown(stage: Page, stack: EmbeddedStack, photo_folder: Path) -> None:
    driver.put_image(stage, photo_folder / "chelsea.png")
    driver.find(stage, "cat .")
    (image,) = driver.images(stage)
    name, data = driver.export(stage, "Result")
    assert name == "chelsea.json"
    result = SegmentationResult.model_validate_json(data)
    assert (result.task_id, result.prompt) == (image["taskId"], "cat .")
    name, data = driver.export(stage, "COCO .json")
    with EdgeSegClient(stack.api_url) as client:
        same = client.export_results([result], "coco", ["chelsea.png"])
    assert (name, data) == (same.file_name, same.data)
    name, data = driver.export(stage, "Black-and-white mask")
    assert name == "chelsea_mask.png"
    mask = np.asarray(PIL.Image.open(io.BytesIO(data)).convert("L"))
    (found,) = result.objects
    assert (np.unique(mask).tolist(), int((mask == 255).sum())) == ([0, 255], found.area)
    name, data = driver.export(stage, "Overlay")
    assert PIL.Image.open(io.BytesIO(data)).size == (451, 300)


def test_several_images_are_reviewed_and_come_as_one_zip(stage: Page, photo_folder: Path) -> None:
    names = ("astronaut.png", "coffee.png", "horse.png")
    driver.put_image(stage, *(photo_folder / name for name in names))
    expect(stage.get_by_role("button", name="Find in 3")).to_be_visible()
    driver.find(stage, "person . cup .")
    assert [image["state"] for image in driver.images(stage)] == ["done", "done", "empty"]
    film = stage.get_by_role("list", name="Images")
    expect(film.get_by_role("button", name="horse.png: 0 objects, not looked at")).to_be_visible()
    film.get_by_role("button", name=re.compile("^astronaut.png: 1 object")).click()
    stage.keyboard.press("ArrowRight")
    expect(film.get_by_role("button", name=re.compile("^coffee.png"))).to_be_focused()
    stage.get_by_label("Which images are shown").select_option("empty")
    expect(film.get_by_role("button", name=re.compile("^astronaut"))).to_be_hidden()
    expect(film.get_by_role("button", name=re.compile("^horse"))).to_be_visible()
    stage.get_by_label("Which images are shown").select_option("all")
    driver.picture(stage).focus()
    stage.keyboard.press("q")
    assert [image["review"] for image in driver.images(stage)] == ["none", "accepted", "none"]
    stage.keyboard.press("q")
    name, data = driver.export(stage, "Everything of all 3 images")
    assert name == "edgeseg.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        files = archive.namelist()
        (written,) = (file for file in files if file.startswith("exports/coco/"))
        coco = json.loads(archive.read(written))
    assert {"astronaut/overlay.png", "coffee/overlay.png", "coffee/result.json"} <= set(files)
    assert {each["file_name"] for each in coco["images"]} == set(names)


def test_progress_is_live_and_can_be_stopped(stage: Page, photo_folder: Path) -> None:
    stage.get_by_role("button", name="Settings").click()
    stage.get_by_label("Detector").select_option("fake")
    stage.keyboard.press("Escape")
    driver.put_image(stage, photo_folder / "chelsea.png")
    driver.write(stage, "cat .")
    expect(stage.get_by_text("Looking for it …")).to_be_visible(timeout=PATIENCE_MS)
    stage.locator(".notice").get_by_role("button", name="Stop").click()
    expect(stage.get_by_role("button", name="Find", exact=True)).to_be_visible()
    assert [image["state"] for image in driver.images(stage)] == ["new"]


def test_results_and_corrections_outlive_a_reload(stage: Page, photo_folder: Path) -> None:
    driver.put_image(stage, photo_folder / "chelsea.png")
    driver.find(stage, "the cat")
    (image,) = driver.images(stage)
    expect(stage).to_have_url(re.compile(rf"\?t={image['taskId']}$"))
    stage.get_by_role("button", name="cat", exact=True).last.click()
    driver.picture(stage).focus()
    stage.keyboard.press("r")
    stage.keyboard.type("tom")
    stage.keyboard.press("Enter")
    driver.picture(stage).focus()
    driver.press(stage, "Escape", "p")
    driver.drag(stage, (0.1, 0.1), (0.3, 0.1))
    (drawn,) = (row for row in driver.objects(stage) if row["made"])
    asked: list[str] = []

    def leave(dialog: object) -> None:
        asked.append(getattr(dialog, "type", ""))
        dialog.accept()  # type: ignore[attr-defined]

    stage.on("dialog", leave)
    stage.reload()
    assert asked == ["beforeunload"]
    driver.open_stage(stage)
    driver.settle(stage)
    strong = [row for row in driver.objects(stage) if row["score"] > 0.35]
    assert [row["label"] for row in strong] == ["tom", drawn["label"]]
    assert strong[1]["counts"] == drawn["counts"]
    assert driver.chips(stage) == ["cat"]
    assert driver.images(stage)[0]["name"] == "chelsea.png"


def test_a_task_that_is_gone_is_said(stage: Page, stack: EmbeddedStack) -> None:
    stage.goto(f"{stack.ui_url}/?t={'0' * 32}")
    driver.open_stage(stage)
    expect(stage.get_by_text("1 image is no longer kept by the server.")).to_be_visible(
        timeout=PATIENCE_MS
    )


def test_nothing_is_frozen_while_the_api_hangs(
    stage: Page, stack: EmbeddedStack, photo_folder: Path
) -> None:
    driver.put_image(stage, photo_folder / "chelsea.png")
    driver.find(stage, "cat .")
    backend = stack.child("backend").pid
    os.kill(backend, signal.SIGSTOP)
    try:
        driver.write(stage, "face .")
        expect(stage.get_by_text("The API has not answered since")).to_be_visible(
            timeout=PATIENCE_MS
        )
        expect(stage.get_by_text("API: no answer")).to_be_visible()
        stage.get_by_role("button", name="Hide cat").first.click()
        assert all(row["hidden"] for row in driver.objects(stage) if row["score"] > 0.35)
    finally:
        os.kill(backend, signal.SIGCONT)
    expect(stage.get_by_text("The API has not answered since")).to_be_hidden(timeout=PATIENCE_MS)
    driver.settle(stage)


def test_what_was_left_out_can_be_kept(stage: Page, photo_folder: Path) -> None:
    driver.put_image(stage, photo_folder / "chelsea.png")
    driver.find(stage, "all cats except the leftmost cat")
    notice = stage.locator(".notice")
    expect(notice).to_contain_text("and left out by the choice", timeout=PATIENCE_MS)
    notice.get_by_role("button", name=re.compile("^Keep")).click()
    assert len(shown(stage)) >= 1
    expect(notice).to_be_hidden()


def test_the_stage_waits_neither_for_streamlit_nor_for_its_scripts(
    browser: Browser, stack: EmbeddedStack
) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.route("**/static/js/**", lambda route: route.abort())
        page.goto(str(stack.ui_url))
        expect(page).to_have_title("EdgeSeg")
        page.get_by_role("button", name=re.compile("^Coffee")).click()
        driver.open_stage(page)
        driver.settle(page)
        assert [label for label, _ in shown(page)]
        expect(page.get_by_label("Other pages")).to_be_hidden()


def test_a_caret_that_nobody_moves_stands_still(stage: Page) -> None:
    def animation() -> str:
        return str(box.evaluate("box => getComputedStyle(box).caretAnimation"))

    stage.clock.install()
    box = stage.get_by_role("textbox", name="What to find")
    box.focus()
    stage.clock.run_for(4_000)
    box.press("c")
    stage.clock.run_for(4_000)
    assert animation() == "auto"
    stage.clock.run_for(1_500)
    assert animation() == "manual"
    box.press("a")
    assert animation() == "auto"


@pytest.mark.parametrize("width", [390, 820, 1280, 2560])
def test_the_page_fits_its_window(stage: Page, photo_folder: Path, width: int) -> None:
    stage.set_viewport_size({"width": width, "height": 720})
    driver.put_image(stage, photo_folder / "chelsea.png")
    driver.find(stage, "cat .")
    assert stage.evaluate("document.scrollingElement.scrollWidth") <= width
    buttons = [
        stage.get_by_role("button", name=name, exact=True) for name in ("Find", "Everything")
    ]
    for part in (driver.picture(stage), *buttons):
        box = part.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 720
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    cut = stage.evaluate(
        "[...stage.root.querySelectorAll('.top *, .side *')].filter(e =>"
        " e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)"
        ".map(e => e.className)"
    )
    assert cut == []
