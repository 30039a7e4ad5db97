"""One stack of real containers for all checks, and the figures that they take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeseg.client import EdgeSegClient
from tests.stack.engine import ROOT, Stack, run, started

REPORT = ROOT / "out" / "stack-test.md"
Note = Any


@pytest.fixture(scope="session")
def figures() -> Iterator[dict[str, str]]:
    """What was measured, by what it says; printed and kept as a table at the end."""
    taken: dict[str, str] = {}
    yield taken
    version = run("docker", "version", "--format", "{{.Server.Version}}").strip()
    rows = [f"| {name} | {value} |" for name, value in taken.items()]
    text = "\n".join([f"| Docker {version} | |", "|---|---|", *rows, ""])
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    print(f"\n\n{text}")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The Compose project; every check brings it to the shape that it needs."""
    with started(Stack()) as running:
        yield running


@pytest.fixture
def client(stack: Stack) -> Iterator[EdgeSegClient]:
    """A client of the published API."""
    with EdgeSegClient(stack.api_url) as made:
        yield made


@pytest.fixture(scope="session")
def cat(photo_folder: Path) -> Path:
    """A photo of a cat's face."""
    return photo_folder / "chelsea.png"
