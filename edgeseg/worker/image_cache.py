"""Cache of decoded images by hash, filled by prefetching while the worker waits."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future

import redis

from edgeseg.codecs import decode_image
from edgeseg.errors import EdgeSegError
from edgeseg.settings import Settings
from edgeseg.tasks import ImageRef, TaskStore, connect, next_image
from edgeseg.types import Image

log = logging.getLogger(__name__)
MAX_BYTES = 128 * 1024 * 1024
_WAIT_S = 2.0


class ImageCache:
    """Keeps the images used last, up to ``max_bytes`` of pixels; safe from several threads."""

    def __init__(self, store: TaskStore, settings: Settings, max_bytes: int = MAX_BYTES) -> None:
        self._store = store
        self._settings = settings
        self._max_bytes = max_bytes
        self.hits = 0
        self.misses = 0
        self._held: OrderedDict[str, Future[Image]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, ref: ImageRef) -> Image:
        """Return the image of a task, waiting for a thread that decodes it already.

        Raises UnknownTaskError once it has expired, and what decode_image raises.
        """
        with self._lock:
            held = self._held.get(ref.sha256)
            if held is not None:
                self._held.move_to_end(ref.sha256)
                self.hits += 1
            else:
                self.misses += 1
                mine = self._held[ref.sha256] = Future()
        if held is not None:
            return held.result()
        try:
            mine.set_result(self._decode(ref))
        except BaseException as error:
            # The next one tries again; who waits already gets the same error.
            with self._lock:
                del self._held[ref.sha256]
            mine.set_exception(error)
            raise
        self._drop_oldest()
        return mine.result()

    def _decode(self, ref: ImageRef) -> Image:
        return decode_image(
            self._store.image(ref),
            max_bytes=self._settings.max_image_bytes,
            max_pixels=self._settings.max_image_pixels,
        )

    def _drop_oldest(self) -> None:
        with self._lock:
            sizes = {
                name: each.result().rgb.nbytes for name, each in self._held.items() if each.done()
            }
            for name in list(sizes)[:-1]:
                if sum(sizes.values()) <= self._max_bytes:
                    break
                del self._held[name], sizes[name]


class DecodeAhead(threading.Thread):
    """Decodes images that were announced to a queue, while its worker waits for their jobs."""

    def __init__(self, images: ImageCache, queue: str, settings: Settings) -> None:
        super().__init__(name="prefetch", daemon=True)
        self._images = images
        self._queue = queue
        self._connection = connect(settings)

    def run(self) -> None:
        """Prefetch until stopped; an error here recurs in the stage, which reports it."""
        while True:
            try:
                ref = next_image(self._connection, self._queue, _WAIT_S)
                if ref is not None:
                    self._images.get(ref)
            except redis.RedisError:
                time.sleep(_WAIT_S)
            except EdgeSegError as error:
                log.debug("prefetching failed: %s", error)
