"""The command on gold items: make them, take them back, and say how people answer them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.cli.options import AsJson, EngineName, ProjectPath, check_one, read_bytes
from curation.cli.rows import current
from curation.cli.terminal import note_namesake, show
from curation.project import Project
from curation.text.counted import counted


def gold(
    project: ProjectPath,
    source_file: Annotated[
        Path | None,
        typer.Option("--from", help="A table (.csv, .jsonl, .parquet) of {id, question, value}."),
    ] = None,
    question: Annotated[str, typer.Option(help="The question of rows without one.")] = "",
    settled: Annotated[
        bool, typer.Option("--settled", help="Make all settled answers gold.")
    ] = False,
    remove: Annotated[
        str, typer.Option(metavar="ID", help="The example is no gold item any more.")
    ] = "",
    annotator: Annotated[
        str, typer.Option(help="Who knows the answers; they are not checked.")
    ] = "",
    engine: EngineName = "auto",
    as_json: AsJson = False,
) -> None:
    """Make gold items, whose right answer is known, or say how often each person answers them right.

    They stand among the examples of each person's queue, at the share of `review --gold`.
    """
    check_one({"--from": source_file, "--settled": settled, "--remove": remove})
    from curation import gold as golden

    opened = Project.open(project)
    people = opened.people()
    note_namesake(opened, annotator)
    if remove:
        number = golden.unmake(opened, remove, annotator)
        show({"removed": number}, as_json, f"{remove} is no gold item any more.")
        return
    if settled:
        number = golden.make(opened, golden.settled(people), annotator)
        show(
            {"gold": number},
            as_json,
            f"{counted(number, 'settled answer is', 'settled answers are')} gold now.",
        )
        return
    if source_file is not None:
        from curation.questions import read_questions
        from curation.suggestions import making

        questions = {one.name: one for one in read_questions(opened.path)}
        records = making.records_of(read_bytes(source_file), source_file.suffix, "", question)
        result = making.of_records(records, current(opened, engine), questions, "gold")
        number = golden.make(opened, golden.of_suggestions(result.rows, people), annotator)
        lines = [f"{counted(number, 'answer is', 'answers are')} gold now.", *result.remarks()]
        value = {"gold": number, "unknown": result.unknown, "unfit": result.unfit}
        show(value, as_json, "\n".join(lines))
        return
    _list(opened, as_json)


def _list(opened: Project, as_json: bool) -> None:
    """Print the number of gold items, and how often each person and each question is answered right."""
    from curation.decisions import State
    from curation.looking.checks import by_person, by_question

    people = opened.people() or State()
    persons = by_person(people).to_dict("records")
    questions = by_question(people).to_dict("records")
    lines = [f"{len(people.gold):,} gold items", *(_line(one, "who") for one in persons)]
    if len(questions) > 1:
        lines += ["By question:", *(_line(one, "question") for one in questions)]
    value = {"items": len(people.gold), "people": persons, "questions": questions}
    show(value, as_json, "\n".join(lines))


def _line(share: Mapping[Hashable, Any], name: str) -> str:
    """Return a row of `by_person` or `by_question` as a line; name: its first column."""
    return (
        f"{share[name]}: {share['right']:,} of {share['answers']:,} right, {share['share']:.0%} "
        f"({share['low']:.0%} to {share['high']:.0%})"
    )
