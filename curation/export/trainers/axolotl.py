"""Axolotl: chat template."""

from __future__ import annotations

from typing import Any

import yaml

from curation.export.target import Target, chat, check_turns, widest_first


def _entry(file: str) -> dict[str, Any]:
    return {
        "path": file.rpartition("/")[2],
        "ds_type": "json",
        "split": "train",  # what `datasets` calls the rows of a single file
        "type": "chat_template",
        "field_messages": "messages",
        "message_property_mappings": {"role": "role", "content": "content"},
        "roles_to_train": ["assistant"],
    }


def _extra(files: dict[str, str], facts: dict[str, Any]) -> dict[str, bytes]:
    settings: dict[str, Any] = {
        "base_model": "Qwen/Qwen3-0.6B",
        "chat_template": "tokenizer_default",
        "datasets": [_entry(files["train"])],
    }
    if "validation" in files:  # never with val_set_size, which would split at random
        settings["test_datasets"] = [_entry(files["validation"])]
    text = yaml.safe_dump({**settings, "output_dir": "./model"}, sort_keys=False)
    return {"axolotl/axolotl.yaml": f"# Run in this folder; choose a model.\n{text}".encode()}


TARGET = Target(
    "axolotl",
    "Axolotl",
    "JSON Lines of {messages} with a configuration for type chat_template.",
    ".jsonl",
    chat,
    check_turns,
    widest_first,
    _extra,
)
