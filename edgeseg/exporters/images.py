"""The images of an export: files that lie where the readers of its format look for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from edgeseg.codecs import inspect_image, upright_file
from edgeseg.errors import InvalidParameterError
from edgeseg.exporters.base import Dataset, Format, Item
from edgeseg.exporters.limits import Limits

# What formats write beside images.
_SUFFIXES = (".json", ".geojson")


def image_files(dataset: Dataset, chosen: Format, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """Yield the path of each image within the data set, and its file, read when it is its turn.

    Files are copied to the byte, but those with an EXIF orientation are written upright, as the
    masks are: not every reader turns images. Raises InvalidParameterError for a result without an
    image, with one of another size, or with a name that a file of the format has,
    ExportTooLargeError beyond the limits, and what reading and `upright_file` raise.
    """
    size_bytes = 0
    names_taken = {f"{item.stem}{suffix}" for item in dataset.items for suffix in _SUFFIXES}
    for item in dataset.items:
        data = _upright(item)
        size_bytes += len(data)
        limits.check_image_bytes(size_bytes)
        path = image_path(item, chosen)
        if path in names_taken:
            raise InvalidParameterError(
                f"{path}: the image has the name of a file of {chosen.title}; rename the image."
            )
        yield path, data


def image_path(item: Item, chosen: Format) -> str:
    """Return where a format's readers look for an image, relative to the data set's folder."""
    return f"{chosen.image_folder}/{item.file_name}" if chosen.image_folder else item.file_name


def _upright(item: Item) -> bytes:
    if item.read_image is None:
        raise InvalidParameterError(
            f"{item.file_name}: the result has no image with it; export it without images."
        )
    data = item.read_image()
    # What an image may be was decided when it was segmented; here only its head is read.
    size_hw, _ = inspect_image(data, max_bytes=len(data), max_pixels=sys.maxsize, to_the_end=False)
    if size_hw != item.size_hw:
        raise InvalidParameterError(
            f"{item.file_name}: the image has {size_hw[1]}x{size_hw[0]} pixels and its result "
            f"{item.size_hw[1]}x{item.size_hw[0]}: it is another image, or was changed since."
        )
    return upright_file(data)
