"""Files of a data set in the layout that trainers and tools open, one folder for each split."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from edgeseg.codecs import rle_box
from edgeseg.datasets.rows import LabelledImage
from edgeseg.datasets.splits import NAMES
from edgeseg.errors import UnknownFormatError
from edgeseg.exporters import FORMATS
from edgeseg.exporters.base import Dataset, Files, Format, ImageResult, Item
from edgeseg.exporters.yolo import data_yaml

# Pascal VOC has its label maps, and boxes in a file for each image.
_EXPORTERS = {
    "yolo": "yolo",
    "coco": "coco",
    "voc": "png",
    "labelme": "labelme",
    "cvat": "cvat",
    "label-studio": "label-studio",
}
FORMAT_NAMES = tuple(_EXPORTERS)


def exporter_of(format_name: str) -> Format:
    """Return the exporter that writes a data set's format; raises UnknownFormatError."""
    if format_name not in _EXPORTERS:
        known = ", ".join(FORMAT_NAMES)
        raise UnknownFormatError(
            f"There is no format {format_name[:64]!r} for data sets; choose one of {known}.",
            known=list(FORMAT_NAMES),
        )
    return FORMATS[_EXPORTERS[format_name]]


def place_of(split: str, name: str, format_name: str) -> str:
    """Return where an image lies, relative to the data set's folder."""
    chosen = exporter_of(format_name)
    return f"{split}/{chosen.image_folder}/{name}" if chosen.image_folder else f"{split}/{name}"


def dataset_files(
    images: Sequence[LabelledImage],
    classes: Sequence[str],
    format_name: str,
    image_prefix: str = "",
) -> Files:
    """Return all files of a data set but its images, by their path within its folder.

    Classes have their numbers in every split, also those without an object in it. Raises what
    `export_files` raises.
    """
    chosen = exporter_of(format_name)
    files: Files = {}
    splits = [name for name in NAMES if any(each.split == name for each in images)]
    for split in splits:
        rows = [each for each in images if each.split == split]
        prefix = f"{image_prefix}{split}/{chosen.image_folder}/" if image_prefix else ""
        dataset = Dataset.from_results(
            [ImageResult(each.result, each.name) for each in rows], prefix
        )
        for name, data in chosen.write(dataset).items():
            files[f"{split}/{name}"] = data
        if format_name == "voc":
            for item in dataset.items:
                files[f"{split}/Annotations/{item.stem}.xml"] = _voc_boxes(item)
    if format_name == "yolo":
        # One for all splits, in place of one in each.
        for split in splits:
            del files[f"{split}/data.yaml"]
        folders = {split: f"{split}/images" for split in splits}
        # Trainers ask for both.
        folders.setdefault("train", next(iter(folders.values()), "train/images"))
        folders.setdefault("val", folders["train"])
        files["data.yaml"] = data_yaml(classes, folders).encode()
    return files


def _voc_boxes(item: Item) -> bytes:
    """Return the boxes of an image as Pascal VOC has them: whole pixels, counted from 1."""
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "folder").text = "JPEGImages"
    ElementTree.SubElement(root, "filename").text = item.file_name
    size = ElementTree.SubElement(root, "size")
    height, width = item.size_hw
    for name, value in (("width", width), ("height", height), ("depth", 3)):
        ElementTree.SubElement(size, name).text = str(value)
    ElementTree.SubElement(root, "segmented").text = "1"
    for each in item.objects:
        row = ElementTree.SubElement(root, "object")
        for name, text in (
            ("name", each.label), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0"),
        ):  # fmt: skip
            ElementTree.SubElement(row, name).text = text
        x0, y0, x1, y1 = rle_box(each.mask) or each.box
        box = ElementTree.SubElement(row, "bndbox")
        for name, number in (("xmin", x0 + 1), ("ymin", y0 + 1), ("xmax", x1), ("ymax", y1)):
            ElementTree.SubElement(box, name).text = str(round(number))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"
