"""People's decisions, in and out."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from curation.cli.options import AsJson, ProjectPath, read_text
from curation.cli.terminal import say, show
from curation.errors import CurationError
from curation.project import Project


def decide(
    project: ProjectPath,
    source: Annotated[
        Path,
        typer.Option(
            "--from", help="JSON Lines of {id, kind, value}, or what `curate decisions` prints."
        ),
    ],
    annotator: Annotated[str, typer.Option(help="Whose decisions they are.")],
    as_json: AsJson = False,
) -> None:
    """Append decisions made elsewhere, as one action that can be undone; an op_id counts once."""
    from curation.decisions import read_decisions

    opened = Project.open(project)
    known = opened.examples.rows
    lines = read_decisions(read_text(source), annotator, known.index)
    if lines.problems:
        raise CurationError(f"{source.name}, {lines.problems[0]}")
    done = opened.decisions.append(lines.decisions)
    value = {
        "appended": done.appended,
        "ignored": done.ignored,
        "conflicts": len(done.conflicts),
        "withheld": lines.withheld,
    }
    text = (
        f"{done.appended:,} appended, {done.ignored:,} known by their op_id, "
        f"{len(done.conflicts):,} conflicts"
    )
    if lines.withheld:
        text += f"; {lines.withheld:,} edits passed over, whose texts the file does not hold"
    show(value, as_json, text)


def list_decisions(
    project: ProjectPath,
    to: Annotated[Path | None, typer.Option(help="A file instead of stdout.")] = None,
) -> None:
    """Print the events of people's decisions, oldest first, as JSON Lines."""
    opened = Project.open(project)
    events = opened.decisions.events() if opened.people() is not None else []
    lines = [json.dumps(event.to_dict(), ensure_ascii=False) for event in events]
    if to is None:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    else:
        from curation.files import write_text

        write_text(to, "".join(f"{line}\n" for line in lines))
        say(f"{len(lines):,} events in {to}")


def carry(
    project: ProjectPath,
    annotator: Annotated[
        str | None, typer.Option(help="Carry the offered decisions over, as this person's action.")
    ] = None,
    above: Annotated[
        float, typer.Option(help="Only to rows that are at least so like the old one, 0 to 1.")
    ] = 0.5,
    as_json: AsJson = False,
) -> None:
    """List decisions whose example is gone, with the row each may be about now; or carry them over."""
    from curation import carry as carrying

    opened = Project.open(project)
    offers = carrying.offers(opened)
    chosen = [offer for offer in offers if offer.id and offer.likeness >= above]
    carried = 0 if annotator is None else carrying.carry(opened, chosen, annotator)
    lines = [
        f"{o.gone} ({o.place or 'of no known file'}): {'; '.join(o.said)}\n  "
        + (f"now {o.id}, {o.likeness:.0%} alike" if o.id else "no row is like it")
        for o in offers
    ]
    if annotator is not None:
        lines.append(f"{carried:,} of {len(offers):,} carried over; undo takes them back as one")
    elif chosen:
        lines.append(f"{len(chosen):,} can be carried over: add --annotator NAME")
    value = {"offers": [asdict(offer) for offer in offers], "carried": carried}
    show(value, as_json, "\n".join(lines) or "Every decision has its row.")
