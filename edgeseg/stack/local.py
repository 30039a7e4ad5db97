"""The embedded stack: Redis, backend and workers as children of one process, kept alive."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx

from edgeseg.api_keys import entry_of, new_key
from edgeseg.errors import UnavailableError
from edgeseg.hosts import is_loopback
from edgeseg.platforms import module_command, module_environment, services_root
from edgeseg.settings import Role, Settings
from edgeseg.stack import processes
from edgeseg.stack.processes import Child

SERVICES: dict[Role, str] = {
    "simplify": "simplifier_service.service",
    "detect": "grounding_dino_service.service",
    "segment": "sam2_service.service",
}
UI_PACKAGES = ("streamlit",)
UI_HEALTH = "/_stcore/health"
START_TIMEOUT_S = 90.0
LONGEST_SOCKET_FOLDER = 70
# For a Redis on glibc's malloc: what an image took is kept for the next one, not given back to the
# kernel and cleared page by page again.
_REDIS_MALLOC = {"MALLOC_TRIM_THRESHOLD_": "67108864", "MALLOC_MMAP_THRESHOLD_": "33554432"}
# Workers finish the stage they are at; the backend the answers it owes.
STOP_TIMEOUT_S = 20.0


class EmbeddedStack:
    """Starts everything that a request needs, watches it, and stops it without remains.

    A Redis that the settings name is used as it is; otherwise a private one is started, which
    listens on no port, only on a socket that belongs to this user.
    """

    def __init__(
        self,
        settings: Settings,
        workers: Mapping[Role, int] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        *,
        ui: bool = False,
    ) -> None:
        self.settings = settings
        self.workers = dict.fromkeys(SERVICES, 1) | dict(workers or {})
        self.should_stop = should_stop
        self.data_dir = settings.data_dir.resolve()
        self.api_port = settings.api_port or processes.free_port()
        self.ui_port = (settings.ui_port or processes.free_port()) if ui else None
        self.children: list[Child] = []
        self._redis: Child | None = None
        self._socket_dir: Path | None = None
        self.api_key = settings.api_key.get_secret_value() if settings.api_key else None
        self._entries = settings.api_keys
        if settings.key_hashes() and self.api_key is None:
            # What belongs to the stack itself uses the API with a key that ends with it.
            self.api_key = new_key()
            self._entries = (*self._entries, entry_of(f"stack-{os.getpid()}", self.api_key))
        self._environment = self._child_environment()

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return _url(self.settings.api_host, self.api_port)

    @property
    def ui_url(self) -> str | None:
        """Where the browser UI answers; None without one."""
        return None if self.ui_port is None else _url(self.settings.ui_host, self.ui_port)

    @property
    def redis_url(self) -> str:
        """Where the stack's own Redis answers, once it was started."""
        return self._environment["EDGESEG_REDIS_URL"]

    @property
    def log_dir(self) -> Path:
        """Folder with one log file per child."""
        return self.data_dir / "logs"

    def __enter__(self) -> EmbeddedStack:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start all children and wait until a request could succeed, or ``should_stop``.

        Raises UnavailableError when the port is taken, or when a child cannot live; then
        everything that was started is stopped again.
        """
        processes.require_free(self.settings.api_host, self.api_port)
        if self.ui_port is not None:
            processes.require_free(self.settings.ui_host, self.ui_port)
        try:
            if not self._has_redis():
                self._start_redis()
            self._start_services()
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise

    def watch(self) -> None:
        """Restart children that died; call it a few times a second."""
        for child in self._all():
            child.restart_if_dead()

    def stop(self) -> None:
        """End the backend, the workers and Redis, in this order, so that requests get answers.

        What does not end in time is killed.
        """
        is_backend = [child.name == "backend" for child in self.children]
        order = [
            [child for child, first in zip(self.children, is_backend, strict=True) if first],
            [child for child, first in zip(self.children, is_backend, strict=True) if not first],
            [self._redis] if self._redis else [],
        ]
        with ExitStack() as stack:
            if self._socket_dir is not None:
                stack.callback(shutil.rmtree, self._socket_dir, ignore_errors=True)
            for group in reversed(order):
                stack.callback(processes.stop_all, group, STOP_TIMEOUT_S)
        self.children.clear()
        self._redis = None

    def child(self, name: str) -> Child:
        """Return a child by name: redis, backend, or a role and a number, as in detect-1."""
        return next(child for child in self._all() if child.name == name)

    def _all(self) -> list[Child]:
        return [*([self._redis] if self._redis else []), *self.children]

    def _has_redis(self) -> bool:
        return bool({"redis_url", "redis_host"} & self.settings.model_fields_set)

    def _start_redis(self) -> None:
        # The path of a socket is limited to some hundred characters: too few for a data folder,
        # and for some folders of temporary files.
        usual = tempfile.gettempdir()
        folder = usual if len(usual) < LONGEST_SOCKET_FOLDER else "/tmp"
        self._socket_dir = Path(tempfile.mkdtemp(prefix="edgeseg-", dir=folder))
        socket = self._socket_dir / "redis.sock"
        config = (
            f'port 0\nunixsocket "{socket}"\nunixsocketperm 700\nsave ""\nappendonly no\n'
            f"maxmemory {self.settings.redis_maxmemory}\nmaxmemory-policy noeviction\n"
        )
        self._environment["EDGESEG_REDIS_URL"] = f"unix://{socket}?db=0"
        command = [processes.redis_server(), "-"]
        environment = {**_REDIS_MALLOC, **os.environ}
        self._redis = Child("redis", command, environment, self.log_dir, config.encode())
        self._redis.start()

    def _start_services(self) -> None:
        modules = {"backend": "backend"}
        for role, count in self.workers.items():
            modules |= {f"{role}-{number}": SERVICES[role] for number in range(1, count + 1)}
        if self.ui_port is not None:
            modules["ui"] = "frontend"
        for name, module in modules.items():
            # Streamlit would take a configuration from the current folder.
            cwd = self.data_dir if name == "ui" else None
            child = Child(
                name,
                module_command(module),
                self._environment,
                self.log_dir,
                cwd=cwd,
                # Workers take all processors there are; the API would answer late.
                niceness=0 if name in ("backend", "ui") else self.settings.worker_niceness,
            )
            self.children.append(child)
            child.start()

    def _child_environment(self) -> dict[str, str]:
        """Hand our settings on to the children, and the way to import them."""
        own = {**processes.as_environment(self.settings), "EDGESEG_API_PORT": str(self.api_port)}
        if self.ui_port is not None:
            own |= {"EDGESEG_API_URL": self.api_url, "EDGESEG_UI_PORT": str(self.ui_port)}
        if self._entries:
            own["EDGESEG_API_KEYS"] = ",".join(self._entries)
        if self.api_key and is_loopback(self.settings.ui_host):
            # Whoever reaches the UI uses its key.
            own["EDGESEG_API_KEY"] = self.api_key
        return {**module_environment(), **own, "PYTHONUNBUFFERED": "1"}

    def _wait_until_healthy(self) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        last = "no answer"
        while time.monotonic() < until:
            if self.should_stop():
                return
            for child in self._all():
                if child.deaths > 2:
                    raise UnavailableError(f"{child.name} cannot start: {child.last_words()}")
            self.watch()
            try:
                response = httpx.get(f"{self.api_url}/health", timeout=2.0)
                if response.status_code == 200:
                    last = "the UI does not answer"
                    if self.ui_url is None or httpx.get(f"{self.ui_url}{UI_HEALTH}").is_success:
                        return
                else:
                    last = str(response.json().get("detail"))
            except (httpx.HTTPError, ValueError):
                pass
            time.sleep(0.05)
        raise UnavailableError(
            f"The stack is not ready after {START_TIMEOUT_S:g} s ({last}); see {self.log_dir}."
        )


def ui_is_installed() -> bool:
    """Whether the browser UI and what it needs are installed."""
    has_ours = (services_root() / "frontend" / "__main__.py").is_file()
    return has_ours and all(importlib.util.find_spec(name) for name in UI_PACKAGES)


def _url(host: str, port: int) -> str:
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"
