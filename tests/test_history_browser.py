"""The History page in a real browser: filter, undo one, undo a batch, go back, undo the going back."""

from __future__ import annotations

import time

import pytest

from curation import Project
from curation.decisions import Decision, as_one_act
from tests.browser import drawn


@pytest.fixture
def project(serve) -> Project:
    sums = [{"prompt": f"What is {i} + {i}?", "completion": f"It is {2 * i}."} for i in range(30)]
    return serve(sums)


@pytest.fixture
def page(person, project):
    page = person("Ann", f"history?project={project.path.name}", height=1000)
    page.set_default_timeout(120_000)
    return page


def pick(page, row: int) -> None:
    """Click the box before a row of a table; its cells are drawn on a canvas."""
    place = page.locator("[data-testid=stDataFrame] canvas").first
    place.wait_for()
    drawn(page)  # a table that was filtered is drawn anew
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    page.mouse.click(box["x"] + 14, box["y"] + 37 + 35 * row + 17)


def click(page, key: str) -> None:
    """Click the button with a key, on a page that is not drawn anew meanwhile."""
    drawn(page)
    page.locator(f"[class*='st-key-{key}'] button").first.click()


def until(project: Project, check, timeout: float = 120) -> None:
    """Wait until the decisions of the project on disk meet a check."""
    end = time.time() + timeout
    while not check(project.people()):
        assert time.time() < end, project.decisions.events()
        time.sleep(0.05)


def test_filter_undo_one_undo_a_batch_go_back_and_undo_that(page, project):
    ids = [str(i) for i in project.examples.rows.index]
    project.decisions.append([Decision(ids[0], "keep", None, "Ann", op_id="k", batch="k")])
    project.decisions.append(as_one_act([("drop", i, None) for i in ids[5:9]], "Bob", "bulk", 0))
    project.decisions.append([Decision(ids[1], "label", "even", "Ann", op_id="l", batch="l")])
    full = project.decisions.last()
    page.get_by_role("heading", name="History").wait_for()

    pick(page, 0)  # the label, the newest
    page.get_by_text("label: even ·").wait_for()
    click(page, "history-act-undo")
    until(project, lambda people: not people.labels)

    drawn(page)
    page.locator(".st-key-history-person input").click()
    page.get_by_role("option", name="Bob").click()
    pick(page, 0)
    page.get_by_text("dropped 4 examples ·").wait_for()
    page.get_by_role("button", name="Undo all 4").wait_for()
    click(page, "history-act-undo")
    until(project, lambda people: list(people.verdicts) == [ids[0]])
    assert project.decisions.events()[-1].annotator == "Ann", "the undo is of who is at the page"

    click(page, "history-after")
    page.get_by_text(f"After event {full - 1}").wait_for()
    page.get_by_text("Decisions that count again: 4.").wait_for()
    click(page, "history-return")
    until(project, lambda people: len(people.verdicts) == 5 and not people.labels)

    page.get_by_text("What was done").wait_for()  # the list again
    drawn(page)
    page.get_by_role("button", name="Undo", exact=False).first.click()  # of the frame
    until(project, lambda people: list(people.verdicts) == [ids[0]])
    assert len(project.decisions.events()) == full + 4, "nothing is removed"


def test_other_people_s_work_goes_only_after_a_tick(page, project):
    ids = [str(i) for i in project.examples.rows.index]
    project.decisions.append([Decision(ids[0], "keep", None, "Ann")])
    project.decisions.append([Decision(ids[1], "drop", None, "Bob")])
    pick(page, 1)
    click(page, "history-after")
    back = page.get_by_role("button", name="Return to this moment")
    back.wait_for()
    assert back.is_disabled()
    drawn(page)
    page.get_by_text("Decisions of others stop counting too: 1 of Bob").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('button')].some("
        "b => b.innerText.includes('Return to this moment') && !b.disabled)"
    )
    drawn(page)
    back.click()
    until(project, lambda people: list(people.verdicts) == [ids[0]])
