"""TRL: conversations for SFTTrainer, pairs of answers for DPOTrainer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from curation.dataset import ID
from curation.export.delivery_format import (
    DeliveryFormat,
    Problem,
    Row,
    chat,
    chat_turns,
    check_turns,
    jsonl,
    row_problems,
    widest_first,
)
from curation.export.preference import pair
from curation.export.rendering import survey

PLACES = frozenset({"name", "tool_calls", "call_ids", "reasoning_content", "tools"})


def _preference_row(row: Row) -> Row:
    prompt, chosen, rejected = pair(row)
    record: Row = {
        ID: row["id"],
        "prompt": chat_turns(prompt),
        "chosen": chat_turns(chosen),
        "rejected": chat_turns(rejected),
    }
    return {**record, "tools": orjson.dumps(row["tools"]).decode()} if row["tools"] else record


def _check_preference(rows: Iterable[Row]) -> list[Problem]:
    return [
        Problem(number, code, message)
        for number, row in enumerate(rows, 1)
        for side in ("chosen", "rejected")
        for code, message in row_problems({"messages": [*row["prompt"], *row[side]]})
    ]


def _extra(name: str, trainer: str, settings: str) -> Callable[..., dict[str, bytes]]:
    def extra(files: dict[str, str], facts: dict[str, Any]) -> dict[str, bytes]:
        evaluated = '\n    eval_dataset=read("validation"),' if "validation" in files else ""
        text = f"""\"\"\"Fine-tune on this delivery with TRL. Choose a model whose chat template fits.\"\"\"

from pathlib import Path

from datasets import Dataset, load_dataset
from trl import {trainer}Config, {trainer}Trainer


def read(split: str) -> Dataset:
    \"\"\"The examples of one split.\"\"\"
    file = Path(__file__).parent / f"{{split}}.jsonl"
    return load_dataset("json", data_files=str(file), split="train")


trainer = {trainer}Trainer(
    model="Qwen/Qwen3-0.6B",{settings}
    train_dataset=read("train"),{evaluated}
)
trainer.train()
"""
        return {f"{name}/train.py": text.encode()}

    return extra


FORMAT = DeliveryFormat(
    "trl",
    "TRL (messages)",
    "JSON Lines of {messages}, for SFTTrainer; a label becomes the answer to its text.",
    ".jsonl",
    PLACES,
    chat,
    check_turns,
    widest_first,
    jsonl,
    _extra(
        "trl",
        "SFT",
        """
    # assistant_only_loss needs a chat template with {% generation %}.
    args=SFTConfig(output_dir="model", assistant_only_loss=False),""",
    ),
    examine=survey,
)
PREFERENCE = DeliveryFormat(
    "trl-preference",
    "TRL (preferences)",
    "JSON Lines of {prompt, chosen, rejected}, for DPOTrainer.",
    ".jsonl",
    PLACES | {"rejected"},
    _preference_row,
    _check_preference,
    widest_first,
    jsonl,
    _extra(
        "trl-preference",
        "DPO",
        """
    args=DPOConfig(output_dir="model"),""",
    ),
)
