"""Answers of the three pages with keys: saved once, refused only for good, else kept in the browser."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError

from curation import Project, roles
from curation.decisions import Decision
from curation.roles import ANNOTATOR, OWNER, READER, Person
from curation.ui.card import answers as card
from curation.ui.card.suggested import Offers
from curation.ui.duplicates import answers as pairs
from curation.ui.settle import answers as settle

ANN, BOB = Person("ann@lab.example"), Person("bob@lab.example")

ROWS = [{"prompt": f"What is {n} + {n}?", "completion": f"It is {2 * n}."} for n in range(6)]


@pytest.fixture
def project(make_project) -> Project:
    """Six sums; the first three are kept by Cyd and dropped by Dan."""
    project = make_project(ROWS)
    ids = list(project.examples.rows.index)
    for who, kind in (("Cyd", "keep"), ("Dan", "drop")):
        project.decisions.append([Decision(i, kind, annotator=who) for i in ids[:3]])
    return project


def on_cards(project: Project, answers) -> card.Written:
    return card.write(project, answers, Offers(project))


def sent(page: str, project: Project, by: str = ANN.email) -> list[dict]:
    """Two answers of a page, an undo of the second, and a third."""
    ids = [str(i) for i in project.examples.rows.index]
    fresh = {"revision": 9, "by": by, "time": 1.0}
    about = {
        "cards": lambda i: {"example": i, "kind": "keep", "value": None, "queue": ""},
        "pairs": lambda i: {"choice": "left", "left": i, "right": ids[5], "conflict": False},
        "settling": lambda i: {"item": i, "question": "verdict", "answer": "drop"},
    }[page]
    first, second, third = ({"op": f"o{i}", **fresh, **about(i)} for i in ids[:3])
    undo = {"op": "u", "by": by, "undo": ""}
    if page == "cards":
        undo = {
            **fresh,
            **about(ids[1]),
            "op": "u",
            "kind": "undo",
            "value": {"op_id": f"o{ids[1]}"},
        }
    return [first, second, undo, third]


WRITE: dict[str, Callable] = {"cards": on_cards, "pairs": pairs.write, "settling": settle.write}
EVERY = pytest.mark.parametrize("page", list(WRITE))


def saved(project: Project) -> list[str]:
    """The op ids of what was saved, in the order of the log; each of them counts once."""
    return [e.op_id for e in project.decisions.events()][6:]


@contextmanager
def failing_at(project: Project, number: int, monkeypatch):
    """Have the nth visit to the database fail, and all that follow."""
    visits = 0

    def failing(visit):
        @contextmanager
        def wrapped():
            nonlocal visits
            visits += 1
            if visits > number:
                raise OperationalError("", {}, Exception("the server closed the connection"))
            with visit() as connection:
                yield connection

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("reading", "writing"):
            patch.setattr(
                project.decisions.database, name, failing(getattr(project.decisions.database, name))
            )
        yield lambda: visits


@EVERY
def test_a_database_that_goes_away_at_any_moment_refuses_no_answer(page, project, monkeypatch):
    write, answers = WRITE[page], sent(page, project)
    ops, number, failed = [a["op"] for a in answers], 0, True
    while failed:
        with failing_at(project, number, monkeypatch) as visits:
            written = write(project, answers)
            failed = visits() > number
        assert not written.refused
        assert bool(written.trouble) == failed
        assert written.saved == ops[: len(written.saved)], "in their order"
        number += 1
    assert written.saved == ops and number > 3
    assert saved(project) == ops, "each once"


@EVERY
@pytest.mark.parametrize("person", [None, ANN], ids=["logged out", "a reader"])
def test_answers_wait_for_a_login_and_for_a_role(page, person, project):
    write, answers = WRITE[page], sent(page, project)
    roles.give_role(project.path, ANN.email, READER)
    try:
        roles.enforce(lambda: person)
        written = write(project, answers)
        assert written.trouble and not written.saved and not written.refused
        assert ("log in again" in written.trouble) == (person is None)
        roles.enforce(None)
        roles.give_role(project.path, ANN.email, OWNER if page == "settling" else ANNOTATOR)
        roles.enforce(lambda: ANN)
        written = write(project, answers)
        assert (written.trouble, written.refused) == ("", {})
        assert written.saved == [a["op"] for a in answers] == saved(project)
    finally:
        roles.enforce(None)


@EVERY
def test_answers_of_somebody_else_wait_for_them_and_hold_up_no_others(page, project):
    write, answers = WRITE[page], sent(page, project)
    for who in (ANN, BOB):
        roles.give_role(project.path, who.email, OWNER)
    bobs = {**answers[0], "op": "b", "by": BOB.email}
    try:
        roles.enforce(lambda: ANN)
        written = write(project, [bobs, *answers])
        assert f"not by {ANN.email}" in written.trouble and not written.refused
        assert written.saved == [a["op"] for a in answers]
        roles.enforce(lambda: BOB)
        assert write(project, [bobs]).saved == ["b"]
    finally:
        roles.enforce(None)
    assert project.decisions.events()[-1].annotator == BOB.email


@EVERY
def test_what_can_never_be_saved_is_refused_and_holds_up_no_other(page, project):
    write, answers = WRITE[page], sent(page, project)
    broken = [
        {**answers[0], "op": "nameless", "by": " "},
        {**answers[0], "op": "late", "revision": float("inf")},
        {**answers[0], "op": "early", "revision": -1},
        {"op": "bare", "by": "Ann"},
        "no answer",
    ]
    written = write(project, [*broken, *answers])
    assert set(written.refused) == {"nameless", "late", "early", "bare", ""}
    assert written.saved == [a["op"] for a in answers] and not written.trouble


@pytest.mark.parametrize("page", ["pairs", "settling"])
def test_an_undo_takes_back_the_newest_answer_also_of_the_same_request(page, project):
    write, answers = WRITE[page], sent(page, project)
    written = write(project, answers)
    events = {e.op_id: e for e in project.decisions.events()}
    assert written.back == events[answers[1]["op"]].example_id and written.undone == "u"
    off = project.people().undone
    assert [op for op in saved(project) if op in off] == [answers[1]["op"]]


@pytest.mark.parametrize("page", ["pairs", "settling"])
def test_an_undo_of_a_list_takes_back_the_newest_settled_answer_or_the_last_action(page, project):
    write, (first, _, undo, _) = WRITE[page], sent(page, project)
    write(project, [first])
    last = Decision(project.examples.rows.index[4], "keep", annotator=ANN.email, op_id="last")
    project.decisions.append([last])
    write(project, [undo])
    assert project.people().undone == {first["op"] if page == "settling" else "last"}


def test_an_answer_after_an_undo_is_read_with_what_the_undo_left(project):
    """Ann had answered before the example became a gold item; anew, her answer to it is a check."""
    example = str(project.examples.rows.index[0])
    right = {"question": "verdict", "value": "drop"}
    project.decisions.append([Decision(example, "keep", annotator="Ann", op_id="former")])
    project.decisions.append([Decision(example, "gold", right, "Lea")])
    (first, _, undo, _) = sent("cards", project, "Ann")
    card.write(project, [{**undo, "value": {"op_id": "former"}}, first])
    assert [e.kind for e in project.decisions.events()][-2:] == ["undo", "check"]


def test_an_answer_that_is_saved_is_not_refused_when_it_is_sent_again_later(project):
    first = sent("settling", project)[:1]
    assert settle.write(project, first).saved == [first[0]["op"]]
    example = first[0]["item"]
    project.decisions.append([Decision(example, "keep", annotator="Dan")])  # nobody says drop now
    again = settle.write(project, first)
    assert (again.saved, again.refused) == ([first[0]["op"]], {})
    late = settle.write(project, [{**first[0], "op": "late"}])
    assert late.saved == [] and list(late.refused) == ["late"]
