"""Sentences on the rows, parts and personal data that a delivery does not hold, and on its leaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from curation.dataset import Dataset
from curation.personal.redaction import REDACTED
from curation.review import CONSENSUS

SHOWN = 6
"""Parts that a sentence names; the others are counted."""


def excluded(reasons: Mapping[str, int]) -> list[str]:
    """Return a sentence for each reason for which kept examples are in no format."""
    return [
        f"{'1 kept example is' if rows == 1 else f'{rows:,} kept examples are'} left out: {why}"
        for why, rows in reasons.items()
    ]


def dropped(ids: Mapping[str, Any]) -> list[str]:
    """Return a sentence on listed examples that are dropped; ids: the manifest's entry, or empty."""
    by = [f"{name} {rows:,}" for name, rows in ids.get("dropped", {}).items()]
    if not by:
        return []
    rows = sum(ids["dropped"].values())
    return [
        f"{rows:,} of {ids['listed']:,} listed examples {'is' if rows == 1 else 'are'} dropped and not "
        f"in it: by {', '.join(by)}; a decision to keep brings them back"
    ]


def not_in(name: str, refusals: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each reason for which a format refuses rows."""
    for code, entry in refusals.items():
        rows = "1 example is" if entry["rows"] == 1 else f"{entry['rows']:,} examples are"
        yield f"{rows} not in {name}: {entry['why']} ({code})"


def lost(name: str, losses: Mapping[str, int]) -> str:
    """Return a sentence on the parts that a format has no place for, with rows; "" for none."""
    parts = [f"{part} ({rows:,})" for part, rows in losses.items()]
    more = len(parts) - SHOWN
    named = parts[:SHOWN] + (["1 other" if more == 1 else f"{more:,} others"] if more > 0 else [])
    return f"{name} has no place for {', '.join(named)}" if parts else ""


def not_held(
    refusals: Mapping[str, Mapping[str, Mapping[str, Any]]],
    losses: Mapping[str, Mapping[str, int]],
    titles: Mapping[str, str] | None = None,
) -> list[str]:
    """Sentences on what each format does not take or has no place for; titles: of formats, by name."""
    names = dict(titles or {})
    lines = [
        text for name, entry in refusals.items() for text in not_in(names.get(name, name), entry)
    ]
    sentences = (lost(names.get(name, name), parts) for name, parts in losses.items())
    return lines + [sentence for sentence in sentences if sentence]


def redacted(dataset: Dataset) -> list[str]:
    """Return sentences about the personal data that placeholders stand for, by kind."""
    reports = [report for report in dataset.steps if REDACTED in report.columns]
    if not reports:
        return ["Nothing was redacted from their texts."]
    notes = [note for report in reports for note in report.notes]
    return [f"{report.title} put placeholders in their place." for report in reports] + notes


def whose_answer(policy: str) -> str:
    """Say whose answer counts where several people decided about an example."""
    if policy == "latest":
        return "Of each example the newest decision counts; agreement was not measured."
    return f"{CONSENSUS[policy]} An answer that somebody settled counts before all others."


def ratio_sentence(leaks: Mapping[str, Any]) -> str:
    """Return the nearest pair and the leakage of a report in words; empty where nothing was compared."""
    sentences = [leaks["search"]] if "search" in leaks else []
    if nearest := leaks.get("nearest"):
        sentences.append(
            f"The nearest pair across splits has a cosine similarity of {nearest['similarity']:.3f}."
        )
    if ratio := leaks.get("leak_ratio"):
        sentences.append(
            f"The leakage (DataSAIL's L) is {ratio['split']:.3f}; of random splits of these sizes it "
            f"is {ratio['random']:.3f}."
        )
    return " ".join(sentences)
