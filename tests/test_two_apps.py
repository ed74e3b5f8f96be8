"""Two servers with a copy of a project each, and one PostgreSQL behind them: three people answer, one settles."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from curation import Project, settings
from curation.review import Review, write_review
from tests.app_server import App, running_app
from tests.postgres import new_schema
from tests.test_card_browser import painted, press, saved
from tests.test_decisions import postgres_server  # noqa: F401
from tests.test_settle_browser import HOST, TEXT, disagreements, wait_for
from tests.test_team_browser import ready

COUNT = 24
SUMS = [{"prompt": f"What is {n} + {n}?", "completion": f"It is {2 * n}."} for n in range(COUNT)]


@pytest.fixture
def apps(tmp_path, copy_of, monkeypatch, postgres_server) -> Iterator[list[App]]:  # noqa: F811
    """Two running apps whose projects name one database; two people are to answer each example."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url = new_schema(postgres_server)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        project = copy_of(tmp_path / name / "p", SUMS)
        write_review(project.path, Review(overlap=2))
        toml = project.path / "project.toml"
        text = toml.read_text("utf-8")
        toml.write_text(text.replace('decisions = "sqlite"', f"decisions = {json.dumps(url)}"))
        settings.allow_database(project.path)
    with running_app(tmp_path / "one") as one, running_app(tmp_path / "two") as two:
        yield [one, two]


def store(app: App) -> Project:
    return Project.open(app.workspace / "p")


def numbers(page, *texts: str) -> None:
    """Wait until the Team page shows these texts."""
    for text in texts:
        page.locator("[data-testid=stMetric]", has_text=re.compile(text)).wait_for()


def test_three_people_behind_two_apps_lose_and_double_nothing(person, apps):
    one, two = apps
    places = {"Ann": one, "Bob": one, "Cyd": two}
    prompts = store(one).examples.rows["prompt"]
    given: dict[tuple[str, str], str] = {}

    def answer(who: str, count: int = 1) -> None:
        """Press a key for each card: Bob drops every second sum, the others keep all."""
        for _ in range(count):
            number = int(prompts[painted(pages[who])["example"]].split()[2])
            key = "d" if who == "Bob" and number % 2 == 0 else "k"
            ((example, _),) = press(pages[who], key)
            assert (who, example) not in given, "nobody is asked twice"
            given[who, example] = key

    pages = {who: person(who) for who in places}
    for who, app in places.items():
        pages[who].goto(f"{app.address}/annotate?project=p")
    assert len({painted(page)["example"] for page in pages.values()}) == 3, "different first cards"
    for who in places:
        answer(who, 2)
        saved(pages[who])

    lea = person("Lea")
    for app in apps:
        lea.goto(f"{app.address}/team?project=p")
        numbers(lea, rf"{len({e for _, e in given})} of {COUNT}.*by 3 people")

    one.kill()
    answer("Ann")
    answer("Cyd", 3)
    saved(pages["Cyd"])
    one.start()
    saved(pages["Ann"], 90)
    working = set(pages)
    while working:
        for who in sorted(working):
            if ready(pages[who]):
                answer(who)
                saved(pages[who])
            else:
                working.discard(who)

    for app in apps:
        events = store(app).decisions.events()
        assert {(e.annotator, e.example_id): e.kind[0] for e in events} == given
        assert len(events) == len(given) == len({e.op_id for e in events}) == 2 * COUNT
        assert store(app).decisions.leases.live() == []
    answers = defaultdict(list)
    for (_, example), key in given.items():
        answers[example].append(key)
    assert {len(keys) for keys in answers.values()} == {2}, "two answers each, no extras"

    # Krippendorff's alpha, counted by hand: two answers about each example
    unequal = [example for example, keys in answers.items() if len(set(keys)) == 2]
    total = Counter(given.values())
    by_chance = 2 * total["k"] * total["d"] / (2 * COUNT * (2 * COUNT - 1))
    alpha = 1 - len(unequal) / COUNT / by_chance
    assert unequal
    lea.goto(f"{two.address}/team?project=p")
    numbers(lea, f"{len(unequal)} unsettled.*0 settled")
    agreement = lea.get_by_test_id("stMetric").filter(has_text="verdicts").inner_text()
    shown_alpha = re.search(r"[-−]?\d\.\d\d", agreement)
    assert shown_alpha, agreement
    assert abs(float(shown_alpha[0].replace("−", "-")) - alpha) < 0.0051, agreement

    disagreements(lea)
    wait_for(lea, f"1 of {len(unequal)}")
    lines = lea.evaluate(TEXT).split("\n")
    (shown,) = [e for e in unequal if prompts[e] in lines]
    first = next(line for line in lines if line in ("keep", "drop"))
    lea.keyboard.press(first[0])  # K or D, as on the card
    lea.wait_for_function(f"() => !{HOST}.innerText.includes('not yet saved')")
    for app in apps:
        settled = store(app).decisions.state().settled
        assert {e: by["verdict"].value["value"] for e, by in settled.items()} == {shown: first}
        lea.goto(f"{app.address}/team?project=p")
        numbers(lea, f"{len(unequal) - 1} unsettled.*1 settled")
