"""What comes back from segmenting one image: the result as data, and views on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image

from edgeseg.codecs import ImageSource, file_bytes, load_image, rle_to_mask, union_of
from edgeseg.errors import InvalidParameterError, UnavailableError
from edgeseg.exporters import Export, ImageResult, export
from edgeseg.files import identity, write_bytes
from edgeseg.render import class_colours, overlay
from edgeseg.schemas import SegmentationResult, SegmentedObject
from edgeseg.settings import Settings
from edgeseg.types import BoolArray, Image

if TYPE_CHECKING:
    import supervision


class Segmentation:
    """A result together with the image it belongs to.

    The image is decoded again when it is needed, so that many results fit into memory.
    """

    def __init__(
        self,
        result: SegmentationResult,
        source: ImageSource,
        settings: Settings | None = None,
        file_name: str | None = None,
    ) -> None:
        self.result = result
        if file_name is None and isinstance(source, str | Path):
            file_name = str(source)
        self.file_name = file_name
        self._source = source
        self._settings = settings

    def __repr__(self) -> str:
        objects = ", ".join(f"{each.label} {each.score:.2f}" for each in self.objects) or "nothing"
        return f"<Segmentation of {self.prompt!r}: {objects}>"

    @property
    def prompt(self) -> str:
        """The prompt as it was given."""
        return self.result.prompt

    @property
    def simplified_prompt(self) -> str:
        """The simplified prompt."""
        return self.result.simplified_prompt

    @property
    def objects(self) -> list[SegmentedObject]:
        """The objects found, best first; boxes in pixels, masks as run lengths."""
        return self.result.objects

    @property
    def image(self) -> Image:
        """The image after EXIF orientation; raises what `load_image` raises."""
        return load_image(self._source, self._settings)

    @cached_property
    def segmentation_mask(self) -> BoolArray:
        """(H, W) bool: true wherever any object is."""
        return union_of((each.mask for each in self.objects), self._size_hw)

    def mask_of(self, object_id: int) -> BoolArray:
        """Return the (H, W) bool mask of one object; raises KeyError for an unknown id."""
        for each in self.objects:
            if each.id == object_id:
                return rle_to_mask(each.mask)
        raise KeyError(object_id)

    def overlay(
        self,
        *,
        opacity: float = 0.45,
        masks: bool = True,
        boxes: bool | None = None,
        labels: bool = True,
    ) -> PIL.Image.Image:
        """Draw the objects on the image; see `overlay`.

        Classes of a pack are drawn in its colours, and unless asked for without boxes.
        """
        classes = self.result.classes
        return overlay(
            self.image,
            self.objects,
            opacity=opacity,
            masks=masks,
            boxes=classes is None if boxes is None else boxes,
            labels=labels,
            colours=class_colours(self.objects, classes),
        )

    def to_json(self, path: str | Path | None = None, *, indent: int | None = 2) -> str:
        """Return the result as JSON, and write it to ``path`` if one is given.

        Raises InvalidParameterError if that is the image's own file, and OSError if it cannot be
        written; then an earlier file is as it was.
        """
        text = self.result.model_dump_json(indent=indent)
        if path is not None:
            self._write(Path(path), f"{text}\n".encode())
        return text

    def export(
        self,
        format_name: str,
        path: str | Path | None = None,
        *,
        file_name: str | None = None,
        with_images: bool = False,
        image_prefix: str = "",
    ) -> Export:
        """Return the result as a file of another tool's format, and write it to ``path`` if given.

        ``file_name`` is that of the image, in place of its path's; ``with_images`` puts the image
        into a zip with the file, and ``image_prefix`` goes before its path in formats that hold
        addresses. Raises what `export` raises, and for ``path`` what `to_json` raises.
        """
        exported = export(
            image_results_of(self, file_name or None),
            format_name,
            with_images=with_images,
            image_prefix=image_prefix,
        )
        if path is not None:
            self._write(Path(path), exported.data)
        return exported

    def to_supervision(self) -> supervision.Detections:
        """Return the objects as supervision's Detections, best first.

        ``xyxy`` is (N, 4) float32 in pixels, ``mask`` (N, H, W) bool, ``confidence`` (N,) float32
        and ``class_id`` (N,) int64: the position of the label among the phrases, other labels
        after them. ``data["class_name"]`` holds the labels. Raises UnavailableError without the
        extra ``supervision``.
        """
        try:
            import supervision
        except ImportError as error:
            raise UnavailableError(
                'to_supervision needs another package: pip install "edgeseg[supervision]".'
            ) from error
        labels = [each.label for each in self.objects]
        classes = list(dict.fromkeys([*self.result.phrases, *labels]))
        masks = [rle_to_mask(each.mask) for each in self.objects]
        boxes = [each.box for each in self.objects]
        return supervision.Detections(
            xyxy=np.array(boxes, np.float32).reshape(-1, 4),
            mask=np.array(masks, bool).reshape(-1, *self._size_hw),
            confidence=np.array([each.score for each in self.objects], np.float32),
            class_id=np.array([classes.index(label) for label in labels], np.int64),
            data={"class_name": np.array(labels, str)},
        )

    def _write(self, target: Path, data: bytes) -> None:
        if isinstance(self._source, str | os.PathLike):
            source = identity(Path(self._source))
            if source is not None and source == identity(target):
                raise InvalidParameterError(
                    f"{target} is the image itself and would be replaced: choose another name."
                )
        write_bytes(target, data)

    def read_image(self) -> bytes:
        """Return the image as a file; pixels become a PNG. Raises what `load_image` raises."""
        return file_bytes(self._source)

    @property
    def _size_hw(self) -> tuple[int, int]:
        return self.result.image.height, self.result.image.width


def image_results_of(
    results: Segmentation | Sequence[Segmentation], file_name: str | Sequence[str] | None = None
) -> list[ImageResult]:
    """Return results as exporters take them; ``file_name`` goes before their own names.

    Raises InvalidParameterError unless there is a name for each or for none.
    """
    rows = [results] if isinstance(results, Segmentation) else list(results)
    names: Sequence[str | None] = [row.file_name for row in rows]
    if file_name is not None:
        names = [file_name] if isinstance(file_name, str) else file_name
    if len(names) != len(rows):
        raise InvalidParameterError(
            f"file_name: expected a name for each of {len(rows)} results, got {len(names)}."
        )
    return [
        ImageResult(row.result, name, row.read_image) for row, name in zip(rows, names, strict=True)
    ]
