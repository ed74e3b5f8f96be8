"""The app for people who use keys, a screen reader or large letters, in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from curation import Project
from curation.decisions import Decision
from tests import accessible
from tests.app_server import App, running_app
from tests.browser import drawn, running_browser
from tests.conftest import ROOT, json_lines

PAGES = [
    (name if "default=True" not in rest else "", title)
    for name, title, rest in re.findall(
        r'st\.Page\(\s*"pages/\w+/(\w+)\.py",\s*title="(\w+)"(.*?)\)',
        (ROOT / "app.py").read_text(),
        re.DOTALL,
    )
]
"""The address and the title of every page of the navigation."""

COLOURED = ["Map", "Coverage"]
"""Pages that the app draws in the colours of the scheme; the browser alone recolours all others."""

EXCUSED = [
    # Streamlit puts the groups of its navigation as boxes between the list and its items.
    ("[data-testid=stSidebarNavItems]", "list"),
    ("[data-testid=stSidebarNavItems]", "listitem"),
]
"""Faults that stem from Streamlit's own elements and cannot be mended from outside."""

TURNS = [
    {"role": "system", "content": "Answer in one sentence."},
    {"role": "user", "content": "Why is the sky blue?\n\n| a | b |\n|---|---|\n| 1 | 2 |"},
    {
        "role": "assistant",
        "content": "Air scatters blue light most.\n```python\nprint('blue')\n```",
    },
]


@pytest.fixture(scope="module")
def browser():
    """A browser that can draw the map."""
    with running_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def app(tmp_path_factory, example_project, imported) -> Iterator[App]:
    """The app with the example that two people decided about, and a project that was not run."""
    workspace = tmp_path_factory.mktemp("projects")
    project = Project.open(shutil.copytree(example_project, workspace / "example"))
    for who in ("Ann", "Bob"):
        for place, example in enumerate(project.examples.rows.index[:12]):
            kind = "drop" if who == "Bob" and place % 3 == 0 else "keep"
            project.decisions.append([Decision(example, kind, annotator=who)])
            project.decisions.append([Decision(example, "label", ("good", "poor")[place % 2], who)])
    rows = [
        {"messages": TURNS},
        *({"prompt": f"What is {i} + {i}?", "completion": f"{2 * i}"} for i in range(20)),
    ]
    for name, some in (("fresh", rows), ("keys", rows[1:])):
        shutil.copytree(imported({"rows.jsonl": json_lines(some)}), workspace / name)
    with running_app(workspace) as app:
        yield app


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Iterator[App]:
    """The app without a project."""
    with running_app(tmp_path_factory.mktemp("nothing")) as app:
        yield app


@pytest.fixture
def opened(browser, app):
    """Opens a page as Ann, in a browser of 1440 × 900."""
    contexts = []

    def open_page(address: str):
        if not contexts:
            size = {"width": 1440, "height": 900}
            contexts.append(browser.new_context(viewport=size, color_scheme="light"))
            contexts[0].add_init_script(accessible.SHIFT)
        cookie = {"name": "curation-name", "value": "Ann", "url": "/".join(address.split("/")[:3])}
        contexts[0].add_cookies([cookie])
        page = contexts[0].new_page()
        page.goto(address)
        page.locator("h1").wait_for(timeout=120_000)
        drawn(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


def states(app: App) -> dict[str, str]:
    """Each page's address with the example, and of some in a project that was not run."""
    addresses = {title: f"{app.address}/{name}?project=example" for name, title in PAGES}
    for name in ("map", "team"):
        addresses[f"{name}, not run"] = f"{app.address}/{name}?project=fresh"
    return addresses


def problems(opened, addresses: dict[str, str], *schemes: str) -> dict[str, list[str]]:
    """Open each page, and every expander on it; the problems that are measured there in each scheme."""
    result = {}
    for title, address in addresses.items():
        page = opened(address)
        measured = accessible.moved(page) + accessible.unseen(page)
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            if title in COLOURED:
                page.reload()
                page.locator("h1").wait_for(timeout=120_000)
            drawn(page)
            shut = page.locator("[data-testid=stMain] details:not([open]) > summary")
            for _ in range(shut.count()):
                shut.first.click()
                drawn(page)
            measured += accessible.violations(page, EXCUSED)
        if measured:
            result[title] = measured
        page.close()
    return result


def test_every_page_of_the_navigation_is_looked_at():
    assert len(PAGES) == (ROOT / "app.py").read_text().count("st.Page(")
    assert [name for name, _ in PAGES].count("") == 1


def test_no_page_breaks_a_rule_or_moves_while_it_is_loaded(opened, app):
    assert problems(opened, states(app), "light", "dark") == {}


def test_no_page_without_a_project_breaks_a_rule(opened, empty):
    addresses = {title: f"{empty.address}/{name}" for name, title in PAGES}
    assert problems(opened, addresses, "light") == {}


FOCUS = """() => {
    let node = document.activeElement;
    while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
    return node ? (node.getAttribute('aria-label') || node.innerText || node.tagName).trim() : '';
}"""
"""The name of what has the focus."""


def tab_to(page, name: str, most: int = 60) -> list[str]:
    """Press Tab until something of that name has the focus; the names on the way."""
    names = []
    for _ in range(most):
        page.keyboard.press("Tab")
        names.append(page.evaluate(FOCUS).split("\n")[0])
        if names[-1] == name:
            return names
    raise AssertionError(f"{name} is not reached: {names}")


def painted(page, other_than: str = "") -> str:
    """Wait for a card other than that one; its example."""
    page.locator(f".pane[data-painted=true]:not([data-example='{other_than}'])").wait_for()
    return str(page.locator(".pane").get_attribute("data-example"))


def test_the_whole_of_annotating_by_keys(person, app):
    page = person("", "annotate?project=keys")
    page.get_by_role("textbox", name="Your name").wait_for(timeout=60_000)
    drawn(page)
    tab_to(page, "Your name")
    page.keyboard.type("Eve")
    page.keyboard.press("Enter")
    first = painted(page)
    page.wait_for_function(f"() => ({FOCUS})() === 'Example'")

    names = tab_to(page, "✓ Keep")
    assert names[-2:] == ["✕ Drop", "✓ Keep"]
    page.keyboard.press("Enter")
    second = painted(page, first)
    page.keyboard.press("e")
    assert page.evaluate(FOCUS) == "Assistant"
    page.keyboard.type(" Yes.")
    tab_to(page, "Save the edit", 3)
    page.keyboard.press("Enter")
    third = painted(page, second)

    page.keyboard.press("t")
    assert page.evaluate(FOCUS) == "Tag"
    page.keyboard.type("odd")
    page.keyboard.press("Enter")
    assert page.evaluate(FOCUS) == "Example", "the focus returns from a field"
    for key, dialog in (("?", "Keys"), ("r", "Rating")):
        page.keyboard.press(key)
        assert page.evaluate(FOCUS) == dialog, "a dialog is spoken"
        page.keyboard.press("Escape")
        assert page.evaluate(FOCUS) == "Example", "the focus returns from a dialog"
    page.keyboard.press("l")
    page.keyboard.type("good")
    page.keyboard.press("Enter")
    fourth = painted(page, third)
    page.keyboard.press("u")
    assert painted(page, fourth) == third
    page.get_by_role("status").filter(has_text="Undone: labelled.").wait_for()

    way_out = tab_to(page, "Skip to main content")
    assert {"✕ Drop", "✓ Keep", "Edit", "Skip", "Back"} <= set(way_out), "and Tab leaves the card"
    page.locator(".saving[data-unsaved='0']").wait_for()
    page.context.close()
    events = Project.open(app.workspace / "keys").decisions.events()
    kinds = [(event.kind, event.example_id) for event in events]
    assert kinds[:4] == [("keep", first), ("edit", second), ("tag", third), ("label", third)]
    assert [kind for kind, _ in kinds[4:]] == ["undo"]


def test_the_tree_of_a_card_names_every_control_and_says_what_was_done(person, app):
    page = person("Ann", "annotate?project=keys&queue=everything")
    first = painted(page)
    page.locator(".saving[data-unsaved='0']").wait_for()
    tree = page.get_by_test_id("stMain").aria_snapshot()
    for line in (
        r'heading "Annotate" \[level=1\]',
        r'group "Queue":',
        r'button "Everything \d+" \[pressed\]',
        "status: all saved",
        'article "Example":',
        'list "Facts":',
        r'heading "User" \[level=2\]',
        r'heading "Assistant" \[level=2\]',
        'button "✕ Drop"',
        'button "✓ Keep"',
        *(
            f'button "{name}"'
            for name in ("Edit", "Label", "Tag", "Note", "Rate", "Review", "Skip")
        ),
    ):
        assert re.search(f"- {line}", tree), line
    assert not re.search(r"- (button|textbox|group|dialog|article|list)( \[\w+\])*:?$", tree, re.M)
    keys = page.locator(".act[aria-keyshortcuts]").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-keyshortcuts'))"
    )
    assert {*"KDELTNRFSBU?"} <= set(keys)

    spoken = page.locator("[aria-live=polite]:not([role=status])")
    question = spoken.inner_text()
    page.keyboard.press("k")
    painted(page, first)
    assert re.fullmatch(r"Kept\. What is \d+ \+ \d+\?", spoken.inner_text())
    assert spoken.inner_text() != f"Kept. {question}", "the question of the next card"
    page.keyboard.press("r")
    for value in "12345":
        assert page.get_by_role("dialog", name="Rating").get_by_role("button", name=value).count()
    page.keyboard.press("3")
    assert spoken.inner_text() == "Rated."
    page.get_by_role("status").filter(has_text="all saved").wait_for()


def test_a_screen_reader_tells_turns_and_charts_apart(opened, app):
    page = opened(f"{app.address}/annotate?project=fresh&queue=everything")
    painted(page)
    spoken = page.get_by_role("article", name="Example").aria_snapshot()
    roles = re.findall(r'heading "(\w+)" \[level=2\]', spoken)
    assert roles == ["System", "User", "Assistant"]
    assert "list" in spoken and "columnheader" in spoken
    page.close()
    page = opened(f"{app.address}/?project=example")
    finding = re.compile(r"\d+ of 488 examples are left\.")
    assert page.get_by_role("figure", name=finding).count() == 1
    assert page.locator("[data-testid=stPlotlyChart]:not([aria-label])").count() == 0
    page.close()
