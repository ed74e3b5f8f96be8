"""Rules for faults of answers, each a function of prompt and response.

A rule may read the prompt: an answer that the prompt asks for is not wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from curation import personal
from curation.answers.ending import is_merged, is_truncated, repetition
from curation.answers.leftovers import has_html, has_special_tokens, is_garbled
from curation.answers.links import points_to_a_page
from curation.answers.missing import is_copy, is_placeholder
from curation.answers.refusal import is_refusal

__all__ = ["RULES", "repetition"]

RULES: dict[str, tuple[str, Callable[[str, str], bool]]] = {
    "empty_answer": ("the answer is empty", lambda p, r: not r.strip()),
    "placeholder_answer": ("a placeholder stands for the answer or the input", is_placeholder),
    "refusal": ("the answer refuses, or speaks as an AI", is_refusal),
    "truncated_answer": ("the answer stops in the middle", is_truncated),
    "repetition_loop": ("the answer repeats itself", lambda p, r: repetition(r) > 0.3),
    "merged_instructions": ("another instruction follows inside the answer", is_merged),
    "copies_prompt": ("the answer is a copy of the prompt", is_copy),
    "garbled": ("characters are garbled", is_garbled),
    "html": ("HTML was left in the text", has_html),
    "special_tokens": ("chat-template tokens stand in the text", has_special_tokens),
    "unfollowable_url": ("the prompt points to a page that nobody can open", points_to_a_page),
    "personal_data": (
        "an e-mail address, a phone, card, account or identity number, or a key stands in the text",
        lambda p, r: personal.is_personal(p) or personal.is_personal(r),
    ),
}
"""Rule → its sentence, and a function of prompt and response."""
