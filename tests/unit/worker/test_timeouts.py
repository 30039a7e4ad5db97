"""A stage that takes too long ends as such, whatever it was doing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import numpy as np
import pytest

from edgeseg.engines.fake import FakeDetector
from edgeseg.run import Run, step_many
from edgeseg.schemas import DetectRequest
from edgeseg.types import Image
from edgeseg.worker.timeouts import StageTimeLimit, StageTimeout

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="RQ's other timer")


def busy() -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        pass


def survive() -> None:
    try:
        busy()
    except Exception:
        pytest.fail("the time limit was handled inside the stage")


class Slow(FakeDetector):
    """A detector that is not done in time."""

    def detect(self, *_: object, **__: object) -> object:  # type: ignore[override]
        busy()
        return None


def step() -> None:
    pixels = Image.from_array(np.zeros((4, 4, 3), np.uint8))
    runs = [Run(DetectRequest(text_prompt="cat"), lambda: pixels) for _ in range(2)]
    list(step_many("detect", Slow(), runs))


def decode() -> None:
    run = Run(DetectRequest(text_prompt="cat"), busy)  # type: ignore[arg-type]
    list(step_many("detect", FakeDetector(), [run]))


@pytest.mark.parametrize("work", [survive, step, decode])
def test_it_reaches_whoever_started_the_stage(work: Callable[[], None]) -> None:
    with pytest.raises(StageTimeout), StageTimeLimit(1, ValueError, job_id="a"):
        work()
