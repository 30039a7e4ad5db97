"""The table of needs and things: `tables/*.toml`, one file per theme."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True)
class Need:
    """Things to look for, and the ways of asking for them."""

    things: tuple[str, ...]
    examples: tuple[str, ...]
    group: str = ""


@lru_cache(maxsize=1)
def read_table() -> tuple[Need, ...]:
    """Read every `tables/*.toml` of the package that holds needs."""
    needs = []
    for theme in _themes():
        for name, group in theme.items():
            for things, examples in group.items():
                needs.append(Need(tuple(things.split(" . ")), tuple(examples), name))
    return tuple(needs)


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
