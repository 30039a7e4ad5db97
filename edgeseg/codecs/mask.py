"""Masks to COCO run lengths and to PNG, and back."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
from pycocotools import mask as coco

from edgeseg.codecs.image import encode_png
from edgeseg.errors import InvalidImageError, InvalidParameterError
from edgeseg.schemas import Rle
from edgeseg.schemas.run_lengths import Runs, check_runs, check_size, decode_counts
from edgeseg.types import BoolArray, Box


def mask_to_rle(mask: BoolArray) -> Rle:
    """Encode one (H, W) bool mask."""
    packed = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    height, width = packed["size"]
    return Rle.of_pixels((int(height), int(width)), packed["counts"].decode("ascii"))


def window_to_rle(window: BoolArray, corner_xy: tuple[int, int], size_hw: tuple[int, int]) -> Rle:
    """Encode an (h, w) bool window of a mask that is false elsewhere, without its other columns.

    ``corner_xy`` is where the window begins in the mask of ``size_hw``.

    >>> window_to_rle(np.ones((1, 2), bool), (1, 0), (2, 5)) == mask_to_rle(
    ...     np.array([[0, 1, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
    ... )
    True
    """
    if window.shape == size_hw:
        return mask_to_rle(window)
    height, width = size_hw
    left, top = corner_xy
    strip = np.zeros((height, window.shape[1] + 1), bool, order="F")
    strip[top : top + window.shape[0], :-1] = window
    changes = np.flatnonzero(np.diff(strip.ravel("F"), prepend=False)) + left * height
    ends = changes[changes < height * width]
    counts = np.diff(ends, prepend=0, append=height * width)
    packed = coco.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    return Rle.of_pixels(size_hw, packed["counts"].decode("ascii"))


def masks_to_rles(masks: BoolArray) -> list[Rle]:
    """Encode (N, H, W) bool masks."""
    return [mask_to_rle(mask) for mask in masks]


def rle_to_mask(rle: Rle) -> BoolArray:
    """Decode to (H, W) bool."""
    return np.ascontiguousarray(coco.decode(_packed(rle))).astype(bool)


def rle_to_small_mask(rle: Rle, every: int) -> BoolArray:
    """Decode every so many rows and columns, from the first: `rle_to_mask(rle)[::every, ::every]`.

    The mask of the full size is not made.
    """
    height, width = rle.size
    rows = -(-height // every)
    changes = np.cumsum(decode_counts(rle.counts, rle.size))[:-1]
    starts = np.arange(0, width, every) * height
    # Of each column that stays: whether its first pixel is inside, and its changes below it.
    first = np.searchsorted(changes, starts, side="right")
    after = np.searchsorted(changes, starts + height)
    column, row = np.divmod(changes, height)
    below = (row > 0) & (column % every == 0)
    begins_inside = first % 2 == 1
    ended_inside = np.concatenate([[False], after[:-1] % 2 == 1])
    turns = np.flatnonzero(begins_inside != ended_inside) * rows
    inner = column[below] // every * rows + -(-row[below] // every)
    ends = np.sort(np.concatenate([turns, inner]))
    runs = np.diff(ends, prepend=0, append=rows * len(starts))
    columns = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(len(starts), rows)
    return np.ascontiguousarray(columns.T)


def runs_to_mask(runs: Runs, size_hw: tuple[int, int]) -> BoolArray:
    """Decode run lengths (N,) int64, column by column, the first outside, to (H, W) bool.

    Raises InvalidParameterError unless they are not negative and add up to the size.
    """
    try:
        check_size(size_hw)
        check_runs(runs, size_hw)
    except ValueError as error:
        raise InvalidParameterError(f"mask: {error}.") from error
    columns = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size_hw[::-1])
    return np.ascontiguousarray(columns.T)


def rle_area(rle: Rle) -> int:
    """Count the pixels of a mask without decoding it."""
    return int(coco.area(_packed(rle)))


def rle_overlap(one: Rle, other: Rle) -> int:
    """Count the pixels that two masks of one size share, without decoding them."""
    return int(coco.area(coco.merge([_packed(one), _packed(other)], intersect=True)))


def rle_vertices(rle: Rle) -> int:
    """Count the corners of a mask's outlines without decoding it, or slightly more."""
    height = rle.size[0]
    changes = np.cumsum(decode_counts(rle.counts, rle.size))[:-1]
    # An edge goes on from the column before where that has the same change beside it.
    kinds = 2 * changes + np.arange(len(changes)) % 2
    goes_on = np.isin(kinds - 2 * height, kinds, assume_unique=True) & (changes % height != 0)
    # The last edge is none that changes, where the mask holds the last pixel.
    return 2 * int(1 + len(changes) - goes_on.sum())


def rle_box(rle: Rle) -> Box | None:
    """Return the tight box x0 y0 x1 y1 in pixels, or None for an empty mask."""
    x, y, width, height = coco.toBbox(_packed(rle))
    return (float(x), float(y), float(x + width), float(y + height)) if width else None


def union_of(rles: Iterable[Rle], size_hw: tuple[int, int]) -> BoolArray:
    """Return (H, W) bool, true where any of the masks is; all have the size given.

    Raises ValueError for a mask of another size.
    """
    packed = []
    for rle in rles:
        if tuple(rle.size) != tuple(size_hw):
            raise ValueError(f"mask: expected size {size_hw}, got {rle.size}")
        packed.append(_packed(rle))
    if not packed:
        return np.zeros(size_hw, bool)
    return np.ascontiguousarray(coco.decode(coco.merge(packed))).astype(bool)


def label_map(rles: Sequence[Rle], size_hw: tuple[int, int]) -> npt.NDArray[np.uint16]:
    """Return (H, W) uint16: 0 for background, i + 1 for mask i; where they overlap the first wins.

    Raises ValueError for a mask of another size.
    """
    labels = np.zeros(size_hw, np.uint16)
    for index in range(len(rles) - 1, -1, -1):
        labels[rle_to_mask(rles[index])] = index + 1
    return labels


def _packed(rle: Rle) -> dict[str, Any]:
    """Return a mask as pycocotools takes it; an Rle was checked when it was made."""
    return {"size": list(rle.size), "counts": rle.counts.encode("ascii")}


def mask_to_png(mask: BoolArray) -> bytes:
    """Encode an (H, W) bool mask as a grayscale PNG: 255 inside, 0 outside."""
    return encode_png(mask.astype(np.uint8) * np.uint8(255))


def png_to_mask(data: bytes) -> BoolArray:
    """Decode a mask PNG to (H, W) bool: true where it is brighter than half."""
    try:
        with PIL.Image.open(io.BytesIO(data), formats=("PNG",)) as pil_image:
            return np.asarray(pil_image.convert("L")) > 127
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidImageError(f"The mask is not a valid PNG: {error}.") from error
