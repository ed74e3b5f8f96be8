"""The Duplicates page: a cut as the step's, pairs to look at, and answers as decisions."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation import Step
from curation.cache import Cache
from curation.dataset import Dataset
from curation.decisions import Decision
from curation.engine.supply import Supply
from curation.errors import CurationError
from curation.looking import duplicates
from curation.looking.duplicates import copies_of, differing, steps_of
from curation.project import Project
from curation.recipe import Recipe
from curation.registry import operation
from curation.report import StepReport
from curation.ui.duplicates import answers
from tests.conftest import ROOT, make_dataset

TEXT = "wrap the plant in paper and lift it out of the pot and shake the dry soil from its roots"
ANSWERS = [TEXT, f"{TEXT} well", f"{TEXT} very well", TEXT.replace("dry", "wet"), "Ask a gardener."]


@pytest.fixture
def project(make_project) -> Project:
    rows = [{"prompt": "How do I repot it?", "completion": answer} for answer in ANSWERS]
    rows += [{"prompt": "Name a star.", "completion": "Sirius."}]
    project = make_project(rows, Step("drop_near_duplicates", similarity=0.8))
    project.run()
    return project


def copies_now(project: Project) -> duplicates.Copies:
    from dataclasses import replace

    dataset = project.replay()
    (report,) = steps_of(dataset, project.recipe)
    copies = copies_of(dataset, report, Cache(project.path / "cache" / "steps"))
    return replace(copies, people=project.people())


@pytest.mark.parametrize("similarity", [0.6, 0.7, 0.8, 0.95])
def test_a_cut_is_what_the_step_makes_of_that_threshold(project, similarity):
    cut = copies_now(project).cut(similarity, "largest")
    project.recipe = project.recipe.changed(0, Step("drop_near_duplicates", similarity=similarity))
    (step,) = (s for s in project.run().steps if s.use == "drop_near_duplicates")
    assert cut.dropped == step.dropped and cut.conflicts == step.conflicts


@pytest.mark.parametrize("compare", ["neighbours", "clusters"])
def test_by_meaning_it_cuts_below_the_threshold_of_the_step(compare, tmp_path):
    rows = make_dataset([(f"{i}?", "x") for i in range(6)]).rows.assign(source_row=range(6))
    angles = np.deg2rad([0, 5, 20, 45, 70, 170])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    similar, data = operation("drop_similar"), Dataset(rows, vectors=vectors)

    def dropped(similarity: float) -> StepReport:
        params = similar.check({"similarity": similarity, "compare": compare})
        delta = similar.run(*Supply(rows, dataset=data).of(similar), **params)
        return StepReport(*["drop_similar"] * 2, "", "filter", params, "", delta=delta)

    copies = copies_of(data, dropped(0.99), Cache(tmp_path))
    for similarity, expected in ((0.99, 1), (0.93, 2), (0.85, 3)):
        assert copies.cut(similarity, "least").dropped == expected
        assert (~dropped(similarity).delta["keep"]).sum() == expected


def answer(copies: duplicates.Copies, pair, choice: str, conflict: bool = False, op: str = "1"):
    left, right = (str(copies.ids[position]) for position in pair)
    common = {"op": op, "by": "Ann", "item": f"{left} {right}", "revision": 0, "time": 1.0}
    return {**common, "choice": choice, "conflict": conflict, "left": left, "right": right}


def test_keeping_both_parts_a_pair_and_keeping_one_settles_its_group(project):
    copies = copies_now(project)
    cut = copies.cut(0.8, "least")
    assert cut.groups == 1 and list(cut.similarity) == sorted(cut.similarity)
    assert list(copies.cut(0.8, "largest").sizes) == [cut.dropped + 1] * cut.dropped
    both = answer(copies, cut.pairs[0], "both")
    assert answers.write(project, [both]).saved == ["1"]
    assert answers.write(project, [both]).saved == ["1"]
    assert len(project.decisions.events()) == 1, "what is sent again adds nothing"
    assert copies_now(project).cut(0.8, "least").dropped == cut.dropped - 1
    left = answer(copies, cut.pairs[1], "right", op="2")
    assert answers.write(project, [left]).saved == ["2"]
    assert left["right"] in project.people().preferred
    now = copies_now(project).cut(0.8, "least")
    assert now.dropped and not len(now.pairs), "a group that somebody decided is not shown again"
    kept = project.run().kept.index
    assert left["right"] in kept and left["left"] not in kept
    undo = {"op": "3", "by": "Ann", "undo": ""}
    assert answers.write(project, [undo, undo]).saved == ["3", "3"]
    assert not project.people().preferred and project.people().apart


def test_of_a_conflict_one_is_dropped_or_both_stay_and_are_not_shown_again(project):
    copies = copies_now(project)
    pair, other = copies.cut(0.8, "conflicts").pairs
    assert answers.write(project, [answer(copies, pair, "left", True)]).saved
    (dropped,) = project.people().verdicts
    assert dropped == copies.ids[pair[1]]
    assert copies_now(project).cut(0.8, "conflicts").pairs.tolist() == [other.tolist()]
    project.decisions.undo("Ann")
    assert len(copies_now(project).cut(0.8, "conflicts").pairs) == 2
    assert answers.write(project, [answer(copies, pair, "both", True, "2")]).saved
    assert copies_now(project).cut(0.8, "conflicts").pairs.tolist() == [other.tolist()]


def test_an_answer_carries_the_name_that_it_was_given_under_and_an_undo_takes_back_the_one_it_names(
    project,
):
    copies = copies_now(project)
    first, second, *_ = copies.cut(0.8, "least").pairs
    given = [answer(copies, first, "both", op="1"), answer(copies, second, "both", op="2")]
    answers.write(project, [given[0], {**given[1], "by": " Bob "}])
    assert [e.annotator for e in project.decisions.events()] == ["Ann", "Bob"]
    project.decisions.append([Decision(given[0]["left"], "label", "good", "Ann")])
    undo = {"op": "3", "by": "Ann", "undo": "1"}
    assert answers.write(project, [undo, undo]).saved == ["3", "3"]
    people = project.people()
    assert list(people.labels) == [given[0]["left"]], "what was decided elsewhere stays"
    assert len(project.decisions.events()) == 4


def test_answers_without_a_name_or_sense_change_nothing(project):
    copies = copies_now(project)
    pair = copies.cut(0.8, "least").pairs[0]
    unnamed = answers.write(project, [{**answer(copies, pair, "left"), "by": " "}])
    assert "type your name" in unnamed.refused["1"]
    for broken in ({"op": "1", "by": "Ann"}, "left", answer(copies, pair, "up"), None):
        assert answers.write(project, [broken]).refused
    assert project.decisions.events() == []


@pytest.mark.parametrize(
    ("one", "other"),
    [("a b  c", "a x c"), ("", "x"), ("Same", "Same"), ("光合作用", "光合 作用"), ("a\nb", "a b")],
)
def test_what_differs_is_marked_and_nothing_is_lost(one, other):
    pieces = differing(one, other)
    assert tuple("".join(text for text, _ in side) for side in pieces) == (one, other)
    common = ["".join(text for text, differs in side if not differs) for side in pieces]
    assert common[0] == common[1]
    assert (one == other) == (not any(differs for side in pieces for _, differs in side))


def test_the_page_cuts_anew_and_saves_the_threshold_in_the_recipe(project, monkeypatch):
    monkeypatch.setenv("CURATION_WORKSPACE", str(project.path.parent))
    monkeypatch.setenv("CURATION_PROJECT", str(project.path))
    page = ROOT / "pages" / "prepare" / "duplicates.py"
    app = AppTest.from_file(str(page), default_timeout=60).run()
    assert not app.exception and "**2** of 6" in app.markdown[0].value
    app.slider[0].set_value(0.97).run()
    assert "**None** of 6" in app.markdown[0].value
    app.button(key="duplicates-use").click().run()
    assert not app.exception
    assert project.recipe.steps[0].params["similarity"] == 0.97
    project.recipe = project.recipe.without(0)
    app.run()
    assert app.button(key="duplicates-add").label == "Add the step Near duplicates"


@pytest.mark.parametrize("before", [0.8, None])
def test_the_page_shows_what_the_step_did_though_a_later_step_has_not_run(
    make_project, monkeypatch, before
):
    rows = [{"prompt": "How do I repot it?", "completion": answer} for answer in ANSWERS]
    project = make_project(rows, Step("drop_near_duplicates", similarity=before or 0.5))
    if before:
        project.run()
    monkeypatch.setenv("CURATION_WORKSPACE", str(project.path.parent))
    monkeypatch.setenv("CURATION_PROJECT", str(project.path))
    steps = (
        Step("drop_near_duplicates", similarity=0.7),
        Step("judged", verdicts="verdicts/none.jsonl"),
    )
    project.recipe = Recipe(steps)
    with pytest.raises(CurationError, match=r"none\.jsonl cannot be read"):
        project.run()
    page = ROOT / "pages" / "prepare" / "duplicates.py"
    app = AppTest.from_file(str(page), default_timeout=60).run()
    assert not app.exception and app.slider[0].value == 0.7
    assert "of 5 examples dropped" in app.markdown[0].value


def test_a_changed_phrase_is_one_piece_on_each_side():
    assert differing("I like red old cars.", "I like blue fast cars.") == (
        [("I like ", False), ("red old", True), (" cars.", False)],
        [("I like ", False), ("blue fast", True), (" cars.", False)],
    )


def test_words_that_stand_in_one_text_alone_are_marked_there():
    one, other = (" ".join(words * 1_000) for words in (["x"], ["y", "z"]))
    assert differing(one, other) == ([(one, True)], [(other, True)])
    assert differing("", "new") == ([], [("new", True)])
    assert differing("同じ文", "同じ句") == (
        [("同じ", False), ("文", True)],
        [("同じ", False), ("句", True)],
    )
