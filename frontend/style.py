"""CSS on top of Streamlit's theme, light or dark."""

from __future__ import annotations

import PIL.Image
import PIL.ImageDraw
import streamlit as st

_CSS = """
<style>
.stMainBlockContainer { padding: 2.6rem 2.5rem 3rem; max-width: 1500px; }
[data-testid="stSidebarHeader"] { height: 2.5rem; padding-top: .5rem; padding-bottom: 0;
  margin-bottom: 0; }
.st-key-chosen img, .st-key-references img, .st-key-generated img, .st-key-history img {
  aspect-ratio: 4 / 3; object-fit: cover; border-radius: .4rem; }
.st-key-page [role="radiogroup"], .st-key-page [data-testid="stButtonGroup"] > div {
  flex-wrap: wrap; }
.st-key-headline { scroll-margin-top: 4rem; }
.st-key-image img { border-radius: .5rem; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding-left: .9rem; padding-right: .9rem; }
}
</style>
"""


def icon() -> PIL.Image.Image:
    """Draw the page's icon, an object in its box: a named one would come from elsewhere."""
    pil_image = PIL.Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    pen = PIL.ImageDraw.Draw(pil_image)
    pen.ellipse((14, 14, 50, 50), fill=(23, 105, 170))
    pen.rectangle((4, 4, 59, 59), outline=(245, 150, 30), width=6)
    return pil_image


def apply() -> None:
    """Add our few rules to the page."""
    st.html(_CSS)
