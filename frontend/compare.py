"""Before/after slider; dragging it needs no request to the server."""

from __future__ import annotations

import streamlit as st

_HTML = """
<div class="pair">
  <img class="after" alt="After: the image with its overlay">
  <img class="before" alt="Before: the original image">
  <div class="line"></div>
  <input type="range" min="0" max="100" value="50" aria-label="Before and after">
</div>
"""
_CSS = """
.pair { position: relative; line-height: 0; touch-action: pan-y; }
.pair img { width: 100%; height: auto; border-radius: .5rem; display: block; }
.pair .before { position: absolute; inset: 0; clip-path: inset(0 50% 0 0); }
.pair .line { position: absolute; top: 0; bottom: 0; left: 50%; width: 3px; margin-left: -1.5px;
  background: white; box-shadow: 0 0 4px rgba(0, 0, 0, .6); pointer-events: none; }
.pair .line::after { content: "\\2194"; position: absolute; top: 50%; left: 50%;
  transform: translate(-50%, -50%); width: 2.2rem; height: 2.2rem; border-radius: 50%;
  background: white; color: #333; font: 1.2rem/2.2rem sans-serif; text-align: center;
  box-shadow: 0 0 4px rgba(0, 0, 0, .6); }
.pair input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
  cursor: ew-resize; }
.pair:focus-within .line { box-shadow: 0 0 0 3px var(--st-primary-color); }
"""
_JS = """
export default function (component) {
  const { parentElement, data } = component;
  const find = (name) => parentElement.querySelector(name);
  const before = find(".before"), after = find(".after"), line = find(".line");
  const slider = find("input");
  if (before.src !== data.before) before.src = data.before;
  if (after.src !== data.after) after.src = data.after;
  const move = () => {
    before.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
    line.style.left = `${slider.value}%`;
  };
  slider.oninput = move;
  move();
}
"""

_show = st.components.v2.component("edgeseg_compare", html=_HTML, css=_CSS, js=_JS)


def before_and_after(before_url: str, after_url: str, key: str) -> None:
    """Show two images of one size, given as data URLs, one over the other."""
    _show(data={"before": before_url, "after": after_url}, key=key, height="content")
