"""Workers load what is allowed and what is here, whoever put the task into Redis."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from edgeseg.client import EdgeSegClient
from edgeseg.schemas import EngineChoice, RefineRequest, SimplifyRequest
from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import NewTask, TaskChain, TaskStore, connect
from tests.services.conftest import StackMaker

MakeImage = Callable[..., bytes]


def test_a_worker_refuses_an_engine_that_the_api_did_not_check(
    stack: EmbeddedStack, client: EdgeSegClient
) -> None:
    settings = Settings(redis_url=stack.redis_url)
    connection = connect(settings)
    chain = TaskChain(connection, TaskStore(connection), settings)
    wanted = SimplifyRequest(text_prompt="cat", engines=EngineChoice(simplify="nano"))
    task = NewTask(kind="simplify", plan=("simplify",), request=wanted, prompt="cat")
    chain.submit(task)
    assert [each.type for each in client.events(task.id)][-1] == "failed"
    error = client.task(task.id).error
    assert error is not None
    assert error["code"] == "engine_not_allowed"
    connection.close()


def test_an_engine_without_weights_is_not_downloaded_for_a_request(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    chosen = {"engines": '{"detect": "grounding-dino-tiny"}', "text_prompt": "cat"}
    # Nobody listens there, so that a download would be another error.
    with make_stack(allowed_engines=("*",), hub_url="http://127.0.0.1:1") as stack:
        answer = httpx.post(
            f"{stack.api_url}/detect", data=chosen, files={"image": make_image(1)}, timeout=60
        )
    assert answer.json()["code"] == "engine_unavailable"
    assert "pull grounding-dino-tiny" in answer.text or "pip install" in answer.text
    assert "ConnectError" not in answer.text


def test_refine_and_others_name_engines_in_the_same_field() -> None:
    """The worker looks there, for every kind of task."""
    for schema in (SimplifyRequest, RefineRequest):
        assert schema.model_fields["engines"].annotation is EngineChoice
