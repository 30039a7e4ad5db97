"""Stacks of real processes: Redis, backend and workers with fake engines."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from edgeseg import EdgeSegAI
from edgeseg.client import EdgeSegClient
from edgeseg.settings import Role, Settings
from edgeseg.stack.local import EmbeddedStack

MakeImage = Callable[..., bytes]
StackMaker = Callable[..., AbstractContextManager[EmbeddedStack]]


@contextmanager
def _stack(
    folder: Path, workers: dict[Role, int] | None = None, **settings: Any
) -> Iterator[EmbeddedStack]:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("EDGESEG_", "REDIS_")):
                patch.delenv(name)
        # Beside other tests, workers that give way would take too long.
        given = {"worker_niceness": 0, "data_dir": folder, **settings}
        chosen = Settings(engines="fake", api_port=0, **given)
        with EmbeddedStack(chosen, workers) as stack:
            yield stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    """A stack without latency that all tests share; they leave it as it is."""
    with _stack(tmp_path_factory.mktemp("stack"), {"segment": 2}) as running:
        yield running


@pytest.fixture
def make_stack(tmp_path: Path) -> StackMaker:
    """Makes a stack of the test's own, which it may break."""

    def make(
        workers: dict[Role, int] | None = None, **settings: Any
    ) -> AbstractContextManager[EmbeddedStack]:
        return _stack(tmp_path / "stack", workers, **settings)

    return make


@pytest.fixture(scope="module")
def make_module_stack(tmp_path_factory: pytest.TempPathFactory) -> StackMaker:
    """Makes a stack that the tests of a module share."""

    def make(
        workers: dict[Role, int] | None = None, **settings: Any
    ) -> AbstractContextManager[EmbeddedStack]:
        return _stack(tmp_path_factory.mktemp("shared"), workers, **settings)

    return make


@pytest.fixture
def client(stack: EmbeddedStack) -> Iterator[EdgeSegClient]:
    with EdgeSegClient(stack.api_url) as made:
        yield made


@pytest.fixture
def in_process() -> Iterator[EdgeSegAI]:
    """The same engines in this process: what every answer is held against."""
    with EdgeSegAI("fake", "fake", "fake", classifier="fake", ttl=-1) as made:
        yield made


@pytest.fixture(scope="session")
def make_image() -> MakeImage:
    """Makes a small PNG that no other seed gives."""

    def make(seed: int, size_wh: tuple[int, int] = (96, 64)) -> bytes:
        shape = (size_wh[1], size_wh[0], 3)
        pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
        out = io.BytesIO()
        PIL.Image.fromarray(pixels).save(out, "PNG")
        return out.getvalue()

    return make
