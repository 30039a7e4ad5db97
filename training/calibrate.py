"""Find the shift of all logits that puts the best trade of misses and false boxes at 0.35."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from edgeseg.boxes import iou
from edgeseg.engines.nano.detector import NanoDetector
from edgeseg.evaluation import LabelledImage, Truth, read_truth
from edgeseg.types import Detections

WANTED = 0.35
"""The default `box_threshold`."""
LEAST = 0.02


def matches(labelled: LabelledImage, found: Detections) -> tuple[list[tuple[float, bool]], int]:
    """(score, right) of each detection, best first, and the number of boxes to be found."""
    rows: list[tuple[float, bool]] = []
    wanted = [e for e in labelled.instances if e.category in labelled.complete and not e.crowd]
    free = np.ones(len(wanted), bool)
    boxes = np.array([e.box_xyxy for e in wanted], np.float32).reshape(-1, 4)
    names = np.array([e.category for e in wanted], object)
    overlaps = iou(found.boxes_xyxy, boxes)
    for row, label in enumerate(found.labels):
        usable = overlaps[row] * free * (names == label)
        best = int(usable.argmax()) if len(usable) else -1
        right = best >= 0 and usable[best] >= 0.5
        if right:
            free[best] = False
        rows.append((float(found.scores[row]), right))
    return rows, len(wanted)


def best_threshold(truth: Truth, detector: NanoDetector) -> tuple[float, float]:
    """The score at which F1 over all photos is highest, and that F1."""
    rows: list[tuple[float, bool]] = []
    total = 0
    for labelled, image in truth:
        found = detector.detect(image, labelled.complete, box_threshold=LEAST, text_threshold=LEAST)
        more, count = matches(labelled, found)
        rows, total = rows + more, total + count
    rows.sort(key=lambda row: -row[0])
    right = np.cumsum([r for _, r in rows])
    f1 = 2 * right / (np.arange(1, len(rows) + 1) + total)
    best = int(f1.argmax())
    return rows[best][0], float(f1[best])


def main() -> None:
    """Command line: print the threshold, its F1 and the shift for `training.export --shift`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("tars", type=Path, nargs="+")
    parser.add_argument("--sources", default="voc2012_mask,coco_full")
    parser.add_argument("--photos", type=int, default=400)
    args = parser.parse_args()
    truth = read_truth(args.annotations, args.tars, args.sources.split(","))
    step = max(1, len(truth.images) // args.photos)
    truth = dataclasses.replace(truth, images=truth.images[::step][: args.photos])
    threshold, f1 = best_threshold(truth, NanoDetector())
    shift = np.log(WANTED / (1 - WANTED)) - np.log(threshold / (1 - threshold))
    print(f"threshold {threshold:.3f} F1 {f1:.3f} shift {shift:.4f}")


if __name__ == "__main__":
    main()
