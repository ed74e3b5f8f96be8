"""Axolotl: chat template."""

from __future__ import annotations

from typing import Any

from curation.export.target import Row, Target, answered, check_turns, plain_turns


def _row(row: Row) -> Row | None:
    turns = plain_turns(answered(row))
    return {"messages": turns} if turns else None


def _extra(files: dict[str, str], facts: dict[str, Any]) -> dict[str, bytes]:
    def entry(name: str) -> str:
        return (
            f"  - path: {name.rpartition('/')[2]}\n    ds_type: json\n    split: train\n    type: chat_template\n"
            "    field_messages: messages\n    message_property_mappings:\n      role: role\n      content: content\n"
            '    roles_to_train: ["assistant"]\n'
        )

    text = "base_model: Qwen/Qwen3-0.6B\nchat_template: tokenizer_default\ndatasets:\n" + entry(
        files.get("train", "")
    )
    if "validation" in files:
        text += "test_datasets:\n" + entry(files["validation"])
    return {"axolotl/axolotl.yaml": (text + "output_dir: ./model\n").encode()}


TARGET = Target(
    "axolotl",
    "Axolotl",
    "JSON Lines of {messages} with a configuration for type chat_template.",
    ".jsonl",
    _row,
    check_turns,
    extra=_extra,
)
