"""Answers that are a copy of their prompt."""

from __future__ import annotations

import re

from curation.answers.rule import Pair, Rule
from curation.text.folding import folded, one_line
from curation.text.words import words

_ASKS_TO_CHANGE = re.compile(
    r"\b(?:summar|shorten|shorter|rewrite|rephrase|reword|paraphrase|translat|simplif|improve|expand|condense|"
    r"in your own words|transform|convert|make it|turn (?:this|it|the))|改写|改短|缩短|总结|概括|翻译|简化|扩写|"
    r"改得|转换",
    re.IGNORECASE,
)
"""Requests that a copy of the given text cannot meet."""
_LABEL = re.compile(r"\W{0,3}\w{1,20}(?: \w{1,20})?\W{0,3}[:：]")
"""Words before the prompt that an answer may have and be a copy: "Question:", "You said:"."""
_LEAST = 4


def is_copy(pair: Pair) -> bool:
    """Tell whether an answer is its prompt again, or the text that it was to change, to the comma.

    A passage that answers a question is no copy, nor is a prompt of fewer than 4 words.
    """
    whole, again = (folded(text, punctuation=False) for text in (pair.prompt, pair.response))
    if len(words(whole)) >= _LEAST and whole in again:
        label = _LABEL.match(pair.response)
        beside = len(words(again.replace(whole, " ")))
        return beside <= (len(words(label.group())) if label else 0)
    question, answer = (one_line(text.casefold()) for text in (pair.prompt, pair.response))
    return (
        len(answer) >= 0.8 * len(question)
        and answer in question
        and len(words(answer)) >= 8
        and _ASKS_TO_CHANGE.search(question.replace(answer, "")) is not None
    )


RULE = Rule(
    "copies_prompt", "the answer is a copy of the prompt", is_copy, named=2, read=2, right=2
)
