"""COCO's compressed run lengths: decoded and checked in numpy, before native code reads them.

A mask is a list of run lengths, column by column, of pixels outside and inside, alternating. Each
length from the fourth on is stored as its difference from the one two places before, and each
number in groups of 5 bits, the lowest first: a character holds 48 + group, + 32 if more follow.

    column 0  1  2  3  4        run lengths  3 2 2 3
    row 0  .  .  #  .  .        differences  3 2 2 (3 - 2 =) 1
    row 1  .  #  .  .  .        characters   "3221"

    >>> encode_counts(np.array([3, 2, 2, 3]))
    '3221'
    >>> decode_counts("3221", (2, 5)).tolist()
    [3, 2, 2, 3]
    >>> encode_counts(np.array([100, 20]))  # 100 = 3 * 32 + 4: group 4 and more, then group 3
    'T3d0'
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Runs = npt.NDArray[np.int64]
# pycocotools holds lengths and sizes in 32 bits, and multiplies some of them as signed.
MAX_MASK_PIXELS = 2**31 - 1
# Checking takes some 40 bytes of memory for each.
MAX_COUNTS_CHARS = 2**24
_FIRST_CHAR, _MORE, _SIGN, _BITS = 48, 0x20, 0x10, 5
# 35 bits: room for every difference of two lengths and its sign.
_MAX_GROUPS = 7


def decode_counts(counts: str, size_hw: tuple[int, int]) -> Runs:
    """Return the run lengths (N,) int64 of a mask, the first outside it.

    Raises ValueError unless the size is positive and at most MAX_MASK_PIXELS, every character is
    one of the encoding, and the lengths are non-negative and add up to height times width.
    """
    check_size(size_hw)
    if len(counts) > MAX_COUNTS_CHARS:
        raise ValueError(f"counts: expected at most {MAX_COUNTS_CHARS} characters")
    # Bytes below "0" wrap around to large values.
    groups = np.frombuffer(counts.encode("ascii", "replace"), np.uint8) - np.uint8(_FIRST_CHAR)
    if not counts.isascii() or (groups > 63).any():
        raise ValueError("counts: expected characters from 0 to o, got others")
    runs = _integers(groups)
    # Even and odd places each add up by themselves; the very first length stands alone.
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    check_runs(runs, size_hw)
    return runs


def encode_counts(runs: Runs) -> str:
    """Return the compressed form of run lengths (N,) int64."""
    numbers = runs.copy()
    numbers[3:] -= runs[1:-2]
    limits = np.int64(1) << (_BITS * np.arange(1, _MAX_GROUPS + 1) - 1)
    sizes = np.where(numbers < 0, ~numbers, numbers)
    lengths = np.searchsorted(limits, sizes, side="right") + 1
    starts = np.cumsum(lengths) - lengths
    groups = np.empty(int(lengths.sum()), np.uint8)
    for place in range(int(lengths.max(initial=0))):
        rows = np.flatnonzero(lengths > place)
        more = np.where(lengths[rows] > place + 1, _MORE, 0)
        groups[starts[rows] + place] = (numbers[rows] >> (_BITS * place)) & 31 | more
    return (groups + np.uint8(_FIRST_CHAR)).tobytes().decode("ascii")


def without_empty(runs: Runs) -> Runs:
    """Join runs (N,) that a run of length 0 divides; the first one may be empty."""
    colours = np.arange(len(runs)) % 2
    rows = np.flatnonzero(runs > 0)
    starts = np.flatnonzero(np.diff(colours[rows], prepend=-1))
    joined = np.add.reduceat(runs[rows], starts)
    return joined if colours[rows[0]] == 0 else np.concatenate([[0], joined])


def check_size(size_hw: tuple[int, int]) -> None:
    """Raise ValueError for a size (height, width) that no mask can have."""
    height, width = size_hw
    if height < 1 or width < 1 or height * width > MAX_MASK_PIXELS:
        raise ValueError(
            f"size: expected a height and a width of at least 1 and at most {MAX_MASK_PIXELS} "
            "pixels in all"
        )


def check_runs(runs: Runs, size_hw: tuple[int, int]) -> None:
    """Raise ValueError unless lengths are non-negative and add up to the pixels of the size."""
    height, width = size_hw
    # Each is bounded before they are added up, so that the sum cannot overflow.
    if (runs < 0).any() or (runs > MAX_MASK_PIXELS).any():
        raise ValueError("counts: expected run lengths that are not negative")
    total = int(runs.sum())
    if total != height * width:
        raise ValueError(
            f"counts: expected run lengths that add up to {height} x {width} = {height * width} "
            f"pixels, got {total}"
        )


def _integers(groups: npt.NDArray[np.uint8]) -> Runs:
    """Join groups (values 0 to 63) into signed integers (N,) int64; raises ValueError."""
    ends = np.flatnonzero((groups & _MORE) == 0)
    if len(groups) and (not len(ends) or ends[-1] != len(groups) - 1):
        raise ValueError("counts: the last run length is cut off")
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    lengths = (ends - starts + 1).astype(np.int64)
    if len(lengths) and lengths.max() > _MAX_GROUPS:
        raise ValueError("counts: a run length has too many digits")
    joined = np.zeros(len(ends), np.int64)
    for place in range(int(lengths.max(initial=0))):
        rows = np.flatnonzero(lengths > place)
        joined[rows] |= (groups[starts[rows] + place].astype(np.int64) & 31) << (_BITS * place)
    is_negative = (groups[ends] & _SIGN) != 0
    joined[is_negative] -= np.int64(1) << (_BITS * lengths[is_negative])
    return joined
