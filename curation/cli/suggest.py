"""The commands on suggestions: make them, list them, and say whether they bias people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curation.cli.options import AsJson, EngineName, Filters, ProjectPath, check_one, read_bytes
from curation.cli.rows import current
from curation.cli.terminal import show
from curation.looking.filter import Filter
from curation.overlay import with_decisions
from curation.project import Project


def suggest(
    project: ProjectPath,
    source_file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A table (.csv, .jsonl, .parquet) of {id, question, value, score, source}, or another "
            "tool's file with --format.",
        ),
    ] = None,
    format: Annotated[
        str, typer.Option(help="The tool that wrote the file: argilla or label-studio.")
    ] = "",
    column: Annotated[
        str, typer.Option(help="A column of the data, as suggested_label; with --question.")
    ] = "",
    score: Annotated[
        str, typer.Option(help="The column with its scores, the surer the higher.")
    ] = "",
    filter: Filters = None,
    learned: Annotated[
        str,
        typer.Option(
            metavar="QUESTION",
            help="Learn from people's answers to this question, and suggest it where nobody answered.",
        ),
    ] = "",
    question: Annotated[
        str,
        typer.Option(
            help="The question of a column, or of rows without one: verdict, label, rating, …"
        ),
    ] = "",
    source: Annotated[
        str, typer.Option(help="The name of a source that the file does not give.")
    ] = "",
    remove: Annotated[str, typer.Option(metavar="SOURCE", help="Remove its suggestions.")] = "",
    engine: EngineName = "auto",
    as_json: AsJson = False,
) -> None:
    """Save suggested answers, which the card shows and a key accepts; they are no decisions.

    They take the place of the same source's former ones. Where somebody answered, these stay.
    """
    from curation.suggestions import Suggestions

    sources = {"--from": source_file, "--column": column, "--learned": learned, "--remove": remove}
    check_one(sources, least=1)
    if filter and not column:
        raise typer.BadParameter("--filter needs --column")
    opened = Project.open(project)
    saved = Suggestions(opened.path)
    if remove:
        number = saved.remove(remove)
        show({"removed": number}, as_json, f"{number:,} suggestions by {remove} are removed.")
        return
    from curation.questions import read_questions
    from curation.suggestions import making

    questions = {one.name: one for one in read_questions(opened.path)}
    name = making.checked_question(learned or question, questions) if learned or question else ""
    dataset, people = current(opened, engine), opened.people()
    if learned:
        result = making.of_answers(dataset, people, name, questions)
    elif column:
        if not name:
            raise typer.BadParameter("--column needs --question")
        rows = Filter.parse(filter or [], "").checked(with_decisions(dataset, people))
        result = making.of_column(dataset, column, name, questions, score, source, rows)
    else:
        assert source_file is not None
        records = making.records_of(read_bytes(source_file), source_file.suffix, format, name)
        result = making.of_records(records, dataset, questions, source or source_file.stem)
    added = saved.put(result.rows, making.answered(people))
    value = {
        "suggestions": added,
        "examples": len({row.example for row in result.rows}),
        "unknown": result.unknown,
        "unfit": result.unfit,
        "remark": result.remark,
    }
    show(value, as_json, "\n".join(result.sentences()))


def suggestions(project: ProjectPath, as_json: AsJson = False) -> None:
    """Print the sources of suggestions, what became of them, and whether they sway people."""
    from curation.decisions import State
    from curation.looking.bias import answers_beside, biases
    from curation.suggestions import Suggestions

    opened = Project.open(project)
    counts = Suggestions(opened.path).table().counts
    results = biases(answers_beside(opened.people() or State()))
    lines = [
        f"{source}, {name}: {number:,} suggestions" for (source, name), number in counts.items()
    ]
    for result in results:
        lines.append(
            f"{result.source}, {result.question}: shown before {result.shown.answers:,} answers, "
            f"{result.accepted:,} accepted and {result.changed:,} changed; "
            f"held back from {result.hidden.answers:,}."
        )
        lines.append(f"  {result.sentence()}")
    value = {
        "suggestions": [
            {"source": source, "question": name, "suggestions": number}
            for (source, name), number in counts.items()
        ],
        "answers": [result.summary() for result in results],
    }
    show(value, as_json, "\n".join(lines) or "There are no suggestions: see curate suggest --help.")
