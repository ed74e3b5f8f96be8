"""What a delivery does not hold, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SHOWN = 6
"""Parts that a sentence names; it counts the others."""


def not_in(name: str, refusals: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A sentence for each reason why a format does not take some rows."""
    for code, entry in refusals.items():
        rows = "1 example is" if entry["rows"] == 1 else f"{entry['rows']:,} examples are"
        yield f"{rows} not in {name}: {entry['why']} ({code})"


def lost(name: str, losses: Mapping[str, int]) -> str:
    """A sentence on what a format has no place for, with rows; "" for nothing."""
    parts = [f"{part} ({rows:,})" for part, rows in losses.items()]
    more = len(parts) - SHOWN
    named = parts[:SHOWN] + ([f"{more:,} others, see manifest.json"] if more > 0 else [])
    return f"{name} has no place for {', '.join(named)}" if parts else ""
