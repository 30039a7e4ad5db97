"""The one connection to the API that all sessions of the UI share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import streamlit as st

from edgeseg.client import EdgeSegClient
from edgeseg.codecs import ImageSource
from edgeseg.result import Segmentation
from edgeseg.schemas import (
    EngineInfo,
    PackInfo,
    RefineRequest,
    StageEvent,
    TaskStatus,
)
from edgeseg.settings import Role

QUEUES: dict[Role, str] = {
    "simplify": "simplifier_queue",
    "extract": "simplifier_queue",
    "detect": "grounding_dino_queue",
    "segment": "sam2_queue",
    "ground": "sam2_queue",
    "embed": "sam2_queue",
    "classify": "sam2_queue",
}


class Api(Protocol):
    """What the UI calls of EdgeSegClient; tests put a double in its place."""

    def engines(self) -> list[EngineInfo]: ...

    def queue_status(self) -> dict[str, Any]: ...

    def submit_everything(self, image: ImageSource, **parameters: Any) -> str: ...

    def submit_classes(self, image: ImageSource, **parameters: Any) -> str: ...

    def class_packs(self) -> list[PackInfo]: ...

    def submit_entities(
        self,
        prompt: str,
        contextual: Sequence[ImageSource] = (),
        generated: ImageSource | None = None,
        **parameters: Any,
    ) -> str: ...

    def events(self, task_id: str, after: str | None = None) -> Iterator[StageEvent]: ...

    def task(self, task_id: str) -> TaskStatus: ...

    def cancel(self, task_id: str) -> TaskStatus: ...

    def refine(
        self, segmentation: Segmentation, request: RefineRequest | None = None, **parameters: Any
    ) -> Segmentation: ...


@st.cache_resource(show_spinner=False)
def client() -> Api:
    """Return the client; its address is a setting."""
    return EdgeSegClient()


@st.cache_data(ttl=30, show_spinner=False)
def engines() -> list[EngineInfo]:
    """Return the engines of the server; raises what the client raises."""
    return client().engines()


@st.cache_data(ttl=1, max_entries=100, show_spinner=False)
def queue_position(task_id: str) -> int | None:
    """Return how many tasks were before this one a second ago; None when it does not wait."""
    return client().task(task_id).queue_position


@st.cache_data(ttl=1, show_spinner=False)
def queues() -> dict[str, Any]:
    """Return the queues as they were a second ago; raises what the client raises."""
    return client().queue_status()
