"""Image bytes of every format decode to upright RGB."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from edgeseg.codecs import ImageSource, decode_image, encode_png, inspect_image, load_image
from edgeseg.errors import (
    AnimatedImageError,
    EdgeSegError,
    ImageTooLargeError,
    InputError,
    InvalidImageError,
    NoImageError,
)
from edgeseg.settings import Settings
from edgeseg.types import Image, UInt8Array


def quarters(height: int = 64, width: int = 96) -> UInt8Array:
    """Red and green above, blue and gray below: no turn or flip leaves it the same."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2] = (200, 0, 0)
    rgb[: height // 2, width // 2 :] = (0, 200, 0)
    rgb[height // 2 :, : width // 2] = (0, 0, 200)
    rgb[height // 2 :, width // 2 :] = (120, 120, 120)
    return rgb


def encoded(pil_image: PIL.Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    pil_image.save(out, form, **options)
    return out.getvalue()


def assert_shows(image: Image, expected: UInt8Array, tolerance: int) -> None:
    assert image.rgb.shape == expected.shape
    difference = np.abs(image.rgb.astype(int) - expected.astype(int))
    assert np.quantile(difference, 0.95) <= tolerance


# What a viewer does for each value of the EXIF tag, undone: the pixels as they are stored.
STORED: dict[int, Any] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", sorted(STORED))
def test_exif_orientation(orientation: int, form: str) -> None:
    stored = np.ascontiguousarray(STORED[orientation](quarters()))
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    data = encoded(PIL.Image.fromarray(stored), form, exif=exif, quality=95)
    image = decode_image(data)
    assert_shows(image, quarters(), tolerance=12)
    for to_the_end in (True, False):
        found = inspect_image(data, to_the_end=to_the_end)
        assert found == (image.size_hw, image.sha256)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_hide_the_image() -> None:
    data = encoded(PIL.Image.fromarray(quarters()), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert_shows(decode_image(data), quarters(), tolerance=12)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LAB", "HSV"])
def test_modes(mode: str) -> None:
    pil_image = PIL.Image.fromarray(quarters())
    form = "TIFF" if mode in ("CMYK", "YCbCr", "LAB", "HSV") else "PNG"
    if mode == "HSV":
        assert_shows(load_image(pil_image.convert(mode)), quarters(), tolerance=3)
        return
    if mode == "LAB":
        pil_image = PIL.Image.new("LAB", (60, 40), (255, 128, 128))
        assert_shows(load_image(encoded(pil_image, form)), np.full((40, 60, 3), 255, np.uint8), 3)
        return
    expected = np.array(pil_image.convert(mode).convert("RGB"))
    assert_shows(decode_image(encoded(pil_image.convert(mode), form)), expected, tolerance=3)


def test_cmyk_jpeg_as_adobe_writes_it() -> None:
    data = encoded(PIL.Image.fromarray(quarters()).convert("CMYK"), "JPEG", quality=95)
    assert_shows(decode_image(data), quarters(), tolerance=12)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_grayscale_is_scaled_by_its_full_range(form: str) -> None:
    wide = np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)
    image = decode_image(encoded(PIL.Image.fromarray(wide), form))
    expected = np.repeat(np.rint(wide / 257).astype(np.uint8)[:, :, None], 3, axis=2)
    assert_shows(image, expected, tolerance=1)


def test_16_bit_colour() -> None:
    """Pillow cannot write it, so the file is put together by hand."""
    wide = quarters().astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    head = struct.pack(">IIBBBBB", 96, 64, 16, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )
    assert_shows(decode_image(data), quarters(), tolerance=1)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (0.0, 255.0), (-3.0, 9.0)], ids=["unit", "bytes", "any"]
)
def test_float_grayscale(low: float, high: float) -> None:
    wide = np.linspace(low, high, 40 * 60).reshape(40, 60).astype(np.float32)
    image = decode_image(encoded(PIL.Image.fromarray(wide), "TIFF"))
    assert int(image.rgb.min()) == 0
    assert int(image.rgb.max()) == 255
    assert np.all(np.diff(image.rgb[:, :, 0].ravel().astype(int)) >= 0)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode: str) -> None:
    pil_image = PIL.Image.new("RGBA", (60, 40), (10, 10, 10, 0))
    pil_image.paste((200, 200, 200, 255), (0, 0, 30, 40))
    image = decode_image(encoded(pil_image.convert(mode), "PNG"))
    assert image.rgb[5, 5].tolist() == [200, 200, 200]
    assert image.rgb[5, 50].tolist() == [255, 255, 255]


def test_half_transparent_is_half_white() -> None:
    pil_image = PIL.Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert decode_image(encoded(pil_image, "PNG")).rgb[0, 0].tolist() == [127, 127, 127]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9])
def test_truncated_files(form: str, kept: float, chelsea: Path) -> None:
    with PIL.Image.open(chelsea) as pil_image:
        data = encoded(pil_image, form)
    for read in (decode_image, inspect_image):
        with pytest.raises(InvalidImageError):
            read(data[: int(len(data) * kept)])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", NoImageError),
        (b"hello, this is text", InvalidImageError),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", InvalidImageError),
        (b"%PDF-1.7\n", InvalidImageError),
        (b"\x89PNG\r\n\x1a\n", InvalidImageError),
        (b"\xff\xd8\xff", InvalidImageError),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", InvalidImageError),
    ],
)
def test_what_is_no_image(data: bytes, expected: type[EdgeSegError]) -> None:
    for read in (decode_image, inspect_image):
        with pytest.raises(expected):
            read(data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_damaged_bytes_are_read_or_refused(form: str, chelsea: Path) -> None:
    """Nothing but an InputError comes out, whatever breaks inside a decoder."""
    chance = random.Random(form)
    with PIL.Image.open(chelsea) as pil_image:
        data = encoded(pil_image.resize((64, 48)), form)
    for _ in range(60):
        damaged = bytearray(data)
        reach = min(len(data), chance.choice((40, 400, len(data))))
        for _ in range(chance.choice((1, 3, 20))):
            damaged[chance.randrange(reach)] = chance.randrange(256)
        for read in (decode_image, inspect_image):
            with contextlib.suppress(InputError):
                assert read(bytes(damaged), max_pixels=1_000_000)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_several_frames_are_refused(form: str) -> None:
    frames = [PIL.Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
    for read in (decode_image, inspect_image):
        with pytest.raises(AnimatedImageError, match="several"):
            read(data)


def test_one_frame_of_a_gif_and_a_camera_s_second_view_are_fine() -> None:
    first = PIL.Image.fromarray(quarters())
    assert_shows(decode_image(encoded(first, "GIF")), quarters(), tolerance=3)
    second = encoded(first, "MPO", save_all=True, append_images=[first], quality=95)
    assert_shows(decode_image(second), quarters(), tolerance=12)


def test_too_many_bytes() -> None:
    data = encoded(PIL.Image.fromarray(quarters()), "PNG")
    assert decode_image(data, max_bytes=len(data)).size_hw == (64, 96)
    with pytest.raises(ImageTooLargeError, match="bytes"):
        decode_image(data, max_bytes=len(data) - 1)


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    data = encoded(PIL.Image.new("1", (10_000, 8_001)), "PNG")
    # Without its second half the file could not be decoded; its size is known all the same.
    with pytest.raises(ImageTooLargeError, match="10000x8001"):
        decode_image(data[: len(data) // 2])


def test_a_bomb_is_refused() -> None:
    data = encoded(PIL.Image.new("1", (30_000, 30_000)), "PNG")
    with pytest.raises(ImageTooLargeError):
        decode_image(data)


def test_limits_hold_for_files_too(chelsea: Path) -> None:
    with pytest.raises(ImageTooLargeError, match="bytes"):
        load_image(chelsea, Settings(max_image_bytes=1000))
    with pytest.raises(ImageTooLargeError, match="pixels"):
        load_image(chelsea, Settings(max_image_pixels=1000))


def test_every_kind_of_source_is_the_same_image(chelsea: Path) -> None:
    data = chelsea.read_bytes()
    image = load_image(chelsea)
    assert image.size_hw == (300, 451)
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    with PIL.Image.open(chelsea) as pil_image:
        sources: list[ImageSource] = [
            str(chelsea),
            data,
            image,
            image.rgb,
            pil_image.copy(),
            encode_png(pil_image),
        ]
    for source in sources:
        assert np.array_equal(load_image(source).rgb, image.rgb)


def test_sources_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(NoImageError, match="nowhere"):
        load_image(tmp_path / "nowhere.jpg")
    with pytest.raises(NoImageError, match="null byte"):
        load_image("a\0b")
    with pytest.raises(InvalidImageError, match="got int"):
        load_image(3)
