"""Packs of classes: one safetensors file with a tuned prompt for each class.

    street.safetensors
        tensors    class.0 (12, 96) float32, class.1 (12, 96) ...
        metadata   name, classes [{"name": "sky", "color": [128, 128, 128]}, ...], background
                   threshold, the encoder's name, fingerprints of encoder and decoder, figures

A prompt means something to the encoder and the decoder that it was tuned with alone; the
fingerprints say which these are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgeseg.engines.base import ClassBase, ClassSegmenter
from edgeseg.errors import InvalidPackError, UnknownClassError
from edgeseg.files import write_bytes
from edgeseg.schemas import MAX_CLASSES
from edgeseg.types import FloatArray

FORMAT = "edgeseg-class-pack-1"
SUFFIX = ".safetensors"
# A pack is some kilobytes for each class; this is more than any needs.
MAX_BYTES = 64 * 1024 * 1024
MAX_TOKENS, MAX_WIDTH = 1024, 4096
MAX_NAME_CHARS = 80
_NAME = re.compile(r"^[0-9A-Za-z][0-9A-Za-z._-]*$")
Colour = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class PackClass:
    """One class: its tuned ``prompt`` (T, C) float32 and the colour that it is drawn in."""

    name: str
    prompt: FloatArray
    colour: Colour


@dataclass(frozen=True, eq=False)
class ClassPack:
    """Tuned classes that belong together, in the order of their numbers in a label map.

    ``background_threshold`` is the probability below which a pixel belongs to no class; 0 where
    the classes cover everything. ``figures`` are what was measured, by name.
    """

    name: str
    classes: tuple[PackClass, ...]
    base: ClassBase
    background_threshold: float = 0.5
    figures: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [each.name for each in self.classes]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise InvalidPackError(f"The pack {self.name!r} has {', '.join(repeated)} twice.")
        if not _NAME.match(self.name):
            raise InvalidPackError(
                f"{self.name!r} cannot name a pack: use letters, digits, dots, - and _."
            )
        if not 0 < len(names) <= MAX_CLASSES:
            raise InvalidPackError(f"A pack has 1 to {MAX_CLASSES} classes, not {len(names)}.")
        for each in self.classes:
            _check_class(each, self.base.width)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all classes."""
        return tuple(each.name for each in self.classes)

    def take(self, names: Sequence[str]) -> tuple[PackClass, ...]:
        """Return classes by name, each once, in this order.

        Raises UnknownClassError, which lists the classes that there are.
        """
        by_name = {each.name.casefold(): each for each in self.classes}
        unknown = [name for name in names if name.casefold() not in by_name]
        if unknown:
            raise UnknownClassError(
                f"The pack {self.name!r} has no class {unknown[0]!r}; it has: "
                f"{', '.join(self.names)}.",
                pack=self.name,
                unknown=unknown,
                classes=list(self.names),
            )
        return tuple(by_name[name] for name in dict.fromkeys(name.casefold() for name in names))

    def extract(self, names: Sequence[str]) -> ClassPack:
        """Return a pack of some of the classes, in this order."""
        return replace(self, classes=self.take(names), figures={})

    def without(self, names: Sequence[str]) -> ClassPack:
        """Return the pack without some of its classes."""
        gone = {each.name for each in self.take(names)}
        left = tuple(each for each in self.classes if each.name not in gone)
        return replace(self, classes=left, figures={})

    def renamed(self, old: str, new: str) -> ClassPack:
        """Return the pack with another name for a class."""
        (found,) = self.take([old])
        changed = replace(found, name=new)
        classes = tuple(changed if each is found else each for each in self.classes)
        return replace(self, classes=classes)

    def merged(self, other: ClassPack) -> ClassPack:
        """Return the pack with the classes of another after its own.

        Raises InvalidPackError where the other was tuned with another encoder or decoder, or has
        a class of the same name.
        """
        if other.base != self.base:
            raise InvalidPackError(
                f"The packs {self.name!r} and {other.name!r} do not fit together: "
                f"{difference(self.base, other.base)}."
            )
        return replace(self, classes=(*self.classes, *other.classes), figures={})

    def save(self, path: Path) -> None:
        """Write the pack; a crash in between leaves the old file."""
        from safetensors.numpy import save

        tensors = {f"class.{row}": each.prompt for row, each in enumerate(self.classes)}
        head = _Head(
            format=FORMAT,
            name=self.name,
            classes=[_Row(name=each.name, color=each.colour) for each in self.classes],
            background_threshold=self.background_threshold,
            encoder=self.base.encoder,
            encoder_fingerprint=self.base.encoder_fingerprint,
            decoder_fingerprint=self.base.decoder_fingerprint,
            figures=dict(self.figures),
        )
        write_bytes(path, save(tensors, {"pack": head.model_dump_json()}))

    @classmethod
    def load(cls, path: Path) -> ClassPack:
        """Read a pack; raises InvalidPackError for a file that is none."""
        try:
            if path.stat().st_size > MAX_BYTES:
                raise InvalidPackError(f"{path.name} is larger than {MAX_BYTES} bytes.")
            data = path.read_bytes()
        except OSError as error:
            raise InvalidPackError(f"{path.name} cannot be read: {error.strerror}.") from error
        return cls.from_bytes(data, path.name)

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> ClassPack:
        """Return the pack of a file's bytes; raises as `load` does."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            head = _Head.model_validate_json(_metadata(data)["pack"])
            tensors = load(data)
            prompts = [tensors[f"class.{row}"] for row in range(len(head.classes))]
        except (SafetensorError, ValidationError, ValueError, KeyError, TypeError) as error:
            raise InvalidPackError(f"{source} is no pack of classes.") from error
        if any(prompt.ndim != 2 for prompt in prompts):
            raise InvalidPackError(f"{source} is no pack of classes: its prompts are no matrices.")
        rows = zip(head.classes, prompts, strict=True)
        base = ClassBase(
            head.encoder, head.encoder_fingerprint, head.decoder_fingerprint, prompts[0].shape[1]
        )
        classes = tuple(
            PackClass(row.name, np.ascontiguousarray(prompt, np.float32), row.color)
            for row, prompt in rows
        )
        return cls(head.name, classes, base, head.background_threshold, head.figures)


def difference(wanted: ClassBase, other: ClassBase) -> str:
    """Say in what two encoders and decoders differ."""
    parts = []
    if wanted.encoder_fingerprint != other.encoder_fingerprint:
        parts.append(
            f"the encoder is {wanted.encoder} {wanted.encoder_fingerprint}, not {other.encoder} "
            f"{other.encoder_fingerprint}"
        )
    if wanted.decoder_fingerprint != other.decoder_fingerprint:
        parts.append(
            f"the decoder is {wanted.decoder_fingerprint}, not {other.decoder_fingerprint}"
        )
    return " and ".join(parts) or f"prompts have {wanted.width} channels, not {other.width}"


def require_fit(engine: ClassSegmenter, pack: ClassPack) -> None:
    """Raise InvalidPackError where the engine's encoder or decoder is not the pack's."""
    if engine.base is not None and engine.base != pack.base:
        raise InvalidPackError(
            f"The pack {pack.name!r} does not fit the engine {engine.name!r}: "
            f"{difference(engine.base, pack.base)}.",
            pack=pack.name,
            engine=engine.name,
        )


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    name: str
    color: tuple[int, int, int]


class _Head(BaseModel):
    """What a pack's metadata says."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    format: str = Field(pattern=f"^{re.escape(FORMAT)}$")
    name: str = Field(max_length=MAX_NAME_CHARS)
    classes: list[_Row] = Field(min_length=1, max_length=MAX_CLASSES)
    background_threshold: float = Field(0.5, ge=0, le=1)
    encoder: str = Field(max_length=MAX_NAME_CHARS)
    encoder_fingerprint: str = Field(max_length=64)
    decoder_fingerprint: str = Field(max_length=64)
    figures: dict[str, float] = Field(default_factory=dict)


def _metadata(data: bytes) -> dict[str, Any]:
    """Return the metadata of a safetensors file: its length, a header in JSON, the numbers."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError("the file is cut off")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    if not isinstance(metadata, dict):
        raise TypeError("the metadata is no object")
    return metadata


def _check_class(each: PackClass, width: int) -> None:
    """Raise InvalidPackError for a class that no decoder can read, or no tool could name."""
    if not each.name.strip() or len(each.name) > MAX_NAME_CHARS or not each.name.isprintable():
        raise InvalidPackError(f"{each.name[:MAX_NAME_CHARS]!r} cannot name a class.")
    tokens, channels = each.prompt.shape
    if not 0 < tokens <= MAX_TOKENS or channels != width or not 0 < width <= MAX_WIDTH:
        raise InvalidPackError(
            f"The prompt of {each.name!r} has the shape ({tokens}, {channels}); expected 1 to "
            f"{MAX_TOKENS} tokens of {width} channels."
        )
    if not np.isfinite(each.prompt).all():
        raise InvalidPackError(f"The prompt of {each.name!r} has values that are no numbers.")
    if not all(0 <= value <= 255 for value in each.colour):
        raise InvalidPackError(f"The colour of {each.name!r} is not 0 to 255.")
