"""Personal data found by kind, beside Presidio's recognisers; what is flagged in published data; time.

python -m benchmarks personal [--data FOLDER] [--read]

A marked span counts as found when a finding of its kind overlaps it. Presidio's columns are there where
`presidio_analyzer` can be imported (2.2.366 with its dependencies, in an environment of its own; its
recognisers run without a language model). --read prints every finding in the published data.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from curation.personal import KINDS, Finding, find

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MARKED = "privacy/presidio_generated_large.json"
MARKS = {
    "email": ("EMAIL_ADDRESS", "EmailRecognizer"),
    "phone": ("PHONE_NUMBER", "PhoneRecognizer"),
    "card": ("CREDIT_CARD", "CreditCardRecognizer"),
    "iban": ("IBAN_CODE", "IbanRecognizer"),
    "url": ("DOMAIN_NAME", "UrlRecognizer"),
    "ip": ("IP_ADDRESS", "IpRecognizer"),
    "ssn": ("US_SSN", "UsSsnRecognizer"),
}
"""Kind → its name in the marked sentences, and the class of Presidio's recogniser."""
PUBLISHED = {
    "Alpaca": "sft/alpaca_en_52k.json",
    "LIMA": "sft/lima_train.json",
    "Dolly": "sft/dolly_train_sdft.json",
    "GSM8K": "sft/gsm8k_train.jsonl",
    "Alpaca (zh)": "zh/alpaca_zh_machine_10k.json",
    "CLINC": "classify/clinc150_full.json",
    "tool chats (Glaive)": "sft/llamafactory_glaive_toolcall_en_demo.json",
}
Spans = Callable[[str, str], list[tuple[int, int]]]
"""A finder: text and kind → beginnings and ends."""


class Score(NamedTuple):
    """Findings of a kind: right, wrong, and marked ones that were missed."""

    right: int
    wrong: int
    missed: int

    def __str__(self) -> str:
        share = self.right / max(1, self.right + (self.wrong + self.missed) / 2)
        return f"{share:.3f} ({self.right}, {self.wrong}, {self.missed})"


def ours(text: str, kind: str) -> list[tuple[int, int]]:
    """The findings of a kind, where all kinds are sought."""
    return [(f.start, f.end) for f in find(text, KINDS) if f.kind == kind]


def presidio() -> Spans | None:
    """Presidio's recognisers at the score 0.3, each alone; None where it is not installed."""
    if importlib.util.find_spec("presidio_analyzer") is None:
        return None
    import logging

    from presidio_analyzer import predefined_recognizers

    logging.disable(logging.CRITICAL)  # one of its packages tries to reach the network
    recognisers = {
        kind: getattr(predefined_recognizers, name)() for kind, (_, name) in MARKS.items()
    }

    def spans(text: str, kind: str) -> list[tuple[int, int]]:
        entity = MARKS[kind][0].replace("DOMAIN_NAME", "URL")
        results = recognisers[kind].analyze(text, [entity], None) or []
        places = [(r.start, r.end) for r in results if r.score >= 0.3]
        # the domain of an e-mail address is a web address to it
        return [p for p in places if kind != "url" or "@" not in text[max(0, p[0] - 1) : p[1]]]

    return spans


def scored(rows: list[dict[str, Any]], kind: str, spans: Spans) -> Score:
    """Findings in marked sentences beside their marks."""
    right = wrong = missed = 0
    for row in rows:
        marks = [
            (s["start_position"], s["end_position"])
            for s in row["spans"]
            if s["entity_type"] == MARKS[kind][0]
        ]
        places = spans(row["full_text"], kind)
        hits = [any(a < d and c < b for c, d in places) for a, b in marks]
        right, missed = right + sum(hits), missed + len(hits) - sum(hits)
        wrong += sum(not any(a < d and c < b for a, b in marks) for c, d in places)
    return Score(right, wrong, missed)


def texts(value: Any) -> Iterator[str]:
    """Every string in a record."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts(part)


def records(file: Path) -> list[Any]:
    """The rows of a file; of CLINC those of all its splits."""
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    value = json.loads(file.read_text("utf-8"))
    return value if isinstance(value, list) else [row for part in value.values() for row in part]


def findings(rows: list[Any]) -> list[list[tuple[str, Finding]]]:
    """Texts and what the default kinds find in them, for each row with a finding."""
    all_rows = ([(t, f) for t in texts(row) for f in find(t)] for row in rows)
    return [pairs for pairs in all_rows if pairs]


def seconds(file: Path) -> tuple[float, float]:
    """Processor seconds of `redact_personal` on a file, and again with another step before it."""
    from curation import Project, Step
    from curation.engine import Serial

    with tempfile.TemporaryDirectory() as folder:
        project = Project.create(Path(folder) / "project")
        project.add(file)
        project.recipe += Step("redact_personal")
        took = []
        for _ in range(2):
            begin = time.process_time()
            project.run(engine=Serial())
            took.append(time.process_time() - begin)
        return took[0], took[1]


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--read", action="store_true", help="print every finding")
    arguments = parser.parse_args()
    rows, peer = json.loads((arguments.data / MARKED).read_text("utf-8")), presidio()
    print("| kind | F1 (right, wrong, missed) | Presidio |\n|---|---:|---:|")
    for kind in MARKS:
        beside = scored(rows, kind, peer) if peer else "not installed"
        print(f"| {kind} | {scored(rows, kind, ours)} | {beside} |")
    print("\n| data | rows | flagged | per 1,000 | kinds |\n|---|---:|---:|---:|---|")
    for name, path in PUBLISHED.items():
        all_rows = records(arguments.data / path)
        flagged = findings(all_rows)
        kinds = Counter(f.kind for pairs in flagged for _, f in pairs)
        share = 1000 * len(flagged) / len(all_rows)
        listed = ", ".join(f"{kind} {n}" for kind, n in kinds.most_common()) or "none"
        print(f"| {name} | {len(all_rows):,} | {len(flagged)} | {share:.2f} | {listed} |")
        for text, f in (pair for pairs in flagged if arguments.read for pair in pairs):
            print(f"    {f.kind}: {text[max(0, f.start - 50) : f.end + 20]!r}")
    first, again = seconds(arguments.data / PUBLISHED["Alpaca"])
    print(f"\nredact_personal on Alpaca: {first:.1f} processor seconds, then {again:.1f}.")


if __name__ == "__main__":
    main()
