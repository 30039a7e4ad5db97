"""``edgeseg evaluate-words``: whether other names find the same, and absent things nothing."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Annotated, cast

import typer
from tqdm import tqdm

from edgeseg.cli.app import app
from edgeseg.cli.outputs import Overwrite, check_json, write_json
from edgeseg.engines import registry
from edgeseg.engines.base import Detector, EngineOptions
from edgeseg.settings import get_settings


@app.command()
def evaluate_words(
    annotations: Annotated[Path, typer.Option(help="COCO instance annotations, .json or .json.gz")],
    images: Annotated[list[Path], typer.Option(help="Folder or tar of the photos; repeatable.")],
    sources: Annotated[
        str | None, typer.Option(help="Only images of these sources, separated by commas.")
    ] = None,
    detector: Annotated[str | None, typer.Option(help="Detection engine.")] = None,
    synonyms: Annotated[
        Path | None, typer.Option(help="TOML of other names by class, in place of our own list.")
    ] = None,
    tries: Annotated[int, typer.Option(min=0, help="Tries with things that are absent.")] = 500,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many photos, drawn with a fixed seed.")
    ] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure what other names of a class find, and how often absent things are left unfound."""
    check_json(json_path, overwrite)
    from edgeseg.evaluation import evaluate_words as measure
    from edgeseg.evaluation import read_absent, read_synonyms, read_truth

    settings = get_settings()
    names = read_synonyms(synonyms)
    sources_used = [name.strip() for name in sources.split(",")] if sources else None
    truth = read_truth(annotations, images, sources_used)
    if limit is not None and limit < len(truth.images):
        drawn = random.Random(0).sample(truth.images, limit)
        truth = replace(truth, images=tuple(drawn))
    chosen = detector or settings.engine_for("detect") or ""
    options = EngineOptions.from_settings(settings)
    engine = cast(Detector, registry.load("detect", chosen, options))
    with tqdm(total=len(truth.images), unit="photo") as bar:

        def advance(count: int) -> None:
            bar.update(count - bar.n)

        result = measure(truth, engine, names, read_absent(), tries, advance)
    result["engines"] = {"detect": chosen}
    text = json.dumps(result, indent=2)
    if json_path is not None:
        write_json(json_path, result)
    print(text)
