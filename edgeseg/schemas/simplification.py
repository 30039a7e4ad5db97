"""What a simplifier makes of a prompt: phrases, and filters that choose among their boxes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

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
    "colour",
    "relation",
]
Side = Literal["left", "right", "top", "bottom", "center"]
FilterRelation = Literal[
    "on",
    "in",
    "under",
    "above",
    "next_to",
    "nearest_to",
    "in_front_of",
    "behind",
    "left_of",
    "right_of",
    "holding",
    "wearing",
    "with",
]
ColourWords = Annotated[
    str,
    StringConstraints(
        pattern=r"^((light|dark) )?"
        r"(black|white|grey|red|orange|yellow|green|blue|purple|pink|brown)$"
    ),
]
"""One of the eleven basic colours, with "light" or "dark" before it or without."""


class Filter(Wire):
    """A choice among detected objects: "leftmost", "the two largest", "blue", "on the table"."""

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
    colour: ColourWords | None = Field(
        None,
        description="For kind colour: keep objects of this colour by their pixels: one of the "
        "eleven basic colours, with light or dark before it or without.",
        examples=["dark blue"],
    )
    relation: FilterRelation | None = Field(
        None,
        description="For kind relation: keep objects that stand so to one of `other`.",
        examples=["on"],
    )
    other: Text | None = Field(
        None,
        description="For kind relation: what the objects are compared with. It is detected too "
        "and is no part of the answer.",
        examples=["table"],
    )
    subject: Text | None = Field(
        None,
        description="For kind relation: what is detected in place of the phrase. Objects keep the "
        "phrase as their label.",
        examples=["cup"],
    )
    negated: bool = Field(
        False,
        description="For kinds colour and relation: keep the objects that fail.",
        examples=[False],
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Filter:
        """Refuse a colour or a relation that does not say which."""
        if self.kind == "colour" and self.colour is None:
            raise ValueError("a filter of kind colour needs a colour")
        if self.kind == "relation" and (self.relation is None or not (self.other or "").strip()):
            raise ValueError("a filter of kind relation needs a relation and other")
        return self


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
