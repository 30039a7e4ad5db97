"""Train the nano segmenter with prompts in the loop, resuming from its checkpoint."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

from training.common.data import add_tableware, load_nano
from training.common.loop import Trainer, worker_seed
from training.nano.detector_loss import giou, pair_iou
from training.nano.mask_views import MaskView, MaskViews
from training.nano.prompts import next_click, prompt_channels
from training.nano.segmenter import (
    FINE,
    MIDDLE,
    Maps,
    Segmenter,
    boxes_at,
    crop_grid,
    expand_boxes,
    sample,
)

SIZES = (256, 320, 384)
INSTANCES = 3
CLICKED = 0.5
"""How often the second iteration has a corrective click."""


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

    def __init__(self, make: Callable[[int], MaskViews], batch: int) -> None:
        self.make, self.batch = make, batch

    def __iter__(self) -> Iterator[MaskBatch]:
        views = self.make(worker_seed())
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
    rows = F.avg_pool2d(masks.float(), (9, 1), 1, (4, 0))
    depth = F.avg_pool2d(rows, (1, 9), 1, (0, 4))
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


class SegmenterTrainer(Trainer[MaskBatch]):
    """The segmenter under prompts in a loop; begins with a detector's backbone, if given."""

    clip = 5.0
    log_every, save_every = 25, 250

    def __init__(self, checkpoint: Path, rate: float, backbone: Path | None) -> None:
        self.segmenter = Segmenter()
        if backbone is not None:
            state = torch.load(backbone, "cpu", weights_only=True)["ema"]
            prefix = "backbone."
            self.segmenter.encoder.backbone.load_state_dict(
                {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            )
        super().__init__({"model": self.segmenter}, checkpoint, rate)

    def losses(self, batch: MaskBatch) -> dict[str, Tensor]:
        """Over two prompt iterations; `_iou` is the mean IoU after the first."""
        batch = MaskBatch(*(t.to(self.device) for t in batch))
        images = batch.images.float().div_(255)
        with self.autocast():
            maps = self.segmenter.encoder(images)
        points = inner_points(batch.masks)
        guessed = boxes_at(maps, points).flatten(0, 1)
        true = batch.boxes.flatten(0, 1)
        losses = {"guess": (1 - giou(guessed, true)).mean() * 0.5}
        return losses | self._iterations(
            images, maps, batch, points.flatten(0, 1), guessed.detach()
        )

    def _iterations(
        self, images: Tensor, maps: Maps, batch: MaskBatch, points: Tensor, guessed: Tensor
    ) -> dict[str, Tensor]:
        true = batch.boxes.flatten(0, 1)
        n = len(true)
        by_box = torch.rand(n, device=true.device) < 0.55
        # Detectors' boxes are mostly a little off, some of them by a fifth of their size; a poor
        # guess from a click is replaced by a fair one.
        box = jitter(true, torch.rand_like(true[:, 0]).square() * 0.22)
        fair = pair_iou(guessed, true) > 0.35
        guess = torch.where(fair[:, None], guessed, jitter(true, torch.full_like(true[:, 0], 0.15)))
        box = torch.where(by_box[:, None], box, guess)
        crops = expand_boxes(box)
        size_hw = (images.shape[2], images.shape[3])
        goal = sample(batch.masks.float(), crop_grid(crops, FINE, size_hw).detach())
        every = torch.arange(n, device=true.device)
        pick = every % batch.masks.shape[1]
        goal = goal[every, pick]
        # What lies outside the crop is missed as well: a part that fills its crop is no whole.
        cell = (crops[:, 2:] - crops[:, :2]).prod(1) / FINE**2
        whole = batch.masks.flatten(0, 1).sum((1, 2), dtype=torch.float32)
        beyond = (whole / cell - (goal > 0.5).sum((1, 2))).clamp(0)
        clicks = points[:, None]
        used = ((~by_box) | (torch.rand_like(true[:, 0]) < 0.2)).float()[:, None]
        none = torch.zeros_like(used)
        positive, negative = (clicks, used), (clicks, none)
        previous = true.new_zeros(n, MIDDLE, MIDDLE)
        losses: dict[str, Tensor] = {}
        for turn in range(2):
            prompt = prompt_channels(crops, box, by_box.float(), positive, negative, previous)
            with self.autocast():
                logits, quality = self.segmenter.decode(maps, images, crops, prompt)
            logits = logits[:, 0].float()
            losses[f"mask{turn}"] = mask_loss(logits, goal)
            with torch.no_grad():
                hard, target = logits > 0, goal > 0.5
                union = ((hard | target).sum((1, 2)) + beyond).clamp(1)
                iou = (hard & target).sum((1, 2)) / union
            losses[f"quality{turn}"] = 0.2 * F.binary_cross_entropy_with_logits(
                quality.float(), iou
            )
            losses.setdefault("_iou", iou.mean())
            if turn == 0:
                place, missed, enough = next_click(logits.detach(), goal, crops)
                # The shipped engine runs two refinement iterations without a click in between.
                enough = enough * (torch.rand_like(enough) < CLICKED)
                more = torch.stack([points, place], 1)
                positive = (more, torch.cat([used, (missed * enough)[:, None]], 1))
                negative = (more, torch.cat([none, ((1 - missed) * enough)[:, None]], 1))
                previous = F.avg_pool2d(logits.detach().sigmoid(), 2) * 2 - 1
        return losses


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
    parser.add_argument("--tableware", type=Path, help="a folder of training.synthetic.render")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    photos = load_nano(args.data, args.cache)
    if args.tableware:
        photos = add_tableware(photos, args.tableware, args.cache)

    def make(seed: int) -> MaskViews:
        return MaskViews(photos, seed, INSTANCES)

    source = MaskStream(make, args.batch)
    stream = iter(DataLoader(source, None, num_workers=1, prefetch_factor=3))
    trainer = SegmenterTrainer(args.checkpoint, args.rate, args.backbone)
    trainer.train(lambda _: stream, args.minutes)


if __name__ == "__main__":
    main()
