"""The prompt tagger's training: its grammar, its noise, a few steps, and its file."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from edgeseg.engines.nano.word_vectors import WordVectors
from edgeseg.language.tags import TAGS, Token, sentence_of, things_of
from training.reader import __main__ as command
from training.reader.batches import Sentences
from training.reader.export import export
from training.reader.grammar import Grammar, Word
from training.reader.model import Single, Tagger
from training.reader.noise import misspell, spoiled, written
from training.reader.words import Words, plural

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Constant folding:UserWarning"),
]


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar(Words(WordVectors.shipped()))


def test_the_grammar_writes_every_tag_and_repeats_itself_by_seed(grammar: Grammar) -> None:
    sentences = [grammar.sentence(random.Random(seed)) for seed in range(600)]
    assert sentences[7] == grammar.sentence(random.Random(7))
    tags = Counter(word.tag for sentence in sentences for word in sentence)
    assert set(tags) == set(TAGS)
    assert not any(set("[]{}|") & set(word.text) - {"|"} for s in sentences for word in s)
    named = [s for s in sentences if any(word.tag == "thing" for word in s)]
    assert all(any(word.starts for word in sentence) for sentence in named)
    assert len(named) > 400


def test_noise_keeps_each_token_its_tag() -> None:
    sentence = [Word("could"), Word("you"), Word(","), Word("the", "thing", True)]
    sentence += [Word("wine-glass", "thing"), Word("("), Word("red", "attribute"), Word(")")]
    for seed in range(200):
        random_ = random.Random(seed)
        text, tokens = written(spoiled(sentence, random_), random_)
        assert next(start for _, tag, start in tokens if tag == "thing"), text
        things = "".join(each for each, tag, _ in tokens if tag == "thing").lower()
        assert len(things) >= len("wineglass") - 2
        assert all(each in text for each, _, _ in tokens)


def test_a_misspelled_word_begins_as_it_should() -> None:
    slips = {misspell("umbrella", random.Random(seed)) for seed in range(300)}
    assert {"umbrlla", "umbrela", "umrbella", "umbbrella"} <= slips
    assert all(slip[0] in "um" and abs(len(slip) - 8) <= 1 for slip in slips)
    assert misspell("cat", random.Random(0)) == "cat"
    assert [plural(each) for each in ("fire truck", "box", "berry", "policeman", "scissors")] == [
        "fire trucks", "boxes", "berries", "policemen", "scissors",
    ]  # fmt: skip


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    model, sentences = Tagger().eval(), Sentences(0)
    rows = [
        [("cup", TAGS[1], True)],
        [(w, TAGS[0], False) for w in ["find", "me", "the", "big", "red", "cup"]],
    ]
    both, alone = sentences.collate(rows, 0.0), sentences.collate(rows[:1], 0.0)
    with torch.inference_mode():
        wide = model(both.parts, both.vectors, both.shapes, both.kept)
        narrow = model(alone.parts, alone.vectors, alone.shapes, alone.kept)
    torch.testing.assert_close(wide[0][0, :1], narrow[0][0], atol=1e-5, rtol=0)
    torch.testing.assert_close(wide[1][0, :1], narrow[1][0], atol=1e-5, rtol=0)


def test_it_learns_a_batch_by_heart_and_the_file_says_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, batch = Tagger(dropout=0.0), Sentences(0).batches(4)[0]
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    for _ in range(80):
        loss = command.loss_of(model.train(), batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert command.accuracy(model.eval(), [batch]) == (1.0, 1.0)
    out = tmp_path / "reader.onnx"
    export(model, out)
    session = onnxruntime.InferenceSession(out)
    kept = batch.kept[0, :, 0] > 0
    inputs = [each[0][kept] for each in (batch.parts, batch.vectors, batch.shapes)]
    names = ("parts", "vectors", "shapes")
    tags, starts = session.run(None, {n: v.numpy() for n, v in zip(names, inputs, strict=True)})
    with torch.inference_mode():
        expected = Single(model)(*inputs)
    np.testing.assert_allclose(tags, expected[0].numpy(), atol=0.02)
    np.testing.assert_allclose(starts, expected[1].numpy(), atol=0.02)


def test_the_command_resumes_and_writes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "BATCH", 4)
    checkpoint, out = tmp_path / "reader.pt", tmp_path / "reader.onnx"
    command.train(checkpoint, 2, seed=0)
    assert torch.load(checkpoint, weights_only=True)["done"] == 2
    arguments = ["reader", str(checkpoint), "--steps", "2", "--out", str(out)]
    monkeypatch.setattr("sys.argv", arguments)
    command.main()
    assert out.stat().st_size < 4_000_000


def test_what_the_grammar_asks_for_is_a_sentence_of_its_things(grammar: Grammar) -> None:
    """Half of all sentences name a thing that the reassembled sentence keeps."""
    kept = 0
    for seed in range(200):
        words = grammar.sentence(random.Random(seed))
        places = np.cumsum([0, *(len(word.text) + 1 for word in words)])
        tokens = [
            Token(word.text, word.tag, word.starts, 1.0, int(place))
            for word, place in zip(words, places, strict=False)
        ]
        sentence = sentence_of(things_of(tokens))
        nouns = [word.text for word in words if word.tag == "thing"]
        kept += bool(nouns) and nouns[-1].lower() in sentence.lower()
    assert kept > 100
