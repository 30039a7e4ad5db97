"""Ontologies: read, checked, asked for, and applied to results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseg.datasets.doubts import doubts_of
from edgeseg.datasets.ontology import Ontology, parse_ontology, read_ontology
from edgeseg.errors import InputError
from edgeseg.types import BoolArray
from tests.unit.exporters.results import SIZE_HW, disc, make_result


@pytest.fixture
def ontology() -> Ontology:
    return parse_ontology(
        {
            "classes": {
                "unicorn": None,
                "mug": ["cup", "mug"],
                "person": {
                    "prompts": "pedestrian",
                    "threshold": 0.6,
                    "negative": ["poster"],
                    "min_area": 100,
                    "max_area": 0.5,
                },
            }
        }
    )


def square(size_px: int, left: int = 0) -> BoolArray:
    mask = np.zeros(SIZE_HW, bool)
    mask[:size_px, left : left + size_px] = True
    return mask


def test_one_request_asks_for_all_classes(ontology: Ontology) -> None:
    assert ontology.names == ["unicorn", "mug", "person"]
    assert ontology.prompt == "unicorn . cup . mug . pedestrian ."
    assert ontology.options() == {
        "simplify": "never",
        "class_thresholds": {"pedestrian": 0.6},
        "negative_prompt": "poster .",
    }


def test_names_alone_are_their_own_prompts() -> None:
    assert parse_ontology({"classes": ["cat", "dog"]}).class_by_phrase == {
        "cat": "cat", "dog": "dog",
    }  # fmt: skip
    assert parse_ontology({"classes": ["cat"]}).options()["negative_prompt"] is None


def test_prompts_become_classes_and_areas_are_kept_within_bounds(ontology: Ontology) -> None:
    found = make_result(
        {
            "cup": disc(30, 30, 20),
            # The same cup by another word, and another one.
            "mug": disc(30, 31, 20),
            "mug/2": disc(90, 40, 12),
            "pedestrian/just large enough": square(10, 60),
            "pedestrian/too small": square(9, 100),
            "pedestrian/too large": np.ones(SIZE_HW, bool),
            "kangaroo": disc(60, 60, 9),
        }
    )
    result = ontology.to_classes(found)
    assert [(each.label, each.id) for each in result.objects] == [
        ("mug", 0), ("mug", 2), ("person", 3),
    ]  # fmt: skip
    assert result.phrases == ["unicorn", "mug", "person"]


def test_doubts_say_what_a_person_should_look_at(ontology: Ontology) -> None:
    nothing = ontology.to_classes(make_result({}))
    assert [each.kind for each in doubts_of(nothing, ontology, 0.35)] == ["nothing found"]
    sure = ontology.to_classes(make_result({"cup": disc(30, 30, 20)}))
    assert doubts_of(sure, ontology, 0.8) == []
    # 0.95 is above by less than a tenth.
    assert [each.kind for each in doubts_of(sure, ontology, 0.9)] == ["near threshold"]
    both = ontology.to_classes(
        make_result({"cup": disc(30, 30, 20), "pedestrian": disc(32, 30, 20)})
    )
    (overlap,) = doubts_of(both, ontology, 0.35)
    assert overlap.kind == "overlap"
    assert 0.8 < overlap.weight < 1
    # The threshold of a class counts for it in place of the general one.
    assert (
        doubts_of(ontology.to_classes(make_result({"pedestrian": square(20)})), ontology, 0.9) == []
    )


def test_objects_of_one_class_are_one_where_they_share_seven_tenths(ontology: Ontology) -> None:
    # Of squares of 40 pixels, moved by 7 and by 8: 33/47 and 32/48.
    for shift_px, count in ((7, 1), (8, 2)):
        found = make_result({"cup": square(40), "mug": square(40, shift_px)})
        assert len(ontology.to_classes(found).objects) == count


def test_classes_that_share_three_tenths_are_doubtful(ontology: Ontology) -> None:
    # Moved by 21 and by 22: 19/61 and 18/62.
    for shift_px, kinds in ((21, ["overlap"]), (22, [])):
        found = make_result({"cup": square(40), "pedestrian": square(40, shift_px)})
        doubts = doubts_of(ontology.to_classes(found), ontology, 0.35)
        assert [each.kind for each in doubts] == kinds


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "Expected classes"),
        ({"classes": {}}, "Expected classes"),
        ({"classes": ["cat", "cat"]}, "comes twice"),
        ({"classes": {"cat": {"prompt": "cat"}}}, "prompt"),
        ({"classes": {"cat": {"threshold": 2}}}, "threshold"),
        ({"classes": {"a": "Cup", "b": ["mug", "cup"]}}, "of a and of b"),
        ({"classes": {"a": {"negative": "dog"}, "dog": None}}, "is a prompt of dog"),
        ({"classes": {"cat": [""]}}, "names nothing"),
        ({"classes": {" ": None}}, "blank"),
        ({"classes": ["cat"], "class": 1}, "class"),
        ({"classes": [f"thing number {n}" for n in range(300)]}, "characters"),
    ],
)
def test_what_no_ontology_says_is_refused(data: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        parse_ontology(data)


def test_files_are_named_where_they_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "classes.yaml"
    with pytest.raises(InputError, match=r"Cannot read .*classes\.yaml"):
        read_ontology(path)
    path.write_text("classes: [cat")
    with pytest.raises(InputError, match="is not YAML"):
        read_ontology(path)
    path.write_text("classes:\n  cat:\n  dog: hound\n")
    assert read_ontology(path).class_by_phrase == {"cat": "cat", "hound": "dog"}
