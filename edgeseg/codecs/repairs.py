"""Files that are not quite what they should be: JPEGs without an end, TIFFs with overviews."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image

from edgeseg.errors import AnimatedImageError

END_OF_JPEG = b"\xff\xd9"
# So many bytes less must change the lowest rows only, if nearly all of the image is there.
_CUTS = (64, 512, 4096)
_LOWEST_ROWS = 32
MAX_PAGES = 64
_SUBFILE, _OLD_SUBFILE = 254, 255
_REDUCED, _MASK = 1, 4


def mended_jpeg(data: bytes) -> bytes | None:
    """Return a JPEG that lost its last bytes with an end put on; None where more is missing.

    How much is missing cannot be read off the file. So it is decoded with a few bytes less, too:
    where only the lowest rows differ, the data had reached them.
    """
    whole = data.rstrip(b"\0").removesuffix(END_OF_JPEG[:1]) + END_OF_JPEG
    pixels = _decoded(whole)
    if pixels is None:
        return None
    for cut in _CUTS:
        less = _decoded(data[: max(0, len(data) - cut)] + END_OF_JPEG)
        if less is None:
            return None
        differing = np.flatnonzero((pixels != less).reshape(len(pixels), -1).any(axis=1))
        if len(differing):
            return whole if differing[0] >= len(pixels) - _LOWEST_ROWS else None
    return None


def select_page(pil_image: PIL.Image.Image) -> None:
    """Seek the one full-size page of a TIFF that has overviews, a thumbnail or a mask besides.

    Raises AnimatedImageError for a file of several pages.
    """
    full = []
    for page in range(MAX_PAGES):
        try:
            pil_image.seek(page)
        except EOFError:
            break
        tags = pil_image.tag_v2  # type: ignore[attr-defined]
        is_part = int(tags.get(_SUBFILE, 0)) & (_REDUCED | _MASK) or tags.get(_OLD_SUBFILE) == 2
        if not is_part:
            full.append(page)
    if len(full) != 1:
        raise AnimatedImageError("The TIFF has several pages; send each as an image of its own.")
    pil_image.seek(full[0])


def _decoded(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
    """Return the pixels of a JPEG, None for one that is broken."""
    try:
        with PIL.Image.open(io.BytesIO(data), formats=("JPEG",)) as pil_image:
            pil_image.load()
            return np.asarray(pil_image.convert("RGB"))
    except Exception:
        return None
