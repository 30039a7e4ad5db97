"""Segmentations of COCO annotation files: every kind is read, and checked first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeseg.codecs import mask_to_rle
from edgeseg.codecs.annotation import annotation_to_mask
from edgeseg.errors import InvalidParameterError

SIZE_HW = (6, 8)


def test_every_kind_of_segmentation_gives_the_same_mask() -> None:
    mask = np.zeros(SIZE_HW, bool)
    mask[1:4, 2:7] = True
    flat = mask.ravel("F")
    ends = np.append(np.flatnonzero(np.diff(flat)) + 1, flat.size)
    kinds: list[Any] = [
        [[2, 1, 7, 1, 7, 4, 2, 4]],
        {"size": [6, 8], "counts": np.diff(ends, prepend=0).tolist()},
        {"size": [6, 8], "counts": mask_to_rle(mask).counts},
    ]
    for kind in kinds:
        assert (annotation_to_mask(kind, SIZE_HW) == mask).all()
    assert not annotation_to_mask([], SIZE_HW).any()


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [6, 9], "counts": [54]},
        {"size": [6, 8], "counts": [47]},
        {"size": [6, 8], "counts": [50, -2]},
        {"size": [6, 8], "counts": [2**40]},
        {"size": [6, 8], "counts": [2**70]},
        {"size": [6, 8], "counts": ["x"]},
        {"size": [6, 8], "counts": "01"},
        {"size": [6, 8]},
        {"counts": [48]},
        "everything",
        [[1, 2]],
        [[1, 2, 3, 4, 5]],
        [[0, 0, 1e9, 0, 1e9, 5]],
        [[0, 0, float("nan"), 0, 3, 5]],
        [{"x": 1}],
        [[[1, 2], [3]]],
    ],
)
def test_a_segmentation_that_is_none_is_refused(segmentation: Any) -> None:
    with pytest.raises(InvalidParameterError):
        annotation_to_mask(segmentation, SIZE_HW)
