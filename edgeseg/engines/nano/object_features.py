"""What the nano embedder measures of an object: maps of the encoder and colours, as one vector.

part                              numbers
stride 8 map    mean, deviation   2 x 64
stride 4 map    mean, deviation   2 x 32
CIELAB          histogram of a and b, softly binned     81
                histogram of L                           5
                mean of the upper, middle and lower third 9
                mean, deviation                         2 x 3
"""

from __future__ import annotations

import numpy as np
from PIL import Image as PillowImage

from edgeseg.engines.nano.letterbox import Letterbox
from edgeseg.entities.colours import to_lab
from edgeseg.types import BoolArray, FloatArray, UInt8Array

INPUT_AREA_PX = 384 * 144
"""Area of the input that a window is scaled to: half of the segmenter's."""
_L_BINS, _AB_BINS, _MAX_AB = 5, 9, 60.0
_MAX_PIXELS = 20_000


def window(rgb: UInt8Array, mask: BoolArray) -> tuple[UInt8Array, BoolArray]:
    """Return the pixels in the box of a mask, grey beside the object, and the mask there."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return np.full((8, 8, 3), 128, np.uint8), np.ones((8, 8), bool)
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    inner = mask[box]
    pixels = np.where(inner[..., None], rgb[box], np.uint8(128))
    return pixels.astype(np.uint8), inner


def features(
    rgb: UInt8Array, mask: BoolArray, s8: FloatArray, s4: FloatArray, letterbox: Letterbox
) -> FloatArray:
    """Return the (D,) float32 vector of a window and its (C, h, w) maps at strides 8 and 4."""
    maps = [*_moments(s8, mask, letterbox, 8), *_moments(s4, mask, letterbox, 4)]
    return np.concatenate([*maps, *_colours(rgb, mask)]).astype(np.float32)


def _moments(
    values: FloatArray, mask: BoolArray, letterbox: Letterbox, stride: int
) -> tuple[FloatArray, FloatArray]:
    """(C,) mean and (C,) deviation of a map over the cells of a mask."""
    height, width = (-(-side // stride) for side in letterbox.scaled_hw)
    cells = PillowImage.fromarray(mask.astype(np.uint8) * 255).resize(
        (width, height), PillowImage.Resampling.BOX
    )
    weights = np.asarray(cells, np.float32)
    weights = weights / weights.sum() if weights.any() else np.full_like(weights, 1 / weights.size)
    part = values[:, :height, :width].astype(np.float32)
    mean = (part * weights).sum(axis=(1, 2))
    squares = ((part - mean[:, None, None]) ** 2 * weights).sum(axis=(1, 2))
    return mean, np.sqrt(squares)


def _colours(rgb: UInt8Array, mask: BoolArray) -> list[FloatArray]:
    every = to_lab(rgb[mask])
    lab = every[:: max(1, len(every) // _MAX_PIXELS)]
    a_low, a_share = _soft_bins(lab[:, 1], -_MAX_AB, _MAX_AB, _AB_BINS)
    b_low, b_share = _soft_bins(lab[:, 2], -_MAX_AB, _MAX_AB, _AB_BINS)
    l_low, l_share = _soft_bins(lab[:, 0], 0, 100, _L_BINS)
    ab, light = np.zeros((_AB_BINS, _AB_BINS)), np.zeros(_L_BINS)
    for more_a in (0, 1):
        np.add.at(light, l_low + more_a, l_share if more_a else 1 - l_share)
        for more_b in (0, 1):
            share = (a_share if more_a else 1 - a_share) * (b_share if more_b else 1 - b_share)
            np.add.at(ab, (a_low + more_a, b_low + more_b), share)
    mean = lab.mean(axis=0)
    thirds = zip(np.array_split(rgb, 3), np.array_split(mask, 3), strict=True)
    bands = [to_lab(part[own]).mean(axis=0) if own.any() else mean for part, own in thirds]
    # Square roots, so that the product of two histograms is their Bhattacharyya coefficient.
    histograms = [np.sqrt(each.ravel() / len(lab)) for each in (ab, light)]
    return [*histograms, *bands, mean, lab.std(axis=0)]


def _soft_bins(
    values: FloatArray, low: float, high: float, bins: int
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], FloatArray]:
    """Return the lower of the two bins that share each value, and the share of the upper one."""
    place = ((values - low) / (high - low) * (bins - 1)).clip(0, bins - 1)
    lower = np.minimum(place.astype(np.int64), bins - 2)
    return lower, (place - lower).astype(np.float32)
