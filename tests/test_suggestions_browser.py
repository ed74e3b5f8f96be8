"""Suggestions in a real browser: keys accept what is painted, and what is held back is nowhere."""

from __future__ import annotations

import pytest

from curation import Project
from curation.decisions.suggested import beside_answer, is_accepted
from curation.questions import Question, write_questions
from curation.review import change_review, read_review
from curation.suggestions import Suggestion, Suggestions, content_of
from tests.browser import reads
from tests.test_card_browser import events, opened, painted, press, saved  # noqa: F401

TONE = Question("tone", "choice", options=("warm", "plain", "cold"), required=True)
FAULTS = Question("faults", "choices", options=("long", "wrong", "rude"))
WORDS = Question("words", "text")
WHY = Question("why", "choice", options=("spam", "lie"), required=True, when="drop")
SCREEN = """() => document.querySelector('[data-testid=stBidiComponentIsolated]')
    .shadowRoot.querySelector('.cardpage').innerHTML"""


@pytest.fixture
def project(serve) -> Project:
    sums = [{"prompt": f"What is {i} + {i}?", "completion": f"It is {2 * i}."} for i in range(90)]
    project = serve(sums)
    change_review(project.path, held_back=0.0)
    return project


def suggest(project: Project, source: str = "judge", **values) -> None:
    """Suggest the values to every example; a value is a function of its number."""
    rows = project.examples.rows
    Suggestions(project.path).put(
        Suggestion(
            str(i), question, value(n), source, 0.75, content_of(row["messages"], row["rejected"])
        )
        for n, (i, row) in enumerate(rows.iterrows())
        for question, value in values.items()
    )


def log(project: Project) -> list[tuple[str, object]]:
    """The answers and decisions of the log, without what stands beside them."""
    return [
        (e.value["question"], e.value["value"]) if e.kind == "answer" else (e.kind, e.value)
        for e in events(project)
        if e.kind != "suggested"
    ]


def test_quick_keys_accept_the_suggestions_of_the_painted_card_and_no_held_back_one(
    opened,  # noqa: F811
    project,
):
    change_review(project.path, held_back=0.4)
    ids = [str(i) for i in project.examples.rows.index]
    suggest(project, label=lambda n: f"label-of-{ids[n]}")
    messages, page = [], opened("")
    page.on("websocket", lambda w: w.on("framereceived", lambda text: messages.append(text)))
    page.context.add_cookies([{"name": "curation-name", "value": "Ann", "url": page.url}])
    page.reload()
    painted(page)
    review = read_review(project.path)
    pressed, screens = [], {}
    for _ in range(60):
        example = painted(page)["example"]
        screens[example] = page.evaluate(SCREEN)
        key = "k" if review.is_held_back(example) and len(pressed) % 2 else "a"
        pressed += press(page, key, every=1 / 30)
    saved(page)
    hidden = {example for example in ids if review.is_held_back(example)}
    assert screens.keys() & hidden and screens.keys() - hidden
    for example, screen in screens.items():
        assert (f"label-of-{example}" in screen) != (example in hidden)
        assert ("No suggestion on this card" in screen) == (example in hidden)
    expected = [
        (e, "keep", None) if key == "k" else (e, "label", f"label-of-{e}")
        for e, key in pressed
        if key == "k" or e not in hidden
    ]
    answers = [e for e in events(project) if e.kind != "suggested"]
    assert [(e.example_id, e.kind, e.value) for e in answers] == expected
    notes = {e.example_id: e.value for e in events(project) if e.kind == "suggested"}
    assert set(notes) == {e for e, kind, _ in expected if kind == "label"}
    assert all(value["shown"] and value["source"] == "judge" for value in notes.values())
    texts = [m if isinstance(m, str) else m.decode("utf-8", "replace") for m in messages]
    sent = {example for example in ids if any(f"label-of-{example}" in text for text in texts)}
    assert screens.keys() - hidden <= sent and not sent & hidden


def test_all_answers_are_accepted_as_one_act_changed_cleared_and_undone(opened, project):  # noqa: F811
    write_questions(project.path, [TONE, FAULTS, WORDS])
    suggest(project, tone=lambda n: "plain", faults=lambda n: ["long"], words=lambda n: "A sum.")
    page = opened()
    offered = page.locator("[data-offered]")
    reads(offered, ["plain 2", "long", "A sum."])
    first = painted(page)["example"]
    page.get_by_role("button", name="Accept and keep").click()
    assert painted(page)["example"] != first
    saved(page)
    accepted = [("keep", None), ("tone", "plain"), ("faults", ["long"]), ("words", "A sum.")]
    assert log(project) == accepted
    press(page, "3")
    reads(page.locator(".option[aria-checked=true]"), ["cold"])
    reads(offered, ["long 1", "A sum."])
    press(page, "2")
    reads(offered, ["A sum."])  # a changed list is the person's own
    press(page, "a")
    saved(page)
    assert log(project)[4:] == [
        ("tone", "cold"),
        ("faults", ["long", "wrong"]),
        ("keep", None),
        ("words", "A sum."),
    ]
    people = project.people()
    fate = {
        e.value["question"]: is_accepted(e, beside_answer(people, e))
        for e in people.opinions[[e for e in events(project)][-1].example_id]
        if e.kind == "answer"
    }
    assert fate == {"tone": False, "faults": False, "words": True}
    press(page, "c")
    assert not offered.count() and page.get_by_text("Suggestions cleared").is_visible()
    press(page, "a")
    assert page.get_by_text("No suggestion is shown on this card").is_visible()
    press(page, "k")
    assert page.get_by_text("First answer “tone”").is_visible()
    press(page, "c")
    assert offered.count() == 3
    press(page, "u")
    saved(page)
    kinds = [kind for kind, _ in log(project)]
    assert kinds[-1] == "undo"
    assert len(project.people().answered) == 1


def test_a_suggested_drop_asks_for_what_it_needs_and_takes_the_rest_along(opened, project):  # noqa: F811
    write_questions(project.path, [FAULTS, WHY])
    suggest(project, verdict=lambda n: "drop", faults=lambda n: ["wrong"])
    page = opened()
    assert page.locator(".drop.offered").count() == 1
    press(page, "a")
    assert page.get_by_text("Before it is dropped").is_visible()
    press(page, "2")
    saved(page)
    assert log(project) == [("drop", None), ("faults", ["wrong"]), ("why", "lie")]
    suggest(project, "other", why=lambda n: "spam")
    page.reload()
    painted(page)
    page.wait_for_function(
        "() => document.querySelector('[data-testid=stBidiComponentIsolated]')"
        ".shadowRoot.querySelector('.suggested').textContent.includes('3 answers')"
    )
    press(page, "a")
    saved(page)
    assert log(project)[3:] == [("drop", None), ("faults", ["wrong"]), ("why", "spam")]


def test_an_accepted_card_is_there_again_after_back_and_a_reload_keeps_what_is_unsaved(
    opened,  # noqa: F811
    project,
):
    suggest(project, rating=lambda n: 4, label=lambda n: "sums")
    page = opened()
    first = painted(page)["example"]
    press(page, "ab")
    assert painted(page)["example"] == first
    assert page.get_by_text("label sums").first.is_visible()
    assert page.get_by_text("rated 4").is_visible()
    assert "No suggestion on this card" in page.locator(".suggested").inner_text()
    saved(page)
    assert log(project) == [("label", "sums"), ("rate", 4)]
