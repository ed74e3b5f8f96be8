"""Contamination: planted copies of GSM8K's test questions, answers restyled, found by the step.

    python -m benchmarks contamination DATA

DATA holds sft/alpaca_en_52k.json, sft/gsm8k_train.jsonl and benchmarks/gsm8k_test.jsonl. Sixty test
questions are written anew by rules, ten by each of six, and hidden among Alpaca and GSM8K's own training
rows. A row that is flagged without being planted is a false alarm, though a few of GSM8K's training
questions do repeat test questions.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pandas as pd

from curation.dataset import Message, content_hash, dump_messages, make_ids, silent, with_derived
from curation.embedding import VectorStore
from curation.engine.supply import embedded
from curation.operations.decontaminate import decontaminate

EACH = 10
"""Planted copies of each kind."""

NAMES = "Amina Bruno Carmen Dmitri Elif Farid Greta Hiro Ingrid Jamal Keiko Luca Mirjam Nuno Olga".split()
"""Names that take the place of a question's own."""

NOT_NAMES = set(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April June July "
    "August September October November December How What If Each The There They She He It In On At "
    "For From When After Then His Her Their Every One Two Three I".split()
)

SYNONYMS = {
    "buys": "purchases", "bought": "purchased", "buy": "purchase", "gives": "hands over", "gave": "handed",
    "makes": "produces", "made": "produced", "each": "every", "total": "sum", "many": "large a number of",
    "needs": "requires", "need": "require", "wants": "would like", "gets": "receives", "got": "received",
    "starts": "begins", "started": "began", "sells": "offers for sale", "sold": "parted with",
    "spends": "lays out", "spent": "laid out", "left": "remaining", "cost": "price", "costs": "comes at",
    "has": "owns", "had": "owned", "eats": "consumes", "ate": "consumed", "takes": "needs",
    "money": "cash", "friends": "companions", "house": "home", "kids": "children", "also": "in addition",
    "week": "seven days", "large": "big", "small": "little", "much": "great an amount", "day": "single day",
}  # fmt: skip
"""Words and what takes their place."""


def renamed(text: str, draw: random.Random) -> str:
    """A text with other names of people, each the same wherever it stands."""
    words = re.findall(r"(?<=[a-z,;] )[A-Z][a-z]{2,}|^[A-Z][a-z]{2,}(?=(?:'s|’s)? [a-z])", text)
    names = [word for word in dict.fromkeys(words) if word not in NOT_NAMES]
    for name, other in zip(names, draw.sample(NAMES, len(NAMES)), strict=False):
        text = re.sub(rf"\b{name}\b", other, text)
    return text


def reworded(text: str, draw: random.Random) -> str:
    """A text with synonyms in place of everyday words."""
    return re.sub(r"\b[a-z]+\b", lambda word: SYNONYMS.get(word[0], word[0]), text)


def turned(text: str, draw: random.Random) -> str:
    """A text whose question comes first and whose facts follow in another order of clauses."""
    sentences = re.split(r"(?<=[.?!])\s+", text.strip())
    facts, question = sentences[:-1], sentences[-1]
    swapped = [re.sub(r"^(.{15,}?), (?:and|but) (.{15,})\.$", r"\2, while \1.", f) for f in facts]
    return " ".join([question, "Here is what is known.", *swapped])


def renumbered(text: str, draw: random.Random) -> str:
    """A text with other numbers."""
    return re.sub(r"\d+", lambda number: str(int(number[0]) + draw.randint(1, 4)), text)


def wrapped(text: str, draw: random.Random) -> str:
    """A text inside of a longer prompt."""
    return f"You are a patient tutor. Solve this for a pupil, step by step.\n\n{text}\n\nThank you."


RULES: dict[str, tuple[Callable[[str, random.Random], str], ...]] = {
    "verbatim, in a longer prompt": (wrapped,),
    "other names": (renamed,),
    "synonyms": (reworded,),
    "question first": (turned,),
    "names, synonyms, question first": (renamed, reworded, turned),
    "names and numbers": (renamed, renumbered),
}
"""Kinds of planted copies, and the rules that write each."""


def restyled(answer: str) -> str:
    """An answer in another style: the equations as a list and the result in a sentence."""
    steps = re.findall(r"<<([^>]+)>>", answer)
    listed = "\n".join(f"{n}) {step.replace('=', ' gives ')}" for n, step in enumerate(steps, 1))
    return f"Let us work through it.\n{listed}\nSo the result comes to {answer.split('####')[-1].strip()}."


def frame(pairs: list[tuple[str, str]]) -> pd.DataFrame:
    """Questions and answers as examples."""
    texts = [dump_messages([Message("user", q), Message("assistant", a)]) for q, a in pairs]
    rows = pd.DataFrame({"messages": texts, "label": None, "source_row": range(1, len(texts) + 1)})
    ids = make_ids([content_hash(text, None) for text in texts])
    return with_derived(rows.set_axis(pd.Index(ids, name="id")))


def lines(path: Path) -> list[tuple[str, str]]:
    """Questions and answers of a file of GSM8K."""
    records = map(orjson.loads, path.read_bytes().splitlines())
    return [(record["question"], record["answer"]) for record in records]


class Benchmark:
    """A reference set in memory."""

    def __init__(self, name: str, examples: pd.DataFrame) -> None:
        self.name = self.slug = name
        self.sha256, self.settings, self.examples = "", {}, examples


def main() -> None:
    """Plant, look, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--cosines", type=float, nargs="*", default=[0.95, 0.9, 0.85, 0.8])
    arguments = parser.parse_args()
    draw = random.Random(0)
    test = lines(arguments.data / "benchmarks" / "gsm8k_test.jsonl")
    chosen = draw.sample(test, EACH * len(RULES))
    planted, kinds = [], []
    for n, (question, answer) in enumerate(chosen):
        kind = list(RULES)[n // EACH]
        for rule in RULES[kind]:
            question = rule(question, draw)
        planted.append((question, restyled(answer)))
        kinds.append(kind)
    alpaca = orjson.loads((arguments.data / "sft" / "alpaca_en_52k.json").read_bytes())
    half = (arguments.rows - len(planted)) // 2
    general = [
        (f"{r['instruction']}\n\n{r['input']}".strip(), r["output"])
        for r in draw.sample(alpaca, half)
        if r["output"]
    ]
    train = draw.sample(lines(arguments.data / "sft" / "gsm8k_train.jsonl"), half)
    rows = frame([*planted, *general, *train])
    of = pd.Series([*kinds, *["alpaca"] * len(general), *["train"] * len(train)], index=rows.index)
    target = Benchmark("gsm8k_test", frame(test))
    with tempfile.TemporaryDirectory() as folder:
        store = VectorStore(Path(folder) / "vectors", Path(folder) / "encoders.json")
        params = {"model": "", "way": "torch-packed-float32", "long": "head"}

        def embedder(part: pd.DataFrame, side: str) -> object:
            return embedded("embed", {**params, "of": side}, part, store)

        print(
            f"| sides | measure | {' | '.join(RULES)} | all | alarms: Alpaca | train | precision |"
        )
        print(f"|---|---|{'---:|' * (len(RULES) + 4)}")
        for side in ("both", "prompt"):
            for title, cosine in (
                ("words", None), *((f"words or cosine {c:g}", c) for c in arguments.cosines),
            ):  # fmt: skip
                answer = decontaminate(
                    rows, lambda names: [target], embedder, silent, sides=[side], similarity=cosine
                )
                hits = of[~answer["keep"].to_numpy()].value_counts()
                counts = [int(hits.get(kind, 0)) for kind in RULES]
                alarms = [int(hits.get(name, 0)) for name in ("alpaca", "train")]
                precision = sum(counts) / max(1, sum(counts) + sum(alarms))
                shown = " | ".join(str(n) for n in (*counts, sum(counts), *alarms))
                print(f"| {side} | {title} | {shown} | {precision:.1%} |", flush=True)


if __name__ == "__main__":
    main()
