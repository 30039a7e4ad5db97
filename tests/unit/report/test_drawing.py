"""Drawings: pairs share number and colour across images, and annotated images keep their names."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from edgeseg.entity_result import EntitySegmentation
from edgeseg.render import colour_of
from edgeseg.report.drawing import (
    UNPAIRED,
    annotated,
    fitted_images,
    pair_colour,
    pair_numbers,
    paired_overlay,
)
from edgeseg.schemas import Pairing


def test_a_pair_has_one_number_and_one_colour(found: EntitySegmentation) -> None:
    numbers = pair_numbers(found.result)
    assert numbers == [{"black dog_0": 1}, {}, {}, {"black dog_0": 1}]
    assert pair_colour(1) == colour_of(0)
    assert pair_colour(None) == UNPAIRED


def test_pairs_of_many_to_one_share_a_number(found: EntitySegmentation) -> None:
    rows = [("black dog_0", 0), ("red sofa_0", 2), ("black dog_1", 0)]
    pairings = [
        Pairing(generated=mine, label="x", contextual="y_0", image=image, cosine=1.0, paired=True)
        for mine, image in rows
    ]
    result = found.result.model_copy(update={"pairings": pairings})
    assert pair_numbers(result) == [
        {"y_0": 1}, {}, {"y_0": 2}, {"black dog_0": 1, "red sofa_0": 2, "black dog_1": 1}
    ]  # fmt: skip


def test_pairs_are_tinted_alike_and_the_rest_is_dashed(found: EntitySegmentation) -> None:
    numbers = pair_numbers(found.result)
    drawn = [
        None if fitted is None else np.asarray(paired_overlay(*fitted, numbers[index]))
        for index, fitted in enumerate(fitted_images(found, 1000))
    ]
    assert drawn[1] is None, "it could not be read"
    reference, generated, sofa = drawn[0], drawn[3], drawn[2]
    assert reference is not None
    assert generated is not None
    assert sofa is not None
    assert (reference[45, 45] == generated[35, 35]).all()
    assert (reference[45, 45] != 120).any()
    assert (generated[35, 90] == 120).all(), "no fill for the stray dog"
    assert (sofa[60, 40] == 120).all()
    assert (generated[59, 70:110] == UNPAIRED).all(axis=1).any()


def test_large_images_are_fitted(found: EntitySegmentation) -> None:
    sizes = [fitted and fitted[0].size_hw for fitted in fitted_images(found, 80)]
    assert sizes == [(60, 80), None, (60, 80), (60, 80)]
    sizes = [fitted and fitted[0].size_hw for fitted in fitted_images(found, 80, 40)]
    assert sizes == [(30, 40), None, (30, 40), (60, 80)]


def test_annotated_images(found: EntitySegmentation) -> None:
    drawn = dict(annotated(found))
    assert list(drawn) == [
        "contextual_0_annotated.jpg", "contextual_2_annotated.jpg", "generated_annotated.jpg"
    ]  # fmt: skip
    assert all(each.size == (160, 120) for each in drawn.values())
    inside = np.asarray(drawn["contextual_0_annotated.jpg"])[45, 45]
    expected = 120 * 0.6 + np.array(colour_of(0)) * 0.4
    assert inside == pytest.approx(expected, abs=1)


def test_an_image_without_objects_is_as_it_was(found: EntitySegmentation) -> None:
    bare = found.result.generated.model_copy(update={"objects": []})
    result = found.result.model_copy(update={"generated": bare})
    drawn = dict(annotated(EntitySegmentation(result, found.sources)))
    with PIL.Image.open(found.sources[-1]) as pil_image:  # type: ignore[arg-type]
        assert drawn["generated_annotated.jpg"].tobytes() == pil_image.convert("RGB").tobytes()
