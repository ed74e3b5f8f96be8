"""Filters by a column or a pattern: bounds, values, expressions, and what trainers cannot use."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from curation.columns import as_numbers, as_text, holds, unknown_values
from curation.dataset import ATTENTION
from curation.errors import CurationError, RecipeError
from curation.registry import Column, Numbers, filter

_TOKENS = Numbers("response_tokens")
_LANGUAGE = Column("language")
SECONDS = 1.0
"""Time that a pattern may take on one text; a slower pattern would hang on the next text."""
SECONDS_A_BATCH = 30.0
"""Time that a pattern may take on one batch, so that a slow one ends in minutes and not in days."""


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _bounds_meet(params: Mapping[str, Any]) -> None:
    low, high = params["low"], params["high"]
    if low is not None and high is not None and low > high:
        raise RecipeError(f"keep_between: low is {low:g} and high is {high:g}; exchange them")


def _none_kept(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Say when no row meets a filter, which is seldom meant."""
    if len(rows) == 0 or answer["keep"].any():
        return []
    return [f"No example meets this, so it drops all {len(rows):,}."]


@filter("Keep between", notes=_none_kept, agrees=_bounds_meet, texts=())
def keep_between(
    batch: pd.DataFrame,
    *,
    score: Annotated[Numbers, "the number to look at"] = _TOKENS,
    low: Annotated[float | None, "the least that is kept"] = None,
    high: Annotated[float | None, "the most that is kept"] = None,
    keep_missing: Annotated[bool, "keep rows that were not measured"] = True,
) -> pd.DataFrame:
    """Keep rows whose score lies between two bounds, both included.

    What it does:
        Cuts by any score, and by any column of numbers in the files; yes counts as 1 and no as 0.
        Rows that were not measured stay unless `keep_missing` is off.
    Why:
        One filter serves every score, also those that come later.
    Example:
        with: {score: response_tokens, low: 5, high: 500}
        {response_tokens: 5} → kept
        {response_tokens: 2} → dropped
        {response_tokens: 900} → dropped
    Measured precision:
        Exact: a number lies between the bounds or does not. The score may be wrong.
    Source:
        None.
    """
    values = as_numbers(batch[score])
    below = values < (-np.inf if low is None else low)
    above = values > (np.inf if high is None else high)
    missing = values.isna() & (not keep_missing)
    keep = ~(below | above | missing)
    reasons = [
        f"{score} was not measured"
        if unmeasured
        else f"{score} = {_shown(v)}, {f'below {_shown(low)}' if under else f'above {_shown(high)}'}"
        for v, under, unmeasured in zip(values[~keep], below[~keep], missing[~keep], strict=True)
    ]
    reason = np.full(len(keep), "", dtype=object)
    reason[~keep.to_numpy()] = reasons
    return pd.DataFrame({"keep": keep, "reason": pd.Series(reason, batch.index, dtype="str")})


def _by_value(batch: pd.DataFrame, column: str, values: list[str], kept: bool) -> pd.DataFrame:
    keep = holds(batch[column], values) == kept
    reasons = [f"{column} is {value or 'missing'}" for value in as_text(batch[column])]
    return pd.DataFrame({"keep": keep, "reason": pd.Series(reasons, dtype="str")}).set_axis(
        batch.index
    )


def _unknown_values(
    params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame
) -> list[str]:
    """Name the values that no row has, with similar ones that rows have."""
    if len(rows) == 0:
        return []
    values = [value for value in params["values"] if value]
    notes = unknown_values(rows[params["column"]], values, params["column"])
    return [*notes, *_none_kept(params, rows, answer)]


@filter("Keep values", notes=_unknown_values, texts=())
def keep_values(
    batch: pd.DataFrame,
    *,
    column: Annotated[Column, "the column to look at"] = _LANGUAGE,
    values: Annotated[list[str], "values that are kept; none keeps all"] = [],  # noqa: B006 - never changed
) -> pd.DataFrame:
    """Keep rows whose column holds one of the given values.

    What it does:
        Compares texts as they are written and numbers as numbers; an empty value stands for a
        missing one. Without values nothing is dropped, so that the step can be added before it is
        filled in. A value that no row has is named, with those near to it.
    Why:
        A set for one language, topic or source is made in one step.
    Example:
        with: {column: language, values: [en]}
        {language: en} → kept
        {language: de} → dropped
    Measured precision:
        Exact: a value is equal or not. The column may be wrong.
    Source:
        None.
    """
    if not values:
        return pd.DataFrame({"keep": np.ones(len(batch), dtype=bool)}, index=batch.index)
    return _by_value(batch, column, values, True)


@filter("Drop values", notes=_unknown_values, texts=())
def drop_values(
    batch: pd.DataFrame,
    *,
    column: Annotated[Column, "the column to look at"] = _LANGUAGE,
    values: Annotated[list[str], "values that are dropped"] = [],  # noqa: B006 - never changed
) -> pd.DataFrame:
    """Drop rows whose column holds one of the given values.

    What it does:
        Compares texts as they are written and numbers as numbers; an empty value stands for a
        missing one. Without values nothing is dropped. A value that no row has is named, with those
        near to it.
    Why:
        A language, topic or source that the set should not hold goes in one step.
    Example:
        with: {column: language, values: [de]}
        {language: en} → kept
        {language: de} → dropped
    Measured precision:
        Exact: a value is equal or not. The column may be wrong.
    Source:
        None.
    """
    return _by_value(batch, column, values, False)


def _has_pattern(params: Mapping[str, Any]) -> bool:
    """Whether there is a pattern. A pattern may take any time, so only a job may wait for it."""
    return bool(params["pattern"])


def _matches(batch: pd.DataFrame, pattern: str, side: str) -> np.ndarray:
    import regex

    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise CurationError(
            f"the pattern {pattern!r} is not a regular expression: {error}."
        ) from None
    columns = ["prompt", "response"] if side == "both" else [side]
    hits = np.zeros(len(batch), dtype=bool)
    end = time.monotonic() + SECONDS_A_BATCH
    try:
        for column in columns:
            texts = batch[column].fillna("")
            matched = [
                compiled.search(text, timeout=min(SECONDS, max(0.001, end - time.monotonic())))
                is not None
                for text in texts
            ]
            hits |= np.array(matched, dtype=bool)
    except TimeoutError:
        raise CurationError(
            f"the pattern {pattern!r} takes more than {SECONDS:g} s on one text or {SECONDS_A_BATCH:g} s on "
            f"{len(batch):,}; make it simpler."
        ) from None
    return hits


@filter("Keep matching", slow=_has_pattern, notes=_none_kept)
def keep_matching(
    batch: pd.DataFrame,
    *,
    pattern: Annotated[str, "a regular expression"] = "",
    side: Literal["prompt", "response", "both"] = "both",
) -> np.ndarray:
    r"""Keep rows whose text matches a regular expression.

    What it does:
        Searches prompt, response or both. Raises CurationError when the pattern is no regular
        expression or is too slow. An empty pattern keeps all rows.
    Why:
        A phrase that all good rows have is the quickest choice.
    Example:
        with: {pattern: '\bpython\b', side: prompt}
        {prompt: Write python that prints hello., response: print('hello')} → kept
        {prompt: Name a planet., response: Saturn.} → dropped
    Measured precision:
        Exact: a row matches or does not. What a pattern means is up to its author.
    Source:
        The regex package.
    """
    return _matches(batch, pattern, side)


@filter("Drop matching", slow=_has_pattern)
def drop_matching(
    batch: pd.DataFrame,
    *,
    pattern: Annotated[str, "a regular expression; empty drops nothing"] = "",
    side: Literal["prompt", "response", "both"] = "both",
) -> pd.DataFrame:
    """Drop rows whose text matches a regular expression.

    What it does:
        Searches prompt, response or both. Raises CurationError when the pattern is no regular
        expression or is too slow.
    Why:
        A phrase that only bad rows have is the quickest filter.
    Example:
        with: {pattern: '(?i)as an ai language model', side: response}
        {prompt: Tell me a joke., response: "As an AI language model, I cannot."} → dropped
        {prompt: Tell me a joke., response: A horse walks into a bar.} → kept
    Measured precision:
        Exact: a row matches or does not. What a pattern means is up to its author.
    Source:
        The regex package.
    """
    hits = _matches(batch, pattern, side) if pattern else np.zeros(len(batch), dtype=bool)
    return pd.DataFrame(
        {"keep": ~hits, "reason": f"the text matches {pattern!r}"}, index=batch.index
    )


@filter("Drop what needs attention", needs=("attention",), texts=())
def drop_attention(batch: pd.DataFrame) -> pd.DataFrame:
    """Drop rows that a trainer cannot use as they stand, such as a chat that ends with a question.

    What it does:
        Drops each row whose column `attention`, filled at the import, is not empty. The reason says
        what the row lacks. Exports leave these rows out anyway unless allowed; the step also keeps
        them out of what is measured.
    Why:
        Rows that are not delivered should not shape topics, the map or the choice.
    Example:
        {prompt: Name a planet., response: Saturn.} → kept
        {prompt: "What is DNA made of?", response: ""} → dropped
    Measured precision:
        Exact: it follows the trainers' rules. It drops 28 of Alpaca's 52,002 rows, the empty
        answers that it is known for, and none of LIMA, Dolly and 500 rows of FastChat.
    Source:
        The rules of the trainers that the project delivers to.
    """
    codes = batch["attention"].fillna("").astype(str)
    reasons = ["; ".join(ATTENTION.get(c, c) for c in text.split(",") if c) for text in codes]
    keep = (codes == "").to_numpy()
    return pd.DataFrame({"keep": keep, "reason": pd.Series(reasons, dtype="str")}).set_axis(
        batch.index
    )
