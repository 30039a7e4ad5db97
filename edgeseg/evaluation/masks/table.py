"""Figures in the form of the EdgeSAM paper's tables, beside the paper's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from edgeseg.evaluation.mask_metrics import SIZES_PX

# The paper's tables end with two corrective clicks; `size_table` has all.
_PAPER_CLICKS = 2
Rows = list[list[str]]


@cache
def published() -> dict[str, Any]:
    """Return the paper's figures by data set and model, in percent, and their source."""
    return tomllib.loads((files(__package__) / "published.toml").read_text("utf-8"))


def paper_table(figures: Mapping[str, Any], name: str, dataset: str) -> Rows:
    """Rows of mIoU in percent by kind of prompt and up to two clicks, the first one the head.

    ``name`` is that of the segmenter that the figures are of; the paper's rows follow where it has
    the data set, whose format ``dataset`` is.
    """
    prompts, ap = figures["prompts"], figures.get("mask_ap")
    columns = [
        (kind, row["clicks"])
        for kind, values in prompts.items()
        for row in values["by_clicks"][: _PAPER_CLICKS + 1]
    ]
    head = ["mIoU, %", *(f"{kind} +{n}" if n else kind for kind, n in columns)]
    ours = [name, *(_percent(prompts[kind]["by_clicks"][n]["miou"]) for kind, n in columns)]
    rows = [head, ours]
    for model, row in published().get(_paper_set(dataset), {}).items():
        rows.append([f"{model} (paper)", *(_paper_cell(row, kind, n) for kind, n in columns)])
    if ap is not None:
        extra = [
            row.get("mask_ap", "") for row in published().get(_paper_set(dataset), {}).values()
        ]
        cells = ["mask AP, %", _percent(ap["ap"]), *map(str, extra)]
        rows = [[*row, cell] for row, cell in zip(rows, cells, strict=True)]
    return [row for row in rows if any(row[1:])]


def paper_note(dataset: str) -> str:
    """Say where the paper's rows come from, and what to compare them with; empty without any."""
    key = _paper_set(dataset)
    if key not in published()["images"]:
        return ""
    return (
        f"Rows of the paper: {published()['source']}, on {published()['images'][key]}; its AP is "
        "with boxes of ViTDet-H. Other images are another measure."
    )


def size_table(figures: Mapping[str, Any]) -> Rows:
    """Rows of mIoU, boundary IoU and mIoU by size in percent, by prompt and clicks."""
    sizes = figures["sizes"]
    rows = [["prompt", "mIoU", "boundary IoU", *(f"{each} ({sizes[each]})" for each in SIZES_PX)]]
    for kind, values in figures["prompts"].items():
        for row in values["by_clicks"]:
            name = f"{kind} +{row['clicks']}" if row["clicks"] else kind
            cells = [row[key] for key in ("miou", "boundary_iou", *SIZES_PX)]
            rows.append([name, *map(_percent, cells)])
    return rows


def noc_sentence(figures: Mapping[str, Any]) -> str:
    """Say how many clicks were needed; empty where the NoC was not measured."""
    noc = figures.get("noc")
    if noc is None:
        return ""
    return (
        f"NoC@85 {noc['noc85']:.2f} ({_percent(noc['reached85'])} % reach it), "
        f"NoC@90 {noc['noc90']:.2f} ({_percent(noc['reached90'])} %), at most "
        f"{noc['clicks']:.0f} clicks."
    )


def _paper_set(dataset: str) -> str:
    return "lvis" if dataset == "cocofied-lvis" else dataset


def _paper_cell(row: Mapping[str, Any], kind: str, clicks: int) -> str:
    values: Sequence[float] = row.get("box", ()) if kind == "box" else ()
    if kind == "centre" and "centre" in row:
        values = [row["centre"]]
    return f"{values[clicks]:.1f}" if clicks < len(values) else ""


def _percent(value: float) -> str:
    return f"{100 * value:.1f}" if value == value else "-"
