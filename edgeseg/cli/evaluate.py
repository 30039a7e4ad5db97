"""``edgeseg evaluate``: how right the engines are on annotated photos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, cast

import typer
from tqdm import tqdm

from edgeseg.cli.app import app
from edgeseg.cli.evaluate_classes import classes_command
from edgeseg.cli.evaluate_colours import colours_command
from edgeseg.cli.evaluate_masks import masks_command
from edgeseg.cli.evaluate_prompts import prompts_command
from edgeseg.cli.evaluate_referring import referring_command
from edgeseg.cli.outputs import Overwrite, check_json, write_json
from edgeseg.engines import registry
from edgeseg.engines.base import Detector, EngineOptions, Segmenter
from edgeseg.settings import get_settings

NONE = "none"


evaluate = typer.Typer(
    invoke_without_command=True,
    help="Measure detection (AP, AP50) and masks (mean IoU by box, click and text) on photos; "
    "masks alone, and in more ways: edgeseg evaluate masks.",
)
app.add_typer(evaluate, name="evaluate")
evaluate.command("masks")(masks_command)
evaluate.command("classes")(classes_command)
evaluate.command("prompts")(prompts_command)
evaluate.command("referring")(referring_command)
evaluate.command("colours")(colours_command)


@evaluate.callback()
def detection(
    context: typer.Context,
    annotations: Annotated[
        Path | None,
        typer.Option(
            help="COCO instance annotations, .json or .json.gz; required.", show_default=False
        ),
    ] = None,
    images: Annotated[
        list[Path] | None, typer.Option(help="Folder or tar of the photos; required, repeatable.")
    ] = None,
    sources: Annotated[
        str | None, typer.Option(help="Only images of these sources, separated by commas.")
    ] = None,
    detector: Annotated[
        str | None, typer.Option(help="Detection engine; 'none' measures masks only.")
    ] = None,
    segmenter: Annotated[
        str | None, typer.Option(help="Segmentation engine; 'none' measures boxes only.")
    ] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure detection (AP, AP50) and masks (mean IoU by box, click and text) on photos."""
    if context.invoked_subcommand is not None:
        if annotations is not None or images:
            raise typer.BadParameter(f"put options after '{context.invoked_subcommand}'.")
        return
    if annotations is None or not images:
        raise typer.BadParameter("--annotations and --images are required.")
    check_json(json_path, overwrite)
    from edgeseg.evaluation import evaluate as measure
    from edgeseg.evaluation import read_truth

    settings = get_settings()
    options = EngineOptions.from_settings(settings)
    names = [name.strip() for name in sources.split(",")] if sources else None
    truth = read_truth(annotations, images, names)
    detect = detector or settings.engine_for("detect") or NONE
    segment = segmenter or settings.engine_for("segment") or NONE
    boxes = None if detect == NONE else cast(Detector, registry.load("detect", detect, options))
    masks = None if segment == NONE else cast(Segmenter, registry.load("segment", segment, options))
    with tqdm(total=len(truth.images), unit="photo") as bar:

        def advance(count: int) -> None:
            bar.update(count - bar.n)

        result = measure(truth, boxes, masks, advance)
    result["engines"] = {"detect": detect, "segment": segment}
    text = json.dumps(result, indent=2)
    if json_path is not None:
        write_json(json_path, result)
    print(text)
