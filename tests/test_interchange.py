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
from curation.questions import Question

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


@settings(max_examples=50, deadline=None)
@given(histories, st.sampled_from(list(FORMATS)))
def test_into_the_same_project_a_file_brings_nothing_new(history, name):
    state = state_of(history)
    content, _, _ = written(state, ROWS, name)
    assert preview(content, ROWS, state, "Importer", name=name).decisions == []
    once = preview(content, ROWS, fold([]), "Importer", name=name).decisions
    if FORMATS[name].SUFFIX == ".jsonl":
        twice = preview(content * 2, ROWS, fold([]), "Importer", name=name).decisions
        assert sorted((d.kind, str(d.value)) for d in twice) == sorted(
            (d.kind, str(d.value)) for d in once
        ), "a line that stands twice is one answer"


QUESTIONS = (
    Question("reason", "choice", options=("my reason", "other")),
    Question("notes", "text"),
    Question("tags", "rating"),
    Question("faults", "choices", options=("long", "wrong")),
    Question("m", "spans", options=("bad",)),
    Question("each", "turns", options=("good", "bad")),
)
ANSWERS = {
    "reason": "my reason",
    "notes": "[1]",
    "tags": 4,
    "faults": ["long"],
    "m": [{"turn": 1, "start": 0, "end": 2, "option": "bad"}],
    "each": {"1": "good"},
}


@pytest.mark.parametrize("name", ["argilla", "label-studio"])
def test_answers_to_questions_come_back_beside_the_fixed_fields(name):
    history = [
        ("Ann", "a", ("answer", {"question": q, "value": v}), "") for q, v in ANSWERS.items()
    ]
    history += [("Ann", "a", ("drop", None), "spam"), ("Ann", "a", ("note", "a note"), "")]
    history += [("Ann", "a", ("tag", "a tag"), "")]
    state = state_of(history)
    content, _, _ = written(state, ROWS, name)
    result = preview(content, ROWS, fold([]), "Importer", name=name, questions=QUESTIONS)
    (answer,) = records_of(read_back(result), ROWS)[0].answers
    assert answer.answers == ANSWERS and result.unfit == 0
    assert (answer.reason, answer.notes, answer.tags) == ("spam", ("a note",), ("a tag",))
    for questions in (QUESTIONS, ()):  # also when the questions were removed since
        again = preview(content, ROWS, state, "Importer", name=name, questions=questions)
        assert again.decisions == []


def test_an_answer_that_does_not_fit_its_question_is_left_out():
    rows = [
        {"id": "a", "answers": {"m": "bad"}},
        {"id": "b", "answers": {"faults": "long", "x": "y"}},
    ]
    content = b"\n".join(orjson.dumps(row) for row in rows)
    result = preview(content, ROWS, fold([]), "Ann", suffix=".jsonl", questions=QUESTIONS)
    assert [(d.example_id, d.value) for d in result.decisions] == [
        ("b", {"question": "faults", "value": ["long"]}),
        ("b", {"question": "x", "value": "y"}),
    ]
    assert result.unfit == 1 and "fit their question: 1." in " ".join(result.remarks())


def lines_of(content: bytes) -> list[dict]:
    return [orjson.loads(line) for line in content.splitlines()]


@pytest.mark.parametrize("kind", ["keep", "drop", "label"])
@pytest.mark.parametrize("answer", ["accept", "reject"])
def test_what_prodigy_changed_in_our_file_counts(kind, answer):
    state = state_of([("Ann", "a", (kind, "x" if kind == "label" else None), "")])
    (line,) = lines_of(written(state, ROWS, "prodigy")[0])
    line |= {"answer": answer, "_annotator_id": "Bob"}
    (record,) = FORMATS["prodigy"].read(orjson.dumps(line))
    expected = {"accept": "" if kind == "label" else "keep", "reject": "drop"}[answer]
    assert (record.answers[0].who, record.answers[0].verdict) == ("Bob", expected)


def test_of_several_options_in_prodigy_the_others_are_tags():
    line = {"text": "Hi", "accept": ["greeting", "short", "kind"], "answer": "accept"}
    result = preview(orjson.dumps(line), ROWS, fold([]), "Ann", name="prodigy")
    assert [(d.kind, d.value) for d in result.decisions] == [
        ("label", "greeting"),
        ("tag", "short"),
        ("tag", "kind"),
    ]


def test_a_record_that_fits_no_one_example_decides_nothing():
    rows = pd.DataFrame(
        {"prompt": ["", "Hi", "Hi", "Bye"], "response": [None, "Yes", "No", "Bye"]},
        index=["e", "f", "g", "h"],
    )
    texts = [
        {"image": "x.png"},
        {"text": ""},
        {"text": "Hi"},
        {"text": "Hi\n\nNo"},
        {"text": "Bye"},
    ]
    content = b"\n".join(orjson.dumps(line | {"answer": "reject"}) for line in texts)
    result = preview(content, rows, fold([]), "Ann", name="prodigy")
    assert [d.example_id for d in result.decisions] == ["g", "h"]
    assert result.unknown == 3 and result.remarks()[0].endswith(": 3.")
    table_row = orjson.dumps({"id": "", "verdict": "drop"})
    result = preview(table_row, rows, fold([]), "Ann", suffix=".jsonl")
    assert (result.decisions, result.unknown) == ([], 1)


@pytest.mark.parametrize("name", ["", "label-studio", "prodigy", "doccano", "argilla"])
def test_an_old_file_does_not_overrule_a_newer_answer(tmp_path, name):
    before = [("Ann", "a", ("label", "x"), ""), ("Bob", "b", ("label", "x"), "")]
    if name:
        content = written(state_of(before), ROWS, name)[0]
    else:
        write_frame(table_of(state_of(before), ROWS), tmp_path / "t.jsonl")
        content = (tmp_path / "t.jsonl").read_bytes()
    after = state_of([*before, ("Ann", "a", ("label", "y"), "")])
    result = preview(content, ROWS, after, "Importer", name=name, suffix=".jsonl")
    timed = name not in ("doccano", "argilla")
    assert (len(result.decisions), result.older) == ((0, 1) if timed else (1, 0))
    assert result.untimed == (0 if timed else 1)
    assert len(result.remarks()) == 1


def test_what_was_changed_by_hand_in_a_table_counts():
    kept = Decision("a", "keep", None, "Ann", time=1000.1239)  # a table has milliseconds
    state = fold([Event.of(kept, 1, 0.0)])
    frame = table_of(state, ROWS).assign(verdict="drop")
    content = frame.to_json(orient="records", lines=True).encode()
    result = preview(content, ROWS, state, "Importer", suffix=".jsonl")
    assert [(d.kind, d.annotator) for d in result.decisions] == [("drop", "Ann")]


def test_a_line_that_stands_twice_is_one_answer_and_the_last_of_three_counts():
    line = {
        "text": "Name a planet.",
        "answer": "accept",
        "user_input": "fine",
        "_annotator_id": "A",
    }
    rejected = line | {"answer": "reject"}
    for lines, kinds in (
        ([line, line], ["keep", "note"]),
        ([line, rejected, line], ["keep", "note", "drop", "keep"]),
    ):
        content = b"\n".join(orjson.dumps(one) for one in lines)
        result = preview(content, ROWS, fold([]), "Importer", name="prodigy")
        assert [decision.kind for decision in result.decisions] == kinds


def test_two_notes_that_a_tool_joins_are_no_third_one():
    before = [("Ann", "a", ("note", "one"), ""), ("Ann", "a", ("note", "two"), "")]
    after = state_of([*before, ("Ann", "a", ("note", "three"), "")])
    for name in ("argilla", "prodigy"):
        content, _, _ = written(state_of(before), ROWS, name)
        assert preview(content, ROWS, after, "Importer", name=name).decisions == []


def test_a_csv_file_holds_long_texts_and_apostrophes_as_they_are(tmp_path):
    turns = [{"role": "user", "content": "x" * 140_000}]
    state = state_of([("Ann", "a", ("edit", turns), ""), ("Ann", "b", ("label", "'tis"), "")])
    write_frame(table_of(state, ROWS, csv=True), tmp_path / "t.csv")
    content = (tmp_path / "t.csv").read_bytes()
    result = preview(content, ROWS, fold([]), "Importer", suffix=".csv")
    assert [d.value for d in result.decisions] == [turns, "'tis"]
    by_hand = b"id,label\na,'tis\nb,'=x\nc,''s\n"
    result = preview(by_hand, ROWS, fold([]), "Ann", suffix=".csv")
    assert [d.value for d in result.decisions] == ["'tis", "=x", "'s"]


def test_answers_of_a_table_that_are_no_object_are_a_sentence():
    for suffix, content in (
        (".csv", b"id,answers\na,[1]\n"),
        (".jsonl", b'{"id":"a","answers":[1]}'),
    ):
        with pytest.raises(CurationError, match="Row 1 of the table"):
            preview(content, ROWS, fold([]), "Ann", suffix=suffix)


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
