"""TRL: messages, or text for a text that is learnt by heart."""

from __future__ import annotations

from typing import Any

from curation.export.target import Row, Target, answered, check_turns, plain_turns


def _row(row: Row) -> Row | None:
    turns = plain_turns(answered(row))
    return {"messages": turns} if turns else None


def _extra(files: dict[str, str], facts: dict[str, Any]) -> dict[str, bytes]:
    listed = "\n".join(f'    "{split}": "{name}",' for split, name in files.items())
    evaluated = '\n    eval_dataset=data["validation"],' if "validation" in files else ""
    text = f"""\"\"\"Fine-tune on this delivery with TRL. Choose a model whose chat template fits.\"\"\"

from datasets import load_dataset
from trl import SFTConfig, SFTTrainer

data = load_dataset("json", data_files={{
{listed}
}})
trainer = SFTTrainer(
    model="Qwen/Qwen3-0.6B",
    # assistant_only_loss needs a chat template with {{% generation %}}.
    args=SFTConfig(output_dir="model", assistant_only_loss=False),
    train_dataset=data["train"],{evaluated}
)
trainer.train()
"""
    return {"trl/train.py": text.encode()}


TARGET = Target(
    "trl",
    "TRL (messages)",
    "JSON Lines of {messages}, for SFTTrainer; a label becomes the answer to its text.",
    ".jsonl",
    _row,
    check_turns,
    extra=_extra,
)
