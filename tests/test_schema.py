"""The schema for editors accepts the recipes that the program accepts."""

from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest
import yaml

from curation.demo import EXAMPLE
from curation.errors import RecipeError
from curation.project import Project
from curation.recipe import Recipe, Step, as_flow
from curation.recipe_file import DEFAULT_RECIPE
from curation.registry import operations
from curation.schema import recipe_schema
from tests.conftest import ROOT
from tests.test_recipe_text import TEXT

SCHEMA = recipe_schema()
VALUES = [None, True, "x", "", 0, 1, 7, -1, 0.5, 1.5, 3_000, 10**9, [], ["x"], ["x", 1, True], {}]


def fits(text: str) -> bool:
    """Whether an editor would find nothing wrong with a recipe."""
    return jsonschema.Draft7Validator(SCHEMA).is_valid(yaml.safe_load(text))


def is_taken(text: str) -> bool:
    """Whether the program reads it."""
    try:
        Recipe.from_yaml(text)
    except RecipeError:
        return False
    return True


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "text",
    [TEXT, DEFAULT_RECIPE.to_yaml(), (EXAMPLE / "recipe.yaml").read_text("utf-8"), "steps: []"],
)
def test_recipes_that_run_fit(text):
    assert is_taken(text) and fits(text)


@pytest.mark.parametrize(
    "text",
    [
        "version: 1",
        "version: 2\nsteps: []",
        "steps: [fix_texts]",
        "steps: [{fix_text: {}, lengths: {}}]",
        "steps: [{fix_text: {}, lengths: {}, enabled: true}]",
        "steps: [{enabled: true}]",
        "steps: [{fix_text: {}, enabled: 3}]",
        "steps: [{fix_text: [columns]}]",
        "steps: [{drop_near_duplicates: {likeness: 0.8}}]",
        "steps: [{drop_near_duplicates: {similarity: 8}}]",
    ],
)
def test_what_the_program_refuses_does_not_fit(text):
    assert not is_taken(text) and not fits(text)


@pytest.mark.parametrize("operation", operations().values(), ids=lambda o: o.name)
def test_a_value_fits_when_the_program_takes_it(operation):
    for name, parameter in operation.params.items():
        bounds = parameter.bounds
        edges = [e for b in (bounds and (bounds.low, bounds.high) or ()) if b for e in (b, b * 2)]
        for value in [*VALUES, parameter.default, *parameter.choices, *edges]:
            text = as_flow({"steps": [{operation.name: {name: value}}]})
            assert fits(text) == is_taken(text), text


def test_an_operation_and_its_parameters_are_described():
    steps = SCHEMA["properties"]["steps"]["items"]["anyOf"][1]["properties"]
    assert set(steps) == {*operations(), "enabled"}
    assert steps["drop_near_duplicates"]["properties"]["similarity"] == {
        "type": "number",
        "minimum": 0.3,
        "maximum": 1.0,
        "default": 0.8,
        "description": "Jaccard similarity from which two texts are the same",
    }


def test_the_command_prints_it():
    done = subprocess.run(
        [sys.executable, "-m", "curation", "schema"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0 and json.loads(done.stdout) == SCHEMA


def test_a_new_project_s_recipe_names_the_schema_beside_it_and_keeps_it(tmp_path):
    project = Project.create(tmp_path / "p")
    assert json.loads((project.path / "recipe.schema.json").read_text("utf-8")) == SCHEMA
    project.recipe += Step("fix_text")
    text = project.recipe_text()
    assert text.startswith("# yaml-language-server: $schema=recipe.schema.json\n") and fits(text)
    assert "fix_text" in text and "yaml-language-server" not in project.recipe.to_yaml()
