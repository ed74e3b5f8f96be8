"""Decisions in other tools' formats and as a table: what is written is read back as it was."""

from __future__ import annotations

import json

import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decisions import Decision, DecisionStore
from curation.decisions.event import Event, with_reason
from curation.decisions.fold import fold
from curation.errors import CurationError
from curation.export.tables import write_frame
from curation.interchange import FORMATS, preview, table, table_of, written
from curation.interchange.answers import Answer, Record, lost, records_of

TURNS = [{"role": "user", "content": "Name a planet."}, {"role": "assistant", "content": "Mars."}]
ROWS = pd.DataFrame(
    {"prompt": ["Name a planet.", "Two and two?", "Hi"], "response": ["Mars", "Four", None]},
    index=["a", "b", "c"],
)

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=6)
names = words.filter(str.strip)
people = st.sampled_from(["Ann", "Bob", "=Zoë, x"])
kinds = st.one_of(
    st.sampled_from([("keep", None), ("drop", None), ("edit", TURNS)]),
    st.tuples(st.sampled_from(["label", "tag"]), names),
    st.tuples(st.just("note"), words),
    st.tuples(st.just("rate"), st.sampled_from([1, 4.5])),
    st.tuples(st.just("answer"), st.builds(lambda v: {"question": "tone", "value": v}, names)),
)
histories = st.lists(
    st.tuples(people, st.sampled_from("abc"), kinds, st.sampled_from(["", "why", "'= why"])),
    max_size=14,
)


def state_of(history, start: int = 1):
    decisions = []
    for n, (who, example, (kind, value), reason) in enumerate(history):
        own = Decision(example, kind, value, who, op_id=f"{n}", time=float(1000 + n))
        decisions += with_reason(own, "" if kind in ("tag", "note") else reason)
    return fold(Event.of(d, n, 0.0) for n, d in enumerate(decisions, start))


def read_back(result):
    return fold(Event.of(d, n, 0.0) for n, d in enumerate(result.decisions, 1))


@settings(max_examples=50, deadline=None)
@given(histories, st.sampled_from([".csv", ".jsonl", ".parquet"]))
def test_the_table_is_its_own_input(tmp_path_factory, history, suffix):
    state = state_of(history)
    frame = table_of(state, ROWS, csv=suffix == ".csv")
    to = tmp_path_factory.mktemp("t") / f"decisions{suffix}"
    write_frame(frame, to)
    content = to.read_bytes()
    result = preview(content, ROWS, fold([]), "Importer", suffix=suffix)
    after = table_of(read_back(result), ROWS, csv=suffix == ".csv")
    pd.testing.assert_frame_equal(after, frame)
    again = preview(content, ROWS, state, "Importer", suffix=suffix)
    assert again.decisions == [], "into the same project it brings nothing new"


def plain(records, form) -> list[tuple]:
    """Answers by example and person, as far as a format holds them."""
    pairs = [
        (r.id, a.holding([n for n in form.HOLDS if n != "when"]))
        for r in records
        for a in r.answers
        if not a.holding(form.HOLDS).empty
    ]
    return sorted(pairs, key=lambda pair: (pair[0], pair[1].who))


one_each = histories.map(
    # of several notes a format makes one text, and of several tags a person's own are listed
    lambda h: list({(who, i, kind[0]): (who, i, kind, why) for who, i, kind, why in h}.values())
)


@settings(max_examples=50, deadline=None)
@given(one_each, st.sampled_from(list(FORMATS)))
def test_what_a_tool_holds_comes_back_with_who_said_it(history, name):
    state, form = state_of(history), FORMATS[name]
    content, number, _ = written(state, ROWS, name)
    records = records_of(state, ROWS)
    assert plain(form.read(content), form) == plain(records, form)
    assert number == len(plain(records, form))
    result = preview(content, ROWS, fold([]), "Importer", name=name)
    assert result.unknown == 0
    again = records_of(read_back(result), ROWS)
    reasonless = [
        n for n in form.HOLDS if n not in ("when", "reason", "tags")
    ]  # tags: the newest's
    assert [(i, a.holding(reasonless)) for i, a in plain(again, form)] == [
        (i, a.holding(reasonless)) for i, a in plain(records, form)
    ]
    assert preview(content, ROWS, state, "Importer", name=name).decisions == []


def test_without_an_id_an_answer_is_attached_by_its_texts():
    lines = [
        {"text": "Two and two?\n\nFour", "accept": ["maths"], "answer": "accept"},
        {"text": "Name a planet.", "answer": "reject", "_annotator_id": "Bob"},
        {"text": "Hi", "answer": "ignore"},
        {"text": "Never heard of", "answer": "accept"},
    ]
    content = "\n".join(json.dumps(line) for line in lines).encode()
    result = preview(content, ROWS, fold([]), "Ann", name="prodigy")
    assert [(d.example_id, d.kind, d.value, d.annotator) for d in result.decisions] == [
        ("b", "label", "maths", "Ann"),
        ("a", "drop", None, "Bob"),
    ]
    assert (result.examples, result.unknown) == (2, 1)


def test_files_of_the_tools_themselves_are_read():
    tasks = [
        {
            "id": 1,
            "data": {"text": "Hi"},
            "annotations": [
                {
                    "id": 5,
                    "completed_by": 7,
                    "was_cancelled": False,
                    "created_at": "2021-03-09T22:16:08.728353Z",
                    "result": [
                        {
                            "from_name": "verdict",
                            "to_name": "text",
                            "type": "choices",
                            "value": {"choices": ["drop"]},
                        }
                    ],
                },
                {"id": 6, "completed_by": 8, "was_cancelled": True, "result": []},
            ],
        }
    ]
    (record,) = FORMATS["label-studio"].read(orjson.dumps(tasks))
    assert record.answers == (Answer("7", 1615328168.728353, "drop"),)
    line = {"id": 3, "text": "Hi", "label": ["greeting", "short"], "Comments": ["fine"]}
    (record,) = FORMATS["doccano"].read(orjson.dumps(line))
    assert record.answers == (Answer(label="greeting", tags=("short",), notes=("fine",)),)
    spans = orjson.dumps({"text": "Hi", "label": [[0, 2, "word"]]})
    with pytest.raises(CurationError, match="parts of a text"):
        preview(spans, ROWS, fold([]), "Ann", name="doccano")
    entry = {
        "id": None,
        "fields": {"text": "Hi"},
        "metadata": {},
        "responses": {"label": [{"value": "greeting", "user_id": "u-1"}]},
    }
    result = preview(orjson.dumps([entry]), ROWS, fold([]), "Ann", name="argilla")
    assert [(d.example_id, d.value, d.annotator) for d in result.decisions] == [
        ("c", "greeting", "u-1")
    ]


def test_what_a_format_cannot_hold_is_counted():
    answers = (Answer("Ann", 1.0, "keep", rating=4, tags=("x", "y")), Answer("Bob", 0, rating=0))
    records = [Record("a", "p", "r", answers)]
    assert lost(records, FORMATS["prodigy"].HOLDS, "Prodigy") == (
        "Prodigy has no place for 2 ratings, 2 tags."
    )
    assert lost(records, table.HOLDS, "A table") == ""


def test_the_newest_answer_of_a_file_counts_and_it_is_one_act(tmp_path):
    rows = [
        {"id": "a", "verdict": "drop", "when": "2026-02-01", "who": "Bob", "reason": "spam"},
        {"id": "a", "verdict": "keep", "when": "2026-01-01", "who": "Cy", "tags": "x, y"},
        {"id": "zzz", "verdict": "keep"},
    ]
    content = b"\n".join(orjson.dumps(row) for row in rows)
    result = preview(content, ROWS, fold([]), "Ann", suffix=".jsonl")
    assert (result.examples, result.unknown) == (1, 1)
    store = DecisionStore(tmp_path / "d.db")
    store.append(result.decisions)
    people = store.state()
    assert people.verdicts["a"].kind == "drop" and people.reasons("a") == "spam"
    assert set(people.tags["a"]) == {"x", "y"}
    store.undo("Ann")
    assert not store.state().verdicts and not store.state().tags
    store.close()


@pytest.mark.parametrize("name", ["", *FORMATS])
@pytest.mark.parametrize("content", [b"no json", b"[1, 2]", b"\xff\xfe", b'{"a": 1}'])
def test_another_file_is_a_sentence(name, content):
    with pytest.raises(CurationError):
        result = preview(content, ROWS, fold([]), "Ann", name=name, suffix=".jsonl")
        if not result.decisions:
            raise CurationError(f"{result.unknown} unknown, nothing decided")
