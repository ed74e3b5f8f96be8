"""The whole job in a real browser, from an empty workspace to a delivery."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from curation import Project
from tests import worst
from tests.app_server import running_app
from tests.browser import running_browser

SCREENSHOTS = os.environ.get("CURATION_SCREENSHOTS")
"""The folder for pictures of every page; by default none are kept."""


@pytest.fixture(scope="module")
def page():
    with running_browser() as browser:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        yield context.new_page()


def settled(page) -> None:
    """Wait until the app has drawn everything, and see that nothing went wrong."""
    page.wait_for_selector("[data-testid=stApp]")
    page.wait_for_function(
        "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'",
        timeout=120_000,
    )
    faults = page.locator("[data-testid=stException], .st-key-fault")
    assert faults.count() == 0, faults.first.inner_text()


def goto(page, name: str) -> None:
    settled(page)
    page.locator("[data-testid=stSidebarNavLink]", has_text=name).first.click()
    page.wait_for_selector(f"h1:has-text('{name}')", timeout=60_000)
    settled(page)


def shot(page, name: str) -> None:
    if SCREENSHOTS:
        folder = Path(SCREENSHOTS)
        folder.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(700)
        page.screenshot(path=folder / f"{name}.png")


def button(page, label: str):
    return page.get_by_role("button", name=label)


def wait_for_jobs(workspace: Path, count: int, timeout: float = 600) -> None:
    """Wait until that many jobs were started in the project and all of them ended well."""
    end = time.time() + timeout
    while time.time() < end:
        statuses = [
            json.loads(p.read_text()) for p in workspace.glob("*/jobs/*/status.json") if p.exists()
        ]
        failed = [j for j in statuses if j["state"] in ("failed", "lost", "cancelled")]
        assert not failed, failed
        if len(statuses) >= count and all(j["state"] == "done" for j in statuses):
            return
        time.sleep(0.5)
    raise AssertionError(f"jobs did not end: {statuses}")


def lasso(
    page, left: float = 0.1, top: float = 0.1, right: float = 0.9, bottom: float = 0.9
) -> None:
    """Draw a closed shape over a share of the map."""
    box = page.locator(".nsewdrag").first.bounding_box()
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top + 0.02)]
    points = [(box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=12)
    page.mouse.up()


def explore_the_map(page) -> None:
    """Zoom into what was drawn, narrow it by a tile, and find by meaning."""
    page.locator(".st-key-map-zoom button").first.click()
    button(page, "Whole map").wait_for(timeout=60_000)
    settled(page)
    shot(page, "map-zoom")
    button(page, "Whole map").click()
    settled(page)

    page.get_by_text("treemap", exact=True).click()
    tiles = page.locator(".st-key-map-treemap .treemaplayer")
    tiles.wait_for(timeout=60_000)
    settled(page)
    page.wait_for_timeout(1000)
    shot(page, "map-treemap")
    box = tiles.bounding_box()
    page.mouse.click(box["x"] + 60, box["y"] + 80)
    page.locator("h2", has_text="in this group").wait_for(timeout=60_000)
    settled(page)
    button(page, "Show on the map").click()
    page.wait_for_selector(".nsewdrag", timeout=60_000)
    settled(page)
    page.locator(".st-key-map-group button").first.click()
    settled(page)

    page.get_by_text("Meaning", exact=True).click()
    page.get_by_placeholder("describe the topic in your own words").fill("cooking with vegetables")
    page.keyboard.press("Enter")
    page.locator("h2", has_text="search result").wait_for(timeout=120_000)
    settled(page)
    shot(page, "map-found")
    teach_a_concept(page)
    goto(page, "Coverage")
    shot(page, "coverage-empty")


def pick_row(page, row: int) -> None:
    """Tick a row of the first table; it is drawn on a canvas, so by its place."""
    table = page.locator("[data-testid=stDataFrame]").first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    page.mouse.click(box["x"] + 18, box["y"] + 52 + 35 * row)
    settled(page)


def teach_a_concept(page) -> None:
    """Mark a picked row of what was found; the next example opens though a row is picked."""
    pick_row(page, 0)
    button(page, "Like this").last.wait_for(timeout=60_000)
    page.get_by_text("Concept", exact=True).click()
    page.get_by_role("combobox", name="Concept").fill("cooking")
    page.keyboard.press("Enter")
    button(page, "Yes, it is").wait_for(timeout=60_000)
    settled(page)
    button(page, "Yes, it is").click()
    page.get_by_text("1 yes").wait_for(timeout=60_000)
    settled(page)
    pick_row(page, 2)
    before = page.locator("[data-testid=stChatMessage]").first.inner_text()
    page.keyboard.press("n")
    page.wait_for_function(
        """before => {
            const shown = document.querySelector('[data-testid=stChatMessage]');
            return shown && shown.innerText !== before;
        }""",
        arg=before,
        timeout=60_000,
    )
    settled(page)
    shot(page, "map-concept")
    page.get_by_text("Words", exact=True).click()
    settled(page)


def test_the_whole_job(page, tmp_path):
    workspace = tmp_path / "projects"
    workspace.mkdir()
    with running_app(workspace) as app:
        page.goto(f"{app.address}/load")
        page.wait_for_selector("h1:has-text('Load')")
        settled(page)
        shot(page, "load-empty")
        page.get_by_label("Name of the new project").fill("walk")
        page.keyboard.press("Enter")
        button(page, "Make it").click()
        page.get_by_text("Nothing was imported yet.").wait_for()
        settled(page)
        page.get_by_role("textbox", name="Who are you?").fill("Ann")
        page.keyboard.press("Enter")
        settled(page)

        page.get_by_text("Example", exact=True).first.click()
        button(page, "Import 5 files").wait_for(timeout=60_000)
        settled(page)
        button(page, "Import 5 files").click()
        wait_for_jobs(workspace, 1)
        page.get_by_text("refused +").first.wait_for(timeout=60_000)
        settled(page)
        shot(page, "load")

        button(page, "Run the recipe").first.click()
        wait_for_jobs(workspace, 2)
        goto(page, "Overview")
        page.get_by_text("Decided by people").wait_for()
        shot(page, "overview")

        goto(page, "Clean")
        page.get_by_text("Near duplicates").first.click()
        page.get_by_text("Kept in its place").wait_for(timeout=60_000)
        shot(page, "clean")

        goto(page, "Map")
        page.wait_for_selector(".nsewdrag", timeout=60_000)
        page.wait_for_timeout(1500)
        shot(page, "map")
        lasso(page)
        page.locator("h2", has_text="selected").wait_for(timeout=60_000)
        settled(page)
        shot(page, "map-lasso")
        selected = int(
            page.locator("h2", has_text="selected").inner_text().split()[0].replace(",", "")
        )
        assert selected > 100
        button(page, f"Drop {selected:,}…").click()
        button(page, f"Yes, drop {selected:,}").wait_for()
        settled(page)
        button(page, f"Yes, drop {selected:,}").click()
        page.get_by_text(f"Dropped {selected:,} examples").wait_for(timeout=60_000)
        settled(page)
        button(page, "Undo").click()
        page.get_by_text("Undone").wait_for(timeout=60_000)
        settled(page)
        explore_the_map(page)

        goto(page, "Annotate")
        page.locator(".pane[data-painted=true]").wait_for(timeout=60_000)
        shot(page, "annotate")
        first = page.locator(".pane").get_attribute("data-example")
        page.keyboard.press("k")
        page.locator(f".pane[data-painted=true]:not([data-example='{first}'])").wait_for()
        page.locator(".saving[data-unsaved='0']").wait_for()  # the note counts what is on disk
        page.keyboard.press("e")
        text = page.locator(".pane textarea").last
        text.wait_for()
        # By now there is a note above the card; a card that is mounted anew loses what is typed.
        page.locator(".cardpage").evaluate("card => { card.dataset.mount = 'first' }")
        page.get_by_role("textbox", name="Who are you?").fill("Bob")
        text.click()  # which gives the name, and keeps the focus
        page.keyboard.type("kind deed", delay=60)
        page.get_by_text("decided since the last run").wait_for()
        settled(page)
        assert page.locator(".cardpage").get_attribute("data-mount") == "first"
        assert "kind deed" in text.input_value()
        page.keyboard.press("Escape")
        page.locator(".saving[data-unsaved='0']").wait_for()

        goto(page, "Browse")
        page.get_by_placeholder("all of these words").fill("python")
        page.keyboard.press("Enter")
        settled(page)
        page.wait_for_timeout(500)
        shot(page, "browse")

        goto(page, "Select")
        page.get_by_text("Random", exact=False).first.wait_for(timeout=60_000)
        shot(page, "select")

        goto(page, "Export")
        button(page, "export").last.click()
        wait_for_jobs(workspace, 3)
        goto(page, "Overview")
        goto(page, "Export")
        page.get_by_text("Download all (zip)").wait_for(timeout=60_000)
        shot(page, "export")
    manifest = json.loads(next(workspace.glob("walk/exports/*/manifest.json")).read_text())
    assert sum(manifest["splits"].values()) > 300


def test_the_worst_files_get_a_sentence_and_the_session_lives(page, tmp_path):
    workspace, files = tmp_path / "projects", tmp_path / "files"
    workspace.mkdir()
    files.mkdir()
    sentences = worst.write(files)
    Project.create(workspace / "nasty")
    with running_app(workspace, files) as app:
        other = page.context.new_page()
        other.goto(app.address)
        settled(other)
        page.goto(f"{app.address}/load")
        page.wait_for_selector("h1:has-text('Load')")
        settled(page)
        page.get_by_text("Path", exact=True).first.click()
        settled(page)
        for name, sentence in sentences.items():
            page.get_by_role("textbox", name="Path of a file or folder").fill(name)
            page.keyboard.press("Enter")
            page.get_by_text(sentence).first.wait_for(timeout=60_000)
            settled(page)
            shot(page, f"worst-{name}")
        page.get_by_role("textbox", name="Path of a file or folder").fill("deep.jsonl")
        page.keyboard.press("Enter")
        page.get_by_text("nested deeper").first.wait_for(timeout=60_000)
        settled(page)
        button(page, "Import 1 file").click()
        wait_for_jobs(workspace, 1)
        page.get_by_text("2 lines = 1 examples + 1 refused + 0 blank").wait_for(timeout=60_000)
        goto(other, "Browse")
        other.close()
    assert len(Project.open(workspace / "nasty").examples) == 1
