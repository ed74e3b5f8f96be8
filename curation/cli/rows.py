"""Commands on the rows of a project: print or save all or filtered rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.cli.options import EngineName, Filters, ProjectPath, Words, engine_of, read_ids
from curation.cli.terminal import say, working
from curation.dataset import BASE_COLUMNS, Dataset
from curation.errors import CurationError
from curation.looking.filter import Filter
from curation.overlay import with_decisions
from curation.project import Project
from curation.rejected import readable
from curation.report import reasons_of


def rows(
    project: ProjectPath,
    kept: Annotated[bool, typer.Option("--kept", help="Only kept rows.")] = False,
    dropped: Annotated[bool, typer.Option("--dropped", help="Only dropped rows.")] = False,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Lines that were refused on import.")
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Columns after id, texts and reason, by commas, as language,quality; without it all scores.",
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="FILE.jsonl, .parquet or .csv instead of stdout.")
    ] = None,
    filter: Filters = None,
    words: Words = "",
    ids: Annotated[
        Path | None, typer.Option(help="Only the examples of a file with an id a line.")
    ] = None,
    engine: EngineName = "auto",
) -> None:
    """Print or save the annotated rows; the recipe is run first if anything has changed."""
    from curation.export.offer import listed
    from curation.export.tables import check_ending, write_frame

    check_ending(to)
    chosen = None if ids is None else read_ids(ids)
    conditions, opened = Filter.parse(filter or [], words), Project.open(project)
    if rejected and (conditions or ids is not None):
        raise typer.BadParameter(
            "--rejected lists lines that are no rows, so it has no filter and no ids"
        )
    if rejected:
        frame = readable(opened.rejected)
    else:
        dataset, people = current(opened, engine), opened.people()
        if people is not None or columns:
            dataset = with_decisions(dataset, people)
        part = (
            dataset.rows[conditions.checked(with_decisions(dataset, people))]
            if conditions
            else dataset.rows
        )
        if chosen is not None:
            part = part[part.index.isin(dataset.rows.index[listed(dataset.rows.index, chosen)])]
        if kept != dropped:
            part = part[part["dropped_by"].isna() == kept]
        frame = row_table(dataset, part, columns)
    write_frame(frame, to)
    if to is not None:
        say(f"{len(frame):,} rows in {to}")


def current(opened: Project, engine: str) -> Dataset:
    """Replay recipe and decisions; the last run is reused if nothing changed since."""
    view = opened.view()
    if view.current:
        return view.dataset
    with working(opened.path, None) as (progress, _), engine_of(engine) as runner:
        return opened.replay(engine=runner, progress=progress)


MANY = 100
"""Most columns of the files that are printed without --columns."""


def row_table(dataset: Dataset, rows: Any, columns: str | None) -> Any:
    """Return rows with the fixed columns, then the scores and the files' own columns."""
    always = ["dropped_by", "reason", "split", "prompt", "response", "messages", "label"]
    fixed = ["id", "source_file", "source_row", *always]
    names = [c.strip() for c in columns.split(",")] if columns else [*dataset.scores]
    own = list(dataset.own_names)
    if not columns and len(own) <= MANY:
        names += own
    elif not columns:
        sys.stderr.write(
            f"{len(own):,} columns of the files are left out; name those you want by --columns.\n"
        )
    table = dataset.with_columns([c for c in names if c not in fixed], rows)
    unknown = [c for c in names if c not in table.columns and c not in fixed]
    if unknown:
        choices = [*BASE_COLUMNS, *dataset.scores, *own[:MANY]]
        raise CurationError(f"There is no column {unknown[0]!r}; there are: {', '.join(choices)}.")
    table["reason"] = reasons_of(dataset.rows, dataset.steps)[table.index]
    table = table.rename_axis("id").reset_index().rename(columns={"source": "source_file"})
    return table[[*fixed, *(c for c in names if c not in fixed and c != "source")]]


def filtered(opened: Project, conditions: Filter, engine: str = "auto") -> tuple[Dataset, Any]:
    """Replay recipe and decisions, and return the dataset with the mask of a filter.

    Raises CurationError where the filter names a column or a value that is not there.
    """
    dataset = with_decisions(current(opened, engine), opened.people())
    return dataset, conditions.checked(dataset)
