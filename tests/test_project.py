"""The project folder: what is imported twice, replaced, damaged, or changed by two at once."""

from __future__ import annotations

import random
from pathlib import Path

import orjson
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from curation import Project, Step
from curation.decisions import Decision
from curation.errors import CurationError, RecipeConflict, RecipeError
from curation.project import slug
from curation.recipe import Recipe
from tests.conftest import PAIRS


def write(path: Path, pairs) -> Path:
    rows = [{"prompt": p, "completion": c} for p, c in pairs]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "p")
    made.add(write(tmp_path / "pairs.jsonl", PAIRS))
    return made


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_the_same_file_twice_adds_nothing(project, tmp_path):
    before = (project.path / "examples.parquet").read_bytes()
    (again,) = project.add(tmp_path / "pairs.jsonl")
    assert again["already"] and len(project.examples) == 8 and len(project.imports) == 1
    assert (project.path / "examples.parquet").read_bytes() == before


def test_another_version_of_a_file_takes_its_place(project, tmp_path):
    write(tmp_path / "other.jsonl", [("Another file?", "Yes.")])
    project.add(tmp_path / "other.jsonl")
    write(tmp_path / "pairs.jsonl", [*PAIRS[:3], ("New?", "Yes, new.")])
    (entry,) = project.add(tmp_path / "pairs.jsonl")
    assert entry["replaced"] == ["pairs.jsonl"]
    rows = project.examples.rows
    assert rows["source"].value_counts().to_dict() == {"pairs.jsonl": 4, "other.jsonl": 1}
    assert "New?" in rows["prompt"].tolist() and PAIRS[4][0] not in rows["prompt"].tolist()
    assert len(project.imports) == 2


def test_a_shuffled_and_grown_file_keeps_every_id_and_its_decisions(project, tmp_path):
    before = project.examples.rows
    chosen = before.index[before["prompt"] == "Name a planet."][0]
    project.decisions.append(
        [
            Decision(chosen, "drop", annotator="Ann"),
            Decision(before.index[4], "label", "language", annotator="Ann"),
        ]
    )
    grown = [*PAIRS, ("What is tea?", "Leaves in hot water."), ("And coffee?", "Beans.")]
    random.Random(5).shuffle(grown)
    project.add(write(tmp_path / "pairs.jsonl", grown))
    after = project.examples.rows
    assert len(after) == 10 and set(before.index) < set(after.index)
    for example in before.index:
        assert after.at[example, "messages"] == before.at[example, "messages"]
    rows = project.run(Recipe((Step("split"),))).rows
    assert (
        rows.at[chosen, "dropped_by"] == "people" and rows.at[chosen, "prompt"] == "Name a planet."
    )
    assert rows.at[before.index[4], "label"] == "language"


def test_a_file_that_cannot_be_read_leaves_the_project_as_it_was(project, tmp_path):
    before = (project.path / "examples.parquet").read_bytes()
    (tmp_path / "page.jsonl").write_bytes(b"PK\x03\x04 no archive at all")
    for path in (tmp_path / "page.jsonl", tmp_path / "nowhere.jsonl"):
        with pytest.raises(CurationError):
            project.add(path)
    assert (project.path / "examples.parquet").read_bytes() == before
    assert [e["name"] for e in project.imports] == ["pairs.jsonl"]
    assert len(Project.open(project.path).examples) == 8


def test_one_flipped_bit_in_the_examples_is_found_and_mended_from_the_source(project):
    before = project.examples.rows
    flip(project.path / "examples.parquet")
    again = Project.open(project.path)
    pd.testing.assert_frame_equal(again.examples.rows, before)
    flip(project.path / "examples.parquet")
    (copy,) = (project.path / "source").iterdir()
    flip(copy)
    with pytest.raises(CurationError, match=r"copy of pairs\.jsonl in source/ is damaged"):
        _ = Project.open(project.path).examples


def test_one_flipped_bit_in_the_cache_is_a_miss_and_never_an_answer(project):
    recipe = Recipe((Step("fix_text"), Step("drop_exact_duplicates"), Step("lengths")))
    before = project.run(recipe)
    for entry in (project.path / "cache" / "steps").rglob("*.arrow"):
        flip(entry)
    after = Project.open(project.path).run(recipe)
    pd.testing.assert_frame_equal(after.rows, before.rows)
    assert not any(step.cached for step in after.steps)
    flip(project.path / "cache" / "latest.json")
    assert len(Project.open(project.path).view().dataset) == 8


def test_the_second_of_two_who_change_the_recipe_is_shown_both(project):
    mine, theirs = Project.open(project.path), Project.open(project.path)
    base = mine.recipe.revision
    theirs.save_recipe(theirs.recipe + Step("fix_text"), base)
    with pytest.raises(RecipeConflict) as conflict:
        mine.save_recipe(mine.recipe + Step("lengths"), base)
    assert "fix_text" in conflict.value.theirs and "lengths" in conflict.value.yours
    assert project.recipe == Recipe((Step("fix_text"),)), "nothing was overwritten"
    mine.save_recipe(mine.recipe + Step("lengths"), mine.recipe.revision)
    assert project.recipe.names == ("fix_text", "lengths")
    with pytest.raises(RecipeError):
        project.recipe = Recipe((Step("fix_texts"),))
    assert project.recipe.names == ("fix_text", "lengths")


def test_a_project_is_made_where_nothing_is_and_opened_where_one_is(project, tmp_path):
    with pytest.raises(CurationError, match="is not empty; choose another name"):
        Project.create(project.path)
    with pytest.raises(CurationError, match="is not empty"):
        Project.create(tmp_path / "pairs.jsonl")
    (tmp_path / "empty").mkdir()
    assert Project.create(tmp_path / "empty", name='A "good" name').name == 'A "good" name'
    with pytest.raises(CurationError, match="is not a project.*curate new"):
        Project.open(tmp_path)
    with pytest.raises(CurationError, match="no examples yet; import a file first"):
        Project.open(tmp_path / "empty").replay()
    (project.path / "project.toml").write_text('name = "p"\nschema = 99\n')
    with pytest.raises(CurationError, match="schema 99"):
        Project.open(project.path)
    (project.path / "project.toml").write_text("name = \n")
    with pytest.raises(CurationError, match=r"project\.toml cannot be read"):
        Project.open(project.path)


def test_a_view_says_what_has_changed_since_the_last_run(project):
    project.recipe += Step("drop_exact_duplicates")
    assert project.view().note == "The recipe has not been run on these examples yet."
    project.run()
    assert project.view().current and len(project.view().dataset.kept) == 7
    chosen = project.examples.rows.index[0]
    project.recipe += Step("language")
    project.decisions.append([Decision(chosen, "drop", annotator="Ann")])
    view = project.view()
    assert not view.current
    said = "Since the last run the recipe was changed and 1 decision was made."
    assert view.note.startswith(said)
    assert view.dataset.rows.at[chosen, "dropped_by"] == "people", "decisions show at once"


def test_names_become_safe_folders():
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug(" .. ") == "project" and slug("客服 2024!") == "客服-2024"


GOOD = st.builds(
    lambda q, a: orjson.dumps({"prompt": q, "completion": a}),
    st.sampled_from(["Why?", "Who is it?", "什么？", "Count to three."]),
    st.sampled_from(["Because.", "one two three", "一二三", "one two three four five six"]),
)
LINE = st.one_of(GOOD, st.sampled_from([b"", b"   ", b"{broken", b"42", b"null", b'{"colour": 1}']))
RECIPES = st.lists(
    st.sampled_from(
        [
            Step("fix_text"),
            Step("drop_exact_duplicates"),
            Step("drop_exact_duplicates", by="prompt", keep="longest"),
            Step("drop_near_duplicates", similarity=0.5),
            Step("lengths"),
            Step("keep_between", score="source_row", high=6),
            Step("drop_matching", pattern="three"),
            Step("split", validation=0.3, test=0.3),
        ]
    ),
    max_size=6,
    unique_by=lambda step: (step.use, str(step.params)),
)


@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each try costs a second
)
@given(st.lists(LINE, max_size=12), st.lists(RECIPES, min_size=2, max_size=2))
def test_every_line_and_every_example_is_accounted_for(tmp_path_factory, lines, recipes):
    folder = tmp_path_factory.mktemp("counted")
    lines = [b'{"prompt": "First?", "completion": "Yes."}', *lines]
    (folder / "x.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    project = Project.create(folder / "p")
    (entry,) = project.add(folder / "x.jsonl")
    report = entry["report"]
    assert report["lines"] == len(lines)
    assert report["lines"] == report["examples"] + report["rejected"] + report["blank"]
    assert report["blank"] == sum(not line.strip() for line in lines)
    assert (
        len(project.examples) == report["examples"] and len(project.rejected) == report["rejected"]
    )
    for steps in recipes:
        recipe = Recipe()
        for step in steps:
            recipe += step
        dataset = project.replay(recipe)
        assert len(dataset.kept) + len(dataset.dropped) == report["examples"]
        at = report["examples"]
        for step in dataset.steps:
            assert (step.kept_in, step.kept_out) == (at, at - step.dropped)
            at = step.kept_out
        assert at == len(dataset.kept)
        assert dataset.kept["split"].notna().all() == ("split" in recipe.names or not at)


def test_a_refused_line_can_be_mended_and_is_then_no_longer_refused(tmp_path):
    file = tmp_path / "pairs.jsonl"
    good = '{"prompt": "Name a planet.", "completion": "Saturn."}'
    file.write_text(f'{good}\n{{"prompt": "Name a star", "completion": "Sirius",}}\n')
    project = Project.create(tmp_path / "p")
    (entry,) = project.add(file)
    assert entry["report"]["rejected"] == 1
    with pytest.raises(CurationError, match="Still refused"):
        project.mend("pairs.jsonl", 2, '{"prompt": "Name a star"')
    assert len(project.examples) == 1
    mended = project.mend("pairs.jsonl", 2, '{"prompt": "Name a star.", "completion": "Sirius."}')
    assert mended["report"]["examples"] == 1
    assert project.rejected.empty
    assert sorted(project.examples.rows["response"]) == ["Saturn.", "Sirius."]
    with pytest.raises(CurationError, match="stands refused"):
        project.mend("pairs.jsonl", 2, good)
    project.rebuild()
    assert len(project.examples) == 2 and project.rejected.empty


def test_a_new_version_of_a_file_is_read_with_the_remembered_mapping(tmp_path):
    file = tmp_path / "odd.jsonl"
    file.write_text('{"anfrage": "Name a planet.", "auskunft": "Saturn."}\n')
    project = Project.create(tmp_path / "p")
    project.add(file, mapping={"prompt": "anfrage", "response": "auskunft"})
    with open(file, "a") as stream:
        stream.write('{"anfrage": "Name a star.", "auskunft": "Sirius."}\n')
    (entry,) = project.add(file)
    assert entry["report"]["examples"] == 2
    assert sorted(project.examples.rows["response"]) == ["Saturn.", "Sirius."]


def test_a_saved_dataset_is_one_import(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = {"prompt": ["Name a planet.", "Name a star."], "completion": ["Saturn.", "Sirius."]}
    parts = {"train": datasets.Dataset.from_dict(rows)}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    project = Project.create(tmp_path / "p")
    (entry,) = project.add(tmp_path / "saved")
    assert entry["report"]["examples"] == 2
    assert project.add(tmp_path / "saved")[0]["already"]


def test_a_dataset_by_id_is_added_split_by_split(tmp_path):
    pytest.importorskip("datasets")
    folder = tmp_path / "local"
    folder.mkdir()
    for split in ("train", "test"):
        line = f'{{"prompt": "Name a {split}.", "completion": "{split}"}}\n'
        (folder / f"{split}.jsonl").write_text(line)
    project = Project.create(tmp_path / "p")
    entries = project.add_from_hub(str(folder))
    assert sum(e["report"]["examples"] for e in entries) == 2
    assert sorted(project.examples.rows["response"]) == ["test", "train"]
