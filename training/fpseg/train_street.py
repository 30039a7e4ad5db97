"""Train the network of the shipped pack on labelled photos: encoder, decoder and prompts at once.

python -m training.fpseg.train_street --data camvid/train.tar --valid camvid/val.tar --out out
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.evaluation import label_maps
from edgeseg.evaluation.label_maps import NOT_COUNTED, LabelledPhoto, confusion_of, ious
from edgeseg.types import IntArray
from training.common.loop import Trainer
from training.fpseg.crops import ClassBatch, Crops
from training.fpseg.street import ClassNet
from training.nano.restore import SHIPPED, read_detector, settle

CLASSES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
INPUT_HW = (288, 384)
CROP_HW = (256, 320)
SCALES = (0.55, 1.6)


class StreetTrainer(Trainer[ClassBatch]):
    """Softmax over the classes, and each class against the rest, so that any part may be asked."""

    log_every, save_every = 20, 100

    def __init__(self, checkpoint: Path, rate: float, weights: Tensor) -> None:
        self.net = ClassNet(len(weights))
        self.rough = nn.Conv2d(96, len(weights), 1)
        self.class_weights = weights
        super().__init__({"net": self.net, "rough": self.rough}, checkpoint, rate)

    def losses(self, batch: ClassBatch) -> dict[str, Tensor]:
        """Cross-entropy over and of the classes, Dice, and cross-entropy of the coarse map."""
        images = batch.images.to(self.device).contiguous(memory_format=torch.channels_last)
        labels = batch.labels.to(self.device)
        with self.autocast():
            maps = self.net.encoder(images)
            rough = self.rough(maps.image)
            logits = torch.stack([self.net.decode(maps, row) for row in range(len(images))])
        logits = F.interpolate(logits.float(), labels.shape[1:], mode="bilinear")
        weights = self.class_weights.to(self.device)
        choice = F.cross_entropy(logits, labels, weights, ignore_index=NOT_COUNTED)
        coarse = labels[:, 8::16, 8::16]
        counted = labels != NOT_COUNTED
        goal = F.one_hot(labels.where(counted, 0), len(weights)).permute(0, 3, 1, 2).float()
        inside = counted[:, None].float()
        own = F.binary_cross_entropy_with_logits(logits, goal, reduction="none") * inside
        return {
            "choice": choice,
            "own": own.mean() * 2,
            "dice": 0.5 * dice(logits.sigmoid() * inside, goal * inside),
            "rough": 0.4
            * F.cross_entropy(rough.float(), coarse, weights, ignore_index=NOT_COUNTED),
        }


def dice(probabilities: Tensor, goal: Tensor) -> Tensor:
    """One less the overlap of (B, N, H, W) maps, mean over the classes that the batch shows."""
    both = (probabilities * goal).sum((0, 2, 3))
    size = probabilities.sum((0, 2, 3)) + goal.sum((0, 2, 3))
    shown = goal.sum((0, 2, 3)) > 0
    return (1 - (2 * both + 1) / (size + 1))[shown].mean()


def class_weights(photos: Sequence[LabelledPhoto], classes: int) -> Tensor:
    """(N,) weights that grow as a class is rarer: the root of the median share over its own."""
    counts = np.zeros(classes)
    for photo in photos:
        counts += np.bincount(photo.labels.ravel(), minlength=256)[:classes]
    # A class that is nowhere counts as one of a single pixel.
    shares = np.maximum(counts, 1) / counts.sum()
    weights = np.sqrt(np.median(shares[counts > 0]) / shares).clip(0.25, 3.0)
    return torch.tensor(weights, dtype=torch.float32)


@torch.no_grad()
def confusion(net: ClassNet, photos: Sequence[LabelledPhoto], classes: int) -> IntArray:
    """(N, N + 1) pixels by true and found class, at the photos' own size."""
    table = np.zeros((classes, classes + 1), np.int64)
    for photo in photos:
        image = torch.from_numpy(photo.rgb.copy()).permute(2, 0, 1)[None].float() / 255
        small = F.interpolate(image, INPUT_HW, mode="bilinear", antialias=True)
        logits = F.interpolate(net(small).float(), photo.labels.shape, mode="bilinear")
        found = logits[0].argmax(0).numpy().astype(np.uint8)
        table += confusion_of(photo.labels, found, classes)
    return table


def begin(trainer: StreetTrainer, batches: Iterator[ClassBatch]) -> None:
    """Start from the nano detector's backbone and pyramid."""
    detector = read_detector(SHIPPED, WordVectors.shipped().dim)
    images = [next(batches).images for _ in range(6)]
    settle(detector, lambda each: detector(each), images)
    state = {
        name: value
        for name, value in detector.state_dict().items()
        if name.startswith(("backbone.", "pyramid."))
    }
    own = trainer.net.encoder.state_dict()
    trainer.net.encoder.load_state_dict({**own, **{k: v for k, v in state.items() if k in own}})
    trainer.ema.model.load_state_dict(trainer.net.state_dict())


def main() -> None:
    """Train until the minutes are spent; the same command goes on after a stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--valid", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--batch", type=int, default=6)
    args = parser.parse_args()
    photos = list(label_maps.read(args.data, len(CLASSES)))
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "street.pt"
    is_new = not checkpoint.exists()
    trainer = StreetTrainer(checkpoint, args.rate, class_weights(photos, len(CLASSES)))
    loader = DataLoader(Crops(photos, CROP_HW, SCALES, args.batch), None, num_workers=1)
    batches = iter(loader)
    if is_new:
        begin(trainer, batches)
    valid = list(label_maps.read(args.valid, len(CLASSES)))
    for share in (0.25, 0.5, 0.75, 1.0):
        if trainer.elapsed_s < args.minutes * 60 * share:
            total = args.minutes * 60
            trainer.train(lambda _: batches, args.minutes, until_s=total * share)
            found = ious(confusion(cast(ClassNet, trainer.ema.model), valid, len(CLASSES)))
            each = " ".join(f"{n} {v:.3f}" for n, v in zip(CLASSES, found, strict=True))
            print(f"mIoU {found.mean():.4f} at {share:.0%}: {each}", flush=True)


if __name__ == "__main__":
    main()
