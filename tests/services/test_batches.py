"""Tasks that a worker takes together: each has its own end, and none is lost with the worker."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import PIL.Image
import pytest

from edgeseg.client import EdgeSegClient
from edgeseg.errors import RequestTooCostlyError, WorkerLostError
from edgeseg.schemas import (
    FINAL_STATES,
    DetectRequest,
    RefineRequest,
    SegmentationResult,
    SegmentRequest,
)
from edgeseg.settings import Role
from edgeseg.stack import processes
from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import ImageRef, NewTask, TaskKind, keys
from edgeseg.tasks.queue import MAX_QUICK_FIRST
from edgeseg.worker.runner import StageRunner
from tests.services.conftest import MakeImage, StackMaker
from tests.services.test_faults import until_started, wait_until
from tests.services.test_one_path import QUEUE, runner

__all__ = ["runner"]
# A detector that dies of one phrase.
WORKER = """
import os, signal
from edgeseg.engines.fake import FakeDetector
from edgeseg.worker.service import serve
detect_many = FakeDetector.detect_many
def detect(self, calls):
    if any("poison" in call.phrases for call in calls):
        os.kill(os.getpid(), signal.SIGKILL)
    return detect_many(self, calls)
FakeDetector.detect_many = detect
serve("detect")
"""


@contextmanager
def worker_of(stack: EmbeddedStack) -> Iterator[subprocess.Popen[bytes]]:
    """Run a detector that dies of "poison", outside of the stack."""
    own = processes.as_environment(stack.settings)
    environment = {**os.environ, **own, "EDGESEG_REDIS_URL": stack.redis_url}
    with subprocess.Popen([sys.executable, "-c", WORKER], env=environment) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_the_task_that_kills_its_worker_is_found_among_eight(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    attempts = 1
    settings = {
        "fake_item_latency_s": 0.0, "max_batch": 8, "max_attempts": attempts,
        "require_workers": False, "heartbeat_s": 0.4, "heartbeat_ttl_s": 2,
    }  # fmt: skip
    with (
        make_stack({"detect": 0}, **settings) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        prompts = ["cat"] * 8
        prompts[3] = "poison"
        tasks = [client.submit(make_image(i), prompt) for i, prompt in enumerate(prompts)]
        wait_until(lambda: bool(client.queue_status()["grounding_dino_queue"]["waiting"] == 8))
        deaths, until = 0, time.monotonic() + 120
        while any(client.task(each).status not in FINAL_STATES for each in tasks):
            assert time.monotonic() < until
            with worker_of(stack) as process:
                while process.poll() is None:
                    if all(client.task(each).status in FINAL_STATES for each in tasks):
                        break
                    time.sleep(0.1)
                deaths += process.poll() is not None
        ends = [client.task(each) for each in tasks]
    assert [each.status for each in ends] == ["failed" if i == 3 else "done" for i in range(8)]
    assert ends[3].error is not None
    assert ends[3].error["code"] == WorkerLostError.code
    # With eight, four and two in hand, and then alone as often as any task may.
    assert deaths == 3 + attempts


def test_each_of_a_batch_has_its_own_answer_and_its_own_cancel(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with (
        make_stack(fake_latency_s=0.7, fake_item_latency_s=0.01) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        tasks = [client.submit(make_image(i), "cat . dog") for i in range(6)]
        until_started(client, tasks[4], "detect")
        client.cancel(tasks[4])
        events = {each: list(client.events(each)) for each in tasks}
        assert [events[each][-1].type for each in tasks] == [
            "cancelled" if i == 4 else "done" for i in range(6)
        ]
        sizes = [event.data.get("batch", 1) for each in tasks for event in events[each]]
        assert max(sizes) >= 3
        for i in (0, 1, 5):
            result = client.task(tasks[i]).result
            assert isinstance(result, SegmentationResult)
            alone = client.segment_image(make_image(i), "cat . dog").result
            assert result.objects == alone.objects
            assert "batch" in result.timings_ms or i == 0
            parts = {name: ms for name, ms in result.timings_ms.items() if name != "total"}
            assert sum(parts.values()) == pytest.approx(result.timings_ms["total"], abs=0.01)


def test_what_is_too_costly_is_refused_in_a_batch_too(
    runner: StageRunner, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_image(1)
    settings = runner._settings.model_copy(update={"max_request_cost": 0.1})
    monkeypatch.setattr(runner, "_settings", settings)
    tasks = []
    for prompt in ("cat", " . ".join("abcdefghijklmnopqrst")):
        request = DetectRequest(text_prompt=prompt)
        task = NewTask("detect", ("detect",), request, prompt)
        with PIL.Image.open(io.BytesIO(data)) as image:
            ref = ImageRef(*image.size, hashlib.sha256(data).hexdigest(), task.id)
        task = replace(task, images=(ref,))
        runner.chain.submit(task, [data])
        tasks.append(task.id)
    runner.store.connection.delete(keys.waiting_key(QUEUE))
    runner.run_together(tasks, "detect")
    runner.run(tasks[0], "detect")
    assert runner.store.read(tasks[0]).status == "done"
    with pytest.raises(RequestTooCostlyError):
        runner.run(tasks[1], "detect")


def test_corrections_go_first_but_not_for_ever(runner: StageRunner) -> None:
    def submit(kind: TaskKind, is_large: bool = False) -> str:
        request = SegmentRequest(text_prompt="cat")
        if kind == "refine":
            task = NewTask(kind, plan, RefineRequest(box=(0, 0, 1, 1)), "cat")
        else:
            task = NewTask(kind, plan, request, "cat", is_large=is_large)
        runner.chain.submit(task)
        return keys.job_id(task.id, "segment")

    plan: tuple[Role, ...] = ("segment",)
    large = submit("segment", is_large=True)
    first, second = submit("segment"), submit("segment")
    quick = [submit("refine") for _ in range(MAX_QUICK_FIRST + 1)]
    waiting = runner.store.connection.lrange(keys.waiting_key(QUEUE), 0, -1)
    runner.store.connection.delete(keys.waiting_key(QUEUE))
    order = [each.decode() for each in waiting]  # type: ignore[union-attr]
    assert order == [*quick[:-1], first, second, quick[-1], large]
