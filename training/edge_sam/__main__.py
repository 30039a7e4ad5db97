"""`python -m training.edge_sam`: embeddings of a teacher, training of all phases, conversion."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from edgeseg.errors import EdgeSegError, InputError
from training.common.distributed import joined
from training.edge_sam.config import load
from training.edge_sam.convert import convert
from training.edge_sam.precompute import precompute
from training.edge_sam.run import train


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m training.edge_sam", description=__doc__)
    commands = made.add_subparsers(dest="command", required=True)
    for name, text in (
        ("precompute", "write the teacher's embeddings of all images, going on where it stopped"),
        ("train", "train a phase, going on where it stopped"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--config", required=True, help="phase1, phase2, phase3, annotations, or a YAML file"
        )
        command.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
            help="change a value: --set optimisation.batch=4 (repeatable)",
        )  # fmt: skip
        command.add_argument("--output", type=Path, help="folder of the checkpoints")
        command.add_argument("--targets", choices=("teacher", "annotations"))
        command.add_argument(
            "--on-the-fly", action="store_true", help="run the teacher in each step: no disk"
        )
        command.add_argument("--threads", type=int, help="threads of the CPU")
    command = commands.add_parser(
        "convert", help="write one checkpoint that the engine loads", description=convert.__doc__
    )
    command.add_argument("source", type=Path)
    command.add_argument("target", type=Path)
    command.add_argument("--decoder", help="a teacher whose decoder is taken")
    command.add_argument("--weights", choices=("ema", "model"), default="ema")
    command.add_argument("--overwrite", action="store_true", help="replace the target")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    args = parser().parse_args(arguments)
    try:
        if args.command == "convert":
            count = convert(args.source, args.target, args.decoder, args.weights, args.overwrite)
            print(f"{args.target}: {count} tensors")
            return 0
        _run(args)
    except EdgeSegError as error:
        print(f"{error.detail} [{error.code}]", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from the last checkpoint.", file=sys.stderr)
        return 130
    return 0


def _run(args: argparse.Namespace) -> None:
    changes = list(args.changes)
    if args.output is not None:
        changes.append(f"output={args.output}")
    if args.targets is not None:
        changes.append(f"targets={args.targets}")
    if args.on_the_fly:
        changes.append("teacher.on_the_fly=true")
    config = load(args.config, changes)
    if args.threads:
        torch.set_num_threads(args.threads)
    with joined() as world:
        (precompute if args.command == "precompute" else train)(config, world)


if __name__ == "__main__":
    sys.exit(main())
