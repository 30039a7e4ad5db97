"""What a simplifier makes of a prompt: phrases, and filters that choose among their boxes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgeseg.schemas.wire import REASON, Text, Wire

FilterKind = Literal[
    "leftmost",
    "rightmost",
    "topmost",
    "bottommost",
    "largest",
    "smallest",
    "front",
    "back",
    "center",
    "side",
    "exclude",
]
Side = Literal["left", "right", "top", "bottom", "center"]


class Filter(Wire):
    """A choice among detected boxes that words ask for: "leftmost", "the two largest dogs"."""

    kind: FilterKind = Field(description="What to choose by.", examples=["leftmost"])
    phrase: Text | None = Field(
        None, description="Phrase that it applies to; null: all.", examples=["cat"]
    )
    rank: int = Field(1, ge=1, description="2 with leftmost: second from the left.", examples=[2])
    count: int = Field(1, ge=1, description="How many to keep, starting at the rank.", examples=[1])
    side: Side | None = Field(
        None,
        description="For kind side: keep boxes whose centre lies in this part of the image.",
        examples=["left"],
    )
    filters: list[Filter] = Field(
        default_factory=list,
        description="For kind exclude: the objects that these choose are dropped.",
    )


class EngineRan(Wire):
    """An engine and where it really ran."""

    name: str = Field(description="Name as in /engines.", examples=["nano"])
    device: str = Field(description="Device it ran on.", examples=["cpu"])
    dtype: str = Field(description="Number type it ran in.", examples=["float32"])


class Simplification(Wire):
    """What a simplifier made of a prompt, and why."""

    prompt: str = Field(description="The prompt of the request.", examples=["the leftmost cat"])
    simplified_prompt: str = Field(
        description="The prompt of the request, or the phrases that replace it.", examples=["cat"]
    )
    phrases: list[str] = Field(description="The phrases given to the detector.", examples=[["cat"]])
    alternatives: list[str] = Field(
        default_factory=list,
        description="Phrases that stand for an affordance or a question. Where boxes of several "
        "of them overlap on one object, the highest-scoring stays.",
        examples=[["cup", "mug"]],
    )
    filters: list[Filter] = Field(default_factory=list, description="Choices among the boxes.")
    changed: bool = Field(description="Whether the prompt was changed.", examples=[True])
    reason: str = Field(
        "", description="What was changed and why, as a sentence.", examples=[REASON]
    )
    warnings: list[str] = Field(
        default_factory=list, description="Warnings, as sentences.", examples=[[]]
    )
    engine: EngineRan | None = Field(
        None,
        description="What really read the prompt: rules, where a language model was not needed or "
        "did not answer as asked. Null where none did.",
    )
