"""The UI without a browser: the page as Streamlit's AppTest runs it, with a client in process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from edgeseg import EdgeSegAI, Segmentation
from edgeseg.codecs import ImageSource
from edgeseg.errors import EdgeSegError, UnknownTaskError
from edgeseg.schemas import (
    EngineInfo,
    EntitiesResult,
    PackInfo,
    RefineRequest,
    StageEvent,
    TaskStatus,
)
from edgeseg.settings import Role
from frontend import api

APP = Path(__file__).parents[2] / "frontend" / "app.py"
PLAN: tuple[Role, ...] = ("simplify", "detect", "segment")
TIMEOUT_S = 60


class LocalClient:
    """Does what the API does, with fake engines in this process; ``error`` is what it raises."""

    def __init__(self, engines: EdgeSegAI) -> None:
        self.error: EdgeSegError | None = None
        self.sent: list[dict[str, Any]] = []
        self.refined: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.forbidden: tuple[str, ...] = ()
        self._engines = engines
        self._tasks: dict[str, Segmentation] = {}
        self._comparisons: dict[str, EntitiesResult] = {}

    def engines(self) -> list[EngineInfo]:
        self._may_raise()
        row: dict[str, Any] = {"description": "Nonsense.", "licence": "MIT", "available": True}
        return [
            EngineInfo(
                name=name,
                role=role,
                default=name == "fake",
                allowed=name not in self.forbidden,
                **row,
            )
            for role in PLAN
            for name in ("fake", "other")
        ]

    def queue_status(self) -> dict[str, Any]:
        self._may_raise()
        rows = {name: {"waiting": 0, "running": 0, "workers": [{}]} for name in api.QUEUES.values()}
        return {**rows, "sam2_queue": {"waiting": 3, "running": 1, "workers": []}}

    def submit(self, image: ImageSource, prompt: str, **fields: Any) -> str:
        self._may_raise()
        self.sent.append({"text_prompt": prompt, **fields})
        used = {"box_threshold", "text_threshold", "simplify", "max_objects", "negative_prompt"}
        chosen = {name: value for name, value in fields.items() if name in used}
        done = self._engines.segment_images([image], prompt, **chosen)[0]
        task_id = f"task{len(self.sent)}"
        result = done.result.model_copy(update={"task_id": task_id})
        self._tasks[task_id] = Segmentation(result, image)
        return task_id

    def submit_everything(self, image: ImageSource, **fields: Any) -> str:
        self._may_raise()
        self.sent.append(fields)
        apart = {"file_name", "engines"}
        chosen: Any = {name: value for name, value in fields.items() if name not in apart}
        done = self._engines.segment_everything(image, **chosen)
        task_id = f"task{len(self.sent)}"
        result = done.result.model_copy(update={"task_id": task_id})
        self._tasks[task_id] = Segmentation(result, image)
        return task_id

    def submit_classes(self, image: ImageSource, **fields: Any) -> str:
        self._may_raise()
        self.sent.append(fields)
        apart = {"file_name", "engines"}
        chosen: Any = {name: value for name, value in fields.items() if name not in apart}
        done = self._engines.segment_classes(image, **chosen)
        task_id = f"task{len(self.sent)}"
        result = done.result.model_copy(update={"task_id": task_id})
        self._tasks[task_id] = Segmentation(result, image)
        return task_id

    def class_packs(self) -> list[PackInfo]:
        self._may_raise()
        return self._engines.class_packs()

    def submit_entities(
        self,
        prompt: str,
        contextual: Sequence[ImageSource] = (),
        generated: ImageSource | None = None,
        **fields: Any,
    ) -> str:
        self._may_raise()
        self.sent.append({"text_prompt": prompt, "references": len(contextual), **fields})
        chosen: Any = {name: value for name, value in fields.items() if name != "engines"}
        done = self._engines.segment_entities(prompt, contextual, generated, **chosen)
        task_id = f"task{len(self.sent)}"
        self._comparisons[task_id] = done.result
        return task_id

    def events(self, task_id: str, after: str | None = None) -> Iterator[StageEvent]:
        yield StageEvent(id="1", type="queued", stage="simplify", at=0, data={"plan": list(PLAN)})
        for stage in PLAN:
            yield StageEvent(id="2", type="started", stage=stage, at=0)
            yield StageEvent(id="3", type="finished", stage=stage, at=0)
        yield StageEvent(id="4", type="done", at=0)

    def task(self, task_id: str) -> TaskStatus:
        found = self._comparisons.get(task_id) or self._tasks[task_id].result
        return TaskStatus(
            task_id=task_id, status="done", prompt=found.prompt, plan=list(PLAN), created_at=0,
            result=found,
        )  # fmt: skip

    def cancel(self, task_id: str) -> TaskStatus:
        self.cancelled.append(task_id)
        return TaskStatus(
            task_id=task_id, status="cancelled", prompt="", plan=list(PLAN), created_at=0
        )

    def refine(
        self, segmentation: Segmentation, request: RefineRequest | None = None, **fields: Any
    ) -> Segmentation:
        self._may_raise()
        if segmentation.result.task_id not in self._tasks:
            raise UnknownTaskError("No task has this id.")
        self.refined.append(fields)
        wanted = {name: value for name, value in fields.items() if name != "engines"}
        return self._engines.refine(segmentation, request, **wanted)

    def _may_raise(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalClient]:
    with EdgeSegAI("fake", "fake", "fake", extractor="fake", embedder="fake", ttl=-1) as engines:
        made = LocalClient(engines)
        # The type checker holds it to what the client offers.
        in_its_place: api.Api = made
        monkeypatch.setattr(api, "client", lambda: in_its_place)
        st.cache_data.clear()
        yield made
        st.cache_data.clear()


@pytest.fixture
def open_page(client: LocalClient) -> Callable[..., AppTest]:
    """Opens a page as a new visitor; without a name, the one that comes first."""

    def open_it(name: str | None = None) -> AppTest:
        page = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S)
        if name is not None:
            page.session_state["page"] = name
        page.run()
        assert not page.exception
        return page

    return open_it
