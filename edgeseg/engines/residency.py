"""How long an engine stays loaded: a lease governed by one number, ``ttl``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edgeseg.engines import registry
from edgeseg.engines.base import Engine, EngineOptions
from edgeseg.settings import Role

Loader = Callable[[Role, str, EngineOptions], Engine]
_Key = tuple[Role, str]


@dataclass
class _Slot:
    """One engine's place; ``engine`` is None while it is not loaded."""

    loading: threading.Lock = field(default_factory=threading.Lock)
    engine: Engine | None = None
    users: int = 0
    timer: threading.Timer | None = None
    doomed: bool = False


class Residency:
    """Lends engines and frees them ``ttl`` seconds after the last lease ended.

    ``ttl`` -1 never unloads them; 0 unloads them after each use, so that one after the other
    fits into memory where all together do not. With ``max_loaded`` the least recently used engine
    is freed before another is loaded; those that are lent stay. Safe to use from several threads.
    """

    def __init__(
        self,
        ttl: float = 0,
        options: EngineOptions | None = None,
        load: Loader = registry.load,
        max_loaded: int | None = None,
    ) -> None:
        if ttl < 0 and ttl != -1:
            raise ValueError(f"ttl: expected -1, 0 or a number of seconds, got {ttl}")
        self.ttl = ttl
        self._options = options or EngineOptions()
        self._load = load
        self._max_loaded = max_loaded
        self._lock = threading.Lock()
        self._slots: dict[_Key, _Slot] = {}

    @contextmanager
    def lease(self, role: Role, name: str) -> Iterator[Engine]:
        """Lend the engine, loading it if it is not there; raises what the registry raises."""
        key = (role, name)
        slot = self._enter(key)
        try:
            with slot.loading:
                if slot.engine is None:
                    slot.engine = self._load(role, name, self._options)
                engine = slot.engine
            yield engine
        finally:
            self._leave(key, slot)

    def loaded(self) -> list[_Key]:
        """Role and name of every engine in memory now."""
        with self._lock:
            return [key for key, slot in self._slots.items() if slot.engine is not None]

    def close(self) -> None:
        """Free all engines: idle ones now, lent ones when their lease ends."""
        with self._lock:
            for slot in self._slots.values():
                slot.doomed = True
            freed = [self._take(key) for key, slot in list(self._slots.items()) if not slot.users]
        _close(freed)

    def __enter__(self) -> Residency:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _enter(self, key: _Key) -> _Slot:
        with self._lock:
            # The dictionary is in the order of use.
            slot = self._slots.pop(key, None) or _Slot()
            freed = self._make_room()
            self._slots[key] = slot
            slot.users += 1
            slot.doomed = False
            if slot.timer is not None:
                slot.timer.cancel()
                slot.timer = None
        _close(freed)
        return slot

    def _make_room(self) -> list[Engine | None]:
        """Take out idle engines until one more is within the bound."""
        if self._max_loaded is None:
            return []
        idle = [key for key, slot in self._slots.items() if not slot.users]
        excess = len(self._slots) + 1 - self._max_loaded
        return [self._take(key) for key in idle[: max(0, excess)]]

    def _leave(self, key: _Key, slot: _Slot) -> None:
        freed: list[Engine | None] = []
        with self._lock:
            slot.users -= 1
            if slot.users:
                return
            if self.ttl == 0 or slot.doomed or slot.engine is None:
                freed.append(self._take(key))
            elif self.ttl > 0:
                slot.timer = threading.Timer(self.ttl, self._expire, (key, slot))
                slot.timer.daemon = True
                slot.timer.start()
        _close(freed)

    def _expire(self, key: _Key, slot: _Slot) -> None:
        freed: list[Engine | None] = []
        with self._lock:
            if self._slots.get(key) is slot and not slot.users:
                freed.append(self._take(key))
        _close(freed)

    def _take(self, key: _Key) -> Engine | None:
        slot = self._slots.pop(key)
        if slot.timer is not None:
            slot.timer.cancel()
        engine, slot.engine = slot.engine, None
        return engine


def _close(engines: list[Engine | None]) -> None:
    for engine in engines:
        if engine is not None:
            engine.close()
