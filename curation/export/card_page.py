"""A dataset card as one page of HTML: it fetches nothing and runs nothing, on screen and printed.

Guarantee: every text is escaped, and the page's own policy forbids scripts, pictures and any look at
the network. Charts are drawn here as SVG; each has its finding as text.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import assert_never

from curation.export.blocks import (
    Bars,
    Block,
    Card,
    Histogram,
    Intervals,
    Listing,
    Paragraph,
    Section,
    Table,
)
from curation.text.folding import one_line

STYLE = """
:root { color-scheme: light dark; --ink: #1c2526; --soft: #5b6869; --line: #d5dcdc; --paper: #fff;
  --bar: #00806a; --mark: #b5472a }
@media (prefers-color-scheme: dark) { :root { --ink: #eef3f3; --soft: #a5b2b2; --line: #38423f;
  --paper: #12181a; --bar: #2bb59a; --mark: #f0916f } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 54rem; margin: 3rem auto; padding: 0 1.25rem }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; overflow-wrap: anywhere }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line) }
p, li, td { overflow-wrap: anywhere }
.lead { font-size: 1.15rem; color: var(--soft); margin: 0 0 1rem }
nav { font-size: .9rem; margin: 1.5rem 0 } nav a { color: var(--bar); margin-right: .9rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; margin: .75rem 0 1.25rem; width: 100%; font-size: .92rem;
  font-variant-numeric: tabular-nums }
th, td { padding: .35rem .75rem .35rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line) }
th { font-weight: 600; color: var(--soft) } .number { text-align: right; white-space: nowrap }
.facts { width: auto } .facts td:first-child { color: var(--soft); white-space: nowrap }
figure { margin: 1rem 0 1.5rem } figcaption { font-size: .9rem; color: var(--soft) }
svg { width: 100%; height: auto; display: block } svg text { font: 13px system-ui, sans-serif; fill: var(--ink) }
svg .soft { fill: var(--soft); font-size: 12px } .bar { fill: var(--bar) } .rule { stroke: var(--line) }
.mark { stroke: var(--mark); stroke-dasharray: 4 3 } .mean { fill: var(--bar) }
.span { stroke: var(--bar); stroke-width: 2 }
@media print { :root { --ink: #000; --soft: #333; --line: #bbb; --paper: #fff; --bar: #00604f;
  --mark: #8a2f17 } body { margin: 0; max-width: none; font-size: 11pt } nav { display: none }
  h2 { break-after: avoid } figure, tr { break-inside: avoid }
  .bar, .mean { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
"""

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-"
    f"{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
"""The content security policy of the page: its own style sheet and nothing else."""

WIDTH, LEFT, ROW = 760, 250, 26
"""Units of a chart, of which the names take LEFT, and the height of a line."""


def page(card: Card) -> str:
    """Return a card as one HTML file."""
    title = escape(card.title)
    links = "".join(
        f"<a href='#s{n}'>{escape(s.title)}</a> " for n, s in enumerate(card.sections, 1)
    )
    lead, *others = card.lead
    text = lead.text if isinstance(lead, Paragraph) else ""
    body = "\n".join(_section(n, section) for n, section in enumerate(card.sections, 1))
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        "<meta name='viewport' content='width=device-width'>\n"
        f"<meta name='referrer' content='no-referrer'>\n<title>{title}</title>\n"
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<p class='lead'>{escape(text)}</p>\n{''.join(map(_block, others))}\n"
        f"<nav>{links}</nav>\n{body}\n</body>\n</html>\n"
    )


def _section(number: int, section: Section) -> str:
    blocks = "\n".join(map(_block, section.blocks))
    return f"<section><h2 id='s{number}'>{escape(section.title)}</h2>\n{blocks}</section>"


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Listing(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Table():
            return _table(block)
        case Bars():
            return _figure(_bars(block), block.finding)
        case Histogram():
            return _figure(_histogram(block), block.finding)
        case Intervals():
            return _figure(_intervals(block), f"{block.finding} ({block.unit})")
        case _:
            assert_never(block)


def _table(table: Table) -> str:
    def row(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=number' if n in table.numbers else ''}>{escape(cell)}</{tag}>"
            for n, cell in enumerate(cells)
        )

    head = f"<thead><tr>{row('th', table.head)}</tr></thead>" if any(table.head) else ""
    body = "".join(f"<tr>{row('td', cells)}</tr>" for cells in table.rows)
    kind = "" if head else " class=facts"
    return f"<div class='wide'><table{kind}>{head}<tbody>{body}</tbody></table></div>"


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _svg(height: float, title: str, parts: Iterable[str]) -> str:
    return (
        f"<svg viewBox='0 0 {WIDTH} {height:.0f}' role='img' aria-label='{escape(title)}'>"
        f"{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    look = f" class='{kind}'" if kind else ""
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'{look}>{escape(text)}</text>"


def _rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' class='{kind}'/>"


def _box(x: float, y: float, width: float, height: float) -> str:
    return (
        f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(width, 0.5):.1f}' height='{height:.1f}' "
        "class='bar'/>"
    )


def _bars(chart: Bars) -> str:
    most = max((count for _, count in chart.bars), default=0) or 1
    scale = (WIDTH - LEFT - 90) / most
    parts = []
    for n, (name, count) in enumerate(chart.bars):
        y = n * ROW
        parts.append(_text(LEFT - 10, y + 17, one_line(name, 34), "end"))
        parts.append(_box(LEFT, y + 4, count * scale, ROW - 9))
        parts.append(_text(LEFT + count * scale + 8, y + 17, f"{count:,}"))
    return _svg(len(chart.bars) * ROW + 4, chart.finding, parts)


def _histogram(chart: Histogram) -> str:
    height, bottom = 190, 150
    low = math.log(chart.bars[0][0])
    high = max(math.log(chart.bars[-1][1]), low + 1e-9)
    most = max(rows for *_, rows in chart.bars) or 1

    def across(value: float) -> float:
        return 10 + (math.log(max(value, 1)) - low) / (high - low) * (WIDTH - 20)

    parts = [
        _box(across(a), bottom - rows / most * 120, across(b) - across(a) - 1, rows / most * 120)
        for a, b, rows in chart.bars
        if rows
    ]
    parts.append(_rule(10, bottom, WIDTH - 10, bottom, "rule"))
    for value in _ticks(chart.bars[0][0], chart.bars[-1][1]):
        parts.append(_text(across(value), bottom + 16, f"{value:,}", "middle", "soft"))
    for mark in chart.marks:
        parts.append(_rule(across(mark), 18, across(mark), bottom, "mark"))
        parts.append(_text(across(mark), 12, f"{mark:,}", "middle", "soft"))
    parts.append(_text(WIDTH / 2, height - 6, "tokens of a conversation", "middle", "soft"))
    return _svg(height, chart.finding, parts)


def _ticks(low: float, high: float) -> list[int]:
    """Powers of two from one number to another, at most ten of them."""
    powers = [2**n for n in range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)]
    return powers[:: max(1, -(-len(powers) // 10))]


def _intervals(chart: Intervals) -> str:
    low = min(value for _, *values in chart.means for value in values)
    high = max(value for _, *values in chart.means for value in values)
    scale = (WIDTH - LEFT - 90) / ((high - low) or 1)
    digits = 1 if high > 1 else 3
    parts = []
    for n, (name, mean, first, last) in enumerate(chart.means):
        y = n * ROW + ROW / 2
        x1, x, x2 = (LEFT + (value - low) * scale for value in (first, mean, last))
        parts.append(_text(LEFT - 10, y + 4, one_line(name, 34), "end"))
        parts.append(_rule(x1, y, x2, y, "span"))
        parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' class='mean'/>")
        parts.append(_text(WIDTH - 80, y + 4, f"{mean:.{digits}f}", kind="soft"))
    return _svg(len(chart.means) * ROW + 6, chart.finding, parts)
