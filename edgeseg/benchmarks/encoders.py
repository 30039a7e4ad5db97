"""Encoder times of segmenters side by side, interleaved in one run, with random weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from edgeseg.benchmarks import memory
from edgeseg.benchmarks.reference import Call
from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.types import Image

if TYPE_CHECKING:
    import torch

Runtime = Literal["torch", "openvino", "onnxruntime"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
# What EdgeSAM is compared with by its paper, and the smallest of its successors.
ENGINES = ("edge-sam", "mobile-sam", "sam2.1-tiny", "sam-vit-base", "sam-vit-huge")
PAPER_ENGINE, PAPER_RATIO = "sam-vit-huge", 40


@dataclass(frozen=True)
class EncoderTime:
    """Median milliseconds of one encoder in one runtime, and of all CPU cores together.

    The latter hardly depend on what else the machine does.
    """

    engine: str
    runtime: Runtime
    ms: float
    cpu_ms: float


def measure(
    pairs: Sequence[tuple[str, Runtime]],
    folder: Path,
    rounds: int,
    threads: int | None,
    progress: Callable[[str], None] = lambda what: None,
) -> list[EncoderTime]:
    """Time encoders on the CPU in float32, each once a round.

    ``pairs`` are engines and runtimes. Weights that are not installed are made up and put into
    ``folder``: time does not depend on them.
    """
    calls: dict[tuple[str, Runtime], Call] = {}
    for name, runtime in pairs:
        progress(f"prepare {name} in {runtime}")
        calls[name, runtime] = _call(name, runtime, folder, threads)
    spent: dict[tuple[str, Runtime], list[tuple[float, float]]] = {pair: [] for pair in calls}
    for turn in range(rounds):
        for pair, call in calls.items():
            progress(f"round {turn + 1} of {rounds}: {pair[0]} in {pair[1]}")
            start, start_cpu = time.perf_counter(), time.process_time()
            call()
            took_s = time.perf_counter() - start, time.process_time() - start_cpu
            spent[pair].append((took_s[0] * 1000, took_s[1] * 1000))
    return [
        EncoderTime(name, runtime, *(float(each) for each in np.median(times, axis=0)))
        for (name, runtime), times in spent.items()
    ]


def _call(name: str, runtime: Runtime, folder: Path, threads: int | None) -> Call:
    """Return what encodes once; the pixels are ready, only the network is timed."""
    store = memory.provided([("segment", name)], folder)
    options = EngineOptions("cpu", threads, dtype="float32", store=store)
    if runtime == "openvino":
        options = EngineOptions(
            "cpu", threads, dtype="float32", store=store, encoder_runtime="openvino"
        )
    engine: Any = registry.load("segment", name, options)
    noise = np.random.default_rng(0).integers(0, 255, (768, 1024, 3), dtype=np.uint8)
    pixels = engine.pixels(Image.from_array(noise))
    if runtime == "onnxruntime":
        return _in_onnxruntime(engine, pixels, folder / f"{name}.onnx", threads)
    network = engine._compiled or engine.network

    def call() -> object:
        with engine.placement.inference():
            return network(pixels)

    return call


def _in_onnxruntime(engine: Any, pixels: torch.Tensor, path: Path, threads: int | None) -> Call:
    from edgeseg.engines.export.onnx_files import write_onnx
    from edgeseg.engines.export.options import ExportOptions
    from edgeseg.engines.export.parts import parts_of
    from edgeseg.engines.onnx import open_session

    if not path.exists():
        write_onnx(parts_of(engine, "onnx", ExportOptions()).encoder, path)
    session, feed = open_session(path, threads), {"image": pixels.numpy()}
    engine.close()
    return lambda: session.run(None, feed)
