"""Commands on people's decisions: append, list, and carry over."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.cli.options import (
    AsJson,
    Filters,
    ProjectPath,
    Words,
    check_one,
    read_bytes,
    read_text,
)
from curation.cli.rows import filtered
from curation.cli.terminal import note_namesake, say, show
from curation.errors import CurationError
from curation.looking.filter import Filter
from curation.project import Project

if TYPE_CHECKING:
    from curation.decisions import Decision
    from curation.decisions.lines import DecisionLines

BULK = ("keep", "drop", "skip", "flag", "unflag", "tag", "untag", "label", "note", "rate")
"""Kinds of decisions that can be the same for many examples."""


def decide(
    project: ProjectPath,
    annotator: Annotated[str, typer.Option(help="Whose decisions they are.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="JSON Lines of {id, kind, value, reason}, what `curate decisions` prints, its table "
            "(.csv, .jsonl, .parquet), or a file of another tool with --format.",
        ),
    ] = None,
    format: Annotated[
        str,
        typer.Option(help="The tool that wrote the file: argilla, label-studio, prodigy, doccano."),
    ] = "",
    filter: Filters = None,
    words: Words = "",
    kind: Annotated[
        str, typer.Option(help=f"What is decided of each example found: {', '.join(BULK)}.")
    ] = "",
    value: Annotated[str, typer.Option(help="The tag, label, note, reason or number.")] = "",
    reason: Annotated[
        str, typer.Option(help="Why; it is saved with the decision about each example.")
    ] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Save it; without, only say for how many examples.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Append decisions made elsewhere, or one for every example that a filter holds.

    Both are one action that can be undone. A line of a file whose op_id is known counts once.
    """
    annotator = annotator.strip()
    if not annotator:
        raise CurationError("Decisions carry a name: give --annotator NAME.")
    conditions, opened = Filter.parse(filter or [], words), Project.open(project)
    note_namesake(opened, annotator)
    if (source is None) == (not conditions):
        raise typer.BadParameter("give either --from FILE, or --kind with --filter or --words")
    if source is not None and (format or is_table(source)):
        of_answers(opened, source, annotator, format, as_json)
        return
    if source is not None:
        save(opened, of_file(opened, source, annotator), as_json)
        return
    from curation.decisions.lines import DecisionLines

    decisions = of_filter(opened, conditions, kind, value, annotator, reason)
    save(opened, DecisionLines(decisions), as_json, title=kind, yes=yes)


def save(
    opened: Project,
    lines: DecisionLines,
    as_json: bool,
    *,
    title: str = "",
    yes: bool = True,
) -> None:
    """Append decisions, all or none, and print the numbers; without `yes`, append nothing.

    An undo or redo that somebody wrote and that would change nothing is left out. title: first word of
    the report.
    """
    from curation.decisions.switches import effective

    decisions, _, withheld, asking = lines
    done = None
    if yes and not asking:
        done = opened.decisions.append(decisions)
    elif yes:
        done = opened.decisions.append_by(lambda fold: effective(fold, decisions, asking))
    left_out = len(decisions) - done.appended - done.ignored if done else 0
    result = {
        "examples": len({decision.example_id for decision in decisions}),
        "appended": done.appended if done else 0,
        "ignored": done.ignored if done else 0,
        "conflicts": len(done.conflicts) if done else 0,
        "withheld": withheld,
        "without_effect": left_out,
    }
    many = f"{result['examples']:,} example{'s' if result['examples'] != 1 else ''}"
    parts = [f"{title}: saved for {many} as one action" if done else f"{title}: {many}"]
    if done is None:
        parts.append("nothing is saved without --yes")
    else:
        parts.append(
            f"{done.appended:,} appended, {done.ignored:,} known by their op_id, "
            f"{len(done.conflicts):,} conflicts"
        )
    if withheld:
        parts.append(f"{withheld:,} edits passed over, whose texts the file does not hold")
    if left_out:
        line = "line" if left_out == 1 else "lines"
        parts.append(f"{left_out:,} {line} left out: there is nothing to undo or redo")
    show(result, as_json, "; ".join(parts if title else parts[1:]))


def of_filter(
    opened: Project,
    conditions: Filter,
    kind: str,
    value: str,
    annotator: str,
    reason: str = "",
) -> list[Decision]:
    """Make one decision for every example that meets a filter, with its reason.

    Raises CurationError for a kind or value that does not fit.
    """
    if kind not in BULK:
        raise CurationError(f"--kind is one of: {', '.join(BULK)}; not {kind!r}.")
    people = opened.people()
    dataset, mask = filtered(opened, conditions)
    decided: Any = value or ("review" if kind in ("flag", "unflag") else None)
    if kind == "rate":
        try:
            decided = float(value)
        except ValueError:
            raise CurationError(f"A rate needs a number as its --value, not {value!r}.") from None
    ids = [str(i) for i in dataset.rows.index[mask]]
    from curation.decisions import as_one_act

    newest = people.last if people else 0
    choices = [(kind, i, decided) for i in ids]
    decisions = as_one_act(choices, annotator, uuid.uuid4().hex, newest, reason)
    for decision in decisions[:2]:  # they differ by their example only
        decision.check()
    return decisions


def of_file(opened: Project, source: Path, annotator: str) -> DecisionLines:
    """Read the decisions of a file.

    Raises CurationError for a line that is not a decision, or no answer to its question.
    """
    from curation.decisions import read_decisions
    from curation.questions import check_answer, read_questions

    questions = {question.name: question for question in read_questions(opened.path)}
    lines = read_decisions(
        read_text(source),
        annotator,
        opened.examples.rows.index,
        lambda decision: check_answer(questions, decision.kind, decision.value),
    )
    if lines.problems:
        raise CurationError(f"{source.name}, {lines.problems[0]}")
    return lines


def is_table(source: Path) -> bool:
    """Return whether a file is a table of decisions: by its ending, or its first line has no kind."""
    if source.suffix != ".jsonl":
        return source.suffix in (".csv", ".parquet")
    first = next((line for line in read_text(source).splitlines() if line.strip()), "")
    try:
        entry = json.loads(first or "[]")
    except ValueError:
        return False
    return isinstance(entry, dict) and "id" in entry and "kind" not in entry


def of_answers(opened: Project, source: Path, annotator: str, format: str, as_json: bool) -> None:
    """Append the decisions of a table or of another tool's file, and print the numbers."""
    from curation.decisions import State
    from curation.interchange import preview
    from curation.questions import read_questions

    content = read_bytes(source)
    rows, people = opened.examples.rows, opened.people() or State()
    questions = read_questions(opened.path)
    result = preview(content, rows, people, annotator, format, source.suffix, questions)
    done = opened.decisions.append(result.decisions)
    value = {
        "examples": result.examples,
        "appended": done.appended,
        "unknown": result.unknown,
        "older": result.older,
        "unfit": result.unfit,
        "untimed": result.untimed,
        "conflicts": len(done.conflicts),
    }
    text = f"{done.appended:,} decisions on {result.examples:,} examples, as one action"
    show(value, as_json, "\n".join((text, *result.remarks())))


def list_decisions(
    project: ProjectPath,
    to: Annotated[Path | None, typer.Option(help="A file instead of stdout.")] = None,
    opinions: Annotated[
        bool,
        typer.Option(
            "--opinions",
            help="Each person's own latest answers, by example and question; --to is then a "
            ".jsonl, .parquet or .csv file.",
        ),
    ] = False,
    table: Annotated[
        bool,
        typer.Option(
            "--table",
            help="One row for each example: verdict, label, tags, rating, notes, reason, answers, who, "
            "when, edited. --to is a .csv, .jsonl or .parquet file.",
        ),
    ] = False,
    format: Annotated[
        str,
        typer.Option(
            help="Each person's answers for another tool: argilla, label-studio, prodigy, doccano."
        ),
    ] = "",
) -> None:
    """Print the events of people's decisions, oldest first, as JSON Lines."""
    check_one({"--opinions": opinions, "--table": table, "--format": format})
    opened = Project.open(project)
    if table:
        write_table(opened, to)
        return
    if format:
        write_answers(opened, to, format)
        return
    if opinions:
        from curation.decisions import State
        from curation.export.tables import write_frame

        frame = (opened.people() or State()).opinions_frame()
        write_frame(frame, to)
        if to is not None:
            say(f"{len(frame):,} opinions in {to}")
        return
    events = opened.decisions.events() if opened.people() is not None else []
    lines = [json.dumps(event.to_dict(), ensure_ascii=False) for event in events]
    if to is None:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    else:
        from curation.files import write_text

        write_text(to, "".join(f"{line}\n" for line in lines))
        say(f"{len(lines):,} events in {to}")


def write_table(opened: Project, to: Path | None) -> None:
    """Write the decisions that count, one row for each example."""
    from curation.decisions import State
    from curation.export.tables import write_frame
    from curation.interchange import table_of

    csv = to is not None and to.suffix == ".csv"
    frame = table_of(opened.people() or State(), opened.examples.rows, csv)
    write_frame(frame, to)
    if to is not None:
        say(f"{len(frame):,} examples in {to}")


def write_answers(opened: Project, to: Path | None, format: str) -> None:
    """Write each person's answers in the format of another tool, and say what it cannot hold."""
    from curation.decisions import State
    from curation.files import write_text
    from curation.interchange import written

    people = opened.people() or State()
    content, number, lost = written(people, opened.examples.rows, format)
    if to is None:
        sys.stdout.write(content.decode())
    else:
        write_text(to, content.decode())
        say(f"{number:,} answers in {to}")
    if lost:
        sys.stderr.write(f"{lost}\n")


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
    note_namesake(opened, annotator or "")
    chosen = [offer for offer in offers if offer.id and offer.likeness >= above]
    carried = 0 if annotator is None else carrying.carry(opened, chosen, annotator)
    lines = [
        f"{o.former_id} ({o.place or 'of no known file'}): {'; '.join(o.decisions)}\n  "
        + (f"now {o.id}, {o.likeness:.0%} alike" if o.id else "no row is like it")
        for o in offers
    ]
    if annotator is not None:
        lines.append(f"{carried:,} of {len(offers):,} carried over; undo takes them back as one")
    elif chosen:
        lines.append(f"{len(chosen):,} can be carried over: add --annotator NAME")
    value = {"offers": [offer.to_dict() for offer in offers], "carried": carried}
    show(value, as_json, "\n".join(lines) or "Every decision has its row.")
