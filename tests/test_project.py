"""The project folder: what is imported twice, replaced, damaged, or changed by two at once."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from curation import Project, Step, lock
from curation import export as deliveries
from curation.dataset import silent
from curation.decisions import Decision
from curation.errors import CurationError, RecipeConflict, RecipeError
from curation.examples import Examples
from curation.recipe import Recipe
from curation.sources import hub
from curation.view import SHOWN_THEN, Views
from tests.conftest import PAIRS
from tests.programs import printed_together, start_program


def write(path: Path, pairs) -> Path:
    rows = [{"prompt": p, "completion": c} for p, c in pairs]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.fixture
def project(tmp_path: Path, make_project) -> Project:
    path = write(tmp_path / "pairs.jsonl", PAIRS)
    return make_project({path.name: path.read_bytes()})


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


def test_another_version_of_a_file_takes_its_place(tmp_path):
    project = Project.create(tmp_path / "p")
    project.add(write(tmp_path / "pairs.jsonl", PAIRS))
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
    project.add(write(tmp_path / "pairs.jsonl", grown), replace=True)
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
    sentence = "The recipe was changed and 1 example was decided since the last run."
    assert view.note.startswith(sentence)
    assert view.dataset.rows.at[chosen, "dropped_by"] == "people", "decisions show at once"


def test_a_recipe_that_cannot_be_read_is_reported_over_a_run_without_steps(project):
    project.recipe = Recipe()
    project.run()
    (project.path / "recipe.yaml").write_text("steps: [")
    view = project.view()
    assert not view.current and len(view.dataset) == len(project.examples)
    assert "recipe.yaml" in view.note and view.note.endswith(SHOWN_THEN)


def remembered(project: Project) -> set[str]:
    return {p.name for p in (project.path / "cache" / "steps").rglob("*.arrow")}


def measured(project: Project, low: int) -> Recipe:
    return Recipe((Step("lengths"), Step("keep_between", score="response_characters", low=low)))


def test_new_decisions_are_laid_over_the_last_run_and_nothing_is_computed(project):
    project.recipe = measured(project, 0)
    project.run()
    before, (edited, dropped) = remembered(project), project.examples.rows.index[:2]
    turns = [{"role": "user", "content": "New?"}, {"role": "assistant", "content": "New."}]
    project.decisions.append(
        [Decision(edited, "edit", turns, "Ann"), Decision(dropped, "drop", annotator="Ann")]
    )
    view = project.view()
    assert not view.current and view.note.startswith("2 examples were decided since the last run.")
    assert view.dataset.rows.at[edited, "prompt"] == "New?"
    assert view.dataset.rows.at[dropped, "dropped_by"] == "people"
    assert remembered(project) == before
    project.run()
    assert project.view().current and remembered(project) > before


def test_what_changes_no_result_and_what_was_undone_ask_for_no_run(project):
    project.recipe = measured(project, 0)
    project.run()
    ran, chosen = project.view(), project.examples.rows.index[0]
    project.decisions.append(
        [Decision(chosen, "tag", "odd", "Ann"), Decision(chosen, "flag", "review", "Ann")]
    )
    assert project.view().current and project.view().fingerprint == ran.fingerprint
    project.decisions.append([Decision(chosen, "drop", annotator="Ann")])
    first = project.view()
    assert not first.current and "1 example was decided since" in first.note
    project.decisions.append([Decision(chosen, "tag", "odder", "Ann")])
    assert project.view().fingerprint == first.fingerprint
    project.decisions.undo("Ann"), project.decisions.undo("Ann")
    assert project.view().current and project.view().fingerprint == ran.fingerprint


def test_a_moved_threshold_shows_its_effect_also_beside_new_decisions(project):
    project.recipe = measured(project, 0)
    project.run()
    kept = len(project.view().dataset.kept)
    project.recipe = measured(project, 30)
    moved = project.view()
    assert moved.current and len(moved.dataset.kept) < kept
    assert len(project.partial().kept) == len(moved.dataset.kept)
    chosen = moved.dataset.dropped.index[0]
    project.decisions.append([Decision(chosen, "keep", annotator="Ann")])
    project.recipe = measured(project, 20)
    view = project.view()
    assert not view.current and view.dataset.steps[-2].params["low"] == 20
    assert view.dataset.rows["dropped_by"].isna()[chosen]
    assert project.partial().steps[-1].params["low"] == 20


def test_a_late_filter_shows_at_once_where_a_later_step_waits_for_a_run(project):
    project.recipe = measured(project, 0) + Step("split")
    project.run()
    kept = len(project.view().dataset.kept)
    rates = project.path / "cache" / "timings.json"
    rates.write_text(json.dumps(json.loads(rates.read_text()) | {"split": 10.0}))
    project.recipe = measured(project, 30) + Step("split")
    view = project.view()
    assert not view.current and view.ran and len(view.dataset.kept) < kept
    assert view.note == (
        "The recipe was changed since the last run. This page shows today's recipe up to the step "
        f"{Step('split').operation.title}, which needs a run."
    )
    chosen = view.dataset.dropped.index[0]
    project.decisions.append([Decision(chosen, "keep", annotator="Ann")])
    decided = project.view()
    assert decided.note.startswith("The recipe was changed and 1 example was decided since")
    assert decided.dataset.rows["dropped_by"].isna()[chosen]
    assert decided.fingerprint != view.fingerprint
    project.decisions.undo("Ann")
    assert project.view().fingerprint == view.fingerprint
    done = project.run()
    assert project.view().current
    assert list(done.kept.index) == list(view.dataset.kept.index)


def test_where_an_early_step_waits_for_a_run_the_last_run_is_shown(project):
    project.recipe = Recipe((Step("lengths"), Step("language"), Step("split")))
    project.run()
    rates = project.path / "cache" / "timings.json"
    rates.write_text(json.dumps(json.loads(rates.read_text()) | {"language": 10.0}))
    for recipe in (
        Recipe((Step("fix_text"), Step("lengths"), Step("language"), Step("split"))),
        measured(project, 30) + Step("language") + Step("split"),
    ):
        project.recipe = recipe
        view = project.view()
        assert not view.current and view.note.endswith(SHOWN_THEN)
        assert "language" in view.dataset.rows and view.dataset.rows["split"].notna().all()


def test_steps_that_are_quick_one_by_one_are_not_when_there_are_many(project):
    uses = ["lengths", "type_token_ratio", "language"]
    project.recipe = Recipe(tuple(Step(use) for use in uses))
    (project.path / "cache").mkdir(exist_ok=True)
    rates = dict.fromkeys(uses, 0.9 / len(project.examples))
    (project.path / "cache" / "timings.json").write_text(json.dumps(rates))
    assert [s.use for s in project.partial().steps] == uses[:2]


def test_an_import_in_between_does_not_poison_what_is_remembered(project, tmp_path):
    project.recipe = measured(project, 0)
    assert len(project.examples) == 8
    more = write(tmp_path / "more.jsonl", [("One more?", "Yes, one more.")])
    old, real = project.source(), Project.source
    imported = []

    def interrupted(self):
        """The examples are read; then somebody else imports, and another page reads that."""
        read = real(self)
        if not imported:
            imported.append(Project.open(self.path).add(more))
            assert len(real(self).dataset) == 9
        return read

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Project, "source", interrupted)
        between = project.replay()
    assert len(between) == len(old.dataset) == 8, "what was read together stays together"
    assert len(project.replay()) == 9
    again = Project.open(project.path)
    assert len(again.replay()) == 9 and again.replay().steps[0].cached
    assert again.source().digest != old.digest


SAVE = """
import sys
from curation import Project, Step
from curation.errors import RecipeConflict
project = Project.open(sys.argv[1])
sys.stdin.readline()
saved = 0
while saved < 5:
    recipe = project.recipe
    try:
        project.save_recipe(recipe + Step("drop_matching", pattern=sys.argv[2]), recipe.revision)
        saved += 1
    except RecipeConflict:
        pass
"""


def test_of_programs_that_save_the_recipe_at_once_none_overwrites_another(project):
    printed_together([start_program(SAVE, project.path, n) for n in range(2)])
    assert sorted(s.params["pattern"] for s in project.recipe) == ["0"] * 5 + ["1"] * 5


def test_a_recipe_is_saved_by_one_at_a_time(project):
    recipe = project.recipe
    with ThreadPoolExecutor(1) as other:
        with lock.locked(project.path / ".recipe.lock"):
            saving = other.submit(project.save_recipe, recipe + Step("fix_text"), recipe.revision)
            with pytest.raises(TimeoutError):
                saving.result(0.2)
            assert project.recipe == recipe
        saving.result(60)
    assert project.recipe.names == ("fix_text",)


def test_setting_the_recipe_does_not_overwrite_what_was_saved_since_it_was_read(project):
    mine = project.recipe
    other = Project.open(project.path)
    other.recipe += Step("fix_text")
    with pytest.raises(RecipeConflict):
        project.recipe = mine + Step("lengths")
    project.recipe += Step("lengths")
    assert project.recipe.names == ("fix_text", "lengths")


def test_a_pattern_and_a_tokenizer_that_somebody_wrote_are_left_to_a_run(project, tmp_path):
    project.recipe = Recipe((Step("drop_matching", pattern="planet"),))
    assert not project.view().current and not project.partial().steps
    assert project.run().rows["dropped_by"].notna().sum() == 1 and project.view().current
    project.recipe = Recipe((Step("drop_matching"),))
    assert project.view().current, "without a pattern there is nothing to wait for"
    os.mkfifo(tmp_path / "pipe")
    for endless in ("/dev/zero", str(tmp_path / "pipe")):
        project.recipe = Recipe((Step("lengths", tokenizer=endless),))
        assert not project.view().current
        with pytest.raises(CurationError, match="is no file that can be read"):
            project.run()


def test_a_page_waits_for_no_page_that_is_still_computing(project, monkeypatch):
    monkeypatch.setattr("curation.view.WAITING", 0.05)
    begun, go_on = threading.Event(), threading.Event()
    real = Views._make

    def slow(self):
        if not begun.is_set():
            begun.set()
            assert go_on.wait(60)
        return real(self)

    monkeypatch.setattr(Views, "_make", slow)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(project.view)
        assert begun.wait(60)
        assert len(project.view().dataset) == len(project.examples) == 8
        project.recipe += Step("fix_text")
        go_on.set()
        assert len(first.result(60).dataset) == 8


def test_of_many_pages_that_ask_at_once_one_makes_the_view(project, monkeypatch):
    """Each that did it too would hold a copy of all: twenty sessions of a million rows."""
    begun, go_on, calls = threading.Event(), threading.Event(), []
    real = Views._make

    def slow(self):
        calls.append(1)
        begun.set()
        assert go_on.wait(60)
        return real(self)

    monkeypatch.setattr(Views, "_make", slow)
    monkeypatch.setattr("curation.view.PATIENCE", 0.01)
    with ThreadPoolExecutor(4) as others:
        views = [others.submit(project.view) for _ in range(4)]
        assert begun.wait(60)
        with pytest.raises(TimeoutError):
            views[0].result(0.3)
        go_on.set()
        assert len({id(view.result(60)) for view in views}) == len(calls) == 1


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
        left = report["examples"]
        for step in dataset.steps:
            assert (step.kept_in, step.kept_out) == (left, left - step.dropped)
            left = step.kept_out
        assert left == len(dataset.kept)
        assert dataset.kept["split"].notna().all() == ("split" in recipe.names or not left)


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


def test_a_dataset_by_id_is_added_split_by_split(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    folder = tmp_path / "local"
    folder.mkdir()
    for split in ("train", "test"):
        line = f'{{"prompt": "Name a {split}.", "completion": "{split}"}}\n'
        (folder / f"{split}.jsonl").write_text(line)

    def fetched(id, out, **options):  # what the Hub would give, from a folder
        return hub.Fetched(id, "0123456789abcdef", hub.write_splits(str(folder), out))

    monkeypatch.setattr(hub, "load", fetched)
    project = Project.create(tmp_path / "p")
    entries = project.add_from_hub("owner/local")
    assert sum(e["report"]["examples"] for e in entries) == 2
    assert {e["name"] for e in entries} == {
        f"owner/local@0123456789ab/local-{split}.parquet" for split in ("train", "test")
    }
    assert sorted(project.examples.rows["response"]) == ["test", "train"]


def test_a_dataset_is_fetched_at_the_commit_that_a_name_stood_for(tmp_path, monkeypatch):
    requests = []

    class Api:
        def dataset_info(self, id, revision=None, timeout=None):
            requests.append((id, revision))
            return types.SimpleNamespace(sha="0123456789abcdef" * 2)

    def load_dataset(where, name=None, **options):
        requests.append((where, options))
        raise OSError("that is all there is to see")

    monkeypatch.setitem(sys.modules, "huggingface_hub", types.SimpleNamespace(HfApi=Api))
    fake = types.SimpleNamespace(load_dataset=load_dataset)
    monkeypatch.setitem(sys.modules, "datasets", fake)
    with pytest.raises(CurationError):
        hub.load("owner/name", tmp_path, revision="main")
    assert requests[0] == ("owner/name", "main")
    where, options = requests[1]
    assert where == "owner/name" and options["revision"] == "0123456789abcdef" * 2
    assert not options.get("trust_remote_code")


def test_the_hub_is_never_asked_for_a_folder_of_this_machine(project, tmp_path):
    with pytest.raises(CurationError, match="is not the id of a dataset"):
        project.add_from_hub(str(tmp_path))
    assert len(project.imports) == 1


def test_files_imported_by_several_processes_at_once_are_all_there(project, tmp_path):
    names = [f"part-{i}.jsonl" for i in range(3)]
    at_once = [
        subprocess.Popen(
            [sys.executable, "-m", "curation", "import", str(project.path), str(file)],
            stdout=subprocess.DEVNULL,
        )
        for file in (write(tmp_path / n, [(f"What is {n}?", "A part.")]) for n in names)
    ]
    assert [process.wait(timeout=60) for process in at_once] == [0, 0, 0]
    assert {e["name"] for e in project.imports} == {"pairs.jsonl", *names}
    assert len(project.examples) == 8 + 3
    assert not [p for p in (project.path / "source").iterdir() if p.name.startswith(".")]


def test_readers_do_not_wait_for_a_file_that_is_being_read(project, tmp_path):
    counts, reader = [], ThreadPoolExecutor(1)

    def look(share, text):
        counts.append(reader.submit(lambda: len(project.examples)).result(timeout=20))

    write(
        tmp_path / "long.jsonl", [(f"How much is {i} and one?", f"{i + 1}.") for i in range(6000)]
    )
    project.add(tmp_path / "long.jsonl", progress=look)
    assert counts and set(counts) == {8}
    assert len(project.examples) == 6008


def test_one_damaged_copy_takes_no_other_import_with_it(project, tmp_path):
    project.add(write(tmp_path / "other.jsonl", [("Another file?", "Yes.")]))
    before = project.examples.rows
    flip(project.path / "source" / project.imports[1]["stored"])
    flip(project.path / "examples.parquet")
    for _ in range(2):
        with pytest.raises(CurationError, match=r"copy of other\.jsonl in source/ is damaged"):
            _ = Project.open(project.path).examples
    assert [e["name"] for e in project.imports] == ["pairs.jsonl", "other.jsonl"]
    (again,) = project.add(tmp_path / "other.jsonl")  # as the error asks for
    assert again["already"]
    pd.testing.assert_frame_equal(Project.open(project.path).examples.rows, before)


def test_rows_that_no_import_vouches_for_do_not_come_back_with_the_next(project, tmp_path):
    manifest = (project.path / "imports.json").read_bytes()
    project.add(write(tmp_path / "cut.jsonl", [("Cut off?", "Yes.")]))
    (project.path / "imports.json").write_bytes(manifest)  # as if it had died just before
    project.add(write(tmp_path / "next.jsonl", [("The next?", "Yes.")]))
    assert sorted(set(project.examples.rows["source"])) == ["next.jsonl", "pairs.jsonl"]


BROKEN = '{"prompt": "Name a star", "completion": "Sirius",}'
MENDED = '{"prompt": "Name a star.", "completion": "Sirius."}'


def refusing(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_mend_hides_its_line_and_no_other_of_a_later_version(tmp_path):
    file = refusing(tmp_path / "pairs.jsonl", MENDED.replace("star", "sun"), BROKEN)
    project = Project.create(tmp_path / "p")
    project.add(file)
    project.mend("pairs.jsonl", 2, MENDED)
    project.add(refusing(file, MENDED.replace("star", "sun"), "{another fault", BROKEN))
    assert project.rejected["row"].tolist() == [2], "the mended line is now the third"
    assert len(project.examples) == 2
    project.add(refusing(file, MENDED.replace("star", "sun"), "{another fault", BROKEN, BROKEN))
    assert project.rejected["row"].tolist() == [2, 4], "one mend stands for one line"


def test_equal_mends_of_two_files_stand_beside_each_other(tmp_path):
    project = Project.create(tmp_path / "p")
    names = ["a.jsonl", "b.jsonl"]
    project.add(
        *(refusing(tmp_path / n, f'{{"prompt": "{n}", "completion": "."}}', BROKEN) for n in names)
    )
    for name in names:
        project.mend(name, 2, MENDED)
    assert project.rejected.empty
    assert [e["name"] for e in project.imports] == [
        "a.jsonl",
        "b.jsonl",
        "a.jsonl (mended)",
        "b.jsonl (mended)",
    ]
    assert len(project.examples) == 4


def test_a_mended_line_is_read_as_its_own_file_is(tmp_path):
    project = Project.create(tmp_path / "p")
    odd = '{"anfrage": "Name a planet.", "auskunft": "Saturn."}'
    project.add(refusing(tmp_path / "part", MENDED))
    project.add(
        refusing(tmp_path / "part.jsonl", odd, odd[:-1]),
        mapping={"prompt": "anfrage", "response": "auskunft"},
    )
    project.mend("part.jsonl", 2, odd.replace("planet", "comet"))
    assert "Name a comet." in project.examples.rows["prompt"].tolist()


def test_a_line_of_a_table_can_be_mended(tmp_path):
    project = Project.create(tmp_path / "p")
    project.add(
        refusing(tmp_path / "t.csv", "prompt,completion", "Name a planet.,Saturn.", "a,b,c")
    )
    ((source, row),) = project.rejected[["source", "row"]].itertuples(index=False)
    project.mend(source, row, MENDED)
    assert project.rejected.empty and len(project.examples) == 2


def test_files_of_one_name_in_one_call_are_told_apart_by_their_folders(tmp_path):
    project = Project.create(tmp_path / "p")
    files = []
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        files.append(write(tmp_path / split / "data.jsonl", [(f"Is it {split}?", "Yes.")]))
    entries = project.add(*files, files[0])
    assert [e["name"] for e in entries] == ["train/data.jsonl", "test/data.jsonl"]
    assert len(project.examples) == 2


def test_a_folder_is_written_once_and_links_out_of_it_are_not_followed(tmp_path):
    secret = write(tmp_path / "secret.jsonl", [("The secret?", "Yes.")])
    folder = tmp_path / "given"
    for i in range(3):
        (folder / f"{i}").mkdir(parents=True)
        write(folder / f"{i}" / "data.jsonl", [(f"Number {i}?", "Yes.")])
    (folder / "link.jsonl").symlink_to(secret)
    (folder / ".cache").mkdir()
    write(folder / ".cache" / "data.jsonl", [("Hidden?", "Yes.")])
    project = Project.create(tmp_path / "p")
    written = []
    project.add(folder, progress=lambda share, text: written.append(len(project.imports)))
    assert [e["name"] for e in project.imports] == [f"given/{i}/data.jsonl" for i in range(3)]
    assert len(project.examples) == 3 and set(written) <= {0}
    shutil.rmtree(folder / "0")
    (folder / "1" / "data.jsonl").write_bytes(b"PK\x03\x04 no archive at all")
    with pytest.raises(CurationError):
        project.add(folder)
    assert len(project.imports) == 3, "all or nothing"
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "link.jsonl").symlink_to(secret)
    with pytest.raises(CurationError, match="without files"):
        project.add(tmp_path / "links")


def test_a_delivery_vouches_for_the_decisions_it_was_made_of(project, tmp_path):
    chosen, later = project.examples.rows.index[:2]
    project.decisions.append([Decision(chosen, "drop", annotator="Ann")])
    project.recipe = Recipe((Step("split"),))

    def interrupt(share, text):
        if project.decisions.last() == 1:
            other = Project.open(project.path)
            other.decisions.append([Decision(later, "drop", annotator="Ben")])

    manifest = project.export(tmp_path / "out", ["trl"], progress=interrupt)
    assert project.decisions.last() == 2
    assert "Ann" in json.dumps(manifest) and "Ben" not in json.dumps(manifest)


@pytest.mark.parametrize("moment", ["while the source is read", "while the recipe runs"])
def test_a_delivery_is_made_of_one_source(project, tmp_path, monkeypatch, moment):
    project.recipe = Recipe((Step("split"),))
    fresh = [(f"Another question {n}?", f"Another answer {n}.") for n in range(9)]
    projects, interrupted, real = {}, [], Examples.now

    def interrupt(share=0.0, text=""):
        if not interrupted:
            interrupted.append(Project.open(project.path))
            interrupted[0].add(write(tmp_path / "pairs.jsonl", fresh), replace=True)

    def source(self):
        read = real(self)
        if moment == "while the source is read":
            interrupt()
        return read

    def export(dataset, origin, *rest, **options):
        projects.update(dataset=dataset, origin=origin)
        return {}

    monkeypatch.setattr(Examples, "now", source)
    monkeypatch.setattr(deliveries, "export", export)
    progress = interrupt if moment == "while the recipe runs" else silent
    project.export(tmp_path / "out", ["trl"], progress=progress)
    dataset, origin = projects["dataset"], projects["origin"]
    assert interrupted and set(origin.imported.index) == set(dataset.rows.index)
    assert [e["report"]["examples"] for e in origin.imports] == [len(dataset)]


def test_a_reading_that_gives_nothing_does_not_replace_one_that_gave_examples(tmp_path):
    file = tmp_path / "odd.jsonl"
    file.write_text('{"anfrage": "Name a planet.", "auskunft": "Saturn."}\n')
    project = Project.create(tmp_path / "p")
    project.add(file, mapping={"prompt": "anfrage", "response": "auskunft"})
    with pytest.raises(CurationError, match="auskunf.*stays"):
        project.add(file, mapping={"prompt": "anfrage", "response": "auskunf"})
    assert project.examples.rows["response"].tolist() == ["Saturn."]


def test_limits_are_settings_of_the_project(tmp_path):
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"prompt": "Name a planet.", "completion": "Saturn.", "more": [[[1]]]}\n')
    project = Project.create(tmp_path / "p")
    settings = project.path / "project.toml"
    plain = settings.read_text()
    settings.write_text(f"{plain}[limits]\nnesting = 2\n")
    (entry,) = project.add(file)
    assert entry["report"]["rejected"] == 1
    assert "limit nesting" in project.rejected["message"].iloc[0]
    settings.write_text(f"{plain}[limits]\nnestng = 2\n")
    with pytest.raises(CurationError, match="nestng.*nesting"):
        Project.open(project.path).add(file)


def test_a_new_file_moves_nothing_on_the_map_until_it_is_drawn_anew(example_project, tmp_path):
    project = Project(shutil.copytree(example_project, tmp_path / "example"))
    before = project.run().rows[["map_x", "map_y"]].dropna()
    more = tmp_path / "more.jsonl"
    lines = [{"prompt": f"Name {n} rivers of Asia.", "completion": "The Ob."} for n in range(2, 30)]
    more.write_text("\n".join(json.dumps(line) for line in lines))
    project.add(more)
    after = project.run().rows[["map_x", "map_y"]].dropna()
    assert len(after) > len(before)
    both = before.index.intersection(after.index)
    pd.testing.assert_frame_equal(after.loc[both], before.loc[both])

    steps = list(project.recipe.steps)
    position = next(i for i, step in enumerate(steps) if step.use == "project_map")
    project.recipe = project.recipe.changed(position, Step("project_map", seed=1))
    assert not project.view().current
    anew = project.run().rows[["map_x", "map_y"]].dropna()
    assert not np.allclose(anew.loc[both], before.loc[both])


def test_a_step_that_reads_decisions_stays_remembered_when_the_first_one_is_made(make_project):
    """Before the first decision there is no store; after it there is one without any at that time."""
    rows = [{"text": f"{'rain' if n % 2 else 'sun'} {n}", "label": n % 2} for n in range(12)]
    project = make_project(rows, Step("embed", way="draft"), Step("label_quality"))
    plain = project.run()
    first = plain.rows.index[0]
    project.decisions.append([Decision(first, "drop", None, "Ann")])
    shown = project.view()
    assert "not available" not in shown.note and "label_quality" in shown.dataset.rows
    assert shown.dataset.rows.at[first, "dropped_by"] == "people"
    project.decisions.undo("Ann")
    assert project.view().dataset.rows["dropped_by"].isna().all()
