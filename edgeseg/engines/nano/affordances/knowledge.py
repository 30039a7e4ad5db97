"""What some 2,000 visible things are for, `knowledge.tsv`: purposes, glosses and kinds."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib.resources import files

from edgeseg.engines.nano.affordances.table import Affordance, everything, read_table
from edgeseg.language.inflection import singular


@lru_cache(maxsize=1)
def read_knowledge() -> tuple[Affordance, ...]:
    """Read the rows of `knowledge.tsv`, purposes before the gloss."""
    known = []
    for line in (files(__package__) / "knowledge.tsv").read_text("utf-8").split("\n"):
        if not line or line.startswith("#"):
            continue
        names, kinds, purposes, gloss = line.split("\t")
        statements = [text for text in (*purposes.split("; "), gloss) if text]
        known.append(
            Affordance(
                tuple(names.split(" . ")),
                tuple(statements),
                kinds=frozenset(filter(None, kinds.split(","))),
            )
        )
    return tuple(known)


@lru_cache(maxsize=1)
def all_affordances() -> tuple[Affordance, ...]:
    """The table of affordances with the kinds of its things, and after it all known things."""
    known = read_knowledge()
    kinds: dict[str, frozenset[str]] = {}
    for entry in known:
        for thing in entry.things:
            kinds.setdefault(thing, entry.kinds)
    table = (
        replace(entry, kinds=kinds.get(entry.things[0], frozenset())) for entry in read_table()
    )
    return (*table, *known)


@lru_cache(maxsize=1)
def visible_nouns() -> frozenset[str]:
    """Last words of the names of all known things, in the singular."""
    names = {thing for entry in all_affordances() for thing in entry.things} | set(everything())
    return frozenset(singular(name.split()[-1]) for name in names)
