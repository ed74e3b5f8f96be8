"""ShareGPT conversations, and LLaMA-Factory's reading of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
import yaml

from curation.export.target import Problem, Row, Target, answered, json_array, tools_of

SPEAKERS = {"user": "human", "assistant": "gpt", "tool": "observation"}
_ODD, _EVEN = ("human", "observation"), ("gpt", "function_call")


def sharegpt_row(row: Row) -> Row | None:
    """An example as conversations with system and tools beside them; None where it cannot be one."""
    turns = answered(row)
    system = "\n\n".join(t["content"] or "" for t in turns if t["role"] == "system")
    spoken = [_said(t) for t in turns if t["role"] != "system"]
    if not spoken or None in spoken:
        return None
    tools = tools_of(row)
    return {
        "conversations": spoken,
        "system": system,
        "tools": orjson.dumps(tools).decode() if tools else "",
    }


def _said(turn: Row) -> Row | None:
    """A turn as {from, value}; None for an unknown speaker, or a call that has no place there.

    That is one that also says something, or one without a function.
    """
    calls = turn.get("tool_calls")
    if not calls:
        if turn["role"] not in SPEAKERS or turn["content"] is None:
            return None
        return {"from": SPEAKERS[turn["role"]], "value": turn["content"]}
    if turn["content"] or not all(isinstance(call.get("function"), dict) for call in calls):
        return None
    functions = [_call(call["function"]) for call in calls]
    value = functions if len(functions) > 1 else functions[0]
    return {"from": "function_call", "value": orjson.dumps(value).decode()}


def _call(function: Row) -> Row:
    arguments = function.get("arguments", "")
    try:
        arguments = orjson.loads(arguments) if isinstance(arguments, str) else arguments
    except orjson.JSONDecodeError:
        pass  # it stays the text that it is
    return {"name": function.get("name", ""), "arguments": arguments}


def check_sharegpt(rows: Iterable[Row]) -> list[Problem]:
    """Turns that say nothing."""
    return [
        Problem(number, "missing_content", "a turn says nothing")
        for number, row in enumerate(rows, 1)
        if not row["conversations"] or any(not t["value"].strip() for t in row["conversations"])
    ]


def check_factory(rows: Iterable[Row]) -> list[Problem]:
    """Rows that LLaMA-Factory would drop with only a warning, and turns that say nothing."""
    listed = list(rows)
    found = check_sharegpt(listed)
    for number, row in enumerate(listed, 1):
        spoken = row["conversations"]
        if len(spoken) % 2:
            found.append(
                Problem(number, "odd_turns", f"{len(spoken)} turns; their number must be even")
            )
        elif any(t["from"] not in (_EVEN if i % 2 else _ODD) for i, t in enumerate(spoken)):
            found.append(Problem(number, "turn_order", "human and gpt do not take turns"))
    return found


def _factory_row(row: Row) -> Row | None:
    made = sharegpt_row(row)
    dropped = {"odd_turns", "turn_order"}
    return made if made and not dropped & {p.code for p in check_factory([made])} else None


def _factory_extra(files: dict[str, str], facts: dict[str, Any]) -> dict[str, bytes]:
    # Once columns or tags are given, whatever is left out becomes None instead of its default.
    tags = {
        "role_tag": "from",
        "content_tag": "value",
        "user_tag": "human",
        "assistant_tag": "gpt",
        "observation_tag": "observation",
        "function_tag": "function_call",
        "system_tag": "system",
    }
    columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    info = {
        f"{facts['slug']}_{split}": {
            "file_name": name.rpartition("/")[2],
            "formatting": "sharegpt",
            "columns": columns,
            "tags": tags,
        }
        for split, name in files.items()
    }
    settings = {
        "model_name_or_path": "Qwen/Qwen3-0.6B",
        "template": "qwen3",
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "dataset_dir": ".",
        "dataset": f"{facts['slug']}_train",
    }
    if "validation" in files:  # never with val_size, which would split at random
        settings["eval_dataset"] = f"{facts['slug']}_validation"
    text = yaml.safe_dump(
        {**settings, "cutoff_len": 2048, "output_dir": "model"}, sort_keys=False, allow_unicode=True
    )
    head = "# Run in this folder; choose a model, and the template that fits it.\n"
    return {
        "llamafactory/dataset_info.json": orjson.dumps(info, option=orjson.OPT_INDENT_2) + b"\n",
        "llamafactory/train.yaml": (head + text).encode(),
    }


SHAREGPT = Target(
    "sharegpt",
    "ShareGPT",
    "A JSON array of {conversations: [{from, value}], system, tools}.",
    ".json",
    sharegpt_row,
    check_sharegpt,
    json_array,
)
LLAMAFACTORY = Target(
    "llamafactory",
    "LLaMA-Factory",
    "ShareGPT with dataset_info.json and a training file; only rows it would not drop.",
    ".json",
    _factory_row,
    check_factory,
    json_array,
    _factory_extra,
)
