"""A delivery can be defended: who decided what, what a text was before, and which row is which."""

from __future__ import annotations

import json
import subprocess
import sys

import orjson
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from curation import Project, Recipe, Step, jobs
from curation.dataset import ID, carried_ids, make_ids
from curation.decisions import Decision
from curation.export import delivery_formats
from curation.export.origin import People
from tests.conftest import ROOT
from tests.test_export import turn

ROWS = [
    {"messages": [turn("user", f"Question {n}?"), turn("assistant", f"Answer {n}.")], "n": n}
    for n in range(6)
]


def lines(path, rows):
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """A project in which Ada and Bo decided, with the ids of its examples."""
    folder = tmp_path_factory.mktemp("decided")
    project = Project.create(folder / "greetings")
    project.add(lines(folder / "x.jsonl", ROWS))
    ids = list(project.examples.rows.index)
    edit = [turn("user", "Question 1?"), turn("assistant", "A better answer.")]
    for example, kind, value, who in [
        (ids[0], "tag", "formal", "Ada Berg"),
        (ids[0], "rate", 4, "Bo Nord"),
        (ids[0], "note", "Ask again.", "Bo Nord"),
        (ids[1], "edit", edit, "Ada Berg"),
        (ids[2], "drop", None, "Bo Nord"),
        (ids[3], "flag", "unsure", "Ada Berg"),
    ]:
        project.decisions.append([Decision(example, kind, value, who)])
    return project, ids


def test_receipts_and_manifest_say_who_decided_what(decided, tmp_path):
    project, ids = decided
    manifest = project.export(tmp_path / "out", ["trl"])
    assert manifest["decisions"]["by_annotator"] == {
        "Ada Berg": {"edit": 1, "flag": 1, "tag": 1},
        "Bo Nord": {"drop": 1, "note": 1, "rate": 1},
    }
    assert manifest["decisions"]["delivered_with"] == {
        "tags": 1,
        "rating": 1,
        "note": 1,
        "flags": 1,
    }
    receipts = pd.read_parquet(tmp_path / "out" / "receipts.parquet").set_index("id")
    edited = receipts.loc[ids[1]]
    assert edited["changed_by"] == "edited by Ada Berg"
    assert json.loads(edited["before"])[1]["content"] == "Answer 1."
    assert json.loads(edited["after"])[1]["content"] == "A better answer."
    assert receipts.loc[ids[0], ["tags", "rating", "note"]].tolist() == [
        "formal",
        "4",
        "Ask again.",
    ]
    assert receipts.at[ids[2], "reason"] == "dropped by Bo Nord"
    assert receipts.loc[ids, "decided_by"].tolist() == [
        "rate by Bo Nord, tag by Ada Berg, note by Bo Nord",
        "edit by Ada Berg",
        "drop by Bo Nord",
        "flag by Ada Berg",
        "",
        "",
    ]
    assert receipts["before"].notna().sum() == 1
    lines = [json.loads(line) for line in (tmp_path / "out" / "decisions.jsonl").open()]
    assert len(lines) == 6 and {line["annotator"] for line in lines} == {"Ada Berg", "Bo Nord"}
    assert manifest["lost"]["trl"] == {
        "column n": 5,
        "people's flags for review": 1,
        "people's notes": 1,
        "people's ratings": 1,
        "people's tags": 1,
    }
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "- Ada Berg: edit 1, flag 1, tag 1" in card
    (source,) = manifest["sources"]
    assert (source["examples"], source["delivered"]) == (6, 5), "the card counts what is delivered"
    assert "| 6 | 6 | 0 | 5 |" in card


def test_a_text_that_a_step_and_a_person_changed_names_both(tmp_path):
    project = Project.create(tmp_path / "cafes", recipe=Recipe((Step("fix_text"),)))
    talk = [turn("user", "Where is the cafÃ©?"), turn("assistant", "Here.")]
    project.add(lines(tmp_path / "x.jsonl", [{"messages": talk}]))
    (example,) = project.examples.rows.index
    edit = [turn("user", "Where is the café?"), turn("assistant", "At the mill.")]
    project.decisions.append([Decision(example, "edit", edit, "Ada Berg")])
    project.export(tmp_path / "out", ["trl"])
    receipts = pd.read_parquet(tmp_path / "out" / "receipts.parquet")
    assert receipts["changed_by"].tolist() == ["Fix text, edited by Ada Berg"]


def test_the_decisions_of_a_delivery_can_be_read_elsewhere(decided, tmp_path):
    """The text of an edit of a row that is not delivered is not told, so it cannot be taken over."""
    project, ids = decided
    edit = [turn("user", "Question 2?"), turn("assistant", "Private.")]
    project.decisions.append([Decision(ids[2], "edit", edit, "Ada Berg", op_id="private")])
    project.export(tmp_path / "out", ["trl"])
    project.decisions.undo("Ada Berg", op_id="private")
    other = Project.create(tmp_path / "other")
    other.add(lines(tmp_path / "x.jsonl", ROWS))
    command = [sys.executable, "-m", "curation", "decide", str(other.path), "--annotator", "Cleo"]
    printed = subprocess.run(
        [*command, "--from", str(tmp_path / "out" / "decisions.jsonl"), "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert json.loads(printed.stdout) == {
        "examples": 4,
        "appended": 6,
        "ignored": 0,
        "conflicts": 0,
        "withheld": 1,
        "without_effect": 0,
    }
    assert (
        other.people().edits[ids[1]].annotator == "Ada Berg" and ids[2] not in other.people().edits
    )


def test_of_a_delivery_folder_only_the_formats_are_examples(decided, tmp_path):
    project, _ = decided
    project.export(tmp_path / "out", ["trl"])
    other = Project.create(tmp_path / "other")
    other.add(tmp_path / "out")
    assert len(other.examples.rows) == 5 and len(other.rejected) == 0
    assert {"out/receipts.parquet", "out/manifest.json", "out/decisions.jsonl"} <= set(
        other.left_out
    )


def test_pseudonyms_stand_for_people_in_every_file(decided, tmp_path):
    project, ids = decided
    manifest = project.export(tmp_path / "out", list(delivery_formats()), pseudonyms=True)
    assert set(manifest["decisions"]["by_annotator"]) == {"annotator 1", "annotator 2"}
    receipts = pd.read_parquet(tmp_path / "out" / "receipts.parquet").set_index("id")
    assert receipts.at[ids[2], "reason"] == "dropped by annotator 2"
    assert receipts.at[ids[1], "changed_by"] == "edited by annotator 1"
    for path in (tmp_path / "out").rglob("*.*"):
        if path.suffix == ".parquet":
            text = str(pd.read_parquet(path).to_dict("records"))
        else:
            text = path.read_text("utf-8")
        assert "Berg" not in text and "Nord" not in text, path


def test_a_note_of_a_carried_decision_names_nobody_under_pseudonyms(make_project):
    project = make_project(ROWS)
    one, two, *_ = project.examples.rows.index
    note = "Carried over from 0123 (a.jsonl, row 2): kept by Ann Secret; Ann Secret: by hand"
    project.decisions.append(
        [
            Decision(one, "keep", annotator="Ann Secret"),
            Decision(two, "note", note, annotator="Cay"),
            Decision(one, "note", "Ask Ann Secret.", annotator="Cay"),
        ]
    )
    people = People.of(project.people(), pseudonyms=True)
    exported = {
        (line["id"], line["kind"]): line for line in people.lines(project.examples.rows.index)
    }
    assert exported[two, "note"]["value"] == note.replace("Ann Secret", "annotator 1")
    assert exported[one, "note"]["value"] == "Ask Ann Secret.", "what people wrote stays theirs"
    assert people.text("kept by Ann Secretary") == "kept by Ann Secretary"


@pytest.mark.parametrize("name", ["original", "hf", "csv"])
def test_what_people_said_is_in_the_formats_for_people(decided, tmp_path, name):
    project, ids = decided
    manifest = project.export(tmp_path / "out", [name])
    file = next(f["path"] for f in manifest["files"] if f["rows"])
    read = {
        "original": lambda p: pd.read_json(p, lines=True),
        "hf": pd.read_parquet,
        "csv": pd.read_csv,
    }[name]
    row = read(tmp_path / "out" / file).set_index(ID).loc[ids[0]]
    assert (row["curation_tags"], float(row["curation_rating"])) == ("formal", 4)
    assert row["curation_note"] == "Ask again."
    assert not [part for part in manifest["lost"][name] if part.startswith("people")]


def test_every_delivered_row_maps_to_its_id(decided, tmp_path):
    project, ids = decided
    names = [name for name in delivery_formats() if "preference" not in name]
    manifest = project.export(tmp_path / "out", names)
    places = pd.read_parquet(tmp_path / "out" / "ids.parquet")
    files = {f["path"]: f["rows"] for f in manifest["files"] if f["rows"]}
    assert places.groupby("file").size().to_dict() == files
    assert all(set(rows["id"]) == set(ids) - {ids[2]} for _, rows in places.groupby("file"))
    answers = project.replay().rows["response"]
    id_of_row = places[places["file"] == "openai/train.jsonl"].set_index("row")["id"]
    for number, line in enumerate((tmp_path / "out/openai/train.jsonl").open(), 1):
        assert json.loads(line)["messages"][-1]["content"] == answers[id_of_row[number]]


@pytest.mark.parametrize(
    "name", sorted(n for n in delivery_formats() if n != "openai" and "preference" not in n)
)
def test_a_delivery_read_again_has_the_same_ids(decided, tmp_path, name):
    project, ids = decided
    manifest = project.export(tmp_path / "out", [name])
    again = Project.create(tmp_path / "again")
    for entry in manifest["files"]:
        if entry["rows"]:
            again.add(tmp_path / "out" / entry["path"])
    assert set(again.examples.rows.index) == set(project.replay().kept.index)
    manifest = again.export(tmp_path / "twice", ["hf"])
    assert "column curation_id" not in str(manifest["lost"])


def test_ids_that_rows_bring_stay_theirs_and_no_other_row_gets_them():
    a, b = "a" * 16, "b" * 16
    assert make_ids([a, a, b]) == [a, f"{a}-2", b]
    assert make_ids([b, a, a], ["", f"{a}-2", ""]) == [b, f"{a}-2", a]
    assert make_ids([a, a], [b, b]) == [b, a], "of two rows that bring one id the first has it"
    assert make_ids([a, b], ["", a]) == [a, b], "the row that says what the id stands for has it"
    assert make_ids([b, a], [a, ""]) == [b, a], "in whatever order the two come"
    assert make_ids([a, a], ["", a]) == [a, f"{a}-2"]
    assert make_ids([a, a, b], ["", "", f"{a}-2"]) == [a, f"{a}-2", b]
    assert make_ids([a, b, a], ["", f"{a}-2", ""]) == [a, f"{a}-2", f"{a}-3"]
    assert make_ids([a, b, b], ["", a, b]) == [a, f"{b}-2", b]
    texts = ["", '{"n":1}', f'{{"{ID}":"{a}-2"}}', f'{{"{ID}":"no id"}}', f'{{"{ID}":7}}']
    assert carried_ids([*texts, f'{{"x":{{"{ID}":"{a}"}}}}']) == ["", "", f"{a}-2", "", "", ""]


def test_decisions_stay_with_their_row_when_a_delivery_is_added(make_project, tmp_path):
    project = make_project(ROWS[:1])
    (example,) = project.examples.rows.index
    project.decisions.append([Decision(example, "drop", annotator="Ann")])
    edited = {"messages": [turn("user", "Question 0?"), turn("assistant", "Better.")], ID: example}
    project.add(lines(tmp_path / "delivered.jsonl", [edited]))
    rows = project.replay().rows
    assert rows.at[example, "source"] == "rows.jsonl"
    dropped = rows["dropped_by"].fillna("") != ""
    assert dropped.to_dict() == {name: name == example for name in rows.index}


def test_a_delivery_s_name_never_leads_out_of_the_project(decided, monkeypatch):
    project, _ = decided
    project.run()
    started = []
    monkeypatch.setattr(jobs, "start", lambda path, command: started.append(command))
    monkeypatch.setenv("CURATION_PROJECT", str(project.path))
    page = AppTest.from_file(str(ROOT / "pages" / "deliver" / "export.py"), default_timeout=60)
    page.run()
    assert not page.exception
    page.text_input(key="export-name").set_value("../../.ssh/a b").run()
    page.button(key="export-go").click().run()
    (command,) = started
    assert f"--to={project.path / 'exports' / 'ssh-a-b'}" in command.words, (
        "slugged: letters, digits, dots, hyphens"
    )
