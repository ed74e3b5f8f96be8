"""Words of texts, and the signs that change a meaning.

A word includes its marks (the vowels of Hindi, the tones of Thai, a decomposed accent) and its joiners.
"""

from __future__ import annotations

import re

import regex

from curation.text.scripts import SYLLABIC

WORD = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}\u200c\u200d]*"
"""A word, for the package `regex`."""

_SYLLABLE = rf"[{SYLLABIC}]\p{{M}}*"
_WORD = regex.compile(
    rf"{_SYLLABLE}|[[\p{{L}}\p{{M}}\p{{N}}\u200c\u200d]--[{SYLLABIC}]]+", regex.V1
)
_ASCII_WORD = re.compile("[a-z0-9]+")
_SIGN = r"[\p{S}%*/\\&@#§‰]|(?<!\p{L})[-‐–—]|[-‐–—](?!\p{L})"
_UNIT = regex.compile(rf"{WORD}|{_SIGN}")
_ASCII_UNIT = re.compile(r"[a-z0-9]+|[+<=>^`|~$%*/\\&@#]|(?<![a-z])-|-(?![a-z])")
_PIECE = re.compile(rf"[{SYLLABIC}]|[^\s{SYLLABIC}]++")


def words(text: str) -> list[str]:
    """Lower-case words; a character of a script without spaces is a word of its own."""
    lower = text.lower()
    return _ASCII_WORD.findall(lower) if lower.isascii() else _WORD.findall(lower)


def units(text: str) -> list[str]:
    """Words of folded text, and the signs that change a meaning: + − < ∪ % 😀, not punctuation."""
    return _ASCII_UNIT.findall(text) if text.isascii() else _UNIT.findall(text)


def words_and_signs(text: str) -> list[str]:
    """Pieces between white space, or characters of a script without spaces; signs count."""
    return _PIECE.findall(text)
