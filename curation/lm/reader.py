"""The interface of readers of conversations, and a reading: the losses on the answers."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import orjson

from curation.dataset import Progress


class Conversation(NamedTuple):
    """A conversation as the columns `messages` and `tools` hold it."""

    messages: str
    tools: str


class Reading(NamedTuple):
    """Arrays with a number for each conversation, (conversations,) float64.

    given: mean loss of its answers after what stands before them, in nats. alone: the same of the
    answers by themselves. Both are not a number where no answer was read. length: tokens or
    characters of answers that were read. cut: those of the conversation that were left out.
    """

    given: np.ndarray
    alone: np.ndarray
    length: np.ndarray
    cut: np.ndarray


class Reader(Protocol):
    """Anything that foresees texts, token by token or character by character.

    title: its name for people.
    """

    title: str

    def read(self, conversations: list[Conversation], progress: Progress) -> Reading:
        """Read the answers of conversations, with and without what stands before them."""


def has_answer(messages: str) -> bool:
    """Whether an assistant's turn in a conversation holds text or a call."""
    turns = orjson.loads(messages)
    return any(
        turn["role"] == "assistant" and ((turn["content"] or "").strip() or turn.get("tool_calls"))
        for turn in turns
    )
