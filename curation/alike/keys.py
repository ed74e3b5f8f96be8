"""Keys of texts: eight bytes, equal for equal texts, so that a text is folded once for all who compare.

Guarantee: a text has the same key in every process and on every machine. Accepted: two different texts
share one by a chance of 2⁻⁶⁴, as their ids do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from curation.alike.sets import mixed, numbered
from curation.alike.sides import KEY, answer_of, examples, same
from curation.alike.work import Arrays
from curation.text.folding import folded

SIDES = ("messages", "label", "tools", "rejected", "metadata")
"""Columns that the two sides of an example are made of."""

ASKED = ("prompt", "response")
"""Columns that a split compares."""


BLOCK = 16_384
"""Rows whose texts are read at once."""


def columns_of(rows: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The columns of these names that there are."""
    return rows[[name for name in names if name in rows]]


def side_keys(rows: pd.DataFrame, normalise: bool, punctuation: bool) -> Arrays:
    """Keys of the two sides of rows, and of the answer alone where it is more; see `answer_of`.

    alone: of a text without an answer, which is all of it; zero where it is the key of the answer.
    normalise, punctuation: see `same`.
    """
    some = examples(rows)
    prompts = [same(e.prompt, normalise, punctuation) for e in some]
    answers = [same(e.answer, normalise, punctuation) for e in some]
    alone = [
        b"" if (whole := answer_of(e)) is e.answer else same(whole, normalise, punctuation)
        for e in some
    ]
    named = (("prompts", prompts), ("answers", answers), ("alone", alone))
    return {name: packed(keys) for name, keys in named}


def asked_keys(rows: pd.DataFrame) -> Arrays:
    """Keys of prompts and answers as they stand, and of prompts folded, without punctuation.

    bare: of folded answers without a prompt, which are the whole example.
    """
    prompts, answers = (rows[name].fillna("").tolist() for name in ASKED)
    folds = [folded(prompt, False) for prompt in prompts]
    bare = [
        "" if fold else folded(answer, False) for fold, answer in zip(folds, answers, strict=True)
    ]
    named = (("prompts", prompts), ("answers", answers), ("folded", folds), ("bare", bare))
    return {name: packed(map(_key, texts)) for name, texts in named}


def text_keys(texts: pd.Series) -> np.ndarray:
    """A key of each text as it stands."""
    return packed(map(_key, texts.fillna("").tolist()))


def packed(keys: Iterable[bytes]) -> np.ndarray:
    """Keys as numbers, (keys, 1) uint64; zero for an empty one."""
    data = b"".join(key or bytes(KEY) for key in keys)
    return np.frombuffer(data, dtype="<u8").reshape(-1, 1).astype(np.uint64)


def one_key(keys: Iterable[np.ndarray]) -> np.ndarray:
    """A key of several of each row, (rows, 1) uint64, equal where each of them is."""
    columns = np.concatenate(list(keys), axis=1)
    hashed = np.zeros(len(columns), dtype=np.uint64)
    for column in columns.T:
        hashed = mixed(hashed * np.uint64(0x9E3779B97F4A7C15) + column)
    return hashed[:, None]


def _key(text: str) -> bytes:
    if not text:
        return b""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY).digest()


def numbers_of(keys: np.ndarray) -> np.ndarray:
    """A number for each key, equal for equal ones, in the order of their first; −1 for an empty one."""
    numbers = np.full(len(keys), -1, dtype=np.int64)
    some = np.flatnonzero(keys.any(axis=1))
    numbers[some] = numbered(*keys[some].T)
    return numbers


def digest_of(rows: pd.DataFrame) -> str:
    """A digest of columns of texts, in their order; a missing text counts as an empty one.

    A column is read by blocks, for one that is made when it is read would be written out whole.
    """
    whole = hashlib.blake2b(digest_size=16)
    for name in rows:
        lengths, texts = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
        for start in range(0, len(rows), BLOCK):
            block = rows[name].iloc[start : start + BLOCK]
            filled = pc.fill_null(pa.array(block, type=pa.large_string(), from_pandas=True), "")
            for chunk in filled.chunks if isinstance(filled, pa.ChunkedArray) else [filled]:
                if len(chunk):
                    offsets, data = _span(chunk)
                    lengths.update(np.diff(offsets).tobytes())
                    texts.update(data[offsets[0] : offsets[-1]])
        whole.update(f"{name}\0{len(rows)}\0".encode())
        whole.update(lengths.digest() + texts.digest())
    return whole.hexdigest()


def _span(chunk: pa.Array) -> tuple[np.ndarray, memoryview]:
    """The offsets of a part of a column, and the bytes that they count in."""
    _, offsets, data = chunk.buffers()
    places = np.frombuffer(offsets, dtype=np.int64)
    return places[chunk.offset : chunk.offset + len(chunk) + 1], memoryview(data or b"")
