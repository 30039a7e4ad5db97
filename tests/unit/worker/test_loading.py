"""A worker that starts before the weights of its engine are there."""

from __future__ import annotations

import pytest

from edgeseg.engines.base import Engine, EngineOptions
from edgeseg.engines.fake import FakeSegmenter
from edgeseg.engines.residency import Residency
from edgeseg.errors import EngineUnavailableError
from edgeseg.settings import Role, Settings
from edgeseg.tasks import TaskChain, TaskStore, connect
from edgeseg.worker import service
from edgeseg.worker.runner import StageRunner


class Late:
    """Loads only at the third try, as weights that are on their way do."""

    def __init__(self) -> None:
        self.tries = 0

    def __call__(self, role: Role, name: str, options: EngineOptions) -> Engine:
        self.tries += 1
        if self.tries < 3:
            raise EngineUnavailableError(f"The weights of {name} are missing.")
        return FakeSegmenter(options)


def load(late: Late, wait_s: float) -> dict[str, str]:
    """Load an engine as a worker does that waits so long."""
    settings = Settings(engines="fake", engine_wait_s=wait_s)
    engines = Residency(-1, load=late)
    connection = connect(settings)
    store = TaskStore(connection)
    runner = StageRunner(store, TaskChain(connection, store, settings), engines, settings)
    return service._load(engines, "segment", settings, runner)


def test_it_waits_until_they_have_come(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "LOOK_AGAIN_S", 0.01)
    caplog.set_level("INFO")
    late = Late()
    assert load(late, wait_s=60)["name"] == "fake"
    assert late.tries == 3
    # What it waits for is said once.
    assert caplog.text.count("waiting: The weights of fake are missing.") == 1


def test_it_gives_up_when_time_is_up() -> None:
    late = Late()
    with pytest.raises(EngineUnavailableError, match="missing"):
        load(late, wait_s=0)
    assert late.tries == 1
