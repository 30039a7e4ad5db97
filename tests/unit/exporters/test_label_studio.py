"""Label Studio exports, decoded by the published description of its brush format (rle-pack)."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeseg.exporters import ImageResult, export_files
from edgeseg.exporters.label_studio import brush_rle
from edgeseg.types import BoolArray, UInt8Array


class Bits:
    """Reads whole numbers of any size from bytes, highest bit first."""

    def __init__(self, data: list[int]) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in data)
        self._at = 0

    def read(self, size: int) -> int:
        self._at += size
        return int(self._bits[self._at - size : self._at], 2)


def unpacked(data: list[int]) -> UInt8Array:
    bits = Bits(data)
    count = bits.read(32)
    word_bits = bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < count:
        is_run = bits.read(1)
        length = bits.read(sizes[bits.read(2)]) + 1
        if is_run:
            values += [bits.read(word_bits)] * length
        else:
            values += [bits.read(word_bits) for _ in range(length)]
    assert len(values) == count
    return np.array(values, np.uint8)


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 40))))
@settings(deadline=None)
def test_brushes_decode_to_the_mask(mask: BoolArray) -> None:
    pixels = unpacked(brush_rle(mask)).reshape(*mask.shape, 4)
    assert set(np.unique(pixels)) <= {0, 255}
    for channel in range(4):
        assert np.array_equal(pixels[:, :, channel] > 0, mask)


def test_runs_longer_than_any_size_are_divided() -> None:
    mask = np.zeros((130, 130), bool)
    mask[-1, -1] = True
    assert np.array_equal(unpacked(brush_rle(mask)).reshape(130, 130, 4)[:, :, 3] > 0, mask)
    assert len(brush_rle(mask)) < 30


def test_tasks_hold_predictions(
    image_result: ImageResult, empty: ImageResult, expected: dict[int, tuple[str, BoolArray]]
) -> None:
    first, second = json.loads(export_files([image_result, empty], "label-studio")["tasks.json"])
    assert first["data"] == {"image": "photo.jpg"}
    (prediction,) = first["predictions"]
    assert 0 < prediction["score"] < 1
    assert len({region["id"] for region in prediction["result"]}) == len(expected)
    for region, (label, mask) in zip(prediction["result"], expected.values(), strict=True):
        assert region["type"] == "brushlabels"
        assert (region["original_width"], region["original_height"]) == (120, 90)
        assert region["value"]["format"] == "rle"
        assert region["value"]["brushlabels"] == [label]
        found = unpacked(region["value"]["rle"]).reshape(90, 120, 4)[:, :, 3] > 0
        assert np.array_equal(found, mask)
    assert second["predictions"] == [{"model_version": "edgeseg", "result": []}]
