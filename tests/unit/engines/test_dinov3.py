"""DINOv3, tiny and random: vectors of objects as the original computes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions, ObjectEmbedder
from edgeseg.engines.torch.hf import import_transformers
from edgeseg.engines.weights.store import WeightStore
from edgeseg.settings import Settings
from edgeseg.testing.checkpoints import dinov3
from edgeseg.types import BoolArray, FloatArray, Image

NAME = "dinov3-vitb16"
HEIGHT, WIDTH = 448, 672


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("dinov3")
    torch.manual_seed(0)
    dinov3.write(place)
    return place


@pytest.fixture(scope="module")
def engine(folder: Path) -> Any:
    loaded = registry.load("embed", NAME, options(folder))
    assert isinstance(loaded, ObjectEmbedder)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def image() -> Image:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    noise = np.random.default_rng(0).integers(0, 60, (HEIGHT, WIDTH, 3))
    ramp = np.stack([rows * 190 // HEIGHT, columns * 190 // WIDTH, (rows + columns) % 190], -1)
    return Image.from_array((ramp + noise).astype(np.uint8))


def options(folder: Path, dtype: str = "float32") -> EngineOptions:
    store = WeightStore(folder, offline=True, overrides={NAME: str(folder)})
    return EngineOptions("cpu", dtype=dtype, store=store)


def block(top: int, left: int, bottom: int, right: int) -> BoolArray:
    """A mask over cells of the 14 by 14 grid."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top * 32 : bottom * 32, left * 48 : right * 48] = True
    return mask


def plain(folder: Path, image: Image, mask: BoolArray) -> FloatArray:
    """Compute a vector as generated-segmentation does, step by step, with transformers alone."""
    transformers = import_transformers()
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    squeezed = PIL.Image.fromarray(image.rgb).resize((224, 224), PIL.Image.Resampling.BICUBIC)
    inputs = processor(images=squeezed, return_tensors="pt")
    with torch.inference_mode():
        tokens = model(**inputs).last_hidden_state[0, 5:]
    small = PIL.Image.fromarray(mask.astype(np.uint8) * 255).resize(
        (224, 224), PIL.Image.Resampling.NEAREST
    )
    grid = torch.from_numpy(np.array(small) > 0).float().reshape(14, 16, 14, 16).mean((1, 3))
    covered = (grid > 0.5).flatten()
    vector = tokens[covered if covered.any() else slice(None)].mean(0).numpy()
    made: FloatArray = vector / np.linalg.norm(vector)
    return made


def half_a_cell() -> BoolArray:
    mask = block(0, 0, 0, 0)
    mask[:32, :24] = True
    return mask


@pytest.mark.parametrize(
    "mask",
    [block(2, 3, 7, 11), block(0, 0, 14, 14), block(5, 5, 6, 6), half_a_cell(), block(0, 0, 0, 0)],
    ids=["block", "all", "one cell", "half a cell", "nothing"],
)
def test_vectors_are_those_of_the_original(
    engine: Any, folder: Path, image: Image, mask: BoolArray
) -> None:
    (vector,) = engine.embed_objects(image, mask[None])
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert np.allclose(vector, plain(folder, image, mask), atol=1e-5)


def test_a_mask_of_half_a_cell_counts_as_the_whole_image(engine: Any, image: Image) -> None:
    masks = np.stack([half_a_cell(), block(0, 0, 0, 0), block(0, 0, 14, 14), block(0, 0, 1, 1)])
    half, none, whole, cell = engine.embed_objects(image, masks)
    assert np.array_equal(half, none)
    assert np.allclose(none, whole, atol=1e-6)
    assert not np.allclose(cell, whole, atol=1e-3)


def test_the_image_is_encoded_once_for_all_objects(
    engine: Any, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    forwards: list[int] = []
    handle = engine.model.register_forward_pre_hook(lambda *_: forwards.append(1))
    engine.embed_objects(image, np.stack([block(0, 0, 4, 4), block(5, 5, 9, 9)]))
    handle.remove()
    assert forwards == [1]


def test_it_stays_in_float32(folder: Path, image: Image) -> None:
    engine: Any = registry.load("embed", NAME, options(folder, "bfloat16"))
    assert engine.dtype == "float32"
    assert next(engine.model.parameters()).dtype == torch.float32
    engine.close()


def test_other_sizes_and_registers_come_from_the_config(tmp_path: Path, image: Image) -> None:
    transformers = import_transformers()
    dinov3.write(tmp_path)
    shape = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1}
    config = transformers.DINOv3ViTConfig(
        **shape, num_attention_heads=2, image_size=224, patch_size=32, num_register_tokens=0
    )
    transformers.DINOv3ViTModel(config).save_pretrained(tmp_path)
    engine: Any = registry.load("embed", NAME, options(tmp_path))
    assert engine.embed_objects(image, block(0, 0, 4, 4)[None]).shape == (1, 24)
    engine.close()


def test_the_gate_is_said() -> None:
    (row,) = (each for each in registry.describe(Settings()) if each.name == NAME)
    assert row.licence == "DINOv3 License"
