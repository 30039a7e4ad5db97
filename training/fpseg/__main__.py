"""`python -m training.fpseg`: from labelled photos to tuned prompts, and to what runs them."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

import torch

from edgeseg.errors import EdgeSegError, InputError
from training.common.configs import Part, read_config
from training.common.distributed import joined
from training.fpseg import config as configs


class Tool(NamedTuple):
    """A command: its configuration, its function, and what it does."""

    config: type[Part]
    function: str
    text: str


TOOLS = {
    "precompute": Tool(
        configs.Precompute,
        "embeddings.precompute",
        "write the embeddings of all photos, going on after a stop",
    ),
    "train": Tool(
        configs.Train,
        "train.train",
        "tune prompts, and the decoder by choice, going on after a stop",
    ),
    "distil": Tool(
        configs.Distil,
        "distil.distil",
        "teach an encoder another's embeddings, going on after a stop",
    ),
    "eval": Tool(
        configs.Evaluate,
        "evaluation.evaluate",
        "measure a model: mean IoU, by class, confusion",
    ),
    "bench": Tool(
        configs.Bench,
        "bench.bench",
        "measure the time of a photo by its number of classes",
    ),
    "export-onnx": Tool(
        configs.ExportOnnx,
        "onnx_export.export_onnx",
        "write encoder, decoder and the whole as ONNX",
    ),
    "build-tensorrt": Tool(
        configs.BuildTensorrt,
        "tensorrt_build.build_tensorrt",
        "compile an ONNX file for the GPU that is here",
    ),
}


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m training.fpseg", description=__doc__)
    commands = made.add_subparsers(dest="command", required=True)
    shipped = ", ".join(sorted(path.stem for path in configs.CONFIGS.glob("*.yaml")))
    for name, tool in TOOLS.items():
        command = commands.add_parser(name, help=tool.text, description=tool.text)
        command.add_argument(
            "--config", default=name, help=f"a YAML file, or a shipped one ({shipped})"
        )
        command.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
            help="change a value: --set batch_size=4 (repeatable)",
        )  # fmt: skip
        command.add_argument("--threads", type=int, help="threads of the CPU")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    args = parser().parse_args(arguments)
    tool = TOOLS[args.command]
    try:
        config = read_config(tool.config, configs.CONFIGS, args.config, args.changes)
        if args.threads:
            torch.set_num_threads(args.threads)
        module, _, name = tool.function.partition(".")
        function = getattr(importlib.import_module(f"training.fpseg.{module}"), name)
        with joined() as world:
            function(config, world)
    except EdgeSegError as error:
        print(f"{error.detail} [{error.code}]", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        print("Stopped; the same command goes on where it was.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
