"""Agreement on the lead's questions, against counts by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from curation.decisions import Decision
from curation.decisions.event import Event
from curation.decisions.fold import fold
from curation.errors import CurationError
from curation.looking.agreement import confusion
from curation.looking.agreements import agreements
from curation.looking.units import distances
from curation.questions import FARTHEST, Question

TONE = Question("tone", "choice", options=("warm", "cold"))
FAULTS = Question("faults", "choices", options=("long", "wrong", "rude"))
HELP = Question("help", "rating")
FIT = Question("fit", "turns", options=("yes", "no"))
ERRORS = Question("errors", "spans", options=("wrong", "odd"))
WORDS = Question("words", "text")


def opinions(*answers: tuple[str, str, str, object]) -> pd.DataFrame:
    """The opinions after answers of (example, question, person, value)."""
    decisions = [
        Decision(i, "answer", {"question": q, "value": v}, who) for i, q, who, v in answers
    ]
    return fold(Event.of(d, n, 1.0) for n, d in enumerate(decisions, 1)).opinions_frame()


def both(question: str, ann: list, bob: list) -> pd.DataFrame:
    """The opinions after two people's answers about the same examples."""
    pairs = [(who, v) for who, values in (("Ann", ann), ("Bob", bob)) for v in enumerate(values)]
    return opinions(*((f"e{i}", question, who, value) for who, (i, value) in pairs))


def span(start: int, end: int, option: str = "wrong", turn: int = 1) -> dict:
    return {"turn": turn, "start": start, "end": end, "option": option}


def test_a_choice_is_nominal():
    # two agree on warm, one on cold, one differs: Do = 2/8, De = (2·5·3)/(8·7)
    table = both("tone", ["warm", "warm", "cold", "warm"], ["warm", "warm", "cold", "cold"])
    (result,) = agreements(table, [TONE], fewest=1)
    assert (result.question, result.kind, result.shared, result.same) == ("tone", "choice", 4, 0.75)
    assert result.alpha.value == pytest.approx(1 - (2 / 8) / (30 / 56))
    assert result.pairs.loc[0, "kappa"] == pytest.approx(0.5)
    assert list(result.disagreements["answers"]) == ["Ann: warm · Bob: cold"]


def test_a_rating_is_squared_and_ten_is_more_than_nine():
    table = both("help", [1, 2, 5], [1, 3, 5])
    (result,) = agreements(table, [HELP], fewest=1)
    values = [1, 1, 2, 3, 5, 5]
    expected = sum((a - b) ** 2 for a in values for b in values) / (6 * 5)
    assert result.alpha.value == pytest.approx(1 - (2 * 1 / 6) / expected)


def test_sets_of_options_are_as_far_apart_as_masi_says():
    # Passonneau: {long} and {long, rude}: Jaccard 1/2, a part: 1 - 1/2 · 2/3
    table = distances(["", "long", "long,rude", "rude,wrong", "wrong"], "choices")
    assert table[0, 0] == 0 and table[0, 1] == 1
    assert table[1, 2] == pytest.approx(2 / 3)
    assert table[2, 3] == pytest.approx(1 - 1 / 3 * 1 / 3)
    assert table[1, 4] == 1 and (table == table.T).all()
    ann, bob = [["long"], ["rude", "long"], ["wrong"]], [["long"], ["long"], ["wrong"]]
    (result,) = agreements(both("faults", ann, bob), [FAULTS], fewest=1)
    observed = 2 * (2 / 3) / 6
    values = [{"long"}] * 3 + [{"long", "rude"}] + [{"wrong"}] * 2
    far = {(1, 2): 2 / 3}
    expected = 2 * (3 * 1 * far[1, 2] + 3 * 2 * 1 + 1 * 2 * 1) / (6 * 5)
    assert len(values) == 6
    assert result.alpha.value == pytest.approx(1 - observed / expected)


def test_each_turn_is_a_unit_and_an_example_with_different_answers_is_listed_once():
    table = both(
        "fit", [{"1": "yes", "3": "no"}, {"1": "yes"}], [{"1": "no", "3": "yes"}, {"1": "yes"}]
    )
    (result,) = agreements(table, [FIT], fewest=1)
    assert (result.shared, result.answers) == (3, 6)
    assert result.same == pytest.approx(1 / 3)
    assert list(result.disagreements.index) == ["e0"]
    assert result.disagreements.loc["e0", "answers"] == (
        "turn 1: Ann: yes · Bob: no; turn 3: Ann: no · Bob: yes"
    )
    assert "3 shared turns" in result.sentence()
    counts = confusion(table, FIT, "Ann", "Bob")
    assert counts.loc["yes", "no"] == 1 and counts.loc["yes", "yes"] == 1


def test_marked_stretches_overlap_by_code_points():
    table = both(
        "errors",
        [[span(0, 10)], [span(0, 4, "odd")], []],
        [[span(5, 15)], [span(0, 4, "wrong")], []],
    )
    (result,) = agreements(table, [ERRORS])
    # 5 of 10 + 10 in the first; another option in the second; nothing in the third
    assert result.same == pytest.approx(2 * 5 / (20 + 8))
    assert result.pairs.loc[0, ["first", "second", "examples"]].tolist() == ["Ann", "Bob", 3]
    assert not result.alpha.is_given and "F1 is 0.36" in result.sentence()
    assert list(result.disagreements.index) == ["e0", "e1"]
    other_turn = both("errors", [[span(0, 3)]], [[span(0, 3, turn=3)]])
    assert agreements(other_turn, [ERRORS])[0].same == 0
    nothing = both("errors", [[]], [[]])
    assert "nobody marked anything" in agreements(nothing, [ERRORS])[0].sentence()
    assert result.summary()["pairs"][0]["kappa"] is None


def test_a_long_stretch_costs_no_more_than_a_short_one():
    far = FARTHEST
    ann = [span(0, 6), span(4, 10), span(10, 12), span(20, far)]
    bob = [span(30, far), span(2, 11), span(0, 5, "odd")]
    (result,) = agreements(both("errors", [ann], [bob]), [ERRORS])
    # Ann: 0 to 12 and 20 to the end; Bob: 2 to 11 and 30 to the end, and 5 of another option
    sizes = 12 + (far - 20) + 9 + (far - 30) + 5
    assert result.same == pytest.approx(2 * (9 + far - 30) / sizes, abs=1e-15)
    small = both("errors", [[span(0, 6), span(4, 10), span(12, 13)]], [[span(5, 8), span(9, 14)]])
    assert agreements(small, [ERRORS])[0].same == pytest.approx(2 * (3 + 1 + 1) / (11 + 8))


def test_a_stretch_ends_where_a_turn_could():
    ERRORS.check([span(0, FARTHEST)])
    with pytest.raises(CurationError, match="is no answer to the question"):
        ERRORS.check([span(0, FARTHEST + 1)])


def test_text_is_not_measured_and_answers_of_a_former_kind_are_left_out():
    table = opinions(
        ("a", "words", "Ann", "fine"),
        ("a", "help", "Ann", "very"),
        ("a", "help", "Bob", 3),
        ("a", "fit", "Ann", "yes"),
        ("a", "errors", "Ann", 3),
        ("a", "removed", "Ann", "x"),
    )
    results = agreements(table, [WORDS, HELP, FIT, ERRORS])
    assert [(r.question, r.answers) for r in results] == [("help", 1)]


@pytest.mark.parametrize(
    "question, former, fits",
    [
        (TONE, ["lukewarm", ["warm", "cold"], 3], ["warm", "cold"]),
        (FAULTS, ["polite", 3, {"1": "long"}], [[], ["rude", "long"]]),
        (HELP, ["very", 7, 0], [3, 5]),
        (FIT, ["yes", {"1": "maybe"}, 3], [{"1": "no"}]),
        (ERRORS, [3, "wrong", [span(0, 4, "gone")], [span(4, 2)]], [[], [span(0, 4)]]),
        (Question("better", "ranking"), ["both", 1], ["tie", "bad"]),
    ],
)
def test_only_answers_that_fit_the_question_of_today_count(question, former, fits):
    answers = [*former, *fits]
    table = both(question.name, answers, answers)
    (result,) = agreements(table, [question], fewest=1)
    assert result.answers == 2 * len(fits) and result.same == 1


def test_of_very_many_different_answers_nothing_is_measured():
    labels = [f"label {n}" for n in range(600)]
    decisions = [
        Decision(f"e{n}", "label", label, who)
        for n, label in enumerate(labels)
        for who in ("Ann", "Bob")
    ]
    table = fold(Event.of(d, n, 1.0) for n, d in enumerate(decisions, 1)).opinions_frame()
    (result,) = agreements(table, [])
    assert result.sentence().startswith("Agreement is measured on at most 512 different answers")
    assert (result.shared, result.answers) == (600, 1200) and not result.alpha.is_given
    assert result.pairs.empty and result.summary()["same"] is None
