"""Pixels of every mode of Pillow to 8-bit sRGB with alpha on white."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ImageCms

from edgeseg.types import UInt8Array

# Ranges that values are usually meant in: a unit, 8 and 16 bits.
RANGES = (1.0, 255.0, 65535.0)
# Values are taken in a range when they span this share of it; narrower ones would show nothing.
SPANNED = 0.5
PERCENTILES = (0.5, 99.5)
_AS_8_BIT = "The image's values lie within 0 to 255 and were taken as 8-bit values."
# Beyond, a float is a mark for "no data" and no measurement.
NO_DATA = 1e30
_GDAL_NO_DATA = 42113


def to_rgb(pil_image: PIL.Image.Image) -> tuple[UInt8Array, list[str]]:
    """Return (H, W, 3) uint8 sRGB of an image, and warnings about what was changed in it."""
    if pil_image.mode.startswith(("I", "F")):
        gray, warnings = to_8_bit(np.asarray(pil_image), _no_data(pil_image))
        return np.repeat(gray[:, :, None], 3, axis=2), warnings
    pil_image, warnings = in_srgb(pil_image)
    if pil_image.has_transparency_data:
        layer = pil_image.convert("RGBA")
        pil_image = PIL.Image.new("RGB", pil_image.size, "white")
        pil_image.paste(layer, mask=layer)
    return np.asarray(pil_image if pil_image.mode == "RGB" else pil_image.convert("RGB")), warnings


def in_srgb(pil_image: PIL.Image.Image) -> tuple[PIL.Image.Image, list[str]]:
    """Convert colours by the ICC profile of an image to sRGB, keeping its transparency.

    Without a profile, or with sRGB's own, the image stays as it is, to the bit. A profile that
    cannot be used is left out, with a warning.
    """
    data = pil_image.info.get("icc_profile")
    if not data or pil_image.mode not in ("RGB", "RGBA", "L", "LA", "CMYK"):
        return pil_image, []
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        if "srgb" in ImageCms.getProfileDescription(profile).lower():
            return pil_image, []
        alpha = pil_image.getchannel("A") if pil_image.mode in ("RGBA", "LA") else None
        colours = pil_image.convert(pil_image.mode.removesuffix("A")) if alpha else pil_image
        converted = ImageCms.profileToProfile(
            colours, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        return pil_image, [
            f"The image's colour profile was ignored, since it cannot be used: {error}."
        ]
    if converted is None:
        return pil_image, []
    if alpha is not None:
        converted.putalpha(alpha)
    return converted, []


def to_8_bit(
    gray: npt.NDArray[np.generic], no_data: float | None = None
) -> tuple[UInt8Array, list[str]]:
    """Scale wide grayscale (H, W) to 0..255.

    Values that span a usual range (0 to 1, 255 or 65,535) are scaled by it. Others, such as 12-bit
    values in 16 bits or temperatures, are stretched between their percentiles 0.5 and 99.5, with a
    warning. What is not finite, or marked as no data, counts for nothing and becomes black.

        12-bit values, 48 to 3,088   ->   0 at 60, 255 at 2,990, "values ... were stretched"
    """
    if gray.dtype == np.uint16 and _spans(float(gray.min()), float(gray.max()), 65535.0):
        # A 257th, rounded; the sum stays within 32 bits.
        eight: UInt8Array = ((gray.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)
        return eight, []
    values = gray.astype(np.float32)
    valid = np.isfinite(values) & (np.abs(values) < NO_DATA)
    if no_data is not None:
        valid &= values != np.float32(no_data)
    if not valid.any():
        return np.zeros(gray.shape, np.uint8), ["The image has no valid values: it is black."]
    low, high, warnings = _limits(values[valid], is_float=gray.dtype.kind == "f")
    scaled = np.clip((values - low) * (255.0 / max(high - low, 1e-12)), 0, 255)
    result: UInt8Array = np.where(valid, np.rint(scaled), 0).astype(np.uint8)
    return result, warnings


def _limits(valid: npt.NDArray[np.float32], is_float: bool) -> tuple[float, float, list[str]]:
    """Return the values that become 0 and 255, and a warning where they are percentiles."""
    low, high = float(valid.min()), float(valid.max())
    for top in RANGES if is_float else RANGES[1:]:
        if _spans(low, high, top):
            is_narrow = not is_float and top < RANGES[-1]
            return 0.0, top, [_AS_8_BIT] if is_narrow else []
    if low == high:
        # One value throughout: there is nothing to stretch.
        return 0.0, next((top for top in RANGES if 0 <= high <= top), max(high, 1.0)), []
    first, last = (float(value) for value in np.percentile(valid, PERCENTILES))
    if first == last:
        first, last = low, high
    return first, last, [
        f"The image's values, {low:g} to {high:g}, span no usual range; those from {first:g} to "
        f"{last:g} were stretched to black and white."
    ]  # fmt: skip


def _spans(low: float, high: float, top: float) -> bool:
    return low >= 0 and high <= top and high - low >= SPANNED * top


def _no_data(pil_image: PIL.Image.Image) -> float | None:
    """Return the value that a GeoTIFF marks missing pixels with."""
    tags = getattr(pil_image, "tag_v2", {})
    try:
        return float(str(tags[_GDAL_NO_DATA]).strip("\0 "))
    except (KeyError, ValueError):
        return None
