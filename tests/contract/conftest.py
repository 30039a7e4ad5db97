"""What the tests of engines share: options with a store of random weights, and a photo."""

from __future__ import annotations

from typing import Any

import numpy as np
import PIL.Image
import pytest

from edgeseg.engines.base import EngineOptions
from edgeseg.engines.weights import WeightStore
from edgeseg.types import Image


@pytest.fixture(scope="session")
def options(tmp_path_factory: pytest.TempPathFactory) -> EngineOptions:
    """Float32 on the processor, and a folder that stands in for all hubs."""
    store = WeightStore(tmp_path_factory.mktemp("weights"), offline=True)
    return EngineOptions("cpu", dtype="float32", store=store)


@pytest.fixture(scope="session")
def photo(photo_folder: Any) -> Image:
    with PIL.Image.open(photo_folder / "chelsea.png") as picture:
        return Image.from_array(np.array(picture.convert("RGB")))
