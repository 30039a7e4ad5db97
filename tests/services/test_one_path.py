"""The same request gives the same answer in process and from a task record that workers step."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import PIL.Image
import pytest
import redis

from edgeseg import EdgeSegAI, EdgeSegError
from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.fake import FakeDetector, FakeGrounder
from edgeseg.engines.residency import Residency
from edgeseg.errors import NotEnoughMemoryError, StageFailedError, UnknownTaskError
from edgeseg.schemas import (
    VISUALIZATION_FIELDS,
    DetectRequest,
    EngineChoice,
    MasksRequest,
    RefineRequest,
    SegmentRequest,
    SimplifyRequest,
    TaskRequest,
    plan,
)
from edgeseg.settings import Role, Settings
from edgeseg.stack.local import EmbeddedStack
from edgeseg.tasks import (
    ImageRef,
    NewTask,
    TaskChain,
    TaskRecord,
    TaskStore,
    keys,
    queues,
)
from edgeseg.types import Image
from edgeseg.worker import slices
from edgeseg.worker.runner import StageRunner
from tests.services.conftest import MakeImage

QUEUE = "nobody_serves_this_either"
CLOCKS = {"task_id", "timings_ms"}
REQUESTS: dict[str, dict[str, Any]] = {
    "one phrase": {"text_prompt": "cat"},
    "several phrases": {"text_prompt": "cat . dog . bird ."},
    "without simplifying": {"text_prompt": "the leftmost cat", "simplify": "never"},
    "filters": {
        "text_prompt": "cat . dog .",
        "filters": [{"kind": "leftmost"}, {"kind": "exclude", "phrase": "dog"}],
    },
    "negatives": {"text_prompt": "cat . dog .", "negative_prompt": "toy . plush ."},
    "at most one": {"text_prompt": "cat . dog . bird .", "max_objects": 1},
    "own thresholds": {"text_prompt": "cat . dog .", "class_thresholds": {"cat": 1.0}},
    "in tiles": {"text_prompt": "cat . dog .", "tile": "always"},
    "no boxes": {"text_prompt": "cat", "box_threshold": 1.0},
    "grounded": {"text_prompt": "cat . dog .", "engines": {"ground": "fake"}},
    "nothing to ground": {"text_prompt": "cat", "engines": {"ground": "fake"}, "box_threshold": 1},
}


@pytest.fixture
def runner(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[StageRunner]:
    """A worker's runner on a real Redis; its tasks go through a queue that no worker serves."""
    monkeypatch.setattr(keys, "QUEUES", dict.fromkeys(keys.QUEUES, QUEUE))
    monkeypatch.setattr(keys, "QUEUE_NAMES", (QUEUE,))
    settings = Settings(engines="fake", allowed_engines=("failing",))
    with redis.Redis.from_url(stack.redis_url) as connection:
        store = TaskStore(connection)
        engines = Residency(-1, EngineOptions.from_settings(settings))
        yield StageRunner(store, TaskChain(connection, store, settings), engines, settings)
        engines.close()


@pytest.fixture
def ask(runner: StageRunner, make_image: MakeImage) -> Callable[..., TaskRecord]:
    """Takes a request through record, Run and record, stage by stage."""
    data = make_image(11, (2000, 300))

    def take(kind: Any, request: TaskRequest, parent: TaskRecord | None = None) -> TaskRecord:
        with PIL.Image.open(io.BytesIO(data)) as image:
            ref = ImageRef(*image.size, Image.from_array(_pixels(data)).sha256, "")
        task = NewTask(kind, plan(request), request, "cat", parent=parent.id if parent else None)
        ref = ImageRef(ref.width, ref.height, ref.sha256, task.id)
        task = NewTask(
            kind, plan(request), request, "cat", (ref,), parent.id if parent else None, id=task.id
        )
        runner.chain.submit(task, [data])
        for stage in task.plan:
            runner.run(task.id, stage)
        return runner.store.read(task.id)

    return take


def _pixels(data: bytes) -> Any:
    import numpy as np

    with PIL.Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def test_each_image_of_a_task_is_kept_and_counted(
    runner: StageRunner, make_image: MakeImage
) -> None:
    files = [make_image(seed, (20 + seed, 30)) for seed in range(3)]
    task = NewTask("segment", ("ground",), SegmentRequest(text_prompt="cat"), "cat")
    refs = tuple(
        ImageRef(20 + seed, 30, f"{seed}" * 64, task.id, index=seed) for seed in range(len(files))
    )
    task = replace(task, images=refs)
    runner.chain.submit(task, files)
    read = runner.store.read(task.id)
    assert read.images == refs
    assert [runner.store.image(ref) for ref in read.images] == files
    assert [runner.images.get(ref).size_hw for ref in refs] == [(30, 20), (30, 21), (30, 22)]
    with pytest.raises(UnknownTaskError, match="expired"):
        runner.store.image(replace(refs[0], index=3))
    connection = runner.store.connection
    counted = connection.eval(queues._WAITING_BYTES, 1, keys.waiting_key(QUEUE))
    assert counted == sum(len(data) for data in files)
    runner.chain.withdraw(task.id)


def settled(result: dict[str, Any]) -> dict[str, Any]:
    """A result without its id and clocks, and the names of what was timed."""
    kept = {name: value for name, value in result.items() if name not in CLOCKS}
    parts = set(result.get("timings_ms", {})) - {"queue", "load", "render"}
    return {**kept, "timed": parts}


def differs(request: dict[str, Any]) -> Any:
    """The options of a request, without its prompt."""
    return {name: value for name, value in request.items() if name != "text_prompt"}


@pytest.mark.parametrize("name", REQUESTS)
def test_masks(name: str, ask: Callable[..., TaskRecord], make_image: MakeImage) -> None:
    request = REQUESTS[name]
    record = ask("segment", SegmentRequest.model_validate({**request, "visualization": False}))
    ai = EdgeSegAI("fake", "fake", "fake", ttl=-1)
    mine = ai.segment_image(make_image(11, (2000, 300)), request["text_prompt"], **differs(request))
    assert record.status == "done"
    expected = mine.result.model_dump(mode="json", exclude=VISUALIZATION_FIELDS)
    assert settled(record.result()) == settled(expected)
    assert record.result()["timings_ms"]["total"] == pytest.approx(
        sum(ms for part, ms in record.result()["timings_ms"].items() if part != "total"), abs=0.01
    )


@pytest.mark.parametrize(
    "options", [{}, {"points_per_side": 0}, {"crop_layers": 1, "max_objects": 3}]
)
def test_everything(
    options: dict[str, Any], ask: Callable[..., TaskRecord], make_image: MakeImage
) -> None:
    record = ask("masks", MasksRequest.model_validate({**options, "visualization": False}))
    ai = EdgeSegAI("fake", "fake", "fake", ttl=-1)
    mine = ai.segment_everything(make_image(11, (2000, 300)), **options)
    expected = mine.result.model_dump(mode="json", exclude=VISUALIZATION_FIELDS)
    assert settled(record.result()) == settled(expected)
    assert bool(mine.objects) == (options.get("points_per_side") != 0)


@pytest.mark.parametrize("engines", [{}, {"ground": "fake"}])
def test_a_stage_in_slices(
    engines: dict[str, str],
    runner: StageRunner,
    ask: Callable[..., TaskRecord],
    make_image: MakeImage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One view at a time, the same masks come out, and no view is looked at twice."""
    monkeypatch.setattr(slices, "SLICE_S", 0.0)
    monkeypatch.setattr(runner.chain, "small_ones_wait", lambda stage: True)
    looks: list[tuple[int, int]] = []
    kind, look = (FakeGrounder, "ground") if engines else (FakeDetector, "detect")
    real = getattr(kind, look)

    def counted(self: Any, image: Image, *args: Any, **options: Any) -> Any:
        looks.append(image.size_hw)
        return real(self, image, *args, **options)

    monkeypatch.setattr(kind, look, counted)
    run, ways = runner.run, []

    def in_slices(task_id: str, stage: Role) -> None:
        while True:
            try:
                return run(task_id, stage, is_large=True)
            except slices.GaveWay as way:
                ways.append(len(way.seen))
                runner.chain.give_way(task_id, stage, "nobody", way.fields)

    monkeypatch.setattr(runner, "run", in_slices)
    request: dict[str, Any] = {"text_prompt": "cat . dog .", "tile": "always", "engines": engines}
    record = ask("segment", SegmentRequest.model_validate({**request, "visualization": False}))
    assert ways == list(range(1, len(ways) + 1))
    views = len(looks)
    assert views == len(ways) + 1 > 5
    ai = EdgeSegAI("fake", "fake", "fake", ttl=-1)
    mine = ai.segment_image(make_image(11, (2000, 300)), request["text_prompt"], **differs(request))
    assert len(looks) == 2 * views
    expected = mine.result.model_dump(mode="json", exclude=VISUALIZATION_FIELDS)
    assert settled(record.result()) == settled(expected)
    stage: Role = "ground" if engines else "detect"
    assert record.seen_json == {stage: "[]"}, "what was kept is freed"


@pytest.mark.parametrize("name", [name for name in REQUESTS if "ground" not in name])
def test_boxes(name: str, ask: Callable[..., TaskRecord], make_image: MakeImage) -> None:
    request = REQUESTS[name]
    record = ask("detect", DetectRequest.model_validate(request))
    ai = EdgeSegAI("fake", "fake", "fake", ttl=-1)
    mine = ai.detect(make_image(11, (2000, 300)), request["text_prompt"], **differs(request))
    assert settled(record.result()) == settled(mine.model_dump(mode="json"))


def test_phrases(ask: Callable[..., TaskRecord]) -> None:
    record = ask("simplify", SimplifyRequest(text_prompt="cat . dog ."))
    mine = EdgeSegAI("fake", "fake", "fake").simplify("cat . dog .")
    assert record.result() == mine.model_dump(mode="json")


@pytest.mark.parametrize(
    "correction",
    [
        {"object_id": 0, "points": [{"x": 30, "y": 20, "label": 0}]},
        {"box": [10, 10, 60, 50], "label": "by hand"},
        {"points": [{"x": 100, "y": 40}], "object_id": None},
    ],
)
def test_corrections(
    correction: dict[str, Any],
    ask: Callable[..., TaskRecord],
    runner: StageRunner,
    make_image: MakeImage,
) -> None:
    request = SegmentRequest(text_prompt="cat . dog .", visualization=False)
    parent = ask("segment", request)
    ask("refine", RefineRequest.model_validate(correction), parent)
    ai = EdgeSegAI("fake", "fake", "fake", ttl=-1)
    mine = ai.refine(ai.segment_image(make_image(11, (2000, 300)), "cat . dog ."), **correction)
    expected = mine.result.model_dump(mode="json", exclude=VISUALIZATION_FIELDS)
    assert settled(runner.store.read(parent.id).result()) == settled(expected)


class Failing:
    """A detector whose library raises ``error``."""

    name, device, dtype = "failing", "cpu", "float32"
    error: Exception

    def __init__(self, options: EngineOptions) -> None:
        """Nothing is loaded."""

    def close(self) -> None:
        """Nothing is held."""

    def detect(self, *_: object, **__: object) -> object:
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyError("weights"), StageFailedError),
        (MemoryError(), NotEnoughMemoryError),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), NotEnoughMemoryError),
    ],
)
def test_what_an_engine_raises_means_the_same(
    error: Exception,
    kind: type[EdgeSegError],
    ask: Callable[..., TaskRecord],
    make_image: MakeImage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Failing, "error", error, raising=False)
    registry.register(
        registry.Entry("failing", "detect", f"{__name__}:Failing", "Raises.", licence="")
    )
    choice = EngineChoice(detect="failing")
    with pytest.raises(kind) as theirs:
        ask("segment", SegmentRequest(text_prompt="cat", simplify="never", engines=choice))
    with pytest.raises(kind) as ours:
        EdgeSegAI("fake", "fake", "fake").segment_image(
            make_image(11), "cat", simplify="never", engines=choice
        )
    assert theirs.value.to_dict() == ours.value.to_dict()
