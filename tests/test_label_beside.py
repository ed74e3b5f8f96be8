"""A label beside a conversation: read from the column that a mapping names, and written back there."""

from __future__ import annotations

import json

import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from curation import Project, Step
from curation.dataset import derive
from curation.decisions import Decision
from curation.errors import CurationError
from curation.formats import FieldError, convert, write
from curation.looking.filter import Filter
from curation.sources.likely_labels import likely_labels
from curation.sources.reading import Fact, Read, read
from tests.conftest import ROOT
from tests.test_formats import OTHERS, RECORDS, VALUE, back, same

TALK = [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "Here."}]
SPOKEN = [{"from": "human", "value": "Where is it?"}, {"from": "gpt", "value": "Here."}]
FORMS = {
    "completion": {"id": 1, "prompt": "Where is it?", "response": "Here."},
    "alpaca": {"instruction": "Where is it?", "context": "A parcel.", "response": "Here."},
    "messages": {"messages": TALK, "source": "mail"},
    "sharegpt": {"conversations": SPOKEN},
    "preference": {"prompt": "Where is it?", "chosen": "Here.", "rejected": "No."},
}
VALUES = [
    ("shipping", "shipping", "billing"),
    (3, "3", 4),
    (0.5, "0.5", 1.5),
    (2**53, "9007199254740992", "another"),
    (True, "true", False),
    (["a", "b"], "a, b", ["c"]),
]
"""A value in the file, the label that it is, and another value of the column."""


def as_label(value: object) -> str:
    """The label that a value of a file is."""
    return convert({"text": "x", "label": value}).label or ""


@pytest.mark.parametrize(("value", "label", "other"), VALUES)
@pytest.mark.parametrize("form", FORMS)
def test_a_mapped_column_is_the_label_and_a_new_label_is_written_there(form, value, label, other):
    record = {"kind": value, **FORMS[form], "rest": [1]}
    converted = convert(record, mapping={"label": "kind"})
    assert (converted.format, converted.label, converted.columns["kind"]) == (form, label, "label")
    assert "kind" not in orjson.loads(converted.metadata)
    assert derive(converted.messages)[:2] != derive(convert({"text": "x"}).messages)[:2]
    assert same(write(*converted[:5]), record)
    name, messages, _, metadata, shape = converted[:5]
    assert same(
        write(name, messages, as_label(other), metadata, shape), {**record, "kind": other}
    ), "a new label changes its own column, in the column's kind, and nothing else"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [None, "", "  ", []])
def test_a_row_that_has_no_label_yet_is_to_be_labelled(form, value):
    mapping = {"label": "kind"}
    for record in ({**FORMS[form], "kind": value}, FORMS[form]):
        name, messages, label, metadata, shape = convert(record, mapping=mapping)[:5]
        assert (name, label) == (form, None)
        assert same(write(name, messages, label, metadata, shape), record)
        written = write(name, messages, "new", metadata, shape)
        assert {**written, "kind": 0} == {**record, "kind": 0}
        assert written["kind"] == (["new"] if record.get("kind") == [] else "new")


@pytest.mark.parametrize("form", [name for name in RECORDS if name not in ("label", "text")])
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_the_column_holds_the_record_comes_back_or_is_refused_by_name(form, data):
    record = {**data.draw(RECORDS[form]), **data.draw(OTHERS), "kind": data.draw(VALUE)}
    record = dict(data.draw(st.permutations(list(record.items()))))
    try:
        converted = convert(record, mapping={"label": "kind"})
    except FieldError as error:
        assert error.field == "kind" and isinstance(record["kind"], list | dict)
        return
    assert converted.format == form
    assert same(write(*converted[:5]), record)
    relabelled = write(converted.format, converted.messages, "new", *converted[3:5])
    assert relabelled["kind"] in ("new", ["new"])
    assert {k: v for k, v in relabelled.items() if k != "kind"} == {
        k: v for k, v in record.items() if k != "kind"
    }


def test_an_edit_and_a_label_are_each_written_in_their_place():
    record = {"kind": ["a"], "prompt": TALK[:1], "response": ["Here.", "There."]}
    name, messages, _, metadata, shape = convert(record, mapping={"label": "kind"})[:5]
    question, answer = orjson.loads(messages)
    edited = orjson.dumps([{**question, "content": "Where?"}, answer]).decode()
    expected = [{"role": "user", "content": "Where?"}]
    assert write(name, edited, "b", metadata, shape) == {
        **record,
        "prompt": expected,
        "kind": ["b"],
    }


def test_a_label_is_never_written_in_the_place_of_an_answer_that_was_taken_out():
    name, messages, _, metadata, shape = convert(
        FORMS["completion"] | {"kind": "a"}, mapping={"label": "kind"}
    )[:5]
    question = orjson.dumps(orjson.loads(messages)[:1]).decode()
    assert write(name, question, "b", metadata, shape) == {
        **FORMS["completion"],
        "response": "",
        "kind": "b",
    }


def test_labels_by_number_get_their_names_beside_an_answer_too():
    record = {"prompt": "a", "response": "b", "label": 1}
    converted = convert(record, mapping={"label": "label"}, label_names=["no", "yes"])
    assert converted.label == "yes" and same(write(*converted[:5]), record)


# --- what is recognised by itself stays what it was -----------------------------------------


def test_without_a_mapping_a_label_beside_an_answer_stays_a_column_and_a_mark_a_mark():
    labelled = convert({"prompt": "a", "response": "b", "label": "x"})
    assert labelled.label is None and orjson.loads(labelled.metadata) == {"label": "x"}
    bad = {"prompt": "a", "completion": "b", "label": False, "topic": "x"}
    assert convert(bad).columns["label"] == "good"
    marked = convert(bad, mapping={"label": "topic"})
    assert marked.columns["label"] == "good" and marked.label is None, "it would be the answer"
    assert derive(marked.messages, None, marked.rejected)[3] == "marked_bad"
    assert same(back(bad, mapping={"label": "topic"}), bad)
    assert write(*marked[:2], "y", *marked[3:5]) == {**bad, "topic": "y"}
    good = convert({**bad, "label": True}, mapping={"label": "topic"})
    assert (good.label, good.rejected) == ("x", "")


def test_a_label_alone_finds_its_text_or_its_conversation():
    assert convert({"text": "a", "kind": "x"}, mapping={"label": "kind"}).format == "label"
    assert convert({**FORMS["messages"], "text": "a"}, mapping={"label": "source"}).label == "mail"
    with pytest.raises(FieldError, match="no column 'kind'; there are: text"):
        convert({"text": "a"}, mapping={"label": "kind"})
    with pytest.raises(FieldError, match="no column 'kind'; there are: text"):
        convert({"text": "a"}, mapping={"text": "text", "label": "kind"})


@pytest.mark.parametrize(
    ("fields", "format", "sentence"),
    [
        ("prompt response text", "auto", "alpaca or completion has no text: beside prompt, resp"),
        ("prompt response rejected", "auto", "has no rejected"),
        ("text system", "auto", "has no system"),
        ("messages input", "messages", "The format messages has no input: beside messages a mapp"),
        ("text", "alpaca", "The format alpaca has no text: a mapping may name prompt, response"),
        ("messages choices", "auto", "only the format preference has .* it needs chosen too"),
        ("text label prompt", "auto", "has no"),
        ("prompt", "auto", "no format is known for the columns prompt"),
    ],
)
def test_a_mapping_that_a_form_does_not_take_is_refused_with_what_it_takes(
    fields, format, sentence
):
    record = {field: "x" for field in fields.split()}
    with pytest.raises(CurationError, match=sentence):
        convert(record, format=format, mapping={field: field for field in record})


def test_a_label_takes_no_fault_from_a_conversation_and_only_a_text_needs_no_answer():
    def faults(*roles: str) -> str:
        turns = orjson.dumps([{"role": role, "content": "x"} for role in roles]).decode()
        return derive(turns, "some label")[3]

    assert faults("user") == ""
    assert faults("user", "assistant", "user") == "ends_with_user"
    assert faults("assistant", "user", "assistant") == "starts_with_assistant"


# --- files ----------------------------------------------------------------------------------

ROWS = [
    {"id": n, "prompt": f"Question {n}?", "response": f"Answer {n}.", "kind": "ab"[n % 2]}
    for n in range(6)
]


def delivered(project: Project, folder) -> list[bytes]:
    """The lines of a delivery as it came, without what was added to them."""
    project.export(folder, formats=["original"])
    lines = (folder / "original" / "train.jsonl").read_bytes().splitlines()
    return [
        orjson.dumps({k: v for k, v in orjson.loads(line).items() if k != "curation_id"})
        for line in lines
    ]


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_labels_of_a_file_are_filtered_stratified_relabelled_and_delivered(tmp_path, suffix):
    path = tmp_path / f"rows.{suffix}"
    table = pd.DataFrame(ROWS)
    if suffix == "jsonl":
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in ROWS))
    elif suffix == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    rows = [{**row, "id": str(row["id"])} for row in ROWS] if suffix == "csv" else ROWS
    project = Project.create(tmp_path / "p")
    (entry,) = project.add(path, mapping={"label": "kind"})
    assert entry["report"]["columns"]["kind"] == {"label": 6}
    assert not any("plain column" in note for note in entry["report"]["notes"])
    assert project.add(path)[0]["already"], "the mapping is remembered"
    labels = project.examples.rows["label"]
    assert labels.tolist() == ["a", "b"] * 3
    assert delivered(project, tmp_path / "whole") == [orjson.dumps(row) for row in rows]
    project.decisions.append([Decision(labels.index[2], "label", "b", "Ada")])
    dataset = project.run()
    assert Filter.parse(["label=b"]).mask(dataset).sum() == 4
    expected = [{**row, "kind": "b"} if n == 2 else row for n, row in enumerate(rows)]
    assert delivered(project, tmp_path / "relabelled") == [orjson.dumps(row) for row in expected]
    project.recipe += Step("split", validation=0, test=0.34, stratify="label")
    assert sorted(project.run().rows.query("split == 'test'")["label"]) == ["a", "b"]


def test_a_version_of_the_file_is_read_by_the_same_mapping(tmp_path):
    path, project = tmp_path / "rows.jsonl", Project.create(tmp_path / "p")
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    project.add(path, mapping={"label": "kind"})
    path.write_text("".join(json.dumps({**row, "kind": "c"}) + "\n" for row in ROWS))
    project.add(path)
    assert set(project.examples.rows["label"]) == {"c"}
    project.rebuild()
    assert set(project.examples.rows["label"]) == {"c"}


def test_a_column_may_lack_in_some_rows_and_not_in_all(tmp_path):
    path, project = tmp_path / "rows.jsonl", Project.create(tmp_path / "p")
    some = [
        row if n else {k: v for k, v in row.items() if k != "kind"} for n, row in enumerate(ROWS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in some) + "{broken\n")
    with pytest.raises(CurationError, match="no row has the column 'knd', .*: id, prompt, resp"):
        project.add(path, mapping={"label": "knd"})
    assert project.imports == []
    project.add(path, mapping={"label": "kind"})
    assert project.examples.rows["label"].isna().tolist() == [True] + [False] * 5
    mended = json.dumps(FORMS["completion"])
    project.mend("rows.jsonl", 7, mended)
    assert project.examples.rows["label"].isna().sum() == 2
    path.write_text("".join(json.dumps({**row, "label": None}) + "\n" for row in ROWS))
    (entry,) = project.add(path, mapping={"label": "label"})
    assert not any("label" in note for note in entry["report"]["notes"]), "it is no plain column"
    assert project.examples.rows["label"].isna().all(), "all of them are to be labelled"


@pytest.mark.parametrize(
    ("column", "form", "count"),
    [("label", "completion", 1), ("spam", "completion", 0), ("label", "text", 0)],
)
def test_a_mapped_column_of_truth_that_is_a_mark_by_itself_is_named_once(
    tmp_path, column, form, count
):
    path = tmp_path / "rows.jsonl"
    text = {"text": "a"} if form == "text" else FORMS[form]
    path.write_text("".join(json.dumps({**text, column: n > 2}) + "\n" for n in range(6)))
    results = list(read(path, mapping={"label": column}))
    labels = [result.example.label for result in results if isinstance(result, Read)]
    assert labels == ["false"] * 3 + ["true"] * 3
    notes = [result.note for result in results if isinstance(result, Fact)]
    assert sum("whether an answer is good" in note.text for note in notes) == count


# --- columns that look like labels ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "count"),
    [
        ("category", ["a", "b"] * 3, 2),
        ("Class", [1, 2, 2, 1], 2),
        ("labels", [["a"], ["b"]] * 2, 2),
        ("intent", ["a", None, "b", "", "a", "b"], 2),
        ("label", [0.5, 1.0] * 3, 0),
        ("label", [True, False] * 3, 0),
        ("label", ["true", "false"] * 3, 0),
        ("label", ["a"] * 6, 0),
        ("label", list("abcdef"), 0),
        ("label", ["a", "b", "x" * 101] * 2, 0),
        ("label", ["a", {"b": 1}] * 2, 0),
        ("team", ["a", "b"] * 3, 0),
        ("la\u202ebel", ["a", "b"] * 3, 0),
        ("label\n", ["a", "b"] * 3, 0),
        ("target", ["a", "b"] * 3, 0),
        ("topic", [f"t{n % 501}" for n in range(1_002)], 0),
    ],
)
def test_a_column_looks_like_labels_by_its_name_and_its_values(name, values, count):
    metadata = ["", *(json.dumps({name: value, "other": 1}) for value in values)]
    assert likely_labels(metadata) == ({name: count} if count else {})


def test_an_import_says_how_such_a_column_becomes_the_label(tmp_path):
    path, project = tmp_path / "rows.jsonl", Project.create(tmp_path / "p")
    rows = [
        {"q": r["prompt"], "a": r["response"], "class": "x", "label name": r["kind"]} for r in ROWS
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (entry,) = project.add(path)
    (note,) = entry["report"]["notes"]
    (again,) = project.add(path, mapping={"label": "class"})
    assert again["report"]["notes"] == [], "the file has its label"
    assert "“label name” has 2 values" in note and "--map 'label=label name'" in note


def test_the_load_page_takes_such_a_column_with_one_press(main_module, tmp_path, monkeypatch):
    project = Project.create(tmp_path / "projects" / "p")
    monkeypatch.setenv("CURATION_WORKSPACE", str(project.path.parent))
    monkeypatch.setenv("CURATION_PROJECT", str(project.path))
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({**row, "intent": row["kind"]}) + "\n" for row in ROWS))
    monkeypatch.setenv("CURATION_FILES", str(tmp_path))
    started: list = []
    monkeypatch.setattr("curation.jobs._start", lambda project, command: started.append(command))
    app = AppTest.from_file(str(ROOT / "pages" / "prepare" / "load.py"), default_timeout=120).run()
    app.segmented_control(key="load-how").set_value("Path").run()
    app.text_input(key="load-path").set_value(str(path)).run()
    assert not app.exception
    (offer,) = [b for b in app.button if b.label.startswith("Take ")]
    assert offer.label == "Take intent as the label"
    offer.click().run()
    assert not app.exception and not app.warning
    assert not [b for b in app.button if b.label.startswith("Take ")]
    app.button(key="load-go").click().run()
    assert "--map=label=intent" in started[0].words
