"""Answers that are missing: a placeholder, or a copy of the prompt, stands in their place."""

from __future__ import annotations

import re

from curation.text.folding import one_line
from curation.text.words import words

_PLACEHOLDER = re.compile(
    r"<\s{0,3}no[ _-]{0,3}(?:in|out)put\s{0,3}>|no ?(?:in|out)put\.?|n/?a\.?|"
    r"null|nil|todo\.?|tbd\.?|\.{2,}|…|-+|"
    r"not applicable\.?|placeholder|\[(?:insert|your) [^\]\n]{0,60}\]|无|暂无|略|k\. ?a\.|output:?|answer:?|response:?",
    re.IGNORECASE,
)
_NONE = re.compile(r"none\.?|nothing\.?", re.IGNORECASE)
_NO_INPUT = re.compile(
    r"<\s{0,3}no[ _-]{0,3}(?:in|out)put\s{0,3}>|\bno(?:in|out)put\b", re.IGNORECASE
)
_PLACEHOLDER_INPUT = re.compile(
    r"\n[ \t]{0,9}\r?\n\s{0,20}(?:<\s{0,3}no[ _-]{0,3}input\s{0,3}>|no ?input\.?|n/a\.?|none\.?|not applicable\.?)\Z|"
    r"<\s{0,3}no[ _-]{0,3}input\s{0,3}>",
    re.IGNORECASE,
)
_ASKS_FOR_A_WORD = re.compile(
    r"\b(?:words?|keywords?|terms?|abbreviations?|acronyms?|symbols?|literals?|values?|stands? for|short(?:hand)? for|"
    r"called|constant|classify|category|label|sign|punctuation)\b|缩写|关键字|符号",
    re.IGNORECASE,
)
_ASKS_TO_MAKE = re.compile(
    r"\s{0,9}(?:please )?(?:name|write|tell|describe|explain|create|generate|suggest|compose|"
    r"design|give me|make|invent)\b",
    re.IGNORECASE,
)
_MAY_BE_NONE = re.compile(
    r"\b(?:any|if|whether|none|no|errors?|mistakes?|missing|difference|both|either)\b",
    re.IGNORECASE,
)


def is_placeholder(prompt: str, response: str) -> bool:
    """Whether something stands in place of the answer, or of the prompt's input."""
    if _PLACEHOLDER_INPUT.search(prompt.rstrip()[-400:]):
        return True
    answer = response.strip()
    if not answer or len(answer) > 200:
        return answer[:11].casefold() == "lorem ipsum" and "lorem" not in prompt.casefold()
    if _NO_INPUT.search(answer):
        return True
    if _PLACEHOLDER.fullmatch(answer):
        return not (
            answer.strip(".").casefold() in prompt.casefold() or _ASKS_FOR_A_WORD.search(prompt)
        )
    return bool(
        _NONE.fullmatch(answer) and _ASKS_TO_MAKE.match(prompt) and not _MAY_BE_NONE.search(prompt)
    )


_ASKS_TO_REPEAT = re.compile(
    r"\b(?:repeat|copy|correct|proofread|grammar|spell|punctuat|errors?|mistakes?|extract|quote|find|identify|which|"
    r"select|choose|pick|underline|highlight|edit)|改正|纠正|重复|找出|选出|哪",
    re.IGNORECASE,
)


def is_copy(prompt: str, response: str) -> bool:
    """Whether an answer is a part of the prompt, to the comma, and the prompt asks for no such copy."""
    question, answer = (one_line(text.casefold()) for text in (prompt, response))
    return (
        len(answer) >= 0.8 * len(question)
        and answer in question
        and len(words(answer)) >= 8
        and (answer == question or not _ASKS_TO_REPEAT.search(question.replace(answer, "")))
    )
