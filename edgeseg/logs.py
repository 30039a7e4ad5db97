"""Log lines of the services: for people, or as JSON with the task that each is about."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from edgeseg.settings import Settings

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# What every line has; facts given as ``extra=`` follow.
_FIELDS = ("levelname", "name", "message")
_task_id: ContextVar[str | None] = ContextVar("edgeseg_task_id", default=None)


@contextmanager
def about_task(task_id: str) -> Iterator[None]:
    """Mark every line written inside, also by other libraries, with this task."""
    token = _task_id.set(task_id)
    try:
        yield
    finally:
        _task_id.reset(token)


def set_up(settings: Settings) -> None:
    """Send log lines to standard error in the format and from the level that the settings say."""
    handler = logging.StreamHandler()
    handler.addFilter(_add_task)
    handler.setFormatter(_json() if settings.log_format == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for name in ("rq.worker", "rq.registry", "rq.job", "rq.queue", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _add_task(record: logging.LogRecord) -> bool:
    task_id = _task_id.get()
    if task_id is not None and not hasattr(record, "task_id"):
        record.task_id = task_id
    return True


def _json() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        list(_FIELDS),
        timestamp=True,
        rename_fields={"levelname": "level", "name": "logger"},
    )
