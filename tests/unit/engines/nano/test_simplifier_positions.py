"""Positional words become filters; the same words in names do not."""

from __future__ import annotations

import pytest

from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.selection.filters import ATTRIBUTES

ENGINE = NanoSimplifier()
CASES = [
    ("leftmost person", "person", "leftmost"),
    ("the left-most person", "person", "leftmost"),
    ("the person on the left", "person", "leftmost"),
    ("person (left)", "person", "leftmost"),
    ("furthest left person", "person", "leftmost"),
    ("the person furthest to the right", "person", "rightmost"),
    ("person on the right of the picture", "person", "rightmost"),
    ("car on the right-hand side", "car", "rightmost"),
    ("third car from the right", "car", "rightmost rank=3"),
    ("second person from the left", "person", "leftmost rank=2"),
    ("person, second from the left", "person", "leftmost rank=2"),
    ("person number 3 from the left", "person", "leftmost rank=3"),
    ("4th car from right", "car", "rightmost rank=4"),
    ("first two cars from the left", "cars", "leftmost count=2"),
    ("two cups on the left", "cups", "leftmost count=2"),
    ("people on the left", "people", "side side=left"),
    ("scissors on the left", "scissors", "leftmost"),
    ("largest dog", "dog", "largest"),
    ("the two biggest cars", "cars", "largest count=2"),
    ("second largest dog", "dog", "largest rank=2"),
    ("smallest cat", "cat", "smallest"),
    ("the bigger of the two dogs", "dogs", "largest"),
    ("dog that is the largest", "dog", "largest"),
    ("Which dog is the largest?", "dog", "largest"),
    ("front-most car", "car", "front"),
    ("the dog in front", "dog", "front"),
    ("closest dog", "dog", "front"),
    ("nearest person to the camera", "person", "front"),
    ("person closest to the camera", "person", "front"),
    ("the farthest car", "car", "back"),
    ("person in the background", "person", "back"),
    ("top shelf", "shelf", "topmost"),
    ("top two shelves", "shelves", "topmost count=2"),
    ("book on top", "book", "topmost"),
    ("bottom drawer", "drawer", "bottommost"),
    ("the cup in the middle", "cup", "center"),
    ("dog in the centre of the image", "dog", "center"),
    ("person on the left with a hat", "person with a hat", "leftmost"),
    ("the man with a hat on the left", "man with a hat", "leftmost"),
    ("man standing on the left", "man", "leftmost"),
    ("who is on the left?", "person", "leftmost"),
    ("who is the tallest?", "person", "largest"),
    ("what is the largest animal in the picture", "animal", "largest"),
    ("the last person on the right", "person", "rightmost"),
    ("find the smallest cup on the table", "cup on the table", "smallest"),
    ("largest dog on the left", "dog", "side side=left; largest"),
    ("cup in the top left corner", "cup", "side side=top; side side=left"),
]


@pytest.mark.parametrize(("prompt", "phrase", "expected"), CASES)
def test_positional_words_become_filters(prompt: str, phrase: str, expected: str) -> None:
    made = ENGINE.simplify(prompt)
    assert made.phrases == [phrase]
    assert made.simplified_prompt == phrase
    filters = [each for each in made.filters if each.kind not in ATTRIBUTES]
    assert {f.phrase for f in filters} == {phrase}
    said = []
    for one in filters:
        facts = one.model_dump(exclude_defaults=True, exclude={"kind", "phrase"})
        said.append(" ".join([one.kind, *(f"{key}={value}" for key, value in facts.items())]))
    assert "; ".join(said) == expected
    assert made.changed
    assert "chooses among the boxes" in made.reason


@pytest.mark.parametrize(
    "prompt",
    [
        "laptop",
        "red top",
        "top hat",
        "woman in a black top",
        "left luggage",
        "left hand",
        "right angle",
        "man on the left bench",
        "dog left of the tree",
        "car on the left side of the road",
        "cat on top of the car",
        "cat in the middle of the road",
        "the man in front of the car",
        "man with a bag on his back",
        "cars on the left and right",
        "front door",
        "backpack",
        "middle-aged man",
        "shopping center",
        "people in the background",
        "cake with candles on top",
    ],
)
def test_names_and_relations_are_left_alone(prompt: str) -> None:
    made = ENGINE.simplify(prompt)
    assert [each for each in made.filters if each.kind not in ATTRIBUTES] == []
    assert made.simplified_prompt == prompt.removeprefix("the ")
