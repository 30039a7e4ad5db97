"""What the registry knows of one engine."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from edgeseg.engines.weights.sources import Source
from edgeseg.engines.weights.store import WeightStore
from edgeseg.settings import Role, Settings

_ROOT = Path(__file__).parents[1]


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
        away = [each for each in self.chosen(store) if not store.find(each)] if store else []
        if store is not None and away:
            return self._how_to_fetch(store, away)
        unset = [name for name in self.settings if settings and not getattr(settings, name)]
        if unset:
            return f"set {' and '.join(f'EDGESEG_{name.upper()}' for name in unset)}"
        return ""

    def _how_to_fetch(self, store: WeightStore, away: list[Source | Path]) -> str:
        for each in away:
            if not isinstance(each, Path) and not each.downloadable:
                advice = store.advice(each, self.name).rstrip(".")
                return f"its weights are not installed. {advice}"
        return f"its weights are not installed: edgeseg engines pull {self.name}"

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
