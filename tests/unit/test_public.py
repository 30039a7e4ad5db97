"""The public door: what it offers, and how little it loads."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

import edgeseg
from edgeseg.cli import COMMANDS

HEAVY = (
    "torch",
    "transformers",
    "fastapi",
    "redis",
    "rq",
    "streamlit",
    "onnxruntime",
    "uvicorn",
    "skimage",
    "scipy",
)


def test_all_is_what_is_there() -> None:
    assert edgeseg.__all__ == sorted(edgeseg.__all__)
    assert edgeseg.__all__ == [
        "Detections",
        "EdgeSegAI",
        "EdgeSegError",
        "EngineError",
        "EngineUnavailableError",
        "Image",
        "InputError",
        "Masks",
        "Segmentation",
        "SegmentationResult",
        "SegmentedObject",
        "Settings",
        "Simplification",
        "UnavailableError",
        "__version__",
    ]
    for name in edgeseg.__all__:
        assert getattr(edgeseg, name) is not None


def test_the_version_is_that_of_the_distribution() -> None:
    assert edgeseg.__version__ == importlib.metadata.version("edgeseg")


@pytest.mark.parametrize(
    "use",
    [
        "import edgeseg",
        # The help of a command imports all that its modules import.
        *(f"import edgeseg.cli.{name}" for name in COMMANDS),
    ],
)
def test_importing_loads_nothing_heavy(use: str) -> None:
    code = f"import sys; {use}; print([name for name in {HEAVY} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
