"""The nano simplifier: lists, positions, negations, requests, questions and intents."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseg.engines.base import Simplifier
from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.schemas import Simplification
from edgeseg.selection.filters import ATTRIBUTES

ENGINE = NanoSimplifier()


def simplify(prompt: str) -> Simplification:
    return ENGINE.simplify(prompt)


def filters_of(prompt: str) -> list[dict[str, object]]:
    return [f.model_dump(exclude_defaults=True) for f in simplify(prompt).filters]


def test_it_plays_its_role_until_it_is_closed() -> None:
    engine = NanoSimplifier(threads=1)
    assert isinstance(engine, Simplifier)
    engine.close()
    engine.close()
    with pytest.raises(RuntimeError, match="after close"):
        engine.simplify("cat")


@pytest.mark.parametrize(
    ("prompt", "phrases"),
    [
        ("cat", ["cat"]),
        ("the cat", ["cat"]),
        ("The Cat.", ["Cat"]),
        ("two dogs", ["dogs"]),
        ("all people", ["people"]),
        ("one way sign", ["one way sign"]),
        ("cat . dog . bird .", ["cat", "dog", "bird"]),
        ("cat . Cat . dog", ["cat", "dog"]),
        ("hot dog ... .. bun...", ["hot dog", "bun"]),
        ("St. Bernard dog", ["St. Bernard dog"]),
        ("person with a hat and glasses", ["person with a hat and glasses"]),
    ],
)
def test_a_simple_prompt_passes_unchanged(prompt: str, phrases: list[str]) -> None:
    made = simplify(prompt)
    assert made.simplified_prompt == prompt
    assert made.phrases == phrases
    assert not made.changed
    assert [each for each in made.filters if each.kind not in ATTRIBUTES] == []
    assert made.reason


@pytest.mark.parametrize(
    ("prompt", "phrases"),
    [
        ("cats and dogs", ["cats", "dogs"]),
        ("a cat, a dog and a bird", ["cat", "dog", "bird"]),
        ("cat, dog, bird", ["cat", "dog", "bird"]),
        ("an orange and an apple", ["orange", "apple"]),
        ("chair or couch", ["chair", "couch"]),
        ("cup/mug", ["cup", "mug"]),
        ("black and white cat", ["black and white cat"]),
        ("orange and white cat", ["orange and white cat"]),
        ("salt and pepper shaker", ["salt and pepper shaker"]),
        ("man in black and white clothes", ["man in black and white clothes"]),
        ("big, red car", ["big, red car"]),
    ],
)
def test_lists_of_nouns_are_split(prompt: str, phrases: list[str]) -> None:
    assert simplify(prompt).phrases == phrases


@pytest.mark.parametrize(
    ("prompt", "things"),
    [
        ("Where should I look to know the speed?", ["speedometer"]),
        ("Where should I throw the wrapper?", ["trash bin", "waste container"]),
        (
            "What protective gear do motorcycle riders use?",
            ["helmet", "gloves", "jacket", "boots"],
        ),
        ("What could I drink coffee from?", ["cup", "mug"]),
        ("I dropped a wrapper. Where does it go?", ["trash bin", "waste container"]),
        ("animals that can bark", ["dog"]),
        ("hungry", ["pizza", "sandwich", "hot dog", "cake"]),
        ("I'm cold", ["radiator", "heater", "fireplace"]),
        ("need a drink", ["cup", "glass", "bottle"]),
        ("whats the time", ["clock", "watch", "cell phone"]),
        ("the largest thing to sit on", ["chair", "couch", "bench"]),
    ],
)
def test_intents_become_phrases(prompt: str, things: list[str]) -> None:
    made = simplify(prompt)
    assert made.changed
    assert made.phrases == things
    assert made.simplified_prompt == " . ".join(things)
    assert made.alternatives == (things if len(things) > 1 else [])
    assert "intent" in made.reason


def test_what_the_caller_names_is_no_alternative() -> None:
    made = simplify("the cat . Where should I throw the wrapper?")
    assert made.phrases == ["cat", "trash bin", "waste container"]
    assert made.alternatives == ["trash bin", "waste container"]
    assert simplify("cup . mug").alternatives == []


@pytest.mark.parametrize(
    ("prompt", "phrase"),
    [
        ("Show me the cat, please", "cat"),
        ("Where is the cat?", "cat"),
        ("How many red cars are there?", "red cars"),
        ("I need scissors", "scissors"),
        ("FIND THE RED CAR!!!", "RED CAR"),
        ("Can you see a dog in this photo?", "dog"),
        ("Who is wearing a hat?", "person wearing a hat"),
        ("which car is red?", "red car"),
        ("I want to see the dog", "dog"),
        ("only the cat", "cat"),
        ("can you show me where the traffic light is?", "traffic light"),
        ("everyone with a hat", "person with a hat"),
    ],
)
def test_a_request_keeps_only_the_thing(prompt: str, phrase: str) -> None:
    made = simplify(prompt)
    assert made.changed
    assert made.phrases == [phrase]
    assert [each for each in made.filters if each.kind not in ATTRIBUTES] == []


@pytest.mark.parametrize(
    ("prompt", "phrases", "filters"),
    [
        (
            "all people except the man on the left",
            ["people"],
            [{"kind": "leftmost", "phrase": "people"}],
        ),
        (
            "everyone except the second from the left",
            ["person"],
            [{"kind": "leftmost", "phrase": "person", "rank": 2}],
        ),
        (
            "all the cars except the two on the left",
            ["cars"],
            [{"kind": "leftmost", "phrase": "cars", "count": 2}],
        ),
        ("all animals except cats", ["animals", "cats"], []),
        ("cats, not dogs", ["cats", "dogs"], []),
        ("all the fruit but the bananas", ["fruit", "bananas"], []),
    ],
)
def test_negations_leave_out(
    prompt: str, phrases: list[str], filters: list[dict[str, object]]
) -> None:
    made = simplify(prompt)
    assert made.phrases == phrases
    (exclude,) = filters_of(prompt)
    assert (exclude["kind"], exclude["phrase"]) == ("exclude", phrases[-1])
    assert exclude.get("filters", []) == filters


def test_everything_but_one_thing_names_common_things() -> None:
    made = simplify("everything but the cat")
    assert {"person", "cat", "car", "chair"} <= set(made.phrases)
    assert filters_of("everything but the cat") == [{"kind": "exclude", "phrase": "cat"}]
    assert filters_of("everything except people") == [{"kind": "exclude", "phrase": "person"}]


@pytest.mark.parametrize(
    "prompt",
    [
        "cats except the cat",
        "dogs but not the old one",
        "people except the tall man",
    ],
)
def test_what_cannot_be_left_out_is_said(prompt: str) -> None:
    made = simplify(prompt)
    assert (len(made.phrases), made.filters) == (1, [])
    assert "not left out" in made.reason


@pytest.mark.parametrize(
    ("prompt", "phrase", "colour"),
    [
        ("dogs but not the brown one", "dogs", "brown"),
        ("all cups without the red one", "cups", "red"),
        ("every cushion other than the dark blue one", "cushion", "dark blue"),
    ],
)
def test_what_has_another_colour_is_left_out(prompt: str, phrase: str, colour: str) -> None:
    inner = {"kind": "colour", "phrase": phrase, "colour": colour}
    assert filters_of(prompt) == [{"kind": "exclude", "phrase": phrase, "filters": [inner]}]


def test_a_phrase_in_two_places_of_a_list_keeps_its_own_filters() -> None:
    assert filters_of("the person on the left and the dog on the right") == [
        {"kind": "leftmost", "phrase": "person"},
        {"kind": "rightmost", "phrase": "dog"},
    ]


@pytest.mark.parametrize(
    "prompt",
    ["what is on the table?", "What is the man holding?", "an object that is red", "top left"],
)
def test_what_only_the_image_could_answer_passes_unchanged(prompt: str) -> None:
    made = simplify(prompt)
    assert (made.changed, made.simplified_prompt) == (False, prompt)


@pytest.mark.parametrize(
    "prompt",
    ["the", "....", "🐱", "高麗屋", "?", "' '", "and", "the one on the left", "- . -", "\u200b"],
)
def test_odd_prompts_pass_unchanged(prompt: str) -> None:
    made = simplify(prompt)
    assert (made.changed, made.simplified_prompt) == (False, prompt)
    assert all(made.phrases)


VOCABULARY = """
the leftmost two largest dog cats on left of and , . ? except but where is what can i drink with
from all everything not closest to camera person ' 2nd third right top ! ; / image who which how
"""
WORDS = st.sampled_from(VOCABULARY.split())


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(min_size=1, max_size=300), st.lists(WORDS, min_size=1).map(" ".join)))
def test_no_text_breaks_it(prompt: str) -> None:
    made = simplify(prompt)
    assert made.prompt == prompt
    assert made.phrases
    assert all(made.phrases)
    assert made.changed or made.simplified_prompt == prompt
    assert made.reason


@pytest.mark.parametrize("prompt", ["cat " * 1000, "the left " * 400, "cat . " * 600, ", " * 2000])
def test_long_prompts_are_quick(prompt: str) -> None:
    start = time.process_time()
    made = simplify(prompt)
    assert time.process_time() - start < 0.5
    assert made.phrases


def test_it_loads_and_answers_quickly() -> None:
    start = time.process_time()
    engine = NanoSimplifier()
    assert time.process_time() - start < 0.5
    engine.simplify("What could I drink coffee from?")
    start = time.process_time()
    for _ in range(20):
        engine.simplify("Where could I find something to cut the paper with?")
    assert (time.process_time() - start) / 20 < 0.005


def test_a_relation_is_that_of_the_last_thing_of_a_list() -> None:
    made = simplify("car, red bus and the person next to the tree")
    assert made.phrases == ["car", "red bus", "person next to the tree"]
    (relation,) = [each for each in made.filters if each.kind == "relation"]
    assert (relation.phrase, relation.other) == ("person next to the tree", "tree")
