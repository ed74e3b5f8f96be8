"""Gold items in a real browser: at their share of a person's cards, like the others, and counted for the owner."""

# ruff: noqa: F401, F811  (fixtures are imported by name and asked for by name)

from __future__ import annotations

import re

import pytest

from curation import Project, gold
from curation.looking.checks import among, by_person, in_turn
from curation.review import change_review
from tests.test_browser import settled
from tests.test_card_browser import opened, painted, press, saved
from tests.test_suggestions import ids_of

WHO, SHARE = "Eva", 0.3

SCREEN = """() => {
    const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot;
    const lines = [];
    const walk = node => {
        if (node.nodeType === Node.TEXT_NODE) return void lines.push(node.textContent);
        lines.push(node.localName, ...[...node.attributes].map(a => `${a.name}=${a.value}`));
        node.childNodes.forEach(walk);
    };
    walk(root.querySelector('.cardpage'));
    return lines;
}"""
"""Every element of the page of cards, with its attributes and its texts."""


@pytest.fixture
def project(serve) -> Project:
    """Sixty sums of as many digits; to the last fifteen Lea knows the answer."""
    project = serve(
        [{"prompt": f"What is {i} + {i}?", "completion": f"{i}."} for i in range(20, 80)]
    )
    change_review(project.path, gold=SHARE, held_back=0.0)
    gold.make(project, [(i, "verdict", "keep") for i in ids_of(project)[45:]], "Lea")
    return project


def look(page, example: str) -> list[str]:
    """What the page is made of, with a sign for the card's id, for numbers and for what was done before."""
    lines = [line.replace(example, "ID") for line in page.evaluate(SCREEN)]
    return [re.sub(r"\d+|(Kept|Dropped)\.", "#", line) for line in lines]


def test_gold_items_come_at_their_share_look_like_others_and_decide_nothing(
    opened, person, project
):
    ids = ids_of(project)
    expected = list(among(ids[:45], in_turn(ids[45:], WHO), WHO, 0, SHARE))[:16]
    checks = [i for i in expected if i in ids[45:]]
    assert 3 <= len(checks) <= 9 and checks[0] != expected[0]
    page = opened(WHO)
    shown, looks = [], {}
    for number in range(16):
        example = painted(page)["example"]
        if number > 1:  # from then on an undo is offered
            looks[example] = look(page, example)
        shown += press(page, "d" if example in checks[:2] else "k")
        saved(page)
    assert [example for example, _ in shown] == expected
    golden = [looks[i] for i in checks if i in looks]
    others = [looks[i] for i in looks if i not in checks]
    assert len(golden) > 1 and all(one == others[0] for one in [*golden, *others])
    assert not re.search(
        "gold|check|known", " ".join(golden[0]).casefold().replace("aria-checked", "")
    )
    people = Project.open(project.path).people()
    assert set(people.verdicts) == set(expected) - set(checks), "nothing is decided"
    right = [(WHO, len(checks), len(checks) - 2)]
    rows = by_person(people)[["who", "answers", "right"]]
    assert list(rows.itertuples(index=False, name=None)) == right
    lead = person("Lea", f"team?project={project.path.name}")
    settled(lead)
    lead.get_by_text("Gold items", exact=True).click()
    table = lead.locator("[data-testid=stDataFrame] table").first
    table.wait_for(state="attached")
    cells = table.locator("[role=gridcell]").all_text_contents()
    assert cells[:3] == [WHO, str(len(checks)), str(len(checks) - 2)]
