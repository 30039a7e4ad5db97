"""``edgeseg evaluate masks``: masks by simulated boxes, points and clicks on annotated images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from tqdm import tqdm

from edgeseg.cli.outputs import (
    Overwrite,
    check_json,
    check_new,
    check_target,
    save_image,
    write_json,
)
from edgeseg.cli.table import table
from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions, Segmenter, ran
from edgeseg.errors import InvalidParameterError
from edgeseg.settings import get_settings

if TYPE_CHECKING:
    from edgeseg.evaluation.masks import MaskDataset, MaskTally


def masks_command(
    annotations: Annotated[
        Path, typer.Option(help="JSON of COCO or LVIS, also .gz; SA-1B: a folder or tar of JSON.")
    ],
    images: Annotated[list[Path], typer.Option(help="Folder or tar of the images; repeatable.")],
    segmenter: Annotated[str | None, typer.Option(help="Segmentation engine.")] = None,
    prompt: Annotated[
        str, typer.Option(help="Of box, centre, random, box-centre, point; separated by commas.")
    ] = "box,centre",
    clicks: Annotated[int, typer.Option(min=0, help="Corrective clicks after each prompt.")] = 0,
    noc: Annotated[
        int, typer.Option(min=0, help="Count clicks to IoUs of 0.85 and 0.90, at most so many.")
    ] = 0,
    masks: Annotated[int, typer.Option(help="Masks for each prompt: 1, 3 or 4.")] = 1,
    select: Annotated[
        str, typer.Option(help="Which of several masks counts: score, area or oracle.")
    ] = "score",
    mask_prompt: Annotated[
        bool, typer.Option("--mask-prompt", help="Give the earlier mask with each click.")
    ] = False,
    boxes: Annotated[
        Path | None, typer.Option(help="Boxes of a detector in COCO's results format, for mask AP.")
    ] = None,
    kind: Annotated[
        str, typer.Option("--format", help="auto, coco, lvis, cocofied-lvis or sa-1b.")
    ] = "auto",
    sources: Annotated[
        str | None, typer.Option(help="Only images of these sources, separated by commas.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many images, drawn by the seed.")
    ] = None,
    image_list: Annotated[
        Path | None, typer.Option(help="Only these images: a name a line.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws images and points.")] = 0,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures.")] = None,
    save_json: Annotated[
        Path | None, typer.Option(help="JSON Lines of each object, prompt and click.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with --save-json where it was interrupted.")
    ] = False,
    sheets: Annotated[
        Path | None, typer.Option(help="Folder for contact sheets of the worst objects.")
    ] = None,
    worst: Annotated[int, typer.Option(min=1, help="How many of them, for each prompt.")] = 100,
    overwrite: Overwrite = False,
) -> None:
    """Measure masks (mIoU, boundary IoU, NoC, mask AP) by simulated boxes, points and clicks."""
    from edgeseg.evaluation.masks import (
        MaskProtocol,
        RecordFile,
        choose_images,
        evaluate_masks,
        open_dataset,
        read_boxes,
    )

    kinds = cast("Any", tuple(each.strip() for each in prompt.split(",")))
    protocol = MaskProtocol(
        kinds, clicks, cast("Any", masks), cast("Any", select), noc, mask_prompt, seed
    )
    _check_outputs(json_path, save_json, resume, sheets, protocol.kinds, overwrite)
    names_of_sources = [each.strip() for each in sources.split(",")] if sources else None
    dataset = open_dataset(annotations, images, kind, names_of_sources)
    if boxes is not None and dataset.format == "sa-1b":
        raise InvalidParameterError("--boxes: SA-1B has no classes, so there is no mask AP of it.")
    names = choose_images(dataset, limit, seed, image_list)
    found = None if boxes is None else read_boxes(boxes)
    settings = get_settings()
    name = segmenter or settings.engine_for("segment") or ""
    options = EngineOptions.from_settings(settings)
    engine = cast(Segmenter, registry.load("segment", name, options))
    asked = {
        "protocol": protocol.key(),
        "segmenter": name,
        "weights": settings.weights.get(name),
        "input_px": settings.edge_sam_input_px,
        "annotations": str(annotations),
        "boxes": None if boxes is None else str(boxes),
    }
    records = None
    if save_json is not None:
        records = RecordFile(save_json, json.dumps(asked, sort_keys=True), resume)
    with tqdm(total=len(names), unit="image") as bar:

        def advance(count: int, tally: MaskTally) -> None:
            bar.update(count - bar.n)
            bar.set_postfix_str(f"mIoU {tally.miou():.3f}", refresh=False)

        figures, tally = evaluate_masks(
            dataset,
            names,
            engine,
            protocol,
            boxes=found,
            record_file=records,
            worst=worst if sheets else 0,
            progress=advance,
        )
    result = {
        "engine": ran(engine).model_dump(),
        "format": dataset.format,
        "protocol": json.loads(protocol.key()),
        **figures,
    }
    if json_path is not None:
        write_json(json_path, result)
    print("\n".join(_report(result, name, dataset)))
    for path in _write_sheets(sheets, dataset, tally, overwrite) if sheets else ():
        print(path)


def _check_outputs(
    json_path: Path | None,
    save_json: Path | None,
    resume: bool,
    sheets: Path | None,
    kinds: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Check before the work that all outputs can be written."""
    check_json(json_path, overwrite)
    if resume and save_json is None:
        raise InvalidParameterError("--resume: name the file to go on with by --save-json.")
    if save_json is not None:
        check_new(save_json, overwrite or resume)
    if sheets is not None:
        for each in kinds:
            check_target(_sheet(sheets, each, 1), overwrite=overwrite)


def _report(result: Mapping[str, Any], name: str, dataset: MaskDataset) -> Iterator[str]:
    """Yield the tables and sentences that are printed."""
    from edgeseg.evaluation.masks.table import noc_sentence, paper_note, paper_table, size_table

    if result["prompts"]:
        yield table(paper_table(result, name, dataset.format))
        yield paper_note(dataset.format)
        yield ""
        yield table(size_table(result))
    yield noc_sentence(result)
    if result["skipped"]:
        count = len(result["skipped"])
        yield (
            f"Skipped: {count} images that are missing or have another size than annotated, "
            f"such as {result['skipped'][0]}."
        )


def _sheet(folder: Path, kind: str, page: int) -> Path:
    return folder / f"worst-{kind}-{page}.png"


def _write_sheets(
    folder: Path, dataset: MaskDataset, tally: MaskTally, overwrite: bool
) -> Iterator[Path]:
    from edgeseg.evaluation.masks.sheets import worst_sheets

    for kind in tally.protocol.kinds:
        for page, sheet in enumerate(worst_sheets(dataset, tally.worst(kind)), 1):
            path = _sheet(folder, kind, page)
            check_target(path, overwrite=overwrite)
            save_image(sheet, path)
            yield path
