"""Pictures of a run as SVG: the page shows them as images, the one-file report holds them as they are.

Guarantee: every text in a picture is escaped, and nothing in one is fetched or run. Signs differ in
shape and in colour, so that colour-blind people tell them apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from curation.text.folding import one_line

Sign = Literal["better", "worse", "same", "reference"]

COLOURS: Mapping[Sign, str] = {
    "better": "#009e73",
    "worse": "#d55e00",
    "same": "#7f8c8d",
    "reference": "#0072b2",
}
"""Of Okabe and Ito, but for the grey; all read on light and on dark."""

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours of lines, of Okabe and Ito; later ones are dashed as well."""

WIDTH = 860
LEFT, RIGHT, LINE = 200, 110, 24
"""Pixels for names, for numbers, and for each row of dots."""


@dataclass(frozen=True)
class Dot:
    """A mean with its interval; low and high are nan where there is none."""

    name: str
    mean: float
    low: float
    high: float
    sign: Sign


Groups = Sequence[tuple[str, Sequence[Dot]]]
"""Rows of dots, each group under its title."""


def intervals(
    groups: Groups,
    axis: str,
    alt: str,
    ink: str = "currentColor",
    *,
    width: int = WIDTH,
    beside: Groups = (),
) -> str:
    """Return rows of dots with their intervals, under a title for each group.

    axis: the measure and its unit. alt: the picture's finding, for who cannot see it. ink: the
    colour of texts and lines. width: pixels. beside: groups of another picture with the same axis.
    """
    groups = [(title, dots) for title, dots in groups if dots]
    every = [dot for _, dots in [*groups, *beside] for dot in dots]
    low, high, ticks = _scale([v for d in every for v in (d.mean, d.low, d.high)])
    right = width - RIGHT
    height = 40 + sum(26 + LINE * len(dots) for _, dots in groups)

    def across(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (right - LEFT)

    parts, y = list[str](), 8.0
    for tick in ticks:
        x = across(tick)
        parts.append(_line(x, 8, x, height - 32, ink, "stroke-opacity='.15'"))
        parts.append(_text(x, height - 18, _number(tick), ink, "middle", 11))
    parts.append(_text((LEFT + right) / 2, height - 3, axis, ink, "middle", 11))
    for title, dots in groups:
        parts.append(_text(8, y + 14, title, ink, "start", 12, "font-weight='600'"))
        y += 26
        for dot in dots:
            parts += _dot(dot, y + LINE / 2 - 4, across, right, ink)
            y += LINE
    return _svg(width, height, alt, parts)


def _dot(dot: Dot, y: float, across: Callable[[float], float], right: float, ink: str) -> list[str]:
    colour = COLOURS[dot.sign]
    parts = [_text(20, y + 4, one_line(dot.name, 28), ink, "start", 12)]
    if not math.isfinite(dot.mean):
        return [*parts, _text(LEFT, y + 4, "not measured", ink, "start", 11)]
    digits = 1 if abs(dot.mean) >= 20 else 3
    number = _number(dot.mean, digits)
    if round(dot.high - dot.low, digits) > 0:  # false without an interval, and for equal fits
        look = "stroke-width='3' stroke-opacity='.75'"
        parts.append(_line(across(dot.low), y, across(dot.high), y, colour, look))
        number += f"  ± {_number((dot.high - dot.low) / 2, digits)}"
    parts.append(_mark(dot.sign, across(dot.mean), y, colour))
    return [*parts, _text(right + 12, y + 4, number, ink, "start", 12)]


def _mark(sign: Sign, x: float, y: float, colour: str) -> str:
    """A triangle up for better, down for worse, a ring for the same, a square for the reference."""
    if sign in ("better", "worse"):
        tip = -7 if sign == "better" else 7
        corners = f"{x - 6.5:.1f},{y - tip * 0.6:.1f} {x + 6.5:.1f},{y - tip * 0.6:.1f}"
        return f"<polygon points='{corners} {x:.1f},{y + tip:.1f}' fill='{colour}'/>"
    if sign == "same":
        return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='5' fill='none' stroke='{colour}' stroke-width='2.5'/>"
    return f"<rect x='{x - 5:.1f}' y='{y - 5:.1f}' width='10' height='10' fill='{colour}'/>"


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]],
    across: str,
    up: str,
    alt: str,
    ink: str = "currentColor",
    *,
    diagonal: bool = False,
    width: int = WIDTH,
    height: int = 260,
) -> str:
    """Return lines through points (x, y), each with its name.

    across, up: titles of the axes with their units. diagonal: whether the line of equal x and y is
    drawn, as in a reliability chart. width, height: pixels. Points that are not finite are left out.
    """
    finite = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        for name, points in series.items()
    }
    finite = {name: points for name, points in finite.items() if points}
    every = [point for points in finite.values() for point in points]
    corner = [(0.0, 0.0), (1.0, 1.0)] if diagonal else []
    low_x, high_x, x_ticks = _scale([x for x, _ in [*every, *corner]])
    low_y, high_y, y_ticks = _scale([y for _, y in [*every, *corner]])
    left, right, top, bottom = 64, 170, 12, 44
    wide, tall = width - left - right, height - top - bottom

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            left + (x - low_x) / (high_x - low_x) * wide,
            top + (high_y - y) / (high_y - low_y) * tall,
        )

    parts = list[str]()
    for tick in y_ticks:
        _, y = place(low_x, tick)
        parts.append(_line(left, y, left + wide, y, ink, "stroke-opacity='.15'"))
        parts.append(_text(left - 8, y + 4, _number(tick), ink, "end", 11))
    for tick in x_ticks:
        x, _ = place(tick, low_y)
        parts.append(_text(x, height - 26, _number(tick), ink, "middle", 11))
    parts.append(_text(left + wide / 2, height - 8, across, ink, "middle", 12))
    parts.append(_text(left + wide + 12, top + 10, up, ink, "start", 12))
    if diagonal:
        start, end = place(0, 0), place(1, 1)
        parts.append(_line(*start, *end, ink, "stroke-dasharray='4 4' stroke-opacity='.5'"))
    for number, (name, points) in enumerate(finite.items()):
        colour = SERIES[number % len(SERIES)]
        dash = f"stroke-dasharray='{2 + 3 * number} 3'" if number else ""
        spots = [place(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(
            f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2' {dash}/>"
        )
        if len(spots) <= 40:
            parts += [
                f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>" for x, y in spots
            ]
        y = top + 34 + 18 * number
        key = f"stroke-width='2' {dash}"
        parts.append(_line(left + wide + 12, y - 4, left + wide + 36, y - 4, colour, key))
        parts.append(_text(left + wide + 42, y, one_line(name, 22), ink, "start", 11))
    return _svg(width, height, alt, parts)


def _scale(numbers: Sequence[float]) -> tuple[float, float, list[float]]:
    """Return least and greatest value of an axis, and the round values at which it has ticks."""
    finite = [v for v in numbers if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.02 * (abs(low) or 1), high + 0.02 * (abs(high) or 1)
    rough = (high - low) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [n * step for n in range(first, last + 1)]
    return ticks[0], ticks[-1], ticks


def _number(value: float, digits: int | None = None) -> str:
    return f"{value:,.{digits}f}" if digits is not None else f"{value:,.4g}"


def _safe(text: str) -> str:
    """Return a text escaped, without the characters that XML refuses."""
    return escape("".join(c for c in text if c.isprintable()))


def _svg(width: int, height: float, alt: str, parts: Iterable[str]) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height:.0f}' "
        f"width='{width}' height='{height:.0f}' role='img' aria-label='{_safe(alt)}' "
        f"font-family='system-ui, sans-serif'>{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, ink: str, anchor: str, size: int, look: str = "") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' fill='{ink}' text-anchor='{anchor}' "
        f"font-size='{size}' {look}>{_safe(text)}</text>"
    )


def _line(x: float, y: float, to_x: float, to_y: float, ink: str, look: str = "") -> str:
    ends = f"x1='{x:.1f}' y1='{y:.1f}' x2='{to_x:.1f}' y2='{to_y:.1f}'"
    return f"<line {ends} stroke='{ink}' {look}/>"
