"""Wire types: requests, results, events and engine facts as they travel in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from edgeseg.errors import EdgeSegError, InputError, InvalidParameterError, error_class
from edgeseg.settings import Role

MAX_PROMPT_CHARS = 4000
MAX_OBJECTS = 1000

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
SimplifyMode = Literal["auto", "always", "never"]
TileMode = Literal["auto", "always", "never"]
TaskState = Literal["queued", "running", "done", "failed", "cancelled"]
FINAL_STATES: frozenset[TaskState] = frozenset({"done", "failed", "cancelled"})
BoxXYXY = tuple[float, float, float, float]

# Examples that several types show in the API's description.
_REASON = "“leftmost” chooses among the boxes that are found."
_TIMINGS = {"decode": 4.1, "detect": 31.0, "segment": 24.2, "queue": 9.8, "total": 71.4}


def _prompt(text: str) -> str:
    # Blanks of every script separate words; characters that leave no trace are none either.
    if all(sign in ".,;" or sign.isspace() or not sign.isprintable() for sign in text):
        raise PydanticCustomError("empty_prompt", "The prompt holds no words.")
    if len(text) > MAX_PROMPT_CHARS:
        raise PydanticCustomError(
            "prompt_too_long",
            "The prompt has {got} characters; at most {limit} are allowed.",
            {"got": len(text), "limit": MAX_PROMPT_CHARS},
        )
    return text.strip()


Prompt = Annotated[str, AfterValidator(_prompt)]
Unit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


WireT = TypeVar("WireT", bound=BaseModel)


def parse(model: type[WireT], data: Mapping[str, Any]) -> WireT:
    """Validate ``data``; raise an :class:`InputError` that names each field that is wrong."""
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise input_error(error) from None


def input_error(error: ValidationError) -> EdgeSegError:
    """Translate a validation error; the first one with a code of its own decides the class."""
    rows = [
        {"field": ".".join(str(part) for part in row["loc"]), "problem": row["msg"]}
        for row in error.errors()
    ]
    for row in error.errors():
        chosen = error_class(row["type"])
        if issubclass(chosen, InputError):
            return chosen(row["msg"], errors=rows)
    detail = "; ".join(f"{row['field'] or 'request'}: {row['problem']}" for row in rows)
    return InvalidParameterError(detail, errors=rows)


class Filter(_Wire):
    """A choice among detected boxes that words ask for: "leftmost", "the two largest dogs"."""

    kind: FilterKind = Field(description="What to choose by.", examples=["leftmost"])
    phrase: str | None = Field(
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


class Simplification(_Wire):
    """What a simplifier made of a prompt, and why."""

    prompt: str = Field(description="The prompt as it came.", examples=["the leftmost cat"])
    simplified_prompt: str = Field(description="What is looked for.", examples=["cat ."])
    phrases: list[str] = Field(description="The things looked for.", examples=[["cat"]])
    filters: list[Filter] = Field(default_factory=list, description="Choices among the boxes.")
    changed: bool = Field(description="Whether the prompt was changed.", examples=[True])
    reason: str = Field(
        "", description="What was changed and why, as a sentence.", examples=[_REASON]
    )
    warnings: list[str] = Field(
        default_factory=list, description="Sentences worth reading.", examples=[[]]
    )


class EngineChoice(_Wire):
    """Engines for one request, by name; null: the server's own choice."""

    simplify: str | None = Field(None, description="Simplifier.", examples=["nano"])
    detect: str | None = Field(None, description="Detector.", examples=["nano"])
    segment: str | None = Field(None, description="Segmenter.", examples=["nano"])
    ground: str | None = Field(
        None, description="Grounder, in place of detect and segment.", examples=["fake"]
    )


class SimplifyRequest(_Wire):
    """A prompt to simplify."""

    text_prompt: Prompt = Field(description="What to find.", examples=["the leftmost cat"])
    engines: EngineChoice = Field(default_factory=EngineChoice, description="Engines by role.")


class DetectRequest(_Wire):
    """What to find, and how strictly."""

    text_prompt: Prompt = Field(
        description="What to find: phrases, a sentence or a question.", examples=["cat . dog ."]
    )
    box_threshold: Unit = Field(0.35, description="Least score of a box.")
    text_threshold: Unit = Field(0.25, description="Least score of the words of a box.")
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
    negative_prompt: str | None = Field(
        None,
        max_length=MAX_PROMPT_CHARS,
        description="Things to leave out, separated by dots: boxes that fit them better go.",
        examples=["toy ."],
    )
    max_objects: int | None = Field(
        None, ge=1, le=MAX_OBJECTS, description="Keep this many objects, best scores first."
    )
    class_thresholds: dict[str, Unit] = Field(
        default_factory=dict,
        description="Least score per phrase, in place of box_threshold.",
        examples=[{"cat": 0.5}],
    )
    tile: TileMode = Field(
        "auto",
        description="Look at large pictures in overlapping tiles too, so that small things are "
        "found. auto: where the whole picture of 1600 pixels or more shows nothing of a phrase; "
        "always: in tiles of every scale; never: not at all.",
    )
    engines: EngineChoice = Field(default_factory=EngineChoice, description="Engines by role.")


class SegmentRequest(DetectRequest):
    """What to find and to segment."""

    visualization: bool = Field(True, description="Whether to draw the result as a PNG.")


class Point(_Wire):
    """A click on the image."""

    x: float = Field(
        ge=0, allow_inf_nan=False, description="Pixels from the left edge.", examples=[200]
    )
    y: float = Field(
        ge=0, allow_inf_nan=False, description="Pixels from the top edge.", examples=[150]
    )
    label: Literal[0, 1] = Field(1, description="1: inside the object, 0: outside.", examples=[1])


class RefineRequest(_Wire):
    """Points or a box that correct one object of a finished task, or make a new one."""

    object_id: int | None = Field(
        None, description="Object to correct; null: a new object.", examples=[0]
    )
    points: list[Point] = Field(default_factory=list, max_length=100, description="Clicks.")
    box: BoxXYXY | None = Field(
        None, description="x0, y0, x1, y1 in pixels.", examples=[[20, 20, 400, 280]]
    )
    label: str | None = Field(
        None, max_length=200, description="Label of a new object.", examples=["face"]
    )
    engines: EngineChoice = Field(default_factory=EngineChoice, description="Engines by role.")

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


class Rle(_Wire):
    """A mask as COCO run lengths, column by column, compressed."""

    size: tuple[int, int] = Field(description="Height and width.", examples=[[300, 451]])
    counts: str = Field(description="Compressed run lengths.", examples=["PPYo0"])


class ImageInfo(_Wire):
    """Size of the image as people see it, after its orientation was applied."""

    width: int = Field(description="Pixels.", examples=[451])
    height: int = Field(description="Pixels.", examples=[300])


class EngineRan(_Wire):
    """An engine and where it really ran."""

    name: str = Field(description="Name as in /engines.", examples=["nano"])
    device: str = Field(description="Device it ran on.", examples=["cpu"])
    dtype: str = Field(description="Number type it ran in.", examples=["float32"])


class DetectedObject(_Wire):
    """A box with its label."""

    id: int = Field(description="Number within the result, from 0.", examples=[0])
    label: str = Field(description="One of the phrases.", examples=["cat"])
    score: float = Field(description="0 to 1.", examples=[0.87])
    box: BoxXYXY = Field(description="x0, y0, x1, y1 in pixels.", examples=[[8, 12, 440, 298]])


class SegmentedObject(DetectedObject):
    """A box with its label and mask."""

    mask: Rle = Field(description="Its pixels.")
    area: int = Field(description="Number of its pixels.", examples=[51234])


class _Result(_Wire):
    task_id: str = Field(description="Id for /tasks/{id}.", examples=["3f2c9a"])
    status: Literal["done"] = Field("done", description="Always done: errors are problems.")
    prompt: str = Field(description="The prompt as it came.", examples=["the leftmost cat"])
    simplified_prompt: str = Field(description="What was looked for.", examples=["cat ."])
    simplify_reason: str = Field("", description="Why the prompt was changed.", examples=[_REASON])
    phrases: list[str] = Field(description="The things looked for.", examples=[["cat"]])
    filters: list[Filter] = Field(default_factory=list, description="Choices applied to boxes.")
    image: ImageInfo = Field(description="Size of the image.")
    timings_ms: dict[str, float] = Field(
        default_factory=dict,
        description="Milliseconds per stage (decode, simplify, detect, segment, ground, render), "
        "for loading engines (load), in queues (queue), and in total.",
        examples=[_TIMINGS],
    )
    engines: dict[Role, EngineRan] = Field(
        default_factory=dict, description="What really ran, by role."
    )
    warnings: list[str] = Field(
        default_factory=list, description="Sentences worth reading.", examples=[[]]
    )


class DetectionResult(_Result):
    """Boxes found in an image; none is an empty list."""

    objects: list[DetectedObject] = Field(description="Best first.")


class SegmentationResult(_Result):
    """Masks found in an image; none is an empty list."""

    objects: list[SegmentedObject] = Field(description="Best first.")
    visualization: str | None = Field(
        None, description="Overlay as a PNG in base64, if asked.", examples=["iVBORw0KGgo..."]
    )


class RefineResult(_Wire):
    """One corrected or new object."""

    task_id: str = Field(description="Task that it belongs to.", examples=["3f2c9a"])
    object: SegmentedObject = Field(description="The object with its new mask.")
    timings_ms: dict[str, float] = Field(
        default_factory=dict, description="Milliseconds.", examples=[_TIMINGS]
    )
    engines: dict[Role, EngineRan] = Field(default_factory=dict, description="What really ran.")


EventType = Literal["queued", "started", "finished", "skipped", "done", "failed", "cancelled"]


class StageEvent(_Wire):
    """Something that happened to a task."""

    id: str = Field("", description="Position in the stream, to resume from.")
    type: EventType = Field(description="What happened; done, failed and cancelled come last.")
    stage: Role | None = Field(None, description="Stage that it happened to; null: the task.")
    at: float = Field(description="Seconds since 1970.")
    data: dict[str, Any] = Field(default_factory=dict, description="Facts about it.")


class TaskStatus(_Wire):
    """A task as it stands."""

    task_id: str = Field(description="Id of the task.", examples=["3f2c9a"])
    status: TaskState = Field(description="Where it stands.", examples=["running"])
    prompt: str = Field(description="The prompt as it came.", examples=["the leftmost cat"])
    plan: list[Role] = Field(
        description="Its stages in order.", examples=[["simplify", "detect", "segment"]]
    )
    stage: Role | None = Field(
        None, description="Stage that runs or waits now.", examples=["detect"]
    )
    ahead: int | None = Field(
        None,
        description="While its stage waits: tasks that run or wait before it in its queue.",
        examples=[2],
    )
    created_at: float = Field(description="Seconds since 1970.", examples=[1730000000.1])
    finished_at: float | None = Field(
        None, description="Seconds since 1970.", examples=[1730000000.2]
    )
    timings_ms: dict[str, float] = Field(
        default_factory=dict, description="So far.", examples=[_TIMINGS]
    )
    result: SegmentationResult | DetectionResult | Simplification | RefineResult | None = Field(
        None, description="Once it is done."
    )
    error: dict[str, Any] | None = Field(
        None,
        description="Problem document once it failed.",
        examples=[{"code": "stage_failed", "status": 500, "title": "Stage failed"}],
    )


class EngineInfo(_Wire):
    """An engine that could be chosen, and whether it can run here."""

    name: str = Field(description="Name to choose it by.", examples=["nano"])
    role: Role = Field(description="Its role.", examples=["detect"])
    description: str = Field(
        description="What it is, in a sentence.", examples=["Rules and word vectors."]
    )
    licence: str = Field(description="Licence of its weights.", examples=["Apache-2.0"])
    size_mb: float | None = Field(
        None, description="Size of its weights in megabytes.", examples=[12.5]
    )
    weights: str = Field(
        "", description="Where its weights come from.", examples=["in the package"]
    )
    extra: str | None = Field(
        None, description="Extra of the package that it needs.", examples=[None]
    )
    available: bool = Field(description="Whether packages and weights are here.", examples=[True])
    missing: str = Field("", description="What is missing and how to get it.", examples=[""])
    default: bool = Field(
        False, description="Whether it is used when none is chosen.", examples=[True]
    )
