"""What colours and relations a phrase states."""

from __future__ import annotations

import pytest

from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.language.attributes import colour_of, read_attributes
from edgeseg.language.filter_text import filters_text


@pytest.mark.parametrize(
    ("phrase", "colour"),
    [
        ("blue cup", "blue"), ("white flowers", "white"), ("big green apple", "green"),
        ("gray cat", "grey"), ("light-blue car", "light blue"), ("dark red sofa", "dark red"),
        ("orange", None), ("orange juice", None), ("red wine", None), ("black bear", None),
        ("black man", None), ("black and white cat", None), ("green traffic light", None),
        ("license plate of the red car", None), ("striped shirt", None), ("cup", None),
    ],
)  # fmt: skip
def test_a_colour_is_one_that_pixels_can_show(phrase: str, colour: str | None) -> None:
    assert colour_of(phrase) == colour


@pytest.mark.parametrize(
    ("phrase", "subject", "relation", "other", "negated"),
    [
        ("cup on the table", "cup", "on", "table", False),
        ("dog that is behind the fence", "dog", "behind", "fence", False),
        ("cat sitting under a chair", "cat", "under", "chair", False),
        ("dog to the left of the tree", "dog", "left_of", "tree", False),
        ("woman in a hat", "woman", "wearing", "hat", False),
        ("ball in a box", "ball", "in", "box", False),
        ("man holding a phone", "man", "holding", "phone", False),
        ("man not wearing a helmet", "man", "wearing", "helmet", True),
        ("person without helmet", "person", "with", "helmet", True),
        ("chair closest to the window", "chair", "nearest_to", "window", False),
    ],
)
def test_a_relation_names_both_sides(
    phrase: str, subject: str, relation: str, other: str, negated: bool
) -> None:
    (one,) = read_attributes(phrase, phrase).filters
    assert (one.phrase, one.subject) == (phrase, subject)
    assert (one.relation, one.other, one.negated) == (relation, other, negated)


@pytest.mark.parametrize(
    "phrase",
    [
        "airplane in the sky", "people in the background", "woman with long hair",
        "t-shirt with stripes", "vehicle with two wheels", "woman talking on the phone",
        "car on the left side of the road", "cup of coffee", "corn on the cob", "clip-on tie",
        "what is on the table", "everything on it", "man in black",
    ],
)  # fmt: skip
def test_what_no_box_can_show_is_left_alone(phrase: str) -> None:
    assert [each.kind for each in read_attributes(phrase, phrase).filters] == []


def test_two_belongings_are_two_relations() -> None:
    filters = read_attributes("person with a hat and glasses", "").filters
    assert [each.other for each in filters] == ["hat", "glasses"]


def test_a_belonging_of_what_it_is_compared_with_stays_open() -> None:
    filters = read_attributes("dog next to the man with a hat", "").filters
    assert [(each.relation, each.other) for each in filters] == [("next_to", "man")]
    filters = read_attributes("dog next to the man without a leash", "").filters
    assert [(each.relation, each.other) for each in filters] == [
        ("next_to", "man"),
        ("with", "leash"),
    ]


def test_a_prompt_keeps_its_words_and_says_what_is_checked() -> None:
    made = NanoSimplifier().simplify("the person with red shirt")
    assert (made.phrases, made.simplified_prompt) == (
        ["person with red shirt"],
        "person with red shirt",
    )
    assert [(each.kind, each.phrase) for each in made.filters] == [
        ("colour", "red shirt"),
        ("relation", "person with red shirt"),
    ]
    assert "“red shirt”" in made.reason


def test_filters_have_a_text() -> None:
    filters = read_attributes("person without a red hat", "").filters
    assert filters_text(filters) == (
        "colour red of red hat; relation not with red hat of person without a red hat"
    )
