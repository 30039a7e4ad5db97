"""The page Compare images: what it sends, what it shows, and what it says when it cannot."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from edgeseg.codecs import encode_png
from edgeseg.errors import NoWorkerError
from edgeseg.schemas import StageEvent
from frontend import samples
from frontend.entity_jobs import EntityJob
from frontend.state import Photo
from tests.frontend.conftest import TIMEOUT_S, LocalClient
from tests.frontend.test_page import text_of

Opener = Callable[..., AppTest]
TEXT = "dog, red sofa, garden"


@pytest.fixture
def page(open_page: Opener) -> AppTest:
    """The page, open."""
    return open_page("entities")


def with_images(page: AppTest, *references: tuple[str, bytes]) -> AppTest:
    page.text_area(key="entities_prompt").set_value(TEXT)
    page.file_uploader(key="reference_files").set_value(
        [(name, data, "image/png") for name, data in references]
    )
    made = ("made *x*.png", samples.sample(samples.DRAWN).data, "image/png")
    return page.file_uploader(key="generated_file").set_value(made).run()


def image(shade: int) -> bytes:
    return encode_png(samples._balls().point(lambda value: value * shade // 255))


def compare(page: AppTest) -> EntityJob:
    """Press Compare and wait until the outcome is on the page."""
    page.button(key="compare").click().run()
    until = time.monotonic() + TIMEOUT_S
    while not page.session_state["comparison"].collected:
        assert time.monotonic() < until, text_of(page)
        page.run()
    page.run()
    assert not page.exception
    job = page.session_state["comparison"].jobs[0]
    assert isinstance(job, EntityJob)
    return job


def test_a_visitor_is_told_what_is_missing(page: AppTest, client: LocalClient) -> None:
    assert page.button(key="compare").disabled
    assert "Add the generated image first." in text_of(page)
    with_images(page)
    page.text_area(key="entities_prompt").set_value(" ").run()
    page.button(key="compare").click().run()
    assert "Write the text, such as" in text_of(page)
    assert client.sent == []


def test_everything_in_the_sidebar_is_sent(page: AppTest, client: LocalClient) -> None:
    page.slider(key="box_threshold").set_value(0.5)
    page.slider(key="text_threshold").set_value(0.1)
    page.slider(key="pairing_threshold").set_value(0.75)
    page.button_group(key="pairing").set_value("many_to_one")
    page.button_group(key="tile").set_value("always")
    page.selectbox(key="engine_detect").set_value("other")
    job = compare(with_images(page, ("a.png", image(200)), ("a.png", image(100))))
    assert client.sent == [
        {
            "text_prompt": TEXT,
            "references": 2,
            "box_threshold": 0.5,
            "text_threshold": 0.1,
            "pairing_threshold": 0.75,
            "pairing": "many_to_one",
            "tile": "always",
            "engines": {"detect": "other"},
        }
    ]
    assert job.comparison is not None
    assert job.comparison.result.pairing_threshold == 0.75


def test_the_judgement_and_the_images_are_shown(page: AppTest) -> None:
    job = compare(with_images(page, ("a.png", image(200)), ("b.png", image(100))))
    comparison = job.comparison
    assert comparison is not None
    assert comparison.judgement is not None
    assert [each.label for each in page.metric][:2] == ["Total", "Things there"]
    assert page.metric[0].value == f"{comparison.judgement.total:.0%}"
    said = text_of(page)
    assert page.success[0].value == "All that could be checked is as asked for."
    assert "made \\*x\\*.png" in said, "names are no Markdown"
    assert len(comparison.drawings) == 3
    assert all(each is not None and each[:2] == b"\xff\xd8" for each in comparison.drawings)
    rows = page.dataframe[0].value
    assert list(rows["Thing"]) == ["dog", "red sofa", "garden"]
    assert rows["There"][0] == "✓ there"


def test_what_is_missing_is_said(page: AppTest) -> None:
    page.slider(key="box_threshold").set_value(1.0)
    compare(with_images(page, ("a.png", image(200))))
    assert page.error[0].value == "**Missing:** dog, red sofa, garden"
    assert "nothing found" in text_of(page)
    assert page.metric[0].value == "0%"


def test_downloads_have_the_names_of_the_files(page: AppTest) -> None:
    comparison = compare(with_images(page, ("a.png", image(200)))).comparison
    assert comparison is not None
    form = json.loads(comparison.to_json())
    assert [each["path"] for each in form["contextual_images"]] == ["a.png"]
    assert form["generated_image"]["path"] == "made *x*.png"
    assert "made *x*.png" in comparison.page.decode()
    labels = [str(each.proto.label) for each in page.get("download_button")]
    assert labels == ["Report (HTML)", "JSON", "Result with pairs (JSON)"]


def test_a_reference_that_is_no_image_is_told_and_not_sent(
    page: AppTest, client: LocalClient
) -> None:
    with_images(page, ("broken.png", b"\x89PNG and nothing more"), ("a.png", image(200)))
    assert "broken.png" in page.error[0].value
    compare(page)
    assert client.sent[0]["references"] == 1


def test_the_example_runs(page: AppTest, client: LocalClient) -> None:
    page.checkbox(key="entities_example").check().run()
    assert "a brown cat" in str(page.text_area(key="entities_prompt").value)
    compare(page)
    assert client.sent[0]["references"] == 2


def test_an_error_is_a_sentence_with_what_to_do(page: AppTest, client: LocalClient) -> None:
    with_images(page)
    client.error = NoWorkerError("No worker serves sam2_queue.")
    compare(page)
    assert "**What to do:** Wait a moment and try again" in page.error[-1].value


def test_pages_keep_their_results(page: AppTest) -> None:
    compare(with_images(page))
    page.button_group(key="page").set_value("masks").run()
    assert page.button(key="segment_everything").disabled
    page.button_group(key="page").set_value("entities").run()
    assert page.metric[0].label == "Total"


def test_progress_says_how_many_images_are_done() -> None:
    job = EntityJob(Photo.from_bytes("a.png", b""), TEXT)
    plan = ["extract", "detect", "segment", "embed"]
    job.apply(StageEvent(id="1", type="queued", stage="extract", at=0, data={"plan": plan}))
    job.apply(StageEvent(id="2", type="started", stage="detect", at=0))
    step = {"image": "a.png", "done": 2, "total": 3, "found": {}}
    job.apply(StageEvent(id="3", type="progress", stage="detect", at=0, data=step))
    assert job.detail == ": 2 of 3 images"
    job.apply(StageEvent(id="4", type="finished", stage="detect", at=0))
    assert job.detail == ""
    assert re.fullmatch("queued|running", job.state)
