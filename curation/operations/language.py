"""Which language a text is in."""

from __future__ import annotations

import functools
import re
from typing import Annotated, Any

import numpy as np
import pandas as pd

from curation.registry import Range, score

CHARACTERS = 400
"""The beginning of a text that is looked at: enough to be sure, and quick."""

LANGUAGES = tuple(
    "ar bg bn ca cs da de el en es fa fi fr he hi hr hu id it ja ko lt lv ms nb nl pl pt ro ru sk sl sr sv ta "
    "te th tr uk ur vi zh".split()
)
"""Languages that are told apart: those of instruction data. All 75 that lingua knows give short
English prompts to Latin, Tagalog or Maori (8 % of an Alpaca sample)."""

SURE = 0.5
"""Confidence below which a language counts as unknown."""

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`|https?://\S+", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")


@functools.lru_cache(maxsize=1)
def _detector() -> Any:
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [getattr(IsoCode639_1, code.upper()) for code in LANGUAGES]
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*codes)
    return builder.with_low_accuracy_mode().build()


def _readable(text: str) -> str:
    return _CODE.sub(" ", text[: CHARACTERS * 2])[:CHARACTERS] if text else ""


def _detect(texts: list[str], shortest: int) -> list[tuple[str, float]]:
    """Language and confidence of each text; ("", nan) for one with too few letters."""
    readable = [_readable(text) for text in texts]
    weights = [sum(2 if ord(c) > 0x2E80 else 1 for c in _LETTER.findall(text)) for text in readable]
    asked = [i for i, weight in enumerate(weights) if weight >= shortest]
    answers: list[tuple[str, float]] = [("", float("nan"))] * len(texts)
    if not asked:
        return answers
    detector = _detector()
    for i in asked:
        values = detector.compute_language_confidence_values(readable[i])
        if values and values[0].value >= SURE:
            answers[i] = (values[0].language.iso_code_639_1.name.lower(), float(values[0].value))
    return answers


@score("Language", makes=("language", "prompt_language", "language_confidence"))
def language(
    batch: pd.DataFrame,
    *,
    shortest: Annotated[
        int, "letters needed to tell; Chinese and Japanese count double", Range(1, 200)
    ] = 12,
) -> pd.DataFrame:
    """Tell the language of the response and of the prompt.

    ISO 639-1 codes of 42 languages; empty where there are too few letters, as in code or numbers, or
    where no language is likelier than all others together. A short response
    takes the language of prompt and response together. Detection is lingua's n-gram model.
    """
    prompts, responses = batch["prompt"].fillna("").tolist(), batch["response"].fillna("").tolist()
    of_prompt = _detect(prompts, shortest)
    of_response = _detect(responses, max(shortest, 30))
    unsure = [i for i, (code, _) in enumerate(of_response) if not code]
    both = _detect([f"{prompts[i]}\n{responses[i]}" for i in unsure], shortest)
    for i, answer in zip(unsure, both, strict=True):
        of_response[i] = answer
    return pd.DataFrame(
        {
            "language": pd.Series(
                [code for code, _ in of_response], index=batch.index, dtype="str"
            ),
            "prompt_language": pd.Series(
                [code for code, _ in of_prompt], index=batch.index, dtype="str"
            ),
            "language_confidence": np.array([sure for _, sure in of_response], dtype="float64"),
        },
        index=batch.index,
    )
