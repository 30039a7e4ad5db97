"""Semantic segmentation by tuned prompts of classes: packs, order, deadlines, label maps."""

from edgeseg.classes.decode import Decoded, decode
from edgeseg.classes.pack import SUFFIX, ClassPack, PackClass, require_fit
from edgeseg.classes.result import describe, found
from edgeseg.classes.store import PackStore

__all__ = [
    "ClassPack",
    "Decoded",
    "PackClass",
    "PackStore",
    "SUFFIX",
    "decode",
    "describe",
    "found",
    "require_fit",
]
