"""Saved queues in a real browser: saved on Browse, opened by a link elsewhere, emptied by answers."""

from __future__ import annotations

import pytest

from curation import Project, Step
from curation.looking.orders import Order
from curation.saved_queues import SavedQueue, SavedQueues
from tests.browser import drawn

PAINTED = ".pane[data-painted=true]"
TEXTS = ("How long do I bake loaf {}?", "Which star is brighter than {}?", "Is river {} cold?")


@pytest.fixture
def project(serve, tiny_model) -> Project:
    """Ninety questions on three topics, with vectors, and saved queues."""
    rows = [{"prompt": text.format(n), "response": "It may."} for n in range(30) for text in TEXTS]
    project = serve(rows, Step("lengths"), Step("embed", model=str(tiny_model)))
    project.run()
    saved = SavedQueues(project.path)
    saved.save(SavedQueue("most unsure", Order("uncertain")))
    saved.save(SavedQueue("late", Order("highest", "taste")))
    (saved.folder / "bad.json").write_text("{")
    return project


def count(page, name):
    return page.locator(".queue", has_text=name).locator(".count").inner_text()


def test_a_queue_is_saved_on_browse_opened_by_a_link_and_falls_with_the_answers(person, project):
    ada = person("Ada", f"browse?project={project.path.name}")
    ada.get_by_placeholder("all of these words").fill("river")
    ada.keyboard.press("Enter")
    ada.get_by_text("30 of 90 examples").wait_for()
    drawn(ada)
    ada.get_by_role("button", name="Review these…").click()
    ada.get_by_label("Name", exact=True).fill("a/b")
    ada.get_by_role("button", name="Save and open").click()
    ada.get_by_text("is no name of a queue").wait_for()
    drawn(ada)
    ada.get_by_label("Name", exact=True).fill("cold rivers")
    ada.get_by_role("button", name="Save and open").click()
    ada.locator(PAINTED).wait_for()
    assert "queue=cold+rivers" in ada.url and count(ada, "cold rivers") == "30"
    ben = person("Ben", f"annotate?project={project.path.name}&queue=cold+rivers")
    ben.locator(PAINTED).wait_for()
    first = ben.locator(".pane").get_attribute("data-example")
    assert first != ada.locator(".pane").get_attribute("data-example")
    ben.keyboard.press("k")
    ben.locator(f".pane[data-painted=true]:not([data-example='{first}'])").wait_for()
    ben.get_by_text("all saved").wait_for()
    ben.locator(".queue", has_text="cold rivers").locator("text=/^29$/").wait_for()
    ada.keyboard.press("d")
    ada.locator(".queue", has_text="cold rivers").locator("text=/^28$/").wait_for()


def test_an_uncertain_queue_learns_and_a_faulty_one_says_why(person, app, project):
    annotate = f"annotate?project={project.path.name}"
    page = person("Ada", f"{annotate}&queue=most+unsure")
    page.locator(PAINTED).wait_for()
    assert page.locator(".remark").inner_text().startswith("It has learned from no answers yet")
    for n in range(10):
        shown = page.locator(".pane").get_attribute("data-example")
        page.keyboard.press("k" if n % 2 else "d")
        page.locator(f".pane[data-painted=true]:not([data-example='{shown}'])").wait_for()
    page.locator(".remark", has_text="It has learned from 10 answers.").wait_for()
    page.goto(f"{app.address}/{annotate}&queue=late")
    page.locator(".empty", has_text="The order reads the column 'taste'").wait_for()
    page.goto(f"{app.address}/{annotate}&queue=a%2Fb")
    page.locator(PAINTED).wait_for()
    assert "There is no queue “a/b”" in page.locator(".notice").inner_text()
    drawn(page)
    page.get_by_text("Saved queues (2)").click()
    page.get_by_text("describes no queue").wait_for()
    drawn(page)
    page.get_by_role("button", name="Delete…").first.click()
    drawn(page)
    page.get_by_role("button", name="Yes, delete it").click()
    page.get_by_text("Saved queues (1)").wait_for()
    assert page.locator(".queue", has_text="late").count() == 0
