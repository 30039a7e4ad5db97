"""Mean IoU of a student on validation images, with boxes, clicks and corrections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edgeseg.engines.edge_sam import EdgeSam
from edgeseg.engines.edge_sam.letterbox import stability
from edgeseg.engines.edge_sam.prompt_encoder import BOTTOM_RIGHT
from edgeseg.engines.edge_sam.rpn import ClickBox, Rpn, with_click_boxes
from edgeseg.evaluation.clicks import centre_click
from training.common.data import FloatArray, UInt8Array
from training.common.store import EmbeddingStore
from training.edge_sam.config import Config
from training.edge_sam.images import Images
from training.edge_sam.losses import mask_ious
from training.edge_sam.objective import resized
from training.edge_sam.pixels import inside, normalised
from training.edge_sam.prompts import Prompts, correction, first_prompts
from training.edge_sam.samples import Batch, Wants, collate, scaled
from training.edge_sam.teacher import Teacher

CLICKS = 2


@dataclass(frozen=True)
class Figures:
    """Mean IoUs by the prompts that were given."""

    values: Mapping[str, float]

    @property
    def score(self) -> float:
        """What decides which checkpoint is kept: the mean of boxes and of single clicks.

        Where there are proposals, clicks with their boxes: nothing else changes then.
        """
        if "miou_centre_merged" in self.values:
            return (self.values["miou_centre_merged"] + self.values["miou_centre_best"]) / 2
        return (self.values.get("miou_box", 0.0) + self.values.get("miou_centre", 0.0)) / 2

    def __str__(self) -> str:
        return " ".join(f"{name} {value:.3f}" for name, value in self.values.items())


class Validation:
    """Objects of some images; each run gives the same prompts.

    ``miou_…`` compares with the annotated masks in pixels of the input: ``box``, ``centre`` (one
    click at the pixel that is farthest from the mask's rim; of the four masks the most stable), and
    ``centre+1`` and ``centre+2`` after that many more clicks on wrong pixels. ``agree_…`` compares
    with the teacher's masks for the same prompts.
    """

    def __init__(
        self,
        config: Config,
        images: Images,
        device: torch.device,
        teacher: Teacher | None = None,
        store: EmbeddingStore | None = None,
    ) -> None:
        self._images, self._device = images, device
        self._teacher, self._store = teacher, store
        self._size_px = config.student.sizes_px[-1]
        self._watching = config.watching
        teacher_px = teacher.size_px if teacher is not None and store is None else None
        self._wants = Wants(
            seed=config.seed,
            objects=config.watching.objects,
            masks=True,
            points=False,
            teacher_px=teacher_px,
        )

    @torch.no_grad()
    def run(self, student: EdgeSam) -> Figures:
        """Evaluate the student, which is left as it was."""
        was_training = student.training
        student.eval()
        rows: dict[str, list[Tensor]] = defaultdict(list)
        with torch.random.fork_rng(devices=[]):
            for index, key in enumerate(self._images.keys):
                torch.manual_seed(index)
                batch = self._batch(key, index)
                if batch is not None:
                    for name, values in self._image(student, batch).items():
                        rows[name].append(values.cpu())
        student.train(was_training)
        return Figures({name: float(torch.cat(each).mean()) for name, each in rows.items()})

    def _batch(self, key: str, index: int) -> Batch | None:
        labelled = self._images.read(key)
        rng = np.random.default_rng([self._wants.seed, index])
        sample = scaled(labelled, self._size_px, self._wants, rng)
        assert sample.masks is not None
        image_px = labelled.rgb.shape[0] / sample.inside_hw[0]
        areas = sample.masks.sum((1, 2)) * image_px**2
        keep = (areas >= max(1, self._watching.min_area_px)) & (sample.masks.any((1, 2)))
        if not keep.any():
            return None
        sample.masks = sample.masks[keep]
        sample.boxes_xyxy = sample.boxes_xyxy[keep]
        sample.points_xy = centres(sample.masks)
        if self._store is not None and self._teacher is not None:
            sample.features = self._store.read(key)
        return collate([sample]).to(self._device)

    def _image(self, student: EdgeSam, batch: Batch) -> dict[str, Tensor]:
        """IoUs of each object of one image, by prompts."""
        maps = student(normalised(batch.images, batch.inside_hw)).float()
        image = maps[batch.owner]
        features = self._features(batch)
        rows: dict[str, Tensor] = {}
        for name, by_box in (("box", True), ("centre", False)):
            chosen = torch.full((len(batch.owner),), by_box, device=self._device)
            prompts = first_prompts(batch.boxes_xyxy, batch.points_xy, chosen, self._size_px)
            logits, _ = student.decode(image, prompts.points_xy, prompts.labels)
            mask = logits[:, 0] if by_box else by_stability(logits)
            rows[f"miou_{name}"] = self._ious(mask, batch)
            if features:
                rows[f"agree_{name}"] = self._agreement(logits, features, prompts, by_box)
        if student.rpn is not None:
            rows |= self._boxed(student, student.rpn, maps, prompts, batch)
        for count in range(1, CLICKS + 1):
            prompts, mask = self._corrected(student, image, prompts, mask, batch)
            rows[f"miou_centre+{count}"] = self._ious(mask, batch)
        return rows

    def _boxed(
        self, student: EdgeSam, rpn: Rpn, maps: Tensor, clicks: Prompts, batch: Batch
    ) -> dict[str, Tensor]:
        """IoUs of the masks of clicks with the boxes that proposals add, in both ways."""
        boxes, scores = rpn.proposals(maps)
        rows: dict[str, Tensor] = {}
        ways: tuple[ClickBox, ...] = ("merged", "best")
        for way in ways:
            given = with_click_boxes(clicks.points_xy, clicks.labels, boxes, scores, way)
            logits, _ = student.decode(maps[batch.owner], *given)
            boxed = (given[1] == BOTTOM_RIGHT).any(1)
            mask = torch.where(boxed[:, None, None], logits[:, 0], by_stability(logits))
            rows[f"miou_centre_{way}"] = self._ious(mask, batch)
            rows[f"clicks_with_box_{way}"] = boxed.float()
        return rows

    def _corrected(
        self, student: EdgeSam, image: Tensor, prompts: Prompts, mask: Tensor, batch: Batch
    ) -> tuple[Prompts, Tensor]:
        assert batch.masks is not None
        side = mask.shape[-1]
        target = functional.adaptive_avg_pool2d(batch.masks[:, None].float(), side)[:, 0]
        more = prompts.with_point(*correction(mask, target))
        return more, student.decode(image, more.points_xy, more.labels)[0][:, 0]

    def _features(self, batch: Batch) -> list[Tensor]:
        if self._teacher is None:
            return []
        features = batch.features
        if not features:
            assert batch.teacher_images is not None
            pixels = normalised(batch.teacher_images, batch.teacher_inside_hw)
            features = self._teacher.encode(pixels)
        return [each.float()[batch.owner] for each in features]

    def _agreement(
        self, logits: Tensor, features: Sequence[Tensor], prompts: Prompts, by_box: bool
    ) -> Tensor:
        """(N,) IoUs with the teacher's best mask, of the student's of the same number."""
        assert self._teacher is not None
        goal, scores = self._teacher.masks(features, prompts)
        best = torch.zeros_like(scores[:, 0], dtype=torch.long) if by_box else scores.argmax(1)
        rows = torch.arange(len(best), device=best.device)
        hard = resized((goal[rows, best] > 0).float()[:, None], logits.shape[-1])
        return mask_ious(logits[rows, best][:, None], hard)[:, 0]

    def _ious(self, mask: Tensor, batch: Batch) -> Tensor:
        """(N,) IoUs of (N, s, s) logits with the annotated masks, where no padding is."""
        assert batch.masks is not None
        shape = (self._size_px, self._size_px)
        whole = functional.interpolate(mask[:, None], shape, mode="bilinear", align_corners=False)
        where = inside(batch.inside_hw, self._size_px)[batch.owner]
        whole = whole.masked_fill(where == 0, -1)
        return mask_ious(whole, batch.masks[:, None].float())[:, 0]


def by_stability(logits: Tensor) -> Tensor:
    """(N, S, S): of each of (N, C, S, S) masks the one that its cut changes least."""
    best = stability(logits).argmax(1)
    return logits[torch.arange(len(best), device=best.device), best]


def centres(masks: UInt8Array) -> FloatArray:
    """(N, 2) the pixels of (N, H, W) masks that are farthest from their rims, in their pixels."""
    clicks = [centre_click(mask.astype(bool)) for mask in masks]
    return np.array([(click.x, click.y) for click in clicks], np.float32)
