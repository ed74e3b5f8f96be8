"""A network that is cut while somebody works, and comes back: every answer is saved, once, in order."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from curation import Project
from curation.decisions import Decision
from tests.network import Network
from tests.test_card_browser import PANE, decided, events, painted, press, saved
from tests.test_leases import move_clock

SUMS = [{"prompt": f"What is {n} + {n}?", "completion": f"It is {2 * n}."} for n in range(200)]


@pytest.fixture
def project(serve) -> Project:
    """Two hundred sums in the workspace of the running app."""
    return serve(SUMS)


@pytest.fixture
def network(app) -> Iterator[Network]:
    """A network to the app that can be cut."""
    relay = Network(app.port)
    yield relay
    relay.cut()


@pytest.fixture
def ann(person, network, project):
    """Ann's page of cards, with every card that it may hold, behind the network."""
    page = person("Ann")
    page.goto(f"{network.address}/annotate?project={project.path.name}")
    painted(page)
    saved(page)
    page.wait_for_timeout(1500)
    return page


def unsaved(page) -> int:
    return int(page.evaluate(PANE)["unsaved"])


def card(page) -> str:
    """The example on the screen, after a reload where the page stays half drawn.

    Streamlit asks for no page again when the network goes in the moment in which it came back.
    """
    try:
        return str(painted(page, 15)["example"])
    except AssertionError:
        page.reload()
        return str(painted(page)["example"])


def heard(page, key: str) -> tuple[str, str]:
    """Press a key that leaves the card, and again where none was there to hear it; the card, and the key.

    When the network is back the page is mounted anew, and no key counts before its card is painted.
    """
    example = card(page)
    for _ in range(100):
        page.keyboard.press(key)
        if card(page) != example:
            return example, key
    raise AssertionError(f"no key was heard on {example}")


def test_a_minute_without_network_while_somebody_works(ann, network, project):
    pressed = press(ann, "kd")
    saved(ann)
    network.cut()
    begun = time.monotonic()
    pressed += press(ann, "kdk", every=0.5)
    ann.get_by_text("3 answers not yet saved: no answer from the app").wait_for()
    lost = "getComputedStyle(document.querySelector('[data-testid=stApp]'), '::after').content"
    assert "No connection to the app" in ann.evaluate(lost)
    assert ann.locator("[role=dialog]:visible").count() == 0, "nothing covers the card"
    ann.keyboard.press("e")
    ann.keyboard.type(" So it is.")
    pressed.append((painted(ann)["example"], "e"))
    ann.keyboard.press("Control+Enter")
    while time.monotonic() - begun < 60:
        pressed += press(ann, "kd"[len(pressed) % 2], every=3)
    assert unsaved(ann) == len(pressed) - 2, "each is shown as not yet saved"
    assert decided(project) == pressed[:2], "and none has arrived"
    network.restore()
    saved(ann, 90)
    assert decided(project) == pressed
    assert len({event.op_id for event in events(project)}) == len(pressed)
    assert ann.evaluate(lost) == "none"
    pressed += press(ann, "k")
    saved(ann)
    assert decided(project) == pressed, "and the next key counts"


def test_an_answer_that_was_saved_but_not_acknowledged_is_not_saved_twice(ann, network, project):
    network.silence()
    pressed = press(ann, "kdk", every=0.2)
    end = time.monotonic() + 60
    while len(events(project)) < 1 and time.monotonic() < end:
        time.sleep(0.02)
    assert events(project), "the answer arrived"
    assert unsaved(ann) == 3, "the page does not know it"
    network.cut()
    pressed += press(ann, "d")
    network.restore()
    saved(ann, 90)
    assert decided(project) == pressed
    assert len({event.op_id for event in events(project)}) == 4


def test_a_page_that_is_reloaded_after_a_cut_sends_what_it_kept(ann, network, project):
    network.cut()
    pressed = press(ann, "kd", every=0.2)
    network.restore()
    ann.reload()
    painted(ann)
    saved(ann, 90)
    assert decided(project) == pressed


def test_a_network_that_comes_and_goes_saves_each_answer_once(ann, network, project):
    pressed, without_network = [], []
    for number in range(12):
        pressed += [heard(ann, "kd"[number % 2]), heard(ann, "kd"[number % 2])]
        network.cut()
        shown = ann.evaluate(PANE)
        if shown.get("painted") == "true":  # a page that is just being mounted anew hears no key
            ann.keyboard.press("k")
            without_network.append((shown["example"], "k"))
        network.restore()
        ann.wait_for_timeout(200 * (number % 4))
    saved(ann, 120)
    answers = decided(project)
    assert len({example for example, _ in answers}) == len(answers), "each is saved once"
    assert [answer for answer in answers if answer in pressed] == pressed, "in their order"
    assert {*answers} - {*pressed} <= {*without_network}
    assert len({*answers} & {*without_network}) > 6


def test_each_decision_that_somebody_else_made_meanwhile_is_said_until_it_is_closed(
    ann, network, project
):
    network.cut()
    examples = [example for example, _ in press(ann, "kkk", every=0.2)]
    present = painted(ann)["example"]
    bob = [Decision(one, "drop", annotator="Bob") for one in (*examples, present)]
    project.decisions.append(bob)
    network.restore()
    saved(ann, 90)
    notice = ann.locator(".notice")
    notice.get_by_text("Bob dropped this example meanwhile.").wait_for()
    meanwhile = notice.get_by_text("Bob decided this example meanwhile; both decisions are kept.")
    for others in ("and 2 more messages", "and 1 more message"):
        assert meanwhile.is_visible() and notice.get_by_text(others, exact=True).is_visible()
        notice.get_by_label("Close").click()
    notice.get_by_role("button", name="Show it").click()
    assert painted(ann)["example"] == examples[0], "the oldest is shown last"
    notice.get_by_label("Close").click()
    assert meanwhile.count() == 0


def test_a_tab_that_was_left_open_for_an_hour(ann, person, app, network, project):
    press(ann, "k")
    saved(ann)
    present = painted(ann)["example"]
    network.cut()
    app.kill()  # the server has forgotten Ann's session
    app.start()
    move_clock(project.decisions, 3600)
    assert project.decisions.leases.live() == []
    bob = person("Bob", f"annotate?project={project.path.name}&example={present}")
    assert painted(bob)["example"] == present, "it is free for somebody else"
    press(bob, "dd")
    saved(bob)

    network.restore()
    press(ann, "k")
    saved(ann, 90)
    notice = ann.locator(".notice")
    notice.get_by_text("Bob decided this example meanwhile; both decisions are kept.").wait_for()
    kinds = [(e.annotator, e.kind) for e in events(project) if e.example_id == present]
    assert kinds == [("Bob", "drop"), ("Ann", "keep")]
    ann.locator(
        ".chip.dropped", has_text="Bob"
    ).wait_for()  # the next card of that hour is Bob's too
    press(ann, "s")
    ((following, _),) = press(ann, "k")
    saved(ann)
    assert [e.annotator for e in events(project) if e.example_id == following] == ["Ann"]
