"""Times of one photo: preparing, encoding, and decoding one class, two, and so on."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from edgeseg.engines.edge_sam.model import SamModel
from edgeseg.engines.edge_sam.prompt_encoder import INPUT_PX, INSIDE, PADDING
from edgeseg.engines.fpseg.checkpoint import start_model
from edgeseg.engines.fpseg.encoders import resolved
from edgeseg.engines.fpseg.model import FPSeg, enlarged, prepared
from edgeseg.files import write_bytes
from training.common.distributed import World
from training.common.precision import autocast, compute_dtype
from training.fpseg.charts import draw_curves
from training.fpseg.config import Bench
from training.fpseg.tensorrt_run import TensorrtEngine

Call = Callable[[], object]
FPSEG, SAM = "FPSeg: a prompt a class", "SAM's decoder: a point a class"


def bench(config: Bench, world: World) -> None:
    """Write ``bench.json`` and ``bench.png``: milliseconds by the number of classes.

    Decoding ends with masks at the photo's size. With ``sam`` the same encoder is measured with
    SAM's own decoder, to which a class is a point; with ``trt_file`` an engine too.
    """
    if not world.is_first:
        return
    torch.manual_seed(config.seed)
    # Times depend on the number of classes and tokens alone, so that any file will do.
    model = start_model(
        config.encoder, config.checkpoint, config.n_classes, config.prompt_size, config.input_px,
        fresh_prompts=True,
    ).eval()  # fmt: skip
    model.requires_grad_(False).to(world.device)
    found = measure_model(model, config, world)
    config.output_dir.mkdir(parents=True, exist_ok=True)
    write_bytes(config.output_dir / "bench.json", json.dumps(found, indent=1).encode())
    before = found["prepare_ms"]["mean"] + found["encode_ms"]["mean"]
    curves = {
        name: [(row["classes"], before + row["mean"]) for row in found[key]]
        for name, key in ((FPSEG, "decode_ms"), (SAM, "sam_decode_ms"))
        if key in found
    }
    title = f"{found['encoder']} on {found['device']}: {before:.0f} ms before the first class"
    axes = ("classes", "ms for a photo")
    draw_curves(curves, title, axes, config.output_dir / "bench.png")
    print_times(found)


@torch.inference_mode()
def measure_model(model: FPSeg, config: Bench, world: World) -> dict[str, Any]:
    """Return what is in ``bench.json``."""
    photo = torch.randint(0, 256, (1, 3, *config.image_size), dtype=torch.uint8)
    pixels = prepared(photo.to(world.device), config.input_px)

    counts = range(1, config.n_classes + 1)
    parts = 2 + len(counts) * (2 if config.sam else 1) + (config.trt_file is not None)
    bar = tqdm(total=parts, desc="bench", leave=False)

    def timed(call: Call) -> dict[str, float]:
        with autocast(world.device, config.precision):
            made = times(call, config, world.device)
        bar.update()
        return made

    with autocast(world.device, config.precision):
        embedding = model.encode(pixels)
    found: dict[str, Any] = {
        "encoder": resolved(config.encoder),
        "parameters": sum(each.numel() for each in model.parameters()),
        "tokens": config.prompt_size,
        "input_px": config.input_px,
        "image_size": list(config.image_size),
        **_machine(world.device, config),
        "prepare_ms": timed(lambda: prepared(photo.to(world.device), config.input_px)),
        "encode_ms": timed(lambda: model.encode(pixels)),
        "decode_ms": [
            {"classes": count, **timed(_decoding(model, embedding, count, config))}
            for count in counts
        ],
    }
    if config.sam:
        sam = sam_like(model).to(world.device)
        found["sam_decode_ms"] = [
            {"classes": count, **timed(_clicking(sam, embedding, count, config))}
            for count in counts
        ]
    if config.trt_file is not None:
        engine = TensorrtEngine(config.trt_file)
        image = torch.nn.functional.interpolate(photo.float(), (config.input_px,) * 2).byte()
        # With its inputs and outputs copied, which the original's times leave out.
        found["tensorrt_ms"] = timed(lambda: engine.run(image=image))
    bar.close()
    return found


def times(call: Call, config: Bench, device: torch.device) -> dict[str, float]:
    """Return mean, deviation and median of a call in milliseconds, after the warm-up.

    ``cpu`` is the mean time of all cores together, which hardly depends on what else they do.
    """
    spent, on_cpu = [], []
    for number in range(config.n_warmup + config.n_runs):
        began, began_cpu = time.perf_counter(), time.process_time()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if number >= config.n_warmup:
            spent.append(1000 * (time.perf_counter() - began))
            on_cpu.append(1000 * (time.process_time() - began_cpu))
    figures = {
        "mean": np.mean(spent),
        "std": np.std(spent),
        "median": np.median(spent),
        "cpu": np.mean(on_cpu),
    }
    return {name: round(float(value), 3) for name, value in figures.items()}


def sam_like(model: FPSeg) -> SamModel:
    """Return the encoder with SAM's prompt encoder and mask decoder, their weights random."""
    return SamModel(model.image_encoder).eval().requires_grad_(False)


def _decoding(model: FPSeg, embedding: Tensor, count: int, config: Bench) -> Call:
    rows, size = torch.arange(count), (config.image_size[0], config.image_size[1])
    return lambda: enlarged(model.decode(embedding, rows), size) > 0


def _clicking(sam: SamModel, embedding: Tensor, count: int, config: Bench) -> Call:
    """Return what decodes a point for each class, as SAM does: with the padding point."""
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(count, 2, 2, generator=generator) * INPUT_PX
    points[:, 1] = 0
    labels = torch.tensor([[INSIDE, PADDING]]).expand(count, -1)
    points, labels = points.to(embedding.device), labels.to(embedding.device)
    size = (config.image_size[0], config.image_size[1])
    return lambda: enlarged(sam.decode(embedding, points, labels)[0][:, 0], size) > 0


def _machine(device: torch.device, config: Bench) -> dict[str, Any]:
    is_gpu = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if is_gpu else platform.machine(),
        "threads": torch.get_num_threads(),
        "dtype": str(compute_dtype(device, config.precision)).removeprefix("torch."),
        "load": round(os.getloadavg()[0], 1),
        "runs": config.n_runs,
    }


def print_times(found: dict[str, Any]) -> None:
    """Print the times of one class and of all."""
    print(f"{found['encoder']}: {found['parameters']:,} parameters, {found['dtype']}")
    for key in ("prepare_ms", "encode_ms", "tensorrt_ms"):
        if key in found:
            print(f"{key:14} {_row(found[key])}")
    for key in ("decode_ms", "sam_decode_ms"):
        for row in found.get(key, [])[:: max(1, len(found.get(key, [])) - 1)]:
            print(f"{key:14} {_row(row)}  {row['classes']} classes")


def _row(times_ms: dict[str, float]) -> str:
    return f"{times_ms['mean']:9.1f} ± {times_ms['std']:.1f} ms, cores {times_ms['cpu']:.0f} ms"
