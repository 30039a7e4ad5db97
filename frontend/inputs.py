"""Image inputs: uploaded files and samples."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from edgeseg.errors import EdgeSegError
from frontend import samples
from frontend.advice import explain
from frontend.images import THUMB_PX, on_screen
from frontend.state import Photo

SUFFIXES = ("jpg", "jpeg", "png", "webp")


def choose_photos() -> list[Photo]:
    """Draw the uploader and the samples; return the images chosen, each once."""
    files = st.file_uploader(
        "Images: drop one or several here",
        type=list(SUFFIXES),
        accept_multiple_files=True,
        help="One or several; JPG, PNG or WebP.",
        key="files",
    )
    titles = samples.titles()
    picked = st.pills(
        "Or try a sample",
        list(titles),
        selection_mode="multi",
        key="samples",
        wrap=True,
    )
    photos = [Photo.from_bytes(file.name, file.getvalue()) for file in files]
    return readable([*photos, *(samples.sample(title) for title in picked)])


def readable(photos: Sequence[Photo], key: str = "chosen") -> list[Photo]:
    """Return the images that can be read, each once, and show them small; say which cannot."""
    usable = [photo for photo in {each.key: each for each in photos}.values() if _usable(photo)]
    _thumbnails(usable, key)
    return usable


def _usable(photo: Photo) -> bool:
    """Whether the image can be read; if not, say so by its name."""
    try:
        on_screen(photo.data)
    except EdgeSegError as error:
        st.error(f"**{photo.name.replace('*', '')}**  \n{explain(error)}")
        return False
    return True


def _thumbnails(photos: list[Photo], key: str) -> None:
    if not photos:
        return
    with st.container(horizontal=True, key=key):
        for photo in photos:
            small = on_screen(photo.data, THUMB_PX)
            with st.container(width=84):
                st.image(small.rgb, width="stretch", alt=photo.name)
