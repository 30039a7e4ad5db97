"""How long engines take, beside the libraries under them called plainly, in turns in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from edgeseg.engines import registry
from edgeseg.engines.base import Detector, EngineOptions, Segmenter
from edgeseg.engines.weights import WeightStore
from edgeseg.evaluation import memory
from edgeseg.settings import Role, get_settings
from edgeseg.types import Embedding, Image, MaskPrompt

PHRASES = ["cup", "spoon", "wooden table"]
COUNTS = (1, 5, 20)
# What is timed by default: a detector and segmenters of three families.
ENGINES: tuple[tuple[Role, str], ...] = (
    ("detect", "nano"),
    ("detect", "grounding-dino-tiny"),
    ("segment", "nano"),
    ("segment", "sam2.1-tiny"),
    ("segment", "sam-vit-base"),
)


@dataclass(frozen=True)
class Timing:
    """Medians in milliseconds; ``plain_ms`` is the library's own, where it has such a call."""

    engine: str
    dtype: str
    what: str
    ms: float
    plain_ms: float | None = None


Call = Callable[[], object]


def in_turns(calls: dict[str, Call], repeats: int) -> dict[str, float]:
    """Return the median milliseconds of each call; all take turns, so that they share the noise."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn:
                spent[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(each) for name, each in spent.items()}


def measure(
    role: Role, name: str, image: Image, folder: Path, device: str, dtype: str, repeats: int
) -> list[Timing]:
    """Time one engine with its own weights, or random ones of the real size put into ``folder``."""
    settings = get_settings()
    store = WeightStore.from_settings(settings)
    found = memory.provide([(role, name)], folder)
    store = WeightStore(store.root, offline=True, overrides=found)
    options = EngineOptions(device, settings.threads, dtype=dtype, store=store)
    engine: Any = registry.load(role, name, options)
    try:
        if role == "detect":
            return [_detector(engine, image, repeats)]
        return _segmenter(engine, image, repeats)
    finally:
        engine.close()


def _detector(engine: Any, image: Image, repeats: int) -> Timing:
    detector = cast(Detector, engine)
    calls: dict[str, Call] = {
        "ours": lambda: detector.detect(image, PHRASES, box_threshold=0.35, text_threshold=0.25)
    }
    if hasattr(engine, "_processor") and hasattr(engine, "look"):
        calls["plain"] = _plain_grounding_dino(engine, image)
    return _timing(engine, f"detect {len(PHRASES)} phrases", in_turns(calls, repeats))


def _segmenter(engine: Any, image: Image, repeats: int) -> list[Timing]:
    segmenter = cast(Segmenter, engine)
    embedding = segmenter.embed(image)
    predictor = _sam2_predictor(engine)
    calls: dict[str, Call] = {"ours": lambda: segmenter.embed(image)}
    if predictor is not None:
        calls["plain"] = lambda: predictor.set_image(image.rgb)
    made = [_timing(engine, "embed", in_turns(calls, repeats))]
    for count in COUNTS:
        boxes = _boxes(image, count)
        calls = {"ours": _segmenting(segmenter, embedding, boxes)}
        if predictor is not None:
            calls["plain"] = _predicting(predictor, boxes)
        made.append(_timing(engine, f"segment {count} boxes", in_turns(calls, repeats)))
    made.append(
        _timing(engine, "refine, cached", in_turns(_refining(segmenter, embedding), repeats))
    )
    return made


def _segmenting(segmenter: Segmenter, embedding: Embedding, boxes: np.ndarray) -> Call:
    prompts = [
        MaskPrompt(box_xyxy=(float(a), float(b), float(c), float(d))) for a, b, c, d in boxes
    ]
    return lambda: segmenter.segment(embedding, prompts)


def _refining(segmenter: Segmenter, embedding: Embedding) -> dict[str, Call]:
    height, width = embedding.size_hw
    prompt = MaskPrompt(
        box_xyxy=(width * 0.2, height * 0.2, width * 0.8, height * 0.8),
        points_xy=np.array([[width / 2, height / 2]], np.float32),
        point_labels=np.array([1]),
    )
    return {"ours": lambda: segmenter.segment(embedding, [prompt])}


def _predicting(predictor: Any, boxes: np.ndarray) -> Call:
    return lambda: predictor.predict(box=boxes, multimask_output=False)


def _sam2_predictor(engine: Any) -> Any:
    """Return the sam2 package's own predictor over the same model, in the same numbers."""
    if type(engine).__name__ != "Sam2":
        return None
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    predictor = SAM2ImagePredictor(engine.model)

    class InPlace:
        def __getattr__(self, name: str) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                with engine.place.inference():
                    return getattr(predictor, name)(*args, **kwargs)

            return call

    return InPlace()


def _plain_grounding_dino(engine: Any, image: Image) -> Call:
    """Return what the model's card does: processor, model, post-processing."""
    from edgeseg.engines.hf import as_pillow, import_transformers

    processor = import_transformers().GroundingDinoProcessor(engine._processor, engine._tokenizer)
    picture, text = as_pillow(image), ". ".join(PHRASES) + "."

    def call() -> object:
        inputs = processor(images=picture, text=text, return_tensors="pt").to(engine.place.device)
        with engine.place.inference():
            made = engine.model(**inputs)
        return processor.post_process_grounded_object_detection(
            made, inputs["input_ids"], threshold=0.35, target_sizes=[image.size_hw]
        )

    return call


def _boxes(image: Image, count: int) -> np.ndarray:
    """(N, 4) boxes spread over the image."""
    height, width = image.size_hw
    corners = np.random.default_rng(0).uniform(0, 0.6, (count, 2)) * (width, height)
    side = np.array([0.3 * width, 0.3 * height])
    made: np.ndarray = np.hstack([corners, corners + side])
    return made.astype(np.float32)


def _timing(engine: Any, what: str, spent: dict[str, float]) -> Timing:
    return Timing(engine.name, engine.dtype, what, spent["ours"], spent.get("plain"))
