"""The history of this browser session: thumbnails to open a result again."""

from __future__ import annotations

import streamlit as st

from frontend import images
from frontend.advice import escaped
from frontend.state import Entry, History

SHOWN = 24


def show_history(history: History) -> None:
    """Draw the results, newest first."""
    if not history.entries:
        return
    st.markdown("##### History")
    with st.container(horizontal=True, key="history"):
        for entry in list(reversed(history.entries))[:SHOWN]:
            with st.container(width=150):
                _thumbnail(entry)
                st.button(
                    escaped(entry.prompt[:18]) or "Open",
                    key=f"open_{entry.key}",
                    on_click=_open,
                    args=(history, entry.key),
                    width="stretch",
                    help=escaped(f"{entry.photo.name}: {entry.prompt}"),
                    type="primary" if entry.key == history.open_key else "secondary",
                )
    if len(history.entries) > SHOWN:
        st.caption(f"The last {SHOWN} of {len(history.entries)}.")


def _open(history: History, key: int) -> None:
    history.open_key = key


def _thumbnail(entry: Entry) -> None:
    shown = entry.shown
    drawn = images.draw(
        entry.photo.data, shown, [entry.colour(each.id) for each in shown],
        boxes=False, labels=False, longest_px=images.THUMB_PX,
    )  # fmt: skip
    st.image(drawn, width="stretch", output_format="JPEG", alt=entry.prompt)
