"""Kinds of files, told by their first bytes before any decoder sees them."""

from __future__ import annotations

import io
import struct
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from edgeseg.errors import InvalidImageError

# By Pillow's names. Left out are formats that run programs (EPS), that are not images (PDF, video),
# that any bytes could be (TGA) and that take memory out of proportion (JPEG 2000).
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".png",
        ".webp",
        ".bmp",
        ".gif",
        ".tif",
        ".tiff",
        ".avif",
    ]
)
READ = "JPEG, PNG, WebP, BMP, TIFF, GIF and AVIF"

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"BM": "BMP",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
# What people send that is not read, and what to do about it.
_REFUSED = {
    b"\0\0\0\x0cjP  ": "JPEG 2000 images are not read; convert it to PNG.",
    b"\xff\x4f\xff\x51": "JPEG 2000 images are not read; convert it to PNG.",
    b"\xff\x0a": "JPEG XL images are not read; convert it to JPEG or PNG.",
    b"\0\0\0\x0cJXL ": "JPEG XL images are not read; convert it to JPEG or PNG.",
    b"%PDF": "This is a PDF; export the page as PNG.",
    b"%!PS": "This is a PostScript file; export it as PNG.",
    b"8BPS": "This is a Photoshop file; export it as PNG or JPEG.",
    b"<svg": "This is an SVG drawing; export it as PNG.",
    b"<?xml": "This is an XML file, perhaps an SVG drawing; export it as PNG.",
}
_AVIF, _HEIC = (b"avif", b"avis"), (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def format_of(data: bytes) -> str:
    """Return Pillow's name of a file's format; raises InvalidImageError for any other file."""
    for signature, name in _SIGNATURES.items():
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = [data[i : i + 4] for i in range(8, min(len(data), 64), 4)]
        if any(brand in _AVIF for brand in brands):
            return "AVIF"
        if any(brand in _HEIC for brand in brands):
            raise InvalidImageError(
                "HEIC images are not read; convert it to JPEG (on a Mac: sips -s format jpeg)."
            )
    for signature, reason in _REFUSED.items():
        if data.startswith(signature):
            raise InvalidImageError(reason)
    raise InvalidImageError(f"The file is not a valid image; {READ} are read.")


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height from the head of a WebP file, None where it makes no sense.

    Pillow allocates two canvases before it tells the size.
    """
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X" and len(body) == 10:
        width, height = (int.from_bytes(body[i : i + 3], "little") + 1 for i in (4, 7))
    elif kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        packed = int.from_bytes(body[1:5], "little")
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and len(body) == 10 and body[3:6] == b"\x9d\x01\x2a":
        width, height = (value & 0x3FFF for value in struct.unpack("<HH", body[6:10]))
    else:
        return None
    return width, height


def why_tiff_is_not_read(data: bytes) -> str | None:
    """Say what in a TIFF is beyond Pillow: bits, kind and number of its samples."""
    try:
        stream = io.BytesIO(data)
        tags: Any = ImageFileDirectory_v2(stream.read(8))
        stream.seek(tags.next)
        tags.load(stream)
        bits, kinds, bands = tags.get(258, (1,)), tags.get(339, (1,)), int(tags.get(277, 1))
    except Exception:
        return None
    kind = {1: "integer", 2: "signed integer", 3: "float"}.get(int(kinds[0]), "unknown")
    pixels = f"{bands} band{'s' if bands > 1 else ''} of {int(bits[0])}-bit {kind} values"
    return (
        f"The TIFF has {pixels}, which are not read; save it with 1, 3 or 4 bands of 8 bits, or as "
        "grayscale of 16-bit integers or 32-bit floats."
    )
