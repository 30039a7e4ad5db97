"""Meshes of cups, saucers, bowls and spoons, no two alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from training.common.data import FloatArray

Faces = npt.NDArray[np.uint32]
Line = npt.NDArray[np.float64]
AROUND = 72
"""Corners of a round section."""


class Mesh(NamedTuple):
    """Triangles; a cup's lip is about 0.5 from its axis, and z points up."""

    vertices: FloatArray
    """(V, 3)"""
    faces: Faces
    """(F, 3)"""

    def moved(self, turn_rad: float, tilt_rad: float, to: tuple[float, float, float]) -> Mesh:
        """Tilted about y, then turned about z, then moved."""
        c, s = np.cos(tilt_rad), np.sin(tilt_rad)
        tilt = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        c, s = np.cos(turn_rad), np.sin(turn_rad)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        return Mesh((self.vertices @ (turn @ tilt).T + to).astype(np.float32), self.faces)


def joined(meshes: list[Mesh]) -> Mesh:
    """All of them as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    return Mesh(vertices, np.concatenate(faces).astype(np.uint32))


def rounded(corners: Line, times: int = 3) -> Line:
    """(K, D) corners of an open line -> more of them, cut off (Chaikin 1974); the ends stay."""
    line = corners
    for _ in range(times):
        first, second = line[:-1] * 0.75 + line[1:] * 0.25, line[:-1] * 0.25 + line[1:] * 0.75
        inner = np.stack([first, second], 1).reshape(-1, line.shape[1])
        line = np.concatenate([line[:1], inner, line[-1:]])
    return line


def skin(rings: Line) -> Mesh:
    """(R, N, 3) closed rings -> the surface between each and the next."""
    r, n = rings.shape[:2]
    low = np.arange(r - 1)[:, None] * n
    here, there = np.arange(n)[None], (np.arange(n)[None] + 1) % n
    a, b, c, d = low + here, low + there, low + n + here, low + n + there
    faces = np.stack([np.stack([a, b, d], -1), np.stack([a, d, c], -1)]).reshape(-1, 3)
    return Mesh(rings.reshape(-1, 3).astype(np.float32), faces.astype(np.uint32))


def revolved(profile: Line) -> Mesh:
    """A (K, 2) line of (radius, height) turned about the axis."""
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    # Triangles that meet in one point on the axis would have no normal there.
    radius, height = np.maximum(profile[:, :1], 0.004), profile[:, 1:2]
    flat = np.repeat(height, AROUND, 1)
    return skin(np.stack([radius * np.cos(angle), radius * np.sin(angle), flat], -1))


def swept(path_xz: Line, half_width: Line, half_height: Line, hollow: Line) -> Mesh:
    """An ellipse swept along a (K, 2) line in the plane y = 0, closed at both ends.

    `half_width` (K,) lies along y; where `hollow` (K,) is above zero, the sides bend upwards.
    """
    along = np.gradient(path_xz, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    y = half_width[:, None] * np.cos(angle)
    up = half_height[:, None] * np.sin(angle) + hollow[:, None] * np.cos(angle) ** 2
    x = path_xz[:, :1] + across[:, :1] * up
    z = path_xz[:, 1:] + across[:, 1:] * up
    rings = np.stack([x, y, z], -1)
    ends = [np.repeat(ring.mean(0, keepdims=True)[None], 24, 1) for ring in (rings[0], rings[-1])]
    return skin(np.concatenate([ends[0], rings, ends[1]]))


class Vessel(NamedTuple):
    """A cup or a bowl: its outside, its inside with the lip, and what is in it."""

    outside: Mesh
    inside: Mesh
    content: Mesh | None
    foot: float
    """Radius of what it stands on."""


def vessel(rng: np.random.Generator, low: bool, handles: int) -> Vessel:
    """A cup, or a bowl where `low`, with a random belly, foot, wall, handles and filling."""
    height = rng.uniform(0.25, 0.5) if low else rng.uniform(0.5, 1.15)
    foot = rng.uniform(0.2, 0.3) if low else rng.uniform(0.2, 0.48)
    belly = np.array([rng.uniform(foot, 0.5), rng.uniform(0.42, 0.56)])
    wall = rng.uniform(0.02, 0.06)
    outer = np.array(
        [
            [0, 0.03],
            [foot * 0.8, 0.03],
            [foot * 0.85, 0],
            [foot, 0],
            [foot, 0.05],
            [belly[0], height * 0.25],
            [belly[1], height * 0.62],
            [0.5, height * 0.97],
        ]
    )
    inner = np.array(
        [
            [0.5, height * 0.97],
            [0.5 - wall * 0.3, height],
            [0.5 - wall, height * 0.96],
            [belly[1] - wall, height * 0.62],
            [belly[0] - wall, height * 0.25 + wall],
            [foot * 0.7, 0.06 + wall],
            [0, 0.06 + wall],
        ]
    )
    outline, lining = rounded(outer), rounded(inner)
    level = rng.uniform(0.35, 0.93) * height
    content = None
    if rng.random() < 0.65:
        order = np.argsort(lining[:, 1])
        radius = float(np.interp(level, lining[order, 1], lining[order, 0]))
        content = revolved(np.array([[radius + 0.005, level], [radius * 0.5, level], [0, level]]))
    ears = [handle(rng, outline, height).moved(np.pi * k, 0, (0, 0, 0)) for k in range(handles)]
    return Vessel(joined([revolved(outline), *ears]), revolved(lining), content, foot)


def handle(rng: np.random.Generator, outline: Line, height: float) -> Mesh:
    """An ear between two heights of an outline of (radius, height)."""
    top, bottom = height * rng.uniform(0.72, 0.92), height * rng.uniform(0.15, 0.45)
    ends = [float(np.interp(z, outline[3:, 1], outline[3:, 0])) - 0.02 for z in (top, bottom)]
    out = 0.5 + rng.uniform(0.16, 0.42)
    corners = np.array(
        [
            [ends[0], top],
            [out - 0.08, top + rng.uniform(-0.08, 0.08)],
            [out, (top + bottom) / 2],
            [out - rng.uniform(0.05, 0.2), bottom],
            [ends[1], bottom],
        ]
    )
    path = rounded(corners, 4)
    one = np.ones(len(path))
    wide, thick = rng.uniform(0.035, 0.11), rng.uniform(0.025, 0.06)
    return swept(path, one * wide, one * thick, one * 0)


def ball(rng: np.random.Generator) -> Mesh:
    """A ball or a round fruit that lies at the origin."""
    radius, turn = rng.uniform(0.2, 0.5), np.linspace(-np.pi / 2, np.pi / 2, 32)
    return revolved(np.stack([radius * np.cos(turn), radius * (1 + np.sin(turn))], 1))


def dish(rng: np.random.Generator, radius: float) -> tuple[Mesh, Line]:
    """A saucer or plate, and its upper side as a line of (radius, height)."""
    rise, flat = radius * rng.uniform(0.08, 0.25), radius * rng.uniform(0.3, 0.7)
    upper = rounded(np.array([[0, 0.05], [flat, 0.05], [flat * 1.15, 0.07], [radius, rise + 0.05]]))
    lower = rounded(np.array([[radius, rise + 0.05], [radius, rise + 0.02], [flat, 0], [0, 0]]))
    return revolved(np.concatenate([upper, lower[1:]])), upper


def spoon(rng: np.random.Generator) -> Mesh:
    """A spoon along x, its bowl's middle on the origin, its handle towards +x."""
    length, bowl = rng.uniform(0.9, 1.7), rng.uniform(0.12, 0.28)
    wide = bowl * rng.uniform(0.6, 0.85)
    x = np.concatenate([np.linspace(-bowl, bowl, 24), np.linspace(bowl, length, 24)[1:]])
    inside = np.clip(1 - (x / bowl) ** 2, 0, 1) ** 0.5
    stem = rng.uniform(0.025, 0.05) + 0.05 * rng.random() * np.clip((x - bowl) / length, 0, 1)
    half_width = np.maximum(wide * inside, np.where(x > bowl * 0.8, stem, 0.004))
    half_width[-1] *= 0.5
    arch = rng.uniform(0.02, 0.15) * np.sin(np.clip((x - bowl) / (length - bowl), 0, 1) * np.pi)
    depth = rng.uniform(0.25, 0.5) * wide
    path = np.stack([x, arch + depth * (1 - inside**2)], 1)
    thin = np.full(len(x), 0.012)
    return swept(path, half_width, thin, depth * inside**2 * 0.9)
