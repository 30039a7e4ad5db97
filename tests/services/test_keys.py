"""Keys: who may use the API, whose tasks are whose, and how much each may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import httpx
import pytest
from redis import Redis

from edgeseg.api_keys import entry_of, new_key
from edgeseg.client import EdgeSegClient
from edgeseg.errors import KeyRejectedError, KeyRequiredError, RateLimitedError, UnknownTaskError
from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import release_task, reserve_task
from edgeseg.tasks.keys import task_key

MakeImage = Callable[..., bytes]
StackMaker = Callable[..., AbstractContextManager[EmbeddedStack]]
KEYS = {name: new_key() for name in ("ann", "bea")}
ENTRIES = tuple(entry_of(name, key) for name, key in KEYS.items())


@pytest.fixture(scope="module")
def closed(
    make_module_stack: StackMaker,
) -> Iterator[EmbeddedStack]:
    """A stack that asks for keys."""
    with make_module_stack(api_keys=ENTRIES, cors_origins=("https://labels.example",)) as stack:
        yield stack


def test_a_key_is_asked_for(closed: EmbeddedStack, make_image: MakeImage) -> None:
    image = make_image(40)
    with EdgeSegClient(closed.api_url) as client, pytest.raises(KeyRequiredError):
        client.segment_image(image, "cat")
    with (
        EdgeSegClient(closed.api_url, api_key=new_key()) as client,
        pytest.raises(KeyRejectedError),
    ):
        client.segment_image(image, "cat")
    with EdgeSegClient(closed.api_url, api_key=KEYS["ann"]) as client:
        assert client.segment_image(image, "cat").objects
    with httpx.Client(base_url=closed.api_url, timeout=60) as http:
        answer = http.get("/engines")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
        for headers, status in (
            ({"X-API-Key": KEYS["bea"]}, 200),
            ({"Authorization": f"bearer {KEYS['bea']}"}, 200),
            ({"Authorization": f"Basic {KEYS['bea']}"}, 401),
            ({"Authorization": f"Bearer {ENTRIES[0].partition(':')[2]}"}, 403),
            ({"X-API-Key": KEYS["bea"], "Authorization": f"Bearer {KEYS['ann']}"}, 403),
            ({"X-API-Key": "ü"}, 403),
        ):
            raw = [(name.encode(), value.encode()) for name, value in headers.items()]
            assert http.get("/engines", headers=raw).status_code == status, headers
        for path in ("/health", "/livez", "/openapi.json", "/docs"):
            assert http.get(path).status_code == 200, path
        assert http.get("/metrics").status_code == 401


def test_a_task_belongs_to_its_key(closed: EmbeddedStack, make_image: MakeImage) -> None:
    with (
        EdgeSegClient(closed.api_url, api_key=KEYS["ann"]) as ann,
        EdgeSegClient(closed.api_url, api_key=KEYS["bea"]) as bea,
    ):
        found = ann.segment_image(make_image(41), "cat", idempotency_key="one")
        task_id = found.result.task_id
        assert ann.task(task_id).status == "done"
        for ask in (bea.task, bea.cancel, lambda each: list(bea.events(each)), bea.task_image):
            with pytest.raises(UnknownTaskError):
                ask(task_id)
        for export in (task_id, [task_id]):
            with pytest.raises(UnknownTaskError):
                bea.export(export, "coco")
        with pytest.raises(UnknownTaskError):
            bea.refine(found, box=(1, 1, 20, 20), label="face")
        refined = ann.refine(found, box=(1, 1, 20, 20), label="face")
        assert [each.label for each in refined.objects][-1] == "face"
        # Another's idempotency key is another one, even for the same request.
        theirs = bea.segment_image(make_image(41), "cat", idempotency_key="one")
        assert theirs.result.task_id != task_id
        again = ann.segment_image(make_image(41), "cat", idempotency_key="one")
        assert again.result.task_id == task_id


def test_names_are_in_the_metrics_and_the_log_and_keys_nowhere(
    closed: EmbeddedStack, make_image: MakeImage
) -> None:
    with EdgeSegClient(closed.api_url, api_key=KEYS["ann"]) as ann:
        ann.segment_image(make_image(42), "cat")
        metrics = ann.send("GET", "/metrics").text
    assert 'edgeseg_key_requests_total{key="ann",status="200"}' in metrics
    logs = "".join(each.read_text() for each in closed.log_dir.iterdir())
    for key in KEYS.values():
        assert key not in metrics
        assert key not in logs


def test_pages_of_listed_origins_may_use_the_api(
    closed: EmbeddedStack, make_image: MakeImage
) -> None:
    files, data = {"image": ("a.png", make_image(43))}, {"text_prompt": "cat"}
    with httpx.Client(base_url=closed.api_url, timeout=60) as http:
        for origin, allowed in (("https://labels.example", True), ("https://other.example", False)):
            headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
            preflight = {
                **headers,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization",
            }
            answer = http.options("/segment", headers=preflight)
            assert answer.headers.get("access-control-allow-origin") == (
                (allowed and origin) or None
            )
            refused = http.post("/segment", headers=headers, files=files, data=data)
            assert refused.status_code == (401 if allowed else 403)
            headers["X-API-Key"] = KEYS["ann"]
            answer = http.post("/segment", headers=headers, files=files, data=data)
            assert answer.status_code == (200 if allowed else 403)
            shown = answer.headers.get("access-control-allow-origin")
            assert shown == (origin if allowed else None)


def test_as_many_tasks_of_a_crowd_are_taken_as_are_allowed(stack: EmbeddedStack) -> None:
    with Redis.from_url(stack.redis_url) as redis:

        def reserve(number: int) -> bool:
            try:
                reserve_task(redis, "crowd", f"task-{number}", limit=5)
            except RateLimitedError:
                return False
            return True

        with ThreadPoolExecutor(12) as pool:
            taken = list(pool.map(reserve, range(48)))
        assert sum(taken) == 5
        # One that ends, or was never written, makes room.
        redis.hset(task_key(f"task-{taken.index(True)}"), "status", "done")
        assert [reserve(100), reserve(101)] == [True, False]
        release_task(redis, "crowd", "task-100")
        assert reserve(102)


def test_limits_of_one_key_leave_others_alone(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    image = make_image(44)
    limits = {"key_requests_per_minute": 3, "key_waiting_tasks": 2}
    with (
        make_stack(api_keys=ENTRIES, fake_latency_s=4.0, **limits) as stack,
        EdgeSegClient(stack.api_url, api_key=KEYS["ann"]) as ann,
        EdgeSegClient(stack.api_url, api_key=KEYS["bea"]) as bea,
    ):

        def submit(_: int) -> str:
            try:
                return ann.submit(image, "cat")
            except RateLimitedError as error:
                return str(error.extra["limit"])

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(submit, range(6)))
        # Three requests a minute, of which two tasks may wait.
        assert sorted(each for each in answers if len(each) < 32) == ["2", "3", "3", "3"]
        assert bea.submit(image, "cat")
        answer = httpx.post(
            f"{stack.api_url}/segment",
            headers={"X-API-Key": KEYS["ann"]},
            files={"image": ("a.png", image)},
            data={"text_prompt": "cat"},
        )
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_bytes_are_counted_and_tasks_that_ended_no_more(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    image = make_image(45)
    limits = {"key_bytes_per_minute": 3 * len(image) + 5000, "key_waiting_tasks": 1}
    with (
        make_stack(api_keys=ENTRIES, **limits) as stack,
        EdgeSegClient(stack.api_url, api_key=KEYS["ann"]) as ann,
    ):
        for _ in range(3):
            ann.segment_image(image, "cat")
        with pytest.raises(RateLimitedError, match="bytes a minute"):
            ann.segment_image(image, "cat")
