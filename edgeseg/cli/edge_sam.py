"""`edgeseg edge-sam`: the training of EdgeSAM, in a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Annotated

import typer

from edgeseg.cli.app import app
from edgeseg.errors import EngineUnavailableError

MODULE = "training.edge_sam"
NEEDED = ("torch", "cv2")


@app.command(
    "edge-sam",
    # What comes after the first word is the training's own.
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    },
)
def edge_sam(
    context: typer.Context,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes that share the work, as torchrun starts them.")
    ] = 1,
) -> None:
    """Make an EdgeSAM: precompute, train or convert (--help after each says more).

    The same as python -m training.edge_sam in a checkout; needs the extra `training`.
    """
    from edgeseg.platforms import module_command, module_environment

    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineUnavailableError(
            f"Training needs {' and '.join(missing)}: pip install 'edgeseg[training]'."
        )
    command = module_command(MODULE)
    if processes > 1:
        launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        command = [*module_command(launcher[0]), *launcher[1:], "-m", MODULE]
    done = subprocess.run([*command, *context.args], env=module_environment(), check=False)
    sys.exit(done.returncode)
