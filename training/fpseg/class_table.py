"""What can be asked for: rows of classes, each with the numbers that mean it in a label map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation.label_maps import NOT_COUNTED
from edgeseg.exporters.label_map import colour
from edgeseg.types import BoolArray, UInt8Array

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Row:
    """A class, or a category that holds several: ``ids`` are its numbers in a label map."""

    name: str
    ids: tuple[int, ...]
    colour: Colour
    is_evaluated: bool = True


@dataclass(frozen=True)
class ClassTable:
    """All rows of a data set, in the order of their prompts."""

    rows: tuple[Row, ...]
    void_ids: tuple[int, ...] = ()
    """Numbers of pixels that are neither in a class nor outside it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all rows."""
        return tuple(row.name for row in self.rows)

    @cached_property
    def evaluated(self) -> tuple[int, ...]:
        """Numbers of the rows between which a pixel's class is chosen; they do not overlap."""
        return tuple(number for number, row in enumerate(self.rows) if row.is_evaluated)

    def mask(self, ids: UInt8Array, row: int) -> UInt8Array:
        """(H, W) of a label map: 1 inside the class, 0 outside, 255 where nobody knows."""
        table = np.zeros(256, np.uint8)
        table[list(self.rows[row].ids)] = 1
        table[list(self.void_ids)] = NOT_COUNTED
        return table[ids]

    def truth(self, ids: UInt8Array) -> UInt8Array:
        """(H, W) places among the evaluated rows; 255 for pixels of none."""
        table = np.full(256, NOT_COUNTED, np.uint8)
        for place, row in enumerate(self.evaluated):
            table[list(self.rows[row].ids)] = place
        return table[ids]

    def shown(self, counts: Sequence[int]) -> BoolArray:
        """(N,) which rows an image shows, by its 256 numbers of pixels."""
        pixels = np.asarray(counts)
        return np.array([bool(pixels[list(row.ids)].any()) for row in self.rows], bool)

    def numbers(self, names: Sequence[str]) -> list[int]:
        """Return the numbers of rows; raises InvalidParameterError for a name that is none."""
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise InvalidParameterError(
                f"There is no class {unknown[0]!r}; there are: {', '.join(self.names)}."
            )
        return [self.names.index(name) for name in names]


def plain_table(names: Sequence[str]) -> ClassTable:
    """Return the table of label maps whose numbers are those of these names."""
    if not names or len(set(names)) != len(names) or len(names) >= NOT_COUNTED:
        raise InvalidParameterError(
            "classes: name each number of the label maps once, from 0; 254 at most."
        )
    rows = (Row(name, (number,), colour(number + 1)) for number, name in enumerate(names))
    return ClassTable(tuple(rows), tuple(range(len(names), 256)))
