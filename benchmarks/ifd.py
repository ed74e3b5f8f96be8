"""IFD and perplexity: speed, memory, their relation to length, and garbled answers found by them.

python -m benchmarks ifd [--data FOLDER] [--rows N] [--store FOLDER] {ngrams,model} [NAME…]

The rows are drawn with seed 0; `--rows 0` takes all. `model` is the bundled SmolLM2, whose readings stay
in the folder of `--store`, so that a run that was ended goes on. `--garbled` plants each kind of damage in
100 answers, drawn with seed 0, and reports ROC AUC by perplexity.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from curation.dataset import Message, dump_messages, silent
from curation.embedding import VectorStore
from curation.registry import operation

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = {
    "LIMA": "sft/lima_train.json",
    "Dolly": "sft/dolly_train_sdft.json",
    "Alpaca": "sft/alpaca_en_52k.json",
    "Alpaca zh": "zh/alpaca_zh_machine_10k.json",
}
LONGEST = 0.05
"""Share of the rows that is compared: the highest scores with the longest answers."""

PLANTED = 100


def drawn(path: Path, count: int) -> list[tuple[str, str]]:
    """Prompts with answers, neither of them empty; drawn with seed 0 where there are more."""
    records = json.loads(path.read_text("utf-8"))
    pairs = [
        ("\n\n".join(filter(None, (record["instruction"], record["input"]))), record["output"])
        for record in records
    ]
    pairs = [pair for pair in pairs if pair[0].strip() and pair[1].strip()]
    order = np.random.default_rng(0).permutation(len(pairs))
    return [pairs[i] for i in (order[:count] if count else order)]


def scored(pairs: list[tuple[str, str]], by: str, store: VectorStore) -> pd.DataFrame:
    """The scores of some pairs, with the number of characters of each answer."""
    turns = [(Message("user", prompt), Message("assistant", answer)) for prompt, answer in pairs]
    rows = pd.DataFrame({"messages": [dump_messages(pair) for pair in turns]}, dtype="str")
    rows = rows.assign(tools="", rejected="", response=[answer for _, answer in pairs])
    begin, spent = time.perf_counter(), time.process_time()
    before = store.computed
    frame = operation("ifd").run(rows, store, silent, by=by)
    frame.columns = frame.columns.str.removesuffix(f"_{by}")
    frame.attrs["seconds"] = time.perf_counter() - begin
    frame.attrs["spent"] = time.process_time() - spent
    frame.attrs["computed"] = store.computed - before
    return frame.assign(length=rows["response"].str.len())


def highest(values: pd.Series, share: float = LONGEST) -> set[int]:
    """Positions of the highest values."""
    return set(np.argsort(-values.to_numpy(), kind="stable")[: round(share * len(values))])


def measured(name: str, data: Path, count: int, by: str, store: VectorStore) -> str:
    """A row of the table on speed and length."""
    frame = scored(drawn(data / SETS[name], count), by, store)
    frame = frame[frame["ifd"].notna()]
    long = highest(frame["length"])
    shares = [len(highest(frame[score]) & long) / len(long) for score in ("ifd", "perplexity")]
    rho = [frame[score].corr(frame["length"], method="spearman") for score in ("ifd", "perplexity")]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rate = len(frame) / frame.attrs["seconds"]
    return (
        f"| {name} | {by} | {len(frame):,} | {frame['ifd'].median():.2f} "
        f"| {frame['perplexity'].median():.1f} | {rho[0]:.2f} | {rho[1]:.2f} | {shares[0]:.0%} "
        f"| {shares[1]:.0%} | {int((frame['cut'] > 0).sum())} | {frame.attrs['computed']:,} "
        f"| {frame.attrs['spent']:.0f} | {rate:.1f} | {memory:.1f} |"
    )


def _letters_mixed(text: str, draw: random.Random) -> str:
    words = text.split(" ")
    return " ".join("".join(draw.sample(word, len(word))) for word in words)


def _words_mixed(text: str, draw: random.Random) -> str:
    words = text.split(" ")
    draw.shuffle(words)
    return " ".join(words)


def _mistyped(text: str, draw: random.Random) -> str:
    return "".join(
        draw.choice("abcdefghij klmnopqrstuvwxyz") if draw.random() < 0.1 else c for c in text
    )


def _miscoded(text: str, draw: random.Random) -> str:
    return "".join(draw.choice("ÃƒÂ©â€™œž¤") if draw.random() < 0.1 else c for c in text)


DAMAGES: dict[str, Callable[[str, random.Random], str]] = {
    "letters of each word mixed": _letters_mixed,
    "a tenth of the letters wrong": _mistyped,
    "a tenth of the letters from a wrong encoding": _miscoded,
    "words mixed": _words_mixed,
}


def garbled(name: str, data: Path, count: int, by: str, store: VectorStore) -> None:
    """Print how well perplexity and IFD tell damaged answers from the others."""
    pairs = drawn(data / SETS[name], count)
    for title, damage in DAMAGES.items():
        draw = random.Random(0)
        planted = draw.sample(range(len(pairs)), min(PLANTED, len(pairs) // 5))
        damaged = list(pairs)
        for i in planted:
            damaged[i] = (pairs[i][0], damage(pairs[i][1], draw))
        frame = scored(damaged, by, store)
        labels = np.isin(np.arange(len(pairs)), planted)
        auc = [roc_auc_score(labels, frame[score]) for score in ("perplexity", "ifd")]
        print(
            f"| {name} | {by} | {len(pairs):,} | {title} | {auc[0]:.3f} | {auc[1]:.3f} |",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--garbled", action="store_true")
    parser.add_argument("by", choices=["ngrams", "model"])
    parser.add_argument("names", nargs="*", default=["LIMA", "Dolly"], metavar="NAME")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = VectorStore(options.store or Path(folder))
        if options.garbled:
            print("| data | by | rows | damage | AUC of perplexity | AUC of IFD |")
            print("|---|---|---:|---|---:|---:|")
            for name in options.names:
                garbled(name, options.data, options.rows, options.by, store)
            return
        print(
            "| data | by | rows | median IFD | median perplexity | ρ(IFD, length) "
            "| ρ(perplexity, length) | top 5 % of IFD among the longest 5 % | of perplexity | cut "
            "| computed | processor s | rows/s | GB |"
        )
        print("|---|---|" + "---:|" * 12)
        for name in options.names:
            print(measured(name, options.data, options.rows, options.by, store), flush=True)


if __name__ == "__main__":
    main()
