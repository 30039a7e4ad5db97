"""Train an EdgeSAM on annotated masks with prompts in the loop, resuming from its checkpoint."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from edgeseg.engines.edge_sam import EdgeSam
from training.common.data import PhotoSet, load_nano
from training.common.loop import Trainer, worker_seed
from training.edge_sam.losses import mask_ious, mask_losses
from training.edge_sam.prompts import Prompts, correction, first_prompts
from training.nano.mask_views import MaskViews
from training.nano.train_segmenter import MaskBatch, collate

Batches = Iterator[MaskBatch]

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
IOU_WEIGHT = 1.0
# Pixels of the images in a step: the smaller the input, the more of them.
STEP_PX = 8 * 256 * 256


class ViewStream(IterableDataset[MaskBatch]):
    """An endless stream of batches of one size."""

    def __init__(self, photos: PhotoSet, size_px: int, batch: int, prompts: int) -> None:
        self.photos, self.size_px, self.batch, self.prompts = photos, size_px, batch, prompts

    def __iter__(self) -> Iterator[MaskBatch]:
        views = MaskViews(self.photos, worker_seed(), self.prompts)
        while True:
            yield collate([views.sample(self.size_px) for _ in range(self.batch)])


class EdgeSamTrainer(Trainer[MaskBatch]):
    """EdgeSAM under box or point prompts, and ``iterations`` - 1 corrective clicks after them."""

    clip = 1.0
    log_every, save_every = 25, 100

    def __init__(
        self, checkpoint: Path, rate: float, iterations: int = 2, width: float = 1.0
    ) -> None:
        self.student = EdgeSam(width)
        self.iterations = iterations
        super().__init__({"model": self.student}, checkpoint, rate)
        self._mean = torch.tensor(MEAN, device=self.device)[:, None, None]
        self._std = torch.tensor(STD, device=self.device)[:, None, None]

    def losses(self, batch: MaskBatch) -> dict[str, Tensor]:
        """Losses of each iteration; ``_box`` and ``_point`` are mean IoUs after the first."""
        images, masks, boxes = (each.to(self.device) for each in batch)
        with self.autocast():
            embeddings = self.student((images.float() - self._mean) / self._std)
        count = masks.shape[1]
        image = embeddings.float().repeat_interleave(count, 0)
        masks, boxes = masks.flatten(0, 1), boxes.flatten(0, 1)
        by_box = torch.rand(len(masks), device=self.device) < 0.5
        prompts = first_prompts(masks, boxes, by_box)
        target = functional.avg_pool2d(masks[:, None].float(), 4)[:, 0]
        return self._iterations(image, prompts, target, by_box)

    def _iterations(
        self, image: Tensor, prompts: Prompts, target: Tensor, by_box: Tensor
    ) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        for number in range(self.iterations):
            with self.autocast():
                logits, predicted = self.student.decode(image, prompts.points_xy, prompts.labels)
            logits = logits.float()
            of_masks, ious = mask_losses(logits, target), mask_ious(logits, target)
            # The first mask is for prompts that leave no doubt. A single click may mean a part or
            # the whole, so the best of the other three is taught (Segment Anything, appendix A).
            loss = of_masks[:, 0]
            if number == 0:
                loss = loss + torch.where(by_box, 0.0, of_masks[:, 1:].amin(1))
                losses["_box"] = ious[by_box, 0].mean() if by_box.any() else ious.new_zeros(())
                losses["_point"] = (
                    ious[~by_box, 0].mean() if (~by_box).any() else ious.new_zeros(())
                )
            else:
                losses[f"_click{number}"] = ious[:, 0].mean()
            losses[f"mask{number}"] = loss.mean() / self.iterations
            quality = functional.mse_loss(predicted.float(), ious)
            losses[f"iou{number}"] = IOU_WEIGHT * quality / self.iterations
            if number + 1 < self.iterations:
                prompts = prompts.with_point(*correction(logits[:, 0].detach(), target))
        return losses


def streams(photos: PhotoSet, sizes_px: list[int], prompts: int) -> Callable[[float], Batches]:
    """Batches for a progress in [0, 1]: the sizes share the time, the smallest first.

    Most of what there is to learn shows in small images, where a step costs a quarter (progressive
    resizing: Tan and Le, "EfficientNetV2", 2021).
    """
    begun: dict[int, Batches] = {}

    def at(progress: float) -> Batches:
        size_px = sizes_px[min(int(progress * len(sizes_px)), len(sizes_px) - 1)]
        if size_px not in begun:
            batch = max(2, round(STEP_PX / size_px**2))
            source = ViewStream(photos, size_px, batch, prompts)
            begun.clear()
            begun[size_px] = iter(DataLoader(source, None, num_workers=1, prefetch_factor=3))
        return begun[size_px]

    return at


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with nano/")
    parser.add_argument("cache", type=Path, help="folder for decoded photos")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--minutes", type=float, default=180)
    parser.add_argument("--sizes-px", type=int, nargs="+", default=[256, 384, 512])
    parser.add_argument("--prompts", type=int, default=6, help="objects of an image in a step")
    parser.add_argument("--iterations", type=int, default=2, help="1: no prompts in the loop")
    parser.add_argument("--width", type=float, default=1.0, help="of the encoder's channels")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    photos = load_nano(args.data, args.cache)
    trainer = EdgeSamTrainer(args.checkpoint, args.rate, args.iterations, args.width)
    trainer.train(streams(photos, args.sizes_px, args.prompts), args.minutes)


if __name__ == "__main__":
    main()
