"""Rules for faults of answers, each with what reading its hits on published data showed.

A rule may read the prompt: an answer that the prompt asks for is not wrong.
"""

from __future__ import annotations

from curation import personal
from curation.answers import copied, ending, leftovers, links, loop, missing, refusal, tongue, turns
from curation.answers.loop import repetition
from curation.answers.rule import Pair, Rule

__all__ = ["RULES", "Pair", "Rule", "repetition"]


def _holds_personal_data(pair: Pair) -> bool:
    """Tell whether an e-mail address, a number that belongs to somebody, or a key stands in the text."""
    return personal.is_personal(pair.prompt) or personal.is_personal(pair.response)


PERSONAL = Rule(
    "personal_data",
    "an e-mail address, a phone, card, account or identity number, or a key stands in the text",
    _holds_personal_data,
    named=31,
    read=28,
    right=23,
    about_text=True,
    cured_by="redact_personal",
)

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        *(missing.EMPTY, missing.PLACEHOLDER, refusal.RULE, ending.TRUNCATED, ending.UNFINISHED),
        *(loop.RULE, turns.RULE, copied.RULE, leftovers.GARBLED, leftovers.HTML, leftovers.TOKENS),
        *(links.PAGE, links.NOWHERE, PERSONAL, tongue.RULE),
    )
}
"""Name → rule, in the order in which a reason names them."""
