"""The download menu; files are generated on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from edgeseg.errors import EdgeSegError
from edgeseg.exporters import FORMATS
from frontend import bundle
from frontend.state import Entry

# What the overlay starts with; the slider's own value is gone in other views.
OPACITY = 0.45


def menu(entry: Entry, batch: Sequence[Entry]) -> None:
    """Draw the buttons for one result, and for the batch that it belongs to."""
    popover = st.popover("Download", icon=":material/download:", key="downloads", on_change="rerun")
    if popover.open:
        with popover:
            _items(entry, batch)


def _items(entry: Entry, batch: Sequence[Entry]) -> None:
    stem = bundle.safe(entry.photo.stem)
    opacity = float(st.session_state.get("opacity", OPACITY))
    _button("Overlay (PNG)", partial(bundle.overlay_png, entry, opacity), f"{stem}_overlay.png")
    _button("Cut-outs (zip)", partial(bundle.cutouts_zip, entry), f"{stem}_cutouts.zip")
    _export_button("Label map (PNG)", [entry], bundle.LABEL_MAP)
    _button("Result (JSON)", partial(bundle.result_json, entry), f"{stem}.json")
    st.divider()
    chosen = st.selectbox(
        "Export format",
        list(FORMATS),
        format_func=lambda name: FORMATS[name].title,
        key="export_format",
    )
    st.caption(FORMATS[chosen].description)
    with_images = st.checkbox("With the images", key="export_with_images")
    _export_button("Export", [entry], chosen, with_images)
    if len(batch) > 1:
        _export_button(f"Export all {len(batch)} images", batch, chosen, with_images)
        st.divider()
        label = f"Everything of all {len(batch)} images (zip)"
        _button(label, partial(bundle.batch_zip, batch), "edgeseg.zip")


def _export_button(
    label: str, entries: Sequence[Entry], format_name: str, with_images: bool = False
) -> None:
    """Offer an export; its name tells its kind, so the file is made once for both."""
    try:
        file_name, media_type, data = bundle.exported(entries, format_name, with_images)
    except EdgeSegError as error:
        st.warning(error.detail)
        return
    st.download_button(
        label, data, file_name, media_type, on_click="ignore", width="stretch",
        key=f"export_{label}",
    )  # fmt: skip


def _button(label: str, make: Callable[[], bytes], file_name: str) -> None:
    st.download_button(
        label, make, file_name, on_click="ignore", width="stretch", key=f"download_{label}"
    )
