"""``edgeseg evaluate classes``: how right a pack of classes is on labelled photos."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, cast

import typer
from tqdm import tqdm

from edgeseg.cli.classes import open_pack
from edgeseg.cli.outputs import Overwrite, check_json, write_json


def classes_command(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Folder or tar of photos (.webp, .jpg), each with a label map .png of the same "
            "name: pixels are numbers of the pack's classes, others are not counted; repeatable."
        ),
    ],
    pack: Annotated[str, typer.Option(help="A pack, by name or file.")] = "street",
    classifier: Annotated[str | None, typer.Option(help="Engine that finds classes.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many photos at most.")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure a pack of classes: mean IoU at the photos' own size, by class, photos per second."""
    from edgeseg.cli.table import table
    from edgeseg.engines import registry
    from edgeseg.engines.base import ClassSegmenter, EngineOptions
    from edgeseg.evaluation.classes import evaluate
    from edgeseg.settings import get_settings

    check_json(json_path, overwrite)
    settings = get_settings()
    name = classifier or str(settings.engine_for("classify"))
    opened = open_pack(pack)
    engine = cast(
        ClassSegmenter, registry.load("classify", name, EngineOptions.from_settings(settings))
    )
    try:
        with tqdm(unit="photo", disable=None) as bar:
            figures = evaluate(engine, opened, data, limit, bar.update)
    finally:
        engine.close()
    rows = [[each, f"{value:.3f}"] for each, value in figures.per_class.items()]
    typer.echo(table([["class", "IoU"], *rows, ["mean", f"{figures.miou:.3f}"]]))
    typer.echo(f"{figures.images} photos, {figures.fps:.1f} per second")
    if json_path is not None:
        write_json(json_path, asdict(figures))
