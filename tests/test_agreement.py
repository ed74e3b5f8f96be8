"""Agreement between people: published examples, counts by hand, and what scikit-learn says."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from curation.decisions import Decision
from curation.looking.agreement import agreement, confusion, written
from curation.looking.teamwork import by_person, by_value
from tests.test_cli import run

DAY = 86_400.0


def table(answers, question="label", when=0.0) -> pd.DataFrame:
    """Opinions from person → answers to examples 0, 1, 2 …; None where there is none."""
    rows = [
        (f"e{n:04d}", question, who, str(value), when + n)
        for who, values in answers.items()
        for n, value in enumerate(values)
        if value is not None
    ]
    return pd.DataFrame(rows, columns=["example", "question", "who", "value", "when"])


def test_krippendorffs_worked_example():
    """Four observers, twelve units, missing answers; nominal and interval alpha as published."""
    o = None
    answers = {
        "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, o, o, o],
        "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, o, 3],
        "C": [o, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, o],
        "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, o],
    }
    nominal = agreement(table(answers), "label", fewest=2)
    interval = agreement(table(answers, "rating"), "rating", fewest=2)
    assert round(nominal.alpha.value, 3) == 0.743
    assert round(interval.alpha.value, 3) == 0.849
    assert (nominal.examples, nominal.shared, nominal.answers) == (12, 11, 41)


def test_fleiss_worked_example():
    """Ten subjects, fourteen raters, five categories: 0.210."""
    lines = "0 0 0 0 14|0 2 6 4 2|0 0 3 5 6|0 3 9 2 0|2 2 8 1 1|7 7 0 0 0|3 2 6 3 0|2 5 3 2 2|6 5 2 1 0|0 2 2 3 7"
    subjects = [np.repeat(range(5), [int(n) for n in line.split()]) for line in lines.split("|")]
    answers = {f"rater {r:02d}": [subject[r] for subject in subjects] for r in range(14)}
    assert round(agreement(table(answers), "label", fewest=2).fleiss.value, 3) == 0.210


def test_two_people_by_hand_count():
    """Twenty both keep, fifteen both drop, five and ten differ: kappa is 0.4."""
    ann = ["keep"] * 25 + ["drop"] * 25
    bob = ["keep"] * 20 + ["drop"] * 5 + ["keep"] * 10 + ["drop"] * 15
    opinions = table({"Ann": ann, "Bob": bob}, "verdict")
    result = agreement(opinions, "verdict")
    (pair,) = result.pairs.to_dict("records")
    assert (pair["first"], pair["second"], pair["examples"], pair["same"]) == (
        "Ann",
        "Bob",
        50,
        0.7,
    )
    assert pair["kappa"] == pytest.approx(0.4)
    assert pair["low"] < 0.4 < pair["high"]
    assert result.same == 0.7 and result.shared == 50
    # Ann dropped 25 and Bob 20, of these 15 together; they kept 25 and 30, of these 20 together
    assert result.classes["value"].tolist() == ["drop", "keep"]
    assert result.classes["answers"].tolist() == [45, 55]
    assert result.classes["same"].tolist() == pytest.approx([30 / 45, 40 / 55])
    assert len(result.disagreements) == 15
    assert result.disagreements.loc["e0020", "answers"] == "Ann: keep · Bob: drop"
    counted = confusion(opinions, "verdict", "Bob", "Ann")
    assert counted.to_dict("index") == {
        "drop": {"drop": 15, "keep": 5},
        "keep": {"drop": 10, "keep": 20},
    }


@pytest.mark.parametrize("question, weights", [("label", None), ("rating", "quadratic")])
def test_kappa_is_scikit_learns(question, weights):
    random = np.random.default_rng(3)
    ann = random.integers(1, 6, 300)
    bob = np.where(random.random(300) < 0.6, ann, random.integers(1, 6, 300))
    result = agreement(table({"Ann": ann, "Bob": bob}, question), question)
    expected = cohen_kappa_score(ann, bob, weights=weights)
    assert result.pairs["kappa"][0] == pytest.approx(expected)


def test_the_interval_is_that_of_resampled_examples():
    random = np.random.default_rng(5)
    ann = random.integers(0, 3, 200)
    bob = np.where(random.random(200) < 0.7, ann, random.integers(0, 3, 200))
    alpha = agreement(table({"Ann": ann, "Bob": bob}), "label").alpha

    def of_two(first, second) -> float:
        """Alpha of two people without a missing answer, by its definition."""
        shares = np.bincount([*first, *second], minlength=3) / 400
        expected = (1 - (shares**2).sum()) * 400 / 399
        return 1 - (first != second).mean() / expected

    assert alpha.value == pytest.approx(of_two(ann, bob))
    draws = random.integers(0, 200, (1000, 200))
    values = [of_two(ann[chosen], bob[chosen]) for chosen in draws]
    low, high = np.quantile(values, [0.025, 0.975])
    assert (alpha.low, alpha.high) == pytest.approx((low, high), abs=0.02)


def test_what_cannot_be_measured_is_said():
    opinions = table({"Ann": ["a", "b"] * 5, "Bob": ["a", "a"] * 5})
    few = agreement(opinions, "label")
    assert np.isnan(few.alpha.value) and np.isnan(few.pairs["kappa"][0])
    assert few.sentence().endswith("10 shared examples are too few; 20 are needed.")
    alone = agreement(table({"Ann": ["a", "b"]}), "label")
    assert alone.sentence() == "Only Ann has answered, so there is no agreement to measure."
    assert alone.pairs.empty and alone.periods.empty and alone.classes.empty
    apart = agreement(table({"Ann": ["a", None], "Bob": [None, "a"]}), "label")
    assert apart.sentence().startswith("Nobody shares an example with another")
    equal = agreement(table({"Ann": ["a"] * 30, "Bob": ["a"] * 30}), "label")
    assert np.isnan(equal.alpha.value) and "Every answer is the same" in equal.sentence()
    full = agreement(table({"Ann": ["a", "b"] * 15, "Bob": ["a", "b"] * 15}), "label")
    assert written(full.alpha) == "1.00" and "Nobody has differed" in full.alpha.why
    assert agreement(opinions, "rating") is None


def test_agreement_over_time():
    """Weeks in which people agreed and did not; months where answers span half a year."""
    good = table({"Ann": ["a", "b"] * 20, "Bob": ["a", "b"] * 20}, when=0.0)
    bad = table({"Ann": ["a", "b"] * 20, "Bob": ["a", "a", "b", "b"] * 10}, when=14 * DAY)
    bad["example"] += "x"
    weeks = agreement(pd.concat([good, bad]), "label").periods
    assert weeks["period"].tolist() == ["1969-12-29", "1970-01-12"]
    assert weeks["same"].tolist() == [1.0, 0.5] and weeks["alpha"][0] == 1.0
    assert abs(weeks["alpha"][1]) < 0.1
    bad["when"] += 180 * DAY
    months = agreement(pd.concat([good, bad]), "label").periods
    assert months["period"].tolist() == ["1970-01", "1970-07"]


def test_progress_and_pace_of_each_person():
    opinions = table({"Ann": ["a", "b", "a", "a"], "Bob": ["a", None, None, "b"]})
    opinions.loc[(opinions["who"] == "Ann") & (opinions["example"] > "e0001"), "when"] += 3 * DAY
    ann, bob = by_person(opinions, 8).to_dict("records")
    assert ann == {
        "who": "Ann",
        "examples": 4,
        "answers": 4,
        "share": 0.5,
        "pace": 2.0,
        "newest": "1970-01-04",
    }
    assert (bob["who"], bob["share"], bob["pace"]) == ("Bob", 0.25, 2.0)
    assert by_value(opinions, "label").to_numpy().tolist() == [
        ["Ann", "a", 3, 0.75],
        ["Ann", "b", 1, 0.25],
        ["Bob", "a", 1, 0.5],
        ["Bob", "b", 1, 0.5],
    ]


def test_the_command_prints_what_people_answered(make_project):
    project = make_project([{"prompt": f"Add {n}.", "completion": f"{n + 1}"} for n in range(30)])
    ids = list(project.examples.rows.index)
    project.decisions.append(
        [Decision(i, "keep" if n % 2 else "drop", annotator="Ann") for n, i in enumerate(ids)]
        + [Decision(i, "keep" if n % 3 else "drop", annotator="Bob") for n, i in enumerate(ids)]
    )
    status, out, _ = run("agreement", project.path, "--json")
    (verdict,) = json.loads(out)["questions"]
    assert status == 0 and verdict["question"] == "verdict" and verdict["shared"] == 30
    assert verdict["pairs"][0]["same"] == pytest.approx(15 / 30)
    assert len(verdict["disagreements"]) == 15
    text = run("agreement", project.path)[1]
    assert "verdict: On 30 shared examples 50% of the answers are the same" in text
    assert "Ann and Bob: 30 shared, 50% the same, Cohen's kappa" in text
    assert "\n  15 with different answers:\n" in text and "more" not in text
    different = [n for n in range(30) if bool(n % 2) != bool(n % 3)]
    for n in different:
        answers = "Ann: keep · Bob: drop" if n % 2 else "Ann: drop · Bob: keep"
        assert f"    {ids[n]}  {answers}\n" in f"{text}\n"
    project.decisions.append([Decision(i, "rate", 1, "Ann") for i in ids[:25]])
    project.decisions.append([Decision(i, "rate", 2, "Bob") for i in ids[:25]])
    project.decisions.append([Decision(ids[0], "rate", 3, "Cy")])
    text = run("agreement", project.path)[1]
    assert "  25 with different answers:\n" in text and "and 5 more: see --json" in text
    assert text.count(": 1 · Bob: 2") == 20
    assert (
        "Ann and Cy: 1 shared, 0% the same, Cohen's kappa not given: "
        "1 shared example is too few; 20 are needed." in text
    )
