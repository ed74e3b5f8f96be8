"""Kinds of conversation: with tools, of several turns, with a system prompt, or one question."""

from __future__ import annotations

import numpy as np
import pandas as pd

from curation.columns import as_text

COLUMN = "conversation"
"""The name of the column that the step of that name makes."""


def features(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Map kind of conversation → True for the rows that have it; a row may have several.

    rows: with the columns messages (canonical JSON), tools and system.
    """
    messages = rows["messages"]
    # Quotation marks within a text are escaped, so these patterns are found between turns only.
    calls = messages.str.contains('"role":"tool"|"tool_calls":', regex=True)
    return {
        "tools": calls | (as_text(rows["tools"]) != ""),
        "several turns": messages.str.count('"role":"user"') > 1,
        "system prompt": as_text(rows["system"]) != "",
    }


def shapes(rows: pd.DataFrame) -> pd.Series:
    """Return each row's kind of conversation: the first of `features` that it has, else one question."""
    parts = {name: has.to_numpy(dtype=bool) for name, has in features(rows).items()}
    kinds = np.select(list(parts.values()), list(parts), "one question")
    return pd.Series(kinds, index=rows.index, dtype="str")
