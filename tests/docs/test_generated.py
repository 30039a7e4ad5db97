"""Pages made from code are current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from edgeseg.cli import COMMANDS
from edgeseg.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def test_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "generate.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_and_every_command_is_there() -> None:
    configuration, cli = ((DOCS / name).read_text() for name in ("configuration.md", "cli.md"))
    for name in Settings.model_fields:
        assert f"`EDGESEG_{name.upper()}`" in configuration
    for command in COMMANDS:
        assert f"## edgeseg {command.replace('_', '-')}\n" in cli


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
