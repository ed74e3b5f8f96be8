"""ShareGPT conversations."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from curation.dataset import ID
from curation.export.delivery_format import DeliveryFormat, Problem, Row, chat_turns, json_array
from curation.export.parts import NotHeld, media_of

SPEAKERS = {"user": "human", "assistant": "gpt", "tool": "observation"}

PLACES = frozenset({"tool_calls", "fine_numbers", "reasoning_content", "tools"})


def sharegpt_row(row: Row) -> Row:
    """Make {conversations, system, tools}; raises NotHeld for an example without turns."""
    turns = [turn for turn in row["turns"] if turn["role"] != "system"]
    if not turns:
        raise NotHeld("no_turns", "there is no turn in it")
    system = [turn["content"] or "" for turn in row["turns"] if turn["role"] == "system"]
    tools = [bare(tool) for tool in row["tools"]]
    return {
        ID: row["id"],
        "conversations": conversation(turns),
        "system": "\n\n".join(system),
        "tools": orjson.dumps(tools).decode() if tools else "",
    }


def conversation(turns: list[Row]) -> list[Row]:
    """Return turns as {from, value}; results of parallel calls are one observation, a JSON array."""
    records: list[Row] = []
    results: list[str] = []
    for turn in [*chat_turns(turns), None]:
        if turn and turn["role"] == "tool":
            results.append(turn["content"] or "")
            continue
        if results:
            value = results[0] if len(results) == 1 else orjson.dumps(results).decode()
            records.append({"from": SPEAKERS["tool"], "value": value})
            results = []
        if turn:
            records.append(_record(turn))
    return records


def _record(turn: Row) -> Row:
    """Return a turn as {from, value}, with reasoning before the answer as LLaMA-Factory reads it."""
    reasoning = turn.get("reasoning_content")
    before = f"<think>\n{reasoning}\n</think>\n\n" if reasoning else ""
    calls = turn.get("tool_calls")
    if not calls:
        if turn["role"] not in SPEAKERS:
            raise NotHeld("unrecognized_role", f"there is no speaker {turn['role']!r}")
        if turn["content"] is None:
            raise NotHeld("missing_content", "a turn says nothing")
        return {"from": SPEAKERS[turn["role"]], "value": before + turn["content"]}
    if turn["content"]:
        raise NotHeld("words_beside_call", "words stand beside a call")
    if not all(isinstance(call.get("function"), dict) for call in calls):
        raise NotHeld("call_without_name", "a call names no function")
    functions = [_call(call["function"]) for call in calls]
    value = functions if len(functions) > 1 else functions[0]
    return {"from": "function_call", "value": before + orjson.dumps(value).decode()}


def _call(function: Row) -> Row:
    arguments = function.get("arguments", {})
    if not isinstance(arguments, dict):
        raise NotHeld("invalid_arguments", "the arguments of a call are not a JSON object")
    if not function.get("name"):
        raise NotHeld("call_without_name", "a call names no function")
    return {"name": function["name"], "arguments": arguments}


def bare(tool: Row) -> Row:
    """Return a tool as {name, description, parameters}, with the keys that trainers need."""
    function = tool.get("function") if isinstance(tool.get("function"), dict) else tool
    assert isinstance(function, dict)
    given = function.get("parameters")
    schema = given if isinstance(given, dict) else {}
    parameters = {"type": "object", "properties": {}, **schema}
    return {"description": "", **function, "parameters": parameters}


def check_sharegpt(rows: Iterable[Row]) -> list[Problem]:
    """Return problems for empty turns."""
    return [
        Problem(number, "missing_content", "a turn says nothing")
        for number, row in enumerate(rows, 1)
        if not row["conversations"] or any(not t["value"].strip() for t in row["conversations"])
    ]


def images_of(row: Row) -> list[str]:
    """Return the references to an example's images, in the order of `<image>` in its text."""
    media = media_of(row)
    if media.keys() - {"images"}:
        raise NotHeld("media", "it holds media that are no images")
    return media.get("images", [])


SHAREGPT = DeliveryFormat(
    "sharegpt",
    "ShareGPT",
    "A JSON array of {conversations: [{from, value}], system, tools}.",
    ".json",
    PLACES,
    sharegpt_row,
    check_sharegpt,
    json_array,
)
