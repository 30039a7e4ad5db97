"""One number decides how long an engine stays."""

from __future__ import annotations

import threading
import time

import pytest

from edgeseg.engines.base import Engine, EngineOptions
from edgeseg.engines.residency import Residency
from edgeseg.settings import Role


class Recorded:
    """An engine that notes when it is closed."""

    device, dtype = "cpu", "float32"

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self._log = log

    def close(self) -> None:
        self._log.append(f"close {self.name}")


class Shelf:
    """A loader that notes what it loads."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def load(self, role: Role, name: str, options: EngineOptions) -> Engine:
        self.log.append(f"load {role}")
        return Recorded(role, self.log)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_zero_frees_one_before_the_next_is_loaded(shelf: Shelf) -> None:
    residency = Residency(0, load=shelf.load)
    for role in ("simplify", "detect"):
        with residency.lease(role, "x"):
            assert residency.loaded() == [(role, "x")]
    assert shelf.log == ["load simplify", "close simplify", "load detect", "close detect"]
    assert residency.loaded() == []


def test_minus_one_keeps_it_until_it_is_closed(shelf: Shelf) -> None:
    with Residency(-1, load=shelf.load) as residency:
        with residency.lease("detect", "x") as first:
            pass
        with residency.lease("detect", "x") as second:
            assert second is first
        assert shelf.log == ["load detect"]
    assert shelf.log == ["load detect", "close detect"]


def test_seconds_count_from_the_end_of_the_last_lease(shelf: Shelf) -> None:
    residency = Residency(0.5, load=shelf.load)
    for _ in range(2):
        with residency.lease("detect", "x"):
            time.sleep(0.6)
    assert shelf.log == ["load detect"]
    deadline = time.monotonic() + 20
    while residency.loaded() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert shelf.log == ["load detect", "close detect"]


def test_nested_leases_share_one_engine(shelf: Shelf) -> None:
    residency = Residency(0, load=shelf.load)
    with residency.lease("detect", "x"):
        with residency.lease("detect", "x"):
            pass
        assert shelf.log == ["load detect"]
    assert shelf.log == ["load detect", "close detect"]


def test_threads_share_one_load(shelf: Shelf) -> None:
    slow = threading.Barrier(8)

    def use() -> None:
        slow.wait()
        with residency.lease("detect", "x"):
            time.sleep(0.01)

    residency = Residency(-1, load=shelf.load)
    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shelf.log == ["load detect"]


def test_closing_waits_for_the_lease_to_end(shelf: Shelf) -> None:
    residency = Residency(-1, load=shelf.load)
    with residency.lease("detect", "x"):
        residency.close()
        assert shelf.log == ["load detect"]
    assert shelf.log == ["load detect", "close detect"]
    with residency.lease("detect", "x"):
        assert shelf.log[-1] == "load detect"


def test_a_failed_load_leaves_nothing_behind_and_can_be_tried_again(shelf: Shelf) -> None:
    def fail_once(role: Role, name: str, options: EngineOptions) -> Engine:
        if not shelf.log:
            shelf.log.append("failed")
            raise MemoryError
        return shelf.load(role, name, options)

    residency = Residency(-1, load=fail_once)
    with pytest.raises(MemoryError), residency.lease("detect", "x"):
        pass
    with residency.lease("detect", "x"):
        assert shelf.log == ["failed", "load detect"]


def test_an_error_inside_a_lease_frees_the_engine(shelf: Shelf) -> None:
    residency = Residency(0, load=shelf.load)
    with pytest.raises(KeyError), residency.lease("detect", "x"):
        raise KeyError
    assert shelf.log == ["load detect", "close detect"]


def test_other_negative_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="-2"):
        Residency(-2)


def test_the_engine_that_was_not_used_for_longest_makes_room(shelf: Shelf) -> None:
    residency = Residency(-1, load=shelf.load, max_loaded=2)
    roles: tuple[Role, ...] = ("simplify", "detect", "simplify", "segment")
    for role in roles:
        with residency.lease(role, "x"):
            pass
    assert [role for role, _ in residency.loaded()] == ["simplify", "segment"]
    # It is freed before the other is loaded, so that memory holds no third.
    assert shelf.log == ["load simplify", "load detect", "close detect", "load segment"]


def test_an_engine_that_is_lent_does_not_make_room(shelf: Shelf) -> None:
    residency = Residency(-1, load=shelf.load, max_loaded=1)
    with residency.lease("detect", "x"):
        with residency.lease("segment", "x"):
            assert len(residency.loaded()) == 2
        assert "close detect" not in shelf.log
    with residency.lease("simplify", "x"):
        assert [role for role, _ in residency.loaded()] == ["simplify"]
