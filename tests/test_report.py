"""The report of a step: the examples that it dropped or changed."""

from __future__ import annotations

import pytest

from curation import Project, Step
from curation.recipe import Recipe
from curation.view import as_far_as

LONG = "Put the egg in boiling water for eight minutes, then cool it under the tap."
PAIRS = [
    ("How do I boil an egg?", LONG),
    ("How do I boil an egg?", LONG),
    ("How do I boil an egg ?", LONG + " Peel it."),
    ("Was ist ein Fluss?", "Ein Fluss ist flieÃŸendes Wasser in einem Bett."),
    ("Name a planet.", "Saturn."),
]


@pytest.fixture
def project(make_project) -> Project:
    """Five rows, among them an equal, a near and a garbled one."""
    return make_project([{"prompt": p, "completion": c} for p, c in PAIRS])


def test_a_dropped_duplicate_stands_beside_its_twin_the_least_similar_first(project):
    project.recipe = Recipe((Step("drop_near_duplicates", similarity=0.6),))
    dataset = project.run()
    examples = dataset.steps[-1].dropped_examples(dataset.rows)
    ids = list(dataset.rows.index)
    assert list(examples.index) == [ids[2], ids[1]]
    assert examples["twin"].tolist() == [ids[0], ids[0]]
    assert examples["similarity"].is_monotonic_increasing
    assert examples["reason"].str.len().min() > 0


def test_a_filter_names_its_reasons_and_no_twin(project):
    project.recipe = Recipe((Step("lengths"), Step("keep_between", score="response_tokens", low=4)))
    dataset = project.run()
    examples = dataset.steps[-1].dropped_examples(dataset.rows)
    assert list(examples.index) == list(dataset.dropped.index)
    assert len(examples) == 1 and examples["twin"].tolist() == [""]
    assert "similarity" not in examples


def test_a_row_that_a_person_took_back_is_no_example_of_what_was_dropped(project):
    from curation.decisions import Decision

    project.recipe = Recipe((Step("drop_exact_duplicates"),))
    (dropped,) = project.run().dropped.index
    project.decisions.append([Decision(dropped, "keep", annotator="Ann")])
    dataset = project.run()
    assert dataset.steps[0].dropped == 1
    assert dataset.steps[0].dropped_examples(dataset.rows).empty


def test_a_changed_text_stands_as_it_was_and_as_it_is(project):
    project.recipe = Recipe((Step("fix_text"), Step("drop_exact_duplicates")))
    dataset = project.run()
    examples = dataset.steps[0].changed_examples()
    assert list(examples.index) == [dataset.rows.index[3]]
    assert "flieÃŸendes" in examples["before"].iloc[0]
    assert "fließendes" in examples["after"].iloc[0]
    assert dataset.steps[1].changed_examples().empty


def test_a_recipe_is_shown_as_far_as_its_steps_can_run(project):
    good = (Step("lengths"), Step("keep_between", score="response_tokens", low=4))
    bad = Step("keep_between", score="no_such_score", low=4)
    project.run(Recipe(good))  # a page shows what was computed once
    dataset, stopped = as_far_as(project, Recipe((*good, bad, good[1])))
    assert [report.use for report in dataset.steps] == ["lengths", "keep_between"]
    assert "no_such_score" in str(stopped)
    dataset, stopped = as_far_as(project, Recipe(good))
    assert len(dataset.steps) == 2 and stopped is None
