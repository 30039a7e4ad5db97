"""``serve(role)``: what the program of every service calls."""

from __future__ import annotations

import logging
import signal
import sys
import time
from types import FrameType

import redis

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.residency import Residency
from edgeseg.errors import EdgeSegError
from edgeseg.pipeline import ran
from edgeseg.settings import Role, Settings, get_settings
from edgeseg.tasks import QUEUES, TaskChain, TaskStore, connect
from edgeseg.worker import jobs
from edgeseg.worker.images import DecodeAhead
from edgeseg.worker.rqworker import StageWorker
from edgeseg.worker.runner import StageRunner

log = logging.getLogger(__name__)
RECONNECT_S = 0.5


def serve(*roles: Role, settings: Settings | None = None) -> None:
    """Load the engines of roles that share a queue, then take tasks until SIGTERM or Ctrl-C.

    Engines are loaded before the worker registers, so "registered" means "ready". A signal lets
    the current stage finish. While Redis is away the engines stay loaded and the worker waits.
    An engine that cannot be loaded ends the process with a sentence and exit code 1.
    """
    settings = settings or get_settings()
    _log_to_stderr(settings)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    engines = Residency(settings.ttl, EngineOptions.from_settings(settings))
    connection = connect(settings)
    store = TaskStore(connection, settings.task_ttl_s)
    chain = TaskChain(connection, store, settings)
    runner = StageRunner(store, chain, engines, settings)
    jobs.install(runner)
    with engines:
        try:
            facts = [_load(engines, role, settings) for role in roles]
        except EdgeSegError as error:
            log.error("%s [%s]", error.detail, error.code)
            sys.exit(1)
        if "simplify" not in roles:
            DecodeAhead(runner.images, QUEUES[roles[0]], settings).start()
        used = next(fact for fact in facts if fact)
        while not _work(QUEUES[roles[0]], used, settings):
            signal.signal(signal.SIGTERM, _leave)
            signal.signal(signal.SIGINT, _leave)
            time.sleep(RECONNECT_S)


def _load(engines: Residency, role: Role, settings: Settings) -> dict[str, str]:
    """Load the engine of a role and say what it is; nothing for a role that is not used."""
    name = settings.engine_for(role)
    if name is None:
        return {}
    started = time.perf_counter()
    with engines.lease(role, name) as engine:
        log.info("%s engine %s loaded in %.2f s", role, name, time.perf_counter() - started)
        return {"role": role, **ran(engine).model_dump()}


def _work(queue: str, facts: dict[str, str], settings: Settings) -> bool:
    """Work until told to stop (True) or until Redis is lost (False)."""
    worker: StageWorker | None = None
    try:
        worker = StageWorker(queue, facts, settings)
        worker.work(logging_level=None)
    except redis.RedisError as error:
        log.warning("Redis is away: %s", error)
    return worker is not None and worker.stop_was_requested


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _log_to_stderr(settings: Settings) -> None:
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for name in ("rq.worker", "rq.registry", "rq.job", "rq.queue"):
        logging.getLogger(name).setLevel(logging.WARNING)
