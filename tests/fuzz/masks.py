"""Random and crafted masks, and a process that decodes them: `python -m tests.fuzz.masks SEED N`.

The process dies by a signal if one of them harms native code, and fails if one that was accepted
is not what a plain decoder says.
"""

from __future__ import annotations

import faulthandler
import os
import random
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import ValidationError

from edgeseg.codecs import mask_to_rle, rle_area, rle_box, rle_to_mask, union_of
from edgeseg.codecs.outline import mask_to_polygons
from edgeseg.schemas import Rle

MAX_DECODED_PIXELS = 2**20
LARGE = (0, -1, 2**16, 2**31 - 1, 2**31, 2**32, 2**32 + 1, 2**40, 2**63, 2**64, 10**30)


def masks(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield masks as JSON values: whole ones, changed ones, crafted and random ones."""
    rng = random.Random(seed)
    for _ in range(count):
        yield rng.choice((whole, _changed, _crafted, _crafted_to_fit, _noise))(rng)


def count_for(short: int, whole: int) -> int:
    """Return how many to try: the larger number with EDGESEG_FUZZ=1 in the environment."""
    return whole if os.environ.get("EDGESEG_FUZZ") == "1" else short


def pack(lengths: list[int]) -> str:
    """Return run lengths of any kind as COCO's characters, as pycocotools packs them."""
    text = []
    for place, length in enumerate(lengths):
        value = length - lengths[place - 2] if place > 2 else length
        while True:
            group = value & 31
            value >>= 5
            is_last = value == (-1 if group & 16 else 0)
            text.append(chr(48 + group + (0 if is_last else 32)))
            if is_last:
                break
    return "".join(text)


def unpack(counts: str) -> list[int] | None:
    """Return the run lengths that characters hold, one by one; None for no encoding of any."""
    lengths: list[int] = []
    value = shift = 0
    for sign in counts:
        group = ord(sign) - 48
        if not 0 <= group < 64:
            return None
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        value -= (1 << shift) if group & 16 else 0
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    return None if shift else lengths


def is_mask(size: list[int], counts: str) -> bool:
    """Whether a mask is valid, decided without the code under test."""
    lengths = unpack(counts)
    return (
        lengths is not None
        and min(size) > 0
        and min(lengths, default=0) >= 0
        and sum(lengths) == size[0] * size[1] < 2**31
    )


def _size(rng: random.Random) -> list[int]:
    return [rng.randint(1, 40), rng.randint(1, 40)]


def whole(rng: random.Random) -> dict[str, Any]:
    """A valid mask."""
    size = _size(rng)
    shape = np.random.default_rng(rng.getrandbits(32)).random(size)
    rle = mask_to_rle(shape < rng.choice((0.0, 0.02, 0.5, 0.98, 1.0)))
    return {"size": size, "counts": rle.counts}


def _changed(rng: random.Random) -> dict[str, Any]:
    mask = whole(rng)
    counts, place = mask["counts"], rng.randrange(len(mask["counts"]) + 1)
    match rng.randrange(5):
        case 0:
            mask["size"][rng.randrange(2)] = rng.choice((*LARGE, rng.randint(-5, 60)))
        case 1:
            mask["counts"] = counts[:place]
        case 2:
            mask["counts"] = counts[:place] + chr(rng.randint(0, 130)) + counts[place + 1 :]
        case 3:
            mask["counts"] = counts[:place] + rng.choice("é\0\ud800𝄞 ~P") + counts[place:]
        case _:
            mask["counts"] = counts[:place] + counts[place:] * 2
    return mask


def _crafted(rng: random.Random) -> dict[str, Any]:
    size = [rng.choice((*LARGE, 1, 2, 30)), rng.choice((*LARGE, 1, 2, 30))]
    lengths = [rng.choice((*LARGE, rng.randint(-40, 400))) for _ in range(rng.randint(0, 12))]
    return {"size": size, "counts": pack(lengths)}


def _crafted_to_fit(rng: random.Random) -> dict[str, Any]:
    """Lengths that add up to the size, exactly or in 32 bits, some of them negative or zero."""
    size = _size(rng)
    lengths = [rng.choice((0, 0, rng.randint(-60, 60), rng.randint(0, 200))) for _ in range(9)]
    missing = size[0] * size[1] - sum(lengths) + rng.choice((0, 0, 0, 2**32, -(2**32)))
    lengths.insert(rng.randrange(10), missing)
    return {"size": size, "counts": pack(lengths)}


def _noise(rng: random.Random) -> dict[str, Any]:
    signs = "".join(chr(rng.randint(48, 111)) for _ in range(rng.randint(0, 30)))
    return {"size": _size(rng), "counts": signs}


def _try(mask: dict[str, Any]) -> bool:
    """Take a mask through everything that reads it; whether it was accepted."""
    try:
        rle = Rle.model_validate(mask)
    except ValidationError:
        accepted = False
    else:
        accepted = True
    assert accepted == is_mask(mask["size"], mask["counts"]), mask
    if accepted and mask["size"][0] * mask["size"][1] <= MAX_DECODED_PIXELS:
        decoded = rle_to_mask(rle)
        lengths = np.array(unpack(mask["counts"]))
        plain = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
        assert (decoded.ravel("F") == plain).all(), mask
        assert rle_area(rle) == plain.sum(), mask
        assert (union_of([rle, rle], rle.size) == decoded).all(), mask
        assert unpack(mask_to_rle(decoded).counts) == unpack(rle.counts), mask
        rows, columns = np.nonzero(decoded)
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if len(rows) else None
        assert rle_box(rle) == box, mask
        mask_to_polygons(decoded)
    return accepted


def main(seed: int, count: int) -> None:
    """Try ``count`` masks and print how many of them were accepted."""
    faulthandler.enable()
    accepted = sum(_try(mask) for mask in masks(seed, count))
    print(f"seed {seed}: {count} masks, {accepted} accepted")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
