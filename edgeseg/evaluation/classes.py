"""How right the classes of a pack are on photos with label maps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeseg import stages
from edgeseg.classes import ClassPack
from edgeseg.engines.base import ClassSegmenter
from edgeseg.errors import InputError
from edgeseg.evaluation import label_maps
from edgeseg.schemas import ClassesRequest
from edgeseg.types import Image, IntArray

# The first image also pays for what is set up once.
WARM_UP = 1


@dataclass(frozen=True)
class ClassFigures:
    """``miou`` is the mean of ``per_class``, each the IoU over all pixels of all photos.

    ``fps`` is photos per second, from decoded pixels to the label map, one after the other.
    ``confusion`` has a row for each true class and a column for each found one; the last: none.
    """

    miou: float
    per_class: dict[str, float]
    images: int
    fps: float
    confusion: list[list[int]]


def evaluate(
    engine: ClassSegmenter,
    pack: ClassPack,
    data: Sequence[Path],
    limit: int | None = None,
    progress: Callable[[], object] = lambda: None,
) -> ClassFigures:
    """Measure a pack on label maps whose numbers are those of its classes.

    Classes that are neither labelled nor found are left out of the mean. Raises InputError where
    there is no photo, and what reading the data raises.
    """
    table: IntArray = np.zeros((len(pack.classes), len(pack.classes) + 1), np.int64)
    request, seconds, images = ClassesRequest(pack=pack.name), 0.0, 0
    for photo in label_maps.read(data, len(pack.classes)):
        began = time.perf_counter()
        found = stages.segment_classes(engine, Image(photo.rgb, photo.name), request, pack)
        seconds += time.perf_counter() - began if images >= WARM_UP else 0.0
        table += label_maps.confusion_of(photo.labels, found.label_map, len(pack.classes))
        images += 1
        progress()
        if images == limit:
            break
    if not images:
        raise InputError(f"There is no photo with a label map in {', '.join(map(str, data))}.")
    values = label_maps.ious(table)
    per_class = dict(zip(pack.names, (round(float(value), 4) for value in values), strict=True))
    return ClassFigures(
        miou=round(float(np.nanmean(values)), 4),
        per_class={name: value for name, value in per_class.items() if value == value},
        images=images,
        fps=round((images - WARM_UP) / seconds, 2) if seconds else 0.0,
        confusion=table.tolist(),
    )
