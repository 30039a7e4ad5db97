"""Prompts as people write them: punctuation, wrappers, exclusions, positions and spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.engines.nano.affordances.table import everything, read_table
from edgeseg.engines.nano.simplifier import UNANSWERED, UNKNOWN, NanoSimplifier
from edgeseg.evaluation.prompts import counts_by_kind, evaluate_prompts, read_prompts
from edgeseg.language.filter_text import filters_text
from edgeseg.language.phrases import split_phrases
from edgeseg.language.rewrites import names
from edgeseg.language.spelling import Spelling, edit_cost

ENGINE = NanoSimplifier()
FOLDER = Path(__file__).parent


@pytest.mark.parametrize(
    ("prompt", "phrases"),
    [
        ("cat。", ["cat"]),
        ("cat、dog", ["cat, dog"]),
        ("1) cup 2) plate", ["cup", "plate"]),
        ("- bolt\r\n- nut", ["bolt", "nut"]),
        ("Mr. Bean", ["Mr. Bean"]),
        ("'cat'", ["cat"]),
        ("bat (animal)", ["bat"]),
        ("person (left)", ["person (left)"]),
        ("[x] eggs", ["eggs"]),
        ('["cat", "dog"]', ["cat, dog"]),
        ("model 2) x", ["model 2) x"]),
    ],
)
def test_punctuation_is_made_plain_without_a_simplifier(prompt: str, phrases: list[str]) -> None:
    assert split_phrases(prompt) == phrases


@pytest.mark.parametrize(
    ("prompt", "phrases", "filters"),
    [
        ("cat\uff0cdog", ["cat", "dog"], ""),
        ("some cutlery", ["cutlery"], ""),
        ("coffee-cup", ["coffee cup"], ""),
        ("t-shirt", ["t-shirt"], ""),
        ("Would you mind picking out the waiter?", ["waiter"], ""),
        ("Give me a mask for every cone you can see.", ["cone"], ""),
        ("I need the kayak selected so I can change its colour", ["kayak"], ""),
        ("Isolate the shoe from the background", ["shoe"], ""),
        ("thanks! now the bicycle", ["bicycle"], ""),
        ("birds that aren't pigeons", ["birds", "pigeons"], "exclude of pigeons"),
        ("cars that aren't moving", ["cars that aren't moving"], ""),
        ("furniture minus the chairs", ["furniture", "chairs"], "exclude of chairs"),
        ("no parking sign", ["no parking sign"], ""),
        ("nothing but the cat", ["cat"], ""),
        ("third car counting from the left", ["car"], "leftmost of car, rank 3"),
        ("second to last car from the right", ["car"], "leftmost of car, rank 2"),
        ("top two fish by size", ["fish"], "largest of fish, 2 of them"),
        ("number of windows", ["windows"], ""),
        ("hilight teh umbrela", ["umbrella"], ""),
        ("the cup (red)", ["red cup"], "colour red of red cup"),
        ("shirt (light blue)", ["light blue shirt"], "colour light blue of light blue shirt"),
        ("my cat Tom", ["cat Tom"], ""),
        ("Mr. and Mrs. Smith", ["Mr. and Mrs. Smith"], ""),
        ("the dog and the cat", ["dog", "cat"], ""),
        ("no. 2 from left", ["no. 2 from left"], ""),
        ("car no. 2 from left", ["car"], "leftmost of car, rank 2"),
        (
            "find the phone next to the lamp",
            ["phone next to the lamp"],
            "relation nearest to lamp of phone next to the lamp",
        ),
    ],
)
def test_other_words_for_the_same(prompt: str, phrases: list[str], filters: str) -> None:
    simplification = ENGINE.simplify(prompt)
    assert simplification.phrases == phrases
    assert filters_text(simplification.filters) == filters
    assert simplification.changed == (simplification.simplified_prompt != prompt)


@pytest.mark.parametrize(
    ("prompt", "filters"),
    [
        ("kids who are not on bikes", "relation not on bikes"),
        ("cups that aren't on the table", "relation not on table"),
        ("workers who aren\u2019t wearing helmets", "relation not wearing helmets"),
        ("people not in the car", "relation not in car"),
        ("kids who are on bikes", "relation on bikes"),
    ],
)
def test_a_relation_that_is_denied_is_negated(prompt: str, filters: str) -> None:
    simplification = ENGINE.simplify(prompt)
    assert filters_text(simplification.filters) == f"{filters} of {prompt}"


def test_no_cats_leaves_them_out_of_everything() -> None:
    simplification = ENGINE.simplify("no cats")
    assert set(everything()) <= set(simplification.phrases)
    assert filters_text(simplification.filters) == "exclude of cat"


def test_unknown_words_and_unanswered_questions_are_named() -> None:
    warnings = ENGINE.simplify("xyzzy").warnings + ENGINE.simplify("猫咪咪").warnings
    assert "“xyzzy” is not a known word." in warnings[0]
    assert "猫咪咪" in warnings[1]
    assert ENGINE.simplify("xyzzy").reason == UNKNOWN
    question = ENGINE.simplify("what is the meaning of life?")
    assert (question.changed, question.warnings) == (False, [UNANSWERED])
    assert ENGINE.simplify("the cat").warnings == []


def test_spelling_is_mended_by_keyboard_sound_and_use() -> None:
    spelling = Spelling(["giraffe", "elephant", "cargo", "match"], ["giraffe", "elephant"])
    assert spelling.mend("girrafe") == "giraffe"
    assert spelling.mend("elefants") == "elephants"
    assert [spelling.mend(word) for word in ("Elefant", "corgi", "matcha", "gir")] == [None] * 4
    assert spelling.nearest("elefant") == ["elephant"]
    assert edit_cost("caat", "cat") < edit_cost("catr", "cat")
    assert edit_cost("csr", "car") < edit_cost("cpr", "car")
    assert edit_cost("cra", "car") < edit_cost("cea", "car")


def test_names_of_any_vocabulary_pass_unchanged() -> None:
    things = {thing for entry in read_table() for thing in entry.things}
    asked = sorted(things | set(everything()) | names())
    assert len(asked) >= 1000
    simplifications = [ENGINE.simplify(name) for name in asked]
    assert [s.prompt for s in simplifications if s.changed or s.phrases != [s.prompt]] == []


# Each kind is a little below what is logged in docs/log/prompts.md.
@pytest.mark.parametrize(("name", "share"), [("prompts_dev", 0.97), ("prompts_test", 0.95)])
def test_prompts_of_every_kind_are_read(name: str, share: float) -> None:
    rows = read_prompts(FOLDER / f"{name}.jsonl")
    counts = counts_by_kind(evaluate_prompts(rows, ENGINE.simplify))
    right, total = counts["all"]
    assert right >= share * total, counts


@pytest.mark.parametrize(
    ("prompt", "phrases", "filters"),
    [
        ("das dritte Fenster von links", ["window"], "leftmost of window, rank 3"),
        ("Hund auf dem Sofa", ["dog on sofa"], "relation"),
        ("alle Vögel au\u00dfer Tauben", ["birds", "pigeons"], "exclude of pigeons"),
        ("der linke Mann", ["man"], "leftmost of man"),
        ("la casa más grande", ["house"], "largest of house"),
        ("\u00bfdónde están las llaves?", ["keys"], ""),
        ("chat noir", ["black cat"], "colour"),
        ("l\u2019homme à droite", ["man"], "rightmost of man"),
        ("mostrami tutte le macchine", ["cars"], ""),
        ("o segundo barco da esquerda", ["boat"], "leftmost of boat, rank 2"),
        ("左边第三把椅子", ["chair"], "leftmost of chair, rank 3"),
        ("猫和狗", ["cat", "dog"], ""),
    ],
)
def test_other_languages_become_english(prompt: str, phrases: list[str], filters: str) -> None:
    simplification = ENGINE.simplify(prompt)
    assert simplification.phrases == phrases
    assert filters in filters_text(simplification.filters)
    assert "Read from" in simplification.reason
    assert simplification.warnings == []


@pytest.mark.parametrize(
    "prompt",
    ["grand piano", "pain", "orange rose", "Los Angeles", "die cutter", "tour bus", "café"],
)
def test_english_words_are_not_read_as_another_language(prompt: str) -> None:
    assert ENGINE.simplify(prompt).phrases == [prompt]


def test_words_of_a_language_without_a_table_are_named() -> None:
    assert not ENGINE.simplify("Zwiebelkuchen frisst").changed
    assert ENGINE.simplify("a" * 200).warnings
    simplification = ENGINE.simplify("der Zwiebelkuchenofen")
    assert not simplification.changed
    assert "“Zwiebelkuchenofen” is not a known word." in simplification.warnings[0]


def test_a_dot_between_blanks_separates_after_a_single_sign_too() -> None:
    assert split_phrases("thing 0 . thing 1 . plan b . cat") == [
        "thing 0", "thing 1", "plan b", "cat",
    ]  # fmt: skip
    assert split_phrases("J. Smith . cat") == ["J. Smith", "cat"]
