"""What the API refuses, and what it says of those who wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest

from edgeseg.client import EdgeSegClient
from edgeseg.errors import InvalidParameterError, QueueFullError
from edgeseg.stack.local import EmbeddedStack
from tests.services.conftest import StackMaker

MakeImage = Callable[..., bytes]


@pytest.mark.parametrize("path", ["/segment", "/detect", "/simplify"])
def test_a_field_that_does_not_exist_is_refused_by_name(
    stack: EmbeddedStack, make_image: MakeImage, path: str
) -> None:
    answer = httpx.post(
        f"{stack.api_url}{path}",
        files={"image": ("a.png", make_image(1))},
        data={"text_prompt": "cat", "box_treshold": "0.5"},
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_parameter"
    assert "box_treshold" in answer.json()["detail"]
    assert answer.json()["errors"][0]["field"] == "box_treshold"


def test_the_client_raises_for_a_misspelt_parameter(
    client: EdgeSegClient, make_image: MakeImage
) -> None:
    with pytest.raises(InvalidParameterError, match="max_object"):
        client.segment_image(make_image(1), "cat", **cast(Any, {"max_object": 1}))


@pytest.mark.parametrize("path", ["/health", "/livez"])
def test_probes_may_ask_for_the_head_only(stack: EmbeddedStack, path: str) -> None:
    answer = httpx.head(f"{stack.api_url}{path}")
    assert (answer.status_code, answer.content) == (200, b"")


def test_those_before_a_task_are_counted_and_too_many_are_refused(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    """One worker takes two seconds a stage, so that the others wait in the order they came."""
    with (
        make_stack(fake_latency_s=2.0, max_waiting_tasks=3) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        tasks = [client.submit(make_image(0), "cat", simplify="never")]
        _until(lambda: client.task(tasks[0]).status == "running")
        tasks += [client.submit(make_image(seed), "cat", simplify="never") for seed in (1, 2, 3)]
        assert [client.task(task).queue_position for task in tasks] == [None, 1, 2, 3]
        with pytest.raises(QueueFullError) as refused:
            client.submit(make_image(4), "cat", simplify="never")
        assert refused.value.extra["limit"] == 3
        answer = httpx.post(
            f"{stack.api_url}/segment",
            files={"image": ("a.png", make_image(5))},
            data={"text_prompt": "cat", "simplify": "never"},
            headers={"Prefer": "respond-async"},
        )
        assert answer.status_code == 503
        assert answer.json()["code"] == "queue_full"
        assert int(answer.headers["retry-after"]) >= 1
        client.cancel(tasks[1])
        assert client.task(tasks[3]).queue_position == 2
        for task in tasks:
            client.cancel(task)


def _until(holds: Callable[[], bool], patience_s: float = 60) -> None:
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
