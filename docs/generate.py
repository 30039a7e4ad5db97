"""Writes the pages that come from code: configuration.md and cli.md. ``--check`` only compares."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.main import get_command

from edgeseg.access import AccessSettings
from edgeseg.cli import COMMANDS
from edgeseg.cli.app import app
from edgeseg.settings import Settings

FOLDER = Path(__file__).parent
NOTE = "<!-- Made by `make docs` from {source}; change it there. -->\n\n"
CONFIGURATION = """# Configuration

Every setting is an environment variable, or a line in a file `.env` in the current folder. The
environment takes precedence over the file, and command-line options over both.

| Variable | Default | Meaning |
|---|---|---|
"""
CLI = """# Command line

`edgeseg COMMAND`, or `python -m edgeseg COMMAND`. An error is one sentence on standard error:

| Exit code | Meaning |
|---|---|
| 0 | Everything was done. |
| 1 | It failed, or some images did. |
| 2 | Wrong usage: an argument, or a file that does not hold what the command reads. |
| 130 | Ctrl-C. |

A file is only replaced if EdgeSeg wrote it; inputs and other files need `--overwrite`. EdgeSeg
recognises its overlays and masks by their EXIF data (`Software`: `EdgeSeg`), and does not segment
them again when a folder, a glob or a list of files names them. Outputs are checked before the work
begins.

`edgeseg segment` writes each result when it is made. With `--json all.jsonl` every line is there at
once; `--json all.json` is a list and is replaced when it is whole. Until then it is
`.all.json.part`. After Ctrl-C or a full disk, the same command with `--resume` does the rest. An
image is done when its overlay and mask come from the same prompt, options and engines; a row of
JSON tells its prompt alone.

In a glob in quotes, `**` stands for all folders below, except hidden ones and symbolic links.
"""


def configuration() -> str:
    """Return the page of all settings, in the order of their declaration, those of access last."""
    fields = sorted(
        Settings.model_fields.items(), key=lambda each: each[0] in AccessSettings.model_fields
    )
    rows = [
        f"| {_names(name, field)} | {_default(field)} | {field.description} |\n"
        for name, field in fields
    ]
    return NOTE.format(source="edgeseg/settings.py") + CONFIGURATION + "".join(rows)


def cli() -> str:
    """Return the page of all commands with their arguments and options."""
    for name in COMMANDS:
        importlib.import_module(f"edgeseg.cli.{name}")
    commands: dict[str, Any] = vars(get_command(app))["commands"]
    parts = [NOTE.format(source="edgeseg/cli"), CLI]
    parts.extend(_command(name, command) for name, command in commands.items())
    return "".join(parts)


PAGES = {"configuration.md": configuration, "cli.md": cli}


def main() -> int:
    """Write the pages, or with ``--check`` name those that are out of date."""
    stale = []
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and stale:
        print(f"Out of date: {', '.join(stale)}. Run `make docs`.")
        return 1
    return 0


def _names(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    names: list[Any] = (
        list(alias.choices) if isinstance(alias, AliasChoices) else [f"EDGESEG_{name.upper()}"]
    )
    return " or ".join(f"`{each}`" for each in names)


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    is_hidden = value in (None, (), PydanticUndefined) or isinstance(value, SecretStr)
    return "" if is_hidden else f"`{value}`"


def _command(name: str, command: Any) -> str:
    """Return one command's section."""
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join(each.name.upper() + ("..." if each.nargs == -1 else "") for each in arguments)
    lines = [
        f"\n## edgeseg {name}\n\n{command.help}\n",
        f"`edgeseg {name} {usage}`".replace(" `", "`") + "\n",
        "| Argument or option | Default | Meaning |\n|---|---|---|",
    ]
    lines.extend(_parameter(each) for each in command.params if each.name != "help")
    parts = vars(command).get("commands", {})
    below = [_command(f"{name} {part}", each) for part, each in parts.items()]
    return "\n".join(lines) + "\n" + "".join(below)


def _parameter(parameter: Any) -> str:
    """Return one row of a command's table."""
    is_option = parameter.param_type_name == "option"
    names = parameter.opts + parameter.secondary_opts if is_option else [parameter.name.upper()]
    default = getattr(parameter, "show_default", None)
    if not isinstance(default, str):
        default = parameter.default
    shown = "" if default in (None, False, ()) or not is_option else f"`{default}`"
    return f"| {', '.join(f'`{each}`' for each in names)} | {shown} | {parameter.help} |"


if __name__ == "__main__":
    sys.exit(main())
