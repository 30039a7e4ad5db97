"""Contents of a synthetic table scene: objects, places and materials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from training.synthetic.meshes import Mesh, ball, dish, spoon, vessel

NAMES = ("cup", "bowl", "spoon", "saucer", "plate", "sports ball")
"""What is drawn, and labelled in each image completely."""
Rgb = tuple[float, float, float]


@dataclass
class Table:
    """What lies on a table: meshes, whose they are, and of what."""

    rng: np.random.Generator
    meshes: list[tuple[Mesh, int, dict[str, Any]]] = field(default_factory=list)
    """(mesh, index into `things`, material)"""
    things: list[str] = field(default_factory=list)
    taken: list[tuple[float, float, float]] = field(default_factory=list)
    """x, y and radius of what stands there."""
    front_rad: float | None = None
    """The direction in which the first cup's spoon lies: its drinker's."""

    def add(self, name: str, parts: list[tuple[Mesh, dict[str, Any]]]) -> None:
        """One thing, made of parts."""
        self.things.append(name)
        self.meshes += [(mesh, len(self.things) - 1, material) for mesh, material in parts]

    def free_place(self, radius: float) -> tuple[float, float] | None:
        """Somewhere on the table where nothing stands, not far from the middle."""
        for _ in range(20):
            x, y = self.rng.normal(0, 1.1, 2)
            if all(np.hypot(x - a, y - b) > radius + r for a, b, r in self.taken):
                self.taken.append((float(x), float(y), radius))
                return float(x), float(y)
        return None


def colour(rng: np.random.Generator) -> Rgb:
    """White, dark, or any; tableware is often white."""
    kind = rng.random()
    if kind < 0.3:
        level = rng.uniform(0.6, 0.9)
        return (level, level * rng.uniform(0.9, 1), level * rng.uniform(0.8, 1))
    if kind < 0.45:
        level = rng.uniform(0.02, 0.15)
        return (level, level, level)
    hue = np.array([[[rng.integers(180), *rng.integers(60, 230, 2)]]], np.uint8)
    r, g, b = (cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0] / 255.0) ** 2.2
    return (float(r), float(g), float(b))


def glazed(rng: np.random.Generator, rgb: Rgb) -> dict[str, Any]:
    """Porcelain or plastic, more or less shiny."""
    inner = {
        "type": "roughplastic",
        "diffuse_reflectance": {"type": "rgb", "value": list(rgb)},
        "alpha": float(np.exp(rng.uniform(np.log(0.02), np.log(0.3)))),
    }
    return {"type": "twosided", "inner": inner}


def metal(rng: np.random.Generator) -> dict[str, Any]:
    """Steel, seldom gold."""
    tint = (0.9, 0.88, 0.85) if rng.random() < 0.85 else (0.9, 0.7, 0.35)
    inner = {
        "type": "roughconductor",
        "specular_reflectance": {"type": "rgb", "value": list(tint)},
        "alpha": float(rng.uniform(0.03, 0.25)),
    }
    return {"type": "twosided", "inner": inner}


def drink(rng: np.random.Generator) -> Rgb:
    """Coffee, tea, milk, soup."""
    shades = [(0.05, 0.02, 0.01), (0.35, 0.17, 0.06), (0.5, 0.25, 0.05), (0.8, 0.75, 0.65)]
    shades += [(0.5, 0.08, 0.03), (0.15, 0.25, 0.05)]
    r, g, b = np.array(shades[rng.integers(len(shades))]) * rng.uniform(0.6, 1.2)
    return (float(r), float(g), float(b))


def put_vessel(table: Table, name: str, x: float, y: float, z: float, rgb: Rgb) -> float:
    """A cup or a bowl; returns the radius of its foot."""
    rng = table.rng
    bowl = name == "bowl"
    shape = vessel(rng, bowl, 0 if bowl else int(rng.choice(3, p=(0.15, 0.75, 0.1))))
    turn = rng.uniform(0, 2 * np.pi)
    lining = colour(rng) if rng.random() < 0.15 else (0.85, 0.83, 0.8)
    inside = glazed(rng, rgb if rng.random() < 0.45 else lining)
    parts = [(shape.outside, glazed(rng, rgb)), (shape.inside, inside)]
    if shape.content is not None:
        parts.append((shape.content, glazed(rng, drink(rng))))
    table.add(name, [(mesh.moved(turn, 0, (x, y, z)), material) for mesh, material in parts])
    return shape.foot


def put_spoon(table: Table, x: float, y: float, z: float, tilt: float, turn: float) -> None:
    """A spoon whose bowl's middle is there."""
    rng = table.rng
    material = metal(rng) if rng.random() < 0.9 else glazed(rng, colour(rng))
    table.add("spoon", [(spoon(rng).moved(turn, -tilt, (x, y, z)), material)])


def put_setting(table: Table, x: float, y: float) -> None:
    """A cup on its saucer, mostly with a spoon beside it."""
    rng = table.rng
    rgb = colour(rng)
    radius = rng.uniform(0.75, 1.1)
    mesh, upper = dish(rng, radius)
    under = rgb if rng.random() < 0.65 else colour(rng)
    table.add("saucer", [(mesh.moved(0, 0, (x, y, 0)), glazed(rng, under))])
    foot = put_vessel(table, "cup", x, y, 0.04, rgb)
    if rng.random() < 0.8:
        around, away = rng.uniform(0, 2 * np.pi), rng.uniform(foot + 0.15, radius * 0.85)
        z = float(np.interp(away, upper[:, 0], upper[:, 1])) + 0.02
        turn = around + rng.choice((-1, 1)) * rng.uniform(0.25, 0.65) * np.pi
        spot = (x + away * np.cos(around), y + away * np.sin(around))
        put_spoon(table, *spot, z, rng.uniform(0.02, 0.2), turn)
        table.front_rad = float(around) if table.front_rad is None else table.front_rad


def lay(rng: np.random.Generator) -> Table:
    """A cup, mostly on a saucer, and up to four other things."""
    table = Table(rng)
    table.taken.append((0.0, 0.0, 1.0))
    if rng.random() < 0.75:
        put_setting(table, 0.0, 0.0)
    else:
        put_vessel(table, "cup" if rng.random() < 0.7 else "bowl", 0.0, 0.0, 0.0, colour(rng))
    for _ in range(rng.integers(0, 5)):
        name = str(rng.choice(["cup", "bowl", "plate", "spoon", "setting", "sports ball"]))
        place = table.free_place(1.0 if name in ("plate", "setting") else 0.6)
        if place is not None:
            put_beside(table, name, *place)
    return table


def put_beside(table: Table, name: str, x: float, y: float) -> None:
    """One of the other things."""
    rng = table.rng
    if name == "setting":
        put_setting(table, x, y)
    elif name == "spoon":
        put_spoon(table, x, y, 0.02, 0.0, rng.uniform(0, 2 * np.pi))
    elif name == "plate":
        plate = dish(rng, rng.uniform(0.8, 1.3))[0].moved(0, 0, (x, y, 0))
        table.add(name, [(plate, glazed(rng, colour(rng)))])
    elif name == "sports ball":
        table.add(name, [(ball(rng).moved(0, 0, (x, y, 0)), glazed(rng, colour(rng)))])
    else:
        put_vessel(table, name, x, y, 0.0, colour(rng))
