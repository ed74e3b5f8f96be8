"""A run as one HTML file: verdict, chart, every arm, classes, confusion, costs, plan and versions.

Guarantee: the file fetches nothing and runs nothing, and every text of the data, of people and of the
plan is escaped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from numbers import Real
from typing import Any

from curation import files
from curation.errors import CurationError
from curation.runs import Run
from curation.training import answers as answers_of
from curation.training import picture

MOST_CLASSES = 20
"""Classes up to which the confusion matrix is drawn whole; of more, the most confused pairs."""

MOST_PAIRS = 40

STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .6rem; text-align: left; border-bottom: 1px solid #8884 }
td.number { text-align: right } svg { max-width: 100%; height: auto }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: .6rem }
.verdict { font-size: 1.25rem } .warning { border-left: 4px solid #d55e00; padding-left: .6rem }
"""

Cell = str | int | float | None


def html(run: Run) -> str:
    """Return the report of a run; raises CurationError for a run that has no verdict yet."""
    verdict = run.verdict
    if verdict is None:
        raise CurationError(f"The run {run.id} has nothing to compare yet; resume it first.")
    fits = [fit for fit in run.fits() if not fit.get("error")]
    parts = [
        "<h1>Did curation help?</h1>",
        f"<p class='verdict'>{escape(verdict['sentence'])}</p>",
        *(f"<p class='warning'>{escape(text)}</p>" for text in warnings(run)),
        picture.intervals(answers_of.dots(verdict), answers_of.axis(verdict), verdict["sentence"]),
        LEGEND,
        "<h2>Every arm</h2>",
        _arms(verdict),
        "<h2>Comparisons</h2>",
        "<p>Differences of the measure; above zero the first arm is better. Intervals cover 95 %; "
        "p by Holm is corrected for all comparisons together.</p>",
        _comparisons(verdict),
    ]
    if (holdout := run.holdout) is not None:
        parts += ["<h2>The test set</h2>", f"<p>{escape(str(holdout['text']))}</p>"]
    parts += _details(run, verdict, fits)
    parts += ["<h2>What it cost</h2>", _costs(fits)]
    if run.notes.strip():
        parts += ["<h2>Notes</h2>", f"<pre>{escape(run.notes)}</pre>"]
    parts.append("<h2>Plan, versions and hashes</h2>")
    written = (run.plan, holdout, run.read("receipt.json"))
    parts += [_pre(value) for value in written if value is not None]
    title = f"Run {run.id}"
    return (
        f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src "
        f"'unsafe-inline'\"><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + f"\n<p>{escape(title)} · {_digest(run)}</p>\n</body></html>\n"
    )


LEGEND = (
    "<p>▲ better than the reference · ▼ worse · ○ no difference shown · ■ not compared with it. "
    "A line is the interval that covers the mean of an arm in 95 of 100 cases.</p>"
)


def warnings(run: Run) -> list[str]:
    """Return the warnings about a run: of its test set, and of its comparison."""
    texts = [*(run.holdout or {}).get("warnings", []), *(run.verdict or {}).get("warnings", [])]
    return list(dict.fromkeys(texts))


def _arms(verdict: Mapping[str, Any]) -> str:
    metric = str(verdict["metric"])
    names = [
        "train",
        "seeds",
        "accuracy",
        "precision",
        "recall",
        "perplexity",
        "calibration_error",
        "seconds",
    ]
    rows = [
        [
            arm["title"],
            answers_of.budget_words(arm["budget"]),
            _interval(arm),
            *(arm.get(name) for name in names),
        ]
        for arm in answers_of.by_budget(verdict["arms"])
    ]
    return table(["arm", "budget", metric, *names], rows)


def _comparisons(verdict: Mapping[str, Any]) -> str:
    rows = [
        [
            c["title"],
            c["against_title"],
            answers_of.budget_words(c["budget"]),
            _interval(c),
            c["n"],
            c["p"],
            c["p_holm"],
            c["verdict"],
        ]
        for c in answers_of.by_budget(verdict["comparisons"])
    ]
    return table(["arm", "against", "budget", "difference", "n", "p", "p by Holm", ""], rows)


def _interval(entry: Mapping[str, Any]) -> str:
    numbers = [_number(entry[name], 4) for name in ("mean", "low", "high")]
    return f"{numbers[0]} ({numbers[1]} to {numbers[2]})" if all(numbers[1:]) else numbers[0]


def _details(run: Run, verdict: Mapping[str, Any], fits: Sequence[dict[str, Any]]) -> list[str]:
    """Return the parts about one fit: the first arm's, at its greatest budget, with its first seed."""
    fit = answers_of.main_fit(verdict, fits)
    if fit is None:
        return []
    about = answers_of.fit_words(fit)
    table_of = run.answers(fit["key"])
    if "predicted" not in table_of:
        return [f"<h2>Lengths: {escape(about)}</h2>", _losses(table_of), *_samples(fit)]
    classes = answers_of.per_class(fit)
    curve = picture.lines(
        {fit["title"]: answers_of.reliability(table_of)},
        "probability of the answer",
        "share that is right",
        "A reliability chart: on the dashed line, probabilities are right.",
        diagonal=True,
    )
    return [
        f"<h2>Classes: {escape(about)}</h2>",
        table(list(classes.columns), classes.to_numpy(dtype=object).tolist()),
        "<h2>What is taken for what</h2>",
        _confusion(table_of),
        "<h2>Are its probabilities right?</h2>",
        curve,
    ]


def _confusion(table_of: Any) -> str:
    counts = answers_of.confusion(table_of)
    if len(counts) <= MOST_CLASSES:
        rows = [[name, *(int(n) for n in counts.loc[name])] for name in counts.index]
        return table(["label \\ predicted", *counts.columns], rows)
    pairs = answers_of.confused(table_of)
    text = f"<p>The {min(MOST_PAIRS, len(pairs))} most frequent of {len(pairs):,} pairs.</p>"
    return text + table(list(pairs.columns), pairs.head(MOST_PAIRS).to_numpy(dtype=object).tolist())


def _losses(table_of: Any) -> str:
    groups = answers_of.losses(table_of, answers_of.lengths(table_of))
    return table(list(groups.columns), groups.to_numpy(dtype=object).tolist())


def _samples(fit: Mapping[str, Any]) -> list[str]:
    names = ("prompt", "reference", "before", "after")
    rows = [[sample[name] for name in names] for sample in fit.get("samples", [])]
    return ["<h2>Answers before and after</h2>", table(list(names), rows)] if rows else []


def _costs(fits: Sequence[Mapping[str, Any]]) -> str:
    names = ("seconds", "tokens", "steps", "parameters", "flops")
    rows: list[Sequence[Cell]] = [
        [fit["arm"], fit["budget"], fit["seed"], fit["train"], *(fit["cost"][n] for n in names)]
        for fit in fits
    ]
    total = [sum(fit["cost"][name] for fit in fits) for name in ("seconds", "flops")]
    sentence = f"{len(fits):,} fits took {total[0]:,.0f} seconds and about {total[1]:.2g} FLOP."
    return f"<p>{sentence}</p>" + table(["arm", "budget", "seed", "examples", *names], rows)


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table of HTML with everything in it escaped; an empty cell for None and nan."""
    head = "".join(f"<th>{escape(str(name).replace('_', ' '))}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Cell) -> str:
    if value is None or isinstance(value, Real):
        return f"<td class='number'>{_number(None if value is None else float(value))}</td>"
    return f"<td>{escape(str(value))}</td>"


def _number(value: float | None, digits: int = 3) -> str:
    if value is None or not math.isfinite(value):
        return ""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.{digits}f}" if 0.001 <= abs(value) < 1e6 else f"{value:.3g}"


def _pre(value: Mapping[str, Any]) -> str:
    return f"<pre>{escape(json.dumps(value, ensure_ascii=False, indent=1))}</pre>"


def _digest(run: Run) -> str:
    """Return the checksums of the files that the report was made from."""
    names = ("plan.json", "holdout.json", "receipt.json", "verdict.json")
    present = [name for name in names if (run.path / name).exists()]
    return " · ".join(f"{name} SHA-256 {files.sha256(run.path / name)}" for name in present)
