"""One object under one kind of prompt: its prompts one after another, and how well each did."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from edgeseg.codecs import mask_to_rle
from edgeseg.engines.paste import paste
from edgeseg.evaluation.clicks import (
    Click,
    as_points,
    centre_click,
    largest_error_click,
    random_click,
    random_error_click,
)
from edgeseg.evaluation.data import Instance
from edgeseg.evaluation.mask_metrics import boundary_iou, mask_iou
from edgeseg.evaluation.masks.protocol import NOC_TARGETS, MaskProtocol, PromptKind
from edgeseg.evaluation.masks.records import MaskRecord
from edgeseg.types import BoolArray, Box, FloatArray, MaskPrompt


@dataclass(eq=False)
class Session:
    """Asks about one object until its protocol ends; ``is_done`` says when."""

    protocol: MaskProtocol
    kind: PromptKind
    image: str
    instance: Instance
    truth: BoolArray
    box_xyxy: Box | None = None
    clicks: list[Click] = field(default_factory=list)
    previous: BoolArray | None = None
    ious: list[float] = field(default_factory=list)
    boundary_ious: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    is_done: bool = False
    counts: str = ""

    def __post_init__(self) -> None:
        # Neither the order of images nor the other objects change what is drawn.
        name = zlib.crc32(self.image.encode())
        number = self.instance.id & 0xFFFFFFFFFFFFFFFF
        self._rng = np.random.default_rng(
            [self.protocol.seed, name, number, zlib.crc32(self.kind.encode())]
        )
        if self.kind == "box":
            self.box_xyxy = self.instance.box_xyxy
        else:
            self.clicks.append(self._first_click())

    def _first_click(self) -> Click:
        if self.kind == "random":
            return random_click(self.truth, self._rng)
        if self.kind == "point" and self.instance.point_xy is not None:
            return Click(*self.instance.point_xy, 1)
        if self.kind == "box-centre":
            x0, y0, x1, y1 = self.instance.box_xyxy
            return Click((x0 + x1) / 2, (y0 + y1) / 2, 1)
        return centre_click(self.truth)

    def prompt(self) -> MaskPrompt:
        """Return what is asked next."""
        points, labels = as_points(self.clicks)
        previous = self.previous if self.protocol.mask_prompt else None
        return MaskPrompt(self.box_xyxy, points, labels, previous)

    def answer(self, logits: FloatArray, window_xyxy: FloatArray, scores: FloatArray) -> None:
        """Take the (M, h, w) candidates of the last prompt, and click what is wrong."""
        masks = np.zeros((len(logits), *self.truth.shape), bool)
        for mask, each in zip(masks, logits, strict=True):
            paste(mask, window_xyxy, each)
        best = self._choose(masks, scores)
        mask = masks[best]
        self.scores.append(float(scores[best]))
        self.ious.append(mask_iou(mask, self.truth))
        self.boundary_ious.append(boundary_iou(mask, self.truth))
        self.counts = self.counts or mask_to_rle(mask).counts
        self._correct(mask)

    def _choose(self, masks: BoolArray, scores: FloatArray) -> int:
        if self.protocol.select == "score":
            return int(scores.argmax())
        if self.protocol.select == "area":
            return int(np.count_nonzero(masks, axis=(1, 2)).argmax())
        return int(np.argmax([mask_iou(mask, self.truth) for mask in masks]))

    def _correct(self, mask: BoolArray) -> None:
        """Add a corrective click, or end: after the last one, or where there is nothing to do."""
        self.previous = mask
        is_noc = self.kind == "noc"
        is_enough = is_noc and self.ious[-1] >= max(NOC_TARGETS)
        if len(self.ious) == self.protocol.rounds(self.kind) or is_enough:
            self.is_done = True
            return
        if is_noc:
            click = largest_error_click(self.truth, mask, self.clicks)
        else:
            click = random_error_click(self.truth, mask, self._rng)
        if click is None:
            self._repeat()
        else:
            self.clicks.append(click)

    def _repeat(self) -> None:
        """Let the last answer stand for all that would be the same."""
        missing = self.protocol.rounds(self.kind) - len(self.ious)
        for values in (self.ious, self.boundary_ious, self.scores):
            values += values[-1:] * missing
        self.is_done = True

    def record(self) -> MaskRecord:
        """Return what is kept."""
        height, width = self.truth.shape
        return MaskRecord(
            self.image,
            self.instance.id,
            self.instance.category,
            int(np.count_nonzero(self.truth)),
            self.kind,
            self.ious,
            self.boundary_ious,
            self.scores,
            self.clicks,
            self.instance.box_xyxy,
            (height, width),
            self.counts,
        )
