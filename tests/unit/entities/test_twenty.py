"""The judge on twenty sentences and images, with the nano engines, offline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeseg import EdgeSegAI
from edgeseg.schemas import Judgement
from tests.unit.entities.cases import RIGHT, WRONG, Case, Failed, photos_in


@pytest.fixture(scope="module")
def nano() -> Iterator[EdgeSegAI]:
    with EdgeSegAI(
        detector="nano", segmenter="nano", extractor="nano", embedder="nano", ttl=-1, threads=1
    ) as made:
        yield made


def failures(judgement: Judgement) -> set[Failed]:
    """Return each check that failed."""
    failed: set[Failed] = set()
    for each in judgement.entities:
        checks = {"presence": each.present, "count": each.count_held, "identity": each.paired}
        failed |= {(kind, each.label) for kind, held in checks.items() if held is False}
        failed |= {("colour", each.label) for colour in each.colours if colour.held is False}
    failed |= {("relation", each.text) for each in judgement.relations if each.held is False}
    return failed


def judged(nano: EdgeSegAI, case: Case, folder: Path) -> Judgement:
    photos = photos_in(folder)
    contextual = [each(photos) for each in case.contextual]
    made = nano.segment_entities(case.prompt, contextual, case.generated(photos))
    assert made.judgement is not None
    return made.judgement


def test_judge_tells_right_from_wrong(nano: EdgeSegAI, photo_folder: Path) -> None:
    """Nothing fails where the image fits, and elsewhere what is wrong and nothing else."""
    seen = {each.name: judged(nano, each, photo_folder) for each in (*RIGHT, *WRONG)}
    wrongly = {
        each.name: failures(seen[each.name])
        for each in (*RIGHT, *WRONG)
        if failures(seen[each.name]) != ({each.fails} if each.fails else set())
    }
    assert len(seen) == 20
    assert len(wrongly) <= 2, wrongly
