"""Settling by keys in a real browser: what was painted is what is settled."""

from __future__ import annotations

import shutil

import pytest

from curation import Project
from curation.decisions import Decision
from tests.app_server import App
from tests.browser import launch
from tests.conftest import json_lines

COUNT = 24

HOST = "[...document.querySelectorAll('*')].map(n => n.shadowRoot?.querySelector('.settling')).find(Boolean)"
TEXT = f"() => {HOST}?.innerText || ''"


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = launch(playwright, webgl=False)
        if opened is None:
            pytest.skip("no browser could be had on this machine")
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    workspace = tmp_path_factory.mktemp("projects")
    server = App(workspace)
    server.workspace = workspace
    server.start()
    yield server
    server.stop()


@pytest.fixture
def project(app, imported, request) -> Project:
    """Every example is kept by Ann and dropped by Bob and, every other one, by Cyd."""
    rows = [
        {"prompt": f"What is {n} + {n}?", "completion": f"It is {2 * n}."} for n in range(COUNT)
    ]
    source = imported({"sums.jsonl": json_lines(rows)})
    project = Project.open(shutil.copytree(source, app.workspace / request.node.name[:30]))
    ids = list(project.examples.rows.index)
    project.decisions.append([Decision(i, "keep", annotator="Ann") for i in ids])
    project.decisions.append([Decision(i, "drop", annotator="Bob") for i in ids])
    project.decisions.append([Decision(i, "drop", annotator="Cyd") for i in ids[::2]])
    return project


def wait_for(page, text: str) -> None:
    page.wait_for_function(
        f"text => ({HOST}?.innerText || '').includes(text)", arg=text, timeout=90_000
    )


def settled(project: Project) -> dict[str, str]:
    """Example → the answer that Lea settled."""
    state = project.decisions.state()
    return {i: by["verdict"].value["value"] for i, by in state.settled.items()}


def test_keys_settle_what_is_painted_and_an_undo_brings_it_back(browser, app, project):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "curation-name", "value": "Lea", "url": app.address}])
    page = context.new_page()
    page.goto(f"{app.address}/team?project={project.path.name}")
    page.get_by_text("Disagreements", exact=True).click(timeout=90_000)
    wait_for(page, f"1 of {COUNT}")
    box = page.evaluate(
        f"() => (({{top, bottom}}) => ({{top, bottom}}))({HOST}.getBoundingClientRect())"
    )
    assert box["top"] > 0 and box["bottom"] <= 900, "in view without scrolling"

    # thirty keys a second: each settles the example that was on the screen at that moment
    expected = {}
    ids = {f"What is {n} + {n}?": i for n, i in enumerate(project.examples.rows.index)}
    for n in range(6):
        text = page.evaluate(TEXT)
        (shown,) = [i for prompt, i in ids.items() if prompt in text]
        lines = [line for line in text.split("\n") if line in ("keep", "drop")]
        expected[shown] = lines[n % 2]
        page.keyboard.press(str(n % 2 + 1), delay=5)
        page.wait_for_timeout(30)
    page.wait_for_function(f"() => !{HOST}.innerText.includes('not yet saved')", timeout=90_000)
    assert settled(project) == expected
    assert len(project.decisions.events()) == 2 * COUNT + COUNT // 2 + 6

    # skip changes nothing; undo takes back the newest and shows it again
    page.keyboard.press("s")
    newest = list(expected)[-1]
    page.keyboard.press("u")
    (prompt,) = [p for p, i in ids.items() if i == newest]
    wait_for(page, prompt)
    wait_for(page, f"of {COUNT - 5}")
    assert settled(project) == {i: v for i, v in expected.items() if i != newest}

    # a reload shows what waits, and an undo without a memory of this tab takes back Lea's newest
    page.reload()
    page.get_by_text("Disagreements", exact=True).click(timeout=90_000)
    wait_for(page, f"1 of {COUNT - 5}")
    page.keyboard.press("u")
    wait_for(page, f"of {COUNT - 4}")
    assert len(settled(project)) == 4
    again = list(expected)[-2]
    assert again not in settled(project)

    # a held key settles one example only
    before = len(settled(project))
    page.keyboard.down("1")
    page.keyboard.down("1")
    page.keyboard.up("1")
    wait_for(page, f"of {COUNT - 5}")
    page.wait_for_function(f"() => !{HOST}.innerText.includes('not yet saved')", timeout=90_000)
    assert len(settled(project)) == before + 1
    context.close()


def test_hidden_names_are_not_sent_and_without_a_name_nothing_is_settled(browser, app, project):
    context = browser.new_context(viewport={"width": 1024, "height": 768})
    page = context.new_page()
    page.goto(f"{app.address}/team?project={project.path.name}")
    page.get_by_text("Disagreements", exact=True).click(timeout=90_000)
    wait_for(page, "Ann")
    page.keyboard.press("1")
    page.get_by_text("Names", exact=True).click()
    wait_for(page, "1 person")
    assert "Ann" not in page.evaluate(TEXT)
    assert settled(project) == {}
    context.close()
