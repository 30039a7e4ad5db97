"""Costly requests are refused, wherever their cost is known, and large ones wait for small ones."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import httpx
import PIL.Image
import pytest
from redis import Redis

from edgeseg import EdgeSegAI
from edgeseg.client import EdgeSegClient
from edgeseg.errors import RequestTooCostlyError
from edgeseg.schemas import SegmentationResult, SimplifyRequest
from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import NewTask, TaskChain, TaskStore, keys
from edgeseg.tasks.queue import make_queue
from tests.services.conftest import StackMaker

MakeImage = Callable[..., bytes]
PHRASES = " . ".join(f"thing {number}" for number in range(300))


@pytest.mark.parametrize("path", ["/segment", "/detect"])
def test_the_api_refuses_what_it_can_count(stack: EmbeddedStack, path: str) -> None:
    data, image = {"text_prompt": PHRASES, "tile": "always"}, io.BytesIO()
    PIL.Image.new("RGB", (4000, 3000)).save(image, "JPEG")
    files = {"image": image.getvalue()}
    answer = httpx.post(f"{stack.api_url}{path}", data=data, files=files, timeout=60)
    assert answer.status_code == 422
    assert answer.json()["code"] == "request_too_costly"
    assert "tile=auto" in answer.json()["detail"]


def test_the_worker_counts_the_phrases_that_a_prompt_stands_for(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    """The API counts one phrase here, the simplifier eleven."""
    prompt = "cats, dogs, birds, cups, plates, forks, knives, chairs, tables, lamps and hats"
    with (
        make_stack(simplify_engine="nano", max_request_cost=0.1) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        assert client.segment_image(make_image(1), "cat").objects is not None
        task_id = client.submit(make_image(1), prompt)
        assert [each.type for each in client.events(task_id)][-1] == "failed"
        error = client.task(task_id).error
        assert error is not None
        assert error["code"] == RequestTooCostlyError.code


def test_small_tasks_go_before_large_ones_and_all_in_the_order_they_came(
    stack: EmbeddedStack,
) -> None:
    with Redis.from_url(stack.redis_url) as redis:
        queue = make_queue("a queue that nobody serves", redis)
        chain = TaskChain(redis, TaskStore(redis), Settings())
        chain._queues["simplifier_queue"] = queue
        wanted = SimplifyRequest(text_prompt="cat")
        tasks = {
            name: NewTask("simplify", ("simplify",), wanted, "cat", is_large=name.isupper())
            for name in ("a", "A", "b", "B", "c")
        }
        for task in tasks.values():
            chain.submit(task)
        waiting = [raw.decode() for raw in redis.lrange(queue.key, 0, -1)]
        expected = [keys.job_id(tasks[name].id, "simplify") for name in "abcAB"]
        assert waiting == expected
        # Put back after its worker was lost, a large one keeps its turn.
        queue.push_job_id(redis.rpop(queue.key).decode(), at_front=True)
        late = NewTask("simplify", ("simplify",), wanted, "cat")
        chain.submit(late)
        order = [raw.decode().partition("-")[0] for raw in redis.lrange(queue.key, 0, -1)]
        assert order == [tasks[n].id for n in "Babc"] + [late.id, tasks["A"].id]
        for task in (*tasks.values(), late):
            chain.withdraw(task.id)
        redis.delete(queue.key)


def test_a_small_request_does_not_wait_for_the_large_ones_in_line(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with (
        make_stack(fake_latency_s=1.0, max_request_cost=30) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        image, many = make_image(1, (1000, 1000)), "cat . dog"
        large = [client.submit(image, many, simplify="never", tile="never") for _ in range(4)]
        until = time.monotonic() + 30
        while client.task(large[0]).status != "running":
            assert time.monotonic() < until
            time.sleep(0.02)
        small = client.submit(make_image(2), "cat", simplify="never")
        assert client.task(small).queue_position == 1
        assert detected_at(client, small) < detected_at(client, large[1])
        for task in large:
            client.cancel(task)


def test_a_large_stage_gives_way_to_a_small_task_and_goes_on_where_it_was(
    make_stack: StackMaker, in_process: EdgeSegAI, make_image: MakeImage
) -> None:
    with (
        make_stack(fake_latency_s=0.2, max_request_cost=300) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):
        # Twenty-five views or more, each of which takes a fifth of a second.
        data = make_image(1, (2000, 1500))
        task = client.submit(data, "cat . dog", simplify="never", tile="always")
        until = time.monotonic() + 30
        while client.task(task).status != "running":
            assert time.monotonic() < until
            time.sleep(0.02)
        small = client.submit(make_image(2), "cat", simplify="never")
        assert list(client.events(small))[-1].type == "done"
        assert client.task(task).status != "done", "the small one was done first"
        events = list(client.events(task))
        again = [each for each in events if each.data.get("reason") == "gave_way"]
        assert again, [each.type for each in events]
        status = client.task(task)
        assert status.error is None
        assert isinstance(status.result, SegmentationResult)
        mine = in_process.segment_image(data, "cat . dog", simplify="never", tile="always")
        assert status.result.objects == mine.objects
        assert status.timings_ms["detect"] > 25 * 200


def detected_at(client: EdgeSegClient, task_id: str) -> float:
    """Return when the detector began with a task."""
    events = client.events(task_id)
    return next(each.at for each in events if (each.type, each.stage) == ("started", "detect"))
