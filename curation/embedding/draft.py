"""Static vectors: one for each token of a model's vocabulary, made once; a text is their mean.

After model2vec (Tulkens & van Dongen 2024): every token goes through the model by itself, principal
components keep most of what differs, and frequent tokens count less (Arora et al. 2017). Hundreds
of times faster than the model, and only roughly like it.
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
from curation.embedding.reading import Reader, reader
from curation.embedding.ways import encode_tokens
from curation.errors import CurationError

DRAFT = "draft"
DESIGN = 2
"""Part of the encoder's name and of the table's. Whoever changes how the table is made, or what is
read of a text, raises it, or a project would mix vectors of both."""

WIDTH = 256
RARITY = 1e-4
"""How often a token must be in all text to count half as much as the rarest."""

SAMPLE = 500
NEAREST = 10
"""The agreement with the full model is that of so many texts' so many nearest among each other."""


def draft_name(title: str) -> str:
    """The name of the draft encoder of the model of that title."""
    return f"{title}/{DRAFT}-{DESIGN}"


class DraftEncoder:
    """An encoder by static vectors, loaded or made when it is first used."""

    def __init__(self, model: str, title: str) -> None:
        self.name = draft_name(title)
        self.way = DRAFT
        self._model = model
        self._title = title

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, (texts, 256 or less) float32, each of length 1.

        Raises CurationError when the model they are made from cannot be loaded.
        """
        from scipy.sparse import csr_matrix

        table = _table(self._model, self._title)
        ids = reader(self._model).ids(texts)
        ends = np.cumsum([0, *map(len, ids)])
        flat = np.fromiter(itertools.chain.from_iterable(ids), dtype=np.int32, count=ends[-1])
        counts = csr_matrix((np.ones(len(flat), np.float32), flat, ends), (len(ids), len(table)))
        sums = np.asarray(counts @ table, dtype=np.float32)
        sums[~sums.any(axis=1), 0] = 1.0  # a text without a known token has a direction too
        vectors: np.ndarray = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return vectors


@functools.lru_cache(maxsize=2)
def _table(model: str, title: str) -> np.ndarray:
    """The vector of each token, (vocabulary, width) float32, as kept on this machine, or else made."""
    with contextlib.suppress(RuntimeError):  # no home
        known = read_table(_place(title))
        # csr_matrix checks no bounds: a table of another vocabulary would give garbage.
        if known is not None and len(known) == _ids(reader(model)):
            flat = known["vector"].combine_chunks().flatten().to_numpy()
            kept: np.ndarray = flat.reshape(len(known), -1).astype(np.float32)
            return kept
    table = distilled(model).astype(np.float16).astype(np.float32)  # as it will be read back
    half = pa.array(table.astype(np.float16).reshape(-1))
    lists = pa.FixedSizeListArray.from_arrays(half, table.shape[1])
    with contextlib.suppress(OSError, CurationError, RuntimeError):  # then it is made again
        write_table(_place(title), pa.table({"vector": lists}))
    return table


def _place(title: str) -> Path:
    return files.machine_folder() / f"draft-{key(DRAFT, DESIGN, title, WIDTH, RARITY)}.arrow"


def distilled(model: str = "") -> np.ndarray:
    """A vector for each token of the model's vocabulary, (vocabulary, width) float32.

    Special tokens and those never given out get zeros. Raises CurationError without the model.
    """
    from curation.embedding.encoder import loaded

    reads = reader(model)
    before, after = _around(reads)
    words = _words(reads)
    sequences = np.array([[*before, word, *after] for word in words])
    vectors = encode_tokens(loaded(model), sequences)
    kept = _principal(vectors, WIDTH) * _weights(len(words))[:, None]
    table = np.zeros((_ids(reads), kept.shape[1]), dtype=np.float32)
    table[words] = kept
    return table


def _around(reads: Reader) -> tuple[list[int], list[int]]:
    """The special tokens that the model wants before and after a text."""
    bare = reads.tokenizer.encode("a", add_special_tokens=False).ids
    whole = reads.tokenizer.encode("a").ids
    at = next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)
    return whole[:at], whole[at + len(bare) :]


def _words(reads: Reader) -> list[int]:
    """Tokens that a text can hold, in the vocabulary's order, which is mostly by frequency."""
    added = reads.tokenizer.get_added_tokens_decoder()
    special = {i for i, token in added.items() if token.special}
    known = sorted((i, t) for t, i in reads.tokenizer.get_vocab().items())
    return [i for i, t in known if i not in special and not t.startswith("[unused")]


def _ids(reads: Reader) -> int:
    """How many ids there are up to the highest that can be given out, special and added ones too."""
    return max(reads.tokenizer.get_vocab(with_added_tokens=True).values()) + 1


def _weights(words: int) -> np.ndarray:
    """Smooth inverse frequency, the frequency guessed from the rank by Zipf's law."""
    share = 1 / np.arange(2, words + 2)
    share /= share.sum()
    return RARITY / (RARITY + share)


def _principal(vectors: np.ndarray, width: int) -> np.ndarray:
    """The vectors about their mean in their principal components, the largest `width` of them."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :width]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    found: np.ndarray = centred @ axes
    return found


def agreement(draft: np.ndarray, full: np.ndarray, k: int = NEAREST) -> float:
    """Share of each row's k nearest others by the full vectors that the draft ones name too."""
    named = [_nearest(vectors, k) for vectors in (draft, full)]
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(*named, strict=True)]))


def _nearest(vectors: Any, k: int) -> np.ndarray:
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -np.inf)
    found: np.ndarray = np.argsort(-similar, axis=1, kind="stable")[:, : min(k, len(similar) - 1)]
    return found
