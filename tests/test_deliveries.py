"""The deliveries of a project: what one would hold, those there are, and one as a single file."""

from __future__ import annotations

import io
import os
import zipfile

import pytest

from curation import Project
from curation.errors import CurationError
from curation.export import sentences
from curation.export.deliveries import deliveries, folder_of, size_text
from curation.export.outlook import Outlook

ROWS = (
    b'{"prompt": "Tea?", "completion": "Yes, please."}\n'
    b'{"prompt": "Milk?", "completion": ""}\n'
    b'{"prompt": "Sugar?", "completion": "Two."}\n'
)


@pytest.fixture
def project(tmp_path) -> Project:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROWS)
    project = Project.create(tmp_path / "p")
    project.add(path)
    return project


def test_the_newest_delivery_stands_first_and_is_had_as_one_file(project):
    folder = folder_of(project.path)
    for name, age in (("first", 50), ("second", 10)):
        manifest = project.export(folder / name)
        os.utime(folder / name / "manifest.json", (1_000_000 - age, 1_000_000 - age))
    (folder / "half").mkdir()
    listed = deliveries(project.path)
    assert [delivery.name for delivery in listed] == ["second", "first"]
    assert listed[0].manifest["files"] == manifest["files"]
    assert listed[0].card.startswith("---")
    with zipfile.ZipFile(io.BytesIO(listed[0].zipped())) as archive:
        names = archive.namelist()
    assert "second/manifest.json" in names
    assert {f"second/{file['path']}" for file in manifest["files"]} <= set(names)


def test_a_damaged_manifest_is_a_sentence(project):
    project.export(folder_of(project.path) / "broken")
    (folder_of(project.path) / "broken" / "manifest.json").write_text("{")
    (delivery,) = deliveries(project.path)
    with pytest.raises(CurationError, match=r"manifest\.json cannot be read"):
        delivery.manifest  # noqa: B018 - the property raises


@pytest.mark.parametrize("text", ["[]", '{"files": []}'])
def test_a_manifest_of_another_version_is_a_sentence(project, text):
    project.export(folder_of(project.path) / "older")
    (folder_of(project.path) / "older" / "manifest.json").write_text(text)
    (delivery,) = deliveries(project.path)
    with pytest.raises(CurationError, match="another version"):
        delivery.manifest  # noqa: B018 - the property raises


def test_the_outlook_is_what_the_export_then_holds(project, tmp_path):
    outlook = Outlook.of(project.replay())
    assert (outlook.kept, outlook.not_fit) == (3, 1)
    assert outlook.rows(False) == project.export(tmp_path / "out")["delivered"] == 2
    assert outlook.rows(True) == 3


@pytest.mark.parametrize(
    "count, text",
    [
        (0, "0 B"),
        (999, "999 B"),
        (61_440, "61 KB"),
        (1_500_000, "1.5 MB"),
        (2_500_000_000, "2,500.0 MB"),
    ],
)
def test_a_size_is_in_a_unit_that_people_read(count, text):
    assert size_text(count) == text


def test_what_formats_do_not_hold_is_said_by_their_titles():
    refusals = {"trl": {"empty": {"rows": 2, "why": "the answer is empty."}}}
    losses = {"trl": {}, "csv": {"tools": 3}}
    assert sentences.not_held(refusals, losses, {"csv": "Plain CSV"}) == [
        "2 examples are not in trl: the answer is empty. (empty)",
        "Plain CSV has no place for tools (3)",
    ]
