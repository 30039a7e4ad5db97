"""Typed access to what Streamlit keeps for one browser session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar, cast

import streamlit as st

from frontend.jobs import Run
from frontend.state import History, Photo

T = TypeVar("T")
PageName = Literal["stage", "masks", "classes", "entities"]
PAGES: dict[PageName, str] = {
    "stage": "Segment",
    "masks": "Without words",
    "classes": "Classes",
    "entities": "Compare images",
}


def page() -> PageName:
    """Return the page that is open."""
    return cast(PageName, st.session_state.get("page") or "stage")


def choose_page() -> None:
    """Draw the name of the UI and the choice of its pages."""
    st.subheader("EdgeSeg", anchor=False)
    st.segmented_control(
        "Page",
        list(PAGES),
        format_func=lambda name: PAGES[name],
        default="stage",
        required=True,
        key="page",
        label_visibility="collapsed",
    )


def history() -> History:
    """Return the results of this session."""
    return _kept("history", History())


def run() -> Run | None:
    """Return the current or last run."""
    return cast(Run | None, st.session_state.get("run"))


def set_run(value: Run | None) -> None:
    """Store the current run."""
    st.session_state["run"] = value


def is_busy() -> bool:
    """Say whether a run is on its way: another one would take its place."""
    current = run()
    return current is not None and not current.collected


def take_unsent(photos: Sequence[Photo]) -> list[Photo]:
    """Return the images that were not sent to be clicked on, and remember that they are."""
    sent = _kept("clicked_on", set[str]())
    new = [photo for photo in photos if photo.key not in sent]
    sent.update(photo.key for photo in new)
    return new


def comparison() -> Run | None:
    """Return the current or last comparison of images."""
    return cast(Run | None, st.session_state.get("comparison"))


def set_comparison(value: Run) -> None:
    """Store the current comparison."""
    st.session_state["comparison"] = value


def _kept(name: str, fresh: T) -> T:
    return cast(T, st.session_state.setdefault(name, fresh))
