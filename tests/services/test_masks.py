"""POST /masks: everything in an image, followed, refined, exported and refused."""

from __future__ import annotations

import base64
import io

import httpx
import PIL.Image
import pytest

from edgeseg import EdgeSegAI
from edgeseg.client import EdgeSegClient
from edgeseg.errors import InvalidParameterError, RequestTooCostlyError, UnknownEngineError
from edgeseg.schemas import SegmentationResult
from edgeseg.stack.local import EmbeddedStack
from tests.services.conftest import MakeImage
from tests.services.test_requests import same


def test_the_stack_answers_as_the_library_does(
    client: EdgeSegClient, in_process: EdgeSegAI, make_image: MakeImage
) -> None:
    data, seen = make_image(1), []
    found = client.segment_everything(
        data, points_per_side=12, max_objects=20, progress=lambda *each: seen.append(each)
    )
    assert len(found.objects) == 20
    assert same(found, in_process.segment_everything(data, points_per_side=12, max_objects=20))
    assert seen[-1] == ("segment", 144, 144)
    assert len(seen) > 1
    refined = client.refine(found, object_id=0, points=[{"x": 30, "y": 30}])
    assert refined.objects[0].mask != found.objects[0].mask
    assert len(client.export(found, "yolo").data) > 0


def test_clicks_alone(client: EdgeSegClient, make_image: MakeImage) -> None:
    found = client.segment_everything(make_image(2), points_per_side=0)
    assert found.objects == []
    clicked = client.refine(found, points=[{"x": 20, "y": 20}], label="it")
    clicked = client.refine(clicked, points=[{"x": 50, "y": 40}])
    assert [(each.id, each.label) for each in clicked.objects] == [(0, "it"), (1, "object")]


def test_a_preview_leaves_the_result_as_it_is(client: EdgeSegClient, make_image: MakeImage) -> None:
    found = client.segment_everything(make_image(2), points_per_side=0)
    task_id = found.result.task_id
    point = [{"x": 20, "y": 20}]
    previewed = client.refine(found, points=point, preview=True)
    status = client.task(task_id)
    assert isinstance(status.result, SegmentationResult)
    assert status.result.objects == []
    clicked = client.refine(found, points=point)
    assert clicked.objects == previewed.objects
    client.refine(clicked, object_id=0, points=[{"x": 50, "y": 40}], preview=True)
    status = client.task(task_id)
    assert isinstance(status.result, SegmentationResult)
    assert status.result.objects == clicked.objects


def test_it_is_drawn_unless_nobody_wants_it(stack: EmbeddedStack, make_image: MakeImage) -> None:
    files = {"image": ("a.png", make_image(3, (64, 48)))}
    form = {"points_per_side": "4"}
    answer = httpx.post(f"{stack.api_url}/masks", files=files, data=form).json()
    with PIL.Image.open(io.BytesIO(base64.b64decode(answer["visualization"]))) as drawn:
        assert drawn.size == (64, 48)
    form["visualization"] = "false"
    answer = httpx.post(f"{stack.api_url}/masks", files=files, data=form).json()
    assert answer["visualization"] is None
    assert len(answer["objects"]) == 16


def test_what_cannot_be_is_refused(client: EdgeSegClient, make_image: MakeImage) -> None:
    data = make_image(4)
    with pytest.raises(InvalidParameterError, match="points_per_side"):
        client.segment_everything(data, points_per_side=65)
    with pytest.raises(UnknownEngineError, match="nothing"):
        client.segment_everything(data, engines={"segment": "nothing"})
    with pytest.raises(RequestTooCostlyError, match="points_per_side or crop_layers"):
        client.segment_everything(make_image(5, (2400, 2400)), points_per_side=64, crop_layers=2)
