"""Filters as text, for people and for regular expressions."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseg.schemas import Filter


def filter_text(chosen: Filter) -> str:
    """Return a filter as text: "leftmost of dog, rank 2", "relation on table of cup"."""
    parts: list[str] = [chosen.kind if chosen.side is None else f"{chosen.kind} {chosen.side}"]
    if chosen.kind in ("colour", "relation"):
        relation = f"{(chosen.relation or '').replace('_', ' ')} {chosen.other}"
        parts += ["not"] * chosen.negated + [chosen.colour or relation]
    if chosen.phrase is not None:
        parts.append(f"of {chosen.phrase}")
    if chosen.filters:
        parts.append(f"({filters_text(chosen.filters)})")
    text = " ".join(parts)
    text += f", rank {chosen.rank}" if chosen.rank > 1 else ""
    return text + (f", {chosen.count} of them" if chosen.count > 1 else "")


def filters_text(filters: Sequence[Filter]) -> str:
    """Return filters as one text, separated by "; ". No filters: the empty text."""
    return "; ".join(map(filter_text, filters))
