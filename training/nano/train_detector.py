"""Train the nano detector for a number of minutes, resuming from its checkpoint."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from edgeseg.engines.nano.word_vectors import WordVectors
from training.common.data import add_caltech, add_tableware, load_nano
from training.common.loop import Trainer, worker_seed
from training.nano.backbone import Backbone, ConvBN
from training.nano.detector import Detector
from training.nano.detector_loss import DenseTargets, Targets, dense_loss, detection_loss
from training.nano.teacher import CHANNELS, CLASSES, STAGE_CHANNELS, STRIDES, Teacher
from training.nano.views import Canvas, Views, Vocabulary

SIZES = (192, 224)
LAST_SIZES = (224, 256)
"""Sizes while training, and in the last fifth, which also has fewer mosaics."""

REPLAYED = 500
"""Views that each loading process keeps per size, or up to twice as many, at 0.7 MB each."""

WEIGHTS = {
    "class": 1.5,
    "box": 1.0,
    "spread": 0.2,
    "dense": 2.5,
    "dense_box": 1.0,
    "mimic": 1.4,
}
"""Boxes are learnt within the first minutes; what is in them takes the rest of the time."""


@dataclass
class Batch:
    """Canvases of one size, stacked."""

    images: Tensor
    known: np.ndarray
    image: Tensor
    boxes: Tensor
    classes: np.ndarray
    weight: Tensor
    scores: Tensor
    teacher_boxes: Tensor
    features: list[Tensor]
    stages: list[Tensor]


def collate(canvases: list[Canvas]) -> Batch:
    """Stack canvases; boxes are flattened with the index of their canvas."""
    images = torch.from_numpy(np.stack([c.rgb for c in canvases])).permute(0, 3, 1, 2)
    counts = [sum(len(b) for b in c.boxes) for c in canvases]
    return Batch(
        images.contiguous(memory_format=torch.channels_last),
        np.stack([c.known for c in canvases]),
        torch.repeat_interleave(torch.arange(len(canvases)), torch.tensor(counts)),
        torch.from_numpy(np.concatenate([b for c in canvases for b in c.boxes])),
        np.concatenate([k for c in canvases for k in c.classes]),
        torch.from_numpy(np.concatenate([w for c in canvases for w in c.weights])),
        torch.from_numpy(np.stack([c.target.scores for c in canvases]).astype(np.float32)),
        torch.from_numpy(np.stack([c.target.boxes_xyxy for c in canvases])),
        _levels([c.target.features for c in canvases]),
        _levels([c.target.stages for c in canvases]),
    )


def _levels(maps: list[list[np.ndarray]]) -> list[Tensor]:
    """Per stride, the (B, C, S, S) stack of each canvas's (C, S, S)."""
    return [
        torch.from_numpy(np.stack(level).astype(np.float32)) for level in zip(*maps, strict=True)
    ]


class Replay:
    """Views of one size, each seen twice: what costs is the teacher, and colours are cheap."""

    def __init__(self, views: Views, size: int) -> None:
        self.views, self.size = views, size
        self.kept: list[Canvas] = []

    def sample(self) -> Canvas:
        """A new view, or an earlier one in new colours; as often the one as the other."""
        rng = self.views.rng
        if len(self.kept) < REPLAYED or (len(self.kept) < 2 * REPLAYED and rng.random() < 0.5):
            canvas = self.views.sample(self.size)
            canvas.target = canvas.target.halved()
            self.kept.append(canvas)
            return canvas
        # The last takes the place of the one that leaves.
        index = int(rng.integers(len(self.kept)))
        self.kept[index], self.kept[-1] = self.kept[-1], self.kept[index]
        canvas = self.kept.pop()
        canvas.rgb = self.views.recolour(canvas.rgb)
        return canvas


class BatchStream(IterableDataset[Batch]):
    """An endless stream of batches."""

    def __init__(
        self,
        make: Callable[[int, float], Views],
        batch: int,
        sizes: tuple[int, ...],
        mosaic: float,
    ) -> None:
        self.make, self.batch, self.sizes, self.mosaic = make, batch, sizes, mosaic

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(1)
        views = self.make(worker_seed(), self.mosaic)
        replays = [Replay(views, size) for size in self.sizes]
        while True:
            replay = replays[views.rng.integers(len(replays))]
            yield collate([replay.sample() for _ in range(self.batch)])


def adapter(cin: int, cout: int) -> nn.Sequential:
    """From a map of the student to one of the teacher; begins near zero."""
    last = nn.Conv2d(cin, cout, 1)
    nn.init.normal_(last.weight, std=0.01)
    return nn.Sequential(ConvBN(cin, cin, 1), last)


class DetectorTrainer(Trainer[Batch]):
    """The detector and the adapters that compare its maps with the teacher's."""

    def __init__(self, names: list[str], checkpoint: Path, rate: float) -> None:
        words = WordVectors.shipped()
        self.detector = Detector(words.dim)
        self.adapters = nn.ModuleList(adapter(CHANNELS, CHANNELS) for _ in STRIDES)
        widths = zip(Backbone.widths[1:], STAGE_CHANNELS, strict=True)
        self.stage_adapters = nn.ModuleList(adapter(*pair) for pair in widths)
        self.vocabulary = Vocabulary(names, words, seed=int(time.time()))
        modules = {
            "model": self.detector,
            "adapters": self.adapters,
            "stage_adapters": self.stage_adapters,
        }
        super().__init__(modules, checkpoint, rate)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Against the labels, then against the teacher."""
        to = self.device
        present = np.unique(batch.classes)
        classes, text, known = self.vocabulary.draw(present, batch.known, 48, 16)
        column = np.zeros(len(self.vocabulary.names), np.int64)
        column[classes] = np.arange(len(classes))
        columns = torch.from_numpy(column[batch.classes])
        targets = Targets(*(t.to(to) for t in (batch.image, batch.boxes, columns, batch.weight)))
        images = batch.images.to(to).float().div_(255)
        with self.autocast():
            cells = self.detector(images)
            logits = self.detector.logits(cells.embeddings, torch.from_numpy(text).to(to))
            adapted = [a(p) for a, p in zip(self.adapters, cells.pyramid, strict=True)]
            adapted += [a(p) for a, p in zip(self.stage_adapters, cells.stages, strict=True)]
        size_hw = (images.shape[2], images.shape[3])
        losses = detection_loss(cells, logits, torch.from_numpy(known).to(to), targets, size_hw)
        taught = np.flatnonzero(classes < CLASSES)
        dense = DenseTargets(
            batch.scores[:, :, classes[taught]].to(to),
            torch.from_numpy(taught).to(to),
            batch.teacher_boxes.to(to),
            [maps.to(to) for maps in batch.features + batch.stages],
        )
        losses |= dense_loss(cells, logits, adapted, dense, size_hw[0])
        return {name: WEIGHTS[name] * value for name, value in losses.items()}


class Streams:
    """The stream of batches for each part of a training; the last fifth has its own."""

    def __init__(self, make: Callable[[int, float], Views], batch: int) -> None:
        self.make, self.batch = make, batch
        self.last: bool | None = None
        self.stream: Iterator[Batch] = iter(())

    def __call__(self, progress: float) -> Iterator[Batch]:
        """The stream at a progress in [0, 1]."""
        last = progress > 0.8
        if last != self.last:
            self.last = last
            sizes, mosaic = (LAST_SIZES, 0.2) if last else (SIZES, 0.4)
            source = BatchStream(self.make, self.batch, sizes, mosaic)
            self.stream = iter(DataLoader(source, None, num_workers=2, prefetch_factor=3))
        return self.stream


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with nano/ and caltech101/")
    parser.add_argument("cache", type=Path, help="folder for decoded photos")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--tableware", type=Path, help="a folder of training.synthetic.render")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    nano = args.data / "nano"
    photos = load_nano(args.data, args.cache)
    photos = add_caltech(photos, args.data / "caltech101", args.cache / "caltech.u8")
    if args.tableware:
        photos = add_tableware(photos, args.tableware, args.cache)

    def make(seed: int, mosaic: float) -> Views:
        return Views(photos, nano / "teacher.json.gz", Teacher(nano / "teacher"), seed, mosaic)

    trainer = DetectorTrainer(photos.class_names, args.checkpoint, args.rate)
    trainer.train(Streams(make, args.batch), args.minutes)


if __name__ == "__main__":
    main()
