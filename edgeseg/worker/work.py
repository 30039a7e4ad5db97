"""What each stage does with a task record, by the same functions as the in-process pipeline."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from edgeseg import stages
from edgeseg.codecs import encode_png
from edgeseg.engines.base import Detector, Engine, Grounder, Segmenter, Simplifier
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.errors import UnknownTaskError
from edgeseg.render import overlay
from edgeseg.schemas import (
    DetectedObject,
    DetectionResult,
    DetectRequest,
    EngineRan,
    ImageInfo,
    RefineRequest,
    RefineResult,
    SegmentationResult,
    SegmentedObject,
    SegmentRequest,
    Simplification,
    SimplifyRequest,
)
from edgeseg.settings import Role
from edgeseg.tasks import TaskRecord, TaskStore
from edgeseg.types import Image
from edgeseg.worker.images import ImageCache


@dataclass(frozen=True)
class Outcome:
    """What a stage made, as JSON; ``facts`` go into its event, ``drawing`` is a PNG file."""

    json: str
    is_final: bool
    facts: Mapping[str, Any]
    drawing: bytes | None = None


@dataclass
class Work:
    """One stage of one task while it runs."""

    record: TaskRecord
    stage: Role
    store: TaskStore
    images: ImageCache
    embeddings: EmbeddingCache
    timings_ms: dict[str, float] = field(default_factory=dict)
    engines: dict[Role, EngineRan] = field(default_factory=dict)
    batch_size: int = 1

    def run(self, engine: Engine) -> Outcome:
        """Run the stage; raises what the stage functions raise."""
        if self.record.kind == "refine":
            return self._refine(cast(Segmenter, engine))
        if self.stage == "simplify":
            return self._simplify(cast(Simplifier, engine))
        if self.stage == "detect":
            return self._detect(cast(Detector, engine))
        if self.stage == "segment":
            return self._segment(cast(Segmenter, engine))
        return self._ground(cast(Grounder, engine))

    def _simplify(self, engine: Simplifier) -> Outcome:
        is_final = self.record.kind == "simplify"
        request = SimplifyRequest if is_final else DetectRequest
        fields = request.model_fields.keys() & self.record.request.keys()
        wanted = request.model_validate({name: self.record.request[name] for name in fields})
        # A simplifier that looks at pictures gets it; to others it is not worth decoding.
        image = self._image() if getattr(engine, "looks_at_image", False) else None
        with self._timed("simplify"):
            made = stages.simplify(engine, cast(Any, wanted), image)
        if made.engine is not None:
            self.engines["simplify"] = made.engine
        facts = {"simplified_prompt": made.simplified_prompt, "phrases": made.phrases}
        return Outcome(made.model_dump_json(), is_final, facts)

    def _detect(self, engine: Detector) -> Outcome:
        request, simplification, image = self._request(), self._simplification(), self._need_image()
        self.batch_size = len(simplification.phrases)
        with self._timed("detect"):
            found = stages.detect(engine, image, request, simplification)
        objects = stages.detected_objects(found)
        facts = {"objects": len(objects)}
        if self.record.kind == "detect":
            common = self._common(simplification)
            return Outcome(
                DetectionResult(objects=objects, **common).model_dump_json(), True, facts
            )
        if not objects:
            return self._segmentation(image, [])
        return Outcome(json.dumps([each.model_dump() for each in objects]), False, facts)

    def _segment(self, engine: Segmenter) -> Outcome:
        rows = [DetectedObject.model_validate(row) for row in self.record.results["detect"]]
        self.batch_size = len(rows)
        image = self._need_image()
        with self._timed("segment"):
            detections = stages.detections_of(rows)
            tile = self._request().tile
            objects = stages.segment(engine, image, detections, self.embeddings, tile)
        return self._segmentation(image, objects)

    def _ground(self, engine: Grounder) -> Outcome:
        image, simplification = self._need_image(), self._simplification()
        self.batch_size = len(simplification.phrases)
        with self._timed("ground"):
            objects = stages.ground(engine, image, self._request(), simplification)
        return self._segmentation(image, objects)

    def _refine(self, engine: Segmenter) -> Outcome:
        assert self.record.parent is not None
        parent = self.store.read(self.record.parent)
        request = RefineRequest.model_validate(self.record.request)
        rows = (parent.result() or {"objects": []})["objects"]
        image = self._need_image()
        with self._timed("segment"):
            objects = [SegmentedObject.model_validate(row) for row in rows]
            made = stages.refine(engine, image, request, objects, self.embeddings)
        made = self._into_parent(parent.id, made, is_new=request.object_id is None)
        result = RefineResult(
            task_id=parent.id, object=made, timings_ms=self._timings(), engines=self.engines
        )
        return Outcome(result.model_dump_json(), True, {"object_id": made.id})

    def _into_parent(self, task_id: str, made: SegmentedObject, is_new: bool) -> SegmentedObject:
        """Put the object into the task's result; a new one gets an id that is free by then."""
        placed = made

        def change(result: Any) -> Any:
            nonlocal placed
            rows = result["objects"]
            if is_new:
                free = max((row["id"] for row in rows), default=-1) + 1
                placed = made.model_copy(update={"id": free})
                rows = [*rows, placed.model_dump(mode="json")]
            else:
                dumped = made.model_dump(mode="json")
                rows = [dumped if row["id"] == made.id else row for row in rows]
            return {**result, "objects": rows}

        self.store.change_result(task_id, change)
        return placed

    def _segmentation(self, image: Image, objects: Sequence[SegmentedObject]) -> Outcome:
        request = SegmentRequest.model_validate(self.record.request)
        drawing = None
        if request.visualization:
            with self._timed("render"):
                drawing = encode_png(overlay(image, objects))
        common = self._common(self._simplification())
        result = SegmentationResult(objects=list(objects), visualization=None, **common)
        text = result.model_dump_json(exclude={"visualization"})
        return Outcome(text, True, {"objects": len(objects)}, drawing)

    def _common(self, simplification: Simplification) -> dict[str, Any]:
        """Return the fields that all results on an image share."""
        ref = self.record.image
        assert ref is not None
        return {
            "task_id": self.record.id,
            "prompt": self.record.prompt,
            "simplified_prompt": simplification.simplified_prompt,
            "simplify_reason": simplification.reason,
            "phrases": simplification.phrases,
            "filters": simplification.filters,
            "image": ImageInfo(width=ref.width, height=ref.height),
            "timings_ms": self._timings(),
            "engines": {**self.record.engines, **self.engines},
            "warnings": simplification.warnings,
        }

    def _timings(self) -> dict[str, float]:
        # The clock may have been set back meanwhile.
        total = max(0.0, (time.time() - self.record.created_at) * 1000)
        spent = {**self.record.timings_ms, **self.timings_ms, "total": total}
        return {name: round(ms, 3) for name, ms in spent.items()}

    def _request(self) -> DetectRequest:
        kind = SegmentRequest if self.record.kind == "segment" else DetectRequest
        return kind.model_validate(self.record.request)

    def _simplification(self) -> Simplification:
        made = self.record.results.get("simplify")
        if made is None:
            return stages.as_it_is(self._request())
        return Simplification.model_validate(made)

    def _image(self) -> Image | None:
        if self.record.image is None:
            return None
        with self._timed("decode"):
            return self.images.get(self.record.image)

    def _need_image(self) -> Image:
        image = self._image()
        if image is None:
            raise UnknownTaskError(f"The task {self.record.id} has no image.")
        return image

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        """Add the time spent to that of the stages before."""
        started = time.perf_counter()
        yield
        spent = (time.perf_counter() - started) * 1000
        before = self.timings_ms.get(what, self.record.timings_ms.get(what, 0.0))
        self.timings_ms[what] = before + spent
