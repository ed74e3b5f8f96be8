"""The column of conversations: the same texts, whoever takes them and however they are changed."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import Project, conversations, unwritten
from curation.conversations import as_stored, exchanged, whole, without_plain
from curation.dataset import Message, derive, dump_messages, with_derived
from curation.numbered import PIECES, replaced
from curation.unwritten import Unwritten

ASKED = ["What is tea?", 'Say "hi"\n', "¿Qué?\u2028", "a\\b", "Tab\t\x01 and 🍵"]


FEW = 400
"""Rows up to which these tests have a column written out."""


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwritten, "FEW", FEW)


def conversation(prompt: str, answer: str, system: str = "") -> str:
    first = [Message("system", system)] if system else []
    return dump_messages([*first, Message("user", prompt), Message("assistant", answer)])


def rows_of(texts: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of conversations as they are read from disk, and as they were imported."""
    derived = [derive(text) for text in texts]
    columns = {"messages": texts} | {
        name: [row[place] for row in derived]
        for place, name in enumerate(("prompt", "response", "system", "attention"))
    }
    imported = pd.DataFrame(columns, dtype="str").assign(
        label=pd.Series(None, index=range(len(texts)), dtype="str")
    )
    stored = without_plain(pa.Table.from_pandas(imported, preserve_index=False)).to_pandas()
    return whole(stored), imported


def many(rows: int = FEW + 500) -> tuple[pd.DataFrame, pd.DataFrame]:
    """So many rows, every seventh with a system message."""
    return rows_of(
        [
            conversation(f"{ASKED[n % 5]} {n}", f"Answer {n}.", "Be kind." if n % 7 == 0 else "")
            for n in range(rows)
        ]
    )


def test_only_what_says_more_lies_on_disk() -> None:
    texts = [
        conversation("Hi?", "Hello."),
        conversation("Hi?", "Hello.", "Be kind."),
        dump_messages([Message("user", "Hi?"), Message("assistant", "Hello.", {"weight": 0})]),
        dump_messages([Message("user", "Hi?"), Message("assistant", " ")]),
        dump_messages([Message("user", "Hi?")]),
        dump_messages([Message("assistant", "Hi?"), Message("user", "Hello.")]),
    ]
    rows, imported = rows_of(texts)
    assert rows["messages"].tolist() == texts
    stored = without_plain(pa.Table.from_pandas(imported))["messages"].to_pylist()
    # A blank answer says no more than the two columns either.
    assert stored == [None, texts[1], texts[2], None, texts[4], texts[5]]


@given(st.lists(st.tuples(st.text(), st.text(), st.sampled_from(["", "Be kind."])), max_size=8))
def test_any_text_comes_back(turns: list[tuple[str, str, str]]) -> None:
    texts = [conversation(*turn) for turn in turns]
    rows, _ = rows_of(texts)
    assert rows["messages"].tolist() == texts


def test_parts_are_those_of_the_plain_column() -> None:
    rows, imported = many()
    column, plain = rows["messages"], imported["messages"]
    assert isinstance(column.array, Unwritten) and column.array._parts is not None
    assert len(column) == len(plain) and column.dtype == plain.dtype
    assert column.equals(plain) and not column.isna().any()
    assert column.iloc[-1] == plain.iloc[-1] and column.array[-2] == plain.array[-2]
    mask = np.arange(len(plain)) % 3 > 0
    picked = np.array([5, -1, 5, 0])
    order = np.random.default_rng(0).permutation(len(plain))
    for part in (slice(3, 9), slice(1, None, 2), slice(None, None, -1), mask, picked, order):
        assert column.iloc[part].tolist() == plain.iloc[part].tolist()
        assert rows.iloc[part]["messages"].tolist() == plain.iloc[part].tolist()
    assert column.iloc[order].iloc[mask].tolist() == plain.iloc[order].iloc[mask].tolist()
    assert column.reindex([2, -7]).isna().tolist() == [False, True]
    assert pd.concat([column, column]).tolist() == [*plain, *plain]
    assert column.str.len().tolist() == plain.str.len().tolist()
    assert (column == plain).all() and list(column) == list(plain)
    assert pickle.loads(pickle.dumps(rows)).equals(imported)
    assert pa.array(column.array).to_pylist() == plain.tolist()
    with pytest.raises(IndexError):
        column.array[len(column)]
    with pytest.raises(IndexError):
        column.array[-len(column) - 1]


def test_many_rows_are_taken_without_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = many()
    monkeypatch.setattr("curation.conversations.written", None)
    part = rows.iloc[np.arange(len(rows))[::-1]].assign(more=1).copy().rename_axis("id")
    assert len(part[part["more"] == 1]["messages"]) == len(rows)
    assert rows["messages"].nbytes < 40 * len(rows)


def test_no_more_rows_are_written_than_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, imported = many()
    written, counts = conversations.written, list[int]()

    def counted(prompts: list[str], responses: list[str]) -> list[bytes]:
        counts.append(len(prompts))
        return written(prompts, responses)

    monkeypatch.setattr(conversations, "written", counted)
    assert len(rows.iloc[[]]) == 0 and rows.iloc[[3]]["messages"].tolist() == [
        imported["messages"].iloc[3]
    ]
    part = rows["messages"].reindex([-1, 8, 9, -1, 2])
    assert part.isna().tolist() == [True, False, False, True, False]
    assert part.dropna().tolist() == imported["messages"].iloc[[8, 9, 2]].tolist()
    assert sum(counts) <= 5
    with pytest.raises((IndexError, ValueError)):
        rows["messages"].array.take([0, -2], allow_fill=True)
    with pytest.raises(IndexError):
        rows["messages"].array.take([len(rows)])


def test_no_text_is_written_to_see_that_none_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, imported = many()
    written, counts = conversations.written, list[int]()

    def counted(prompts: list[str], responses: list[str]) -> list[bytes]:
        counts.append(1)
        return written(prompts, responses)

    monkeypatch.setattr(conversations, "written", counted)
    assert not rows["messages"].array._hasna and not counts
    assert imported["messages"].reindex([-1, 0]).array._hasna
    part = rows["messages"].reindex([-1, 0]).array
    assert isinstance(part, Unwritten) and part._hasna


def test_a_change_leaves_a_former_frame_as_it_was() -> None:
    rows, imported = many()
    former, copy = rows["messages"], rows["messages"].copy()
    copy.iloc[3] = "[]"
    assert copy.iloc[3] == "[]" and copy.iloc[4] == imported["messages"].iloc[4]
    assert former.tolist() == rows["messages"].tolist() == imported["messages"].tolist()


@pytest.mark.parametrize("count", [1, 40, FEW])
def test_other_texts_are_those_of_the_plain_column(count: int) -> None:
    rows, imported = many()
    numbers = np.random.default_rng(1).permutation(len(rows))[:count]
    texts = [
        conversation(f"New {n}", "Yes.", "Be brief." if n % 2 else "") for n in range(count - 1)
    ]
    texts.append(dump_messages([Message("user", "Nobody answers")]))
    fresh = pd.Series(texts, index=numbers, dtype="str")
    after = with_derived(rows.assign(messages=exchanged(rows["messages"], numbers, fresh)), numbers)
    changed = imported["messages"].copy()
    changed.iloc[numbers] = texts
    expected = with_derived(imported.assign(messages=changed))
    pd.testing.assert_frame_equal(pd.DataFrame(after), expected[list(after)])
    kept = as_stored(after)["messages"]
    plain = [text for text in expected["messages"] if '"system"' not in text]
    assert kept.isna().sum() == len(plain) - 1, "what is plain now is kept without its text"


@pytest.mark.parametrize("share", [PIECES - 1, PIECES + 1])
def test_pieces_and_a_mask_give_one_column(share: int) -> None:
    column = pd.Series(["a", None, "c"] * 40, index=list(range(120)), dtype="str", name="n")
    numbers = np.random.default_rng(2).permutation(120)[: 120 // share]
    values = pd.Series([None, *map(str, numbers[1:])], dtype="str")
    expected = column.astype(object)
    expected.iloc[numbers] = values.astype(object).to_numpy()
    pd.testing.assert_series_equal(replaced(column, numbers, values), expected.astype("str"))
    assert column.iloc[numbers[1]] in ("a", "c") or pd.isna(column.iloc[numbers[1]])


def test_a_project_keeps_texts_once(project: Project) -> None:
    """Its table lies on disk without what prompt and response say, and comes back whole."""
    table = pd.read_parquet(project.path / "examples.parquet")
    plain = table["messages"].isna()
    assert plain.any()
    source = project.examples.rows
    for text, prompt, answer in source.loc[
        table["id"][plain], ["messages", "prompt", "response"]
    ].itertuples(index=False):
        assert text == conversation(prompt, answer)
    assert source["messages"].notna().all()
