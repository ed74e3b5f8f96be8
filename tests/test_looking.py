"""Questions about a dataset without a screen: counts, and the columns that a step may name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation import Project, Step
from curation.decisions import Decision
from curation.looking import layout
from curation.looking.columns import (
    count_within,
    counts_of,
    in_words,
    nameable,
    range_of,
    values_of,
    with_shown,
    with_titles,
)
from curation.looking.counts import Counts, Progress
from curation.looking.result import SearchResult
from curation.looking.teamwork import by_person
from tests.conftest import json_lines


@pytest.fixture
def project(make_project) -> Project:
    """Four examples with columns of their own, and a line that is refused."""
    rows = [
        {"prompt": f"Question {n}?", "completion": "yes " * n, "rating": n, "team": team}
        for n, team in enumerate(["north", "south", "south", ""], start=1)
    ]
    return make_project(
        {"rows.jsonl": json_lines(rows) + b"{no json\n"},
        Step("lengths"),
        Step("keep_between", score="response_tokens", low=2),
        Step("split"),
    )


def test_the_first_numbers_count_rows_refused_lines_and_decided_examples(project):
    ids = project.run().rows.index
    assert Counts.of(project.view().dataset, project.imports, project.people()).decided == 0
    project.decisions.append(
        [Decision(ids[0], "tag", "odd", "Ann"), Decision(ids[1], "drop", annotator="Ann")]
    )
    counts = Counts.of(project.run(), project.imports, project.people())
    assert counts == Counts(examples=4, kept=2, attention=0, refused=1, decided=2)
    assert (counts.dropped, counts.share_kept) == (2, 0.5)


def test_the_progress_of_people_is_counted_by_person_and_by_verdict(project):
    ids = project.run().rows.index
    assert Progress.of(project.people(), 4) is None
    project.decisions.append(
        [
            Decision(ids[0], "keep", annotator="Ann"),
            Decision(ids[1], "drop", annotator="Bob"),
            Decision(ids[2], "tag", "odd", "Ann"),
            Decision(ids[0], "drop", annotator="Bob"),
            Decision(ids[0], "rate", 3, "Bob"),
        ]
    )
    progress = Progress.of(project.people(), 4)
    assert progress.by_person[["who", "examples", "answers"]].to_numpy().tolist() == [
        ["Bob", 2, 3],
        ["Ann", 1, 1],
    ], "each person's own answers, also where another person answered later"
    assert progress.by_person.equals(by_person(project.people().opinions_frame(), 4))
    assert sorted(progress.verdicts) == ["drop", "drop"]
    assert (progress.decided, progress.share) == (3, 0.75)


def test_a_step_may_name_what_steps_before_it_measured_and_the_columns_of_files(project):
    dataset = project.run()
    columns, numbers = nameable(dataset, "keep_between")
    assert {"prompt_tokens", "response_tokens", "source", "rating", "team"} <= set(columns)
    assert "dropped_by" not in columns
    assert "rating" in numbers and "response_tokens" in numbers and "team" not in numbers
    first, _ = nameable(dataset, "lengths")
    assert "prompt_tokens" not in first and "team" in first


def test_the_values_of_a_column_stand_by_how_many_rows_have_them(project):
    dataset = project.run()
    assert values_of(dataset, "team") == ["south", "north"]
    assert values_of(dataset, "no such column") == []


def test_what_dropped_a_row_is_named_by_its_title_for_a_reader(project):
    ids = project.run().rows.index
    project.decisions.append([Decision(ids[3], "drop", annotator="Ann")])
    dataset = project.run()
    assert dataset.rows.loc[ids[[0, 3]], "dropped_by"].tolist() == ["keep_between", "people"]
    shown = with_titles(dataset, dataset.rows.loc[ids])["dropped_by"]
    drawn = with_shown(dataset, "dropped_by")["dropped_by"]
    assert drawn[ids].tolist() == shown.tolist()
    assert shown[ids[0]] == dataset.steps[1].title != "keep_between"
    assert shown[ids[3]] == "a person" and shown[ids[1:3]].isna().all()


def test_names_of_rules_are_words_and_other_columns_stay_as_they_are():
    problems = pd.Series(["empty_answer,refusal", ""], name="problems")
    assert in_words(problems).tolist() == ["empty answer,refusal", ""]
    team = problems.rename("team")
    assert in_words(team) is team


def test_what_filters_and_panels_say_of_a_column_is_counted():
    numbers = pd.Series([1.0, 2.0, 2.5, 4.0])
    assert range_of(numbers) == (1.0, 4.0)
    assert count_within(numbers, (2.0, 2.5)) == 2
    assert list(counts_of(pd.Series(["b", "a", "a", None])).items()) == [("a", 2), ("b", 1)]
    rows = pd.DataFrame({"tokens_cut": [0.0, 3.0, None, 1.0]})
    assert layout.count_cut(rows) == 2
    assert layout.count_cut(rows[[]]) == 0
    result = SearchResult("Meaning", np.array([2, 0]), np.array([0.9, 0.3]), 4)
    assert result.range == (0.3, 0.9)


def test_a_plain_name_is_of_a_column_that_a_step_makes_or_people():
    from curation.looking.columns import PLAIN_NAMES, plain_name
    from curation.registry import maker_of

    assert [column for column in PLAIN_NAMES if not maker_of(column)] == ["disagreement"]
    assert plain_name("perplexity_ngrams") == "perplexity per character (n-grams)"
    assert plain_name("my_own_rating") == "my own rating"
