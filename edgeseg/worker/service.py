"""``serve(role)``: what the program of every service calls."""

from __future__ import annotations

import logging
import signal
import sys
import time
from types import FrameType

import redis

from edgeseg import logs
from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions, ran
from edgeseg.engines.residency import Residency
from edgeseg.engines.weights.store import WeightStore
from edgeseg.errors import EdgeSegError, EngineUnavailableError
from edgeseg.settings import Role, Settings, get_settings
from edgeseg.tasks import QUEUES, TaskChain, TaskStore, connect
from edgeseg.worker import jobs
from edgeseg.worker.http import WorkerPage
from edgeseg.worker.image_cache import DecodeAhead
from edgeseg.worker.rqworker import StageWorker
from edgeseg.worker.runner import StageRunner
from edgeseg.worker.telemetry import Pulse

log = logging.getLogger(__name__)
RECONNECT_S = 0.5
LOOK_AGAIN_S = 2.0


def serve(*roles: Role, settings: Settings | None = None) -> None:
    """Load the engines of roles that share a queue, then take tasks until SIGTERM or Ctrl-C.

    Engines are loaded before the worker registers, so "registered" means "ready". A signal lets
    the current stage finish. While Redis is away the engines stay loaded and the worker waits.
    An engine that cannot be loaded ends the process with a sentence and exit code 1.
    """
    settings = settings or get_settings()
    logs.set_up(settings)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    engines = Residency(
        settings.ttl,
        EngineOptions.from_settings(settings),
        registry.load_present,
        settings.max_loaded_engines,
    )
    connection = connect(settings)
    store = TaskStore(connection, settings.task_ttl_s)
    chain = TaskChain(connection, store, settings)
    runner = StageRunner(store, chain, engines, settings)
    jobs.install(runner)
    pulse = Pulse(settings.heartbeat_ttl_s)
    if settings.metrics_port is not None:
        WorkerPage(
            settings.metrics_host,
            settings.metrics_port,
            runner.telemetry,
            pulse,
            settings.host_names(),
        ).start()
    with engines:
        try:
            facts = [_load(engines, role, settings, runner) for role in roles]
        except EdgeSegError as error:
            log.error("%s [%s]", error.detail, error.code)
            sys.exit(1)
        if "simplify" not in roles:
            DecodeAhead(runner.images, QUEUES[roles[0]], settings).start()
        used = next(fact for fact in facts if fact)
        while not _work(QUEUES[roles[0]], used, settings, pulse):
            signal.signal(signal.SIGTERM, _leave)
            signal.signal(signal.SIGINT, _leave)
            time.sleep(RECONNECT_S)


def _load(
    engines: Residency, role: Role, settings: Settings, runner: StageRunner
) -> dict[str, str]:
    """Load the engine of a role and say what it is; nothing for a role that is not used."""
    name = settings.engine_for(role)
    if name is None:
        return {}
    until, said = time.monotonic() + settings.engine_wait_s, ""
    while True:
        started = time.perf_counter()
        try:
            _fetch(role, name, settings)
            with engines.lease(role, name) as engine:
                spent_s = time.perf_counter() - started
                runner.telemetry.load_seconds.labels(role, name).set(spent_s)
                log.info("%s engine %s loaded in %.2f s", role, name, spent_s)
                runner.note_engine(role, engine)
                return {"role": role, **ran(engine).model_dump()}
        except EngineUnavailableError as error:
            # Its weights may be on their way.
            if time.monotonic() >= until:
                raise
            if error.detail != said:
                said = error.detail
                log.info("waiting: %s", said)
            time.sleep(LOOK_AGAIN_S)


def _fetch(role: Role, name: str, settings: Settings) -> None:
    """Download the weights of the worker's own engine; those that a request chooses are not."""
    entry = registry.find(role, name)
    if not entry.missing():
        registry.fetch(entry, WeightStore.from_settings(settings))


def _work(queue: str, facts: dict[str, str], settings: Settings, pulse: Pulse) -> bool:
    """Work until told to stop (True) or until Redis is lost (False)."""
    worker: StageWorker | None = None
    try:
        worker = StageWorker(queue, facts, settings, pulse)
        worker.work(logging_level=None)
    except redis.RedisError as error:
        log.warning("Redis is away: %s", error)
        pulse.miss()
    return worker is not None and worker.stop_was_requested


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
