"""Line charts of throughput, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

WIDTH, HEIGHT, MARGIN = 420, 300, 48


def line_charts(charts: Mapping[str, Mapping[int, float]], unit: str) -> str:
    """Return an SVG with one chart beside the other: each by what its x axis counts.

    A chart maps positive numbers to values of ``unit``; they stand at equal distances, for they
    are usually doubled from one to the next.
    """
    panels = [
        f'<g transform="translate({number * WIDTH} 0)">{_panel(name, points, unit)}</g>'
        for number, (name, points) in enumerate(charts.items())
    ]
    width = WIDTH * len(charts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" '
        f'height="{HEIGHT}" font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(panels)}</svg>\n'
    )


def _panel(name: str, points: Mapping[int, float], unit: str) -> str:
    counts = sorted(points)
    top = max(points.values(), default=0.0) or 1.0
    step = (WIDTH - 2 * MARGIN) / max(1, len(counts) - 1)
    places = [
        (MARGIN + i * step, HEIGHT - MARGIN - points[count] / top * (HEIGHT - 2 * MARGIN))
        for i, count in enumerate(counts)
    ]
    base = HEIGHT - MARGIN
    parts = [
        f'<path d="M{MARGIN} {MARGIN}V{base}H{WIDTH - MARGIN}" fill="none" stroke="gray"/>',
        f'<text x="{MARGIN}" y="{MARGIN - 20}">{escape(unit)}</text>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(name)}</text>',
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}" fill="none" '
        'stroke="#1f77b4" stroke-width="2"/>',
    ]
    for count, (x, y) in zip(counts, places, strict=True):
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#1f77b4"/>',
            f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">{points[count]:.1f}</text>',
            f'<text x="{x:.1f}" y="{base + 16}" text-anchor="middle">{count}</text>',
        ]
    return "".join(parts)
