"""A team in real browsers: each person does what their role allows, and a login that ends loses nothing."""

# ruff: noqa: F401, F811  (fixtures are imported by name and asked for by name)

from __future__ import annotations

import json
import time

import pytest

from curation import Project, roles
from tests.browser import drawn, launch
from tests.test_browser import settled
from tests.test_logins import ANN, BOB, OWNER, app, provider

PAINTED = ".pane[data-painted=true]"


@pytest.fixture
def project(app):
    return Project.open(app.log.parent / "example")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        if browser is None:
            pytest.skip("no browser could be had on this machine")
        yield browser
        browser.close()


@pytest.fixture
def person(app, browser):
    """Open a page of the app as somebody, in a browser of their own."""
    contexts = []

    def open_as(who: str, path: str = "/"):
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        page = contexts[-1].new_page()
        page.goto(f"{app.address}{path}")
        page.get_by_role("link", name="Log in").click()
        page.get_by_role("link", name=who, exact=True).click()
        page.wait_for_selector("h1")
        settled(page)
        return page

    yield open_as
    for context in contexts:
        context.close()


def give(project, address, role):
    roles.give_role(project.path, address, role)


def test_an_owner_of_the_server_gives_roles_on_the_team_page(person, project):
    page = person("owner", "/team?project=example")
    assert page.url.endswith("/team?project=example"), "the page that was asked for"
    page.get_by_text("Olga Owner").wait_for()
    words = page.locator(".st-key-who").inner_text().replace("\u2060", "")  # it makes no link
    assert f"{OWNER} · owner" in words
    page.get_by_text("Roles", exact=True).click()
    drawn(page)
    page.get_by_role("textbox", name="E-mail address").fill("*@Lab.example")
    page.get_by_role("button", name="Give the role").click()
    page.get_by_text("has a role now").wait_for()
    drawn(page)
    assert roles.read_team(project.path) == {"*@lab.example": "annotator"}
    page.get_by_role("textbox", name="E-mail address").fill("nobody")
    page.get_by_role("button", name="Give the role").click()
    page.get_by_text("is no e-mail address").wait_for()
    give(project, "*@lab.example", "")


def test_somebody_without_a_role_sees_no_project(person, project):
    give(project, BOB, "")
    page = person("bob", "/?project=example")
    page.get_by_text("not here any more").first.wait_for()
    assert page.get_by_text("support").count() == 0
    assert page.get_by_role("combobox", name="Project").count() == 0


def test_a_reader_looks_and_an_annotator_answers_under_their_own_address(person, project):
    give(project, ANN, "annotator")
    give(project, BOB, "reader")
    reader = person("bob", "/annotate?project=example")
    reader.get_by_text("You are a reader of this project").wait_for()
    assert reader.get_by_text("reader", exact=False).first.is_visible()
    assert reader.get_by_role("button", name="Undo").count() == 0
    page = person("ann", "/annotate?project=example")
    before = project.last_decision()
    page.locator(PAINTED).wait_for()
    drawn(page)
    page.keyboard.press("k")
    wait_for(lambda: project.last_decision() > before)
    (event,) = project.decisions.events(since=before)
    assert (event.kind, event.annotator) == ("keep", ANN)
    recipe = project.recipe_text()
    page.goto(page.url.replace("/annotate", "/clean"))
    page.wait_for_selector("h1")
    settled(page)
    page.get_by_text("Only owners of the project change").first.wait_for()
    assert project.recipe_text() == recipe


def wait_for(check, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("place", "key", "kind"), [("annotate", "d", "drop"), ("duplicates", "b", "apart")]
)
def test_answers_of_a_login_that_ended_are_sent_after_the_next(
    person, project, app, place, key, kind
):
    """Logged out in another tab in the middle of a list; nothing that was answered is lost."""
    give(project, ANN, "annotator")
    give(project, BOB, "annotator")
    page = person("ann", f"/{place}?project=example")
    page.locator("[data-painted=true], .listing .head b").first.wait_for()
    drawn(page)
    before = project.last_decision()
    other = page.context.new_page()
    other.goto(f"{app.address}/auth/logout")
    other.get_by_role("link", name="Log in").wait_for()
    page.keyboard.press(key)
    page.get_by_text("Your login has ended").first.wait_for()
    assert project.last_decision() == before
    unsaved = unsaved_of(page)
    assert [a["by"] for a in unsaved] == [ANN]
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    # Somebody else logs in first, in the same tab; the answer waits for its own person.
    page.get_by_role("link", name="Log in").click()
    page.get_by_role("link", name="bob", exact=True).click()
    page.wait_for_selector("h1")
    settled(page)
    page.wait_for_timeout(2500)
    assert project.last_decision() == before
    assert unsaved_of(page) == unsaved
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Log in").click()
    page.get_by_role("link", name="ann", exact=True).click()
    page.wait_for_selector("h1")
    page.goto(f"{app.address}/{place}?project=example")
    wait_for(lambda: project.last_decision() > before)
    (event,) = project.decisions.events(since=before)
    assert (event.kind, event.annotator, event.op_id) == (kind, ANN, unsaved[0]["op"])
    wait_for(lambda: not unsaved_of(page))


def unsaved_of(page) -> list[dict]:
    """Answers that the tab keeps, of all its people."""
    stored = page.evaluate(
        "Object.entries(sessionStorage).filter(([k]) => k.includes(':')).map(([, v]) => v)"
    )
    return [a for text in stored if text[:1] == "{" for a in json.loads(text).get("unsaved", [])]


def test_a_log_out_leads_back_to_the_login_page(person, app):
    page = person("owner")
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Log in").wait_for()
    page.goto(f"{app.address}/map")
    page.get_by_role("link", name="Log in").wait_for()
