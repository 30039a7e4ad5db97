"""The task record: what is known of a task, as it is written to and read from its hash."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, cast

from edgeseg.errors import EdgeSegError
from edgeseg.schemas import (
    FINAL_STATES,
    ClassesRequest,
    DetectRequest,
    EngineRan,
    EntitiesRequest,
    MasksRequest,
    RefineRequest,
    SegmentRequest,
    SimplifyRequest,
    TaskRequest,
    TaskState,
    new_task_id,
)
from edgeseg.settings import Role

_SEEN = "seen:"
TaskKind = Literal["simplify", "detect", "segment", "masks", "classes", "refine", "entities"]
# Kinds whose results are masks of one image, and a drawing of them where it is asked for.
DRAWN: tuple[TaskKind, ...] = ("segment", "masks", "classes")
REQUESTS: dict[TaskKind, type[TaskRequest]] = {
    "simplify": SimplifyRequest,
    "detect": DetectRequest,
    "segment": SegmentRequest,
    "masks": MasksRequest,
    "classes": ClassesRequest,
    "refine": RefineRequest,
    "entities": EntitiesRequest,
}


@dataclass(frozen=True)
class ImageRef:
    """An image of a task: its size in pixels, the SHA-256 and name of its file, and where it is.

    The bytes are kept with the task ``task_id`` (for a refinement: the task that it corrects), as
    the image ``index`` of that task. ``error`` says why one among several cannot be read.
    """

    width: int
    height: int
    sha256: str
    task_id: str
    name: str = ""
    index: int = 0
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class NewTask:
    """A task to submit; ``plan`` are its stages in order. One that is large goes after others.

    ``owner`` is the name of the key that it was sent with; empty where there are no keys.
    """

    kind: TaskKind
    plan: tuple[Role, ...]
    request: TaskRequest
    prompt: str
    images: tuple[ImageRef, ...] = ()
    parent: str | None = None
    is_large: bool = False
    owner: str = ""
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    id: str = field(default_factory=new_task_id)
    created_at: float = field(default_factory=time.time)

    def fields(self) -> dict[str, str]:
        """Return the fields of the hash as they are first written."""
        fields = {
            "kind": self.kind,
            "status": "queued",
            "plan": json.dumps(self.plan),
            "stage": self.plan[0],
            "request": self.request.model_dump_json(),
            "prompt": self.prompt,
            "created_at": repr(self.created_at),
            "ready_at": repr(self.created_at),
            "parent": self.parent or "",
            "owner": self.owner,
        }
        if self.images:
            fields["images"] = json.dumps([vars(each) for each in self.images])
        fields.update({f"ms:{name}": repr(ms) for name, ms in self.timings_ms.items()})
        return fields


@dataclass(frozen=True)
class TaskRecord:
    """A task as it stands; ``results`` holds the JSON that each finished stage left.

    ``seen_json`` holds what a stage had made so far when it gave way to smaller tasks: only the
    worker that goes on reads it.
    """

    id: str
    kind: TaskKind
    status: TaskState
    plan: tuple[Role, ...]
    stage: Role | None
    request_json: str
    prompt: str
    created_at: float
    ready_at: float
    finished_at: float | None
    images: tuple[ImageRef, ...]
    parent: str | None
    owner: str
    results: dict[Role, Any]
    seen_json: dict[Role, str]
    timings_ms: dict[str, float]
    engines: dict[Role, EngineRan]
    result_json: str | None
    error: EdgeSegError | None

    @cached_property
    def request(self) -> TaskRequest:
        """What was asked for, parsed once by whoever needs it: a status is read without it."""
        return REQUESTS[self.kind].model_validate_json(self.request_json)

    @property
    def image(self) -> ImageRef | None:
        """The first image; None where the task has none."""
        return self.images[0] if self.images else None

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in FINAL_STATES

    def result(self) -> Any:
        """Return the result as JSON values, without the drawing; None until it is done."""
        return None if self.result_json is None else json.loads(self.result_json)

    @classmethod
    def from_hash(cls, task_id: str, raw: Mapping[bytes, bytes]) -> TaskRecord:
        """Read the fields of a hash as Redis returns them."""
        data = {key.decode(): value.decode() for key, value in raw.items()}

        def under(prefix: str) -> dict[str, Any]:
            return {
                key.removeprefix(prefix): json.loads(value)
                for key, value in data.items()
                if key.startswith(prefix)
            }

        def loaded(name: str) -> Any:
            return json.loads(data[name]) if name in data else None

        images, error = loaded("images") or [], loaded("error")
        status = cast(TaskState, data["status"])
        return cls(
            id=task_id,
            kind=cast(TaskKind, data["kind"]),
            status=status,
            plan=tuple(json.loads(data["plan"])),
            stage=None if status in FINAL_STATES else cast(Role, data["stage"]),
            request_json=data["request"],
            prompt=data["prompt"],
            created_at=float(data["created_at"]),
            ready_at=float(data["ready_at"]),
            finished_at=float(data["finished_at"]) if "finished_at" in data else None,
            images=tuple(ImageRef(**each) for each in images),
            parent=data["parent"] or None,
            owner=data.get("owner", ""),
            results=cast(dict[Role, Any], under("result:")),
            seen_json={
                cast(Role, key.removeprefix(_SEEN)): value
                for key, value in data.items()
                if key.startswith(_SEEN)
            },
            timings_ms=under("ms:"),
            engines={cast(Role, role): EngineRan(**ran) for role, ran in under("engine:").items()},
            result_json=data.get("result"),
            error=EdgeSegError.from_dict(error) if error else None,
        )
