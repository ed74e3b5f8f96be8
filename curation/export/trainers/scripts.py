"""The scripts that train on a delivery with TRL.

Guarantee: the loss is on answers only, with every chat template.
"""

from __future__ import annotations

HEAD = '''"""Fine-tune on this delivery with TRL. The loss is on answers only."""

import argparse
from pathlib import Path

import torch
@IMPORTS@FILES = "FILES"

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", default="Qwen/Qwen3-0.6B", help="a folder or a name on the Hub")
parser.add_argument("--output", default="model", help="the folder of the trained model")
parser.add_argument("--steps", type=int, default=-1, help="steps; -1 for three epochs")
options = parser.parse_args()
half = torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def read(split: str) -> Dataset | None:
    """Return the examples of one split, or None where the delivery has none of it."""
    files = [str(Path(__file__).parent / name) for name in FILES.get(split, [])]
    return load_dataset("json", data_files=files, split="train") if files else None

'''
"""The part that all scripts share; the word FILES stands where the names of the files come."""

MESSAGES = (
    HEAD.replace(
        "@IMPORTS@",
        """from datasets import Dataset, load_dataset
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer
from trl.chat_template_utils import has_generation_markers
""",
    )
    + '''
def by_answer(batch: dict) -> dict:
    """Make a row of each answer: the turns before it are its prompt."""
    rows = {"prompt": [], "completion": [], "tools": []}
    for number, messages in enumerate(batch["messages"]):
        for place, turn in enumerate(messages):
            if place and turn["role"] == "assistant":
                rows["prompt"].append(messages[:place])
                rows["completion"].append([turn])
                rows["tools"].append(batch["tools"][number] if "tools" in batch else None)
    return rows


# A chat template that marks its answers masks all else. With any other, each answer is a completion.
tokenizer = AutoTokenizer.from_pretrained(options.model)
marked = has_generation_markers(tokenizer.chat_template or "")
data = {split: read(split) for split in ("train", "validation")}
if not marked:
    data = {
        split: rows and rows.map(by_answer, batched=True, remove_columns=rows.column_names)
        for split, rows in data.items()
    }

trainer = SFTTrainer(
    model=options.model,
    processing_class=tokenizer,
    args=SFTConfig(
        output_dir=options.output,
        max_steps=options.steps,
        assistant_only_loss=marked,
        bf16=half,
    ),
    train_dataset=data["train"],
    eval_dataset=data["validation"],
)
trainer.train()
trainer.save_model()
'''
)
"""Script for {messages}."""


def _plain(trainer: str) -> str:
    """Return the script of a trainer that needs no change of the records."""
    return (
        HEAD.replace(
            "@IMPORTS@",
            f"from datasets import Dataset, load_dataset\nfrom trl import {trainer}Config, {trainer}Trainer\n",
        )
        + f"""
trainer = {trainer}Trainer(
    model=options.model,
    args={trainer}Config(output_dir=options.output, max_steps=options.steps, bf16=half),
    train_dataset=read("train"),
    eval_dataset=read("validation"),
)
trainer.train()
trainer.save_model()
"""
    )


COMPLETIONS, PAIRS, LABELLED = map(_plain, ("SFT", "DPO", "KTO"))
"""Scripts for {prompt, completion}, {prompt, chosen, rejected} and {prompt, completion, label}."""
