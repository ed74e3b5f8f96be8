"""Reference sets: what they are made of, and that nothing of the project is touched by them."""

from __future__ import annotations

import gzip
import json
import shutil

import pytest

from curation import Project, Step
from curation.errors import CurationError
from curation.looking.coverage import by_age
from tests.conftest import json_lines
from tests.test_cli import answer, refused, run

QUESTIONS = [
    {"question": f"What is {i} and {i}?", "answer": f"It makes {2 * i}."} for i in range(1, 6)
]


def lines(path, records):
    path.write_text("".join(json.dumps(r) + "\n" for r in records), "utf-8")
    return path


@pytest.fixture
def project(make_project):
    return make_project({"ours.jsonl": json_lines(QUESTIONS)})


def test_a_file_becomes_rows_of_the_columns_that_examples_have(project, tmp_path):
    reference, new = project.references.add(lines(tmp_path / "sums.jsonl", QUESTIONS), "Sums, all")
    assert new
    assert (reference.name, reference.slug, reference.kind) == ("Sums, all", "Sums-all", "file")
    assert (reference.rows, reference.without_answer) == (5, 0)
    assert reference.examples["prompt"].tolist() == [q["question"] for q in QUESTIONS]
    assert reference.examples["response"].tolist() == [q["answer"] for q in QUESTIONS]
    assert list(reference.examples.index) == list(project.examples.rows.index), "ids are of content"
    assert len(project.examples) == 5 and len(project.imports) == 1, "it is no part of the data"


def test_benchmarks_are_read_as_their_authors_publish_them(project, tmp_path):
    packed = tmp_path / "HumanEval.jsonl.gz"
    record = {
        "task_id": "HumanEval/0",
        "prompt": "def one():\n",
        "entry_point": "one",
        "canonical_solution": "    return 1\n",
        "test": "assert one() == 1",
    }
    packed.write_bytes(gzip.compress((json.dumps(record) + "\n").encode()))
    reference, _ = project.references.add(packed)
    assert reference.name == "HumanEval"
    assert reference.examples["prompt"].tolist() == ["def one():\n"]
    turns = [{"question_id": 81, "category": "writing", "turns": ["Write.", "Now shorter."]}]
    reference, _ = project.references.add(lines(tmp_path / "bench.jsonl", turns))
    assert reference.without_answer == 1
    assert "Write." in reference.examples["prompt"].iloc[0]


def test_the_same_bytes_twice_change_nothing(project, tmp_path):
    path = lines(tmp_path / "sums.jsonl", QUESTIONS)
    first, _ = project.references.add(path)
    before = {p: p.stat().st_mtime_ns for p in first.folder.rglob("*")}
    again, new = project.references.add(path, "by another name")
    assert not new and again.name == "sums"
    assert {p: p.stat().st_mtime_ns for p in first.folder.rglob("*")} == before
    assert [t.name for t in project.references.all()] == ["sums"]


def test_other_bytes_of_a_name_take_its_place_and_forget_what_was_measured(project, tmp_path):
    first, _ = project.references.add(lines(tmp_path / "sums.jsonl", QUESTIONS))
    first.results.mkdir()
    (first.results / "old.arrow").write_bytes(b"old")
    second, new = project.references.add(lines(tmp_path / "sums.jsonl", QUESTIONS[:2]))
    assert new and second.folder == first.folder and second.rows == 2
    assert not list(second.results.glob("*")) and by_age(second.results) == []


def test_a_name_is_found_in_any_case_unless_another_is_called_alike(project, tmp_path):
    project.references.add(lines(tmp_path / "a.jsonl", QUESTIONS), "Bench")
    assert project.references.get("bENCH").name == "Bench"
    project.references.add(lines(tmp_path / "b.jsonl", QUESTIONS[:2]), "bench")
    assert project.references.get("bench").name == "bench"
    with pytest.raises(
        CurationError, match="There is no reference set 'BENCH'; there are: Bench, bench"
    ):
        project.references.get("BENCH")
    project.references.remove("bench")
    assert [t.name for t in project.references.all()] == ["Bench"]


def test_a_mapping_says_which_column_is_which(project, tmp_path):
    path = lines(tmp_path / "odd.jsonl", [{"ask": "Why?", "say": "So.", "n": 1}])
    reference, _ = project.references.add(path, mapping={"prompt": "ask", "response": "say"})
    assert reference.examples[["prompt", "response"]].to_numpy().tolist() == [["Why?", "So."]]


def test_a_list_that_is_named_as_a_prompt_is_refused_with_what_it_is(project, tmp_path):
    path = tmp_path / "turns.jsonl"
    path.write_text('{"turns": ["Write a poem", "Now a shorter one"], "number": 1}\n')
    with pytest.raises(CurationError, match="with prompt=turns: the column holds a list. Name a"):
        project.references.add(path, mapping={"prompt": "turns"})
    for mapping in ({"messages": "turns"}, {}):
        reference, _ = project.references.add(path, "Poems", mapping=mapping)
        assert reference.rows == 1


def test_of_another_project_the_kept_rows_or_all(project, tmp_path):
    other = Project.create(tmp_path / "other")
    other.add(lines(tmp_path / "mixed.jsonl", [*QUESTIONS, QUESTIONS[0]]))
    other.recipe += Step("drop_exact_duplicates")
    other.run()
    kept, _ = project.references.add(other.path)
    whole, new = project.references.add(other.path, "all of it", dropped=True)
    assert new and (kept.kind, kept.rows, whole.rows) == ("project", 5, 6)
    assert whole.examples.index.is_unique


@pytest.mark.parametrize("formats", [("trl",), ("alpaca", "hf")])
def test_an_export_is_read_back_with_all_its_splits(project, tmp_path, formats):
    project.recipe += Step("split", validation=0.2, test=0.2)
    project.export(tmp_path / "out", formats=formats)
    reference, _ = project.references.add(tmp_path / "out", "delivered")
    assert reference.kind == "export"
    assert sorted(reference.examples["prompt"]) == sorted(q["question"] for q in QUESTIONS)
    assert not project.references.add(tmp_path / "out")[1]
    data = next(p for p in (tmp_path / "out").rglob("train*") if p.is_file())
    data.write_bytes(data.read_bytes() + b"\n")
    if formats == ("trl",):
        with pytest.raises(CurationError, match="not as it was delivered; export it again"):
            project.references.add(tmp_path / "out", "again")


def test_what_cannot_be_a_reference_is_one_sentence(project, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CurationError, match="neither a project, an export nor a file"):
        project.references.add(tmp_path / "empty")
    with pytest.raises(CurationError, match="is not there"):
        project.references.add(tmp_path / "nowhere.jsonl")
    odd = lines(tmp_path / "odd.jsonl", [{"before": 1, "after": 2}])
    with pytest.raises(CurationError, match=r"say which column is which, as prompt=question\.$"):
        project.references.add(odd)
    (tmp_path / "cut.json").write_text('[{"prompt": "a", ')
    with pytest.raises(CurationError, match=r"looks cut here\.$"):  # no mapping helps
        project.references.add(tmp_path / "cut.json")
    with pytest.raises(CurationError, match="There is no reference set 'x'"):
        project.references.get("x")
    assert project.references.all() == []


def test_a_reference_is_removed_and_a_damaged_one_says_so(project, tmp_path):
    reference, _ = project.references.add(lines(tmp_path / "sums.jsonl", QUESTIONS))
    (reference.folder / "examples.parquet").write_bytes(b"torn")
    with pytest.raises(CurationError, match="damaged or gone; remove the reference set and add"):
        project.references.get("sums").examples  # noqa: B018 - the property raises
    project.references.remove("sums")
    assert project.references.all() == [] and not reference.folder.exists()


def test_one_that_is_being_removed_is_no_reference(project, tmp_path):
    reference, _ = project.references.add(lines(tmp_path / "sums.jsonl", QUESTIONS))
    reference.folder.rename(reference.folder.with_name(".sums.1"))
    assert project.references.all() == []
    _, new = project.references.add(tmp_path / "sums.jsonl")
    assert new


def test_an_upload_keeps_the_name_that_it_came_with(project, tmp_path):
    path = lines(tmp_path / "4f1c-sums.jsonl", QUESTIONS)
    answer("reference", project.path, path, "--source", "my sums.v2.jsonl")
    (reference,) = project.references.all()
    assert (reference.name, reference.source) == ("my sums", "my sums.v2.jsonl")


def test_names_that_a_folder_cannot_tell_apart_are_two_references(project, tmp_path):
    one, _ = project.references.add(lines(tmp_path / "a.jsonl", QUESTIONS[:1]), "sums / all")
    two, _ = project.references.add(lines(tmp_path / "b.jsonl", QUESTIONS[1:2]), "sums : all")
    assert one.folder != two.folder
    assert {t.name for t in project.references.all()} == {"sums / all", "sums : all"}


def test_a_copied_project_brings_its_references(project, tmp_path):
    project.references.add(lines(tmp_path / "sums.jsonl", QUESTIONS))
    shutil.copytree(project.path, tmp_path / "copy")
    assert Project.open(tmp_path / "copy").references.get("sums").rows == 5


def test_the_command_adds_lists_and_removes(project, tmp_path):
    path = lines(tmp_path / "sums.jsonl", QUESTIONS)
    (listed,) = answer("reference", project.path, path, "--name", "Sums")["references"]
    assert (listed["name"], listed["rows"], listed["kind"]) == ("Sums", 5, "file")
    assert "already here" in run("reference", project.path, path)[1]
    assert answer("reference", project.path)["references"] == [listed]
    assert "needs embeddings" in refused("coverage", project.path, "--reference", "Sums")
    assert "There is no reference set 'Nums'" in refused(
        "coverage", project.path, "--reference", "Nums"
    )
    assert answer("reference", project.path, "--remove", "Sums") == {"references": []}
