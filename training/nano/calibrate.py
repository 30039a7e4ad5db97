"""Move the logits so that each phrase has its best trade of misses and false boxes at 0.35."""

from __future__ import annotations

import argparse
import dataclasses
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from edgeseg.engines.nano.detector import NanoDetector
from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.evaluation import LabelledImage, Truth, read_truth
from edgeseg.selection.boxes import iou
from edgeseg.types import Detections, FloatArray
from training.common.data import held_out

WANTED = 0.35
"""The default `box_threshold`."""
FLOOR = 0.02
ENOUGH = 10
"""Objects of a class, from which on its own best threshold counts."""
RIDGE = 2.0
Rows = dict[str, list[tuple[float, bool]]]


class Calibration(NamedTuple):
    """What is added to the logit of a phrase: shift + offset . vector of the phrase."""

    shift: float
    offset: FloatArray
    """(D,)"""


def matches(labelled: LabelledImage, detections: Detections) -> list[tuple[float, bool]]:
    """(score, right) of each detection, best first."""
    rows: list[tuple[float, bool]] = []
    instances = [e for e in labelled.instances if e.category in labelled.complete and not e.crowd]
    free = np.ones(len(instances), bool)
    boxes = np.array([e.box_xyxy for e in instances], np.float32).reshape(-1, 4)
    names = np.array([e.category for e in instances], object)
    overlaps = iou(detections.boxes_xyxy, boxes)
    for row, label in enumerate(detections.labels):
        usable = overlaps[row] * free * (names == label)
        best = int(usable.argmax()) if len(usable) else -1
        right = best >= 0 and usable[best] >= 0.5
        if right:
            free[best] = False
        rows.append((float(detections.scores[row]), right))
    return rows


def asked(labelled: LabelledImage, rng: np.random.Generator) -> list[str]:
    """What somebody might ask of a photo: what is in it, and as many things that are not."""
    shown = {e.category for e in labelled.instances}
    present = [name for name in labelled.complete if name in shown]
    absent = [name for name in labelled.complete if name not in shown]
    picked = rng.choice(len(absent), min(len(present), len(absent)), replace=False)
    return present + [absent[index] for index in picked]


def judged(truth: Truth, detector: NanoDetector) -> tuple[Rows, dict[str, int]]:
    """Per class (score, right) of each detection, and how many objects were to be found."""
    rows: Rows = defaultdict(list)
    totals: dict[str, int] = defaultdict(int)
    rng = np.random.default_rng(0)
    for labelled, image in tqdm(truth, total=len(truth.images), unit="photo"):
        phrases = asked(labelled, rng)
        detections = detector.detect(image, phrases, box_threshold=FLOOR, text_threshold=FLOOR)
        for name, row in zip(detections.labels, matches(labelled, detections), strict=True):
            rows[name].append(row)
        for each in labelled.instances:
            if each.category in labelled.complete and not each.crowd:
                totals[each.category] += 1
    return rows, totals


def best_threshold(rows: list[tuple[float, bool]], total: int) -> tuple[float, float]:
    """The score at which F1 is highest, and that F1.

    Two objects; the detections at 0.9 and 0.5 are right, the one at 0.3 is not. At 0.5 all objects
    are found without a false positive:

    >>> best_threshold([(0.9, True), (0.5, True), (0.3, False)], total=2)
    (0.5, 1.0)
    """
    ordered = sorted(rows, key=lambda row: -row[0])
    right = np.cumsum([r for _, r in ordered])
    f1 = 2 * right / (np.arange(1, len(ordered) + 1) + total)
    best = int(f1.argmax())
    return ordered[best][0], float(f1[best])


def calibrate(rows: Rows, totals: dict[str, int], words: WordVectors) -> Calibration:
    """Fit how far the logits of a phrase are to be moved: a linear function of its vector.

    Rarely seen classes have low scores. What fits the classes fits the words near to them. Over
    all phrases, the best threshold of all detections together is moved to WANTED.

    A class with its best threshold at 0.20 (logit -1.39) is to be moved to 0.35 (logit -0.62): its
    logits gain 0.77. One with its best threshold at 0.50 (logit 0) loses 0.62.
    """
    names = [n for n, total in totals.items() if total >= ENOUGH and rows[n]]
    best = np.array([best_threshold(rows[n], totals[n])[0] for n in names])
    moves = np.log(WANTED / (1 - WANTED)) - np.log(best / (1 - best))
    counts = np.array([totals[n] for n in names], float)
    weight = counts / (counts + 4 * ENOUGH)
    mean = float((weight * moves).sum() / weight.sum())
    vectors = words.vectors(names).astype(np.float64)
    left = vectors.T @ (vectors * weight[:, None]) + RIDGE * np.eye(vectors.shape[1])
    offset = np.linalg.solve(left, vectors.T @ (weight * (moves - mean)))
    pooled, _ = best_threshold([row for name in rows for row in rows[name]], sum(totals.values()))
    shift = float(np.log(WANTED / (1 - WANTED)) - np.log(pooled / (1 - pooled)))
    return Calibration(shift, offset.astype(np.float32))


def main() -> None:
    """Command line: fit on photos and write the file that `training.nano.export` takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("tars", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sources", default="voc2012_mask,coco_full,coco_val_box")
    parser.add_argument("--photos", type=int, default=1500)
    args = parser.parse_args()
    truth = read_truth(args.annotations, args.tars, args.sources.split(","))
    # A few photos are all there is in a trial of the chain; then they have to do.
    unseen = tuple(i for i in truth.images if held_out(i.file_name)) or truth.images
    truth = dataclasses.replace(truth, images=unseen[: args.photos])
    rows, totals = judged(truth, NanoDetector())
    calibration = calibrate(rows, totals, WordVectors.shipped())
    np.savez(args.out, shift=calibration.shift, offset=calibration.offset)
    print(f"shift {calibration.shift:.3f}, fitted on {len(truth.images)} photos")


if __name__ == "__main__":
    main()
