"""Small photos with label maps, and configurations over them, for the tests of FPSeg's tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

from edgeseg.engines.fpseg.checkpoint import write_checkpoint
from edgeseg.engines.fpseg.encoders import build_encoder
from edgeseg.engines.fpseg.model import FPSeg
from training.common.configs import Part, read_config
from training.common.distributed import World
from training.fpseg.config import CONFIGS

WORLD = World()
INPUT_PX = 64
NAMES = ("sky", "grass", "ball")
COLOURS = np.array([(90, 140, 230), (60, 150, 50), (220, 40, 40), (0, 0, 0)], np.uint8)
BALL, NONE = 2, 3


def draw(seed: int, size_hw: tuple[int, int] = (48, 80)) -> tuple[np.ndarray, np.ndarray]:
    """Sky over grass, a ball on half of the photos, and a strip of no class; RGB and numbers."""
    rng = np.random.default_rng(seed)
    height, width = size_hw
    ids = np.zeros(size_hw, np.uint8)
    ids[rng.integers(height // 3, height // 2) :] = 1
    if seed % 2:
        y, x = rng.integers(12, height - 12), rng.integers(12, width - 12)
        rows, columns = np.ogrid[:height, :width]
        ids[(rows - y) ** 2 + (columns - x) ** 2 < 100] = BALL
    ids[:2] = NONE
    noise = rng.integers(-20, 20, (*size_hw, 3))
    return (COLOURS[ids].astype(int) + noise).clip(0, 255).astype(np.uint8), ids


def write_label_maps(root: Path, photos: int = 6) -> Path:
    """Write the folders ``train`` and ``val`` of photos beside their label maps."""
    for offset, split in ((0, "train"), (100, "val")):
        folder = root / split
        folder.mkdir(parents=True)
        for number in range(photos if split == "train" else 3):
            rgb, ids = draw(offset + number)
            PIL.Image.fromarray(rgb).save(folder / f"p{number}.jpg", quality=95)
            PIL.Image.fromarray(ids).save(folder / f"p{number}.png")
    return root


def write_cityscapes(root: Path) -> Path:
    """Write two photos of each split as Cityscapes lays them out: sky, road, and a car."""
    ids_of = np.array([23, 7, 26, 3], np.uint8)
    for offset, split in ((0, "train"), (100, "val")):
        photos, labels = (root / kind / split / "ulm" for kind in ("leftImg8bit", "gtFine"))
        photos.mkdir(parents=True)
        labels.mkdir(parents=True)
        for number in range(2):
            rgb, ids = draw(offset + number, (32, 64))
            name = f"ulm_00000{number}_000019"
            PIL.Image.fromarray(rgb).save(photos / f"{name}_leftImg8bit.png")
            PIL.Image.fromarray(ids_of[ids]).save(labels / f"{name}_gtFine_labelIds.png")
    return root


def write_panoptic(root: Path) -> Path:
    """Write one photo as COCO panoptic: two categories with ids of their own."""
    rgb, ids = draw(1)
    (root / "val").mkdir(parents=True)
    (root / "annotations" / "panoptic_val").mkdir(parents=True)
    PIL.Image.fromarray(rgb).save(root / "val" / "000001.jpg")
    segments = np.array([7, 1000, 70000, 0])[ids]
    coded = np.stack([segments % 256, segments // 256 % 256, segments // 65536], -1)
    PIL.Image.fromarray(coded.astype(np.uint8)).save(root / "annotations/panoptic_val/000001.png")
    info = [{"id": 7, "category_id": 187}, {"id": 1000, "category_id": 193},
            {"id": 70000, "category_id": 37}]  # fmt: skip
    table = {
        "categories": [{"id": 187, "name": "sky"}, {"id": 37, "name": "ball"},
                       {"id": 193, "name": "grass"}],
        "annotations": [{"file_name": "000001.png", "segments_info": info}],
    }  # fmt: skip
    (root / "annotations" / "panoptic_val.json").write_text(json.dumps(table))
    return root


def write_model(path: Path, classes: int = len(NAMES), tokens: int = 4, seed: int = 0) -> Path:
    """Write a model with EdgeSAM's encoder at a quarter of its width."""
    torch.manual_seed(seed)
    write_checkpoint(FPSeg(build_encoder("edge_sam", INPUT_PX, 0.25), classes, tokens), path)
    return path


def small(kind: type[Part], name: str, root: Path, data: Path, **changes: Any) -> Any:
    """Return a shipped configuration over small data, its results in ``root``."""
    values: dict[str, Any] = {
        "data_root": data,
        "dataset": "label_maps",
        "classes": list(NAMES),
        "image_embedding_dir": root / "embeddings",
        "num_workers": 0,
        "encoder": "edge_sam",
        "checkpoint": root / "start.pth",
        "n_classes": len(NAMES),
        "prompt_size": 4,
        "input_px": INPUT_PX,
        "target_size": [32, 64],
        "batch_size": 4,
        "n_epochs": 2,
        "n_class_examples_per_epoch": 4,
        "test_n_class_examples_per_epoch": 5,
        "train_log_interval": 1,
        "log_dir": root / "run",
        "output_dir": root / "out",
        **changes,
    }
    known = {k: v for k, v in values.items() if k in kind.model_fields}
    text = [f"{key}={json.dumps(value, default=str)}" for key, value in known.items()]
    return read_config(kind, CONFIGS, name, text)
