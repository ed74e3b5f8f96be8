"""A causal language model as a reader of conversations.

Guarantee: both losses of a conversation are of the same tokens, those of all assistant turns with
the token that ends each. What was read is on disk, so a run that was killed goes on where it was, and
each text is read alone, so that its numbers do not depend on what was on disk before. Accepted:
another machine or number of threads may give other last digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from curation.chat.template import Unrendered
from curation.dataset import Progress, load_messages
from curation.embedding import VectorStore
from curation.lm.conversations import IGNORED, Tokens, tokens_of
from curation.lm.models import folder_of, load_causal_lm, title_of, with_template
from curation.lm.reader import Conversation, Reading

_DESIGN = 2
"""Counts changes of what the numbers mean; readings of another design are not read."""

_SEPARATOR = "\x00"
"""A character that JSON has in no other place."""


class CausalReader:
    """A causal model that reads `longest` tokens of a conversation, or its own window if less.

    name: "" for the bundled model, a folder, a GGUF, or a Hub name. store: where its readings are
    remembered. Raises CurationError where there is no such model, unless the store may not compute.
    """

    def __init__(self, name: str, longest: int, store: VectorStore) -> None:
        self._name, self._longest, self._store = name, longest, store
        if store.computes:
            folder_of(name, "causal")  # a model of the Hub has its commit once it is here
        self.title = title_of(name)
        self._loaded: tuple[Any, Any] | None = None

    def read(self, conversations: list[Conversation], progress: Progress) -> Reading:
        """Read the answers of conversations after their prompts, and after nothing.

        A conversation that the chat template refuses, or whose answers lie beyond the longest
        length, has no loss. Raises CurationError where the template does not show the answers.
        """
        name = f"{self.title}/{self._longest}/{_DESIGN}"
        texts = [_SEPARATOR.join(conversation) for conversation in conversations]
        table = self._store.measure(texts, name, self._compute, progress)
        return Reading(*(table.T if len(texts) else np.zeros((4, 0))))

    def _compute(self, texts: list[str]) -> np.ndarray:
        """The four numbers of each conversation, (conversations, 4)."""
        model, tokenizer, longest = self._model()  # says what is not installed
        from curation.lm.losses import answer_losses

        given = [_tokens(tokenizer, text, longest) for text in texts]
        alone = [_answers_of(row, tokenizer) for row in given]
        padding = tokenizer.pad_token_id
        sums = np.array([answer_losses(model, [row], padding)[0] for row in [*given, *alone]])
        counts = np.array([row.answer_tokens for row in [*given, *alone]], dtype=float)
        with np.errstate(invalid="ignore"):
            means = np.where(counts > 0, sums / counts, np.nan)
        lengths, cut = counts[: len(texts)], [row.cut for row in given]
        return np.column_stack([means[: len(texts)], means[len(texts) :], lengths, cut])

    def _model(self) -> tuple[Any, Any, int]:
        """The model, its tokenizer, and the tokens that it reads."""
        from curation.embedding.models import device

        if self._loaded is None:
            loaded = load_causal_lm(self._name)
            # eval() is torch's switch from training to inference; it runs no code.
            self._loaded = loaded.model.to(device()).eval(), with_template(loaded.tokenizer)
        model, tokenizer = self._loaded
        window = getattr(model.config, "max_position_embeddings", None) or self._longest
        return model, tokenizer, min(self._longest, window)


def _tokens(tokenizer: Any, text: str, longest: int) -> Tokens:
    """The tokens of a conversation; none where the chat template refuses it."""
    messages, tools = text.split(_SEPARATOR)
    schemas = orjson.loads(tools) if tools else None
    try:
        return tokens_of(tokenizer, load_messages(messages), longest, schemas)
    except Unrendered:
        return Tokens([], [])


def _answers_of(row: Tokens, tokenizer: Any) -> Tokens:
    """The tokens of answers that count in a row, after the token that begins a text."""
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    answers = [label for label in row.labels[1:] if label != IGNORED]
    return Tokens([first, *answers], [IGNORED, *answers])
