"""All engines by role and name, as strings: nothing is imported until an engine is loaded."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from edgeseg.engines.base import Engine, EngineOptions
from edgeseg.engines.weights import HubRepo, Source, WeightStore
from edgeseg.errors import EngineUnavailableError, UnknownEngineError
from edgeseg.schemas import EngineInfo
from edgeseg.settings import Role, Settings

_ROOT = Path(__file__).parents[1]
ROLES: tuple[Role, ...] = ("simplify", "detect", "segment", "ground")


@dataclass(frozen=True)
class Entry:
    """One engine: ``target`` is "module:factory", and the factory takes EngineOptions.

    ``requires`` names modules of the extra ``extra``; ``files`` are weights within the package,
    as "package/file" relative to ``edgeseg``; ``sources`` are weights that come from elsewhere, of
    which a person may put others in the place of the first. ``settings`` are those without which
    it cannot run.
    """

    name: str
    role: Role
    target: str
    description: str
    licence: str = "Apache-2.0"
    size_mb: float | None = None
    weights: str = "none"
    extra: str | None = None
    requires: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    settings: tuple[str, ...] = ()

    def missing(self, store: WeightStore | None = None, settings: Settings | None = None) -> str:
        """Say what is missing and how to get it; empty if the engine can be loaded.

        With a store, weights that are not in it count as missing; with settings, those unset.
        """
        absent = [name for name in self.requires if importlib.util.find_spec(name) is None]
        if absent:
            need = f'pip install "edgeseg[{self.extra}]"' if self.extra else "pip install them"
            return f"{', '.join(absent)} cannot be imported: {need}"
        lost = [name for name in self.files if not (_ROOT / name).is_file()]
        if lost:
            return f"{', '.join(lost)} is not in the package: install edgeseg again"
        if store is not None and not all(store.find(each) for each in self.chosen(store)):
            return f"its weights are not here: edgeseg engines pull {self.name}"
        unset = [name for name in self.settings if settings and not getattr(settings, name)]
        if unset:
            return f"set {' and '.join(f'EDGESEG_{name.upper()}' for name in unset)}"
        return ""

    def chosen(self, store: WeightStore) -> list[Source | Path]:
        """Return the sources of its weights, with the person's own in place of the first."""
        return [
            store.chosen(self.name, each) if index == 0 else each
            for index, each in enumerate(self.sources)
        ]

    def origin(self, store: WeightStore) -> str:
        """Say where its weights come from."""
        if not self.sources:
            return self.weights
        chosen = self.chosen(store)[0]
        return str(chosen) if isinstance(chosen, Path) else chosen.address

    def size_here_mb(self) -> float | None:
        """Return the size of the files in the package; None without any."""
        paths = [_ROOT / name for name in self.files]
        sizes = [path.stat().st_size for path in paths if path.is_file()]
        return round(sum(sizes) / 1e6, 1) if sizes else None


_entries: dict[tuple[Role, str], Entry] = {}


def register(entry: Entry) -> None:
    """Add an engine, or replace the one of the same role and name."""
    _entries[entry.role, entry.name] = entry


def names(role: Role) -> list[str]:
    """Names of all engines of a role, in the order of registration."""
    return [name for known, name in _entries if known == role]


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
    its packages or weights are not here.
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
    return cast("Callable[[EngineOptions], Engine]", factory)(options)


def fetch(entry: Entry, store: WeightStore) -> tuple[Path, ...]:
    """Return where the weights of an engine lie, after downloading those that are missing.

    Raises EngineUnavailableError when they cannot be had.
    """
    try:
        return tuple(store.need(source) for source in entry.chosen(store))
    except EngineUnavailableError as error:
        raise EngineUnavailableError(
            f"The engine {entry.name!r} cannot {entry.role} here: {error.detail}",
            role=entry.role,
            name=entry.name,
        ) from error


def describe(settings: Settings) -> list[EngineInfo]:
    """List every engine, whether it can run here, and whether the settings choose it."""
    store = WeightStore.from_settings(settings)
    return [_describe(entry, settings, store) for entry in _entries.values()]


def _describe(entry: Entry, settings: Settings, store: WeightStore) -> EngineInfo:
    missing = entry.missing(store, settings)
    return EngineInfo(
        name=entry.name,
        role=entry.role,
        description=entry.description,
        licence=entry.licence,
        size_mb=entry.size_mb if entry.size_mb is not None else entry.size_here_mb(),
        weights=entry.origin(store),
        extra=entry.extra,
        available=not missing,
        missing=missing,
        default=settings.engine_for(entry.role) == entry.name,
    )


_IN_PACKAGE = "in the package"
_WEIGHTS = "engines/nano/weights"
# Name, repository, commit, megabytes, factory and description.
_LANGUAGE_MODELS = (
    (
        "qwen3-0.6b",
        "Qwen3-0.6B",
        "c1899de289a04d12100db370d81485cdf75e47ca",
        1503,
        "text_simplifier",
        "A small language model.",
    ),
    (
        "qwen3-1.7b",
        "Qwen3-1.7B",
        "70d244cc86ccca08cf5af4e1e306ecf908b1ad5e",
        4063,
        "text_simplifier",
        "A language model.",
    ),
    (
        "qwen2.5-0.5b",
        "Qwen2.5-0.5B-Instruct",
        "7ae557604adf67be50417f59c2c2f167def9a775",
        988,
        "text_simplifier",
        "The smallest of the language models.",
    ),
    (
        "qwen2.5-1.5b",
        "Qwen2.5-1.5B-Instruct",
        "989aa7980e4cf806f80c7fef2b1adb7bc71aa306",
        3087,
        "text_simplifier",
        "A language model.",
    ),
    (
        "qwen3-vl-2b",
        "Qwen3-VL-2B-Instruct",
        "89644892e4d85e24eaac8bacfd4f463576704203",
        4255,
        "picture_simplifier",
        "A language model that is shown the picture too.",
    ),
)

for _entry in (
    Entry(
        "nano",
        "simplify",
        "edgeseg.engines.nano.factories:simplifier",
        "Rules, a table of needs and word vectors: no language model.",
        weights=_IN_PACKAGE,
        files=(f"{_WEIGHTS}/words.npz",),
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
    *(
        Entry(
            "fake",
            _role,
            f"edgeseg.engines.fake:{_factory}",
            "Deterministic nonsense without weights, to test a stack.",
        )
        for _role, _factory in cast(
            "tuple[tuple[Role, str], ...]",
            (
                ("simplify", "FakeSimplifier"),
                ("detect", "FakeDetector"),
                ("segment", "FakeSegmenter"),
                ("ground", "FakeGrounder"),
            ),
        )
    ),
    Entry(
        "openai",
        "simplify",
        "edgeseg.engines.language.server:simplifier",
        "Any language model behind OpenAI's interface: Ollama, vLLM, llama.cpp, hosted.",
        licence="the model's own",
        weights="a server",
        settings=("llm_url", "llm_model"),
    ),
    *(
        Entry(
            _name,
            "simplify",
            f"edgeseg.engines.language.local:{_factory}",
            _text,
            size_mb=_size,
            extra="full",
            requires=("torch", "transformers"),
            sources=(HubRepo(f"Qwen/{_repo}", _commit),),
        )
        for _name, _repo, _commit, _size, _factory, _text in _LANGUAGE_MODELS
    ),
    *(
        Entry(
            _name,
            "segment",
            "edgeseg.engines.edge_sam.engine:segmenter",
            _text,
            licence="S-Lab-1.0, non-commercial",
            size_mb=38.8,
            extra="full",
            requires=("torch",),
            sources=(
                HubRepo("chongzhou/EdgeSAM", files=(_file,), inside="weights", kind="spaces"),
            ),
        )
        for _name, _file, _text in (
            ("edge-sam", "edge_sam.pth", "A small SAM for devices without a large GPU."),
            ("edge-sam-3x", "edge_sam_3x.pth", "EdgeSAM, trained three times as long."),
        )
    ),
):
    register(_entry)
