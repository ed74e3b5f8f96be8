"""Encoders: a model and the backend that computes it, behind one method.

Guarantee: encoders of equal names give the same vectors for the same texts on one machine, since a
name holds the model's title and the backend. Accepted: two backends of one model are two encoders,
although their vectors differ in the last digits only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from curation.embedding import benchmark
from curation.embedding.backends import Encode, prepared
from curation.embedding.models import load_from, load_model, location_of, title_of
from curation.embedding.multilingual import MULTILINGUAL, NUMPY, MultilingualEncoder
from curation.embedding.static import STATIC, StaticEncoder
from curation.errors import CurationError


class Encoder(Protocol):
    """Anything that turns texts into vectors of unit length."""

    name: str
    """The model, its weights and its backend: equal names give equal vectors."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, (texts, width) float32, each of length 1."""


class ModelEncoder:
    """A sentence-transformers model from a folder or the Hub, loaded when it is first used.

    backend: one of `curation.embedding.backends`.
    """

    def __init__(self, location: str, title: str, backend: str) -> None:
        self.name = f"{title}/{backend}"
        self._location = location
        self._title = title
        self._backend = backend
        self._encode: Encode | None = None

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, (texts, width) float32, each of length 1.

        Raises CurationError when the model cannot be loaded or this machine lacks the backend.
        """
        if self._encode is None:
            self._encode = prepared(load_from(self._location, self._title), self._backend)
        return self._encode(texts)


def load_encoder(model: str = "", backend: str = "torch-float32") -> Encoder:
    """The encoder of a model: empty for the bundled one, "multilingual", a folder, or a name on the Hub.

    backend: one of `curation.embedding.backends`, or "draft" for static embeddings made from the
    model; "numpy" for "multilingual". Raises CurationError when there is no such model, or when it
    has no such backend.
    """
    if model == MULTILINGUAL:
        if backend != NUMPY:
            raise CurationError(
                "The multilingual model is computed in one way; set `way` of Embeddings to auto."
            )
        return MultilingualEncoder()
    if backend == STATIC:
        return StaticEncoder(model, title_of(model))
    return ModelEncoder(str(location_of(model)), title_of(model), backend)


def fastest_backend(model: str = "") -> str:
    """The fastest backend that computes a model exactly enough on this machine.

    Raises CurationError without the model.
    """
    if model == MULTILINGUAL:
        return NUMPY
    return benchmark.fastest(benchmark.measurements(title_of(model), load_model(model)))
