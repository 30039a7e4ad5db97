"""Runs one stage of one task: the record becomes a Run, takes a step, and goes back."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from edgeseg import budget, detected, logs
from edgeseg.classes import PackStore
from edgeseg.engines import registry
from edgeseg.engines.base import Engine
from edgeseg.engines.batching import BatchSize, can_batch
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.engines.residency import Residency
from edgeseg.entity_run import EntitiesRun
from edgeseg.errors import EdgeSegError, UnknownTaskError
from edgeseg.render import encoded_overlay
from edgeseg.run import Run, Step, step_many
from edgeseg.schemas import (
    VISUALIZATION_FIELDS,
    ClassesRequest,
    DetectedObject,
    DetectRequest,
    EntitiesRequest,
    MasksRequest,
    RefineRequest,
    RefineResult,
    SegmentationResult,
    SegmentRequest,
    Simplification,
    free_id,
)
from edgeseg.settings import Role, Settings
from edgeseg.tasks import ImageRef, TaskChain, TaskKind, TaskRecord, TaskStore
from edgeseg.types import Image, ImageStep
from edgeseg.worker import slices
from edgeseg.worker.image_cache import ImageCache
from edgeseg.worker.telemetry import WorkerTelemetry

log = logging.getLogger(__name__)
LOAD_NOTED_MS = 1.0
# Kinds whose stages are alike, and short.
BATCHED: tuple[TaskKind, ...] = ("simplify", "detect", "segment")
DRAWABLE = (SegmentRequest, MasksRequest, ClassesRequest)


@dataclass
class _Started:
    """A stage that has begun: the record before and since, and what came of it in a batch."""

    before: TaskRecord
    record: TaskRecord
    run: Run
    at: float
    outcome: Step | EdgeSegError | None = None

    @property
    def stage(self) -> Role:
        stage = self.record.stage
        assert stage is not None
        return stage


class StageRunner:
    """Runs stages with the engines of this process; ``chain`` withdraws jobs not needed."""

    def __init__(
        self, store: TaskStore, chain: TaskChain, engines: Residency, settings: Settings
    ) -> None:
        self.store = store
        self.chain = chain
        self._engines = engines
        self._settings = settings
        self.images = ImageCache(store, settings)
        self._embeddings = EmbeddingCache()
        self._batched: dict[Role, BatchSize] = {}
        self._taken: dict[tuple[str, Role], _Started] = {}
        self._packs = PackStore(settings.class_packs)
        self.telemetry = WorkerTelemetry()
        self.telemetry.watch(self.images, self._embeddings)

    def run(self, task_id: str, stage: Role, *, is_large: bool = False) -> None:
        """Run a stage, unless the task has ended or expired or has this result already.

        Where `run_together` has taken the stage, only write what came of it. Raises GaveWay where
        the stage of a large task stops for small ones.
        """
        with logs.about_task(task_id):
            taken = self._taken.pop((task_id, stage), None)
            if taken is None:
                before = self._needed(task_id, stage)
                started = before and self._start(before, stage)
                if started:
                    self._run(started, is_large)
            elif isinstance(taken.outcome, EdgeSegError):
                raise taken.outcome
            elif taken.outcome is not None:
                self._finish(taken, taken.outcome)

    def batch_size(self, stage: Role, max_batch: int) -> int:
        """Return how many requests this worker's own engine for a stage answers at once."""
        size = self._batched.get(stage)
        return 1 if size is None else size.within(max_batch)

    def note_engine(self, stage: Role, engine: Engine) -> None:
        """Note an engine that the worker was started with."""
        if can_batch(stage, engine):
            self._batched[stage] = BatchSize()

    def run_together(self, task_ids: Sequence[str], stage: Role) -> None:
        """Take a stage of several tasks with one engine; `run` writes what came of each.

        Tasks that chose another engine, or are of a kind that is not batched, are left to `run`.
        """
        name = self._settings.engine_for(stage)
        started: list[_Started] = []
        for task_id in task_ids:
            before = self._needed(task_id, stage)
            if before is None or before.kind not in BATCHED:
                continue
            if getattr(before.request.engines, stage) not in (None, name):
                continue
            each = self._start(before, stage)
            if each is None:
                continue
            self._taken[task_id, stage] = each
            try:
                self._require_budget(stage, each.run)
            except EdgeSegError as error:
                each.outcome = error
            else:
                started.append(each)
        with self._engines.lease(stage, str(name)) as engine:
            by_run = {each.run: each for each in started}
            size = self._batched.get(stage)
            steps = step_many(stage, engine, list(by_run), self._embeddings, len(task_ids), size)
            for run, outcome in steps:
                if isinstance(outcome, Step):
                    outcome = replace(outcome, facts={**outcome.facts, "batch": len(started)})
                by_run[run].outcome = outcome

    def forget(self, task_ids: Sequence[str], stage: Role) -> None:
        """Leave the tasks of a batch that did not come to its end to `run`."""
        for task_id in task_ids:
            self._taken.pop((task_id, stage), None)

    def _needed(self, task_id: str, stage: Role) -> TaskRecord | None:
        """Return the record of a task that needs a stage."""
        try:
            before = self.store.read(task_id)
        except UnknownTaskError:
            log.warning("%s expired: the task %s is gone", stage, task_id)
            return None
        # A worker that was thought dead may have finished the stage after all.
        return None if stage in before.results else before

    def _start(self, before: TaskRecord, stage: Role) -> _Started | None:
        record = self.store.start_stage(before, stage)
        if record is None:
            return None
        return _Started(before, record, self.run_of(record), time.perf_counter())

    def _run(self, started: _Started, is_large: bool) -> None:
        record, run = started.record, started.run
        stage = started.stage
        self._require_budget(stage, run)
        if isinstance(run, EntitiesRun):
            run.image_done = partial(self._note_image, record, stage)
        run.clicks_done = partial(self._note_clicks, record, stage)
        chosen = getattr(record.request.engines, stage)
        if chosen is not None:
            registry.require_allowed(stage, chosen, self._settings)
        name = chosen or self._settings.engine_for(stage)
        with self._engines.lease(stage, str(name)) as engine:
            load_ms = (time.perf_counter() - started.at) * 1000
            if load_ms > LOAD_NOTED_MS:
                run.spend("load", load_ms)
            if is_large and stage in ("detect", "ground"):
                engine = self._sliced(record, stage, engine)
            elif is_large:
                run.seen = json.loads(record.seen_json.get(stage, "[]"))
                others_wait = partial(self.chain.small_ones_wait, stage)
                run.give_way = slices.between_clicks(others_wait)
            step = self._step(record, stage, run, engine)
        self._finish(started, step)

    def _finish(self, started: _Started, step: Step) -> None:
        """Write what a stage made, and report it."""
        self._write(started.record, started.stage, started.run, step)
        seconds = time.perf_counter() - started.at
        self._report(started.before, started.record, started.run, step, seconds)

    def _sliced(self, record: TaskRecord, stage: Role, engine: Engine) -> Engine:
        others_wait = partial(self.chain.small_ones_wait, stage)
        seen = json.loads(record.seen_json.get(stage, "[]"))
        return slices.sliced(stage, engine, seen, others_wait)

    def _step(self, record: TaskRecord, stage: Role, run: Run, engine: Engine) -> Step:
        """Take the step; where it gives way, say what is to be kept of it."""
        began = time.perf_counter()
        try:
            return run.step(stage, engine, self._embeddings)
        except slices.GaveWay as way:
            run.spend(stage, (time.perf_counter() - began) * 1000)
            way.fields = {f"seen:{stage}": json.dumps(way.seen), **_times(record, run)}
            raise

    def _require_budget(self, stage: Role, run: Run) -> None:
        """Raise RequestTooCostlyError: only now it is known what the prompt stands for."""
        if stage not in ("detect", "ground"):
            return
        limit = self._settings.max_request_cost
        if isinstance(run, EntitiesRun):
            budget.require_all_within(
                limit,
                [
                    (cast(DetectRequest, page.request), page.simplification, page.size_hw)
                    for page in run.pages
                ],
            )
        elif isinstance(run.request, DetectRequest):
            budget.require_within(limit, run.request, run.simplification, run.size_hw)

    def _note_image(self, record: TaskRecord, stage: Role, step: ImageStep) -> None:
        """Tell those who follow the task that one of its images is through a stage."""
        facts = {name: value for name, value in vars(step).items() if name != "stage"}
        self.store.progress(record.id, stage, {**facts, "found": dict(step.found)})

    def _note_clicks(self, record: TaskRecord, stage: Role, done: int, total: int) -> None:
        """Tell those who follow the task how many clicks on everything are made."""
        self.store.progress(record.id, stage, {"done": done, "total": total})

    def run_of(self, record: TaskRecord) -> Run:
        """Return a record as the Run that its next stage goes on with."""
        if isinstance(record.request, EntitiesRequest):
            return self._entities_run(record, record.request)
        rows = record.results.get("detect", [])
        read = record.results.get("simplify")
        run = Run(
            record.request,
            simplification=None if read is None else Simplification.model_validate(read),
            detections=detected.detections_of([DetectedObject.model_validate(row) for row in rows]),
            timings_ms=dict(record.timings_ms),
            engines=dict(record.engines),
            packs=self._packs,
        )
        if record.image is not None:
            run.load_image = partial(self.images.get, record.image)
            run.size_hw = (record.image.height, record.image.width)
        if record.parent is not None:
            run.objects = self._parent_result(record.parent).objects
        return run

    def _entities_run(self, record: TaskRecord, request: EntitiesRequest) -> EntitiesRun:
        run = EntitiesRun(
            request,
            timings_ms=dict(record.timings_ms),
            engines=dict(record.engines),
            loaders=[partial(self._load, ref) for ref in record.images],
            names=[ref.name or None for ref in record.images],
        )
        run.go_on(record.results)
        for page, ref in zip(run.pages, record.images, strict=False):
            page.size_hw = (ref.height, ref.width)
        return run

    def _load(self, ref: ImageRef) -> Image:
        if ref.error is not None:
            raise EdgeSegError.from_dict(ref.error)
        return self.images.get(ref)

    def _parent_result(self, task_id: str) -> SegmentationResult:
        json_text = self.store.read(task_id).result_json
        if json_text is None:
            raise UnknownTaskError(f"The task {task_id} has no result to correct.")
        return SegmentationResult.model_validate_json(json_text)

    def _write(self, record: TaskRecord, stage: Role, run: Run, step: Step) -> None:
        """Write what the stage made: for the next one, or as the end of the task."""
        drawing = self._draw(run)
        fields = _times(record, run)
        if stage in record.seen_json:
            fields[f"seen:{stage}"] = "[]"
        fields[f"engine:{stage}"] = run.engines[stage].model_dump_json()
        if not run.is_finished:
            fields[f"result:{stage}"] = _made(stage, run)
            self.store.finish_stage(record, stage, fields, step.facts)
            return
        fields["result"] = self._final(record, run)
        self.store.finish(record, stage, fields, step.facts, drawing)
        self.chain.withdraw(record.id, record.plan[record.plan.index(stage) + 1 :])

    def _draw(self, run: Run) -> bytes | None:
        """Return the overlay as a file, if the request asks for one and the task ends here."""
        request = run.request
        if not (run.is_finished and isinstance(request, DRAWABLE)):
            return None
        if request.visualization == "none":
            return None
        image = run.image()
        with run.timed("render"):
            return encoded_overlay(image, run.objects, run.classes, request.visualization)

    def _final(self, record: TaskRecord, run: Run) -> str:
        result = run.result(record.parent or record.id)
        if isinstance(result, RefineResult):
            request = cast(RefineRequest, run.request)
            if request.preview:
                return result.model_dump_json()
            is_new = request.object_id is None
            placed = self._into_parent(result, is_new)
            return placed.model_dump_json()
        # The overlay has a key of its own.
        return result.model_dump_json(exclude=VISUALIZATION_FIELDS)

    def _into_parent(self, refinement: RefineResult, is_new: bool) -> RefineResult:
        """Put the object into its task's result; a new one gets an id that is free by then."""
        placed = refinement

        def change(old: Any) -> Any:
            nonlocal placed
            result = SegmentationResult.model_validate(old)
            refined = refinement.object
            if is_new:
                refined = refined.model_copy(update={"id": free_id(result.objects)})
            placed = refinement.model_copy(update={"object": refined})
            return result.with_object(refined).model_dump(mode="json", exclude=VISUALIZATION_FIELDS)

        self.store.change_result(refinement.task_id, change)
        return placed

    def _report(
        self, before: TaskRecord, record: TaskRecord, run: Run, step: Step, seconds: float
    ) -> None:
        """Count the stage, and say how long it took and what it found."""
        stage, ms = record.stage, round(seconds * 1000, 1)
        assert stage is not None
        waited_ms = record.timings_ms["queue"] - before.timings_ms.get("queue", 0.0)
        engine = run.engines[stage].name
        self.telemetry.ran(stage, engine, seconds, waited_ms / 1000, step.items)
        facts = ", ".join(f"{key} {value}" for key, value in step.facts.items())
        log.info(
            "%s completed task %s in %.1f ms: %s", stage, before.id, ms, facts,
            extra={
                "stage": stage, "engine": engine, "duration_ms": ms,
                "waited_ms": round(waited_ms, 1), **step.facts,
            },
        )  # fmt: skip


def _times(record: TaskRecord, run: Run) -> dict[str, str]:
    """Return the fields of the times that a stage has changed."""
    return {
        f"ms:{name}": f"{ms:.3f}"
        for name, ms in run.timings_ms.items()
        if record.timings_ms.get(name) != ms
    }


def _made(stage: Role, run: Run) -> str:
    """Return the JSON that the next stage reads: phrases and filters, or boxes."""
    if isinstance(run, EntitiesRun):
        return run.made(stage)
    if stage == "simplify":
        assert run.simplification is not None
        return run.simplification.model_dump_json()
    return json.dumps([each.model_dump() for each in detected.detected_objects(run.detections)])
