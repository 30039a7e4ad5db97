"""The page Classes: packs, an order, a deadline, and what is sent for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from edgeseg.errors import UnavailableError
from tests.frontend.conftest import LocalClient
from tests.frontend.test_everything_page import settle
from tests.frontend.test_page import text_of

Opener = Callable[..., AppTest]


@pytest.fixture
def page(open_page: Opener) -> AppTest:
    """The page, open, with an image."""
    page = open_page("classes")
    assert page.button(key="find_classes").disabled
    assert "The class of each pixel" in text_of(page)
    pills = page.button_group(key="samples")
    return pills.set_value([pills.options[0]]).run()


def test_all_classes(page: AppTest, client: LocalClient) -> None:
    settle(page.button(key="find_classes").click().run())
    assert client.sent[0]["pack"] == "street"
    assert client.sent[0]["classes"] is None
    assert client.sent[0]["deadline_ms"] is None
    shown = page.session_state["history"].opened.segmentation
    assert len(shown.result.classes.finished) == 11
    assert "11. bicyclist" in text_of(page)


def test_some_classes_in_an_order_until_a_deadline(page: AppTest, client: LocalClient) -> None:
    page.multiselect(key="classes_street").set_value(["road", "car"]).run()
    assert "1. road" in text_of(page)
    assert "2. car" in text_of(page)
    page.number_input(key="deadline_ms").set_value(1.0).run()
    settle(page.button(key="find_classes").click().run())
    assert client.sent[0]["classes"] == ["road", "car"]
    assert client.sent[0]["deadline_ms"] == 1.0
    result = page.session_state["history"].opened.segmentation.result
    left = [each.name for each in result.classes.unfinished]
    assert left[-1:] in ([], ["car"])
    if left:
        assert f"The deadline left no time for: {', '.join(left)}." in text_of(page)


def test_an_api_that_is_away_is_told(page: AppTest, client: LocalClient) -> None:
    client.error = UnavailableError("The API does not answer.")
    page.run()
    assert any("The API does not answer" in each.value for each in page.error)
    assert page.button(key="find_classes").disabled
