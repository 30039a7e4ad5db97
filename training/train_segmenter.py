"""Train the nano segmenter with prompts in the loop, resuming from its checkpoint."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

from training.backbone import channels_last
from training.data import load_photos
from training.detector_loss import giou, pair_iou
from training.mask_views import MaskView, MaskViews
from training.prompts import next_click, prompt_channels
from training.segmenter import (
    FINE,
    MIDDLE,
    Maps,
    Segmenter,
    boxes_at,
    crop_grid,
    expand_boxes,
    sample,
)
from training.train_detector import Ema, optimiser, schedule

SIZES = (256, 320, 384)
INSTANCES = 3


class MaskBatch(NamedTuple):
    """B canvases with K instances each."""

    images: Tensor
    masks: Tensor
    boxes: Tensor


def collate(views: list[MaskView]) -> MaskBatch:
    """Stack views of one size."""
    images = torch.from_numpy(np.stack([v.rgb for v in views])).permute(0, 3, 1, 2)
    return MaskBatch(
        images.contiguous(memory_format=torch.channels_last),
        torch.from_numpy(np.stack([v.masks for v in views])),
        torch.from_numpy(np.stack([v.boxes_xyxy for v in views])),
    )


class MaskStream(IterableDataset[MaskBatch]):
    """An endless stream of batches."""

    def __init__(self, make: Any, batch: int) -> None:
        self.make, self.batch = make, batch

    def __iter__(self) -> Iterator[MaskBatch]:
        views: MaskViews = self.make(int(time.time() * 1000) % 2**31)
        while True:
            size = int(views.rng.choice(SIZES))
            yield collate([views.sample(size) for _ in range(self.batch)])


def jitter(boxes: Tensor, amount: Tensor) -> Tensor:
    """Move each side of (N, 4) boxes by a normal share `amount` (N,) of the box's size."""
    size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    moved = boxes + torch.randn_like(boxes) * size * amount[:, None]
    low, high = torch.minimum(moved[:, :2], moved[:, 2:]), torch.maximum(moved[:, :2], moved[:, 2:])
    return torch.cat([low, high], 1)


def inner_points(masks: Tensor) -> Tensor:
    """(B, K, 2) pixel points inside (B, K, S, S) masks, more often deep inside than near a rim."""
    depth = F.avg_pool2d(masks.float(), 9, 1, 4)
    choice = (depth + torch.rand_like(depth) * 0.6 + masks.float() * 2).flatten(2).argmax(2)
    s = masks.shape[-1]
    return torch.stack([choice % s + 0.5, choice // s + 0.5], -1)


def mask_loss(logits: Tensor, goal: Tensor) -> Tensor:
    """Cross-entropy and Dice (smooth 1), equally weighted, as in SAM's descendants."""
    bce = F.binary_cross_entropy_with_logits(logits, goal)
    p = logits.sigmoid()
    overlap = (p * goal).sum((1, 2))
    dice = 1 - (2 * overlap + 1) / (p.sum((1, 2)) + goal.sum((1, 2)) + 1)
    return bce + dice.mean()


class SegmenterTrainer:
    """Model, optimiser and clock."""

    def __init__(self, checkpoint: Path, rate: float, backbone: Path | None) -> None:
        self.model = channels_last(Segmenter())
        if backbone is not None and not checkpoint.exists():
            state = torch.load(backbone, weights_only=True)["ema"]
            prefix = "backbone."
            self.model.encoder.backbone.load_state_dict(
                {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            )
        self.optimiser = optimiser([self.model], rate)
        self.rate, self.checkpoint = rate, checkpoint
        self.ema, self.elapsed_s, self.steps = Ema(self.model), 0.0, 0
        if checkpoint.exists():
            state = torch.load(checkpoint, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.ema.model.load_state_dict(state["ema"])
            self.ema.steps = self.steps = state["steps"]
            self.elapsed_s = state["elapsed_s"]

    def save(self) -> None:
        """Write the checkpoint; a crash in between leaves the old one."""
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema.model.state_dict(),
            "steps": self.steps,
            "elapsed_s": self.elapsed_s,
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.checkpoint)

    def step(self, batch: MaskBatch, progress: float) -> dict[str, float]:
        """One update over two prompt rounds; returns the losses and the mean IoU."""
        rate = self.rate * schedule(progress, self.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        images = batch.images.float().div_(255)
        with torch.autocast("cpu", torch.bfloat16):
            maps = self.model.encoder(images)
        points = inner_points(batch.masks)
        guessed = boxes_at(maps, points).flatten(0, 1)
        true = batch.boxes.flatten(0, 1)
        losses = {"guess": (1 - giou(guessed, true)).mean() * 0.5}
        losses |= self._rounds(images, maps, batch, points.flatten(0, 1), guessed.detach())
        iou = losses.pop("iou")
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        self.ema.update(self.model)
        self.steps += 1
        return {k: float(v.detach()) for k, v in {**losses, "iou": iou}.items()}

    def _rounds(
        self, images: Tensor, maps: Maps, batch: MaskBatch, points: Tensor, guessed: Tensor
    ) -> dict[str, Tensor]:
        true = batch.boxes.flatten(0, 1)
        n = len(true)
        by_box = torch.rand(n) < 0.6
        # Detectors' boxes are a little off; a poor guess from a click is replaced by a fair one.
        box = jitter(true, torch.rand(n) * 0.08)
        fair = pair_iou(guessed, true) > 0.35
        guess = torch.where(fair[:, None], guessed, jitter(true, torch.full((n,), 0.15)))
        box = torch.where(by_box[:, None], box, guess)
        crops = expand_boxes(box)
        size_hw = (images.shape[2], images.shape[3])
        goal = sample(batch.masks.float(), crop_grid(crops, FINE, size_hw).detach())
        pick = torch.arange(n) % batch.masks.shape[1]
        goal = goal[torch.arange(n), pick]
        clicks = points[:, None]
        used = ((~by_box) | (torch.rand(n) < 0.2)).float()[:, None]
        none = torch.zeros(n, 1)
        positive, negative = (clicks, used), (clicks, none)
        previous = torch.zeros(n, MIDDLE, MIDDLE)
        losses: dict[str, Tensor] = {}
        for turn in range(2):
            prompt = prompt_channels(crops, box, by_box.float(), positive, negative, previous)
            with torch.autocast("cpu", torch.bfloat16):
                logits, quality = self.model.decode(maps, images, crops, prompt)
            logits = logits[:, 0].float()
            losses[f"mask{turn}"] = mask_loss(logits, goal)
            with torch.no_grad():
                hard, wanted = logits > 0, goal > 0.5
                union = (hard | wanted).sum((1, 2)).clamp(1)
                iou = (hard & wanted).sum((1, 2)) / union
            losses[f"quality{turn}"] = 0.2 * F.binary_cross_entropy_with_logits(
                quality.float(), iou
            )
            losses["iou"] = iou.mean() if turn == 0 else losses["iou"]
            if turn == 0:
                place, missed, enough = next_click(logits.detach(), goal, crops)
                more = torch.stack([points, place], 1)
                positive = (more, torch.cat([used, (missed * enough)[:, None]], 1))
                negative = (more, torch.cat([none, ((1 - missed) * enough)[:, None]], 1))
                previous = F.avg_pool2d(logits.detach().sigmoid(), 2) * 2 - 1
        return losses


def train(trainer: SegmenterTrainer, make: Any, minutes: float, batch: int) -> None:
    """Train until `minutes` in all, earlier runs counted, are spent."""
    stream = iter(DataLoader(MaskStream(make, batch), None, num_workers=1, prefetch_factor=3))
    clock = time.monotonic()
    running: dict[str, float] = {}
    while trainer.elapsed_s < minutes * 60:
        losses = trainer.step(next(stream), trainer.elapsed_s / (minutes * 60))
        for name, value in losses.items():
            running[name] = running.get(name, value) * 0.98 + value * 0.02
        now = time.monotonic()
        trainer.elapsed_s, clock = trainer.elapsed_s + now - clock, now
        if trainer.steps % 25 == 0:
            text = " ".join(f"{k} {v:.3f}" for k, v in running.items())
            spent = f"{trainer.elapsed_s / 60:.1f}/{minutes:.0f} min"
            print(f"step {trainer.steps} {spent} {text}", flush=True)
        if trainer.steps % 250 == 0:
            trainer.save()
    trainer.save()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with nano/")
    parser.add_argument("cache", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--backbone", type=Path, help="checkpoint of the detector to start from")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    nano = args.data / "nano"
    photos = load_photos(
        nano / "train.json.gz", sorted(nano.glob("train-*.tar")), args.cache / "train.u8"
    )

    def make(seed: int) -> MaskViews:
        return MaskViews(photos, seed, INSTANCES)

    train(
        SegmenterTrainer(args.checkpoint, args.rate, args.backbone),
        make,
        args.minutes,
        args.batch,
    )


if __name__ == "__main__":
    main()
