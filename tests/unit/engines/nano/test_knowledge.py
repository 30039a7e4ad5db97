"""What things are for: the sentence encoder, the known things, and questions matched with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseg.engines.nano.affordances.hints import Hints, kind_asked_for
from edgeseg.engines.nano.affordances.knowledge import all_affordances, read_knowledge
from edgeseg.engines.nano.affordances.matcher import content_words
from edgeseg.engines.nano.affordances.statements import statement_vectors, write_statements
from edgeseg.engines.nano.affordances.table import Affordance, read_table
from edgeseg.engines.nano.sentence_encoder import MAX_WORDS, SentenceEncoder, sentence_words
from edgeseg.engines.nano.simplifier import UNANSWERED, NanoSimplifier
from edgeseg.evaluation.prompts import counts_by_kind, evaluate_prompts, read_prompts

ENCODER = SentenceEncoder.shipped()
ENGINE = NanoSimplifier()
BLIND = Path(__file__).parents[2] / "language" / "needs_blind.jsonl"


def test_vectors_are_of_unit_length_and_depend_on_the_order_of_words() -> None:
    one, other, none = ENCODER.encode(["dog bites man", "man bites dog", "!"])
    assert one.shape == (ENCODER.dim,)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert 0.5 < one @ other < 0.999
    assert not none.any()
    np.testing.assert_allclose(ENCODER.encode(["dog bites man"])[0], one, atol=1e-6)


def test_a_question_lies_near_what_answers_it() -> None:
    asked = ENCODER.encode(["what could I use to stop the flames", "where can we spend the night"])
    said = ENCODER.encode(["put out a fire", "sleep in a bed", "peel vegetables"])
    assert (asked @ said.T).argmax(1).tolist() == [0, 1]


def test_the_encoder_reads_so_many_words_and_no_signs() -> None:
    assert sentence_words("Don\u2019t STOP, 2 men!") == ["don", "t", "stop", "2", "men"]
    assert len(sentence_words("word " * 50)) == MAX_WORDS


def test_every_statement_has_its_vector_and_new_ones_are_encoded(tmp_path: Path) -> None:
    texts = [text for entry in all_affordances() for text in entry.examples]
    stored = statement_vectors(texts, ENCODER)
    sample = slice(0, None, 97)
    likeness = (stored[sample] * ENCODER.encode(texts[sample])).sum(1)
    # The teacher's vectors of statements, and the student's, are of one space.
    assert likeness.mean() > 0.7
    assert np.abs(likeness - 1).min() > 1e-4
    new = statement_vectors(["a text that nobody stored"], ENCODER)
    np.testing.assert_allclose(new, ENCODER.encode(["a text that nobody stored"]), atol=1e-5)
    write_statements(["a", "b"], stored[:2], tmp_path / "some.npz")
    with np.load(tmp_path / "some.npz") as data:
        assert data["vectors"].dtype == np.int8
        assert len(data["keys"]) == 2


def test_two_thousand_things_are_known_with_their_kinds() -> None:
    known = read_knowledge()
    assert len({thing for entry in known for thing in entry.things}) >= 2000
    kinds = {entry.things[0]: entry.kinds for entry in known}
    assert "animal" in kinds["giraffe"]
    assert kinds["climber"] == {"person"}
    assert len(all_affordances()) == len(known) + len(read_table())


def test_who_asks_for_a_person_and_which_bird_for_a_bird() -> None:
    entries = (
        Affordance(("baker",), ("makes bread",), kinds=frozenset({"person"})),
        Affordance(("oven",), ("bake bread in",)),
        Affordance(("owl",), ("hunts at night",), kinds=frozenset({"animal", "bird"})),
        Affordance(("bat",), ("flies at night",), kinds=frozenset({"animal"})),
    )
    hints = Hints(entries)

    def best(question: str) -> int:
        return int(hints.of(question, content_words(question)).argmax())

    assert best("who would make bread") == 0
    assert best("where is bread baked in") == 1
    assert best("which bird is awake at night") == 2
    mentioned = hints.of("what does an owl eat", ["owl", "eat"])
    assert mentioned[2] < mentioned[3]
    assert kind_asked_for(["which", "of", "these", "animals", "bark"]) == "animal"
    assert kind_asked_for(["where", "do", "birds", "sleep"]) is None


@pytest.mark.parametrize(
    ("question", "thing"),
    [
        ("who commands the aircraft?", "pilot"),
        ("what keeps a door from banging", "doorstop"),
        ("which animal hibernates", "bear"),
        ("what would an archer aim at?", "target"),
        ("what does the referee blow", "whistle"),
    ],
)
def test_questions_are_answered_from_what_things_are_for(question: str, thing: str) -> None:
    simplification = ENGINE.simplify(question)
    assert simplification.phrases[0] == thing
    assert simplification.warnings == []


@pytest.mark.parametrize("name", ["can opener", "tin opener", "fire extinguisher", "guide dog"])
def test_names_of_known_things_are_no_questions(name: str) -> None:
    assert ENGINE.simplify(name).phrases == [name]


# A little below what is logged in docs/log/prompts.md.
def test_blind_questions_are_answered_and_others_passed_on_with_a_warning() -> None:
    rows = read_prompts(BLIND)
    answers = evaluate_prompts(rows, ENGINE.simplify)
    counts = counts_by_kind(answers)
    assert counts["needs"][0] >= 0.60 * counts["needs"][1], counts
    assert counts["unanswered"][0] >= 0.80 * counts["unanswered"][1], counts
    passed = [a for a in answers if a.row.kind == "unanswered" and a.right]
    warned = [a for a in passed if UNANSWERED in ENGINE.simplify(a.row.prompt).warnings]
    assert len(warned) >= 0.9 * len(passed)
    wrong = [a for a in answers if not a.right and ENGINE.simplify(a.row.prompt).changed]
    assert len(wrong) <= 66, len(wrong)
