"""CVAT for images 1.1: one XML file; a polygon where it says all, else an exact mask."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from edgeseg.codecs.outline import mask_to_polygons
from edgeseg.exporters.base import Dataset, Files, Format, pairs
from edgeseg.schemas import SegmentedObject
from edgeseg.types import BoolArray


def _shape(parent: ElementTree.Element, each: SegmentedObject, mask: BoolArray) -> None:
    facts = {"label": each.label, "source": "auto", "occluded": "0"}
    polygons = mask_to_polygons(mask)
    if len(polygons) == 1 and not polygons[0].holes:
        facts["points"] = ";".join(f"{x},{y}" for x, y in pairs(polygons[0].outer))
        shape = ElementTree.SubElement(parent, "polygon", facts, z_order="0")
    else:
        shape = ElementTree.SubElement(parent, "mask", {**facts, **_mask_facts(mask)}, z_order="0")
    ElementTree.SubElement(shape, "attribute", name="score").text = f"{each.score:.4f}"


def _mask_facts(mask: BoolArray) -> dict[str, str]:
    """Return the tight box of an (H, W) mask and its run lengths, row by row, outside first."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    inside = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    flat = np.concatenate([[False], inside.ravel()])
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), inside.size)
    lengths = np.diff(ends, prepend=0)
    return {
        "rle": ", ".join(str(length) for length in lengths.tolist()),
        "left": str(columns[0]),
        "top": str(rows[0]),
        "width": str(inside.shape[1]),
        "height": str(inside.shape[0]),
    }


def _labels(dataset: Dataset, parent: ElementTree.Element) -> None:
    """Declare the labels, each with a text attribute for the score."""
    for name in dataset.labels:
        label = ElementTree.SubElement(parent, "label")
        ElementTree.SubElement(label, "name").text = name
        attributes = ElementTree.SubElement(label, "attributes")
        attribute = ElementTree.SubElement(attributes, "attribute")
        for key, text in (
            ("name", "score"), ("mutable", "False"), ("input_type", "text"),
            ("default_value", ""), ("values", ""),
        ):  # fmt: skip
            ElementTree.SubElement(attribute, key).text = text


def _write(dataset: Dataset) -> Files:
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    ElementTree.SubElement(task, "size").text = str(len(dataset.items))
    ElementTree.SubElement(task, "mode").text = "annotation"
    _labels(dataset, ElementTree.SubElement(task, "labels"))
    for number, item in enumerate(dataset.items):
        height, width = item.size_hw
        facts = {"id": str(number), "name": item.file_name}
        facts |= {"width": str(width), "height": str(height)}
        image = ElementTree.SubElement(root, "image", facts)
        for each, mask in item.masks():
            _shape(image, each, mask)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return {"annotations.xml": text + b"\n"}


CVAT = Format(
    "cvat",
    "CVAT for images 1.1",
    "One XML file; objects of several parts or with holes are exact masks, others polygons.",
    _write,
)
