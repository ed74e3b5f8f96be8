"""Refused lines for people: as text with their reasons, or as they stood in their files."""

from __future__ import annotations

import pandas as pd


def readable(rejected: pd.DataFrame) -> pd.DataFrame:
    """Refused lines with `raw` as text; bytes that are no UTF-8 are replaced by a sign."""
    if rejected.empty:
        return rejected
    return rejected.assign(raw=[bytes(r).decode("utf-8", "replace") for r in rejected["raw"]])


def as_they_were(rejected: pd.DataFrame) -> bytes:
    """Refused lines byte for byte, each with a line break after it."""
    return b"".join(bytes(raw) + b"\n" for raw in rejected.get("raw", ()))
