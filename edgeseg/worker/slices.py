"""Large stages in slices: a stage on many tiles gives way to small tasks, and goes on later.

slice 1   tiles 1 to 40, small tasks wait   ->  what was seen is kept, the job goes to the end
slice 2   tiles 41 to 90 ...                ->  the tiles before are not looked at again

The views of a request on several images are those of one image after the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from edgeseg.codecs import mask_to_rle, rle_to_mask
from edgeseg.engines.base import Detector, Engine, Grounder
from edgeseg.errors import EdgeSegError
from edgeseg.run import failure_of
from edgeseg.schemas import Rle
from edgeseg.settings import Role
from edgeseg.types import Detections, Image, Masks

# Small tasks wait so long at most, or one view of the large one.
SLICE_S = 2.0
Seen = list[dict[str, Any]]


class GaveWay(BaseException):
    """A stage has stopped between two views; ``seen`` is what it has made so far, as JSON values.

    No failure, so that nothing between here and the worker takes it for one.
    """

    def __init__(self, seen: Seen) -> None:
        super().__init__("the stage gave way to smaller tasks")
        self.seen = seen
        self.fields: dict[str, str] = {}


def between_clicks(
    others_wait: Callable[[], bool],
) -> Callable[[Callable[[], Sequence[dict[str, Any]]]], None]:
    """Return what raises GaveWay between clicks on everything, after two seconds at least."""
    began = time.monotonic()

    def give_way(seen: Callable[[], Sequence[dict[str, Any]]]) -> None:
        if time.monotonic() - began >= SLICE_S and others_wait():
            raise GaveWay(list(seen()))

    return give_way


def sliced(
    role: Role, engine: Engine, seen: Seen, others_wait: Callable[[], bool]
) -> Detector | Grounder:
    """Return an engine that gives what was ``seen`` before, view by view, and then looks itself.

    It raises GaveWay between two views, after two seconds and one view at least, where others wait.
    """
    if role == "detect":
        return _SlicedDetector(role, engine, seen, others_wait)
    return _SlicedGrounder(role, engine, seen, others_wait)


class _Sliced:
    def __init__(
        self, role: Role, engine: Engine, seen: Seen, others_wait: Callable[[], bool]
    ) -> None:
        self._role, self._engine, self._others_wait = role, engine, others_wait
        self._before, self._seen = len(seen), list(seen)
        self._turn, self._began = 0, time.monotonic()

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def device(self) -> str:
        return self._engine.device

    @property
    def dtype(self) -> str:
        return self._engine.dtype

    def close(self) -> None:
        """Leave the engine open: it is lent."""

    def _next(self, look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what the view of this turn shows."""
        if self._turn == len(self._seen):
            is_late = time.monotonic() - self._began >= SLICE_S
            if is_late and len(self._seen) > self._before and self._others_wait():
                raise GaveWay(self._seen)
            self._seen.append(self._looked(look))
        self._turn += 1
        row = self._seen[self._turn - 1]
        if "error" in row:
            raise EdgeSegError.from_dict(row["error"])
        return row

    def _looked(self, look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what a look shows, or why it failed: the other images of its request go on."""
        try:
            return look()
        except EdgeSegError as error:
            return {"error": error.to_dict()}
        except Exception as error:
            return {"error": failure_of(self._role, self._engine, error).to_dict()}


class _SlicedDetector(_Sliced):
    def detect(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> Detections:
        """Return what was seen, or what the engine sees."""
        engine = cast(Detector, self._engine)
        return _detections(
            self._next(
                lambda: _boxes(
                    engine.detect(
                        image, phrases, box_threshold=box_threshold, text_threshold=text_threshold
                    )
                )
            )
        )


class _SlicedGrounder(_Sliced):
    def ground(
        self,
        image: Image,
        phrases: Sequence[str],
        *,
        box_threshold: float,
        text_threshold: float,
    ) -> tuple[Detections, Masks]:
        """Return what was seen, or what the engine sees."""
        engine = cast(Grounder, self._engine)

        def look() -> dict[str, Any]:
            detections, masks = engine.ground(
                image, phrases, box_threshold=box_threshold, text_threshold=text_threshold
            )
            return {**_boxes(detections), "masks": _counts(masks)}

        row = self._next(look)
        rles = [Rle(size=image.size_hw, counts=counts) for counts in row["masks"]]
        masks = np.array([rle_to_mask(rle) for rle in rles], bool).reshape(-1, *image.size_hw)
        detections = _detections(row)
        return detections, Masks(masks, detections.scores)


def _boxes(detections: Detections) -> dict[str, Any]:
    return {
        "boxes_xyxy": detections.boxes_xyxy.tolist(),
        "scores": detections.scores.tolist(),
        "labels": list(detections.labels),
    }


def _counts(masks: Masks) -> list[str]:
    return [mask_to_rle(mask).counts for mask in masks.masks]


def _detections(row: dict[str, Any]) -> Detections:
    return Detections(
        np.array(row["boxes_xyxy"], np.float32).reshape(-1, 4),
        np.array(row["scores"], np.float32),
        tuple(row["labels"]),
    )
