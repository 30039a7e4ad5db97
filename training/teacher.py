"""Features of a teacher detector (NanoDet-Plus, Apache-2.0, run by ncnn) for distillation."""

from __future__ import annotations

import argparse
from pathlib import Path

import ncnn
import numpy as np
from PIL import Image
from tqdm import tqdm

from training.data import PhotoSet, UInt8Array, add_caltech, load_photos
from training.features import LEVELS, STEP, open_features

SIZE = 416
MEAN = np.array([103.53, 116.28, 123.675], np.float32)
SCALE = np.array([0.017429, 0.017507, 0.017125], np.float32)


class Teacher:
    """One thread of the teacher network."""

    def __init__(self, folder: Path) -> None:
        self.net = ncnn.Net()
        self.net.opt.num_threads = 1
        self.net.load_param(str(folder / "nanodet-plus-m_416.param"))
        self.net.load_model(str(folder / "nanodet-plus-m_416.bin"))

    def features(self, rgb: UInt8Array) -> list[np.ndarray]:
        """(96, S, S) float32 maps of one (H, W, 3) RGB photo, for each of `LEVELS`."""
        square = Image.fromarray(rgb).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        bgr = np.asarray(square, np.float32)[..., ::-1]
        blob = np.ascontiguousarray(((bgr - MEAN) * SCALE).transpose(2, 0, 1))
        extractor = self.net.create_extractor()
        extractor.input("data", ncnn.Mat(blob).clone())
        return [np.array(extractor.extract(name)[1]) for name in LEVELS]


def precompute(photos: PhotoSet, folder: Path, out: Path, start: int, stop: int) -> None:
    """Write int8 features of photos `start:stop` into the memory-mapped files of `out`."""
    teacher = Teacher(folder)
    maps = open_features(out, len(photos), "r+")
    for i in tqdm(range(start, stop), mininterval=10):
        for target, feature in zip(maps, teacher.features(photos.rgb(i)), strict=True):
            target[i] = np.clip(np.rint(feature * STEP), -127, 127).astype(np.int8)


def main() -> None:
    """Command line: features of all training photos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with train.json.gz, train-*.tar, teacher/")
    parser.add_argument("caltech", type=Path, help="folder with labels.json.gz, images-*.tar")
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", default="0/1", help="i/n: the i-th of n equal parts")
    args = parser.parse_args()
    photos = load_photos(
        args.data / "train.json.gz", sorted(args.data.glob("train-*.tar")), args.out / "train.u8"
    )
    photos = add_caltech(photos, args.caltech, args.out / "caltech.u8")
    part, parts = map(int, args.part.split("/"))
    bounds = [len(photos) * k // parts for k in (part, part + 1)]
    precompute(photos, args.data / "teacher", args.out, *bounds)


if __name__ == "__main__":
    main()
