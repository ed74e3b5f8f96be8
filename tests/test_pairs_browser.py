"""Pairs of copies decided by keys in a real browser: what was painted is what is decided."""

from __future__ import annotations

import pytest

from curation import Project, Step
from tests.browser import drawn

SENTENCES = [
    "Wrap the plant in paper, lift it out of its pot and shake the dry soil from the roots.",
    "Air scatters short waves of light far more than long ones, so the sky above looks blue.",
    "The baker sold every warm loaf before breakfast and closed the shop for the afternoon.",
    "Rain dissolves salts out of the rocks and the rivers carry them slowly to the sea.",
    "Put the egg in boiling water for eight minutes and cool it under the tap afterwards.",
    "She won the game of chess with a bishop after her rival had lost his only queen.",
    "A library lends books for three weeks and asks a small fee for each day after that.",
    "Bees dance in the dark hive to show their sisters where the lime trees are in flower.",
    "The last train to the coast leaves at ten from the platform behind the old clock.",
]
"""One for each pair of copies: more than the browser holds at once."""

HOST = "[...document.querySelectorAll('*')].map(n => n.shadowRoot?.querySelector('.pairpage')).find(Boolean)"
TEXT = f"() => {HOST}?.innerText || ''"
CHOICES = {"ArrowLeft": "prefer", "ArrowRight": "prefer", "b": "apart"}


@pytest.fixture
def project(serve) -> Project:
    """Nine answers and a copy of each with a word more."""
    rows = [
        {"prompt": "Tell me something.", "completion": text}
        for sentence in SENTENCES
        for text in (sentence, f"Well, {sentence}")
    ]
    project = serve(rows, Step("drop_near_duplicates", similarity=0.7))
    project.run()
    return project


def wait_for(page, text: str) -> None:
    page.wait_for_function(f"text => ({HOST}?.innerText || '').includes(text)", arg=text)


def saved(page) -> None:
    page.wait_for_function(f"() => !{HOST}.innerText.includes('not yet saved')")


def painted(page, project: Project) -> tuple[str, str]:
    """The ids of the pair on the screen, the kept one first."""
    text = page.evaluate(TEXT)
    rows = project.examples.rows
    responses = {str(i): response for i, response in rows["response"].items()}
    (sentence,) = [s for s in SENTENCES if s in text]
    one, other = (i for i, response in responses.items() if response.endswith(sentence))
    return (one, other) if text.rindex("Well, ") > text.index(sentence) else (other, one)


def decided(project: Project) -> list[tuple[str, str, str | None]]:
    """What was decided, in the order of the log."""
    return [(e.kind, e.example_id, e.value) for e in project.decisions.events()]


def test_keys_decide_the_pair_that_is_painted_under_the_name_that_is_on_the_page(person, project):
    count = len(SENTENCES)
    page = person("Lea", f"duplicates?project={project.path.name}")
    wait_for(page, f"1 of {count}")
    expected = []
    for key in ("ArrowLeft", "ArrowRight", "b", "ArrowLeft"):
        left, right = painted(page, project)
        example = right if key == "ArrowRight" else left
        expected.append((CHOICES[key], example, right if key == "b" else None))
        page.keyboard.press(key)
        page.wait_for_timeout(30)
    saved(page)
    assert decided(project) == expected
    assert {e.annotator for e in project.decisions.events()} == {"Lea"}

    page.keyboard.press("u")
    wait_for(page, f"of {count - 3}")
    people = project.people()
    assert {i for _, i, _ in expected[:2]} == set(people.preferred) and people.apart

    # what other parts of the page do with a key decides nothing
    drawn(page)
    page.get_by_text("Least similar first", exact=True).click()
    wait_for(page, f"of {count - 3}")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(1000)
    assert len(decided(project)) == len(expected) + 1

    # a held key decides about one pair only
    page.locator(".pairpage").focus()
    page.keyboard.down("b")
    page.keyboard.down("b")
    page.keyboard.up("b")
    wait_for(page, f"of {count - 4}")
    saved(page)
    assert len(decided(project)) == len(expected) + 2


def test_all_pairs_are_shown_one_after_the_other_and_without_a_name_none_is_decided(
    person, project
):
    count = len(SENTENCES)
    page = person("", f"duplicates?project={project.path.name}", 1024, 768)
    wait_for(page, f"1 of {count}")
    shown = {painted(page, project)}
    for number in range(2, count + 1):
        page.keyboard.press("n")
        wait_for(page, f"{number} of {count}")
        shown.add(painted(page, project))
    assert len(shown) == count
    for key, number in (("p", 1), ("n", count)):  # faster than the app sends pairs
        for _ in range(count - 1):
            page.keyboard.press(key)
        wait_for(page, f"{number} of {count}")
    for number in range(count - 1, count - 4, -1):
        page.keyboard.press("p")
        wait_for(page, f"{number} of {count}")
    for key in ("ArrowLeft", "ArrowRight", "b", "u"):
        page.keyboard.press(key)
    for name in ("Keep left", "Keep both", "Keep right", "Undo"):
        assert page.get_by_role("button", name=name).last.is_disabled()
    page.wait_for_timeout(1000)
    assert decided(project) == []
