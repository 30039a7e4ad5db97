"""Entities through the queues: the same answers as in process, and what may go wrong on the way."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edgeseg import EdgeSegAI
from edgeseg.client import EdgeSegClient
from edgeseg.errors import InputError, InvalidImageError, NoImageError, TooManyImagesError
from edgeseg.schemas import MAX_IMAGES, EntitiesResult
from edgeseg.stack.local import EmbeddedStack
from edgeseg.types import ImageStep
from tests.services.conftest import MakeImage

TEXT = "dog, red sofa, garden"


@pytest.fixture
def local() -> Iterator[EdgeSegAI]:
    with EdgeSegAI("fake", "fake", "fake", extractor="fake", embedder="fake", ttl=-1) as made:
        yield made


def plain(result: EntitiesResult) -> dict[str, Any]:
    """Return what must not depend on the way that a request took."""
    return result.model_dump(exclude={"task_id", "timings_ms"})


@pytest.mark.parametrize("engines", [{}, {"ground": "fake"}])
@pytest.mark.parametrize("pairing", ["one_to_one", "many_to_one"])
def test_the_queues_answer_as_one_process_does(
    client: EdgeSegClient,
    local: EdgeSegAI,
    make_image: MakeImage,
    pairing: str,
    engines: dict[str, str],
) -> None:
    images = [make_image(seed) for seed in (1, 2, 3)]
    options: dict[str, Any] = {
        "pairing": pairing,
        "embeddings": True,
        "excluded_terms": ["garden"],
        "engines": engines,
    }
    far = client.segment_entities(TEXT, images[:2], images[2], **options)
    near = local.segment_entities(TEXT, images[:2], images[2], **options)
    assert plain(far.result) == plain(near.result)
    assert [each.label for each in far.result.entities] == ["dog", "red sofa"]
    assert far.result.generated.objects[0].embedding
    stages = {"ground"} if engines else {"detect", "segment"}
    assert set(far.result.engines) == {"extract", "embed", *stages}


@pytest.mark.parametrize("engines", [{}, {"ground": "fake"}])
def test_images_that_show_nothing_are_answered_by_both(
    client: EdgeSegClient, local: EdgeSegAI, make_image: MakeImage, engines: dict[str, str]
) -> None:
    options: dict[str, Any] = {"box_threshold": 1.0, "engines": engines}
    far = client.segment_entities(TEXT, [make_image(1)], make_image(2), **options)
    near = local.segment_entities(TEXT, [make_image(1)], make_image(2), **options)
    assert plain(far.result) == plain(near.result)
    assert far.judgement is not None
    assert far.judgement.missing == ["dog", "red sofa", "garden"]
    events = [(each.type, each.stage) for each in client.events(far.result.task_id)]
    assert ("skipped", "embed") in events


def test_progress_comes_by_image_and_entity(client: EdgeSegClient, make_image: MakeImage) -> None:
    steps: list[ImageStep] = []
    client.segment_entities(TEXT, [make_image(1)], make_image(2), progress=steps.append)
    assert [(each.stage, each.done, each.total) for each in steps] == [
        (stage, done, 2) for stage in ("detect", "segment", "embed") for done in (1, 2)
    ]
    assert steps[0].found == {"dog": 1, "red sofa": 1, "garden": 1}


def test_an_unreadable_image_keeps_its_error_and_the_others_are_done(
    client: EdgeSegClient, local: EdgeSegAI, make_image: MakeImage
) -> None:
    images = [b"no image", make_image(2)]
    for ai in (client, local):
        found = ai.segment_entities(TEXT, images, make_image(3)).result
        assert found.contextual[0].error is not None
        assert found.contextual[0].error["code"] == "invalid_image"
        assert found.contextual[1].objects
        assert found.judgement is not None
    for ai in (client, local):
        found = ai.segment_entities(TEXT, [make_image(2)], b"no image").result
        assert found.generated.error is not None
        assert found.judgement is None
        with pytest.raises(InvalidImageError):
            ai.segment_entities(TEXT, [b"none"], b"none either")


def test_an_image_that_is_not_there_is_told_alike(
    client: EdgeSegClient, local: EdgeSegAI, make_image: MakeImage, tmp_path: Path
) -> None:
    """The server cannot know that a file is missing; the client does."""
    problems = []
    for ai in (client, local):
        found = ai.segment_entities(TEXT, [tmp_path / "none.png"], make_image(3)).result
        problems.append(found.contextual[0].error)
        with pytest.raises(NoImageError):
            ai.segment_entities(TEXT, [tmp_path / "a.png"], tmp_path / "b.png")
    assert problems[0] == problems[1]
    assert problems[0] is not None
    assert problems[0]["code"] == "no_image"


def test_a_result_is_exported_as_its_task_is(client: EdgeSegClient, make_image: MakeImage) -> None:
    found = client.segment_entities(TEXT, [make_image(1)], make_image(2)).result
    data = {"format": "coco"}
    files = {"result": ("r.json", found.model_dump_json())}
    answer = client.send("POST", "/export", data=data, files=files)
    names = [each["file_name"] for each in json.loads(answer.content)["images"]]
    assert names == ["contextual_0.jpg", "generated.jpg"]
    with pytest.raises(InputError, match="keeps their own names"):
        client.send("POST", "/export", data={**data, "file_name": "a.jpg"}, files=files)


def test_images_are_counted(client: EdgeSegClient, local: EdgeSegAI, make_image: MakeImage) -> None:
    image = make_image(1)
    for ai in (client, local):
        with pytest.raises(NoImageError):
            ai.segment_entities(TEXT, [image])
        with pytest.raises(TooManyImagesError):
            ai.segment_entities(TEXT, [image] * MAX_IMAGES, image)
        hundred = ai.segment_entities(TEXT, [image] * 100, image).result
        assert len(hundred.contextual) == 100


def test_a_form_is_checked(stack: EmbeddedStack, make_image: MakeImage) -> None:
    files = [("contextual", ("a.png", make_image(1))), ("generated", ("g.png", make_image(2)))]
    with httpx.Client(base_url=stack.api_url, timeout=30) as http:

        def post(some: list[Any], **data: str) -> httpx.Response:
            return http.post("/entities", files=some, data={"text_prompt": TEXT, **data})

        assert post(files).status_code == 200
        assert post(files[:1]).json()["code"] == "no_image"
        assert post(files, text_prompt=" . ").json()["code"] == "empty_prompt"
        assert post(files, text_prompt="x" * 4001).json()["code"] == "prompt_too_long"
        assert post(files, pairing="all").json()["code"] == "invalid_parameter"
        assert post(files, image="x").json()["code"] == "invalid_parameter"
        assert post([("contextual", ("a.png", b"x"))] * MAX_IMAGES + files[1:]).json()["code"] == (
            "too_many_images"
        )


def test_a_task_is_followed_exported_and_cancelled(
    client: EdgeSegClient, make_image: MakeImage, tmp_path: Path
) -> None:
    paths = [tmp_path / name / "x.png" for name in ("a", "b", "g")]
    for seed, path in enumerate(paths):
        path.parent.mkdir()
        path.write_bytes(make_image(seed))
    task_id = client.submit_entities(TEXT, paths[:2], paths[2])
    assert [each.type for each in client.events(task_id)][-1] == "done"
    made = client.export(task_id, "coco")
    data = json.loads(made.data)
    assert [each["file_name"] for each in data["images"]] == ["a/x.png", "b/x.png", "g/x.png"]
    files = zipfile.ZipFile(io.BytesIO(client.export(task_id, "labelme").data)).namelist()
    assert sorted(files) == ["a/x.json", "b/x.json", "g/x.json"]
    with pytest.raises(InputError):
        client.refine(client.segment_image(paths[0], "dog"), points=[], object_id=None)
    assert client.cancel(task_id).status == "done"


def test_uploads_of_one_name_are_kept_apart(client: EdgeSegClient, make_image: MakeImage) -> None:
    task_id = client.submit_entities(TEXT, [make_image(1), make_image(2)], make_image(3))
    assert [each.type for each in client.events(task_id)][-1] == "done"
    data = json.loads(client.export(task_id, "coco").data)
    assert len({each["file_name"] for each in data["images"]}) == 3
