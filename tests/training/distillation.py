"""Small configurations, teachers and data of the tests of distillation."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from pycocotools import mask as coco_mask

from edgeseg.engines.edge_sam import EdgeSam
from training.common.distributed import World
from training.edge_sam.config import Config

SIDE_PX = 64
WORLD = World()


def small(folder: Path, output: Path, phase: int = 2, **changes: Any) -> Config:
    """A configuration over the drawn photos: width 0.25, inputs of 64 pixels, four steps.

    ``changes`` are values by their path, with two underscores for a dot.
    """
    data = {"images": [folder / "train-00.tar"], "annotations": folder / "train.json.gz"}
    values: dict[str, Any] = {
        "phase": phase,
        "output": output,
        "data": {"train": data, "workers": 0},
        "teacher": {"size_px": SIDE_PX, "shard_items": 3},
        "student": {"width": 0.25, "sizes_px": [SIDE_PX]},
        "prompts": {"objects": 2},
        "losses": {"embedding": 1, "bce": 0, "dice": 0} if phase == 1 else {},
        "optimisation": {"rate": 1e-3, "batch": 2, "steps": 4},
        "watching": {"log_every": 1, "save_every": 1, "validate_every": 2},
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = values
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return Config.model_validate(values)


def write_teacher(path: Path, seed: int = 0) -> Path:
    """Write an EdgeSAM of width 0.5 with random weights."""
    torch.manual_seed(seed)
    torch.save(EdgeSam(0.5).state_dict(), path)
    return path


def write_sa1b(folder: Path, names: list[str], without: str = "") -> Path:
    """Write images of 40 x 30 pixels and SA-1B's annotations of one rectangle in each."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        rgb = np.full((30, 40, 3), 20 * index, np.uint8)
        PIL.Image.fromarray(rgb).save(folder / f"{name}.jpg")
        mask = np.zeros((30, 40), np.uint8)
        mask[5:20, 10:30] = 1
        rle = coco_mask.encode(np.asfortranarray(mask))
        row = {
            "segmentation": {"size": [30, 40], "counts": rle["counts"].decode()},
            "bbox": [10, 5, 20, 15],
            "point_coords": [[12.0 + index, 7.0]],
            "area": 300,
        }
        if name != without:
            (folder / f"{name}.json").write_text(json.dumps({"image": {}, "annotations": [row]}))
    return folder


def as_tar(folder: Path, path: Path) -> Path:
    """Write a folder's files into a tar, named as SA-1B's are."""
    with tarfile.open(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            member = tarfile.TarInfo(f"./{file.name}")
            data = file.read_bytes()
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path
