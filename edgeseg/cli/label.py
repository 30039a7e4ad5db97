"""``edgeseg label``: a folder of images to a data set that trains, by an ontology of classes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseg.cli.app import app
from edgeseg.cli.request_options import default
from edgeseg.cli.segment import (
    BoxThreshold,
    Detector,
    Device,
    Grounder,
    Segmenter,
    Tile,
    Ttl,
)
from edgeseg.schemas import DetectRequest

if TYPE_CHECKING:
    from edgeseg.schemas import SegmentOptions

_FORMATS = "yolo, coco, voc, labelme, cvat or label-studio"


@app.command()
def label(
    images: Annotated[
        list[str], typer.Argument(help="Folders, with all that is below them, files or globs.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the data set.")],
    classes: Annotated[Path, typer.Option("--classes", help="YAML file of the classes.")],
    format_name: Annotated[str, typer.Option("-f", "--format", help=f"{_FORMATS}.")] = "yolo",
    split: Annotated[
        str, typer.Option("--split", help="Shares of train, val and test.")
    ] = "0.8,0.1,0.1",
    seed: Annotated[int, typer.Option("--seed", help="Deals images to the splits.")] = 0,
    link: Annotated[
        bool, typer.Option("--link", help="Link images in place of copying them.")
    ] = False,
    image_prefix: Annotated[
        str, typer.Option(help="What goes before an image's path in label-studio.")
    ] = "",
    review: Annotated[
        bool, typer.Option("--review", help="List doubtful images, most doubtful first.")
    ] = False,
    through: Annotated[
        str | None, typer.Option("--through", help="Address of a stack that does the work.")
    ] = None,
    in_flight: Annotated[
        int, typer.Option(min=1, max=256, help="Images under way at a time, with --through.")
    ] = 8,
    box_threshold: BoxThreshold = default(DetectRequest, "box_threshold"),
    tile: Tile = None,
    detector: Detector = None,
    segmenter: Segmenter = None,
    grounder: Grounder = None,
    device: Device = None,
    ttl: Ttl = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a data set that was begun.")
    ] = False,
) -> None:
    """Label images: edgeseg label photos -o dataset --classes classes.yaml --format yolo

    Each image is kept when it is done; Ctrl-C finishes the data set with what is there, and
    --resume goes on, also after a kill.
    """
    from edgeseg.cli.label_inputs import find_label_inputs
    from edgeseg.cli.label_outputs import DatasetFolder, request_of
    from edgeseg.cli.label_run import by_stack, in_process, label_all
    from edgeseg.client import EdgeSegClient
    from edgeseg.datasets.formats import exporter_of
    from edgeseg.datasets.ontology import read_ontology
    from edgeseg.datasets.splits import Split, parse_shares
    from edgeseg.exporters.names import check_prefix
    from edgeseg.pipeline import EdgeSegAI

    exporter_of(format_name)
    check_prefix(image_prefix)
    ontology = read_ontology(classes)
    dealt = Split(parse_shares(split), seed)
    chosen = {"detect": detector, "segment": segmenter, "ground": grounder}
    engines = {role: name for role, name in chosen.items() if name is not None}
    options: SegmentOptions = {
        **ontology.options(),
        "box_threshold": box_threshold,
        "tile": "auto" if tile is None else "always" if tile else "never",
    }
    facts = [options, engines, format_name, dealt.shares, seed]
    dataset = DatasetFolder(
        out, ontology, format_name, dealt, box_threshold, request_of(ontology, facts), link,
        image_prefix,
    )  # fmt: skip
    dataset.begin(resume)
    inputs = find_label_inputs(images, out)
    with ExitStack() as stack:
        if through is None:
            ai = EdgeSegAI(None, detector, segmenter, grounder, ttl=ttl, device=device)
            work = in_process(stack.enter_context(ai), ontology.prompt, options)
        else:
            options["engines"] = engines
            client = stack.enter_context(EdgeSegClient(through))
            work = by_stack(client, ontology.prompt, options, in_flight)
        figures = label_all(work, inputs, dataset, review=review)
    print(f"{out}: {figures['images']} images, {figures['objects']} objects, {format_name}")
    if figures["failed"]:
        raise typer.Exit(1)
