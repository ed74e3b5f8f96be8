"""Every table of the app: columns described as data, examples with their texts, a picked row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import streamlit as st
from pandas.api.types import is_bool_dtype, is_float_dtype, is_numeric_dtype

from curation.looking.columns import plain_name
from curation.looking.masks import SHOWN
from curation.ui.text import short

Kind = Literal["text", "excerpt", "count", "number", "percent", "progress", "check"]

HEAD, LINE = 37, 35
"""Pixels of a table's head, with its border, and of each line."""

EXCERPT = 160
"""Characters of a text that a cell shows."""


@dataclass(frozen=True)
class Column:
    """A column of a table: which of the frame's it is, and how its values are written.

    title: its name without underscores where none is given. kind: text; excerpt, one line of a long
    text; count, a whole number; number; percent and progress, a share from 0 to 1; check, true or
    false. width: pixels, or Streamlit's word. digits: of a number or a percentage, after the point.
    """

    name: str
    title: str = ""
    kind: Kind = "text"
    width: int | Literal["small", "medium", "large"] | None = None
    help: str | None = None
    digits: int | None = None

    def values(self, values: pd.Series) -> pd.Series:
        """The values of the frame's column as the table gets them."""
        if self.kind == "excerpt":
            return values.map(lambda text: short(text, EXCERPT), na_action="ignore")
        return values * 100 if self.kind == "percent" else values

    def config(self) -> Any:
        """The column for Streamlit."""
        look: dict[str, Any] = {"width": self.width, "help": self.help}
        title = self.title or plain_name(self.name)
        if self.kind == "check":
            return st.column_config.CheckboxColumn(title, **look)
        if self.kind == "progress":
            look |= {"format": "percent", "min_value": 0.0, "max_value": 1.0}
            return st.column_config.ProgressColumn(title, **look)
        formats = {
            "count": "%,d",
            "number": f"%,.{3 if self.digits is None else self.digits}f",
            "percent": f"%.{self.digits or 0}f%%",
        }
        if self.kind in formats:
            return st.column_config.NumberColumn(title, format=formats[self.kind], **look)
        return st.column_config.TextColumn(title, **look)


def column_for(values: pd.Series) -> Column:
    """A column of the kind that fits the values of a frame's column."""
    name = str(values.name)
    if is_bool_dtype(values):
        return Column(name, kind="check")
    if not is_numeric_dtype(values):
        return Column(name)
    present = values.dropna()
    whole = not is_float_dtype(values) or bool((present == present.round()).all())
    return Column(name, kind="count" if whole else "number")


def draw(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    key: str | None = None,
    tallest: int | None = 420,
    pick: bool = False,
) -> str | None:
    """Draw a table; return the id of the row that was clicked, if rows can be picked.

    A missing value is an empty cell. A column that the frame does not have is left out. tallest:
    most pixels; None for a table as high as its rows. pick: whether a row can be clicked; the id is
    the frame's index as text.
    """
    columns = [column for column in columns if column.name in frame]
    table = pd.DataFrame(
        {column.name: column.values(frame[column.name]) for column in columns}, index=frame.index
    )
    height = HEAD + LINE * len(table)
    options: dict[str, Any] = {
        "hide_index": True,
        "width": "stretch",
        "height": height + 2 if tallest is None or height <= tallest else tallest,
        "key": key,
        "placeholder": "",
        "column_config": {column.name: column.config() for column in columns},
    }
    if not pick:
        st.dataframe(table, **options)
        return None
    event: Any = st.dataframe(table, on_select="rerun", selection_mode="single-row", **options)
    rows = event["selection"]["rows"]
    return str(table.index[rows[0]]) if rows and rows[0] < len(table) else None


def matrix(
    counts: pd.DataFrame, key: str, *, corner: str = "label", tallest: int = 620
) -> tuple[str, str] | None:
    """Draw a square table of counts; return the names of row and column of the clicked cell.

    counts: rows and columns have the same names. corner: head of the rows' names. Cells are
    shaded by their share of the row, those on the diagonal in another colour.
    """
    names = [str(name) for name in counts.columns]
    totals = [sum(row) or 1 for row in counts.to_numpy().tolist()]
    table = pd.DataFrame(counts.to_numpy(), columns=[f"c{n}" for n in range(len(names))])
    table.insert(0, "name", [short(name, 40) for name in names])
    shaded = table.style.apply(
        lambda column: _shades(column, totals), subset=list(table.columns[1:])
    )
    config = {"name": st.column_config.TextColumn(corner, pinned=True)}
    config |= {
        f"c{n}": st.column_config.NumberColumn(short(name, 24), format="%,d", help=short(name, 200))
        for n, name in enumerate(names)
    }
    height = HEAD + LINE * len(table)
    event: Any = st.dataframe(
        shaded,
        hide_index=True,
        height="content" if height <= tallest else tallest,
        key=key,
        column_config=config,
        on_select="rerun",
        selection_mode="single-cell",
    )
    for row, column in event["selection"]["cells"]:
        if column != "name" and row < len(names):
            return names[row], names[int(column[1:])]
    return None


def _shades(column: pd.Series, totals: Sequence[int]) -> list[str]:
    """The style of each cell of a matrix's column."""
    own = int(str(column.name)[1:])
    return [
        f"background-color: rgba({'0, 158, 115' if n == own else '213, 94, 0'}, "
        f"{0.6 * value / total:.2f})"
        if value
        else "color: rgba(127, 140, 141, 0.6)"
        for n, (value, total) in enumerate(zip(column, totals, strict=True))
    ]


TEXTS = (
    Column("prompt", kind="excerpt", width=240),
    Column("response", kind="excerpt", width=260),
    Column("dropped_by", width=170),
)
"""Columns of every table of examples."""


def examples(
    rows: pd.DataFrame,
    key: str | None = None,
    *,
    before: Sequence[Column] = (),
    after: Sequence[str] = (),
    tallest: int = 420,
    total: int | None = None,
) -> str | None:
    """Draw a table of examples; return the id of the one that was clicked, None without a key.

    before: columns that stand before the texts. after: names of columns that stand after them.
    total: of how many rows these are the first.
    """
    total = len(rows) if total is None else total
    if rows.empty:
        st.caption("No example meets these conditions.")
        return None
    part = rows.head(SHOWN)
    more = [column_for(part[name]) for name in after if name in part]
    columns = [*before, *TEXTS, *more]
    picked = draw(part, columns, key=key, tallest=tallest, pick=key is not None)
    if total > SHOWN:
        st.caption(f"The first {SHOWN:,} of {total:,} are listed; actions apply to all of them.")
    return picked
