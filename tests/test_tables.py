"""The one table: what its cells say, how high it is, and which row was clicked."""

from __future__ import annotations

import pandas as pd
import pytest
import streamlit as st

from curation.looking.masks import SHOWN
from curation.ui import tables
from curation.ui.tables import Column


@pytest.fixture
def drawn(monkeypatch) -> list[dict]:
    """The arguments that Streamlit got for each table; its second row is clicked."""
    calls: list[dict] = []

    def dataframe(table, **options):
        calls.append({"table": table, **options})
        return {"selection": {"rows": [1]}}

    monkeypatch.setattr(st, "dataframe", dataframe)
    monkeypatch.setattr(st, "caption", lambda text: calls.append({"caption": text}))
    return calls


def rows(count: int = 3) -> pd.DataFrame:
    index = [f"id{i}" for i in range(count)]
    texts = {"prompt": "Why?\n\nHow? " * 40, "response": "So.", "dropped_by": None}
    return pd.DataFrame(texts, index=index).astype("str").assign(dropped_by=pd.NA)


def test_the_row_that_was_clicked_is_told_by_its_id(drawn):
    assert tables.draw(rows(), [Column("prompt")], pick=True) == "id1"
    assert tables.draw(rows(1), [Column("prompt")], pick=True) is None, "it is not there any more"
    assert tables.draw(rows(), [Column("prompt")]) is None and "on_select" not in drawn[-1]


def test_a_missing_value_is_an_empty_cell(drawn):
    tables.examples(rows(), "key")
    (call,) = drawn
    assert call["placeholder"] == "" and call["table"]["dropped_by"].isna().all()
    assert set(call["table"]["prompt"].map(len)) == {tables.EXCERPT}
    assert not call["table"]["prompt"].str.contains("\n").any()
    assert call["column_config"]["dropped_by"]["label"] == "dropped by"


def test_a_table_is_as_high_as_its_rows_until_that_is_too_high(drawn):
    for count in (2, 40):
        tables.draw(rows(count), [Column("prompt")], tallest=400)
    tables.draw(rows(900), [Column("prompt")], tallest=None)
    heights = [call["height"] for call in drawn]
    assert heights == [tables.HEAD + 2 * tables.LINE + 2, 400, tables.HEAD + 900 * tables.LINE + 2]


def test_only_the_first_examples_are_sent_and_said_to_be_the_first(drawn):
    tables.examples(rows(SHOWN + 5), "key")
    assert len(drawn[0]["table"]) == SHOWN and "2,000 of 2,005" in drawn[1]["caption"]
    tables.examples(rows(0), "key")
    assert drawn[2]["caption"] == "No example meets these conditions."


@pytest.mark.parametrize(
    "values, kind, format",
    [
        ([1_000, 2_000], "count", "%,d"),
        ([1_000.0, None], "count", "%,d"),
        ([0.25, 1.0], "number", "%,.3f"),
        ([True, False], "check", None),
        (["a", None], "text", None),
    ],
)
def test_a_column_is_of_the_kind_that_its_values_are(values, kind, format):
    column = tables.column_for(pd.Series(values, name="a_measure"))
    assert column.kind == kind
    config = column.config()
    assert config["label"] == "a measure" and config["type_config"].get("format") == format


def test_a_share_is_a_percentage_of_as_many_digits_as_are_asked_for(drawn):
    tables.draw(
        pd.DataFrame({"share": [0.125]}),
        [Column("share", kind="percent", digits=1), Column("absent")],
    )
    assert drawn[0]["table"].to_dict("list") == {"share": [12.5]}
    assert drawn[0]["column_config"]["share"]["type_config"]["format"] == "%.1f%%"
