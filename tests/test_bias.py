"""Whether suggestions sway people: counts by hand, the interval on people with a known bias, and the words."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from curation import gold
from curation.decisions import Decision
from curation.looking.bias import COLUMNS, FEWEST, answers_beside, biases, interval
from tests.test_review import curate


def frame(rows: list[tuple]) -> pd.DataFrame:
    """Answers to one question beside suggestions of one source: (example, who, shown, agreed)."""
    lines = [(e, "m", "label", who, shown, agreed, None) for e, who, shown, agreed in rows]
    types = {"shown": "bool", "agreed": "bool", "right": "boolean"}
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(types)


def people_with(bias: float, base: float, seed: int, examples: int = 400) -> pd.DataFrame:
    """Two people's answers: each agrees by `base` on average, and takes a part of the rest if shown.

    Examples differ in how easy they are, so the two answers about one are not independent.
    """
    rng = np.random.default_rng(seed)
    easy, hidden = rng.beta(4 * base, 4 * (1 - base), examples), rng.random(examples) < 0.12
    chance = np.where(hidden, easy, easy + bias * (1 - easy))
    return frame(
        [
            (f"e{n}", who, not hidden[n], bool(rng.random() < chance[n]))
            for n in range(examples)
            for who in ("Ann", "Bob")
        ]
    )


@pytest.mark.parametrize(("bias", "base"), [(0.4, 0.7), (0.0, 0.7), (0.5, 0.95)])
def test_the_interval_covers_a_known_bias_in_nineteen_of_twenty_runs(bias, base):
    covered = 0
    for seed in range(200):
        (result,) = biases(people_with(bias, base, seed))
        assert result.is_told
        covered += result.low <= bias * (1 - base) <= result.high
    assert covered >= 180


def test_a_clear_bias_is_told_and_the_interval_narrows_with_more_examples():
    (few,), (many,) = (biases(people_with(0.6, 0.5, 1, n)) for n in (300, 6_000))
    assert many.low > 0 and many.high - many.low < 0.4 * (few.high - few.low)
    assert abs(many.difference - 0.3) < 0.05
    assert many.sentence().endswith("Showing it sways people towards it.")
    (again,) = biases(people_with(0.6, 0.5, 1, 300))
    assert (again.low, again.high) == (few.low, few.high)


def test_two_answers_about_each_example_say_no_more_than_one_where_they_are_the_same():
    one = [(f"e{n}", "Ann", n % 4 > 0, n % 3 > 0) for n in range(400)]
    both = frame([*one, *((e, "Bob", shown, agreed) for e, _, shown, agreed in one)])
    alone = frame(one)
    ends = [interval(t[t["shown"]], t[~t["shown"]]) for t in (alone, both)]
    assert np.allclose(ends[0], ends[1], atol=0.02)


def test_an_arm_in_which_all_agree_is_not_certain():
    agreeing = frame([(f"e{n}", "Ann", n >= 40, True) for n in range(400)])
    (result,) = biases(agreeing)
    assert result.difference == 0 and result.low < 0 < result.high


@pytest.mark.parametrize("held_back", [0, FEWEST - 1, FEWEST])
def test_with_too_few_held_back_it_cannot_be_told(held_back):
    rows = [(f"h{n}", "Ann", False, n % 2 > 0) for n in range(held_back)]
    (result,) = biases(frame([*rows, *((f"s{n}", "Ann", True, n % 5 > 0) for n in range(100))]))
    assert result.is_told == (held_back == FEWEST)
    assert result.sentence().startswith(
        "Where the suggestion was shown people agreed with it in 80%"
    )
    if held_back < FEWEST:
        assert (
            f"cannot be told yet whether it sways them: {held_back} examples" in result.sentence()
        )
        assert np.isnan(result.difference) and result.summary()["low"] is None


def test_one_person_s_many_answers_about_few_examples_are_not_many_examples():
    rows = [(f"h{n % 20}", f"p{n}", False, True) for n in range(100)]
    (result,) = biases(frame([*rows, *((f"s{n}", "Ann", True, True) for n in range(100))]))
    assert (result.hidden.examples, result.hidden.answers) == (20, 100) and not result.is_told


def test_no_answer_beside_a_shown_suggestion_is_said():
    (result,) = biases(frame([("a", "Ann", False, True)]))
    assert result.sentence() == "Nobody has answered beside a suggestion that was shown."
    assert biases(frame([])) == []


@pytest.fixture
def answered(make_project):
    """Answers beside suggestions: two accepted, one changed twice, one hidden, one undone, one without."""
    rows = [{"prompt": f"What is {i}?", "completion": f"{i}."} for i in range(8)]
    project = make_project(rows)
    ids = [str(i) for i in project.examples.rows.index]

    def answer(n: int, value: str, suggested: str, shown: bool = True, who: str = "Ann") -> str:
        op = f"{who}{n}{value}"
        fields = {"annotator": who, "batch": op}
        noted = {
            "question": "label",
            "value": suggested,
            "source": "m",
            "score": 0.5,
            "shown": shown,
        }
        project.decisions.append(
            [
                Decision(ids[n], "label", value, op_id=op, **fields),
                Decision(ids[n], "suggested", noted, op_id=f"{op}:suggested", **fields),
            ]
        )
        return op

    answer(0, "a", "a")
    answer(0, "a", "a", who="Bob")
    answer(1, "a", "b")
    answer(1, "b", "b", who="Bob")
    answer(1, "c", "b")  # Ann again
    answer(2, "a", "a", shown=False)
    project.decisions.undo("Ann", batch=answer(3, "a", "a"))
    project.decisions.append([Decision(ids[4], "label", "a", "Ann")])
    return project


def test_each_person_s_latest_answer_counts_once(answered):
    table = answers_beside(answered.people())
    (result,) = biases(table)
    assert (result.shown.examples, result.shown.answers, result.accepted, result.changed) == (
        2,
        4,
        3,
        1,
    )
    assert (result.hidden.examples, result.hidden.answers, result.hidden.agreed) == (1, 1, 1)
    assert set(table["who"]) == {"Ann", "Bob"}


def test_it_is_counted_under_any_policy_by_people_s_own_answers(answered):
    tables = [answers_beside(answered.people(policy=p)) for p in ("latest", "majority")]
    pd.testing.assert_frame_equal(*tables)


def test_known_answers_say_who_was_right(answered):
    ids = [str(i) for i in answered.examples.rows.index]
    right = [(ids[0], "label", "a"), (ids[1], "label", "c"), (ids[2], "label", "b")]
    gold.make(answered, right, "Lea")
    (result,) = biases(answers_beside(answered.people()))
    assert (result.shown.checked, result.shown.right) == (4, 3)
    assert (result.hidden.checked, result.hidden.right) == (1, 0)


def test_the_command_says_what_became_of_suggestions(answered):
    text = curate("suggestions", answered.path)
    assert "m, label: shown before 4 answers, 3 accepted and 1 changed; held back from 1." in text
    value = json.loads(curate("suggestions", answered.path, "--json"))
    (result,) = value["answers"]
    assert result["shown"]["agreed"] == 3 and result["low"] is None and value["suggestions"] == []
