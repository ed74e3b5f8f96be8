"""The JSON Schema of recipe.yaml, made from the registry, so that an editor completes and checks it.

It accepts the operations, parameters and values that the program accepts. Accepted limit: the order
of phases and the existence of a column are checked only by the program.
"""

from __future__ import annotations

import json
from typing import Any

from curation.recipe import VERSION
from curation.registry import Operation, Parameter, operations

NAME = "recipe.schema.json"
"""The file beside recipe.yaml that holds its schema."""

MODELINE = f"# yaml-language-server: $schema={NAME}\n"
"""The first line of a recipe, by which an editor finds the schema."""

_WRITTEN = ["string", "number", "boolean"]
"""Types of a plain value that is read as text."""

_TYPES = {"integer": "integer", "number": "number", "flag": "boolean"}


def schema_text() -> str:
    """The schema as it is printed and written beside a recipe."""
    return json.dumps(recipe_schema(), ensure_ascii=False, indent=1) + "\n"


def recipe_schema() -> dict[str, Any]:
    """JSON Schema (draft 7) of a recipe: operations, and parameters with type, default and help."""
    steps = {operation.name: _operation(operation) for operation in operations().values()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Recipe",
        "type": "object",
        "required": ["steps"],
        "properties": {
            "version": {"const": VERSION, "description": "The version of this format."},
            "steps": {
                "type": "array",
                "description": "Operations in the order in which they run.",
                "items": {"anyOf": [{"enum": list(steps)}, _with_parameters(steps)]},
            },
        },
    }


def _with_parameters(steps: dict[str, Any]) -> dict[str, Any]:
    """A step as a mapping: one operation, and whether it is switched on."""
    enabled = {"type": "boolean", "default": True, "description": "Whether the step runs."}
    return {
        "type": "object",
        "properties": {**steps, "enabled": enabled},
        "additionalProperties": False,
        "if": {"required": ["enabled"]},
        "then": {"minProperties": 2, "maxProperties": 2},
        "else": {"minProperties": 1, "maxProperties": 1},
    }


def _operation(operation: Operation) -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "title": operation.title,
        "description": operation.help,
        "properties": {name: _parameter(p) for name, p in operation.params.items()},
        "additionalProperties": False,
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    values = _values(parameter)
    if parameter.optional:
        values = {"anyOf": [values, {"type": "null"}]}
    described = {"description": parameter.help} if parameter.help else {}
    return {**values, "default": parameter.default, **described}


def _values(parameter: Parameter) -> dict[str, Any]:
    """Return the schema of a parameter's values, without null."""
    one = {"enum": list(parameter.choices)} if parameter.choices else {"type": _WRITTEN}
    if parameter.type == "list":
        return {"type": "array", "items": one}
    if parameter.type not in _TYPES:
        return one
    bounds = parameter.bounds
    limits = {"minimum": bounds.low, "maximum": bounds.high} if bounds else {}
    return {
        "type": _TYPES[parameter.type],
        **{word: limit for word, limit in limits.items() if limit is not None},
    }
