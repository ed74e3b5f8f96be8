"""Several people in real browsers: cards of their own, overlap, a killed server, a closed tab."""

# ruff: noqa: F401, F811  (fixtures are imported by name and asked for by name)

from __future__ import annotations

from collections import Counter

import pytest

from curation import Project
from curation.looking.agreement import agreement
from curation.review import Review, write_review
from tests.test_card_browser import PANE, events, opened, painted, press, saved

SUMS = [{"prompt": f"What is {i} + {i}?", "completion": f"It is {2 * i}."} for i in range(12)]
PEOPLE = ("Ann", "Bob", "Cyd")


@pytest.fixture
def project(serve) -> Project:
    """A project of twelve sums that two people answer each."""
    project = serve(SUMS)
    write_review(project.path, Review(overlap=2))
    return project


def ready(page, seconds: float = 90) -> bool:
    """Wait for a card, or for the message that nothing is left; whether it is a card."""
    page.wait_for_function(
        """() => {
            const root = document.querySelector('[data-testid=stBidiComponentIsolated]')?.shadowRoot;
            const pane = root?.querySelector('.pane');
            return pane && (pane.dataset.painted === 'true'
                || pane.textContent.includes('This queue is empty'));
        }""",
        timeout=seconds * 1000,
    )
    return page.evaluate(PANE).get("painted") == "true"


def test_three_people_answer_each_example_twice_over_a_killed_server(opened, project, app):
    pages = {who: opened(who) for who in PEOPLE}
    first = {who: painted(page)["example"] for who, page in pages.items()}
    assert len(set(first.values())) == 3, "different first cards"
    keys = {"Ann": "k", "Bob": "d", "Cyd": "k"}
    for who, page in pages.items():
        press(page, keys[who] * 2)
    app.kill()
    pressed = press(pages["Ann"], "k")
    app.start()
    for page in pages.values():
        saved(page, 90)
    assert pressed[0][0] in {e.example_id for e in events(project) if e.annotator == "Ann"}
    open_pages = dict(pages)
    while open_pages:
        for who, page in list(open_pages.items()):
            if ready(page):
                press(page, keys[who])
                saved(page)
            else:
                del open_pages[who]
    people = Project.open(project.path).people()
    assert Counter(len(names) for names in people.answered.values()) == {2: 12}, "no extras"
    assert len(events(project)) == 24
    different = sum("Bob" in names for names in people.answered.values())
    result = agreement(people.opinions_frame(), "verdict")
    assert result.shared == 12 and len(result.disagreements) == different
    shared = {frozenset(names): 0 for names in people.answered.values()}
    for names in people.answered.values():
        shared[frozenset(names)] += 1
    for pair in result.pairs.to_dict("records"):
        both = frozenset((pair["first"], pair["second"]))
        assert (pair["examples"], pair["same"]) == (shared[both], float("Bob" not in both))
    assert project.decisions.leases.live() == []


def test_the_cards_of_a_closed_tab_come_back(opened, project):
    write_review(project.path, Review())
    people = [opened(who) for who in PEOPLE]
    shown = [painted(page)["example"] for page in people]
    leases = project.decisions.leases
    ann = {one.example_id for one in leases.live() if one.holder == "Ann"}
    assert shown[0] in ann and len(ann) > 1
    people[0].context.close()
    answered = []
    for _ in range(600):
        if len(answered) == len(SUMS):
            break
        for page in people[1:]:
            if page.evaluate(PANE).get("painted") == "true":
                answered += [example for example, _ in press(page, "k")]
                saved(page)
            else:
                page.wait_for_timeout(100)
    assert ann <= set(answered) and len(set(answered)) == len(SUMS)
    assert {e.annotator for e in events(project)} == {"Bob", "Cyd"}
