"""What became of a file's columns, as a table."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation.formats import METADATA
from curation.formats.names import MEANINGS


def draw_columns(became: dict[str, dict[str, int]], key: str) -> None:
    """Draw which column became what, and in how many of the rows seen; first what is left over.

    became: column → role → rows, as an import reports it.
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
    columns = f"{inside} of {len(became)} columns" if len(became) > 1 else "The column"
    sentence = f"{columns} went into the example" if inside else "No column went into the example"
    st.caption(f"{sentence}; {left} left in the metadata." if left else f"{sentence}.")
    table = pd.DataFrame(
        [
            {"column": column, "became": f"{'○' if over else '✓'} {meaning}", "rows": count}
            for over, column, meaning, count in sorted(rows, key=lambda row: row[0])
        ]
    )
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height="content" if len(table) < 9 else 300,
        key=key,
        column_config={"rows": st.column_config.NumberColumn(format="localized", width=70)},
    )
