"""Contact sheets of the objects that a segmenter did worst, to be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import PIL.Image
import PIL.ImageDraw

from edgeseg.codecs import mask_to_rle, rle_to_mask
from edgeseg.evaluation.mask_metrics import bounding_window
from edgeseg.evaluation.masks.dataset import MaskDataset
from edgeseg.evaluation.masks.records import MaskRecord
from edgeseg.render import contact_sheet, overlay
from edgeseg.schemas import Rle, SegmentedObject
from edgeseg.types import BoolArray, Image

COLUMNS, ROWS, CELL_PX = 5, 4, 300
MASK_COLOUR, TRUTH_COLOUR, CLICK_COLOUR = (30, 144, 255), (255, 220, 0), (255, 40, 40)
# Of the crop's sides relative to what it shows, and the least of them.
_MARGIN, _MIN_PX = 1.3, 32


def worst_sheets(dataset: MaskDataset, records: Sequence[MaskRecord]) -> Iterator[PIL.Image.Image]:
    """Yield pages of twenty objects, in the order given.

    Each shows a crop of the image with the first mask in blue, the annotated outline dashed in
    yellow and the box or first click in red. Below it are its IoU, class and image.
    """
    page = COLUMNS * ROWS
    for start in range(0, len(records), page):
        part = records[start : start + page]
        crops = [_crop(dataset, each) for each in part]
        yield contact_sheet(
            crops, [_caption(each) for each in part], columns=COLUMNS, cell_px=CELL_PX
        )


def _caption(record: MaskRecord) -> str:
    return f"{record.ious[0]:.2f} {record.category}, {record.image}"


def _crop(dataset: MaskDataset, record: MaskRecord) -> PIL.Image.Image:
    labelled = dataset.labelled(record.image)
    image = dataset.image(labelled)
    instance = next(each for each in labelled.instances if each.id == record.object_id)
    truth = instance.mask(record.size_hw)
    if image is None or truth is None:
        return PIL.Image.new("RGB", (CELL_PX, CELL_PX))
    mask = rle_to_mask(Rle(size=record.size_hw, counts=record.counts))
    window = _window(mask | truth, record)
    scale = CELL_PX / max(window[0].stop - window[0].start, window[1].stop - window[1].start)
    large = Image.from_array(_resized(image.rgb[window], scale, smooth=True))
    objects = [
        _object(number, _resized(each[window], scale, smooth=False))
        for number, each in enumerate((mask, truth))
    ]
    colours = (MASK_COLOUR, TRUTH_COLOUR)
    drawn = overlay(large, objects, colours=colours, boxes=False, labels=False, dashed=(1,))
    _draw_prompt(drawn, record, (window[1].start, window[0].start), scale)
    return drawn


def _window(shown: BoolArray, record: MaskRecord) -> tuple[slice, slice]:
    """Rows and columns of a square round both masks, with a margin, as far as the image goes."""
    window = bounding_window(shown)
    assert window is not None, "the annotated mask of a record is never empty"
    side = max(_MIN_PX, _MARGIN * max(each.stop - each.start for each in window))
    slices = []
    for part, most in zip(window, record.size_hw, strict=True):
        centre = (part.start + part.stop) / 2
        slices.append(slice(max(0, int(centre - side / 2)), min(most, int(centre + side / 2) + 1)))
    return slices[0], slices[1]


def _resized(pixels: np.ndarray, scale: float, smooth: bool) -> np.ndarray:
    """(h, w, ...) pixels of another scale."""
    how = PIL.Image.Resampling.BILINEAR if smooth else PIL.Image.Resampling.NEAREST
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    return np.asarray(PIL.Image.fromarray(pixels).resize((width, height), how))


def _object(number: int, mask: np.ndarray) -> SegmentedObject:
    rle = mask_to_rle(mask.astype(bool))
    height, width = mask.shape
    return SegmentedObject(
        id=number,
        label="mask",
        score=1.0,
        box=(0.0, 0.0, float(width), float(height)),
        mask=rle,
        area=int(np.count_nonzero(mask)),
    )


def _draw_prompt(
    drawn: PIL.Image.Image, record: MaskRecord, corner_xy: tuple[int, int], scale: float
) -> None:
    draw, (left, top) = PIL.ImageDraw.Draw(drawn), corner_xy
    if record.prompt == "box":
        x0, y0, x1, y1 = record.box_xyxy
        box = [(x0 - left) * scale, (y0 - top) * scale, (x1 - left) * scale, (y1 - top) * scale]
        draw.rectangle(box, outline=CLICK_COLOUR)
        return
    x, y = (record.clicks[0].x - left) * scale, (record.clicks[0].y - top) * scale
    # Open inside, since small objects would lie under a disc.
    draw.ellipse((x - 7, y - 7, x + 7, y + 7), outline=CLICK_COLOUR, width=2)
