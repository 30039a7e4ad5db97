"""A comparison of images on its way, and what came of it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from edgeseg.entity_result import EntitySegmentation
from edgeseg.errors import CancelledError
from edgeseg.report.drawing import fitted_images, pair_numbers, paired_overlay
from edgeseg.schemas import EntitiesResult, EntityObject
from edgeseg.types import Image
from frontend.api import Api
from frontend.jobs import Job
from frontend.state import Photo

DRAWN_PX = 1000
# The page shows them in half of its width.
_SCALE = 2.0


class Comparison(EntitySegmentation):
    """A result with its images; drawings and the report are made once."""

    @cached_property
    def drawings(self) -> list[bytes | None]:
        """Each image as JPEG with its pairs marked, the generated one last; None: it failed."""
        numbers = pair_numbers(self.result)
        return [
            None if fitted is None else _jpeg(*fitted, numbers[index])
            for index, fitted in enumerate(fitted_images(self, DRAWN_PX))
        ]

    @cached_property
    def page(self) -> bytes:
        """The report."""
        return self.report().encode()


@dataclass
class EntityJob(Job):
    """Several images on their way; ``photo`` is the generated one."""

    references: list[Photo] = field(default_factory=list)
    comparison: Comparison | None = None

    def send(self, client: Api, parameters: Mapping[str, Any]) -> str:
        """Queue it and return the task's id."""
        contextual = [each.data for each in self.references]
        return client.submit_entities(self.prompt, contextual, self.photo.data, **parameters)

    def take(self, result: object) -> None:
        """Keep the result of its task under the names of the files; draw it."""
        if not isinstance(result, EntitiesResult):
            raise CancelledError("It was cancelled.")
        photos = [*self.references, self.photo]
        named = result.with_file_names([photo.name for photo in photos])
        comparison = Comparison(named, [photo.data for photo in photos])
        # Here, in the job's thread, and not while the page is drawn.
        assert comparison.drawings
        self.comparison = comparison


def _jpeg(image: Image, objects: Sequence[EntityObject], numbers: Mapping[str, int]) -> bytes:
    out = io.BytesIO()
    paired_overlay(image, objects, numbers, _SCALE).save(out, "JPEG", quality=88)
    return out.getvalue()
