"""The full engines in the pipeline: chosen by name, loaded once, freed, and said in the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeseg import EdgeSegAI, EngineUnavailableError
from edgeseg.engines import registry, residency
from edgeseg.engines.base import Engine, EngineOptions
from edgeseg.settings import Role, Settings
from edgeseg.types import Image
from tests.contract import checkpoints

LOW: dict[str, Any] = {"box_threshold": 0.01, "text_threshold": 0.0, "max_objects": 4}


def settings_with(options: EngineOptions, *engines: tuple[Role, str]) -> Settings:
    """Return settings whose folder of weights holds those of the engines."""
    for role, name in engines:
        checkpoints.with_weights(role, name, options)
    return Settings(weights_dir=options.store.root, offline=True, device="cpu", dtype="float32")


def test_images_go_stage_by_stage_and_each_model_loads_once(
    options: EngineOptions, photo: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_with(options, ("detect", "grounding-dino-tiny"), ("segment", "sam2.1-tiny"))
    loaded: list[str] = []
    together: list[int] = []

    def load(role: Role, name: str, wanted: EngineOptions) -> Engine:
        loaded.append(name)
        together.append(len(ai.residency.loaded()))
        return registry.load(role, name, wanted)

    ai = EdgeSegAI("nano", "grounding-dino-tiny", "sam2.1-tiny", settings=settings)
    ai.residency = residency.Residency(0, EngineOptions.from_settings(settings), load)
    results = ai.segment_images([photo.rgb, photo.rgb[:, ::-1].copy()], "cat . dog .", **LOW)
    assert loaded == ["nano", "grounding-dino-tiny", "sam2.1-tiny"]
    assert together == [0, 0, 0], "one model at a time"
    assert ai.residency.loaded() == []
    for result in results:
        assert result.objects
        assert {each.label for each in result.objects} <= {"cat", "dog"}
        ran = {
            role: (each.name, each.device, each.dtype)
            for role, each in result.result.engines.items()
        }
        assert ran["detect"] == ("grounding-dino-tiny", "cpu", "float32")
        assert ran["segment"] == ("sam2.1-tiny", "cpu", "float32")


def test_a_grounder_takes_the_place_of_two_stages(options: EngineOptions, photo: Image) -> None:
    settings = settings_with(options, ("ground", "sam3"))
    with EdgeSegAI(grounder="sam3", settings=settings) as ai:
        result = ai.segment_image(image=photo.rgb, prompt="cat . dog .", **LOW)
    assert set(result.result.engines) == {"simplify", "ground"}
    assert 0 < len(result.objects) <= 4
    height, width = photo.size_hw
    for each in result.objects:
        assert tuple(each.mask.size) == (height, width)
        assert 0 <= each.box[0] <= each.box[2] <= width


def test_entities_go_through_qwen_sam3_and_dino_one_at_a_time(
    options: EngineOptions, photo: Image
) -> None:
    names: dict[Role, str] = {
        "extract": "qwen3-vl-2b",
        "ground": "sam3",
        "embed": "dinov3-vitb16",
    }
    places = {}
    for role, name in names.items():
        ready = checkpoints.with_weights(role, name, options)
        places[name] = str(ready.store.find(registry.find(role, name).sources[0]))
    settings = Settings(weights=places, offline=True, device="cpu", dtype="float32")
    loaded: list[str] = []
    encoded: list[int] = []

    def load(role: Role, name: str, wanted: EngineOptions) -> Engine:
        loaded.append(name)
        assert ai.residency.loaded() == []
        engine = registry.load(role, name, wanted)
        if name == "sam3":
            internal: Any = engine
            internal.model.vision_encoder.register_forward_hook(lambda *_: encoded.append(1))
        return engine

    ai = EdgeSegAI(extractor=names["extract"], grounder="sam3", settings=settings)
    ai.residency = residency.Residency(0, EngineOptions.from_settings(settings), load)
    made = ai.segment_entities(
        "Two dogs sit on a red sofa",
        [photo.rgb, photo.rgb[:, ::-1].copy()],
        photo.rgb,
        engines={"embed": names["embed"]},
        embeddings=True,
        box_threshold=0.01,
        text_threshold=0.0,
    ).result
    assert loaded == list(names.values())
    assert len(encoded) == 3, "each image once, for all entities"
    assert [(each.label, each.count) for each in made.entities] == [("dog", 2), ("red sofa", 1)]
    assert {role: each.name for role, each in made.engines.items()} == names
    for page in (*made.contextual, made.generated):
        assert page.error is None
        assert page.objects
        vectors = np.array([each.embedding for each in page.objects])
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    # The generated image is the first contextual one.
    pairs = [each for each in made.pairings if each.paired]
    assert pairs
    assert max(each.cosine or 0 for each in pairs) == pytest.approx(1, abs=1e-3)
    assert made.judgement is not None


def test_weights_that_are_nowhere_are_one_clear_error(
    photo: Image, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = Settings(weights_dir=tmp_path_factory.mktemp("none"), offline=True)
    with (
        EdgeSegAI(segmenter="sam-vit-huge", detector="fake", settings=settings) as ai,
        pytest.raises(EngineUnavailableError, match=r"facebook/sam-vit-huge/tree/87aecf0df4ce"),
    ):
        ai.segment_image(image=photo.rgb, prompt="cat")
