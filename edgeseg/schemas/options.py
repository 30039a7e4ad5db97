"""What a request may say beside its prompt, as keyword arguments of the library and the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from edgeseg.schemas.entities import PairingMode
from edgeseg.schemas.requests import EngineChoice, SimplifyMode, TileMode
from edgeseg.schemas.simplification import Filter


class SegmentOptions(TypedDict, total=False):
    """The options of a request; `DetectRequest` says what they mean and their defaults.

    A test keeps both the same.
    """

    box_threshold: float
    text_threshold: float
    simplify: SimplifyMode
    filters: Sequence[Filter | Mapping[str, Any]] | None
    negative_prompt: str | None
    max_objects: int | None
    class_thresholds: Mapping[str, float] | None
    tile: TileMode
    engines: EngineChoice | Mapping[str, str]


class MaskOptions(TypedDict, total=False):
    """The options of a request for everything in an image, as `MasksRequest` declares them."""

    points_per_side: int
    predicted_iou_threshold: float | None
    stability_threshold: float | None
    stability_offset: float
    nms_threshold: float
    crop_layers: int
    min_area: int
    max_objects: int | None
    engines: EngineChoice | Mapping[str, str]


class ClassOptions(TypedDict, total=False):
    """The options of a request for classes, as `ClassesRequest` declares them."""

    pack: str
    classes: Sequence[str] | None
    deadline_ms: float | None
    background_threshold: float | None
    engines: EngineChoice | Mapping[str, str]


class EntityOptions(TypedDict, total=False):
    """The options of a request for entities, as `EntitiesRequest` declares them."""

    box_threshold: float
    text_threshold: float
    pairing: PairingMode
    pairing_threshold: float
    tile: TileMode
    excluded_terms: Sequence[str]
    embeddings: bool
    engines: EngineChoice | Mapping[str, str]
