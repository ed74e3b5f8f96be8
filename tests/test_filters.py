"""Filters, forms and charts on pages: the files' own columns, missing values, long lists, bases."""

from __future__ import annotations

import json
import math
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from curation.dataset import Dataset
from curation.errors import CurationError
from curation.looking.columns import categories, colours, numbers, with_shown
from curation.looking.filter import Condition, Filter
from curation.project import Project
from curation.recipe import Recipe, Step, replace_params
from curation.ui import filters
from tests.conftest import ROOT

RATED = [
    {
        "prompt": f"Name river number {n}.",
        "response": f"River {n} runs north to the sea.",
        **({"rating": n % 5 + 0.5} if n % 4 else {}),
        "judge": ["gem", "oak", "elm"][n % 3],
        "checked": n % 2 == 0,
        "place": f"place {n}",
    }
    for n in range(320)
]


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rated")
    file = folder / "rated.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in RATED))
    steps = (
        Step("lengths"),
        Step("keep_between", score="response_tokens", low=1),
        Step("drop_values", column="judge", values=["ash"]),
    )
    recipe = Recipe(steps)
    project = Project.create(folder / "p" / "rated", recipe=recipe)
    project.add(file)
    project.run()
    return project.path


@pytest.fixture
def project(rated, tmp_path, monkeypatch):
    folder = shutil.copytree(rated, tmp_path / "p" / "rated")
    monkeypatch.setenv("CURATION_WORKSPACE", str(folder.parent))
    monkeypatch.delenv("CURATION_PROJECT", raising=False)
    return Project.open(folder)


def opened(page):
    app = AppTest.from_file(str(ROOT / f"pages/{page}.py"), default_timeout=120).run()
    assert not app.exception, app.exception[0].message
    return app


def labelled(widgets, label):
    return next(w for w in widgets if w.label == label)


def captions(app):
    return " ".join(c.value for c in app.caption)


def test_a_filter_by_a_column_of_the_file(project):
    dataset = project.view().dataset
    assert categories(dataset)[-3:] == ["judge", "checked", "place"]
    assert numbers(dataset)[-1] == "rating" and "response_tokens" in numbers(dataset)
    rating = dataset.column("rating")

    def count(*conditions, words=""):
        return int(Filter.parse(conditions, words).mask(dataset).sum())

    assert count("judge=gem|elm") == 213 == 320 - count("judge!=gem|elm")
    assert count("checked=true") == 160
    assert count("rating=3..5") == count("rating>=3", "rating<=5") == (rating >= 3).sum() == 96
    assert count("rating=3..5|missing") == count("rating>=3|missing") == 96 + 80
    assert count("rating=missing") == rating.isna().sum() == 80
    assert count("rating=4.5") == count("rating=4.50|99") == (rating == 4.5).sum() > 0
    assert count("gone=1..2", "gone too=x") == len(dataset)
    assert count("kept") == 320 and count("dropped") == 0
    assert count("judge=gem", words='"river number 3."') == 1


def test_what_a_file_writes_where_there_is_no_number_is_missing(tmp_path):
    file = tmp_path / "scores.jsonl"
    scores = ["1.5", "n/a", "2", None]
    file.write_text(
        "".join(
            json.dumps({"prompt": f"Question {n}?", "response": "Yes.", "score": score}) + "\n"
            for n, score in enumerate(scores)
        )
    )
    project = Project.create(tmp_path / "p", recipe=Recipe(()))
    project.add(file)
    dataset = project.source().dataset
    for text, rows in [
        ("score=missing", [False, True, False, True]),
        ("score!=missing", [True, False, True, False]),
        ("score>=2|missing", [False, True, True, True]),
    ]:
        assert Filter.parse([text]).mask(dataset).tolist() == rows, text


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("kept", Condition("dropped_by", ("",))),
        ("dropped", Condition("dropped_by", ("",), negated=True)),
        ("language=de|missing", Condition("language", ("de", ""))),
        ('label!="missing"|a b|"x|y"', Condition("label", ("missing", "a b", "x|y"), negated=True)),
        ("rating>=4|missing", Condition("rating", ("",), (4.0, float("inf")))),
        ("rating<=-0.5", Condition("rating", (), (-float("inf"), -0.5))),
        ("rating=0.1..0.30000000000000004", Condition("rating", (), (0.1, 0.1 + 0.2))),
        ("rating=1..5|9", Condition("rating", ("9",), (1.0, 5.0))),
        ('"a=b"=c', Condition("a=b", ("c",))),
        ('"kept"=x', Condition("kept", ("x",))),
    ],
)
def test_a_condition_has_a_form_in_text(text, condition):
    assert Condition.parse(text) == condition
    assert Condition.parse(str(condition)) == condition
    assert str(Condition.parse(f" {text} ")) == str(condition)


NUMBERS = some.floats(allow_nan=False, allow_infinity=False)


@given(
    columns=some.text(min_size=1, max_size=8).filter(str.strip),
    values=some.lists(some.text(max_size=6), min_size=1, max_size=3),
    negated=some.booleans(),
    bounds=some.none() | some.tuples(NUMBERS | some.just(-math.inf), NUMBERS | some.just(math.inf)),
)
def test_every_condition_that_a_page_makes_can_be_read_back(columns, values, negated, bounds):
    condition = Condition(columns, tuple(values), bounds, negated)
    assert Condition.parse(str(condition)) == condition


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("language", "is no filter. Write kept, dropped or COLUMN=VALUE"),
        ("language=", "a value is missing"),
        ("language=de|", "a value is missing"),
        ("rating>=high", "after >= stands a number"),
        ("rating>=4|5", "after >= stands a number"),
        ("rating=1..2|3..4", "has two ranges"),
        ('label="a', "is no text in quotes"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(CurationError, match=re.escape(sentence)):
        Condition.parse(text)


def test_a_wrong_name_is_refused_with_those_near_to_it(project):
    dataset = project.view().dataset

    def refused(text):
        with pytest.raises(CurationError) as refusal:
            Filter.parse([text]).checked(dataset)
        return str(refusal.value)

    assert refused("ratng>=4") == "There is no column 'ratng'; near to it: rating, format."
    assert "No example has 'gam' as its judge; near to it: 'gem'" in refused("judge=gam|elm")
    assert refused("judge>=4") == "'judge' holds no numbers, so it has no range; write judge=…"
    assert Filter.parse(["rating=missing", "judge=gem|missing"]).checked(dataset).sum() > 0


def test_browse_hides_what_was_not_measured_only_when_asked(project):
    app = opened("explore/browse")
    assert "**320** of" in captions(app)
    labelled(app.multiselect, "Filter by").set_value(["rating"]).run()
    assert "**320** of" in captions(app), "a full range hides nothing"
    which = app.button_group(key="browse-rating-which")
    assert which.options == ["in the range (240)", "not measured (80)"]
    labelled(app.slider, "rating").set_value((3.0, 4.5)).run()
    assert "**176** of" in captions(app)
    which = app.button_group(key="browse-rating-which")
    which.set_value(["measured"]).run()
    assert "**96** of" in captions(app)
    which = app.button_group(key="browse-rating-which")
    which.set_value([""]).run()
    assert "**80** of" in captions(app)
    assert not app.exception


def test_a_long_list_is_not_cut_in_silence_and_all_of_it_can_be_found(project):
    app = opened("explore/browse")
    labelled(app.multiselect, "Filter by").set_value(["place"]).run()
    field = labelled(app.multiselect, "place")
    assert len(field.options) == filters.OFFERED < 320
    assert "20 less frequent values are not in the list; type to find them." in captions(app)
    find = labelled(app.text_input, "place: find among 320")
    find.set_value("PLACE 31").run()
    options = labelled(app.multiselect, "place").options
    assert len(options) == 11 and "place 319 (1)" in options
    labelled(app.multiselect, "place").set_value(["place 319"]).run()
    find = labelled(app.text_input, "place: find among 320")
    find.set_value("").run()
    assert labelled(app.multiselect, "place").value == ["place 319"], "what was chosen stays"
    assert "**1** of" in captions(app)
    assert [c.value for c in app.code] == ["--filter 'place=place 319'"], (
        "as the command line has it"
    )


def test_names_that_are_shortened_alike_stay_two():
    long = "An example of a name that is a good deal longer than what fits beside a bar, number "
    counts = pd.Series({f"{long}{n}": n + 1 for n in range(3)})
    titles = filters._titles(list(counts.index), counts, {})
    assert len(set(titles.values())) == 3

    def page() -> None:
        import pandas as pd

        from curation.ui import charts

        long = (
            "An example of a name that is a good deal longer than what fits beside a bar, number "
        )
        charts.counts(pd.Series([f"{long}{n}" for n in range(3) for _ in range(n + 1)]))

    app = AppTest.from_function(page).run()
    (chart,) = app.get("plotly_chart")
    (trace,) = json.loads(chart.proto.spec)["data"]
    assert list(trace["y"]) == [0, 1, 2], "a name for a place would be one bar for all three"
    assert len(trace["customdata"]) == 3 and len(set(map(str, trace["customdata"]))) == 3
    bars = json.loads(chart.proto.spec)["layout"]["yaxis"]
    assert bars["tickvals"] == [0, 1, 2] and len(set(bars["ticktext"])) == 1


def test_clean_offers_the_files_columns_where_they_can_be_read(project):
    app = AppTest.from_file(str(ROOT / "pages/prepare/clean.py"), default_timeout=120)
    app.session_state[f"step-{project.path}"] = 1
    app.run()
    score = labelled(app.selectbox, "Score")
    assert {"rating", "response_tokens"} <= set(score.options)
    assert not {"judge", "place"} & set(score.options), "text is no score"
    score.set_value("rating").run()
    labelled(app.number_input, "Low").set_value(3.0).run()
    assert not app.exception
    saved = Project.open(project.path)
    assert saved.recipe.steps[1].params["score"] == "rating"
    assert len(saved.replay().kept) == 176


def test_clean_says_what_a_filter_found_nothing_of(project):
    recipe = project.recipe
    project.save_recipe(
        recipe + Step("keep_values", column="judge", values=["Oak"]), recipe.revision
    )
    project.run()
    app = AppTest.from_file(str(ROOT / "pages/prepare/clean.py"), default_timeout=120)
    app.session_state[f"step-{project.path}"] = 3
    app.run()
    warned = " ".join(w.value for w in app.warning)
    assert "No example has" in warned and "oak" in warned and "drops all 320" in warned


def change_elsewhere(project):
    """Somebody else changes another step."""
    other = Project.open(project.path)
    recipe = other.recipe
    theirs = recipe.changed(2, replace_params(recipe.steps[2], {}, False))
    other.save_recipe(theirs, recipe.revision)
    return theirs


def test_a_threshold_is_saved_with_the_revision_that_was_on_the_screen(project):
    app = AppTest.from_file(str(ROOT / "pages/prepare/clean.py"), default_timeout=120)
    app.session_state[f"step-{project.path}"] = 1
    app.run()
    theirs = change_elsewhere(project)
    labelled(app.number_input, "Low").set_value(5.0).run()
    assert not app.exception
    assert any("Somebody else changed the recipe" in w.value for w in app.warning)
    assert Project.open(project.path).recipe == theirs, "nothing is saved over theirs"
    next(b for b in app.button if b.label == "Keep yours").click().run()
    assert Project.open(project.path).recipe.steps[1].params["low"] == 5.0
    assert not app.exception and not app.warning
    labelled(app.number_input, "Low").set_value(6.0).run()
    labelled(app.number_input, "Low").set_value(7.0).run()
    assert Project.open(project.path).recipe.steps[1].params["low"] == 7.0, (
        "one's own is no conflict"
    )


def test_a_conflict_that_is_out_of_date_is_a_conflict_again(project):
    app = AppTest.from_file(str(ROOT / "pages/prepare/clean.py"), default_timeout=120)
    app.session_state[f"step-{project.path}"] = 1
    app.run()
    change_elsewhere(project)
    labelled(app.number_input, "Low").set_value(5.0).run()
    other = Project.open(project.path)
    other.save_recipe(other.recipe + Step("language"), other.recipe.revision)
    latest = other.recipe
    next(b for b in app.button if b.label == "Keep yours").click().run()
    assert Project.open(project.path).recipe == latest
    assert any("Somebody else changed the recipe" in w.value for w in app.warning)


@pytest.mark.parametrize("what", ["toggle", "add", "remove", "up"])
def test_every_button_of_clean_carries_the_revision_it_was_painted_from(project, what):
    app = AppTest.from_file(str(ROOT / "pages/prepare/clean.py"), default_timeout=120)
    app.session_state[f"step-{project.path}"] = 1
    app.run()
    theirs = change_elsewhere(project)
    if what == "toggle":
        app.toggle[1].set_value(False).run()
    else:
        begin = {"add": "add-language", "remove": "remove-", "up": "up-"}[what]
        next(b for b in app.button if b.key.startswith(begin)).click().run()
    assert not app.exception
    assert Project.open(project.path).recipe == theirs


def test_select_saves_with_the_revision_it_was_painted_from(project, monkeypatch):
    app = opened("deliver/select")
    app.selectbox(key="method").set_value("select_random").run()
    labelled(app.number_input, "Budget").set_value(10).run()
    theirs = change_elsewhere(project)
    app.button(key="select-go").click().run()
    assert not app.exception
    assert Project.open(project.path).recipe == theirs


def test_callbacks_of_the_map_carry_the_revision_they_were_painted_from(project, monkeypatch):
    from curation.ui import concepts
    from curation.ui.map import quality, treemap

    sent = []
    monkeypatch.setattr(Project, "save_recipe", lambda self, recipe, base: sent.append(base))
    monkeypatch.setattr(quality.shell, "start_run", lambda project: None)
    monkeypatch.setattr("curation.naming.renamed", lambda recipe, *names: recipe)
    quality._draw_anew(project, "painted")
    concepts._add_step(project, "a tag", "painted")
    treemap.rename(project, ("theme",), "other", "painted")
    assert sent == ["painted"] * 3


def test_the_map_is_coloured_by_a_column_of_the_file(rated):
    from curation.ui.map import figure as maps

    dataset = Project.open(rated).view().dataset
    places = np.random.default_rng(0).random((2, len(dataset)))
    dataset = Dataset(dataset.rows.assign(map_x=places[0], map_y=places[1]), own=dataset.own)
    assert {"rating", "judge", "checked"} <= set(colours(dataset))
    by_number = maps.figure(with_shown(dataset, "rating"), "rating").data[0]
    assert by_number.marker.colorbar.title.text == "rating"
    by_text = maps.figure(with_shown(dataset, "checked"), "checked").data
    assert {trace.name.partition(" ")[0] for trace in by_text} == {"true", "false"}
    assert with_shown(dataset, "map_x") is dataset.rows


def test_the_histogram_of_a_filter_by_a_files_column(project):
    recipe = project.recipe
    step = Step("keep_between", score="rating", low=3.0)
    project.save_recipe(recipe + step, recipe.revision)
    project.run()
    app = AppTest.from_file(str(ROOT / "pages/prepare/clean.py"), default_timeout=120)
    app.session_state[f"step-{project.path}"] = 3
    app.run()
    assert not app.exception and app.get("plotly_chart")


def test_a_step_that_cannot_be_run_can_be_mended_on_the_page(project):
    recipe = project.recipe
    wrong = recipe.changed(1, Step("keep_between", score="judge", low=1.0))
    project.save_recipe(wrong, recipe.revision)
    app = AppTest.from_file(str(ROOT / "pages/prepare/clean.py"), default_timeout=120)
    app.session_state[f"step-{project.path}"] = 1
    app.run()
    assert not app.exception
    assert any("is not a number" in e.value and "rating" in e.value for e in app.error)
    labelled(app.selectbox, "Score").set_value("rating").run()
    assert not app.exception and not app.error
    assert Project.open(project.path).recipe.steps[1].params["score"] == "rating"
