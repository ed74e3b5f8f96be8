"""Answers that end too early, in the middle of a sentence, or too late, with another turn or a loop."""

from __future__ import annotations

import re

from curation.text.scripts import is_han
from curation.text.words import words, words_and_signs

_NEVER_LAST = set(
    "the an and or but because your their my our und oder eine einen einem et les des los las el del "
    "который которая и или".split()
)
"""Words that end no sentence in their language, and mean nothing else in others at a line's end."""
_SELDOM_LAST = set("to of with for by as from into than which is are was were a".split())
"""Words that end a sentence only after a question word, or where such a word is left out."""
_ASKING = re.compile(
    r"\b(?:which|what|who|whom|whose|where|when|why|how|that|whatever|whoever|something|someone|anything|nothing|"
    r"everything|things?|options?|answer|choice|letter|grade|type|class|group|variant|vitamin|it|they|he|she|you|we|i)\b",
    re.IGNORECASE,
)
_NEVER_LAST_HAN = {
    "和",
    "与",
    "把",
    "被",
    "但",
    "但是",
    "而",
    "而且",
    "因为",
    "以及",
    "或",
    "或者",
    "及",
    "并且",
    "如果",
    "由于",
}
_ITEM = re.compile(r"\s{0,20}(?:[-*•#>|]|\d{1,4}[.)]|[A-Za-z][.)]|[IVX]{1,6}\.)")
_SENTENCE_END = re.compile(
    r"(?<=[^\W\dA-Z_][.!?])\s+|(?<=\d[.!?])\s+|(?<=\s[!?])\s+|(?<=[^A-Za-z0-9\s][。！？])"
)
_SIGNS = re.compile(r"[#@=(){}<>\[\]|\\]|://|www\.|\s[-–—―~]\s")
"""Signs that are rare in truncated prose: hashtags, formulas, links, the name after a quotation."""
_ASKS_A_LINE = re.compile(
    r"\b(?:lines?|poem|verse|stanza|rhyme|lyrics?|haiku|couplet|letter|greeting|salutation|opening|title|sentence)\b|诗|句",
    re.IGNORECASE,
)
"""Requests whose answer may end with a comma."""

_LAST = 2_000
"""Characters of a last line that are read."""


def is_truncated(prompt: str, response: str) -> bool:
    """Whether an answer stops in the middle: an open code block, or prose that ends in a sentence."""
    stripped = response.rstrip()
    if stripped.count("```") % 2:
        return True
    last = stripped[-_LAST:].rsplit("\n", 1)[-1].strip()
    if len(words(last)) < 6 or _ITEM.match(last):
        return False
    fragment = _SENTENCE_END.split(last)[-1].strip() or last
    if _dangles(fragment):
        return not (fragment.endswith((",", "，")) and _ASKS_A_LINE.search(prompt))
    capitals = sum(word[0].isupper() for word in fragment.split())
    return (
        fragment != last
        and fragment[-1:].isalpha()
        and len(words(fragment)) >= 6
        and not _SIGNS.search(fragment)
        and 2 * capitals < max(2, len(fragment.split())) + 1  # not a title
    )


def _dangles(sentence: str) -> bool:
    """Whether a sentence ends with a word or sign that cannot be its last."""
    if sentence[-1:] in ",，、（(" and len(words(sentence)) >= 6:
        return True
    if not sentence[-1:].isalpha():
        return False
    if is_han(sentence[-1]):
        return _last_han_word(sentence) in _NEVER_LAST_HAN
    pieces = sentence.split()
    if pieces[-1] in _NEVER_LAST:
        return True
    before = " ".join(pieces[:-1])
    return len(pieces) > 4 and pieces[-1] in _SELDOM_LAST and not _ASKING.search(before)


def _last_han_word(text: str) -> str:
    if text[-1] not in "和与把被但是而且为及者并果于或":
        return ""
    import logging

    import jieba

    jieba.setLogLevel(logging.ERROR)
    return str(list(jieba.cut(text[-20:]))[-1])


def repetition(text: str) -> float:
    """The longest loop of a text as a share of the text; 0 below 20 words.

    A loop is a phrase that follows itself at least twice. A chorus is no loop, nor is a list whose
    items begin alike, because the text between them differs.
    """
    start = text[:20_000].lower()
    pieces = [piece for piece in words_and_signs(start) if any(map(str.isalnum, piece))]
    if len(pieces) < 20:
        return 0.0
    last: dict[tuple[str, str, str], int] = {}
    longest = run = period = 0
    for i, gram in enumerate(zip(pieces, pieces[1:], pieces[2:], strict=False)):
        gap = i - last.get(gram, i)
        run = run + 1 if gap and gap == period else 1
        period = gap
        last[gram] = i
        if gap and run + 2 >= 2 * gap:
            longest = max(longest, run + 2 + gap)
    return longest / len(pieces)


_MERGED = re.compile(
    r"^[ \t#/]{0,12}(?:\d{1,4}\.[ \t]{0,3})?(?:instruction|指令)[ \t]{0,3}\d{0,4}[ \t]{0,3}[:：]|"
    r"^[ \t]{0,3}#{2,6} ?response[ \t]{0,3}[:：]",
    re.IGNORECASE | re.MULTILINE,
)
_ASKED_AGAIN = re.compile(
    r"^[ \t#*]{0,6}(?:human|user|question)\b\**[:：]", re.IGNORECASE | re.MULTILINE
)
_ANSWERED_AGAIN = re.compile(
    r"^[ \t#*]{0,6}(?:assistant|ai|bot|chatgpt|gpt)\b\**[:：]", re.IGNORECASE | re.MULTILINE
)
_ASKS_DIALOGUE = re.compile(
    r"\b(?:dialog|conversation|chat|script|transcript|interview|scene|play|exchange|discussion|bot|"
    r"user|human|assistant|prompt|example)|对话|聊天|剧本|会话",
    re.IGNORECASE,
)


def is_merged(prompt: str, response: str) -> bool:
    """Whether another instruction, or another speaker's turn, follows inside the answer."""
    answer = response.strip()
    if _MERGED.search(answer, 1) and not _MERGED.search(prompt):
        return True
    again = _ASKED_AGAIN.search(answer, 1)
    return bool(
        again and _ANSWERED_AGAIN.search(answer, again.end()) and not _ASKS_DIALOGUE.search(prompt)
    )
