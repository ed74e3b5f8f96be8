"""The Clean page: thresholds counted at once, and verdicts that estimate a filter's precision."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest
from streamlit.testing.v1 import AppTest

from curation import Recipe, Step
from curation.dataset import BASE_COLUMNS, Message, dump_messages
from curation.decisions import Decision
from curation.looking import changes, library, precision
from curation.looking.thresholds import Numbers, numbers_of
from curation.presets import Change, preset, presets
from curation.project import Project
from curation.registry import maker_of, operation, operations
from tests.conftest import ROOT
from tests.test_cli import run

ROWS = 60


@pytest.fixture
def project(make_project) -> Project:
    """Sixty rows with a rating from 0 to 59 in their file, but every tenth has none.

    Three more are dropped before the filter, which answers for them all the same.
    """
    rows = [
        {
            "prompt": f"What is star {n}?",
            "completion": f"It is number {n}.",
            "rating": n if n % 10 else None,
        }
        for n in range(ROWS)
    ]
    rows += [{"prompt": f"A comet {n}?", "completion": "No.", "rating": n} for n in (1, 21, 51)]
    comets = Step("drop_matching", pattern="comet")
    between = Step("keep_between", score="rating", low=20, high=50)
    project = make_project(rows, comets, between, Step("drop_matching", pattern="7"))
    project.run()
    return project


def report_of(project: Project, name: str = "keep_between"):
    return next(report for report in project.replay().steps if report.name == name)


def numbers_now(project: Project) -> Numbers:
    numbers = numbers_of(project.replay(), report_of(project), project.recipe.steps[1])
    assert numbers is not None
    return numbers


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize(
    "bounds", [(20, 50), (None, 9), (33, None), (None, None), (70, 80), (41, 41)]
)
def test_a_count_is_what_the_step_makes_of_these_bounds(project, bounds, missing):
    low, high = bounds
    step = Step("keep_between", score="rating", low=low, high=high, keep_missing=missing)
    project.recipe = project.recipe.changed(1, step)
    report = project.run().steps[1]
    numbers = numbers_now(project)
    parts = numbers.parts(low, high)
    assert (parts.kept, parts.dropped, parts.total) == (report.kept_out, report.dropped, ROWS)
    assert parts.missing == 6
    bars = numbers.bars(low, high)
    assert bars.kept.sum() + bars.dropped.sum() == ROWS - 6
    assert bars.kept.sum() == parts.kept - (6 if missing else 0)
    edges = zip(bars.edges, bars.edges[1:], strict=False)
    for (start, end), kept, dropped in zip(edges, bars.kept, bars.dropped, strict=True):
        inside = [v for v in range(ROWS) if v % 10 and start <= v < end]
        stay = [v for v in inside if (low is None or v >= low) and (high is None or v <= high)]
        assert (kept, dropped) == (len(stay), len(inside) - len(stay))


@pytest.mark.parametrize(
    "values",
    [[], [5.0], [1e9, 3.0], [0.1, 0.2, 0.9], [-np.inf, 1.0, 2.0, np.inf], list(np.arange(999.0))],
)
def test_every_distribution_has_a_slider_that_holds_its_bounds(values):
    numbers = Numbers("score", np.sort(np.array(values)), 0, -7.5, 4_000.25, True)
    if not values:
        assert numbers.scale is None and numbers.bars(0, 1) is None
        return
    scale = numbers.scale
    assert scale.places(-7.5, 4_000.25) == (-7.5, 4_000.25)
    assert scale.bounds(scale.places(None, None)) == (None, None)
    assert scale.bounds((-7.5, 4_000.25)) == (-7.5, 4_000.25)
    assert scale.least < min(v for v in values if np.isfinite(v))
    bars = numbers.bars(None, None)
    assert bars.kept.sum() == len(values) and not bars.dropped.any()
    assert len(bars.kept) <= 61


def judge(project: Project, ids, kind: str) -> None:
    project.decisions.append([Decision(str(id), kind, annotator="Ann") for id in ids])


def test_the_nearest_rows_lie_at_the_bounds_on_both_sides(project):
    dataset, report = project.replay(), report_of(project)
    ratings = dataset.column("rating")
    dropped = precision.rows_to_judge(dataset, report, None, "nearest")
    assert set(ratings[dropped.index[:4]]) == {19, 18, 51, 52}
    assert dropped["reason"].iloc[0].startswith("rating = ")
    inside = precision.rows_to_judge(dataset, report, None, "inside")
    assert set(ratings[inside.index[:4]]) == {21, 22, 49, 48}
    assert len(inside) == min(precision.SHOWN, 27), "a row without a number is near to nothing"
    assert precision.ways(report_of(project, "drop_matching#2")) == ["random"]


def test_only_rows_drawn_by_chance_count_and_none_is_skipped(project):
    report = report_of(project)
    order = precision.drawn(project.replay(), report)
    assert len(order) == report.dropped and list(order) != sorted(order)
    empty = precision.estimate(project.replay(), report, project.people())
    assert (empty.judged, empty.share) == (0, None)
    judge(project, order[1:3], "drop")
    assert precision.estimate(project.replay(), report, project.people()).judged == 0, (
        "the first one is still open"
    )
    judge(project, order[:1], "keep")
    judge(project, order[3:9], "drop")
    now = precision.estimate(project.replay(), report, project.people())
    wilson = binomtest(8, 9).proportion_ci(0.95, method="wilson")
    assert (now.judged, now.right) == (9, 8)
    assert (now.low, now.high) == pytest.approx((wilson.low, wilson.high))
    waiting = precision.rows_to_judge(project.replay(), report, project.people(), "random")
    assert list(waiting.index) == list(order[9 : 9 + precision.SHOWN])
    judge(project, order[9:], "drop")
    every = precision.estimate(project.replay(), report, project.people())
    assert every.low == every.high == every.share == (len(order) - 1) / len(order)


def test_a_verdict_outlives_the_next_run(project):
    order = precision.drawn(project.replay(), report_of(project))
    judge(project, order[:1], "keep")
    assert order[0] in project.run().kept.index, "what a person keeps stays"
    now = precision.estimate(project.replay(), report_of(project), project.people())
    assert (now.dropped, now.judged, now.right) == (len(order), 1, 0)


def test_scripts_get_the_estimate_and_what_to_judge_next(project):
    order = precision.drawn(project.replay(), report_of(project))
    judge(project, order[:2], "drop")
    status, printed, _ = run("precision", project.path, "keep_between", "--json")
    answer = json.loads(printed)
    assert status == 0
    assert (answer["judged"], answer["right"], answer["precision"]) == (2, 2, 1.0)
    assert answer["interval"][0] == pytest.approx(0.3424, abs=1e-4)
    assert answer["next"] == list(order[2 : 2 + precision.SHOWN])
    status, _, refused = run("precision", project.path, "keep_btween")
    assert status == 1 and "keep_between" in refused


def opened(project: Project, monkeypatch, name: str = "") -> AppTest:
    monkeypatch.setenv("CURATION_WORKSPACE", str(project.path.parent))
    monkeypatch.setenv("CURATION_PROJECT", str(project.path))
    app = AppTest.from_file(str(ROOT / "pages" / "prepare" / "clean.py"), default_timeout=60)
    app.session_state["annotator"] = name
    app.session_state[f"step-{project.path}"] = 1
    return app.run()


def test_a_moved_threshold_counts_before_it_is_used_and_comments_stay(project, monkeypatch):
    path = project.path / "recipe.yaml"
    path.write_text(path.read_text().replace("steps:", "steps:  # by rating"))
    app = opened(project, monkeypatch)
    assert not app.exception and "27 below 30" not in " ".join(m.value for m in app.markdown)
    app.slider[0].set_value((30.0, app.slider[0].max)).run()
    words = " ".join(m.value for m in app.markdown)
    assert "**33** of 60 kept, 6 of them not measured" in words and "27 below 30" in words
    assert Project.open(project.path).recipe.steps[1].params["high"] == 50, "not used yet"
    app.button(key="cut-use").click().run()
    assert not app.exception
    assert project.recipe.steps[1].params == {"score": "rating", "low": 30.0, "high": None}
    assert "# by rating" in path.read_text()


def test_a_verdict_by_a_button_is_a_decision_and_opens_the_next_row(project, monkeypatch):
    app = opened(project, monkeypatch)
    assert all(b.disabled for b in app.button if b.label.endswith("to drop")), "without a name"
    app = opened(project, monkeypatch, "Ann")
    first = precision.rows_to_judge(project.replay(), report_of(project), None, "nearest").index[0]
    app.button(key=f"judge-keep-{first}").click().run()
    assert not app.exception
    assert project.people().verdicts[first].kind == "keep"
    (following,) = [b.key for b in app.button if b.label == "Right to drop"]
    assert first not in following
    app.segmented_control(key="judge-keep_between").set_value("random").run()
    order = precision.drawn(project.replay(), report_of(project))
    app.button(key=f"judge-drop-{order[0]}").click().run()
    assert "**1 of 1** drawn by chance" in " ".join(m.value for m in app.markdown)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("near duplicates", "drop_near_duplicates"),
        ("quality", "label_quality"),
        ("response_tokens", "keep_between"),
        ("prompt_characters", "lengths"),
        ("E-MAIL", "redact_personal"),
        ("fasttext", "language"),
    ],
)
def test_the_library_finds_by_title_column_and_documentation(words, name):
    assert name in [operation.name for operation in library.search(words)]


def test_the_library_puts_titles_first_and_finds_nothing_for_what_stands_nowhere():
    assert library.search("language")[0].name == "language"
    assert len(library.search("")) == len(operations())
    assert library.search("quality zebra") == []


def test_a_step_brings_what_it_needs_once_and_in_order():
    recipe = library.with_needed(Recipe(), Step("drop_bad_answers"), BASE_COLUMNS)
    assert [step.use for step in recipe] == ["language", "answer_checks"]
    again = library.with_needed(recipe, Step("drop_bad_answers"), BASE_COLUMNS)
    assert again == recipe
    assert library.needed(recipe, "rename_topics", BASE_COLUMNS) == [
        operation("embed").title,
        operation("topics").title,
    ]
    off = Recipe((Step("embed", enabled=False),))
    assert library.needed(off, "project_map", ()) == [operation("embed").title]
    assert library.needed(Recipe(), "keep_between", ["response_tokens"]) == []
    assert library.needed(Recipe(), "lengths", BASE_COLUMNS) == []


@pytest.mark.parametrize("name", list(operations()))
def test_every_operation_can_be_added_to_an_empty_recipe_with_what_it_needs(name):
    step = Step(name)
    recipe = library.with_needed(Recipe(), step, BASE_COLUMNS) + step
    recipe.check()
    for place, one in enumerate(recipe.steps):
        before = Recipe(recipe.steps[:place])
        makers = [c for c in library.missing(before, one, BASE_COLUMNS) if maker_of(c)]
        assert makers == []


def test_a_preset_replaces_the_recipe_after_it_shows_what_changes(project):
    assert {"chat", "code", "classification", "multilingual", "tools"} == set(presets())
    before = project.recipe
    status, printed, _ = run("recipe", project.path, "--preset", "code")
    assert status == 0 and Project.open(project.path).recipe == before
    lines = printed.splitlines()
    assert "- drop_matching: {pattern: comet}" in lines
    assert "+ fix_text: {entities: false, spaces: false}" in lines
    status, printed, _ = run("recipe", project.path, "--preset", "code", "--apply", "--json")
    assert json.loads(printed)["applied"]
    assert Project.open(project.path).recipe == preset("code").recipe
    assert Change.of(before, before).lines() == []
    status, _, refused = run("recipe", project.path, "--preset", "chta")
    assert status == 1 and "near to it is chat" in refused


@pytest.mark.parametrize("name", list(presets()))
def test_a_preset_needs_nothing_that_a_new_project_lacks(name):
    steps = [step for step in preset(name).recipe if step.enabled]
    for place, step in enumerate(steps):
        before = Recipe(tuple(steps[:place]))
        assert library.missing(before, step, BASE_COLUMNS) == []
        assert "targets" not in step.operation.inputs, "a new project has no reference set"


def test_a_new_project_begins_with_a_preset(tmp_path):
    status, _, _ = run("new", tmp_path / "n", "--preset", "tools")
    assert status == 0 and Project.open(tmp_path / "n").recipe == preset("tools").recipe
    status, _, _ = run("new", tmp_path / "m", "--preset", "tools", "--empty")
    assert status != 0 and not (tmp_path / "m").exists()


def test_the_page_adds_from_the_library_and_takes_a_preset(project, monkeypatch):
    app = opened(project, monkeypatch)
    app.text_input(key="library-words").set_value("answer checks").run()
    added = [b.key for b in app.button if b.key.startswith("add-")]
    assert added[0] == "add-answer_checks" and len(added) < len(operations())
    app.button(key="add-answer_checks").click().run()
    assert not app.exception
    uses = [step.use for step in Project.open(project.path).recipe]
    assert uses[-2:] == ["language", "answer_checks"]
    app.selectbox(key="preset").set_value(preset("tools")).run()
    assert any(
        "+ fix_text" in code.value and "- answer_checks" not in code.value for code in app.code
    )
    app.button(key="preset-use").click().run()
    assert not app.exception
    assert Project.open(project.path).recipe == preset("tools").recipe


LONG = " ".join(f"word{n}" for n in range(3_000))


@pytest.mark.parametrize(
    ("was", "now", "old", "new"),
    [
        ("Donâ€™t stir the rice.", "Don’t stir the rice.", "Donâ€™", "’"),
        ("一只猫坐在红色的垫子上。", "一只狗坐在红色的垫子上。", "猫", "狗"),
        ("two  blanks", "two blanks", "␣", ""),
        ("end \nnext", "end\nnext", "␣", ""),
        ("a\n\n\nb", "a\n\nb", "⏎", ""),
        ("zero\u200bwidth", "zerowidth", "⟨zero width⟩", ""),
        (f"{LONG} old {LONG}", f"{LONG} new {LONG}", "old", "new"),
        ("<b>bold</b>", "bold", "b", ""),
        ("", "all", "", "all"),
    ],
)
def test_a_change_is_marked_and_nothing_is_lost(was, now, old, new):
    before, after = changes.marked(was, now)
    assert old in "".join(text for text, differs in before if differs)
    assert new in "".join(text for text, differs in after if differs)
    assert [t for t, differs in before if not differs if t.strip()][:1] == [
        t for t, differs in after if not differs if t.strip()
    ][:1]
    if len(was) < changes.AROUND:
        back = {sign: letter for letter, sign in changes.SIGNS.items()}
        for text, pieces in ((was, before), (now, after)):
            shown = "".join(piece for piece, _ in pieces)
            for sign, letter in back.items():
                shown = shown.replace(sign, letter)
            assert shown == text
    else:
        assert sum(len(text) for text, _ in before) < 5 * changes.AROUND


def test_the_most_changed_example_comes_first_and_whole_turns_count(make_project):
    rows = [
        {"prompt": f"Star {n}?", "completion": "It is" + " &amp;" * n + " bright."}
        for n in (1, 9, 4, 0)
    ]
    project = make_project(rows, Step("fix_text"))
    (report,) = project.run().steps
    examples = changes.by_amount(report.changed_examples())
    prompts = project.replay().rows["prompt"].reindex(examples.index)
    assert list(prompts) == ["Star 9?", "Star 4?", "Star 1?"]
    assert list(examples["changed"]) == sorted(examples["changed"], reverse=True)
    ((role, was, now),) = changes.turns(*examples.iloc[0][["before", "after"]])
    assert role == "assistant" and "amp" in "".join(t for t, d in was if d)
    longer = json.dumps([{"role": "user", "content": "Hi"}])
    assert changes.turns("[]", longer) == [("user", [], [("Hi", True)])]


def test_a_step_that_drops_copies_cuts_as_the_page_of_pairs_does(make_project, monkeypatch):
    text = "lift the plant out of the pot and shake the dry soil from its roots"
    answers = [text, f"{text} well", f"{text} very well", "Ask a gardener."]
    rows = [{"prompt": "How do I repot it?", "completion": answer} for answer in answers]
    project = make_project(rows, Step("drop_near_duplicates", similarity=0.8))
    project.run()
    monkeypatch.setenv("CURATION_WORKSPACE", str(project.path.parent))
    monkeypatch.setenv("CURATION_PROJECT", str(project.path))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    app.switch_page("pages/prepare/clean.py").run()
    assert not app.exception
    slider = next(s for s in app.slider if s.label.startswith("Similarity from"))
    slider.set_value(0.99).run()
    assert any("**None** of 4" in m.value for m in app.markdown)
    app.button(key="cut-use").click().run()
    assert not app.exception
    assert Project.open(project.path).recipe.steps[0].params["similarity"] == 0.99


def test_where_a_long_change_is_cut_nothing_differs():
    was = "one  two " + LONG + " end  here"
    before, after = changes.marked(was, was.replace("  ", " "))
    assert ["".join(t for t, d in side if d) for side in (before, after)] == ["␣", ""]


def turn(text: str) -> str:
    return dump_messages([Message("user", text)])


@pytest.mark.parametrize(
    ("was", "now", "shown"),
    [
        ("a  b\nc", "a b\nc", ["-user: a␣␣b", "+user: a␣b"]),
        ("a \r\nb", "a\nb", ["-user: a␣␍", "+user: a"]),
        ("a\n\n\nb", "a\nb", ["-user: ⏎", "-user: ⏎"]),
        ("a\n", "a", ["-user: ⏎"]),
        ("so\u00a0it is", "so it was", ["-user: so⟨nbsp⟩it is", "+user: so it was"]),
        ("x" * 500 + " cut", "x" * 500 + " end", [f"-… {'x' * 79} cut", f"+… {'x' * 79} end"]),
        ("same", "same", []),
    ],
)
def test_a_receipt_shows_lines_that_differ_by_what_the_eye_does_not_see(was, now, shown):
    assert changes.changed_lines(turn(was), turn(now)) == shown


def test_a_receipt_shows_twelve_lines_and_counts_the_others():
    lines = changes.changed_lines(turn("\n".join("abcdefgh")), turn("\n".join("ABCDEFGH")))
    assert len(lines) == 13 and lines[-1] == "… 4 lines more"
