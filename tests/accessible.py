"""Measures a page in a browser for people who use keys, large letters or a screen reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT

SCRIPT = Path(__file__).with_suffix(".js").read_text("utf-8").strip()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
"""The rules of axe-core for WCAG 2.1 up to level AA."""

MOST_SHIFT = 0.05
"""Layout shift that may add up until a page is loaded; Google calls 0.1 good."""

SHIFT = """
window.shift = 0;
window.shifted = [];
new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
  if (entry.hadRecentInput) return;
  window.shift += entry.value;
  window.shifted.push([entry.value, ...entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 150))]);
})).observe({ type: "layout-shift", buffered: true });
"""
"""Adds up the shifts of a page's layout; to be run before the page is opened."""


def violations(page: Any, excused: list[tuple[str, str]]) -> list[str]:
    """Return what axe-core finds on the page, without the excused pairs of selector and rule."""
    page.evaluate(AXE_SCRIPT)
    return list(page.evaluate(f"(given) => ({SCRIPT}).violations(given)", [TAGS, excused]))


def moved(page: Any) -> list[str]:
    """Wait for what comes late; return what moved while the page was loaded, if that is much."""
    page.wait_for_timeout(1000)
    shift, shifted = page.evaluate("[window.shift, window.shifted]")
    return [f"{shift:.3f} moved: {shifted}"] if shift > MOST_SHIFT else []


def unseen(page: Any) -> list[str]:
    """Return parts of a loaded page that are there and cannot be seen, though nobody did anything yet."""
    hidden = """() => [...document.querySelectorAll(".stMainBlockContainer .stVerticalBlock > *")]
        .filter((part) => part.innerText.trim() && getComputedStyle(part).opacity === "0")
        .map((part) => `unseen: ${part.innerText.trim().slice(0, 60)}`)"""
    return list(page.evaluate(hidden))


def cut_off(page: Any) -> list[str]:
    """Return what is cut, overlaps, or is out of the page's width."""
    return list(page.evaluate(f"() => ({SCRIPT}).layout()"))


def out_of_reach(page: Any) -> list[str]:
    """Return the controls that cannot be scrolled into sight, or are covered there."""
    return list(page.evaluate(f"() => ({SCRIPT}).reach()"))
