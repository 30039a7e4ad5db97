"""What a step minimises: embeddings in phase 1, masks with prompts in the loop in phase 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from edgeseg.engines.edge_sam import EdgeSam
from training.common.precision import autocast
from training.edge_sam.attention import AttentionMaps, attention_loss
from training.edge_sam.config import Config
from training.edge_sam.losses import embedding_loss, mask_ious, mask_losses
from training.edge_sam.pixels import inside, inside_cells, normalised
from training.edge_sam.prompts import Prompts, correction, first_prompts
from training.edge_sam.rpn_loss import in_frame, proposal_losses
from training.edge_sam.samples import Batch
from training.edge_sam.teacher import Teacher

LossParts = dict[str, Tensor]


@dataclass(frozen=True)
class Goal:
    """What the masks of N prompts should be."""

    masks: Tensor
    """(N, C, S, S): the covered share of each pixel."""
    scores: Tensor
    """(N, C) that tell the best mask."""


class Objective:
    """Losses of a batch: parts to be summed, and those that begin with ``_`` only reported."""

    def __init__(self, config: Config, student: EdgeSam, teacher: Teacher | None) -> None:
        self.config, self.student, self.teacher = config, student, teacher
        self._weights = config.losses
        self._maps: tuple[AttentionMaps, AttentionMaps] | None = None
        if self._weights.attention and teacher is not None:
            self._maps = AttentionMaps(student), AttentionMaps(teacher.decoding_model)

    def __call__(self, batch: Batch) -> LossParts:
        """Return the losses of a batch that is on the student's device."""
        with self._autocast(batch):
            maps = self.student(normalised(batch.images, batch.inside_hw))
        maps = maps.float()
        if self.student.rpn is not None:
            return self._proposed(batch, maps)
        features = self._features(batch) if self._needs_teacher else ()
        losses: LossParts = {}
        if self._weights.embedding:
            cells = inside_cells(batch.inside_hw, batch.images.shape[-1], maps.shape[-1])
            apart = embedding_loss(maps, resized(features[0], maps.shape[-1]), cells)
            losses["embedding"] = self._weights.embedding * apart
        if self.config.phase == 2 and len(batch.owner):
            losses |= self._prompted(batch, maps, features)
        # A batch without objects still takes part in a step of several processes.
        return losses or {"none": maps.sum() * 0}

    def _proposed(self, batch: Batch, maps: Tensor) -> LossParts:
        """Losses of the proposals; the network below them is frozen."""
        assert self.student.rpn is not None
        boxes = in_frame(batch.boxes_xyxy, batch.images.shape[-1])
        of_images = [boxes[batch.owner == row] for row in range(len(batch.images))]
        logits, deltas, anchors = self.student.rpn(maps.detach())
        return proposal_losses(logits, deltas, anchors, of_images)

    @property
    def _needs_teacher(self) -> bool:
        return self.config.targets == "teacher" or self._weights.embedding > 0

    @torch.no_grad()
    def _features(self, batch: Batch) -> tuple[Tensor, ...]:
        if batch.features:
            return batch.features
        assert self.teacher is not None
        assert batch.teacher_images is not None
        with self._autocast(batch):
            pixels = normalised(batch.teacher_images, batch.teacher_inside_hw)
            return tuple(each.float() for each in self.teacher.encode(pixels))

    def _prompted(self, batch: Batch, maps: Tensor, features: Sequence[Tensor]) -> LossParts:
        """Rounds of prompts: a box or a point, then clicks where student and target disagree."""
        options, size_px = self.config.prompts, batch.images.shape[-1]
        by_box = self._coin(batch)
        prompts = first_prompts(batch.boxes_xyxy, batch.points_xy, by_box, size_px)
        image = maps[batch.owner]
        side = 4 * maps.shape[-1]
        where = inside(batch.inside_hw, size_px)[batch.owner]
        where = functional.interpolate(where, (side, side), mode="bilinear", align_corners=False)
        of_objects = [each[batch.owner] for each in features]
        losses: LossParts = {}
        for number in range(options.rounds):
            with self._autocast(batch):
                logits, predicted = self.student.decode(image, prompts.points_xy, prompts.labels)
            logits = logits.float()
            goal = self._goal(batch, of_objects, prompts, side)
            ious = mask_ious(logits, goal.masks)
            part = self._masks(logits, goal, where, by_box, number)
            losses[f"mask{number}"] = part.mean() / options.rounds
            if self._weights.iou:
                quality = self._quality(predicted.float(), goal, ious)
                losses[f"iou{number}"] = self._weights.iou * quality / options.rounds
            if self._maps is not None:
                apart = attention_loss(*self._maps) / options.rounds
                losses[f"attention{number}"] = self._weights.attention * apart
            losses |= _reported(ious[:, 0], by_box, number)
            if number + 1 < options.rounds:
                best = self._best(goal, by_box)
                rows = torch.arange(len(best), device=best.device)
                clicks = correction(
                    logits[rows, best].detach(),
                    goal.masks[rows, best],
                    where[:, 0],
                    options.min_disagreement_px,
                )
                prompts = prompts.with_point(*clicks)
        return losses

    def _coin(self, batch: Batch) -> Tensor:
        """(N,) whether the box is given: one throw for all, so that they have as many masks."""
        options, count, device = self.config.prompts, len(batch.owner), batch.owner.device
        throws = torch.rand(1 if options.coin == "batch" else count, device=device)
        return (throws < options.box_share).expand(count)

    @torch.no_grad()
    def _goal(self, batch: Batch, features: Sequence[Tensor], prompts: Prompts, side: int) -> Goal:
        if self.config.targets == "annotations":
            assert batch.masks is not None
            share = functional.adaptive_avg_pool2d(batch.masks[:, None].float(), side)
            return Goal(share.expand(-1, 4, -1, -1), torch.ones_like(share[:, :, 0, 0]))
        assert self.teacher is not None
        with self._autocast(batch):
            logits, scores = self.teacher.masks(features, prompts)
        return Goal(resized((logits > 0).float(), side), scores)

    def _masks(
        self, logits: Tensor, goal: Goal, where: Tensor, by_box: Tensor, number: int
    ) -> Tensor:
        """(N,) losses: of the first mask for boxes, of all masks or the best one for points."""
        used = 1 if bool(by_box.all()) else logits.shape[1]
        losses = mask_losses(logits[:, :used], goal.masks[:, :used], where, self._weights)
        if used == 1:
            return losses[:, 0]
        if self._weights.ambiguous == "all":
            return torch.where(by_box, losses[:, 0], losses.mean(1))
        if number > 0:
            # Clicks that correct leave no doubt.
            return losses[:, 0]
        # A single click may mean a part or the whole: the best of the other three is taught
        # (Segment Anything, appendix A).
        return losses[:, 0] + torch.where(by_box, 0.0, losses[:, 1:].amin(1))

    def _quality(self, predicted: Tensor, goal: Goal, ious: Tensor) -> Tensor:
        wanted = goal.scores if self.config.targets == "teacher" else ious
        return functional.mse_loss(predicted, wanted)

    def _best(self, goal: Goal, by_box: Tensor) -> Tensor:
        """(N,) the mask that the next click corrects: the one that the teacher thinks best."""
        if self.config.targets == "annotations":
            return torch.zeros(len(by_box), dtype=torch.long, device=by_box.device)
        return torch.where(by_box, 0, goal.scores.argmax(1))

    def _autocast(self, batch: Batch) -> torch.autocast:
        return autocast(batch.images.device, self.config.optimisation.precision)


def resized(x: Tensor, side: int) -> Tensor:
    """(N, C, side, side) means of the cells of a square map; itself where it has that size."""
    return x if x.shape[-1] == side else functional.adaptive_avg_pool2d(x, side)


def _reported(ious: Tensor, by_box: Tensor, number: int) -> LossParts:
    if number:
        return {f"_click{number}": ious.mean()}
    parts = {"_box": ious[by_box], "_point": ious[~by_box]}
    return {name: part.mean() for name, part in parts.items() if len(part)}
