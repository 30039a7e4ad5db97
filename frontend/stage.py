"""The stage: the workspace in the browser, shown by a component; its modules lie in stage/."""

from __future__ import annotations

import streamlit as st

from frontend import session

# Streamlit takes the path of a module from installed packages only. The address is that of the
# page, so that the UI may be served below a path.
_JS = """
export default (component) => {
  const address = new URL("stage/streamlit.js", document.baseURI).href;
  const stop = import(address).then((module) => module.default(component));
  return () => stop.then((end) => end());
};
"""
# The whole page is the stage's: Streamlit's own head and margins would only take room from it.
_CSS = """
<style>
.stMainBlockContainer { padding: 0; max-width: none; }
.stMain { overflow: hidden; }
[data-testid="stHeader"], [data-testid="stSidebar"], [data-testid="stExpandSidebarButton"] {
  display: none; }
.stMainBlockContainer > .stVerticalBlock { gap: 0; }
</style>
"""

_show = st.components.v2.component("edgeseg_stage", js=_JS)


def show() -> None:
    """Show the workspace, and open another page when its menu asks for one."""
    st.html(_CSS)
    _show(data={"pages": session.PAGES}, key="stage", on_page_change=_open_page, height="content")


def _open_page() -> None:
    asked = (st.session_state.get("stage") or {}).get("page")
    if asked in session.PAGES:
        st.session_state["page"] = asked
