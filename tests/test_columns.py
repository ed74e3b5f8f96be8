"""The files' own columns: what they are, what reads them, and which name reaches which."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pandas as pd
import pytest

from curation import columns
from curation.cache import Cache
from curation.columns import FileColumns, as_numbers, as_text, holds, unknown_values
from curation.errors import CurationError
from curation.project import Project
from curation.recipe import Recipe, Step
from tests.conftest import json_lines

ANSWERS = [
    {"rating": 4.5, "judge": "gem", "good": True, "votes": 3, "price": "1.50", "code": "007"},
    {"rating": 1, "judge": "oak", "good": False, "votes": 12, "price": "2", "code": "7"},
    {"rating": 3.0, "judge": "gem", "good": True, "votes": None, "price": "", "code": "12"},
    {"judge": "oak", "good": True, "price": "1.5", "code": "1.50", "notes": {"deep": 1}},
]


def written(folder, name, records):
    path = folder / name
    path.write_text("".join(json.dumps(r) + "\n" for r in records), "utf-8")
    return path


def with_questions(records):
    return [
        {"prompt": f"What is number {n}?", "response": f"It is {n}.", **r}
        for n, r in enumerate(records)
    ]


@pytest.fixture
def project(make_project):
    return make_project({"judged.jsonl": json_lines(with_questions(ANSWERS))})


def metadata(records):
    texts = ["" if not r else orjson.dumps(r).decode() for r in records]
    return pd.Series(texts, index=[f"id{n}" for n in range(len(texts))], dtype="str")


def kept(project, *steps):
    return project.replay(Recipe(steps)).kept["source_row"].tolist()


def test_a_column_is_typed_over_all_of_its_values(project):
    assert dict(project.examples.own.kinds) == {
        "rating": "float",
        "judge": "text",
        "good": "boolean",
        "votes": "integer",
        "price": "number",
        "code": "text",
    }
    dtypes = {name: str(project.examples.own.read(name).dtype) for name in ("rating", "votes")}
    assert dtypes == {"rating": "float64", "votes": "Int64"}


def test_files_that_differ_are_united_and_text_in_one_makes_text_of_all(project, tmp_path):
    project.add(
        written(tmp_path, "more.jsonl", [{"prompt": "a?", "response": "b", "rating": "very good"}])
    )
    assert project.examples.own.kinds["rating"] == "text"
    assert as_text(project.examples.own.read("rating")).tolist() == [
        "4.5",
        "1",
        "3.0",
        "",
        "very good",
    ]


def test_nested_empty_and_blank_values_are_no_columns():
    own = FileColumns(
        metadata([{"a": [1], "b": None, "c": " ", "d": 1}, {"a": "x", "c": "", "d": 2}, {}])
    )
    assert dict(own.kinds) == {"d": "integer"}


def test_columns_are_read_alike_in_whatever_parts(monkeypatch):
    records = [{"n": n, "t": f"t{n}", "f": n / 2} if n % 3 else {} for n in range(50)]
    whole = FileColumns(metadata(records))
    monkeypatch.setattr(columns, "ROWS", 7)
    monkeypatch.setattr(columns, "LETTERS", 60)
    parts = FileColumns(metadata(records))
    assert dict(parts.kinds) == dict(whole.kinds)
    for name in whole.kinds:
        pd.testing.assert_series_equal(parts.read(name), whole.read(name))
    assert whole.read("n").tolist()[1:4] == [1, 2, pd.NA]


def test_of_very_many_columns_those_of_the_most_rows_are_columns(monkeypatch):
    monkeypatch.setattr(columns, "LISTED", 3)
    rows = [{f"once{n}": n, "always": n, "twice": n // 2 if n < 2 else None} for n in range(6)]
    assert list(FileColumns(metadata(rows)).kinds)[:2] == ["once0", "always"]
    assert "twice" in FileColumns(metadata(rows)).kinds
    assert len(FileColumns(metadata(rows)).kinds) == 3


def test_what_was_read_is_remembered_under_the_fingerprint(tmp_path):
    cache = Cache(tmp_path)
    FileColumns(metadata([{"n": 1}]), "one", cache).read("n")
    again = FileColumns(metadata([{"n": 2}]), "one", cache)
    assert again.read("n").tolist() == [1], "the same fingerprint stands for the same metadata"
    assert FileColumns(metadata([{"n": 2}]), "two", cache).read("n").tolist() == [2]


def test_only_few_columns_stay_in_memory(monkeypatch):
    monkeypatch.setattr(columns, "HELD", 2)
    own = FileColumns(metadata([{f"c{n}": n for n in range(5)}]))
    for name in own.kinds:
        own.read(name)
    assert len(own._held) == 2


def test_a_score_of_the_file_keeps_and_chooses(project):
    assert kept(project, Step("keep_between", score="rating", low=3)) == [1, 3, 4]
    missing_too = Step("keep_between", score="rating", low=3, keep_missing=False)
    assert kept(project, missing_too) == [1, 3]
    assert kept(project, Step("keep_between", score="good", low=1)) == [1, 3, 4]
    assert kept(project, Step("keep_between", score="price", low=1.5)) == [1, 2, 3, 4]
    assert kept(project, Step("select_highest", score="votes", budget=1)) == [2]


def test_values_of_the_file_are_kept_as_they_are_written(project):
    def rows(column, *values):
        return kept(project, Step("keep_values", column=column, values=list(values)))

    assert rows("judge", "gem") == [1, 3]
    assert rows("good", "true") == rows("good", "True") == [1, 3, 4]
    assert rows("rating", "3") == rows("rating", "3.0") == [3]
    assert rows("votes", "") == [3, 4], "an empty value stands for a missing one"
    assert rows("price", "1.50") == [1]
    assert rows("code", "007") == [1] and rows("code", "7") == [2]
    assert kept(project, Step("drop_values", column="judge", values=["gem"])) == [2, 4]


def test_yaml_gives_texts_as_they_are_written(project):
    text = "steps:\n  - keep_values: {column: code, values: [007, 1.50]}\n"
    assert kept(project, *Recipe.from_yaml(text).steps) == [1, 4]
    values = "[yes, No, on, 1.50, 12:30, 0x1F, 1_000, 2024-13-01, null, ~, 'it''s', !!str 5]"
    (step,) = Recipe.from_yaml(f"steps:\n  - keep_values: {{values: {values}}}\n").steps
    assert step.params["values"] == (
        "yes No on 1.50 12:30 0x1F 1_000 2024-13-01 null ~ it's 5".split()
    )
    block = "steps:\n  - keep_values:\n      values:\n        - off\n        - 08\n"
    assert Recipe.from_yaml(block).steps[0].params["values"] == ["off", "08"]
    again = Recipe.from_yaml(Recipe((step,)).to_yaml())
    assert again.steps == (step,)
    merged = (
        "common: &common {values: [yes], column: judge}\n"
        "steps:\n  - keep_values: {<<: *common, column: code}\n"
    )
    assert Recipe.from_yaml(merged).steps[0].params == {"values": ["yes"], "column": "code"}
    numbers = Recipe.from_yaml("steps:\n  - keep_between: {low: 010, keep_missing: no}\n")
    assert numbers.steps[0].arguments["low"] == 8 and not numbers.steps[0].arguments["keep_missing"]


def test_texts_of_a_recipe_made_in_python_are_what_columns_hold(project):
    assert kept(project, Step("keep_values", column="good", values=[False])) == [2]
    assert kept(project, Step("keep_values", column="votes", values=[12])) == [2]


def test_a_value_that_no_example_has_is_named_with_those_near_to_it(project):
    result = project.run(Recipe((Step("keep_values", column="judge", values=["Gem", "elm"]),)))
    (report,) = result.steps
    assert report.notes == [
        "No example has 'Gem' as its judge; near to it: 'gem'.",
        "No example has 'elm' as its judge; near to it: 'gem'.",
        "No example meets this, so it drops all 4.",
    ]
    assert report.to_dict()["notes"] == report.notes
    fresh = Project.open(project.path).replay(
        Recipe((Step("keep_values", column="judge", values=["Gem", "elm"]),))
    )
    assert fresh.steps[0].cached and fresh.steps[0].notes == report.notes
    assert (
        not project.replay(Recipe((Step("keep_values", column="judge", values=["oak"]),)))
        .steps[0]
        .notes
    )


def test_near_values_are_found_among_many_and_the_most_frequent_named_else():
    values = pd.Series([f"word{n}" for n in range(40)] + ["common"] * 9, dtype="str")
    assert "near to it: 'word7'" in unknown_values(values, ["Word7"], "topic")[0]
    (sentence,) = unknown_values(values, ["§§§"], "topic")
    assert sentence.startswith("No example has '§§§' as its topic; the most frequent: 'common', ")
    assert unknown_values(values, ["common", "word1"], "topic") == []
    assert unknown_values(values, [f"x{n}§" for n in range(30)], "t")[-1].startswith(
        "20 more of the"
    )


def test_text_where_a_number_is_read_is_refused_with_the_columns_of_numbers(project):
    for step in (
        Step("keep_between", score="judge", low=1),
        Step("select_highest", score="judge", budget=1),
        Step("keep_between", score="source", low=1),
    ):
        with pytest.raises(CurationError, match="is not a number; columns of numbers are: rating"):
            project.replay(Recipe((step,)))
    with pytest.raises(CurationError, match="'ratign', which is not there: near to it are: rating"):
        project.replay(Recipe((Step("keep_between", score="ratign", low=1),)))


def test_a_measured_column_claims_its_name_and_the_files_own_is_reached_with_a_prefix(tmp_path):
    project = Project.create(tmp_path / "p")
    records = [{"turns": 7, "split": "test", "dropped_by": "x", "id": "a", "pinned": 1, "keep": 0}]
    project.add(written(tmp_path, "f.jsonl", with_questions(records * 2)))
    before = Step("keep_between", score="turns", low=5)
    assert kept(project, before) == [1, 2], "nothing claims the name yet"
    assert kept(project, Step("lengths"), before) == []
    own = Step("keep_between", score="column:turns", low=5)
    assert kept(project, Step("lengths"), own) == [1, 2]
    dataset = project.replay(Recipe((Step("lengths"), Step("split"))))
    assert dataset.column("turns").tolist() == [2, 2]
    assert dataset.column("column:turns").tolist() == [7, 7]
    assert dataset.column("column:nothing") is None and dataset.column("pinned") is None
    assert dataset.own_names == {f"column:{name}": name for name in records[0]}
    assert project.examples.column("split").tolist() == ["test", "test"]
    assert set(dataset.column("split")) == {"train"}
    assert dataset.rows["dropped_by"].isna().all() and "pinned" not in dataset.rows


def test_balance_and_strata_by_a_column_of_the_file(tmp_path):
    project = Project.create(tmp_path / "p")
    records = [{"level": n % 2 + 1, "easy": n % 4 == 0} for n in range(40)]
    project.add(written(tmp_path, "f.jsonl", with_questions(records)))
    dataset = project.replay(Recipe((Step("split", validation=0, test=0.2, stratify="level"),)))
    test = dataset.rows["split"] == "test"
    assert dataset.column("level")[test].value_counts().to_dict() == {1: 4, 2: 4}
    assert as_text(dataset.column("level")).unique().tolist() == ["1", "2"]
    assert as_text(dataset.column("easy")).unique().tolist() == ["true", "false"]


def test_numbers_and_texts_of_every_kind():
    series = {
        "boolean": pd.Series([True, None], dtype="boolean"),
        "float": pd.Series([4.0, 4.25, np.nan]),
        "integer": pd.Series([3, None], dtype="Int64"),
        "text": pd.Series(["1.50", "NA", None, "-2e3"], dtype="str"),
    }
    texts = {name: as_text(values).tolist() for name, values in series.items()}
    assert texts == {
        "boolean": ["true", ""],
        "float": ["4", "4.25", ""],
        "integer": ["3", ""],
        "text": ["1.50", "NA", "", "-2e3"],
    }
    numbers = {name: as_numbers(values).fillna(-1).tolist() for name, values in series.items()}
    assert numbers == {
        "boolean": [1, -1],
        "float": [4, 4.25, -1],
        "integer": [3, -1],
        "text": [1.5, -1, -1, -2000],
    }
    for text in ("007", "1,000", "4 stars", "12:30", "٣"):
        with pytest.raises(CurationError, match="is not a number"):
            as_numbers(pd.Series(["1", text], dtype="str"))
    assert holds(series["integer"], ["3.0", "x"]).tolist() == [True, False]
    assert holds(series["float"], [""]).tolist() == [False, False, True]


def test_a_cleaner_and_a_score_see_a_changed_file(project, tmp_path):
    step = Step("keep_between", score="rating", low=3)
    assert kept(project, step) == [1, 3, 4]
    changed = [{**ANSWERS[0], "rating": 0.5}, *ANSWERS[1:]]
    project.add(written(tmp_path, "judged.jsonl", with_questions(changed)), replace=True)
    assert kept(project, step) == [3, 4]


def test_a_column_without_a_name_is_remembered_beside_the_list_of_all(tmp_path):
    cache = Cache(tmp_path)
    for _ in range(2):  # the second reads what the first remembered
        own = FileColumns(metadata([{"": "a", "b": 1}, {"": "c", "b": 2}]), "print", cache)
        assert own.read("").tolist() == ["a", "c"]
        assert dict(own.kinds) == {"": "text", "b": "integer"}
