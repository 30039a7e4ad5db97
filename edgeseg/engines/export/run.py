"""An engine becomes files in a folder, all of them or none, with a card that describes them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.export.job import Job, Progress
from edgeseg.engines.export.options import ExportOptions, Target
from edgeseg.engines.spec import Entry
from edgeseg.errors import InvalidParameterError

_FAMILIES = ("edge_sam", "mobile_sam", "sam", "nano")
_SUFFIXES: Mapping[Target, tuple[str, ...]] = {
    "onnx": (".onnx",),
    "openvino": (".xml", ".bin"),
    "coreml": (".mlpackage",),
    "litert": (".tflite",),
}


@dataclass(frozen=True)
class Exported:
    """The files of an export, its card among them, and what was measured of it."""

    files: tuple[Path, ...]
    accuracy: Mapping[str, float]


def exportable() -> list[str]:
    """Names of the segmenters that can be exported."""
    return [
        entry.name
        for entry in registry.entries()
        if entry.role == "segment" and _family(entry) in _FAMILIES
    ]


def export_model(
    engine: str,
    target: Target,
    folder: str | Path,
    options: ExportOptions | None = None,
    *,
    engine_options: EngineOptions | None = None,
    samples: Sequence[Any] = (),
    overwrite: bool = False,
    progress: Progress = lambda what: None,
) -> Exported:
    """Write an engine's networks into ``folder`` for another runtime.

    ``engine_options`` say where its weights are. ``samples``, `agreement.Sample` each, are photos
    on which masks before and after are compared. Nothing is replaced without ``overwrite``.
    Raises InvalidParameterError for what cannot be exported so, EngineUnavailableError where
    weights or packages are missing, and EngineError where the files compute something else.
    """
    options = options or ExportOptions()
    options.check(target)
    entry = registry.find("segment", engine)
    if _family(entry) not in _FAMILIES:
        raise InvalidParameterError(
            f"{engine} cannot be exported; those that can: {', '.join(exportable())}."
        )
    out, stem = Path(folder), _stem(engine, options)
    out.mkdir(parents=True, exist_ok=True)
    if not overwrite:
        _check_absent(_planned(out, stem, target))
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as scratch:
        job = Job(entry, target, options, Path(scratch), stem, tuple(samples), progress)
        accuracy = _write(job, engine_options or EngineOptions())
        files = tuple(_move(each, out) for each in sorted(job.folder.iterdir()))
    return Exported(files, accuracy)


def _write(job: Job, options: EngineOptions) -> Mapping[str, float]:
    if _family(job.entry) == "nano":
        from edgeseg.engines.export.nano import write_nano

        return write_nano(job)
    from edgeseg.engines.export.sam_family import write_sam

    job.progress(f"load {job.entry.name}")
    # What is exported computes in 32 bits on the CPU, and is no compiled one.
    plain = replace(options, device="cpu", dtype="float32", encoder_runtime="torch")
    engine: Any = registry.load("segment", job.entry.name, plain)
    try:
        return write_sam(job, engine, _origin(job.entry, plain))
    finally:
        engine.close()


def _family(entry: Entry) -> str:
    """Return the folder of ``edgeseg/engines`` that an engine is in."""
    parts = entry.target.partition(":")[0].split(".")
    return parts[2] if parts[:2] == ["edgeseg", "engines"] and len(parts) > 3 else ""


def _stem(engine: str, options: ExportOptions) -> str:
    """Return how the names of the files begin: ``edge_sam``, ``edge_sam_int8``."""
    more = "" if options.precision == "fp32" else f"_{options.precision}"
    return f"{engine.replace('-', '_').replace('.', '_')}{more}"


def _planned(out: Path, stem: str, target: Target) -> Iterator[Path]:
    yield out / f"{stem}_{target}.json"
    for part in ("encoder", "decoder"):
        for suffix in _SUFFIXES[target]:
            yield out / f"{stem}_{part}{suffix}"


def _check_absent(targets: Iterable[Path]) -> None:
    for target in targets:
        if target.exists():
            raise InvalidParameterError(
                f"{target} exists: choose another folder, or give --overwrite to replace it."
            )


def _move(source: Path, out: Path) -> Path:
    target = out / source.name
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    os.replace(source, target)
    return target


def _origin(entry: Entry, options: EngineOptions) -> str:
    """Say where the weights come from; of a person's own file no more than its name."""
    chosen = entry.chosen(options.store)[0]
    return chosen.name if isinstance(chosen, Path) else chosen.address
