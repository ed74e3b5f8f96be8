"""TRL: conversations for SFTTrainer."""

from __future__ import annotations

from typing import Any

from curation.export.target import Target, chat, check_turns, widest_first


def _extra(files: dict[str, str], facts: dict[str, Any]) -> dict[str, bytes]:
    evaluated = '\n    eval_dataset=read("validation"),' if "validation" in files else ""
    text = f"""\"\"\"Fine-tune on this delivery with TRL. Choose a model whose chat template fits.\"\"\"

from pathlib import Path

from datasets import Dataset, load_dataset
from trl import SFTConfig, SFTTrainer


def read(split: str) -> Dataset:
    \"\"\"The examples of one split.\"\"\"
    file = Path(__file__).parent / f"{{split}}.jsonl"
    return load_dataset("json", data_files=str(file), split="train")


trainer = SFTTrainer(
    model="Qwen/Qwen3-0.6B",
    # assistant_only_loss needs a chat template with {{% generation %}}.
    args=SFTConfig(output_dir="model", assistant_only_loss=False),
    train_dataset=read("train"),{evaluated}
)
trainer.train()
"""
    return {"trl/train.py": text.encode()}


TARGET = Target(
    "trl",
    "TRL (messages)",
    "JSON Lines of {messages}, for SFTTrainer; a label becomes the answer to its text.",
    ".jsonl",
    chat,
    check_turns,
    widest_first,
    _extra,
)
