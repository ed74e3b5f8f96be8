"""Different answers: how many wait, by question, and under whose name they are settled."""

from __future__ import annotations

import pytest

from curation.decisions import Decision
from curation.looking.agreements import agreements
from curation.looking.disputes import choices, counts
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
