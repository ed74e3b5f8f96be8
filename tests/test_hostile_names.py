"""Names on whole pages: those of a file are text and no markup, those of the code are words."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from streamlit.testing.v1 import AppTest

from curation.project import Project
from curation.recipe import Recipe, Step
from tests.conftest import ROOT

HOSTILE = "![x](http://evil.example/a.png) **bold**"
WORDS = f"{HOSTILE} words"
FEW = f"{HOSTILE} few"
FILE = "![x](a.png) **bold**.jsonl"

MARKUP = re.compile(r"(?<!\\)!\[|(?<!\\)\]\(|(?<!\\)\*\*bold|evil\.example")
"""The remains of the names where nothing escaped them."""

READ_AS_MARKDOWN = {"label", "help", "body", "content", "text", "title"}
"""Fields of an element in which Streamlit reads Markdown, in the spelling of its protocol."""

PLAIN = {"selectbox": {"label", "help"}, "multiselect": {"label", "help"}}
"""Elements whose other fields are drawn as text."""

UNREAD = {"code", "text", "json", "arrow_data_frame", "plotly_chart", "vega_lite_chart"}
"""Elements that read no Markdown."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    file = folder / FILE
    lines = [
        {
            "prompt": f"Name river number {n}.",
            "response": f"River {n} runs north to the sea." if n else "",
            **({HOSTILE: n + 0.5} if n % 4 else {}),
            WORDS: f"{HOSTILE} {n}",
            FEW: HOSTILE if n % 2 else "plain",
        }
        for n in range(320)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    steps = (
        Step("lengths"),
        Step("keep_between", score=HOSTILE, low=3.0),
        Step("keep_values", column=FEW, values=[HOSTILE, "**bold** of nothing"]),
        Step("select_highest", score=HOSTILE, budget=20),
    )
    project = Project.create(folder / "p" / "hostile", recipe=Recipe(steps))
    project.add(file)
    project.run()
    return project.path


@pytest.fixture
def project(imported, tmp_path, monkeypatch):
    folder = shutil.copytree(imported, tmp_path / "p" / "hostile")
    monkeypatch.setenv("CURATION_WORKSPACE", str(folder.parent))
    monkeypatch.delenv("CURATION_PROJECT", raising=False)
    return Project.open(folder)


def with_places(project, monkeypatch):
    """Give the rows places on a map and a topic of a hostile name, as steps would."""
    view = project.view()
    rows = view.dataset.rows
    rng = np.random.default_rng(0)
    rows = rows.assign(map_x=rng.random(len(rows)), map_y=rng.random(len(rows)), topic=HOSTILE)
    placed = dataclasses.replace(view, dataset=dataclasses.replace(view.dataset, rows=rows))
    monkeypatch.setattr(Project, "view", lambda self: placed)


def texts(node):
    """Each text of the elements below a node in which Markdown is read, with its element's kind."""
    proto = getattr(node, "proto", None)
    if proto is not None and node.type not in UNREAD:
        fields = PLAIN.get(node.type, READ_AS_MARKDOWN)
        for text in of_fields(MessageToDict(proto), fields):
            yield node.type, text
    for child in getattr(node, "children", {}).values():
        yield from texts(child)


def of_fields(message, fields):
    if isinstance(message, list):
        for part in message:
            yield from of_fields(part, fields)
    elif isinstance(message, dict):
        for name, value in message.items():
            if isinstance(value, str):
                if name in fields:
                    yield value
            else:
                yield from of_fields(value, fields)


def markup(app):
    """Texts on a page in which a hostile name is markup; asserts that it is there as text."""
    assert not app.exception, app.exception[0].message
    every = list(texts(app.main))
    assert any("\\*\\*bold" in text for _, text in every), "the name is nowhere on the page"
    return [(kind, text) for kind, text in every if MARKUP.search(text)]


def narrowed(page, key, project, **kept):
    app = AppTest.from_file(str(ROOT / "pages" / page), default_timeout=120)
    app.session_state["annotator"] = "Ann"
    app.session_state[f"{key}-columns"] = [HOSTILE, WORDS, FEW]
    for name, value in kept.items():
        app.session_state[name] = value
    return app.run()


def test_browse_draws_hostile_names_as_text(project):
    first = str(project.view().dataset.rows.index[0])
    app = narrowed("explore/browse.py", "browse", project)
    app.session_state[f"open-example-{project.path}"] = first
    app.run()
    assert {s.label.replace("\\", "") for s in app.slider} != set()
    assert markup(app) == []


def test_the_map_draws_hostile_names_as_text(project, monkeypatch):
    with_places(project, monkeypatch)
    app = narrowed("explore/map.py", "map", project, **{"map-colour": FEW})
    assert markup(app) == []


@pytest.mark.parametrize("step", [1, 2])
def test_clean_draws_hostile_names_as_text(project, step):
    app = AppTest.from_file(str(ROOT / "pages/prepare/clean.py"), default_timeout=120)
    app.session_state[f"step-{project.path}"] = step
    app.run()
    assert not app.exception, app.exception[0].message
    assert [pair for pair in texts(app.main) if MARKUP.search(pair[1])] == []


def test_select_draws_hostile_names_as_text(project):
    app = AppTest.from_file(str(ROOT / "pages/deliver/select.py"), default_timeout=120).run()
    assert not app.exception, app.exception[0].message
    assert [pair for pair in texts(app.main) if MARKUP.search(pair[1])] == []


def test_a_filter_offers_names_of_the_code_in_words(project):
    app = AppTest.from_file(str(ROOT / "pages/explore/browse.py"), default_timeout=120)
    app.session_state["browse-columns"] = ["dropped_by", "attention"]
    app.run()
    assert not app.exception, app.exception[0].message
    options = {w.label: w.options for w in app.multiselect}
    titles = {report.name: report.title for report in project.view().dataset.steps}
    rows = project.view().dataset.rows
    by, kept = rows["dropped_by"].value_counts(), int(rows["dropped_by"].isna().sum())
    assert set(options["dropped by"]) == {
        f"kept ({kept})",
        *(f"{titles[name]} ({count})" for name, count in by.items()),
    }
    assert set(options["attention"]) == {"an answer is empty (1)", f"none ({len(rows) - 1})"}


def test_a_table_of_examples_says_in_words_what_needs_attention(project):
    app = AppTest.from_file(str(ROOT / "pages/explore/browse.py"), default_timeout=120)
    app.session_state["browse-columns"] = ["attention"]
    app.run()
    (table,) = app.dataframe
    assert set(table.value["attention"]) == {"", "empty answer"}


def test_the_legend_of_the_map_names_what_dropped_rows_by_titles(project, monkeypatch):
    with_places(project, monkeypatch)
    app = AppTest.from_file(str(ROOT / "pages/explore/map.py"), default_timeout=120)
    app.session_state["map-colour"] = "dropped_by"
    app.run()
    assert not app.exception, app.exception[0].message
    chart = next(c for c in app.get("plotly_chart") if "map-chart" in c.proto.id)
    names = {t.get("name", "").partition(" (")[0] for t in json.loads(chart.proto.spec)["data"]}
    titles = {r.title for r in project.view().dataset.steps if r.dropped}
    assert names == {"kept", *titles}
