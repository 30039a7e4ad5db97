"""Results: objects with boxes and masks, and what really ran to find them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from edgeseg.schemas.run_lengths import decode_counts, encode_counts, without_empty
from edgeseg.schemas.simplification import EngineRan, Filter
from edgeseg.schemas.visualization import VISUALIZATION_FIELDS, VisualizationType
from edgeseg.schemas.wire import MAX_PX, REASON, BoxXYXY, Unit, Wire
from edgeseg.settings import Role

TIMINGS = {"decode": 4.1, "detect": 31.0, "segment": 24.2, "queue": 9.8, "total": 69.1}
"""An example that several types show in the API's description."""
# More than any result holds: beyond it, a document is not read on.
MAX_RESULT_OBJECTS = 100_000
# It names files and headers.
TaskId = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
Pixels = Annotated[int, Field(ge=1, le=MAX_PX)]


class Rle(Wire):
    """A mask as COCO run lengths, column by column, compressed.

    An instance is always valid: the lengths were decoded, are not negative and add up to the size.
    """

    size: tuple[int, int] = Field(description="Height and width, in pixels.", examples=[[300, 451]])
    counts: str = Field(description="Compressed run lengths.", examples=["`Ym0hWY2lbm0"])
    # What was found valid: instances are validated again wherever they become part of another.
    _valid: tuple[tuple[int, int], str] | None = PrivateAttr(None)

    @classmethod
    def of_pixels(cls, size_hw: tuple[int, int], counts: str) -> Rle:
        """Return the mask whose run lengths were made of pixels just now, without decoding them.

        Half of the time of encoding a small mask would go into checking what cannot be wrong.
        """
        made = cls.model_construct(size=size_hw, counts=counts)
        made._valid = (size_hw, counts)
        return made

    @model_validator(mode="after")
    def _is_a_mask(self) -> Rle:
        if self._valid == (self.size, self.counts):
            return self
        try:
            runs = decode_counts(self.counts, self.size)
        except ValueError as error:
            raise PydanticCustomError("mask", "{reason}", {"reason": str(error)}) from None
        if (runs[1:] == 0).any():
            # pycocotools merges masks with empty runs wrongly.
            self.__dict__["counts"] = encode_counts(without_empty(runs))
        self._valid = (self.size, self.counts)
        return self


class ImageInfo(Wire):
    """Size of the image after EXIF orientation."""

    width: Pixels = Field(description="Pixels.", examples=[451])
    height: Pixels = Field(description="Pixels.", examples=[300])


class DetectedObject(Wire):
    """A box with its label."""

    id: int = Field(ge=0, le=MAX_PX, description="Number within the result, from 0.", examples=[0])
    label: str = Field(description="One of the phrases.", examples=["cat"])
    score: Unit = Field(description="0 to 1.", examples=[0.87])
    box: BoxXYXY = Field(description="x0, y0, x1, y1 in pixels.", examples=[[8, 12, 440, 298]])


class SegmentedObject(DetectedObject):
    """A box with its label and mask."""

    mask: Rle = Field(description="Its pixels.")
    area: int = Field(ge=0, le=MAX_PX, description="Number of its pixels.", examples=[51234])


def as_score(score: float) -> float:
    """Return a score between 0 and 1: predicted IoUs of masks go slightly beyond."""
    return round(min(max(float(score), 0.0), 1.0), 6)


def free_id(objects: Sequence[DetectedObject]) -> int:
    """Return an id that none of these objects has, nor had while they were only added to."""
    return max((each.id for each in objects), default=-1) + 1


class _Result(Wire):
    task_id: TaskId = Field(description="Id for /tasks/{id}.", examples=["3f2c9a"])
    status: Literal["done"] = Field("done", description="Always done: errors are problems.")
    prompt: str = Field(description="The prompt of the request.", examples=["the leftmost cat"])
    simplified_prompt: str = Field(
        description="The prompt of the request, or the phrases that replace it.", examples=["cat"]
    )
    simplify_reason: str = Field("", description="Why the prompt was changed.", examples=[REASON])
    phrases: list[str] = Field(description="The phrases given to the detector.", examples=[["cat"]])
    filters: list[Filter] = Field(default_factory=list, description="Filters applied to the boxes.")
    image: ImageInfo = Field(description="Size of the image.")
    timings_ms: dict[str, float] = Field(
        default_factory=dict,
        description="Milliseconds per stage (decode, simplify, detect, segment, ground, render), "
        "for loading engines (load) and in queues (queue); total is their sum.",
        examples=[TIMINGS],
    )
    engines: dict[Role, EngineRan] = Field(
        default_factory=dict, description="The engine that ran, by role."
    )
    warnings: list[str] = Field(
        default_factory=list, description="Warnings, as sentences.", examples=[[]]
    )


class DetectionResult(_Result):
    """Boxes found in an image; none is an empty list."""

    objects: list[DetectedObject] = Field(description="Best first.")


class ClassOfPack(Wire):
    """A class, its number in the label map, and its colour."""

    name: str = Field(description="As the pack names it.", examples=["car"])
    number: int = Field(ge=0, le=254, description="Value of its pixels.", examples=[8])
    color: tuple[int, int, int] = Field(
        description="Red, green and blue, 0 to 255.", examples=[[64, 0, 128]]
    )


class FoundClasses(Wire):
    """Which classes of a pack were looked for, and the class of each pixel.

    An object's mask is that of its class alone; masks of two classes may overlap, and the label map
    says which of them a pixel belongs to.
    """

    pack: str = Field(description="Name of the pack.", examples=["street"])
    finished: list[ClassOfPack] = Field(description="Classes that were looked for, in this order.")
    unfinished: list[ClassOfPack] = Field(
        description="Classes that the deadline left no time for, in this order."
    )
    label_map: str = Field(
        description="Numbers of classes as a PNG with a palette in base64; 255: no class.",
        examples=["iVBORw0KGgo..."],
    )


class SegmentationResult(_Result):
    """Masks found in an image; none is an empty list."""

    objects: list[SegmentedObject] = Field(max_length=MAX_RESULT_OBJECTS, description="Best first.")
    visualization: str | None = Field(
        None, description="Overlay in base64, if asked.", examples=["/9j/4AAQSkZJRg..."]
    )
    visualization_type: VisualizationType | None = Field(
        None, description="Media type of the overlay.", examples=["image/jpeg"]
    )
    classes: FoundClasses | None = Field(
        None, description="What a request for classes of a pack found; null for any other."
    )

    def with_object(self, changed: SegmentedObject) -> SegmentationResult:
        """Return the result with the object in place of the one with its id, or added to them.

        A label map and an overlay would not show it, so that the result has none.
        """
        objects = [changed if each.id == changed.id else each for each in self.objects]
        if changed.id not in {each.id for each in self.objects}:
            objects.append(changed)
        outdated = dict.fromkeys(("classes", *VISUALIZATION_FIELDS))
        return self.model_copy(update={"objects": objects, **outdated})


class RefineResult(Wire):
    """One corrected or new object."""

    task_id: TaskId = Field(description="Task that it belongs to.", examples=["3f2c9a"])
    object: SegmentedObject = Field(description="The object with its new mask.")
    timings_ms: dict[str, float] = Field(
        default_factory=dict, description="Milliseconds.", examples=[TIMINGS]
    )
    engines: dict[Role, EngineRan] = Field(default_factory=dict, description="What really ran.")
