"""Decoding of image bytes to upright RGB, with limits checked before any pixel is decoded."""

from __future__ import annotations

import base64
import hashlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageOps

from edgeseg.codecs.formats import FORMATS, format_of, webp_size, why_tiff_is_not_read
from edgeseg.codecs.pixels import to_rgb
from edgeseg.codecs.repairs import END_OF_JPEG, mended_jpeg, select_page
from edgeseg.errors import (
    AnimatedImageError,
    EdgeSegError,
    ImageTooLargeError,
    InvalidImageError,
    NoImageError,
    NotEnoughMemoryError,
)
from edgeseg.memory_errors import is_memory_error
from edgeseg.settings import Settings
from edgeseg.types import Image, UInt8Array

# What a decoder takes: planes of its own, and the pixels in RGBA.
BYTES_PER_PIXEL = 8
_CUT_OFF = "The JPEG lost its last bytes; nearly all of it was read."
_DEFAULTS = Settings.model_fields

# Larger images are checked to their end by the worker alone: a decoder may take 18 bytes a pixel.
MAX_CHECKED_PIXELS = 8_000_000


def decode_image(
    data: bytes,
    *,
    max_bytes: int = _DEFAULTS["max_image_bytes"].default,
    max_pixels: int = _DEFAULTS["max_image_pixels"].default,
) -> Image:
    """Decode an image file into upright RGB with alpha on white.

    Raises NoImageError for no bytes, ImageTooLargeError past a limit, AnimatedImageError for
    several frames or pages, InvalidImageError for anything else that cannot be read.
    """
    return _decode(data, data, max_bytes, max_pixels)


def _decode(data: bytes, original: bytes, max_bytes: int, max_pixels: int) -> Image:
    try:
        with _checked(data, max_bytes, max_pixels) as pil_image:
            pil_image.load()
            rgb, warnings = to_rgb(_upright(pil_image))
    except InvalidImageError:
        mended = mended_jpeg(data) if data is original and format_of(data) == "JPEG" else None
        if mended is None:
            raise
        image = _decode(mended, original, max_bytes + len(END_OF_JPEG), max_pixels)
        return replace(image, warnings=(*image.warnings, _CUT_OFF))
    return Image(rgb, hashlib.sha256(original).hexdigest(), tuple(warnings))


def decode_pil(pil_image: PIL.Image.Image) -> Image:
    """Return an Image of a Pillow image: upright, in sRGB, with alpha on white.

    Raises InvalidImageError for one whose file is broken, and NotEnoughMemoryError.
    """
    try:
        pil_image.load()
        rgb, warnings = to_rgb(_upright(pil_image))
    except Exception as error:
        if is_memory_error(error):
            raise _no_memory(pil_image) from error
        raise InvalidImageError(f"The image is broken or ends too early: {error}.") from error
    return replace(Image.from_array(rgb), warnings=tuple(warnings))


def inspect_image(
    data: bytes,
    *,
    max_bytes: int = _DEFAULTS["max_image_bytes"].default,
    max_pixels: int = _DEFAULTS["max_image_pixels"].default,
    to_the_end: bool = True,
) -> tuple[tuple[int, int], str]:
    """Check an image file as `decode_image` does; return (height, width) and its hash.

    Costs less: a baseline JPEG is read to its end, but turned into an eighth of its pixels only,
    and of large images in other formats only the head is read. Without ``to_the_end`` it is the
    head of every image, so that a file that breaks off may pass.
    """
    with _checked(data, max_bytes, max_pixels) as pil_image:
        width, height = pil_image.size
        if to_the_end and _is_cheap(pil_image):
            pil_image.draft(None, (max(1, width // 8), max(1, height // 8)))
            _load_or_mend(pil_image, data)
        # Pillow turns a TIFF by itself, and gives its size as turned from the start.
        if pil_image.format != "TIFF" and _orientation(pil_image) >= 5:
            width, height = height, width
    return (height, width), hashlib.sha256(data).hexdigest()


def _is_cheap(pil_image: PIL.Image.Image) -> bool:
    """Whether decoding takes little memory; of a progressive JPEG everything is held."""
    is_baseline = pil_image.format in ("JPEG", "MPO") and not pil_image.info.get("progressive")
    return is_baseline or pil_image.width * pil_image.height <= MAX_CHECKED_PIXELS


def _load_or_mend(pil_image: PIL.Image.Image, data: bytes) -> None:
    try:
        pil_image.load()
    except OSError:
        if pil_image.format != "JPEG" or mended_jpeg(data) is None:
            raise


def encode_png(pil_image: PIL.Image.Image | UInt8Array) -> bytes:
    """Return a PNG of a Pillow image or of (H, W, 3) or (H, W) uint8 pixels."""
    if isinstance(pil_image, np.ndarray):
        pil_image = PIL.Image.fromarray(pil_image)
    out = io.BytesIO()
    # Level 1 is some three times as fast as the default and a few per cent larger.
    pil_image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def encode_jpeg(pil_image: PIL.Image.Image, quality: int = 80) -> bytes:
    """Return a JPEG of an RGB image; ``quality`` is libjpeg's, 1 to 95."""
    out = io.BytesIO()
    pil_image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def upright_file(data: bytes) -> bytes:
    """Return an image file as it is, or one with an EXIF orientation written anew, upright in sRGB.

    The kind of file stays; JPEG is written with quality 95, other kinds without loss where they
    can. For readers that do not turn images. Raises what `decode_image` raises.
    """
    with _checked(data, len(data), sys.maxsize) as pil_image:
        kind = "JPEG" if pil_image.format == "MPO" else str(pil_image.format)
        if _orientation(pil_image) <= 1:
            return data
    image = _decode(data, data, len(data), sys.maxsize)
    out = io.BytesIO()
    more = {"lossless": True} if kind == "WEBP" else {"quality": 95}
    PIL.Image.fromarray(image.rgb).save(out, kind, **more)
    return out.getvalue()


def to_base64(data: bytes) -> str:
    """Return ASCII base64 without line breaks."""
    return base64.b64encode(data).decode("ascii")


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
    with _open(data, max_pixels) as pil_image:
        _check_size(pil_image.size, max_pixels)
        try:
            _check_frames(pil_image)
            # The page that was chosen may be larger than the first.
            _check_size(pil_image.size, max_pixels)
            yield pil_image
        except EdgeSegError:
            raise
        # Decoders raise errors of every class when bytes make no sense.
        except Exception as error:
            width, height = pil_image.size
            if is_memory_error(error) or _is_short_of(width * height * BYTES_PER_PIXEL):
                raise _no_memory(pil_image) from error
            raise InvalidImageError(
                f"The {pil_image.format} image is broken or ends too early: {error}."
            ) from error


def _check_frames(pil_image: PIL.Image.Image) -> None:
    # Frames are not counted: that takes seconds when there are a million. MPO is how cameras store
    # a photo with a second view or a preview.
    if pil_image.format == "MPO" or not getattr(pil_image, "is_animated", False):
        return
    if pil_image.format != "TIFF":
        raise AnimatedImageError(
            f"The {pil_image.format} image has several frames; send one of them."
        )
    select_page(pil_image)


def _open(data: bytes, max_pixels: int) -> PIL.Image.Image:
    kind = format_of(data)
    size_wh = webp_size(data) if kind == "WEBP" else None
    if size_wh is not None:
        _check_size(size_wh, max_pixels)
    try:
        return PIL.Image.open(io.BytesIO(data), formats=_readable())
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise ImageTooLargeError(
            f"The image has too many pixels; at most {max_pixels:,} are allowed.",
            max_pixels=max_pixels,
        ) from error
    except PIL.UnidentifiedImageError as error:
        reason = why_tiff_is_not_read(data) if kind == "TIFF" else None
        raise InvalidImageError(reason or f"The {kind} image is broken.") from error
    except Exception as error:
        # libwebp takes its memory here, and does not say so when there is none.
        needed = size_wh[0] * size_wh[1] * BYTES_PER_PIXEL if size_wh else 0
        if is_memory_error(error) or _is_short_of(needed):
            raise _no_memory() from error
        raise InvalidImageError(f"The image is broken: {error}.") from error


def _is_short_of(size_bytes: int) -> bool:
    """Whether so much memory cannot be had now: libwebp and libavif do not say why they fail."""
    try:
        np.empty(size_bytes, np.uint8)
    except MemoryError:
        return True
    return False


def _no_memory(pil_image: PIL.Image.Image | None = None) -> NotEnoughMemoryError:
    size = "" if pil_image is None else f" of {pil_image.width}x{pil_image.height} pixels"
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


def _upright(pil_image: PIL.Image.Image) -> PIL.Image.Image:
    """Apply the EXIF orientation; a damaged EXIF block says nothing about it."""
    try:
        # Pillow copies the whole image even when there is nothing to turn.
        return PIL.ImageOps.exif_transpose(pil_image) if _orientation(pil_image) > 1 else pil_image
    except MemoryError:
        raise
    except Exception:
        return pil_image


def _orientation(pil_image: PIL.Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 when there is none that makes sense."""
    # To look for EXIF data behind the pixels of a PNG, Pillow would decode all of it.
    if pil_image.format == "PNG" and "exif" not in pil_image.info:
        return 1
    try:
        number = pil_image.getexif().get(PIL.ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return number if isinstance(number, int) and 1 <= number <= 8 else 1
