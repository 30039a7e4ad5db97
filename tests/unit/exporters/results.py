"""Results to export: every kind of mask that a format may stumble over."""

from __future__ import annotations

import numpy as np

from edgeseg.codecs import mask_to_rle, rle_area, rle_box
from edgeseg.schemas import ImageInfo, SegmentationResult, SegmentedObject
from edgeseg.types import BoolArray

SIZE_HW = (90, 120)


def make_result(
    masks: dict[str, BoolArray], size_hw: tuple[int, int] = SIZE_HW, task_id: str = "3f2c9a"
) -> SegmentationResult:
    """A result with an object for each mask; a label ends at the first slash."""
    objects = []
    for number, (name, mask) in enumerate(masks.items()):
        rle = mask_to_rle(mask)
        objects.append(
            SegmentedObject(
                id=number,
                label=name.split("/")[0],
                score=round(max(0.95 - number / 10, 0.0), 2),
                box=rle_box(rle) or (0.0, 0.0, 1.0, 1.0),
                mask=rle,
                area=rle_area(rle),
            )
        )
    return SegmentationResult(
        task_id=task_id,
        prompt="things",
        simplified_prompt="things .",
        phrases=list(dict.fromkeys(each.label for each in objects)),
        image=ImageInfo(width=size_hw[1], height=size_hw[0]),
        objects=objects,
    )


def disc(x: float, y: float, radius: float) -> BoolArray:
    rows, columns = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    mask: BoolArray = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
    return mask


def one_pixel(x: int, y: int) -> BoolArray:
    mask = np.zeros(SIZE_HW, bool)
    mask[y, x] = True
    return mask


def masks() -> dict[str, BoolArray]:
    """None overlap, so that a label map can hold them all."""
    border = np.zeros(SIZE_HW, bool)
    border[70:, :] = True
    border[80:85, 10:20] = False
    border[80:85, 40:60] = False
    return {
        "ring": disc(30, 30, 25) & ~disc(28, 32, 11),
        "cup/two parts": disc(80, 20, 12) | disc(80, 50, 9),
        "cup": disc(105, 35, 8),
        "кошка 🐈": border,
        "dot": one_pixel(60, 3),
        "corner": one_pixel(119, 0),
        "nothing": np.zeros(SIZE_HW, bool),
    }


def expected_objects() -> dict[int, tuple[str, BoolArray]]:
    """The label and mask of each object that has pixels, by its id."""
    rows = enumerate(masks().items())
    return {number: (name.split("/")[0], mask) for number, (name, mask) in rows if mask.any()}


def iou(ours: BoolArray, theirs: BoolArray) -> float:
    union = (ours | theirs).sum()
    return float((ours & theirs).sum() / union) if union else 1.0
