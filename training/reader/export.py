"""The trained tagger as the package's ONNX file, written only where it agrees with torch."""

from __future__ import annotations

from pathlib import Path

import torch

from edgeseg.engines.nano.tagger import BUCKETS, PARTS, SHAPES
from training.nano.export import export as export_module
from training.reader.model import VECTOR_WIDTH, Single, Tagger


def export(tagger: Tagger, out: Path) -> None:
    """Write the file; raises AssertionError where it differs from torch."""
    parts = torch.randint(1, BUCKETS, (7, PARTS))
    parts[:, 9:] = 0
    inputs = {
        "parts": parts,
        "vectors": torch.nn.functional.normalize(torch.randn(7, VECTOR_WIDTH), dim=1),
        "shapes": torch.randint(0, 2, (7, SHAPES)).float(),
    }
    names = ["tags", "starts"]
    axes = {name: {0: "tokens"} for name in [*inputs, *names]}
    export_module(Single(tagger.eval()), inputs, names, axes, out, {})
