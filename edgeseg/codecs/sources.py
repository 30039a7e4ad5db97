"""What an image may be given as: a path, bytes, an open file, pixels or a Pillow image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import PIL.Image

from edgeseg.codecs.image import decode_image, decode_pil, encode_png
from edgeseg.errors import InvalidImageError, NoImageError
from edgeseg.settings import Settings, get_settings
from edgeseg.types import Image, UInt8Array


class Readable(Protocol):
    """An open binary file."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most so many bytes."""


# ``Any`` stands for tensors, whose class only their own library knows.
ImageSource = (
    Image | UInt8Array | PIL.Image.Image | bytes | bytearray | str | os.PathLike[str] | Readable
)
_EXPECTED = (
    "image: expected a path, bytes, an open binary file, a Pillow image, or an array or tensor of "
    "(H, W), (H, W, 3) or (3, H, W) uint8, or floats from 0 to 1"
)


def load_image(source: ImageSource | Any, settings: Settings | None = None) -> Image:
    """Return an Image of any source.

    Raises NoImageError for a path without a file, InvalidImageError for an invalid image,
    and what `decode_image` raises.
    """
    if isinstance(source, Image):
        return source
    if isinstance(source, PIL.Image.Image):
        return decode_pil(source)
    limits = settings or get_settings()
    data = _bytes_of(source, limits.max_image_bytes)
    if data is not None:
        return decode_image(
            data, max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels
        )
    return Image.from_array(_array_of(source))


def file_bytes(source: ImageSource | Any, max_bytes: int | None = None) -> bytes:
    """Return any source as the bytes of a file; pixels become a PNG.

    Raises what `load_image` raises.
    """
    data = _bytes_of(source, max_bytes)
    if data is not None:
        return data
    return encode_png(load_image(source).rgb)


def _bytes_of(source: object, max_bytes: int | None) -> bytes | None:
    """Return what a path, bytes or an open file hold; None for anything else.

    At most a byte beyond the limit is read, so that the limit's own check can refuse it.
    """
    size = -1 if max_bytes is None else max_bytes + 1
    if source is None:
        raise NoImageError("No image was given: pass image_path or image.")
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    try:
        if isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as file:
                return file.read(size)
        if hasattr(source, "read"):
            data = source.read(size)
            if not isinstance(data, bytes):
                raise InvalidImageError(
                    "image: the file is open as text; open it as binary ('rb')."
                )
            return data
    # ValueError: a zero character in a name, or a file that was closed.
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NoImageError(f"Cannot read {source}: {reason}.") from error
    return None


def _array_of(source: Any) -> UInt8Array:
    """Return (H, W, 3) uint8 of an array or tensor; raises InvalidImageError for others."""
    if hasattr(source, "detach"):
        source = source.detach().cpu()
    if not isinstance(source, np.ndarray) and not hasattr(source, "__array__"):
        raise InvalidImageError(f"{_EXPECTED}; got {type(source).__name__}.")
    pixels: np.ndarray[Any, Any] = np.asarray(source)
    got = f"{_EXPECTED}; got shape {pixels.shape} of {pixels.dtype}"
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4) and pixels.shape[0] in (1, 3):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        raise InvalidImageError(f"{got}.")
    if pixels.dtype.kind == "f":
        if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
            raise InvalidImageError(f"{got}, with values beyond 0 to 1.")
        pixels = np.rint(pixels * 255).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise InvalidImageError(f"{got}.")
    if pixels.shape[2] == 4:
        return decode_pil(PIL.Image.fromarray(np.ascontiguousarray(pixels))).rgb
    return np.ascontiguousarray(np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels)
