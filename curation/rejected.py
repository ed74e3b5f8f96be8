"""Refused lines for people: as text with their reasons, or as they stood in their files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd


def readable(rejected: pd.DataFrame) -> pd.DataFrame:
    """Refused lines with `raw` as text; bytes that are no UTF-8 are replaced by a sign."""
    if rejected.empty:
        return rejected
    return rejected.assign(raw=[bytes(r).decode("utf-8", "replace") for r in rejected["raw"]])


def as_they_were(rejected: pd.DataFrame) -> bytes:
    """Refused lines byte for byte, each with a line break after it."""
    return b"".join(bytes(raw) + b"\n" for raw in rejected.get("raw", ()))


def standing(refused: pd.DataFrame, imports: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return refused lines without those that were mended; each mend removes one of a file's equal lines.

    imports: entries of the imported files, whose settings name the mends. Lines are compared by their
    bytes, because their places differ in the file's next version.
    """
    mends = Counter(tuple(m) for entry in imports for m in entry["settings"].get("mends", []))
    if refused.empty or not mends:
        return refused
    sources = {source for source, _ in mends}

    def stands(source: str, raw: bytes) -> bool:
        if source not in sources:
            return True
        place = (source, digest_of(raw))
        mends[place] -= 1
        return mends[place] < 0

    pairs = zip(refused["source"], refused["raw"], strict=True)
    return refused[[stands(source, raw) for source, raw in pairs]]


def digest_of(raw: bytes) -> str:
    """Return the digest by which a mend names a refused line."""
    return hashlib.sha256(raw).hexdigest()
