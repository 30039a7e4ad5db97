"""``edgeseg export``: the JSON of results as files of other tools' formats."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseg.cli.app import app
from edgeseg.cli.outputs import Overwrite
from edgeseg.exporters import FORMATS

if TYPE_CHECKING:
    from edgeseg.exporters import ImageResult

STDIO = "-"


@app.command()
def export(
    results: Annotated[
        list[str],
        typer.Argument(help="JSON files of `edgeseg segment --json` or of the API; -: read."),
    ],
    format_name: Annotated[
        str, typer.Option("-f", "--format", help=f"One of {', '.join(FORMATS)}.")
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--out",
            help="File to write, or, without a suffix, a folder for all files; -: standard output.",
        ),
    ] = None,
    with_images: Annotated[
        bool,
        typer.Option("--with-images", help="Put the images where readers of the format look."),
    ] = False,
    image_folder: Annotated[
        Path, typer.Option("--images", help="Folder that the names of images are relative to.")
    ] = Path(),
    image_prefix: Annotated[
        str,
        typer.Option(
            help="What goes before an image's path in formats that hold addresses, such as "
            "/data/local-files/?d=images/ for Label Studio."
        ),
    ] = "",
    overwrite: Overwrite = False,
) -> None:
    """Write results as other tools read them: edgeseg export out.json --format coco"""
    from edgeseg import exporters
    from edgeseg.settings import get_settings

    exporters.find_format(format_name)
    _check_out(out)
    image_results = [
        image_result for source in results for image_result in read_results(source, image_folder)
    ]
    limits = exporters.Limits(max_image_pixels=get_settings().max_image_pixels)
    if out is not None and out != STDIO and _is_new_folder(out):
        shown = Path(out)
        files = exporters.export_files(
            image_results, format_name, limits, image_prefix=image_prefix
        )
        _write({shown / name: data for name, data in files.items()}, overwrite)
        if with_images:
            for name, data in exporters.export_images(image_results, format_name, limits):
                _write({shown / name: data}, overwrite)
    else:
        exported = exporters.export(
            image_results, format_name, limits, with_images=with_images, image_prefix=image_prefix
        )
        if out == STDIO:
            sys.stdout.buffer.write(exported.data)
            return
        is_folder = out is None or out.endswith(("/", "\\")) or Path(out).is_dir()
        shown = Path(out or ".") / exported.file_name if is_folder else Path(str(out))
        _write({shown: exported.data}, overwrite)
    print(f"{shown}: {FORMATS[format_name].title}, {len(image_results)} image(s)")


def _check_out(out: str | None) -> None:
    from edgeseg.errors import InvalidParameterError

    if out == "":
        raise InvalidParameterError("out: expected the name of a file or folder.")


def _is_new_folder(out: str) -> bool:
    """Whether a name without suffix is given, which is a folder for the files of a data set."""
    return not Path(out).suffix and not out.endswith(("/", "\\")) and not Path(out).exists()


def _write(targets: Mapping[Path, bytes], overwrite: bool) -> None:
    from edgeseg.cli.outputs import check_new
    from edgeseg.files import write_bytes

    for target in targets:
        check_new(target, overwrite)
    for target, data in targets.items():
        write_bytes(target, data)


def read_results(source: str, image_folder: Path = Path()) -> list[ImageResult]:
    """Read one JSON file: a result, a list of them, or the state of a task.

    Images are read when they are needed, from the folder that their names are relative to. Raises
    InvalidParameterError for anything else.
    """
    from edgeseg.cli.inputs import read_stdin
    from edgeseg.errors import InvalidParameterError

    try:
        # As bytes: the encoding is detected, also the UTF-16 that PowerShell writes.
        text = read_stdin() if source == STDIO else Path(source).read_bytes()
        data = _parse(text)
    except OSError as error:
        raise InvalidParameterError(f"Cannot read {source}: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidParameterError(f"{source} is not valid JSON: {error}.") from error
    rows = data if isinstance(data, list) else [data]
    return [_image_result(source, row, image_folder) for row in rows]


def _parse(text: bytes) -> Any:
    """Parse JSON, or JSON Lines as a list."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        rows = [line for line in text.decode(json.detect_encoding(text)).splitlines() if line]
        if len(rows) < 2:
            raise
        return [json.loads(row) for row in rows]


def _image_result(source: str, row: Any, image_folder: Path) -> ImageResult:
    from edgeseg.codecs import file_bytes
    from edgeseg.errors import EdgeSegError, InvalidParameterError
    from edgeseg.exporters import ImageResult
    from edgeseg.schemas import SegmentationResult, parse

    if isinstance(row, dict) and isinstance(row.get("result"), dict):
        row = {**row["result"], "file": row.get("file")}
    if not isinstance(row, dict) or "objects" not in row:
        raise InvalidParameterError(f"{source} holds no result of segmenting.")
    name = row.get("file")
    try:
        result = parse(
            SegmentationResult, {key: value for key, value in row.items() if key != "file"}
        )
    except EdgeSegError as error:
        raise InvalidParameterError(
            f"{source} holds no result of segmenting: {error.detail}", **error.extra
        ) from error
    if not isinstance(name, str):
        return ImageResult(result)
    return ImageResult(result, name, partial(file_bytes, image_folder / name))
