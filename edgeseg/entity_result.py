"""What comes back from segmenting entities in several images: data, and views on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from edgeseg.codecs import ImageSource
from edgeseg.errors import NoImageError
from edgeseg.files import write_bytes
from edgeseg.result import Segmentation
from edgeseg.schemas import (
    EntitiesResult,
    ImageEntities,
    Judgement,
    check_image_count,
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
    check_image_count(len(contextual) + 1)
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
        return self.result.images

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
        names = self.result.file_names()
        return [
            Segmentation(result, self.sources[position], self._settings, names[position])
            for position, result in self.result.segmentations()
        ]
