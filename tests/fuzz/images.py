"""Mutated image files of nine formats, small and seeded."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import numpy as np
import PIL.Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "MPO", "PPM")
SIDES_PX = (1, 7, 32, 90)


def images(seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield a name and the bytes of a file without end: whole, cut, changed, spliced or swapped."""
    rng = random.Random(seed)
    whole = {name: [_whole(name, rng) for _ in range(6)] for name in FORMATS}
    while True:
        name = rng.choice(FORMATS)
        data = rng.choice(whole[name])
        change = rng.choice((_as_it_is, _cut, _flipped, _flipped, _sized, _spliced, _swapped))
        yield f"{rng.getrandbits(32):08x}.{name.lower()}", change(data, rng, whole)


def whole_png(seed: int) -> bytes:
    """Return a valid PNG of noise."""
    return _whole("PNG", random.Random(seed))


def _whole(name: str, rng: random.Random) -> bytes:
    """One valid file: noise or a gradient, in a mode and with options of the format's own."""
    pixels = np.random.default_rng(rng.getrandbits(32))
    size = (rng.choice(SIDES_PX), rng.choice(SIDES_PX))
    pil_image = PIL.Image.fromarray(pixels.integers(0, 256, (size[1], size[0], 3), np.uint8))
    mode = rng.choice({"JPEG": ("RGB", "L", "CMYK"), "PNG": ("RGB", "RGBA", "P", "L", "1", "I;16")}
                      .get(name, ("RGB",)))  # fmt: skip
    exif = PIL.Image.Exif()
    exif[0x0112] = rng.randint(0, 9)
    options = {"exif": exif} if name in ("JPEG", "PNG", "WEBP", "TIFF") else {}
    out = io.BytesIO()
    converted = (
        pil_image.convert("L").convert("I;16") if mode == "I;16" else pil_image.convert(mode)
    )
    converted.save(out, name, **options)
    return out.getvalue()


Whole = dict[str, list[bytes]]


def _as_it_is(data: bytes, rng: random.Random, whole: Whole) -> bytes:
    return data


def _cut(data: bytes, rng: random.Random, whole: Whole) -> bytes:
    return data[: rng.randrange(len(data))]


def _flipped(data: bytes, rng: random.Random, whole: Whole) -> bytes:
    changed = bytearray(data)
    reach = min(len(data), rng.choice((16, 64, 400, len(data))))
    for _ in range(rng.choice((1, 2, 8, 40))):
        changed[rng.randrange(reach)] = rng.randrange(256)
    return bytes(changed)


def _sized(data: bytes, rng: random.Random, whole: Whole) -> bytes:
    """Two or four bytes of the head become a number that is large, negative or zero."""
    number = rng.choice((0, 1, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF))
    width = rng.choice((2, 4))
    value = (number % (1 << 8 * width)).to_bytes(width, rng.choice(("big", "little")))
    place = rng.randrange(min(len(data), 200))
    return data[:place] + value + data[place + width :]


def _spliced(data: bytes, rng: random.Random, whole: Whole) -> bytes:
    """The head of one file and the rest of another, of any format."""
    other = rng.choice(whole[rng.choice(FORMATS)])
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def _swapped(data: bytes, rng: random.Random, whole: Whole) -> bytes:
    """Two parts of the file in each other's place, as chunks in the wrong order."""
    a, b, c = sorted(rng.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]
