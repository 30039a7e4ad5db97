"""POST /classes: as the library does it, with packs that come while the stack runs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import httpx
import PIL.Image
import pytest

from edgeseg import EdgeSegAI
from edgeseg.client import EdgeSegClient
from edgeseg.errors import (
    InvalidPackError,
    InvalidParameterError,
    RequestTooCostlyError,
    UnknownClassError,
    UnknownPackError,
)
from edgeseg.render import class_colours, overlay
from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack
from tests.packs import small_pack
from tests.services.conftest import MakeImage, StackMaker
from tests.services.test_requests import same


def test_the_stack_answers_as_the_library_does(
    client: EdgeSegClient, in_process: EdgeSegAI, make_image: MakeImage
) -> None:
    data = make_image(1)
    found = client.segment_classes(data, classes=["car", "road"])
    assert same(found, in_process.segment_classes(data, classes=["car", "road"]))
    everything = client.segment_classes(data)
    assert everything.result.classes is not None
    assert len(everything.result.classes.finished) == 11
    assert same(everything, in_process.segment_classes(data))
    assert client.class_packs() == in_process.class_packs()
    assert len(client.export(found.result.task_id, "coco").data) > 0
    refined = client.refine(found, points=[{"x": 30, "y": 30}], label="it")
    assert refined.result.classes is None
    assert [each.label for each in refined.objects][-1] == "it"


def test_classes_are_drawn_in_their_colours_and_without_boxes(
    client: EdgeSegClient, in_process: EdgeSegAI, make_image: MakeImage
) -> None:
    data = make_image(11)
    found = in_process.segment_classes(data)
    assert found.result.classes is not None
    named = {each.name: each.color for each in found.result.classes.finished}
    colours = class_colours(found.objects, found.result.classes)
    assert colours == [named[each.label] for each in found.objects]
    expected = overlay(found.image, found.objects, boxes=False, colours=colours)
    assert found.overlay().tobytes() == expected.tobytes()
    drawn = client.segment_classes(data, visualization="png").result
    assert drawn.visualization is not None
    with PIL.Image.open(io.BytesIO(base64.b64decode(drawn.visualization))) as image:
        assert image.convert("RGB").tobytes() == expected.tobytes()


def test_names_may_stand_between_commas(stack: EmbeddedStack, make_image: MakeImage) -> None:
    files = {"image": ("a.png", make_image(2))}
    form = {"classes": "tree, sky", "visualization": "false"}
    answer = httpx.post(f"{stack.api_url}/classes", files=files, data=form).json()
    assert [each["name"] for each in answer["classes"]["finished"]] == ["tree", "sky"]
    assert answer["visualization"] is None


def test_a_pack_that_comes_is_served_without_a_restart(
    make_stack: StackMaker, make_image: MakeImage, tmp_path: Path
) -> None:
    packs = tmp_path / "packs"
    packs.mkdir()
    data = make_image(3)
    with make_stack(class_packs=packs) as stack, EdgeSegClient(stack.api_url) as client:
        with pytest.raises(UnknownPackError, match="'tram'"):
            client.segment_classes(data, pack="tram")
        small_pack("tram", "tram").save(packs / "tram.safetensors")
        assert client.segment_classes(data, pack="tram").result.phrases == ["tram"]
        merged = small_pack("tram", "tram", "bus")
        merged.save(packs / "tram.safetensors")
        assert client.segment_classes(data, pack="tram").result.phrases == ["tram", "bus"]
        assert "tram" in {each.name for each in client.class_packs()}
        (packs / "tram.safetensors").write_bytes(b"no pack")
        with pytest.raises(InvalidPackError):
            client.segment_classes(data, pack="tram")


def test_waiting_counts_towards_the_deadline(make_stack: StackMaker, make_image: MakeImage) -> None:
    with make_stack(fake_latency_s=0.5) as stack, EdgeSegClient(stack.api_url) as client:
        found = client.segment_classes(make_image(4), deadline_ms=2500)
        assert found.result.classes is not None
        assert 0 < len(found.result.classes.finished) < 11
        names = [each.name for each in found.result.classes.unfinished]
        assert names[-1] == "bicyclist"
        late = client.segment_classes(make_image(5), deadline_ms=0.01)
        assert late.objects == []
        assert "leaves no time for one class" in late.result.warnings[0]


def test_what_cannot_be_is_refused(client: EdgeSegClient, make_image: MakeImage) -> None:
    data = make_image(6)
    with pytest.raises(UnknownClassError, match="no class 'cow'"):
        client.segment_classes(data, classes=["cow"])
    with pytest.raises(InvalidParameterError, match="deadline_ms"):
        client.segment_classes(data, deadline_ms=-1)
    with pytest.raises(InvalidParameterError, match="classes"):
        client.segment_classes(data, classes=[])


def test_nano_refuses_a_pack_of_another_network(tmp_path: Path, make_image: MakeImage) -> None:
    small_pack().save(tmp_path / "small.safetensors")
    settings = replace_packs(Settings(), tmp_path)
    with (
        EdgeSegAI(settings=settings) as ai,
        pytest.raises(InvalidPackError, match="does not fit the engine 'nano'"),
    ):
        ai.segment_classes(make_image(7), pack="small")


def replace_packs(settings: Settings, folder: Path) -> Settings:
    """Return settings with another folder of packs."""
    return settings.model_copy(update={"class_packs": folder})


def test_too_costly_requests_are_refused(make_stack: StackMaker, make_image: MakeImage) -> None:
    with make_stack(max_request_cost=0.5) as stack, EdgeSegClient(stack.api_url) as client:
        with pytest.raises(RequestTooCostlyError, match="classes in 800x600 pixels"):
            client.segment_classes(make_image(8, (800, 600)))
        assert client.segment_classes(make_image(9), classes=["sky"]).result.classes
