"""A text and several images on their way: entities are read once, then each stage takes all images.

    run = EntitiesRun(request, loaders=[one for each image, the generated one last])
    run.step("extract", extractor)     entities   dog, red sofa
    run.step("detect", detector)       pages      boxes in each image
    run.step("segment", segmenter)     pages      masks in each image
    run.step("embed", embedder)        pages      colours and vectors of each object
    run.result(task_id)                objects by entity, pairs, judgement

Each image is a `Run` of its own: what one request does with an image is done here with many. An
image that fails keeps its error, and the others go on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from edgeseg import detected, stages
from edgeseg.engines.base import Engine, EntityExtractor
from edgeseg.engines.cache import EmbeddingCache
from edgeseg.entities.assignment import assign
from edgeseg.entities.judge import judge
from edgeseg.entities.pairing import pair
from edgeseg.errors import EdgeSegError, InputError, NoEntityError
from edgeseg.run import Run, Step, step_many
from edgeseg.schemas import (
    DetectedObject,
    EngineRan,
    EntitiesRequest,
    EntitiesResult,
    EntityExtraction,
    EntityObject,
    ImageEntities,
    ImageInfo,
    Pairing,
    SegmentedObject,
    SegmentRequest,
    Simplification,
    parse,
)
from edgeseg.settings import Role
from edgeseg.types import FloatArray, Image, ImageProgress, ImageStep


@dataclass(eq=False)
class EntitiesRun(Run):
    """One request for entities and its images, the generated one last.

    ``names`` are those of their files, where they have any; ``image_done`` is called after each
    image of a stage.
    """

    loaders: Sequence[Callable[[], Image]] = ()
    names: Sequence[str | None] = ()
    image_done: ImageProgress | None = None
    extraction: EntityExtraction | None = None
    pages: list[Run] = field(default_factory=list)

    def needs(self, role: Role) -> bool:
        """Say whether a stage has anything to do: each takes what the images need of it."""
        return not self.is_finished and self.error is None

    def step(self, role: Role, engine: Engine, embeddings: EmbeddingCache | None = None) -> Step:
        """Take the text, or every image, through one stage.

        Raises NoEntityError where the text names nothing, what the extractor raises, and, where
        every image fails, what the first one failed with.
        """
        if role == "extract":
            return super().step(role, engine, embeddings)
        waiting = [page for page in self.pages if page.needs(role)]
        for done, (page, _) in enumerate(step_many(role, engine, waiting, embeddings), 1):
            self.engines.update(page.engines)
            if self.image_done is not None:
                self.image_done(self._image_step(role, page, done, len(waiting)))
        self._collect_times()
        if all(page.error is not None for page in self.pages):
            raise cast(EdgeSegError, self.pages[0].error)
        found = self._count(role)
        # Where no image shows anything, there is nothing to segment or to embed.
        self.is_finished = role == "embed" or not found
        return Step({"objects": found, "images": len(waiting)}, len(waiting))

    def image(self) -> Image:
        """Return the generated image, for an extractor that looks at it."""
        with self.timed("decode"):
            return self.loaders[-1]()

    def open_pages(self, extraction: EntityExtraction) -> None:
        """Begin with the images, once it is known what to look for in them."""
        request = cast(EntitiesRequest, self.request)
        self.extraction = extraction
        phrases = list(dict.fromkeys(each.phrase for each in extraction.entities))
        engines = request.engines.model_dump(include={"detect", "segment", "ground"})
        wanted = parse(
            SegmentRequest,
            {
                "text_prompt": request.text_prompt,
                "simplify": "never",
                "box_threshold": request.box_threshold,
                "text_threshold": request.text_threshold,
                "tile": request.tile,
                "engines": engines,
            },
        )
        simplification = Simplification(
            prompt=request.text_prompt,
            simplified_prompt=" . ".join(phrases),
            phrases=phrases,
            changed=True,
        )
        self.pages = [
            Run(wanted, load, simplification=simplification.model_copy()) for load in self.loaders
        ]

    def result(self, task_id: str) -> EntitiesResult:
        """Assign objects to entities, pair them across images, and judge the generated image."""
        request, extraction = cast(EntitiesRequest, self.request), self.extraction
        assert extraction is not None
        with self.timed("judge"):
            shown, vectors = zip(*map(self._shown, range(len(self.pages))), strict=True)
            *contextual, generated = shown
            pairings: list[Pairing] = pair(
                generated.objects,
                vectors[-1],
                [each.objects for each in contextual],
                vectors[:-1],
                request.pairing,
                request.pairing_threshold,
            )
            judgement = None
            if generated.error is None:
                entities, relations = extraction.entities, extraction.relations
                judgement = judge(entities, relations, generated, contextual, pairings)
        return EntitiesResult(
            task_id=task_id,
            prompt=request.text_prompt,
            entities=extraction.entities,
            relations=extraction.relations,
            contextual=contextual,
            generated=generated,
            pairing_threshold=request.pairing_threshold,
            pairings=pairings,
            judgement=judgement,
            timings_ms={**self.timings_ms, "total": round(sum(self.timings_ms.values()), 3)},
            engines=self.engines,
            warnings=[*extraction.warnings],
        )

    def made(self, role: Role) -> str:
        """Return as JSON what the next worker goes on with after a stage."""
        if role == "extract":
            assert self.extraction is not None
            return self.extraction.model_dump_json()
        return json.dumps([_page_row(page, role) for page in self.pages])

    def go_on(self, results: Mapping[Role, Any]) -> None:
        """Go on from what earlier stages made."""
        if "extract" not in results:
            return
        self.open_pages(EntityExtraction.model_validate(results["extract"]))
        for role in ("detect", "segment", "ground"):
            for page, row in zip(self.pages, results.get(role, ()), strict=False):
                _read_page_row(page, role, row)

    def _step(
        self, role: Role, engine: Engine, image: Image | None, embeddings: EmbeddingCache | None
    ) -> Step:
        request = cast(EntitiesRequest, self.request)
        made = stages.extract(cast(EntityExtractor, engine), request, image)
        if not made.entities:
            raise NoEntityError(
                "The prompt names no thing that an image could show: name one, such as a dog."
            )
        self.open_pages(made)
        return Step({"entities": [each.label for each in made.entities]})

    def _read_by(self, role: Role) -> EngineRan | None:
        return self.extraction.engine if role == "extract" and self.extraction else None

    def _image_for(self, role: Role, engine: Engine) -> Image | None:
        if not getattr(engine, "accepts_image", False):
            return None
        try:
            return self.image()
        except InputError:
            # The text can be read without it, and its own stage tells what is wrong with it.
            return None

    def _image_step(self, role: Role, page: Run, done: int, total: int) -> ImageStep:
        labels = [each.label for each in page.objects] or page.detections.labels
        assert page.simplification is not None
        found = dict.fromkeys(page.simplification.phrases, 0) | Counter(labels)
        index = self.pages.index(page)
        name = (self.names[index] if self.names else None) or f"image {index}"
        return ImageStep(role, done, total, name, found)

    def _count(self, role: Role) -> int:
        found = (page.detections if role == "detect" else page.objects for page in self.pages)
        return sum(map(len, found))

    def _collect_times(self) -> None:
        """Move the times of the images into those of the request."""
        for page in self.pages:
            for part, ms in page.timings_ms.items():
                self.spend(part, ms)
            page.timings_ms.clear()

    def _shown(self, index: int) -> tuple[ImageEntities, FloatArray]:
        request, page = cast(EntitiesRequest, self.request), self.pages[index]
        name = self.names[index] if self.names else None
        if page.error is not None:
            error = page.error.to_problem("")
            return ImageEntities(file_name=name, error=error), np.zeros((0, 1), np.float32)
        assert self.extraction is not None
        objects: list[EntityObject] = []
        vectors: FloatArray = np.zeros((0, 1), np.float32)
        if page.objects:
            entities = self.extraction.entities
            objects, vectors = assign(page.objects, page.colours, page.vectors, entities)
        if request.embeddings:
            objects = [
                each.model_copy(update={"embedding": [round(float(value), 6) for value in row]})
                for each, row in zip(objects, vectors, strict=True)
            ]
        size = ImageInfo(width=page.size_hw[1], height=page.size_hw[0])
        warnings = list(page.warnings)
        shown = ImageEntities(file_name=name, image=size, objects=objects, warnings=warnings)
        return shown, vectors


def _page_row(page: Run, role: Role) -> dict[str, Any]:
    if page.error is not None:
        return {"error": page.error.to_dict()}
    rows: Sequence[DetectedObject] = page.objects
    if role == "detect":
        rows = detected.detected_objects(page.detections)
    objects = [each.model_dump(mode="json") for each in rows]
    return {"objects": objects, "size_hw": page.size_hw, "warnings": page.warnings}


def _read_page_row(page: Run, role: Role, row: Mapping[str, Any]) -> None:
    if "error" in row:
        page.error = EdgeSegError.from_dict(row["error"])
        return
    page.size_hw, page.warnings = tuple(row["size_hw"]), tuple(row["warnings"])
    if role == "detect":
        found = [DetectedObject.model_validate(each) for each in row["objects"]]
        page.detections = detected.detections_of(found)
        page.is_finished = not found
    else:
        page.objects = [SegmentedObject.model_validate(each) for each in row["objects"]]
        page.is_finished = True
