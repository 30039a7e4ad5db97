"""The teacher's feature maps of all photos, as memory-mapped int8 files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

# Outputs of the teacher's feature pyramid: blob -> cells along a side.
LEVELS = {"1367": 52, "1391": 26, "1415": 13}
CHANNELS = 96
# The features are stored as int8 in units of 1/STEP; few exceed the clip at ±127/STEP.
STEP = 64.0


def open_features(out: Path, count: int, mode: Literal["r", "r+"] = "r") -> list[Any]:
    """The feature files of `out` as (count, 96, S, S) int8 arrays, created when missing."""
    maps = []
    for side in LEVELS.values():
        path, shape = out / f"teacher-{side}.i8", (count, CHANNELS, side, side)
        if mode == "r+" and not path.exists():
            np.memmap(path, np.int8, "w+", shape=shape)
        maps.append(np.memmap(path, np.int8, mode, shape=shape))
    return maps
