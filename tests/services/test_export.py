"""Exports over HTTP: the bytes that the command line makes, and clear refusals."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from edgeseg import EdgeSegAI
from edgeseg.client import EdgeSegClient
from edgeseg.errors import (
    CancelledError,
    InvalidParameterError,
    TaskNotFinishedError,
    UnknownFormatError,
    UnknownTaskError,
)
from edgeseg.exporters import FORMATS, MEDIA_TYPES
from edgeseg.stack.local import EmbeddedStack
from frontend import bundle
from frontend.state import Entry, Photo

MakeImage = Callable[..., bytes]


@pytest.mark.parametrize("name", FORMATS)
def test_the_api_the_client_and_the_command_line_make_the_same_bytes(
    stack: EmbeddedStack, client: EdgeSegClient, chelsea: Path, tmp_path: Path, name: str
) -> None:
    found = client.segment_image(chelsea, "cat . dog .")
    task_id = found.result.task_id
    made = client.export(task_id, name)
    answer = httpx.get(f"{stack.api_url}/tasks/{task_id}/export", params={"format": name})
    assert answer.content == made.data
    assert answer.headers["content-type"] == made.media_type
    assert made.media_type in MEDIA_TYPES.values()
    assert answer.headers["content-disposition"] == (
        f"attachment; filename=\"{made.file_name}\"; filename*=UTF-8''{made.file_name}"
    )
    assert made.file_name.startswith("chelsea")
    assert found.export(name) == made
    assert client.export(found, name) == made
    row = {"file": "chelsea.png", **json.loads(found.to_json())}
    (tmp_path / "result.json").write_text(json.dumps(row))
    command = [sys.executable, "-m", "edgeseg.cli", "export", "result.json", "-f", name]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / made.file_name).read_bytes() == made.data


def test_several_tasks_are_one_data_set(
    client: EdgeSegClient, chelsea: Path, make_image: MakeImage
) -> None:
    first = client.segment_image(chelsea, "cat")
    second = client.segment_image(make_image(60), "dog", file_name="ночь.png")
    third = client.segment_image(make_image(61), "cat")
    ids = [each.result.task_id for each in (second, first, third, first)]
    with pytest.raises(
        InvalidParameterError, match=r"Results 2 and 4 are both named 'chelsea\.png'"
    ):
        client.export(ids, "coco")
    names = ["ночь.png", "cam1/0001.png", "cam1/0001_2.png", "cam2/0001.png"]
    made = client.export(ids, "coco", file_name=names)
    data = json.loads(made.data)
    assert made.file_name == "edgeseg_coco.json"
    assert [row["file_name"] for row in data["images"]] == names
    with pytest.raises(InvalidParameterError, match="file_name for each"):
        client.export(ids, "coco", file_name=names[:2])
    here = [second, first, third]
    assert client.export(here, "coco") == client.export(ids[:3], "coco")
    with EdgeSegAI("fake", "fake", "fake") as ai:
        assert ai.export(here, "coco", file_name=names[:3]) == client.export(
            here, "coco", file_name=names[:3]
        )
    unnamed = json.loads(client.export(ids[:3], "coco").data)["images"]
    assert [row["file_name"] for row in unnamed] == [
        "ночь.png", "chelsea.png", f"{third.result.task_id}.jpg",
    ]  # fmt: skip
    assert [row["name"] for row in data["categories"]] == ["dog", "cat"]
    with zipfile.ZipFile(io.BytesIO(client.export(ids[:3], "geojson").data)) as archive:
        assert len(archive.namelist()) == 3


def test_images_come_with_the_masks(
    stack: EmbeddedStack, client: EdgeSegClient, chelsea: Path, make_image: MakeImage
) -> None:
    first = client.segment_image(chelsea, "cat")
    other = make_image(60)
    second = client.segment_image(other, "dog", file_name="cam1/night.png")
    ids = [each.result.task_id for each in (first, second)]
    made = client.export(ids, "label-studio", with_images=True, image_prefix="s3://b/")
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        assert archive.read("images/chelsea.png") == chelsea.read_bytes()
        assert archive.read("images/cam1/night.png") == other
        tasks = json.loads(archive.read("tasks.json"))
    assert [task["data"]["image"] for task in tasks] == [
        "s3://b/chelsea.png",
        "s3://b/cam1/night.png",
    ]
    # Results here are exported with the images that are here.
    assert (
        client.export([first, second], "label-studio", with_images=True, image_prefix="s3://b/")
        == made
    )
    one = client.export(ids[0], "yolo", with_images=True)
    assert one == first.export("yolo", with_images=True)
    entities = client.segment_entities("a cat", [chelsea], chelsea)
    made = client.export(entities.result.task_id, "coco", with_images=True)
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        assert len([name for name in archive.namelist() if name.startswith("images/")]) == 2


def test_images_of_one_name_in_several_folders_keep_their_folders(
    client: EdgeSegClient, make_image: MakeImage, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("cam1/1.png", "cam1/1_2.png", "cam2/1.png")]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(make_image(70 + number))
    found = client.segment_images(paths, "cat . dog .")
    made = client.export([each.result.task_id for each in found], "coco")
    images = json.loads(made.data)["images"]
    assert [row["file_name"] for row in images] == ["cam1/1.png", "cam1/1_2.png", "cam2/1.png"]
    assert [each.file_name for each in found] == [row["file_name"] for row in images]


def test_names_beyond_ascii_and_names_asked_for(
    stack: EmbeddedStack, client: EdgeSegClient, make_image: MakeImage
) -> None:
    task_id = client.submit(make_image(62), "cat", file_name="ночь 1.png")
    list(client.events(task_id))
    assert client.export(task_id, "labelme").file_name == "ночь 1.json"
    made = client.export(task_id, "labelme", file_name="../day.png")
    assert (made.file_name, json.loads(made.data)["imagePath"]) == ("day.json", "day.png")
    answer = httpx.get(f"{stack.api_url}/tasks/{task_id}/export?format=labelme")
    assert answer.headers["content-disposition"].startswith('attachment; filename="____ 1.json"; ')


def test_exports_follow_a_refinement(client: EdgeSegClient, make_image: MakeImage) -> None:
    found = client.segment_image(make_image(63), "cat")
    before = client.export(found.result.task_id, "coco-rle")
    client.refine(found, box=(5, 5, 50, 40), label="thing")
    after = json.loads(client.export(found.result.task_id, "coco-rle").data)
    assert [row["name"] for row in after["categories"]] == ["cat", "thing"]
    assert len(json.loads(before.data)["annotations"]) == len(found.objects)


def test_nothing_found_is_an_empty_data_set(client: EdgeSegClient, make_image: MakeImage) -> None:
    found = client.segment_image(make_image(64), "cat", box_threshold=1.0)
    data = json.loads(client.export(found.result.task_id, "coco").data)
    assert (len(data["images"]), data["annotations"]) == (1, [])
    assert [row["name"] for row in data["categories"]] == ["cat"]


def test_refusals(stack: EmbeddedStack, client: EdgeSegClient, make_image: MakeImage) -> None:
    task_id = client.segment_image(make_image(65), "cat").result.task_id
    with pytest.raises(UnknownFormatError) as unknown:
        client.export(task_id, "tiff")
    assert unknown.value.extra["known"] == list(FORMATS)
    with pytest.raises(UnknownTaskError):
        client.export("0" * 32, "coco")
    with pytest.raises(UnknownTaskError):
        client.export([task_id, "0" * 32], "coco")
    boxes = client.detect(make_image(66), "cat")
    with pytest.raises(InvalidParameterError, match="Only a task of /segment, /masks or"):
        client.export(boxes.task_id, "coco")
    for path in (f"/tasks/{task_id}/export", f"/export?task={task_id}", "/export?format=coco"):
        answer = httpx.get(stack.api_url + path)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")


def test_a_task_that_is_not_done_is_a_conflict(
    make_stack: Callable[..., EmbeddedStack], make_image: MakeImage
) -> None:
    with make_stack(fake_latency_s=5.0) as slow, EdgeSegClient(slow.api_url) as client:
        task_id = client.submit(make_image(67), "cat")
        with pytest.raises(TaskNotFinishedError) as early:
            client.export(task_id, "coco")
        assert early.value.status == 409
        assert early.value.extra["task_status"] in ("queued", "running")
        wanted = {"box": [1, 1, 20, 20]}
        answer = httpx.post(f"{slow.api_url}/tasks/{task_id}/refine", json=wanted)
        assert (answer.status_code, answer.json()["code"]) == (409, "task_not_finished")
        client.cancel(task_id)
        with pytest.raises(CancelledError):
            client.export(task_id, "coco")


@pytest.mark.parametrize("name", ["coco", "labelme", "png"])
def test_an_edited_result_is_exported_as_it_is_on_the_page(
    client: EdgeSegClient, chelsea: Path, name: str
) -> None:
    """Hidden, renamed and undone in the UI: its download has the bytes of POST /export."""
    found = client.segment_image(chelsea, "cat . dog . bird .")
    photo = Photo.from_bytes("chelsea.png", chelsea.read_bytes())
    entry = Entry(photo, "cat", found, batch=1)
    first, second = found.objects[0].id, found.objects[1].id
    entry.hidden, entry.names = {first}, {second: "wolf"}
    refined = client.refine(found, object_id=second, box=(20, 20, 90, 90))
    entry.replace(refined, second, [])
    changed = client.export_results([entry.result], name, ["chelsea.png"])
    entry.undo_last()
    made = client.export_results([entry.result], name, ["chelsea.png"])
    assert bundle.exported([entry], name) == (made.file_name, made.media_type, made.data)
    assert made.data != changed.data
    assert made.data != client.export(found.result.task_id, name).data
    assert entry.result.objects[0].label == "wolf"


def test_results_that_cannot_be_read_are_refused(
    stack: EmbeddedStack, client: EdgeSegClient, make_image: MakeImage
) -> None:
    result = client.segment_image(make_image(64), "cat").result
    with pytest.raises(InvalidParameterError, match="file_name"):
        client.export_results([result], "coco", ["a.png", "b.png"])
    with pytest.raises(UnknownFormatError):
        client.export_results([result], "psd")
    answer = httpx.post(
        f"{stack.api_url}/export", files={"result": ("a.json", b"{}")}, data={"format": "coco"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
