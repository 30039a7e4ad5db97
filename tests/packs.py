"""Small packs of classes for tests."""

from __future__ import annotations

import numpy as np

from edgeseg.classes import ClassPack, PackClass
from edgeseg.engines.base import ClassBase

BASE = ClassBase("small", "e" * 16, "d" * 16, 4)


def pack_class(name: str, place: float = 0.5, tokens: int = 2, width: int = 4) -> PackClass:
    """Make a class that the fake engine finds at a height of the image, 0 to 1 from above."""
    prompt = np.full((tokens, width), place, np.float32)
    return PackClass(name, prompt, (int(255 * place), 20, 30))


def small_pack(name: str = "small", *names: str, base: ClassBase = BASE) -> ClassPack:
    """Make a pack whose classes lie one below the other."""
    chosen = names or ("sky", "tree", "road")
    step = 1 / len(chosen)
    classes = tuple(pack_class(each, (row + 0.5) * step) for row, each in enumerate(chosen))
    return ClassPack(name, classes, base, 0.5, {"miou": 0.5})
