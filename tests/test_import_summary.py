"""The summary of imported files, their refused lines, and the description of a reading."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import typer

from curation import Project, commands
from curation.export.tables import json_lines
from curation.import_summary import ImportSummary, line_sum
from curation.reading import Reading
from curation.rejected import as_they_were, readable

GOOD = b'{"prompt": "Tea?", "completion": "Yes."}\n'
BAD = b'{"prompt": "Milk?", "completion": \n'


@pytest.fixture
def project(tmp_path) -> Project:
    return Project.create(tmp_path / "p")


def test_lines_of_all_files_are_examples_refused_or_blank(project, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jsonl").write_bytes(GOOD + b"\n" + BAD)
    (tmp_path / "data" / "README.md").write_text("# Tea\n")
    (tmp_path / "b.jsonl").write_bytes(GOOD.replace(b"Tea", b"Cake"))
    entries = project.add(tmp_path / "data", tmp_path / "b.jsonl")
    summary = ImportSummary.of(entries)
    counts = summary.counts
    assert counts["lines"] == counts["examples"] + counts["rejected"] + counts["blank"]
    assert (counts["examples"], counts["rejected"], counts["blank"]) == (2, 1, 1)
    table = summary.table().set_index("file")
    assert list(table.index) == ["data/a.jsonl", "b.jsonl"]
    assert table.loc["data/a.jsonl", ["examples", "rejected", "blank"]].tolist() == [1, 1, 1]
    assert list(summary.left_out) == ["data/README.md"]
    total = summary.to_dict()
    assert total["formats"] == {"completion": 2}
    assert [f["name"] for f in total["files"]] == list(table.index)


def test_a_file_that_was_there_already_counts_nothing_new(project, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD)
    project.add(path)
    summary = ImportSummary.of(project.add(path))
    assert set(summary.counts.values()) == {0} and summary.notes == []
    assert summary.to_dict()["files"][0]["already"] is True
    assert ImportSummary.of(project.imports).counts["examples"] == 1


def test_the_sum_of_lines_is_written_with_thousands():
    counts = {"lines": 12_345, "examples": 12_000, "rejected": 340, "blank": 5}
    assert line_sum(counts) == "12,345 lines = 12,000 examples + 340 refused + 5 blank"


def test_refused_lines_are_had_back_as_they_were_and_with_their_reasons(project, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + BAD + b"[1, 2]\n")
    project.add(path)
    rejected = project.rejected
    assert as_they_were(rejected) == BAD + b"[1, 2]\n"
    lines = [json.loads(line) for line in json_lines(readable(rejected)).splitlines()]
    assert [line["row"] for line in lines] == [2, 3]
    assert [line["raw"] for line in lines] == [BAD.decode().rstrip("\n"), "[1, 2]"]
    assert all(line["message"] for line in lines)


def test_bytes_that_are_no_text_are_shown_by_a_sign_and_kept_as_they_are():
    rejected = pd.DataFrame({"row": [1], "raw": [b"caf\xe9"]})
    assert readable(rejected)["raw"].tolist() == ["caf\ufffd"]
    assert as_they_were(rejected) == b"caf\xe9\n"
    assert readable(rejected.head(0)).empty and as_they_were(pd.DataFrame()) == b""


def test_a_reading_is_the_same_as_settings_as_options_and_from_an_import(project, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("frage,antwort\nWas?,Öl.\n".encode("latin-1"))
    reading = Reading("auto", {"prompt": "frage", "response": "antwort"}, (), "latin-1")
    project.add(path, **reading.settings())
    assert Reading.of_import(project.imports[0]) == reading
    assert Reading.of() == Reading() and Reading().options() == ["--format", "auto"]
    command = commands.import_files(project.path, [str(path)], [], reading, False, "x")
    other = Project.create(tmp_path / "other")
    from curation.cli import app

    words = [str(other.path) if word == str(project.path) else word for word in command.words]
    typer.main.get_command(app).main([command.name, *words], standalone_mode=False)
    assert Reading.of_import(other.imports[0]) == reading
    assert other.examples.rows["response"].tolist() == ["Öl."]
