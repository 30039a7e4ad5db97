"""``edgeseg segment``: pictures from files, folders or globs, in this process."""

from __future__ import annotations

import glob
import itertools
import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from edgeseg.cli.app import app

if TYPE_CHECKING:
    from edgeseg.segmentation import Segmentation
    from edgeseg.settings import Role


@app.command()
def segment(
    images: Annotated[list[str], typer.Argument(help="Files, folders or globs.")],
    prompt: Annotated[str, typer.Argument(help="What to find, in your own words.")],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Overlay PNG, or a folder when there are several."),
    ] = None,
    json_path: Annotated[
        Path | None,
        typer.Option("--json", help="JSON of the result (a list when there are several); -: print"),
    ] = None,
    mask_path: Annotated[
        Path | None,
        typer.Option("--mask", help="PNG of all masks together, or a folder for several."),
    ] = None,
    box_threshold: Annotated[float, typer.Option(help="Least score of a box.")] = 0.35,
    text_threshold: Annotated[float, typer.Option(help="Least score of its words.")] = 0.25,
    simplify: Annotated[str, typer.Option(help="auto, always or never.")] = "auto",
    negative: Annotated[
        str | None, typer.Option(help="Things to leave out, separated by dots.")
    ] = None,
    max_objects: Annotated[int | None, typer.Option(help="Keep this many objects.")] = None,
    tile: Annotated[
        bool | None,
        typer.Option(
            help="Look at large pictures in tiles too, for what is small in them.",
            show_default="where needed",
        ),
    ] = None,
    simplifier: Annotated[str | None, typer.Option(help="Engine that simplifies.")] = None,
    detector: Annotated[str | None, typer.Option(help="Engine that detects.")] = None,
    segmenter: Annotated[str | None, typer.Option(help="Engine that segments.")] = None,
    grounder: Annotated[
        str | None, typer.Option(help="Engine that detects and segments in one step.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda ...")] = None,
    ttl: Annotated[
        float, typer.Option(min=-1, help="Seconds that an engine stays loaded; 0: one at a time.")
    ] = 0,
) -> None:
    """Segment what the prompt names: edgeseg segment photo.jpg "the cat" -o out.png"""
    from edgeseg.pipeline import EdgeSegAI

    paths = find_images(images)
    _check_kind(out, several=len(paths) > 1)
    parameters: dict[str, Any] = {
        "box_threshold": box_threshold,
        "text_threshold": text_threshold,
        "simplify": simplify,
        "negative_prompt": negative,
        "max_objects": max_objects,
        "tile": "auto" if tile is None else "always" if tile else "never",
    }
    with EdgeSegAI(simplifier, detector, segmenter, grounder, ttl=ttl, device=device) as ai:
        if len(paths) == 1:
            found = [ai.segment_image(paths[0], prompt, **parameters)]
            failed = 0
        else:
            found, paths, failed = _segment_many(ai, paths, prompt, parameters)
    several = len(paths) + failed > 1
    for path, name, each in zip(paths, _names(paths), found, strict=True):
        _report(path, each, quiet=json_path == Path("-"))
        _save(each, _target(f"{name}.png", out, several), mask=False)
        _save(each, _target(f"{name}_mask.png", mask_path, several), mask=True)
    if json_path is not None:
        _write_json(json_path, paths, found, several)
    if failed:
        raise typer.Exit(1)


def find_images(sources: Sequence[str]) -> list[Path]:
    """Resolve files, folders (their pictures, sorted) and globs to paths, each once.

    Raises NoImageError for a folder or glob without pictures.
    """
    from edgeseg.codecs.image import SUFFIXES
    from edgeseg.errors import NoImageError

    found: dict[Path, None] = {}
    for source in sources:
        path = Path(source)
        if path.is_dir():
            rows = sorted(each for each in path.iterdir() if _is_picture(each, SUFFIXES))
        elif not path.exists() and any(sign in source for sign in "*?["):
            rows = sorted(map(Path, glob.glob(source, recursive=True)))
            rows = [each for each in rows if _is_picture(each, SUFFIXES)]
        else:
            rows = [path]
        if not rows:
            raise NoImageError(f"No picture matches {source}.")
        found.update(dict.fromkeys(rows))
    return list(found)


def _is_picture(path: Path, suffixes: Collection[str]) -> bool:
    return path.suffix.lower() in suffixes and path.is_file()


def _segment_many(
    ai: Any, paths: list[Path], prompt: str, parameters: dict[str, Any]
) -> tuple[list[Segmentation], list[Path], int]:
    """Segment with a progress bar; say what failed and go on with the others."""
    from edgeseg.errors import EdgeSegError

    with tqdm(total=len(paths), unit="image", disable=None) as bar:

        def show(role: Role, done: int, total: int) -> None:
            bar.set_description(role)
            bar.total, bar.n = total, done
            bar.refresh()

        rows = ai.segment_images(paths, prompt, progress=show, return_errors=True, **parameters)
    found, kept = [], []
    for path, row in zip(paths, rows, strict=True):
        if isinstance(row, EdgeSegError):
            print(f"{path}: {row.detail} [{row.code}]", file=sys.stderr)
        else:
            found.append(row)
            kept.append(path)
    return found, kept, len(paths) - len(kept)


def _report(path: Path, each: Segmentation, quiet: bool) -> None:
    if quiet:
        return
    total_ms = each.result.timings_ms["total"]
    print(f"{path}: {each.simplified_prompt} {len(each.objects)} found in {total_ms:.0f} ms")
    for row in each.objects:
        box = ", ".join(f"{value:.0f}" for value in row.box)
        print(f"  {row.label} {row.score:.2f} at ({box}), {row.area} pixels")
    for warning in each.result.warnings:
        print(f"  warning: {warning}", file=sys.stderr)


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name for the output of each picture: its stem, numbered where stems repeat."""
    names: dict[str, None] = {}
    for path in paths:
        numbered = (f"{path.stem}_{number}" for number in itertools.count(2))
        free = (name for name in itertools.chain([path.stem], numbered) if name not in names)
        names[next(free)] = None
    return list(names)


def _target(name: str, wanted: Path | None, several: bool) -> Path | None:
    """Return where one picture's output goes: the file named, or a file in the folder named."""
    if wanted is None:
        return None
    if not several and not wanted.is_dir():
        wanted.parent.mkdir(parents=True, exist_ok=True)
        return wanted
    wanted.mkdir(parents=True, exist_ok=True)
    return wanted / name


def _check_kind(out: Path | None, several: bool) -> None:
    """Raise InvalidParameterError, before any work, for an overlay of a kind that is unknown."""
    from PIL.Image import SAVE, registered_extensions

    from edgeseg.errors import InvalidParameterError

    if out is None or several or out.is_dir():
        return
    if registered_extensions().get(out.suffix.lower()) not in SAVE:
        raise InvalidParameterError(
            f"out: expected a picture's name, as in out.png, or a folder, got {out}."
        )


def _save(each: Segmentation, target: Path | None, mask: bool) -> None:
    from edgeseg.codecs import mask_to_png

    if target is None:
        return
    if mask:
        target.write_bytes(mask_to_png(each.segmentation_mask))
    else:
        each.overlay().save(target)


def _write_json(
    target: Path, paths: Sequence[Path], found: Sequence[Segmentation], several: bool
) -> None:
    rows = [
        {"file": str(path), **each.result.model_dump(mode="json")}
        for path, each in zip(paths, found, strict=True)
    ]
    text = json.dumps(rows if several else rows[0], indent=2)
    if target == Path("-"):
        print(text)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n", encoding="utf-8")
