"""One contract for every engine of a role, whatever its family."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any, cast, get_args

import numpy as np
import PIL.Image
import pytest

from edgeseg.engines import registry
from edgeseg.engines.base import (
    ClassSegmenter,
    DetectCall,
    Detector,
    EngineOptions,
    EntityExtractor,
    Grounder,
    ObjectEmbedder,
    Segmenter,
    Simplifier,
)
from edgeseg.engines.paste import paste
from edgeseg.settings import Role, read_settings
from edgeseg.types import Detections, Image, MaskCount, MaskPrompt
from tests.contract import checkpoints

MASK_COUNTS: tuple[MaskCount, ...] = get_args(MaskCount)
LENIENT = {"box_threshold": 0.05, "text_threshold": 0.05}


def engines_of(role: Role) -> list[str]:
    """Names of the engines of a role that can be loaded, with random weights where there are none.

    Several sizes of one model are one engine here.
    """
    # The server is that of the options.
    settings = read_settings().model_copy(update={"llm_url": "http://here", "llm_model": "tiny"})
    return [
        name
        for name in registry.names(role)
        if not (entry := registry.find(role, name)).missing(settings=settings)
        and (not entry.sources or name in {**checkpoints.WRITERS, **checkpoints.FAMILIES})
    ]


def understands(role: Role, name: str) -> bool:
    """Say whether an engine has weights that mean something."""
    return not registry.find(role, name).sources


def loading(role: Role) -> Any:
    """Return a fixture of every engine of a role, each loaded once."""

    @pytest.fixture(scope="module", params=engines_of(role))
    def engine(request: pytest.FixtureRequest, options: EngineOptions) -> Iterator[Any]:
        loaded = registry.load(
            role, request.param, checkpoints.with_weights(role, request.param, options)
        )
        yield loaded
        loaded.close()

    return engine


simplifier, extractor, detector, segmenter, grounder, embedder, classifier = map(
    loading, registry.ROLES
)


SIZES = [(1, 1), (7, 300), (300, 7), (33, 65), (300, 451), (1200, 1600)]


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size[1]}x{size[0]}")
def sized(request: pytest.FixtureRequest, photo: Image) -> Image:
    height, width = cast("tuple[int, int]", request.param)
    pil_image = PIL.Image.fromarray(photo.rgb).resize((width, height))
    return Image.from_array(np.array(pil_image))


def check_detections(found: Detections, image: Image, phrases: list[str]) -> None:
    height, width = image.size_hw
    assert set(found.labels) <= set(phrases)
    assert np.isfinite(found.boxes_xyxy).all()
    assert (found.scores >= 0).all()
    assert (found.scores <= 1).all()
    assert (np.diff(found.scores) <= 1e-6).all()
    x0, y0, x1, y1 = found.boxes_xyxy.T
    assert (x0 <= x1).all()
    assert (y0 <= y1).all()
    # A box may reach a little over the edge; it is cut there later.
    assert (x0 >= -0.1 * width - 1).all()
    assert (x1 <= 1.1 * width + 1).all()
    assert (y0 >= -0.1 * height - 1).all()
    assert (y1 <= 1.1 * height + 1).all()


@pytest.mark.parametrize(
    ("role", "name"), [(role, name) for role in registry.ROLES for name in engines_of(role)]
)
def test_engines_say_where_they_run_and_end_for_good(
    role: Role, name: str, options: EngineOptions, photo: Image
) -> None:
    engine: Any = registry.load(role, name, checkpoints.with_weights(role, name, options))
    assert engine.name == name
    assert engine.device == ("server" if name == "openai" else "cpu")
    assert engine.dtype == "float32" or understands(role, name)
    held = [weakref.ref(part) for part in vars(engine).values() if hasattr(part, "parameters")]
    engine.close()
    engine.close()
    gc.collect()
    assert [part() for part in held] == [None] * len(held), "the model is still in memory"
    with pytest.raises(RuntimeError, match="close"):
        use(role, engine, photo)


def use(role: Role, engine: Any, image: Image) -> None:
    """Ask an engine for its work."""
    if role == "simplify":
        engine.simplify("the leftmost cat")
    elif role == "extract":
        engine.extract("a cat")
    elif role == "detect":
        engine.detect(image, ["cat"], **LENIENT)
    elif role == "embed":
        engine.embed_objects(image, np.ones((1, *image.size_hw), bool))
    elif role in ("segment", "classify"):
        engine.embed(image)
    else:
        engine.ground(image, ["cat"], **LENIENT)


@pytest.mark.parametrize(
    "prompt", ["cat", "cat . dog .", "the leftmost cat", "?", "ﬁx 猫 🐈", "a" * 500]
)
def test_simplifiers_always_return_something_to_look_for(
    simplifier: Simplifier, prompt: str
) -> None:
    made = simplifier.simplify(prompt)
    assert made.prompt == prompt
    assert made.phrases
    assert all(phrase.strip() for phrase in made.phrases)
    assert made.simplified_prompt


@pytest.mark.parametrize("prompt", ["cat", "cat . dog .", "red car . person"])
def test_simplifiers_pass_plain_prompts_unchanged(simplifier: Simplifier, prompt: str) -> None:
    made = simplifier.simplify(prompt)
    assert made.phrases == [part.strip() for part in prompt.split(".") if part.strip()]
    assert not made.changed


def test_detectors_find_boxes_in_any_size(detector: Detector, sized: Image) -> None:
    phrases = ["cat", "a small brown dog", "xylophonist"]
    check_detections(detector.detect(sized, phrases, **LENIENT), sized, phrases)


def test_detectors_return_nothing_for_nothing(detector: Detector, photo: Image) -> None:
    assert len(detector.detect(photo, [], **LENIENT)) == 0
    assert len(detector.detect(photo, ["cat"], box_threshold=1.0, text_threshold=0.0)) == 0


def test_detectors_keep_to_the_threshold(detector: Detector, photo: Image) -> None:
    found = detector.detect(photo, ["cat", "dog"], box_threshold=0.3, text_threshold=0.0)
    assert (found.scores >= 0.3).all()


def test_detectors_take_many_phrases_and_repeat_themselves(
    detector: Detector, photo: Image
) -> None:
    phrases = [f"thing {number}" for number in range(49)] + ["cat"]
    first = detector.detect(photo, phrases, **LENIENT)
    second = detector.detect(photo, phrases, **LENIENT)
    check_detections(first, photo, phrases)
    assert first.labels == second.labels
    assert np.allclose(first.boxes_xyxy, second.boxes_xyxy, atol=1e-3)


def test_detectors_answer_several_as_alone(detector: Detector, photo: Image) -> None:
    many = getattr(detector, "detect_many", None)
    if many is None:
        return
    turned = Image.from_array(np.ascontiguousarray(photo.rgb[::-1]))
    wide = Image.from_array(np.ascontiguousarray(photo.rgb[:100]))
    calls = [
        DetectCall(image, phrases, 0.05, 0.05)
        for image, phrases in [
            (photo, ("cat", "dog")),
            (turned, ("dog", "cup")),
            (wide, ("cat", "dog")),
            (photo, ("a small brown dog",)),
            (turned, ()),
        ]
    ]
    for call, together in zip(calls, many(calls), strict=True):
        alone = call.alone(detector)
        assert alone.labels == together.labels
        assert np.allclose(alone.scores, together.scores, atol=1e-3)
        assert np.allclose(alone.boxes_xyxy, together.boxes_xyxy, atol=0.1)


def test_segmenters_encode_several_as_alone(segmenter: Segmenter, photo: Image) -> None:
    many = getattr(segmenter, "embed_many", None)
    if many is None:
        return
    wide = Image.from_array(np.ascontiguousarray(photo.rgb[:100]))
    for image, together in zip((photo, wide), many([photo, wide]), strict=True):
        alone = segmenter.embed(image)
        height, width = image.size_hw
        prompt = MaskPrompt(box_xyxy=(width * 0.1, height * 0.1, width * 0.7, height * 0.9))
        masks = [segmenter.segment(each, [prompt]) for each in (alone, together)]
        assert [each.shape for each in alone.arrays] == [each.shape for each in together.arrays]
        assert masks[0].scores == pytest.approx(masks[1].scores, abs=1e-3)
        union = (masks[0].masks | masks[1].masks).sum()
        assert (masks[0].masks & masks[1].masks).sum() >= 0.999 * union


def test_segmenters_answer_in_the_frame_of_the_image(segmenter: Segmenter, sized: Image) -> None:
    height, width = sized.size_hw
    embedding = segmenter.embed(sized)
    assert embedding.size_hw == sized.size_hw
    assert embedding.nbytes > 0
    whole = MaskPrompt(box_xyxy=(0.0, 0.0, float(width), float(height)))
    middle = np.array([[width / 2, height / 2]], np.float32)
    point = MaskPrompt(points_xy=middle, point_labels=np.array([1]))
    made = segmenter.segment(embedding, [whole, point])
    assert made.masks.shape == (2, height, width)
    assert np.isfinite(made.scores).all()


def test_segmenters_keep_the_order_and_answer_alone_as_together(
    segmenter: Segmenter, photo: Image
) -> None:
    embedding = segmenter.embed(photo)
    boxes = [(20.0, 30.0, 120.0, 150.0), (150.0, 60.0, 420.0, 280.0), (0.0, 0.0, 451.0, 300.0)]
    prompts = [MaskPrompt(box_xyxy=box) for box in boxes]
    together = segmenter.segment(embedding, prompts)
    for index, prompt in enumerate(prompts):
        alone = segmenter.segment(embedding, [prompt])
        differing = (alone.masks[0] != together.masks[index]).mean()
        assert differing <= 1e-3
        assert alone.scores[0] == pytest.approx(together.scores[index], abs=1e-3)


def test_segmenters_take_corrections(segmenter: Segmenter, photo: Image) -> None:
    embedding = segmenter.embed(photo)
    box = (60.0, 40.0, 400.0, 290.0)
    first = segmenter.segment(embedding, [MaskPrompt(box_xyxy=box)]).masks[0]
    prompt = MaskPrompt(
        box_xyxy=box,
        points_xy=np.array([[230.0, 160.0], [5.0, 5.0]], np.float32),
        point_labels=np.array([1, 0]),
        previous=first,
    )
    second = segmenter.segment(embedding, [prompt]).masks[0]
    alone = segmenter.segment(embedding, [MaskPrompt(previous=first)]).masks[0]
    assert first.shape == second.shape == alone.shape == photo.size_hw
    if understands("segment", segmenter.name):
        assert first.any()
        assert second[160, 230]
        assert not second[5, 5]


def test_segmenters_do_not_mix_images(segmenter: Segmenter, photo: Image) -> None:
    other = Image.from_array(np.ascontiguousarray(photo.rgb[:, ::-1]))
    prompt = MaskPrompt(box_xyxy=(60.0, 40.0, 300.0, 290.0))
    here = segmenter.embed(photo)
    before = segmenter.segment(here, [prompt]).masks
    segmenter.embed(other)
    assert np.array_equal(segmenter.segment(here, [prompt]).masks, before)


def test_segmenters_return_nothing_for_nothing(segmenter: Segmenter, photo: Image) -> None:
    embedding = segmenter.embed(photo)
    assert segmenter.segment(embedding, []).masks.shape == (0, *photo.size_hw)
    assert len(segmenter.candidates(embedding, [])) == 0


def test_candidates_are_the_masks_before_they_are_cut(segmenter: Segmenter, sized: Image) -> None:
    height, width = sized.size_hw
    embedding = segmenter.embed(sized)
    prompts = [
        MaskPrompt(box_xyxy=(0.1 * width, 0.2 * height, 0.9 * width, 0.7 * height)),
        MaskPrompt(box_xyxy=(0, 0, width, height)),
    ]
    made = segmenter.candidates(embedding, prompts, 1)
    whole = segmenter.segment(embedding, prompts)
    np.testing.assert_allclose(made.scores[:, 0], whole.scores, atol=1e-4)
    for window, logits, expected in zip(made.windows_xyxy, made.logits, whole.masks, strict=True):
        mask = np.zeros((height, width), bool)
        paste(mask, window, logits[0])
        # The families enlarge in steps of their own, so that a rim may differ.
        assert (mask != expected).mean() < 0.06


def test_candidates_are_as_many_as_are_asked_for(segmenter: Segmenter, photo: Image) -> None:
    embedding = segmenter.embed(photo)
    place = np.array([[photo.size_hw[1] / 2, photo.size_hw[0] / 2]], np.float32)
    prompt = MaskPrompt(points_xy=place, point_labels=np.array([1]))
    one, three, four = (segmenter.candidates(embedding, [prompt], n) for n in MASK_COUNTS)
    if one.logits.shape == four.logits.shape:
        assert np.array_equal(three.logits, one.logits), "an engine of one mask has that one"
        return
    np.testing.assert_allclose(four.logits[:, :1], one.logits, atol=1e-3)
    np.testing.assert_allclose(four.logits[:, 1:], three.logits, atol=1e-3)
    np.testing.assert_allclose(four.scores[:, 1:], three.scores, atol=1e-4)
    assert three.logits.shape[1] == 3


def test_grounders_find_boxes_with_masks(grounder: Grounder, sized: Image) -> None:
    found, masks = grounder.ground(sized, ["cat", "dog"], **LENIENT)
    check_detections(found, sized, ["cat", "dog"])
    assert masks.masks.shape == (len(found), *sized.size_hw)
    nothing, none = grounder.ground(sized, [], **LENIENT)
    assert len(nothing) == len(none) == 0


@pytest.mark.parametrize("text", ["A dog on a red sofa", "?", "\ufb01x \u732b", "a" * 4000])
def test_extractors_name_each_thing_once(extractor: EntityExtractor, text: str) -> None:
    made = extractor.extract(text)
    assert made.prompt == text
    labels = [each.label.casefold() for each in made.entities]
    assert len(set(labels)) == len(labels)
    assert all(each.label.strip() and each.phrase.strip() for each in made.entities)
    assert all(max(each.subject, each.object) < len(labels) for each in made.relations)


def test_embedders_give_each_object_a_vector(embedder: ObjectEmbedder, sized: Image) -> None:
    masks = np.zeros((3, *sized.size_hw), bool)
    masks[0] = True
    masks[1, : max(1, sized.size_hw[0] // 2)] = True
    vectors = embedder.embed_objects(sized, masks)
    assert vectors.dtype == np.float32
    assert len(vectors) == 3
    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    alone = embedder.embed_objects(sized, masks[1:2])
    assert np.allclose(alone[0], vectors[1], atol=1e-4), "an object's vector is its own"
    assert len(embedder.embed_objects(sized, masks[:0])) == 0


@pytest.mark.parametrize("tokens", [1, 5])
def test_classes_are_decoded_each_by_its_own_prompt(
    classifier: ClassSegmenter, sized: Image, tokens: int
) -> None:
    width = 4 if classifier.base is None else classifier.base.width
    prompts = np.random.default_rng(0).normal(0.5, 0.3, (3, tokens, width)).astype(np.float32)
    embedding = classifier.embed(sized)
    assert embedding.size_hw == sized.size_hw
    made = classifier.decode_classes(embedding, prompts)
    assert len(made.logits) == 3
    assert np.isfinite(made.logits).all()
    # The maps cover the image.
    height, width_px = sized.size_hw
    assert (made.window_xyxy[:2] <= 0).all()
    assert (made.window_xyxy[2:] >= np.array([width_px, height]) - 1e-3).all()
    alone = classifier.decode_classes(embedding, prompts[1:2])
    np.testing.assert_allclose(alone.logits[0], made.logits[1], atol=1e-3)
    again = classifier.decode_classes(embedding, prompts[[2, 0]])
    np.testing.assert_allclose(again.logits, made.logits[[2, 0]], atol=1e-3)
