"""Tool calls: their ids, their results, and problems that make them unreadable for trainers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import orjson

from curation.formats.base import is_calls

Row = dict[str, Any]


def plain(turn: Row) -> Row:
    """Return a turn without empty cells, and with its calls as objects instead of JSON text."""
    cells = {k: v for k, v in turn.items() if v is not None or k == "content"}
    for key in ("name", "tool_call_id"):
        if not isinstance(cells.get(key, ""), str):
            cells[key] = orjson.dumps(cells[key]).decode()
    calls = cells.pop("tool_calls", None)
    if isinstance(calls, str):
        with suppress(orjson.JSONDecodeError):
            calls = orjson.loads(calls)
    return {**cells, "tool_calls": calls} if calls else cells


def without_ids(calls: Sequence[Row]) -> list[Row]:
    """Return calls without their ids."""
    return [{k: v for k, v in call.items() if k != "id"} for call in calls]


def has_fine_numbers(value: Any) -> bool:
    """Return whether a number in a value has decimals beyond the tenth."""
    if isinstance(value, dict | list):
        return any(map(has_fine_numbers, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and round(value, 10) != value


def settled(turns: Sequence[Row]) -> list[Row]:
    """Return turns with results in the order of their calls, all with ids if some have ids.

    Arguments that are the JSON text of an object become the object. Turns with unreadable calls
    stay as they are.
    """
    if not all(is_calls(turn.get("tool_calls", [])) for turn in turns):
        return list(turns)
    turns = [
        {**turn, "tool_calls": with_objects(turn["tool_calls"])} if "tool_calls" in turn else turn
        for turn in turns
    ]
    named = any(
        turn.get("tool_call_id") or any(call.get("id") for call in turn.get("tool_calls") or ())
        for turn in turns
    )
    return in_order(with_ids(turns) if named else turns)


def in_order(turns: Sequence[Row]) -> list[Row]:
    """Return turns with results in the order of the calls they name.

    Most chat templates and ShareGPT match results to calls by their order only.
    """
    ordered: list[Row] = []
    places: dict[str, int] = {}
    results: list[Row] = []

    def settle() -> None:
        if len(results) > 1 and all(r.get("tool_call_id") in places for r in results):
            results.sort(key=lambda r: places[r["tool_call_id"]])
        ordered.extend(results)
        results.clear()

    for turn in turns:
        if turn["role"] == "tool":
            results.append(turn)
            continue
        settle()
        ordered.append(turn)
        if turn.get("tool_calls"):
            places = {c["id"]: n for n, c in enumerate(turn["tool_calls"]) if c.get("id")}
    settle()
    return ordered


def with_ids(turns: Sequence[Row]) -> list[Row]:
    """Return turns in which every call has an id and every result names one; adds missing ids.

    Results without an id belong to the calls that have no result yet, in their order.
    """
    named, waiting, count = [], list[str](), 0
    for turn in turns:
        if turn.get("tool_calls"):
            calls = []
            for call in turn["tool_calls"]:
                count += 1
                calls.append({**call, "id": call.get("id") or f"call_{count}"})
            waiting = [call["id"] for call in calls]
            turn = {**turn, "tool_calls": calls}
        elif turn["role"] == "tool":
            name = turn.get("tool_call_id") or (waiting[0] if waiting else "")
            waiting = [other for other in waiting if other != name]
            turn = {**turn, "tool_call_id": name}
        named.append(turn)
    return named


def with_objects(calls: Sequence[Row]) -> list[Row]:
    """Return calls whose arguments are objects, where the text is the JSON of an object."""
    converted = []
    for call in calls:
        function = call.get("function")
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            arguments = _loaded(function["arguments"])
            if isinstance(arguments, dict):
                call = {**call, "function": {**function, "arguments": arguments}}
        converted.append(call)
    return converted


def _loaded(text: str) -> Any:
    """Return the value of a JSON text; an empty object for an empty text, None for invalid JSON."""
    try:
        return orjson.loads(text) if text.strip() else {}
    except orjson.JSONDecodeError:
        return None


def with_text(calls: Sequence[Row]) -> list[Row]:
    """Return calls whose arguments are JSON text."""
    return [
        {**call, "function": {**call["function"], "arguments": _text(call["function"])}}
        for call in calls
    ]


def _text(function: Row) -> str:
    arguments = function.get("arguments", {})
    return arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()


def call_problems(turns: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Yield the problems of a conversation's calls and results: codes and sentences.

    Arguments may be JSON text of an object or the object itself.
    """
    call_ids: set[str] = set()
    unanswered: list[str] = []
    calls_before = False
    for turn in turns:
        if turn.get("role") == "tool":
            name = turn.get("tool_call_id")
            if not calls_before:
                yield "result_without_call", "a tool answers that nobody called"
            elif name and call_ids and name not in call_ids:
                yield (
                    "dangling_tool_call_id",
                    f"a result names the call {name!r}, which is not there",
                )
            unanswered = [other for other in unanswered if other != name]
            continue
        if unanswered and call_ids:
            yield "call_without_result", f"the call {unanswered[0]!r} has no result"
        calls = turn.get("tool_calls") or []
        calls_before = bool(calls)
        ids = [call["id"] for call in calls if call.get("id")]
        call_ids, unanswered = set(ids), list(ids)
        if len(call_ids) < len(ids):
            yield "repeated_call_id", "two calls of a turn have the same id"
        for call in calls:
            yield from _problems(call)


def _problems(call: Row) -> Iterator[tuple[str, str]]:
    function = call.get("function")
    if not isinstance(function, dict) or not function.get("name"):
        yield "call_without_name", "a call names no function"
        return
    arguments = function.get("arguments", {})
    arguments = _loaded(arguments) if isinstance(arguments, str) else arguments
    if not isinstance(arguments, dict):
        yield "invalid_arguments", f"the arguments of {function['name']} are not a JSON object"
