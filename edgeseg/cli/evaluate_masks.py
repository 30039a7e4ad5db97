"""``edgeseg evaluate masks``: masks by simulated boxes, points and clicks on annotated images."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    from edgeseg.evaluation.masks import MaskDataset, MaskProtocol, MaskTally, RecordFile


Annotations = Annotated[
    Path, typer.Option(help="JSON of COCO or LVIS, also .gz; SA-1B: a folder or tar of JSON.")
]
Images = Annotated[list[Path], typer.Option(help="Folder or tar of the images; repeatable.")]
SegmenterName = Annotated[str | None, typer.Option(help="Segmentation engine.")]
Prompt = Annotated[
    str, typer.Option(help="Of box, centre, random, box-centre, point; separated by commas.")
]
Clicks = Annotated[int, typer.Option(min=0, help="Corrective clicks after each prompt.")]
Noc = Annotated[
    int, typer.Option(min=0, help="Count clicks to IoUs of 0.85 and 0.90, at most so many.")
]
Masks = Annotated[int, typer.Option(help="Masks for each prompt: 1, 3 or 4.")]
Select = Annotated[str, typer.Option(help="Which of several masks counts: score, area or oracle.")]
MaskPrompt = Annotated[
    bool, typer.Option("--mask-prompt", help="Give the earlier mask with each click.")
]
Boxes = Annotated[
    Path | None, typer.Option(help="Boxes of a detector in COCO's results format, for mask AP.")
]
Kind = Annotated[str, typer.Option("--format", help="auto, coco, lvis, cocofied-lvis or sa-1b.")]
Sources = Annotated[
    str | None, typer.Option(help="Only images of these sources, separated by commas.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only so many images, drawn by the seed.")]
ImageList = Annotated[Path | None, typer.Option(help="Only these images: a name a line.")]
Seed = Annotated[int, typer.Option(min=0, help="Draws images and points.")]
JsonPath = Annotated[Path | None, typer.Option("--json", help="Write the figures.")]
SaveJson = Annotated[Path | None, typer.Option(help="JSON Lines of each object, prompt and click.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with --save-json where it was interrupted.")
]
Sheets = Annotated[
    Path | None, typer.Option(help="Folder for contact sheets of the worst objects.")
]
Worst = Annotated[int, typer.Option(min=1, help="How many of them, for each prompt.")]


def masks_command(
    annotations: Annotations,
    images: Images,
    segmenter: SegmenterName = None,
    prompt: Prompt = "box,centre",
    clicks: Clicks = 0,
    noc: Noc = 0,
    masks: Masks = 1,
    select: Select = "score",
    mask_prompt: MaskPrompt = False,
    boxes: Boxes = None,
    kind: Kind = "auto",
    sources: Sources = None,
    limit: Limit = None,
    image_list: ImageList = None,
    seed: Seed = 0,
    json_path: JsonPath = None,
    save_json: SaveJson = None,
    resume: Resume = False,
    sheets: Sheets = None,
    worst: Worst = 100,
    overwrite: Overwrite = False,
) -> None:
    """Measure masks (mIoU, boundary IoU, NoC, mask AP) by simulated boxes, points and clicks."""
    from edgeseg.evaluation.masks import MaskProtocol, choose_images, open_dataset

    kinds = cast("Any", tuple(each.strip() for each in prompt.split(",")))
    protocol = MaskProtocol(
        kinds, clicks, cast("Any", masks), cast("Any", select), noc, mask_prompt, seed
    )
    outputs = _Outputs(json_path, save_json, sheets, resume, overwrite)
    outputs.check(protocol.kinds)
    names_of_sources = [each.strip() for each in sources.split(",")] if sources else None
    dataset = open_dataset(annotations, images, kind, names_of_sources)
    if boxes is not None and dataset.format == "sa-1b":
        raise InvalidParameterError("--boxes: SA-1B has no classes, so there is no mask AP of it.")
    names = choose_images(dataset, limit, seed, image_list)
    settings = get_settings()
    name = segmenter or settings.engine_for("segment") or ""
    inputs = {"annotations": annotations, "boxes": boxes, "weights": settings.weights.get(name)}
    key = _key(protocol.key(), name, settings.edge_sam_input_px, inputs)
    engine = cast(Segmenter, registry.load("segment", name, EngineOptions.from_settings(settings)))
    figures, tally = _measure(dataset, names, engine, protocol, boxes, outputs.records(key), worst)
    result = {
        "engine": ran(engine).model_dump(),
        "format": dataset.format,
        "protocol": json.loads(protocol.key()),
        **figures,
    }
    if json_path is not None:
        write_json(json_path, _without_nan(result))
    print("\n".join(_report(result, name, dataset)))
    for path in outputs.write_sheets(dataset, tally):
        print(path)


def _measure(
    dataset: MaskDataset,
    names: Sequence[str],
    engine: Segmenter,
    protocol: MaskProtocol,
    boxes: Path | None,
    records: RecordFile | None,
    worst: int,
) -> tuple[dict[str, Any], MaskTally]:
    """Evaluate with a bar that shows the mIoU so far."""
    from edgeseg.evaluation.masks import evaluate_masks, read_boxes

    with tqdm(total=len(names), unit="image") as bar:

        def advance(count: int, tally: MaskTally) -> None:
            bar.update(count - bar.n)
            bar.set_postfix_str(f"mIoU {tally.miou():.3f}", refresh=False)

        return evaluate_masks(
            dataset,
            names,
            engine,
            protocol,
            boxes=None if boxes is None else read_boxes(boxes),
            record_file=records,
            worst=worst,
            progress=advance,
        )


def _without_nan(value: Any) -> Any:
    """Return figures with None in place of NaN, which JSON has not."""
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _key(protocol: str, segmenter: str, input_px: int, inputs: Mapping[str, object]) -> str:
    """Return a text that is another one for any options or files that change the answers."""
    stamps = {}
    for name, each in inputs.items():
        path = Path(str(each))
        is_file = each is not None and path.is_file()
        stamps[name] = [str(each), path.stat().st_mtime_ns if is_file else None]
    asked = {"protocol": protocol, "segmenter": segmenter, "input_px": input_px, **stamps}
    return json.dumps(asked, sort_keys=True)


@dataclass(frozen=True)
class _Outputs:
    """Files that are written."""

    json_path: Path | None
    save_json: Path | None
    sheets: Path | None
    resume: bool
    overwrite: bool

    def check(self, kinds: Sequence[str]) -> None:
        """Check before the work that all can be written."""
        check_json(self.json_path, self.overwrite)
        if self.resume and self.save_json is None:
            raise InvalidParameterError("--resume: name the file to go on with by --save-json.")
        if self.save_json is not None:
            check_new(self.save_json, self.overwrite or self.resume)
        if self.sheets is not None:
            for each in kinds:
                check_target(self._sheet(self.sheets, each, 1), overwrite=self.overwrite)

    def records(self, key: str) -> RecordFile | None:
        """Begin the file of all objects, or go on with it."""
        from edgeseg.evaluation.masks import RecordFile

        return None if self.save_json is None else RecordFile(self.save_json, key, self.resume)

    def write_sheets(self, dataset: MaskDataset, tally: MaskTally) -> Iterator[Path]:
        """Write the contact sheets, page by page; yield the path of each."""
        from edgeseg.evaluation.masks.sheets import worst_sheets

        if self.sheets is None:
            return
        for kind in tally.protocol.kinds:
            for page, sheet in enumerate(worst_sheets(dataset, tally.worst(kind)), 1):
                path = self._sheet(self.sheets, kind, page)
                check_target(path, overwrite=self.overwrite)
                save_image(sheet, path)
                yield path

    @staticmethod
    def _sheet(folder: Path, kind: str, page: int) -> Path:
        return folder / f"worst-{kind}-{page}.png"


def _report(result: Mapping[str, Any], name: str, dataset: MaskDataset) -> Iterator[str]:
    """Yield the tables and sentences that are printed."""
    from edgeseg.evaluation.masks.table import noc_sentence, paper_note, paper_table, size_table

    if result["prompts"]:
        yield table(paper_table(result, name, dataset.format))
        yield paper_note(dataset.format)
        yield ""
        yield table(size_table(result))
    yield noc_sentence(result)
    if result["unusable"]:
        yield f"Left out: {result['unusable']} objects whose masks are empty or cannot be read."
    if result["skipped"]:
        count = len(result["skipped"])
        yield (
            f"Skipped: {count} images that are missing or have another size than annotated, "
            f"such as {result['skipped'][0]}."
        )
