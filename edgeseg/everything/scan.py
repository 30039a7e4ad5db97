"""Clicks on a grid over one crop, and the masks that come of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from edgeseg.engines.base import MaskQuality, Segmenter
from edgeseg.everything.grid import grid_points
from edgeseg.everything.quality import cell_boxes, good_ones
from edgeseg.schemas import MasksRequest, Rle
from edgeseg.selection.boxes import without_repeats
from edgeseg.types import BoolArray, Embedding, FloatArray, MaskPrompt

# Clicks that are decoded together; what they found is known before the next are chosen.
BATCH = 32
# By how much a quick look may undervalue a mask.
MARGIN = 0.1
NO_LOGITS: FloatArray = np.zeros((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class Found:
    """The mask of a click in a crop: ``logits`` (h, w) over ``window_xyxy`` (4,), and its box.

    All in pixels of the crop; ``score`` is the predicted IoU. ``rle`` is the mask in pixels of the
    image where it was made already; then, and where only the click is to be kept, there are no
    logits.
    """

    logits: FloatArray
    window_xyxy: FloatArray
    box_xyxy: FloatArray
    score: float
    point_xy: FloatArray
    rle: Rle | None = None

    @property
    def is_click(self) -> bool:
        """Whether nothing but the click and its score is kept."""
        return self.rle is None and not self.logits.size

    def small(self, rle: Rle | None = None) -> Found:
        """Return it without logits, as a click or with its mask."""
        return replace(self, logits=NO_LOGITS, rle=rle)


@dataclass
class Scan:
    """How far the clicks on a crop are: ``left`` (P, 2) are not made, and the others ``found``."""

    left: FloatArray
    found: list[Found] = field(default_factory=list)

    @classmethod
    def begin(cls, points_per_side: int, size_hw: tuple[int, int]) -> Scan:
        """Return the clicks of a grid on a crop of a size."""
        height, width = size_hw
        return cls(grid_points(points_per_side) * np.array([width, height], np.float32))


def scan(
    engine: Segmenter,
    embedding: Embedding,
    progress: Scan,
    request: MasksRequest,
    after_batch: Callable[[], None],
) -> list[Found]:
    """Return the masks of a crop, best first, without repeats.

    An engine that gives one mask per click is asked quickly first, and not at all where a click
    lies on what is found, since it would give that again; what stays is then asked for in full.
    ``progress`` is brought forward, and ``after_batch`` is called after each batch of clicks: what
    it raises may be gone on from with the progress.
    """
    clicks = _Clicks(engine, embedding, request)
    while len(progress.left):
        some, left = progress.left[:BATCH], progress.left[BATCH:]
        new = clicks.on(some, quick=True)
        # One mask per click is made anew below, more of a click are not.
        progress.found += [each.small() for each in new] if clicks.give_one else new
        progress.left = left[~_covered(left, new)] if clicks.give_one else left
        after_batch()
    best = _best(progress.found, request.nms_threshold)
    if not clicks.give_one:
        return best
    full = [
        each
        for start in range(0, len(best), BATCH)
        for each in clicks.on(np.stack([b.point_xy for b in best[start : start + BATCH]]))
    ]
    return _best(full, request.nms_threshold)


@dataclass
class _Clicks:
    """Asks an engine for the masks of clicks, and keeps those that are good enough."""

    engine: Segmenter
    embedding: Embedding
    request: MasksRequest
    give_one: bool = False
    least: MaskQuality = field(init=False)

    def __post_init__(self) -> None:
        own, asked = self.engine.mask_quality, self.request
        iou, stable = asked.predicted_iou_threshold, asked.stability_threshold
        self.least = MaskQuality(
            own.predicted_iou if iou is None else iou, own.stability if stable is None else stable
        )

    def on(self, points_xy: FloatArray, quick: bool = False) -> list[Found]:
        """Return what (P, 2) clicks find."""
        one = np.ones(1, np.int64)
        prompts = [MaskPrompt(points_xy=point[None], point_labels=one) for point in points_xy]
        made = self.engine.candidates(self.embedding, prompts, 3, quick=quick)
        self.give_one = made.logits.shape[1] == 1
        least = self.least
        if quick and self.give_one:
            least = MaskQuality(least.predicted_iou - MARGIN, least.stability - MARGIN)
        size_hw = self.embedding.size_hw
        rows, columns = good_ones(made, size_hw, least, self.request.stability_offset)
        # Copies, so that what is not kept is freed.
        logits, windows = made.logits[rows, columns], made.windows_xyxy[rows]
        frame = np.array([0, 0, size_hw[1], size_hw[0]], np.float32)
        boxes = cell_boxes(logits > 0, windows).clip(0, np.tile(frame[2:], 2))
        scores = made.scores[rows, columns].tolist()
        parts = zip(logits, windows, boxes, scores, points_xy[rows], strict=True)
        return [Found(*each) for each in parts]


def _covered(points_xy: FloatArray, found: list[Found]) -> BoolArray:
    """(P,) whether a click lies on one of the masks."""
    covered = np.zeros(len(points_xy), bool)
    for each in found:
        height, width = each.logits.shape
        corner, span = each.window_xyxy[:2], each.window_xyxy[2:] - each.window_xyxy[:2]
        cells = np.floor((points_xy - corner) / span * [width, height]).astype(np.int64)
        within = ((cells >= 0) & (cells < [width, height])).all(1)
        columns, rows = cells[within].T
        covered[within] |= each.logits[rows, columns] > 0
    return covered


def _best(found: list[Found], nms_threshold: float) -> list[Found]:
    boxes = np.array([each.box_xyxy for each in found], np.float32).reshape(-1, 4)
    scores = np.array([each.score for each in found], np.float32)
    return [found[row] for row in without_repeats(boxes, scores, nms_threshold)]
