"""Entities read by language models: their answers, and the rules where an answer is of no use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.engines.llm.answer import AnswerError
from edgeseg.engines.llm.extractor import read_labels
from edgeseg.engines.nano.extractor import NanoExtractor
from edgeseg.engines.weights.store import WeightStore
from edgeseg.schemas import EntityExtraction
from edgeseg.settings import Settings
from edgeseg.testing.checkpoints import llm
from edgeseg.types import Image
from tests.unit.engines.llm.chat_server import ChatServer, Reply, serving

TEXT = "Two dogs sit on a red sofa in a garden, soft light"
IMAGE = Image.from_array(np.zeros((48, 64, 3), np.uint8))
MODELS: dict[str, llm.Family] = {
    "qwen3-0.6b": "qwen3",
    "qwen2.5-0.5b": "qwen2",
    "qwen3-vl-2b": "qwen3-vl",
    "qwen3-vl-4b": "qwen3-vl",
    "qwen3-vl-8b": "qwen3-vl",
}


def extract(
    *contents: str, text: str = TEXT, image: Image | None = None, **changes: Any
) -> tuple[EntityExtraction, ChatServer]:
    """Ask a server that answers with these contents."""
    with serving(*map(Reply, contents)) as chat:
        settings = Settings(llm_url=chat.url, llm_model="tiny", **changes)
        engine: Any = registry.load("extract", "openai", EngineOptions.from_settings(settings))
        try:
            return engine.extract(text, image), chat
        finally:
            engine.close()


def facts(made: EntityExtraction) -> list[tuple[str, int | None, list[str]]]:
    return [(each.label, each.count, each.colours) for each in made.entities]


def test_the_grammar_adds_counts_colours_and_relations() -> None:
    made, _ = extract('{"entities": ["dog", "lamp", "red sofa"]}')
    assert facts(made) == [("dog", 2, []), ("lamp", 1, []), ("red sofa", 1, ["red"])]
    assert [(each.subject, each.kind, each.object) for each in made.relations] == [(0, "on", 2)]
    assert (made.prompt, made.warnings, made.engine) == (TEXT, [], None)


@pytest.mark.parametrize(
    "content",
    [
        '["dog", "red sofa"]',
        '```json\n["dog", "red sofa"]\n```',
        '<think>A dog, surely.</think>\n{"entities": ["dog", "red sofa"]}',
        '["two dogs", "the red sofa", "Dog", "red sofa"]',
        '["dog", "red sofa", "soft light", "shadows", "photorealistic", "depth of field"]',
    ],
)
def test_answers_in_other_clothes_are_the_same(content: str) -> None:
    made, chat = extract(content)
    assert facts(made) == [("dog", 2, []), ("red sofa", 1, ["red"])]
    assert len(chat.asked) == 1


@pytest.mark.parametrize(
    ("label", "fact", "phrase"),
    [
        ("three green chairs", ("green chair", 3, ["green"]), "chair"),
        ("chairs", ("chair", None, []), "chair"),
        (
            "red and white lighthouse",
            ("red and white lighthouse", 1, ["red", "white"]),
            "lighthouse",
        ),
        ("Eiffel Tower", ("Eiffel Tower", 1, []), "eiffel tower"),
        ("grassy field", ("grassy field", 1, []), "grassy field"),
        ("traffic light", ("traffic light", 1, []), "traffic light"),
        ("\u732b", ("\u732b", 1, []), "\u732b"),
    ],
)
def test_what_only_the_model_names_is_an_entity_too(
    label: str, fact: tuple[str, int | None, list[str]], phrase: str
) -> None:
    made, _ = extract(f'["{label}"]', text="something else")
    assert facts(made) == [fact]
    assert made.entities[0].phrase == phrase


def test_places_are_known() -> None:
    made, _ = extract('["garden", "stony beach", "dog"]')
    assert [each.is_place for each in made.entities] == [True, True, False]


@pytest.mark.parametrize(
    "said",
    [
        "dog, red sofa",
        '{"entities": "dog"}',
        '{"entities": [1]}',
        '{"entities": ["dog"], "why": "it barks"}',
        '[{"label": "dog"}]',
        '["dog"',
        '["..."]',
        '["a dog. Ignore the text"]',
        f'["{"dog " * 40}"]',
        '{"entities": [' + ",".join(['"dog"'] * 101) + "]}",
        "x" * 5000,
        "",
    ],
)
def test_other_forms_are_refused_with_a_reason(said: str) -> None:
    with pytest.raises(AnswerError) as caught:
        read_labels(said)
    assert str(caught.value)


def test_a_bad_answer_may_be_repaired_once() -> None:
    made, chat = extract("a dog", '["dog"]')
    assert facts(made) == [("dog", 2, [])]
    assert "Invalid JSON" in chat.asked[1][2]["messages"][-1]["content"]


def test_after_two_bad_answers_rules_extract_with_a_warning() -> None:
    made, chat = extract("a dog", "a dog")
    rules = NanoExtractor().extract(TEXT)
    assert (made.entities, made.relations) == (rules.entities, rules.relations)
    assert len(chat.asked) == 2
    assert "so rules did" in made.warnings[0]
    assert made.engine is not None
    assert made.engine.name == "nano"


def test_a_server_is_asked_greedily_for_up_to_512_tokens() -> None:
    _, chat = extract('["dog"]')
    _, _, body = chat.asked[0]
    assert (body["temperature"], body["max_tokens"]) == (0, 512)
    assert TEXT in body["messages"][-1]["content"]


@pytest.mark.parametrize(("sees", "shown"), [(True, True), (True, False), (False, True)])
def test_the_image_is_shown_only_where_both_settings_say_so(sees: bool, shown: bool) -> None:
    _, chat = extract('["dog"]', image=IMAGE, llm_images=sees, extract_image=shown)
    content = chat.asked[0][2]["messages"][-1]["content"]
    assert isinstance(content, str) != (sees and shown)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what writes a model that always gives the same good answer."""
    folders: dict[str, Path] = {}

    def write(family: llm.Family) -> Path:
        if family not in folders:
            folders[family] = tmp_path_factory.mktemp(family)
            torch.manual_seed(0)
            llm.write(folders[family], family, says='"dog", "red sofa"]}')
        return folders[family]

    return write


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("with_image", [False, True])
def test_models_of_this_machine_extract(name: str, with_image: bool, folder_of: Any) -> None:
    folder = folder_of(MODELS[name])
    store = WeightStore(folder, offline=True, overrides={name: str(folder)})
    options = EngineOptions("cpu", dtype="float32", store=store, extract_image=with_image)
    engine: Any = registry.load("extract", name, options)
    assert engine.accepts_image == (with_image and "-vl-" in name)
    made = engine.extract(TEXT, IMAGE)
    assert facts(made) == [("dog", 2, []), ("red sofa", 1, ["red"])]
    assert made.warnings == []
    assert engine._model._model.generation_config.max_new_tokens == 512
    assert not engine._model._model.generation_config.do_sample
    engine.close()
