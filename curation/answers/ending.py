"""Answers that end too early: cut by a limit of length, or without the end of their last sentence."""

from __future__ import annotations

import re

from curation.answers.rule import Pair, Rule
from curation.text.scripts import is_han
from curation.text.words import words

_NEVER_LAST = set(
    "the an and or but because your their my our its und oder eine einen einem et les des los las el del "
    "который которая и или".split()
)
"""Words that end no sentence in their language, and mean nothing else in others at a line's end."""
_SELDOM_LAST = set("to of with for by as from into than which is are was were a".split())
"""Words that end a sentence only after a question word, or where such a word is left out."""
_ASKING = re.compile(
    r"\b(?:which|what|who|whom|whose|where|when|why|how|that|whatever|whoever|something|someone|anything|nothing|"
    r"everything|things?|options?|answer|choice|letter|grade|type|class|group|variant|vitamin|it|they|he|she|"
    r"you|we|i)\b",
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
    r"\b(?:lines?|poem|verse|stanza|rhyme|lyrics?|haiku|couplet|letter|greeting|salutation|opening|title|"
    r"sentence)\b|诗|句",
    re.IGNORECASE,
)
"""Requests whose answer may end with a comma."""

_LAST = 2_000
"""Characters of a last line that are read."""


_OPEN_SIGNS = re.compile(r"(?:(?<=\s)(?:[=+×÷<$/-]|\\\w{1,20})|[(\[“「（【《])\Z")
"""Ends that wait for something: an operator, an opening bracket or quotation mark, a command of TeX."""
_MATHS = re.compile(r"\\begin\{(\w+\*?)\}|\\end\{(\w+\*?)\}")
_ENDS = ".!?。！？…:：;；\"”’'»」』）)]}>*`~|•"


def is_truncated(pair: Pair) -> bool:
    """Tell whether an answer surely stops in the middle.

    It ends with a word that ends no sentence ("and", "the", 以及), with a comma, with an open bracket,
    operator, code block or formula. A prompt that asks for a line of a letter or poem may get a comma.
    """
    stripped = pair.response.rstrip()
    if not stripped:
        return False
    if _open_block(stripped):
        return True
    last = stripped[-_LAST:].rsplit("\n", 1)[-1].strip()
    if len(words(last)) < 6 or _ITEM.match(last) and last[-1] in _ENDS:
        return False
    if _OPEN_SIGNS.search(last) and not _CODE.search(last):
        return stripped.count(f"{last[-1]}\n") + stripped.count(f"{last[-1]} \n") == 0
    if _CUT_YEAR.search(last):
        return True
    fragment = _SENTENCE_END.split(last)[-1].strip() or last
    if not _dangles(fragment):
        return False
    return not (fragment.endswith((",", "，")) and _ASKS_A_LINE.search(pair.prompt))


_CUT_YEAR = re.compile(
    r"\b(?:in|of|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?(?: \d{1,2}(?:st|nd|rd|"
    r"th)?,?)?) (?:19|20)\Z"
)
"""A year of which two digits are left."""
_CODE = re.compile(r"[;{}]|\w\(|==|=>|->|</")


def _open_block(text: str) -> bool:
    """Whether a fence of code or an environment of TeX is opened and not closed."""
    if "\\begin{" in text:
        depth = sum(1 if mark[1] else -1 for mark in _MATHS.finditer(text))
        if depth > 0:
            return True
    fences = [line for line in text.split("\n") if line.lstrip().startswith("```")]
    return len(fences) % 2 == 1 and text[-1] not in ".!?。！？" and text.count("```") % 2 == 1


def is_unfinished(pair: Pair) -> bool:
    """Tell whether prose lacks the end of its last sentence: probably cut, or written without a full stop.

    Sentences before it have their ends, and the last has six words or more; no title, list, code, link
    or signature counts.
    """
    stripped = pair.response.rstrip()
    last = stripped[-_LAST:].rsplit("\n", 1)[-1].strip()
    if len(words(last)) < 4 or is_truncated(pair):
        return False
    marker = _ITEM.match(last)
    last = last[marker.end() :].strip() if marker else last
    fragment = _SENTENCE_END.split(last)[-1].strip() or last
    if not fragment[-1:].isalnum() or _SIGNS.search(fragment) or _CODE.search(last):
        return False
    ended = fragment != last and len(words(fragment)) >= 3
    before = _whole_lines(stripped[: len(stripped) - len(last)])
    capitals = sum(word[0].isupper() for word in fragment.split())
    title = 2 * capitals >= max(2, len(fragment.split())) + 1
    return (ended or before) and not title


def _whole_lines(text: str) -> bool:
    """Whether the last two lines before end with a full stop, so that the next would too."""
    before = [line.strip() for line in text.split("\n") if line.strip()][-2:]
    return bool(before) and all(
        line[-1] in ".。!！?？" and len(words(line)) >= 6 for line in before
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
    listed = before.endswith(",")  # the last of a list of words
    return (
        len(pieces) > 4 and pieces[-1] in _SELDOM_LAST and not listed and not _ASKING.search(before)
    )


def _last_han_word(text: str) -> str:
    if text[-1] not in "和与把被但是而且为及者并果于或":
        return ""
    import logging

    import jieba

    jieba.setLogLevel(logging.ERROR)
    return str(list(jieba.cut(text[-20:]))[-1])


TRUNCATED = Rule(
    "truncated_answer", "the answer stops in the middle", is_truncated, named=62, read=62, right=60
)
UNFINISHED = Rule(
    "unfinished_answer", "the last sentence has no end", is_unfinished, named=56, read=56, right=10
)
