"""Scripts that set no spaces between words, and syllables that stand alone."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

HAN = "\u4e00-\u9fff"
"""Chinese characters of everyday texts, for a [class]; rarer ones are in UNSPACED."""

KANA = "\u3040-\u30ff"
"""Hiragana and katakana, for a [class]."""

UNSPACED = (
    f"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff{KANA}\u3400-\u4dbf{HAN}\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Scripts that set no spaces between words: Thai, Lao, Burmese, Khmer, Kana, Han; for a [class]."""

SYLLABIC = f"{UNSPACED}\uac00-\ud7af"
"""Letters of which one says about as much as a word: the ones above and Hangul; for a [class]."""

_IS_UNSPACED = re.compile(f"[{UNSPACED}]")
_IS_KANA = re.compile(f"[{KANA}]")
_IS_HAN = re.compile(f"[{HAN}]")


def is_unspaced(text: str) -> bool:
    """Whether a quarter of a text's first 2,000 characters belong to scripts without spaces."""
    beginning = text[:2_000]
    return len(_IS_UNSPACED.findall(beginning)) * 4 > len(beginning)


def is_han(text: str) -> bool:
    """Whether a text begins with a Chinese character."""
    return _IS_HAN.match(text) is not None


def holds_kana(text: str) -> bool:
    """Whether a text holds hiragana or katakana, and so is Japanese."""
    return _IS_KANA.search(text) is not None


def han_count(text: str) -> int:
    """Number of Chinese characters in a text."""
    return len(_IS_HAN.findall(text))


def script_of(text: str) -> str:
    """Return the script of most letters among a text's first 240 characters, as LATIN or CYRILLIC.

    Chinese and Japanese are one script, CJK. Empty without letters.
    """
    names = (unicodedata.name(c, "").split(" ")[0] for c in text[:240] if c.isalpha())
    counts = Counter("CJK" if name in ("HIRAGANA", "KATAKANA") else name for name in names)
    return max(counts, key=lambda name: counts[name], default="")
