"""Finding examples: by words, by meaning, and by likeness to others.

Positions count the rows of the frame or the vectors that were given; the best come first.
"""

from __future__ import annotations

import functools
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import regex

from curation.errors import CurationError
from curation.text.folding import compatible, one_line, plain_quotes

COLUMNS = ("prompt", "response", "system")
"""Where words are looked for."""

TOP = 200
"""How many examples a search by meaning gives when nothing else is said."""

SATURATION, LENGTH_SHARE = 1.2, 0.75
"""k1 and b of BM25 (Robertson and Zaragoza 2009), at their usual values."""

COUNTED = 100_000
"""Hits up to which words are counted to rank them; nobody reads so many, and it takes seconds."""

_TERM = re.compile(r'(-?)"([^"]*)"?|(\S+)')
_WORD = re.compile(r"\S+")
_CLUSTER = regex.compile(
    r"[^\p{M}\u1160-\u11ff\uff9e\uff9f]?[\p{M}\u1160-\u11ff\uff9e\uff9f]*", regex.DOTALL
)
"""What Unicode may compose into one character: a sign with its marks, or the parts of a syllable."""


@dataclass(frozen=True)
class Hits:
    """What a search found: positions of rows, best first, and a number for each.

    scores: cosine similarities of a search by meaning; of one by words, numbers that only rank.
    """

    positions: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Query:
    """Words and quoted phrases that must all occur, and those of which none may."""

    wanted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @classmethod
    @functools.lru_cache(64)  # noqa: B019 - of the class, not of an instance
    def parse(cls, text: str) -> Query:
        """Read `two words "one phrase" -without`; case, width, composition and kind of quote say nothing."""
        wanted: list[str] = []
        excluded: list[str] = []
        plain = _plain(text.encode("utf-8", "replace").decode())
        for minus, phrase, word in _TERM.findall(plain):
            if not word:
                (excluded if minus else wanted).append(one_line(phrase))
            elif word.startswith("-") and len(word) > 1:
                excluded.append(word[1:])
            else:
                wanted.append(word)
        kept = [tuple(dict.fromkeys(t for t in terms if t)) for terms in (wanted, excluded)]
        return cls(*kept)


def _plain(text: str) -> str:
    """Text as it is searched: Unicode's form NFKC, and one kind of quotes and apostrophes."""
    return plain_quotes(compatible(text, raised=False))


def _pattern(term: str) -> str:
    """A term as a regular expression that both RE2 and `re` understand in the same way."""
    return "\\s+".join(re.escape(word) for word in _WORD.findall(term))


# --- by words -------------------------------------------------------------------------------


def matches(rows: pd.DataFrame, query: str) -> np.ndarray:
    """True for each row in which all words of the query occur and none that it excludes.

    A query without words leaves every row as it is.
    """
    return _matches([_Text(rows[name]) for name in COLUMNS], len(rows), Query.parse(query))


def _matches(texts: Sequence[_Text], rows: int, query: Query) -> np.ndarray:
    chosen = np.ones(rows, dtype=bool)
    terms = [(t, True) for t in sorted(query.wanted, key=len, reverse=True)]  # rare ones first
    for term, wanted in [*terms, *((t, False) for t in query.excluded)]:
        at = np.flatnonzero(chosen)
        if not len(at):
            break
        chosen[at[_anywhere(texts, term, at) != wanted]] = False
    return chosen


def words(rows: pd.DataFrame, query: str) -> Hits:
    """Rows in which all words of the query occur, in prompt, response or system.

    `"quoted words"` must stand together, and a word after a minus must not occur; case, Unicode width
    and composition and the kind of apostrophe are ignored, signs and accents are not, and a word is
    found inside longer ones, so that Chinese needs no spaces. Rows
    that hold the words side by side, or all of them in the prompt, come first; among equals, BM25
    without the rarity of words, for every hit holds all of them (up to COUNTED hits).
    """
    query_, texts = Query.parse(query), [_Text(rows[name]) for name in COLUMNS]
    if not query_.wanted and not query_.excluded:
        return Hits(np.zeros(0, dtype=np.int64), np.zeros(0))
    at = np.flatnonzero(_matches(texts, len(rows), query_))
    rank = np.zeros(len(at))
    if len(at) and query_.wanted:
        rank += np.logical_and.reduce([texts[0].holds(term, at) for term in query_.wanted])
        if len(query_.wanted) > 1:
            phrase = " ".join(query_.wanted)
            rank += _anywhere(texts, phrase, at)
        if len(at) <= COUNTED:
            rank += _bm25(texts, query_.wanted, at)
    order = np.argsort(-rank, kind="stable")
    return Hits(at[order], rank[order])


def _bm25(texts: Sequence[_Text], terms: Sequence[str], at: np.ndarray) -> np.ndarray:
    """Between 0 and 1 for each row: how often the words occur, for the length of the text."""
    lengths = np.sum([text.lengths(at) for text in texts], axis=0)
    usual = 1 - LENGTH_SHARE + LENGTH_SHARE * lengths / max(1.0, float(lengths.mean()))
    counts = [np.sum([text.counts(term, at) for text in texts], axis=0) for term in terms]
    return np.asarray(np.mean([n / (n + SATURATION * usual) for n in counts], axis=0))


class _Text:
    """A column of text as Arrow has it, made plain, asked in one go about many rows."""

    def __init__(self, column: pd.Series) -> None:
        array = pa.array(column, from_pandas=True)
        chunks = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
        self._chunks = [_plain_chunk(chunk.cast(pa.large_string())) for chunk in chunks]
        self._array = pa.chunked_array(self._chunks, pa.large_string())

    @functools.cached_property
    def _whole(self) -> Any:
        """All chunks as one: rows taken from many would have them joined again each time."""
        return self._chunks[0] if len(self._chunks) == 1 else pa.concat_arrays(self._chunks)

    def holds(self, term: str, at: np.ndarray) -> np.ndarray:
        """True for each of the rows at these positions in which a term occurs."""
        return self._ask(pc.match_substring_regex, _pattern(term), at)

    def counts(self, term: str, at: np.ndarray) -> np.ndarray:
        """How often a term occurs in each of the rows at these positions."""
        return self._ask(pc.count_substring_regex, _pattern(term), at)

    def lengths(self, at: np.ndarray) -> np.ndarray:
        """Bytes of each of the rows at these positions."""
        return np.asarray(_numbers(pc.binary_length(self._array))[at])

    def _ask(self, kernel: Any, pattern: str, at: np.ndarray) -> np.ndarray:
        few = 4 * len(at) < len(self._array)  # copying rows costs more than looking at all of them
        array = self._whole.take(pa.array(at)) if few else self._array
        answer = _numbers(kernel(array, pattern, ignore_case=True))
        return np.asarray(answer if few else answer[at])


_made_plain: OrderedDict[tuple[int, int, int], tuple[Any, Any]] = OrderedDict()
_REMEMBERED = 6
"""Columns whose plain text is remembered: those of two datasets."""


def _plain_chunk(chunk: Any) -> Any:
    """The plain text of a chunk, remembered for the next query; itself where all is ASCII."""
    data = chunk.buffers()[2]
    if data is None or not len(chunk):
        return chunk
    place = (data.address, chunk.offset, len(chunk))
    known = _made_plain.get(place)
    if known is not None:
        return known[1]
    ends = np.frombuffer(chunk.buffers()[1], dtype=np.int64)[chunk.offset :][: len(chunk) + 1]
    bytes_ = np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[-1]]
    if not len(bytes_) or not (bytes_ > 127).any():
        return chunk
    starts = np.minimum(ends[:-1] - ends[0], len(bytes_) - 1)
    where = np.flatnonzero((np.add.reduceat(bytes_ > 127, starts) > 0) & (np.diff(ends) > 0))
    texts = [_plain(text) for text in chunk.take(pa.array(where)).to_pylist()]
    mask = np.zeros(len(chunk), dtype=bool)
    mask[where] = True
    plain = pc.replace_with_mask(chunk, pa.array(mask), pa.array(texts, pa.large_string()))
    _made_plain[place] = chunk, plain
    while len(_made_plain) > _REMEMBERED:
        _made_plain.popitem(last=False)
    return plain


def _anywhere(texts: Sequence[_Text], term: str, at: np.ndarray) -> np.ndarray:
    """True for each row with a term in any column; Arrow reads them side by side."""
    with ThreadPoolExecutor(len(texts)) as pool:
        hits = list(pool.map(lambda text: text.holds(term, at), texts))
    return np.asarray(np.logical_or.reduce(hits))


def _numbers(answer: Any) -> np.ndarray:
    zero: Any = False if pa.types.is_boolean(answer.type) else 0
    return np.array(pc.fill_null(answer, zero))


# --- by meaning -----------------------------------------------------------------------------


def similarity(vectors: np.ndarray, query_vector: np.ndarray) -> np.ndarray:
    """The cosine of each row with a vector, (rows,), compared one by one; NaN without a vector.

    vectors: (rows, width), each of unit length or NaN.
    """
    length = float(np.linalg.norm(query_vector))
    aim = np.asarray(query_vector, dtype=np.float32) / (length or 1.0)
    return np.asarray(vectors @ aim).clip(-1.0, 1.0)


def best(scores: np.ndarray, k: int = TOP, among: np.ndarray | None = None) -> Hits:
    """The k rows of the highest scores, of those in a mask if there is one; NaN is never found."""
    wanted = ~np.isnan(scores)
    known = np.flatnonzero(wanted if among is None else wanted & among)
    k = min(k, len(known))
    if k <= 0:
        return Hits(np.zeros(0, dtype=np.int64), np.zeros(0))
    least = np.partition(scores[known], len(known) - k)[len(known) - k]
    at = known[scores[known] >= least]
    at = at[np.argsort(-scores[at], kind="stable")][:k]
    return Hits(at, scores[at])


def meaning(vectors: np.ndarray, query_vector: np.ndarray, k: int = TOP) -> Hits:
    """The k rows whose vectors are most similar to a vector, by cosine.

    vectors: (rows, width), each of unit length; rows of NaN, which have none, are never found.
    """
    return best(similarity(vectors, query_vector), k)


def likeness(vectors: np.ndarray, positions: int | Sequence[int] | np.ndarray) -> np.ndarray:
    """The similarity of each row to one example, or to the mean of several, which are NaN themselves.

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
    found = similarity(vectors, given.mean(axis=0))
    found[own] = np.nan
    return found


def like(vectors: np.ndarray, positions: int | Sequence[int] | np.ndarray, k: int = TOP) -> Hits:
    """The k rows most similar to one example, or to the mean of several; see `likeness`."""
    return best(likeness(vectors, positions), k)


class _Encoder(Protocol):
    name: str

    def encode(self, texts: Sequence[str]) -> np.ndarray: ...


_encoders: dict[str, _Encoder] = {}
_turn = threading.Lock()
"""A tokenizer cannot be used by two threads at once."""


def query_vector(text: str, steps: Sequence[Any], store: Any) -> np.ndarray:
    """The vector of a text, made as those of the examples were: by the last embed step's encoder.

    steps: the reports of a dataset, `Dataset.steps`. store: the project's `VectorStore`. The model
    is loaded once per process, which takes seconds. Raises CurationError without an embed step.
    """
    params = embedded_by(steps)
    encoder: _Encoder = store.encoder(params.get("model", ""), params.get("way", "auto"))
    with _turn:
        known = _encoders.setdefault(encoder.name, encoder)
        return np.asarray(known.encode([text])[0], dtype=np.float32)


def embedded_by(steps: Sequence[Any]) -> Mapping[str, Any]:
    """The parameters of the last embed step that was run; raises CurationError without one."""
    for report in reversed(steps):
        if report.kind == "embed":
            params: Mapping[str, Any] = report.params
            return params
    raise CurationError(
        "The examples have no vectors yet; add the step embed to the recipe and run it."
    )


# --- showing why ----------------------------------------------------------------------------


def marked(text: str, query: str) -> list[tuple[str, bool]]:
    """The whole text in pieces, each with whether it is one of the words that were looked for."""
    pattern = _compiled(query)
    if pattern is None or not text:
        return [(text, False)] if text else []
    return list(_pieces(text, pattern))


def _found(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Where a pattern of plain text stands in a text, as it is written there."""
    plain = _plain(text)
    if len(plain) == len(text) and (text.isascii() or plain_quotes(text) == plain):
        yield from (hit.span() for hit in pattern.finditer(plain))
        return
    clusters = [(m.start(), _plain(m.group())) for m in _CLUSTER.finditer(text)]
    begins = np.repeat([at for at, _ in clusters], [len(c) for _, c in clusters])
    ends = np.repeat([*(at for at, _ in clusters[1:]), len(text)], [len(c) for _, c in clusters])
    for hit in pattern.finditer("".join(c for _, c in clusters)):
        yield int(begins[hit.start()]), int(ends[hit.end() - 1])


@functools.lru_cache(64)
def _compiled(query: str) -> re.Pattern[str] | None:
    """Any of the words that must occur, the longer ones first."""
    terms = sorted(Query.parse(query).wanted, key=len, reverse=True)
    return re.compile("|".join(map(_pattern, terms)), re.IGNORECASE) if terms else None


def _pieces(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, bool]]:
    done = 0
    for begin, end in _found(text, pattern):
        if begin > done:
            yield text[done:begin], False
        if end > done:
            yield text[max(begin, done) : end], True
        done = max(done, end)
    if done < len(text):
        yield text[done:], False


def snippet(text: str, query: str, limit: int = 160, before: int = 50) -> str:
    """One line of about `limit` characters around the first word found; empty without any.

    before: how many characters at most stand before that word.
    """
    pattern = _compiled(query)
    first = next(_found(text, pattern), None) if pattern else None
    if first is None:
        return ""
    begin = max(0, first[0] - before)
    if 0 < begin and (space := re.search(r"\s", text[begin : first[0]])):
        begin += space.end()
    line = one_line(text[begin : begin + 3 * limit])
    end = "…" if len(line) > limit or begin + 3 * limit < len(text) else ""
    return ("… " if begin else "") + line[:limit].rstrip() + end
