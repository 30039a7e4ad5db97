"""``edgeseg entities``: the original's flags, its configuration, and its JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pycocotools.mask
import pytest

from edgeseg.cli.entities import repeated

TEXT = "dog, red sofa, garden"


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Three images: two contextual ones of the same name, and the generated one."""
    paths = [tmp_path / "a" / "x.png", tmp_path / "b" / "x.png", tmp_path / "g ü.png"]
    for seed, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
        PIL.Image.fromarray(pixels).save(path)
    return paths


def run(
    folder: Path, *args: object, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command with the fake engines, in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EDGESEG_")}
    done = subprocess.run(
        [sys.executable, "-m", "edgeseg", "entities", *map(str, args)],
        cwd=folder,
        env={**kept, "EDGESEG_ENGINES": "fake", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def test_the_command_of_the_original(tmp_path: Path, images: list[Path]) -> None:
    done = run(
        tmp_path,
        "--prompt", TEXT,
        "--contextual", images[0], images[1],
        "--generated", images[2],
        "--output", "results/out.json",
    )  # fmt: skip
    found = json.loads((tmp_path / "results/out.json").read_text("utf-8"))
    assert list(found)[:4] == ["prompt", "entities", "contextual_images", "generated_image"]
    assert found["prompt"] == TEXT
    assert found["entities"] == ["dog", "red sofa", "garden"]
    assert [each["path"] for each in found["contextual_images"]] == [str(p) for p in images[:2]]
    shown = found["generated_image"]["objects"][0]
    assert list(shown) == ["object_id", "label", "bbox", "score", "mask_rle"]
    assert shown["object_id"] == f"{shown['label']}_0"
    assert all(isinstance(value, int) for value in shown["bbox"])
    size = found["generated_image"]["image_dimensions"]
    rle = {"counts": shown["mask_rle"], "size": [size["height"], size["width"]]}
    assert pycocotools.mask.decode(rle).any()
    assert "detect 1/3: " in done.stderr
    assert "dog 1" in done.stderr
    assert "total: " in done.stdout


def test_the_later_form_with_a_comparison(tmp_path: Path, images: list[Path]) -> None:
    done = run(
        tmp_path, "-p", TEXT, "-c", images[0], images[1], "-g", images[2], "-o", "o.json",
        "--schema", "full", "--compare", "-q", "--embeddings", "e.json",
    )  # fmt: skip
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found == json.loads((tmp_path / "o.json").read_text("utf-8"))
    assert list(found) == [
        "text_prompt", "detected_entities", "contextual_images", "generated_image", "box_format",
        "coordinate_unit", "object_pairings", "comparison", "judgement",
    ]  # fmt: skip
    assert "g ü.png" in done.stdout, "names stay as they are"
    assert os.path.isabs(found["generated_image"]["path"])
    shown = found["generated_image"]["objects"][0]
    assert list(shown) == ["object_id", "label", "bbox", "mask", "score"]
    pairing = found["object_pairings"][0]
    assert pairing["generated_object_id"] in {
        each["object_id"] for each in found["generated_image"]["objects"]
    }
    assert pairing["source_image"] in {str(path) for path in images[:2]}
    assert pairing["paired"] == (pairing["cosine_similarity"] >= pairing["threshold"])
    comparison = found["comparison"]
    assert comparison["summary"]["total_generated_objects"] == 3
    assert comparison["summary"]["total_contextual_objects"] == 6
    assert len(comparison["comparisons"][0]["matched_contextual_objects"]) == 2
    embeddings = json.loads((tmp_path / "e.json").read_text("utf-8"))
    assert len(embeddings["contextual_images"]) == 2
    assert len(embeddings["generated_image"]["objects"][0]["dino_embedding"]) == 4


def test_many_to_one_pairs_one_object_with_several(tmp_path: Path, images: list[Path]) -> None:
    common = ("-p", "dog", "-c", images[0], "-g", images[2], "--schema", "full", "-q")
    for more in ((), ("--many-to-one",)):
        found = json.loads(run(tmp_path, *common, *more).stdout)
        assert [each["source_image"] for each in found["object_pairings"]] == [str(images[0])]


def test_drawings_and_the_page(tmp_path: Path, images: list[Path]) -> None:
    args = ("-p", TEXT, "-c", images[0], "-g", images[2], "--report", "r/r.html", "--save-viz")
    run(tmp_path, *args)
    folder = tmp_path / "outputs/visualizations"
    assert {each.name for each in folder.iterdir()} == {
        "contextual_0_annotated.jpg",
        "generated_annotated.jpg",
    }
    with PIL.Image.open(folder / "generated_annotated.jpg") as pil_image:
        assert pil_image.quantization[0][0] == 2, "quality 95"  # type: ignore[attr-defined]
    page = (tmp_path / "r/r.html").read_text("utf-8")
    assert page.count("<figure><img ") == 2
    # Its own results are replaced by a second run, as those of the original are.
    run(tmp_path, *args, "--viz-dir", "v")
    assert len(list((tmp_path / "v").iterdir())) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="names need not be Unicode there alone")
def test_a_name_that_is_not_unicode(tmp_path: Path, images: list[Path]) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    images[0].rename(odd)
    done = run(tmp_path, "-p", TEXT, "-c", odd, "-g", images[2], "-q", "--report", "r.html")
    assert json.loads(done.stdout)["contextual_images"][0]["path"] == str(odd)
    assert (tmp_path / "r.html").exists()


def test_foreign_files_and_inputs_are_not_replaced(tmp_path: Path, images: list[Path]) -> None:
    (tmp_path / "notes.json").write_text('{"mine": 1}')
    common = ("-p", TEXT, "-c", images[0], "-g", images[2])
    run(tmp_path, *common, "-o", "notes.json", code=2)
    run(tmp_path, *common, "-o", images[0], code=2)
    run(tmp_path, *common, "--report", "page.txt", code=2)
    assert (tmp_path / "notes.json").read_text() == '{"mine": 1}'
    run(tmp_path, *common, "-o", "notes.json", "--overwrite")


def test_missing_images_are_all_named(tmp_path: Path, images: list[Path]) -> None:
    done = run(tmp_path, "-p", TEXT, "-c", "no.jpg", images[0], "-g", "none.png", code=1)
    assert "no.jpg" in done.stderr
    assert "none.png" in done.stderr
    assert str(images[0]) not in done.stderr
    assert not (tmp_path / "segmentation_output.json").exists()


def test_an_unreadable_image_among_good_ones(tmp_path: Path, images: list[Path]) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    done = run(
        tmp_path, "-p", TEXT, "-c", "bad.jpg", images[0], "-g", images[2], "--report", "r.html",
        code=1,
    )  # fmt: skip
    assert "bad.jpg: " in done.stderr
    found = json.loads((tmp_path / "segmentation_output.json").read_text("utf-8"))
    assert found["contextual_images"][0]["error"]["code"] == "invalid_image"
    assert found["contextual_images"][1]["objects"]
    assert "bad.jpg" in (tmp_path / "r.html").read_text("utf-8")


def test_an_image_given_twice_is_one(tmp_path: Path, images: list[Path]) -> None:
    done = run(tmp_path, "-p", TEXT, "-c", images[0], images[0], "-g", images[0], "-q")
    assert len(json.loads(done.stdout)["contextual_images"]) == 1


@pytest.mark.parametrize(
    ("prompt", "code", "says"),
    [("x" * 4001, 2, "4001 characters"), (" . ", 2, "holds no words"), ("dog " * 1000, 0, "")],
)
def test_odd_prompts(tmp_path: Path, images: list[Path], prompt: str, code: int, says: str) -> None:
    done = run(tmp_path, "-p", prompt, "-c", images[0], "-g", images[2], code=code)
    assert says in done.stderr


def test_a_prompt_without_things(tmp_path: Path, images: list[Path]) -> None:
    done = run(tmp_path, "-p", "warm light", "-g", images[2], code=1, EDGESEG_EXTRACT_ENGINE="nano")
    assert "[no_entity]" in done.stderr


CONFIG = """
models:
  text_parser: {model_name: nano, dtype: float32, device_map: auto}
  segmentation: {model_name: fake, dtype: float32, device: cpu}
  dino: {model_name: fake}
segmentation: {threshold: 0.99, mask_threshold: 0.5}
pairing: {threshold: 0.75}
entity_filter: {excluded_terms: [garden]}
output: {box_format: xyxy, save_visualizations: true, visualization_dir: pictures}
device: {use_flash_attention: false}
"""


def test_the_configuration_goes_after_flags_and_the_environment(
    tmp_path: Path, images: list[Path]
) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG)
    common = ("-p", "a dog in a garden", "-g", images[2], "-q", "--schema", "full")

    def found(*more: object, extract_engine: str = "") -> Any:
        done = run(
            tmp_path, *common, "--config", "c.yaml", *more, EDGESEG_EXTRACT_ENGINE=extract_engine
        )
        return json.loads(done.stdout)

    by_file = found("-c", images[0])
    assert by_file["detected_entities"] == ["dog"], "the file chooses the grammar, and a filter"
    assert by_file["object_pairings"] == [], "the file's threshold is high"
    assert (tmp_path / "pictures/generated_annotated.jpg").exists()
    by_flag = found("-c", images[0], "--threshold", "0.1", "--pairing-threshold", "0.25")
    assert by_flag["object_pairings"][0]["threshold"] == 0.25
    by_environment = found(extract_engine="fake")
    assert by_environment["detected_entities"] == ["a dog in a garden"]
    by_both = found("--text-model", "nano", extract_engine="fake")
    assert by_both["detected_entities"] == ["dog"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("models: {text: {}}", "models.text"),
        ("segmentation: {threshold: 2}", "segmentation.threshold"),
        ("output: {box_format: xywh}", "output.box_format"),
        ("- a", "holds no keys"),
        ("a: [", "no YAML"),
        ("models: {segmentation: {model_name: facebook/sam9}}", "facebook/sam9"),
    ],
)
def test_a_wrong_configuration_is_named(
    tmp_path: Path, images: list[Path], text: str, says: str
) -> None:
    (tmp_path / "c.yaml").write_text(text)
    done = run(tmp_path, "-p", TEXT, "-g", images[2], "--config", "c.yaml", code=2)
    assert says in done.stderr


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (("--dtype", "bogus"), 2, "EDGESEG_DTYPE"),
        (("--device", "bogus"), 2, "EDGESEG_DEVICE"),
        (("--mask-threshold", "1.5"), 2, "EDGESEG_MASK_THRESHOLD"),
        (("--threshold", "2"), 2, "box_threshold"),
        (("--pairing-threshold", "-1"), 2, "pairing_threshold"),
        (("--schema", "coco"), 2, "--schema"),
        (("--seg-model", "nano+none"), 2, "none"),
    ],
)
def test_a_wrong_flag_is_one_sentence(
    tmp_path: Path, images: list[Path], flags: tuple[str, ...], code: int, says: str
) -> None:
    done = run(tmp_path, "-p", TEXT, "-g", images[2], *flags, code=code)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_configuration_is_an_error(tmp_path: Path, images: list[Path]) -> None:
    done = run(tmp_path, "-p", TEXT, "-g", images[2], "--config", "none.yaml", code=2)
    assert "none.yaml" in done.stderr


def test_models_are_known_by_their_repositories() -> None:
    from edgeseg.cli.entities_choice import engine_named, segmenting_engines

    assert engine_named("extract", "Qwen/Qwen3-VL-8B-Instruct") == "qwen3-vl-8b"
    assert segmenting_engines("facebook/sam3") == {"ground": "sam3"}
    assert segmenting_engines("nano") == {"detect": "nano", "segment": "nano"}
    assert segmenting_engines("grounding-dino-tiny + sam2.1-tiny") == {
        "detect": "grounding-dino-tiny",
        "segment": "sam2.1-tiny",
    }


def test_an_option_takes_several_values() -> None:
    given = ["-p", "x y", "--contextual", "a", "b", "-g", "g", "-c", "c", "-", "--quiet"]
    assert repeated(given) == [
        "-p", "x y", "--contextual", "a", "--contextual", "b", "-g", "g", "-c", "c", "-c", "-",
        "--quiet",
    ]  # fmt: skip
