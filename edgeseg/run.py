"""A request on its way through its stages: the same steps in this process and in the workers.

    run = Run(request, load_image)            request      "the leftmost cat", an image
    run.step("simplify", simplifier)          phrases      ["cat"], filters [leftmost of cat]
    run.step("detect", detector)              detections   one box
    run.step("segment", segmenter)            objects      one object with its mask
    run.result(task_id)                       the answer, with times and engines

In process one Run takes all steps; between two workers it is a task record, which holds the same
fields.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

import numpy as np

from edgeseg import classes, detected, everything, stages
from edgeseg.classes import PackStore
from edgeseg.engines.base import (
    ClassSegmenter,
    Detector,
    Engine,
    Grounder,
    ObjectEmbedder,
    Segmenter,
    Simplifier,
    ran,
)
from edgeseg.engines.batching import BatchMember, BatchSize, UnansweredError, answer_all, can_batch
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.errors import (
    EdgeSegError,
    NoImageError,
    NotEnoughMemoryError,
    StageFailedError,
)
from edgeseg.memory_errors import is_memory_error
from edgeseg.schemas import (
    ClassesRequest,
    DetectionResult,
    DetectRequest,
    EngineRan,
    EntitiesResult,
    FoundClasses,
    ImageInfo,
    MasksRequest,
    RefineRequest,
    RefineResult,
    SegmentationResult,
    SegmentedObject,
    SegmentRequest,
    Simplification,
    SimplifyRequest,
    TaskRequest,
)
from edgeseg.settings import Role
from edgeseg.stages import Found
from edgeseg.types import Detections, FloatArray, Image

Result = Simplification | DetectionResult | SegmentationResult | RefineResult | EntitiesResult


@dataclass(frozen=True)
class Step:
    """What a stage did: facts for its event, and the number of things that it worked on."""

    facts: Mapping[str, Any]
    items: int = 1


@dataclass(eq=False)
class Run:
    """One request on one image, and what its stages have made so far.

    ``load_image`` decodes the image when a stage needs it; with ``keeps_image`` it is decoded once.
    ``objects`` of a RefineRequest are those of the result that it corrects, and ``changed`` the one
    that it made. ``clicks_done`` is told how many clicks of all a MasksRequest has made;
    ``give_way`` may stop it between clicks, and ``seen`` is what it had found then. ``packs`` are
    those that a ClassesRequest may name.
    ``colours`` and ``vectors`` are those of the objects, row by row. ``is_finished``
    says that no stage is left to do.
    """

    request: TaskRequest
    load_image: Callable[[], Image] | None = None
    simplification: Simplification | None = None
    detections: Detections = field(default_factory=Detections.empty)
    objects: list[SegmentedObject] = field(default_factory=list)
    size_hw: tuple[int, int] = (0, 0)
    timings_ms: dict[str, float] = field(default_factory=dict)
    engines: dict[Role, EngineRan] = field(default_factory=dict)
    keeps_image: bool = False
    changed: SegmentedObject | None = None
    colours: list[dict[str, float]] = field(default_factory=list)
    vectors: FloatArray = field(default_factory=lambda: np.zeros((0, 1), np.float32))
    is_finished: bool = False
    error: EdgeSegError | None = None
    warnings: tuple[str, ...] = ()
    clicks_done: Callable[[int, int], None] = lambda done, total: None
    give_way: Callable[[Callable[[], everything.Seen]], None] = lambda seen: None
    seen: everything.Seen = ()
    packs: PackStore = field(default_factory=PackStore)
    classes: FoundClasses | None = None
    _image: Image | None = None

    def needs(self, role: Role) -> bool:
        """Say whether a stage has anything to do: what ended or failed needs none.

        To embed its objects, a request must have found some.
        """
        if role == "embed":
            return self.error is None and bool(self.objects)
        return not self.is_finished and self.error is None

    def step(self, role: Role, engine: Engine, embeddings: EmbeddingCache | None = None) -> Step:
        """Run one stage.

        Raises what the stage and the decoding of the image raise; what the engine's own libraries
        raise becomes a StageFailedError, or a NotEnoughMemoryError.
        """
        # Outside the border below: a broken image is not the engine's failure.
        image = self._image_for(role, engine)
        try:
            with self.timed(role):
                step = self._step(role, engine, image, embeddings)
        except EdgeSegError:
            raise
        except Exception as error:
            raise failure_of(role, engine, error) from error
        self.engines[role] = self._read_by(role) or ran(engine)
        return step

    def _read_by(self, role: Role) -> EngineRan | None:
        """Return what really read the prompt, where a stage's engine left that to another."""
        return self.simplification.engine if role == "simplify" and self.simplification else None

    def _image_for(self, role: Role, engine: Engine) -> Image | None:
        """Return the image, unless the request has none or the engine reads text alone."""
        accepts_image = role != "simplify" or getattr(engine, "accepts_image", False)
        return self.image() if accepts_image and self.load_image is not None else None

    def image(self) -> Image:
        """Return the decoded image; raises NoImageError where the request has none."""
        if self._image is not None:
            return self._image
        if self.load_image is None:
            raise NoImageError("The request has no image.")
        with self.timed("decode"):
            image = self.load_image()
        self.size_hw, self.warnings = image.size_hw, image.warnings
        if self.keeps_image:
            self._image = image
        return image

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the time that the block takes to that of a part."""
        start = time.perf_counter()
        yield
        self.spend(part, (time.perf_counter() - start) * 1000)

    @property
    def spent_ms(self) -> float:
        """The time of all parts so far, waiting in queues included."""
        return sum(self.timings_ms.values())

    def spend(self, part: str, ms: float) -> None:
        """Add milliseconds to those of a part."""
        self.timings_ms[part] = round(self.timings_ms.get(part, 0.0) + ms, 3)

    def result(self, task_id: str) -> Result:
        """Assemble the answer to the request.

        ``total`` in its timings is the sum of all parts, waiting in queues included.
        """
        if isinstance(self.request, SimplifyRequest):
            return self._simplification()
        total = round(self.spent_ms, 3)
        timings_ms = {**self.timings_ms, "total": total}
        if self.changed is not None:
            return RefineResult(
                task_id=task_id,
                object=self.changed,
                timings_ms=timings_ms,
                engines=self.engines,
            )
        common: dict[str, Any] = {
            "task_id": task_id,
            "image": ImageInfo(width=self.size_hw[1], height=self.size_hw[0]),
            "timings_ms": timings_ms,
            "engines": self.engines,
            **self._words(),
        }
        if isinstance(self.request, SegmentRequest | MasksRequest | ClassesRequest):
            return SegmentationResult(objects=self.objects, classes=self.classes, **common)
        return DetectionResult(objects=detected.detected_objects(self.detections), **common)

    def _words(self) -> dict[str, Any]:
        """Return what a result says of the prompt; everything is segmented without one."""
        if isinstance(self.request, MasksRequest | ClassesRequest):
            found = self.classes.finished if self.classes is not None else None
            phrases = [everything.OBJECT] if found is None else [each.name for each in found]
            nothing = {"prompt": "", "simplified_prompt": "", "phrases": phrases}
            return {**nothing, "warnings": list(self.warnings)}
        request, simplification = cast(DetectRequest, self.request), self._simplification()
        return {
            "prompt": request.text_prompt,
            "simplified_prompt": simplification.simplified_prompt,
            "simplify_reason": simplification.reason,
            "phrases": simplification.phrases,
            "filters": simplification.filters,
            "warnings": [*self.warnings, *simplification.warnings],
        }

    def _simplification(self) -> Simplification:
        """Return what the prompt was read as; unread, it is split at its dots."""
        return self.simplification or stages.as_it_is(
            cast(SimplifyRequest | DetectRequest, self.request)
        )

    def _step(
        self, role: Role, engine: Engine, image: Image | None, embeddings: EmbeddingCache | None
    ) -> Step:
        if role == "simplify":
            return self._simplify(cast(Simplifier, engine), image)
        if image is None:
            raise NoImageError("The request has no image.")
        if isinstance(self.request, RefineRequest):
            return self._refine(cast(Segmenter, engine), image, embeddings)
        if isinstance(self.request, MasksRequest):
            return self._everything(cast(Segmenter, engine), image, embeddings)
        if isinstance(self.request, ClassesRequest):
            return self._classify(cast(ClassSegmenter, engine), image, embeddings)
        if role == "detect":
            return self._detect(cast(Detector, engine), image)
        if role == "segment":
            return self._segment(cast(Segmenter, engine), image, embeddings)
        if role == "embed":
            return self._embed(cast(ObjectEmbedder, engine), image)
        return self._ground(cast(Grounder, engine), image)

    def _simplify(self, engine: Simplifier, image: Image | None) -> Step:
        request = cast(SimplifyRequest | DetectRequest, self.request)
        self.simplification = stages.simplify(engine, request, image)
        self.is_finished = isinstance(request, SimplifyRequest)
        simplification = self.simplification
        return Step(
            {
                "simplified_prompt": simplification.simplified_prompt,
                "phrases": simplification.phrases,
            }
        )

    def _detect(self, engine: Detector, image: Image) -> Step:
        request, simplification = cast(DetectRequest, self.request), self._simplification()
        detections = stages.detect(engine, image, request, simplification)
        # As they are written for the next worker, so that both ways go on with the same numbers.
        objects = detected.detected_objects(detections)
        if not isinstance(request, SegmentRequest):
            objects = self._choose(image, objects)
        self.detections = detected.detections_of(objects)
        # Without boxes there is nothing to segment.
        self.is_finished = not isinstance(request, SegmentRequest) or not len(self.detections)
        return Step({"objects": len(self.detections)}, len(simplification.phrases))

    def _segment(self, engine: Segmenter, image: Image, embeddings: EmbeddingCache | None) -> Step:
        tile = cast(DetectRequest, self.request).tile
        objects = stages.segment(engine, image, self.detections, embeddings, tile)
        self.objects = self._choose(image, objects)
        self.is_finished = True
        return Step({"objects": len(self.objects)}, len(self.detections))

    def _choose(self, image: Image, objects: Sequence[Found]) -> list[Found]:
        """Check colours and relations among candidates; what is left out is said as a warning."""
        request = cast(DetectRequest, self.request)
        chosen, self.simplification = stages.choose(image, objects, request, self._simplification())
        return chosen

    def _everything(
        self, engine: Segmenter, image: Image, embeddings: EmbeddingCache | None
    ) -> Step:
        request = cast(MasksRequest, self.request)
        self.objects = stages.segment_everything(
            engine, image, request, embeddings, self.clicks_done, self.give_way, self.seen
        )
        self.is_finished = True
        return Step({"objects": len(self.objects)}, request.points_per_side**2)

    def _classify(
        self, engine: ClassSegmenter, image: Image, embeddings: EmbeddingCache | None
    ) -> Step:
        request = cast(ClassesRequest, self.request)
        pack = self.packs.get(request.pack)
        deadline = classes.Deadline.of(request.deadline_ms, self.spent_ms)
        found = stages.segment_classes(engine, image, request, pack, embeddings, deadline)
        self.classes, self.objects = classes.found(pack, found)
        if not found.finished:
            self.warnings += (
                f"The deadline of {request.deadline_ms:g} ms leaves no time for one class.",
            )
        self.is_finished = True
        return Step({"classes": len(found.finished)}, len(found.finished))

    def _embed(self, engine: ObjectEmbedder, image: Image) -> Step:
        self.colours, self.vectors = stages.embed(engine, image, self.objects)
        return Step({"objects": len(self.objects)}, len(self.objects))

    def _ground(self, engine: Grounder, image: Image) -> Step:
        request, simplification = cast(DetectRequest, self.request), self._simplification()
        self.objects = self._choose(image, stages.ground(engine, image, request, simplification))
        self.is_finished = True
        return Step({"objects": len(self.objects)}, len(simplification.phrases))

    def _refine(self, engine: Segmenter, image: Image, embeddings: EmbeddingCache | None) -> Step:
        request = cast(RefineRequest, self.request)
        self.changed = stages.refine(engine, image, request, self.objects, embeddings)
        self.is_finished = True
        return Step({"object_id": self.changed.id})


def step_many(
    role: Role,
    engine: Engine,
    runs: Iterable[Run],
    embeddings: EmbeddingCache | None = None,
    max_batch: int = 1,
    size: BatchSize | None = None,
) -> Iterator[tuple[Run, Step | EdgeSegError]]:
    """Run one stage of several requests with one engine, and yield each as it is done.

    Up to ``max_batch`` of them call the engine together, where it can; then the time of a stage is
    its share of the batch, and ``batch`` what it waited for the others. ``size`` remembers how many
    fitted into memory. A request that fails keeps
    its error in ``error`` and takes nobody with it.
    """
    left = iter(runs)
    while some := list(islice(left, max_batch)):
        if len(some) > 1 and can_batch(role, engine):
            yield from _step_together(role, engine, some, embeddings, size or BatchSize())
        else:
            for run in some:
                yield run, _step_or_error(role, engine, run, embeddings)


def _step_together(
    role: Role,
    engine: Engine,
    runs: Sequence[Run],
    embeddings: EmbeddingCache | None,
    size: BatchSize,
) -> Iterator[tuple[Run, Step | EdgeSegError]]:
    began = time.perf_counter()
    spent_before_ms = {run: run.spent_ms for run in runs}
    waiting = [(run, BatchMember(engine)) for run in runs]
    while waiting:
        asked = []
        for run, member in waiting:
            member.begin()
            try:
                outcome = _step_or_error(role, member, run, embeddings)
            except UnansweredError:
                asked.append((run, member))
                continue
            run.spend(role, member.share_ms)
            elapsed_ms = (time.perf_counter() - began) * 1000
            run.spend("batch", max(0.0, elapsed_ms - (run.spent_ms - spent_before_ms[run])))
            yield run, outcome
        answer_all(engine, [member for _, member in asked], size)
        waiting = asked


def _step_or_error(
    role: Role, engine: Engine, run: Run, embeddings: EmbeddingCache | None
) -> Step | EdgeSegError:
    try:
        return run.step(role, engine, embeddings)
    except EdgeSegError as error:
        run.error = error
        return error


def failure_of(role: Role, engine: Engine, error: Exception) -> EdgeSegError:
    """Return what an exception of an engine's libraries means to the caller."""
    facts = {"role": role, "engine": engine.name}
    if is_memory_error(error):
        return NotEnoughMemoryError(
            f"There was not enough memory to {role}; try again, or send a smaller image.", **facts
        )
    return StageFailedError(
        f"The engine {engine.name!r} failed to {role}: {type(error).__name__}: {error}", **facts
    )
