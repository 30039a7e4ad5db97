"""The page: inputs and prompt on the left, results on the right."""

from __future__ import annotations

import streamlit as st

from frontend import (
    api,
    classes,
    entities,
    everything,
    inputs,
    jobs,
    prompt,
    results,
    session,
    sidebar,
    stage,
    style,
)
from frontend.session import written
from frontend.state import Photo


def main() -> None:
    """Draw the page once."""
    st.set_page_config("EdgeSeg", style.icon(), layout="wide")
    style.apply()
    page = session.page()
    if page == "entities":
        entities.show()
    elif page == "masks":
        everything.show()
    elif page == "classes":
        classes.show()
    elif page == "stage":
        stage.show()
    else:
        _segment_page()


def _segment_page() -> None:
    settings = sidebar.sidebar()
    left, right = st.columns([4, 7], gap="medium")
    with left:
        session.choose_page()
        photos = inputs.choose_photos()
        prompt.ask(settings["engines"])
        is_pressed = _segment_button(photos)
        if is_pressed and not written():
            st.warning("Write what to find, such as: cat . dog .")
    if is_pressed and written():
        parameters = {**settings, **prompt.fields()}
        session.set_run(jobs.start(api.client(), photos, written(), parameters))
    with right:
        results.outcome(_welcome)


def _segment_button(photos: list[Photo]) -> bool:
    """Draw Segment Image, disabled until there is an image.

    It is not disabled for an empty prompt: the text arrives only when its box loses focus,
    which pressing this button may cause.
    """
    label = f"Segment {len(photos)} Images" if len(photos) > 1 else "Segment Image"
    pressed = st.button(
        label, type="primary", width="stretch", disabled=session.is_busy() or not photos,
        icon=":material/play_arrow:", key="segment",
    )  # fmt: skip
    if not photos:
        st.caption("Add an image first.")
    return pressed


def _welcome() -> None:
    with st.container(border=True, key="welcome"):
        st.markdown(
            "#### From words to masks\n"
            "1. Drop one or several images, or pick a sample.\n"
            "2. Write what to find: a list of things, a place, or a question.\n"
            "3. Press **Simplify** to see and edit the simplified prompt, or skip this step.\n"
            "4. Press **Segment Image**. Then hide, rename, refine by clicks, and download."
        )


main()
