"""The dataset card: contents, sources, steps, people's decisions, and known gaps.

Guarantee: no text of an example can act as Markdown in the card, and no example in it holds personal
data that the rules find.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import yaml

from curation.dataset import Dataset
from curation.export import sentences
from curation.export.parts import TITLES
from curation.export.proof import limits
from curation.export.rendering import rendered
from curation.personal import is_personal

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#!~&])")
TRIED = 100
"""Dropped rows among which the card looks for an example without personal data."""

_AUTOLINK = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
"""Places where a word joiner is put, so that renderers make no link of a bare address."""


def _line(text: object, limit: int = 160) -> str:
    """Return a text of unknown origin as one line of Markdown without any markup."""
    line = " ".join(str(text).split())
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return _MARKDOWN.sub(r"\\\1", _AUTOLINK.sub("\u2060", line))


def _size(rows: int) -> str:
    for most, name in (
        (1_000, "n<1K"),
        (10_000, "1K<n<10K"),
        (100_000, "10K<n<100K"),
        (1_000_000, "100K<n<1M"),
    ):
        if rows < most:
            return name
    return "1M<n<10M"


def card(
    dataset: Dataset,
    rows: pd.DataFrame,
    manifest: dict[str, Any],
    info: dict[str, Any],
    named: Callable[[str], str] = str,
) -> str:
    """Return the card as Markdown with the Hub's YAML head.

    rows: the delivered rows. info: description of the Hub's files, see `dataset_info`; empty when
    there are none. named: function that replaces people's names in a reason of a receipt.
    """
    languages = rows["language"].value_counts() if "language" in rows else None
    head: dict[str, Any] = {
        "pretty_name": manifest["name"],
        "license": "unknown",
        "size_categories": [_size(len(rows))],
        "task_categories": [
            "text-classification" if (rows["response"] == "").mean() > 0.5 else "text-generation"
        ],
        "tags": ["sft", "curated"],
    }
    if languages is not None and any(languages.index):
        head["language"] = [code for code in languages.index[:20] if code]
    hf: dict[str, list[str]] = {}
    for file in manifest["files"]:
        if file.get("format") == "hf":
            hf.setdefault(file["split"], []).append(file["path"])
    if hf:
        head["configs"] = [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": paths if len(paths) > 1 else paths[0]}
                    for split, paths in hf.items()
                ],
            }
        ]
        head["dataset_info"] = info
    parts = [
        f"---\n{yaml.safe_dump(head, allow_unicode=True, sort_keys=False)}---\n\n# {_line(manifest['name'])}\n"
    ]
    parts.append(
        f"{len(rows):,} examples in {', '.join(f'{n} {c:,}' for n, c in manifest['splits'].items())}, "
        f"curated from {manifest['examples']:,}. The licence is that of the sources; it was not checked.\n"
    )
    parts.append(
        "## Where it came from\n\n| file | lines | examples | rejected | delivered | SHA-256 |\n"
        "|---|---|---|---|---|---|"
    )
    parts += [
        f"| {_line(s['name'])} | {s['lines']:,} | {s['examples']:,} | {s['rejected']:,} "
        f"| {s['delivered']:,} | `{s['sha256'][:16]}…` |"
        for s in manifest["sources"]
    ]
    parts.append(
        "\n## What was done\n\n"
        "| step | kept before | dropped | changed | an example of what it dropped |\n"
        "|---|---|---|---|---|"
    )
    parts += [_step(dataset, report, named) for report in dataset.steps]
    backends = ", ".join(
        f"{_line(m, 80)} by {_line(w, 40)}" for m, w in manifest["encoders"].items()
    )
    if backends:
        parts.append(f"\nEmbeddings were computed with {backends}.")
    parts.append(_people(manifest))
    parts.append(_leaks(manifest["leaks"]))
    if "proof" in manifest:
        parts.append(_proof(manifest["proof"]))
    if "response_tokens" in rows:
        total = int(rows["response_tokens"].sum())
        parts.append(
            f"\n## Lengths\n\n{total:,} tokens in responses; median {rows['response_tokens'].median():.0f}.\n"
        )
    for column, title in (("language", "Languages"), ("topic", "Topics"), ("label", "Labels")):
        if column in rows and rows[column].notna().any():
            counts = rows[column].fillna("").replace("", "none").value_counts()
            listed = ", ".join(f"{_line(n, 40)} {c:,}" for n, c in counts.head(30).items())
            parts.append(f"\n## {title}\n\n{listed}\n")
    parts.append(_formats(manifest))
    parts.append("\n## Known gaps\n\n" + _gaps(rows, manifest))
    return "\n".join(parts)


def _step(dataset: Dataset, report: Any, named: Callable[[str], str]) -> str:
    dropped = (
        dataset.rows.index[dataset.rows["dropped_by"] == report.name] if report.dropped else []
    )
    reasons = report.delta["reason"] if "reason" in report.delta else {}
    shown = (
        (prompt, reason)
        for example in dropped[:TRIED]
        if not is_personal(prompt := str(dataset.rows.at[example, "prompt"]))
        and not is_personal(reason := named(str(reasons.get(example, ""))))
    )
    prompt, reason = next(shown, ("", ""))
    sample = f"“{_line(prompt, 60)}”: {_line(reason, 80)}" if prompt or reason else ""
    params = ", ".join(
        f"{k} {_line(v, 40)}" for k, v in report.params.items() if v not in (None, "", [])
    )
    return f"| {report.title} ({params}) | {report.kept_in:,} | {report.dropped:,} | {report.changed:,} | {sample} |"


def _people(manifest: dict[str, Any]) -> str:
    decisions = manifest["decisions"]
    lines = [
        f"- {_line(name, 40)}: {', '.join(f'{kind} {n:,}' for kind, n in kinds.items())}"
        for name, kinds in decisions["by_annotator"].items()
    ]
    if not lines:
        return "\n## People's decisions\n\nNobody decided anything by hand.\n"
    lines += [
        f"- {'1 delivered example has' if n == 1 else f'{n:,} delivered examples have'} {TITLES[word]}"
        for word, n in decisions["delivered_with"].items()
    ]
    lines.append(
        "\nEvery decision that counts is in decisions.jsonl; receipts.parquet holds the texts that were changed, "
        "before and after."
    )
    return "\n## People's decisions\n\n" + "\n".join(lines) + "\n"


def _formats(manifest: dict[str, Any]) -> str:
    """Return the card's part on rows that formats refused and parts that they have no place for."""
    lines = [
        text
        for name, refusals in manifest["not_in"].items()
        for text in sentences.not_in(name, refusals)
    ]
    lines += [
        text for name, lost in manifest["lost"].items() if (text := sentences.lost(name, lost))
    ]
    lines += [f"{name}: {rendered(entry)}" for name, entry in manifest["rendering"].items()]
    listed = "\n".join(f"- {_line(text, 600)}" for text in lines) or "Nothing is lost."
    return f"\n## What the formats do not hold\n\n{listed}\n"


def _leaks(leaks: dict[str, Any]) -> str:
    nearest = leaks.get("nearest")
    text = (
        "Leak-safe: no prompt, duplicate group or source conversation stands in two splits."
        if leaks.get("leak_safe")
        else leaks.get("text", "")
    )
    if nearest:
        text += f" The nearest pair across splits has cosine similarity {nearest['similarity']}."
    return f"\n## Splits\n\n{text}\n"


def _proof(result: dict[str, Any]) -> str:
    """Return the card's part on what training showed."""
    scale, texts = result["scale"], [result["sentence"], limits(result), result["test_set"]]
    lines = ["\n## Did curation help?\n", *(f"{_line(t, 900)}\n" for t in texts if t)]
    lines.append(f"| arm | budget | {_line(result['unit'])} | 95 % interval | seeds |")
    lines.append("|---|---|---|---|---|")
    for arm in result["arms"]:
        budget = "all" if arm["budget"] is None else f"{arm['budget']:,}"
        mean, low, high = (
            "" if arm[n] is None else f"{arm[n] * scale:.{1 if scale > 1 else 3}f}"
            for n in ("mean", "low", "high")
        )
        interval = f"{low} to {high}" if low and high else "none"
        lines.append(
            f"| {_line(arm['title'], 60)} | {budget} | {mean} | {interval} | {arm['seeds']} |"
        )
    learner = f"{_line(result['learner'], 40)}"
    lines.append(
        f"\nMeasured by training with the learner {learner}; run {_line(result['run'], 40)}.\n"
    )
    return "\n".join(lines)


def _gaps(rows: Any, manifest: dict[str, Any]) -> str:
    lines = [f"- {text}." for text in sentences.excluded(manifest["excluded"])]
    if "problems" in rows:
        personal = int(rows["problems"].fillna("").str.contains("personal_data").sum())
        lines.append(
            f"- {personal:,} delivered examples seem to hold personal data (rules only; nothing was removed for it)."
        )
    lines.append("- Facts in answers were not checked, and no licence of any source was.")
    return "\n".join(lines) + "\n"
