"""What RQ calls: the functions that jobs name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import cast

import redis
from rq.exceptions import AbandonedJobError
from rq.job import Job, get_current_job

from edgeseg import logs
from edgeseg.errors import (
    EdgeSegError,
    NotEnoughMemoryError,
    StageFailedError,
    WorkerLostError,
)
from edgeseg.memory_errors import is_memory_error
from edgeseg.settings import Role
from edgeseg.tasks import LARGE, QUICK, redis_errors, was_lost_in_batch
from edgeseg.worker.runner import StageRunner
from edgeseg.worker.slices import GaveWay
from edgeseg.worker.timeouts import StageTimeLimit, StageTimeout

log = logging.getLogger(__name__)
MAX_TIMES_PUT_BACK = 10
_runner: StageRunner | None = None


def install(runner: StageRunner) -> None:
    """Set what runs the stages of this process."""
    global _runner
    _runner = runner


def run_stage(task_id: str, stage: Role) -> None:
    """Run one stage of a task."""
    job = get_current_job()
    _current().run(task_id, stage, is_large=job is not None and bool(job.meta.get(LARGE)))


def stage_of(job: Job) -> Role:
    """Return the stage that a job runs."""
    return cast("tuple[str, Role]", tuple(job.args))[1]


def is_alone(job: Job) -> bool:
    """Whether a job is never part of a batch."""
    return bool(job.meta.get(LARGE) or job.meta.get(QUICK))


def batch_size(job: Job, max_batch: int) -> int:
    """Return how many jobs like this one are run together by this process."""
    return _current().batch_size(stage_of(job), max_batch)


def run_together(batch: Sequence[Job]) -> None:
    """Run the stage of several jobs; `run_stage` then ends each of them.

    Where that breaks off, each is run alone when its turn comes, so that it fails alone too.
    """
    runner, stage = _current(), stage_of(batch[0])
    task_ids = [str(job.args[0]) for job in batch]
    try:
        with StageTimeLimit(int(batch[0].timeout or 0)):
            runner.run_together(task_ids, stage)
    except (Exception, StageTimeout) as error:
        log.warning("a batch of %d tasks is run one by one: %r", len(batch), error)
        runner.forget(task_ids, stage)


def on_failure(
    job: Job,
    connection: redis.Redis,
    kind: type[BaseException],
    error: BaseException,
    trace: object,
) -> None:
    """Decide what a failed job means for its task: once more, or the end.

    RQ calls this in the worker whose job raised, and for a lost worker in whichever finds out.
    """
    task_id, stage = cast("tuple[str, Role]", tuple(job.args))
    runner = _current()
    if issubclass(kind, AbandonedJobError) and was_lost_in_batch(job):
        # Most likely another one of the batch was to blame.
        job.retries_left = (job.retries_left or 0) + 1
    if issubclass(kind, AbandonedJobError) and job.retries_left:
        runner.store.queue_again(task_id, stage, {"reason": WorkerLostError.code})
        return
    meaning = _meaning(kind, error, stage)
    runner.telemetry.errors.labels(stage, meaning.code).inc()
    with logs.about_task(task_id):
        log.warning(
            "%s failed task %s: %s [%s]", stage, task_id, meaning.detail, meaning.code,
            exc_info=None if isinstance(error, EdgeSegError) else error,
            extra={"stage": stage, "code": meaning.code},
        )  # fmt: skip
    if runner.store.fail(task_id, meaning):
        runner.chain.withdraw(task_id)


def on_connection_lost(job: Job, worker: str, error: redis.RedisError) -> None:
    """Let a stage run again whose worker lost Redis: that is no attempt, but it has a limit.

    Raises what Redis raises, as long as it is away.
    """
    task_id, stage = cast("tuple[str, Role]", tuple(job.args))
    runner = _current()
    with logs.about_task(task_id):
        log.warning("Redis was lost during %s of task %s: %s", stage, task_id, error)
        if runner.chain.put_back(task_id, stage, worker) > MAX_TIMES_PUT_BACK:
            # A command of the stage itself may be what Redis cannot bear.
            on_failure(job, job.connection, type(error), error, None)


def on_give_way(job: Job, worker: str, way: GaveWay) -> None:
    """Put a large stage behind the small tasks that wait; what it has made is kept."""
    task_id, stage = cast("tuple[str, Role]", tuple(job.args))
    with logs.about_task(task_id):
        log.info("%s of task %s gives way after %d views", stage, task_id, len(way.seen))
        _current().chain.give_way(task_id, stage, worker, way.fields)


def _meaning(kind: type[BaseException], error: BaseException, stage: Role) -> EdgeSegError:
    if issubclass(kind, StageTimeout):
        return StageFailedError(f"The stage {stage} took longer than is allowed.", stage=stage)
    if isinstance(error, EdgeSegError):
        return error
    if isinstance(error, redis.RedisError):
        try:
            with redis_errors():
                raise error
        except EdgeSegError as meaning:
            return meaning
        except redis.RedisError:
            pass
    if issubclass(kind, AbandonedJobError):
        return WorkerLostError(
            f"The task was given up: each worker that took its stage {stage} was lost.",
            stage=stage,
        )
    if is_memory_error(error):
        return NotEnoughMemoryError(
            f"The worker had not enough memory for the stage {stage}; try again, or send a smaller "
            "image.",
            stage=stage,
        )
    return StageFailedError(f"The stage {stage} failed: {kind.__name__}: {error}.", stage=stage)


def _current() -> StageRunner:
    if _runner is None:
        raise RuntimeError("no StageRunner is installed in this process")
    return _runner
