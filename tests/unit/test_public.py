"""The public door: what it offers, and how little it loads."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import edgeseg

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


def test_importing_loads_nothing_heavy() -> None:
    code = f"import sys, edgeseg; print([name for name in {HEAVY} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
