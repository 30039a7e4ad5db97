"""Canvas of the Refine view: clicks, taps, and boxes drawn by dragging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

ALT = "The image to refine on"
_HTML = f'<div class="canvas"><img alt="{ALT}"><div class="band" hidden></div></div>'
_CSS = """
.canvas { position: relative; line-height: 0; }
.canvas img { width: 100%; height: auto; border-radius: .5rem; display: block;
  cursor: crosshair; user-select: none; -webkit-user-drag: none; touch-action: manipulation; }
.canvas.box img { touch-action: none; }
.canvas .band { position: absolute; pointer-events: none; box-sizing: border-box;
  border: 2px dashed #ffd200; background: rgba(255, 210, 0, .15);
  box-shadow: 0 0 0 1px rgba(0, 0, 0, .55), inset 0 0 0 1px rgba(0, 0, 0, .35); }
"""
# A drag shorter than this many pixels of the screen is a tap.
_JS = """
const TAP_PX = 8;
export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const find = (name) => parentElement.querySelector(name);
  const image = find("img"), band = find(".band");
  const drag = (image.drag ??= { from: null });
  find(".canvas").classList.toggle("box", data.box);
  if (image.src !== data.src) image.src = data.src;
  if (!drag.from) band.hidden = true;
  const share = (value) => Math.min(Math.max(value, 0), 1);
  const at = (event) => {
    const frame = image.getBoundingClientRect();
    return { px: event.clientX, py: event.clientY,
      x: share((event.clientX - frame.left) / frame.width),
      y: share((event.clientY - frame.top) / frame.height) };
  };
  image.onpointerdown = (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    if (data.box) event.preventDefault();
    image.setPointerCapture(event.pointerId);
    drag.from = at(event);
  };
  image.onpointermove = (event) => {
    if (!drag.from || !data.box) return;
    const to = at(event), from = drag.from;
    Object.assign(band.style, {
      left: `${100 * Math.min(from.x, to.x)}%`, width: `${100 * Math.abs(from.x - to.x)}%`,
      top: `${100 * Math.min(from.y, to.y)}%`, height: `${100 * Math.abs(from.y - to.y)}%` });
    band.hidden = false;
  };
  image.onpointerup = (event) => {
    const from = drag.from, to = at(event);
    if (!from) return;
    drag.from = null;
    const tap = Math.max(Math.abs(to.px - from.px), Math.abs(to.py - from.py)) < TAP_PX;
    if (tap) band.hidden = true;
    setTriggerValue("drawn", { x0: from.x, y0: from.y, x1: to.x, y1: to.y, tap });
  };
  image.onpointercancel = () => { drag.from = null; band.hidden = true; };
  image.ondragstart = () => false;
}
"""

_show = st.components.v2.component("edgeseg_canvas", html=_HTML, css=_CSS, js=_JS)


@dataclass(frozen=True)
class Stroke:
    """Start and end of a pointer stroke, as fractions of the image; ``is_tap``: it did not move."""

    first: tuple[float, float]
    second: tuple[float, float]
    is_tap: bool


def canvas(image_url: str, key: str, *, draws_boxes: bool, on_drawn: Callable[[], None]) -> None:
    """Show an image, given as a data URL, and call back when something was drawn on it."""
    _show(
        data={"src": image_url, "box": draws_boxes},
        key=key,
        on_drawn_change=on_drawn,
        height="content",
    )


def drawn(key: str) -> Stroke | None:
    """Return what was drawn last, within the callback."""
    event = (st.session_state.get(key) or {}).get("drawn")
    if not event:
        return None
    first, second = (event["x0"], event["y0"]), (event["x1"], event["y1"])
    return Stroke(first, second, bool(event["tap"]))
