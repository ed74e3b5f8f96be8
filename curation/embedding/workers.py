"""An encoder whose texts are embedded by an engine's workers, part by part.

Guarantee: a worker computes a part as this process would, by the same backend in the same packs, or
refuses because its files of the model are others.

Accepted: two kinds of processor differ in the last digits of a model's vector; static ones, whose tokens
this process sends, are the same everywhere. Every worker process loads the model. Backends that compute
a text on several cores or on a GPU, and the multilingual model, stay in this process: their digits
depend on the number of cores, or a worker would take all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curation.embedding.encoder import Encoder, load_encoder
from curation.embedding.models import title_of
from curation.embedding.static import STATIC, StaticEncoder
from curation.errors import CurationError

Spread = Callable[[str, Mapping[str, Any], Iterable[list[str]]], Iterator[np.ndarray]]
"""The name `module:function` of a function of rows, its parameters, and lists of texts, which become
the column `text` of rows → its array for each list, in their order."""

ONE_CORE = "-packed-"
"""Part of the name of a backend that computes a pack of texts on one core."""


class SpreadEncoder:
    """An encoder that has parts of texts embedded by workers, and single texts by this process."""

    def __init__(self, encoder: Encoder, model: str, backend: str, spread: Spread) -> None:
        self.name = encoder.name
        self.encode = encoder.encode
        self._own, self._spread = encoder, spread
        is_folder = model and Path(model).is_dir()
        place = os.path.abspath(model) if is_folder else model  # workers have folders of their own
        self._params = {"model": place, "backend": backend, "name": encoder.name}

    def each(self, parts: Iterable[list[str]]) -> Iterator[np.ndarray]:
        """Vectors of each part, (texts, width) float16; raises CurationError where a worker cannot."""
        params: dict[str, Any] = dict(self._params)
        if isinstance(self._own, StaticEncoder):
            params["tokens"] = self._own.tokens
        return self._spread(f"{__name__}:{encoded.__name__}", params, parts)


def each_of(encoder: Encoder, parts: Iterable[Sequence[str]]) -> Iterator[np.ndarray]:
    """Vectors of each part of texts in half precision, (texts, width), in their order."""
    if isinstance(encoder, SpreadEncoder):
        return encoder.each(parts)  # type: ignore[arg-type]
    return (encoder.encode(part).astype(np.float16) for part in parts)


def spread_over(encoder: Encoder, model: str, backend: str, spread: Spread) -> Encoder:
    """The encoder of a model by a backend, over workers where its digits do not depend on that."""
    can = backend == STATIC or ONE_CORE in backend
    return SpreadEncoder(encoder, model, backend, spread) if can else encoder


def encoded(
    rows: pd.DataFrame, *, model: str, backend: str, name: str, tokens: np.ndarray | None = None
) -> np.ndarray:
    """Vectors of the column `text`, (rows, width) float16, at a worker.

    name: of the encoder where the texts come from. tokens: of static vectors. Raises CurationError
    without the model, or where its files are others.
    """
    encoder = _LOADED.get(name)
    if encoder is None:
        _LOADED.clear()
        encoder = _LOADED[name] = _loaded(model, backend, name, tokens)
    return encoder.encode(rows["text"].tolist()).astype(np.float16)


_LOADED: dict[str, Encoder] = {}
"""The encoder that this process used last, by its name."""


def _loaded(model: str, backend: str, name: str, tokens: np.ndarray | None) -> Encoder:
    if backend == STATIC:
        encoder: Encoder = StaticEncoder(model, title_of(model), tokens)
    else:
        encoder = load_encoder(model, backend)
    digest = name.rpartition("@")[2]  # a folder may be named otherwise
    if "@" in name and not encoder.name.endswith(f"@{digest}"):
        raise CurationError(
            f"the embedding model is {encoder.name}, but {name} where the command runs. Give every "
            "node the same files."
        )
    return encoder
