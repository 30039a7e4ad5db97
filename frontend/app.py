"""The UI: the stage, and the pages beside it."""

from __future__ import annotations

import streamlit as st

from frontend import classes, entities, everything, session, stage, style


def main() -> None:
    """Draw the page that is open once."""
    st.set_page_config("EdgeSeg", style.icon(), layout="wide")
    style.apply()
    page = session.page()
    if page == "entities":
        entities.show()
    elif page == "masks":
        everything.show()
    elif page == "classes":
        classes.show()
    else:
        stage.show()


main()
