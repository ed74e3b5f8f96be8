"""Texts per second of each backend, beside sentence-transformers' defaults, on the same texts.

python -m benchmarks embedding alpaca_en_52k.json [--texts 2048] [--one-core]

All backends take turns on slices of the texts, so that other work on the machine slows all alike.
The share of the peak is what the texts need by count of operations, over what plain matrix products
of the model's own size reach in the same precision, measured in the same turns. With --one-core
every backend has one core, and the time that the processor spent counts, which a busy machine
changes little.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation import Project
from curation.embedding import bundled_folder, load_encoder, tokenizer_of
from curation.embedding.backends import SUPERSEDED, backends
from curation.embedding.benchmark import WORTH_IT, fastest, measurements
from curation.embedding.models import load_model, title_of
from curation.embedding.static import SAMPLE, STATIC, agreement

SLICE = 256
DEFAULTS = "sentence-transformers, defaults"
LAYERS, WIDTH, INNER = 6, 384, 1_536
"""Of all-MiniLM-L6-v2."""


def operations(tokens: np.ndarray) -> float:
    """Floating-point operations of the model's matrix products, padding not counted.

    Two for each weight and token (query, key, value, output, and the two of the inner layer), and
    for attention two products of the length squared by the width.
    """
    weights = 4 * WIDTH**2 + 2 * WIDTH * INNER
    return float((LAYERS * (2 * weights * tokens + 4 * WIDTH * tokens**2)).sum())


def product(precision: str, clock: Callable[[], float]) -> Callable[[], float]:
    """A function that multiplies for a fifth of a second: operations per second."""
    import torch

    kind = getattr(torch, precision)
    inner = torch.nn.Linear(WIDTH, INNER, bias=False).to(kind)
    rows = torch.randn(2_560, WIDTH).to(kind)

    def rate() -> float:
        begin, done = clock(), 0
        with torch.inference_mode():
            while clock() - begin < 0.2:
                inner(rows)
                done += 2 * len(rows) * WIDTH * INNER
        return done / (clock() - begin)

    return rate


def contestants(model: Any) -> dict[str, Callable[[Sequence[str]], np.ndarray]]:
    """The defaults, each backend of the benchmark, and static embeddings, by name."""
    encoders = {DEFAULTS: lambda texts: model.encode(list(texts), normalize_embeddings=True)}
    for name, prepare in backends().items():
        if name not in SUPERSEDED and name != "torch-float32":  # which the defaults use
            try:
                encode = prepare(load_model())
                encode(["one text"])
            except RuntimeError:
                print(f"{name} cannot be used on this processor.")
                continue
            encoders[name] = encode
    encoders[STATIC] = load_encoder(backend=STATIC).encode
    return encoders


def texts_of(file: Path, count: int) -> list[str]:
    """Prompt and response of rows drawn at random."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project.create(Path(folder) / "p")
        project.add(file)
        rows = project.examples.rows.sample(count, random_state=0)
    return [f"{p}\n\n{r}" for p, r in zip(rows["prompt"], rows["response"], strict=True)]


def main() -> None:
    """Print a Markdown table of rates, ratios and agreement, then which backend is chosen."""
    import torch
    from sentence_transformers import SentenceTransformer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--texts", type=int, default=2_048)
    parser.add_argument("--one-core", action="store_true")
    arguments = parser.parse_args()
    clock = time.perf_counter
    if arguments.one_core:
        torch.set_num_threads(1)
        clock = time.process_time
    texts = texts_of(arguments.file, arguments.texts)
    tokens = np.array([len(ids) + 2 for ids in tokenizer_of().ids(texts)])
    encoders = contestants(SentenceTransformer(str(bundled_folder()), device="cpu"))
    peaks = {p: product(p, clock) for p in ("float32", "bfloat16")}
    spent, vectors, reached = defaultdict(float), defaultdict(list), defaultdict(list)
    for name, encode in encoders.items():
        encode(texts[:SLICE] if name.startswith("openvino") else texts[:16])
    for turn, start in enumerate(range(0, len(texts), SLICE)):
        names = list(encoders)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            begin = clock()
            vectors[name].append(encoders[name](texts[start : start + SLICE]))
            spent[name] += clock() - begin
        for precision, rate in peaks.items():
            reached[precision].append(rate())
    whole = {name: np.concatenate(parts) for name, parts in vectors.items()}
    peak = {precision: float(np.mean(rates)) for precision, rates in reached.items()}
    report(whole, spent, peak, tokens, 1 if arguments.one_core else os.cpu_count() or 1)
    if not arguments.one_core:
        report_choice()


def report(
    vectors: dict[str, np.ndarray],
    spent: dict[str, float],
    peak: dict[str, float],
    tokens: np.ndarray,
    cores: int,
) -> None:
    """Print the table."""
    count, reference, work = len(tokens), vectors[DEFAULTS], operations(tokens)
    print(f"{count:,} texts, {cores} cores; tokens: median {np.median(tokens):.0f}, ", end="")
    print(
        f"mean {tokens.mean():.0f}; {work / count / 1e9:.2f} GFLOP a text; matrix products reach "
    )
    print(", ".join(f"{rate / 1e9:.0f} GFLOP/s in {p}" for p, rate in peak.items()) + ".\n")
    print(
        "| backend | texts/s | times the defaults | share of the peak | least cosine | same top-10 |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    for name, own in vectors.items():
        share, least = "", ""
        if name != STATIC:
            precision = "bfloat16" if name.endswith("bfloat16") else "float32"
            share = f"{work / spent[name] / peak[precision]:.0%}"
            least = f"{(own * reference).sum(axis=1).min():.5f}"
        print(
            f"| {name} | {count / spent[name]:,.0f} | {spent[DEFAULTS] / spent[name]:.1f} | {share} "
            f"| {least} | {agreement(own, reference):.1%} |"
        )
    some = agreement(vectors[STATIC][:SAMPLE], reference[:SAMPLE])
    print(f"\nAmong the first {SAMPLE} texts alone static embeddings agree on {some:.1%}.")


def report_choice() -> None:
    """Print what the benchmark measured on this machine, and its choice."""
    results = measurements(title_of(""), load_model())
    rates = ", ".join(f"{r.backend} {r.texts_per_second:.0f} ({r.similarity:.5f})" for r in results)
    print(f"Backends, texts/s (least cosine): {rates}.")
    print(
        f"Chosen: {fastest(results)}, faster than plainer ones by a factor of {WORTH_IT} or more."
    )


if __name__ == "__main__":
    main()
