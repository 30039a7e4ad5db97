"""GeoJSON exports, read by shapely."""

from __future__ import annotations

import json

import numpy as np
import shapely
from shapely.geometry import shape

from edgeseg.codecs.polygon import rasterize
from edgeseg.exporters import ImageResult, export_files
from edgeseg.types import BoolArray
from tests.unit.exporters.results import SIZE_HW, iou


def test_shapely_reads_valid_areas_with_holes(
    image_result: ImageResult, expected: dict[int, tuple[str, BoolArray]]
) -> None:
    collection = json.loads(export_files([image_result], "geojson")["photo.geojson"])
    assert collection["type"] == "FeatureCollection"
    assert collection["image"] == {"file_name": "photo.jpg", "width": 120, "height": 90}
    kinds = [feature["geometry"]["type"] for feature in collection["features"]]
    assert kinds == ["Polygon", "MultiPolygon", "Polygon", "Polygon", "Polygon", "Polygon"]
    for feature, (number, (label, mask)) in zip(
        collection["features"], expected.items(), strict=True
    ):
        assert feature["id"] == number
        assert feature["properties"]["label"] == label
        area = shape(feature["geometry"])
        assert area.is_valid, shapely.is_valid_reason(area)
        parts = getattr(area, "geoms", [area])
        # The right-hand rule of RFC 7946: outer rings counterclockwise, holes clockwise.
        assert all(part.exterior.is_ccw for part in parts)
        assert not any(hole.is_ccw for part in parts for hole in part.interiors)
        rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
        drawn = rasterize([np.array(ring.coords)[:-1] for ring in rings], SIZE_HW)
        assert iou(drawn, mask) >= 0.98, label


def test_holes_stay_holes(image_result: ImageResult) -> None:
    collection = json.loads(export_files([image_result], "geojson")["photo.geojson"])
    ring, border = collection["features"][0], collection["features"][3]
    assert len(ring["geometry"]["coordinates"]) == 2
    assert len(border["geometry"]["coordinates"]) == 3


def test_nothing_found_is_an_empty_collection(empty: ImageResult) -> None:
    collection = json.loads(export_files([empty], "geojson")["empty.geojson"])
    assert collection["features"] == []
