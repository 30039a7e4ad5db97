"""Runs a segmenter over the images of a data set, each encoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from edgeseg.engines.base import Segmenter
from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation.data import LabelledImage
from edgeseg.evaluation.masks.average_precision import DetectedBoxes, mask_ap, segment_boxes
from edgeseg.evaluation.masks.dataset import MaskDataset, has_masks, is_single, usable_mask
from edgeseg.evaluation.masks.protocol import MaskProtocol
from edgeseg.evaluation.masks.records import ImageRecords, MaskRecord, RecordFile
from edgeseg.evaluation.masks.session import Session
from edgeseg.evaluation.masks.tally import MaskTally
from edgeseg.types import Embedding, Image

# Pixels of annotated masks that are held at one time.
_PIXELS_AT_ONCE = 2**26
# Prompts that are decoded together, so that their logits fit into memory.
PROMPTS_AT_ONCE = 32

Progress = Callable[[int, MaskTally], None]


def evaluate_masks(
    dataset: MaskDataset,
    names: Sequence[str],
    segmenter: Segmenter,
    protocol: MaskProtocol,
    *,
    boxes: DetectedBoxes | None = None,
    record_file: RecordFile | None = None,
    worst: int = 0,
    progress: Progress = lambda count, tally: None,
) -> tuple[dict[str, Any], MaskTally]:
    """Measure the masks of a segmenter on the named images.

    With ``boxes`` of a detector by image, mask AP too. Images that ``record_file`` holds already
    are not run again. ``progress`` gets the images done so far and what is known. Returns the
    figures (see `MaskTally.summary`; ``mask_ap``; ``skipped``, the images that are missing or have
    another size than annotated; ``unusable``, the number of single objects whose masks are empty or
    cannot be read) and the tally, which keeps the ``worst`` records of each kind. Raises
    InvalidParameterError where annotated points are asked for and there are none.
    """
    if "point" in protocol.prompts and dataset.format != "sa-1b":
        raise InvalidParameterError("prompt: only annotations of SA-1B tell a point.")
    tally = MaskTally(protocol, worst)
    detections: list[dict[str, Any]] = []
    skipped: list[str] = []
    unusable = 0
    for count, image in enumerate(
        _all_images(dataset, names, segmenter, protocol, boxes, record_file), 1
    ):
        if isinstance(image, str):
            skipped.append(image)
        else:
            tally.add(image.records)
            detections += image.detections
            unusable += image.unusable
        progress(count, tally)
    figures = tally.summary()
    if boxes is not None:
        labelled = [dataset.labelled(name) for name in names if name not in skipped]
        figures["mask_ap"] = mask_ap(labelled, detections, dataset.categories)
    figures |= {"images": len(names) - len(skipped), "skipped": skipped, "unusable": unusable}
    return figures, tally


def _all_images(
    dataset: MaskDataset,
    names: Sequence[str],
    segmenter: Segmenter,
    protocol: MaskProtocol,
    boxes: DetectedBoxes | None,
    record_file: RecordFile | None,
) -> Iterator[ImageRecords | str]:
    """Yield the records of each image, those of an earlier run first; a name if it is skipped."""
    wanted = set(names)
    for earlier in record_file.earlier if record_file else ():
        if earlier.image in wanted:
            wanted.discard(earlier.image)
            yield earlier
    for name in names:
        if name not in wanted:
            continue
        labelled = dataset.labelled(name)
        image = dataset.image(labelled)
        if image is None:
            yield name
            continue
        found = [] if boxes is None else boxes.get(labelled.id, [])
        done = ImageRecords(name, [], [])
        if found or has_masks(labelled):
            embedding = segmenter.embed(image)
            records = list(_records(segmenter, embedding, protocol, name, labelled, image))
            asked = sum(is_single(each) for each in labelled.instances)
            unusable = asked - len(records) // len(protocol.kinds)
            segmented = segment_boxes(segmenter, embedding, found)
            done = ImageRecords(name, records, segmented, unusable)
        if record_file:
            record_file.write(done)
        yield done


def _records(
    segmenter: Segmenter,
    embedding: Embedding,
    protocol: MaskProtocol,
    name: str,
    labelled: LabelledImage,
    image: Image,
) -> Iterator[MaskRecord]:
    """Yield a record of each object with a mask, under each kind of prompt; crowds are skipped."""
    height, width = image.size_hw
    step = max(1, _PIXELS_AT_ONCE // (height * width * len(protocol.kinds)))
    single = [each for each in labelled.instances if is_single(each)]
    for start in range(0, len(single), step):
        part = single[start : start + step]
        masks = [(each, usable_mask(each, image.size_hw)) for each in part]
        sessions = [
            Session(protocol, kind, name, each, mask)
            for kind in protocol.kinds
            for each, mask in masks
            if mask is not None
        ]
        _finish(segmenter, embedding, protocol, sessions)
        yield from (each.record() for each in sessions)


def _finish(
    segmenter: Segmenter, embedding: Embedding, protocol: MaskProtocol, sessions: list[Session]
) -> None:
    """Ask for mask after mask until all sessions are done."""
    while going := [each for each in sessions if not each.is_done]:
        for start in range(0, len(going), PROMPTS_AT_ONCE):
            part = going[start : start + PROMPTS_AT_ONCE]
            prompts = [each.prompt() for each in part]
            made = segmenter.candidates(embedding, prompts, protocol.masks)
            rows = zip(part, made.logits, made.windows_xyxy, made.scores, strict=True)
            for session, logits, window, scores in rows:
                session.answer(logits, window, scores)
