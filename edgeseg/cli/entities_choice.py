"""Which engines and numbers ``edgeseg entities`` works with: flag, environment, file, default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from edgeseg.cli.entities_config import Config
from edgeseg.engines import registry
from edgeseg.engines.weights.sources import HubRepo
from edgeseg.errors import UnknownEngineError
from edgeseg.schemas import EntityOptions
from edgeseg.settings import Role, Settings, get_settings, read_settings

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Flags:
    """What the command line says; None where it says nothing."""

    text_model: str | None = None
    seg_model: str | None = None
    embedder: str | None = None
    dtype: str | None = None
    device: str | None = None
    threshold: float | None = None
    mask_threshold: float | None = None
    pairing_threshold: float | None = None


@dataclass(frozen=True)
class Choice:
    """Engines by role, settings that hold the rest, and the options of the request."""

    engines: dict[Role, str | None]
    settings: Settings
    options: EntityOptions


def choose(flags: Flags, config: Config) -> Choice:
    """Return what holds: a flag goes before the environment, that before the file, then defaults.

    Raises UnknownEngineError for a model that no engine is for.
    """
    settings = get_settings()
    said = settings.model_fields_set

    def first(flag: ValueT | None, name: str, in_file: ValueT | None) -> ValueT | None:
        """Return a flag, or what the file says where the environment does not say otherwise."""
        if flag is not None:
            return flag
        return None if name in said else in_file

    models = config.models
    changes: dict[str, Any] = {
        "dtype": first(flags.dtype, "dtype", models.segmentation.dtype or models.text_parser.dtype),
        "device": first(flags.device, "device", config.device_name()),
        "mask_threshold": first(
            flags.mask_threshold, "mask_threshold", config.segmentation.mask_threshold
        ),
    }
    changed = {name: value for name, value in changes.items() if value is not None}
    settings = read_settings(**changed)
    engines: dict[Role, str | None] = {}
    text = first(flags.text_model, "extract_engine", models.text_parser.model_name)
    if text:
        engines["extract"] = engine_named("extract", text)
    is_set = said & {"detect_engine", "segment_engine", "ground_engine"}
    in_file = None if is_set else models.segmentation.model_name
    if flags.seg_model or in_file:
        engines.update(segmenting_engines(flags.seg_model or in_file or ""))
    embedder = first(flags.embedder, "embed_engine", models.dino.model_name)
    if embedder:
        engines["embed"] = engine_named("embed", embedder)
    options: EntityOptions = {"excluded_terms": config.entity_filter.excluded_terms}
    threshold = _or(flags.threshold, config.segmentation.threshold)
    if threshold is not None:
        options["box_threshold"] = threshold
    pairing = _or(flags.pairing_threshold, config.pairing.threshold)
    if pairing is not None:
        options["pairing_threshold"] = pairing
    return Choice(engines, settings, options)


def segmenting_engines(model: str) -> dict[Role, str | None]:
    """Return the engines that a model for segmenting stands for.

    A grounder such as sam3; a detector and a segmenter with a plus between, such as
    ``grounding-dino-tiny+sam2.1-tiny``; or a name that plays both roles, such as nano.
    """
    detector, plus, segmenter = model.partition("+")
    if plus:
        return {
            "detect": engine_named("detect", detector.strip()),
            "segment": engine_named("segment", segmenter.strip()),
        }
    name = _known_as(model)
    if name in registry.names("detect") and name in registry.names("segment"):
        return {"detect": name, "segment": name}
    return {"ground": engine_named("ground", model)}


def engine_named(role: Role, model: str) -> str:
    """Return the engine for a model, by our name or its repository's: Qwen/Qwen3-VL-8B-Instruct.

    Raises UnknownEngineError, which lists the names there are.
    """
    name = _known_as(model)
    if name in registry.names(role):
        return name
    known = ", ".join(registry.names(role))
    raise UnknownEngineError(
        f"No engine is for the model {model!r} here; there are: {known}.", role=role, name=model
    )


def _known_as(model: str) -> str:
    for entry in registry.entries():
        for source in entry.sources:
            if isinstance(source, HubRepo) and source.repo.casefold() == model.casefold():
                return entry.name
    return model


def _or(first: float | None, second: float | None) -> float | None:
    return second if first is None else first
