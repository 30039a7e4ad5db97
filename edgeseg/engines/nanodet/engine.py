"""NanoDet-Plus as a detector of phrases: its 80 classes by name, all else by nano's detector."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.nano.detector import NanoDetector
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.engines.nanodet.network import NanoDetNetwork
from edgeseg.engines.nanodet.vocabulary import Vocabulary
from edgeseg.selection.boxes import best_first, without_repeats
from edgeseg.types import Detections, FloatArray, Image

NMS_IOU = 0.6
# Boxes per phrase that go into suppression.
CANDIDATES = 400
ODDS_RATIO = (0.35 / 0.65) / (0.30 / 0.70)
"""What moves the network's score of 0.30 to 0.35, the threshold by default. On 400 training photos
98 % of the classes that a photo lacks find nothing from 0.30 on (97.8 %; 98.7 % from 0.35), and the
boxes cover more of what is there (mean IoU of their union 0.63; 0.61). F1 is best at 0.349, where
more is missed than is found wrongly."""


class NanoDetPlus:
    """Runs on the CPU in float32; nano's detector is loaded when a phrase first needs it."""

    name = "nanodet-plus"
    device = "cpu"
    dtype = "float32"

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self._network: NanoDetNetwork | None = NanoDetNetwork(folder, threads)
        self._threads = threads
        self._vocabulary = Vocabulary(WordVectors.shipped())

    def detect(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> Detections:
        """Boxes in pixels of the image, best first, each labelled with one of ``phrases``.

        A box is kept when its score reaches both thresholds. Scores of both networks are
        calibrated for a threshold of 0.35.
        """
        if self._network is None:
            raise RuntimeError("NanoDetPlus: used after close()")
        classes = {phrase: self._vocabulary.classes_of(phrase) for phrase in phrases}
        own = [phrase for phrase, rows in classes.items() if rows]
        others = [phrase for phrase, rows in classes.items() if not rows]
        threshold = max(box_threshold, text_threshold, 1e-3)
        parts = []
        if own:
            boxes, scores = self._network.forward(image)
            scores = calibrated(scores)
            parts += [_select(boxes, scores, classes[each], each, threshold) for each in own]
        if others:
            parts.append(
                self._nano.detect(
                    image, others, box_threshold=box_threshold, text_threshold=text_threshold
                )
            )
        return _joined(parts)

    def close(self) -> None:
        """Free both networks."""
        self._network = None
        if "_nano" in vars(self):
            self._nano.close()

    @cached_property
    def _nano(self) -> NanoDetector:
        return NanoDetector(self._threads)


def calibrated(scores: FloatArray) -> FloatArray:
    """Scores in 0..1 whose odds are ODDS_RATIO times as high; none is certain, so below 1.

    >>> round(float(calibrated(np.float32(0.3))), 3)
    0.35
    """
    odds: FloatArray = scores * np.float32(ODDS_RATIO)
    moved: FloatArray = odds / (1 - scores + odds)
    return np.minimum(moved, np.nextafter(np.float32(1), np.float32(0)))


def _select(
    boxes: FloatArray, scores: FloatArray, rows: Sequence[int], phrase: str, threshold: float
) -> Detections:
    """Boxes of one phrase, each as good as the best of its classes, without repeats."""
    best = scores[:, rows].max(axis=1)
    cells = np.flatnonzero(best >= threshold)
    cells = cells[np.argsort(-best[cells], kind="stable")][:CANDIDATES]
    kept = cells[without_repeats(boxes[cells], best[cells], NMS_IOU)]
    return Detections(boxes[kept], best[kept], (phrase,) * len(kept))


def _joined(parts: Sequence[Detections]) -> Detections:
    """Return all detections together, best first."""
    if not parts:
        return Detections.empty()
    together = Detections(
        np.concatenate([each.boxes_xyxy for each in parts]),
        np.concatenate([each.scores for each in parts]),
        tuple(label for each in parts for label in each.labels),
    )
    return together.take(best_first(together))


def load(options: EngineOptions) -> NanoDetPlus:
    """Build the engine from the folder that its weights were fetched into."""
    return NanoDetPlus(options.weights[0], options.threads)
