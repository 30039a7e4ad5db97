"""Images sent to a stack by ``edgeseg label``: so many at a time, and again where it is full."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from edgeseg.cli.inputs import Input
from edgeseg.cli.label_inputs import LabelInput
from edgeseg.cli.label_run import by_stack
from edgeseg.client import EdgeSegClient
from edgeseg.errors import InvalidImageError, QueueFullError
from edgeseg.result import Segmentation
from tests.unit.exporters.results import make_result


@pytest.fixture
def images(tmp_path: Path) -> list[LabelInput]:
    paths = [tmp_path / f"{number}.jpg" for number in range(6)]
    for path in paths:
        path.write_bytes(b"image")
    return [LabelInput(Input(path, path.stem), path.name, path.stem) for path in paths]


def test_so_many_are_under_way(images: list[LabelInput]) -> None:
    lock, together = threading.Lock(), threading.Barrier(3)
    now: set[int] = set()
    most = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal most
        with lock:
            now.add(threading.get_ident())
            most = max(most, len(now))
        # Three must be here at once for any to go on.
        together.wait(timeout=30)
        with lock:
            now.discard(threading.get_ident())
        return httpx.Response(200, content=make_result({}).model_dump_json())

    with EdgeSegClient("http://stack", transport=httpx.MockTransport(answer)) as client:
        done = list(by_stack(client, "cat .", {}, 3)(images))
    assert most == 3
    assert {each.name for each, _ in done} == {each.name for each in images}
    assert all(isinstance(found, Segmentation) for _, found in done)


def test_a_full_queue_is_asked_again_and_other_errors_are_left(images: list[LabelInput]) -> None:
    full, broken = QueueFullError("Full."), InvalidImageError("Broken.")
    answers = [full, None, broken]

    def answer(request: httpx.Request) -> httpx.Response:
        error = answers.pop(0)
        if error is None:
            return httpx.Response(200, content=make_result({}).model_dump_json())
        return httpx.Response(error.status, json=error.to_dict())

    with EdgeSegClient("http://stack", transport=httpx.MockTransport(answer)) as client:
        (first, found), (second, error) = by_stack(client, "cat .", {}, 1)(images[:2])
    assert [first, second] == images[:2]
    assert isinstance(found, Segmentation)
    assert isinstance(error, InvalidImageError)
