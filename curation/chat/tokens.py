"""Tokens of whole conversations, rendered by a model's chat template, and the places of answers.

Guarantee: no code that comes with a tokenizer is run, and its template is rendered in a sandbox. A
conversation that the template refuses has no count.
"""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from curation.chat.calls import Row, plain, settled
from curation.chat.template import PLAIN_TEMPLATE, Span, Unrendered, spans_of
from curation.embedding.models import bundled_folder, commit_of, hub_answers
from curation.errors import CurationError, MissingExtra
from curation.files import content_of

BUNDLED = "the bundled WordPiece of all-MiniLM-L6-v2"

SLICE = 1_000
"""Conversations that are encoded at once."""

_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "additional_chat_templates/*.jinja")
"""Files that a tokenizer and its template are loaded from."""

_FAILURES = (OSError, ValueError, KeyError, IndexError, ImportError, RuntimeError, TypeError)
"""Errors that transformers raises for a tokenizer that it cannot read."""


@dataclass(frozen=True)
class Count:
    """The tokens of a conversation.

    tokens: of the whole conversation; None where the template refuses it. places: of its answers,
    first token and the one after the last; None where the template does not show them. refusal: the
    reason why the template refuses it.
    """

    tokens: int | None
    places: tuple[Span, ...] | None = ()
    refusal: str = ""


@dataclass(frozen=True)
class ChatTokenizer:
    """A fast tokenizer with a chat template.

    title: its name for people. own_template: whether the template is the model's own.
    """

    tokenizer: Any
    title: str
    own_template: bool

    @property
    def description(self) -> str:
        """The tokenizer and its template in words."""
        template = "its chat template" if self.own_template else "a plain template (Role: text)"
        return f"{self.title} with {template}"

    def counts(self, conversations: Iterable[tuple[Sequence[Row], Any]]) -> Iterator[Count]:
        """Yield the count of each conversation: (turns, tools), as `as_delivered` returns them."""
        remaining = iter(conversations)
        while part := list(islice(remaining, SLICE)):
            yield from self._counts(part)

    def _counts(self, part: Sequence[tuple[Sequence[Row], Any]]) -> Iterator[Count]:
        rendered = [self._rendered(turns, tools) for turns, tools in part]
        texts = [text for text, _ in rendered if isinstance(text, str)]
        # The template writes the special tokens itself.
        encodings = iter(
            self.tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
        )
        for text, spans in rendered:
            if isinstance(text, Unrendered):
                yield Count(None, None, str(text))
                continue
            offsets = next(encodings).offsets
            yield Count(len(offsets), None if spans is None else _places(offsets, spans))

    def _rendered(
        self, turns: Sequence[Row], tools: Any
    ) -> tuple[str, list[Span] | None] | tuple[Unrendered, None]:
        try:
            return spans_of(self.tokenizer, turns, tools)
        except Unrendered as refusal:
            return refusal, None


def _places(offsets: Sequence[Span], spans: Sequence[Span]) -> tuple[Span, ...]:
    """Return the tokens that spans of characters overlap; offsets: the characters of each token."""
    starts, ends = [first for first, _ in offsets], [last for _, last in offsets]
    return tuple((bisect_right(ends, start), bisect_left(starts, end)) for start, end in spans)


def as_delivered(
    turns: Iterable[Row], tools: Any, label: str | None = None
) -> tuple[list[Row], Any]:
    """Return turns and tools as a delivery gives them to a template; a label answers a text."""
    delivered = settled([plain(turn) for turn in turns])
    if label is not None and not any(turn["role"] == "assistant" for turn in delivered):
        delivered.append({"role": "assistant", "content": label})
    return [{**turn, "content": turn.get("content") or ""} for turn in delivered], tools or None


def load_tokenizer(name: str = "") -> ChatTokenizer:
    """Load a tokenizer with its chat template: "" for the bundled one, a folder, or a Hub name.

    One without a template gets a plain one. Raises CurationError where there is no such tokenizer,
    or it cannot say which characters a token stands for.
    """
    return _load(name, fingerprint(name))


def fingerprint(name: str) -> str:
    """Return what a tokenizer's counts depend on: the digests of its files, or its commit.

    Empty where there is no such folder, or one of its files is no regular file.
    """
    folder = _folder(name)
    try:
        if folder is None:
            return commit_of(name)
        return " ".join(content_of(path) for path in _files(folder))
    except OSError:
        return ""


def _folder(name: str) -> Path | None:
    """Return the folder of a tokenizer on this machine; None for a name of the Hub."""
    path = Path(name) if name else bundled_folder()
    if path.is_file():
        return path.parent
    return path if path.exists() or path.is_absolute() else None


def _files(folder: Path) -> list[Path]:
    return sorted(path for pattern in _FILES for path in folder.glob(pattern))


@functools.lru_cache(maxsize=4)
def _load(name: str, content: str) -> ChatTokenizer:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise MissingExtra("transformers", "embed") from None
    folder = _folder(name)
    if folder is not None and not content:
        raise CurationError(f"The tokenizer {name!r} is no folder that can be read; name another.")
    try:
        folder = folder or _fetched(name)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except _FAILURES as error:
        raise CurationError(
            f"The tokenizer {name!r} is neither a folder that transformers reads nor to be had from "
            f"the Hugging Face Hub now ({type(error).__name__}); check the name, or leave it empty."
        ) from error
    if not tokenizer.is_fast:
        raise CurationError(
            f"The tokenizer {name!r} does not say which characters a token stands for; take a model "
            "with a tokenizer.json."
        )
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    own = bool(tokenizer.chat_template)
    if not own:
        tokenizer.chat_template = PLAIN_TEMPLATE
    title = folder.name if Path(name).is_absolute() else name
    return ChatTokenizer(tokenizer, title or BUNDLED, own)


def _fetched(name: str) -> Path:
    """Return the folder of a tokenizer of the Hub; one that was fetched before needs no network."""
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            name,
            revision=commit_of(name) or None,
            local_files_only=not hub_answers(),
            allow_patterns=list(_FILES),
        )
    )
