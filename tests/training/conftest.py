"""A handful of drawn photos, as the training reads real ones."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from training.common.data import PhotoSet, load_photos

COCO = [f"class {i}" for i in range(78)]
NAMES = ["cat", "ball", *COCO, "face"]
SIDE = 96


def _photo(index: int) -> tuple[bytes, list[float], dict[str, Any]]:
    """A red disc on noise, as WebP; its box xywh and a polygon of it."""
    rng = np.random.default_rng(index)
    pil_image = PIL.Image.fromarray(rng.integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8))
    x, y, r = (int(v) for v in (*rng.integers(30, 60, 2), rng.integers(15, 28)))
    PIL.ImageDraw.Draw(pil_image).ellipse((x - r, y - r, x + r, y + r), fill="red")
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    polygon = np.stack([x + r * np.cos(turn), y + r * np.sin(turn)], 1).ravel().tolist()
    out = io.BytesIO()
    pil_image.save(out, "WEBP")
    return out.getvalue(), [x - r, y - r, 2 * r, 2 * r], {"segmentation": [polygon]}


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with eight photos of a ball in ``train-00.tar``, and ``train.json.gz``."""
    folder = tmp_path_factory.mktemp("data")
    images, annotations = [], []
    with tarfile.open(folder / "train-00.tar", "w") as archive:
        for i in range(8):
            data, box, extra = _photo(i)
            name = f"{i}.webp"
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            size = {"width": SIDE, "height": SIDE}
            images.append({"id": i, "file_name": name, "source": "drawn", **size})
            row = {"id": i, "image_id": i, "category_id": 2, "bbox": box, "iscrowd": 0}
            annotations.append({**row, **extra})
    table = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i + 1, "name": n} for i, n in enumerate(NAMES)],
        "info": {"sources": {"drawn": {"exhaustive": ["ball", "cat"]}}},
    }
    (folder / "train.json.gz").write_bytes(gzip.compress(json.dumps(table).encode()))
    return folder


@pytest.fixture(scope="session")
def photos(photo_folder: Path) -> PhotoSet:
    """Eight photos of a ball, with boxes and masks, read as the real data is."""
    tar = photo_folder / "train-00.tar"
    return load_photos(photo_folder / "train.json.gz", [tar], photo_folder / "cache" / "train.u8")
