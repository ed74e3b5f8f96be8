"""Search for examples: by words, by meaning, and by similarity to others.

Positions are those of the given rows or vectors; the best come first. Accepted cost: a search by
words reads all texts, without an index.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
import regex

from curation.errors import CurationError
from curation.looking import searched
from curation.looking.searched import Texts
from curation.text.folding import one_line, plain_quotes
from curation.vectors import Vectors

COLUMNS = ("prompt", "response", "system")
"""Columns in which words are searched."""

TOP = 200
"""Default number of examples of a search by meaning."""

SATURATION, LENGTH_SHARE = 1.2, 0.75
"""k1 and b of BM25 (Robertson and Zaragoza 2009), at their usual values."""

COUNTED = 100_000
"""Hits up to which words are counted for the ranking; counting more takes seconds."""

_TERM = re.compile(r'(-?)"([^"]*)"?|(\S+)')
_CLUSTER = regex.compile(
    r"[^\p{M}\u1160-\u11ff\uff9e\uff9f]?[\p{M}\u1160-\u11ff\uff9e\uff9f]*", regex.DOTALL
)
"""Characters that Unicode may compose into one: a sign with its marks, or parts of a syllable."""


@dataclass(frozen=True)
class Hits:
    """The hits of a search: positions of rows, best first, and a score for each.

    scores: cosine similarities of a search by meaning; numbers that only rank, of one by words.
    """

    positions: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Query:
    """Words and quoted phrases that must all occur (required), and those that must not (excluded)."""

    required: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @classmethod
    @functools.lru_cache(64)  # noqa: B019 - of the class, not of an instance
    def parse(cls, text: str) -> Query:
        """Read `two words "one phrase" -without`; case, width, composition and quotes are ignored."""
        required: list[str] = []
        excluded: list[str] = []
        written = searched.plain(text.encode("utf-8", "replace").decode())
        for minus, phrase, word in _TERM.findall(written):
            if not word:
                (excluded if minus else required).append(one_line(phrase))
            elif word.startswith("-") and len(word) > 1:
                excluded.append(word[1:])
            else:
                required.append(word)
        kept = [tuple(dict.fromkeys(t for t in terms if t)) for terms in (required, excluded)]
        return cls(*kept)


# --- by words -------------------------------------------------------------------------------


def matches(rows: pd.DataFrame, query: str) -> np.ndarray:
    """Return True for each row with all required words of the query and no excluded one.

    A query without words matches every row.
    """
    return _matches(texts_of(rows), len(rows), Query.parse(query))


def _matches(texts: Sequence[Texts], rows: int, query: Query) -> np.ndarray:
    chosen = np.ones(rows, dtype=bool)
    terms = [(t, True) for t in sorted(query.required, key=len, reverse=True)]  # rare ones first
    for term, required in [*terms, *((t, False) for t in query.excluded)]:
        positions = np.flatnonzero(chosen)
        if not len(positions):
            break
        chosen[positions[_anywhere(texts, term, positions) != required]] = False
    return chosen


def texts_of(rows: pd.DataFrame) -> list[Texts]:
    """Return the searched columns, for several searches by words among the same rows."""
    return [Texts(rows[name]) for name in COLUMNS]


def words(rows: pd.DataFrame, query: str, texts: Sequence[Texts] | None = None) -> Hits:
    """Find rows in which all words of the query occur, in prompt, response or system.

    `"quoted words"` must stand together, and a word after a minus must not occur. Case, Unicode
    width and composition and the kind of apostrophe are ignored; signs and accents are not. A word
    is found inside longer ones, so that Chinese needs no spaces. Rows with the words side by side,
    or all of them in the prompt, come first. Rows of equal rank are sorted by BM25 without the
    rarity of words, because every hit has all of them (up to COUNTED hits). texts: of the rows.
    """
    query_, texts = Query.parse(query), texts_of(rows) if texts is None else texts
    if not query_.required and not query_.excluded:
        return Hits(np.zeros(0, dtype=np.int64), np.zeros(0))
    positions = np.flatnonzero(_matches(texts, len(rows), query_))
    rank = np.zeros(len(positions))
    if len(positions) and query_.required:
        rank += np.logical_and.reduce([texts[0].holds(term, positions) for term in query_.required])
        if len(query_.required) > 1:
            phrase = " ".join(query_.required)
            rank += _anywhere(texts, phrase, positions)
        if len(positions) <= COUNTED:
            rank += _bm25(texts, query_.required, positions)
    order = np.argsort(-rank, kind="stable")
    return Hits(positions[order], rank[order])


def _bm25(texts: Sequence[Texts], terms: Sequence[str], positions: np.ndarray) -> np.ndarray:
    """Return the frequency of the words for the length of each row's text, between 0 and 1."""
    lengths = np.sum([text.lengths(positions) for text in texts], axis=0)
    usual = 1 - LENGTH_SHARE + LENGTH_SHARE * lengths / max(1.0, float(lengths.mean()))
    counts = [np.sum([text.counts(term, positions) for text in texts], axis=0) for term in terms]
    return np.asarray(np.mean([n / (n + SATURATION * usual) for n in counts], axis=0))


def _anywhere(texts: Sequence[Texts], term: str, positions: np.ndarray) -> np.ndarray:
    """Return True for each row with a term in any column; the columns are read in parallel."""
    with ThreadPoolExecutor(len(texts)) as pool:
        hits = list(pool.map(lambda text: text.holds(term, positions), texts))
    return np.asarray(np.logical_or.reduce(hits))


# --- by meaning -----------------------------------------------------------------------------


def similarity(vectors: np.ndarray | Vectors, query_vector: np.ndarray) -> np.ndarray:
    """Return the cosine of each row with a vector, (rows,); NaN for rows without a vector.

    vectors: (rows, width), each of unit length or NaN.
    """
    length = float(np.linalg.norm(query_vector))
    aim = np.asarray(query_vector, dtype=np.float32) / (length or 1.0)
    return np.asarray(vectors @ aim).clip(-1.0, 1.0)


def best(scores: np.ndarray, k: int = TOP, among: np.ndarray | None = None) -> Hits:
    """Return the k rows with the highest scores, within a mask if given; never rows of NaN."""
    embedded = ~np.isnan(scores)
    candidates = np.flatnonzero(embedded if among is None else embedded & among)
    k = min(k, len(candidates))
    if k <= 0:
        return Hits(np.zeros(0, dtype=np.int64), np.zeros(0))
    least = np.partition(scores[candidates], len(candidates) - k)[len(candidates) - k]
    positions = candidates[scores[candidates] >= least]
    positions = positions[np.argsort(-scores[positions], kind="stable")][:k]
    return Hits(positions, scores[positions])


def meaning(vectors: np.ndarray | Vectors, query_vector: np.ndarray, k: int = TOP) -> Hits:
    """Return the k rows whose vectors are most similar to a vector, by cosine.

    vectors: (rows, width), each of unit length; rows of NaN are never found.
    """
    return best(similarity(vectors, query_vector), k)


def likeness(
    vectors: np.ndarray | Vectors, positions: int | Sequence[int] | np.ndarray
) -> np.ndarray:
    """Return each row's similarity to one example, or to the mean of several; NaN for these.

    Raises CurationError when none of them has a vector.
    """
    own = np.atleast_1d(np.asarray(positions, dtype=np.int64))
    given = vectors[own]
    given = given[~np.isnan(given).any(axis=1)]
    if not len(given):
        raise CurationError(
            "None of these examples has a vector: they were dropped before they were embedded. "
            "Take others, or put embed earlier in the recipe."
        )
    similarities = similarity(vectors, given.mean(axis=0))
    similarities[own] = np.nan
    return similarities


def like(
    vectors: np.ndarray | Vectors, positions: int | Sequence[int] | np.ndarray, k: int = TOP
) -> Hits:
    """Return the k rows most similar to one example, or to the mean of several; see `likeness`."""
    return best(likeness(vectors, positions), k)


class _Encoder(Protocol):
    name: str

    def encode(self, texts: Sequence[str]) -> np.ndarray: ...


_encoders: dict[str, _Encoder] = {}
_turn = threading.Lock()
"""Lock for the encoders, because two threads cannot use one tokenizer at once."""


def query_vector(text: str, steps: Sequence[Any], store: Any) -> np.ndarray:
    """Return the vector of a text by the encoder of the examples: that of the last embed step.

    steps: reports of a dataset, `Dataset.steps`. store: the project's `VectorStore`. The model is
    loaded once per process, which takes seconds. Raises CurationError without an embed step.
    """
    params = embedded_by(steps)
    encoder: _Encoder = store.encoder(params.get("model", ""), params.get("way", "auto"))
    with _turn:
        shared = _encoders.setdefault(encoder.name, encoder)
        return np.asarray(shared.encode([text])[0], dtype=np.float32)


def embedded_by(steps: Sequence[Any]) -> Mapping[str, Any]:
    """Return the parameters of the last embed step that ran; raises CurationError without one."""
    for report in reversed(steps):
        if report.kind == "embed":
            params: Mapping[str, Any] = report.params
            return params
    raise CurationError(
        "The examples have no vectors yet; add the step embed to the recipe and run it."
    )


def is_embedded(steps: Sequence[Any]) -> bool:
    """Return whether an embed step ran."""
    return any(report.kind == "embed" for report in steps)


# --- showing why ----------------------------------------------------------------------------


def marked(text: str, query: str) -> list[tuple[str, bool]]:
    """Return the text in pieces, each with True where it is a word of the query."""
    pattern = _compiled(query)
    if pattern is None or not text:
        return [(text, False)] if text else []
    return list(_pieces(text, pattern))


def _spans(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Yield the spans of a text whose searched form matches a pattern."""
    plain = searched.plain(text)
    if len(plain) == len(text) and (text.isascii() or plain_quotes(text) == plain):
        yield from (hit.span() for hit in pattern.finditer(plain))
        return
    clusters = [(m.start(), searched.plain(m.group())) for m in _CLUSTER.finditer(text)]
    begins = np.repeat([start for start, _ in clusters], [len(c) for _, c in clusters])
    ends = np.repeat(
        [*(start for start, _ in clusters[1:]), len(text)], [len(c) for _, c in clusters]
    )
    for hit in pattern.finditer("".join(c for _, c in clusters)):
        yield int(begins[hit.start()]), int(ends[hit.end() - 1])


@functools.lru_cache(64)
def _compiled(query: str) -> re.Pattern[str] | None:
    """Return a pattern for any required word, the longer ones first; None without words."""
    terms = sorted(Query.parse(query).required, key=len, reverse=True)
    return re.compile("|".join(map(searched.pattern, terms)), re.IGNORECASE) if terms else None


def _pieces(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, bool]]:
    done = 0
    for begin, end in _spans(text, pattern):
        if begin > done:
            yield text[done:begin], False
        if end > done:
            yield text[max(begin, done) : end], True
        done = max(done, end)
    if done < len(text):
        yield text[done:], False


def snippet(text: str, query: str, limit: int = 160, before: int = 50) -> str:
    """Return one line of about `limit` characters around the first word found; empty without any.

    before: most characters before that word.
    """
    pattern = _compiled(query)
    first = next(_spans(text, pattern), None) if pattern else None
    if first is None:
        return ""
    begin = max(0, first[0] - before)
    if 0 < begin and (space := re.search(r"\s", text[begin : first[0]])):
        begin += space.end()
    line = one_line(text[begin : begin + 3 * limit])
    end = "…" if len(line) > limit or begin + 3 * limit < len(text) else ""
    return ("… " if begin else "") + line[:limit].rstrip() + end
