"""The page: what it sends, what it shows, and what it says when something goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

import streamlit as st
from streamlit.testing.v1 import AppTest

from edgeseg.errors import NoWorkerError, QueueUnavailableError, UnavailableError
from edgeseg.exporters import FORMATS
from edgeseg.schemas import Simplification
from frontend import samples
from frontend.state import History
from tests.frontend.conftest import TIMEOUT_S, LocalClient

Opener = Callable[[], AppTest]


def text_of(page: AppTest) -> str:
    """Return everything that the page says in words."""
    kinds = (page.markdown, page.caption, page.error, page.warning, page.info)
    return "\n".join(str(each.value) for kind in kinds for each in kind)


def with_samples(page: AppTest, *titles: str) -> AppTest:
    return page.button_group(key="samples").set_value(list(titles)).run()


def ask(page: AppTest, prompt: str) -> AppTest:
    return page.text_area(key="prompt").set_value(prompt).run()


def segment(page: AppTest, results: int = 1) -> History:
    """Press Segment Image and wait until the results are on the page."""
    before = len(cast(History, page.session_state["history"]).entries)
    page.button(key="segment").click().run()
    until = time.monotonic() + TIMEOUT_S
    history = cast(History, page.session_state["history"])
    while len(history.entries) < before + results:
        assert time.monotonic() < until, text_of(page)
        page.run()
        history = cast(History, page.session_state["history"])
    page.run()
    assert not page.exception
    return history


def test_a_visitor_is_told_what_is_missing(open_page: Opener) -> None:
    page = open_page()
    assert page.button(key="segment").disabled
    assert "Add an image first." in text_of(page)
    with_samples(page, "Drawn balls")
    assert not page.button(key="segment").disabled
    ask(page, "")
    page.button(key="segment").click().run()
    assert "Write what to find, such as" in text_of(page)
    assert "run" not in page.session_state


def test_the_settings_start_at_their_documented_values(open_page: Opener) -> None:
    page = open_page()
    assert page.slider(key="box_threshold").value == 0.35
    assert page.slider(key="text_threshold").value == 0.25
    assert page.number_input(key="max_objects").value is None


def test_everything_in_the_sidebar_is_sent(open_page: Opener, client: LocalClient) -> None:
    page = with_samples(open_page(), "Drawn balls")
    page.slider(key="box_threshold").set_value(0.5)
    page.slider(key="text_threshold").set_value(0.1)
    page.text_input(key="negative_prompt").set_value("toy .")
    page.number_input(key="max_objects").set_value(1)
    page.button_group(key="tile").set_value("always")
    page.selectbox(key="engine_detect").set_value("other")
    page.button_group(key="mode").set_value("never")
    ask(page, "ball . sky .")
    history = segment(page)
    assert client.sent == [
        {
            "text_prompt": "ball . sky .",
            "simplify": "never",
            "box_threshold": 0.5,
            "text_threshold": 0.1,
            "negative_prompt": "toy .",
            "max_objects": 1,
            "tile": "always",
            "engines": {"detect": "other"},
            "file_name": "balls.png",
        }
    ]
    assert len(history.entries[0].objects) == 1


def test_an_example_fills_the_prompt(open_page: Opener) -> None:
    page = open_page()
    page.button_group(key="example").set_value("cat . dog .").run()
    assert page.text_area(key="prompt").value == "cat . dog ."


def test_a_sample_suggests_a_prompt_but_keeps_what_was_written(open_page: Opener) -> None:
    page = with_samples(open_page(), "Drawn balls")
    assert page.text_area(key="prompt").value == "the largest ball"
    ask(page, "my own words")
    with_samples(page, "Drawn balls", "Cat")
    assert page.text_area(key="prompt").value == "my own words"


def test_what_was_reviewed_is_what_is_sent(
    open_page: Opener, client: LocalClient, leftmost: Simplification
) -> None:
    client.simplification = leftmost
    page = ask(with_samples(open_page(), "Drawn balls"), "the leftmost cat")
    next(each for each in page.button if each.label == "Simplify").click().run()
    assert page.text_area(key="reviewed").value == "cat"
    assert leftmost.reason in text_of(page)
    assert page.checkbox(key="filter_0").label == "Keep the leftmost cat"
    page.text_area(key="reviewed").set_value("kitten . cat").run()
    segment(page)
    assert client.sent[0]["text_prompt"] == "kitten . cat"
    assert client.sent[0]["simplify"] == "never"
    assert client.sent[0]["filters"] == [{"kind": "leftmost", "phrase": "cat"}]
    page.checkbox(key="filter_0").uncheck().run()
    segment(page)
    assert client.sent[1]["filters"] == []


def test_a_review_of_another_prompt_is_not_used(
    open_page: Opener, client: LocalClient, leftmost: Simplification
) -> None:
    client.simplification = leftmost
    page = ask(with_samples(open_page(), "Drawn balls"), "the leftmost cat")
    next(each for each in page.button if each.label == "Simplify").click().run()
    ask(page, "the dog")
    segment(page)
    assert client.sent[0]["text_prompt"] == "the dog"
    assert client.sent[0]["simplify"] == "auto"
    assert "filters" not in client.sent[0]


def test_several_images_become_a_batch(open_page: Opener, client: LocalClient) -> None:
    page = ask(with_samples(open_page(), "Drawn balls", "Cat"), "cat . ball .")
    assert page.button(key="segment").label == "Segment 2 Images"
    history = segment(page, results=2)
    assert {each.photo.name for each in history.entries} == {"chelsea.png", "balls.png"}
    assert history.batch_of(history.entries[0]) == history.entries
    assert {each["file_name"] for each in client.sent} == {"chelsea.png", "balls.png"}


def test_the_history_opens_an_older_result(open_page: Opener) -> None:
    page = ask(with_samples(open_page(), "Drawn balls"), "ball")
    first = segment(page).entries[0]
    ask(page, "sky")
    history = segment(page)
    assert history.opened is history.entries[1]
    page.button(key=f"open_{first.key}").click().run()
    opened = cast(History, page.session_state["history"]).opened
    assert opened is not None
    assert opened.prompt == "ball"


def test_each_view_of_a_result_is_drawn(open_page: Opener) -> None:
    page = ask(with_samples(open_page(), "Drawn balls"), "ball . sky .")
    segment(page)
    for view in ("overlay", "masks", "boxes", "cutouts", "compare", "refine"):
        page.button_group(key="view").set_value(view).run()
        assert not page.exception, view
    assert "Click on the image where the object is." in text_of(page)


def test_an_error_is_a_sentence_with_what_to_do(open_page: Opener, client: LocalClient) -> None:
    page = ask(with_samples(open_page(), "Drawn balls"), "ball")
    client.error = NoWorkerError("No worker serves sam2_queue.")
    page.button(key="segment").click().run()
    until = time.monotonic() + TIMEOUT_S
    while not page.error:
        assert time.monotonic() < until
        page.run()
    assert "No worker serves sam2" in page.error[0].value
    assert "**What to do:** Wait a moment and try again" in page.error[0].value
    assert not page.exception


def test_the_page_stands_while_the_stack_is_away(open_page: Opener, client: LocalClient) -> None:
    client.error = UnavailableError("The API does not answer.")
    page = open_page()
    assert "Check that the stack runs" in text_of(page)
    client.error = QueueUnavailableError("Redis does not answer.")
    ask(page, "ball")
    next(each for each in page.button if each.label == "Simplify").click().run()
    assert "start Redis" in page.error[0].value


def test_queues_and_workers_are_shown(open_page: Opener) -> None:
    said = text_of(open_page())
    assert "**Segmenter** · 0 workers" in said
    assert "3 waiting · 1 running" in said
    assert "**Detector** · 1 worker" in said


def test_rows_of_the_table_are_hidden_and_renamed(open_page: Opener) -> None:
    page = ask(with_samples(open_page(), "Drawn balls"), "ball . sky .")
    entry = segment(page).entries[0]
    changes = {0: {"show": False}, 1: {"label": "red ball"}}
    page.session_state[f"table_{entry.key}_0"] = {
        "edited_rows": changes, "added_rows": [], "deleted_rows": []
    }  # fmt: skip
    page.run()
    assert not page.exception
    entry = cast(History, page.session_state["history"]).entries[0]
    assert [(each.id, each.label) for each in entry.shown] == [(1, "red ball")]
    page.button_group(key="view").set_value("cutouts").run()
    assert [each.id for each in entry.shown] == [1]


def test_a_file_that_is_no_image_is_told_and_not_sent(open_page: Opener) -> None:
    page = open_page()
    page.file_uploader(key="files").set_value(
        [
            ("broken.png", b"\x89PNG and nothing more", "image/png"),
            ("balls.png", samples.sample(samples.DRAWN).data, "image/png"),
        ]
    ).run()
    assert "broken.png" in page.error[0].value
    assert "**What to do:**" in page.error[0].value
    assert page.button(key="segment").label == "Segment Image"
    assert not page.button(key="segment").disabled


def test_the_download_menu_lists_every_format(open_page: Opener) -> None:
    page = ask(with_samples(open_page(), "Drawn balls"), "ball")
    segment(page)
    page.session_state["downloads"] = True
    page.run()
    assert page.selectbox(key="export_format").options == [each.title for each in FORMATS.values()]
    for name in FORMATS:
        page.selectbox(key="export_format").set_value(name).run()
        assert not page.exception, name
    labels = {str(getattr(each, "label", "")) for each in page.get("download_button")}
    assert labels >= {"Overlay (PNG)", "Cut-outs (zip)", "Label map (PNG)", "Result (JSON)"}


def test_engines_that_the_server_does_not_allow_are_not_offered(
    open_page: Opener, client: LocalClient
) -> None:
    offered = open_page().selectbox(key="engine_detect").options
    client.forbidden = ("other",)
    st.cache_data.clear()
    left = open_page().selectbox(key="engine_detect").options
    assert set(offered) - set(left) == {"other"}
