"""The share of each language's text that an embedding model cannot read.

A model that does not know a language's characters turns them into one unknown token, so that texts which
have nothing in common lie together.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from curation.embedding import MULTILINGUAL, READS, UNREADABLE, TextTokenizer, local_tokenizer
from curation.errors import CurationError
from curation.languages import languages
from curation.recipe import Recipe, Step

SPELLED = 0.7
"""Tokens for each character above which a language is read letter by letter, and counts as unread.

The same for Korean, 1.3 tokens a character, and Russian, 0.8: 25 and 33 % of the nearest, the multilingual
model 45 and 42 %.
"""

_CHARACTER_IS_WORD = ("ja", "zh")
"""Languages that good models read character by character too."""

SAMPLE = 2_000
"""Rows whose languages are looked at where no step did, spread evenly."""

EACH = 200
"""Rows of a language whose tokens are counted."""

SHARE, ROWS = 0.01, 20
"""A language counts from this share of the rows on, or from this number of rows."""


@dataclass(frozen=True)
class LanguageTokens:
    """The tokens of a language's rows under a model.

    rows: that are in it, estimated from a sample where the dataset has no column `language`.
    unknown: the share of tokens that stand for what is not in the vocabulary. per_character: tokens
    for each character but spaces; near 1 where words are read letter by letter.
    """

    language: str
    rows: int
    unknown: float
    per_character: float

    @property
    def is_unread(self) -> bool:
        """Whether the model reads too little of it for neighbours that mean something."""
        return self.unknown > UNREADABLE or self._is_spelled

    @property
    def _is_spelled(self) -> bool:
        return self.per_character > SPELLED and self.language not in _CHARACTER_IS_WORD

    @property
    def described(self) -> str:
        """The part that counts as unread, for the middle of a sentence."""
        rows = f"{self.rows:,} example{'s' if self.rows != 1 else ''} in {self.language}"
        if self.unknown > UNREADABLE:
            return f"{self.unknown:.0%} of the tokens of {rows}"
        return f"the words of {rows}"


@dataclass(frozen=True)
class Unread:
    """The languages of a dataset as its embedding model reads them, the most frequent first."""

    model: str
    languages: tuple[LanguageTokens, ...]

    @property
    def multilingual_helps(self) -> bool:
        """Whether the multilingual model was trained on a language that this one cannot read."""
        codes = {one.language for one in self.languages if one.is_unread}
        return self.model != MULTILINGUAL and bool(codes & READS)

    @property
    def statement(self) -> str:
        """The languages that the model cannot read, without a full stop; empty when it reads all."""
        unread = ", ".join(one.described for one in self.languages if one.is_unread)
        if not unread:
            return ""
        return (
            f"The embedding model cannot read {unread}, so their neighbours and places on the map "
            "mean little"
        )

    @property
    def sentence(self) -> str:
        """The languages that the model cannot read, and what to do; empty when it reads all."""
        if not self.statement:
            return ""
        cure = "a folder or a Hub name of a model that reads them"
        if self.multilingual_helps:
            cure = f"{MULTILINGUAL}, a folder or a Hub name"
        return f"{self.statement}; set the model of Embeddings to {cure}."

    def to_dict(self) -> dict[str, Any]:
        """The figures for `--json`; `warning` is empty when the model reads all."""
        return {
            "model": self.model,
            "languages": [asdict(one) for one in self.languages],
            "warning": self.sentence,
        }


def unread_by(rows: pd.DataFrame, recipe: Recipe) -> Unread | None:
    """Return what the model of a recipe's embedding cannot read; None without such a step or model.

    Nothing is fetched: also None while the model's tokenizer is not on this machine.
    """
    steps = [step for step in recipe if step.enabled and step.operation.kind == "embed"]
    if not steps:
        return None
    arguments = steps[-1].arguments
    with suppress(CurationError):  # the step itself says that its model is missing
        return unread(rows, arguments["model"], arguments["of"])
    return None


def multilingual(recipe: Recipe) -> Recipe:
    """Return the recipe with the multilingual model, by its own backend, in every step that embeds."""
    for position, step in enumerate(recipe):
        if step.operation.kind == "embed":
            params = {**step.params, "model": MULTILINGUAL}
            params.pop("way", None)
            recipe = recipe.changed(position, Step(step.use, step.enabled, **params))
    return recipe


def unread(rows: pd.DataFrame, model: str = "", of: str = "both") -> Unread:
    """Count the tokens of each language of the rows that have it, as a model reads them.

    rows: of a dataset, with its column `language` where a step made it. model, of: as the step embed
    takes them. Raises CurationError when the model is not on this machine.
    """
    some, times = rows, 1.0
    if "language" not in rows:
        some = rows.iloc[:: max(1, len(rows) // SAMPLE)]
        times = len(rows) / max(1, len(some))
    codes = (
        some["language"].fillna("")
        if "language" in some
        else pd.Series([code for code, _ in languages(_texts(some, of).tolist())])
    )
    counted, tokenizer = [], local_tokenizer(model)
    for code, number in codes[codes != ""].value_counts(sort=True).items():
        estimate = round(number * times)
        if estimate >= ROWS or estimate >= SHARE * len(rows):
            places = np.flatnonzero((codes == code).to_numpy(dtype=bool))
            part = some.iloc[places[:: max(1, len(places) // EACH)]]
            counted.append(_counted(str(code), estimate, _texts(part, of).tolist(), tokenizer))
    return Unread(model, tuple(counted))


def _texts(rows: pd.DataFrame, of: str) -> pd.Series:
    prompts, responses = rows["prompt"].fillna(""), rows["response"].fillna("")
    if of == "prompt":
        return prompts
    return (
        responses.where(responses != "", prompts)
        if of == "response"
        else prompts + "\n\n" + responses
    )


def _counted(
    code: str, rows: int, texts: Sequence[str], tokenizer: TextTokenizer
) -> LanguageTokens:
    ids = tokenizer.ids(texts)
    tokens = sum(map(len, ids))
    unknown = 0
    if tokenizer.unknown is not None:
        unknown = sum(one.count(tokenizer.unknown) for one in ids)
    characters = sum(len("".join(text.split())) for text in texts)
    return LanguageTokens(
        code, rows, round(unknown / max(1, tokens), 4), round(tokens / max(1, characters), 3)
    )
