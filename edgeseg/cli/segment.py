"""``edgeseg segment``: images from files, folders, globs or standard input, in this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from edgeseg.cli.app import app
from edgeseg.cli.outputs import Overwrite
from edgeseg.cli.request_options import default, option
from edgeseg.schemas import DetectRequest, SegmentOptions, SimplifyMode
from edgeseg.settings import Role


def _option(name: str, *flags: str) -> Any:
    return option(DetectRequest, name, *flags)


def _default(name: str) -> Any:
    return default(DetectRequest, name)


Images = Annotated[list[str], typer.Argument(help="Files, folders or globs; -: standard input.")]
Prompt = Annotated[str, typer.Argument(help="What to find, in your own words.")]
Out = Annotated[
    str | None,
    typer.Option("-o", "--out", help="Overlay PNG, or a folder for several."),
]
JsonPath = Annotated[
    Path | None,
    typer.Option(
        "--json",
        help="JSON of the result, a list for several, a line each in a .jsonl file; -: print.",
    ),
]
MaskPath = Annotated[
    str | None,
    typer.Option("--mask", help="PNG of all masks together, or a folder for several."),
]
BoxThreshold = Annotated[float, _option("box_threshold")]
TextThreshold = Annotated[float, _option("text_threshold")]
Simplify = Annotated[str, _option("simplify")]
Negative = Annotated[str | None, _option("negative_prompt", "--negative")]
MaxObjects = Annotated[int | None, _option("max_objects")]
Tile = Annotated[
    bool | None,
    typer.Option(
        help="Also run the detector on tiles, to find small objects.",
        show_default="auto",
    ),
]
Simplifier = Annotated[str | None, typer.Option(help="Engine that simplifies.")]
Detector = Annotated[str | None, typer.Option(help="Engine that detects.")]
Segmenter = Annotated[str | None, typer.Option(help="Engine that segments.")]
Grounder = Annotated[str | None, typer.Option(help="Engine that detects and segments in one step.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda ...")]
Ttl = Annotated[
    float, typer.Option(min=-1, help="Seconds that an engine stays loaded; 0: one at a time.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Skip images that the same request has done already.")
]


@app.command()
def segment(
    images: Images,
    prompt: Prompt,
    out: Out = None,
    json_path: JsonPath = None,
    mask_path: MaskPath = None,
    box_threshold: BoxThreshold = _default("box_threshold"),
    text_threshold: TextThreshold = _default("text_threshold"),
    simplify: Simplify = _default("simplify"),
    negative: Negative = None,
    max_objects: MaxObjects = None,
    tile: Tile = None,
    simplifier: Simplifier = None,
    detector: Detector = None,
    segmenter: Segmenter = None,
    grounder: Grounder = None,
    device: Device = None,
    ttl: Ttl = 0,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Segment what the prompt names: edgeseg segment photo.jpg "the cat" -o out.png

    A folder or glob is several images, also when it holds one. Each result is written when it is
    made; Ctrl-C keeps what is done, and --resume goes on from there.
    """
    from edgeseg.cli.inputs import find_images, is_several
    from edgeseg.cli.result_file import json_target
    from edgeseg.cli.segment_outputs import Outputs, request_hash
    from edgeseg.cli.segment_run import by_words, run
    from edgeseg.pipeline import EdgeSegAI
    from edgeseg.settings import get_settings

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
    settings = get_settings()
    chosen: dict[Role, str | None] = {
        "simplify": simplifier,
        "detect": detector,
        "segment": segmenter,
        "ground": grounder,
    }
    engines = [name or settings.engine_for(role) for role, name in chosen.items()]
    request = request_hash(prompt, options, engines)
    target = json_target(json_path)
    outputs = Outputs(out, mask_path, target, is_several(images), prompt, request)
    outputs.check(inputs, overwrite)
    with EdgeSegAI(simplifier, detector, segmenter, grounder, ttl=ttl, device=device) as ai:
        failed = run(by_words(ai, prompt, options), inputs, outputs, resume=resume)
    if failed:
        raise typer.Exit(1)


def _check_prompt(prompt: str) -> None:
    """Refuse an image in the prompt's place: `segment *.jpg` without a prompt ends in one."""
    from edgeseg.cli.inputs import HEIC
    from edgeseg.codecs import SUFFIXES

    is_name = Path(prompt).suffix.lower() in {*SUFFIXES, *HEIC} and " " not in prompt.strip()
    # "find logo.png" is a prompt, where no file has this name.
    is_file = Path(prompt).suffix != "" and os.path.isfile(prompt)
    if is_name or is_file:
        raise typer.BadParameter(
            f"the prompt is missing, since {prompt} is a file: say last what to find, in quotes.",
            param_hint="prompt",
        )
