"""The learned reader: prompts that no rule was written for, with the rules as its judge."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from edgeseg.engines.nano.learned_reader import LearnedReader
from edgeseg.engines.nano.simplifier import NanoSimplifier
from edgeseg.engines.nano.tagger import BUCKETS, MAX_TOKENS, PARTS, parts_of, shipped_tagger
from edgeseg.evaluation.prompts import counts_by_kind, evaluate_prompts, read_prompts
from edgeseg.language.filter_text import filters_text

ENGINE = NanoSimplifier()
ROWS = Path(__file__).parents[2] / "language"


@pytest.mark.parametrize(
    ("prompt", "phrases", "filters"),
    [
        ("my sister asked whether you could crop the birthday cake", ["birthday cake"], ""),
        ("honestly all I care about is the fountain pen", ["fountain pen"], ""),
        ("could the crane be masked", ["crane"], ""),
        ("the camera, the one on the right", ["camera"], "rightmost of camera"),
        ("windows, although not the broken ones", ["windows"], ""),
        ("do the horse, then the rider", ["horse", "rider"], ""),
        ("scooter that's purple", ["purple scooter"], "colour purple of purple scooter"),
        ("top left: the clock", ["clock"], "side top of clock; side left of clock"),
    ],
)
def test_it_reads_what_the_rules_pass_whole(prompt: str, phrases: list[str], filters: str) -> None:
    simplification = ENGINE.simplify(prompt)
    assert simplification.phrases == phrases
    assert filters_text(simplification.filters) == filters
    assert simplification.changed
    assert simplification.reason.startswith("No rule reads this, so it was read word by word as “")


@pytest.mark.parametrize(
    "prompt", ["fire hydrant", "left winger", "the cup on the table", "cats and dogs"]
)
def test_what_the_rules_read_is_left_to_them(prompt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is not even asked."""

    def refuse(reader: LearnedReader, text: str) -> None:
        raise AssertionError(text)

    monkeypatch.setattr(LearnedReader, "read", refuse)
    assert "word by word" not in ENGINE.simplify(prompt).reason


@pytest.mark.parametrize(
    "prompt",
    ["why is life so unfair?", "what is the meaning of existence?", "thank you so much", "??"],
)
def test_what_names_nothing_stays_as_it_is(prompt: str) -> None:
    simplification = ENGINE.simplify(prompt)
    assert not simplification.changed


def test_the_rules_refuse_phrases_that_name_no_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tagger that takes every token for a thing is not believed."""

    def everything(text: str) -> list[object]:
        return [replace(token, tag="thing", starts=False, sureness=1.0) for token in tagged(text)]

    from dataclasses import replace

    tagger = shipped_tagger()
    tagged = tagger.tag
    monkeypatch.setattr(tagger, "tag", everything)
    prompt = "honestly all I care about is the fountain pen"
    assert not ENGINE.simplify(prompt).changed


def test_pieces_of_words_are_the_same_everywhere_and_shared_by_misspelled_words() -> None:
    assert parts_of("cat").tolist()[:2] == parts_of("CAT").tolist()[:2]
    assert parts_of("cat")[:5].tolist() == [7307, 7971, 5826, 7330, 6190]
    right, wrong, other = (set(parts_of(w)) - {0} for w in ("umbrella", "umberlla", "keyboard"))
    assert len(right & wrong) > len(right & other)
    assert max(parts_of("a" * 300)) < BUCKETS
    assert parts_of("a1b2c3d4e5f6g7h8i9").shape == (PARTS,)


def test_long_prompts_are_left_to_the_rules() -> None:
    assert len(shipped_tagger().tag("cup " * 200)) == MAX_TOKENS
    assert LearnedReader(lambda word: True).read("grab the cup " * MAX_TOKENS) is None
    assert shipped_tagger().tag(" \n") == []


def test_the_network_is_small() -> None:
    weights = files("edgeseg.engines.nano") / "weights" / "reader.onnx"
    assert len(weights.read_bytes()) <= 4_000_000


def test_prompts_by_other_habits_are_read_better_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A little below what is logged in docs/log/prompts.md."""
    rows = read_prompts(ROWS / "prompts_blind.jsonl")
    right, total = counts_by_kind(evaluate_prompts(rows, ENGINE.simplify))["all"]
    monkeypatch.setattr(LearnedReader, "read", lambda reader, text: None)
    by_rules, _ = counts_by_kind(evaluate_prompts(rows, ENGINE.simplify))["all"]
    assert right >= 0.82 * total
    assert right >= by_rules + 0.2 * total
