"""A recipe as a value, as YAML, and as a project's file that several programs save."""

from __future__ import annotations

import pytest

from curation import recipe_file, schema
from curation.errors import CurationError, RecipeConflict, RecipeError
from curation.recipe import Recipe, Step, as_flow, replace_params

CLEAN, LENGTHS = Step("fix_text"), Step("lengths")
KEEP = Step("keep_values", column="lang", values=["en"])
FIRST, SECOND = Step("select_random", budget=2), Step("select_random", budget=3)
SPLIT = Step("split", seed=1)


def read(text):
    return list(Recipe.from_yaml(text))


def values_of(text):
    (step,) = read(f"steps:\n  - keep_values: {{column: lang, values: {text}}}\n")
    return step.params["values"]


def test_a_step_is_put_at_the_end_of_its_phase():
    recipe = Recipe()
    for step in (SPLIT, KEEP, CLEAN, FIRST, LENGTHS):
        recipe += step
    assert list(recipe) == [CLEAN, KEEP, LENGTHS, FIRST, SPLIT] and len(recipe) == 5
    with pytest.raises(RecipeError, match="no parameter 'seeed'"):
        recipe + Step("split", seeed=1)


def test_a_recipe_is_changed_by_making_another():
    recipe = Recipe((CLEAN, KEEP, LENGTHS, SPLIT))
    assert list(recipe.without(1)) == [CLEAN, LENGTHS, SPLIT]
    assert list(recipe.changed(3, Step("split"))) == [CLEAN, KEEP, LENGTHS, Step("split")]
    assert list(recipe.moved(2, -1)) == list(Recipe((CLEAN, LENGTHS, KEEP, SPLIT)))
    assert recipe.moved(1, 1) == recipe.moved(2, -1)
    assert Recipe((LENGTHS, KEEP)).moved(0, -1) == Recipe((LENGTHS, KEEP))
    with pytest.raises(RecipeError, match="step 4: lengths belongs to the measure phase"):
        recipe.moved(2, 1)
    assert list(recipe) == [CLEAN, KEEP, LENGTHS, SPLIT]


def test_the_selection_is_the_first_step_that_chooses_and_is_exchanged_whole():
    recipe = Recipe((LENGTHS, FIRST, SECOND, SPLIT))
    assert recipe.selection == FIRST and Recipe((LENGTHS,)).selection is None
    assert list(recipe.with_selection(SECOND)) == [LENGTHS, SECOND, SPLIT]
    assert list(recipe.with_selection(None)) == [LENGTHS, SPLIT]


def test_steps_have_names_of_their_own_and_a_revision_follows_every_change():
    recipe = Recipe((LENGTHS, KEEP, LENGTHS, LENGTHS))
    assert recipe.names == ("lengths", "keep_values", "lengths#2", "lengths#3")
    others = [recipe.without(0), recipe.changed(0, replace_params(LENGTHS, {}, False)), Recipe()]
    revisions = {r.revision for r in [recipe, *others]}
    assert len(revisions) == 4 and all(len(r) == 12 for r in revisions)
    assert Recipe(recipe.steps).revision == recipe.revision


def test_other_parameters_leave_a_step_as_it_was_switched_on_or_off():
    off = replace_params(KEEP, {"column": "lang", "values": ["de"]}, False)
    assert (off.use, off.enabled, KEEP.enabled) == ("keep_values", False, True)
    assert replace_params(off, {"column": "x"}) == Step("keep_values", enabled=False, column="x")
    assert off.to_dict() == {
        "keep_values": {"column": "lang", "values": ["de"]},
        "enabled": False,
    }
    assert LENGTHS.to_dict() == {"lengths": {}} and "seed" in SPLIT.arguments
    assert SPLIT.arguments["validation"] == 0.05


def test_the_text_of_a_recipe_is_the_recipe():
    recipe = Recipe((CLEAN, replace_params(KEEP, {"column": "ß", "values": ["a: b"]}, False)))
    assert recipe.to_yaml() == (
        "version: 1\nsteps:\n  - fix_text: {}\n"
        "  - keep_values: {column: ß, values: ['a: b']}\n    enabled: false\n"
    )
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert Recipe().to_yaml() == "version: 1\nsteps: []\n"
    assert Recipe.from_yaml("steps: []") == Recipe()
    assert as_flow({"b": "long " * 40, "a": 1.5}) == "{b: '" + "long " * 40 + "', a: 1.5}"
    assert as_flow("word") == "word"


def test_a_step_is_a_name_or_a_name_with_parameters_on_or_off():
    text = (
        "steps:\n  - fix_text\n  - lengths:\n  - select_random: {budget: 2}\n    enabled: false\n"
    )
    assert read(text) == [CLEAN, LENGTHS, Step("select_random", enabled=False, budget=2)]
    assert read("steps: [fix_text, {lengths: {}, enabled: true}]") == [CLEAN, LENGTHS]


@pytest.mark.parametrize(
    "entry", ["[fix_text]", "3", "{fix_text: {}, lengths: {}}", "{fix_text: 3}"]
)
def test_what_is_no_step_is_refused_with_its_line(entry):
    with pytest.raises(RecipeError, match="^r.yaml, line 3: a step is an operation's name"):
        Recipe.from_yaml(f"steps:\n  - fix_text\n  - {entry}\n", "r.yaml")
    with pytest.raises(RecipeError, match="line 2: a step is"):
        Recipe.from_yaml("steps:\n  - fix_text: {}\n    enabled: maybe\n")


def test_texts_are_what_is_written_and_numbers_are_numbers():
    assert values_of("[yes, 007, 12:30, 1.50, ~, null]") == [
        "yes",
        "007",
        "12:30",
        "1.50",
        "~",
        "null",
    ]
    assert values_of("['yes', \"no\", !!str 1]") == ["yes", "no", "1"]
    (step,) = read("steps:\n  - keep_values: {column: 007, values: [a]}\n")
    assert step.params["column"] == "007"
    (step,) = read("steps:\n  - keep_between: {score: x, low: 007, high: 1_000}\n")
    assert (step.params["low"], step.params["high"]) == (7, 1000)
    (step,) = read("steps:\n  - split: {given: null}\n")
    assert step.params["given"] is None


@pytest.mark.parametrize("merged", ["*d", "[*d]"])
def test_parameters_that_a_reference_brings_in_are_texts_too(merged):
    (step,) = read(
        "defaults: &d {column: yes}\n"
        f"steps:\n  - keep_values:\n      <<: {merged}\n      values: [no]\n"
    )
    assert step.params == {"column": "yes", "values": ["no"]}


def test_a_refusal_names_the_line_and_the_source():
    for text, message in [
        ("steps:\n  - fix_text\n  - nonsense\n", "r.yaml, line 3: "),
        (
            "steps:\n  - split\n  - fix_text\n",
            "r.yaml, line 3: fix_text belongs to the clean phase",
        ),
        (
            "steps:\n  - split: {seed: 1, seed: 2}\n",
            "r.yaml, line 2: this is not YAML: the key 'seed'",
        ),
        ("steps: [\n", "r.yaml, line 2: this is not YAML"),
        ("[" * 3_000, "r.yaml: this is not YAML: not valid."),
        ("steps: 3", "r.yaml: a recipe needs a list"),
        ("- fix_text", "r.yaml: a recipe needs a list"),
        ("", "r.yaml: a recipe needs a list"),
        (
            "version: 2\nsteps: []",
            "r.yaml: this program cannot read version 2; it reads version 1",
        ),
    ]:
        with pytest.raises(RecipeError) as refused:
            Recipe.from_yaml(text, "r.yaml")
        assert str(refused.value).startswith(message)
    with pytest.raises(RecipeError, match="^The recipe, step 2: fix_text belongs to the clean"):
        Recipe((SPLIT, CLEAN)).check()


# --- the file -------------------------------------------------------------------------------------


def test_a_new_file_names_the_schema_beside_it(tmp_path):
    recipe_file.begin(tmp_path, recipe_file.DEFAULT_RECIPE)
    assert recipe_file.read(tmp_path) == recipe_file.DEFAULT_RECIPE
    first, *_ = recipe_file.text(tmp_path).splitlines()
    assert schema.NAME in first and (tmp_path / schema.NAME).read_text() == schema.schema_text()


def test_what_new_projects_start_with_can_be_run_as_it_is():
    recipe_file.DEFAULT_RECIPE.check()
    arguments = {step.use: step.arguments for step in recipe_file.DEFAULT_RECIPE}
    steps = list(arguments)
    assert steps.index("embed") < steps.index("label_quality") < steps.index("drop_wrong_labels")
    assert arguments["drop_near_duplicates"]["keep"] == "longest"
    assert arguments["drop_near_duplicates"]["similarity"] == 0.8
    assert arguments["split"]["validation"] == arguments["split"]["test"] == 0.05
    between = arguments["keep_between"]
    assert (between["score"], between["low"], between["high"]) == ("prompt_tokens", 1, 2048)


def test_a_save_takes_the_place_of_the_recipe_that_it_was_made_from_only(tmp_path):
    recipe_file.begin(tmp_path, Recipe((LENGTHS,)))
    base = recipe_file.read(tmp_path).revision
    recipe_file.save(tmp_path, Recipe((LENGTHS, KEEP)), base)
    assert recipe_file.read(tmp_path) == Recipe((LENGTHS, KEEP))
    with pytest.raises(RecipeConflict) as conflict:
        recipe_file.save(tmp_path, Recipe((KEEP,)), base)
    assert conflict.value.theirs == recipe_file.text(tmp_path)
    assert Recipe.from_yaml(conflict.value.yours) == Recipe((KEEP,))
    with pytest.raises(RecipeError, match="step 2"):
        recipe_file.save(tmp_path, Recipe((SPLIT, CLEAN)), recipe_file.read(tmp_path).revision)
    assert recipe_file.read(tmp_path) == Recipe((LENGTHS, KEEP))


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(CurationError, match="^recipe.yaml cannot be read: No such file"):
        recipe_file.read(tmp_path)
    (tmp_path / "recipe.yaml").write_bytes(b"steps: \xff")
    with pytest.raises(CurationError, match="^recipe.yaml cannot be read: it is not UTF-8"):
        recipe_file.read(tmp_path)
    (tmp_path / "recipe.yaml").write_text("steps: 1")
    with pytest.raises(RecipeError, match="^recipe.yaml: a recipe needs"):
        recipe_file.read(tmp_path)
