"""Every segmenter can be evaluated: with one, three or four masks, clicks and boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeseg.engines import registry
from edgeseg.engines.base import EngineOptions
from edgeseg.evaluation.masks import MaskProtocol, evaluate_masks, open_dataset
from edgeseg.types import MaskCount
from tests.contract import checkpoints
from tests.unit.evaluation.mask_data import SQUARE, annotation, write_coco

SEGMENTERS = ["nano", "sam-vit-base", "sam-hq-vit-base", "sam2.1-tiny", "edge-sam"]


@pytest.mark.parametrize("name", SEGMENTERS)
def test_every_segmenter_is_evaluated_in_one_way(
    name: str, options: EngineOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [annotation(1, 1, SQUARE), annotation(2, 1, [60, 20, 90, 90])]
    dataset = open_dataset(write_coco(tmp_path, annotations=rows), [tmp_path])
    engine: Any = registry.load("segment", name, checkpoints.with_weights("segment", name, options))
    image = dataset.image(dataset.labelled("a.png"))
    embedding = engine.embed(image)
    # One encoding is enough for all counts.
    monkeypatch.setattr(engine, "embed", lambda image: embedding)
    box = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 40], "score": 0.9}
    best: list[float] = []
    counts: tuple[MaskCount, ...] = (1, 3, 4)
    for count in counts:
        protocol = MaskProtocol(("box", "centre"), 1, count, "oracle", mask_prompt=count == 1)
        figures, _ = evaluate_masks(dataset, ["a.png"], engine, protocol, boxes={1: [box]})
        rows_of = figures["prompts"]
        assert [len(rows_of[kind]["by_clicks"]) for kind in ("box", "centre")] == [2, 2]
        assert 0 <= figures["mask_ap"]["ap"] <= 1
        best.append(rows_of["box"]["by_clicks"][0]["miou"])
    # The best of four is never worse than one of them.
    assert best[2] >= max(best[:2]) - 1e-9
    engine.close()
