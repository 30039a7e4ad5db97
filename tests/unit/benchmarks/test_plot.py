"""Charts of throughput say what was measured, and figures are read again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer

from edgeseg.benchmarks.plot import HEIGHT, MARGIN, line_charts
from edgeseg.cli.bench import charts, read_figures

FIGURES = {
    "unbatched_per_s": 5.0, "batched_per_s": 20.0,
    "clients_1_per_s": 1.5, "clients_4_per_s": 6.0, "clients_16_per_s": 15.0,
    "batch_2_per_s": 8.0, "batch_4_per_s": 12.0, "batch_8_per_s": 17.0,
}  # fmt: skip


def test_a_chart_stands_for_its_numbers() -> None:
    root = ElementTree.fromstring(line_charts({"clients": {8: 10.0, 1: 5.0}}, "a/s & more"))
    line = root.find(".//{*}polyline")
    assert line is not None
    places = [tuple(map(float, place.split(","))) for place in line.attrib["points"].split()]
    # In the order of x; the highest value at the top, half of it half as high.
    assert places[0][0] == MARGIN < places[1][0]
    assert [y for _, y in places] == [HEIGHT / 2, MARGIN]
    assert "a/s & more" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_both_charts_end_at_the_largest_batches_of_all_clients() -> None:
    svg = charts(FIGURES)
    assert len(re.findall("<polyline", svg)) == 2
    assert len(re.findall(">20.0</text>", svg)) == 2
    assert "size of batches, 32 clients" in svg


def test_earlier_figures_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    assert read_figures(path) == {}
    path.write_text(json.dumps({"machine": "two cores", **FIGURES}))
    assert read_figures(path) == FIGURES
    path.write_text("[1]")
    with pytest.raises(typer.BadParameter, match="holds no figures"):
        read_figures(path)
