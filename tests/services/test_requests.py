"""Requests that succeed: the same answers as in process, whoever asks and how."""

from __future__ import annotations

import base64
import io
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import unquote

import httpx
import PIL.Image
import pytest
import redis

from edgeseg import EdgeSegAI, Segmentation
from edgeseg.client import EdgeSegClient
from edgeseg.errors import (
    IdempotencyConflictError,
    InvalidParameterError,
    UnknownObjectError,
    UnknownTaskError,
)
from edgeseg.schemas import RefineResult, SegmentationResult, SimplifyMode
from edgeseg.settings import Settings
from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import keys

MakeImage = Callable[..., bytes]
StackMaker = Callable[..., AbstractContextManager[EmbeddedStack]]


def same(ours: Segmentation, theirs: Segmentation) -> bool:
    """Whether two results agree in all that does not depend on time and place."""
    apart = {"task_id", "timings_ms"}
    return ours.result.model_dump(exclude=apart) == theirs.result.model_dump(exclude=apart)


def test_the_stack_answers_as_the_library_does(
    client: EdgeSegClient, in_process: EdgeSegAI, chelsea: Path
) -> None:
    found = client.segment_image(chelsea, "cat . dog .", max_objects=1)
    assert len(found.objects) == 1
    assert same(found, in_process.segment_image(chelsea, "cat . dog .", max_objects=1))
    assert found.segmentation_mask.shape == (300, 451)
    assert set(found.result.timings_ms) >= {"decode", "simplify", "detect", "segment", "queue"}


def test_simplify_never_skips_the_simplifier(
    client: EdgeSegClient, in_process: EdgeSegAI, make_image: MakeImage
) -> None:
    data = make_image(1)
    found = client.segment_image(data, "cat . dog .", simplify="never")
    assert "simplify" not in found.result.engines
    assert same(found, in_process.segment_image(data, "cat . dog .", simplify="never"))


@pytest.mark.parametrize("mode", ["auto", "never"])
def test_filters_of_the_request_choose_among_the_boxes(
    client: EdgeSegClient, make_image: MakeImage, mode: SimplifyMode
) -> None:
    prompt = "cat . dog . bird ."
    every = client.segment_image(make_image(3), prompt, simplify=mode)
    leftmost = min(every.objects, key=lambda each: each.box[0] + each.box[2])
    wanted = [{"kind": "leftmost"}]
    found = client.segment_image(make_image(3), prompt, simplify=mode, filters=wanted)
    assert [(each.label, each.box) for each in found.objects] == [(leftmost.label, leftmost.box)]
    assert [each.kind for each in found.result.filters] == ["leftmost"]
    none = client.segment_image(make_image(3), prompt, simplify=mode, filters=[])
    assert len(none.objects) == len(every.objects)


def test_nothing_found_is_an_empty_list(client: EdgeSegClient, make_image: MakeImage) -> None:
    found = client.segment_image(make_image(2), "cat", box_threshold=1.0)
    assert found.objects == []
    assert not found.segmentation_mask.any()
    events = [(each.type, each.stage) for each in client.events(found.result.task_id)]
    assert ("skipped", "segment") in events
    assert events[-1] == ("done", None)


@pytest.mark.parametrize(
    ("field", "kind", "sent", "drawn"),
    [
        ({}, "image/jpeg", (1700, 300), (850, 150)),
        ({"visualization": "TRUE"}, "image/jpeg", (96, 64), (96, 64)),
        ({"visualization": "png"}, "image/png", (1700, 30), (1700, 30)),
    ],
)
def test_the_overlay_is_a_preview_or_a_lossless_png(
    stack: EmbeddedStack,
    make_image: MakeImage,
    field: dict[str, str],
    kind: str,
    sent: tuple[int, int],
    drawn: tuple[int, int],
) -> None:
    answer = httpx.post(
        f"{stack.api_url}/segment",
        files={"image": ("a.png", make_image(3, sent))},
        data={"text_prompt": "cat", **field},
    )
    result = SegmentationResult.model_validate(answer.json())
    assert result.visualization is not None
    assert result.visualization_type == kind
    path = answer.headers["location"]
    told = httpx.get(f"{stack.api_url}{path}").json()["result"]
    assert told["visualization"] == result.visualization
    assert told["visualization_type"] == kind
    with PIL.Image.open(io.BytesIO(base64.b64decode(result.visualization))) as overlay:
        assert (overlay.size, overlay.get_format_mimetype()) == (drawn, kind)
    name = keys.drawing_key(path.removeprefix("/tasks/"))
    with redis.Redis.from_url(stack.redis_url) as server:
        assert server.get(name) == base64.b64decode(result.visualization)


@pytest.mark.parametrize("word", ["none", "false", "0"])
def test_without_an_overlay_nothing_is_drawn(
    stack: EmbeddedStack, make_image: MakeImage, word: str
) -> None:
    answer = httpx.post(
        f"{stack.api_url}/segment",
        files={"image": ("a.png", make_image(3))},
        data={"text_prompt": "cat", "visualization": word},
    ).json()
    assert (answer["visualization"], answer["visualization_type"]) == (None, None)
    assert "render" not in answer["timings_ms"]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16", "turned"])
def test_every_kind_of_image_is_seen_upright(
    client: EdgeSegClient, in_process: EdgeSegAI, chelsea: Path, mode: str
) -> None:
    out = io.BytesIO()
    with PIL.Image.open(chelsea) as photo:
        if mode == "turned":
            exif = PIL.Image.Exif()
            exif[0x0112] = 6
            photo.convert("RGB").save(out, "JPEG", exif=exif)
        elif mode == "CMYK":
            photo.convert("CMYK").save(out, "JPEG")
        elif mode == "I;16":
            photo.convert("L").convert("I").point(lambda v: v * 256).convert("I;16").save(
                out, "PNG"
            )
        else:
            photo.convert(mode).save(out, "PNG")
    found = client.segment_image(out.getvalue(), "cat")
    width, height = (300, 451) if mode == "turned" else (451, 300)
    assert (found.result.image.width, found.result.image.height) == (width, height)
    assert found.segmentation_mask.shape == (height, width)
    assert same(found, in_process.segment_image(out.getvalue(), "cat"))


def test_simplify_and_detect(
    client: EdgeSegClient, in_process: EdgeSegAI, make_image: MakeImage
) -> None:
    assert client.simplify("cat . dog .").phrases == ["cat", "dog"]
    boxes = client.detect(make_image(4), "cat . dog .")
    masks = in_process.segment_image(make_image(4), "cat . dog .")
    assert [each.box for each in boxes.objects] == [each.box for each in masks.objects]


def test_thirty_two_clients_get_their_own_answers_while_health_answers(
    make_stack: StackMaker, in_process: EdgeSegAI, make_image: MakeImage
) -> None:
    probes_s: list[float] = []
    done = threading.Event()

    def probe(url: str) -> None:
        with httpx.Client(base_url=url) as http:
            while not done.is_set():
                started = time.perf_counter()
                assert http.get("/health").status_code == 200
                probes_s.append(time.perf_counter() - started)
                time.sleep(0.02)

    # Workers that give way, as people run them.
    with (
        make_stack({"segment": 2}, worker_niceness=Settings().worker_niceness) as stack,
        EdgeSegClient(stack.api_url) as client,
    ):

        def ask(number: int) -> Segmentation:
            return client.segment_image(make_image(number), f"thing {number} . cat")

        prober = threading.Thread(target=probe, args=(stack.api_url,))
        prober.start()
        with ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(ask, range(100, 196)))
        done.set()
        prober.join()
    for number, answer in zip(range(100, 196), answers, strict=True):
        expected = in_process.segment_image(make_image(number), f"thing {number} . cat")
        assert same(answer, expected)
    # The median, because other work on this machine may hold up single probes.
    assert statistics.median(probes_s) < 0.1
    assert len({answer.result.task_id for answer in answers}) == 96


def test_a_request_may_be_followed_instead_of_awaited(
    client: EdgeSegClient, make_image: MakeImage
) -> None:
    task_id = client.submit(make_image(5), "cat . dog .")
    events = list(client.events(task_id))
    assert [(each.type, each.stage) for each in events] == [
        ("queued", "simplify"),
        ("started", "simplify"),
        ("finished", "simplify"),
        ("started", "detect"),
        ("finished", "detect"),
        ("started", "segment"),
        ("finished", "segment"),
        ("done", None),
    ]
    status = client.task(task_id)
    assert status.status == "done"
    assert isinstance(status.result, SegmentationResult)
    assert status.result.task_id == task_id


def test_the_image_of_a_task_is_the_file_that_was_sent(
    stack: EmbeddedStack, client: EdgeSegClient, make_image: MakeImage
) -> None:
    out = io.BytesIO()
    PIL.Image.new("RGB", (40, 30), (200, 30, 30)).save(out, "WEBP")
    for data, name, kind in (
        (make_image(71), "a b.png", "png"),
        (out.getvalue(), "猫.webp", "webp"),
    ):
        task_id = client.submit(data, "cat", file_name=name)
        assert client.task_image(task_id) == data
        answer = httpx.get(f"{stack.api_url}/tasks/{task_id}/image")
        assert answer.content == data
        assert answer.headers["content-type"] == f"image/{kind}"
        said = answer.headers["content-disposition"]
        assert said.startswith("inline; ")
        assert unquote(said.partition("filename*=UTF-8''")[2]) == name


def test_each_image_of_a_comparison_is_there_but_no_other(
    client: EdgeSegClient, make_image: MakeImage
) -> None:
    images = [make_image(seed) for seed in (72, 73)]
    task_id = client.submit_entities("a cat", [images[0], b"no image"], images[1])
    assert [client.task_image(task_id, index) for index in (0, 2)] == images
    for index in (1, 3):
        with pytest.raises(InvalidParameterError, match="index"):
            client.task_image(task_id, index)
    with pytest.raises(UnknownTaskError):
        client.task_image("0" * 32)


def test_events_resume_after_the_last_one_seen(
    stack: EmbeddedStack, client: EdgeSegClient, make_image: MakeImage
) -> None:
    task_id = client.submit(make_image(6), "cat")
    everything = list(client.events(task_id))
    for position in (0, 3, len(everything) - 2):
        rest = list(client.events(task_id, after=everything[position].id))
        assert rest == everything[position + 1 :]
    assert list(client.events(task_id, after=everything[-1].id)) == []
    over = httpx.get(
        f"{stack.api_url}/tasks/{task_id}/events",
        headers={"Last-Event-ID": everything[-1].id},
    )
    assert over.status_code == 204
    by_query = httpx.get(
        f"{stack.api_url}/tasks/{task_id}/events", params={"after": everything[-2].id}
    )
    assert by_query.headers["content-type"].startswith("text/event-stream")
    assert by_query.headers["cache-control"] == "no-cache"
    event, data, event_id, *end = by_query.text.split("\n")
    assert (event, event_id) == ("event: done", f"id: {everything[-1].id}")
    assert data.startswith('data: {"type":"done"')
    assert end == ["", ""]


def test_the_same_key_is_the_same_task(client: EdgeSegClient, make_image: MakeImage) -> None:
    def ask(seed: int) -> Segmentation:
        return client.segment_image(make_image(seed), "cat", idempotency_key="a key of its own")

    first = ask(7)
    assert ask(7).result == first.result
    with pytest.raises(IdempotencyConflictError):
        ask(8)
    with ThreadPoolExecutor(8) as pool:
        many = list(
            pool.map(
                lambda _: client.segment_image(make_image(9), "dog", idempotency_key="at once"),
                range(8),
            )
        )
    assert len({each.result.task_id for each in many}) == 1


def test_refine_corrects_an_object_and_adds_another(
    stack: EmbeddedStack, client: EdgeSegClient, in_process: EdgeSegAI, make_image: MakeImage
) -> None:
    data = make_image(10)
    found = client.segment_image(data, "cat . dog .")
    here = in_process.segment_image(data, "cat . dog .")
    points = [{"x": 90, "y": 60, "label": 1}, {"x": 40, "y": 30, "label": 0}]
    corrected = client.refine(found, object_id=1, points=points)
    assert corrected.objects == in_process.refine(here, object_id=1, points=points).objects
    assert corrected.objects[1].area != found.objects[1].area
    more = client.refine(corrected, box=(5, 5, 50, 40), label="thing")
    assert [each.label for each in more.objects][2:] == ["thing"]
    answer = httpx.post(
        f"{stack.api_url}/tasks/{found.result.task_id}/refine",
        json={"object_id": 2, "box": [5, 5, 50, 40]},
        headers={"Prefer": "respond-async"},
    )
    assert answer.status_code == 202
    assert list(client.events(answer.json()["task_id"]))[-1].type == "done"
    refined = client.task(answer.json()["task_id"]).result
    assert isinstance(refined, RefineResult)
    assert refined.object == more.objects[2]
    stored = client.task(found.result.task_id).result
    assert isinstance(stored, SegmentationResult)
    assert stored.objects == more.objects


def test_refine_refuses_what_is_not_there(client: EdgeSegClient, make_image: MakeImage) -> None:
    found = client.segment_image(make_image(11), "cat")
    with pytest.raises(UnknownObjectError):
        client.refine(found, object_id=7, points=[{"x": 1, "y": 1}])
    with pytest.raises(InvalidParameterError):
        client.refine(found, object_id=0, points=[{"x": 1000, "y": 1}])
    with pytest.raises(InvalidParameterError):
        client.refine(found, object_id=0, box=(0, 0, 1000, 10))
    boxes = client.detect(make_image(11), "cat")
    other = Segmentation(found.result.model_copy(update={"task_id": boxes.task_id}), make_image(11))
    with pytest.raises(InvalidParameterError):
        client.refine(other, object_id=0, points=[{"x": 1, "y": 1}])


def test_rules_that_answer_for_a_language_model_are_named(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    away = {"simplify_engine": "openai", "llm_url": "http://127.0.0.1:9/v1", "llm_model": "tiny"}
    need = "Where should I throw the wrapper?"
    with make_stack(**away) as stack, EdgeSegClient(stack.api_url) as client:
        found = client.segment_image(make_image(1), need)
    local = EdgeSegAI(settings=stack.settings).segment_image(make_image(1), need)
    for result in (found.result, local.result):
        assert result.engines["simplify"].name == "nano"
        assert result.engines["detect"].name == "fake"
        assert any("rules did" in warning for warning in result.warnings)
