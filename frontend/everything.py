"""The page Without words: clicks on an image, and masks of everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from frontend import api, inputs, jobs, results, session, sidebar
from frontend.api import Api
from frontend.jobs import Job
from frontend.state import Photo


@dataclass
class MasksJob(Job):
    """An image on its way to be segmented without words."""

    unit = "clicks"

    def send(self, client: Api, parameters: Mapping[str, Any]) -> str:
        """Queue it and return the task's id."""
        return client.submit_everything(self.photo.data, file_name=self.photo.name, **parameters)


def show() -> None:
    """Draw the page once."""
    settings = sidebar.masks_sidebar()
    left, right = st.columns([4, 7], gap="medium")
    with left:
        session.choose_page()
        photos = inputs.choose_photos()
        st.caption("Choose **Refine** to click on the image; each click or box makes a mask.")
        is_pressed = _button(photos)
    if is_pressed:
        _start(photos, "everything", settings)
    elif not session.is_busy() and (new := session.take_unsent(photos)):
        # Ready to be clicked on at once.
        st.session_state["view"] = "refine"
        _start(new, "clicks", {**settings, "points_per_side": 0})
    with right:
        results.outcome(_welcome)


def _start(photos: list[Photo], name: str, parameters: Mapping[str, Any]) -> None:
    pending = [MasksJob(photo, name) for photo in photos]
    session.set_run(jobs.start_jobs(api.client(), pending, parameters))


def _button(photos: list[Photo]) -> bool:
    pressed = st.button(
        "Segment everything", type="primary", width="stretch",
        disabled=session.is_busy() or not photos,
        icon=":material/select_all:", key="segment_everything",
    )  # fmt: skip
    if not photos:
        st.caption("Add an image first.")
    return bool(pressed)


def _welcome() -> None:
    with st.container(border=True, key="welcome"):
        st.markdown(
            "#### Masks without words\n"
            "1. Drop an image, or pick a sample.\n"
            "2. Click on a thing, or drag a box round it: its mask shows at once. "
            "**Add** and **Remove** correct it.\n"
            "3. Or press **Segment everything**: a grid of clicks finds all that is there.\n"
            "4. Hide, rename and download the masks."
        )
