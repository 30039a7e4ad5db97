"""The command line: ``edgeseg COMMAND``, or ``python -m edgeseg COMMAND``."""

from __future__ import annotations

import importlib
import io
import os
import sys

# In the order that the help shows them; each module adds its command to edgeseg.cli.app.
COMMANDS = (
    "segment",
    "simplify",
    "export",
    "engines",
    "evaluate",
    "evaluate_words",
    "up",
    "demo",
    "bench",
)


def main() -> None:
    """Run the command line.

    Wrong usage ends with exit code 2; errors that are no bugs become one sentence and exit code 1.
    """
    from edgeseg.cli.app import app
    from edgeseg.errors import EdgeSegError

    for command in COMMANDS:
        importlib.import_module(f"edgeseg.cli.{command}")
    # Names of files that are not UTF-8 are printed as the bytes that they are.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")
    try:
        app()
    except EdgeSegError as error:
        print(f"edgeseg: {error.detail} [{error.code}]", file=sys.stderr)
        sys.exit(1)
    except MemoryError:
        print("edgeseg: There is not enough memory. [out_of_memory]", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        # A file or folder that cannot be read or written.
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        print(f"edgeseg: {where}{error.strerror or error}.", file=sys.stderr)
        sys.exit(1)
