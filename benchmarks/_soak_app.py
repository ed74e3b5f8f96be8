"""Kills of the real app under people in real browsers, for `benchmarks soak`."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from benchmarks._soak_check import Result, doctor, examine
from benchmarks._soak_latency import write_rows
from benchmarks._soak_people import Outbox
from curation import Project
from tests.app_server import App
from tests.browser import launch

NAMES = ("Ann", "Bob", "Cyd")
ROWS = 3000
KEYS = "kkkkddsfu"
PATIENCE = 90.0
"""Seconds that a page may take to have everything saved after the last start of the app."""

RECORD = """
    const plain = Storage.prototype.setItem;
    Storage.prototype.setItem = function (key, text) {
        plain.call(this, key, text);
        if (!key.startsWith('curation-card:')) return;
        const record = JSON.parse(sessionStorage.getItem('record')) || {given: {}, waiting: [], saved: []};
        const unsaved = JSON.parse(text).unsaved;
        for (const answer of unsaved) record.given[answer.op] ||= answer;
        const waiting = unsaved.map((answer) => answer.op);
        record.saved.push(...record.waiting.filter((op) => !waiting.includes(op)));
        plain.call(sessionStorage, 'record', JSON.stringify({...record, waiting}));
    };
"""
"""Notes each answer that enters the page's outbox, and each that leaves it."""

UNSAVED = """() => {
    const host = document.querySelector('[data-testid=stBidiComponentIsolated]');
    const saving = host?.shadowRoot?.querySelector('.saving');
    return saving ? Number(saving.dataset.unsaved) : 0;
}"""


def soak(folder: Path, seconds: float, seed: int = 0) -> tuple[int, Result] | None:
    """Kill the app for that long while three people press keys; return kills and result.

    None where there is no browser.
    """
    from playwright.sync_api import sync_playwright

    project = Project.create(folder / "team")
    write_rows(folder / "rows.jsonl", ROWS)
    project.add(folder / "rows.jsonl")
    app, chance = App(folder), random.Random(seed)
    with sync_playwright() as playwright:
        browser = launch(playwright, webgl=False)
        if browser is None:
            return None
        try:
            app.start()
            pages = [_page(browser, app, project, name) for name in NAMES]
            kills, until = 0, time.monotonic() + seconds
            while time.monotonic() < until:
                _press(pages, chance, chance.uniform(0.2, 2.0))
                app.kill()
                kills += 1
                _press(pages, chance, 0.3)
                app.start()
            _press(pages, chance, 1.0)
            boxes = [_outbox(page, name) for page, name in zip(pages, NAMES, strict=True)]
        finally:
            browser.close()
            app.stop()
    result = examine(Project.open(project.path), boxes)
    result.wrong += doctor(project.path)
    return kills, result


def _page(browser: Any, app: App, project: Project, name: str) -> Any:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "curation-name", "value": name, "url": app.address}])
    page = context.new_page()
    page.add_init_script(RECORD)
    page.goto(f"{app.address}/annotate?project={project.path.name}")
    page.wait_for_selector(".pane[data-painted=true]", timeout=120_000)
    return page


def _press(pages: Sequence[Any], chance: random.Random, seconds: float) -> None:
    """Press keys on every page in turn for that long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for page in pages:
            page.keyboard.press(chance.choice(KEYS))


def _outbox(page: Any, name: str) -> Outbox:
    """Wait until a page has nothing unsaved, and return what it noted."""
    until = time.monotonic() + PATIENCE
    while page.evaluate(UNSAVED) and time.monotonic() < until:
        with suppress(Exception):  # a page that is drawn again right now
            page.wait_for_timeout(100)
    record = orjson.loads(page.evaluate("sessionStorage.getItem('record')"))
    return Outbox(
        name,
        answers=list(record["given"].values()),
        acknowledged=record["saved"],
        unsaved=[record["given"][op] for op in record["waiting"]],
    )
