"""Different answers: how many wait, by question, and under whose name they are settled."""

from __future__ import annotations

import pytest

from curation.decisions import Decision
from curation.looking.agreements import agreements
from curation.looking.disputes import card_keys, choices, counts
from curation.questions import Question
from curation.ui.settle.answers import write

TONE = Question("tone", "choice", options=("warm", "cold"))


def test_an_example_counts_once_for_each_question_that_is_answered_differently(project):
    ids = list(project.examples.rows.index)

    def count() -> tuple[int, int]:
        people = project.people()
        results = agreements(people.opinions_frame(), [TONE])
        return counts(results, people, project.examples.rows.index)

    for who, verdict, label, tone in (("Ann", "keep", "a", "warm"), ("Bob", "drop", "b", "cold")):
        value = {"question": "tone", "value": tone}
        project.decisions.append(
            [
                Decision(ids[0], verdict, None, who),
                Decision(ids[0], "label", label, who),
                Decision(ids[0], "answer", value, who),
                Decision(ids[1], "keep", None, who),
                Decision("no example", verdict, None, who),
            ]
        )
    assert count() == (3, 0)
    project.decisions.append(
        [Decision(ids[0], "settle", {"question": "label", "value": "a"}, "Lea")]
    )
    assert count() == (2, 1)


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ((2, 4.0, 4), {"4": "4", "2": "2"}),
        ((0, 12, 2.5), {"0": "", "12": "", "2.5": ""}),
        (("4", "2", "2"), {"2": "1", "4": "2"}),
    ],
    ids=["numbers", "no digits", "texts"],
)
def test_a_number_is_chosen_by_its_own_key_and_a_text_by_its_place(project, values, keys):
    example = project.examples.rows.index[0]
    project.decisions.append(
        [
            Decision(example, "answer", {"question": "grade", "value": value}, who)
            for who, value in zip("ABC", values, strict=True)
        ]
    )
    given = choices(project.people(), example, "grade")
    assert {choice["answer"]: choice["key"] for choice in given} == keys


@pytest.mark.parametrize(
    ("question", "lead", "values", "keys"),
    [
        ("verdict", None, ("drop", "keep", "drop"), [("drop", "D"), ("keep", "K")]),
        ("label", None, ("c", "c", "a"), [("c", "3"), ("a", "1")]),
        ("tone", TONE, ("cold", "cold", "warm"), [("cold", "2"), ("warm", "1")]),
        ("tone", TONE, ("mild", "mild", "warm"), [("mild", ""), ("warm", "1")]),
        ("tone", None, ("cold", "cold", "warm"), [("cold", "1"), ("warm", "2")]),
        ("tone", Question("tone", "text"), ("b", "a", "b"), [("b", "1"), ("a", "2")]),
        ("tone", Question("tone", "rating"), (4, 2, 4), [("4", "4"), ("2", "2")]),
    ],
)
def test_an_answer_is_settled_by_its_key_on_the_card(project, question, lead, values, keys):
    example = project.examples.rows.index[0]
    of = {"verdict": lambda v: (v, None), "label": lambda v: ("label", v)}
    kind_of = of.get(question, lambda v: ("answer", {"question": question, "value": v}))
    project.decisions.append(
        [Decision(example, *kind_of(v), who) for who, v in zip("ABC", values, strict=True)]
    )
    on_card = card_keys(question, lead, ["a", "b", "c"], example)
    given = choices(project.people(), example, question, on_card)
    assert [(choice["answer"], choice["key"]) for choice in given] == keys


def test_the_sides_of_a_pair_have_the_digits_of_the_card():
    better = Question("better", "ranking")
    for example, first in (("0" * 15 + "7", "preferred"), ("0" * 15 + "8-1", "rejected")):
        keys = card_keys("better", better, [], example)
        second = "rejected" if first == "preferred" else "preferred"
        assert keys == {first: "1", second: "2", "tie": "3", "bad": "4"}


def test_more_labels_than_digits_are_settled_by_place():
    assert card_keys("label", None, [*"abcdefghij"], "x") is None
    assert card_keys("label", None, [*"abcdefghi"], "x")["i"] == "9"


def test_a_settled_answer_carries_the_name_that_it_was_given_under(project):
    example = project.examples.rows.index[0]
    project.decisions.append([Decision(example, kind, None, kind) for kind in ("keep", "drop")])
    answer = {"op": "a", "item": example, "question": "verdict", "answer": "keep"}
    more = {"revision": 2, "time": 1.0}
    assert write(project, [{**answer, **more, "by": " Lea "}]).saved == ["a"]
    assert project.people().settled[example]["verdict"].annotator == "Lea"
    assert "name" in write(project, [{**answer, **more, "op": "b"}]).refused["b"]
    assert write(project, [{"op": "c", "undo": "", "by": "Mia"}]).saved == ["c"]
    assert project.people().settled, "Mia has nothing to take back"
    assert write(project, [{"op": "d", "undo": "", "by": "Lea"}]).back == example
    assert not project.people().settled
