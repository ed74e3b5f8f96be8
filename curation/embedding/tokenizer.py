"""A model's tokenizer: the tokens of a text, those beyond the model's limit, and windows of the text.

Guarantee: counts are those of the model itself, and the windows of a text hold all of it.

Accepted: windows differ a little in length, because their borders lie between words.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from curation.embedding.models import load_model, local_folder, location_of
from curation.embedding.multilingual import MULTILINGUAL, MultilingualTokenizer
from curation.errors import CurationError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

UNREADABLE = 0.1
"""Share of unknown tokens above which a text, or a language, counts as unread.

Of the five nearest among 150 messages of a program in English, all-MiniLM-L6-v2 finds 15 % among their
translations into Thai (37 % unknown), 34 % in Chinese (61 %) and 29 % in Japanese (16 %); the multilingual
model, to which nearly nothing is unknown, finds 45, 54 and 50 % (benchmarks, multilingual).
"""

SLICE = 256
"""Texts that one thread tokenizes at a time."""

SLACK = 16
"""Tokens that a window leaves free, so that its border can move back to the beginning of a word."""


class TextTokenizer(Protocol):
    """The tokens of texts as a model reads them.

    limit: tokens that the model reads, special ones included; None for any number. unknown: the id
    of what is not in the vocabulary; None where every character is.
    """

    limit: int | None
    unknown: int | None

    def beyond(self, texts: Sequence[str]) -> np.ndarray:
        """Tokens of each text that the model does not read, (texts,) int64."""

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """All tokens of each text, special ones left out."""

    def windows(self, text: str) -> list[str]:
        """The text cut at words into pieces that the model reads whole."""


def unknown_shares(texts: Sequence[str], tokenizer: TextTokenizer) -> np.ndarray:
    """The share of each text's tokens that stand for what is not in the vocabulary, (texts,).

    A text of ASCII alone counts as known, so that English costs nothing.
    """
    shares = np.zeros(len(texts))
    if tokenizer.unknown is not None:
        others = [i for i, text in enumerate(texts) if not text.isascii()]
        counted = tokenizer.ids([texts[i] for i in others])
        shares[others] = [ids.count(tokenizer.unknown) / max(1, len(ids)) for ids in counted]
    return shares


class ModelTokenizer:
    """A model's tokenizer, and how many tokens of a text the model reads, special ones included.

    limit: None for a model that reads any number.
    """

    def __init__(self, tokenizer: Tokenizer, limit: int | None) -> None:
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_str(tokenizer.to_str())  # its settings belong to the model
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.limit = limit
        name = getattr(self.tokenizer.model, "unk_token", None)
        self.unknown: int | None = (
            self.tokenizer.token_to_id(name) if name else _unigram_unknown(self.tokenizer)
        )
        self._special = self.tokenizer.num_special_tokens_to_add(False)

    def beyond(self, texts: Sequence[str]) -> np.ndarray:
        """Tokens of each text that the model does not read, (texts,) int64.

        Only texts that can be too long are looked at: a token is at least one byte.
        """
        excess = np.zeros(len(texts), dtype=np.int64)
        if self.limit is None:
            return excess
        room = self.limit - self._special
        long = [i for i, text in enumerate(texts) if 4 * len(text) > room and _bytes(text) > room]
        counts = self._each([texts[i] for i in long], lambda encoding: len(encoding.ids))
        excess[long] = np.maximum(0, np.array(counts, dtype=np.int64) - self.limit)
        return excess

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """All tokens of each text, special ones left out."""
        return self._each(texts, lambda encoding: encoding.ids, special=False)

    def _each(
        self, texts: Sequence[str], take: Callable[[Encoding], Any], special: bool = True
    ) -> list[Any]:
        def of_slice(start: int) -> list[Any]:
            part = list(texts[start : start + SLICE])
            encodings = self.tokenizer.encode_batch_fast(part, add_special_tokens=special)
            return [take(encoding) for encoding in encodings]

        with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if _LINUX else os.cpu_count()) as pool:
            parts = pool.map(of_slice, range(0, len(texts), SLICE))
            return [value for part in parts for value in part]

    def windows(self, text: str) -> list[str]:
        """The text cut at words into pieces of about equal numbers of tokens, all of them readable."""
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        tokens, words = len(encoding.ids), encoding.word_ids
        if self.limit is None or tokens <= self.limit - self._special:
            return [text]
        room = self.limit - self._special
        pieces = -(-tokens // max(1, room - min(SLACK, room // 4)))
        borders = [0]
        for i in range(1, pieces):
            border = least = i * tokens // pieces
            least -= min(SLACK, room // 4)
            while border > least and words[border] == words[border - 1]:
                border -= 1
            borders.append(encoding.offsets[border][0])
        ends = [*borders[1:], len(text)]
        parts = [text[a:b].strip() for a, b in zip(borders, ends, strict=True)]
        return [part for part in parts if part] or [text]  # some tokenizers count blanks


_LINUX = hasattr(os, "sched_getaffinity")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _unigram_unknown(tokenizer: Tokenizer) -> int | None:
    """The id of unknown characters in a vocabulary of the Unigram kind, which gives it no name."""
    model = json.loads(tokenizer.to_str())["model"]
    return None if model.get("byte_fallback") else model.get("unk_id")


def tokenizer_of(model: str = "") -> TextTokenizer:
    """The tokenizer of the model of that name; raises CurationError when there is no such model."""
    return MultilingualTokenizer() if model == MULTILINGUAL else model_tokenizer(model)


def local_tokenizer(model: str = "") -> TextTokenizer:
    """The tokenizer of the model of that name from files on this machine, without its limit.

    Nothing is fetched, and no weights are loaded. Raises CurationError when its file is not there or
    is none.
    """
    from tokenizers import Tokenizer

    if model == MULTILINGUAL:
        return MultilingualTokenizer()
    path = next(local_folder(model).rglob("tokenizer.json"), None)
    if path is None:
        raise CurationError(
            f"The tokenizer of the embedding model {model!r} is not on this machine; a run with that "
            "model fetches it."
        )
    try:
        return ModelTokenizer(Tokenizer.from_file(str(path)), None)
    except Exception as error:  # tokenizers raises nothing more precise
        raise CurationError(
            f"The tokenizer {path} cannot be read; fetch the model again."
        ) from error


@functools.lru_cache(maxsize=4)
def model_tokenizer(model: str = "") -> ModelTokenizer:
    """The tokenizer of a sentence-transformers model; raises CurationError when there is no such model.

    For a model in a folder only the tokenizer is loaded, which takes no time.
    """
    folder = Path(location_of(model))
    tokenizer = _from_folder(folder) if folder.is_dir() else None
    if tokenizer is None:
        whole = load_model(model)
        tokenizer = ModelTokenizer(whole.tokenizer.backend_tokenizer, whole.max_seq_length)
    return tokenizer


def _from_folder(folder: Path) -> ModelTokenizer | None:
    from tokenizers import Tokenizer

    try:
        settings = json.loads(next(folder.rglob("sentence_bert_config.json")).read_text("utf-8"))
        limit = int(settings["max_seq_length"])
        path = next(folder.rglob("tokenizer.json"))
        return ModelTokenizer(Tokenizer.from_file(str(path)), limit)
    except (StopIteration, OSError, ValueError, KeyError, TypeError):
        return None


def means(vectors: np.ndarray, owners: np.ndarray, texts: int) -> np.ndarray:
    """The mean direction of each text's windows, (texts, width).

    A text of one window keeps that window's vector. owners: the text of each vector, ascending;
    every text has at least one.
    """
    first = np.searchsorted(owners, np.arange(texts))
    directions = vectors[first].copy()
    several = np.bincount(owners, minlength=texts) > 1
    if several.any():
        sums = np.add.reduceat(vectors, first, axis=0)[several]
        directions[several] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return directions
