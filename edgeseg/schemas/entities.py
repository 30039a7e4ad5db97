"""Entities: what a text names, as it is found, paired and judged in several images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from edgeseg.errors import TooManyImagesError
from edgeseg.schemas.requests import EngineChoice, TileMode
from edgeseg.schemas.results import (
    TIMINGS,
    ImageInfo,
    SegmentationResult,
    SegmentedObject,
    TaskId,
)
from edgeseg.schemas.simplification import EngineRan
from edgeseg.schemas.wire import Prompt, Text, Unit, Wire
from edgeseg.settings import Role

MAX_IMAGES = 128
"""Images of one request, the generated one included."""
RelationKind = Literal[
    "on", "in", "next_to", "in_front_of", "behind", "under", "above", "left_of", "right_of"
]
PairingMode = Literal["one_to_one", "many_to_one"]
Cosine = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Index = Annotated[int, Field(ge=0, le=10_000)]
Measure = Literal["presence", "count", "colour", "relation", "identity"]


def _none_is_empty(value: object) -> object:
    """Take None for no terms, as forms send it."""
    return [] if value is None else value


class Entity(Wire):
    """A physical thing that a text names."""

    label: str = Field(description="As the text says it, in the singular.", examples=["red sofa"])
    phrase: str = Field(
        description="What is looked for: the label without its colours.", examples=["sofa"]
    )
    count: int | None = Field(
        1,
        ge=1,
        description="How many the text asks for; null: several, it does not say how many.",
        examples=[2],
    )
    colours: list[str] = Field(
        default_factory=list,
        description="Basic colours that the text gives it.",
        examples=[["red"]],
    )
    is_place: bool = Field(
        False,
        description="Whether it is where the scene takes place, such as a garden: it counts as "
        "unknown, not as missing, where it is not found.",
        examples=[False],
    )


class Relation(Wire):
    """How one entity stands to another, by their positions in the list of entities."""

    subject: Index = Field(description="The entity that is said of.", examples=[0])
    kind: RelationKind = Field(description="How it stands.", examples=["on"])
    object: Index = Field(description="The entity that it stands to.", examples=[1])


class EntityExtraction(Wire):
    """The entities of a text and how they stand to each other."""

    prompt: str = Field(description="The text as it came.", examples=["a dog on a red sofa"])
    entities: list[Entity] = Field(description="In the order of the text, each once.")
    relations: list[Relation] = Field(
        default_factory=list, description="Those that images can show."
    )
    warnings: list[str] = Field(
        default_factory=list, description="Sentences worth reading.", examples=[[]]
    )
    engine: EngineRan | None = Field(None, description="What really read the text.")


class EntitiesRequest(Wire):
    """A text, and how its entities are found and paired in several images."""

    text_prompt: Prompt = Field(
        description="The text that the image was generated from.",
        examples=["A dog sitting on a red sofa in a garden"],
    )
    box_threshold: Unit = Field(0.35, description="Least score of a box.", examples=[0.35])
    text_threshold: Unit = Field(
        0.25, description="Least score of the words of a box.", examples=[0.25]
    )
    pairing: PairingMode = Field(
        "one_to_one",
        description="one_to_one: each object of the contextual images is taken once at most, the "
        "sum of all similarities is largest; many_to_one: each object of the generated image "
        "takes the most similar one.",
        examples=["one_to_one"],
    )
    pairing_threshold: Unit = Field(
        0.5, description="Least cosine similarity of the embeddings of a pair.", examples=[0.5]
    )
    tile: TileMode = Field("auto", description="As in POST /segment.", examples=["auto"])
    excluded_terms: Annotated[list[Text], BeforeValidator(_none_is_empty)] = Field(
        default_factory=list,
        max_length=1000,
        description="Labels that are no entities here.",
        examples=[["wall"]],
    )
    embeddings: bool = Field(
        False,
        description="Whether each object in the answer holds its embedding.",
        examples=[False],
    )
    engines: EngineChoice = Field(
        default_factory=EngineChoice,
        description="Engines by role; see GET /engines.",
        examples=[{"detect": "nano"}],
    )


def check_image_count(count: int) -> None:
    """Raise TooManyImagesError for a request of more images than one may have."""
    if count > MAX_IMAGES:
        raise TooManyImagesError(
            f"There are {count} images, and a request may have {MAX_IMAGES}.", limit=MAX_IMAGES
        )


class EntityObject(SegmentedObject):
    """An object of an image that shows an entity."""

    object_id: str = Field(
        description="Its entity's label and its number among those of the label in the image.",
        examples=["red sofa_0"],
    )
    entity: Index = Field(description="Position of its entity in the list.", examples=[1])
    colours: dict[str, Unit] = Field(
        default_factory=dict,
        description="Shares of the eleven basic colours among its pixels.",
        examples=[{"red": 0.81, "brown": 0.19}],
    )
    embedding: list[float] | None = Field(
        None,
        max_length=8192,
        description="Embedding of its pixels, if asked for.",
        examples=[[0.12, -0.03]],
    )


class ImageEntities(Wire):
    """What one image shows of the entities; or why it could not be read."""

    file_name: str | None = Field(None, description="Name of its file.", examples=["a.jpg"])
    image: ImageInfo | None = Field(None, description="Its size; null where it failed.")
    objects: list[EntityObject] = Field(default_factory=list, description="By entity, best first.")
    warnings: list[str] = Field(
        default_factory=list, description="Sentences worth reading.", examples=[[]]
    )
    error: dict[str, Any] | None = Field(
        None,
        description="Problem document of an image that failed; the others are done.",
        examples=[{"code": "invalid_image", "status": 422}],
    )


class Pairing(Wire):
    """An object of the generated image, and the object that it was paired with."""

    generated: str = Field(description="Id in the generated image.", examples=["dog_0"])
    label: str = Field(description="Label of both.", examples=["dog"])
    contextual: str | None = Field(
        None, description="Id in the contextual image.", examples=["dog_0"]
    )
    image: int | None = Field(
        None, ge=0, description="Position of that contextual image.", examples=[0]
    )
    cosine: Cosine | None = Field(
        None,
        description="Similarity; null where no contextual image shows the entity.",
        examples=[0.82],
    )
    paired: bool = Field(description="Whether it reaches the threshold.", examples=[True])


class ColourVerdict(Wire):
    """Whether a colour that the text asks for was seen."""

    colour: str = Field(description="The colour.", examples=["red"])
    share: Unit = Field(
        description="Largest share of it among the objects of the entity.", examples=[0.81]
    )
    held: bool | None = Field(
        description="Whether it was seen; null: it cannot be measured.", examples=[True]
    )


class EntityVerdict(Wire):
    """What the generated image shows of one entity; null stands for what cannot be judged."""

    entity: Index = Field(description="Position of the entity.", examples=[1])
    label: str = Field(description="Its label.", examples=["red sofa"])
    present: bool | None = Field(description="Whether it was found.", examples=[True])
    asked: int | None = Field(description="How many were asked for; null: several.", examples=[1])
    found: int = Field(ge=0, description="How many were found.", examples=[1])
    count_held: bool | None = Field(description="Whether the number is right.", examples=[True])
    colours: list[ColourVerdict] = Field(default_factory=list, description="Colours asked for.")
    paired: bool | None = Field(
        description="Whether it is the same as in a contextual image; null where none shows it.",
        examples=[True],
    )
    cosine: Cosine | None = Field(
        None, description="Largest similarity among its pairs.", examples=[0.82]
    )


class RelationVerdict(Wire):
    """Whether a relation is seen in the generated image."""

    relation: Relation = Field(description="The relation.")
    text: str = Field(description="In words.", examples=["dog on red sofa"])
    held: bool | None = Field(
        description="Null where one of the two was not found.", examples=[True]
    )


class Judgement(Wire):
    """Whether the generated image shows what was asked for.

    ``total`` is the share of all checks that passed; ``parts`` the same by kind of check. What
    could not be judged counts neither way.
    """

    total: Unit | None = Field(description="Null where nothing could be judged.", examples=[0.86])
    parts: dict[Measure, Unit] = Field(
        description="Shares of the checks that passed, by kind.",
        examples=[{"presence": 1.0, "colour": 0.5}],
    )
    checks: dict[Measure, tuple[int, int]] = Field(
        description="Passed and all, by kind.", examples=[{"presence": [2, 2]}]
    )
    entities: list[EntityVerdict] = Field(description="One for each entity.")
    relations: list[RelationVerdict] = Field(description="One for each relation.")
    missing: list[str] = Field(description="Labels that were not found.", examples=[["dog"]])

    @property
    def counted(self) -> tuple[int, int]:
        """How many checks passed, and how many there were."""
        passed, every = (sum(column) for column in zip((0, 0), *self.checks.values(), strict=True))
        return passed, every


class EntitiesResult(Wire):
    """Entities of a text in contextual images and in the image that was generated from it."""

    task_id: TaskId = Field(description="Id for /tasks/{id}.", examples=["3f2c9a"])
    status: Literal["done"] = Field(
        "done", description="Always done: errors are problems.", examples=["done"]
    )
    prompt: str = Field(description="The text as it came.", examples=["a dog on a red sofa"])
    entities: list[Entity] = Field(description="In the order of the text.")
    relations: list[Relation] = Field(default_factory=list, description="How they stand.")
    contextual: list[ImageEntities] = Field(
        max_length=MAX_IMAGES, description="In the order in which they came."
    )
    generated: ImageEntities = Field(description="The generated image.")
    pairing_threshold: Unit = Field(0.5, description="Least similarity of a pair.", examples=[0.5])
    pairings: list[Pairing] = Field(
        default_factory=list, description="One for each object of the generated image."
    )
    judgement: Judgement | None = Field(
        None, description="Null where the generated image could not be read."
    )
    timings_ms: dict[str, float] = Field(
        default_factory=dict,
        description="Milliseconds by stage, all images together; total is their sum.",
        examples=[TIMINGS],
    )
    engines: dict[Role, EngineRan] = Field(
        default_factory=dict, description="What really ran, by role."
    )
    warnings: list[str] = Field(
        default_factory=list, description="Sentences worth reading.", examples=[[]]
    )

    @property
    def images(self) -> list[ImageEntities]:
        """What each image shows, the generated one last."""
        return [*self.contextual, self.generated]

    def with_file_names(self, names: Sequence[str | None]) -> EntitiesResult:
        """Return the result with other names of the images, the generated one last."""
        return self._with_images(
            [
                shown.model_copy(update={"file_name": name})
                for shown, name in zip(self.images, names, strict=True)
            ]
        )

    def with_error(self, position: int, problem: Mapping[str, Any]) -> EntitiesResult:
        """Return the result with another problem document of an image that failed."""
        images = self.images
        images[position] = images[position].model_copy(update={"error": dict(problem)})
        return self._with_images(images)

    def _with_images(self, images: Sequence[ImageEntities]) -> EntitiesResult:
        return self.model_copy(update={"contextual": images[:-1], "generated": images[-1]})

    def file_names(self) -> list[str]:
        """Return a name for each image: its own, or that of its place (``generated.jpg``).

        Where two share one, each is in a folder of its own: ``contextual_0/a.jpg``.
        """
        places = positions(len(self.images))
        names = [
            each.file_name or f"{place}.jpg"
            for place, each in zip(places, self.images, strict=True)
        ]
        if len(set(names)) == len(names):
            return names
        inside = [name.replace(chr(92), "/").lstrip("/") for name in names]
        return [f"{place}/{name}" for place, name in zip(places, inside, strict=True)]

    def segmentations(self) -> list[tuple[int, SegmentationResult]]:
        """Return each image that was read as the result of segmenting it, with its position."""
        return [
            (position, self._segmentation(shown, shown.image))
            for position, shown in enumerate(self.images)
            if shown.image is not None
        ]

    def _segmentation(self, shown: ImageEntities, image: ImageInfo) -> SegmentationResult:
        wanted = set(SegmentedObject.model_fields)
        labels = [each.label for each in self.entities]
        return SegmentationResult(
            task_id=self.task_id,
            prompt=self.prompt,
            simplified_prompt=" . ".join(labels),
            phrases=labels,
            image=image,
            objects=[SegmentedObject(**each.model_dump(include=wanted)) for each in shown.objects],
            timings_ms=self.timings_ms,
            engines=self.engines,
            warnings=shown.warnings,
        )


def positions(count: int) -> list[str]:
    """Return what each of so many images is called by its place: contextual_0 ... generated."""
    return [*(f"contextual_{index}" for index in range(count - 1)), "generated"]
