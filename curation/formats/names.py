"""The one table of names that files use for columns, speakers and the fields of a turn.

A name counts in any case, and with or without spaces, hyphens and underscores.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

COLUMNS: dict[str, tuple[str, ...]] = {
    "messages": (
        *("messages", "conversations", "conversation", "dialogue", "dialog", "chat"),
        *("chat_messages", "turns", "items", "data", "mapping"),
    ),
    "chosen": ("chosen", "preferred_output", "chosen_response", "response_chosen"),
    "rejected": (
        *("rejected", "non_preferred_output", "dispreferred_output"),
        *("rejected_response", "response_rejected"),
    ),
    "prompt": (
        *("prompt", "instruction", "question", "query", "problem", "request", "task"),
        *("input", "inputs", "user", "human", "q"),
        *("document", "article", "text", "context", "source", "title"),
    ),
    "input": (
        *("input", "context", "contexts", "passage", "passages", "background", "body"),
        *("question", "query", "problem", "text"),
    ),
    "response": (
        *("completion", "response", "answer", "output", "outputs", "solution"),
        *("canonical_solution", "reply", "assistant", "gpt", "bot", "answers", "answer_key", "a"),
        *("generations", "responses", "completions", "annotation", "targets", "target"),
        *("summary", "chosen"),
    ),
    "system": (
        *("system", "system_prompt", "system_message", "system_instruction"),
        *("system_instructions", "sys_prompt", "sys"),
    ),
    "history": ("history", "chat_history", "dialog_history", "conversation_history"),
    "choices": ("choices", "options"),
    "reasoning": (
        *("reasoning_content", "reasoning", "thinking", "thought", "thoughts", "cot"),
        *("complex_cot", "chain_of_thought", "reasoning_trace", "rationale"),
    ),
    "tools": ("tools", "functions", "available_tools", "tool_definitions"),
    "images": ("images", "image"),
    "videos": ("videos", "video"),
    "audios": ("audios", "audio"),
    "instances": ("instances",),
    "good": ("label", "kto_tag"),
    "text": (
        *("text", "sentence", "content", "utterance", "review", "document", "body", "tweet"),
        *("full_text", "article", "headline", "title"),
    ),
    "label": (
        *("label", "class", "category", "intent", "labels", "target", "sentiment"),
        *("label_name", "topic", "accept", "annotation"),
    ),
    "verdict": ("answer",),
}
"""Roles, and the names that files give to the columns that play them, the likeliest first.

input: the second part of a prompt. good: whether an answer is good, true or false. verdict: whether
a label is right, `accept` or `reject`.
"""

MEANINGS = {
    "messages": "the conversation",
    "chosen": "the answer that was chosen",
    "rejected": "the answer that was rejected",
    "prompt": "the prompt",
    "input": "the second part of the prompt",
    "response": "the answer",
    "system": "the system text",
    "history": "earlier turns",
    "choices": "choices after the prompt",
    "reasoning": "the answer's reasoning",
    "tools": "tools",
    "images": "images",
    "videos": "videos",
    "audios": "audios",
    "good": "whether the answer is good",
    "text": "the text",
    "label": "the label",
    "verdict": "whether the label is right",
    "metadata": "left in the metadata",
}
"""Roles in words, and the role of a column that is no part of an example."""

VAGUE = frozenset(
    {"context", "source", "target", "title", "document", "article", "text", "summary"}
)
"""Names of prompts and responses that often mean something else; other formats are tried first."""

TITLES = frozenset({"headline", "title"})
"""Names of texts that are too short to train on alone; with a label they are texts like others."""

LOOSE = frozenset({"turns", "items", "data", "mapping"})
"""Names that hold a conversation only where the value looks like one."""

SECOND_QUESTIONS = {
    "question": ("instruction", "task"),
    "query": ("instruction", "task"),
    "problem": ("instruction", "task"),
    "text": ("task", "title"),
}
"""Names of a second part → the names of prompts beside which they are one."""

SPEAKERS = {
    "human": "user",
    "user": "user",
    "prompter": "user",
    "customer": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "claude": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool_calls": "assistant",
    "system": "system",
    "developer": "system",
    "observation": "tool",
    "tool": "tool",
    "tool_response": "tool",
    "tool_result": "tool",
    "tool_output": "tool",
    "function": "tool",
    "function_response": "tool",
    "function_result": "tool",
    "ipython": "tool",
}
"""Names that files give to the four roles of a conversation."""

CALLERS = frozenset({"function_call", "tool_call", "tool_calls"})
"""Speakers whose content is a call."""

SPEAKER_KEYS = ("role", "from", "sender", "author", "speaker")
CONTENT_KEYS = ("content", "value", "text", "message")
"""Keys of a turn that hold the speaker, and the content."""

TURN_KEYS = {
    "reasoning_content": ("reasoning_content", "reasoning", "thinking", "thought", "thoughts"),
    "weight": ("weight", "train", "training", "loss"),
}
"""Canonical keys of a turn, and the names that files give them; the first one in a turn counts."""


def squeezed(name: str) -> str:
    """Return a column's name as names are compared: small letters, nothing between words."""
    return re.sub(r"[\s_\-.]+", "", name.lower())


SQUEEZED = {role: tuple(map(squeezed, names)) for role, names in COLUMNS.items()}


@functools.lru_cache(1_024)
def speaker(name: str) -> str:
    """Return the role of a speaker's name; an unknown name in small letters."""
    lower = name.strip().rstrip(":").rstrip().lower()
    return SPEAKERS.get(lower) or SPEAKERS.get(re.sub(r"[\s\-]+", "_", lower), lower)


def speaks(entry: Mapping[str, object]) -> bool:
    """Whether an object is a turn, which names a speaker."""
    if any(key in entry for key in SPEAKER_KEYS):
        return True
    kind = entry.get("type")
    return isinstance(kind, str) and kind.strip().lower() in SPEAKERS


_TRANSCRIPT = re.compile(r"(?:SYSTEM|USER|HUMAN|ASSISTANT|System|User|Human|Assistant)\s{0,3}:")


def is_transcript(text: str) -> bool:
    """Whether a text begins with the name of a speaker and a colon."""
    return _TRANSCRIPT.match(text) is not None
