"""``edgeseg bench classes``: how soon the classes of a pack are there, and deadlines kept."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from edgeseg.cli.outputs import Overwrite, check_json, write_json

PHOTOS = 20


def classes(
    data: Annotated[
        list[Path],
        typer.Option(help="Folder or tar of photos with label maps, as for evaluate classes."),
    ],
    pack: Annotated[str, typer.Option(help="A pack by name.")] = "street",
    classifier: Annotated[str | None, typer.Option(help="Engine that finds classes.")] = None,
    frames: Annotated[int, typer.Option(min=1, help="Images with a deadline each.")] = 200,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Time one class to all of a pack, image after image, then deadlines of 20 to 200 ms."""
    from edgeseg.benchmarks.classes import chunk_ms, measure_deadlines, measure_speed
    from edgeseg.classes import PackStore
    from edgeseg.cli.table import table
    from edgeseg.evaluation import label_maps
    from edgeseg.pipeline import EdgeSegAI

    check_json(json_path, overwrite)
    ai = EdgeSegAI(classifier=classifier, ttl=-1)
    order = PackStore(ai.settings.class_packs).get(pack).names
    photos = [photo.rgb for photo in islice(label_maps.read(data, len(order)), PHOTOS)]
    with tqdm(unit="photo", disable=None) as bar:
        speeds = measure_speed(ai, photos, pack, order, bar.update)
        kept = measure_deadlines(ai, photos, pack, order, chunk_ms(speeds), frames, bar.update)
    rows = [[str(s.classes), f"{s.ms:.1f}", f"{s.images_per_second:.1f}"] for s in speeds]
    typer.echo(table([["classes", "ms", "images/s"], *rows]))
    typer.echo(
        f"{kept.frames} images with deadlines from 20 to 200 ms: {kept.within:.1%} ended in time, "
        f"{kept.within_a_chunk:.1%} at most {kept.chunk_ms:.1f} ms later, which four more classes "
        f"take; {kept.finished:.1f} classes on average; in {kept.equal:.1%} the masks are those "
        "without a deadline, to the bit."
    )
    if json_path is not None:
        write_json(json_path, {"speed": [asdict(s) for s in speeds], "deadlines": asdict(kept)})
