"""Refine: clicks and boxes on the image that correct an object, or make a new one; Undo."""

from __future__ import annotations

from functools import partial
from typing import Literal, cast

import PIL.Image
import streamlit as st

from edgeseg.errors import EdgeSegError
from edgeseg.schemas import BoxXYXY, Point, SegmentedObject
from frontend import api, images
from frontend.advice import explain
from frontend.canvas import canvas, drawn
from frontend.state import Entry

Tool = Literal["add", "remove", "box"]
TOOLS: dict[Tool, str] = {
    "add": ":material/add_circle: Add",
    "remove": ":material/do_not_disturb_on: Remove",
    "box": ":material/select: Box",
}
_NEW = "new"
_HINTS: dict[Tool, str] = {
    "add": "Click on the image where the object is.",
    "remove": "Click on the image where the object is not.",
    "box": "Drag a box round the object, or tap two of its corners.",
}


def panel(entry: Entry) -> None:
    """Draw the tools and the image to click on."""
    tool, target = _tools(entry)
    key = f"canvas_{entry.key}"
    canvas(
        images.jpeg_url(_drawn(entry, target)),
        key,
        draws_boxes=tool == "box",
        on_drawn=partial(_clicked, entry, key),
    )
    failed = st.session_state.pop("refine_error", None)
    if failed is not None:
        st.error(explain(failed))


def _tools(entry: Entry) -> tuple[Tool, int | None]:
    """Draw the choice of object and tool, the new object's name, Undo and Clear."""
    names = {each.id: f"{each.id + 1} · {each.label}" for each in entry.shown}
    options: list[int | str] = [*names, _NEW]
    key = f"target_{entry.key}"
    selected: int | str = entry.chosen if entry.chosen in names else _NEW
    if st.session_state.get(key) not in options:
        st.session_state[key] = selected if entry.chosen is not None else options[0]
    with st.container(horizontal=True, vertical_alignment="bottom", key="refine_tools"):
        target = st.selectbox(
            "Object",
            options,
            format_func=lambda one: "New object" if one == _NEW else names[cast(int, one)],
            key=key,
            width=170,
        )
        tool: Tool = st.segmented_control(
            "Tool", list(TOOLS), format_func=lambda one: TOOLS[one], default="add",
            required=True, key="tool", wrap=True,
        )  # fmt: skip
        if target == _NEW:
            # The box goes while an object is chosen; the last name comes back with it.
            last = st.session_state.get("last_name", "object")
            st.text_input("Its name", value=last, key=f"new_name_{entry.key}", width=170)
        st.button(
            "Undo",
            icon=":material/undo:",
            disabled=not entry.undo,
            on_click=_undo,
            args=(entry,),
            key="undo",
        )
        st.button(
            "Clear",
            icon=":material/layers_clear:",
            disabled=not entry.segmentation.objects,
            on_click=_clear,
            args=(entry,),
            key="clear",
            help="Takes all masks off the image; Undo brings them back.",
        )
    st.caption(_HINTS[tool])
    return tool, None if target == _NEW else cast(int, target)


def _drawn(entry: Entry, target: int | None) -> PIL.Image.Image:
    """Draw all objects, and the clicks on the chosen one."""
    shown = entry.shown
    colours = [entry.colour(each.id) for each in shown]
    pil_image = images.draw(
        entry.photo.data, shown, colours, opacity=0.35, boxes=False, labels=False
    )
    scale = pil_image.width / entry.segmentation.result.image.width
    if target is not None:
        images.mark_points(pil_image, entry.points.get(target, []), scale)
    corner = st.session_state.get(f"corner_{entry.key}")
    if corner is not None:
        images.mark_corner(pil_image, corner[0] * scale, corner[1] * scale)
    return pil_image


def _clear(entry: Entry) -> None:
    entry.clear()
    _forget(entry)


def _undo(entry: Entry) -> None:
    entry.undo_last()
    _forget(entry)


def _forget(entry: Entry) -> None:
    """Forget what was begun or chosen on the image as it was."""
    st.session_state.pop(f"corner_{entry.key}", None)
    st.session_state.pop(f"target_{entry.key}", None)


def _clicked(entry: Entry, key: str) -> None:
    """Handle one click or drag, in fractions of the image."""
    stroke = drawn(key)
    if stroke is None:
        return
    size = entry.segmentation.result.image
    first, second = ((x * size.width, y * size.height) for x, y in (stroke.first, stroke.second))
    target = st.session_state.get(f"target_{entry.key}", _NEW)
    object_id = None if target == _NEW else int(target)
    tool = st.session_state.get("tool")
    if tool == "box":
        take_corners(entry, object_id, first, second, is_tap=stroke.is_tap)
        return
    label: Literal[0, 1] = 0 if tool == "remove" else 1
    add_point(entry, object_id, Point(x=second[0], y=second[1], label=label))


def take_corners(
    entry: Entry,
    object_id: int | None,
    first: tuple[float, float],
    second: tuple[float, float],
    *,
    is_tap: bool,
) -> None:
    """Take a dragged box, or one corner of a box of two taps."""
    key = f"corner_{entry.key}"
    if is_tap:
        earlier = st.session_state.pop(key, None)
        if earlier is None:
            st.session_state[key] = second
            return
        first = earlier
    xs, ys = sorted((first[0], second[0])), sorted((first[1], second[1]))
    if xs[1] - xs[0] >= 1 and ys[1] - ys[0] >= 1:
        send(entry, object_id, [], (xs[0], ys[0], xs[1], ys[1]))


def add_point(entry: Entry, object_id: int | None, point: Point) -> None:
    """Send a click together with those before it on the same object."""
    before = entry.points.get(object_id, []) if object_id is not None else []
    if object_id is None and point.label == 0:
        st.toast("A new object starts with a positive point: choose Add, or Box.")
        return
    send(entry, object_id, [*before, point], entry.box_to_send(object_id))


def send(entry: Entry, object_id: int | None, points: list[Point], box: BoxXYXY | None) -> None:
    """Request the refined mask and apply it; errors are shown on the page."""
    known = {each.id for each in entry.segmentation.objects}
    label = str(st.session_state.get(f"new_name_{entry.key}") or "").strip() or "object"
    if object_id is None:
        st.session_state["last_name"] = label
    try:
        refined = api.client().refine(
            entry.segmentation,
            object_id=object_id,
            points=[point.model_dump() for point in points],
            box=box,
            label=label if object_id is None else None,
            engines=_engines(),
        )
    except EdgeSegError as error:
        st.session_state["refine_error"] = error
        return
    changed = object_id if object_id is not None else _added(refined.objects, known)
    entry.replace(refined, changed, points)
    st.session_state[f"target_{entry.key}"] = changed


def _added(objects: list[SegmentedObject], known: set[int]) -> int:
    return next(each.id for each in objects if each.id not in known)


def _engines() -> dict[str, str]:
    chosen = st.session_state.get("engine_segment")
    return {"segment": chosen} if chosen else {}
