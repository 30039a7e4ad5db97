"""The page Without words: clicks at once, masks of everything, and what is sent for them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from edgeseg.errors import NoWorkerError
from edgeseg.schemas import StageEvent
from frontend.everything import MasksJob
from frontend.state import Photo
from tests.frontend.conftest import TIMEOUT_S, LocalClient
from tests.frontend.test_page import text_of

Opener = Callable[..., AppTest]


@pytest.fixture
def page(open_page: Opener) -> AppTest:
    """The page, open."""
    return open_page("masks")


def settle(page: AppTest) -> AppTest:
    """Wait until what was sent is on the page."""
    until = time.monotonic() + TIMEOUT_S
    while not page.session_state["run"].collected:
        assert time.monotonic() < until, text_of(page)
        page.run()
    page.run()
    assert not page.exception
    return page


def with_sample(page: AppTest) -> AppTest:
    pills = page.button_group(key="samples")
    return settle(pills.set_value([pills.options[0]]).run())


def test_a_visitor_is_told_what_to_do(page: AppTest) -> None:
    assert page.button(key="segment_everything").disabled
    assert "Masks without words" in text_of(page)


def test_an_image_can_be_clicked_on_at_once(page: AppTest, client: LocalClient) -> None:
    with_sample(page)
    assert [each["points_per_side"] for each in client.sent] == [0]
    assert page.session_state["view"] == "refine"
    entry = page.session_state["history"].opened
    assert entry.segmentation.objects == []
    assert "No mask yet" in text_of(page)
    page.run()
    assert len(client.sent) == 1, "it is sent once"


def test_an_image_that_is_added_is_sent_alone_and_after_what_runs(
    page: AppTest, client: LocalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pills = page.button_group(key="samples")
    first, second = pills.options[:2]
    pills.set_value([first]).run()
    run = page.session_state["run"]
    # As if it were not drawn yet that the first one is done.
    run.collected = False
    with monkeypatch.context() as patch:
        patch.setattr(type(run), "ended", False)
        page.button_group(key="samples").set_value([first, second]).run()
        assert page.session_state["run"] is run, "nothing takes its place"
    settle(page)
    page.run()
    settle(page)
    assert [each["points_per_side"] for each in client.sent] == [0, 0]
    names = [entry.photo.name for entry in page.session_state["history"].entries]
    assert len(names) == len(set(names)) == 2


def test_everything_is_found_with_the_settings(page: AppTest, client: LocalClient) -> None:
    page.slider(key="points_per_side").set_value(3)
    page.number_input(key="stability_threshold").set_value(0.5)
    with_sample(page)
    settle(page.button(key="segment_everything").click().run())
    sent = client.sent[-1]
    assert (sent["points_per_side"], sent["crop_layers"]) == (3, 0)
    assert (sent["stability_threshold"], sent["predicted_iou_threshold"]) == (0.5, None)
    assert len(page.session_state["history"].opened.segmentation.objects) == 9
    assert "9 objects" in text_of(page)


def test_a_failure_is_said(page: AppTest, client: LocalClient) -> None:
    client.error = NoWorkerError("No worker serves sam2_queue.")
    with_sample(page)
    assert "No worker" in text_of(page)


def test_progress_is_said_in_clicks() -> None:
    job = MasksJob(Photo.from_bytes("a.png", b""), "everything")
    job.apply(StageEvent(type="started", stage="segment", at=0))
    job.apply(StageEvent(type="progress", stage="segment", at=0, data={"done": 32, "total": 256}))
    assert job.detail == ": 32 of 256 clicks"
    assert job.state == "running"
