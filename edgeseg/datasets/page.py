"""The page of a data set: its figures, and contact sheets to judge the labels by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import PIL.Image

from edgeseg.codecs import encode_jpeg, to_base64
from edgeseg.datasets.rows import LabelledImage
from edgeseg.errors import EdgeSegError
from edgeseg.render import colour_of, contact_sheet, overlay, scaled, shrunk
from edgeseg.types import Image

Load = Callable[[LabelledImage], Image]
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = (
    ":root{color-scheme:light dark}body{margin:2rem auto;max-width:72rem;padding:0 1rem;"
    "font:16px/1.5 system-ui,sans-serif}table{border-collapse:collapse}td,th{padding:.2rem .8rem;"
    "text-align:right;border-bottom:1px solid #8886}td:first-child,th:first-child{text-align:left}"
    "img{max-width:100%;border-radius:6px}"
)
_SHEET_IMAGES, _SHEET_COLUMNS, _CELL_PX, _QUALITY = 8, 4, 320, 80
_MAX_CLASSES = 20


def page(
    title: str, figures: Mapping[str, Any], images: Sequence[LabelledImage], load: Load
) -> str:
    """Return one HTML file, its images in it, without scripts; whatever comes in is escaped.

    Sheets show the most doubtful images, some without an object, and some of each class, at most
    20 classes. An image that cannot be read any more is left out.
    """
    doubtful = sorted((each for each in images if each.doubts), key=lambda each: -each.doubt)
    sheets = [
        _sheet("Look at these first", [each for each in doubtful if each.result.objects], load),
        _sheet("Nothing found", [each for each in images if not each.result.objects], load),
        *(
            _sheet(row["name"], _showing(row["name"], images), load, row["name"])
            for row in figures["classes"][:_MAX_CLASSES]
        ),
    ]
    text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="EdgeSeg">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · EdgeSeg</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p>{_sentence(figures)}</p>
<table><tr><th>Class</th><th>number</th><th>images</th><th>objects</th><th>train</th><th>val</th>
<th>test</th><th>median area, px</th></tr>
{"".join(map(_row, figures["classes"]))}</table>
{"".join(sheets)}</body></html>
"""
    # A file's name need not be valid Unicode.
    return text.encode("utf-8", "replace").decode()


def _sentence(figures: Mapping[str, Any]) -> str:
    counts = {
        "Images": figures["images"],
        "objects": figures["objects"],
        "images without an object": len(figures["empty_images"]),
        "doubtful images": figures["doubtful_images"],
        "copies left out": len(figures["copies"]),
        "pairs that look the same": len(figures["near_copies"]),
        "files that could not be read": len(figures["failed"]),
    }
    return "; ".join(f"{what}: {count}" for what, count in counts.items()) + "."


def _row(row: Mapping[str, Any]) -> str:
    median = "" if row["area_px"] is None else f"{row['area_px']['median']:.0f}"
    cells = [row["number"], row["images"], row["objects"], *row["by_split"].values(), median]
    return f"<tr><td>{escape(row['name'])}</td>{''.join(f'<td>{each}</td>' for each in cells)}</tr>"


def _showing(name: str, images: Sequence[LabelledImage]) -> list[LabelledImage]:
    """Return images with a class, taken evenly from all of them."""
    shown = [each for each in images if any(one.label == name for one in each.result.objects)]
    return shown[:: max(1, len(shown) // _SHEET_IMAGES)]


def _sheet(
    title: str, images: Sequence[LabelledImage], load: Load, label: str | None = None
) -> str:
    """Return a section with a sheet of the first images; nothing where there are none.

    With a label, its objects alone are drawn.
    """
    drawn: list[PIL.Image.Image] = []
    captions: list[str] = []
    for each in images[:_SHEET_IMAGES]:
        try:
            image = shrunk(load(each), 2 * _CELL_PX)
        except (EdgeSegError, OSError):
            continue
        chosen = [one for one in each.result.objects if label in (None, one.label)]
        colours = [colour_of(each.result.phrases.index(one.label)) for one in chosen]
        drawn.append(overlay(image, scaled(chosen, image.size_hw), colours=colours))
        captions.append(each.name)
    if not drawn:
        return ""
    sheet = contact_sheet(drawn, captions, columns=_SHEET_COLUMNS, cell_px=_CELL_PX)
    source = f"data:image/jpeg;base64,{to_base64(encode_jpeg(sheet, _QUALITY))}"
    about = escape(f"{title}: {', '.join(captions)}")
    return f'<h2>{escape(title)}</h2><img alt="{about}" src="{source}">\n'
