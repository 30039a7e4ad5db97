"""Results as files of other tools' formats: one finished result or many, a file or a zip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from edgeseg.errors import UnknownFormatError
from edgeseg.exporters.base import Dataset, Files, Format, ImageResult
from edgeseg.exporters.coco import COCO, COCO_RLE
from edgeseg.exporters.cvat import CVAT
from edgeseg.exporters.geojson import GEOJSON
from edgeseg.exporters.images import image_files
from edgeseg.exporters.label_map import LABEL_MAP
from edgeseg.exporters.label_studio import LABEL_STUDIO
from edgeseg.exporters.labelme import LABELME
from edgeseg.exporters.limits import NO_LIMITS, Limits
from edgeseg.exporters.names import check_files, check_prefix
from edgeseg.exporters.yolo import YOLO

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (COCO, COCO_RLE, YOLO, LABELME, CVAT, LABEL_STUDIO, LABEL_MAP, GEOJSON)
}
MEDIA_TYPES = {
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".xml": "application/xml",
    ".zip": "application/zip",
}
# The first moment that a zip file can tell: the same files make the same bytes on any day.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
# Deflating them once more costs time and gains nothing.
_COMPRESSED = frozenset({".jpg", ".jpeg", ".webp", ".avif"})


@dataclass(frozen=True)
class Export:
    """A file to hand out: a name to suggest, its media type and its bytes."""

    file_name: str
    media_type: str
    data: bytes


def find_format(name: str) -> Format:
    """Return the format of this name; raises UnknownFormatError, which lists them all."""
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise UnknownFormatError(
            f"There is no format {name[:64]!r}; choose one of {known}.", known=list(FORMATS)
        )
    return FORMATS[name]


def export_files(
    image_results: Sequence[ImageResult],
    format_name: str,
    limits: Limits = NO_LIMITS,
    *,
    image_prefix: str = "",
) -> Files:
    """Return the files of a format, by their path within a folder; images are not among them.

    ``image_prefix`` goes before the path of an image in a format that holds addresses. Raises
    UnknownFormatError, InvalidParameterError for results that cannot be exported, and
    ImageTooLargeError or ExportTooLargeError for those beyond the limits.
    """
    chosen = find_format(format_name)
    return chosen.write(_dataset(image_results, chosen, limits, image_prefix))


def export_images(
    image_results: Sequence[ImageResult], format_name: str, limits: Limits = NO_LIMITS
) -> Iterator[tuple[str, bytes]]:
    """Yield each image's path and file, as the readers of a format look for them beside its files.

    Raises what `export_files` and `image_files` raise.
    """
    chosen = find_format(format_name)
    return image_files(_dataset(image_results, chosen, limits), chosen, limits)


def export(
    image_results: Sequence[ImageResult],
    format_name: str,
    limits: Limits = NO_LIMITS,
    *,
    with_images: bool = False,
    image_prefix: str = "",
) -> Export:
    """Return the one file that a format makes, or a zip when it makes several or has images in it.

    The same results and names give the same bytes. Raises what `export_files` raises, and with
    images what `export_images` raises.
    """
    chosen = find_format(format_name)
    dataset = _dataset(image_results, chosen, limits, image_prefix)
    files = chosen.write(dataset)
    if with_images:
        files.update(image_files(dataset, chosen, limits))
    stem = dataset.items[0].stem if len(dataset.items) == 1 else "edgeseg"
    base = PurePosixPath(stem).name
    if len(files) > 1:
        return Export(f"{base}_{chosen.name}.zip", MEDIA_TYPES[".zip"], _zipped(files))
    ((path, data),) = files.items()
    suffix = PurePosixPath(path).suffix
    # Some tools find a file by its image's name; other names say the format.
    name = base + suffix if path == stem + suffix else f"{base}_{chosen.name}{suffix}"
    return Export(name, MEDIA_TYPES[suffix], data)


def _dataset(
    image_results: Sequence[ImageResult], chosen: Format, limits: Limits, image_prefix: str = ""
) -> Dataset:
    check_prefix(image_prefix)
    dataset = Dataset.from_results(image_results, image_prefix)
    if chosen.has_file_per_image:
        check_files([item.file_name for item in dataset.items], chosen.title)
    limits.check(dataset, chosen.has_outlines)
    return dataset


def _zipped(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            is_photo = PurePosixPath(name).suffix.lower() in _COMPRESSED
            entry.compress_type = zipfile.ZIP_STORED if is_photo else zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return out.getvalue()


__all__ = [
    "FORMATS",
    "MEDIA_TYPES",
    "Export",
    "Format",
    "Limits",
    "ImageResult",
    "export",
    "export_files",
    "export_images",
    "find_format",
]
