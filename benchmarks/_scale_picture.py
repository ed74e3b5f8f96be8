"""The picture of the growth table: seconds and memory of each stage as rows grow, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any
from xml.sax.saxutils import escape

STAGES = {
    "import": "#0072b2",
    "run": "#d55e00",
    "run, nothing changed": "#009e73",
    "run, last filter changed": "#cc79a7",
    "view of the first page": "#7a5195",
    "export": "#8a6d00",
}
"""The commands that are drawn, and their colours, which people with colour blindness tell apart."""

WIDTH, HEIGHT, LEFT, TOP, GAP = 340, 300, 60, 40, 90
"""Pixels of a panel, and around it."""


def draw(lines: Sequence[dict[str, Any]]) -> str:
    """Return two panels, both axes logarithmic: seconds by the clock, and GiB of one process."""
    panels = [
        _panel(lines, "seconds", "seconds by the clock, as rows grow", LEFT),
        _panel(lines, "gib", "GiB of the largest process, as rows grow", LEFT + WIDTH + GAP),
    ]
    width, height = LEFT + 2 * WIDTH + GAP + 50, TOP + HEIGHT + 90
    legend = [
        f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
        f'<text x="{x + 15}" y="{y}">{escape(stage)}</text>'
        for number, (stage, colour) in enumerate(STAGES.items())
        for x, y in [(LEFT + number % 3 * 250, TOP + HEIGHT + 55 + number // 3 * 20)]
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="12" fill="#222">\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
        + "\n".join([*panels, *legend])
        + "\n</svg>\n"
    )


def _panel(lines: Sequence[dict[str, Any]], figure: str, title: str, left: float) -> str:
    drawn = {
        stage: [(n["rows"], n[figure]) for n in lines if n["stage"] == stage and n.get(figure)]
        for stage in STAGES
    }
    points = [point for series in drawn.values() for point in series]
    parts = [f'<text x="{left}" y="{TOP - 14}" font-weight="bold">{escape(title)}</text>']
    if not points:
        return "".join(parts)
    across, columns = _axis([x for x, _ in points], left, left + WIDTH)
    up, rows = _axis([y for _, y in points], TOP + HEIGHT, TOP)
    for value in rows:
        y = up(value)
        parts.append(
            f'<line x1="{left}" x2="{left + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,g}</text>'
        )
    for value in columns:
        x = across(value)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + HEIGHT}" stroke="#ddd"/>'
            f'<text x="{x:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{value:,.0f}</text>'
        )
    for stage, series in drawn.items():
        dots = [(across(x), up(y)) for x, y in sorted(series)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{STAGES[stage]}" stroke-width="2"/>'
        )
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{STAGES[stage]}"/>' for x, y in dots
        ]
    return "\n".join(parts)


def _axis(
    values: Sequence[float], start: float, end: float
) -> tuple[Callable[[float], float], list[float]]:
    """The place of a value between two ends, by its logarithm, and the powers of ten to mark."""
    low = math.floor(math.log10(min(values)) + 1e-9)
    high = max(low + 1, math.ceil(math.log10(max(values)) - 1e-9))

    def place(value: float) -> float:
        return start + (end - start) * (math.log10(value) - low) / (high - low)

    return place, [10.0**power for power in range(low, high + 1)]
