"""Answers that end too early: cut by a limit of length, or without the end of their last sentence."""

from __future__ import annotations

import re
from functools import lru_cache

from curation.answers.code import is_open_code
from curation.answers.pieces import ends_with_conjunction, is_open_chinese, is_open_english
from curation.answers.rule import Pair, Rule
from curation.text.scripts import is_han
from curation.text.words import words

_NEVER_LAST = set(
    "the and because your our its than und oder eine einen einem et les los las el del который которая и или".split()
)
"""Words that end no sentence in their language, and mean nothing else in others at a line's end."""
_SELDOM_LAST = set("to of with for by as from into which is are was were a".split())
"""Words that end a sentence only after a question word, or where such a word is left out."""
_MENTIONS = set(
    "is are say says word words article conjunction conjunctions means write called like or and und oder y et".split()
)
"""Words after which a word may be named and not used: the German for "and" is und."""
_ASKING = re.compile(
    r"\b(?:which|what|who|whom|whose|where|when|why|how|that|whatever|whoever|something|someone|anything|nothing|"
    r"everything|things?|options?|answer|choice|letter|grade|type|class|group|variant|vitamin|it|they|he|she|"
    r"you|we|i)\b",
    re.IGNORECASE,
)
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


@lru_cache(maxsize=1)  # the next rule asks again
def is_truncated(pair: Pair) -> bool:
    """Tell whether an answer surely stops in the middle.

    It ends with a word that ends no sentence ("and", "the", 以及), a comma, an empty item of a list, or an
    open bracket, operator, code block or formula. A prompt that asks for a line of a letter or poem may get a
    comma. A piece of a word, and a word that seldom ends a sentence, may be whole words: they only flag.
    """
    stripped = pair.response.rstrip()
    if not stripped:
        return False
    if _open_block(stripped) or _open_item(stripped) or is_open_code(stripped):
        return True
    last = stripped[-_LAST:].rsplit("\n", 1)[-1].strip()
    if _ITEM.match(last) and last[-1] in _ENDS:
        return False
    if _OPEN_SIGNS.search(last) and not _CODE.search(last):
        seldom = stripped.count(f"{last[-1]}\n") + stripped.count(f"{last[-1]} \n") == 0
        return seldom and len(words(last)) >= (3 if "\n" in stripped else 6)
    if _OPEN_SUM.search(last):
        return True
    if _CUT_YEAR.search(last) or _open_bracket(last):
        return len(words(last)) >= 6
    if is_han(last[-1]):
        return pair.language in ("", "zh") and ends_with_conjunction(_unended(stripped, last)[0])
    if len(words(last)) >= 6 and _dangles(_SENTENCE_END.split(last)[-1].strip() or last):
        return not (last.endswith((",", "，")) and _ASKS_A_LINE.search(pair.prompt))
    return False


def _left_open(pair: Pair, text: str, last: str) -> bool:
    """Whether the last sentence of prose stops inside a word, or at one that waits for the next."""
    sentence, follows = _unended(text, last)
    if not sentence:
        return False
    if is_han(sentence[-1]):
        return pair.language in ("", "zh") and is_open_chinese(sentence, follows)
    return pair.language in ("", "en") and is_open_english(sentence, follows)


def _unended(text: str, last: str) -> tuple[str, bool]:
    """Return a last sentence that has no end, and whether whole ones stand before it.

    last: the last line. The sentence is empty where it has an end, and in links, code and formulas.
    """
    marker = _ITEM.match(last)
    bare = last[marker.end() :].strip() if marker else last
    sentence = _SENTENCE_END.split(bare)[-1].strip() or bare
    if not sentence[-1:].isalnum() or _SIGNS.search(sentence) or _CODE.search(bare):
        return "", False
    return sentence, sentence != bare or _whole_lines(text[: len(text) - len(bare)])


_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_CUT_YEAR = re.compile(
    rf"(?:\b{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?, |(?:19|20)\d\d (?:to|until|through) |"
    r"\b(?:born|died|founded|established|published|released|built|invented) in )(?:19|20)\Z"
)
"""A year of which two digits are left."""
_OPEN_SUM = re.compile(r"<<[\d.+*/=()% -]*\Z")
"""A worked sum, as GSM8K has them, that is not closed."""
_EMPTY_ITEM = re.compile(r"\n\s{0,12}([-*•]|(\d{1,3})[.)]?)\Z")
_NUMBER = re.compile(r"(\d{1,3})[.)、]")
_PAIRS = ("()", "（）", "“”", "「」", "《》", "【】")


def _open_item(text: str) -> bool:
    """Whether a list ends with the mark of its next item and nothing else."""
    mark = _EMPTY_ITEM.search(text[-20:])
    if not mark:
        return False
    before = text[: -len(mark.group())].rstrip().rsplit("\n", 1)[-1].strip()
    number = _NUMBER.match(before)
    if mark[2]:
        return number is not None and int(number[1]) + 1 == int(mark[2])
    return len(before) > 1 and before[0] == mark[1]


def _open_bracket(line: str) -> bool:
    """Whether a bracket or quotation is opened after some words of a line of prose, and not closed."""
    if line[-1] in _ENDS or _CODE.search(line):
        return False
    return any(
        line.count(pair[0]) > line.count(pair[1])
        and line.rfind(pair[0]) > line.rfind(pair[1])
        and len(words(line[: line.rfind(pair[0])])) >= 3
        for pair in _PAIRS
    )


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

    Sentences before it have their ends, and the last has six words or more; or it ends with a piece of a
    word, or with a word that seldom ends a sentence. No title, list, code, link or signature counts.
    """
    stripped = pair.response.rstrip()
    last = stripped[-_LAST:].rsplit("\n", 1)[-1].strip()
    if not last or is_truncated(pair):
        return False
    sentence, follows = _unended(stripped, last)
    if _seldom_ends(sentence) or _left_open(pair, stripped, last):
        return True
    if not follows or min(len(words(last)), len(words(sentence)) + 1) < 4:
        return False
    capitals = sum(word[0].isupper() for word in sentence.split())
    return 2 * capitals < max(2, len(sentence.split())) + 1


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
    pieces = sentence.split()
    return (
        len(pieces) > 1
        and pieces[-1] in _NEVER_LAST
        and not pieces[-2].endswith((",", ":", "?", "”", "'", '"'))  # the last of a list of words
        and pieces[-2].lower() not in _MENTIONS
    )


def _seldom_ends(sentence: str) -> bool:
    """Whether a sentence of five words or more ends with one that seldom does."""
    pieces = sentence.split()
    before = " ".join(pieces[:-1])
    listed = before.endswith(",")
    return (
        len(pieces) > 4 and pieces[-1] in _SELDOM_LAST and not listed and not _ASKING.search(before)
    )


TRUNCATED = Rule(
    "truncated_answer", "the answer stops in the middle", is_truncated, named=31, read=31, right=28
)
UNFINISHED = Rule(
    "unfinished_answer", "the last sentence has no end", is_unfinished, named=75, read=75, right=26
)
