"""Detections as they travel in JSON, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeseg.schemas import DetectedObject, as_score
from edgeseg.types import Box, Detections, FloatArray


def detected_objects(detections: Detections) -> list[DetectedObject]:
    """Return detections as they travel in JSON, numbered from 0."""
    return [
        DetectedObject(
            id=index,
            label=label,
            score=as_score(detections.scores[index]),
            box=as_box(detections.boxes_xyxy[index]),
        )
        for index, label in enumerate(detections.labels)
    ]


def detections_of(objects: Sequence[DetectedObject]) -> Detections:
    """Return the detections that `detected_objects` was made from."""
    return Detections(
        np.array([each.box for each in objects], np.float32).reshape(-1, 4),
        np.array([each.score for each in objects], np.float32),
        tuple(each.label for each in objects),
    )


def as_box(row: FloatArray) -> Box:
    """Return (4,) pixels as four floats, to a hundredth of a pixel."""
    x0, y0, x1, y1 = (round(float(value), 2) for value in row)
    return x0, y0, x1, y1
