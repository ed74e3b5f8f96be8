"""Tools and their calls, in one canonical form for the many forms in files.

A tool is `{"type": "function", "function": {"name", "description"?, "parameters"?}}`, a call
`{"id"?, "type": "function", "function": {"name", "arguments"}}`, its arguments an object; arguments
that are no object stay a text. Further keys of both stay.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

Call = dict[str, Any]

_PARAMETERS = ("parameters", "input_schema", "inputSchema", "arguments", "args_schema")
"""Names that files give to the JSON schema of a tool's arguments."""


def read_tools(value: Any, table: bool = False) -> tuple[list[dict[str, Any]], bool]:
    """Return the tools that a value describes, and whether it describes nothing else.

    The value is a list, one tool, JSON text of either, or a list of JSON texts; a tool may come
    without the `{"type": "function", "function": …}` around it. In a `table`, null means that
    a key is absent.
    """
    value = (
        _without_nulls(_loaded(value)) if table and not isinstance(value, str) else _loaded(value)
    )
    listed = value if isinstance(value, list) else [value]
    tools = [_tool(_loaded(entry)) for entry in listed]
    whole = all(tool or not entry for tool, entry in zip(tools, listed, strict=True))
    return [tool for tool in tools if tool is not None], whole


def dump_tools(tools: list[dict[str, Any]]) -> str:
    """Return tools as the JSON text of the column `tools`; "" for none."""
    return orjson.dumps(tools).decode() if tools else ""


def _loaded(value: Any) -> Any:
    """The value of a JSON text of a list or an object; any other value unchanged."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
    return value


def _tool(entry: Any) -> dict[str, Any] | None:
    """A tool in canonical form; None for a value without a name."""
    if not isinstance(entry, dict):
        return None
    for key in ("function", "toolSpec"):
        if isinstance(entry.get(key), dict):
            entry = entry[key]
    if not isinstance(entry.get("name"), str) or not entry["name"]:
        return None
    function = {k: v for k, v in entry.items() if v is not None and k not in (*_PARAMETERS, "type")}
    given = [entry[k] for k in _PARAMETERS if entry.get(k) not in (None, "")]
    schema = next((read for v in given if isinstance(read := _loaded(v), dict)), None)
    if schema is not None:
        function["parameters"] = schema["json"] if isinstance(schema.get("json"), dict) else schema
    elif given:  # a schema that is no object stays as it is
        function["parameters"] = given[0]
    return {"type": "function", "function": function}


def _without_nulls(value: Any) -> Any:
    """A value without null keys, which a table adds for keys of other rows."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


# --- calls ----------------------------------------------------------------------------------

_ARGUMENTS = ("arguments", "parameters", "args", "input", "kwargs")
"""Names that files give to the arguments of a call."""

_IDS = ("id", "toolUseId")
_CANONICAL = {"id", "type", "function"}


def read_calls(value: Any) -> list[Call] | None:
    """Return the calls that a value holds: a list, one call, or JSON text of either; else None."""
    value = _loaded(value)
    listed = value if isinstance(value, list) else [value]
    calls = [_call(_loaded(entry)) for entry in listed]
    return None if None in calls or not calls else [call for call in calls if call is not None]


def _call(entry: Any) -> Call | None:
    if not isinstance(entry, dict):
        return None
    function, within = _loaded(entry.get("function")), dict[str, Any]()
    nested = isinstance(function, dict)
    if isinstance(function, str):  # {"function": "add", "arguments": …}
        function = {**entry, "name": function}
    elif not nested:
        function = entry
    name = function.get("name")
    key = next((k for k in _ARGUMENTS if function.get(k) is not None), None)
    identity = next((entry[k] for k in _IDS if isinstance(entry.get(k), str | int)), None)
    if nested:
        within = _further(function, "name", key)
    return {
        **({} if identity is None else {"id": str(identity)}),
        "type": "function",
        "function": {
            "name": name if isinstance(name, str) else "",
            "arguments": arguments(function[key] if key else {}),
            **within,
        },
        **_further(entry, *_IDS, "type", "function", *(() if nested else ("name", key))),
    }


def _further(value: dict[str, Any], *without: str | None) -> dict[str, Any]:
    """The keys that are not null, without some."""
    return {k: v for k, v in value.items() if v is not None and k not in without}


def arguments(value: Any) -> Any:
    """Return the arguments of a call as an object; as text where they are no object."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        if not value.strip():
            return {}
        loaded = _loaded(value)
        return loaded if isinstance(loaded, dict) else value
    return orjson.dumps(value).decode()


def without_phantoms(turns: Iterable[dict[str, Any]], tools: list[Any], table: bool) -> None:
    """Remove from calls the null arguments that a table added for other rows' arguments.

    A null is removed when the rows come from a `table`, or when its tool has no such argument.
    """
    turns = [turn for turn in turns if "tool_calls" in turn]
    properties = dict[str, Any]()
    for tool in tools if turns else ():
        schema = tool["function"].get("parameters")
        if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
            properties[tool["function"]["name"]] = schema["properties"]
    for turn in turns:
        calls = turn.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            function = call["function"]
            given, names = function["arguments"], properties.get(function["name"])
            if isinstance(given, dict) and None in given.values():
                function["arguments"] = {
                    k: v
                    for k, v in given.items()
                    if v is not None or not table and (names is None or k in names)
                }
            if table and isinstance(given, dict):
                function["arguments"] = _without_nulls(function["arguments"])
            if table and call.keys() - _CANONICAL:
                call.update({k: _without_nulls(v) for k, v in call.items() if k not in _CANONICAL})


# --- calls and results within texts ---------------------------------------------------------

_TAGS = ("tool_call", "functioncall", "function_call")
_GLAIVE = re.compile(r"""\{\s*"name"\s*:\s*("[^"]*")\s*,\s*"arguments"\s*:\s*'(.*)'\s*\}""", re.S)


def calls_in_text(text: str) -> tuple[str | None, list[Call]] | None:
    """Return a text without its calls between tags, and the calls; None for a text without calls.

    It is None too when a call cannot be read or is in a block of code.
    """
    tag = next((tag for tag in _TAGS if f"<{tag}>" in text), None)
    if tag is None:
        return None
    texts, calls, position = list[str](), list[Call](), 0
    fences, counted = 0, 0
    while (start := text.find(f"<{tag}>", position)) >= 0:
        end = text.find(f"</{tag}>", start)
        inside = text[start + len(tag) + 2 : end if end >= 0 else len(text)]
        read = _tagged(inside.replace("<|endoftext|>", "").strip())
        before = text[position:start]
        fences, counted = fences + text.count("```", counted, start), start
        if not read or before.rstrip(" ").endswith("`") or fences % 2:
            return None
        texts.append(before)
        calls += read
        position = end + len(tag) + 3 if end >= 0 else len(text)
    return "".join([*texts, text[position:]]).strip() or None, calls


def _tagged(text: str) -> list[Call] | None:
    """The calls between two tags; Glaive puts the arguments in single quotes."""
    calls = read_calls(text)
    if calls is None and (glaive := _GLAIVE.fullmatch(text)):
        name, given = glaive.groups()
        calls = read_calls(
            {"name": _loaded(f"[{name}]")[0], "arguments": given.replace("\\'", "'")}
        )
    return calls if calls and all(call["function"]["name"] for call in calls) else None


def results_in_text(text: str) -> list[str] | None:
    """Return the results between `<tool_response>` tags of a text that is nothing else; else None."""
    if not text.lstrip().startswith("<tool_response>"):
        return None
    pieces = text.strip().split("<tool_response>")
    results = [piece.strip().removesuffix("</tool_response>") for piece in pieces[1:]]
    whole = all(piece.strip().endswith("</tool_response>") for piece in pieces[1:])
    return [result.strip() for result in results] if whole else None


_LISTED = re.compile(r"\s*+(?:,\s*+)?([A-Za-z_][\w .\-/:]{0,99}?)\(")


def listed_calls(text: str) -> list[Call] | None:
    """Return the calls of a text that is a list of them, `[name(key="value"), …]`; else None."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith(")]")) or len(text) > 20_000:
        return None
    calls, position = list[Call](), 1
    while position < len(text) - 1:
        head = _LISTED.match(text, position)
        end = _closing(text, head.end()) if head else -1
        given = _keywords(text[head.end() : end]) if head and end >= 0 else None
        if head is None or given is None:
            return None
        calls.append(
            {"type": "function", "function": {"name": head.group(1).strip(), "arguments": given}}
        )
        position = end + 1
    return calls or None


def _closing(text: str, position: int) -> int:
    """Position of the bracket that closes the one opened before `position`; -1 for none."""
    depth, quote = 1, ""
    while position < len(text):
        sign = text[position]
        if quote:
            if sign == "\\":
                position += 1
            elif sign == quote:
                quote = ""
        elif sign in "\"'":
            quote = sign
        else:
            depth += (sign in "([{") - (sign in ")]}")
            if not depth:
                return position
        position += 1
    return -1


_WORDS = {"true": True, "false": False, "null": None}


def _keywords(text: str) -> dict[str, Any] | None:
    """The arguments of a call in Python's syntax; None unless all are plain values."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            return None
        given = {k.arg: _plain(k.value) for k in call.keywords if k.arg}
        orjson.dumps(given)  # raises for a value that JSON cannot hold
        return given if len(given) == len(call.keywords) else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _plain(node: Any) -> Any:
    """The value of an expression of constants, including JSON's true, false and null."""
    if isinstance(node, ast.Name) and node.id in _WORDS:
        return _WORDS[node.id]
    if isinstance(node, ast.List | ast.Tuple):
        return [_plain(entry) for entry in node.elts]
    if isinstance(node, ast.Dict):
        pairs: Iterator[tuple[Any, Any]] = zip(node.keys, node.values, strict=True)
        return {str(_plain(key)): _plain(value) for key, value in pairs}
    return ast.literal_eval(node)
