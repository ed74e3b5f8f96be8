"""The dataset card: contents, sources, steps, people's decisions, evidence and known gaps.

Guarantee: one model of the card is drawn twice, as Markdown and as a page of HTML, so both say the
same. No example in it holds personal data that the rules find. Its texts are those of the data; the
two renderers escape them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from curation.dataset import Dataset
from curation.export import sentences
from curation.export.blocks import (
    Address,
    Bars,
    Block,
    Card,
    Histogram,
    Intervals,
    Listing,
    Paragraph,
    Section,
    Table,
)
from curation.export.licences import licence_head
from curation.export.parts import TITLES
from curation.export.proof import limits
from curation.export.rendering import rendered
from curation.looking.context import COLUMNS as COUNTED
from curation.looking.context import LENGTHS, Contexts, percent
from curation.personal import is_personal
from curation.text.folding import one_line

TRIED = 100
"""Dropped rows among which the card looks for an example without personal data."""

READ = ("problems", "language", "topic", "label", "response_tokens", *COUNTED)
"""Columns of the delivered rows that the card reads."""

NOT_STATED = "not stated"
RARE = 0.005
"""Share of the examples below which a language is not named to the Hub: a few are mistaken ones."""


def card(
    dataset: Dataset,
    rows: pd.DataFrame,
    manifest: Mapping[str, Any],
    info: Mapping[str, Any],
    named: Callable[[str], str] = str,
    bare: float = 0.0,
) -> Card:
    """Return the card of a delivery.

    rows: the delivered rows, with the columns of READ. info: description of the Hub's files, see
    `dataset_info`; empty when there are none. named: function that replaces people's names in a
    reason of a receipt. bare: share of the rows without an answer.
    """
    splits = ", ".join(f"{name} {count:,}" for name, count in manifest["splits"].items())
    about = manifest.get("about", {})
    facts = Table(
        ("", ""),
        (
            ("Purpose", about.get("purpose") or NOT_STATED),
            ("Licence", about.get("licence") or NOT_STATED),
            ("Contact", Address(about.get("contact") or NOT_STATED)),
        ),
    )
    lead = Paragraph(f"{len(rows):,} examples in {splits}, curated from {manifest['examples']:,}.")
    sections = [
        Section("Where it came from", tuple(_sources(manifest))),
        Section("What was done", tuple(_steps(dataset, manifest, named))),
        Section("People's decisions", tuple(_people(manifest))),
        Section("Splits", tuple(_splits(manifest))),
        Section("Benchmarks", tuple(_benchmarks(manifest))),
        *(
            [Section("Did curation help?", tuple(_proof(manifest["proof"])))]
            if "proof" in manifest
            else []
        ),
        Section("Tokens", tuple(_tokens(dataset, rows))),
        *_groups(rows),
        Section("Personal data", tuple(_personal(dataset, rows))),
        Section("What the formats do not hold", tuple(_formats(manifest))),
        Section("Known gaps", (Listing(tuple(_gaps(dataset, manifest))),)),
    ]
    filled = tuple(section for section in sections if section.blocks)
    return Card(str(manifest["name"]), _head(rows, manifest, info, bare), (lead, facts), filled)


def _head(
    rows: pd.DataFrame, manifest: Mapping[str, Any], info: Mapping[str, Any], bare: float
) -> dict[str, Any]:
    """Return the YAML head that the Hub reads."""
    head: dict[str, Any] = {
        "pretty_name": manifest["name"],
        **licence_head(manifest.get("about", {}).get("licence", "")),
        "size_categories": [_size(len(rows))],
        "task_categories": ["text-classification" if bare > 0.5 else "text-generation"],
        "tags": ["sft", "curated"],
    }
    languages = rows["language"].value_counts() if "language" in rows else None
    if languages is not None and any(languages.index):
        often = languages[languages >= RARE * len(rows)]
        head["language"] = [code for code in often.index[:20] if code]
    files: dict[str, list[str]] = {}
    for entry in manifest["files"]:
        if entry.get("format") == "hf":
            files.setdefault(entry["split"], []).append(entry["path"])
    if files:
        paths = [
            {"split": split, "path": names[0] if len(names) == 1 else names}
            for split, names in files.items()
        ]
        head["configs"] = [{"config_name": "default", "data_files": paths}]
        head["dataset_info"] = dict(info)
    return head


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


def _sources(manifest: Mapping[str, Any]) -> Iterator[Block]:
    sources = manifest["sources"]
    yield Table(
        ("file", "lines", "examples", "rejected", "delivered", "SHA-256"),
        tuple(
            (
                one_line(s["name"], 160),
                *(f"{s[key]:,}" for key in ("lines", "examples", "rejected", "delivered")),
                f"{s['sha256'][:16]}…",
            )
            for s in sources
        ),
        frozenset({1, 2, 3, 4}),
    )
    if len(sources) > 1:
        bars = tuple((one_line(s["name"], 60), s["delivered"]) for s in sources)
        yield Bars("Delivered examples by file", bars)


def _steps(
    dataset: Dataset, manifest: Mapping[str, Any], named: Callable[[str], str]
) -> Iterator[Block]:
    yield Table(
        ("step", "kept before", "dropped", "changed", "an example of what it dropped"),
        tuple(_step(dataset, report, named) for report in dataset.steps),
        frozenset({1, 2, 3}),
    )
    left = [("imported", len(dataset))]
    left += [(r.title, r.kept_out) for r in dataset.steps if r.kept_out != r.kept_in]
    if len(left) > 1:
        yield Bars("Examples that are left after each step that drops some", tuple(left))
    if manifest["encoders"]:
        backends = ", ".join(
            f"{one_line(m, 80)} by {one_line(w, 40)}" for m, w in manifest["encoders"].items()
        )
        yield Paragraph(f"Embeddings were computed with {backends}.")


def _step(dataset: Dataset, report: Any, named: Callable[[str], str]) -> tuple[str, ...]:
    mine = np.flatnonzero(dataset.rows["dropped_by"] == report.name)[: report.dropped and TRIED]
    prompts, reasons = dataset.rows["prompt"].iloc[mine], dict[str, Any]()
    if "reason" in report.delta:
        reasons = report.delta["reason"][report.delta.index.isin(prompts.index)].to_dict()
    shown = (
        (prompt, reason)
        for example, prompt in zip(prompts.index, map(str, prompts), strict=True)
        if not is_personal(prompt)
        and not is_personal(reason := named(str(reasons.get(example, ""))))
    )
    prompt, reason = next(shown, ("", ""))
    sample = f"“{one_line(prompt, 60)}”: {one_line(reason, 80)}" if prompt or reason else ""
    params = ", ".join(
        f"{k} {one_line(_plainly(v), 40)}"
        for k, v in report.params.items()
        if v not in (None, "", [])
    )
    counts = (f"{n:,}" for n in (report.kept_in, report.dropped, report.changed))
    return f"{report.title} ({params})" if params else report.title, *counts, sample


def _plainly(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _people(manifest: Mapping[str, Any]) -> Iterator[Block]:
    decisions = manifest["decisions"]
    lines = [
        f"{one_line(name, 40)}: {', '.join(f'{kind} {n:,}' for kind, n in kinds.items())}"
        for name, kinds in decisions["by_annotator"].items()
    ]
    if not lines:
        yield Paragraph("Nobody decided anything by hand.")
        return
    lines += [
        f"{'1 delivered example has' if n == 1 else f'{n:,} delivered examples have'} {TITLES[word]}"
        for word, n in decisions["delivered_with"].items()
    ]
    yield Listing(tuple(lines))
    yield Paragraph(
        "Every decision that counts is in decisions.jsonl; receipts.parquet holds the texts that were "
        "changed, before and after."
    )
    if len(decisions["by_annotator"]) > 1:
        yield Paragraph(sentences.whose_answer(decisions.get("policy", "latest")))


def _splits(manifest: Mapping[str, Any]) -> Iterator[Block]:
    leaks = manifest["leaks"]
    safe = "Leak-safe: no prompt, duplicate group or source conversation stands in two splits."
    text = safe if leaks.get("leak_safe") else leaks.get("text", "")
    text = " ".join(filter(None, [text, leaks.get("search")]))
    if nearest := leaks.get("nearest"):
        text += f" The nearest pair across splits has cosine similarity {nearest['similarity']}."
    if ratio := leaks.get("leak_ratio"):
        text += (
            f" Its scaled leakage is {ratio['split']}, that of random splits of these sizes "
            f"{ratio['random']} (DataSAIL; lower is better)."
        )
    yield Paragraph(text)
    if len(manifest["splits"]) > 1:
        yield Bars("Examples by split", tuple(manifest["splits"].items()))


def _benchmarks(manifest: Mapping[str, Any]) -> Iterator[Block]:
    """Yield, for each step that looked for rows of benchmarks, its sets and what it found."""
    for entry in manifest["contamination"]:
        sides = " and ".join(map(str, entry["sides"]))
        holders, inside = entry["examples"], entry["delivered"]
        cosine = entry["similarity"]
        meaning = " or" if cosine is None else f", has a cosine of {cosine}, or shares"
        yield Paragraph(
            f"By {sides}, {holders:,} example{'s hold' if holders != 1 else ' holds'} a row of a set; "
            f"{inside:,} {'are' if inside != 1 else 'is'} delivered. "
            f"A copy shares a run of {entry['run']} words{meaning} {entry['overlap']:.0%} of the set's row "
            f"in runs of 8. What was done: {entry['action']}."
        )
        yield Table(
            ("set", "its rows", "examples that hold one", "SHA-256"),
            tuple(
                (
                    one_line(s["name"], 80),
                    f"{s['rows']:,}",
                    f"{s['examples']:,}",
                    f"{s['sha256'][:16]}…",
                )
                for s in entry["sets"]
            ),
            frozenset({1, 2}),
        )
    if not manifest["contamination"]:
        yield Paragraph("No benchmark was compared with these examples.")


def _tokens(dataset: Dataset, rows: pd.DataFrame) -> Iterator[Block]:
    contexts = Contexts.of(rows)
    if contexts is None:
        if "response_tokens" in rows:
            total, middle = int(rows["response_tokens"].sum()), rows["response_tokens"].median()
            yield Paragraph(f"{total:,} tokens in responses; median {middle:.0f}.")
        yield Paragraph(
            "Whole conversations were not counted with a chat template (step chat_tokens)."
        )
        return
    notes = [note for r in dataset.steps if r.use == "chat_tokens" for note in r.notes]
    yield Paragraph(" ".join(notes))
    sizes = contexts.lengths()
    cuts = [contexts.cut(length) for length in LENGTHS]
    enough = next((n for n, cut in enumerate(cuts) if not cut.cut), len(cuts))
    cuts = cuts[: enough + 1]  # of those that cut nothing the smallest
    text = (
        f"{sizes['total']:,} tokens in {len(contexts.tokens):,} conversations; the middle one has "
        f"{sizes['median']:,}, one in twenty more than {sizes['p95']:,}, the longest {sizes['most']:,}."
    )
    yield Histogram(text, tuple(contexts.histogram()), tuple(c.length for c in cuts if c.cut))
    yield Table(
        ("context length", "examples cut", "share", "tokens of answers lost", "share"),
        tuple(
            (
                f"{c.length:,}",
                f"{c.cut:,}",
                percent(c.share),
                f"{c.lost:,}",
                percent(c.share_lost),
            )
            for c in cuts
        ),
        frozenset(range(5)),
    )


def _groups(rows: pd.DataFrame) -> Iterator[Section]:
    for column, title in (("language", "Languages"), ("topic", "Topics"), ("label", "Labels")):
        if column in rows and rows[column].notna().any():
            counts = rows[column].fillna("").replace("", "none").value_counts()
            bars = tuple((one_line(str(n), 40), int(c)) for n, c in counts.head(30).items())
            more = f", the 30 largest of {len(counts):,}" if len(counts) > 30 else ""
            yield Section(title, (Bars(f"Delivered examples by {column}{more}", bars),))


def _personal(dataset: Dataset, rows: pd.DataFrame) -> Iterator[Block]:
    """Yield what the rules found of personal data, and what became of it."""
    if "problems" not in rows:
        yield Paragraph("Personal data was not looked for (step answer_checks).")
        yield from map(Paragraph, sentences.redacted(dataset))
        return
    names = dataset.rows["problems"].fillna("").str.contains("personal_data", regex=False)
    inside = int(rows["problems"].fillna("").str.contains("personal_data", regex=False).sum())
    dropped = dataset.rows.loc[names, "dropped_by"].dropna().value_counts()
    titles = {report.name: report.title for report in dataset.steps}
    lines = [f"{int(names.sum()):,} of {len(dataset):,} imported examples hold some, by the rules."]
    lines += [
        f"{count:,} of them were dropped by {titles.get(str(by), by)}."
        for by, count in dropped.items()
    ]
    lines.append(f"{inside:,} delivered examples seem to hold personal data (rules only).")
    yield Listing((*lines, *sentences.redacted(dataset)))


def _formats(manifest: Mapping[str, Any]) -> Iterator[Block]:
    """Yield the rows that formats refused and the parts that they have no place for."""
    lines = sentences.not_held(manifest["not_in"], manifest["lost"])
    lines += [f"{name}: {rendered(entry)}" for name, entry in manifest["rendering"].items()]
    yield (
        Listing(tuple(one_line(text, 600) for text in lines))
        if lines
        else Paragraph("Nothing is lost.")
    )


def _proof(result: Mapping[str, Any]) -> Iterator[Block]:
    """Yield what training on the choice showed, with the interval of every arm."""
    scale = result["scale"]
    digits = 1 if scale > 1 else 3
    for text in (result["sentence"], limits(result), result["test_set"]):
        if text:
            yield Paragraph(one_line(text, 900))
    arms = result["arms"]
    means = [
        (one_line(_arm(arm), 60), *(arm[n] * scale for n in ("mean", "low", "high")))
        for arm in arms
        if None not in (arm["mean"], arm["low"], arm["high"])
    ]
    if means:
        yield Intervals(
            "Mean of each arm with its 95 % interval", str(result["unit"]), tuple(means)
        )
    yield Table(
        ("arm", "budget", str(result["unit"]), "95 % interval", "seeds"),
        tuple(_measured(arm, scale, digits) for arm in arms),
        frozenset({1, 2, 4}),
    )
    yield Paragraph(
        f"Measured by training with the learner {one_line(result['learner'], 40)}; "
        f"run {one_line(result['run'], 40)}."
    )


def _arm(arm: Mapping[str, Any]) -> str:
    return str(arm["title"]) if arm["budget"] is None else f"{arm['title']}, {arm['budget']:,}"


def _measured(arm: Mapping[str, Any], scale: float, digits: int) -> tuple[str, ...]:
    mean, low, high = (
        "" if arm[n] is None else f"{arm[n] * scale:.{digits}f}" for n in ("mean", "low", "high")
    )
    budget = "all" if arm["budget"] is None else f"{arm['budget']:,}"
    interval = f"{low} to {high}" if low and high else "none"
    return one_line(arm["title"], 60), budget, mean, interval, str(arm["seeds"])


def _gaps(dataset: Dataset, manifest: Mapping[str, Any]) -> Sequence[str]:
    about = manifest.get("about", {})
    lines = [f"{text}." for text in sentences.excluded(manifest["excluded"])]
    lines += [
        f"The {word} is not stated."
        for word in ("purpose", "licence", "contact")
        if not about.get(word)
    ]
    if "proof" not in manifest:
        lines.append("Nobody trained on it yet, so that it helps is not shown.")
    lines.append("Facts in answers were not checked, and no licence of any source was.")
    return lines
