"""SAM's family for other runtimes: written, compared with torch, measured, described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgeseg.engines.export import calibration, onnx_files, processing
from edgeseg.engines.export.agreement import agreement
from edgeseg.engines.export.card import Part, onnx_part, write_card
from edgeseg.engines.export.job import Job
from edgeseg.engines.export.parts import Parts, parts_of
from edgeseg.engines.export.precision import to_fp16, to_int8
from edgeseg.engines.export.runtime import ExportedSam, Run, onnx_run, openvino_run
from edgeseg.engines.sam.base import SamEngine
from edgeseg.errors import InvalidParameterError

# Of 16 bits, as a share of the largest number.
FP16_TOLERANCE = 0.05


def write_sam(job: Job, engine: SamEngine, weights: str) -> Mapping[str, float]:
    """Write an engine's encoder, its decoder where it has one to export, and the card."""
    parts = parts_of(engine, job.target, job.options)
    if parts.decoder is None and (job.options.processing or job.options.mask_input):
        raise InvalidParameterError(
            f"{job.entry.name} is exported without its decoder: processing and mask_input are for "
            "edge-sam and mobile-sam."
        )
    accuracy: Mapping[str, float] = {}
    if job.target == "coreml":
        written = _write_coreml(job, parts)
    elif job.target == "litert":
        written, accuracy = _write_litert(job, parts, engine)
    else:
        written, accuracy = _write_onnx(job, parts, engine)
    options = {k: v for k, v in asdict(job.options).items() if k != "photos"}
    if job.target != "litert":
        del options["points"]
    options["padding_point"] = job.options.pads(job.target)
    facts = {"target": job.target, **options, "accuracy": dict(accuracy)}
    write_card(job.card, job.entry, weights, facts, written)
    return accuracy


def _write_coreml(job: Job, parts: Parts) -> list[Part]:
    from edgeseg.engines.export.coreml import write_coreml

    written = []
    for name, graph in parts.named():
        job.progress(f"convert the {name}")
        takes_image = name == "encoder" and parts.decoder is not None and job.options.image_input
        path = job.path(name, ".mlpackage")
        written.append(write_coreml(graph, path, job.options.precision, takes_image))
    return written


def _write_litert(
    job: Job, parts: Parts, engine: SamEngine
) -> tuple[list[Part], Mapping[str, float]]:
    from edgeseg.engines.export.litert import litert_run, write_litert

    points, written = job.options.points, []
    runs: list[Run] = []
    for name, graph in parts.named():
        job.progress(f"convert the {name}")
        path = job.path(name, ".tflite")
        written.append(write_litert(graph, path, job.options.precision, points))
        runs.append(litert_run(path, points, graph.outputs))
    return written, _measure(job, engine, runs)


def _write_onnx(
    job: Job, parts: Parts, engine: SamEngine
) -> tuple[list[Part], Mapping[str, float]]:
    files = {}
    for name, graph in parts.named():
        job.progress(f"write the {name}")
        files[name] = job.path(name, ".onnx")
        onnx_files.write_onnx(graph, files[name])
    _set_precision(job, parts, engine, files)
    # Files for OpenVINO are measured as they are, before photos go in and out of them.
    is_openvino = job.target == "openvino"
    accuracy: Mapping[str, float] = {}
    if job.samples:
        run = openvino_run if is_openvino else onnx_run
        measured = _as_openvino(job, files) if is_openvino else files
        accuracy = _measure(job, engine, [run(file) for file in measured.values()])
    if job.options.processing:
        side = parts.encoder.inputs["image"].shape[-1]
        processing.add_processing(files["encoder"], files["decoder"], side)
    ends = _as_openvino(job, files) if is_openvino else files
    has_processing = job.options.processing
    written = [onnx_part(ends[name], files[name], has_processing) for name in files]
    if is_openvino:
        for file in files.values():
            file.unlink()
    return written, accuracy


def _set_precision(job: Job, parts: Parts, engine: SamEngine, files: Mapping[str, Path]) -> None:
    precision, photos = job.options.precision, job.options.photos
    if precision == "fp16" and job.target == "onnx":
        for name, graph in parts.named():
            to_fp16(files[name])
            onnx_files.compare(graph, files[name], FP16_TOLERANCE)
    elif precision == "int8":
        job.progress(f"calibrate on {len(photos)} photos")
        # The decoder is calibrated on what the encoder gives before it is quantised.
        encode = onnx_run(files["encoder"])
        to_int8(files["encoder"], calibration.encoder_feeds(engine, photos))
        if "decoder" in files:
            has_mask = job.options.mask_input
            feeds = calibration.decoder_feeds(engine, encode, photos, has_mask)
            to_int8(files["decoder"], feeds)


def _as_openvino(job: Job, files: Mapping[str, Path]) -> dict[str, Path]:
    from edgeseg.engines.export.openvino_files import write_openvino

    targets = {name: job.path(name, ".xml") for name in files}
    for name, target in targets.items():
        write_openvino(files[name], target, job.options.precision == "fp16")
    return targets


def _measure(job: Job, engine: Any, runs: Sequence[Run]) -> Mapping[str, float]:
    """Compare the masks of an encoder and a decoder with those of the engine they come from.

    Nothing is measured of an encoder alone, or without samples.
    """
    if len(runs) == 1 or not job.samples:
        return {}
    encode, decode = runs
    network = ExportedSam(encode, decode, job.options.mask_input)
    exported = type(engine)(engine.name, network, engine.placement, engine.input_px)
    return agreement(engine, exported, job.samples, job.progress)
