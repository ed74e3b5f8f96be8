"""Language models: tokens per second, a fine-tuned SmolLM2, and noisy against cleaned examples.

python -m benchmarks training lm | lima | noisy [--data FOLDER] [--seeds N] [--out FILE]

lm      SmolLM2-135M on one thread by processor time, way by way
lima    SmolLM2-135M with LoRA on 200 rows of LIMA: held-out loss before and after, two answers
noisy   a small GPT from scratch on Alpaca with planted faults, and on the same rows without the
        planted ones, in equal tokens and with paired seeds: held-out loss

`noisy` writes each fit to --out as it ends, and goes on from there.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation.dataset import Message
from curation.training.intervals import paired
from curation.training.learners import Data, Outcome, Part, Point, Work, learner_of

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

POOL, HELD_OUT = 4_000, 300
"""Rows to train on, planted ones included; test rows, and as many for validation."""

PLANTED = (("swapped", 0.15), ("garbled", 0.15))
"""Faults and the share of the rows that get each."""

STEPS = 250

SMALL: dict[str, Any] = {
    "layers": 3,
    "width": 128,
    "vocabulary": 2_000,
    "rate": 3e-3,
    "samples": 0,
}


def conversations(path: Path, longest: int = 100_000) -> list[tuple[Message, ...]]:
    """Prompts and answers of a file of Alpaca's form, up to so many characters together."""
    rows = json.loads(path.read_text("utf-8"))
    pairs = [(f"{r['instruction']}\n{r['input']}".strip(), r["output"].strip()) for r in rows]
    return [
        (Message("user", prompt), Message("assistant", answer))
        for prompt, answer in pairs
        if answer and len(prompt) + len(answer) <= longest
    ]


def part(name: str, rows: Sequence[tuple[Message, ...]]) -> Part:
    """Conversations as a learner reads them."""
    ids = tuple(f"{name}{number}" for number in range(len(rows)))
    texts = tuple(turns[0].content or "" for turns in rows)
    return Part(ids, texts, messages=tuple(rows))


def fit(name: str, data: Data, seed: int, steps: int | None, **settings: Any) -> Outcome:
    """One fit in a temporary folder, its curve printed."""
    learner = learner_of(name)
    with tempfile.TemporaryDirectory() as folder:
        work = Work(seed, Path(folder), steps, report=print_point)
        outcome = learner.fit(data, work, **learner.check(settings))
    return outcome


def print_point(point: Point) -> None:
    """Print a measured point of the curve."""
    if point.validation_loss == point.validation_loss:
        print(f"  step {point.step}: validation {point.validation_loss:.3f}", flush=True)


# Tokens per second.


def speed(data: Path, _: argparse.Namespace) -> None:
    """Print a table of ways to compute SmolLM2, on one thread, by processor time."""
    import importlib.util

    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from curation.lm.losses import token_losses
    from curation.lm.models import BUNDLED, load_causal_lm

    torch.set_num_threads(1)
    loaded = load_causal_lm("")
    texts = [turns[1].content for turns in conversations(data / "sft" / "lima_train.json")]
    rows = [ids for ids in loaded.tokenizer(texts)["input_ids"] if len(ids) >= 256][:2]
    ids = torch.tensor([row[:256] for row in rows])
    halves = ids.clone()
    halves[:, :128] = -100  # an answer as long as its prompt
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    def forward(model: Any, labels: Any = None) -> Callable[[], None]:
        def run() -> None:
            with torch.inference_mode():
                if labels is None:
                    model(**inputs, use_cache=False)
                else:
                    token_losses(model, labels, **inputs)

        return run

    def training(model: Any, labels: Any) -> Callable[[], None]:
        def run() -> None:
            model.train()
            losses, _ = token_losses(model, labels, **inputs)
            losses.mean().backward()
            model.zero_grad()

        return run

    def as_trl(model: Any) -> Callable[[], None]:
        from trl.trainer.utils import add_fused_lm_head

        add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
        model.gradient_checkpointing_enable()

        def run() -> None:
            model.train()
            output = model(**inputs, labels=halves, fused_lm_head=True)
            (-output.log_probs.sum() / output.label_mask.sum()).backward()
            model.zero_grad()

        return run

    def row(title: str, run: Callable[[], None]) -> None:
        run()
        begin = time.process_time()
        run()
        speed = ids.numel() / (time.process_time() - begin)
        print(f"| {title} | {speed:.0f} |", flush=True)

    spec = importlib.util.find_spec(BUNDLED)
    assert spec is not None and spec.submodule_search_locations
    (gguf,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    print("| way | tokens/s on a core |\n|---|---:|")
    packed = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
    row("forward, the GGUF's packed weights", forward(packed))
    del packed
    model = loaded.model
    row("forward, float32", forward(model))
    row("forward, float32, logits of answers", forward(model, halves))
    with torch.autocast("cpu", torch.bfloat16):
        row("forward, bfloat16, logits of answers", forward(model, halves))
    row("all weights, loss of all tokens", training(model, ids))
    row("all weights, loss of answers", training(model, halves))
    lora = get_peft_model(model, LoraConfig(r=16, target_modules="all-linear"))
    row("LoRA, loss of all tokens", training(lora, ids))
    row("LoRA, loss of answers (the default)", training(lora, halves))
    few = get_peft_model(lora.unload(), LoraConfig(r=16, target_modules=["q_proj", "v_proj"]))
    row("LoRA on queries and values only", training(few, halves))
    row("all weights, as TRL does by itself", as_trl(few.unload()))


# A fine-tuned SmolLM2.


def lima(data: Path, _: argparse.Namespace) -> None:
    """Fine-tune SmolLM2 with LoRA on 200 rows of LIMA, and print losses, answers and costs."""
    rows = conversations(data / "sft" / "lima_train.json")
    random.Random(0).shuffle(rows)
    parts = Data(part("t", rows[:200]), part("v", rows[200:216]), part("h", rows[216:256]))
    started = time.monotonic(), time.process_time()
    outcome = fit("causal_lm", parts, 0, None, epochs=1, longest=256)
    minutes = (time.monotonic() - started[0]) / 60
    processor = (time.process_time() - started[1]) / 60
    assert outcome.losses is not None and outcome.tokens is not None
    assert outcome.losses_before is not None
    tokens, cost = outcome.tokens.sum(), outcome.cost
    before, after = outcome.losses_before.sum() / tokens, outcome.losses.sum() / tokens
    change = (outcome.losses - outcome.losses_before) / np.maximum(1, outcome.tokens)
    print(f"loss per token before {before:.3f}, after {after:.3f}; change {paired(change)}")
    print(f"lower on {(change < 0).sum()} of {len(change)} test examples; {cost}")
    print(f"{cost.tokens / cost.seconds:.0f} tokens/s in training; {minutes:.1f} minutes in all,")
    print(f"{processor:.1f} of the processor", *outcome.notes, sep="\n")
    for sample in outcome.samples:
        print(json.dumps(sample.__dict__, indent=1, ensure_ascii=False))


# Noisy against cleaned.


def planted(
    rows: Sequence[tuple[Message, ...]], seed: int
) -> tuple[list[tuple[Message, ...]], list[tuple[Message, ...]]]:
    """Rows with planted faults, and those of them that are as they were."""
    rng = random.Random(seed)
    order = list(range(len(rows)))
    rng.shuffle(order)
    counts = [int(share * len(rows)) for _, share in PLANTED]
    swapped, garbled = order[: counts[0]], order[counts[0] : sum(counts)]
    noisy = list(rows)
    for number, place in enumerate(swapped):
        noisy[place] = (rows[place][0], rows[swapped[number - 1]][1])
    for place in garbled:
        letters = [rng.sample(word, len(word)) for word in (rows[place][1].content or "").split()]
        answer = " ".join("".join(word) for word in letters)
        noisy[place] = (rows[place][0], Message("assistant", answer))
    return noisy, [rows[place] for place in sorted(order[sum(counts) :])]


def noisy(data: Path, options: argparse.Namespace) -> None:
    """Train small GPTs on noisy and on cleaned rows, and print the paired differences."""
    rows = conversations(data / "sft" / "alpaca_en_52k.json", longest=600)
    random.Random(0).shuffle(rows)
    test, validation = (part(n, rows[i * HELD_OUT :][:HELD_OUT]) for i, n in enumerate("hv"))
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    for seed in range(options.seeds):
        draw = random.Random(seed + 1).sample(rows[2 * HELD_OUT :], POOL)
        for name, train in zip(("noisy", "cleaned"), planted(draw, seed), strict=True):
            if f"{name} {seed}" in results:
                continue
            print(f"{name} {seed}: {len(train)} rows", flush=True)
            begin = time.process_time()
            outcome = fit(
                "small_gpt", Data(part("t", train), validation, test), seed, STEPS, **SMALL
            )
            assert outcome.losses is not None and outcome.tokens is not None
            results[f"{name} {seed}"] = {
                "loss": outcome.losses.sum() / outcome.tokens.sum(),
                "tokens": outcome.cost.tokens,
                "parameters": outcome.cost.parameters,
                "processor_seconds": time.process_time() - begin,
            }
            print(results[f"{name} {seed}"], flush=True)
            options.out.write_text(json.dumps(results, indent=1))
    print("| seed | noisy | cleaned | noisy − cleaned |\n|---:|---:|---:|---:|")
    pairs = []
    for seed in range(options.seeds):
        pair = [results[f"{name} {seed}"]["loss"] for name in ("noisy", "cleaned")]
        pairs.append(pair[0] - pair[1])
        print(f"| {seed} | {pair[0]:.3f} | {pair[1]:.3f} | {pairs[-1]:+.3f} |")
    print(paired(pairs))


def main() -> None:
    """Run one of them."""
    ways = {"lm": speed, "lima": lima, "noisy": noisy}
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=ways)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("noisy.json"))
    options = parser.parse_args()
    ways[options.name](options.data, options)


if __name__ == "__main__":
    main()
