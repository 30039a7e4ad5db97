"""A task record survives its hash; engines and errors come back as they were."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from edgeseg.errors import NoWorkerError
from edgeseg.schemas import DetectRequest, EngineRan, SegmentRequest
from edgeseg.tasks import ImageRef, NewTask, TaskRecord

CAT = DetectRequest(text_prompt="cat")


def stored(task: NewTask, **more: str) -> TaskRecord:
    fields = {**task.fields(), **more}
    raw = {name.encode(): value.encode() for name, value in fields.items()}
    return TaskRecord.from_hash(task.id, raw)


def test_a_new_task_is_read_as_it_was_written() -> None:
    request = SegmentRequest(text_prompt="Katze", max_objects=3)
    image = ImageRef(640, 480, "f" * 64, "a" * 32)
    task = NewTask(
        "segment", ("simplify", "detect"), request, "Katze", (image,),
        timings_ms={"decode": 1.5},
    )  # fmt: skip
    record = stored(task)
    assert (record.id, record.kind, record.status) == (task.id, "segment", "queued")
    assert record.plan == ("simplify", "detect")
    assert record.stage == "simplify"
    assert record.request == request
    assert record.images == (image,)
    assert record.image == image
    assert record.created_at == record.ready_at == task.created_at
    assert record.timings_ms == {"decode": 1.5}
    assert (record.parent, record.error, record.result(), record.finished_at) == (None,) * 4
    assert not record.is_final


def test_what_stages_add_is_sorted_by_stage() -> None:
    ran = EngineRan(name="nano", device="cpu", dtype="float32")
    record = stored(
        NewTask("detect", ("simplify", "detect"), CAT, "cat"),
        **{"result:simplify": '{"phrases": ["cat"]}', "engine:simplify": ran.model_dump_json()},
    )
    assert record.results == {"simplify": {"phrases": ["cat"]}}
    assert record.engines == {"simplify": ran}


def test_an_error_comes_back_as_its_class() -> None:
    error = NoWorkerError("none", missing=["sam2_queue"])
    record = stored(
        NewTask("detect", ("detect",), CAT, "cat"),
        status="failed",
        error=json.dumps(error.to_dict()),
        finished_at="12.5",
    )
    assert isinstance(record.error, NoWorkerError)
    assert record.error.extra == {"missing": ["sam2_queue"]}
    assert record.is_final
    assert record.stage is None
    assert record.finished_at == 12.5


def test_the_state_of_a_task_is_read_without_its_request() -> None:
    record = stored(NewTask("detect", ("detect",), CAT, "cat"), request="{}")
    assert record.status == "queued"
    with pytest.raises(ValidationError):
        _ = record.request


def test_ids_are_never_the_same() -> None:
    assert len({NewTask("detect", ("detect",), CAT, "cat").id for _ in range(100)}) == 100
