"""Cityscapes: its labels, and the 33 rows of FPSeg, classes and the categories that hold them."""

from __future__ import annotations

from training.fpseg.class_table import ClassTable, Colour, Row

# (label id, name, category, evaluated, colour); ids below 7 are of no class.
LABELS: tuple[tuple[int, str, str, bool, Colour], ...] = (
    (7, "road", "flat", True, (128, 64, 128)),
    (8, "sidewalk", "flat", True, (244, 35, 232)),
    (9, "parking", "flat", False, (250, 170, 160)),
    (10, "rail track", "flat", False, (230, 150, 140)),
    (11, "building", "construction", True, (70, 70, 70)),
    (12, "wall", "construction", True, (102, 102, 156)),
    (13, "fence", "construction", True, (190, 153, 153)),
    (14, "guard rail", "construction", False, (180, 165, 180)),
    (15, "bridge", "construction", False, (150, 100, 100)),
    (16, "tunnel", "construction", False, (150, 120, 90)),
    (17, "pole", "object", True, (153, 153, 153)),
    (18, "polegroup", "object", False, (153, 153, 153)),
    (19, "traffic light", "object", True, (250, 170, 30)),
    (20, "traffic sign", "object", True, (220, 220, 0)),
    (21, "vegetation", "nature", True, (107, 142, 35)),
    (22, "terrain", "nature", True, (152, 251, 152)),
    (23, "sky", "sky", True, (70, 130, 180)),
    (24, "person", "human", True, (220, 20, 60)),
    (25, "rider", "human", True, (255, 0, 0)),
    (26, "car", "vehicle", True, (0, 0, 142)),
    (27, "truck", "vehicle", True, (0, 0, 70)),
    (28, "bus", "vehicle", True, (0, 60, 100)),
    (29, "caravan", "vehicle", False, (0, 0, 90)),
    (30, "trailer", "vehicle", False, (0, 0, 110)),
    (31, "train", "vehicle", True, (0, 80, 100)),
    (32, "motorcycle", "vehicle", True, (0, 0, 230)),
    (33, "bicycle", "vehicle", True, (119, 11, 32)),
)


def cityscapes_table() -> ClassTable:
    """Return the 33 rows: each class, and after the first of a category the category."""
    rows: list[Row] = []
    seen: set[str] = set()
    for number, name, category, is_evaluated, colour in LABELS:
        rows.append(Row(name, (number,), colour, is_evaluated))
        # The category of the sky is the sky.
        if category not in seen and category != name:
            ids = tuple(each[0] for each in LABELS if each[2] == category)
            rows.append(Row(category, ids, colour, is_evaluated=False))
        seen.add(category)
    return ClassTable(tuple(rows))
