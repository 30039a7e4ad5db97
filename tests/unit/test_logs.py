"""Log lines as JSON, each with its task."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from edgeseg import logs
from edgeseg.settings import Settings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The root logger is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_lines_hold_their_task_and_their_facts(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(Settings(log_format="json"))
    with logs.about_task("abc"):
        logging.getLogger("other.library").info("read %d rows", 3)
        logging.getLogger("edgeseg").info("done", extra={"duration_ms": 1.5})
    logging.getLogger("edgeseg").warning("between tasks")
    first, second, third = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["message"], first["task_id"]) == ("read 3 rows", "abc")
    assert (first["level"], first["logger"]) == ("INFO", "other.library")
    assert first["timestamp"].startswith("20")
    assert (second["task_id"], second["duration_ms"]) == ("abc", 1.5)
    assert "task_id" not in third


def test_an_error_stays_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(Settings(log_format="json"))
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("edgeseg").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: two\nlines" in json.loads(line)["exc_info"]


def test_text_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(Settings(log_level="WARNING"))
    logging.getLogger("edgeseg").info("not worth it")
    logging.getLogger("edgeseg").warning("look")
    assert capsys.readouterr().err.endswith("WARNING edgeseg: look\n")
