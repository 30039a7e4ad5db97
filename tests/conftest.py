"""What all tests share: a clean environment and real photos."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

# One thread each, in this process and its children, before any library is imported: on a busy
# machine, threads that wait for each other take many times as long.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from edgeseg.settings import get_settings  # noqa: E402

# What runs in the background of a script ignores Ctrl-C, and so would the children that the tests
# interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PHOTOS = ("chelsea", "astronaut", "coffee")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the person who runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith(("EDGESEG_", "REDIS_", "HF_")):
            monkeypatch.delenv(name)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def photo_folder() -> Path:
    """The folder of scikit-image's photos, which are public domain."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data"


@pytest.fixture(scope="session")
def chelsea(photo_folder: Path) -> Path:
    """A photo of a cat's face, 451x300."""
    return photo_folder / "chelsea.png"
