"""The one connection to the API that all sessions of the UI share."""

from __future__ import annotations

from typing import Any

import streamlit as st

from edgeseg.client import EdgeSegClient
from edgeseg.schemas import EngineInfo
from edgeseg.settings import Role

QUEUES: dict[Role, str] = {
    "simplify": "simplifier_queue",
    "detect": "grounding_dino_queue",
    "segment": "sam2_queue",
    "ground": "sam2_queue",
}


@st.cache_resource(show_spinner=False)
def client() -> EdgeSegClient:
    """Return the client; its address is a setting."""
    return EdgeSegClient()


@st.cache_data(ttl=30, show_spinner=False)
def engines() -> list[EngineInfo]:
    """Return the engines of the server; raises what the client raises."""
    return client().engines()


@st.cache_data(ttl=1, max_entries=100, show_spinner=False)
def ahead(task_id: str) -> int | None:
    """Return how many tasks were before this one a second ago; None when it does not wait."""
    return client().task(task_id).ahead


@st.cache_data(ttl=1, show_spinner=False)
def queues() -> dict[str, Any]:
    """Return the queues as they were a second ago; raises what the client raises."""
    return client().queue_status()
