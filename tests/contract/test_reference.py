"""Engines agree with their reference implementations, the libraries that they are built on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from edgeseg.benchmarks import reference
from edgeseg.engines import registry
from edgeseg.engines.base import Detector, EngineOptions, Grounder, Segmenter
from edgeseg.engines.torch.hf import as_pillow, import_transformers
from edgeseg.engines.weights.store import WeightStore
from edgeseg.errors import EngineUnavailableError
from edgeseg.settings import Role
from edgeseg.types import Image, MaskPrompt
from tests.contract import checkpoints

BOXES = np.array([[20, 30, 120, 150], [150, 60, 420, 280], [0, 0, 451, 300]], np.float32)
PHRASES = ["a cat", "a red car"]


def load(role: Role, name: str, options: EngineOptions) -> Any:
    return registry.load(role, name, checkpoints.with_weights(role, name, options))


def folder_of(role: Role, name: str, options: EngineOptions) -> Path:
    place = options.store.find(registry.find(role, name).sources[0])
    assert place is not None
    return place


def box_prompts() -> list[MaskPrompt]:
    return [MaskPrompt(box_xyxy=(float(a), float(b), float(c), float(d))) for a, b, c, d in BOXES]


@pytest.mark.parametrize("name", ["grounding-dino-tiny", "mm-grounding-dino-tiny"])
def test_grounding_dino(name: str, options: EngineOptions, photo: Image) -> None:
    engine = cast(Detector, load("detect", name, options))
    folder = folder_of("detect", name, options)
    transformers = import_transformers()
    model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(folder)
    processor = transformers.AutoProcessor.from_pretrained(folder)
    inputs = processor(images=as_pillow(photo), text="a cat. a red car.", return_tensors="pt")
    with torch.inference_mode():
        made = model(**inputs)
    (plain,) = processor.post_process_grounded_object_detection(
        made, inputs["input_ids"], threshold=0.0, target_sizes=[photo.size_hw]
    )
    found = engine.detect(photo, PHRASES, box_threshold=0.0, text_threshold=0.0)
    ranked = zip(found.boxes_xyxy, found.scores, strict=True)
    ours = {tuple(box.round(1)): score for box, score in reversed(list(ranked))}
    height, width = photo.size_hw
    edges = np.array([width, height, width, height], np.float32)
    words = inputs["input_ids"][0]
    is_word = ~torch.isin(words, torch.tensor([101, 102, 1012, 1029]))
    tokens = made.logits[0].sigmoid()[:, : len(words)][:, is_word].max(dim=1).values
    for box, score in zip(plain["boxes"].numpy(), tokens.numpy(), strict=True):
        assert ours[tuple(box.clip(0, edges).round(1))] == pytest.approx(score, abs=1e-4)
    engine.close()


def test_original_checkpoints_mark_the_phrase_that_is_asked_for(
    options: EngineOptions, photo: Image
) -> None:
    engine = cast(Detector, load("detect", "grounding-dino-original-tiny", options))
    both = engine.detect(photo, PHRASES, box_threshold=0.0, text_threshold=0.0)
    assert set(both.labels) == set(PHRASES)
    assert len(both) == 2 * 30
    # Phrases are masked from each other in the text encoder.
    again = engine.detect(photo, PHRASES, box_threshold=0.0, text_threshold=0.0)
    assert np.allclose(both.scores, again.scores)
    engine.close()


def test_an_original_checkpoint_of_another_model_is_refused(
    options: EngineOptions, tmp_path: Path
) -> None:
    name = "grounding-dino-original-tiny"
    options = checkpoints.with_weights("detect", name, options)
    checkpoint = folder_of("detect", name, options)
    tensors = torch.load(checkpoint, weights_only=True)["model"]
    tensors.pop("module.input_proj.0.0.weight")
    torch.save({"model": tensors}, tmp_path / "part.pth")
    (tmp_path / "model.json").write_text(checkpoint.with_name("model.json").read_text())
    own = WeightStore(options.store.root, overrides={name: str(tmp_path / "part.pth")})
    with pytest.raises(EngineUnavailableError, match=r"lack 1 tensors.*input_proj"):
        registry.load("detect", name, EngineOptions("cpu", store=own))


# The package's predictor uses what torch has deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_sam2(options: EngineOptions, photo: Image) -> None:
    engine: Any = load("segment", "sam2.1-tiny", options)
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    predictor = SAM2ImagePredictor(engine.model)
    predictor._bb_feat_sizes = [(32, 32), (16, 16), (8, 8)]
    with torch.inference_mode():
        predictor.set_image(photo.rgb)
        masks, scores, _ = predictor.predict(box=BOXES, multimask_output=False)
        click = np.array([[230.0, 160.0]])
        tried, quality, _ = predictor.predict(click, np.array([1]), multimask_output=True)
    embedding = engine.embed(photo)
    made = engine.segment(embedding, box_prompts())
    assert np.array_equal(made.masks, masks[:, 0].astype(bool))
    assert np.allclose(made.scores, scores[:, 0], atol=1e-5)
    point = MaskPrompt(points_xy=click.astype(np.float32), point_labels=np.array([1]))
    clicked = engine.segment(embedding, [point])
    assert np.array_equal(clicked.masks[0], tried[quality.argmax()].astype(bool))
    engine.close()


@pytest.mark.parametrize(
    ("size", "millions"), [("t", 38.9), ("s", 46.0), ("b+", 80.8), ("l", 224.4)]
)
def test_the_published_sizes_of_sam2_are_built(size: str, millions: float) -> None:
    from edgeseg.engines.sam import sam2

    model = sam2.build(f"sam2.1_hiera_{size}")
    count = sum(each.numel() for each in model.parameters()) / 1e6
    assert count == pytest.approx(millions, abs=0.1)


@pytest.mark.parametrize("name", ["sam-vit-base", "sam-hq-vit-base"])
def test_sam(name: str, options: EngineOptions, photo: Image) -> None:
    engine = cast(Segmenter, load("segment", name, options))
    folder = folder_of("segment", name, options)
    transformers = import_transformers()
    kind = transformers.SamHQModel if "hq" in name else transformers.SamModel
    model = kind.from_pretrained(folder)
    pixels = transformers.SamImageProcessor(
        size={"longest_edge": 128},
        pad_size={"height": 128, "width": 128},
        mask_size={"longest_edge": 32},
        mask_pad_size={"height": 32, "width": 32},
    )
    wrapped = (transformers.SamHQProcessor if "hq" in name else transformers.SamProcessor)(pixels)
    inputs = wrapped(images=as_pillow(photo), input_boxes=[BOXES.tolist()], return_tensors="pt")
    with torch.inference_mode():
        out = model(
            pixel_values=inputs["pixel_values"],
            input_boxes=inputs["input_boxes"].float(),
            multimask_output=False,
        )
    (masks,) = wrapped.post_process_masks(
        out.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
    )
    made = engine.segment(engine.embed(photo), box_prompts())
    # The library rounds the scaled image to whole numbers; ours is not rounded.
    assert (made.masks != masks[:, 0].numpy()).mean() < 0.02
    assert np.allclose(made.scores, out.iou_scores[0, :, 0].clamp(0, 1).numpy(), atol=5e-3)
    engine.close()


def test_florence2(options: EngineOptions, photo: Image) -> None:
    engine = cast(Detector, load("detect", "florence-2-base", options))
    folder = folder_of("detect", "florence-2-base", options)
    transformers = import_transformers()
    model = transformers.Florence2ForConditionalGeneration.from_pretrained(folder, dtype="float32")
    processor = transformers.AutoProcessor.from_pretrained(folder)
    task = "<OPEN_VOCABULARY_DETECTION>"
    inputs = processor(images=as_pillow(photo), text=f"{task}a cat", return_tensors="pt")
    with torch.inference_mode():
        plain = model.generate(**inputs, do_sample=False, num_beams=1, max_new_tokens=12)
        internal: Any = engine
        seen = internal._encode(photo)
        answers: list[Any] = []
        kept, internal._most = internal._most, 12
        original = transformers.Florence2ForConditionalGeneration.generate

        def spy(*args: Any, **kwargs: Any) -> Any:
            answers.append(original(*args, **kwargs))
            return answers[-1]

        internal.model.generate = lambda **kwargs: spy(internal.model, **kwargs)
        internal._locate(seen, ["a cat", "a very large red car"])
        internal._most = kept
    assert torch.equal(answers[0].sequences[0], plain[0])
    engine.close()


# peft asks transformers by a name that is going away.
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_changes_the_model_that_it_is_for(
    options: EngineOptions, photo: Image, tmp_path: Path
) -> None:
    from edgeseg.testing.checkpoints import florence2

    name = "florence-2-base"
    options = checkpoints.with_weights("detect", name, options)
    florence2.write_adapter(folder_of("detect", name, options), tmp_path)
    own = WeightStore(options.store.root, offline=True, overrides={name: str(tmp_path)})
    base: Any = registry.load("detect", name, options)
    tuned: Any = registry.load("detect", name, EngineOptions("cpu", dtype="float32", store=own))
    key = "model.language_model.decoder.layers.0.self_attn.q_proj.weight"
    before, after = base.model.state_dict()[key], tuned.model.state_dict()[key]
    assert before.shape == after.shape
    assert not torch.equal(before, after)
    assert set(base.model.state_dict()) == set(tuned.model.state_dict())
    tuned.detect(photo, PHRASES, box_threshold=0.0, text_threshold=0.0)


def test_sam3_encodes_an_image_once_for_all_phrases(
    options: EngineOptions, photo: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = cast(Grounder, load("ground", "sam3", options))
    internal: Any = engine
    forwards: list[int] = []
    encode = internal.model.get_vision_features

    def counting(**given: Any) -> Any:
        forwards.append(1)
        return encode(**given)

    monkeypatch.setattr(internal.model, "get_vision_features", counting)
    found, masks = engine.ground(photo, PHRASES, box_threshold=0.0, text_threshold=0.0)
    assert forwards == [1]
    processor = internal._processor
    for phrase in PHRASES:
        inputs = processor(images=as_pillow(photo), text=phrase, return_tensors="pt")
        with torch.inference_mode():
            made = internal.model(**inputs)
        (plain,) = processor.post_process_instance_segmentation(
            made, threshold=0.0, mask_threshold=0.5, target_sizes=[photo.size_hw]
        )
        rows = [index for index, label in enumerate(found.labels) if label == phrase]
        order = plain["scores"].argsort(descending=True, stable=True)
        assert np.allclose(found.scores[rows], plain["scores"][order].numpy(), atol=1e-5)
        theirs = plain["masks"][order].bool().numpy()
        assert (masks.masks[rows] != theirs).mean() < 1e-3
    engine.close()


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("detect", "grounding-dino-tiny"),
        ("detect", "grounding-dino-original-tiny"),
        ("segment", "sam2.1-tiny"),
        ("segment", "sam-vit-base"),
        ("segment", "sam-hq-vit-base"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_engines_are_timed_beside_runs(
    role: Role, name: str, options: EngineOptions, photo: Image
) -> None:
    options = checkpoints.with_weights(role, name, options)
    engine: Any = registry.load(role, name, options)
    weights = registry.fetch(registry.find(role, name), options.store)
    library = reference.reference_for(engine, weights, photo, PHRASES)
    if library.detect is not None:
        assert library.detect() is not None
    else:
        assert library.embed is not None
        assert library.segment is not None
        library.embed()
        assert library.segment(BOXES)() is not None
    engine.close()
