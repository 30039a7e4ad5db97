"""``edgeseg up``: the whole stack on this machine, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from edgeseg.cli.app import app
from edgeseg.engines import registry
from edgeseg.engines.weights.store import WeightStore
from edgeseg.errors import UnavailableError
from edgeseg.settings import Role, Settings, get_settings, read_settings
from edgeseg.stack.local import SERVICES, EmbeddedStack, ui_is_installed

WATCH_EVERY_S = 0.2


@app.command()
def up(
    api_port: Annotated[
        int | None, typer.Option(help="Port of the API; 0: any free one.", show_default="8000")
    ] = None,
    api_host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    ui: Annotated[
        bool | None,
        typer.Option("--ui/--no-ui", help="Serve the browser UI.", show_default="if installed"),
    ] = None,
    ui_port: Annotated[
        int | None, typer.Option(help="Port of the UI; 0: any free one.", show_default="8501")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder for logs.", show_default="out")
    ] = None,
    engines: Annotated[
        str | None, typer.Option(help="Family of engines.", show_default="nano")
    ] = None,
    simplifiers: Annotated[int, typer.Option(min=1, help="Simplifier workers.")] = 1,
    detectors: Annotated[int, typer.Option(min=1, help="Detector workers.")] = 1,
    segmenters: Annotated[int, typer.Option(min=1, help="Segmenter workers.")] = 1,
) -> None:
    """Serve Redis, backend, workers and UI until Ctrl-C or SIGTERM; restart what dies."""
    chosen = {
        "api_port": api_port, "api_host": api_host, "ui_port": ui_port, "data_dir": data_dir,
        "engines": engines,
    }  # fmt: skip
    settings = with_settings(**{name: value for name, value in chosen.items() if value is not None})
    check_engines(settings)
    warning = settings.open_warning(settings.api_host)
    if warning:
        print(f"Warning: {warning}", file=sys.stderr, flush=True)
    stopped = StopFlag()
    counts: dict[Role, int] = {
        "simplify": simplifiers, "detect": detectors, "segment": segmenters
    }  # fmt: skip
    has_ui = ui_is_installed() if ui is None else ui
    if has_ui and not ui_is_installed():
        raise UnavailableError("The UI needs more packages: pip install 'edgeseg[ui]'.")
    stack = EmbeddedStack(settings, counts, stopped.__bool__, ui=has_ui)
    print(f"Starting; logs are in {stack.log_dir} ...", flush=True)
    with stack:
        print(f"API      {stack.api_url}\nDocs     {stack.api_url}/docs", flush=True)
        if has_ui:
            print(f"UI       {stack.ui_url}", flush=True)
        if hint := better_detector(settings):
            print(hint, flush=True)
        print("Ctrl-C stops everything.", flush=True)
        while not stopped:
            stack.watch()
            time.sleep(WATCH_EVERY_S)
        print("Stopping ...", flush=True)
    print("Stopped.", flush=True)


def with_settings(**changes: Any) -> Settings:
    """Return the settings of the environment with some changed."""
    known = get_settings()
    explicit = {name: getattr(known, name) for name in known.model_fields_set}
    return read_settings(**{**explicit, **changes})


def better_detector(settings: Settings) -> str:
    """Say in one line how to come by a better detector; empty where nano does not detect."""
    if settings.engine_for("detect") != "nano":
        return ""
    entry = registry.find("detect", "nanodet-plus")
    steps = ["EDGESEG_ENGINES=compact"]
    if entry.missing(WeightStore.from_settings(settings)):
        steps.insert(0, f"edgeseg engines pull {entry.name}")
    if entry.missing():
        steps.insert(0, f'pip install "edgeseg[{entry.extra}]"')
    return f"A better detector for everyday things, {entry.size_mb} MB: {', then '.join(steps)}"


def check_engines(settings: Settings) -> None:
    """Raise UnknownEngineError for a name in the settings that no engine has."""
    for role in (*SERVICES, "ground"):
        name = settings.engine_for(role)
        if name is not None:
            registry.find(role, name)


class StopFlag:
    """Becomes true at the first Ctrl-C or SIGTERM; raises KeyboardInterrupt at the second."""

    def __init__(self) -> None:
        self._stopped = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def __bool__(self) -> bool:
        return self._stopped

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._stopped:
            raise KeyboardInterrupt
        self._stopped = True
