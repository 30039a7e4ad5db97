"""Classes in the order of their priority, deadlines and label maps."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from edgeseg import stages
from edgeseg.classes import NEVER, Deadline, Decoded, decode
from edgeseg.classes.decode import BACKGROUND, enlarged
from edgeseg.codecs import rle_to_mask
from edgeseg.engines.fake import FakeClassSegmenter
from edgeseg.errors import InvalidPackError
from edgeseg.schemas import ClassesRequest
from edgeseg.types import ClassLogits, Embedding, FloatArray, Image
from tests.packs import BASE, pack_class, small_pack

IMAGE = Image(np.zeros((60, 40, 3), np.uint8), "none")
NAMES = ("a", "b", "c", "d", "e")


def found(*names: str, deadline: Deadline = NEVER) -> Decoded:
    engine, pack = FakeClassSegmenter(), small_pack("x", *NAMES)
    return decode(engine, engine.embed(IMAGE), pack, pack.take(names), 0.5, deadline)


class After(Deadline):
    """A deadline that is over after so many looks at the clock."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        object.__setattr__(self, "left", iter([True] * looks))

    def leaves(self, needed_s: float = 0.0) -> bool:
        return next(self.left, False)  # type: ignore[attr-defined]


def test_classes_come_in_the_order_of_their_priority() -> None:
    made = found("d", "a", "e")
    assert [each.name for each in made.finished] == ["d", "a", "e"]
    assert made.unfinished == ()
    centres = [np.nonzero(rle_to_mask(mask))[0].mean() for mask in made.masks]
    assert centres[1] < centres[0] < centres[2]
    assert all(0.5 < confidence < 1 for confidence in made.confidences)


@pytest.mark.parametrize("looks", [0, 1, 2, 3])
def test_a_deadline_leaves_the_last_classes_out(looks: int) -> None:
    whole = found("e", "d", "c", "b", "a")
    made = found("e", "d", "c", "b", "a", deadline=After(looks))
    done = min(looks * FakeClassSegmenter.classes_at_once, 5)
    assert [each.name for each in made.finished] == ["e", "d", "c", "b", "a"][:done]
    assert [each.name for each in made.unfinished] == ["e", "d", "c", "b", "a"][done:]
    # To the bit as without a deadline.
    assert made.masks == whole.masks[:done]
    assert made.confidences == whole.confidences[:done]
    seen = {NAMES.index(each.name) for each in made.finished}
    assert set(np.unique(made.label_map)) <= seen | {BACKGROUND}


def test_a_pixel_belongs_to_the_class_that_is_most_probable() -> None:
    made = found(*NAMES)
    # Bands of a fifth of the height, and the last rows of the label map, by number.
    assert [made.label_map[row, 0] for row in (0, 17, 30, 42, 59)] == [0, 1, 2, 3, 4]
    other = found(*reversed(NAMES))
    assert np.array_equal(made.label_map, other.label_map)


@pytest.mark.parametrize(("threshold", "some"), [(0.0, 1.0), (0.5, 0.6), (1.0, 0.0)])
def test_what_is_too_improbable_belongs_to_no_class(threshold: float, some: float) -> None:
    engine, pack = FakeClassSegmenter(), small_pack("x", "a", "b")
    pack = replace(pack, classes=(pack_class("a", 0.5),))
    made = decode(engine, engine.embed(IMAGE), pack, pack.classes, threshold)
    inside = (made.label_map == 0).mean()
    assert inside == pytest.approx(some, abs=0.02)
    assert set(np.unique(made.label_map)) <= {0, BACKGROUND}


def test_as_many_as_the_engine_asks_for_are_decoded_at_once() -> None:
    class Counting(FakeClassSegmenter):
        classes_at_once = 3
        sizes: ClassVar[list[int]] = []

        def decode_classes(self, embedding: Embedding, prompts: FloatArray) -> ClassLogits:
            self.sizes.append(len(prompts))
            return super().decode_classes(embedding, prompts)

    engine, pack = Counting(), small_pack("x", *NAMES)
    decode(engine, engine.embed(IMAGE), pack, pack.classes, 0.5)
    assert engine.sizes == [3, 2]


def test_prompts_of_several_lengths_are_decoded_apart() -> None:
    engine = FakeClassSegmenter()
    pack = replace(
        small_pack(), classes=(pack_class("a", 0.2, tokens=1), pack_class("b", 0.8, tokens=3))
    )
    made = decode(engine, engine.embed(IMAGE), pack, pack.classes, 0.5)
    assert len(made.masks) == 2


def test_logits_are_interpolated_between_their_centres() -> None:
    logits = np.array([[[0, 8], [16, 24]]], np.float32)
    full = enlarged(ClassLogits(logits, np.array([0, 0, 4, 2], np.float32)), (2, 4))
    assert full.tolist() == [[0, 2, 6, 8], [16, 18, 22, 24]]
    one = enlarged(ClassLogits(logits[:, :1, :1], np.array([0, 0, 4, 2], np.float32)), (2, 4))
    assert not one.any()


def test_padding_is_cut_off() -> None:
    # A step in the middle of the image, over a window that is half as wide again.
    logits = np.full((1, 4, 6), -1, np.float32)
    logits[:, :, 2:] = 1
    window = np.array([0, 0, 60, 40], np.float32)
    full = enlarged(ClassLogits(logits, window), (40, 40))
    assert full.shape == (40, 40)
    assert (full[:, :15] < 0).all()
    assert (full[:, 25:] > 0).all()
    assert np.argmax(full[0] > 0) == 20


def test_a_pack_of_another_network_is_refused() -> None:
    class Small(FakeClassSegmenter):
        base = replace(BASE, decoder_fingerprint="0" * 16)  # type: ignore[assignment]

    said = "'small' does not fit the engine 'fake': the decoder is 0000000000000000, not ddd"
    with pytest.raises(InvalidPackError, match=said):
        stages.segment_classes(Small(), IMAGE, ClassesRequest(), small_pack())
    Small.base = BASE
    assert stages.segment_classes(Small(), IMAGE, ClassesRequest(), small_pack()).finished
