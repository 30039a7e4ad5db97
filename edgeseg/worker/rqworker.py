"""The RQ worker of every service: no fork, alive while it works, honest about who is dead."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import redis
from rq import Queue, SimpleWorker
from rq.executions import Execution
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.utils import now, utcformat
from rq.worker_registration import register

from edgeseg.settings import Settings
from edgeseg.tasks.bookkeeping import Bookkeeping
from edgeseg.tasks.connection import CONNECTION_LOST, connect, is_out_of_memory
from edgeseg.tasks.queue import SERIALIZER, StageQueue, make_queue
from edgeseg.worker import jobs
from edgeseg.worker.hands import Hands
from edgeseg.worker.janitor import Janitor
from edgeseg.worker.slices import GaveWay
from edgeseg.worker.telemetry import Pulse
from edgeseg.worker.timeouts import StageTimeLimit

log = logging.getLogger(__name__)
WORKER_TTL_S = 20
FULL_PAUSE_S = 0.5
RECONNECT_S = 0.25


class StageWorker(SimpleWorker):
    """A worker whose heart beats in a thread of its own.

    Stock workers say nothing during a job and count as alive for minutes after their death.
    Every ``heartbeat_s`` this one renews its own registration and its job's, both of which expire
    after ``heartbeat_ttl_s``, and looks after the jobs of the dead.
    """

    queue_class = StageQueue
    max_connection_wait_time = 1.0
    log_result_lifespan = False
    death_penalty_class = StageTimeLimit

    def __init__(
        self, queue_name: str, engine: dict[str, str], settings: Settings, pulse: Pulse
    ) -> None:
        super().__init__(
            [queue_name],
            connection=connect(settings),
            serializer=SERIALIZER,
            worker_ttl=WORKER_TTL_S,
            log_job_description=False,
        )
        self._engine = engine
        self._settings = settings
        self._pulse = pulse
        self._side = connect(settings)
        self._stopped = threading.Event()
        self._books = Bookkeeping(self.connection, self.name, self.key, settings.heartbeat_ttl_s)
        self._hands = Hands(self._books, engine.get("device", "cpu"), settings)
        self._thread = threading.Thread(target=self._beat_for_ever, name="heartbeat", daemon=True)

    @property
    def stop_was_requested(self) -> bool:
        """Whether a signal asked this worker to end."""
        return self._shutdown_requested_date is not None

    def get_heartbeat_ttl(self, job: Job) -> int:
        """Return the seconds that a job survives its worker."""
        return self._settings.heartbeat_ttl_s

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Do nothing, though RQ calls this six times a job: the heartbeat thread sees to it."""

    def bootstrap(self, *args: Any, **kwargs: Any) -> None:
        """Register, then let the heart beat."""
        self.register_birth()
        self.connection.hset(self.key, "engine", json.dumps(self._engine))
        self.set_state("started")
        self._beat()
        self._thread.start()
        log.info("worker %s is ready for %s", self.name, ", ".join(self.queue_names()))

    def run_maintenance_tasks(self) -> None:
        """Do nothing here: the heartbeat thread sees to it, also while a job runs."""

    def check_for_suspension(self, burst: bool) -> None:
        """Do nothing: workers of this stack are never suspended, and it would need Redis' room."""

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a job; while Redis is full jobs cannot be taken, and the worker stays."""
        while not self._stop_requested:
            try:
                return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
            except redis.ResponseError as error:
                if not is_out_of_memory(error):
                    raise
                log.warning("Redis is full: no job can be taken")
                time.sleep(FULL_PAUSE_S)
        return None

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run a job, and those that wait behind it, where the engine takes several at once."""
        # A signal must not end the worker while it has jobs in hand; Redis is told when they start.
        self._state = "busy"
        try:
            batch = self._hands.take_more(job)
            if len(batch) > 1:
                jobs.run_together(batch)
        except CONNECTION_LOST as error:
            # Those that were taken with it are found by the janitor.
            self._hands.drop()
            self._put_back(job, error)
            return
        for each in batch:
            self._execute_one(each, queue)
        if self._hands.held:
            # The last one failed, and those before it wait for the end of their batch.
            self._end_batch(batch, queue)

    def prepare_execution(self, job: Job) -> Execution:
        """Start a job, unless it was started with its batch."""
        execution = self._hands.give(job)
        if execution is None:
            (execution,) = self._books.start([job])
        self.execution = execution
        return execution

    def prepare_job_execution(self, job: Job, *args: Any, **kwargs: Any) -> None:
        """Do nothing: what RQ notes here was noted as the job, or its batch, started."""

    def handle_job_success(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        """End a job that ended well, and let the next one of its task begin."""
        if self._hands.end(queue.name, self.execution):
            self._state = "idle"
        self.execution = None

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """Note a change; stay busy in a batch: a signal must not end the worker there."""
        if state != self._state and (state != "idle" or not self._hands.held):
            super().set_state(state, pipeline)

    def _end_batch(self, batch: Sequence[Job], queue: Queue) -> None:
        try:
            self._hands.end(queue.name)
            self.set_state("idle")
        except (*CONNECTION_LOST, redis.ResponseError) as error:
            # Those that have ended are found by the janitor, and know what they made.
            log.warning("the end of a batch of %d jobs was not noted: %r", len(batch), error)
            self._hands.drop()

    def _execute_one(self, job: Job, queue: Queue) -> None:
        """Run a job; while Redis is away or full RQ can note neither its start nor its end.

        A job whose worker lost Redis runs again. One that finds no room fails its task, unless that
        is done, and the janitor puts RQ's records right later.
        """
        try:
            try:
                self._execute(job, queue)
            except CONNECTION_LOST as error:
                self._put_back(job, error)
        except redis.ResponseError as error:
            if not is_out_of_memory(error):
                raise
            self.execution = None
            jobs.on_failure(job, self.connection, type(error), error, None)

    def _execute(self, job: Job, queue: Queue) -> None:
        try:
            super().execute_job(job, queue)
        except GaveWay as way:
            jobs.on_give_way(job, self.name, way)
            self._let_go()

    def _let_go(self) -> None:
        """Forget a job that waits in line again."""
        self.execution = None
        self.set_current_job_id(None)
        self.set_state("idle")

    def _put_back(self, job: Job, lost: redis.RedisError) -> None:
        """Put the job back in line once Redis is there; when told to stop, leave it as it is."""
        while True:
            try:
                jobs.on_connection_lost(job, self.name, lost)
                self._let_go()
                return
            except CONNECTION_LOST:
                if self._stop_requested:
                    raise
                time.sleep(RECONNECT_S)

    def handle_execution_ended(self, job: Job, queue: Queue, heartbeat_ttl: int) -> None:
        """Let the loss of Redis, and a stage that gives way, reach `execute_job`.

        RQ would take both for a failure of the job.
        """
        error = sys.exc_info()[1]
        if isinstance(error, (*CONNECTION_LOST, GaveWay)):
            raise error
        job.ended_at = now()

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        """Fail the job for good: an error would come again; only lost workers are worth a retry."""
        job.retries_left = 0
        super().handle_job_failure(job, queue, *args, **kwargs)

    def teardown(self) -> None:
        """Stop the heart before the registration goes, lest a late beat bring it back."""
        self._stopped.set()
        self._pulse.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=self._settings.heartbeat_s)
        super().teardown()

    def _beat_for_ever(self) -> None:
        janitors = [
            Janitor(make_queue(name, self._side), self._side, self._settings.heartbeat_ttl_s)
            for name in self.queue_names()
        ]
        beat_at = 0.0
        # Twice a beat, so that lost jobs wait for the sweep only half as long as for their end.
        while not self._stopped.wait(self._settings.heartbeat_s / 2):
            try:
                began = time.monotonic()
                if began >= beat_at:
                    self._beat()
                    beat_at = began + 0.9 * self._settings.heartbeat_s
                if self._pulse.may_judge_others():
                    for janitor in janitors:
                        janitor.sweep()
            except redis.RedisError as error:
                if isinstance(error, CONNECTION_LOST):
                    self._pulse.miss()
                log.warning("heartbeat missed: %s", error)
            except Exception:
                log.exception("heartbeat went wrong")

    def _beat(self) -> None:
        try:
            self._renew()
        except redis.ResponseError as error:
            if not is_out_of_memory(error):
                raise
            # This needs no memory, and who is registered stays so.
            self._side.expire(self.key, self._settings.heartbeat_ttl_s)
        if not self._stopped.is_set():
            self._pulse.beat()

    def _renew(self) -> None:
        executions = [each for each in (self.execution, *self._hands.held) if each is not None]
        ttl_s = self._settings.heartbeat_ttl_s
        with self._side.pipeline() as pipe:
            pipe.hexists(self.key, "birth")
            pipe.hset(self.key, "last_heartbeat", utcformat(now()))
            pipe.expire(self.key, ttl_s)
            for execution in executions:
                registry = StartedJobRegistry(
                    self.queues[0].name, connection=self._side, serializer=SERIALIZER
                )
                execution.heartbeat(registry, ttl_s, pipeline=pipe)
            known = pipe.execute()[0]
            if not known and not self._stopped.is_set():
                # Redis has forgotten us: it was restarted, or this process slept for too long.
                log.warning("worker %s registers again", self.name)
                facts = {**self.serialize(), "state": self.get_state()}
                pipe.hset(self.key, mapping={**facts, "engine": json.dumps(self._engine)})
                register(self, pipe)
                pipe.execute()
