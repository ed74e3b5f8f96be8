"""Labelled texts with faults planted among them: what `python -m benchmarks lift` selects from."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

FLIPPED = 0.20
"""Share of all rows whose label becomes another one."""

COPIED = 0.15
"""Copies as a share of the rows before; half of them are changed a little."""

COPIED_CLASSES = 3
GARBLED = 0.05
"""Share of all rows whose characters are mixed up (half) or of which a fifth is left (half)."""

TAIL = 10
"""Times that the largest class is larger than the smallest; those between fall evenly in the log."""


class Texts(NamedTuple):
    """Texts with their right labels."""

    texts: list[str]
    labels: np.ndarray


class Pool(NamedTuple):
    """Rows to select from: texts, the labels that they are given, and which fault a row has."""

    texts: list[str]
    labels: np.ndarray
    flipped: np.ndarray
    copied: np.ndarray
    garbled: np.ndarray


def ag_news(folder: Path) -> Texts:
    """Return titles with texts, and four classes."""
    with open(folder / "ag_news_7600.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    return Texts([f"{title} {text}" for _, title, text in rows], np.array([r[0] for r in rows]))


def thucnews(folder: Path) -> Texts:
    """Return Chinese titles, and ten classes."""
    lines = (folder / "thucnews_titles_10k.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    return Texts([row[0] for row in rows], np.array([row[1] for row in rows]))


def clinc(folder: Path) -> Texts:
    """Return questions of 30 of the 150 intents, drawn by chance."""
    parts = json.loads((folder / "clinc150_full.json").read_text("utf-8"))
    rows = [row for name in ("train", "val", "test") for row in parts[name]]
    intents = np.unique([intent for _, intent in rows])
    drawn = set(np.random.default_rng(0).choice(intents, 30, replace=False))
    rows = [row for row in rows if row[1] in drawn]
    return Texts([text for text, _ in rows], np.array([intent for _, intent in rows]))


SETS: dict[str, Callable[[Path], Texts]] = {
    "AG News": ag_news,
    "THUCNews": thucnews,
    "CLINC-30": clinc,
}


def some(texts: Texts, positions: Sequence[int] | np.ndarray) -> Texts:
    """Return the texts at some positions."""
    return Texts([texts.texts[i] for i in positions], texts.labels[positions])


def parted(texts: Texts, share: float, seed: int) -> tuple[Texts, Texts]:
    """Return that share of each class, drawn by chance, and the rest."""
    rng, drawn = np.random.default_rng(seed), np.zeros(len(texts.labels), dtype=bool)
    for name in np.unique(texts.labels):
        rows = rng.permutation(np.flatnonzero(texts.labels == name))
        drawn[rows[: round(share * len(rows))]] = True
    return some(texts, np.flatnonzero(drawn)), some(texts, np.flatnonzero(~drawn))


def with_tail(texts: Texts, seed: int) -> Texts:
    """Return the texts with classes of unequal size; chance says which class is small."""
    rng = np.random.default_rng((seed, 1))
    names = rng.permutation(np.unique(texts.labels))
    shares = TAIL ** -np.linspace(0, 1, len(names))
    rows = [rng.permutation(np.flatnonzero(texts.labels == name)) for name in names]
    kept = [part[: max(2, round(s * len(part)))] for part, s in zip(rows, shares, strict=True)]
    return some(texts, np.sort(np.concatenate(kept)))


def faultless(texts: Texts) -> Pool:
    """Return the texts as a pool without faults."""
    none = np.zeros(len(texts.labels), dtype=bool)
    return Pool(texts.texts, texts.labels, none, none, none)


def planted(texts: Texts, seed: int) -> Pool:
    """Return the texts with copies, wrong labels and garbled texts among them, in a random order."""
    rng = np.random.default_rng((seed, 2))
    names = np.unique(texts.labels)
    classes = rng.choice(names, min(COPIED_CLASSES, len(names)), replace=False)
    rows = np.flatnonzero(np.isin(texts.labels, classes))
    copies = rng.choice(rows, round(COPIED * len(texts.labels)))
    order = rng.permutation(len(texts.labels) + len(copies))
    origin = np.concatenate([np.arange(len(texts.labels)), copies])[order]
    copied = order >= len(texts.labels)
    labels, written = texts.labels[origin].copy(), [texts.texts[i] for i in origin]
    for i in np.flatnonzero(copied)[::2]:
        written[i] = _changed(written[i])
    garbled = _drawn(rng, len(origin), GARBLED)
    for n, i in enumerate(np.flatnonzero(garbled)):
        written[i] = (
            _mixed(written[i], rng) if n % 2 else written[i][: max(4, len(written[i]) // 5)]
        )
    flipped = _drawn(rng, len(origin), FLIPPED)
    for i in np.flatnonzero(flipped):
        labels[i] = rng.choice(names[names != labels[i]])
    return Pool(written, labels, flipped, copied, garbled)


def _drawn(rng: np.random.Generator, rows: int, share: float) -> np.ndarray:
    mask = np.zeros(rows, dtype=bool)
    mask[rng.choice(rows, round(share * rows), replace=False)] = True
    return mask


def _changed(text: str) -> str:
    """Return the text with another ending, as a second scraper would have it."""
    return text[:-1] if text.endswith((".", "?", "!")) else f"{text}."


def _mixed(text: str, rng: np.random.Generator) -> str:
    """Return the text's characters in a random order, each at least once away from a space."""
    return "".join(rng.permutation(list(text.replace(" ", "")))) or text
