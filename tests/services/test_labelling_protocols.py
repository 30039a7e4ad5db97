"""The protocols of X-AnyLabeling and osam, as their clients speak them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest

from edgeseg.api_keys import entry_of, new_key
from edgeseg.client import EdgeSegClient
from edgeseg.stack.local import EmbeddedStack

MakeImage = Callable[..., bytes]
StackMaker = Callable[..., AbstractContextManager[EmbeddedStack]]
KEY = new_key()


@pytest.fixture(scope="module")
def api(make_module_stack: StackMaker) -> Iterator[httpx.Client]:
    """A stack whose key is sent as X-AnyLabeling sends it."""
    with (
        make_module_stack(api_keys=(entry_of("labeller", KEY),)) as stack,
        httpx.Client(base_url=stack.api_url, headers={"Token": KEY}, timeout=60) as client,
    ):
        yield client


def answer(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return what is answered; it is 200."""
    got = client.post(path, json=body)
    assert got.status_code == 200, got.text
    made: dict[str, Any] = got.json()
    return made


def predict(api: httpx.Client, image: bytes, model: str = "edgeseg", **params: Any) -> list[Any]:
    uri = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    body = {"model": model, "image": uri, "params": {"epsilon_factor": 0.001, **params}}
    data = answer(api, "/v1/predict", body)["data"]
    shapes: list[Any] = data["shapes"]
    return shapes


def test_x_anylabeling_lists_what_it_can_ask_for(api: httpx.Client) -> None:
    listed = api.get("/v1/models").json()
    assert listed["success"] is True
    widgets = {key: {w["name"] for w in m["widgets"]} for key, m in listed["data"].items()}
    assert set(widgets) == {"edgeseg", "edgeseg-boxes"}
    assert {"edit_text", "button_send", "edit_conf"} <= widgets["edgeseg-boxes"]
    assert "button_add_point" in widgets["edgeseg"] - widgets["edgeseg-boxes"]
    assert httpx.get(f"{api.base_url}/v1/models").status_code == 401


def test_words_become_polygons_or_boxes(api: httpx.Client, make_image: MakeImage) -> None:
    image = make_image(70)
    with EdgeSegClient(str(api.base_url), api_key=KEY) as client:
        wanted = client.segment_image(image, "cat").objects
    shapes = predict(api, image, text_prompt="cat")
    assert {each["label"] for each in shapes} == {"cat"}
    assert {each["shape_type"] for each in shapes} == {"polygon"}
    assert all(len(each["points"]) >= 3 and 0 < each["score"] <= 1 for each in shapes)
    boxes = predict(api, image, "edgeseg-boxes", text_prompt="cat")
    assert [(each["points"][0], each["points"][2]) for each in boxes] == [
        (list(each.box[:2]), list(each.box[2:])) for each in wanted
    ]
    assert predict(api, image, text_prompt="cat", conf_threshold=1.0) == []


def test_marks_become_one_object_to_be_named(api: httpx.Client, make_image: MakeImage) -> None:
    image = make_image(71)
    click = {"type": "point", "data": [20, 20], "label": 1}
    (shape, *_) = predict(api, image, marks=[click])
    assert shape["label"] == "AUTOLABEL_OBJECT"
    # Corners in any order, beyond the image too.
    box = {"type": "rectangle", "data": [900, 40, 10, -5], "label": 1}
    xs = [x for each in predict(api, image, marks=[box]) for x, _ in each["points"]]
    assert min(xs) >= 9
    assert max(xs) <= 97
    outside = {"type": "rectangle", "data": [0, 0, 4, 4], "label": 0}
    assert predict(api, image, marks=[click, outside])


def test_osam_finds_words_and_clicks(api: httpx.Client, make_image: MakeImage) -> None:
    image = base64.b64encode(make_image(72)).decode()
    texts = {"texts": ["cat", "dog"], "score_threshold": 0.1, "max_annotations": 1}
    (found,) = annotations = answer(
        api, "/api/generate", {"model": "yoloworld", "image": image, "prompt": texts}
    )["annotations"]
    assert found["text"] in texts["texts"]  # type: ignore[operator]
    points = {"points": [[5, 5], [60, 50], [30, 30]], "point_labels": [2, 3, 1]}
    clicked = answer(api, "/api/generate", {"model": "sam", "image": image, "prompt": points})
    assert clicked["model"] == "sam"
    middle = answer(api, "/api/generate", {"model": "sam", "image": image})["annotations"]
    for each in (*annotations, *clicked["annotations"], *middle):
        box = each["bounding_box"]
        mask = np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(each["mask"]))))
        assert mask.shape == (box["ymax"] - box["ymin"] + 1, box["xmax"] - box["xmin"] + 1)
        # The box is that of the mask: each of its edges is touched.
        assert all(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
        assert set(np.unique(mask)) <= {0, 255}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/predict", {"image": "{image}"}),
        ("/v1/predict", {"image": "{image}", "params": {"text_prompt": " "}}),
        ("/v1/predict", {"image": "{image}", "params": {"marks": [{"type": "line", "data": [1]}]}}),
        (
            "/v1/predict",
            {"image": "{image}", "params": {"marks": [{"type": "rectangle", "data": [1, 2]}]}},
        ),
        (
            "/v1/predict",
            {"image": "{image}", "params": {"marks": [{"type": "point", "data": [1, 1e9]}]}},
        ),
        ("/v1/predict", {"image": "no base64", "params": {"text_prompt": "cat"}}),
        ("/v1/predict", {"params": {"text_prompt": "cat"}}),
        ("/api/generate", {"model": "m", "image": "{image}", "prompt": {"points": [[1, 1]]}}),
        ("/api/generate", {"model": "m", "image": "{image}", "prompt": {}}),
        (
            "/api/generate",
            {
                "model": "m",
                "image": "{image}",
                "prompt": {"points": [[1, 1]], "point_labels": [2]},
            },
        ),
    ],
)
def test_what_is_wrong_is_said(
    api: httpx.Client, make_image: MakeImage, path: str, body: dict[str, Any]
) -> None:
    image = base64.b64encode(make_image(73)).decode()
    sent = {**body, **({"image": image} if body.get("image") == "{image}" else {})}
    answer = api.post(path, json=sent)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"]


def test_an_image_larger_than_other_documents_is_taken(api: httpx.Client) -> None:
    out = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (500, 700, 3), np.uint8)
    PIL.Image.fromarray(pixels).save(out, "PNG")
    assert len(out.getvalue()) > 512 * 1024
    assert predict(api, out.getvalue(), marks=[{"type": "point", "data": [350, 250], "label": 1}])
