"""The folder of ``edgeseg label``: written as it goes, resumed, and finished."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeseg.cli.label_inputs import LabelInput, LabelInputs
from edgeseg.cli.outputs import write_json
from edgeseg.cli.result_file import EarlierRows, ResultFile
from edgeseg.codecs import load_image, upright_file
from edgeseg.datasets.doubts import doubts_of
from edgeseg.datasets.formats import dataset_files, place_of
from edgeseg.datasets.ontology import Ontology
from edgeseg.datasets.page import page
from edgeseg.datasets.rows import LabelledImage, difference_hash
from edgeseg.datasets.splits import Split
from edgeseg.datasets.summary import review_list, summary
from edgeseg.errors import InvalidParameterError
from edgeseg.files import write_bytes
from edgeseg.result import Segmentation
from edgeseg.types import Image

RESULTS, SUMMARY, PAGE, REVIEW = "results.jsonl", "summary.json", "report.html", "review.json"


@dataclass
class DatasetFolder:
    """A data set while it is made; ``request`` stands for all options that shape it."""

    folder: Path
    ontology: Ontology
    format_name: str
    split: Split
    box_threshold: float
    request: str
    is_linked: bool = False
    image_prefix: str = ""
    images: dict[str, LabelledImage] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def begin(self, resume: bool) -> None:
        """Read what an earlier run left.

        Raises InvalidParameterError for a folder that holds something else, that is not to be
        resumed, or that was begun with other options.
        """
        target = self.folder / RESULTS
        if not target.exists():
            if self.folder.exists() and any(self.folder.iterdir()):
                raise InvalidParameterError(
                    f"{self.folder} holds files and no data set: choose a new folder."
                )
            return
        if not resume:
            raise InvalidParameterError(
                f"{self.folder} holds a data set: go on with --resume, or choose a new folder."
            )
        for row in EarlierRows(target).without(()):
            if row.get("prompt") != self.request:
                raise InvalidParameterError(
                    f"{self.folder} was begun with another ontology or other options: choose a "
                    "new folder."
                )
            with suppress(ValueError):
                image = LabelledImage.from_row(row)
                if os.path.lexists(self._target(image)):
                    self.images[image.file] = image

    def is_done(self, each: LabelInput) -> bool:
        """Say whether an earlier run labelled this image, and the file is the same."""
        image = self.images.get(each.source.shown)
        return image is not None and (image.sha256, image.name) == (each.sha256, each.name)

    def open(self) -> ResultFile:
        """Return the file that a row is added to for each image."""
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = [each.row(self.request) for each in self.images.values()]
        return ResultFile(self.folder / RESULTS, rows)

    def add(self, each: LabelInput, found: Segmentation, file: ResultFile) -> LabelledImage:
        """Put an image and its labels into the data set; the row is what counts it as done."""
        data = found.read_image()
        result = self.ontology.to_classes(found.result)
        image = LabelledImage(
            file=each.source.shown,
            name=each.name,
            split=self.split.of(each.sha256),
            sha256=each.sha256,
            difference_hash=difference_hash(found.image),
            size_bytes=len(data),
            doubts=doubts_of(result, self.ontology, self.box_threshold),
            result=result,
        )
        self._put(self._target(image), each.path, data)
        file.write(image.row(self.request))
        self.images[image.file] = image
        return image

    def finish(self, inputs: LabelInputs, review: bool) -> dict[str, Any]:
        """Write the format's files, the summary, its page, and the list for review."""
        order = {each.source.shown: place for place, each in enumerate(inputs.images)}
        images = sorted(
            (each for each in self.images.values() if each.file in order),
            key=lambda each: order[each.file],
        )
        names = self.ontology.names
        for name, data in dataset_files(images, names, self.format_name, self.image_prefix).items():
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, data)
        figures = summary(images, names, inputs.copies, {**inputs.failed, **self.failed})
        write_json(self.folder / SUMMARY, figures)
        if review:
            write_json(self.folder / REVIEW, review_list(images))
        title = f"Data set {self.folder.resolve().name}"
        write_bytes(self.folder / PAGE, page(title, figures, images, self._load).encode())
        return figures

    def _target(self, image: LabelledImage) -> Path:
        return self.folder / place_of(image.split, image.name, self.format_name)

    def _load(self, image: LabelledImage) -> Image:
        return load_image(self._target(image))

    def _put(self, target: Path, source: Path, data: bytes) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        upright = upright_file(data)
        if self.is_linked and upright is data:
            target.unlink(missing_ok=True)
            target.symlink_to(source.resolve())
        else:
            if target.is_symlink():
                # Never through a link into somebody's images.
                target.unlink()
            write_bytes(target, upright)


def say_stopped(folder: Path, done: int, total: int) -> None:
    """Print how far a run came, and how to go on."""
    print(
        f"Stopped: {done} of {total} images are done and kept in {folder}; --resume goes on from "
        "there.",
        file=sys.stderr,
    )


def request_of(ontology: Ontology, facts: Sequence[object]) -> str:
    """Return what stands for an ontology and the options of a data set."""
    # In order, as it numbers the classes.
    text = json.dumps([ontology.model_dump(mode="json"), list(facts)])
    return f"label {hashlib.sha256(text.encode()).hexdigest()[:16]}"
