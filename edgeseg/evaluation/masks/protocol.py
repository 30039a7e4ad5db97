"""What a segmenter is asked about each object, and which of its masks count."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from edgeseg.errors import InvalidParameterError
from edgeseg.types import MaskCount

PromptKind = Literal["box", "centre", "random", "box-centre", "point", "noc"]
"""The box, a point (the mask's centre, a random one, the box's centre, the annotated one), or
clicks on the centre of the largest error, counted until the mask is good enough."""
Selection = Literal["score", "area", "oracle"]
"""Of several masks: the one of the highest score, the largest, or the one that fits best."""
PROMPTS: tuple[PromptKind, ...] = ("box", "centre", "random", "box-centre", "point")
NOC_TARGETS = (0.85, 0.90)


@dataclass(frozen=True)
class MaskProtocol:
    """Prompts, corrective clicks after each, and how one of several masks is chosen.

    ``noc_clicks`` is the largest number of clicks of the NoC, 0 for none; with ``mask_prompt`` the
    earlier mask is given with each correction; ``seed`` draws points.
    """

    prompts: tuple[PromptKind, ...] = ("box", "centre")
    clicks: int = 0
    masks: MaskCount = 1
    select: Selection = "score"
    noc_clicks: int = 0
    mask_prompt: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _check("prompt", self.prompts, PROMPTS)
        _check("select", [self.select], get_args(Selection))
        _check("masks", [self.masks], get_args(MaskCount))
        if self.clicks < 0 or self.noc_clicks < 0:
            raise InvalidParameterError("clicks: expected a number from 0.")

    @property
    def kinds(self) -> tuple[PromptKind, ...]:
        """All kinds of prompts, the NoC among them."""
        return (*self.prompts, *(("noc",) if self.noc_clicks else ()))

    def rounds(self, kind: PromptKind) -> int:
        """How many masks are asked for: one after the prompt alone, one after each click."""
        return self.noc_clicks if kind == "noc" else self.clicks + 1

    def key(self) -> str:
        """A text that is equal for protocols that give equal answers."""
        return json.dumps(asdict(self), sort_keys=True)


def _check(name: str, values: Sequence[object], known: Sequence[object]) -> None:
    for value in values:
        if value not in known:
            listed = ", ".join(map(str, known))
            raise InvalidParameterError(f"{name}: expected one of {listed}, got {value}.")
    if not values or len(set(values)) < len(values):
        raise InvalidParameterError(f"{name}: expected at least one, each once.")
