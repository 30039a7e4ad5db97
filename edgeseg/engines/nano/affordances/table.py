"""The table of affordances, `tables/*.toml`, one file per theme."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True)
class Affordance:
    """Phrases of objects, most likely first, and example requests that they answer."""

    things: tuple[str, ...]
    examples: tuple[str, ...]
    group: str = ""
    kinds: frozenset[str] = frozenset()


@lru_cache(maxsize=1)
def read_table() -> tuple[Affordance, ...]:
    """Read every `tables/*.toml` of the package that holds affordances."""
    affordances = []
    for theme in _themes():
        for name, group in theme.items():
            for things, examples in group.items():
                affordances.append(Affordance(tuple(things.split(" . ")), tuple(examples), name))
    return tuple(affordances)


@lru_cache(maxsize=1)
def everything() -> tuple[str, ...]:
    """What "everything" stands for: things that a detector knows by name."""
    text = (files(__package__) / "tables" / "everything.toml").read_text("utf-8")
    return tuple(" ".join(tomllib.loads(text)["things"].split()).split(" . "))


def _themes() -> list[dict[str, dict[str, list[str]]]]:
    folder = files(__package__) / "tables"
    names = sorted(f.name for f in folder.iterdir() if f.name.endswith(".toml"))
    texts = [(folder / name).read_text("utf-8") for name in names if name != "everything.toml"]
    return [tomllib.loads(text) for text in texts]
