"""``edgeseg segment``: images from files, folders, globs or standard input, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from edgeseg.cli.app import app
from edgeseg.cli.outputs import Overwrite
from edgeseg.schemas import DetectRequest, SegmentOptions, SimplifyMode

# What shells give for a program that Ctrl-C ended.
INTERRUPTED = 130


def _option(name: str, *flags: str) -> Any:
    """Return an option of a request, described as the request describes it."""
    return typer.Option(*flags, help=DetectRequest.model_fields[name].description)


def _default(name: str) -> Any:
    return DetectRequest.model_fields[name].default


@app.command()
def segment(
    images: Annotated[
        list[str], typer.Argument(help="Files, folders or globs; -: standard input.")
    ],
    prompt: Annotated[str, typer.Argument(help="What to find, in your own words.")],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Overlay PNG, or a folder for several."),
    ] = None,
    json_path: Annotated[
        Path | None,
        typer.Option(
            "--json",
            help="JSON of the result, a list for several, a line each in a .jsonl file; -: print.",
        ),
    ] = None,
    mask_path: Annotated[
        Path | None,
        typer.Option("--mask", help="PNG of all masks together, or a folder for several."),
    ] = None,
    box_threshold: Annotated[float, _option("box_threshold")] = _default("box_threshold"),
    text_threshold: Annotated[float, _option("text_threshold")] = _default("text_threshold"),
    simplify: Annotated[str, _option("simplify")] = _default("simplify"),
    negative: Annotated[str | None, _option("negative_prompt", "--negative")] = None,
    max_objects: Annotated[int | None, _option("max_objects")] = None,
    tile: Annotated[
        bool | None,
        typer.Option(
            help="Look at large pictures in tiles too, for what is small in them.",
            show_default="where needed",
        ),
    ] = None,
    simplifier: Annotated[str | None, typer.Option(help="Engine that simplifies.")] = None,
    detector: Annotated[str | None, typer.Option(help="Engine that detects.")] = None,
    segmenter: Annotated[str | None, typer.Option(help="Engine that segments.")] = None,
    grounder: Annotated[
        str | None, typer.Option(help="Engine that detects and segments in one step.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda ...")] = None,
    ttl: Annotated[
        float, typer.Option(min=-1, help="Seconds that an engine stays loaded; 0: one at a time.")
    ] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip images whose outputs are there already.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Segment what the prompt names: edgeseg segment photo.jpg "the cat" -o out.png

    A folder or glob is several images, also when it holds one. Each result is written when it is
    made; Ctrl-C keeps what is done, and --resume goes on from there.
    """
    from edgeseg.cli.inputs import find_images, is_several
    from edgeseg.cli.segment_run import Outputs, run
    from edgeseg.pipeline import EdgeSegAI

    _check_prompt(prompt)
    options: SegmentOptions = {
        "box_threshold": box_threshold,
        "text_threshold": text_threshold,
        "simplify": cast(SimplifyMode, simplify),
        "negative_prompt": negative,
        "max_objects": max_objects,
        "tile": "auto" if tile is None else "always" if tile else "never",
    }
    inputs = find_images(images)
    outputs = Outputs(out, mask_path, json_path, several=is_several(images), prompt=prompt)
    outputs.check(inputs, overwrite)
    with EdgeSegAI(simplifier, detector, segmenter, grounder, ttl=ttl, device=device) as ai:
        try:
            failed = run(ai, inputs, prompt, options, outputs, resume=resume)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
    if failed:
        raise typer.Exit(1)


def _check_prompt(prompt: str) -> None:
    """Refuse an image in the prompt's place: `segment *.jpg` without a prompt ends in one."""
    from edgeseg.codecs.image import SUFFIXES

    if Path(prompt).suffix.lower() in SUFFIXES and " " not in prompt.strip():
        raise typer.BadParameter(
            f"the prompt is missing, since {prompt} is an image: say last what to find, in quotes.",
            param_hint="prompt",
        )
