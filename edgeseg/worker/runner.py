"""Runs one stage of one task: reads the record, runs the stage, writes what it made."""

from __future__ import annotations

import logging
import time

from edgeseg import logs
from edgeseg.engines.base import ran
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.engines.residency import Residency
from edgeseg.errors import UnknownTaskError
from edgeseg.schemas import EngineChoice
from edgeseg.settings import Role, Settings
from edgeseg.tasks import TaskChain, TaskRecord, TaskStore
from edgeseg.worker.images import ImageCache
from edgeseg.worker.telemetry import WorkerTelemetry
from edgeseg.worker.work import Outcome, Work

log = logging.getLogger(__name__)
LOAD_NOTED_MS = 1.0


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
        self.telemetry = WorkerTelemetry()
        self.telemetry.watch(self.images, self._embeddings)

    def run(self, task_id: str, stage: Role) -> None:
        """Run a stage, unless the task has ended or expired or has this result already."""
        with logs.about_task(task_id):
            self._run(task_id, stage)

    def _run(self, task_id: str, stage: Role) -> None:
        try:
            record = self.store.read(task_id)
        except UnknownTaskError:
            log.warning("%s expired: the task %s is gone", stage, task_id)
            return
        # A worker that was thought dead may have finished the stage after all.
        started_record = None if stage in record.results else self.store.start_stage(record, stage)
        if started_record is None:
            return
        started = time.perf_counter()
        choice = EngineChoice.model_validate(record.request["engines"])
        name = getattr(choice, stage) or self._settings.engine_for(stage)
        work = Work(started_record, stage, self.store, self.images, self._embeddings)
        with self._engines.lease(stage, str(name)) as engine:
            load_ms = (time.perf_counter() - started) * 1000
            if load_ms > LOAD_NOTED_MS:
                work.timings_ms["load"] = load_ms
            work.engines[stage] = ran(engine)
            outcome = work.run(engine)
        self._write(work, outcome)
        self._report(record, work, outcome, time.perf_counter() - started)

    def _report(self, before: TaskRecord, work: Work, outcome: Outcome, seconds: float) -> None:
        """Count the stage, and say how long it took and what it found."""
        stage, ms = work.stage, round(seconds * 1000, 1)
        waited_ms = work.record.timings_ms["queue"] - before.timings_ms.get("queue", 0.0)
        engine = work.engines[stage].name
        self.telemetry.ran(stage, engine, seconds, waited_ms / 1000, work.batch_size)
        found = ", ".join(f"{key} {value}" for key, value in outcome.facts.items())
        log.info(
            "%s completed task %s in %.1f ms: %s", stage, before.id, ms, found,
            extra={
                "stage": stage, "engine": engine, "duration_ms": ms,
                "waited_ms": round(waited_ms, 1), **outcome.facts,
            },
        )  # fmt: skip

    def _write(self, work: Work, outcome: Outcome) -> None:
        record, stage = work.record, work.stage
        fields = {f"ms:{name}": f"{ms:.3f}" for name, ms in work.timings_ms.items()}
        fields[f"engine:{stage}"] = work.engines[stage].model_dump_json()
        if not outcome.is_final:
            fields[f"result:{stage}"] = outcome.json
            self.store.finish_stage(record, stage, fields, outcome.facts)
            return
        fields["result"] = outcome.json
        self.store.finish(record, stage, fields, outcome.facts, outcome.drawing)
        self.chain.withdraw(record.id, _after(record, stage))


def _after(record: TaskRecord, stage: Role) -> tuple[Role, ...]:
    return record.plan[record.plan.index(stage) + 1 :]
