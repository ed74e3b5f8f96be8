"""Static embeddings: one vector for each token of a model's vocabulary; a text gets their mean.

After model2vec (Tulkens & van Dongen 2024). The model embeds every token by itself, principal
components keep most of the differences, and frequent tokens count less (Arora et al. 2017).

Guarantee: the token vectors are made once on a machine and are the same whether made or read back.

Accepted: static embeddings are hundreds of times faster than the model and agree with it only
roughly. Every project that uses them measures the agreement (see `agreement`).
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation import files
from curation.cache import key, read_table, write_table
from curation.embedding.backends import encode_tokens
from curation.embedding.models import load_model
from curation.embedding.tokenizer import ModelTokenizer, model_tokenizer
from curation.errors import CurationError

STATIC = "draft"
"""The name of static embeddings in recipes, in the names of encoders and in files."""

DESIGN = 2
"""Part of the encoder's name and of the table's. A change of how the table is made, or of which
tokens of a text count, must raise it, or a project would mix vectors of both designs."""

WIDTH = 256
RARITY = 1e-4
"""Frequency of a token that counts half as much as the rarest."""

SAMPLE = 500
NEAREST = 10
"""Number of texts, and of the nearest neighbours of each, that the agreement is measured on."""


def static_name(title: str) -> str:
    """The name of the static encoder of the model of that title."""
    return f"{title}/{STATIC}-{DESIGN}"


class StaticEncoder:
    """An encoder by the vectors of tokens, which are loaded or made when it is first used.

    tokens: these vectors, (vocabulary, width) float16, where another process has them.
    """

    def __init__(self, model: str, title: str, tokens: np.ndarray | None = None) -> None:
        self.name = static_name(title)
        self._model = model
        self._title = title
        self._own = None if tokens is None else tokens.astype(np.float32)

    @property
    def _table(self) -> np.ndarray:
        return _table(self._model, self._title) if self._own is None else self._own

    @property
    def tokens(self) -> np.ndarray:
        """The vectors of tokens, (vocabulary, width) float16; raises CurationError without the model."""
        return self._table.astype(np.float16)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, (texts, 256 or less) float32, each of length 1.

        Raises CurationError when the model they are made from cannot be loaded.
        """
        from scipy.sparse import csr_matrix

        table = self._table
        ids = model_tokenizer(self._model).ids(texts)
        ends = np.cumsum([0, *map(len, ids)])
        flat = np.fromiter(itertools.chain.from_iterable(ids), dtype=np.int32, count=ends[-1])
        counts = csr_matrix((np.ones(len(flat), np.float32), flat, ends), (len(ids), len(table)))
        sums = np.asarray(counts @ table, dtype=np.float32)
        sums[~sums.any(axis=1), 0] = 1.0  # a text without a known token has a direction too
        vectors: np.ndarray = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return vectors


@functools.lru_cache(maxsize=2)
def _table(model: str, title: str) -> np.ndarray:
    """The vector of each token, (vocabulary, width) float32: read from this machine, or else made."""
    with contextlib.suppress(RuntimeError):  # no home
        stored = read_table(_path(title))
        # csr_matrix checks no bounds: a table of another vocabulary would give garbage.
        if stored is not None and len(stored) == _ids(model_tokenizer(model)):
            flat = stored["vector"].combine_chunks().flatten().to_numpy()
            vectors: np.ndarray = flat.reshape(len(stored), -1).astype(np.float32)
            return vectors
    table = distilled(model).astype(np.float16).astype(np.float32)  # as it will be read back
    half = pa.array(table.astype(np.float16).reshape(-1))
    lists = pa.FixedSizeListArray.from_arrays(half, table.shape[1])
    with contextlib.suppress(OSError, CurationError, RuntimeError):  # made again next time
        write_table(_path(title), pa.table({"vector": lists}))
    return table


def _path(title: str) -> Path:
    return files.machine_folder() / f"draft-{key(STATIC, DESIGN, title, WIDTH, RARITY)}.arrow"


def distilled(model: str = "") -> np.ndarray:
    """A vector for each token of the model's vocabulary, (vocabulary, width) float32.

    Special tokens and unused ones get zeros. Raises CurationError without the model.
    """
    own = model_tokenizer(model)
    before, after = _special_tokens(own)
    tokens = _text_tokens(own)
    sequences = np.array([[*before, token, *after] for token in tokens])
    vectors = encode_tokens(load_model(model), sequences)
    weighted = _principal(vectors, WIDTH) * _weights(len(tokens))[:, None]
    table = np.zeros((_ids(own), weighted.shape[1]), dtype=np.float32)
    table[tokens] = weighted
    return table


def _special_tokens(own: ModelTokenizer) -> tuple[list[int], list[int]]:
    """The special tokens that the model expects before and after a text."""
    bare = own.tokenizer.encode("a", add_special_tokens=False).ids
    whole = own.tokenizer.encode("a").ids
    start = next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)
    return whole[:start], whole[start + len(bare) :]


def _text_tokens(own: ModelTokenizer) -> list[int]:
    """Tokens that a text can hold, in the vocabulary's order, which is mostly by frequency."""
    added = own.tokenizer.get_added_tokens_decoder()
    special = {i for i, token in added.items() if token.special}
    vocabulary = sorted((i, t) for t, i in own.tokenizer.get_vocab().items())
    return [i for i, t in vocabulary if i not in special and not t.startswith("[unused")]


def _ids(own: ModelTokenizer) -> int:
    """The number of ids up to the highest that the tokenizer uses, special and added ones too."""
    return max(own.tokenizer.get_vocab(with_added_tokens=True).values()) + 1


def _weights(tokens: int) -> np.ndarray:
    """Smooth inverse frequency. The frequency is guessed from the rank by Zipf's law."""
    share = 1 / np.arange(2, tokens + 2)
    share /= share.sum()
    return RARITY / (RARITY + share)


def _principal(vectors: np.ndarray, width: int) -> np.ndarray:
    """The vectors about their mean in their principal components, the largest `width` of them."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :width]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    components: np.ndarray = centred @ axes
    return components


def agreement(static: np.ndarray, full: np.ndarray, k: int = NEAREST) -> float:
    """Share of each row's k nearest others by the full model that the static ones share."""
    neighbours = [_nearest(vectors, k) for vectors in (static, full)]
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(*neighbours, strict=True)]))


def _nearest(vectors: Any, k: int) -> np.ndarray:
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -np.inf)
    rows: np.ndarray = np.argsort(-similar, axis=1, kind="stable")[:, : min(k, len(similar) - 1)]
    return rows
