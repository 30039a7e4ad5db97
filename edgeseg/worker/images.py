"""Decoded images by hash, so that one that comes again is not decoded again."""

from __future__ import annotations

from collections import OrderedDict

from edgeseg.codecs import decode_image
from edgeseg.settings import Settings
from edgeseg.tasks import ImageRef, TaskStore
from edgeseg.types import Image

MAX_BYTES = 128 * 1024 * 1024


class ImageCache:
    """Keeps the images used last, up to ``max_bytes`` of pixels; for one thread."""

    def __init__(self, store: TaskStore, settings: Settings, max_bytes: int = MAX_BYTES) -> None:
        self._store = store
        self._settings = settings
        self._max_bytes = max_bytes
        self._held: OrderedDict[str, Image] = OrderedDict()

    def get(self, ref: ImageRef) -> Image:
        """Return the image of a task; raises UnknownTaskError once it has expired."""
        held = self._held.get(ref.sha256)
        if held is not None:
            self._held.move_to_end(ref.sha256)
            return held
        image = decode_image(
            self._store.image(ref.task_id),
            max_bytes=self._settings.max_image_bytes,
            max_pixels=self._settings.max_image_pixels,
        )
        self._held[ref.sha256] = image
        total = sum(each.rgb.nbytes for each in self._held.values())
        while total > self._max_bytes:
            _, dropped = self._held.popitem(last=False)
            total -= dropped.rgb.nbytes
        return image
