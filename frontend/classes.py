"""The page Classes: which classes of a pack to find, in what order, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from edgeseg.errors import EdgeSegError
from edgeseg.schemas import ClassesRequest, PackInfo
from frontend import api, images, inputs, jobs, results, session, sidebar
from frontend.advice import explain
from frontend.api import Api
from frontend.jobs import Job
from frontend.state import Photo

_FIELDS = ClassesRequest.model_fields


@dataclass
class ClassesJob(Job):
    """An image on its way to have its classes found."""

    def send(self, client: Api, parameters: Mapping[str, Any]) -> str:
        """Queue it and return the task's id."""
        return client.submit_classes(self.photo.data, file_name=self.photo.name, **parameters)


def show() -> None:
    """Draw the page once."""
    settings = sidebar.classes_sidebar()
    left, right = st.columns([4, 7], gap="medium")
    with left:
        session.choose_page()
        photos = inputs.choose_photos()
        chosen = _classes()
        is_pressed = _button(photos, chosen)
    if is_pressed and chosen is not None:
        pending = [ClassesJob(photo, str(chosen["pack"])) for photo in photos]
        session.set_run(jobs.start_jobs(api.client(), pending, {**settings, **chosen}))
    with right:
        results.outcome(_welcome)


def _classes() -> dict[str, Any] | None:
    """Offer packs, and their classes in an order; None where there is no pack."""
    try:
        packs = {each.name: each for each in api.client().class_packs()}
    except EdgeSegError as error:
        st.error(explain(error))
        return None
    if not packs:
        st.info("There is no pack of classes: set EDGESEG_CLASS_PACKS of the server.")
        return None
    name = st.selectbox("Pack", list(packs), help=_FIELDS["pack"].description, key="pack")
    pack = packs[str(name)]
    chosen = st.multiselect(
        "Classes", [each.name for each in pack.classes], key=f"classes_{pack.name}",
        placeholder="All of the pack", help="In the order of their priority; none: all.",
    )  # fmt: skip
    _palette(pack, chosen)
    return {"pack": pack.name, "classes": chosen or None}


def _palette(pack: PackInfo, chosen: list[str]) -> None:
    """Show the classes that are asked for, in their order and colours."""
    classes = {each.name: each for each in pack.classes}
    with st.container(horizontal=True, gap="small"):
        for number, name in enumerate(chosen or classes, 1):
            swatch = images.swatch_url(classes[name].color)
            st.markdown(f"![]({swatch}) {number}. {name}", width="content")


def _button(photos: list[Photo], chosen: Mapping[str, Any] | None) -> bool:
    pressed = st.button(
        "Find classes", type="primary", width="stretch",
        disabled=session.is_busy() or not photos or chosen is None,
        icon=":material/layers:", key="find_classes",
    )  # fmt: skip
    if not photos:
        st.caption("Add an image first.")
    return bool(pressed)


def _welcome() -> None:
    with st.container(border=True, key="welcome"):
        st.markdown(
            "#### The class of each pixel\n"
            "1. Drop an image, or pick a sample.\n"
            "2. Choose classes of a pack, the most important first; none means all.\n"
            "3. Set a deadline in the sidebar, if the answer has to come in time.\n"
            "4. Press **Find classes**, and download the masks."
        )
