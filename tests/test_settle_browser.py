"""Settling by keys in a real browser: what was painted is what is settled."""

from __future__ import annotations

import pytest

from curation import Project
from curation.decisions import Decision
from curation.questions import Question, write_questions
from tests.browser import drawn

COUNT = 24

HOST = "[...document.querySelectorAll('*')].map(n => n.shadowRoot?.querySelector('.settling')).find(Boolean)"
TEXT = f"() => {HOST}?.innerText || ''"


@pytest.fixture
def project(serve) -> Project:
    """Every example is kept by Ann and dropped by Bob and, every other one, by Cyd."""
    rows = [
        {"prompt": f"What is {n} + {n}?", "completion": f"It is {2 * n}."} for n in range(COUNT)
    ]
    project = serve(rows)
    ids = list(project.examples.rows.index)
    project.decisions.append([Decision(i, "keep", annotator="Ann") for i in ids])
    project.decisions.append([Decision(i, "drop", annotator="Bob") for i in ids])
    project.decisions.append([Decision(i, "drop", annotator="Cyd") for i in ids[::2]])
    return project


def wait_for(page, text: str) -> None:
    page.wait_for_function(
        f"text => ({HOST}?.innerText || '').includes(text)", arg=text, timeout=90_000
    )


def disagreements(page) -> None:
    """Open that part of the Team page once the page is drawn."""
    page.get_by_text("Disagreements", exact=True).wait_for(timeout=90_000)
    drawn(page)
    page.get_by_text("Disagreements", exact=True).click()


def settled(project: Project) -> dict[str, str]:
    """Example → the answer that Lea settled."""
    state = project.decisions.state()
    return {i: by["verdict"].value["value"] for i, by in state.settled.items()}


def test_keys_settle_what_is_painted_and_an_undo_brings_it_back(person, project):
    page = person("Lea", f"team?project={project.path.name}")
    disagreements(page)
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
        page.keyboard.press({"keep": "k", "drop": "d"}[lines[n % 2]], delay=5)
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
    disagreements(page)
    wait_for(page, f"1 of {COUNT - 5}")
    page.keyboard.press("u")
    wait_for(page, f"of {COUNT - 4}")
    assert len(settled(project)) == 4
    again = list(expected)[-2]
    assert again not in settled(project)

    # a held key settles one example only
    before = len(settled(project))
    page.keyboard.down("k")
    page.keyboard.down("k")
    page.keyboard.up("k")
    wait_for(page, f"of {COUNT - 5}")
    page.wait_for_function(f"() => !{HOST}.innerText.includes('not yet saved')", timeout=90_000)
    assert len(settled(project)) == before + 1


def test_a_number_is_settled_by_its_own_key_below_the_words_of_the_question(person, project):
    write_questions(project.path, [Question("grade", "rating", title="How well is it explained?")])
    example = project.examples.rows.index[0]
    project.decisions.append(
        [
            Decision(example, "answer", {"question": "grade", "value": value}, who)
            for who, value in (("Ann", 4), ("Bob", 2), ("Cyd", 4))
        ]
    )
    page = person("Lea", f"team?project={project.path.name}")
    disagreements(page)
    wait_for(page, "1 of ")
    drawn(page)
    page.get_by_role("radio", name="grade").or_(page.get_by_text("grade", exact=True)).first.click()
    wait_for(page, "How well is it explained?")
    signs = f"() => [...{HOST}.querySelectorAll('.choice kbd')].map(sign => sign.innerText)"
    assert page.evaluate(signs) == ["4", "2"]
    page.keyboard.press("1")
    page.keyboard.press("2")
    wait_for(page, "all of them are settled")
    page.wait_for_function(f"() => !{HOST}.innerText.includes('not yet saved')", timeout=90_000)
    (by,) = project.decisions.state().settled.values()
    assert by["grade"].value == {"question": "grade", "value": 2}


def test_hidden_names_are_not_sent_and_without_a_name_nothing_is_settled(person, project):
    page = person("", f"team?project={project.path.name}", 1024, 768)
    disagreements(page)
    wait_for(page, "Ann")
    page.keyboard.press("k")
    drawn(page)
    page.get_by_text("Names", exact=True).click()
    wait_for(page, "1 person")
    assert "Ann" not in page.evaluate(TEXT)
    assert settled(project) == {}


def wait_for_place(page, number: int) -> None:
    place = f"{HOST}?.querySelector('.head b')?.innerText"
    page.wait_for_function(f"text => {place} === text", arg=f"{number} of {COUNT}", timeout=90_000)


def test_skipping_and_going_back_show_every_example_and_the_first_follows_the_last(person, project):
    page = person("Lea", f"team?project={project.path.name}")
    disagreements(page)
    for number in range(1, COUNT + 1):
        wait_for_place(page, number)
        page.keyboard.press("s")
    wait_for_place(page, 1)
    for number in range(2, COUNT + 1):
        page.keyboard.press("s")
        wait_for_place(page, number)
    for number in range(COUNT - 1, 0, -1):
        page.keyboard.press("p")
        wait_for_place(page, number)
    assert settled(project) == {}
