"""Axolotl: chat template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import yaml

from curation.chat.calls import with_text
from curation.dataset import ID
from curation.export.delivery_format import (
    DeliveryFormat,
    Problem,
    Row,
    chat_turns,
    check_turns,
    jsonl,
)
from curation.export.parts import NotHeld


def _row(row: Row) -> Row:
    """Make {messages, tools}; values whose keys differ from row to row are JSON text."""
    if not row["turns"]:
        raise NotHeld("no_turns", "there is no turn in it")
    turns = []
    for turn in chat_turns(row["turns"]):
        if "weight" in turn:
            turn["training"] = bool(turn.pop("weight"))
        if turn.get("tool_calls"):
            turn["tool_calls"] = with_text(turn["tool_calls"])
        turns.append(turn)
    record: Row = {ID: row["id"], "messages": turns}
    return {**record, "tools": [_tool(tool) for tool in row["tools"]]} if row["tools"] else record


def _tool(tool: Row) -> Row:
    function = dict(tool.get("function") or {})
    if "parameters" in function:
        function["parameters"] = orjson.dumps(function["parameters"]).decode()
    return {**tool, "function": function}


def _check(rows: Iterable[Row]) -> list[Problem]:
    """Return problems of turns, and of tools that Axolotl could not read."""
    listed = list(rows)
    why = "tools, or the parameters of one, are not the list or the JSON text that Axolotl reads"
    return [
        *check_turns(listed),
        *(
            Problem(number, "invalid_tools", why)
            for number, row in enumerate(listed, 1)
            if not _are_tools(row.get("tools"))
        ),
    ]


def _are_tools(value: Any) -> bool:
    """Return whether Axolotl reads a value as tools: a list or its JSON text, with JSON in texts."""
    try:
        tools = orjson.loads(value) if isinstance(value, str) else value
        functions = [t.get("function") or {} for t in tools or () if isinstance(t, dict)]
        for function in functions:
            if isinstance(parameters := function.get("parameters"), str):
                orjson.loads(parameters)
    except (orjson.JSONDecodeError, AttributeError):
        return False
    return isinstance(tools, list | None)


def _entry(file: str) -> dict[str, Any]:
    return {
        "path": file.rpartition("/")[2],
        "ds_type": "json",
        "split": "train",  # the name that `datasets` gives to a single file's rows
        "type": "chat_template",
        "field_messages": "messages",
        "message_property_mappings": {
            "role": "role",
            "content": "content",
            "reasoning_content": "reasoning_content",
        },
        "field_thinking": "reasoning_content",
        "template_thinking_key": "reasoning_content",
        "message_field_training": "training",
        "roles_to_train": ["assistant"],
    }


def _extra(files: Mapping[str, Sequence[str]], facts: Mapping[str, Any]) -> dict[str, bytes]:
    settings: dict[str, Any] = {
        "base_model": "Qwen/Qwen3-0.6B",
        "chat_template": "tokenizer_default",
        "datasets": [_entry(file) for file in files["train"]],
    }
    if "validation" in files:  # never with val_set_size, which would split at random
        settings["test_datasets"] = [_entry(file) for file in files["validation"]]
    text = yaml.safe_dump({**settings, "output_dir": "./model"}, sort_keys=False)
    return {"axolotl/axolotl.yaml": f"# Run in this folder; choose a model.\n{text}".encode()}


FORMAT = DeliveryFormat(
    "axolotl",
    "Axolotl",
    "JSON Lines of {messages} with a configuration for type chat_template; reasoning and loss "
    "masks included.",
    ".jsonl",
    frozenset(
        {
            "name",
            "tool_calls",
            "call_ids",
            "fine_numbers",
            "reasoning_content",
            "weight",
            "weight_of_others",
            "tools",
        }
    ),
    _row,
    _check,
    jsonl,
    leads=True,
    extra=_extra,
)
