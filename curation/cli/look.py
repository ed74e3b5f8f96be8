"""Commands that look at examples: search, the receipt of one example, and topics."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.cli.options import AsJson, ProjectPath
from curation.cli.terminal import bar, show
from curation.dataset import Dataset
from curation.looking.changes import changed_lines
from curation.looking.filter import full_id
from curation.project import Project

if TYPE_CHECKING:
    from curation.looking.search import Hits


def search_examples(
    project: ProjectPath,
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help='Words, "a phrase", -without; or a meaning.')
    ] = "",
    meaning: Annotated[
        bool, typer.Option("--meaning", help="By what it means, not by its words.")
    ] = False,
    like: Annotated[
        list[str] | None, typer.Option("--like", help="What is like this id; several: their mean.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many are printed.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Find examples by words, by meaning, or like others: id, similarity, first line of prompt."""
    if bool(text.strip()) == bool(like):
        raise typer.BadParameter("give either a text to look for or --like ID")
    opened = Project.open(project)
    view = opened.view()
    if not view.current:
        sys.stderr.write(f"{view.note}\n")
    dataset = view.dataset
    hits = hits_of(opened, dataset, text, meaning, like or [], top)
    rows = [
        {
            "id": str(dataset.rows.index[position]),
            "similarity": round(float(score), 4) if like or meaning else None,
            "prompt": next(
                iter(str(dataset.rows["prompt"].iloc[position]).strip().splitlines()), ""
            ),
        }
        for position, score in zip(hits.positions[:top], hits.scores[:top], strict=True)
    ]
    lines = [
        f"{hit['id']}  {'' if hit['similarity'] is None else format(hit['similarity'], '.3f') + '  '}"
        f"{hit['prompt']}"
        for hit in rows
    ]
    if not like and not meaning:
        lines.append(
            f"{len(hits):,} example{'s hold' if len(hits) != 1 else ' holds'} these words."
        )
    show({"found": len(hits), "hits": rows}, as_json, "\n".join(lines))


def hits_of(
    opened: Project, dataset: Dataset, text: str, meaning: bool, like: Sequence[str], top: int
) -> Hits:
    """Find examples like others, by meaning, or by words; all hits of words, else the `top` best.

    like: ids, or beginnings of ids. Raises CurationError without the embeddings that this needs.
    """
    from curation.looking import search

    if not like and not meaning:
        return search.words(dataset.rows, text)
    search.embedded_by(dataset.steps)
    assert dataset.vectors is not None  # there is an embed step
    if not like:
        vector = search.query_vector(text, dataset.steps, opened.vectors)
        return search.meaning(dataset.vectors, vector, top)
    ids = dataset.rows.index.tolist()
    return search.like(dataset.vectors, [ids.index(full_id(dataset, part)) for part in like], top)


def precision(
    project: ProjectPath,
    step: Annotated[str, typer.Argument(metavar="STEP", help="A filter's name in the recipe.")],
    as_json: AsJson = False,
) -> None:
    """Estimate how often a filter is right to drop, and list the rows to judge next, by chance.

    A decision `drop` says that it was right about a row, `keep` that it was wrong.
    """
    from curation.looking.precision import estimate, filter_of, rows_to_judge

    opened = Project.open(project)
    dataset, people = opened.view().dataset, opened.people()
    report = filter_of(dataset, step)
    now, rows = estimate(dataset, report, people), rows_to_judge(dataset, report, people, "random")
    lines = [f"{report.title} dropped {now.dropped:,}; {now.judged:,} drawn by chance were judged."]
    if now.share is not None:
        lines.append(
            f"{now.right:,} of {now.judged:,} were right: precision {now.share:.3f}, "
            f"95 % interval {now.low:.3f} to {now.high:.3f}."
        )
    firsts = rows["prompt"].map(lambda text: next(iter(str(text).strip().splitlines()), "")[:90])
    lines += ["To judge next:"] if len(rows) else []
    lines += [
        f"  {id}  {reason}  {text}"
        for id, reason, text in zip(rows.index, rows["reason"], firsts, strict=True)
    ]
    value = {"step": report.name, **now.to_dict(), "next": rows.index.tolist()}
    show(value, as_json, "\n".join(lines))


def explain(
    project: ProjectPath,
    example_id: Annotated[
        str, typer.Argument(metavar="ID", help="An id, or as much of one as is unique.")
    ],
    as_json: AsJson = False,
) -> None:
    """Tell the receipt of one row: where it came from, what each step and person did to it."""
    opened = Project.open(project)
    view = opened.view()
    dataset = view.dataset
    example_id = full_id(dataset, example_id)
    row = dataset.row(example_id)
    if not view.current:
        sys.stderr.write(f"{view.note} This is the receipt as it stands.\n")
    events = opened.explain(example_id, dataset)
    source = {"file": row["source"], "row": int(row["source_row"]), "format": row["format"]}
    fate = f"dropped by {row['dropped_by']}" if isinstance(row["dropped_by"], str) else "kept"
    lines = [f"{example_id}: {fate}"]
    for e in events:
        who = f" by {e['annotator']}" if e.get("annotator") else ""
        lines.append(f"  {e['title']:<30} {e['what']}{who}{': ' + e['text'] if e['text'] else ''}")
        if "before" in e:
            lines += [f"      {line}" for line in changed_lines(e["before"], e["after"])]
    show(
        {"id": example_id, "source": source, "fate": fate, "events": events},
        as_json,
        "\n".join(lines),
    )


def list_topics(
    project: ProjectPath,
    name_by: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Let this OpenAI-compatible endpoint name them; each topic's words and five "
            "shortened examples are sent there, and the key in CURATION_API_KEY.",
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="The model that the endpoint should use.")] = "",
    rename: Annotated[
        list[str] | None,
        typer.Option(metavar='"OLD = NEW"', help="Another name; may be given several times."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the topics with their words and some examples, or have them renamed."""
    from curation import naming
    from curation.operations.topics import new_names

    opened = Project.open(project)
    dataset = opened.view().dataset
    topics = naming.listed(dataset)
    given = dict(new_names(rename or []))
    if name_by:
        sys.stderr.write(
            f"Words and {naming.EXAMPLES} shortened examples of each of {len(topics)} topics "
            f"are sent to {name_by}.\n"
        )
        given |= naming.names_by_model(topics, name_by, model, bar)
    recipe = opened.recipe
    for old, new in given.items():
        recipe = naming.renamed(recipe, old, new, naming.original_names(dataset))
    if given:
        opened.recipe = recipe
    value = {"topics": [dataclasses.asdict(topic) for topic in topics], "renamed": given}
    show(value, as_json, topics_text(topics, given, project))


def topics_text(topics: list[Any], given: dict[str, str], project: Path) -> str:
    """Topics for people, by theme, with three examples each; or what was renamed."""
    if given:
        lines = [f"{old} = {new}" for old, new in given.items()]
        many = "1 name is" if len(given) == 1 else f"{len(given)} names are"
        return "\n".join([*lines, f"{many} in the recipe. Next: curate run {project}"])
    lines, theme = [], None
    for topic in topics:
        if topic.theme != theme:
            theme = topic.theme
            lines.append(f"\n{theme}")
        lines.append(f"{topic.size:>8,}  {topic.name}   [{', '.join(topic.words)}]")
        lines += [f"{'':10}- {text[:90]}" for text in topic.examples[:3]]
    return "\n".join(lines).lstrip("\n")
