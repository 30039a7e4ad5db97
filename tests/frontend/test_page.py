"""What the pages of Streamlit share: results, their views, history, files, and what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from edgeseg.errors import QueueUnavailableError, UnavailableError
from edgeseg.exporters import FORMATS
from frontend import samples
from frontend.state import History
from tests.frontend.conftest import TIMEOUT_S, LocalClient

Opener = Callable[..., AppTest]


def text_of(page: AppTest) -> str:
    """Return everything that the page says in words."""
    kinds = (page.markdown, page.caption, page.error, page.warning, page.info)
    return "\n".join(str(each.value) for kind in kinds for each in kind)


@pytest.fixture
def page(open_page: Opener) -> AppTest:
    """A page that uses all of it, open."""
    return open_page("masks")


def with_samples(page: AppTest, *titles: str) -> AppTest:
    """Choose samples, which are sent to be clicked on."""
    page.button_group(key="samples").set_value(list(titles)).run()
    return wait_for(page, len(titles))


def segment(page: AppTest, results: int = 1) -> History:
    """Press Segment everything and wait until the results are on the page."""
    before = len(cast(History, page.session_state["history"]).entries)
    page.button(key="segment_everything").click().run()
    wait_for(page, before + results)
    return cast(History, page.session_state["history"])


def wait_for(page: AppTest, count: int) -> AppTest:
    until = time.monotonic() + TIMEOUT_S
    while len(cast(History, page.session_state["history"]).entries) < count:
        assert time.monotonic() < until, text_of(page)
        page.run()
    page.run()
    assert not page.exception
    return page


def test_the_stage_comes_first_and_asks_the_server_for_nothing(
    open_page: Opener, client: LocalClient
) -> None:
    client.error = UnavailableError("The API does not answer.")
    page = open_page()
    assert not page.error
    assert not page.warning
    assert not page.get("button_group"), "the stage fills the page"


def test_several_images_become_a_batch(page: AppTest) -> None:
    with_samples(page, "Drawn balls", "Cat")
    history = segment(page, results=2)
    batch = history.batch_of(history.entries[-1])
    assert {each.photo.name for each in batch} == {"chelsea.png", "balls.png"}
    assert batch == history.entries[-2:]


def test_the_history_opens_an_older_result(page: AppTest) -> None:
    with_samples(page, "Drawn balls")
    first = segment(page).entries[-1]
    history = segment(page)
    assert history.opened is history.entries[-1]
    page.button(key=f"open_{first.key}").click().run()
    opened = cast(History, page.session_state["history"]).opened
    assert opened is not None
    assert opened.key == first.key


def test_each_view_of_a_result_is_drawn(page: AppTest) -> None:
    with_samples(page, "Drawn balls")
    segment(page)
    for view in ("overlay", "masks", "boxes", "cutouts", "compare", "refine"):
        page.button_group(key="view").set_value(view).run()
        assert not page.exception, view
    assert "Click on the image where the object is." in text_of(page)


def test_the_page_stands_while_the_stack_is_away(open_page: Opener, client: LocalClient) -> None:
    client.error = UnavailableError("The API does not answer.")
    page = open_page("masks")
    assert "Check that the stack runs" in text_of(page)
    client.error = QueueUnavailableError("Redis does not answer.")
    page.button_group(key="samples").set_value(["Drawn balls"]).run()
    until = time.monotonic() + TIMEOUT_S
    while not page.error:
        assert time.monotonic() < until
        page.run()
    assert "Redis does not answer" in page.error[0].value
    assert "**What to do:**" in page.error[0].value
    assert "start Redis" in page.error[0].value
    assert not page.exception


def test_queues_and_workers_are_shown(page: AppTest) -> None:
    said = text_of(page)
    assert "**Segmenter** · 0 workers" in said
    assert "3 waiting · 1 running" in said
    assert "**Detector** · 1 worker" in said


def test_rows_of_the_table_are_hidden_and_renamed(page: AppTest) -> None:
    page.slider(key="points_per_side").set_value(2)
    with_samples(page, "Drawn balls")
    entry = segment(page).entries[-1]
    count = len(entry.objects)
    changes = {0: {"show": False}, 1: {"label": "red ball"}}
    page.session_state[f"table_{entry.key}_0"] = {
        "edited_rows": changes, "added_rows": [], "deleted_rows": []
    }  # fmt: skip
    page.run()
    assert not page.exception
    entry = cast(History, page.session_state["history"]).entries[-1]
    assert len(entry.shown) == count - 1
    assert entry.shown[0].label == "red ball"
    page.button_group(key="view").set_value("cutouts").run()
    assert len(entry.shown) == count - 1


def test_a_file_that_is_no_image_is_told_and_not_sent(page: AppTest, client: LocalClient) -> None:
    page.file_uploader(key="files").set_value(
        [
            ("broken.png", b"\x89PNG and nothing more", "image/png"),
            ("balls.png", samples.sample(samples.DRAWN).data, "image/png"),
        ]
    ).run()
    assert "broken.png" in page.error[0].value
    assert "**What to do:**" in page.error[0].value
    wait_for(page, 1)
    assert [each["file_name"] for each in client.sent] == ["balls.png"]


def test_the_download_menu_lists_every_format(page: AppTest) -> None:
    page.slider(key="points_per_side").set_value(2)
    with_samples(page, "Drawn balls")
    segment(page)
    page.session_state["downloads"] = True
    page.run()
    assert page.selectbox(key="export_format").options == [each.title for each in FORMATS.values()]
    for name in FORMATS:
        page.selectbox(key="export_format").set_value(name).run()
        assert not page.exception, name
    page.checkbox(key="export_with_images").set_value(True).run()
    assert not page.exception
    assert not page.warning
    labels = {str(getattr(each, "label", "")) for each in page.get("download_button")}
    assert labels >= {"Overlay (PNG)", "Cut-outs (zip)", "Label map (PNG)", "Result (JSON)"}


def test_engines_that_the_server_does_not_allow_are_not_offered(
    open_page: Opener, client: LocalClient
) -> None:
    offered = open_page("masks").selectbox(key="engine_segment").options
    client.forbidden = ("other",)
    st.cache_data.clear()
    left = open_page("masks").selectbox(key="engine_segment").options
    assert set(offered) - set(left) == {"other"}
