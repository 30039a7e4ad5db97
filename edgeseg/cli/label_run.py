"""Carries out ``edgeseg label``: images segmented here or by a stack, each kept when it is done."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

from tqdm import tqdm

from edgeseg.cli.label_inputs import LabelInput, LabelInputs
from edgeseg.cli.label_outputs import DatasetFolder, say_stopped
from edgeseg.cli.result_file import ResultFile
from edgeseg.cli.segment_run import batch_size
from edgeseg.client import EdgeSegClient
from edgeseg.errors import EdgeSegError, NoWorkerError, QueueFullError, UnavailableError
from edgeseg.pipeline import EdgeSegAI
from edgeseg.result import Segmentation
from edgeseg.schemas import SegmentOptions

Done = tuple[LabelInput, Segmentation | EdgeSegError]
# Yields each image with what was found in it, or with why nothing could be.
Work = Callable[[Sequence[LabelInput]], Iterator[Done]]
# Seconds to wait, one after the other, where a stack takes no further task now.
_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)


def in_process(ai: EdgeSegAI, prompt: str, options: SegmentOptions) -> Work:
    """Segment in this process, in batches so large that loading engines costs little."""

    def work(images: Sequence[LabelInput]) -> Iterator[Done]:
        start, size = 0, 1
        while start < len(images):
            batch = images[start : start + size]
            paths = [each.path for each in batch]
            rows = ai.segment_images(paths, prompt, return_errors=True, **options)
            yield from zip(batch, rows, strict=True)
            start += len(batch)
            size = batch_size(rows, size)

    return work


def by_stack(client: EdgeSegClient, prompt: str, options: SegmentOptions, in_flight: int) -> Work:
    """Send images to a stack, so many at a time, and take them in whatever order they come."""

    def work(images: Sequence[LabelInput]) -> Iterator[Done]:
        left = iter(images)
        under_way: dict[Future[Segmentation | EdgeSegError], LabelInput] = {}
        pool = ThreadPoolExecutor(in_flight)
        try:
            while True:
                for each in islice(left, in_flight - len(under_way)):
                    under_way[pool.submit(_sent, client, each, prompt, options)] = each
                if not under_way:
                    return
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for job in done:
                    yield under_way.pop(job), job.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    return work


def label_all(
    work: Work, inputs: LabelInputs, dataset: DatasetFolder, *, review: bool
) -> dict[str, Any]:
    """Label the images that are not done yet, and finish the data set; returns its summary.

    On Ctrl-C the data set is finished with what there is, and KeyboardInterrupt goes on to the
    caller. An UnavailableError, of a stack that does not answer, ends the work too.
    """
    left = [each for each in inputs.images if not dataset.is_done(each)]
    if len(left) < len(inputs.images):
        done = len(inputs.images) - len(left)
        print(f"{done} of {len(inputs.images)} are done already.", file=sys.stderr)
    file = dataset.open()
    try:
        with tqdm(total=len(left), unit="image", disable=None) as bar:
            for each, found in work(left):
                _keep(each, found, dataset, file)
                bar.update()
    except (KeyboardInterrupt, EdgeSegError, OSError):
        say_stopped(dataset.folder, len(dataset.images), len(inputs.images))
        raise
    finally:
        file.close()
        figures = dataset.finish(inputs, review)
    return figures


def _keep(
    each: LabelInput, found: Segmentation | EdgeSegError, dataset: DatasetFolder, file: ResultFile
) -> None:
    if isinstance(found, UnavailableError | NoWorkerError):
        # Nor would it answer for the images that are left.
        raise found
    if isinstance(found, EdgeSegError):
        dataset.failed[each.source.shown] = f"{found.detail} [{found.code}]"
        tqdm.write(f"{each.source.shown}: {found.detail} [{found.code}]", file=sys.stderr)
        return
    image = dataset.add(each, found, file)
    counts = Counter(one.label for one in image.result.objects)
    text = ", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing"
    tqdm.write(f"{each.source.shown}: {text}")


def _sent(
    client: EdgeSegClient, each: LabelInput, prompt: str, options: SegmentOptions
) -> Segmentation | EdgeSegError:
    for wait_s in (*_WAITS_S, None):
        try:
            return client.segment_image(each.path, prompt, file_name=each.name, **options)
        except QueueFullError as error:
            if wait_s is None:
                return error
            time.sleep(wait_s)
        except EdgeSegError as error:
            return error
    raise AssertionError("the last attempt returns")
