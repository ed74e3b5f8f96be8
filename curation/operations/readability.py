"""The readability of texts."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from curation.registry import score
from curation.text.code import code_lines
from curation.text.markup import INLINE
from curation.text.readable import reading_ease

_LANGUAGE_OF = {"prompt": "prompt_language", "response": "language"}


@score("Readability", needs=("language", "prompt_language"))
def readability(
    batch: pd.DataFrame, *, side: Literal["prompt", "response"] = "response"
) -> np.ndarray:
    """Score how easy a text is to read, about 0 (hard) to 100 (easy), by Flesch's formula.

    What it does:
        Weighs words in a sentence and syllables in a word, with the constants of English, German, Spanish,
        French, Italian, Dutch and Russian; other languages have no score. Code is left out. A text of fewer than 20
        words has no score. Below 30 it reads like a journal of science, above 60 like plain English.
    Why:
        A set for children, or for voices, needs plain sentences; a score far from the others is often a
        list, a table or code. It says nothing of content.
    Example:
        {response: "The sun is up. We go out. We sit in it. We eat and we go in. We go to bed."} → {readability: 117.97}
        {response: "The sun is up and we go out and sit in it and then we eat and go in to bed"} → {readability: 100.92}
    Measured precision:
        Syllables of 2,000 answers of Dolly (benchmarks readability): 93.5 % of the words as in CMU's dictionary and
        1.584 a word where that has 1.581; hyphenation has 89.9 % and 1.493. The score differs by 2.8 on
        average from that by the dictionary's syllables, Spearman 0.975. Spearman with the length of the
        answer: −0.04. Of German, Spanish, French, Italian, Dutch and
        Russian 23 to 29 common words each were counted by hand (tests/test_readability.py) and agree; zia,
        paura and Familie do not, of which a syllable is missed.
    Source:
        Flesch 1948; Amstad 1978 (de), Fernández Huerta 1959 (es), Kandel and Moles 1958 (fr), Vacca and Franchina
        1986 (it), Douma 1960 (nl), Oborneva 2006 (ru). Syllables: this project's rules. Not
        textstat, which fetches a dictionary from the network when it is first used.
    """
    languages = batch[_LANGUAGE_OF[side]].fillna("")
    scores = [
        reading_ease(_prose(text), language)
        for text, language in zip(batch[side].fillna(""), languages, strict=True)
    ]
    return np.array([np.nan if ease is None else ease for ease in scores], dtype="float64")


def _prose(text: str) -> str:
    """A text without its code."""
    kept = (INLINE.sub(" ", line) for line, is_code in code_lines(text) if not is_code)
    return "".join(kept)
