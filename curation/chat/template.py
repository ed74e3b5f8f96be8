"""Conversations as text, by a model's chat template, and the answers in that text.

Guarantee: a template is text of somebody else, and is only rendered in the sandbox of transformers.
An answer is located only where the template shows it: by its generation marks, or, without them,
because the prompt as the model gets it is the beginning of the whole conversation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from curation.errors import CurationError

Span = tuple[int, int]
"""First character of an answer, and the one after its last."""

PLAIN_TEMPLATE = (
    "{% if tools %}Tools: {{ tools | tojson }}{{ '\\n' }}{% endif %}"
    "{% for message in messages %}{{ message['role'] | capitalize }}:"
    "{% if message['role'] == 'assistant' %}{% generation %}"
    " {{ message['content'] }}"
    "{% if message['tool_calls'] %}{{ message['tool_calls'] | tojson }}{% endif %}"
    "{{ eos_token }}{% endgeneration %}"
    "{% else %} {{ message['content'] }}{% endif %}{{ '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""The chat template for a model without one; a plain line break after a block would be left out."""

_MARKED = re.compile(r"\{%-?\s*generation\s*-?%\}")


class Unrendered(CurationError):
    """A conversation that the chat template refuses, such as two prompts without an answer."""


def render(
    tokenizer: Any, turns: Sequence[dict[str, Any]], tools: Any = None, *, prompt: bool = False
) -> str:
    """Return a conversation as text; prompt: with the beginning of an answer to come.

    Raises Unrendered where the chat template refuses it.
    """
    return _rendered(tokenizer, turns, tools, add_generation_prompt=prompt)[0]


def _rendered(
    tokenizer: Any, turns: Sequence[dict[str, Any]], tools: Any, **options: bool
) -> tuple[str, list[Span]]:
    from jinja2 import TemplateError
    from transformers.utils import chat_template_utils

    renderer: Any = chat_template_utils.render_jinja_template  # its annotations are not its types
    try:
        texts, marks = renderer(
            conversations=[list(turns)],
            tools=tools or None,
            chat_template=tokenizer.get_chat_template(tools=tools or None),
            **tokenizer.special_tokens_map,
            **options,
        )
    except (TemplateError, TypeError, ValueError, KeyError, ArithmeticError) as error:
        raise Unrendered(f"The chat template refuses a conversation: {error}") from error
    return texts[0], [(start, end) for start, end in marks[0]] if marks else []


def spans_of(
    tokenizer: Any, turns: Sequence[dict[str, Any]], tools: Any = None
) -> tuple[str, list[Span] | None]:
    """Return a conversation as text, and the spans of its answers in it.

    The spans are None where the template shows the last prompt differently once its answer follows,
    so that the answer cannot be told from the prompt. An earlier answer of which that is true has no
    span. Raises Unrendered where the template refuses the conversation.
    """
    if _MARKED.search(tokenizer.get_chat_template(tools=tools or None)):
        return _rendered(tokenizer, turns, tools, return_assistant_tokens_mask=True)
    text = render(tokenizer, turns, tools)
    spans = []
    for number, turn in enumerate(turns, 1):
        if turn["role"] != "assistant":
            continue
        last = number == len(turns)
        before = render(tokenizer, turns[: number - 1], tools, prompt=True)
        until = (text if last else render(tokenizer, turns[:number], tools)).rstrip()
        if text.startswith(before) and text.startswith(until):
            spans.append((len(before), len(until)))
        elif last:
            return text, None
    return text, spans
