"""Requests: what to find, how strictly, and corrections of what was found."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from edgeseg.errors import InvalidParameterError, UnknownObjectError
from edgeseg.schemas.simplification import Filter
from edgeseg.schemas.visualization import VisualizationField
from edgeseg.schemas.wire import MAX_PROMPT_CHARS, MAX_PX, BoxXYXY, Label, Prompt, Text, Unit, Wire

MAX_OBJECTS = 1000
MAX_POINTS_PER_SIDE = 64

SimplifyMode = Literal["auto", "always", "never"]
TileMode = Literal["auto", "always", "never"]


def _none_is_empty(value: object) -> object:
    """Take None for what has no entries, as in the other options that may be left out."""
    return {} if value is None else value


class EngineChoice(Wire):
    """Engines for one request, by name; null: the server's own choice."""

    simplify: Text | None = Field(None, description="Simplifier.", examples=["nano"])
    extract: Text | None = Field(
        None, description="Extractor of entities, for POST /entities.", examples=["nano"]
    )
    detect: Text | None = Field(None, description="Detector.", examples=["nano"])
    segment: Text | None = Field(None, description="Segmenter.", examples=["nano"])
    ground: Text | None = Field(
        None, description="Grounder, in place of detect and segment.", examples=["fake"]
    )
    embed: Text | None = Field(
        None, description="Embedder of objects, for POST /entities.", examples=["nano"]
    )
    classify: Text | None = Field(
        None, description="Engine of classes, for POST /classes.", examples=["nano"]
    )


class SimplifyRequest(Wire):
    """A prompt to simplify."""

    text_prompt: Prompt = Field(description="What to find.", examples=["the leftmost cat"])
    engines: EngineChoice = Field(
        default_factory=EngineChoice,
        description="Engines by role; see GET /engines.",
        examples=[{"detect": "nano"}],
    )


class DetectRequest(Wire):
    """What to find, and how strictly."""

    text_prompt: Prompt = Field(
        description="What to find: phrases, a sentence or a question.", examples=["cat . dog ."]
    )
    box_threshold: Unit = Field(0.35, description="Minimum box confidence, 0 to 1.")
    text_threshold: Unit = Field(0.25, description="Minimum confidence of a box's words, 0 to 1.")
    simplify: SimplifyMode = Field(
        "auto",
        description="auto: simplify where it helps; always: pass every prompt through the "
        "simplifier; never: split at dots only.",
    )
    filters: list[Filter] | None = Field(
        None,
        max_length=100,
        description="Choices among the boxes, in place of those that the prompt asks for; "
        "null: those of the prompt.",
        examples=[[{"kind": "leftmost", "phrase": "cat"}]],
    )
    negative_prompt: Text | None = Field(
        None,
        max_length=MAX_PROMPT_CHARS,
        description="Things to leave out, separated by dots: boxes that fit them better go.",
        examples=["toy ."],
    )
    max_objects: int | None = Field(
        None,
        ge=1,
        le=MAX_OBJECTS,
        description="Keep this many objects, best scores first.",
        examples=[10],
    )
    class_thresholds: Annotated[dict[Text, Unit], BeforeValidator(_none_is_empty)] = Field(
        default_factory=dict,
        description="Minimum box confidence by phrase, in place of box_threshold.",
        examples=[{"cat": 0.5}],
    )
    tile: TileMode = Field(
        "auto",
        description="Also run the detector on overlapping tiles, to find small objects. auto: on "
        "images of 1600 pixels or more where the whole image has no box for a phrase; always: on "
        "tiles of every scale; never: on the whole image alone.",
    )
    engines: EngineChoice = Field(
        default_factory=EngineChoice,
        description="Engines by role; see GET /engines.",
        examples=[{"detect": "nano"}],
    )


class SegmentRequest(DetectRequest):
    """What to find and to segment."""

    visualization: VisualizationField = "jpeg"


class MasksRequest(Wire):
    """How closely to look for everything in an image, and which masks to keep.

    Kirillov et al., "Segment Anything", 2023, appendix B; with fewer points, so that a CPU answers
    in seconds.
    """

    points_per_side: int = Field(
        16,
        ge=0,
        le=MAX_POINTS_PER_SIDE,
        description="Clicks in a row and in a column of the grid; 0: none, for clicks of one's "
        "own by refining.",
    )
    predicted_iou_threshold: Unit | None = Field(
        None,
        description="Minimum IoU that the engine predicts for a mask, 0 to 1; null: the engine's "
        "own.",
        examples=[0.88],
    )
    stability_threshold: Unit | None = Field(
        None,
        description="Minimum IoU of a mask cut a little higher and a little lower, 0 to 1; null: "
        "the engine's own.",
        examples=[0.95],
    )
    stability_offset: float = Field(
        1.0,
        gt=0,
        le=10,
        description="How much higher and lower, as a logit.",
    )
    nms_threshold: Unit = Field(
        0.7, description="Boxes that overlap a better one by a larger IoU go, 0 to 1."
    )
    crop_layers: int = Field(
        0,
        ge=0,
        le=2,
        description="Layers of crops to look at too, to find small objects: the first of 2x2, the "
        "second of 4x4.",
    )
    min_area: int = Field(
        0, ge=0, le=MAX_PX, description="Smaller islands and holes of a mask go, in pixels."
    )
    max_objects: int | None = Field(
        None,
        ge=1,
        le=MAX_OBJECTS,
        description="Keep this many objects, best scores first.",
        examples=[100],
    )
    visualization: VisualizationField = "jpeg"
    engines: EngineChoice = Field(
        default_factory=EngineChoice,
        description="Engines by role; see GET /engines.",
        examples=[{"segment": "nano"}],
    )


class Point(Wire):
    """A click on the image."""

    x: float = Field(
        ge=0, allow_inf_nan=False, description="Pixels from the left edge.", examples=[200]
    )
    y: float = Field(
        ge=0, allow_inf_nan=False, description="Pixels from the top edge.", examples=[150]
    )
    label: Literal[0, 1] = Field(1, description="1: inside the object, 0: outside.", examples=[1])


def check_refinement(
    request: RefineRequest, object_ids: Collection[int], size_hw: tuple[int, int]
) -> None:
    """Check a refinement against the result that it corrects.

    Raises UnknownObjectError for an object that the result does not have, and
    InvalidParameterError for points or a box outside the image.
    """
    if request.object_id is not None and request.object_id not in object_ids:
        raise UnknownObjectError(
            f"The task has no object {request.object_id}.",
            object_id=request.object_id,
            known=sorted(object_ids),
        )
    height, width = size_hw
    corners = [] if request.box is None else [request.box[:2], request.box[2:]]
    for x, y in [*((point.x, point.y) for point in request.points), *corners]:
        if not (0 <= x <= width and 0 <= y <= height):
            raise InvalidParameterError(
                f"({x:g}, {y:g}) lies outside the image of {width}x{height} pixels."
            )


class RefineRequest(Wire):
    """Points or a box that correct one object of a finished task, or make a new one."""

    object_id: int | None = Field(
        None, description="Object to correct; null: a new object.", examples=[0]
    )
    points: list[Point] = Field(default_factory=list, max_length=100, description="Clicks.")
    box: BoxXYXY | None = Field(
        None, description="x0, y0, x1, y1 in pixels.", examples=[[20, 20, 400, 280]]
    )
    label: Label | None = Field(None, description="Label of a new object.", examples=["face"])
    preview: bool = Field(
        False,
        description="Answer with the object, and leave the task's result as it is.",
        examples=[True],
    )
    engines: EngineChoice = Field(
        default_factory=EngineChoice,
        description="Engines by role; see GET /engines.",
        examples=[{"detect": "nano"}],
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> RefineRequest:
        positive = any(point.label == 1 for point in self.points)
        if self.box is None and not positive and not (self.points and self.object_id is not None):
            raise ValueError("expected a box or a positive point, or points on an object")
        return self

    @field_validator("box")
    @classmethod
    def _is_a_box(cls, box: BoxXYXY | None) -> BoxXYXY | None:
        if box is not None and not (box[0] < box[2] and box[1] < box[3]):
            raise ValueError("expected x0 < x1 and y0 < y1")
        return box
