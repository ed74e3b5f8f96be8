"""A concept: what people tag becomes a score, depends on these tags alone, and can be undone."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from curation import Project, registry
from curation.cache import Cache
from curation.dataset import Dataset
from curation.decisions import Decision, DecisionStore
from curation.embedding import VectorStore
from curation.errors import CurationError
from curation.operations.concept import Marks, average_precision, concept, probability
from curation.overlay import Source
from curation.recipe import Recipe, Step
from curation.replay import Replay
from tests.conftest import make_dataset
from tests.drawn import opened

COOKING = [f"Which {thing} do I boil, and for how long?" for thing in "abcdefghijklmnopqrst"]
OTHERS = [f"Name a star called {thing} that can be seen." for thing in "abcdefghijklmnopqrst"]
RECIPE = Recipe((Step("placed"), Step("concept", tag="cooking tips")))
COLUMN = "concept_cooking_tips"


def placed(rows: pd.DataFrame, store) -> np.ndarray:
    """Put questions of cooking and others at two places, each with a spread of its own."""
    rng = np.random.default_rng(0)
    spread = pd.DataFrame(rng.normal(size=(len(rows), 6)) * 0.3, index=sorted(rows["prompt"]))
    vectors = spread.loc[rows["prompt"]].to_numpy(copy=True)
    vectors[:, 0] += np.where(rows["prompt"].str.contains("boil"), 1.0, -1.0)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(autouse=True)
def operations():
    before = registry.operations()
    registry.embed("Placed")(placed)
    yield
    registry._operations.clear()
    registry._operations.update(before)


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset([(text, "It depends.") for text in COOKING + OTHERS])


@pytest.fixture
def store(tmp_path):
    opened = DecisionStore(tmp_path / "decisions.db", journal=tmp_path / "journal.jsonl")
    yield opened
    opened.close()


def say(store, kind: str, ids, value=None):
    store.append([Decision(i, kind, value, "Ann") for i in ids])


def replay(dataset, tmp_path, store) -> Replay:
    vectors = VectorStore(tmp_path / "vectors")
    return Replay(Source("source", dataset), Cache(tmp_path / "cache"), vectors, store.state())


def test_the_tagged_rank_their_like_before_all_others(dataset, tmp_path, store):
    ids = dataset.rows.index
    say(store, "tag", ids[:3], "cooking tips")
    say(store, "tag", ids[20:23], "not cooking tips")
    scores = replay(dataset, tmp_path, store).run(RECIPE).rows[COLUMN]
    assert scores.between(0, 1).all()
    assert scores.iloc[:20].min() > scores.iloc[20:].max()
    receipt = replay(dataset, tmp_path, store).run(RECIPE).explain(ids[0])
    assert COLUMN in receipt[-1]["text"]


def test_only_its_own_tags_make_it_new_and_undoing_one_brings_the_former_score_back(
    dataset, tmp_path, store
):
    ids = dataset.rows.index
    say(store, "tag", ids[:2], "cooking tips")
    before = replay(dataset, tmp_path, store)
    once = before.run(RECIPE).rows[COLUMN]
    prints = before.fingerprints(RECIPE)
    say(store, "tag", ids[:5], "another tag")
    say(store, "note", ids[5:6], "Well.")
    assert replay(dataset, tmp_path, store).fingerprints(RECIPE) == prints
    store.append([Decision(ids[30], "tag", "cooking tips", "Bo", op_id="mistake")])
    after = replay(dataset, tmp_path, store)
    assert after.fingerprints(RECIPE)[-1] != prints[-1]
    assert not after.run(RECIPE).rows[COLUMN].equals(once)
    store.append([Decision(ids[30], "undo", {"op_id": "mistake"}, "Bo")])
    back = replay(dataset, tmp_path, store)
    assert back.fingerprints(RECIPE) == prints and back.missing(RECIPE) == []
    pd.testing.assert_series_equal(back.run(RECIPE).rows[COLUMN], once)
    say(store, "tag", ids[31:32], "not cooking tips")
    assert replay(dataset, tmp_path, store).missing(RECIPE) == ["concept"]


def test_an_operation_that_says_nothing_of_what_it_reads_depends_on_every_decision(
    dataset, tmp_path, store
):
    def noted(rows, decisions):
        """Count notes."""
        return np.array([len(decisions.notes.get(i, ())) for i in rows.index])

    registry.score("Noted")(noted)
    recipe = Recipe((Step("noted"),))
    counts = []
    for _ in range(2):
        say(store, "note", dataset.rows.index[:1], "Well.")
        counts.append(int(replay(dataset, tmp_path, store).run(recipe).rows["noted"].sum()))
    assert counts == [1, 2]


def test_several_concepts_stand_in_one_recipe_and_a_filter_may_read_one(dataset, tmp_path, store):
    ids = dataset.rows.index
    say(store, "tag", ids[:3], "cooking tips")
    say(store, "tag", ids[20:24], "星 stars")
    recipe = Recipe(
        (*RECIPE, Step("concept", tag="星 stars"), Step("keep_between", score=COLUMN, low=0.5))
    )
    result = replay(dataset, tmp_path, store).run(recipe)
    assert {COLUMN, "concept_星_stars"} <= set(result.scores)
    assert set(result.kept.index) == set(ids[(result.rows[COLUMN] >= 0.5).to_numpy()])
    early = Recipe((Step("keep_between", score=COLUMN, low=0.5), *RECIPE))
    with pytest.raises(CurationError, match="add concept before it"):
        replay(dataset, tmp_path, store).run(early)


def test_names_of_columns_are_made_of_parameters():
    operation = registry.operation("concept")
    for tag, column in [
        ("maths", "concept_maths"),
        ("oil prices", "concept_oil_prices"),
        ("数学", "concept_数学"),
        ("", "concept"),
    ]:
        assert operation.columns_made({"tag": tag, "against": ""}) == (column,)
        assert operation.can_make(column)
    (sign,) = operation.columns_made({"tag": "🙂", "against": ""})
    assert re.fullmatch("concept_[0-9a-f]{8}", sign)
    alike = ["c", "C", "C++", "C#", "c ", "a b", "a_b", "a  b", " a b", "a-b"]
    columns = [operation.columns_made({"tag": tag, "against": ""})[0] for tag in alike]
    assert len(set(columns)) == len(alike) and all(map(operation.can_make, columns))
    assert columns[0] == "concept_c" and re.fullmatch("concept_c_[0-9a-f]{8}", columns[2])
    assert not operation.can_make("conceptual") and not operation.can_make("a_concept_b")
    assert registry.operation("lengths").can_make("prompt_tokens")


def test_without_a_yes_a_sentence_says_how_to_mark(dataset, tmp_path, store):
    say(store, "tag", dataset.rows.index[:3], "not cooking tips")
    with pytest.raises(CurationError, match="no kept example is tagged 'cooking tips'.*Browse"):
        replay(dataset, tmp_path, store).run(RECIPE)
    nobody = Replay(
        Source("source", dataset), Cache(tmp_path / "cache"), VectorStore(tmp_path / "v")
    )
    with pytest.raises(CurationError, match="no kept example is tagged"):
        nobody.run(RECIPE)


def test_a_concept_against_its_own_tag_is_refused(dataset, tmp_path, store):
    say(store, "tag", dataset.rows.index[:3], "a")
    recipe = Recipe((Step("placed"), Step("concept", tag="a", against="a")))
    with pytest.raises(CurationError, match="'a' is compared with its own tag"):
        replay(dataset, tmp_path, store).run(recipe)


def test_a_step_without_a_tag_scores_nothing(dataset, tmp_path, store):
    recipe = Recipe((Step("placed"), Step("concept")))
    result = replay(dataset, tmp_path, store).run(recipe)
    assert result.rows["concept"].isna().all()


class Tagged:
    def __init__(self, **tags):
        self.tags: dict[str, dict] = {}
        for tag, ids in tags.items():
            for i in ids:
                self.tags.setdefault(i, {})[tag.replace("_", " ")] = None


def test_another_order_of_rows_changes_no_score(dataset):
    vectors = placed(dataset.rows, None)
    ids = dataset.rows.index
    people = Tagged(it=ids[:2])
    straight = concept(dataset.rows, vectors, people, tag="it")
    order = np.random.default_rng(4).permutation(len(ids))
    shuffled = concept(dataset.rows.iloc[order], vectors[order], people, tag="it")
    assert (shuffled == straight[order]).all()


def test_ten_no_need_no_others_and_fewer_do(dataset):
    vectors = placed(dataset.rows, None)
    yes = np.arange(40) == 0
    ten = Marks(yes, (np.arange(40) >= 20) & (np.arange(40) < 30))
    moved = vectors.copy()
    moved[35] = -moved[35]  # nobody marked it, so it teaches nothing
    same = np.arange(40) != 35
    assert (probability(moved, ten)[same] == probability(vectors, ten)[same]).all()
    nine = Marks(yes, (np.arange(40) >= 20) & (np.arange(40) < 29))
    assert not (probability(moved, nine)[same] == probability(vectors, nine)[same]).all()


def test_a_row_marked_both_ways_counts_as_neither_and_one_without_vector_has_no_score(dataset):
    ids = dataset.rows.index
    marks = Marks.of(ids, Tagged(it=ids[:3], not_it=ids[2:5]), "it")
    yes, no = marks.of_embedded(np.ones(len(ids), dtype=bool))
    assert yes.nonzero()[0].tolist() == [0, 1] and no.nonzero()[0].tolist() == [3, 4]
    other = Marks.of(ids, Tagged(it=ids[:3], not_it=ids[2:5], no=ids[9:10]), "it", "no")
    assert other.yes.sum() == 3 and other.no.nonzero()[0].tolist() == [9]
    vectors = placed(dataset.rows, None)
    vectors[[0, 7]] = np.nan
    moved = vectors.copy()
    moved[2] = -moved[2]  # both ways, so that neither side nor the random others learn from it
    probabilities = probability(vectors, marks)
    others = np.delete(np.arange(40), [0, 2, 7])
    assert (probability(moved, marks)[others] == probabilities[others]).all()
    assert np.isnan(probabilities).nonzero()[0].tolist() == [0, 7]
    alone = probability(vectors[1:2], Marks(np.array([True]), np.array([False])))
    assert alone.tolist() == [1.0]


def test_marks_left_out_say_how_well_they_are_told_apart(dataset):
    vectors = placed(dataset.rows, None)
    place = np.arange(40)
    assert average_precision(vectors, Marks(place < 8, (place >= 20) & (place < 28))) == 1.0
    mixed = Marks(place % 2 == 0, place % 2 == 1)
    assert average_precision(vectors, mixed) < 0.9
    assert average_precision(vectors, Marks(place < 4, place >= 20)) is None


# --- on the Browse page ---------------------------------------------------------------------


def browse(**session) -> AppTest:
    return opened("browse", {"browse-mode": "Concept", **session})


def press(app: AppTest, label: str) -> None:
    next(b for b in app.button if b.label == label).click().run()
    assert not app.exception, app.exception[0].message


def tags(project: Project) -> dict[str, list[str]]:
    return {i: sorted(of_example) for i, of_example in project.people().tags.items() if of_example}


def test_marking_ranks_the_rest_and_becomes_a_score_of_the_recipe(project):
    first = str(project.view().dataset.kept.index[0])
    app = browse(**{f"open-example-{project.path}": first, "browse-concept": "maths"})
    assert any("Nothing is marked yet" in c.value for c in app.caption)
    press(app, "Yes, it is")
    assert tags(project) == {first: ["maths"]}
    assert app.dataframe[0].value["search"].is_monotonic_decreasing
    app.session_state[f"open-example-{project.path}"] = str(project.view().dataset.kept.index[1])
    app.run()
    press(app, "No, it is not")
    assert app.session_state[f"open-example-{project.path}"] not in tags(project), (
        "the next one is open"
    )
    press(app, "Add this score to the recipe")
    recipe = Project.open(project.path).recipe
    assert Step("concept", tag="maths") in recipe.steps
    assert not [b for b in app.button if b.label.startswith("Make it a score")]
    assert "concept_maths" in project.run().scores


def test_the_least_sure_can_be_asked_about_first(project):
    first, second = map(str, project.view().dataset.kept.index[:2])
    project.decisions.append(
        [Decision(first, "tag", "maths", "Ann"), Decision(second, "tag", "not maths", "Ann")]
    )
    app = browse(**{"browse-concept": "maths"})
    surest = app.dataframe[0].value["search"]
    app.toggle(key="browse-unsure").set_value(True).run()
    assert not app.exception
    unsure = app.dataframe[0].value["search"]
    assert (unsure - 0.5).abs().is_monotonic_increasing and not (
        surest - 0.5
    ).abs().is_monotonic_increasing
    assert abs(unsure.iloc[0] - 0.5) < abs(surest.iloc[0] - 0.5)


def test_a_mark_can_be_turned_round_taken_away_and_undone(project):
    first = str(project.view().dataset.kept.index[0])
    app = browse(**{f"open-example-{project.path}": first, "browse-concept": "maths"})
    press(app, "Yes, it is")
    assert app.session_state[f"open-example-{project.path}"] != first, (
        "the most likely of the others is open"
    )
    app.session_state[f"open-example-{project.path}"] = first
    app.run()
    press(app, "No, it is not")
    assert tags(project) == {first: ["not maths"]}
    project.decisions.undo("Ann")
    assert tags(project) == {first: ["maths"]}
    app.session_state[f"open-example-{project.path}"] = first
    app.run()
    press(app, "Yes, it is")
    assert tags(project) == {}
    assert app.selectbox(key="browse-concept").value == "maths"
