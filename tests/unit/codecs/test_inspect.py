"""inspect_image agrees with decode_image, which costs more."""

from __future__ import annotations

import io
from pathlib import Path

import PIL.Image
import pytest

from edgeseg.codecs import decode_image, inspect_image
from edgeseg.errors import AnimatedImageError, EdgeSegError, ImageTooLargeError, InvalidImageError


def saved(photo: PIL.Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    photo.save(out, kind, **options)
    return out.getvalue()


@pytest.fixture
def photo(chelsea: Path) -> PIL.Image.Image:
    return PIL.Image.open(chelsea).convert("RGB")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_size_and_hash_are_those_of_the_decoded_image(
    photo: PIL.Image.Image, kind: str, orientation: int
) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    data = saved(photo, kind, exif=exif)
    image = decode_image(data)
    assert inspect_image(data) == (image.size_hw, image.sha256)
    assert inspect_image(data, to_the_end=False) == (image.size_hw, image.sha256)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_file_that_breaks_off_is_found(
    photo: PIL.Image.Image, kind: str, mode: str, part: float
) -> None:
    data = saved(photo.convert(mode), kind)
    broken = data[: int(len(data) * part)]
    for function in (decode_image, inspect_image):
        with pytest.raises(InvalidImageError):
            function(broken)


def test_limits_and_frames_are_seen_in_the_head(photo: PIL.Image.Image) -> None:
    still = saved(photo, "JPEG")
    moving = saved(photo, "GIF", save_all=True, append_images=[photo.rotate(90)])
    bad: list[tuple[bytes, dict[str, int], type[EdgeSegError]]] = [
        (still, {"max_bytes": 100}, ImageTooLargeError),
        (still, {"max_pixels": 100}, ImageTooLargeError),
        (moving, {}, AnimatedImageError),
        (b"words", {}, InvalidImageError),
    ]
    for data, limits, expected in bad:
        with pytest.raises(expected):
            inspect_image(data, to_the_end=False, **limits)
