"""Conversations as tokens, and which of the tokens are answers.

Guarantee: a token counts as answer only where the chat template shows that it is one: by its
generation marks, or, without them, because the prompt as the model gets it is the beginning of the
whole conversation. A template of which neither is true is refused in a sentence; the loss is never
computed on a guess.

An answer ends with the token that ends its turn, so that a model learns to stop. All answers of a
conversation count. One exception: without marks, an earlier answer that the template shows
differently once the conversation goes on (as templates that leave reasoning out) does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curation.chat.template import spans_of
from curation.chat.tokens import as_delivered
from curation.dataset import Message
from curation.errors import CurationError

IGNORED = -100
"""The label of a token that is not learned."""


@dataclass(frozen=True)
class Tokens:
    """A conversation as tokens.

    ids: numbers of tokens. labels: the same, and IGNORED where a token is no answer. cut: tokens
    beyond the longest length, which were left out.
    """

    ids: list[int]
    labels: list[int]
    cut: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def answer_tokens(self) -> int:
        """The number of tokens of answers; the first of all tokens is never predicted."""
        return sum(label != IGNORED for label in self.labels[1:])


def tokens_of(
    tokenizer: Any, messages: Sequence[Message], longest: int, tools: Any = None
) -> Tokens:
    """Return the tokens of a conversation, `longest` at most.

    tokenizer: a fast tokenizer with a chat template. tools: schemas of the tools it offers. Raises
    Unrendered where the template refuses the conversation, and CurationError where the template or
    the tokenizer cannot show which tokens are answers.
    """
    text, spans = spans_of(tokenizer, *rendered(messages, tools))
    if spans is None:
        raise CurationError(
            "The chat template of this model has no generation marks and shows a prompt "
            "differently once its answer follows, so answers cannot be told from prompts. "
            "Take a model whose template has {% generation %} marks."
        )
    if not tokenizer.is_fast:
        raise CurationError(
            "The tokenizer of this model does not say which characters a token stands for, so "
            "answers cannot be told from prompts. Take a model with a tokenizer.json."
        )
    # The template writes the special tokens itself.
    encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoding["input_ids"], encoding["offset_mapping"]
    labels = [IGNORED] * len(ids)
    for start, end in spans:
        for place, (first, last) in enumerate(offsets):
            if last > start and first < end and last > first:
                labels[place] = ids[place]
    return Tokens(ids[:longest], labels[:longest], max(0, len(ids) - longest))


def rendered(messages: Sequence[Message], tools: Any) -> tuple[list[dict[str, Any]], Any]:
    """Return turns and tools as a chat template reads them, the same as in a delivery."""
    return as_delivered([message.to_dict() for message in messages], tools)
