"""Stages of several images and of many clicks, in slices: nothing is done twice, or mixed up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeseg import EdgeSegAI
from edgeseg.engines.fake import FakeDetector
from edgeseg.schemas import (
    EntitiesRequest,
    EntitiesResult,
    MasksRequest,
    SegmentationResult,
    plan,
)
from edgeseg.settings import Role
from edgeseg.tasks import ImageRef, NewTask
from edgeseg.types import Image
from edgeseg.worker import slices
from edgeseg.worker.runner import StageRunner
from tests.services.conftest import MakeImage
from tests.services.test_entities import local, plain
from tests.services.test_one_path import runner

__all__ = ["local", "runner"]
TEXT = "dog, red sofa"
SIZES = [(900, 300), (80, 60), (700, 260)]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The sizes of all views that the detector is shown; one size it cannot bear."""
    seen: list[tuple[int, int]] = []
    real = FakeDetector.detect

    def counted(self: FakeDetector, image: Image, *args: Any, **options: Any) -> Any:
        seen.append(image.size_hw)
        if image.size_hw == (60, 80):
            raise RuntimeError("a bug")
        return real(self, image, *args, **options)

    monkeypatch.setattr(FakeDetector, "detect", counted)
    return seen


def test_entities_in_slices(
    runner: StageRunner,
    local: EdgeSegAI,
    make_image: MakeImage,
    looks: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slices, "SLICE_S", 0.0)
    monkeypatch.setattr(runner.chain, "small_ones_wait", lambda stage: True)
    files = [make_image(seed, size) for seed, size in enumerate(SIZES)]
    request = EntitiesRequest(text_prompt=TEXT, tile="always")
    task = NewTask("entities", plan(request), request, TEXT)
    refs = tuple(
        ImageRef(width, height, f"{index}" * 64, task.id, "", index)
        for index, (width, height) in enumerate(SIZES)
    )
    task = NewTask("entities", plan(request), request, TEXT, refs, id=task.id)
    runner.chain.submit(task, files)
    ways = [in_slices(runner.run, runner, task.id, stage) for stage in task.plan]
    views = len(looks)
    assert ways[task.plan.index("detect")] == views - 1 > 5
    near = local.segment_entities(TEXT, files[:2], files[2], tile="always")
    assert len(looks) == 2 * views
    far = EntitiesResult.model_validate(runner.store.read(task.id).result())
    assert plain(far)["generated"] == plain(near.result)["generated"]
    assert plain(far)["contextual"] == plain(near.result)["contextual"]
    failed = far.contextual[1].error
    assert failed is not None
    assert "RuntimeError: a bug" in failed["detail"]
    assert far.contextual[0].objects


def test_clicks_on_everything_in_slices(
    runner: StageRunner,
    local: EdgeSegAI,
    make_image: MakeImage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slices, "SLICE_S", 0.0)
    monkeypatch.setattr(runner.chain, "small_ones_wait", lambda stage: True)
    data, options = make_image(5, (200, 90)), {"points_per_side": 12, "crop_layers": 1}
    request = MasksRequest.model_validate({**options, "visualization": False})
    task = NewTask("masks", plan(request), request, "")
    ref = ImageRef(200, 90, "5" * 64, task.id)
    task = NewTask("masks", plan(request), request, "", (ref,), id=task.id)
    runner.chain.submit(task, [data])
    assert in_slices(runner.run, runner, task.id, "segment") > 3
    record = runner.store.read(task.id)
    far = SegmentationResult.model_validate(record.result())
    near = local.segment_everything(data, points_per_side=12, crop_layers=1)
    assert far.objects == near.objects
    assert record.seen_json == {"segment": "[]"}, "what was kept is freed"


def in_slices(run: Callable[..., None], runner: StageRunner, task_id: str, stage: Role) -> int:
    """Run a stage until it is done; return how often it gave way."""
    ways = 0
    while True:
        try:
            run(task_id, stage, is_large=True)
        except slices.GaveWay as way:
            ways += 1
            runner.chain.give_way(task_id, stage, "nobody", way.fields)
        else:
            return ways
