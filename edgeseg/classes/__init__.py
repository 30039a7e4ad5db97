"""Semantic segmentation by tuned prompts of classes: packs, order, deadlines, label maps."""

from edgeseg.classes.deadline import Deadline
from edgeseg.classes.decode import NEVER, Decoded, decode, nothing
from edgeseg.classes.pack import SUFFIX, ClassPack, PackClass, require_fit
from edgeseg.classes.result import describe, found
from edgeseg.classes.store import PackStore

__all__ = [
    "ClassPack",
    "Deadline",
    "Decoded",
    "NEVER",
    "PackClass",
    "PackStore",
    "SUFFIX",
    "decode",
    "describe",
    "found",
    "nothing",
    "require_fit",
]
