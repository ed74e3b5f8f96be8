"""ShareGPT conversations, and LLaMA-Factory's reading of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from curation import formats
from curation.export.target import Problem, Row, Target, answered, json_array

_ODD, _EVEN = ("human", "observation"), ("gpt", "function_call")


def sharegpt_row(row: Row) -> Row | None:
    """An example as conversations with system and tools beside them; None where it cannot be one."""
    turns = answered(row)
    system = "\n\n".join(t["content"] or "" for t in turns if t["role"] == "system")
    made = formats.write(
        "sharegpt", orjson.dumps([t for t in turns if t["role"] != "system"]).decode(), row["label"]
    )
    spoken = [{"from": t["from"], "value": t["value"]} for t in made["conversations"]]
    if not spoken or any(not isinstance(t["value"], str) for t in spoken):
        return None
    metadata = orjson.loads(row["metadata"]) if row["metadata"] else {}
    tools = metadata.get("tools", "")
    return {
        "conversations": spoken,
        "system": system,
        "tools": tools if isinstance(tools, str) else orjson.dumps(tools).decode(),
    }


def check_sharegpt(rows: Iterable[Row]) -> list[Problem]:
    """Rows that LLaMA-Factory would drop with only a warning."""
    found = []
    for number, row in enumerate(rows, 1):
        spoken = row["conversations"]
        if len(spoken) % 2:
            found.append(
                Problem(number, "odd_turns", f"{len(spoken)} turns; their number must be even")
            )
        elif any(t["from"] not in (_EVEN if i % 2 else _ODD) for i, t in enumerate(spoken)):
            found.append(Problem(number, "turn_order", "human and gpt do not take turns"))
    return found


def _even(row: Row) -> Row | None:
    made = sharegpt_row(row)
    return made if made and not check_sharegpt([made]) else None


def _factory_extra(files: dict[str, str], facts: dict[str, Any]) -> dict[str, bytes]:
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
        f"{facts['name']}_{split}": {
            "file_name": name.rpartition("/")[2],
            "formatting": "sharegpt",
            "columns": columns,
            "tags": tags,
        }
        for split, name in files.items()
    }
    lines = [
        "### model: choose one, and the template that fits it",
        "model_name_or_path: Qwen/Qwen3-0.6B",
        "template: qwen3",
        "stage: sft",
        "do_train: true",
        "finetuning_type: lora",
        "dataset_dir: .",
        f"dataset: {facts['name']}_train",
    ]
    if "validation" in files:
        lines.append(f"eval_dataset: {facts['name']}_validation")
    lines += ["cutoff_len: 2048", "output_dir: model", ""]
    return {
        "llamafactory/dataset_info.json": orjson.dumps(info, option=orjson.OPT_INDENT_2) + b"\n",
        "llamafactory/train.yaml": "\n".join(lines).encode(),
    }


SHAREGPT = Target(
    "sharegpt",
    "ShareGPT",
    "A JSON array of {conversations: [{from, value}], system, tools}.",
    ".json",
    sharegpt_row,
    lambda rows: [],
    json_array,
)
LLAMAFACTORY = Target(
    "llamafactory",
    "LLaMA-Factory",
    "ShareGPT with dataset_info.json and a training file; only rows it would not drop.",
    ".json",
    _even,
    check_sharegpt,
    json_array,
    _factory_extra,
)
