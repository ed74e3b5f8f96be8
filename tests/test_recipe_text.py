"""A recipe that a person wrote stays theirs: what an edit in the app leaves as it is."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import RecipeError
from curation.project import Project
from curation.recipe import Recipe, Step, replace_params
from curation.recipe_text import edited, portable

TEXT = """\
# Support chats, third round
version: 1   # the format

steps:
  # --- text ---

  # mends umlauts
  - fix_text   # plain
  - drop_exact_duplicates: {}  # none
  # looked at on Monday
  - drop_near_duplicates: {similarity: 0.80}  # .8 is enough

  # --- measures ---

  - lengths:
  - keep_between:   # tokens
      low: 1   # one
      score: 'prompt_tokens'
      high: 2_048
    enabled: false   # too strict
  - keep_values:
      column: lang
      values:
        - "en"   # english
        - de     # german
  - {drop_values: {column: x, values: [yes, 007]}, enabled: false}
  - split: {validation: 0.05,
            test: 0.05}
# the end
"""
RECIPE = Recipe.from_yaml(TEXT)


def lines_changed(recipe, text=TEXT):
    """Lines that went, with a minus, and that came, with a plus."""
    changed_text = edited(text, recipe)
    assert Recipe.from_yaml(changed_text) == recipe
    lines = difflib.unified_diff(text.splitlines(), changed_text.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def with_params(use, changes, enabled=None):
    position = RECIPE.names.index(use)
    step = RECIPE.steps[position]
    return RECIPE.changed(position, replace_params(step, {**step.params, **changes}, enabled))


def test_nothing_changed_is_the_same_to_the_letter():
    assert edited(TEXT, RECIPE) == TEXT


@pytest.mark.parametrize(
    ("use", "changed"),
    [
        (
            "fix_text",
            ["-  - fix_text   # plain", "+  - fix_text: {}   # plain", "+    enabled: false"],
        ),
        ("drop_near_duplicates", ["+    enabled: false"]),
        ("lengths", ["+    enabled: false"]),
        (
            "keep_between",
            ["-    enabled: false   # too strict", "+    enabled: true   # too strict"],
        ),
        ("keep_values", ["+    enabled: false"]),
        (
            "drop_values",
            [
                "-  - {drop_values: {column: x, values: [yes, 007]}, enabled: false}",
                "+  - {drop_values: {column: x, values: [yes, 007]}, enabled: true}",
            ],
        ),
        ("split", ["+    enabled: false"]),
    ],
)
def test_a_switch_touches_its_own_line_only(use, changed):
    enabled = RECIPE.steps[RECIPE.names.index(use)].enabled
    assert lines_changed(with_params(use, {}, not enabled)) == changed


def test_off_and_on_again_is_as_it_was():
    position = RECIPE.names.index("lengths")
    off = RECIPE.changed(position, replace_params(RECIPE.steps[position], {}, False))
    assert edited(edited(TEXT, off), RECIPE) == TEXT


@pytest.mark.parametrize(
    ("use", "changes", "changed"),
    [
        (
            "drop_near_duplicates",
            {"similarity": 0.7, "by": "prompt"},
            [
                "-  - drop_near_duplicates: {similarity: 0.80}  # .8 is enough",
                "+  - drop_near_duplicates: {similarity: 0.7, by: prompt}  # .8 is enough",
            ],
        ),
        ("lengths", {"tokenizer": "x"}, ["-  - lengths:", "+  - lengths: {tokenizer: x}"]),
        (
            "keep_between",
            {"low": 5.0, "keep_missing": False},
            ["-      low: 1   # one", "+      low: 5.0   # one", "+      keep_missing: false"],
        ),
        (
            "keep_values",
            {"values": ["de", "no"]},
            ['-        - "en"   # english', "+        - 'no'"],
        ),
        (
            "split",
            {"validation": 0.2, "test": 0.1},
            [
                "-  - split: {validation: 0.05,",
                "-            test: 0.05}",
                "+  - split: {validation: 0.2,",
                "+            test: 0.1}",
            ],
        ),
        (
            "split",
            {"test": 0.1},
            ["-            test: 0.05}", "+            test: 0.1}"],
        ),
    ],
)
def test_a_parameter_changes_where_it_stands(use, changes, changed):
    assert lines_changed(with_params(use, changes)) == changed


def test_a_step_that_comes_goes_or_moves_takes_its_own_comments_along():
    assert lines_changed(RECIPE + Step("language")) == ["+  - language: {}"]
    near = RECIPE.names.index("drop_near_duplicates")
    assert lines_changed(RECIPE.without(near)) == [
        "-  # looked at on Monday",
        "-  - drop_near_duplicates: {similarity: 0.80}  # .8 is enough",
    ]
    assert "--- text ---" in edited(TEXT, RECIPE.without(0)), "a heading is no step's own"
    moved = edited(TEXT, RECIPE.moved(near, -1))
    assert "  # looked at on Monday\n  - drop_near_duplicates" in moved
    assert sorted(moved.splitlines()) == sorted(TEXT.splitlines())


def test_other_ways_to_write_a_list():
    one = Recipe((Step("fix_text"),))
    assert edited("version: 1\nsteps: []  # none\n# end\n", one) == (
        "version: 1\nsteps:\n  - fix_text: {}  # none\n# end\n"
    )
    assert edited("steps: [fix_text, lengths]", one).splitlines()[0] == "steps:"
    assert edited("steps:\n- fix_text\n", one + Step("lengths")) == (
        "steps:\n- fix_text\n- lengths: {}\n"
    )
    assert edited("# why\nsteps:\n  - fix_text\n", Recipe()) == "# why\nsteps: []\n"
    aliased = "a: &a {similarity: 0.7}\nsteps:\n  - drop_near_duplicates: *a\n"
    assert edited(aliased, one) == one.to_yaml(), "what cannot be edited is written anew"
    assert edited("steps: [", one) == one.to_yaml()


def test_a_value_of_several_lines_is_written_anew_and_its_neighbours_stay():
    text = (
        "steps:\n  - keep_matching:\n      pattern: >-   # two: lines\n        [0-9]\n"
        "        apples\n      side: prompt   # of: both\n  - lengths\n"
    )
    recipe = Recipe.from_yaml(text)
    (step, lengths) = recipe
    assert step.params["pattern"] == "[0-9] apples"
    changed = Recipe((replace_params(step, {**step.params, "pattern": "a: b"}), lengths))
    assert edited(text, changed) == (
        "steps:\n  - keep_matching:\n      pattern: 'a: b'\n      side: prompt   # of: both\n"
        "  - lengths\n"
    )


def test_a_step_that_says_it_is_on_says_it_is_off():
    text = (
        "steps:\n  - {lengths: {}, enabled: true}   # count\n  - language:\n    enabled: yes  # x\n"
    )
    recipe = Recipe.from_yaml(text)
    off = Recipe(tuple(replace_params(step, step.params, False) for step in recipe))
    changed_text = edited(text, off)
    assert changed_text == text.replace("true", "false").replace("yes", "false")
    assert (
        edited(changed_text, recipe).splitlines()[1] == "  - {lengths: {}, enabled: true}   # count"
    )


STEPS = st.lists(
    st.sampled_from(
        [
            *RECIPE.steps,
            Step("drop_near_duplicates", similarity=0.5),
            Step("keep_values", column="lang", values=["de"]),
            Step("keep_values", column="a: b #c", values=["- x", "yes", ""]),
            Step("language", enabled=False),
        ]
    ),
    max_size=9,
)


@settings(deadline=None)
@given(STEPS, STEPS)
def test_whatever_is_changed_the_text_says_the_recipe(first, second):
    def ordered(steps):
        recipe = Recipe()
        for step in steps:
            recipe += step
        return recipe

    one, two = ordered(first), ordered(second)
    text = edited(TEXT, one)
    assert Recipe.from_yaml(text) == one
    assert Recipe.from_yaml(edited(text, two)) == two
    assert "# Support chats, third round" in edited(text, two)


def test_a_project_saves_so(tmp_path):
    project = Project.create(tmp_path / "p")
    (project.path / "recipe.yaml").write_text(TEXT)
    recipe = project.recipe
    project.save_recipe(recipe.moved(3, -1), recipe.revision)
    text = (project.path / "recipe.yaml").read_text()
    assert "# looked at on Monday" in text and "high: 2_048" in text
    assert project.recipe == recipe.moved(3, -1)


# --- files of the project -----------------------------------------------------------------


@pytest.mark.parametrize("written", ["{path}", "'{path}'", '"{path}" # asked in May'])
def test_a_whole_path_into_the_project_is_read_as_a_name_in_it(tmp_path, written):
    folder = tmp_path / "ünser, p"
    project = Project.create(folder)
    line = (
        f"  - judged:\n      verdicts: {written.format(path=folder / 'verdicts' / 'm-r.jsonl')}\n"
    )
    (folder / "recipe.yaml").write_text(f"# ours\nsteps:\n{line}", "utf-8")
    (step,) = project.recipe
    assert step.params == {"verdicts": "verdicts/m-r.jsonl"}
    project.recipe += Step("lengths")
    text = (folder / "recipe.yaml").read_text("utf-8")
    assert text.startswith("# ours\n") and str(tmp_path) not in text
    assert ("# asked in May" in text) == ("#" in written)
    assert list(project.recipe) == [step, Step("lengths")]


def test_a_path_elsewhere_is_refused_as_before_and_a_link_to_the_project_is_no_other_place(
    tmp_path,
):
    project = Project.create(tmp_path / "p")
    recipe = tmp_path / "p" / "recipe.yaml"
    (tmp_path / "link").symlink_to(tmp_path / "p")
    for path in (tmp_path / "p2" / "a.jsonl", tmp_path / "p" / ".." / "a.jsonl"):
        recipe.write_text(f"steps:\n  - judged: {{verdicts: {path}}}\n")
        with pytest.raises(RecipeError, match="copy the file there"):
            _ = project.recipe
        assert portable(recipe.read_text(), tmp_path / "q") == recipe.read_text()
    recipe.write_text(f"steps:\n  - judged: {{verdicts: {tmp_path}/p/a.jsonl}}\n")
    assert list(Project.open(tmp_path / "link").recipe) == list(project.recipe)
    recipe.write_text("steps: [judged: {verdicts: ]")
    with pytest.raises(RecipeError, match="not YAML"):
        _ = project.recipe
