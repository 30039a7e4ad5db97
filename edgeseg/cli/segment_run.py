"""Carries out ``edgeseg segment`` and ``masks``: each result is written when it is made."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from edgeseg.cli.inputs import Input
from edgeseg.cli.result_file import STDOUT, ResultFile, write_single
from edgeseg.cli.segment_outputs import Outputs
from edgeseg.codecs import ImageSource
from edgeseg.errors import EdgeSegError
from edgeseg.pipeline import EdgeSegAI
from edgeseg.result import Segmentation
from edgeseg.schemas import ClassOptions, MaskOptions, SegmentOptions
from edgeseg.types import Progress

# Loading models may take this share of the time; a batch, which a crash loses, this many images and
# seconds.
LOADING_SHARE, MAX_BATCH, MAX_BATCH_S = 0.1, 64, 60.0


# Segments some images, tells how far a stage is, and leaves the error of an image in its place.
Work = Callable[[Sequence[ImageSource], Progress], Sequence[Segmentation | EdgeSegError]]


def by_words(ai: EdgeSegAI, prompt: str, options: SegmentOptions) -> Work:
    """Segment what a prompt names."""

    def work(
        images: Sequence[ImageSource], progress: Progress
    ) -> Sequence[Segmentation | EdgeSegError]:
        return ai.segment_images(images, prompt, progress=progress, return_errors=True, **options)

    return work


def of_everything(ai: EdgeSegAI, options: MaskOptions) -> Work:
    """Segment everything, one image after the other."""
    return _one_by_one(
        lambda image, progress: ai.segment_everything(image, progress=progress, **options)
    )


def of_classes(ai: EdgeSegAI, options: ClassOptions) -> Work:
    """Find the classes of a pack, one image after the other."""
    return _one_by_one(lambda image, progress: ai.segment_classes(image, **options))


def _one_by_one(segment: Callable[[ImageSource, Progress], Segmentation]) -> Work:
    def one(image: ImageSource, progress: Progress) -> Segmentation | EdgeSegError:
        try:
            return segment(image, progress)
        except EdgeSegError as error:
            return error

    return lambda images, progress: [one(image, progress) for image in images]


def run(work: Work, inputs: Sequence[Input], outputs: Outputs, *, resume: bool = False) -> int:
    """Segment all images and write each result when it is made; returns how many failed.

    On Ctrl-C what is done is kept, and KeyboardInterrupt goes on to the caller.
    """
    if resume:
        outputs.read_earlier()
    left = [each for each in inputs if not (resume and outputs.is_done(each))]
    if resume and len(left) < len(inputs):
        print(f"{len(inputs) - len(left)} of {len(inputs)} are done already.", file=sys.stderr)
    if not outputs.several:
        return _one(work, left[0], outputs) if left else 0
    file = outputs.open_json(each.shown for each in left)
    batches = _Batches(work, outputs, file)
    try:
        with tqdm(total=len(left), unit="image", disable=None) as bar:
            batches.run(left, bar)
    except (KeyboardInterrupt, OSError, MemoryError) as error:
        if file is not None:
            with suppress(OSError):
                file.close()
        done = len(inputs) - len(left) + batches.done
        outputs.say_kept(done, len(inputs), error)
        raise
    if file is not None:
        file.close()
    return batches.failed


@dataclass
class _Batches:
    work: Work
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
            rows = self.work(sources, lambda role, done, total: _show(bar, role, done, total))
            for each, row in zip(batch, rows, strict=True):
                self._write(each, row)
                bar.update()
            start += len(batch)
            size = batch_size(rows, size)

    def _write(self, each: Input, row: Segmentation | EdgeSegError) -> None:
        if isinstance(row, EdgeSegError):
            self.failed += 1
            tqdm.write(f"{each.shown}: {row.detail} [{row.code}]", file=sys.stderr)
            return
        report(each, row, quiet=self.outputs.json == STDOUT)
        self.outputs.write_images(each, row)
        if self.file is not None:
            self.file.write(row_of(each, row))
        self.done += 1


def _one(work: Work, each: Input, outputs: Outputs) -> int:
    """Segment one image; its JSON is an object and no list, and its errors are the command's."""
    with tqdm(unit="image", total=1, disable=None, leave=False) as bar:
        (result,) = work([each.source()], lambda role, done, total: _show(bar, role, done, total))
    if isinstance(result, EdgeSegError):
        raise result
    report(each, result, quiet=outputs.json == STDOUT)
    outputs.write_images(each, result)
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
        summary = f"{len(result.objects)} found in {total_ms:.0f} ms"
        words = f"{result.simplified_prompt} " if result.simplified_prompt else ""
        tqdm.write(f"{each.shown}: {words}{summary}")
        if result.result.classes is not None and result.result.classes.unfinished:
            late = ", ".join(each.name for each in result.result.classes.unfinished)
            tqdm.write(f"  no time for: {late}")
        for row in result.objects:
            box = ", ".join(f"{value:.0f}" for value in row.box)
            tqdm.write(f"  {row.label} {row.score:.2f} at ({box}), {row.area} pixels")
    for warning in result.result.warnings:
        tqdm.write(f"  warning: {warning}", file=sys.stderr)


def _show(bar: tqdm[Any], role: str, done: int, total: int) -> None:
    bar.set_description(f"{role} {done}/{total}" if total > 1 else role)


def batch_size(rows: Sequence[Segmentation | EdgeSegError], before: int) -> int:
    """Return how many images to take next, so that loading engines costs a tenth of the time."""
    timings = [row.result.timings_ms for row in rows if isinstance(row, Segmentation)]
    if not timings:
        return before
    load_ms = sum(each.get("load", 0.0) for each in timings)
    work_ms = sum(each["total"] for each in timings) - load_ms
    per_image_ms = max(work_ms / len(timings), 1e-3)
    size = math.ceil(load_ms / (LOADING_SHARE * per_image_ms))
    return max(1, min(MAX_BATCH, size, int(MAX_BATCH_S * 1000 / per_image_ms)))
