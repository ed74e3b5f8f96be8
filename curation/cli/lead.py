"""Commands of the lead: how far people agree, and how many answer each example."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from curation.cli.options import AsJson, ProjectPath
from curation.cli.terminal import show
from curation.project import Project
from curation.text.folding import one_line

if TYPE_CHECKING:
    import pandas as pd

MOST_DIFFERING = 20
"""Examples with different answers that `curate agreement` lists."""

LONGEST = 200
"""Characters of the answers to one example in a line."""


def agree(project: ProjectPath, as_json: AsJson = False) -> None:
    """Print how alike people answered each question, with intervals, and where they differ."""
    from curation.decisions import State
    from curation.looking.agreement import Coefficient, written
    from curation.looking.agreements import agreements
    from curation.questions import read_questions

    opened = Project.open(project)
    opinions = (opened.people() or State()).opinions_frame()
    results = agreements(opinions, read_questions(opened.path))
    lines = []
    for result in results:
        lines.append(f"{result.question}: {result.sentence()}")
        if result.fleiss.is_given:
            lines.append(f"  Fleiss's kappa {written(result.fleiss)}")
        for pair in result.pairs.to_dict("records"):
            who = f"  {pair['first']} and {pair['second']}: {pair['examples']:,} shared, "
            if result.kind == "spans":
                lines.append(f"{who}F1 {pair['same']:.2f}")
                continue
            kappa = Coefficient(pair["kappa"], pair["low"], pair["high"], pair["why"])
            lines.append(
                f"{who}{pair['same']:.0%} the same, Cohen's kappa {written(kappa)}"
                f"{'' if kappa.is_given else f': {kappa.why}'}"
            )
        lines += differing(result.disagreements["answers"])
    value = {"questions": [result.summary() for result in results]}
    show(value, as_json, "\n".join(lines) or "Nobody has answered yet.")


def differing(answers: pd.Series) -> list[str]:
    """Return a line for each of the first examples with different answers; answers: by example id."""
    if not len(answers):
        return []
    rest = len(answers) - MOST_DIFFERING
    return [
        f"  {len(answers):,} with different answers:",
        *(f"    {i}  {one_line(text, LONGEST)}" for i, text in answers[:MOST_DIFFERING].items()),
        *([f"    and {rest:,} more: see --json"] if rest > 0 else []),
    ]


def review(
    project: ProjectPath,
    overlap: Annotated[
        int | None, typer.Option(help="The number of people who answer each shared example.")
    ] = None,
    share: Annotated[
        float | None, typer.Option(help="The share of the examples that are shared, 0 to 1.")
    ] = None,
    held_back: Annotated[
        float | None,
        typer.Option(help="The share of the examples shown without suggestions, 0 to 1."),
    ] = None,
    gold: Annotated[
        float | None, typer.Option(help="The share of gold items among a person's cards, 0 to 1.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print how many people answer each example and how many are done; or set it, at any time."""
    from curation.looking.queues import Board
    from curation.review import change_review, read_review

    opened = Project.open(project)
    settings = read_review(opened.path)
    given = {"overlap": overlap, "share": share, "held_back": held_back, "gold": gold}
    if changes := {name: value for name, value in given.items() if value is not None}:
        change_review(opened.path, **changes)
        settings = read_review(opened.path)
    progress = Board().progress(opened.view().dataset.rows, opened.people(), settings)
    words = {"gold": "Gold items among a person's cards", "held_back": "Shown without suggestions"}
    lines = [f"{text}: {getattr(settings, n):.0%}." for n, text in words.items() if n in changes]
    text = "\n".join([*lines, progress.sentence(settings)])
    show(asdict(settings) | progress._asdict(), as_json, text)
