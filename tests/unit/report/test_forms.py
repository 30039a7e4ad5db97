"""The forms of generated-segmentation: keys, their order, types and values as it writes them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pycocotools.mask
import pytest

from edgeseg.entity_result import EntitySegmentation, Form
from edgeseg.report.forms import embeddings_json, to_json
from tests.unit.report.conftest import renamed


def read(found: EntitySegmentation, form: Form, comparison: bool = False) -> Any:
    return json.loads(to_json(found, form, comparison=comparison))


def test_the_seed_form(found: EntitySegmentation) -> None:
    form = read(found, "seed")
    assert list(form) == ["prompt", "entities", "contextual_images", "generated_image", "judgement"]
    assert form["prompt"] == "Two black dogs on a red sofa"
    assert form["entities"] == ["black dog", "red sofa", "bird", "garden"]
    first, broken, _ = form["contextual_images"]
    assert list(first) == ["path", "objects", "image_dimensions"]
    assert list(broken) == ["path", "objects", "image_dimensions", "error"]
    assert first["image_dimensions"] == {"width": 160, "height": 120}
    assert broken["objects"] == []
    assert broken["image_dimensions"] is None
    assert broken["error"]["code"] == "invalid_image"
    dog = form["generated_image"]["objects"][0]
    assert list(dog) == ["object_id", "label", "bbox", "score", "mask_rle"]
    assert dog["object_id"] == "black dog_0"
    assert dog["bbox"] == [10, 10, 60, 60], "truncated, as the original has it"
    assert all(type(value) is int for value in dog["bbox"])
    rle = {"counts": dog["mask_rle"], "size": [120, 160]}
    assert pycocotools.mask.decode(rle).sum() == 50 * 50
    assert form["judgement"]["missing"] == ["bird"]


def test_the_full_form(found: EntitySegmentation) -> None:
    form = read(found, "full")
    keys = [
        "text_prompt", "detected_entities", "contextual_images", "generated_image", "box_format",
        "coordinate_unit", "object_pairings", "judgement",
    ]  # fmt: skip
    assert list(form) == keys
    assert (form["box_format"], form["coordinate_unit"]) == ("xyxy", "pixels")
    first, broken, _ = form["contextual_images"]
    assert list(first) == ["path", "image_dimensions", "objects"]
    assert list(broken) == ["path", "image_dimensions", "objects", "error"]
    dog = form["generated_image"]["objects"][0]
    assert list(dog) == ["object_id", "label", "bbox", "mask", "score"]
    assert list(dog["mask"]) == ["counts", "size"]
    assert dog["mask"]["size"] == [120, 160]
    same, alone, other = form["object_pairings"]
    assert same == {
        "generated_object_id": "black dog_0",
        "generated_label": "black dog",
        "best_contextual_object_id": "black dog_0",
        "best_contextual_label": "black dog",
        "source_image": found.result.contextual[0].file_name,
        "cosine_similarity": 0.75,
        "threshold": 0.5,
        "paired": True,
    }
    assert list(alone) == list(same)
    assert alone["cosine_similarity"] == -1
    assert alone["best_contextual_object_id"] is alone["source_image"] is None
    assert (other["paired"], other["cosine_similarity"]) == (False, 0.25)
    assert list(read(found, "full", comparison=True)) == [*keys[:-1], "comparison", "judgement"]


def test_the_comparison(found: EntitySegmentation) -> None:
    comparison = read(found, "full", comparison=True)["comparison"]
    assert list(comparison) == ["comparisons", "summary"]
    assert comparison["summary"] == {
        "total_generated_objects": 3,
        "total_contextual_objects": 2,
        "matched_labels": ["black dog", "red sofa"],
    }
    dog = comparison["comparisons"][0]
    assert dog == {
        "label": "black dog",
        "generated_object_id": "black dog_0",
        "generated_bbox": [10, 10, 60, 60],
        "generated_score": 0.875,
        "matched_contextual_objects": [
            {
                "contextual_object_id": "black dog_0",
                "source_image": found.result.contextual[0].file_name,
                "contextual_bbox": [20, 20, 70, 70],
                "contextual_score": 0.875,
            }
        ],
    }


def test_the_embeddings(found: EntitySegmentation) -> None:
    form = json.loads(embeddings_json(found))
    assert list(form) == ["contextual_images", "generated_image"]
    assert form["contextual_images"][0] == {
        "path": found.result.contextual[0].file_name,
        "objects": [
            {"object_id": "black dog_0", "label": "black dog", "dino_embedding": [1.0, 0.0]}
        ],
    }
    assert len(form["generated_image"]["objects"]) == 3


def test_paths_are_absolute_in_the_full_form_alone(
    found: EntitySegmentation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = renamed(found, -1, "g ü.png")
    assert read(here, "seed")["generated_image"]["path"] == "g ü.png"
    assert read(here, "full")["generated_image"]["path"] == os.path.abspath("g ü.png")
    assert read(renamed(found, -1, None), "full")["generated_image"]["path"] is None


@pytest.mark.parametrize("form", ["seed", "full"])
def test_text_is_indented_and_kept_as_it_is(found: EntitySegmentation, form: Form) -> None:
    text = to_json(found, form)
    assert "g ü.png" in text
    assert text.startswith('{\n  "')


@pytest.mark.parametrize("form", ["seed", "full"])
def test_a_name_that_is_not_unicode_is_written_all_the_same(
    found: EntitySegmentation, tmp_path: Path, form: Form
) -> None:
    odd = renamed(found, 0, "a\udcff.png")
    target = tmp_path / "o.json"
    odd.to_json(form, target)
    path = json.loads(target.read_text("utf-8"))["contextual_images"][0]["path"]
    assert os.path.basename(path) == "a\udcff.png"
    embeddings_json(odd).encode()


def test_a_generated_image_that_failed(found: EntitySegmentation) -> None:
    failed = found.result.contextual[1]
    result = found.result.model_copy(
        update={"generated": failed, "pairings": [], "judgement": None}
    )
    broken = EntitySegmentation(result, [*found.sources[:-1], found.sources[1]])
    for form in ("seed", "full"):
        assert read(broken, form)["judgement"] is None
        assert read(broken, form)["generated_image"]["error"]["code"] == "invalid_image"
