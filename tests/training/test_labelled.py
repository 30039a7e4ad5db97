"""A detector of torchvision trains on what ``edgeseg label`` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

from edgeseg.datasets.formats import dataset_files, place_of
from edgeseg.datasets.rows import LabelledImage
from edgeseg.engines.torch.torchvision_ops import make_importable
from tests.unit.exporters.results import SIZE_HW, disc, make_result

CLASSES = ["unicorn", "bright", "dark"]


def write_dataset(folder: Path, count: int) -> None:
    """A bright and a dark disc in each image, at another place each time."""
    images = []
    for number in range(count):
        bright, dark = disc(25 + 3 * number, 40, 14), disc(95 - 3 * number, 50, 12)
        result = make_result({"bright": bright, "dark": dark})
        image = LabelledImage(
            file="", name=f"{number}.png", split="train", sha256="", difference_hash="",
            size_bytes=0, result=result.model_copy(update={"phrases": CLASSES}),
        )  # fmt: skip
        images.append(image)
        rgb = np.full((*SIZE_HW, 3), 128, np.uint8)
        rgb[bright], rgb[dark] = 250, 5
        place = folder / place_of("train", image.name, "coco")
        place.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(rgb).save(place)
    for name, data in dataset_files(images, CLASSES, "coco").items():
        (folder / name).write_bytes(data)


def test_one_epoch_lowers_the_loss(tmp_path: Path) -> None:
    make_importable()
    from torchvision.datasets import CocoDetection, wrap_dataset_for_transforms_v2
    from torchvision.models.detection import FCOS
    from torchvision.transforms.v2.functional import to_dtype, to_image

    write_dataset(tmp_path, 12)
    annotations = tmp_path / "train/annotations.json"
    assert len(json.loads(annotations.read_text())["categories"]) == 3
    dataset = wrap_dataset_for_transforms_v2(
        CocoDetection(str(tmp_path / "train/images"), str(annotations)),
        target_keys=("boxes", "labels"),
    )
    torch.manual_seed(0)
    backbone: Any = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 5, stride=4, padding=2), torch.nn.ReLU(),
        torch.nn.Conv2d(16, 32, 3, stride=2, padding=1), torch.nn.ReLU(),
    )  # fmt: skip
    backbone.out_channels = 32
    from torchvision.models.detection.anchor_utils import AnchorGenerator

    anchors = AnchorGenerator(sizes=((8,),), aspect_ratios=((1.0,),))
    model = FCOS(backbone, len(CLASSES) + 1, min_size=96, max_size=128, anchor_generator=anchors)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for pil_image, target in dataset:
        image = to_dtype(to_image(pil_image), torch.float32, scale=True)
        loss = sum(model([image], [target]).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert len(losses) == 12
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])
