"""The real Label Studio with our backend: what it predicts, keeps and exports is what we made.

`make labelling-test` runs this, with Label Studio in an environment of its own; LABEL_STUDIO is its
command.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from edgeseg.client import EdgeSegClient
from edgeseg.codecs import rle_to_mask
from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack
from edgeseg.stack.processes import free_port

TOKEN = "0123456789abcdef0123456789abcdef01234567"
START_S = 800.0
CONFIG = """<View>
  <Image name="image" value="$image"/>
  <BrushLabels name="tag" toName="image">
    <Label value="Cat" predicted_values="cat, kitten"/><Label value="Dog"/>
  </BrushLabels>
  <KeyPointLabels name="click" toName="image" smart="true"><Label value="Cat"/></KeyPointLabels>
  <RectangleLabels name="box" toName="image" smart="true"><Label value="Cat"/></RectangleLabels>
  <TextArea name="words" toName="image"/>
</View>"""


@pytest.fixture(scope="module")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A Label Studio with a user, and a client that is this user."""
    folder, port = tmp_path_factory.mktemp("label-studio"), free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_USERNAME": "ann@labels.example",
        "LABEL_STUDIO_PASSWORD": "a long password",
        "LABEL_STUDIO_USER_TOKEN": TOKEN,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        # Ours is on the same machine; its webhook is checked by the second of these alone.
        "ML_BLOCK_LOCAL_IP": "false",
        "USE_DEFAULT_BANNED_SUBNETS": "false",
        "COLLECT_ANALYTICS": "false",
    }
    command = [os.environ["LABEL_STUDIO"], "start", "--no-browser", "--port", str(port)]
    log = (folder / "log.txt").open("wb")
    with (
        log,
        subprocess.Popen(
            [*command, "--internal-host", "127.0.0.1"],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        headers = {"Authorization": f"Token {TOKEN}"}
        url = f"http://127.0.0.1:{port}"
        try:
            with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
                _wait(client, process, folder / "log.txt")
                yield client
        finally:
            process.terminate()


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture(scope="module")
def stack(
    label_studio: httpx.Client, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedStack]:
    """Our stack, which knows that Label Studio."""
    settings = Settings(
        api_port=0,
        data_dir=tmp_path_factory.mktemp("stack"),
        label_studio_url=str(label_studio.base_url).rstrip("/"),
        label_studio_token=TOKEN,
    )
    with EmbeddedStack(settings) as running:
        yield running


@pytest.fixture(scope="module")
def task(
    label_studio: httpx.Client, stack: EmbeddedStack, chelsea: Path
) -> tuple[int, int, dict[str, Any]]:
    """The ids of a project and of our backend there, and a task with an uploaded photo."""
    made = label_studio.post("/api/projects", json={"title": "Cats", "label_config": CONFIG})
    project = made.raise_for_status().json()["id"]
    backend = label_studio.post(
        "/api/ml",
        json={
            "url": f"{stack.api_url}/label-studio",
            "project": project,
            "title": "EdgeSeg",
            "is_interactive": True,
        },
    )
    assert backend.status_code == 201, backend.text
    uploaded = label_studio.post(
        f"/api/projects/{project}/import", files={"file": ("chelsea.png", chelsea.read_bytes())}
    )
    assert uploaded.status_code == 201, uploaded.text
    tasks = label_studio.get("/api/tasks", params={"project": project}).json()["tasks"]
    assert tasks[0]["data"]["image"].startswith("/data/upload/")
    return project, backend.json()["id"], tasks[0]


def decode(rle: list[int], size_hw: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return the mask of brush run lengths, read bit by bit as their format says."""
    bits = "".join(f"{byte:08b}" for byte in rle)
    position = 0

    def take(count: int) -> int:
        nonlocal position
        position += count
        return int(bits[position - count : position], 2)

    count, word = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < count:
        is_run = take(1)
        length = take(sizes[take(2)]) + 1
        run = [take(word)] * length if is_run else [take(word) for _ in range(length)]
        values += run
    return np.array(values, np.uint8).reshape(*size_hw, 4)[..., 3] > 0


def masks_of(results: list[dict[str, Any]]) -> list[np.ndarray[Any, np.dtype[np.bool_]]]:
    return [
        decode(each["value"]["rle"], (each["original_height"], each["original_width"]))
        for each in results
        if each["type"] == "brushlabels"
    ]


def test_predictions_are_accepted_and_exported_as_the_masks_that_we_made(
    label_studio: httpx.Client,
    stack: EmbeddedStack,
    task: tuple[int, int, dict[str, Any]],
    chelsea: Path,
) -> None:
    project, backend, row = task
    asked = label_studio.post(
        "/api/dm/actions",
        params={"id": "retrieve_tasks_predictions", "project": project},
        json={"selectedItems": {"all": False, "included": [row["id"]]}, "project": project},
    )
    assert asked.status_code == 200, asked.text
    (prediction,) = label_studio.get("/api/predictions", params={"task": row["id"]}).json()
    assert prediction["model_version"].startswith("edgeseg")
    with EdgeSegClient(stack.api_url) as client:
        ours = client.segment_image(chelsea, "cat . kitten . Dog", simplify="never")
    assert ours.objects
    predicted = masks_of(prediction["result"])
    assert [each["value"]["brushlabels"] for each in prediction["result"]] == [
        ["Cat"] for _ in predicted
    ]
    assert len(predicted) == len(ours.objects)
    for mask, each in zip(predicted, ours.objects, strict=True):
        assert (mask == rle_to_mask(each.mask)).all()
    accepted = label_studio.post(
        f"/api/tasks/{row['id']}/annotations", json={"result": prediction["result"]}
    )
    assert accepted.status_code == 201, accepted.text
    exported = label_studio.get(f"/api/projects/{project}/export", params={"exportType": "JSON"})
    (annotation,) = exported.json()[0]["annotations"]
    for mask, each in zip(masks_of(annotation["result"]), ours.objects, strict=True):
        assert (mask == rle_to_mask(each.mask)).all()
    assert backend


@pytest.mark.parametrize("tool", ["click", "box", "words"])
def test_smart_tools_answer(
    label_studio: httpx.Client, task: tuple[int, int, dict[str, Any]], tool: str
) -> None:
    _, backend, row = task
    size = {"original_width": 451, "original_height": 300, "image_rotation": 0}
    region: dict[str, Any] = {"from_name": tool, "to_name": "image", **size}
    if tool == "click":
        region |= {"type": "keypointlabels", "is_positive": True}
        region["value"] = {"x": 50, "y": 45, "width": 1, "keypointlabels": ["Cat"]}
    elif tool == "box":
        region |= {"type": "rectanglelabels"}
        region["value"] = {"x": 20, "y": 5, "width": 65, "height": 90, "rectanglelabels": ["Cat"]}
    else:
        region |= {"type": "textarea", "value": {"text": ["the cat"]}}
    answer = label_studio.post(
        f"/api/ml/{backend}/interactive-annotating",
        json={"task": row["id"], "context": {"result": [region]}},
    )
    assert answer.status_code == 200, answer.text
    (mask,) = masks_of(answer.json()["data"]["result"])
    assert mask[135, 225]
    assert 0.02 < mask.mean() < 0.9
