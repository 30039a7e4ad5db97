"""Pieces of masks: counted right, small ones gone, what was clicked on kept."""

from __future__ import annotations

import numpy as np

from edgeseg.engines.components import pieces, tidy

NOWHERE = np.zeros((0, 2), np.int64)


def _logits() -> np.ndarray:
    """A body of 60 x 60 cells with a hole of 4 x 4, and an island of 5 x 5."""
    logits = np.full((128, 128), -2, np.float32)
    logits[20:80, 20:80] = 3
    logits[40:44, 50:54] = -2
    logits[100:105, 110:115] = 3
    return logits


def test_every_cell_knows_its_piece() -> None:
    numbers, sizes = pieces(_logits() > 0)
    assert sorted(sizes.tolist()) == [25, 60 * 60 - 16]
    assert len(set(numbers[100:105, 110:115].ravel())) == 1
    assert numbers[100, 110] != numbers[20, 20]
    assert (numbers == -1).sum() == 128 * 128 - sizes.sum()


def test_a_winding_piece_is_one_and_corners_do_not_join() -> None:
    winding = np.zeros((41, 41), bool)
    winding[::4] = True
    for row in range(0, 40, 4):
        winding[row : row + 4, 0 if row % 8 else -1] = True
    assert len(pieces(winding)[1]) == 1
    assert pieces(np.eye(9, dtype=bool))[1].tolist() == [1] * 9


def test_small_islands_go_and_small_holes_are_filled() -> None:
    clean = tidy(_logits(), NOWHERE, NOWHERE) > 0
    assert clean[20:80, 20:80].all()
    assert clean.sum() == 60 * 60


def test_what_was_clicked_on_stays() -> None:
    island, hole = np.array([[112, 102]]), np.array([[51, 41]])
    clean = tidy(_logits(), island, hole) > 0
    assert clean[100:105, 110:115].all()
    assert not clean[40:44, 50:54].any()


def test_large_parts_and_open_bays_stay_as_they_are() -> None:
    logits = _logits()
    logits[85:100, 20:80] = 3
    logits[40:44, 50:] = -2
    logits[100:105, 110:115] = -2
    assert (tidy(logits, NOWHERE, NOWHERE) == logits).all()
    for flat in (np.full((8, 8), -1, np.float32), np.full((8, 8), 1, np.float32)):
        assert (tidy(flat, NOWHERE, NOWHERE) == flat).all()
