"""How much an export may hold, judged before any mask is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseg.codecs import rle_vertices
from edgeseg.errors import ExportTooLargeError, ImageTooLargeError
from edgeseg.exporters.base import Dataset


@dataclass(frozen=True)
class Limits:
    """Most pixels of one image, and what a whole export may hold; None: any number.

    ``max_pixels`` counts the pixels of an image once for itself and once for each of its masks,
    ``max_vertices`` the corners of all masks, for formats whose cost grows with them;
    ``max_image_bytes`` is what the files of all images may hold together.
    """

    max_image_pixels: int | None = None
    max_objects: int | None = None
    max_pixels: int | None = None
    max_vertices: int | None = None
    max_image_bytes: int | None = None

    def check(self, dataset: Dataset, has_outlines: bool) -> None:
        """Raise ImageTooLargeError or ExportTooLargeError for a data set beyond the limits."""
        objects = pixels = vertices = 0
        for item in dataset.items:
            height, width = item.size_hw
            if self.max_image_pixels is not None and height * width > self.max_image_pixels:
                raise ImageTooLargeError(
                    f"{item.file_name}: the image has {width}x{height} pixels; at most "
                    f"{self.max_image_pixels:,} are allowed.",
                    max_pixels=self.max_image_pixels,
                )
            objects += len(item.objects)
            pixels += height * width * (1 + len(item.objects))
            _check("objects", objects, self.max_objects)
            _check("pixels in all masks", pixels, self.max_pixels)
            if has_outlines and self.max_vertices is not None:
                for each in item.objects:
                    vertices += rle_vertices(each.mask)
                    _check("vertices in all masks", vertices, self.max_vertices)

    def check_image_bytes(self, size_bytes: int) -> None:
        """Raise ExportTooLargeError where the files of all images hold more than they may."""
        _check("bytes of images", size_bytes, self.max_image_bytes)


NO_LIMITS = Limits()


def _check(what: str, value: int, limit: int | None) -> None:
    if limit is not None and value > limit:
        raise ExportTooLargeError(
            f"The export has more than {limit:,} {what}; export fewer results or objects at a "
            "time.",
            limit=limit,
        )
