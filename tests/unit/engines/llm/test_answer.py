"""Answers of language models are read strictly: what is not as asked for is refused, and said."""

from __future__ import annotations

import contextlib
import json
import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseg.engines.llm.answer import AnswerError, read_answer
from edgeseg.engines.llm.conversation import EXAMPLES, INSTRUCTIONS
from edgeseg.schemas import Filter
from edgeseg.schemas.simplification import FilterKind, FilterRelation, Side


@pytest.mark.parametrize("answer", [answered for _, answered in EXAMPLES])
def test_the_examples_that_a_model_is_shown_can_be_read(answer: str) -> None:
    made = read_answer(answer)
    assert list(made.phrases) == json.loads(answer)["phrases"]
    assert len(made.filters) == len(json.loads(answer)["filters"])


@pytest.mark.parametrize(
    "answer",
    [
        '{"phrases": ["cup", "mug"]}',
        '\n {"phrases": ["cup", "mug"], "filters": []} \n',
        '```json\n{"phrases": ["cup", "mug"], "filters": []}\n```',
        '<think>\nA cup {or} a mug.\n</think>\n\n{"phrases": ["cup", "mug"], "filters": []}',
        '{"phrases": [" cup. ", "mug", "Cup", "mug"], "filters": []}',
    ],
)
def test_fences_thoughts_and_repetitions_do_not_matter(answer: str) -> None:
    assert read_answer(answer).phrases == ("cup", "mug")


def test_filters_speak_of_the_phrases_as_they_are_spelt() -> None:
    made = read_answer(
        '{"phrases": ["Red Car"], "filters": [{"kind": "exclude", "phrase": "red car", '
        '"filters": [{"kind": "leftmost", "phrase": "RED CAR", "rank": 2}]}]}'
    )
    inner = Filter(kind="leftmost", phrase="Red Car", rank=2)
    assert made.filters == (Filter(kind="exclude", phrase="Red Car", filters=[inner]),)


def test_every_filter_is_named_to_the_model_and_colour_and_relation_are_shown() -> None:
    for choices in (FilterKind, Side, FilterRelation):
        for name in get_args(choices):
            assert re.search(rf"\b{name}\b", INSTRUCTIONS), name
    shown = [each for _, answer in EXAMPLES for each in read_answer(answer).filters]
    assert {"dark blue"} == {each.colour for each in shown if each.kind == "colour"}
    relations = [each for each in shown if each.kind == "relation"]
    assert [(each.other, each.negated) for each in relations] == [
        ("table", False),
        ("helmet", True),
    ]


def test_a_colour_may_be_that_of_the_other_thing() -> None:
    answer = json.dumps(
        {
            "phrases": ["person with red shirt"],
            "filters": [
                {
                    "kind": "relation",
                    "phrase": "person with red shirt",
                    "subject": "person",
                    "relation": "with",
                    "other": "red shirt",
                },
                {"kind": "colour", "phrase": "Red shirt", "colour": "red"},
            ],
        }
    )
    assert read_answer(answer).filters[1] == Filter(kind="colour", phrase="red shirt", colour="red")


def _filtered(**fields: object) -> str:
    return json.dumps({"phrases": ["cat", "dog"], "filters": [fields]})


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("", "the answer: Invalid JSON"),
        ("I'm sorry, I can't help with that.", "Invalid JSON"),
        ('Sure! {"phrases": ["cup"]}', "Invalid JSON"),
        ('{"phrases": ["cup"]} Anything else?', "Invalid JSON"),
        ('["cup"]', "the answer: "),
        ('{"phrases": []}', "phrases: "),
        ('{"phrases": "cup"}', "phrases: "),
        ('{"phrases": [1]}', r"phrases\.0: "),
        ('{"phrases": ["cup", " . "]}', "must name a thing"),
        ('{"phrases": ["cup . mug"]}', "without dots"),
        (json.dumps({"phrases": ["cup " * 30]}), "longer than 100"),
        (json.dumps({"phrases": [f"cup {n}" for n in range(21)]}), "phrases: "),
        (json.dumps({"phrases": ["cup"], "reason": "x" * 5000}), "longer than 4000"),
        ('{"phrases": ["cup"], "reason": "why"}', "reason: Extra"),
        (_filtered(kind="nearest"), r"filters\.0\.kind: "),
        (_filtered(kind="leftmost", rank="2"), r"filters\.0\.rank: "),
        (_filtered(kind="leftmost", rank=0), r"filters\.0\.rank: "),
        (_filtered(kind="leftmost", phrase="bird"), "'bird' is not among the phrases"),
        (_filtered(kind="side"), "the kind side has a side"),
        (_filtered(kind="leftmost", side="left"), "no other kind has one"),
        (_filtered(kind="side", side="left", count=2), "neither rank nor count"),
        (_filtered(kind="leftmost", filters=[{"kind": "largest"}]), "only the kind exclude"),
        (_filtered(kind="colour"), "needs a colour"),
        (_filtered(kind="colour", colour="mauve"), r"filters\.0\.colour: "),
        (_filtered(kind="colour", colour="red", rank=2), "neither rank nor count"),
        (_filtered(kind="leftmost", colour="red"), "only the kind colour has"),
        (_filtered(kind="relation", relation="on"), "needs a relation and other"),
        (_filtered(kind="largest", other="table"), "only the kind relation has"),
        (_filtered(kind="leftmost", negated=True), "can be negated"),
        (_filtered(kind="leftmost", phrase="table"), "'table' is not among the phrases"),
        (_filtered(kind="exclude"), "must say what is left out"),
        (_filtered(kind="exclude", filters=[{"kind": "exclude"}]), "inside an exclude"),
        (
            '{"phrases": ["cat"], "filters": [{"kind": "exclude", "phrase": "cat"}]}',
            "nothing would be left",
        ),
    ],
)
def test_anything_else_is_refused_with_a_reason(answer: str, problem: str) -> None:
    with pytest.raises(AnswerError, match=problem):
        read_answer(answer)


@given(st.text() | st.from_regex(r'\{"phrases": \[.*', fullmatch=True))
def test_no_text_does_anything_else(text: str) -> None:
    with contextlib.suppress(AnswerError):
        assert read_answer(text).phrases
