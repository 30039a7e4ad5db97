"""What is kept of each object and prompt, and its lines in a JSON Lines file."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation.clicks import Click
from edgeseg.files import replacing


@dataclass(frozen=True)
class MaskRecord:
    """One object under one kind of prompt: its metrics after each click, and its first mask.

    ``ious``, ``boundary_ious`` and ``scores`` begin with the prompt alone, or for the NoC with the
    first click. ``area_px`` counts the pixels of the annotated mask; ``counts`` are the compressed
    run lengths of the first mask, in an image of ``size_hw``.
    """

    image: str
    object_id: int
    category: str
    area_px: int
    prompt: str
    ious: list[float]
    boundary_ious: list[float]
    scores: list[float]
    clicks: list[Click]
    box_xyxy: tuple[float, float, float, float]
    size_hw: tuple[int, int]
    counts: str


@dataclass(frozen=True)
class ImageRecords:
    """All that is kept of one image: its objects, and masks of a detector's boxes.

    ``unusable`` counts the objects whose masks are empty or cannot be read.
    """

    image: str
    records: list[MaskRecord]
    detections: list[dict[str, Any]]
    unusable: int = 0

    def lines(self) -> str:
        """The lines of a JSON Lines file; the last one tells that the image is whole."""
        rows = [json.dumps({"object": asdict(each)}) for each in self.records]
        rows += [json.dumps({"detection": each}) for each in self.detections]
        end = {"image": self.image, "lines": len(rows), "unusable": self.unusable}
        rows.append(json.dumps(end))
        return "\n".join(rows) + "\n"


class RecordFile:
    """A JSON Lines file that grows by one image at a time, and goes on after an interruption.

    Its first line tells what was asked, so that answers of another protocol are never mixed in.
    """

    def __init__(self, path: Path, key: str, resume: bool) -> None:
        """Begin the file, or keep its whole images.

        Raises InvalidParameterError when it is to be resumed and was begun with other options.
        """
        self._path = path
        self.earlier: list[ImageRecords] = []
        if resume and path.is_file():
            with path.open(encoding="utf-8") as stream:
                if _parsed(stream.readline()) != {"protocol": key}:
                    raise InvalidParameterError(
                        f"{path} holds no answers to the same options: choose another name."
                    )
                self.earlier = list(_whole_images(stream))
        with replacing(path) as part, part.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps({"protocol": key}) + "\n")
            stream.writelines(each.lines() for each in self.earlier)

    def write(self, image: ImageRecords) -> None:
        """Add an image and hand it to the system."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(image.lines())


def _whole_images(lines: Iterator[str]) -> Iterator[ImageRecords]:
    """Yield the images of which every line is there, up to the first line that is torn."""
    rows: dict[str, list[Any]] = defaultdict(list)
    for line in lines:
        row = _parsed(line)
        if not isinstance(row, dict):
            return
        if "image" not in row:
            for kind, value in row.items():
                rows[kind].append(value)
            continue
        if len(rows["object"]) + len(rows["detection"]) == row["lines"]:
            records = [_record(each) for each in rows["object"]]
            yield ImageRecords(row["image"], records, rows["detection"], row["unusable"])
        rows.clear()


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _record(row: dict[str, Any]) -> MaskRecord:
    values = {each.name: row[each.name] for each in fields(MaskRecord)}
    values["clicks"] = [Click(*each) for each in row["clicks"]]
    values["box_xyxy"], values["size_hw"] = tuple(row["box_xyxy"]), tuple(row["size_hw"])
    return MaskRecord(**values)


def worst(records: Sequence[MaskRecord], count: int) -> list[MaskRecord]:
    """The records of lowest IoU under the prompt alone, worst first."""
    return sorted(records, key=lambda each: (each.ious[0], each.image, each.object_id))[:count]
