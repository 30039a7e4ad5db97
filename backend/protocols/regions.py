"""Regions of Label Studio: objects as masks, outlines or boxes in percent, and clicks back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.protocols.label_config import Kind, LabelConfig
from edgeseg.codecs import rle_to_mask
from edgeseg.codecs.outline import mask_to_polygons
from edgeseg.codecs.polygon import join_holes
from edgeseg.errors import InvalidParameterError
from edgeseg.exporters.label_studio import brush_rle
from edgeseg.schemas import Point, RefineRequest, SegmentedObject, parse

MAX_REGIONS = 100


def regions_of(
    config: LabelConfig, objects: Sequence[tuple[SegmentedObject, str]], size_hw: tuple[int, int]
) -> list[dict[str, Any]]:
    """Return the regions of objects under their labels, as the configuration wants them."""
    height, width = size_hw
    regions = []
    for each, label in objects:
        for number, value in enumerate(_values(config.kind, each, size_hw)):
            regions.append(
                {
                    "id": f"object{each.id}" + (f"-{number}" if number else ""),
                    "type": config.kind,
                    "from_name": config.control_name,
                    "to_name": config.image_name,
                    "original_width": width,
                    "original_height": height,
                    "image_rotation": 0,
                    "value": {**value, config.kind: [label]},
                    "score": each.score,
                }
            )
    return regions


def _values(kind: Kind, each: SegmentedObject, size_hw: tuple[int, int]) -> list[dict[str, Any]]:
    height, width = size_hw
    if kind == "rectanglelabels":
        x0, y0, x1, y1 = each.box
        return [
            {
                "x": 100 * x0 / width,
                "y": 100 * y0 / height,
                "width": 100 * (x1 - x0) / width,
                "height": 100 * (y1 - y0) / height,
                "rotation": 0,
            }
        ]
    mask = rle_to_mask(each.mask)
    if not mask.any():
        return []
    if kind == "brushlabels":
        return [{"format": "rle", "rle": brush_rle(mask)}]
    rings = [join_holes(polygon) for polygon in mask_to_polygons(mask, reading="edges")]
    scale = (100 / width, 100 / height)
    return [{"points": (ring * scale).round(4).tolist(), "closed": True} for ring in rings]


def text_of(context: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the words of a text area among the regions of a context."""
    for region in context:
        text = _value_of(region).get("text")
        words = text[0] if isinstance(text, list) and text else text
        if isinstance(words, str) and words.strip():
            return words
    return None


def refinement_of(
    context: Sequence[Mapping[str, Any]], size_hw: tuple[int, int]
) -> tuple[RefineRequest, str | None] | None:
    """Return the clicks and the box of a context in pixels, and their label; None without any.

    Raises InvalidParameterError for what no click or box can be.
    """
    if len(context) > MAX_REGIONS:
        raise InvalidParameterError(f"context: expected at most {MAX_REGIONS} regions.")
    height, width = size_hw
    points, box, label = [], None, None
    for region in context:
        value = _value_of(region)
        for kind in ("keypointlabels", "rectanglelabels", "brushlabels", "labels"):
            given = value.get(kind)
            if isinstance(given, list) and given and label is None:
                label = str(given[0])
        if region.get("type") not in ("keypointlabels", "keypoint", "rectanglelabels", "rectangle"):
            continue
        x, y = _percent(value, "x") * width, _percent(value, "y") * height
        if str(region["type"]).startswith("keypoint"):
            is_outside = region.get("is_positive", value.get("is_positive", 1)) in (0, False)
            points.append({"x": x, "y": y, "label": 0 if is_outside else 1})
        else:
            x1 = x + _percent(value, "width") * width
            y1 = y + _percent(value, "height") * height
            box = (max(0.0, x), max(0.0, y), min(float(width), x1), min(float(height), y1))
    if not points and box is None:
        return None
    clicks = [parse(Point, each) for each in points]
    return parse(RefineRequest, {"points": clicks, "box": box, "label": label}), label


def _value_of(region: Mapping[str, Any]) -> Mapping[str, Any]:
    value = region.get("value")
    return value if isinstance(value, Mapping) else {}


def _percent(value: Mapping[str, Any], name: str) -> float:
    given = value.get(name)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise InvalidParameterError(f"context: expected a number for {name}.")
    return given / 100
