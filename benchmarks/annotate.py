"""From key to next card in a browser, at 30 keys a second: python -m benchmarks annotate PROJECT."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from curation import Project
from tests.app_server import App
from tests.browser import launch

KEYS = """
    window.down = null;
    window.addEventListener('keydown', (e) => { if (e.key === window.awaited) window.down = e.timeStamp; }, true);
"""
"""Notes when a key was pressed; it listens before the page does."""

PAINTS = """() => {
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
    const pane = root.querySelector('.pane');
    window.took = [];
    new MutationObserver(() => {
        const from = window.down;
        if (from === null) return;
        window.down = null;
        requestAnimationFrame(() => setTimeout(() => window.took.push(performance.now() - from), 0));
    }).observe(pane, {attributeFilter: ['data-example']});
}"""
"""Notes the time from each key until after the frame in which the next card stands."""

SHOWN = """() => {
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
    const {example, painted} = root.querySelector('.pane').dataset;
    return [painted === 'true' ? example : '', Number(root.querySelector('.saving').dataset.unsaved)];
}"""


def main() -> None:
    """Press a key on a copy of a project and compare what was on the screen with what is on disk."""
    parser = argparse.ArgumentParser(prog="benchmarks annotate")
    parser.add_argument("project", type=Path, help="a project; it is copied, not changed")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=30.0, help="keys a second")
    parser.add_argument(
        "--key", default="k", help="k keeps; a accepts the suggestions of each card"
    )
    parser.add_argument("--webgl", action="store_true", help="draw as the map's tests do, slowly")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        copy = Path(folder) / "projects" / options.project.name
        shutil.copytree(options.project, copy)
        for name in ("decisions.db", "decisions.journal.jsonl"):
            (copy / name).unlink(missing_ok=True)
        app = App(copy.parent)
        browser = launch(playwright, options.webgl)
        if browser is None:
            sys.exit("A browser is needed: python -m tests.browser")
        try:
            app.start()
            pressed, took, seconds = press(browser, app.address, copy.name, options)
        finally:
            browser.close()
            app.stop()
        project = Project.open(copy)
        log = project.decisions.events()
        decided = [event.example_id for event in log if event.kind != "suggested"]
        print(f"{len(project.examples):,} rows, {os.cpu_count()} cores, {seconds:.1f} s")
    print(f"{len(pressed)} keys, {len(pressed) / seconds:.1f} a second")
    print(f"{len(decided)} decisions, {'each' if decided == pressed else 'NOT each'} for its card")
    cuts = statistics.quantiles(took, n=20)
    print(f"key to next card: median {statistics.median(took):.1f} ms, p95 {cuts[18]:.1f} ms")


def press(
    browser, address: str, project: str, options: argparse.Namespace
) -> tuple[list[str], list[float], float]:
    """Press the key at the given rate; the examples on the screen, milliseconds to paint, seconds."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "curation-name", "value": "Ann", "url": address}])
    page = context.new_page()
    page.add_init_script(f"window.awaited = {options.key!r}; {KEYS}")
    page.goto(f"{address}/annotate?project={project}")
    page.wait_for_selector(".pane[data-painted=true]", timeout=120_000)
    page.evaluate(PAINTS)
    pressed = []
    begun = time.perf_counter()
    while (now := time.perf_counter() - begun) < options.seconds:
        shown, _ = page.evaluate(SHOWN)
        if shown and now >= len(pressed) / options.rate:
            page.keyboard.press(options.key)
            pressed.append(shown)
        else:
            time.sleep(0.001)
    seconds = time.perf_counter() - begun
    while page.evaluate(SHOWN)[1]:
        time.sleep(0.05)
    return pressed, page.evaluate("window.took"), seconds


if __name__ == "__main__":
    main()
