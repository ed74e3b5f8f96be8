"""The command on the history of people's decisions: list it, and return to a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from curation.cli.options import AsJson, ProjectPath
from curation.cli.terminal import note_namesake, show
from curation.errors import CurationError
from curation.project import Project


def history(
    project: ProjectPath,
    person: Annotated[str, typer.Option(help="Only acts of this person.")] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Only decisions of this kind; may be given several times."),
    ] = None,
    example: Annotated[str, typer.Option(help="Only acts about the example with this id.")] = "",
    since: Annotated[
        str,
        typer.Option(help="Only acts from this local time on, as 2026-11-30 or 2026-11-30T14:05."),
    ] = "",
    until: Annotated[str, typer.Option(help="Only acts before this local time.")] = "",
    before: Annotated[
        int, typer.Option(help="Only acts before this number, which ends a shorter list.")
    ] = 0,
    top: Annotated[int, typer.Option(min=1, help="Most acts to list.")] = 50,
    return_to: Annotated[
        int | None,
        typer.Option(help="Return to the moment after the event with this number; 0: before all."),
    ] = None,
    annotator: Annotated[str, typer.Option(help="Whose act the return is.")] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Return; without, only say what would count no more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List who decided what and when, newest first; or return to a moment, as one undoable act."""
    opened = Project.open(project)
    if return_to is not None:
        _return(opened, return_to, annotator, yes, as_json)
        return
    from curation.looking.events import Reader, Search

    search = Search(person, tuple(kind or ()), example, _seconds(since), _seconds(until))
    if (people := opened.people()) is None:
        show({"acts": [], "older": 0}, as_json, "Nobody has decided anything yet.")
        return
    labels = opened.examples.rows["label"]
    reader = Reader(opened.decisions, lambda i: str(labels.get(i) or ""), people)
    page = reader.page(search, before, top)
    lines = [
        f"{act.seq:>7}  {datetime.fromtimestamp(act.time):%Y-%m-%d %H:%M}  {act.who or 'nobody'}: "
        + "; ".join(part for part in (act.words, act.example, act.reason, act.fate) if part)
        for act in page.acts
    ]
    if page.older:
        lines.append(f"Older acts: --before {page.older}")
    value = {"acts": [act.to_dict() for act in page.acts], "older": page.older}
    show(value, as_json, "\n".join(lines) or "No act meets these conditions.")


def _return(opened: Project, seq: int, annotator: str, yes: bool, as_json: bool) -> None:
    """Say what a return changes, and do it after a yes."""
    from curation.decisions.moments import changes_since, return_to

    if opened.people() is None:
        raise CurationError("Nobody has decided anything yet, so there is no moment to return to.")
    if not annotator.strip():
        raise CurationError("A return is a person's act: give --annotator NAME.")
    note_namesake(opened, annotator)
    changes = changes_since(opened.decisions, seq, opened.people)
    done = return_to(opened.decisions, changes, annotator) if yes else None
    number = len(changes.examples)
    value = {
        "moment": seq,
        "examples": number,
        "off": changes.by_person(),
        "on": len(changes.on),
        "appended": done.appended if done else 0,
        "saved": done is not None,
    }
    end = "saved as one act" if done else "nothing is changed without --yes"
    text = f"{number:,} example{'s' if number != 1 else ''} differ{'s' if number == 1 else ''}. "
    show(value, as_json, f"{text}{changes.sentence()} {end.capitalize()}.")


def _seconds(text: str) -> float | None:
    """Return a local time in UTC seconds; None for no text. Raises CurationError for another text."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise CurationError(
            f"{text!r} is no time; write it as 2026-11-30 or 2026-11-30T14:05."
        ) from None
