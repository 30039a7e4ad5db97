"""Carries out ``edgeseg segment``: many images in batches, each result written when it is made."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import PIL.Image
from tqdm import tqdm

from edgeseg.cli.inputs import Input
from edgeseg.cli.outputs import check_suffix, check_targets, description_of, save_picture
from edgeseg.cli.result_file import STDOUT, ResultFile, read_rows, write_single
from edgeseg.codecs import ImageSource
from edgeseg.errors import EdgeSegError, InvalidParameterError
from edgeseg.pipeline import EdgeSegAI
from edgeseg.schemas import SegmentOptions
from edgeseg.segmentation import Segmentation

# Loading models may take this share of the time; a batch, which a crash loses, this many images and
# seconds.
LOADING_SHARE, MAX_BATCH, MAX_BATCH_S = 0.1, 64, 60.0


@dataclass
class Outputs:
    """Where the results of one call go: overlays, masks and JSON, of one image or of several.

    ``request`` stands for the prompt and its options, see :func:`request_hash`.
    """

    out: str | None
    mask: str | None
    json: Path | None
    several: bool
    prompt: str
    request: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)

    def overlay_of(self, each: Input) -> Path | None:
        """Return where an image's overlay goes."""
        return self._target(self.out, f"{each.name}.png")

    def mask_of(self, each: Input) -> Path | None:
        """Return where the PNG of an image's masks goes."""
        return self._target(self.mask, f"{each.name}_mask.png")

    def check(self, inputs: Sequence[Input], overwrite: bool) -> None:
        """Check every target before the work; raises what :func:`check_target` raises."""
        self._check_names()
        targets = [target for each in inputs for target in self._pictures_of(each)]
        if self.json is not None and self.json != STDOUT:
            targets.append(self.json)
        check_targets(targets, [each.path for each in inputs if each.path is not None], overwrite)

    def is_done(self, each: Input) -> bool:
        """Say whether an earlier run with this request has written all that is asked for.

        JSON tells the prompt alone.
        """
        targets = self._pictures_of(each)
        has_pictures = all(description_of(target) == self.request for target in targets)
        if self.json is None or self.json == STDOUT:
            return bool(targets) and has_pictures
        return each.shown in self._prompts and has_pictures

    def write_pictures(self, each: Input, result: Segmentation) -> None:
        """Write an image's overlay and mask."""
        overlay, mask = self.overlay_of(each), self.mask_of(each)
        if overlay is not None:
            save_picture(result.overlay(), overlay, self.request)
        if mask is not None:
            picture = PIL.Image.fromarray(result.segmentation_mask).convert("L")
            save_picture(picture, mask, self.request)

    def say_kept(self, done: int, total: int, error: BaseException) -> None:
        """Print how far a run came before it was stopped, and how to go on."""
        names = (self.out, self.mask, None if self.json == STDOUT else self.json)
        places = [str(name) for name in names if name is not None]
        if isinstance(error, BrokenPipeError) and not places:
            # A reader that has enough, as head.
            return
        kept = f" and kept in {', '.join(places)}; --resume goes on from there" if places else ""
        print(f"Stopped: {done} of {total} images are done{kept}.", file=sys.stderr)

    @cached_property
    def _prompts(self) -> set[str]:
        """The files that have a row of this prompt."""
        return {row["file"] for row in self.rows if row.get("prompt") == self.prompt}

    def _pictures_of(self, each: Input) -> list[Path]:
        return [path for path in (self.overlay_of(each), self.mask_of(each)) if path is not None]

    def _check_names(self) -> None:
        for what, wanted in (("out", self.out), ("mask", self.mask)):
            if wanted == "":
                raise InvalidParameterError(f"{what}: expected the name of a file or folder.")
            if wanted is not None and not self._in_folder(wanted):
                check_suffix(Path(wanted), what)
            if wanted is not None and self.several and Path(wanted).is_file():
                raise InvalidParameterError(
                    f"{what}: {wanted} is a file; several images need a folder."
                )

    def _in_folder(self, wanted: str) -> bool:
        return self.several or wanted.endswith(("/", os.sep)) or Path(wanted).is_dir()

    def _target(self, wanted: str | None, name: str) -> Path | None:
        if wanted is None:
            return None
        return Path(wanted, name) if self._in_folder(wanted) else Path(wanted)


def request_hash(prompt: str, options: Mapping[str, Any], engines: Sequence[str | None]) -> str:
    """Return what stands for a request in the pictures that it makes."""
    text = json.dumps([prompt, dict(options), list(engines)], sort_keys=True)
    return f"request {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def run(
    ai: EdgeSegAI,
    inputs: Sequence[Input],
    prompt: str,
    options: SegmentOptions,
    outputs: Outputs,
    *,
    resume: bool = False,
) -> int:
    """Segment all images and write each result when it is made; returns how many failed.

    On Ctrl-C what is done is kept, and KeyboardInterrupt goes on to the caller.
    """
    outputs.rows = read_rows(outputs.json) if resume and outputs.json is not None else []
    left = [each for each in inputs if not (resume and outputs.is_done(each))]
    if resume and len(left) < len(inputs):
        print(f"{len(inputs) - len(left)} of {len(inputs)} are done already.", file=sys.stderr)
    if not outputs.several:
        return _one(ai, left[0], prompt, options, outputs) if left else 0
    names = {each.shown for each in left}
    kept = [row for row in outputs.rows if row["file"] not in names]
    file = None if outputs.json is None else ResultFile(outputs.json, kept)
    work = _Work(ai, prompt, options, outputs, file)
    try:
        with tqdm(total=len(left), unit="image", disable=None) as bar:
            work.run(left, bar)
    except (KeyboardInterrupt, OSError, MemoryError) as error:
        if file is not None:
            with suppress(OSError):
                file.close()
        done = len(inputs) - len(left) + work.done
        outputs.say_kept(done, len(inputs), error)
        raise
    if file is not None:
        file.close()
    return work.failed


@dataclass
class _Work:
    ai: EdgeSegAI
    prompt: str
    options: SegmentOptions
    outputs: Outputs
    file: ResultFile | None
    done: int = 0
    failed: int = 0

    def run(self, inputs: Sequence[Input], bar: tqdm[Any]) -> None:
        """Take batches through all stages; loading an engine costs one of them once."""
        start, size = 0, 1
        while start < len(inputs):
            batch = inputs[start : start + size]
            sources: list[ImageSource] = [each.source() for each in batch]
            rows = self.ai.segment_images(
                sources,
                self.prompt,
                progress=lambda role, done, total: _show(bar, role),
                return_errors=True,
                **self.options,
            )
            for each, row in zip(batch, rows, strict=True):
                self._write(each, row)
                bar.update()
            start += len(batch)
            size = _batch_size(rows, size)

    def _write(self, each: Input, row: Segmentation | EdgeSegError) -> None:
        if isinstance(row, EdgeSegError):
            self.failed += 1
            tqdm.write(f"{each.shown}: {row.detail} [{row.code}]", file=sys.stderr)
            return
        report(each, row, quiet=self.outputs.json == STDOUT)
        self.outputs.write_pictures(each, row)
        if self.file is not None:
            self.file.write(row_of(each, row))
        self.done += 1


def _one(ai: EdgeSegAI, each: Input, prompt: str, options: SegmentOptions, outputs: Outputs) -> int:
    """Segment one image; its JSON is an object and no list, and its errors are the command's."""
    result = ai.segment_image(each.source(), prompt, **options)
    report(each, result, quiet=outputs.json == STDOUT)
    outputs.write_pictures(each, result)
    if outputs.json is not None:
        write_single(outputs.json, row_of(each, result))
    return 0


def row_of(each: Input, result: Segmentation) -> dict[str, Any]:
    """Return a result as its row in JSON, with the image's file."""
    return {"file": each.shown, **result.result.model_dump(mode="json")}


def report(each: Input, result: Segmentation, quiet: bool) -> None:
    """Print what was found in an image; warnings go to standard error in any case."""
    if not quiet:
        total_ms = result.result.timings_ms["total"]
        found = f"{len(result.objects)} found in {total_ms:.0f} ms"
        tqdm.write(f"{each.shown}: {result.simplified_prompt} {found}")
        for row in result.objects:
            box = ", ".join(f"{value:.0f}" for value in row.box)
            tqdm.write(f"  {row.label} {row.score:.2f} at ({box}), {row.area} pixels")
    for warning in result.result.warnings:
        tqdm.write(f"  warning: {warning}", file=sys.stderr)


def _show(bar: tqdm[Any], role: str) -> None:
    bar.set_description(role)


def _batch_size(rows: Sequence[Segmentation | EdgeSegError], before: int) -> int:
    """Return how many images to take next, so that loading engines costs a tenth of the time."""
    timings = [row.result.timings_ms for row in rows if isinstance(row, Segmentation)]
    if not timings:
        return before
    load_ms = sum(each.get("load", 0.0) for each in timings)
    work_ms = sum(each["total"] for each in timings) - load_ms
    per_image_ms = max(work_ms / len(timings), 1e-3)
    wanted = math.ceil(load_ms / (LOADING_SHARE * per_image_ms))
    return max(1, min(MAX_BATCH, wanted, int(MAX_BATCH_S * 1000 / per_image_ms)))
