"""Reference sets, how much of them a project covers, and ways to choose beside chance."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.cli.options import AsJson, EngineName, JobId, Map, ProjectPath, engine_of, mapping_of
from curation.cli.terminal import show, working
from curation.process import peak_rss_mb
from curation.project import Project


def reference(
    project: ProjectPath,
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]", help="A file, another project, or an export; without it, list them."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="What to call it; the file's name if not given.")] = "",
    dropped: Annotated[
        bool, typer.Option("--dropped", help="Of a project also the dropped rows.")
    ] = False,
    format: Annotated[str, typer.Option(help="The format, when it is not recognised.")] = "auto",
    map: Map = None,
    source: Annotated[
        str, typer.Option(help="The file it is said to come from; PATH's name if not given.")
    ] = "",
    remove: Annotated[
        str | None, typer.Option(help="Remove the reference set of that name.")
    ] = None,
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Add a reference set to compare a project with, list them, or remove one."""
    options: dict[str, Any] = {
        "source": source,
        "dropped": dropped,
        "format": format,
        "mapping": mapping_of(map),
    }
    with working(project, job) as (progress, result):
        references, text = Project.open(project).references, ""
        if remove is not None:
            references.remove(remove)
            text = f"Removed {remove}."
        elif path is not None:
            added, new = references.add(path, name, progress=progress, **options)
            text = f"{added.name}: {added.rows:,} rows" + ("" if new else ", already here")
            text += f", {n:,} without an answer" if (n := added.without_answer) else ""
        listed = [
            {
                k: getattr(t, k)
                for k in ("name", "kind", "source", "rows", "without_answer", "sha256")
            }
            for t in references.all()
        ]
        result.update({"references": listed, "said": text})
    lines = [f"{t['name']:<28} {t['rows']:>8,} rows  {t['kind']} {t['source']}" for t in listed]
    show(
        {"references": listed},
        as_json,
        text or "\n".join(lines) or "There are no reference sets yet.",
    )


def cover(
    project: ProjectPath,
    reference: Annotated[
        str, typer.Option(help="The reference set's name; see `curate reference`.")
    ],
    of: Annotated[
        str, typer.Option(help="prompt, response or both; if not given, as the recipe embeds.")
    ] = "",
    reach: Annotated[
        float | None, typer.Option(min=0, max=1, help="Similarity that counts as within reach.")
    ] = None,
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Compare a project with a reference set: the share within reach, gaps, over-represented topics."""
    from curation.comparison import compare_with
    from curation.looking.unread import unread_by

    begin = time.perf_counter()
    if of not in ("", "prompt", "response", "both"):
        raise typer.BadParameter("--of is prompt, response or both")
    with working(project, job) as (progress, result):
        opened = Project.open(project)
        chosen, view = opened.references.get(reference), opened.view()
        compared = compare_with(opened, chosen, of, progress)
        value = coverage_summary(compared, chosen, reach)
        unread = unread_by(view.dataset.rows, opened.recipe)
        value["unread"] = unread.to_dict() if unread else None
        value["seconds"] = round(time.perf_counter() - begin, 3)
        value["peak_rss_mb"] = peak_rss_mb()
        result.update({k: v for k, v in value.items() if k not in ("gaps", "over_represented")})
    if not view.current:
        sys.stderr.write(f"{view.note}\n")
    warning = unread.sentence if unread else ""
    show(value, as_json, "\n".join(filter(None, [coverage_text(value), warning])))


def coverage_summary(compared: Any, reference: Any, reach: float | None) -> dict[str, Any]:
    """Return the output of `curate coverage --json`."""
    from curation.looking.gaps import copies, gaps, over_represented

    threshold = compared.about["reach"] if reach is None else reach
    prompts, over = reference.examples["prompt"], over_represented(compared)
    return {
        "reference": reference.name,
        "rows": len(compared.rows),
        "of": compared.about["of"],
        "reach": threshold,
        "within_reach": {
            s: round(compared.within(threshold, s), 4) for s in compared.about["stages"]
        },
        "by_chance": compared.by_chance(threshold),
        "copies": len(copies(compared)),
        "gaps": [
            {
                "name": gap.name,
                "size": gap.size,
                "missing": len(gap.missing),
                "farthest": [
                    {
                        "reference": prompts[i][:300],
                        "nearest": compared.rows.at[i, "nearest"],
                        "similarity": round(float(compared.rows.at[i, compared.last]), 4),
                    }
                    for i in gap.missing[:5]
                ],
                "dropped_within_reach": len(gap.closing),
            }
            for gap in gaps(compared, prompts, threshold)
        ],
        "over_represented": over.replace({float("inf"): None}).to_dict("records"),
    }


def coverage_text(value: dict[str, Any]) -> str:
    """A comparison for people."""
    from curation.looking.coverage import STAGES
    from curation.looking.gaps import COPY

    reached = value["within_reach"].items()
    shares = ", ".join(f"{share:.1%} among those {STAGES[stage]}" for stage, share in reached)
    lines = [
        f"{value['reference']}: {value['rows']:,} rows; share within reach (similarity "
        f"{value['reach']:.2f} or more) of an example: {shares}"
    ]
    if value["by_chance"]:
        low, high = value["by_chance"]
        lines.append(f"Random parts of the same size: {low:.1%} to {high:.1%}")
    if value["copies"]:
        near = f"an example at {COPY} or nearer"
        lines.append(f"{value['copies']:>7,} have {near}: look whether these are copies")
    for gap in value["gaps"]:
        lines.append(f"{gap['missing']:>7,} of {gap['size']:,} out of reach: {gap['name']}")
        lines += [
            f"{'':>10}{far['similarity']:.2f}  {' '.join(far['reference'].split())[:100]}"
            for far in gap["farthest"][:2]
        ]
    many = [t for t in value["over_represented"] if t["cut"]]
    lines += [f"{t['cut']:>7,} of {t['here']:,} too many: {t['topic']}" for t in many[:10]]
    lines += [f"        and {len(many) - 10} more topics"] if len(many) > 10 else []
    return "\n".join(lines)


def compare_selections(
    project: ProjectPath,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="A step that chooses, as select_diverse; may be given several times. All if not given."
        ),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(min=1, help="How many examples; the recipe's own selection's if not given."),
    ] = None,
    engine: EngineName = "auto",
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Compare ways to choose with ten random and ten random balanced choices of the same size.

    Each method chooses from what the recipe keeps before its selection; the recipe stays as it is.
    """
    from curation.selections import compare_selections as compared

    with working(project, job) as (progress, result), engine_of(engine) as runner:
        value = compared(Project.open(project), method or (), budget, runner, progress)
        result.update(value)
    show(value, as_json, selections_text(value))


def selections_text(value: Mapping[str, Any]) -> str:
    """Tell people how each choice stands to chance: a line per choice, a column per measure."""
    measures = list(value["bands"]["random"])
    letters = [chr(ord("a") + n) for n in range(len(measures))]
    lines = [f"{letter}  {name}" for letter, name in zip(letters, measures, strict=True)]
    lines += ["", f"{'':28}{'chosen':>8}" + "".join(f"{letter:>12}" for letter in letters)]
    for band, name in (("random", "random ×10"), ("balanced", "random, balanced ×10")):
        for side, word in enumerate(("least", "most")):
            numbers = (value["bands"][band][m][side] for m in measures)
            lines.append(f"{f'{name}, {word}':36}" + "".join(f"{n:>10.4g}  " for n in numbers))
    for entry in value["selections"]:
        numbers = (
            f"{entry['measures'][m]:>10.4g} {_SIGNS.get(entry['verdicts'][m].split()[0], ' ')}"
            if entry["verdicts"][m].endswith("random and balanced")
            else f"{entry['measures'][m]:>10.4g}  "
            for m in measures
        )
        lines.append(f"{entry['title'][:27]:28}{entry['chosen']:>8,}{''.join(numbers)}")
    lines += ["", "+ better, − worse than all twenty; of a sample of the pool where it is large."]
    lines += [f"Left out: {entry['why']}" for entry in value["left_out"]]
    return "\n".join(line.rstrip() for line in lines)


_SIGNS = {"better": "+", "worse": "−"}
