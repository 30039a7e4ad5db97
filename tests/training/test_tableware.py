"""Synthetic table scenes: meshes hold together, masks fit the objects, and both trainings run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.common.data import PhotoSet, add_tableware
from training.nano.mask_views import MaskViews
from training.nano.views import photo_labels
from training.synthetic.meshes import Mesh, ball, dish, spoon, vessel
from training.synthetic.render import SOURCE, Studio, write
from training.synthetic.scene import NAMES, Table, glazed, lay


@pytest.fixture
def studio(photos: PhotoSet) -> Studio:
    """One of small, grainy images."""
    return Studio(photos, np.random.default_rng(3), width=64, samples=2)


@pytest.mark.parametrize("seed", range(10))
def test_tableware_stands_on_the_table(seed: int) -> None:
    """No corner is below it, none is missing, and a cup is wider than its foot."""
    rng = np.random.default_rng(seed)
    cup, bowl = vessel(rng, low=False, handles=1), vessel(rng, low=True, handles=0)
    meshes: list[Mesh] = [cup.outside, bowl.outside, dish(rng, 1.0)[0], ball(rng)]
    for mesh in meshes:
        assert mesh.vertices[:, 2].min() > -1e-6
        assert set(np.unique(mesh.faces)) == set(range(len(mesh.vertices)))
    span = np.ptp(cup.outside.vertices, axis=0)
    assert span[0] > span[1] > 2 * cup.foot
    assert np.ptp(bowl.outside.vertices[:, 2]) < 0.52 < span[2] + 0.02
    assert np.ptp(spoon(rng).vertices[:, 0]) > 1


@pytest.mark.parametrize("seed", range(10))
def test_things_have_places_of_their_own(seed: int) -> None:
    """What does not belong to a setting stands apart from it."""
    table = lay(np.random.default_rng(seed))
    assert {index for _, index, _ in table.meshes} == set(range(len(table.things)))
    assert set(table.things) <= set(NAMES)
    for k, (x, y, radius) in enumerate(table.taken):
        for a, b, other in table.taken[:k]:
            assert np.hypot(x - a, y - b) > radius + other


def test_a_mask_lies_where_the_thing_is(studio: Studio) -> None:
    """A red ball before a green one: red inside its mask, and the hidden part is nobody's."""
    table = Table(studio.rng)
    for x, paint in ((0.0, (0.6, 0.01, 0.01)), (0.3, (0.01, 0.6, 0.01))):
        glaze = glazed(studio.rng, paint)
        table.add("sports ball", [(ball(studio.rng).moved(0, 0, (x, 0, 0)), glaze)])
    scene = studio.scene(table, (48, 64))
    masks = studio.seen(scene, 2)
    assert not (masks[0] & masks[1]).any()
    rgb = studio.photograph(scene, masks.max(0)).astype(float)
    red, green = (rgb[mask > 0].mean(0) for mask in masks)
    assert red[0] > 1.5 * red[1]
    assert green[1] > 1.5 * green[0]


def test_trainings_take_drawn_tables(studio: Studio, photos: PhotoSet, tmp_path: Path) -> None:
    """Their classes are added; what else is on them is unknown, as saucers are in photos."""
    write(studio, 3, 0, tmp_path / "drawn.tar")
    both = add_tableware(photos, tmp_path, tmp_path / "cache")
    assert len(both) == len(photos) + 3
    assert both.class_names[: len(photos.class_names)] == photos.class_names
    assert both.category_ids == photos.category_ids
    np.testing.assert_array_equal(both.rgb(0), photos.rgb(0))
    last = len(both) - 1
    drawn = both.photos[last]
    assert drawn.source == SOURCE
    assert both.rgb(last).shape == (*drawn.size_hw, 3)
    known = photo_labels(both, last, [[0, 0, 40, 40, 0.9, 1]])
    assert {n for n, k in zip(both.class_names, known.known, strict=True) if k} == set(NAMES)
    assert len(known.classes) == len(drawn.classes)
    assert photo_labels(both, 0, []).known[both.class_names.index("saucer")] == 0
    assert any(index >= len(photos) for index in MaskViews(both, seed=0, count=1).indices)
    mask = drawn.mask(0)
    assert mask is not None
    assert mask.sum() >= 60
