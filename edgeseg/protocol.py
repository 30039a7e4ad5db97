"""What EdgeSegAI and EdgeSegClient both offer, so that code can take either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, Unpack, overload

from edgeseg.codecs import ImageSource
from edgeseg.entity_result import EntitySegmentation
from edgeseg.errors import EdgeSegError
from edgeseg.exporters import Export
from edgeseg.result import Segmentation
from edgeseg.schemas import (
    ClassOptions,
    DetectionResult,
    EngineInfo,
    EntityOptions,
    MaskOptions,
    PackInfo,
    RefineRequest,
    SegmentOptions,
    Simplification,
)
from edgeseg.types import ImageProgress, Progress


class SegmentsImages(Protocol):
    """Segments images from words, in this process or through a stack elsewhere.

    Every method raises classes of `edgeseg.errors`.
    """

    def close(self) -> None:
        """Free what is held: engines or connections."""

    def simplify(self, prompt: str, engines: Mapping[str, str] | None = None) -> Simplification:
        """Return the phrases and filters that a prompt stands for."""

    def detect(
        self, image: ImageSource, prompt: str, **options: Unpack[SegmentOptions]
    ) -> DetectionResult:
        """Return boxes without masks."""

    def segment_image(
        self,
        image_path: ImageSource | None = None,
        prompt: str = "",
        *,
        image: ImageSource | None = None,
        **options: Unpack[SegmentOptions],
    ) -> Segmentation:
        """Segment what the prompt names in one image."""

    @overload
    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: Literal[False] = False,
        **options: Unpack[SegmentOptions],
    ) -> list[Segmentation]: ...

    @overload
    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: Literal[True],
        **options: Unpack[SegmentOptions],
    ) -> list[Segmentation | EdgeSegError]: ...

    def segment_images(
        self,
        images: Sequence[ImageSource],
        prompt: str | Sequence[str],
        *,
        progress: Progress | None = None,
        return_errors: bool = False,
        **options: Unpack[SegmentOptions],
    ) -> list[Segmentation] | list[Segmentation | EdgeSegError]:
        """Segment many images; with ``return_errors`` one that fails leaves its error."""

    def segment_everything(
        self,
        image: ImageSource,
        *,
        progress: Progress | None = None,
        **options: Unpack[MaskOptions],
    ) -> Segmentation:
        """Find masks of everything in an image, without words, by clicks on a grid."""

    def segment_classes(self, image: ImageSource, **options: Unpack[ClassOptions]) -> Segmentation:
        """Find classes of a pack in an image, in order, until a deadline is over."""

    def class_packs(self) -> list[PackInfo]:
        """List the packs of classes that can be asked for."""

    def segment_entities(
        self,
        prompt: str,
        contextual: Sequence[ImageSource] = (),
        generated: ImageSource | None = None,
        *,
        progress: ImageProgress | None = None,
        **options: Unpack[EntityOptions],
    ) -> EntitySegmentation:
        """Find what a prompt names in several images, pair it, and judge the generated one."""

    def refine(
        self, segmentation: Segmentation, request: RefineRequest | None = None, **parameters: Any
    ) -> Segmentation:
        """Correct one object, or add one, by points or a box."""

    def export(
        self,
        task: Segmentation | Sequence[Segmentation],
        format_name: str,
        *,
        file_name: str | Sequence[str] | None = None,
        with_images: bool = False,
        image_prefix: str = "",
    ) -> Export:
        """Return the masks of a result, or of several as one data set, as a file."""

    def engines(self) -> list[EngineInfo]:
        """List the engines that can be chosen."""
