"""GeoJSON: a feature collection per image, in pixels, with holes as rings."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeseg.codecs import rle_area
from edgeseg.codecs.outline import mask_to_polygons
from edgeseg.codecs.polygon import Polygon
from edgeseg.exporters.base import Dataset, Files, Format, Item, pairs, to_json


def _rings(polygon: Polygon) -> list[list[list[float]]]:
    return [pairs(np.concatenate([ring, ring[:1]])) for ring in polygon.rings]


def _collection(item: Item) -> dict[str, Any]:
    features = []
    for each, mask in item.masks():
        parts = [_rings(polygon) for polygon in mask_to_polygons(mask)]
        one = len(parts) == 1
        features.append(
            {
                "type": "Feature",
                "id": each.id,
                "geometry": {
                    "type": "Polygon" if one else "MultiPolygon",
                    "coordinates": parts[0] if one else parts,
                },
                "properties": {
                    "label": each.label,
                    "score": each.score,
                    "area": rle_area(each.mask),
                    "box": list(each.box),
                },
            }
        )
    height, width = item.size_hw
    image = {"file_name": item.file_name, "width": width, "height": height}
    return {"type": "FeatureCollection", "features": features, "image": image}


def _write(dataset: Dataset) -> Files:
    return {f"{item.stem}.geojson": to_json(_collection(item)) for item in dataset.items}


GEOJSON = Format(
    "geojson",
    "GeoJSON",
    "A feature collection per image; x and y in pixels, y downwards; holes are rings.",
    _write,
    has_file_per_image=True,
    image_folder="",
)
