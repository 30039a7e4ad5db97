"""``edgeseg export``: the JSON of results as files of other tools' formats."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseg.cli.app import app
from edgeseg.exporters import FORMATS

if TYPE_CHECKING:
    from edgeseg.exporters import Picture

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
        typer.Option("-o", "--out", help="File or folder to write to; -: standard output."),
    ] = None,
) -> None:
    """Write results as other tools read them: edgeseg export out.json --format coco"""
    from edgeseg import exporters
    from edgeseg.errors import InvalidParameterError
    from edgeseg.settings import get_settings

    exporters.find_format(format_name)
    pictures = [picture for source in results for picture in read_results(source)]
    limits = exporters.Limits(max_image_pixels=get_settings().max_image_pixels)
    made = exporters.export(pictures, format_name, limits)
    if out == STDIO:
        sys.stdout.buffer.write(made.data)
        return
    target = Path(out or ".")
    if target.is_dir() or (out or "").endswith(("/", "\\")):
        target = target / made.file_name
    try:
        if target.exists() and any(_is_same(target, source) for source in results):
            raise InvalidParameterError(
                f"{target} is one of the results to export; choose another name with -o."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(made.data)
    except OSError as error:
        raise InvalidParameterError(f"Cannot write {target}: {error.strerror or error}.") from error
    print(f"{target}: {FORMATS[format_name].title}, {len(pictures)} picture(s)")


def _is_same(target: Path, source: str) -> bool:
    return source != STDIO and Path(source).exists() and target.samefile(source)


def read_results(source: str) -> list[Picture]:
    """Read one JSON file: a result, a list of them, or the state of a task.

    Raises InvalidParameterError for anything else.
    """
    from edgeseg.errors import InvalidParameterError

    try:
        text = sys.stdin.read() if source == STDIO else Path(source).read_text(encoding="utf-8")
        data = json.loads(text)
    except OSError as error:
        raise InvalidParameterError(f"Cannot read {source}: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidParameterError(f"{source} is not valid JSON: {error}.") from error
    rows = data if isinstance(data, list) else [data]
    return [_picture(source, row) for row in rows]


def _picture(source: str, row: Any) -> Picture:
    from edgeseg.errors import EdgeSegError, InvalidParameterError
    from edgeseg.exporters import Picture
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
    return Picture(result, name if isinstance(name, str) else None)
