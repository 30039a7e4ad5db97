"""All engines by role and name, as strings: nothing is imported until an engine is loaded."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

from edgeseg.engines.base import Engine, EngineOptions
from edgeseg.engines.catalogue import FULL
from edgeseg.engines.spec import Entry as Entry
from edgeseg.engines.weights.store import WeightStore
from edgeseg.errors import (
    EngineNotAllowedError,
    EngineUnavailableError,
    InvalidParameterError,
    UnknownEngineError,
)
from edgeseg.roles import ROLES as ROLES
from edgeseg.schemas import EngineInfo
from edgeseg.settings import Role, Settings

_entries: dict[tuple[Role, str], Entry] = {}


def register(entry: Entry) -> None:
    """Add an engine, or replace the one of the same role and name."""
    _entries[entry.role, entry.name] = entry


def names(role: Role) -> list[str]:
    """Names of all engines of a role, in the order of registration."""
    return [name for known, name in _entries if known == role]


def entries() -> list[Entry]:
    """Return all engines, in the order of registration."""
    return list(_entries.values())


def find(role: Role, name: str) -> Entry:
    """Return the entry; raise UnknownEngineError, which lists the names there are."""
    entry = _entries.get((role, name))
    if entry is None:
        known = ", ".join(names(role)) or "none"
        raise UnknownEngineError(
            f"No engine named {name!r} can {role}; there are: {known}.",
            role=role,
            name=name,
            known=names(role),
        )
    return entry


def require_allowed(role: Role, name: str, settings: Settings) -> None:
    """Raise UnknownEngineError or EngineNotAllowedError for what a request may not choose."""
    find(role, name)
    allowed = settings.engine_names()
    if name not in allowed and "*" not in allowed:
        raise EngineNotAllowedError(
            f"The engine {name!r} may not be chosen here; allowed are: {', '.join(allowed)}. "
            "EDGESEG_ALLOWED_ENGINES of the server allows more.",
            role=role,
            name=name,
            allowed=allowed,
        )


def called(name: str) -> list[Entry]:
    """Return the entries of a name in all roles; raise UnknownEngineError if there is none."""
    entries = [entry for (_, known), entry in _entries.items() if known == name]
    if not entries:
        known = list(dict.fromkeys(known for _, known in _entries))
        raise UnknownEngineError(
            f"No engine is named {name!r}; there are: {', '.join(known)}.", name=name, known=known
        )
    return entries


def load(role: Role, name: str, options: EngineOptions | None = None) -> Engine:
    """Import and build an engine.

    Raises UnknownEngineError for a name that is not registered, and EngineUnavailableError when
    its packages or weights are not installed.
    """
    entry = find(role, name)
    missing = entry.missing()
    if missing:
        raise EngineUnavailableError(
            f"The engine {name!r} cannot {role} here: {missing}.", role=role, name=name
        )
    module, _, attribute = entry.target.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    options = options or EngineOptions()
    options = replace(options, name=name, weights=fetch(entry, options.store))
    try:
        return cast("Callable[[EngineOptions], Engine]", factory)(options)
    except (OSError, ValueError, KeyError) as error:
        if not entry.sources:
            raise
        first = str(error).strip().partition("\n")[0]
        raise EngineUnavailableError(
            f"The engine {name!r} cannot {role} here: its weights in {options.weights[0]} cannot "
            f"be loaded: {first}",
            role=role,
            name=name,
        ) from error


def load_present(role: Role, name: str, options: EngineOptions) -> Engine:
    """Load an engine whose weights are installed; nothing is downloaded.

    Raises what `load` raises; where weights are missing, the error says how to fetch them.
    """
    entry = find(role, name)
    offline = replace(options.store, offline=True)
    try:
        missing = entry.missing(offline)
    except InvalidParameterError as error:
        missing = error.detail
    if missing:
        raise EngineUnavailableError(
            f"The engine {name!r} cannot {role} here: {missing}.", role=role, name=name
        )
    return load(role, name, replace(options, store=offline))


def fetch(entry: Entry, store: WeightStore) -> tuple[Path, ...]:
    """Return where the weights of an engine lie, after downloading those that are missing.

    Raises EngineUnavailableError when they cannot be had.
    """
    try:
        return tuple(store.need(source) for source in entry.chosen(store))
    except (EngineUnavailableError, InvalidParameterError) as error:
        raise EngineUnavailableError(
            f"The engine {entry.name!r} cannot {entry.role} here: {error.detail}",
            role=entry.role,
            name=entry.name,
        ) from error


def describe(settings: Settings) -> list[EngineInfo]:
    """List every engine by role, whether it can run here, and whether the settings choose it."""
    store = WeightStore.from_settings(settings)
    by_role = sorted(_entries.values(), key=lambda entry: ROLES.index(entry.role))
    return [_describe(entry, settings, store) for entry in by_role]


def _describe(entry: Entry, settings: Settings, store: WeightStore) -> EngineInfo:
    try:
        missing, weights = entry.missing(store, settings), entry.origin(store)
    except InvalidParameterError as error:
        # A wrong choice of weights is the trouble of this engine alone.
        missing, weights = f"EDGESEG_WEIGHTS: {error.detail}", store.overrides[entry.name]
    return EngineInfo(
        name=entry.name,
        role=entry.role,
        description=entry.description,
        licence=entry.licence,
        size_mb=entry.size_mb if entry.size_mb is not None else entry.size_here_mb(),
        weights=weights,
        extra=entry.extra,
        available=not missing,
        missing=missing,
        default=settings.engine_for(entry.role) == entry.name,
        allowed=bool({entry.name, "*"} & set(settings.engine_names())),
    )


_IN_PACKAGE = "in the package"
_WEIGHTS = "engines/nano/weights"

for _entry in (
    Entry(
        "nano",
        "simplify",
        "edgeseg.engines.nano.factories:simplifier",
        "Rules, word vectors and a small tagger of words: no language model.",
        weights=_IN_PACKAGE,
        files=(f"{_WEIGHTS}/words.npz", f"{_WEIGHTS}/reader.onnx"),
    ),
    Entry(
        "nano",
        "detect",
        "edgeseg.engines.nano.factories:detector",
        "A few million parameters that score boxes against word vectors, by onnxruntime.",
        weights=_IN_PACKAGE,
        files=(f"{_WEIGHTS}/words.npz", f"{_WEIGHTS}/detector.onnx"),
    ),
    Entry(
        "nano",
        "segment",
        "edgeseg.engines.nano.factories:segmenter",
        "A small encoder and mask decoder for boxes and points, by onnxruntime.",
        weights=_IN_PACKAGE,
        files=(f"{_WEIGHTS}/encoder.onnx", f"{_WEIGHTS}/decoder.onnx"),
    ),
    Entry(
        "nano",
        "extract",
        "edgeseg.engines.nano.factories:extractor",
        "A grammar of noun phrases: no language model.",
        weights=_IN_PACKAGE,
    ),
    Entry(
        "nano",
        "embed",
        "edgeseg.engines.nano.factories:embedder",
        "Colours and the segmenter's features, pooled over a mask, by onnxruntime.",
        weights=_IN_PACKAGE,
        files=(f"{_WEIGHTS}/encoder.onnx", f"{_WEIGHTS}/embedder.npz"),
    ),
    Entry(
        "nano",
        "classify",
        "edgeseg.engines.nano.factories:classes",
        "A small encoder and FPSeg's decoder for tuned prompts of classes, by onnxruntime.",
        weights=_IN_PACKAGE,
        files=(f"{_WEIGHTS}/classes_encoder.onnx", f"{_WEIGHTS}/classes_decoder.onnx"),
    ),
    *(
        Entry(
            "fake",
            _role,
            f"edgeseg.engines.fake:{_factory}",
            "Synthetic, deterministic results without weights, to test a stack.",
        )
        for _role, _factory in cast(
            "tuple[tuple[Role, str], ...]",
            (
                ("simplify", "FakeSimplifier"),
                ("extract", "FakeExtractor"),
                ("detect", "FakeDetector"),
                ("segment", "FakeSegmenter"),
                ("ground", "FakeGrounder"),
                ("embed", "FakeEmbedder"),
                ("classify", "FakeClassSegmenter"),
            ),
        )
    ),
    *FULL,
):
    register(_entry)
