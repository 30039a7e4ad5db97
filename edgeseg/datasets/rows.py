"""What a data set keeps of each image while it is made: its result, its place and its doubts."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import numpy as np
import PIL.Image
from pydantic import BaseModel

from edgeseg.datasets.doubts import Doubt
from edgeseg.schemas import SegmentationResult
from edgeseg.types import Image

# Of a difference hash: eight rows of eight comparisons.
_HASH_PX = 8


class LabelledImage(BaseModel):
    """One image: ``file`` is where it was, ``name`` its path within the data set's ``split``."""

    file: str
    name: str
    split: str
    sha256: str
    difference_hash: str
    size_bytes: int
    doubts: list[Doubt] = []
    result: SegmentationResult

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return str(PurePosixPath(self.name).with_suffix(""))

    @property
    def doubt(self) -> float:
        """The weight of the strongest doubt, 0 to 1."""
        return max((each.weight for each in self.doubts), default=0.0)

    def row(self, request: str) -> dict[str, Any]:
        """Return the row of ``results.jsonl``, which `edgeseg export` reads too.

        ``request`` stands for all options of the data set.
        """
        facts = self.model_dump(mode="json", exclude={"file", "result"})
        return {
            "file": self.file,
            "prompt": request,
            "dataset": facts,
            "result": self.result.model_dump(mode="json"),
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> LabelledImage:
        """Return what `row` was made of; raises ValueError for anything else."""
        facts, result = row.get("dataset"), row.get("result")
        if not isinstance(facts, dict) or not isinstance(result, dict):
            raise ValueError("the row is not of a data set")
        return cls.model_validate({**facts, "file": row.get("file"), "result": result})


def difference_hash(image: Image) -> str:
    """Return 64 bits, as hexadecimal digits, that copies of other size or quality nearly share.

    Each bit says whether a pixel of the image in 9 x 8 is brighter than its right neighbour.
    """
    grey = PIL.Image.fromarray(image.rgb).convert("L")
    small = np.asarray(grey.resize((_HASH_PX + 1, _HASH_PX), PIL.Image.Resampling.BOX), np.int16)
    return np.packbits(small[:, :-1] > small[:, 1:]).tobytes().hex()
