"""What the stage costs beside the API (``make ui-bench``), measured interleaved in Chromium."""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import PIL.Image
from playwright.sync_api import Browser, Page, sync_playwright

from edgeseg.client import EdgeSegClient
from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack
from tests.browser import stage_driver as driver
from tests.browser.conftest import OPTIONS
from tests.browser.driver import PATIENCE_MS, settle

ROUNDS = 7
ACTIONS = 20
IDLE_S = 10
VISITS = 5
PHOTOS = 30
BATCH_ROUNDS = 3
PROMPT = "cup . spoon"
# What the stage asks for, weaker finds included.
LOW = 0.1
# What needs no request, with K for the number of the round.
_LOCAL = {
    "hover": "canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: 200 + 20 * K,"
    " clientY: 300, pointerType: 'mouse', bubbles: true }))",
    "select": "objects.selectObject(stage.store, ids[K % ids.length])",
    "hide": "objects.toggleHidden(stage.store, ids[0])",
    "opacity": "stage.store.set({ opacity: 0.3 + 0.02 * K })",
    "confidence": "stage.store.set({ confidence: 0.1 + 0.02 * K })",
    "zoom": "stage.view.zoom(K % 2 ? 1.2 : 1 / 1.2)",
    "pan": "stage.view.pan(K % 2 ? 9 : -9, 3)",
}
# From the action to the end of the frame that shows it, in milliseconds.
_FRAMES = """async ([action, count]) => {
  const objects = await import("/stage/objects.js");
  const { images, openKey } = stage.store.state;
  const ids = images.find((image) => image.key === openKey).objects.map((object) => object.id);
  const canvas = stage.slots.canvas;
  const run = new Function("K", "stage", "objects", "ids", "canvas", action);
  const shown = () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  }));
  const times = [];
  for (let k = 0; k < count; k++) {
    await shown();
    const start = performance.now();
    run(k, stage, objects, ids, canvas);
    await shown();
    times.push(performance.now() - start);
  }
  return times;
}"""


def main() -> None:
    """Start the stack, measure, and print one line for each figure."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    photo = Path(spec.origin).parent / "data" / "coffee.png"
    program = shutil.which("chromium")
    if program is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory(prefix="edgeseg-bench-") as folder,
        sync_playwright() as player,
    ):
        settings = Settings(engines="nano", api_port=0, ui_port=0, data_dir=Path(folder))
        with EmbeddedStack(settings, ui=True) as stack:
            browser = player.chromium.launch(executable_path=program, args=list(OPTIONS))
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(5 * PATIENCE_MS)
            _say("first usable view", statistics.median(_first_views(browser, str(stack.ui_url))))
            page.goto(str(stack.ui_url))
            page.get_by_role("heading", name="EdgeSeg").wait_for()
            settle(page)
            driver.open_stage(page)
            with EdgeSegClient(stack.api_url) as client:
                _requests(page, client, photo)
                _batches(page, client, photo, Path(folder))
            large = Path(folder) / "large.jpg"
            with PIL.Image.open(photo) as pil_image:
                pil_image.convert("RGB").resize((4000, 3000)).save(large, quality=90)
            _local(page, large)
            _idle(page)
            browser.close()


def _requests(page: Page, client: EdgeSegClient, photo: Path) -> None:
    """Time the same requests of the API alone and of the stage, interleaved."""
    data = photo.read_bytes()
    driver.put_image(page, photo)
    driver.find(page, PROMPT)
    found = client.segment_image(data, PROMPT)
    point = [{"x": 300.0, "y": 220.0}]
    times: dict[str, list[float]] = {}

    def measure(name: str, act: Callable[[], object]) -> None:
        start = time.perf_counter()
        act()
        times.setdefault(name, []).append(time.perf_counter() - start)

    # With the picture focused: the prompt bar would take the key as a letter.
    driver.picture(page).focus()
    driver.press(page, "n")
    for _ in range(ROUNDS):
        measure(
            "segment, API",
            lambda: client.segment_image(data, PROMPT, box_threshold=LOW, text_threshold=LOW),
        )
        measure("segment, stage", lambda: _find_again(page))
        measure("click, API", lambda: client.refine(found, points=point))
        measure("click, stage", lambda: driver.click(page, 0.5, 0.55))
    for name, values in times.items():
        _say(name, statistics.median(values))


def _first_views(browser: Browser, url: str) -> list[float]:
    """Time new visitors, from the address to samples that can be clicked, in seconds."""
    times = []
    for _ in range(VISITS):
        with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
            page = context.new_page()
            start = time.perf_counter()
            page.goto(url, wait_until="commit")
            page.locator(".stage .sample").first.wait_for()
            times.append(time.perf_counter() - start)
    return times


def _batches(page: Page, client: EdgeSegClient, photo: Path, folder: Path) -> None:
    """Time the same photos by the client's own loop and in the film strip, interleaved."""
    paths = []
    with PIL.Image.open(photo) as pil_image:
        for k in range(PHOTOS):
            paths.append(folder / f"photo_{k:02}.png")
            pil_image.crop((k, 0, 570 + k, 400)).save(paths[-1])
    page.evaluate("() => stage.store.set({ images: [], openKey: null })")
    driver.put_image(page, *paths)
    page.wait_for_function(f"() => stage.store.state.images.length === {PHOTOS}")
    times: dict[str, list[float]] = {"client": [], "stage": []}
    for _ in range(BATCH_ROUNDS):
        start = time.perf_counter()
        client.segment_images(paths, PROMPT, box_threshold=LOW, text_threshold=LOW)
        times["client"].append(time.perf_counter() - start)
        start = time.perf_counter()
        _find_again(page, PHOTOS)
        times["stage"].append(time.perf_counter() - start)
    for name, values in times.items():
        _say(f"{PHOTOS} photos, {name}", statistics.median(values))


def _find_again(page: Page, count: int = 1) -> None:
    """Press Find, and wait until each of so many images has another result than before."""
    page.evaluate("() => { window.before = stage.store.state.images.map(({ result }) => result); }")
    page.locator(".stage .prompt").get_by_role("button", name="Find").click()
    page.wait_for_function(
        """(count) => {
          const { images } = stage.store.state;
          return images.length === count && images.every(({ state, result }, index) =>
            ["done", "empty"].includes(state) && result !== window.before[index]);
        }""",
        arg=count,
    )
    driver.still(page)


def _local(page: Page, large: Path) -> None:
    """Time what needs no request, on a photo of 12 megapixels with the objects found in it."""
    page.evaluate("() => stage.store.set({ images: [], openKey: null })")
    driver.put_image(page, large)
    driver.find(page, f"{PROMPT} . table . saucer")
    print(f"12 megapixels, {len(driver.objects(page))} objects")
    for name, action in _LOCAL.items():
        page.evaluate(_FRAMES, [action, 2])
        before = _processor_s()
        times = page.evaluate(_FRAMES, [action, ACTIONS])
        spent = (_processor_s() - before) / ACTIONS
        _say(f"{name}, to its frame", statistics.median(times) / 1000, f"CPU {1000 * spent:.0f} ms")


def _idle(page: Page) -> None:
    """Measure how much of a core a tab takes in which nothing happens."""
    # Also the caret of the prompt bar stands still by then.
    page.wait_for_timeout(8000)
    before = _processor_s()
    page.wait_for_timeout(1000 * IDLE_S)
    print(f"{'idle tab':24} {100 * (_processor_s() - before) / IDLE_S:8.1f} % of a core")


def _processor_s() -> float:
    """Return the CPU time of the browser's processes so far, which are children of this one."""
    parents: dict[int, int] = {}
    spent: dict[int, float] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            head, _, tail = (entry / "stat").read_text().rpartition(")")
        except OSError:
            continue
        fields = tail.split()
        pid = int(entry.name)
        parents[pid] = int(fields[1])
        names[pid] = head.partition("(")[2]
        spent[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_ours(pid: int) -> bool:
        while pid in parents:
            if pid == os.getpid():
                return True
            pid = parents[pid]
        return False

    return sum(each for pid, each in spent.items() if "chrom" in names[pid] and is_ours(pid))


def _say(name: str, seconds: float, more: str = "") -> None:
    print(f"{name:24} {1000 * seconds:8.0f} ms  {more}".rstrip())


if __name__ == "__main__":
    main()
