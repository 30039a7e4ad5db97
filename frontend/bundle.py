"""Files to take away: the overlay, cut-outs and data of one result, and a zip of many."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial

from edgeseg.codecs import encode_png
from edgeseg.exporters import FORMATS, ImageResult, export, export_files, find_format
from edgeseg.exporters.names import apart, relative_names, stem_of
from edgeseg.render import overlay
from frontend.images import cutout, decoded
from frontend.state import Entry, Photo

LABEL_MAP = "png"


def overlay_png(entry: Entry, opacity: float = 0.45) -> bytes:
    """Return the overlay in the full size of the image."""
    shown = entry.shown
    colours = [entry.colour(each.id) for each in shown]
    return encode_png(overlay(decoded(entry.photo.data), shown, opacity=opacity, colours=colours))


def cutouts(entry: Entry) -> dict[str, bytes]:
    """Return a transparent PNG of each object, by file name."""
    image = decoded(entry.photo.data)
    files = {}
    for number, each in enumerate(entry.shown, 1):
        pil_image = cutout(image, each)
        if pil_image is not None:
            files[f"{number:02d}_{safe(each.label)}.png"] = encode_png(pil_image)
    return files


def cutouts_zip(entry: Entry) -> bytes:
    """Return the cut-outs in one file."""
    return zipped(cutouts(entry))


def result_json(entry: Entry) -> bytes:
    """Return the result as the API gives it, without what is hidden and under its new names."""
    return entry.result.model_dump_json(indent=2).encode() + b"\n"


def exported(
    entries: Sequence[Entry], format_name: str, with_images: bool = False
) -> tuple[str, str, bytes]:
    """Return an export's file name, media type and bytes: those that the API gives."""
    result = export(_named(entries, format_name), format_name, with_images=with_images)
    return result.file_name, result.media_type, result.data


def batch_zip(entries: Sequence[Entry]) -> bytes:
    """Return everything of several results: a folder each, and one for every export format."""
    files: dict[str, bytes] = {}
    names = apart(relative_names([each.photo.name for each in entries]), by_stem=True)
    for stem, entry in zip(map(stem_of, names), entries, strict=True):
        files[f"{stem}/overlay.png"] = overlay_png(entry)
        files[f"{stem}/result.json"] = result_json(entry)
        for name, data in cutouts(entry).items():
            files[f"{stem}/cutouts/{name}"] = data
    for format_name in FORMATS:
        for name, data in export_files(_named(entries, format_name), format_name).items():
            files[f"exports/{format_name}/{name}"] = data
    return zipped(files)


def _named(entries: Sequence[Entry], format_name: str) -> list[ImageResult]:
    """Name the images; those of the same name, which the browser sends without their folders,
    lie in numbered folders."""
    names = relative_names([each.photo.name for each in entries])
    names = apart(names, by_stem=find_format(format_name).has_file_per_image)
    return [
        ImageResult(each.result, name, partial(_data, each.photo))
        for each, name in zip(entries, names, strict=True)
    ]


def _data(photo: Photo) -> bytes:
    return photo.data


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return files in one zip; images are not compressed again."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            kind = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(name, data, compress_type=kind)
    return out.getvalue()


def safe(text: str) -> str:
    """Return text that can be a file's name anywhere."""
    return re.sub(r"[^\w\-]+", "_", text).strip("_")[:60] or "image"
