"""Words at the end of a text that end no sentence, and pieces of words, in English and Chinese.

Guarantee: nothing is said of a text with its last sign, of formulas, or of other languages.
"""

from __future__ import annotations

import functools
import re

from curation.text.scripts import holds_kana, is_han

_NEVER_LAST = set(
    "the an and or but because your my our its their every whose can will has from into during such if while "
    "another could should would must which than".split()
)
"""English words that end no statement, however short."""
_OPEN = _NEVER_LAST | set(
    "to of is in that by with for are his a this these as both been was were does did may might also it they we "
    "he she there when where who what i you not very some any each other more most many between through about "
    "so then be s t".split()
)
"""English words that seldom end a sentence; after whole sentences one without a full stop is cut."""
_AUXILIARIES = set(
    "can will has could should would must is are was were does did may might be".split()
)
_SUBJECTS = set("i you he she it we they that one there as than all what".split())
"""Words after which an auxiliary may end a sentence (as well as he can)."""
_SHORT = set(
    "a i am an as at be by do eh er ex go ha he hi hm id if in is it la lo ma me my no of oh ok on or ox oz pa pi "
    "re so to tv uh um up us vs we ya ye yo mr ms cm km mm kg mg ml lb ft hr pm mb gb kb tb mw kw hz hp nm ad ai "
    "ui ux ip js pc de le el en un une du et al es se te di da ii iv vi ix xi cc ph pp op uk ac dc nv nj ny gi hq "
    "bc".split()
)
"""Words, units and numerals of one or two letters."""
_PIECE = re.compile(r"[A-Za-z]{2} ([a-z]{1,2})\Z")
_LETTER = re.compile(
    r"\b(?:vitamin|plan|option|type|class|grade|letter|answer|choice|group|section|part|point|variable|side|angle|"
    r"word|name|vowel|sound|hepatitis|line|row|column|drive|key|note|size)s? [a-z]\Z"
)
_CLUSTER = re.compile(
    r"[A-Za-z,] [a-z]{0,12}(?:[bcdfgkpt]r|[bcdfgkpst]l|[jqv]|tw|wh|kn|[bcdgrstm]u)\Z"
)
"""A word that ends with letters which begin a syllable: gr, pl, kn, distribu."""
_CLUSTERED = set("menu flu emu tofu guru haiku tutu gnu cpu gpu dal url html xml ctrl".split())
_FORMULA = re.compile(r"[=+×÷<>^\\{}\[\]|;_]|\d\s*\Z")


def is_open_english(sentence: str, follows: bool) -> bool:
    """Tell whether an English sentence without its end stops at a piece of a word or before the next.

    follows: whether whole sentences stand before it, so that this one would have a full stop too.
    """
    words = sentence.split()
    if not words or _FORMULA.search(sentence):
        return False
    last, before = words[-1], words[-2].lower() if len(words) > 1 else ""
    if last in _AUXILIARIES and before in _SUBJECTS:
        return False
    if follows and last.lower() in _OPEN:
        return True
    if len(words) < 4 or not last.islower() or not (follows or words[0][0].isupper()):
        return False
    if len(words) > 5 and last in _NEVER_LAST:
        return not before.endswith(",")
    end = sentence[-40:]
    if piece := _PIECE.search(end):
        return piece[1] not in _SHORT and not _LETTER.search(end)
    return _CLUSTER.search(end) is not None and last not in _CLUSTERED


_NEVER_LAST_HAN = set(
    "和 与 把 被 但 但是 而 而且 因为 以及 或 或者 及 并且 如果 由于 是 将 从 对 向 使 让 由 为 以 并 可以 能够 "
    "需要 应该 必须 包括 例如 比如 根据 关于 其 该 这些 那些 一个 一种 非常 更 更加 最 也 都 还 就 会 要 所以 "
    "为了 导致 成为 称为 用于 具有 提供".split()
)
"""Chinese words that end no sentence."""
_OPEN_TAGS = {"d", "c", "p", "ng", "vg", "ag", "dg", "uj", "uz", "ug"}
"""jieba's tags of adverbs, conjunctions, prepositions and bound morphemes."""
_CLAUSE = re.compile(r"[。！？；，：:,“”（(|—-]")
_SURE, _PROBABLE = 0.15, 0.4
"""Shares, by jieba's counts, below which a last character is a piece of a word and no word of its own.

The first holds in a single sentence, the second after others that have their ends.
"""
_ALONE = set("吧呢吗啊了着过等万亿元个岁年月日号点分秒米克升度次人家")
"""Characters that end a sentence, and counts."""


def is_open_chinese(sentence: str, follows: bool) -> bool:
    """Tell whether a Chinese sentence without its end stops inside a word or before the next one.

    follows: whether a sentence with its end stands before it.
    """
    if not is_han(sentence[-1:]) or holds_kana(sentence) or len(sentence) < 6:
        return False
    clause = _CLAUSE.split(sentence)[-1].strip()
    if len(clause) < 2 or not follows and len(sentence) < 10:
        return False
    if clause.endswith("的"):  # "what he does" ends so: 是…的
        return len(clause) >= 8 and "是" not in clause and "的，" not in sentence
    word, tag = _last_word(clause[-24:])
    if word in _NEVER_LAST_HAN:
        return len(clause) > 2
    prose = follows or "，" in sentence  # a title has neither
    if len(word) == 1 and word not in _ALONE and prose:
        return _alone(word) < (_PROBABLE if follows else _SURE)
    return follows and tag in _OPEN_TAGS and len(clause) >= 6


_CONJUNCTIONS = set("和 或 以及 并且 因为 如果 由于 但是 而且 或者 例如 比如 根据 关于".split())
"""Chinese words that surely wait for the next one."""


def ends_with_conjunction(sentence: str) -> bool:
    """Tell whether a Chinese sentence of ten characters or more ends with a word that joins it to the next."""
    if not is_han(sentence[-1:]) or holds_kana(sentence) or len(sentence) < 10:
        return False
    if not sentence.endswith(tuple(_CONJUNCTIONS)):
        return False
    clause = _CLAUSE.split(sentence)[-1].strip()
    word = _last_word(clause[-24:])[0] if clause else ""
    before = clause[: -len(word)] if word else ""
    return word in _CONJUNCTIONS and len(before) > 3 and before[-1] not in "是叫为作用有、和"


def _last_word(text: str) -> tuple[str, str]:
    """The last word of a Chinese text, and its tag."""
    import logging

    import jieba
    import jieba.posseg

    jieba.setLogLevel(logging.ERROR)
    last = jieba.posseg.lcut(text)[-1]
    return str(last.word), str(last.flag)


@functools.cache
def _beginnings() -> dict[str, int]:
    """Return how often longer words of jieba's dictionary begin with each character."""
    import jieba

    jieba.initialize()
    counts: dict[str, int] = {}
    for word, count in jieba.dt.FREQ.items():
        if len(word) > 1:
            counts[word[0]] = counts.get(word[0], 0) + count
    return counts


def _alone(character: str) -> float:
    """Return how often a character is a word of its own, as a share of the words that it begins."""
    import jieba

    longer, alone = _beginnings().get(character, 0), jieba.dt.FREQ.get(character, 0)
    return float(alone / (alone + longer)) if longer else 1.0
