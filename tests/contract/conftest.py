"""What the tests of engines share: options with a store of random weights, and a photo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import PIL.Image
import pytest

from edgeseg.engines.base import EngineOptions, LanguageServer
from edgeseg.engines.weights.store import WeightStore
from edgeseg.types import Image
from tests.unit.engines.llm.chat_server import Reply, serving


@pytest.fixture(scope="session")
def options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineOptions]:
    """Float32 on the CPU, a folder for all hubs, and a language model's server."""
    store = WeightStore(tmp_path_factory.mktemp("weights"), offline=True)
    said = Reply('{"phrases": ["cat"], "filters": []}')
    with serving(*[said] * 100) as chat:
        server = LanguageServer(chat.url, "tiny")
        yield EngineOptions("cpu", dtype="float32", store=store, language_server=server)


@pytest.fixture(scope="session")
def photo(photo_folder: Any) -> Image:
    with PIL.Image.open(photo_folder / "chelsea.png") as pil_image:
        return Image.from_array(np.array(pil_image.convert("RGB")))
