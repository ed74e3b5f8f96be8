"""Flesch's reading ease of a text, in languages that have constants for it.

Syllables are counted by the groups of vowels that a language speaks as one. That is nearer to CMU's
dictionary of English than hyphenation is, and right for short words, which hyphenation leaves whole
(idea, una, она).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

LEAST = 20
"""Words that a text needs: Flesch's samples had a hundred."""

CONSTANTS = {
    "en": (206.835, 1.015, 84.6),
    "de": (180.0, 1.0, 58.5),
    "es": (206.84, 1.02, 60.0),
    "fr": (207.0, 1.015, 73.6),
    "it": (217.0, 1.3, 60.0),
    "nl": (206.84, 0.93, 77.0),
    "ru": (206.835, 1.3, 60.1),
}
"""Language → base, weight of words in a sentence, weight of syllables in a word."""

NUCLEI = {
    "de": re.compile(r"aa|ee|oo|au|äu|eu|ei|ai|ie|[aeiouyäöü]"),
    "es": re.compile(r"[iuü]?[aeoáéó](?:[iuy](?![aeiouáéíóú]))?|[iuüíúy]+"),
    "fr": re.compile(
        r"oui|(?:[iouy](?=[aeéèêoi]))?(?:eau|œu|[aeo]u|[ae][iî]|oi|oî|[aeiouyàâéèêëîïôùûüœ])"
    ),
    "it": re.compile(r"(?:[iu](?=[aeoàèéòóù]))?[aeoàèéòóù](?:[iu](?![aeiou]))?|[iuìí]"),
    "nl": re.compile(r"aai|ooi|oei|eeu|ieu|aa|ee|oo|uu|ie|ij|ei|ui|oe|eu|au|ou|[aeiouyëïöü]"),
    "ru": re.compile(r"[аеёиоуыэюя]"),
}
"""Language → what is spoken as one vowel. Letters that are one sound or two (zia, paura) count as one."""

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")

_END = re.compile(r"[.!?…]+(?=\s|$)|\n")
"""The end of a sentence, heading or item."""

_VOWELS = re.compile(r"[aeiouyàâäáèéêëìíîïòóôöùúûü]+")

_MUTE = re.compile(r"(?<=[^aeoàâèêëîïôùûü])es?$")
"""The ending of a French word that is not spoken."""

_SPOKEN_E = ("le", "ee", "ie", "ye", "oe", "ue")

_SILENT_ED = re.compile(r"[^aeiouytd]ed$")


def reading_ease(text: str, language: str) -> float | None:
    """Return the reading ease of a text, about 0 (hard) to 100 (easy).

    None for a language without constants, and for fewer than LEAST words.
    """
    words = _WORD.findall(text)
    if language not in CONSTANTS or len(words) < LEAST:
        return None
    sentences = sum(bool(_WORD.search(part)) for part in _END.split(text))
    count = _counter(language)
    base, of_words, of_syllables = CONSTANTS[language]
    syllables = sum(count(word.lower()) for word in words)
    return base - of_words * len(words) / sentences - of_syllables * syllables / len(words)


def english_syllables(word: str) -> int:
    """Count the syllables of a word of English in small letters, one at least."""
    count = len(_VOWELS.findall(word))
    if count > 1 and word.endswith("e") and not word.endswith(_SPOKEN_E):
        count -= 1
    if count > 1 and _SILENT_ED.search(word):
        count -= 1
    return max(1, count)


@functools.cache
def _counter(language: str) -> Callable[[str], int]:
    """A function that counts the syllables of a word, and remembers it."""
    if language == "en":
        return functools.lru_cache(100_000)(english_syllables)
    return functools.lru_cache(100_000)(functools.partial(_syllables, language))


def _syllables(language: str, word: str) -> int:
    """Count the syllables of a word in small letters, one at least, and none in Russian в, к, с."""
    spoken = _MUTE.sub("", word) if language == "fr" else word
    return len(NUCLEI[language].findall(spoken)) or int(language != "ru")
