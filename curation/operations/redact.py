"""Personal data taken out of the texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import pandas as pd

from curation.personal import DEFAULT, KINDS, might_hold
from curation.personal.redaction import REDACTED, Redaction
from curation.registry import clean

KindName = Literal["key", "url", "email", "iban", "card", "ssn", "national_id", "ip", "phone"]
NAMES: tuple[KindName, ...] = get_args(KindName)
"""Names of the kinds of personal data."""

_DEFAULT: list[KindName] = [name for name in NAMES if name in DEFAULT]
_TEXTS = ("messages", "rejected", "tools", "metadata")
"""Columns of JSON text that are redacted, in the order in which values get their numbers."""


def _counted(params: Mapping[str, Any], rows: pd.DataFrame, answer: pd.DataFrame) -> list[str]:
    """Return a sentence with the number of redacted values of each kind; none without any."""
    counts, examples = Counter[str](), Counter[str]()
    for text in answer[REDACTED].dropna():
        for part in filter(None, text.split(", ")):
            kind, number = part.split(" ")
            counts[kind] += int(number)
            examples[kind] += 1
    parts = [
        f"{KINDS[kind].title}: {count:,} in {examples[kind]:,} example{'s' * (examples[kind] > 1)}"
        for kind, count in sorted(counts.items())
    ]
    return [f"Replaced by placeholders: {'; '.join(parts)}."] if parts else []


@clean(
    "Redact personal data",
    makes=(*_TEXTS, REDACTED),
    needs=("rejected", "tools", "metadata"),
    notes=_counted,
)
def redact_personal(
    batch: pd.DataFrame,
    *,
    kinds: Annotated[list[KindName], "what is replaced; a web address alone is not personal"] = (
        _DEFAULT
    ),
) -> pd.DataFrame:
    """Replace e-mail addresses, phone numbers, cards, accounts, identities and keys by placeholders.

    What it does:
        A placeholder names the kind and a number, as `<EMAIL_1>`. Within an example one value has
        one number, in every turn and however it is written. It reads all that a delivery holds:
        every turn, tool calls and their results, the answer that was not preferred, tools, and the
        file's own columns. JSON stays valid. Labels and the names of files stay. Names of persons
        and postal addresses are not found. The originals stay in the project, and no delivery holds
        them: the texts of people's edits are redacted too, but a note is delivered as it is written.
    Why:
        A model can say by heart what it has read once. A placeholder keeps the sense of a sentence,
        which a dropped row would lose.
    Example:
        {prompt: "Where?", response: "Ask liv@nordpost.dk."} → {response: "Ask <EMAIL_1>.", redacted: email 1}
        {prompt: "+47 91 23 88 76?", response: "Yes, 0047 91238876."} → {response: "Yes, <PHONE_1>.", redacted: phone 1}
        {prompt: "Whom do I ask?", response: "Ask info@example.org."} → {response: "Ask info@example.org."}
    Measured precision:
        2,109 synthetic sentences with marks (benchmarks personal): F1 1.000 for e-mail, cards, IBAN,
        web addresses and social security numbers, 0.966 for phones, 0.952 for IP. By default it
        changes 0.42 of 1,000 rows of Alpaca, 2.92 of LIMA, 0.20 of Alpaca in Chinese, and none of
        Dolly, GSM8K and CLINC; by reading, each holds an address or number of its kind.
    Source:
        Phone numbers by libphonenumber; cards, accounts and identities by python-stdnum; the forms of
        keys as their services publish them.
    """
    texts = {name: batch[name].fillna("").astype(str).tolist() for name in _TEXTS}
    redacted = []
    for place, parts in enumerate(zip(*texts.values(), strict=True)):
        counts: Counter[str] = Counter()
        if any(might_hold(part, kinds) for part in parts if part):
            redaction = Redaction(kinds, parts)
            for name, part in zip(_TEXTS, parts, strict=True):
                texts[name][place] = redaction.json(part) if part else part
            counts = redaction.counts
        redacted.append(", ".join(f"{kind} {counts[kind]}" for kind in NAMES if counts[kind]))
    return pd.DataFrame(
        {**texts, REDACTED: [text or None for text in redacted]}, index=batch.index, dtype="str"
    )
