"""Saved queues in a real browser: saved on Browse, opened by a link elsewhere, emptied by answers."""

from __future__ import annotations

import json

import pytest

from curation import Project, Recipe, Step
from curation.looking.orders import Order
from curation.saved_queues import SavedQueue, SavedQueues
from tests.app_server import App
from tests.browser import launch

PAINTED = ".pane[data-painted=true]"
TEXTS = ("How long do I bake loaf {}?", "Which star is brighter than {}?", "Is river {} cold?")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = launch(playwright)
        if opened is None:
            pytest.skip("no browser could be had on this machine")
        yield opened
        opened.close()


@pytest.fixture
def app(tmp_path, tiny_model):
    """The app with a project of ninety questions on three topics, with vectors."""
    project = Project.create(
        tmp_path / "topics", recipe=Recipe((Step("lengths"), Step("embed", model=str(tiny_model))))
    )
    rows = [{"prompt": text.format(n), "response": "It may."} for n in range(30) for text in TEXTS]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    project.add(tmp_path / "rows.jsonl")
    project.run()
    saved = SavedQueues(project.path)
    saved.save(SavedQueue("most unsure", Order("uncertain")))
    saved.save(SavedQueue("late", Order("highest", "taste")))
    (saved.folder / "bad.json").write_text("{")
    server = App(tmp_path)
    server.start()
    yield server
    server.stop()


def person(browser, app, who):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "curation-name", "value": who, "url": app.address}])
    page = context.new_page()
    page.set_default_timeout(60_000)
    return page


def count(page, name):
    return page.locator(".queue", has_text=name).locator(".count").inner_text()


@pytest.mark.alone
def test_a_queue_is_saved_on_browse_opened_by_a_link_and_falls_with_the_answers(browser, app):
    ada, ben = person(browser, app, "Ada"), person(browser, app, "Ben")
    ada.goto(f"{app.address}/browse?project=topics")
    ada.get_by_placeholder("all of these words").fill("river")
    ada.keyboard.press("Enter")
    ada.get_by_text("30 of 90 examples").wait_for()
    ada.get_by_role("button", name="Review these…").click()
    ada.get_by_label("Name", exact=True).fill("a/b")
    ada.get_by_role("button", name="Save and open").click()
    ada.get_by_text("is no name of a queue").wait_for()
    ada.get_by_label("Name", exact=True).fill("cold rivers")
    ada.get_by_role("button", name="Save and open").click()
    ada.locator(PAINTED).wait_for()
    assert "queue=cold+rivers" in ada.url and count(ada, "cold rivers") == "30"
    ben.goto(f"{app.address}/annotate?project=topics&queue=cold+rivers")
    ben.locator(PAINTED).wait_for()
    first = ben.locator(".pane").get_attribute("data-example")
    assert first != ada.locator(".pane").get_attribute("data-example")
    ben.keyboard.press("k")
    ben.locator(f".pane[data-painted=true]:not([data-example='{first}'])").wait_for()
    ben.get_by_text("all saved").wait_for()
    ben.locator(".queue", has_text="cold rivers").locator("text=/^29$/").wait_for()
    ada.keyboard.press("d")
    ada.locator(".queue", has_text="cold rivers").locator("text=/^28$/").wait_for()


@pytest.mark.alone
def test_an_uncertain_queue_learns_and_a_faulty_one_says_why(browser, app):
    page = person(browser, app, "Ada")
    page.goto(f"{app.address}/annotate?project=topics&queue=most+unsure")
    page.locator(PAINTED).wait_for()
    assert page.locator(".remark").inner_text().startswith("It has learned from no answers yet")
    for n in range(10):
        shown = page.locator(".pane").get_attribute("data-example")
        page.keyboard.press("k" if n % 2 else "d")
        page.locator(f".pane[data-painted=true]:not([data-example='{shown}'])").wait_for()
    page.locator(".remark", has_text="It has learned from 10 answers.").wait_for()
    page.goto(f"{app.address}/annotate?project=topics&queue=late")
    page.locator(".empty", has_text="The order reads the column 'taste'").wait_for()
    page.goto(f"{app.address}/annotate?project=topics&queue=a%2Fb")
    page.locator(PAINTED).wait_for()
    assert "There is no queue “a/b”" in page.locator(".notice").inner_text()
    page.get_by_text("Saved queues (2)").click()
    page.get_by_text("describes no queue").wait_for()
    page.get_by_role("button", name="Delete…").first.click()
    page.get_by_role("button", name="Yes, delete it").click()
    page.get_by_text("Saved queues (1)").wait_for()
    assert page.locator(".queue", has_text="late").count() == 0
