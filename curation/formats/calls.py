"""Tools and the calls of them: the many ways files write them down, in one canonical form.

A tool is `{"type": "function", "function": {"name", "description"?, "parameters"?}}`.
"""

from __future__ import annotations

from typing import Any

import orjson

_PARAMETERS = ("parameters", "input_schema", "inputSchema", "arguments", "args_schema")
"""Names that files give to the JSON schema of a tool's arguments."""


def read_tools(value: Any) -> list[dict[str, Any]]:
    """Return the tools that a value describes; empty when it describes none.

    The value is a list, one tool, JSON text of either, or a list of JSON texts; a tool may stand
    bare, without the `{"type": "function", "function": …}` around it.
    """
    value = _loaded(value)
    listed = value if isinstance(value, list) else [value]
    tools = [_tool(_loaded(entry)) for entry in listed]
    return [tool for tool in tools if tool is not None]


def dump_tools(tools: list[dict[str, Any]]) -> str:
    """Return tools as the JSON text of the column `tools`; "" for none."""
    return orjson.dumps(tools).decode() if tools else ""


def _loaded(value: Any) -> Any:
    """What a JSON text of a list or an object says; any other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    return value


def _tool(entry: Any) -> dict[str, Any] | None:
    """A tool in canonical form; None for what has no name."""
    if not isinstance(entry, dict):
        return None
    for key in ("function", "toolSpec"):
        if isinstance(entry.get(key), dict):
            entry = entry[key]
    if not isinstance(entry.get("name"), str) or not entry["name"]:
        return None
    function = {k: v for k, v in entry.items() if k not in (*_PARAMETERS, "type")}
    schema = next((entry[k] for k in _PARAMETERS if isinstance(entry.get(k), dict)), None)
    if schema is not None and isinstance(schema.get("json"), dict):
        schema = schema["json"]
    if schema is not None:
        function["parameters"] = schema
    return {"type": "function", "function": _without_nulls(function)}


def _without_nulls(value: Any) -> Any:
    """A value without the keys that are null, which tables make of keys that other rows have."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value
