"""Every page in a narrow window and enlarged to 200 %: what moves, what is cut, and the card by keys."""

from __future__ import annotations

import pytest

from curation import Project
from tests import accessible
from tests.browser import drawn
from tests.test_axe import PAGES, app, browser  # noqa: F401

SIZES = {
    "1024": {"width": 1024, "height": 768},
    "200 %": {"width": 720, "height": 450, "device_scale_factor": 2},
}
"""A narrow window, and what a window of 1440 × 900 holds at 200 %."""


@pytest.fixture
def look(person, app):  # noqa: F811
    """Open each page as Ann in a window of a size, and yield its title and the page."""

    def pages(**size):
        context = person("Ann", **size).context
        context.add_init_script(accessible.SHIFT)
        for name, title in PAGES:
            page = context.new_page()
            page.goto(f"{app.address}/{name}?project=example")
            page.locator("h1").wait_for(timeout=120_000)
            drawn(page)
            yield title, page
            page.close()

    return pages


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_nothing_moves_or_is_cut_and_every_control_can_be_reached(look, size):
    problems = {}
    for title, page in look(**size):
        measured = [*accessible.moved(page), *accessible.cut_off(page)]
        measured += accessible.out_of_reach(page)
        if measured:
            problems[title] = measured
    assert problems == {}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_card_and_its_buttons_are_in_sight_and_answered_by_keys(person, app, size):  # noqa: F811
    page = person("Ann", **size)
    page.add_init_script(accessible.SHIFT)
    page.goto(f"{app.address}/annotate?project=example&queue=everything")
    page.locator(".pane[data-painted=true]").wait_for()
    drawn(page)
    in_sight = """() => {
        const { shadowRoot } = document.querySelector('[data-testid=stBidiComponentIsolated]');
        const top = document.querySelector('[data-testid=stHeader]').getBoundingClientRect().bottom;
        const parts = ['.saving', '.turn .body', '[data-act=drop]', '[data-act=keep]', '[data-act=back]'];
        return parts.filter((part) => {
            const { y, bottom } = shadowRoot.querySelector(part).getBoundingClientRect();
            return y < top - 1 || (part !== '.turn .body' && bottom > innerHeight) || y > innerHeight - 20;
        });
    }"""
    moved = page.evaluate("window.shift")
    answered = []
    for key in "kdk":
        assert page.evaluate(in_sight) == []
        answered.append((page.locator(".pane").get_attribute("data-example"), key))
        page.keyboard.press(key)
        page.locator(f".pane[data-painted=true]:not([data-example='{answered[-1][0]}'])").wait_for()
    page.locator(".saving[data-unsaved='0']").wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("window.shift") - moved < 0.01, "the next card comes into the same place"
    events = Project.open(app.workspace / "example").decisions.events()[-3:]
    assert [(event.example_id, event.kind[0]) for event in events] == answered
