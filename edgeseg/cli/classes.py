"""``edgeseg classes``: the classes of packs in images, and the packs themselves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseg.cli.app import app
from edgeseg.cli.outputs import Overwrite
from edgeseg.cli.request_options import default, option
from edgeseg.cli.segment import Device, Images, JsonPath, MaskPath, Out, Resume, Ttl
from edgeseg.schemas import ClassesRequest, ClassOptions

if TYPE_CHECKING:
    from edgeseg.classes import ClassPack

classes = typer.Typer(
    no_args_is_help=True,
    help="Find the classes of a pack in images, and keep packs: run, list, extract, merge, rename, "
    "remove.",
)
app.add_typer(classes, name="classes")


def _option(name: str, show_default: str | None = None) -> Any:
    return option(ClassesRequest, name, show_default=show_default)


PackName = Annotated[str, _option("pack")]
Names = Annotated[
    str | None,
    typer.Option(
        "--classes",
        help="Names with commas between them, the most important first.",
        show_default="all of the pack",
    ),
]
DeadlineMs = Annotated[float | None, _option("deadline_ms", "none")]
Background = Annotated[float | None, _option("background_threshold", "the pack's own")]
Pack = Annotated[str, typer.Argument(help="A pack's file, or the name of one that is installed.")]
Classes = Annotated[str, typer.Option("--classes", help="Names with commas between them.")]
Target = Annotated[Path, typer.Option("-o", "--out", help="The new pack: NAME.safetensors.")]


@classes.command()
def run(
    images: Images,
    pack: PackName = default(ClassesRequest, "pack"),
    names: Names = None,
    deadline_ms: DeadlineMs = None,
    background_threshold: Background = None,
    out: Out = None,
    json_path: JsonPath = None,
    mask_path: MaskPath = None,
    classifier: Annotated[str | None, typer.Option(help="Engine that finds classes.")] = None,
    device: Device = None,
    ttl: Ttl = -1,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Find classes in images: edgeseg classes run photo.jpg --classes car,pedestrian

    Classes are found in the order that they are named, until the deadline of each image is over.
    At the end the images per second are printed.
    """
    from edgeseg.cli.inputs import find_images, is_several
    from edgeseg.cli.result_file import json_target
    from edgeseg.cli.segment_outputs import Outputs, request_hash
    from edgeseg.cli.segment_run import of_classes
    from edgeseg.cli.segment_run import run as segment_all
    from edgeseg.pipeline import EdgeSegAI
    from edgeseg.settings import get_settings

    options: ClassOptions = {
        "pack": pack,
        "classes": _split(names) if names is not None else None,
        "deadline_ms": deadline_ms,
        "background_threshold": background_threshold,
    }
    inputs = find_images(images)
    engine = classifier or get_settings().engine_for("classify")
    request = request_hash("", options, [engine])
    outputs = Outputs(out, mask_path, json_target(json_path), is_several(images), "", request)
    outputs.check(inputs, overwrite)
    with EdgeSegAI(classifier=classifier, ttl=ttl, device=device) as ai:
        began = time.perf_counter()
        failed = segment_all(of_classes(ai, options), inputs, outputs, resume=resume)
        rate = len(inputs) / (time.perf_counter() - began)
    if len(inputs) > 1:
        typer.echo(f"{len(inputs)} images, {rate:.1f} per second", err=True)
    if failed:
        raise typer.Exit(1)


@classes.command("list")
def list_packs(
    pack: Annotated[str | None, typer.Argument(help="One pack, by name or file.")] = None,
) -> None:
    """List packs of classes, or what one pack holds."""
    from edgeseg.classes import PackStore
    from edgeseg.cli.table import table
    from edgeseg.settings import get_settings

    if pack is not None:
        _show(open_pack(pack))
        return
    packs = PackStore(get_settings().class_packs).packs()
    rows = [[each.name, each.base.encoder, ", ".join(each.names)] for each in packs]
    typer.echo(table([["pack", "encoder", "classes"], *rows]) if rows else "There are no packs.")


@classes.command()
def extract(pack: Pack, names: Classes, out: Target, overwrite: Overwrite = False) -> None:
    """Make a pack of some classes of another, in the order that they are named."""
    _save(open_pack(pack).extract(_split(names)), out, overwrite)


@classes.command()
def merge(
    packs: Annotated[list[str], typer.Argument(help="Two packs or more, by name or file.")],
    out: Target,
    overwrite: Overwrite = False,
) -> None:
    """Join packs that were tuned with the same encoder and decoder."""
    merged, *others = [open_pack(each) for each in packs]
    for other in others:
        merged = merged.merged(other)
    _save(merged, out, overwrite)


@classes.command()
def rename(
    pack: Pack,
    old: Annotated[str, typer.Argument(help="The class.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
    out: Target,
    overwrite: Overwrite = False,
) -> None:
    """Give a class of a pack another name."""
    _save(open_pack(pack).renamed(old, new), out, overwrite)


@classes.command()
def remove(pack: Pack, names: Classes, out: Target, overwrite: Overwrite = False) -> None:
    """Make a pack without some classes of another."""
    _save(open_pack(pack).without(_split(names)), out, overwrite)


def open_pack(pack: str) -> ClassPack:
    """Return a pack by the path of its file, or by name."""
    from edgeseg.classes import SUFFIX, ClassPack, PackStore
    from edgeseg.settings import get_settings

    if pack.endswith(SUFFIX) or Path(pack).is_file():
        return ClassPack.load(Path(pack))
    return PackStore(get_settings().class_packs).get(pack)


def _save(pack: ClassPack, out: Path, overwrite: bool) -> None:
    from dataclasses import replace

    from edgeseg.classes import SUFFIX
    from edgeseg.errors import InvalidParameterError

    if out.suffix != SUFFIX:
        raise InvalidParameterError(f"-o: expected a name that ends in {SUFFIX}, got {out}.")
    if out.exists() and not overwrite:
        raise InvalidParameterError(f"{out} exists; --overwrite replaces it.")
    # A pack is asked for by the name of its file.
    named = replace(pack, name=out.stem)
    named.save(out)
    typer.echo(f"{out}: {len(named.classes)} classes")


def _show(pack: ClassPack) -> None:
    from edgeseg.cli.table import table

    rows = [["number", "class", "tokens", "color"]]
    for number, each in enumerate(pack.classes):
        color = "#{:02x}{:02x}{:02x}".format(*each.colour)
        rows.append([str(number), each.name, str(len(each.prompt)), color])
    typer.echo(table(rows))
    typer.echo(f"encoder {pack.base.encoder} {pack.base.encoder_fingerprint}")
    typer.echo(f"decoder {pack.base.decoder_fingerprint}")
    for name, value in pack.figures.items():
        typer.echo(f"{name} {value:g}")


def _split(names: str) -> list[str]:
    return [each.strip() for each in names.split(",") if each.strip()]
