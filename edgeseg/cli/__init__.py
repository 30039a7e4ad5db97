"""The command line: ``edgeseg COMMAND``, or ``python -m edgeseg COMMAND``."""

from __future__ import annotations

import codecs
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

# In the order that the help shows them; each module adds its command to edgeseg.cli.app.
COMMANDS = (
    "segment",
    "masks",
    "classes",
    "entities",
    "simplify",
    "label",
    "export",
    "export_model",
    "engines",
    "evaluate",
    "evaluate_words",
    "edge_sam",
    "keys",
    "up",
    "demo",
    "bench",
)


# What shells give for a program that Ctrl-C ended.
INTERRUPTED = 130
# Errors of the arguments; all others are failures.
_USAGE_CODES = {
    "empty_prompt", "prompt_too_long", "invalid_parameter", "unknown_engine", "unknown_format",
    "unknown_pack", "unknown_class", "invalid_pack",
}  # fmt: skip


def main() -> None:
    """Run the command line.

    Wrong usage ends with exit code 2, a failure with 1, each with one sentence; Ctrl-C with 130.
    """
    from edgeseg.errors import EdgeSegError

    _print_anything()
    try:
        for module in modules_of(sys.argv[1:]):
            importlib.import_module(f"edgeseg.cli.{module}")
        importlib.import_module("edgeseg.cli.app").app()
    except EdgeSegError as error:
        _fail(f"{error.detail} [{error.code}]", 2 if error.code in _USAGE_CODES else 1)
    except MemoryError:
        _fail("There is not enough memory. [out_of_memory]")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        # A file or folder that cannot be read or written.
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        _fail(f"{where}{error.strerror or error}.")


def modules_of(arguments: Sequence[str]) -> list[str]:
    """Return the modules of the command that is called; all where none is, to show or suggest.

    Most commands need little, and those that need more should not slow them down.
    """
    called = arguments[0].replace("-", "_") if arguments else ""
    own = [name for name in COMMANDS if f"{name}_".startswith(f"{called}_")]
    return own or list(COMMANDS)


def _fail(sentence: str, code: int = 1) -> NoReturn:
    print(f"edgeseg: {sentence}", file=sys.stderr)
    sys.exit(code)


def _print_anything() -> None:
    """Print names that are not UTF-8 as their bytes, and what a terminal lacks escaped."""
    codecs.register_error("edgeseg", _as_bytes_or_escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="edgeseg")


def _as_bytes_or_escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)
