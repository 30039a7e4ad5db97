"""Engine timings, interleaved in one run with those of their reference implementations."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from edgeseg.benchmarks import memory, reference
from edgeseg.benchmarks.reference import BOX_THRESHOLD, TEXT_THRESHOLD, Call, Reference
from edgeseg.engines import registry
from edgeseg.engines.base import Detector, EngineOptions, Grounder, Segmenter
from edgeseg.settings import Role, get_settings
from edgeseg.types import Embedding, Image, MaskPrompt

PHRASES = ["cup", "spoon", "wooden table"]
COUNTS = (1, 5, 20)
# What is timed by default: one of each family that has a library to be compared with.
ENGINES: tuple[tuple[Role, str], ...] = (
    ("detect", "nano"),
    ("detect", "grounding-dino-tiny"),
    ("detect", "grounding-dino-original-tiny"),
    ("segment", "nano"),
    ("segment", "sam2.1-tiny"),
    ("segment", "sam-vit-base"),
)
# Timed only where it is named: without a GPU it takes minutes.
ON_REQUEST: tuple[tuple[Role, str], ...] = (("ground", "sam3"),)
GROUND_PHRASES = ["dog", "red sofa", "lamp", "wooden table"]


@dataclass(frozen=True)
class Timing:
    """Median milliseconds of an engine and, where there is one, of its reference implementation."""

    engine: str
    device: str
    dtype: str
    what: str
    ms: float
    reference_ms: float | None = None


def interleaved(calls: dict[str, Call], repeats: int) -> dict[str, float]:
    """Return the median milliseconds of each call; interleaved, so that all share the noise."""
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
    """Time one engine with its own weights, or random ones of the real size put into ``folder``.

    Where the settings choose OpenVINO, encoders run through it; the library stays as it is.
    """
    settings = get_settings()
    entry = registry.find(role, name)
    store = memory.provided([(role, name)], folder)
    options = EngineOptions(
        device, settings.threads, dtype=dtype, store=store, encoder_runtime=settings.encoder_runtime
    )
    engine: Any = registry.load(role, name, options)
    try:
        if role == "ground":
            return [_grounder(engine, image, repeats)]
        library = reference.reference_for(engine, registry.fetch(entry, store), image, PHRASES)
        if role == "detect":
            return [_detector(engine, library, image, repeats)]
        return _segmenter(engine, library, image, repeats)
    finally:
        engine.close()


def _detector(engine: Any, library: Reference, image: Image, repeats: int) -> Timing:
    detector = cast(Detector, engine)
    calls: dict[str, Call] = {
        "ours": lambda: detector.detect(
            image, PHRASES, box_threshold=BOX_THRESHOLD, text_threshold=TEXT_THRESHOLD
        )
    }
    if library.detect is not None:
        calls["reference"] = library.detect
    return _timing(engine, f"detect {len(PHRASES)} phrases", interleaved(calls, repeats))


def _segmenter(engine: Any, library: Reference, image: Image, repeats: int) -> list[Timing]:
    segmenter = cast(Segmenter, engine)
    embedding = segmenter.embed(image)
    calls: dict[str, Call] = {"ours": lambda: segmenter.embed(image)}
    if library.embed is not None:
        calls["reference"] = library.embed
    timings = [_timing(engine, "embed", interleaved(calls, repeats))]
    for count in COUNTS:
        boxes = _boxes(image, count)
        calls = {"ours": _segmenting(segmenter, embedding, boxes)}
        if library.segment is not None:
            calls["reference"] = library.segment(boxes)
        timings.append(_timing(engine, f"segment {count} boxes", interleaved(calls, repeats)))
    timings.append(
        _timing(engine, "refine, cached", interleaved(_refining(segmenter, embedding), repeats))
    )
    return timings


def _grounder(engine: Any, image: Image, repeats: int) -> Timing:
    """Time two images, the second the mirror image of the first."""
    grounder = cast(Grounder, engine)
    images = [image, Image.from_array(np.ascontiguousarray(image.rgb[:, ::-1]))]
    libraries = [reference.reference_for(engine, [], each, GROUND_PHRASES) for each in images]
    thresholds = {"box_threshold": BOX_THRESHOLD, "text_threshold": TEXT_THRESHOLD}
    calls: dict[str, Call] = {
        "ours": lambda: [grounder.ground(each, GROUND_PHRASES, **thresholds) for each in images]
    }
    if all(library.ground for library in libraries):
        calls["reference"] = lambda: [library.ground() for library in libraries if library.ground]
    what = f"ground {len(GROUND_PHRASES)} phrases in {len(images)} images"
    return _timing(engine, what, interleaved(calls, repeats))


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


def _boxes(image: Image, count: int) -> np.ndarray:
    """(N, 4) boxes spread over the image."""
    height, width = image.size_hw
    corners = np.random.default_rng(0).uniform(0, 0.6, (count, 2)) * (width, height)
    side = np.array([0.3 * width, 0.3 * height])
    boxes: np.ndarray = np.hstack([corners, corners + side])
    return boxes.astype(np.float32)


def _timing(engine: Any, what: str, spent: dict[str, float]) -> Timing:
    reference_ms = spent.get("reference")
    return Timing(engine.name, engine.device, engine.dtype, what, spent["ours"], reference_ms)
