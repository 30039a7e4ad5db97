"""One result: its views, the table of its objects, and its details."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import PIL.Image
import streamlit as st

from edgeseg.render import scaled
from frontend import downloads, images, progress, refine, session
from frontend.compare import before_and_after
from frontend.history import show_history
from frontend.state import Entry, History

View = Literal["overlay", "masks", "boxes", "cutouts", "compare", "refine"]
VIEWS: dict[View, str] = {
    "overlay": "Overlay",
    "masks": "Masks",
    "boxes": "Boxes",
    "cutouts": "Cut-outs",
    "compare": "Before / after",
    "refine": "Refine",
}
CUTOUTS_SHOWN = 60
CUTOUT_PX = 190


def outcome(welcome: Callable[[], None]) -> None:
    """Draw what runs, and the result that is open; ``welcome`` while there is neither."""
    run = session.run()
    if run is not None and not run.collected:
        progress.live()
    progress.tell_failures()
    history = session.history()
    entry = history.opened
    if entry is not None:
        show(entry, history)
        show_history(history)
    elif run is None:
        welcome()


def show(entry: Entry, history: History) -> None:
    """Draw the result that is open."""
    batch = history.batch_of(entry)
    if len(batch) > 1:
        _pick_of_batch(entry, batch, history)
    with st.container(horizontal=True, vertical_alignment="center", key="headline"):
        with st.container(width="stretch"):
            _headline(entry)
        corner = st.container(width="content")
    _remarks(entry)
    view: View = st.segmented_control(
        "View", list(VIEWS), format_func=lambda one: VIEWS[one], default="overlay",
        required=True, key="view", label_visibility="collapsed",
        wrap=True,
    )  # fmt: skip
    # The table comes last, but what it hides and renames counts for all above it.
    above = st.container(key="image")
    _table(entry)
    with above:
        _overlay(entry, view)
    with corner:
        downloads.menu(entry, batch)
    _details(entry)


def _pick_of_batch(entry: Entry, batch: list[Entry], history: History) -> None:
    names = {each.key: each.photo.name for each in batch}
    chosen = st.pills(
        "Images of this run", list(names), format_func=lambda key: names[key],
        default=entry.key, required=True, key=f"of_batch_{entry.batch}_{entry.key}",
    )  # fmt: skip
    if chosen != entry.key:
        history.open_key = chosen
        st.rerun()


def _headline(entry: Entry) -> None:
    result = entry.segmentation.result
    count = len(entry.segmentation.objects)
    count_text = f"{count} object" + ("" if count == 1 else "s")
    words = result.simplified_prompt.replace("`", " ")
    prompt = f" · prompt `{words}`" if words else ""
    st.markdown(f"**{count_text}** in {entry.photo.name.replace('*', '')}{prompt}")


def _remarks(entry: Entry) -> None:
    result = entry.segmentation.result
    if result.classes is not None and result.classes.unfinished:
        late = ", ".join(each.name for each in result.classes.unfinished)
        st.caption(f"The deadline left no time for: {late}.")
    for warning in result.warnings:
        st.warning(warning)
    if not entry.segmentation.objects and not result.prompt:
        st.info("No mask yet: choose Refine and click on the image, or segment everything.")
    elif not entry.segmentation.objects:
        st.info(
            "No objects found. **What to do:** use a simpler name, lower the box "
            "threshold in the sidebar, or choose Refine and click on it."
        )


def _overlay(entry: Entry, view: View) -> None:
    data, shown = entry.photo.data, entry.shown
    colours = [entry.colour(each.id) for each in shown]
    if view == "refine":
        refine.panel(entry)
    elif view == "cutouts":
        _cutouts(entry)
    elif view == "masks":
        _image(images.masks_only(data, shown, colours), "The masks, each in its colour")
    elif view == "boxes":
        _image(images.draw(data, shown, colours, masks=False), "The boxes with their labels")
    elif view == "compare":
        before = images.jpeg_url(images.on_screen(data).rgb)
        after = images.jpeg_url(images.draw(data, shown, colours))
        before_and_after(before, after, key=f"compare_{entry.key}")
    else:
        above_slider = st.container()
        opacity = (
            st.slider("Opacity", 0.0, 1.0, downloads.OPACITY, 0.05, key="opacity") if shown else 0.0
        )
        with above_slider:
            drawn = images.draw(data, shown, colours, opacity=opacity)
            _image(drawn, "The image with its overlay")


def _image(pil_image: PIL.Image.Image, alt: str) -> None:
    st.image(pil_image, width="stretch", output_format="JPEG", alt=alt)


def _cutouts(entry: Entry) -> None:
    """Show each object alone; grey squares stand for transparency."""
    image = images.on_screen(entry.photo.data)
    objects = scaled(entry.shown, image.size_hw)
    with st.container(horizontal=True, key="cutouts"):
        for each in objects[:CUTOUTS_SHOWN]:
            pil_image = images.cutout(image, each)
            if pil_image is None:
                continue
            pil_image.thumbnail((2 * CUTOUT_PX, 2 * CUTOUT_PX))
            narrow = CUTOUT_PX * pil_image.width // max(pil_image.size)
            with st.container(width=max(narrow, CUTOUT_PX // 2)):
                st.image(images.on_squares(pil_image), width="stretch", alt=each.label)
                st.caption(f"{each.label} {each.score:.2f}")
    if len(objects) > CUTOUTS_SHOWN:
        st.caption(f"The first {CUTOUTS_SHOWN} of {len(objects)}; the download holds all.")


def _table(entry: Entry) -> None:
    """Draw the objects as rows that can be hidden and renamed."""
    if not entry.segmentation.objects:
        return
    # The rows stay as they were first drawn: the editor keeps what changed by itself.
    base_key = f"rows_{entry.key}_{entry.version}"
    rows = st.session_state.setdefault(base_key, _rows(entry))
    edited = st.data_editor(
        rows,
        key=f"table_{entry.key}_{entry.version}",
        hide_index=True,
        width="stretch",
        disabled=("colour", "score", "box", "area"),
        column_order=("show", "colour", "label", "score", "area", "box"),
        column_config={
            "show": st.column_config.CheckboxColumn("Show", width="small"),
            "colour": st.column_config.ImageColumn("", width="small"),
            "label": st.column_config.TextColumn("Label", max_chars=200, required=True),
            "score": st.column_config.NumberColumn("Score", format="%.2f", width="small"),
            "area": st.column_config.NumberColumn("Area (px)", format="localized"),
            "box": st.column_config.TextColumn("Box (x0, y0, x1, y1)"),
        },
    )
    take_edits(entry, [dict(row) for row in edited])


def take_edits(entry: Entry, rows: list[dict[str, Any]]) -> None:
    """Apply the user's edits of the table."""
    objects = entry.segmentation.objects
    entry.hidden = {each.id for each, row in zip(objects, rows, strict=True) if not row["show"]}
    entry.names = {
        each.id: label
        for each, row in zip(objects, rows, strict=True)
        if (label := str(row["label"] or "").strip()) and label != each.label
    }


def _rows(entry: Entry) -> list[dict[str, Any]]:
    return [
        {
            "show": each.id not in entry.hidden,
            "colour": images.swatch_url(entry.colour(each.id)),
            "label": each.label,
            "score": each.score,
            "area": each.area,
            "box": ", ".join(f"{value:.0f}" for value in each.box),
        }
        for each in entry.objects
    ]


def _details(entry: Entry) -> None:
    result = entry.segmentation.result
    with st.expander("Result details"):
        if result.simplify_reason:
            st.markdown(result.simplify_reason)
        engines = ", ".join(
            f"{role} {ran.name} ({ran.device}, {ran.dtype})" for role, ran in result.engines.items()
        )
        spent = " · ".join(f"{name} {value:.0f} ms" for name, value in result.timings_ms.items())
        st.caption(f"Engines: {engines or 'unknown'}")
        st.caption(f"Time: {spent}")
