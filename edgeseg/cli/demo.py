"""``edgeseg demo``: real photos through the whole stack over HTTP, and what came out."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from edgeseg.cli.app import app
from edgeseg.cli.outputs import Overwrite, check_targets, save_image
from edgeseg.cli.table import table
from edgeseg.cli.up import better_detector, check_engines, with_settings
from edgeseg.client import EdgeSegClient
from edgeseg.errors import UnavailableError
from edgeseg.render import contact_sheet
from edgeseg.result import Segmentation
from edgeseg.stack.local import EmbeddedStack

# Photo of scikit-image, prompt.
CASES = (
    ("chelsea", "cat . dog ."),
    ("astronaut", "the person"),
    ("coffee", "What could I drink coffee from?"),
    ("coffee", "cup . spoon ."),
    ("astronaut", "leftmost person"),
)
_TITLES = ("photo", "prompt", "simplified prompt", "objects and scores", "ms per stage")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the overlays.")] = Path("out/demo"),
    engines: Annotated[str, typer.Option(help="Family of engines.")] = "nano",
    overwrite: Overwrite = False,
) -> None:
    """Start the stack, segment a few real photos with it over HTTP, and stop it again."""
    photos = {name: find_photo(name) for name, _ in CASES}
    check_targets([out / name for name in _file_names()], overwrite=overwrite)
    settings = with_settings(engines=engines, api_port=0)
    check_engines(settings)
    started = time.perf_counter()
    scratch = Path(tempfile.mkdtemp(prefix="edgeseg-demo-"))
    try:
        with EmbeddedStack(settings.model_copy(update={"data_dir": scratch})) as stack:
            print(f"The stack is ready after {time.perf_counter() - started:.1f} s.\n", flush=True)
            with EdgeSegClient(stack.api_url, api_key=stack.api_key) as client:
                client.segment_image(photos["chelsea"], "cat")
                results = [client.segment_image(photos[name], text) for name, text in CASES]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    rows = [_row(name, each) for (name, _), each in zip(CASES, results, strict=True)]
    print(table([_TITLES, *rows]))
    print(f"\nOverlays: {', '.join(str(path) for path in _save(out, results))}")
    if hint := better_detector(settings):
        print(hint)


def find_photo(name: str) -> Path:
    """Return the file of a photo that scikit-image brings; nothing of it is imported.

    Raises UnavailableError when scikit-image is not installed.
    """
    spec = importlib.util.find_spec("skimage")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / f"{name}.png"
        if path.exists():
            return path
    raise UnavailableError(f"The photo {name} comes with scikit-image: pip install scikit-image")


def _row(name: str, result: Segmentation) -> list[str]:
    objects = ", ".join(f"{each.label} {each.score:.2f}" for each in result.objects) or "nothing"
    spent = " ".join(
        f"{stage} {result.result.timings_ms[stage]:.0f}"
        for stage in ("decode", "simplify", "detect", "segment", "queue", "total")
        if stage in result.result.timings_ms
    )
    return [name, result.prompt, result.simplified_prompt, objects, spent]


def _file_names() -> list[str]:
    """Return the names of the overlays and, last, of the sheet with all of them."""
    return [f"{number}_{name}.png" for number, (name, _) in enumerate(CASES, 1)] + ["all.png"]


def _save(out: Path, results: Sequence[Segmentation]) -> list[Path]:
    """Write one overlay per result and all of them on one sheet."""
    paths = [out / name for name in _file_names()]
    for path, each in zip(paths, results, strict=False):
        save_image(each.overlay(), path)
    sheet = contact_sheet([each.overlay() for each in results], [each.prompt for each in results])
    save_image(sheet, paths[-1])
    return paths
