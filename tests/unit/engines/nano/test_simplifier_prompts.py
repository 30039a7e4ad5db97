"""How often the nano simplifier is right, on prompts that its table does not contain."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseg.engines.nano.affordances.matcher import content_words
from edgeseg.engines.nano.affordances.table import everything, read_table
from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.selection.filters import ATTRIBUTES

FOLDER = Path(__file__).parent / "prompts"
ENGINE = NanoSimplifier()


def lines(name: str) -> list[str]:
    return (FOLDER / name).read_text("utf-8").splitlines()


def misses(name: str) -> tuple[list[str], int]:
    """Questions whose first phrase is none of the things that answer them, and how many asked."""
    wrong = []
    for line in lines(name):
        question, things = line.split("\t")
        made = ENGINE.simplify(question)
        if not made.changed or made.phrases[0] not in things.split("|"):
            wrong.append(f"{question} -> {made.phrases[:3]}, expected {things}")
    return wrong, len(lines(name))


@pytest.mark.parametrize(
    ("name", "least"), [("intents_heldout.tsv", 0.85), ("intents_tuned.tsv", 0.95)]
)
def test_intents_become_the_right_phrases(name: str, least: float) -> None:
    wrong, asked = misses(name)
    assert asked >= 120
    assert len(wrong) <= (1 - least) * asked, "\n".join(wrong)


def test_no_question_is_in_the_table() -> None:
    table = {tuple(sorted(content_words(e))) for need in read_table() for e in need.examples}
    questions = [line.split("\t")[0] for line in lines("intents_heldout.tsv")]
    known = [q for q in questions if q in {e for n in read_table() for e in n.examples}]
    assert known == []
    assert sum(tuple(sorted(content_words(q))) in table for q in questions) < len(questions) / 4


def test_plain_prompts_pass_unchanged() -> None:
    prompts = lines("plain.txt")
    assert len(set(prompts)) >= 150
    made = [ENGINE.simplify(prompt) for prompt in prompts]
    # Colours and relations are checked on what is found; the words stay.
    chosen = [m for m in made if any(each.kind not in ATTRIBUTES for each in m.filters)]
    assert chosen == []
    # Filters name their phrase without its article.
    asked = [m.prompt.removeprefix("the ") if m.filters else m.prompt for m in made]
    changed = [
        m
        for m, prompt in zip(made, asked, strict=True)
        if m.simplified_prompt.strip(" .") != prompt.strip(" .") or (m.changed and not m.filters)
    ]
    assert changed == []


def test_questions_that_no_thing_answers_pass_unchanged() -> None:
    made = [ENGINE.simplify(prompt) for prompt in lines("odd.txt")]
    changed = [f"{m.prompt} -> {m.phrases}" for m in made if m.changed]
    assert len(changed) <= len(made) * 0.15, changed


def test_the_table_answers_its_own_examples() -> None:
    table = read_table()
    assert len(table) >= 300
    wrong = []
    for need in table:
        for example in need.examples:
            made = ENGINE.simplify(f"something to {example}")
            if made.changed and made.phrases[0] != need.things[0]:
                wrong.append((example, made.phrases))
    assert len(wrong) < 0.1 * sum(len(need.examples) for need in table)


def test_everything_is_many_different_things() -> None:
    assert len(set(everything())) == len(everything()) >= 60
