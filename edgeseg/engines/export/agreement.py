"""How far the masks of exported files are from those of the engine, and from the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from edgeseg.engines.base import Segmenter
from edgeseg.types import BoolArray, Image, MaskPrompt

# Boxes of a photo without annotations.
BOXES = 4


@dataclass(frozen=True)
class Sample:
    """A photo, and (N, H, W) bool masks of its objects where somebody has drawn them."""

    image: Image
    truth: BoolArray | None = None


def agreement(
    reference: Segmenter,
    exported: Segmenter,
    samples: Iterable[Sample],
    progress: Callable[[str], None] = lambda what: None,
) -> dict[str, float]:
    """Mean IoUs over all prompts: a box, and a click at its centre.

    ``box`` and ``click`` compare the masks of both; with truth, ``box_before`` and
    ``click_before`` compare it with the reference's masks, ``box_after`` and ``click_after`` with
    the exported ones. Empty where there is no sample.
    """
    ious: dict[str, list[float]] = {}
    for index, sample in enumerate(samples):
        progress(f"compare on photo {index + 1}")
        for kind, prompts in _prompts(sample, index).items():
            before, after = (
                each.segment(each.embed(sample.image), prompts).masks
                for each in (reference, exported)
            )
            pairs = {kind: (before, after)}
            if sample.truth is not None:
                pairs[f"{kind}_before"] = (sample.truth, before)
                pairs[f"{kind}_after"] = (sample.truth, after)
            for name, (one, other) in pairs.items():
                ious.setdefault(name, []).extend(mask_ious(one, other))
    return {name: round(float(np.mean(each)), 4) for name, each in ious.items()}


def mask_ious(one: BoolArray, other: BoolArray) -> list[float]:
    """IoU of each pair of (N, H, W) masks; two empty masks agree."""
    inside = (one & other).sum((1, 2))
    union = (one | other).sum((1, 2))
    return [float(i / u) if u else 1.0 for i, u in zip(inside, union, strict=True)]


def _prompts(sample: Sample, seed: int) -> dict[str, list[MaskPrompt]]:
    """Return boxes and clicks, round the objects or drawn with the photo's number as seed."""
    height, width = sample.image.size_hw
    if sample.truth is not None:
        boxes = [_bounds(mask) for mask in sample.truth]
    else:
        generator = np.random.default_rng(seed)
        corners = generator.uniform(0, 0.6, (BOXES, 2))
        ends = np.minimum(corners + generator.uniform(0.15, 0.5, (BOXES, 2)), 1)
        boxes = (np.hstack([corners, ends]) * [width, height, width, height]).tolist()
    return {
        "box": [MaskPrompt(box_xyxy=(x0, y0, x1, y1)) for x0, y0, x1, y1 in boxes],
        "click": [
            MaskPrompt(
                points_xy=np.array([[(x0 + x1) / 2, (y0 + y1) / 2]], np.float32),
                point_labels=np.array([1]),
            )
            for x0, y0, x1, y1 in boxes
        ],
    }


def _bounds(mask: BoolArray) -> list[float]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)]
