"""Metrics: open-vocabulary detection (AP, AP50); mIoU by ground-truth box, 1 click and text."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edgeseg.engines.base import Detector, Segmenter
from edgeseg.evaluation.data import Instance, LabelledImage, Truth
from edgeseg.types import BoolArray, Detections, Image, MaskPrompt

# Average precision wants the whole ranking, not only what a user would be shown.
MIN_SCORE = 0.02
MEDIUM_PX, LARGE_PX = 32**2, 96**2
SHOWN = 0.35
"""The box threshold that users get by default: what text to mask is measured at."""


@dataclass
class _Ranking:
    """Boxes of truth and detections, in COCO's terms."""

    categories: list[str]
    truth: list[dict[str, Any]] = field(default_factory=list)
    found: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)

    def add(self, labelled: LabelledImage, image: Image, detections: Detections) -> None:
        """Add one photo; objects of classes that its source does not complete are left out."""
        height, width = image.size_hw
        self.images.append({"id": labelled.id, "width": width, "height": height})
        for each in labelled.instances:
            if each.category in labelled.complete:
                self._add_truth(labelled.id, each)
        for box, score, label in zip(
            detections.boxes_xyxy.tolist(),
            detections.scores.tolist(),
            detections.labels,
            strict=True,
        ):
            x0, y0, x1, y1 = box
            self.found.append(
                {
                    "image_id": labelled.id,
                    "category_id": self.categories.index(label) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "score": score,
                }
            )

    def _add_truth(self, image_id: int, each: Instance) -> None:
        x0, y0, x1, y1 = each.box_xyxy
        self.truth.append(
            {
                "id": len(self.truth) + 1,
                "image_id": image_id,
                "category_id": self.categories.index(each.category) + 1,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": (x1 - x0) * (y1 - y0),
                "iscrowd": int(each.crowd),
            }
        )

    def summary(self) -> dict[str, Any]:
        """AP over IoU 0.50 to 0.95, AP at 0.50, and both for each class that occurs."""
        if not self.found or not self.truth:
            return {"ap": 0.0, "ap50": 0.0, "per_class": {}}
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO()
            truth.dataset = {
                "info": {},
                "images": self.images,
                "annotations": self.truth,
                "categories": [{"id": i + 1, "name": n} for i, n in enumerate(self.categories)],
            }
            truth.createIndex()
            run = COCOeval(truth, truth.loadRes(self.found), "bbox")
            run.evaluate()
            run.accumulate()
        precision = run.eval["precision"][:, :, :, 0, 2]
        per_class = {}
        for column, category_id in enumerate(run.params.catIds):
            values = precision[:, :, column]
            if (values > -1).any():
                name = self.categories[category_id - 1]
                per_class[name] = {"ap": float(values.mean()), "ap50": float(values[0].mean())}
        means = {k: float(np.mean([c[k] for c in per_class.values()])) for k in ("ap", "ap50")}
        return {**means, "per_class": per_class}


def iou(left: BoolArray, right: BoolArray) -> float:
    """Intersection over union of two masks; 1 when both are empty."""
    union = int(np.count_nonzero(left | right))
    return int(np.count_nonzero(left & right)) / union if union else 1.0


def union(masks: BoolArray) -> BoolArray:
    """(H, W) bool: where any of (N, H, W) masks is."""
    joined: BoolArray = np.logical_or.reduce(masks, axis=0)
    return joined


def centre_point(mask: BoolArray) -> tuple[float, float]:
    """(x, y) pixel of the mask nearest to its middle: where a person would click."""
    ys, xs = np.nonzero(mask)
    nearest = np.argmin((ys - ys.mean()) ** 2 + (xs - xs.mean()) ** 2)
    return float(xs[nearest]) + 0.5, float(ys[nearest]) + 0.5


@dataclass
class _Masks:
    """IoUs of masks by ground-truth box, by 1 click at the centre, and by text."""

    areas: list[int] = field(default_factory=list)
    by_box: list[float] = field(default_factory=list)
    by_point: list[float] = field(default_factory=list)
    by_text: list[float] = field(default_factory=list)

    def add(
        self, segmenter: Segmenter, labelled: LabelledImage, image: Image, detections: Detections
    ) -> None:
        """Add one photo: every instance with a mask, and every class whose masks are complete."""
        usable = [(e, m) for e in labelled.instances if (m := e.mask(image.size_hw)) is not None]
        pairs = [(e, m) for e, m in usable if not e.crowd and m.any()]
        if not pairs:
            return
        embedding = segmenter.embed(image)
        boxes = [MaskPrompt(box_xyxy=e.box_xyxy) for e, _ in pairs]
        points = [_click(mask) for _, mask in pairs]
        for target, prompts in ((self.by_box, boxes), (self.by_point, points)):
            predicted = segmenter.segment(embedding, prompts).masks
            target += [iou(a, m) for a, (_, m) in zip(predicted, pairs, strict=True)]
        self.areas += [int(m.sum()) for _, m in pairs]
        for category in {e.category for e, _ in pairs}:
            of_class = [e for e in labelled.instances if e.category == category]
            masks = [m for e, m in usable if e.category == category]
            if len(masks) == len(of_class):
                rows = [i for i, label in enumerate(detections.labels) if label == category]
                chosen = detections.take([i for i in rows if detections.scores[i] >= SHOWN])
                prompts = [MaskPrompt(box_xyxy=tuple(b.tolist())) for b in chosen.boxes_xyxy]
                predicted = segmenter.segment(embedding, prompts).masks
                self.by_text.append(iou(union(predicted), union(np.stack(masks))))

    def summary(self) -> dict[str, dict[str, float]]:
        """Means over instances; ``miou_medium`` over those of more than 32² pixels."""
        areas, by_box = np.array(self.areas), np.array(self.by_box)
        return {
            "box_to_mask": {
                "miou": _mean(by_box),
                "miou_medium": _mean(by_box[areas > MEDIUM_PX]) if len(areas) else 0.0,
                "miou_large": _mean(by_box[areas > LARGE_PX]) if len(areas) else 0.0,
            },
            "point_to_mask": {"miou": _mean(self.by_point)},
            "text_to_mask": {"miou": _mean(self.by_text)},
        }


def _click(mask: BoolArray) -> MaskPrompt:
    return MaskPrompt(
        points_xy=np.array([centre_point(mask)], np.float32), point_labels=np.array([1], np.int64)
    )


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return float(np.mean(listed)) if listed else 0.0


def evaluate(
    truth: Truth,
    detector: Detector | None,
    segmenter: Segmenter | None,
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """Measure a detector, a segmenter or both; ``progress`` gets the photos done so far.

    Returns ``text_to_box`` {ap, ap50, per_class}, ``box_to_mask`` {miou, miou_medium,
    miou_large}, ``point_to_mask`` {miou}, ``text_to_mask`` {miou}, ``images`` and ``seconds``.
    """
    started = time.monotonic()
    ranking, masks, count = _Ranking(list(truth.categories)), _Masks(), 0
    for labelled, image in truth:
        detections = Detections.empty()
        if detector is not None:
            detections = detector.detect(
                image, labelled.complete, box_threshold=MIN_SCORE, text_threshold=MIN_SCORE
            )
            ranking.add(labelled, image, detections)
        if segmenter is not None:
            masks.add(segmenter, labelled, image, detections)
        count += 1
        progress(count)
    result: dict[str, Any] = {}
    if detector is not None:
        result["text_to_box"] = ranking.summary()
    if segmenter is not None:
        result |= masks.summary()
    return {**result, "images": count, "seconds": round(time.monotonic() - started, 2)}
