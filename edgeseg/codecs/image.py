"""Image bytes to pixels as people see them, with limits checked before anything is decoded."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.ExifTags
import PIL.Image
import PIL.ImageOps

from edgeseg.errors import (
    AnimatedImageError,
    EdgeSegError,
    ImageTooLargeError,
    InvalidImageError,
    NoImageError,
    NotEnoughMemoryError,
    is_memory_error,
)
from edgeseg.settings import Settings, get_settings
from edgeseg.types import Image, UInt8Array

# Formats of pictures; leaves out those that run programs (EPS), that are no pictures (PDF, video)
# and that any bytes could be (TGA).
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000")
_SUFFIXES = "jpg jpeg jpe jfif mpo png webp bmp gif tif tiff ppm pgm pbm avif jp2"
SUFFIXES = frozenset(f".{name}" for name in _SUFFIXES.split(" "))
# What a decoder takes: planes of its own, and the pixels in RGBA.
BYTES_PER_PIXEL = 8
MAX_WEBP_PIXELS = 16383**2
_DEFAULTS = Settings.model_fields

ImageSource = Image | UInt8Array | PIL.Image.Image | bytes | str | Path


def decode_image(
    data: bytes,
    *,
    max_bytes: int = _DEFAULTS["max_image_bytes"].default,
    max_pixels: int = _DEFAULTS["max_image_pixels"].default,
) -> Image:
    """Decode a picture file into upright RGB with alpha on white.

    Raises NoImageError for no bytes, ImageTooLargeError past a limit, AnimatedImageError for
    several frames or pages, InvalidImageError for anything else that cannot be read.
    """
    with _checked(data, max_bytes, max_pixels) as picture:
        picture.load()
        rgb = _to_rgb(_upright(picture))
    return Image(rgb, hashlib.sha256(data).hexdigest())


def inspect_image(
    data: bytes,
    *,
    max_bytes: int = _DEFAULTS["max_image_bytes"].default,
    max_pixels: int = _DEFAULTS["max_image_pixels"].default,
    to_the_end: bool = True,
) -> tuple[tuple[int, int], str]:
    """Check a picture file as :func:`decode_image` does; return (height, width) and its hash.

    Costs less: a JPEG is read to its end, but turned into an eighth of its pixels only. Without
    ``to_the_end`` only the head is read, so that a file that breaks off may pass.
    """
    with _checked(data, max_bytes, max_pixels) as picture:
        width, height = picture.size
        if to_the_end:
            picture.draft(None, (max(1, width // 8), max(1, height // 8)))
            picture.load()
        # Pillow turns a TIFF by itself, and gives its size as turned from the start.
        if picture.format != "TIFF" and _orientation(picture) >= 5:
            width, height = height, width
    return (height, width), hashlib.sha256(data).hexdigest()


def load_image(source: ImageSource, settings: Settings | None = None) -> Image:
    """Return an Image from a path, file bytes, (H, W, 3) uint8 pixels or a Pillow image.

    Raises NoImageError for a path without a file, TypeError for anything else, and what
    :func:`decode_image` raises.
    """
    if isinstance(source, Image):
        return source
    if isinstance(source, np.ndarray):
        return Image.from_array(source)
    if isinstance(source, PIL.Image.Image):
        return Image.from_array(_to_rgb(_upright(source)))
    limits = settings or get_settings()
    if isinstance(source, str | Path):
        source = _read(Path(source), limits.max_image_bytes)
    if isinstance(source, bytes):
        return decode_image(
            source, max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels
        )
    raise TypeError(
        "image: expected a path, bytes, a numpy array, a Pillow image or an Image, "
        f"got {type(source).__name__}"
    )


def encode_png(picture: PIL.Image.Image | UInt8Array) -> bytes:
    """Return a PNG of a Pillow image or of (H, W, 3) or (H, W) uint8 pixels."""
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    out = io.BytesIO()
    # Level 1 is some three times as fast as the default and a few per cent larger.
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def to_base64(data: bytes) -> str:
    """Return ASCII base64 without line breaks."""
    return base64.b64encode(data).decode("ascii")


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    # ValueError: a zero character in the name.
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NoImageError(f"Cannot read {path}: {reason}.") from error


@cache
def _readable() -> tuple[str, ...]:
    """Return the formats that this build of Pillow can read, after loading its readers once."""
    PIL.Image.init()
    return tuple(name for name in FORMATS if name in PIL.Image.OPEN)


@contextmanager
def _checked(data: bytes, max_bytes: int, max_pixels: int) -> Iterator[PIL.Image.Image]:
    """Open a file within the limits, and translate what goes wrong while it is decoded."""
    if not data:
        raise NoImageError("The image is empty: it has no bytes.")
    if len(data) > max_bytes:
        raise ImageTooLargeError(
            f"The image has {len(data):,} bytes; at most {max_bytes:,} are allowed.",
            got_bytes=len(data),
            max_bytes=max_bytes,
        )
    with _open(data, max_pixels) as picture:
        _check_size(picture.size, max_pixels)
        try:
            # MPO is how cameras store a photo with a second view or a preview. Frames are not
            # counted: that takes seconds when there are a million.
            if picture.format != "MPO" and getattr(picture, "is_animated", False):
                raise AnimatedImageError(
                    f"The {picture.format} image has several frames or pages; send one picture."
                )
            yield picture
        except EdgeSegError:
            raise
        # Decoders raise errors of every class when bytes make no sense.
        except Exception as error:
            width, height = picture.size
            if is_memory_error(error) or _is_short_of(width * height * BYTES_PER_PIXEL):
                raise _no_memory(picture) from error
            raise InvalidImageError(
                f"The {picture.format} image is broken or ends too early: {error}."
            ) from error


def _open(data: bytes, max_pixels: int) -> PIL.Image.Image:
    try:
        return PIL.Image.open(io.BytesIO(data), formats=_readable())
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise ImageTooLargeError(
            f"The image has too many pixels; at most {max_pixels:,} are allowed.",
            max_pixels=max_pixels,
        ) from error
    except PIL.UnidentifiedImageError as error:
        raise InvalidImageError(
            "The file is no image that can be read; send JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF."
        ) from error
    except Exception as error:
        # libwebp takes its memory here, before the size is known.
        most = min(max_pixels, MAX_WEBP_PIXELS)
        if is_memory_error(error) or _is_short_of(most * BYTES_PER_PIXEL):
            raise _no_memory() from error
        raise InvalidImageError(f"The image is broken: {error}.") from error


def _is_short_of(size_bytes: int) -> bool:
    """Whether so much memory cannot be had now: libwebp and libavif do not say why they fail."""
    try:
        np.empty(size_bytes, np.uint8)
    except MemoryError:
        return True
    return False


def _no_memory(picture: PIL.Image.Image | None = None) -> NotEnoughMemoryError:
    size = "" if picture is None else f" of {picture.width}x{picture.height} pixels"
    return NotEnoughMemoryError(
        f"There is not enough memory to decode the image{size}; try again, or send a smaller one."
    )


def _check_size(size_wh: tuple[int, int], max_pixels: int) -> None:
    width, height = size_wh
    if width * height > max_pixels:
        raise ImageTooLargeError(
            f"The image has {width}x{height} = {width * height:,} pixels; "
            f"at most {max_pixels:,} are allowed.",
            got_pixels=width * height,
            max_pixels=max_pixels,
        )
    if width < 1 or height < 1:
        raise InvalidImageError(f"The image has no pixels: {width}x{height}.")


def _upright(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Apply the EXIF orientation; a damaged EXIF block says nothing about it."""
    try:
        # Pillow copies the whole picture even when there is nothing to turn.
        return PIL.ImageOps.exif_transpose(picture) if _orientation(picture) > 1 else picture
    except MemoryError:
        raise
    except Exception:
        return picture


def _orientation(picture: PIL.Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 when there is none that makes sense."""
    try:
        number = picture.getexif().get(PIL.ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return number if isinstance(number, int) and 1 <= number <= 8 else 1


def _to_rgb(picture: PIL.Image.Image) -> UInt8Array:
    """Return (H, W, 3) uint8 of a picture in any mode of Pillow."""
    if picture.mode.startswith(("I", "F")):
        gray = _to_8_bit(np.asarray(picture))
        return np.repeat(gray[:, :, None], 3, axis=2)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = PIL.Image.new("RGB", picture.size, "white")
        picture.paste(layer, mask=layer)
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _to_8_bit(gray: npt.NDArray[np.generic]) -> UInt8Array:
    """Scale wide grayscale (H, W) to 0..255: 16 bits by their full range, others by content."""
    if gray.dtype == np.uint16:
        # A 257th, rounded; the sum stays within 32 bits.
        eight: UInt8Array = ((gray.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)
        return eight
    values = np.nan_to_num(gray.astype(np.float32))
    low, high = float(values.min()), float(values.max())
    if gray.dtype.kind in "ui" and low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    values -= low
    values *= 255.0 / max(high - low, 1e-12)
    scaled: UInt8Array = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return scaled
