"""The command on queues: list them, save one, rename or delete it, and print its examples."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.cli.options import (
    AsJson,
    EngineName,
    Filters,
    ProjectPath,
    Words,
    check_one,
    read_ids,
)
from curation.cli.rows import current
from curation.cli.terminal import note_namesake, show
from curation.dataset import Dataset
from curation.errors import CurationError
from curation.looking.filter import Filter
from curation.looking.orders import Order
from curation.looking.queues import FIRST, QUEUES, Among, Board, queue
from curation.overlay import with_decisions
from curation.project import Project
from curation.review import read_review
from curation.saved_queues import SavedQueue, SavedQueues

if TYPE_CHECKING:
    from curation.decisions import State


def queue_command(
    project: ProjectPath,
    name: Annotated[
        str,
        typer.Argument(metavar="[NAME]", help=f"A saved queue, or one of: {', '.join(QUEUES)}."),
    ] = "",
    filter: Filters = None,
    words: Words = "",
    order: Annotated[
        str,
        typer.Option(
            help="given, random:SEED, highest:COLUMN, lowest:COLUMN, nearest:COLUMN:NUMBER, "
            "outliers, turns:COLUMN, uncertain, suggested, suggested:unsure or disagreement."
        ),
    ] = "",
    ids: Annotated[
        Path | None, typer.Option(help="Save these examples: a file with an id a line.")
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="Save so many of them, by chance.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the sample.")] = 0,
    save: Annotated[bool, typer.Option("--save", help="Save a queue of that name.")] = False,
    rename: Annotated[str, typer.Option(help="Give it this name.")] = "",
    delete: Annotated[bool, typer.Option("--delete", help="Delete it; its examples stay.")] = False,
    list_all: Annotated[
        bool, typer.Option("--list", help="List all queues with what waits.")
    ] = False,
    annotator: Annotated[
        str, typer.Option(help="The person that they wait for; by default anybody.")
    ] = "",
    engine: EngineName = "auto",
    as_json: AsJson = False,
) -> None:
    """Print the ids that wait in a queue of the Annotate page, in its order; save queues and list them.

    A saved queue holds what meets its filter, also later; a sample or a file of ids stays as it is.
    """
    check_one({"--save": save, "--rename": rename, "--delete": delete, "--list": list_all})
    if (ids is not None or sample) and not save:
        raise typer.BadParameter("--ids and --sample need --save")
    if ids is not None and (filter or words or sample):
        raise typer.BadParameter("--ids names the examples, so it takes no filter and no sample")
    conditions, arrangement = Filter.parse(filter or [], words), Order.parse(order or "given")
    opened = Project.open(project)
    saved = SavedQueues(opened.path)
    if delete:
        saved.delete(name)
        show({"queue": name, "deleted": True}, as_json, f"{name} is deleted; its examples stay.")
        return
    if rename:
        new = saved.rename(name, rename).name
        show({"queue": new, "former": name}, as_json, f"{name} is now {new}.")
        return
    dataset, people = current(opened, engine), opened.people()
    dataset = with_decisions(dataset, people)
    if list_all:
        list_queues(saved, dataset, people, as_json)
        return
    mask = conditions.checked(dataset)
    if save:
        fresh = SavedQueue(name, arrangement, conditions)
        if ids is not None:
            fresh = SavedQueue(name, arrangement, ids=listed_ids(ids, dataset))
        elif sample:
            pool = [str(i) for i in dataset.rows.index[mask]]
            fresh = SavedQueue.sampled(name, arrangement, pool, sample, seed)
        positions = fresh.waiting(dataset, people).positions  # before it is saved: it has no fault
        fresh = saved.save(fresh)
        value = {"queue": fresh.name, "examples": len(positions), "about": fresh.about}
        show(value, as_json, f"{fresh.name}: {len(positions):,} wait; {fresh.about}")
        return
    from curation.suggestions import Suggestions

    name, suggestions = name or FIRST, Suggestions(opened.path).table()
    review = read_review(opened.path)
    note_namesake(opened, annotator)
    if name in QUEUES:
        positions, remark = queue(dataset.rows, people, name, annotator.strip(), review), ""
    else:
        one = saved.get(name)
        positions, remark = one.waiting(dataset, people, annotator.strip(), review, suggestions)
    positions = positions[mask[positions]]
    if order:
        positions, remark = arrangement.arranged(dataset, positions, people, suggestions)
    print_ids(name, [str(i) for i in dataset.rows.index[positions]], remark, as_json)


def print_ids(name: str, ids: list[str], remark: str, as_json: bool) -> None:
    """Print the ids, a line each; the remark goes to stderr."""
    if remark and not as_json:
        sys.stderr.write(f"{remark}\n")
    if as_json or ids:
        value: dict[str, Any] = {"queue": name, "examples": len(ids), "ids": ids}
        show(value | ({"remark": remark} if remark else {}), as_json, "\n".join(ids))
    else:
        sys.stderr.write(f"Nothing waits in the queue {name}.\n")


def listed_ids(path: Path, dataset: Dataset) -> tuple[str, ...]:
    """Return the ids of a file, a line each; raises CurationError for one that is not in the data."""
    ids = read_ids(path)
    missing = [i for i in ids if i not in dataset.rows.index]
    if missing:
        raise CurationError(f"{path.name}: there is no example {missing[0]!r} in this dataset.")
    return ids


def list_queues(saved: SavedQueues, dataset: Dataset, people: State | None, as_json: bool) -> None:
    """Print every queue: its name, how many examples wait, and what it holds."""
    queues, problems = saved.all()
    among = dict[str, Among]()
    for one in queues:
        try:
            among[one.name] = one.among(dataset, people)
        except CurationError as error:
            problems.append(str(error))
    counts = Board().look(dataset.rows, people, FIRST, saved=among).counts
    about = {n: text for n, (_, text) in QUEUES.items()} | {one.name: one.about for one in queues}
    entries: list[dict[str, Any]] = [
        {"queue": n, "examples": counts.get(n), "about": text, "saved": n not in QUEUES}
        for n, text in about.items()
    ]
    lines = [
        f"{entry['queue']}: {'?' if entry['examples'] is None else format(entry['examples'], ',')} "
        f"wait; {entry['about']}"
        for entry in entries
    ]
    show({"queues": entries, "problems": problems}, as_json, "\n".join(lines))
    if not as_json:
        sys.stderr.writelines(f"{problem}\n" for problem in problems)
