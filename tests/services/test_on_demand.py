"""Where workers are started on demand, requests wait for them."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from edgeseg.client import EdgeSegClient
from edgeseg.stack.local import EmbeddedStack

MakeImage = Callable[..., bytes]
StackMaker = Callable[..., AbstractContextManager[EmbeddedStack]]


def test_a_task_that_nobody_serves_yet_is_taken_and_served_later(
    make_stack: StackMaker, make_image: MakeImage
) -> None:
    with make_stack(require_workers=False) as stack, EdgeSegClient(stack.api_url) as client:
        segmenter = stack.child("segment-1")
        segmenter.send(signal.SIGTERM)
        assert segmenter.wait(30.0)
        until = time.monotonic() + 30.0
        while client.queue_status()["sam2_queue"]["workers"] and time.monotonic() < until:
            time.sleep(0.2)
        assert client.health()["workers"]["sam2_queue"] == 0
        task_id = client.submit(make_image(1), "cat")
        segmenter.start()
        assert list(client.events(task_id))[-1].type == "done"
