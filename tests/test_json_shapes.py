"""JSON that holds records in another shape than a list of objects, YAML, and rows over the limit."""

from __future__ import annotations

import io
import itertools
import json

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import CurationError
from curation.sources import Limits
from curation.sources.columnar import plain_size
from curation.sources.document import json_document
from curation.sources.limits import Blank, Raw, Reject
from curation.sources.lines import json_lines
from curation.sources.shapes import spread
from curation.sources.tables import separated
from curation.sources.window import Brackets
from tests.reading import opened

ROWS = [
    {"question": "Which tea is smoked?", "answer": "Lapsang."},
    {"question": "Which tea is white?", "answer": "Silver needle."},
    {"question": "Which tea is red?", "answer": "Rooibos is no tea."},
]
CHATS = [
    [{"role": "user", "content": f"Tea {i}?"}, {"role": "assistant", "content": "Yes."}]
    for i in range(3)
]
FRAME = pd.DataFrame(ROWS)
LIMITS = Limits(row_mb=4_000 / 2**20)


@pytest.fixture
def file_of(tmp_path):
    def make(value, name="data.json"):
        path = tmp_path / name
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        path.write_text(text, "utf-8")
        return path

    return make


@pytest.mark.parametrize("orient", ["split", "records", "index", "columns", "table"])
@pytest.mark.parametrize("indent", [None, 2])
def test_every_way_in_which_pandas_writes_named_columns_is_read(file_of, orient, indent):
    text = FRAME.to_json(orient=orient, indent=indent)
    records = opened(file_of(text), lines=3).records
    assert [{k: r[k] for k in ROWS[0]} for r in records] == ROWS


def test_columns_keep_their_names_and_are_not_left_out(file_of):
    contents = opened(file_of(FRAME[["answer", "question"]].to_json(orient="split")), lines=3)
    assert contents.answers == [row["answer"] for row in ROWS]
    assert contents.note("beside") == "Beside the records stood 'index'; that was left out."


@pytest.mark.parametrize("indent", [None, 1])
def test_columns_as_lists_are_rows(file_of, indent):
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    assert opened(file_of(json.dumps(columns, indent=indent)), lines=3).records == ROWS
    chats = {"messages": CHATS, "id": [7, 8, 9]}
    assert opened(file_of(json.dumps(chats, indent=indent)), lines=3).records == [
        {"messages": chat, "id": i} for chat, i in zip(CHATS, [7, 8, 9], strict=True)
    ]
    splits = {"train": columns, "test": {name: cells[:1] for name, cells in columns.items()}}
    records = opened(file_of(json.dumps(splits, indent=indent)), lines=4).records
    assert [r["split"] for r in records] == ["train"] * 3 + ["test"]


def test_rows_by_name_keep_the_name(file_of):
    named = {"smoked": ROWS[0], "white": ROWS[1]}
    assert opened(file_of(named), lines=2).records == [
        {"id": "smoked", **ROWS[0]},
        {"id": "white", **ROWS[1]},
    ]


def test_a_table_of_one_column_by_names_is_rows():
    table = {"text": {"smoked": "Lapsang.", "white": "Bai Mudan."}}
    assert spread(table) == [
        {"id": "smoked", "text": "Lapsang."},
        {"id": "white", "text": "Bai Mudan."},
    ]


@pytest.mark.parametrize(
    "record",
    [
        {"messages": CHATS[0]},
        {"messages": CHATS[0], "tools": [{"name": "f"}, {"name": "g"}]},
        {"prompt": [CHATS[0][0]], "completion": [CHATS[0][1]]},
        {"prompt": CHATS[0][0], "completion": CHATS[0][1]},
        {"question": "Which?", "answer": "This.", "tags": ["a", "b"]},
        {"messages": ["Which tea?", "This tea."]},
    ],
)
def test_a_record_that_holds_lists_or_objects_is_one_record(file_of, record):
    assert spread(record) is None
    assert opened(file_of(record), lines=1).records == [record]


def test_rows_of_the_hub_are_unwrapped_and_cut_cells_refused(file_of):
    rows = [{"row_idx": i, "row": row, "truncated_cells": []} for i, row in enumerate(ROWS)]
    rows[1]["truncated_cells"] = ["answer"]
    contents = opened(file_of({"features": [], "rows": rows, "num_rows_total": 3}), lines=3)
    assert contents.records == [ROWS[0], ROWS[2]]
    assert (contents.codes, contents.rejected[0].field) == (["cut_cells"], "answer")
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert opened(file_of(lines, "rows.jsonl"), lines=3).records == [ROWS[0], ROWS[2]]


@pytest.mark.parametrize("style", ["role", "from"])
def test_bare_chats_are_records(file_of, style):
    names = {"role": "role", "content": "content"}
    if style == "from":
        names = {"role": "from", "content": "value"}
    chats = [[{names[k]: v for k, v in turn.items()} for turn in chat] for chat in CHATS]
    contents = opened(file_of(chats), lines=3)
    assert contents.answers == ["Yes."] * 3
    assert (
        opened(file_of("\n".join(map(json.dumps, chats)), "a.jsonl"), lines=3).answers
        == ["Yes."] * 3
    )
    assert opened(file_of(chats[0]), lines=1).answers == ["Yes."], "an array that is one chat"


def test_a_table_of_columns_may_be_longer_than_a_row(file_of):
    columns = {name: [row[name] * 40 for row in ROWS * 100] for name in ROWS[0]}
    contents = opened(file_of(columns), lines=300, limits=LIMITS)
    assert len(contents.examples) == 300
    columns["answer"][3] = "x" * 5_000
    contents = opened(file_of(columns), lines=300, limits=LIMITS)
    assert (len(contents.examples), contents.codes) == (299, ["row_too_long"])


def test_a_class_that_nobody_chose_is_no_label(tmp_path):
    names = {"label": {"names": ["tea", "milk"], "_type": "ClassLabel"}}
    beside = {b"huggingface": orjson.dumps({"info": {"features": names}})}
    table = pa.table({"text": ["green", "?", "cow"], "label": [0, -1, 1]})
    pq.write_table(table.replace_schema_metadata(beside), tmp_path / "a.parquet")
    contents = opened(tmp_path / "a.parquet", lines=3)
    assert [r.example.label for r in contents.examples] == ["tea", None, "milk"]


# --- YAML -------------------------------------------------------------------------------------


def test_a_list_in_yaml_is_read_with_its_values_as_written(file_of):
    text = "- question: Which tea?\n  answer: yes\n  at: 12:30\n  n: 007\n  day: 2024-01-02\n"
    text += "  x: 1.5\n  y: null\n  z: true\n"
    (record,) = opened(file_of(text, "a.yaml"), lines=1).records
    assert list(record.values()) == ["Which tea?", "yes", "12:30", "007", "2024-01-02", 1.5] + [
        None,
        True,
    ]
    under = "version: 2\nexamples:\n" + "".join(f"  {line}\n" for line in text.splitlines())
    assert opened(file_of(under, "b.yml"), lines=1).records == [record]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "refers back"),
        ("[" * 100 + "]" * 100, "limit nesting"),
        ("- a: 1\n  a: 2\n", "'a' stands twice"),
        ("- a: [1\n", "not whole YAML in line"),
        ("- !!python/object:os.system x\n", "not whole YAML"),
        ("name: tea\n", "without a list of records"),
        ("- tea\n- milk\n", "without a list of records"),
    ],
)
def test_other_yaml_is_refused_with_a_sentence(file_of, text, reason):
    path = file_of(text, "a.yaml")
    if text.startswith("["):
        path.write_text("a: " + text)
    with pytest.raises(CurationError, match=reason):
        opened(path)


# --- the separator that Excel names -----------------------------------------------------------


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;\r", "\ufeffsep=;"])
def test_the_separator_of_a_first_line_is_believed_and_is_no_record(file_of, first):
    text = f"{first}\nquestion;answer\nWhich, tea?;This, or that.\n"
    contents = opened(file_of(text, "a.csv"), lines=3)
    assert contents.records == [{"question": "Which, tea?", "answer": "This, or that."}]
    assert (contents.note("delimiter"), contents.blank) == (";", 2)


# --- rows over the limit ----------------------------------------------------------------------

GOOD = orjson.dumps(ROWS[0])
PIECES = st.lists(st.sampled_from(["good", "long", "nested", "quoted"]), min_size=1, max_size=6)


def element(kind: str, size: int) -> bytes:
    if kind == "good":
        return GOOD
    texts = {"long": "x" * size, "quoted": '\\"{[' * (size // 3), "nested": "y" * size}
    value = {"question": texts[kind], "answer": "This."}
    if kind == "nested":
        value["more"] = [{"question": "z"}, {"a": [{}]}] * 3
    return orjson.dumps(value)


def counted(items):
    whole = {"examples": 0, "refused": 0, "blank": 0}
    for item in items:
        if isinstance(item, Raw):
            assert item.value == ROWS[0]
            whole["examples"] += 1
        elif isinstance(item, Reject):
            assert item.code == "row_too_long", item
            whole["refused"] += 1
        elif isinstance(item, Blank):
            whole["blank"] += item.lines
        elif hasattr(item, "records"):
            assert item.records == [ROWS[0]] * len(item.records)
            whole["examples"] += len(item.records)
    return whole


def chunks_of(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


@settings(max_examples=60, deadline=None)
@given(PIECES, st.integers(4_100, 300_000), st.sampled_from([64, 4_096, 1 << 20]), st.booleans())
def test_a_row_over_the_limit_takes_no_other_along_wherever_it_stands(kinds, size, chunk, last):
    elements = [element(kind, size) for kind in kinds]
    good = kinds.count("good")
    expected = {"examples": good, "refused": len(kinds) - good, "blank": 0}
    lines = b"\n".join(elements) + (b"\n" if last else b"")
    assert counted(json_lines(chunks_of(lines, chunk), LIMITS)) == expected
    assert counted(json_document(chunks_of(lines, chunk), LIMITS)) == expected
    for between in (b",", b", ", b",\n", b",\n  "):
        text = b"[" + between.strip(b",") + between.join(elements) + b"]"
        assert counted(json_document(chunks_of(text, chunk), LIMITS)) == expected, between
    text = b'{"version": 1, "data": [' + b",".join(elements) + b"]}"
    if kinds[0] == "good":
        assert counted(json_document(chunks_of(text, chunk), LIMITS)) == expected


def test_a_record_that_holds_its_own_beginning_is_skipped_whole():
    good, broken = b'{"a": {"a": 1}}', b'{"a": tru, "b": [{"a": 1}, {"a": 2}]}'
    text = b"[" + b", ".join([good, broken, good]) + b"]"
    items = list(json_document([text], LIMITS))
    assert [type(item) for item in items] == [Raw, Reject, Raw]
    assert items[1].raw == broken and items[0].value == items[2].value == {"a": {"a": 1}}


@settings(max_examples=60, deadline=None)
@given(PIECES, st.integers(4_100, 300_000), st.booleans(), st.booleans())
def test_a_row_of_a_table_over_the_limit_takes_no_other_along(kinds, size, header, last):
    kinds = kinds if header else ["long", *kinds, "good", "good"]
    rows = [
        b"Which tea is smoked?,Lapsang." if kind == "good" else b'"' + b"x" * size + b'",This.'
        for kind in kinds
    ]
    text = b"\n".join([*([b"question,answer"] if header else []), *rows]) + (b"\n" if last else b"")
    whole = {"examples": 0, "refused": 0, "blank": 0}
    for item in separated(chunks_of(text, 4_096), LIMITS):
        whole["examples"] += isinstance(item, Raw)
        whole["refused"] += isinstance(item, Reject)
        whole["blank"] += isinstance(item, Blank)
    good = kinds.count("good")
    assert whole == {"examples": good, "refused": len(kinds) - good, "blank": int(header)}


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.text('ab"\\[]{},', max_size=6) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a"\\]'), inner),
    ),
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
)
def test_the_end_of_an_element_is_found_wherever_its_pieces_end(value, sizes):
    text = json.dumps([value])
    brackets, position = Brackets(), 0
    rest = f"{text}, [1]"
    for size in itertools.cycle(sizes):
        end = brackets.end(rest, position, min(position + size, len(rest)))
        if end is not None:
            assert end == len(text)
            return
        position += size
        assert position < len(rest)


def test_a_table_in_which_every_row_is_too_long_is_no_header(file_of):
    text = io.StringIO()
    text.write(("x" * 5_000 + ",y\n") * 3)
    contents = opened(file_of(text.getvalue(), "a.csv"), lines=3, limits=LIMITS)
    assert contents.codes == ["row_too_long"] * 3
    assert [reject.row for reject in contents.rejected] == [1, 2, 3]


@pytest.mark.parametrize("kind", [pa.string(), pa.dictionary(pa.int32(), pa.string())])
def test_a_value_that_stands_in_millions_of_rows_is_counted_each_time(tmp_path, kind):
    path, rows = tmp_path / "a.parquet", 100_000
    column = pa.DictionaryArray.from_arrays(
        pa.array([0] * rows, pa.int32()), pa.array(["tea " * 500])
    ).cast(kind)
    with pq.ParquetWriter(path, pa.schema([("prompt", kind)]), compression="zstd") as writer:
        for _ in range(8):
            writer.write_table(pa.table({"prompt": column}))
    with pytest.raises(CurationError, match="limit expansion") as refused:
        opened(path)
    assert "bomb" in str(refused.value) and path.stat().st_size < 2**20


def test_repeated_values_within_the_limit_are_read(tmp_path):
    labels = pa.DictionaryArray.from_arrays(
        pa.array([0, None, 1] * 700, pa.int8()), pa.array(["green", "black"])
    )
    tags = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), labels[:3])
    table = pa.table({"text": ["tea"] * 2_100, "label": labels, "tags": [None] * 2_100})
    pq.write_table(table, tmp_path / "a.parquet")
    contents = opened(tmp_path / "a.parquet", lines=2_100)
    assert [r.example.label for r in contents.examples[:3]] == ["green", None, "black"]
    pq.write_table(pa.table({"text": ["a", "b", "c"], "tags": tags}), tmp_path / "b.parquet")
    assert opened(tmp_path / "b.parquet", lines=3).records[0]["tags"] == ["green"]


TEXTS = pa.array(["ab", "c", None, "ab"])
NUMBERS = pa.array([1, 2, 1], pa.int64())


@pytest.mark.parametrize(
    ("values", "size"),
    [
        (NUMBERS, 24),
        (NUMBERS.dictionary_encode(), 24),
        (TEXTS.dictionary_encode(), 5),
        (pa.array([None], pa.string()).dictionary_encode(), 0),
        (pa.DictionaryArray.from_arrays([0, 0, 0], pa.array([[1, 2]])), 3 * 24),
        (pa.array([[1, 2], [3]]), 2 * 8 + 24),
        (pa.array([[1, 2], [3]], pa.large_list(pa.int64())), 2 * 8 + 24),
        (pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2)), 2 * 8 + 32),
        (pa.array([[(1, 2)], [(3, 4)]], pa.map_(pa.int64(), pa.int64())), 2 * 8 + 16 + 16),
        (pa.array([{"a": 1, "b": 2}]), 16),
        (pa.record_batch({"a": NUMBERS, "b": NUMBERS}), 3 * 4 + 48),
    ],
)
def test_the_size_of_values_is_that_of_each_written_out(values, size):
    assert plain_size(values) == size
