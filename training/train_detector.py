"""Train the nano detector for a number of minutes, resuming from its checkpoint."""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from edgeseg.engines.nano.words import WordVectors
from training.backbone import ConvBN, channels_last
from training.data import add_caltech, load_photos
from training.detector import Detector
from training.detector_loss import DenseTargets, Targets, dense_loss, detection_loss
from training.teacher import CHANNELS, CLASSES, STRIDES, Teacher
from training.views import Canvas, Views, Vocabulary

SIZES = (192, 256)
LAST_SIZE = 320
"""Sizes while training, and in the last fifth, which also goes without mosaics."""


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
        torch.from_numpy(np.stack([c.lesson.scores for c in canvases])),
        torch.from_numpy(np.stack([c.lesson.boxes_xyxy for c in canvases])),
        [
            torch.from_numpy(np.stack([c.lesson.features[i] for c in canvases]))
            for i in range(len(STRIDES))
        ],
    )


class BatchStream(IterableDataset[Batch]):
    """An endless stream of batches."""

    def __init__(self, make: Any, batch: int, sizes: tuple[int, ...], mosaic: float) -> None:
        self.make, self.batch, self.sizes, self.mosaic = make, batch, sizes, mosaic

    def __iter__(self) -> Iterator[Batch]:
        views: Views = self.make(int(time.time() * 1000) % 2**31, self.mosaic)
        while True:
            size = int(views.rng.choice(self.sizes))
            yield collate([views.sample(size) for _ in range(self.batch)])


class Ema:
    """A slow average of the weights: what is evaluated and shipped."""

    def __init__(self, model: nn.Module) -> None:
        self.model = copy.deepcopy(model).eval()
        self.steps = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards `model`, faster in the beginning."""
        self.steps += 1
        decay = 0.9985 * (1 - math.exp(-self.steps / 400))
        source = model.state_dict()
        for name, value in self.model.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(source[name].detach(), 1 - decay)
            else:
                value.copy_(source[name])


def optimiser(modules: list[nn.Module], rate: float) -> torch.optim.AdamW:
    """AdamW that decays matrices only."""
    parameters = [p for m in modules for p in m.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.03},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate)


def schedule(progress: float, steps: int) -> float:
    """Warm-up over 300 steps, flat for a third, then a cosine down to 1 %."""
    warm = min(1.0, (steps + 1) / 300)
    decay = max(0.0, (progress - 0.3) / 0.7)
    return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * decay)))


def adapter() -> nn.Sequential:
    """From a map of the student's pyramid to the teacher's; begins near zero."""
    last = nn.Conv2d(CHANNELS, CHANNELS, 1)
    nn.init.normal_(last.weight, std=0.01)
    return nn.Sequential(ConvBN(CHANNELS, CHANNELS, 1), last)


class Trainer:
    """Model, teacher adapters, optimiser and clock."""

    def __init__(self, names: list[str], checkpoint: Path, rate: float) -> None:
        self.words = WordVectors.shipped()
        self.model = channels_last(Detector(self.words.dim))
        self.adapters = nn.ModuleList(adapter() for _ in STRIDES)
        self.vocabulary = Vocabulary(names, self.words, seed=int(time.time()))
        self.optimiser = optimiser([self.model, self.adapters], rate)
        self.rate, self.checkpoint = rate, checkpoint
        self.ema, self.elapsed_s, self.steps = Ema(self.model), 0.0, 0
        if checkpoint.exists():
            self._load(torch.load(checkpoint, weights_only=True))

    def _load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.adapters.load_state_dict(state["adapters"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.ema.model.load_state_dict(state["ema"])
        self.ema.steps = self.steps = state["steps"]
        self.elapsed_s = state["elapsed_s"]

    def save(self) -> None:
        """Write the checkpoint; a crash in between leaves the old one."""
        state = {
            "model": self.model.state_dict(),
            "adapters": self.adapters.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema.model.state_dict(),
            "steps": self.steps,
            "elapsed_s": self.elapsed_s,
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.checkpoint)

    def step(self, batch: Batch, progress: float) -> dict[str, float]:
        """One update; returns the losses."""
        rate = self.rate * schedule(progress, self.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        present = np.unique(batch.classes)
        classes, text, known = self.vocabulary.draw(present, batch.known, 48, 16)
        column = np.zeros(len(self.vocabulary.names), np.int64)
        column[classes] = np.arange(len(classes))
        targets = Targets(
            batch.image, batch.boxes, torch.from_numpy(column[batch.classes]), batch.weight
        )
        images = batch.images.float().div_(255)
        with torch.autocast("cpu", torch.bfloat16):
            cells = self.model(images)
            logits = self.model.logits(cells.embeddings, torch.from_numpy(text))
            adapted = [a(p) for a, p in zip(self.adapters, cells.pyramid, strict=True)]
        size_hw = (images.shape[2], images.shape[3])
        losses = detection_loss(cells, logits, torch.from_numpy(known), targets, size_hw)
        taught = np.flatnonzero(classes < CLASSES)
        dense = DenseTargets(
            batch.scores[:, :, classes[taught]],
            torch.from_numpy(taught),
            batch.teacher_boxes,
            batch.features,
        )
        losses |= dense_loss(cells, logits, adapted, dense, size_hw[0])
        losses = {name: WEIGHTS[name] * value for name, value in losses.items()}
        total = torch.stack(list(losses.values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimiser.step()
        self.ema.update(self.model)
        self.steps += 1
        return {k: float(v.detach()) for k, v in losses.items()}


def train(trainer: Trainer, make: Any, minutes: float, batch: int, log_every: int = 50) -> None:
    """Train until `minutes` in all, earlier runs counted, are spent."""
    budget = minutes * 60
    phase, stream = "", iter(())
    clock = time.monotonic()
    running: dict[str, float] = {}
    while trainer.elapsed_s < budget:
        progress = trainer.elapsed_s / budget
        wanted = "last" if progress > 0.8 else "first"
        if wanted != phase:
            phase = wanted
            sizes, mosaic = ((LAST_SIZE,), 0.0) if phase == "last" else (SIZES, 0.4)
            source = BatchStream(make, batch, sizes, mosaic)
            stream = iter(DataLoader(source, None, num_workers=1, prefetch_factor=3))
        losses = trainer.step(next(stream), progress)
        for name, value in losses.items():
            running[name] = running.get(name, value) * 0.98 + value * 0.02
        now = time.monotonic()
        trainer.elapsed_s, clock = trainer.elapsed_s + now - clock, now
        if trainer.steps % log_every == 0:
            text = " ".join(f"{k} {v:.3f}" for k, v in running.items())
            speed = f"{trainer.elapsed_s / 60:.1f}/{minutes:.0f} min"
            print(f"step {trainer.steps} {speed} {text}", flush=True)
        if trainer.steps % 500 == 0:
            trainer.save()
    trainer.save()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with nano/ and caltech101/")
    parser.add_argument("cache", type=Path, help="folder for decoded photos")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    nano = args.data / "nano"
    photos = load_photos(
        nano / "train.json.gz", sorted(nano.glob("train-*.tar")), args.cache / "train.u8"
    )
    photos = add_caltech(photos, args.data / "caltech101", args.cache / "caltech.u8")

    def make(seed: int, mosaic: float) -> Views:
        return Views(photos, nano / "teacher.json.gz", Teacher(nano / "teacher"), seed, mosaic)

    trainer = Trainer(photos.class_names, args.checkpoint, args.rate)
    train(trainer, make, args.minutes, args.batch)


if __name__ == "__main__":
    main()
