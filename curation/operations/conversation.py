"""The kind of a conversation, as a column to filter by, and to share a budget by."""

from __future__ import annotations

import pandas as pd

from curation.registry import score
from curation.shapes import shapes


@score("Kind of conversation", needs=("tools",))
def conversation(batch: pd.DataFrame) -> pd.Series:
    """Tell conversations with tools, of several turns, with a system prompt, and single questions apart.

    What it does:
        Gives each example the first of these that it has: tools (offered, called or answered), several
        turns (a person speaks more than once), system prompt, and one question for all others.
    Why:
        A choice by quality or length drops rare kinds, and a model forgets what it is not shown: on a
        mixed pool a choice of 500 kept 11 of 68 examples with tools. With this column a budget can be
        shared by kind, and quotas can hold.
    Example:
        {prompt: Name a planet., response: Saturn.} → {conversation: one question}
        {prompt: Name a star., response: Sirius., system: Be brief.} → {conversation: system prompt}
    Measured precision:
        Exact: it reads the turns.
    Source:
        This project.
    """
    return shapes(batch)
