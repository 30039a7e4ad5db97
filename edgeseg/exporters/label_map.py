"""Label-map PNGs in the layout of Pascal VOC: classes, objects, and a file that names them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import PIL.Image

from edgeseg.codecs import encode_png, label_map
from edgeseg.errors import InvalidParameterError
from edgeseg.exporters.base import MAX_LABELS, Dataset, Files, Format, Item, unique

_LargeMap = npt.NDArray[np.uint16]
# 255 marks pixels to ignore in Pascal VOC.
_PALETTE_HOLDS = 254


def colour(index: int) -> tuple[int, int, int]:
    """Return the colour of a number in Pascal VOC: its bits dealt out to red, green and blue."""
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= (index >> (3 * bit + channel) & 1) << (7 - bit)
    return channels[0], channels[1], channels[2]


def _png(numbers: _LargeMap, highest: int) -> bytes:
    """Return a PNG with a palette, or 16-bit grayscale for more numbers than a palette holds."""
    if highest > _PALETTE_HOLDS:
        return encode_png(PIL.Image.fromarray(numbers))
    pil_image = PIL.Image.fromarray(numbers.astype(np.uint8))
    pil_image.putpalette([value for index in range(256) for value in colour(index)])
    return encode_png(pil_image)


def _maps(item: Item, numbers: Mapping[str, int]) -> Files:
    if len(item.objects) > MAX_LABELS:
        raise InvalidParameterError(
            f"{item.file_name}: a label map holds at most {MAX_LABELS} objects, "
            f"got {len(item.objects)}."
        )
    objects = label_map([each.mask for each in item.objects], item.size_hw)
    classes = [0, *(numbers[each.label] + 1 for each in item.objects)]
    class_map = np.array(classes, np.uint16)[objects]
    return {
        f"SegmentationClass/{item.stem}.png": _png(class_map, len(numbers)),
        f"SegmentationObject/{item.stem}.png": _png(objects, len(item.objects)),
    }


def _names(labels: tuple[str, ...]) -> str:
    """Return lines of label, colour, parts and actions; the line's number is the label's."""
    # A colon would end the label and a hash make its line a remark.
    plain = [" ".join(label.replace(":", "_").replace("#", "_").split()) for label in labels]
    names = unique(("background", *plain))
    rows = [f"{name}:{','.join(map(str, colour(index)))}::" for index, name in enumerate(names)]
    return "\n".join(["# label:color_rgb:parts:actions", *rows, ""])


def _write(dataset: Dataset) -> Files:
    stems = "".join(f"{item.stem}\n" for item in dataset.items)
    files = {
        "labelmap.txt": _names(dataset.labels).encode(),
        "ImageSets/Segmentation/default.txt": stems.encode(),
    }
    for item in dataset.items:
        files.update(_maps(item, dataset.numbers))
    return files


LABEL_MAP = Format(
    "png",
    "Label maps, Pascal VOC",
    "PNGs of classes and of objects per image, with a palette, and labelmap.txt.",
    _write,
    has_file_per_image=True,
    has_outlines=False,
    image_folder="JPEGImages",
)
