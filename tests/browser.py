"""Finds a browser for the tests, or gets one: an installed Chromium, Playwright's own, or Debian's.

Run as a script it prepares the machine and says in one line what will not be run, if anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-quic",
]
"""No call goes home."""

WEBGL = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
"""Without a graphics card the map's WebGL is drawn in software, and with it, slowly, every page."""


def installed() -> str | None:
    """The path of a Chromium or Chrome that is installed, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if path := shutil.which(name):
            return path
    return None


def launch(playwright, webgl: bool = True):
    """A headless browser: the installed one, else Playwright's own; None when there is neither."""
    from playwright.sync_api import Error

    arguments = [*ARGUMENTS, *(WEBGL if webgl else [])]
    try:
        return playwright.chromium.launch(executable_path=installed(), args=arguments)
    except Error:
        return None


@contextmanager
def running_browser(webgl: bool = True) -> Iterator[Any]:
    """A headless browser while the block runs; the test is skipped where none can be had."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright, webgl)
        if browser is None:
            pytest.skip("no browser could be had on this machine")
        yield browser
        browser.close()


QUIET = """() => {
    const observed = (window.observed ??= new Set());
    const changed = () => { window.changedAt = performance.now(); };
    const all = { subtree: true, childList: true, attributes: true, characterData: true };
    const hosts = document.querySelectorAll('[data-testid=stBidiComponentIsolated]');
    for (const root of [document, ...[...hosts].map((host) => host.shadowRoot)]) {
        if (!root || observed.has(root)) continue;
        observed.add(root);
        new MutationObserver(changed).observe(root, all);
        changed();
    }
    const moves = ({ playState, effect }) => playState === 'running' && effect.getComputedTiming().endTime < Infinity;
    if (document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== 'notRunning'
        || document.querySelector('[data-testid=stSkeleton]') || document.getAnimations().some(moves)) changed();
    return performance.now() - window.changedAt > 400;
}"""
"""Whether everything is drawn, and for 0.4 s nothing has changed, moved or faded in."""


def drawn(page: Any) -> None:
    """Wait until everything is drawn, so that a click finds what it is meant for."""
    page.wait_for_function(QUIET, timeout=120_000)


def reads(locator: Any, texts: list[str]) -> None:
    """Assert what all matching elements say, white space as one space.

    Asked again for a while: an element that a page replaces between the search for it and the question
    for its text answers with the text of its parts, run together.
    """
    from playwright.sync_api import expect

    expect(locator).to_have_text(texts, use_inner_text=True)


def _quietly(*command: str) -> bool:
    return (
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        == 0
    )


def _usable() -> bool:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        if browser is not None:
            browser.close()
    return browser is not None


def main() -> None:
    """Get a browser where one can be had."""
    if _usable():
        return
    _quietly(sys.executable, "-m", "playwright", "install", "chromium")
    if not _usable() and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        _quietly("apt-get", "update", "-qq")
        _quietly(
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "chromium",
            "fonts-noto-cjk",
        )
    if not _usable():
        sys.stdout.write(
            "No browser could be had: the tests in tests/test_browser.py will not run.\n"
        )


if __name__ == "__main__":
    main()
