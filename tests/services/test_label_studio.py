"""The protocol of Label Studio's ML backends, as its server speaks it."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx
import numpy as np
import PIL.Image
import pytest

from backend.protocols.label_config import parse_config
from backend.protocols.regions import refinement_of
from edgeseg.api_keys import entry_of, new_key
from edgeseg.client import EdgeSegClient
from edgeseg.codecs import rle_to_mask
from edgeseg.errors import InvalidParameterError
from edgeseg.exporters.label_studio import brush_rle
from edgeseg.stack.local import EmbeddedStack

MakeImage = Callable[..., bytes]
StackMaker = Callable[..., AbstractContextManager[EmbeddedStack]]
KEY = new_key()
VIEW = """<View>
  <!-- the image -->
  <Image name="img" value="$photo"/>
  <KeyPointLabels name="click" toName="img" smart="true"><Label value="Dog"/></KeyPointLabels>
  <{tag} name="out" toName="img">
    <Label value="Cat" predicted_values="cat, kitten"/><Label value="big_dog"/>
  </{tag}>
  <TextArea name="words" toName="img"/>
</View>"""


class Studio(BaseHTTPRequestHandler):
    """What Label Studio is to us: a server of images for who has its token."""

    image: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        is_known = self.headers.get("Authorization") == "Token studio-token"
        self.send_response(200 if is_known else 401)
        self.end_headers()
        self.wfile.write(self.image if is_known else b"")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def api(make_module_stack: StackMaker, make_image: MakeImage) -> Iterator[httpx.Client]:
    """A stack that knows a Label Studio, and what that sends requests with."""
    Studio.image = make_image(60)
    with ThreadingHTTPServer(("127.0.0.1", 0), Studio) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = {
            "label_studio_url": f"http://127.0.0.1:{server.server_port}",
            "label_studio_token": "studio-token",
            "api_keys": (entry_of("studio", KEY),),
        }
        with (
            make_module_stack(**settings) as stack,
            httpx.Client(
                base_url=f"{stack.api_url}/label-studio", auth=("any", KEY), timeout=60
            ) as client,
        ):
            yield client
        server.shutdown()


def predict(
    api: httpx.Client,
    tag: str,
    *context: dict[str, Any],
    images: tuple[str, ...] = ("/data/a.png",),
) -> list[dict[str, Any]]:
    body = {
        "tasks": [{"id": 1, "data": {"photo": each}} for each in images],
        "label_config": VIEW.format(tag=tag),
        "project": "1.2",
        "params": {"login": None, "password": None, "context": {"result": list(context)}},
    }
    answer = api.post("/predict", json=body)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def expected(api: httpx.Client, prompt: str) -> list[Any]:
    url = str(api.base_url).removesuffix("label-studio/")
    with EdgeSegClient(url, api_key=KEY) as client:
        return client.segment_image(Studio.image, prompt, simplify="never").objects


def test_the_backend_is_taken_for_one(api: httpx.Client) -> None:
    assert api.get("/health").json()["status"] == "UP"
    made = api.post("/setup", json={"schema": VIEW.format(tag="BrushLabels"), "project": "1.2"})
    assert made.json()["model_version"].startswith("edgeseg")
    assert api.post("/webhook", json={"action": "ANNOTATION_CREATED"}).status_code == 201
    assert api.post("/webhook", json={"action": "OTHER"}).json() == {"status": "Unknown event"}
    assert httpx.post(f"{api.base_url}predict", json={}).status_code == 401


def test_labels_become_brush_masks_of_what_they_stand_for(api: httpx.Client) -> None:
    (row,) = predict(api, "BrushLabels")
    objects = expected(api, "cat . kitten . big dog")
    assert {each.label for each in objects} == {"cat", "kitten", "big dog"}
    assert [each["value"]["rle"] for each in row["result"]] == [
        brush_rle(rle_to_mask(each.mask)) for each in objects
    ]
    assert [each["value"]["brushlabels"] for each in row["result"]] == [
        ["big_dog" if each.label == "big dog" else "Cat"] for each in objects
    ]
    region = row["result"][0]
    assert (region["from_name"], region["to_name"], region["type"]) == ("out", "img", "brushlabels")
    assert (region["original_width"], region["original_height"]) == (96, 64)
    assert row["score"] == pytest.approx(np.mean([each.score for each in objects]))


def test_outlines_and_boxes_are_in_percent(api: httpx.Client) -> None:
    objects = expected(api, "cat . kitten . big dog")
    (boxes,) = predict(api, "RectangleLabels")
    for region, each in zip(boxes["result"], objects, strict=True):
        value, (x0, y0, x1, y1) = region["value"], each.box
        found = (value["x"], value["y"], value["x"] + value["width"], value["y"] + value["height"])
        assert found == pytest.approx((x0 / 0.96, y0 / 0.64, x1 / 0.96, y1 / 0.64))
    (outlines,) = predict(api, "PolygonLabels")
    for region in outlines["result"]:
        points = np.array(region["value"]["points"])
        assert (points >= 0).all()
        assert (points <= 100).all()
    corners = np.concatenate([each["value"]["points"] for each in outlines["result"]])
    pixels = np.array([each.box for each in objects])
    assert corners.max(0) == pytest.approx(pixels[:, 2:].max(0) / (0.96, 0.64), abs=2)


def test_words_clicks_and_boxes_are_answered(api: httpx.Client) -> None:
    words = {"type": "textarea", "value": {"text": ["kitten"]}}
    (row,) = predict(api, "BrushLabels", words)
    assert [each["value"]["brushlabels"] for each in row["result"]] == [["Cat"]]
    click = {
        "type": "keypointlabels",
        "is_positive": True,
        "value": {"x": 50, "y": 50, "width": 1, "keypointlabels": ["Dog"]},
    }
    box = {
        "type": "rectanglelabels",
        "value": {"x": 25, "y": 25, "width": 50, "height": 50, "rectanglelabels": ["Cat"]},
    }
    for tool, label in ((click, "Dog"), (box, "Cat")):
        (row,) = predict(api, "BrushLabels", tool)
        (region,) = row["result"]
        assert region["value"]["brushlabels"] == [label]
    outside = {**click, "is_positive": False}
    asked = refinement_of([box, click, outside], (64, 96))
    assert asked is not None
    refinement, label_of_click = asked
    assert [(each.x, each.y, each.label) for each in refinement.points] == [
        (48, 32, 1),
        (48, 32, 0),
    ]
    assert list(refinement.box or ()) == [24, 16, 72, 48]
    assert label_of_click == "Cat"


def test_batches_keep_their_order_and_name_what_failed(api: httpx.Client) -> None:
    out = io.BytesIO()
    PIL.Image.new("RGB", (32, 48), "red").save(out, "PNG")
    small = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
    rows = predict(api, "BrushLabels", images=("/a.png", small, "http://127.0.0.1:1/b.png", "/c"))
    sizes = [{each["original_width"] for each in row["result"]} for row in rows]
    assert sizes == [{96}, {32}, set(), {96}]
    assert "EDGESEG_FETCH" in rows[2]["error"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<View",
        "<View/>",
        '<View><Image name="a" value="$b"/></View>',
        '<View><Image name="a" value="$b"/><BrushLabels name="c" toName="other"/></View>',
        '<!DOCTYPE v [<!ENTITY a "b">]><View>&a;</View>',
        "<View>" + "x" * 200_000 + "</View>",
    ],
)
def test_a_configuration_that_is_none_is_refused(api: httpx.Client, text: str) -> None:
    with pytest.raises(InvalidParameterError):
        parse_config(text)
    assert api.post("/setup", json={"schema": text}).status_code == 422
    assert api.post("/predict", json={"tasks": [], "label_config": text}).status_code == 422


def test_a_smart_box_is_a_tool_unless_there_is_nothing_else() -> None:
    smart = '<RectangleLabels name="r" toName="a" smart="true"><Label value="x"/></RectangleLabels>'
    brush = '<BrushLabels name="b" toName="a"><Label value="x"/></BrushLabels>'
    view = '<View><Image name="a" value="$b"/>{}</View>'
    assert parse_config(view.format(smart)).control_name == "r"
    assert parse_config(view.format(smart + brush)).control_name == "b"
