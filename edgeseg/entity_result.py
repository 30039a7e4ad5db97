"""What comes back from segmenting entities in several images: data, and views on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from edgeseg.codecs import ImageSource
from edgeseg.errors import NoImageError, TooManyImagesError
from edgeseg.files import write_bytes
from edgeseg.result import Segmentation
from edgeseg.schemas import (
    MAX_IMAGES,
    EntitiesResult,
    ImageEntities,
    Judgement,
    SegmentationResult,
    SegmentedObject,
)
from edgeseg.settings import Settings

Form = Literal["seed", "full"]


def entity_sources(
    contextual: Sequence[ImageSource], generated: ImageSource | None
) -> list[ImageSource]:
    """Return all images of a request, the generated one last.

    Raises NoImageError where that is not there, and TooManyImagesError.
    """
    if generated is None:
        raise NoImageError("No generated image was given: pass generated.")
    if len(contextual) + 1 > MAX_IMAGES:
        raise TooManyImagesError(
            f"There are {len(contextual) + 1} images, and a request may have {MAX_IMAGES}.",
            limit=MAX_IMAGES,
        )
    return [*contextual, generated]


def names_of(sources: Sequence[ImageSource]) -> list[str | None]:
    """Return the path of each image; None for what is no file."""
    return [os.fspath(each) if isinstance(each, str | os.PathLike) else None for each in sources]


class EntitySegmentation:
    """A result together with the images that it belongs to, the generated one last."""

    def __init__(
        self,
        result: EntitiesResult,
        sources: Sequence[ImageSource],
        settings: Settings | None = None,
    ) -> None:
        self.result = result
        self.sources = list(sources)
        self._settings = settings

    def __repr__(self) -> str:
        judged = self.judgement
        total = "not judged" if judged is None or judged.total is None else f"{judged.total:.2f}"
        return f"<EntitySegmentation of {self.result.prompt!r}: {total}>"

    @property
    def judgement(self) -> Judgement | None:
        """What the generated image shows of what was asked for."""
        return self.result.judgement

    @property
    def images(self) -> list[ImageEntities]:
        """What each image shows, the generated one last."""
        return [*self.result.contextual, self.result.generated]

    def to_json(
        self, form: Form = "seed", path: str | Path | None = None, *, comparison: bool = False
    ) -> str:
        """Return the result in one of the forms of generated-segmentation, and write it to a path.

        See `edgeseg.report.forms`; the result itself is ``result.model_dump_json()``.
        """
        from edgeseg.report.forms import to_json

        text = to_json(self, form, comparison=comparison)
        if path is not None:
            write_bytes(Path(path), f"{text}\n".encode())
        return text

    def report(self, path: str | Path | None = None) -> str:
        """Return a page of HTML, images and all, that shows the judgement; write it to a path."""
        from edgeseg.report.page import report

        text = report(self)
        if path is not None:
            write_bytes(Path(path), text.encode())
        return text

    def segmentations(self) -> list[Segmentation]:
        """Return a Segmentation for each image that was read, as exporters and drawing take them.

        File names are those of the images, in folders of their own where two share one.
        """
        rows = zip(self.images, self.sources, file_names(self.result), strict=True)
        return [
            Segmentation(segmentation_result(self.result, shown), source, self._settings, name)
            for shown, source, name in rows
            if shown.image is not None
        ]


def segmentation_result(result: EntitiesResult, shown: ImageEntities) -> SegmentationResult:
    """Return what one image shows as the result of segmenting it; its ``image`` must be there."""
    assert shown.image is not None
    wanted = set(SegmentedObject.model_fields)
    return SegmentationResult(
        task_id=result.task_id,
        prompt=result.prompt,
        simplified_prompt=" . ".join(each.label for each in result.entities),
        phrases=[each.label for each in result.entities],
        image=shown.image,
        objects=[SegmentedObject(**each.model_dump(include=wanted)) for each in shown.objects],
        timings_ms=result.timings_ms,
        engines=result.engines,
        warnings=shown.warnings,
    )


def file_names(result: EntitiesResult) -> list[str | None]:
    """Return the name of each image's file: ``contextual_0/a.jpg`` where two are ``a.jpg``."""
    shown = [*result.contextual, result.generated]
    names = [each.file_name for each in shown]
    known = [name for name in names if name]
    if len(set(known)) == len(known):
        return names
    folders = [*(f"contextual_{index}" for index in range(len(shown) - 1)), "generated"]
    return [
        f"{folder}/{name.replace(chr(92), '/').lstrip('/')}" if name else None
        for folder, name in zip(folders, names, strict=True)
    ]
