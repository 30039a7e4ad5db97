"""What Streamlit's own look leaves to be said; colours come from its theme, light or dark."""

from __future__ import annotations

import streamlit as st

_CSS = """
<style>
.stMainBlockContainer { padding-top: 2.6rem; padding-bottom: 3rem; max-width: 1500px; }
.st-key-chosen img, .st-key-history img {
  aspect-ratio: 4 / 3; object-fit: cover; border-radius: .4rem; }
.st-key-picture img { border-radius: .5rem; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding-left: .9rem; padding-right: .9rem; }
}
</style>
"""


def apply() -> None:
    """Add our few rules to the page."""
    st.html(_CSS)
