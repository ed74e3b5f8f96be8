"""The parts of an example that a file's columns became, as a table."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation.formats import METADATA
from curation.formats.names import MEANINGS
from curation.ui import tables
from curation.ui.tables import Column


def draw_columns(became: dict[str, dict[str, int]], read: int, key: str) -> None:
    """Draw which column became which part, in how many rows; columns of the metadata come first.

    became: column → role → rows, as an import reports it. read: number of the first rows.
    """
    if not became:
        return
    rows = [
        (role == METADATA, column, MEANINGS[role], count)
        for column, roles in became.items()
        for role, count in roles.items()
    ]
    left = len({column for over, column, *_ in rows if over})
    inside = len(became) - left
    parts = f"{inside} of {len(became)} columns" if len(became) > 1 else "The column"
    first = f"in the first {f'{read:,} rows' if read > 1 else 'row'}"
    sentence = f"{parts if inside else 'No column'} went into the example {first}"
    st.caption(f"{sentence}; {left} stayed in the metadata." if left else f"{sentence}.")
    table = pd.DataFrame(
        [
            {"column": column, "became": f"{'○' if over else '✓'} {meaning}", "rows": count}
            for over, column, meaning, count in sorted(rows, key=lambda row: row[0])
        ]
    )
    columns = [Column("column"), Column("became"), Column("rows", kind="count", width=70)]
    tables.draw(table, columns, key=key, tallest=320)
