"""Wide values, colour profiles and unusual files become 8-bit sRGB, or are refused by reason."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from PIL import ImageCms, ImageSequence

from edgeseg import EdgeSegAI
from edgeseg.codecs import decode_image, inspect_image, load_image
from edgeseg.codecs.pixels import to_8_bit
from edgeseg.errors import AnimatedImageError, EdgeSegError, InvalidImageError, NoImageError
from edgeseg.types import UInt8Array


def encoded(pil_image: PIL.Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    pil_image.save(out, form, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def gray(request: pytest.FixtureRequest) -> UInt8Array:
    chelsea: Path = request.getfixturevalue("photo_folder") / "chelsea.png"
    with PIL.Image.open(chelsea) as pil_image:
        return np.asarray(pil_image.convert("L"))


WIDE: dict[str, Any] = {
    "8 bits in 16": lambda g: g.astype(np.uint16),
    "10 bits in 16": lambda g: g.astype(np.uint16) * 4,
    "12 bits in 16": lambda g: g.astype(np.uint16) * 16 + 7,
    "thermal": lambda g: (27000 + g.astype(np.uint16) * 8).astype(np.uint16),
    "0 to 255 in 32": lambda g: g.astype(np.int32),
    "degrees": lambda g: g.astype(np.float32) / 10 - 5,
    "no data": lambda g: np.where(g < 20, np.float32(-3.4e38), g.astype(np.float32) * 100),
    "infinite": lambda g: np.where(g > 250, np.inf, g.astype(np.float32) / 3).astype(np.float32),
    "not a number": lambda g: np.where(g < 5, np.nan, g.astype(np.float32) + 300).astype(
        np.float32
    ),
}


@pytest.mark.parametrize("kind", WIDE)
def test_wide_values_show_what_8_bits_show(kind: str, gray: UInt8Array) -> None:
    image = decode_image(encoded(PIL.Image.fromarray(WIDE[kind](gray)), "TIFF"))
    shown = image.rgb[:, :, 0].astype(float)
    kept = (gray >= 20) & (gray <= 250)
    assert np.corrcoef(shown[kept], gray[kept])[0, 1] > 0.98
    assert shown.max() - shown.min() >= 190
    expected = "taken as 8-bit" if kind in ("8 bits in 16", "0 to 255 in 32") else "stretched"
    assert expected in image.warnings[0]


@pytest.mark.parametrize(
    ("low", "high", "dtype", "top"),
    [
        (0, 65535, np.uint16, 65535),
        (100, 40000, np.uint16, 65535),
        (0, 255, np.int32, 255),
        (0, 1, np.float32, 1),
        (0.1, 0.9, np.float32, 1),
        (0, 255, np.float32, 255),
        (0, 65535, np.float32, 65535),
    ],
)
def test_values_that_span_a_usual_range_are_not_stretched(
    low: float, high: float, dtype: Any, top: float
) -> None:
    wide = np.linspace(low, high, 3000).reshape(50, 60).astype(dtype)
    eight, warnings = to_8_bit(wide)
    assert not any("stretched" in each for each in warnings)
    assert np.abs(eight - wide.astype(float) * 255 / top).max() <= 1


def test_one_value_is_not_stretched_and_no_value_is_said() -> None:
    dark, warnings = to_8_bit(np.full((4, 4), 1200, np.uint16))
    assert (int(dark.max()), warnings) == (5, [])
    black, warnings = to_8_bit(np.full((4, 4), np.nan, np.float32))
    assert not black.any()
    assert "no valid values" in warnings[0]


def test_outliers_do_not_hide_the_rest(gray: UInt8Array) -> None:
    wide = gray.astype(np.uint16) * 4
    wide[0, 0], wide[0, 1] = 60_000, 0
    eight, _ = to_8_bit(wide // 2)
    assert int(np.percentile(eight, 95)) > 150


def test_the_mark_of_a_geotiff_for_missing_pixels_counts_for_nothing(gray: UInt8Array) -> None:
    wide = np.where(gray < 40, -9999, gray.astype(np.float32) * 2)
    tags = PIL.TiffImagePlugin.ImageFileDirectory_v2()
    tags[42113] = "-9999"
    image = decode_image(
        encoded(PIL.Image.fromarray(wide.astype(np.float32)), "TIFF", tiffinfo=tags)
    )
    assert int(np.percentile(image.rgb[gray >= 40], 90)) > 150


def test_8_bits_stay_as_they_are_to_the_bit(chelsea: Path) -> None:
    with PIL.Image.open(chelsea) as pil_image:
        pixels = np.asarray(pil_image.convert("RGB"))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for options in ({}, {"icc_profile": srgb}):
        image = decode_image(encoded(PIL.Image.fromarray(pixels), "PNG", **options))
        assert np.array_equal(image.rgb, pixels)
        assert image.warnings == ()


def display_p3() -> bytes:
    """Display P3 as an ICC file of version 2: its three primaries, and a gamma of 2.2."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    text = b"Display P3"
    name = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" * 79
    name += b"\0" * (-len(name) % 4)
    rights = b"text\0\0\0\0none\0\0\0\0"
    parts = {
        b"desc": name, b"cprt": rights, b"wtpt": xyz(0.9642, 1, 0.8249),
        b"rXYZ": xyz(0.5151, 0.2412, -0.0011), b"gXYZ": xyz(0.2920, 0.6922, 0.0419),
        b"bXYZ": xyz(0.1571, 0.0666, 0.7841), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    offset = 128 + 4 + 12 * len(parts)
    table, body = struct.pack(">I", len(parts)), b""
    for tag, data in parts.items():
        table += tag + struct.pack(">II", offset + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", 0, b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += (
        b"\0" * 12 + b"acsp" + b"\0" * 28 + fixed(0.9642) + fixed(1) + fixed(0.8249) + b"\0" * 48
    )
    profile = head + table + body
    return struct.pack(">I", len(profile)) + profile[4:]


@pytest.mark.parametrize(("form", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("JPEG", "RGB")])
def test_colours_of_another_profile_become_srgb(form: str, mode: str) -> None:
    pil_image = PIL.Image.new(mode, (32, 32), (200, 80, 80))
    plain = decode_image(encoded(pil_image, form, quality=100))
    image = decode_image(encoded(pil_image, form, quality=100, icc_profile=display_p3()))
    assert image.warnings == ()
    red, green, _ = image.rgb[16, 16].astype(int)
    # P3's red is redder than sRGB's can be.
    assert red > plain.rgb[16, 16, 0] + 5
    assert green < plain.rgb[16, 16, 1] - 5


def test_a_broken_profile_is_ignored_and_said() -> None:
    pil_image = PIL.Image.new("RGB", (32, 32), (200, 80, 80))
    image = decode_image(encoded(pil_image, "PNG", icc_profile=b"nonsense" * 40))
    assert image.rgb[0, 0].tolist() == [200, 80, 80]
    assert "colour profile" in image.warnings[0]


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_jpeg_without_its_last_bytes_is_read(cut: int, chelsea: Path) -> None:
    with PIL.Image.open(chelsea) as pil_image:
        data = encoded(pil_image.convert("RGB"), "JPEG", quality=90)
    image, whole = decode_image(data[:-cut]), decode_image(data)
    assert "lost its last bytes" in image.warnings[0]
    assert image.sha256 != whole.sha256
    assert np.array_equal(image.rgb[:-32], whole.rgb[:-32])
    assert inspect_image(data[:-cut])[0] == whole.size_hw


def pages(*sizes: tuple[int, int], subfile: int | None = 1) -> bytes:
    """A TIFF of pages, those after the first marked by the subfile tag."""
    out = io.BytesIO()
    images = [PIL.Image.new("RGB", size, (9 * i, 90, 200)) for i, size in enumerate(sizes)]
    for image in images[1:]:
        if subfile is not None:
            image.encoderinfo = {"tiffinfo": {254: subfile}}
    images[0].save(out, "TIFF", save_all=True, append_images=images[1:])
    return out.getvalue()


@pytest.mark.parametrize("subfile", [1, 4, 5])
def test_a_tiff_with_overviews_is_its_full_size_page(subfile: int) -> None:
    data = pages((180, 120), (90, 60), (45, 30), subfile=subfile)
    assert len(list(ImageSequence.Iterator(PIL.Image.open(io.BytesIO(data))))) == 3
    assert decode_image(data).size_hw == (120, 180)
    assert inspect_image(data)[0] == (120, 180)


def test_a_tiff_of_several_pages_is_refused() -> None:
    for function in (decode_image, inspect_image):
        with pytest.raises(AnimatedImageError, match="several pages"):
            function(pages((60, 40), (60, 40), subfile=None))


def raw_tiff(bits: int, kind: int, bands: int) -> bytes:
    """A TIFF of 4x4 zeros with samples that Pillow does not read."""
    tags = [
        (256, 3, 1, 4), (257, 3, 1, 4), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 200), (277, 3, 1, bands), (278, 3, 1, 4), (279, 4, 1, 16 * bands * bits // 8),
        (339, 3, 1, kind),
    ]  # fmt: skip
    body = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<I", 8) + body + b"\0\0\0\0"
    return head.ljust(200, b"\0") + b"\0" * (16 * bands * bits // 8)


@pytest.mark.parametrize(
    ("tiff", "reason"),
    [
        ((64, 3, 1), "1 band of 64-bit float"),
        ((16, 3, 1), "1 band of 16-bit float"),
        ((32, 3, 3), "3 bands of 32-bit float"),
        ((8, 1, 7), "7 bands of 8-bit integer"),
    ],
)
def test_a_tiff_beyond_pillow_is_refused_by_its_true_reason(
    tiff: tuple[int, int, int], reason: str
) -> None:
    with pytest.raises(InvalidImageError, match=reason):
        decode_image(raw_tiff(*tiff))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"P6\n2 2\n255\n............", "not a valid image"),
        (b"\0\0\x01\0\x01\0\x10\x10", "not a valid image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"%PDF-1.7\n", "PDF"),
        (b"8BPS\0\x01", "Photoshop"),
    ],
)
def test_other_formats_are_refused_by_name(data: bytes, reason: str) -> None:
    for function in (decode_image, inspect_image):
        with pytest.raises(InvalidImageError, match=reason):
            function(data)


class Tensor:
    """What a tensor of torch offers, without torch."""

    def __init__(self, pixels: np.ndarray[Any, Any]) -> None:
        self.pixels = pixels

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        return self.pixels


def test_everything_that_holds_an_image_is_read(chelsea: Path) -> None:
    rgb = load_image(chelsea).rgb
    unit = rgb.astype(np.float32) / 255
    data = chelsea.read_bytes()
    files = [io.BytesIO(data), bytearray(data), memoryview(data)]
    with chelsea.open("rb") as file:
        assert np.array_equal(load_image(file).rgb, rgb)
    opaque = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    arrays = [rgb, unit, unit.astype(np.float64), rgb.transpose(2, 0, 1), opaque]
    sources: list[Any] = [*files, *arrays, Tensor(unit.transpose(2, 0, 1))]
    for source in sources:
        assert np.array_equal(load_image(source).rgb, rgb)
    assert np.array_equal(load_image(rgb[:, :, 0]).rgb[:, :, 2], rgb[:, :, 0])


def truncated(chelsea: Path) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(chelsea.read_bytes()[:9000]))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda _: np.zeros((4, 4, 5), np.uint8), InvalidImageError),
        (lambda _: np.zeros((0, 4, 3), np.uint8), InvalidImageError),
        (lambda _: np.zeros((4, 4, 3), np.int64), InvalidImageError),
        (lambda _: np.full((4, 4, 3), 2.5), InvalidImageError),
        (lambda _: np.full((4, 4, 3), np.nan), InvalidImageError),
        (lambda _: np.zeros(4, np.uint8), InvalidImageError),
        (truncated, InvalidImageError),
        (lambda _: io.StringIO("text"), InvalidImageError),
        (lambda _: object(), InvalidImageError),
        (lambda _: [[1, 2], [3, 4]], InvalidImageError),
        (lambda path: path.parent, NoImageError),
        (lambda _: "", NoImageError),
        (lambda _: None, NoImageError),
    ],
)
def test_every_error_is_one_of_ours(make: Any, kind: type[EdgeSegError], chelsea: Path) -> None:
    with pytest.raises(kind):
        EdgeSegAI("fake", "fake", "fake").segment_image(image=make(chelsea), prompt="cat")


def test_warnings_of_an_image_are_in_the_result(gray: UInt8Array) -> None:
    data = encoded(PIL.Image.fromarray(gray.astype(np.uint16) * 16), "PNG")
    result = EdgeSegAI("nano", "nano", "nano").segment_image(data, "cat")
    assert "stretched" in result.result.warnings[0]
    assert [each.label for each in result.objects] == ["cat"]
