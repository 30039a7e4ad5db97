"""Small data sets of masks in every format, and a segmenter whose answers are known."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from edgeseg.codecs import mask_to_rle
from edgeseg.engines.fake import FakeSegmenter
from edgeseg.types import BoolArray, Candidates, Embedding, MaskCount, MaskPrompt, Masks

SIDE = 100
SQUARE = [10, 10, 50, 50]


def png(height: int = SIDE, width: int = SIDE) -> bytes:
    out = io.BytesIO()
    PIL.Image.new("RGB", (width, height), "gray").save(out, "PNG")
    return out.getvalue()


def polygon(x0: int, y0: int, x1: int, y1: int) -> list[list[int]]:
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def annotation(number: int, image_id: int, box: Sequence[int], **more: Any) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "segmentation": polygon(x0, y0, x1, y1),
        **more,
    }


def write_coco(
    folder: Path, names: Sequence[str] = ("a.png",), annotations: Sequence[Any] = ()
) -> Path:
    """Write images and ``truth.json`` in COCO's format; image i has the id i + 1."""
    for name in names:
        (folder / name).write_bytes(png())
    images = [
        {"id": number, "file_name": name, "width": SIDE, "height": SIDE}
        for number, name in enumerate(names, 1)
    ]
    table = {
        "images": images,
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": list(annotations) or [annotation(1, 1, SQUARE)],
    }
    path = folder / "truth.json"
    path.write_text(json.dumps(table))
    return path


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def sa1b_json(image_id: int = 5) -> bytes:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[10:50, 10:50] = True
    rle = mask_to_rle(mask)
    row = {
        "id": 2**40 + 1,
        "bbox": [10, 10, 40, 40],
        "area": 1600,
        "segmentation": {"size": list(rle.size), "counts": rle.counts},
        "point_coords": [[12.5, 13.5]],
    }
    image = {"image_id": image_id, "file_name": "sa_5.png", "width": SIDE, "height": SIDE}
    return json.dumps({"image": image, "annotations": [row]}).encode()


class KnownSegmenter(FakeSegmenter):
    """Answers a box by the box, its left half and everything; a click by a square of 20 pixels.

    Positive points after the first add a square, negative ones take one off. The left half has the
    highest score. All prompts that it gets are kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[MaskPrompt] = []

    def candidates(
        self,
        embedding: Embedding,
        prompts: Sequence[MaskPrompt],
        count: MaskCount = 3,
        *,
        quick: bool = False,
    ) -> Candidates:
        """Return three masks, or the first of them."""
        self.asked += prompts
        height, width = embedding.size_hw
        masks = np.stack([_masks(prompt, height, width) for prompt in prompts])
        masks = masks[:, :1] if count == 1 else masks
        scores = np.tile(np.array([0.5, 0.9, 0.1], np.float32), (len(prompts), 1))
        windows = np.tile(np.array([0, 0, width, height], np.float32), (len(prompts), 1))
        logits = np.where(masks, np.float32(4), np.float32(-4))
        return Candidates(logits, windows, scores[:, : masks.shape[1]])

    def segment(self, embedding: Embedding, prompts: Sequence[MaskPrompt]) -> Masks:
        """Return the first mask."""
        height, width = embedding.size_hw
        masks = np.stack([_masks(prompt, height, width)[0] for prompt in prompts])
        return Masks(masks, np.ones(len(masks), np.float32))


def _masks(prompt: MaskPrompt, height: int, width: int) -> BoolArray:
    masks = np.zeros((3, height, width), bool)
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = map(round, prompt.box_xyxy)
        masks[0, y0:y1, x0:x1] = True
    for (x, y), label in zip(prompt.points_xy, prompt.point_labels, strict=True):
        left, top = max(0, int(x) - 10), max(0, int(y) - 10)
        masks[0, top : int(y) + 10, left : int(x) + 10] = label == 1
    x0, y0, x1, y1 = map(round, prompt.box_xyxy or (0, 0, width, height))
    masks[1, y0:y1, x0 : (x0 + x1) // 2] = True
    masks[2] = True
    return masks
