"""Evaluation of masks by simulated prompts: figures that can be checked by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseg.errors import InvalidParameterError
from edgeseg.evaluation.masks import (
    MaskProtocol,
    RecordFile,
    choose_images,
    evaluate_masks,
    open_dataset,
    read_boxes,
)
from edgeseg.evaluation.masks.sheets import worst_sheets
from edgeseg.evaluation.masks.table import noc_sentence, paper_note, paper_table, size_table
from tests.unit.evaluation.mask_data import (
    SQUARE,
    KnownSegmenter,
    annotation,
    png,
    sa1b_json,
    write_coco,
)

BAR = [10, 60, 90, 70]


def run(truth: Path, protocol: MaskProtocol, **more: Any) -> tuple[dict[str, Any], KnownSegmenter]:
    dataset, segmenter = open_dataset(truth, [truth.parent]), KnownSegmenter()
    names = choose_images(dataset)
    figures, _ = evaluate_masks(dataset, names, segmenter, protocol, **more)
    return figures, segmenter


def mious(figures: dict[str, Any], kind: str) -> list[float]:
    return [row["miou"] for row in figures["prompts"][kind]["by_clicks"]]


def test_boxes_and_centres_are_asked_for_once_each_without_clicks(tmp_path: Path) -> None:
    figures, segmenter = run(write_coco(tmp_path), MaskProtocol())
    assert mious(figures, "box") == [1]
    # A square of 20 pixels round the centre, inside one of 40.
    assert mious(figures, "centre") == [pytest.approx(400 / 1600)]
    assert [prompt.box_xyxy for prompt in segmenter.asked] == [(10, 10, 50, 50), None]
    assert segmenter.asked[1].points_xy.tolist() == [[29.5, 29.5]]
    assert figures["sizes"] == {"small": 0, "medium": 1, "large": 0}


def test_crowds_and_objects_without_a_mask_are_left_out(tmp_path: Path) -> None:
    rows = [
        annotation(1, 1, SQUARE),
        annotation(2, 1, BAR, iscrowd=1),
        annotation(3, 1, BAR, segmentation=None),
        annotation(4, 1, BAR, segmentation=[]),
        annotation(6, 1, BAR, segmentation=[[1, 2]]),
        annotation(5, 1, BAR, category_id=2),
    ]
    figures, _ = run(write_coco(tmp_path, annotations=rows), MaskProtocol(("box",)))
    assert (figures["prompts"]["box"]["objects"], figures["unusable"]) == (2, 2)
    row = figures["prompts"]["box"]["by_clicks"][0]
    assert (row["small"], row["medium"], row["over_small"]) == (1, 1, 1)
    assert np.isnan(row["large"])


@pytest.mark.parametrize(
    ("count", "select", "iou"),
    [(1, "score", 1.0), (3, "score", 0.5), (4, "area", 0.16), (3, "oracle", 1.0)],
)
def test_one_of_several_masks_is_chosen(
    tmp_path: Path, count: Any, select: Any, iou: float
) -> None:
    protocol = MaskProtocol(("box",), masks=count, select=select)
    assert mious(run(write_coco(tmp_path), protocol)[0], "box") == [pytest.approx(iou)]


def test_every_kind_of_point_lies_where_its_name_says(tmp_path: Path) -> None:
    (tmp_path / "sa_5.json").write_bytes(sa1b_json())
    (tmp_path / "sa_5.png").write_bytes(png())
    dataset, segmenter = open_dataset(tmp_path, [tmp_path]), KnownSegmenter()
    protocol = MaskProtocol(("random", "box-centre", "point"))
    evaluate_masks(dataset, dataset.names, segmenter, protocol)
    random, centre, point = (tuple(each.points_xy[0].tolist()) for each in segmenter.asked)
    assert all(10 < place < 50 for place in random)
    assert centre == (30, 30)
    assert point == (12.5, 13.5)


def test_points_are_only_annotated_in_sa1b(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match="SA-1B"):
        run(write_coco(tmp_path), MaskProtocol(("box", "point")))


def test_clicks_correct_what_is_wrong_and_stop_where_nothing_is(tmp_path: Path) -> None:
    rows = [annotation(1, 1, SQUARE), annotation(2, 1, BAR)]
    truth = write_coco(tmp_path, annotations=rows)
    figures, segmenter = run(truth, MaskProtocol(("box", "centre"), clicks=3))
    assert mious(figures, "box") == [1] * 4
    boxes = [prompt for prompt in segmenter.asked if prompt.box_xyxy is not None]
    assert len(boxes) == 2, "a perfect mask is not asked for again"
    clicked = [prompt for prompt in segmenter.asked if prompt.box_xyxy is None]
    assert [len(prompt.points_xy) for prompt in clicked] == [1, 1, 2, 2, 3, 3, 4, 4]
    inside = np.zeros((100, 100), bool)
    inside[10:50, 10:50] = inside[60:70, 10:90] = True
    for prompt in clicked:
        for (x, y), label in zip(prompt.points_xy, prompt.point_labels, strict=True):
            # Of one object the other is outside.
            assert not label or inside[int(y), int(x)]
        assert prompt.previous is None


def test_earlier_masks_are_given_when_asked_for(tmp_path: Path) -> None:
    _, segmenter = run(write_coco(tmp_path), MaskProtocol(("centre",), 1, mask_prompt=True))
    first, second = segmenter.asked
    assert first.previous is None
    assert second.previous is not None
    assert second.previous.sum() == 400


def test_answers_depend_on_the_seed_and_on_nothing_else(tmp_path: Path) -> None:
    rows = [annotation(1, 1, SQUARE), annotation(2, 2, SQUARE), annotation(3, 2, BAR)]
    truth = write_coco(tmp_path, ["a.png", "b.png"], rows)
    protocol = MaskProtocol(("random",), clicks=2)
    dataset, points = open_dataset(truth, [tmp_path]), []
    for names in (["a.png", "b.png"], ["b.png"]):
        segmenter = KnownSegmenter()
        evaluate_masks(dataset, names, segmenter, protocol)
        points.append([each.points_xy.tolist() for each in segmenter.asked])
    assert points[0][-6:] == points[1]
    other = run(truth, MaskProtocol(("random",), clicks=2, seed=1))[1]
    assert [each.points_xy.tolist() for each in other.asked] != points[0]


def test_number_of_clicks_ends_when_the_mask_is_good(tmp_path: Path) -> None:
    small = [9, 9, 30, 30]
    truth = write_coco(tmp_path, annotations=[annotation(1, 1, small), annotation(2, 1, BAR)])
    figures, segmenter = run(truth, MaskProtocol(("box",), noc_clicks=3))
    # The small square is right after a click; the bar is never.
    noc = figures["noc"]
    assert (noc["noc85"], noc["reached85"], noc["objects"]) == (2, 0.5, 2)
    asked = [len(prompt.points_xy) for prompt in segmenter.asked if prompt.box_xyxy is None]
    assert asked == [1, 1, 2, 3]
    assert "NoC@85 2.00 (50.0 % reach it)" in noc_sentence(figures)


def test_an_interrupted_run_goes_on_with_the_same_figures(tmp_path: Path) -> None:
    names = ["a.png", "b.png", "c.png"]
    rows = [annotation(n, n, SQUARE) for n in (1, 2, 3)]
    truth, path = write_coco(tmp_path, names, rows), tmp_path / "objects.jsonl"
    protocol = MaskProtocol(("centre",), clicks=1)
    whole, _ = run(truth, protocol, record_file=RecordFile(path, "key", resume=False))
    lines = path.read_text().splitlines(keepends=True)
    # All of the first image, and what a kill left of the second.
    path.write_text("".join(lines[:4])[:-30])
    record_file = RecordFile(path, "key", resume=True)
    assert [each.image for each in record_file.earlier] == ["a.png"]
    again, segmenter = run(truth, protocol, record_file=record_file)
    assert again == whole
    assert len(segmenter.asked) == 4
    assert path.read_text() == "".join(lines)
    with pytest.raises(InvalidParameterError, match="same options"):
        RecordFile(path, "another key", resume=True)


def test_mask_ap_is_that_of_boxes_with_their_masks(tmp_path: Path) -> None:
    rows = [
        annotation(1, 1, SQUARE),
        annotation(2, 1, BAR, category_id=2),
        annotation(3, 1, [60, 10, 90, 40], segmentation=None),
    ]
    truth, path = write_coco(tmp_path, annotations=rows), tmp_path / "boxes.json"

    def found(box: list[int], category: int, score: float) -> dict[str, Any]:
        x0, y0, x1, y1 = box
        size = [x0, y0, x1 - x0, y1 - y0]
        return {"image_id": 1, "category_id": category, "bbox": size, "score": score}

    path.write_text(json.dumps([found(SQUARE, 1, 0.5), found(BAR, 2, 0.4)]))
    figures, _ = run(truth, MaskProtocol(("box",)), boxes=read_boxes(path))
    assert figures["mask_ap"]["ap"] == pytest.approx(1)
    # A box of the wrong class ranks first; one on the object without a mask counts for nothing.
    more = [found(BAR, 1, 0.9), found([60, 10, 90, 40], 1, 0.95), found(SQUARE, 1, 0.5)]
    path.write_text(json.dumps([*more, found(BAR, 2, 0.4)]))
    figures, _ = run(truth, MaskProtocol(("box",)), boxes=read_boxes(path))
    assert figures["mask_ap"]["ap50"] == pytest.approx((0.5 + 1) / 2)
    path.write_text('[{"image_id": 1}]')
    with pytest.raises(InvalidParameterError, match="bbox"):
        read_boxes(path)


def test_missing_images_are_skipped_and_named(tmp_path: Path) -> None:
    truth = write_coco(tmp_path, ["a.png", "b.png"])
    (tmp_path / "b.png").unlink()
    figures, _ = run(truth, MaskProtocol(("box",)))
    assert (figures["images"], figures["skipped"]) == (1, ["b.png"])


def test_tables_show_the_papers_figures_only_where_they_are_comparable(tmp_path: Path) -> None:
    truth = write_coco(tmp_path)
    figures, _ = run(truth, MaskProtocol(("box", "centre", "random"), clicks=1))
    rows = paper_table(figures, "nano", "coco")
    assert rows[0] == ["mIoU, %", *["box", "box +1", "centre", "centre +1", "random", "random +1"]]
    assert rows[1][:2] == ["nano", "100.0"]
    edge_sam = next(row for row in rows if row[0] == "EdgeSAM (paper)")
    assert edge_sam[1:] == ["76.7", "78.1", "48.0", "", "", ""]
    assert "arXiv 2312.06660" in paper_note("cocofied-lvis")
    assert len(paper_table(figures, "nano", "other")) == 2
    longer, _ = run(truth, MaskProtocol(("box",), clicks=4))
    assert paper_table(longer, "nano", "coco")[0][1:] == ["box", "box +1", "box +2"]
    assert len(size_table(longer)) == 6
    assert paper_note("other") == ""
    assert size_table(figures)[1][:3] == ["box", "100.0", "100.0"]


def test_the_worst_objects_are_shown_first(tmp_path: Path) -> None:
    rows = [annotation(1, 1, SQUARE), annotation(2, 1, BAR), annotation(3, 1, [0, 90, 100, 100])]
    dataset = open_dataset(write_coco(tmp_path, annotations=rows), [tmp_path])
    protocol = MaskProtocol(("centre", "box"))
    _, tally = evaluate_masks(dataset, dataset.names, KnownSegmenter(), protocol, worst=2)
    records = tally.worst("centre")
    assert [each.object_id for each in records] == [3, 2]
    (sheet,) = worst_sheets(dataset, records)
    pixels = np.asarray(sheet)
    blue = (pixels == (30, 144, 255)).all(axis=2)
    yellow, red = (pixels == (255, 220, 0)).all(axis=2), (pixels == (255, 40, 40)).all(axis=2)
    assert blue.any()
    assert yellow.any()
    assert red.sum() > 40
    assert len(list(worst_sheets(dataset, records * 11))) == 2
    (boxes,) = worst_sheets(dataset, tally.worst("box"))
    assert boxes.size == sheet.size


@pytest.mark.parametrize(
    "wrong", [{"prompts": ("sketch",)}, {"prompts": ()}, {"masks": 2}, {"select": "luck"}]
)
def test_wrong_options_are_one_clear_error(wrong: Any) -> None:
    with pytest.raises(InvalidParameterError, match="expected"):
        MaskProtocol(**wrong)
