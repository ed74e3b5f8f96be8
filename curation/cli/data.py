"""Commands from files to a dataset: make a project, import files, run the recipe."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from curation import presets
from curation.carry import without_row
from curation.cli.options import (
    AsJson,
    EngineName,
    JobId,
    Map,
    ProjectPath,
    RayAddress,
    engine_of,
    mapping_of,
    read_text,
)
from curation.cli.terminal import show, working
from curation.dataset import Dataset
from curation.errors import CurationError, RecipeError
from curation.formats import METADATA
from curation.formats.base import WHICH_COLUMN
from curation.formats.names import MEANINGS
from curation.import_summary import ImportSummary, line_sum
from curation.looking.unread import unread_by
from curation.process import peak_rss_mb
from curation.project import Project
from curation.reading import Reading
from curation.recipe import Recipe
from curation.recipe_file import DEFAULT_RECIPE
from curation.report import PEOPLE

PresetName = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="A recipe for a kind of data: chat, classification, code, multilingual or tools.",
    ),
]
"""The option that names a preset."""


def new(
    project: ProjectPath,
    empty: Annotated[bool, typer.Option("--empty", help="Start without any step.")] = False,
    preset: PresetName = None,
    as_json: AsJson = False,
) -> None:
    """Make a project folder with a recipe that suits most data, or one kind of it."""
    if empty and preset:
        raise typer.BadParameter("give either --empty or --preset NAME")
    first = presets.preset(preset).recipe if preset else DEFAULT_RECIPE
    created = Project.create(project, recipe=Recipe() if empty else first)
    show(
        {"path": str(created.path)},
        as_json,
        f"Made {created.path}. Next: curate import {created.path} FILE",
    )


def change_recipe(
    project: ProjectPath,
    preset: PresetName = None,
    apply: Annotated[bool, typer.Option("--apply", help="Save it in the recipe's place.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the recipe, or what a preset would change in it; with --apply it takes its place."""
    opened = Project.open(project)
    recipe = opened.recipe
    if preset is None:
        if apply:
            raise typer.BadParameter("--apply needs --preset NAME")
        show({"steps": [step.to_dict() for step in recipe]}, as_json, recipe.to_yaml().rstrip())
        return
    chosen = presets.preset(preset)
    change = presets.Change.of(recipe, chosen.recipe)
    if apply:
        opened.save_recipe(chosen.recipe, recipe.revision)
    lines = [f"{chosen.title}: {chosen.about}", *change.lines()]
    lines += [] if change.lines() else ["The recipe has these steps already."]
    following = "run" if apply else f"recipe --preset {preset} --apply"
    command, *options = following.split(" ", 1)
    lines.append(" ".join(["Next: curate", command, str(project), *options]))
    value = {
        "preset": preset,
        "added": [step.to_dict() for step in change.added],
        "removed": [step.to_dict() for step in change.removed],
        "applied": apply,
    }
    show(value, as_json, "\n".join(lines))


def import_files(
    project: ProjectPath,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…",
            help="Files, folders, or hf:OWNER/NAME[@REVISION] for a dataset of the Hub.",
        ),
    ],
    format: Annotated[
        str, typer.Option(help="The format, when it should not be recognised.")
    ] = "auto",
    map: Map = None,
    label_names: Annotated[
        Path | None, typer.Option(help="A file with one label name a line.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="The text's encoding, when the guess is wrong.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Put a file in the place of one of its name from another folder."
        ),
    ] = False,
    name: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Read files into a project; the same file twice adds nothing."""
    mapping = mapping_of(map)
    begin = time.perf_counter()
    with working(project, job) as (progress, result):
        labels = read_text(label_names).split("\n") if label_names else []
        opened, entries = Project.open(project), list[dict[str, Any]]()
        names = [label.strip() for label in labels if label.strip()]
        options = Reading.of(format, mapping, names, encoding).settings()
        for id in (f.removeprefix("hf:") for f in files if f.startswith("hf:")):
            repository, _, revision = id.partition("@")
            entries += opened.add_from_hub(
                repository, revision=revision or None, progress=progress, **options
            )
        if paths := [f for f in files if not f.startswith("hf:")]:
            entries += opened.add(*paths, names=name, replace=replace, progress=progress, **options)
        total = ImportSummary.of(entries).to_dict()
        unread = None
        with suppress(RecipeError):  # a recipe that cannot be read stops the run, not the import
            unread = unread_by(opened.examples.rows, opened.recipe) if total["examples"] else None
        total["unread"] = unread.to_dict() if unread else None
        total["decisions_without_row"] = orphans = without_row(opened)
        total["seconds"] = round(time.perf_counter() - begin, 3)
        result.update(total)
        if total["rejected"] and not total["examples"]:
            why = str(opened.rejected["message"].iloc[-1])
            if why.endswith(WHICH_COLUMN):  # where the text itself is broken, no mapping helps
                why = why.removesuffix(".") + ": --map prompt=question --map response=answer."
            many = (
                "The only row was"
                if total["rejected"] == 1
                else "No row became an example; the last was"
            )
            raise CurationError(f"{many} refused since {why} `curate rows --rejected` lists them.")
    lines = import_text(entries)
    lines += [f"  {unread.sentence}"] if unread and unread.sentence else []
    if orphans:
        what = (
            "1 decided example is"
            if len(orphans) == 1
            else f"{len(orphans):,} decided examples are"
        )
        lines.append(
            f"  {what} no longer there; `curate carry {project}` offers the rows that they may be "
            f"now: {', '.join(orphans[:5])}{' …' if len(orphans) > 5 else ''}"
        )
    show(total, as_json, "\n".join(lines))


def import_text(entries: list[dict[str, Any]]) -> list[str]:
    """Tell people the outcome of each file, a line each."""
    summary = ImportSummary.of(entries)
    read = summary.files
    lines = [
        f"{e['name']}: already here, nothing added"
        if e.get("already")
        else f"{e['name']}: {line_sum(e['report'])}"
        for e in read
    ]
    lines += [
        f"  {e['name']} took the place of {name if name != e['name'] else 'its former version'}"
        for e in read
        for name in e["replaced"]
    ]
    lines += [
        f"  {e['name']} stands beside {e['beside']} from elsewhere; "
        "import it with --replace to put it in that one's place"
        for e in read
        if not e.get("already") and e["beside"]
    ]
    columns = [line for e in read if not e.get("already") for line in columns_told(e["report"])]
    lines += dict.fromkeys(columns)
    lines += dict.fromkeys(f"  {note}" for _, note in summary.notes)
    return lines + [f"  {name} was left out: {why}" for name, why in summary.left_out.items()]


TOLD = 20
"""Columns that are told one by one; `--json` has them all."""


def columns_told(report: dict[str, Any]) -> list[str]:
    """Lines that say which column became what, and which are left in the metadata in how many rows."""
    lines, columns = [], report["columns"]
    used = [f"{c} as {MEANINGS[r]}" for c, roles in columns.items() for r in roles if r != METADATA]
    over = {c: roles[METADATA] for c, roles in columns.items() if METADATA in roles}
    left = [f"{c} ({n:,} row{'s' * (n > 1)})" for c, n in over.items()]
    for title, names in (("read", used), ("left in the metadata", left)):
        if names:
            more = f" and {len(names) - TOLD:,} more" if len(names) > TOLD else ""
            lines.append(f"  {title}: {', '.join(names[:TOLD])}{more}")
    return lines


def run(
    project: ProjectPath,
    recipe: Annotated[Path | None, typer.Option(help="Another recipe than the project's.")] = None,
    engine: EngineName = "auto",
    address: RayAddress = "",
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Replay the recipe; steps already done are remembered."""
    begin = time.perf_counter()
    with working(project, job) as (progress, result), engine_of(engine, address) as runner:
        chosen = None if recipe is None else Recipe.from_yaml(read_text(recipe), recipe.name)
        opened = Project.open(project)
        dataset = opened.run(chosen, engine=runner, progress=progress)
        summary = run_summary(opened, dataset, time.perf_counter() - begin, chosen)
        result.update(summary)
    show(summary, as_json, run_text(summary))


def run_summary(
    opened: Project, dataset: Dataset, seconds: float, recipe: Recipe | None = None
) -> dict[str, Any]:
    """Return the output of `curate run --json`."""
    unread = unread_by(dataset.rows, opened.recipe if recipe is None else recipe)
    kept = int(dataset.rows["dropped_by"].isna().sum())
    return {
        "examples": len(dataset),
        "kept": kept,
        "dropped": len(dataset) - kept,
        "steps": [report.to_dict() for report in dataset.steps],
        "encoders": opened.vectors.used(dataset.steps),
        "unread": unread.to_dict() if unread else None,
        "fingerprint": dataset.steps[-1].fingerprint if dataset.steps else "",
        "seconds": round(seconds, 3),
        "peak_rss_mb": peak_rss_mb(),
    }


def run_text(summary: dict[str, Any]) -> str:
    """A run's summary as a table for people."""
    lines = [f"{'step':<28}{'in':>10}{'dropped':>10}{'changed':>10}{'seconds':>10}"]
    for step in summary["steps"]:
        spent = "cached" if step["cached"] else f"{step['seconds']:.1f}"
        lines.append(
            f"{step['title'] if step['use'] == PEOPLE else step['name']:<28}"
            f"{step['kept_in']:>10,}{step['dropped']:>10,}"
            f"{step['changed']:>10,}{spent:>10}"
        )
        lines += [f"  {note}" for note in step.get("notes", [])]
    lines += [f"embedded by {name}: {how}" for name, how in summary["encoders"].items()]
    if summary["unread"] and summary["unread"]["warning"]:
        lines.append(summary["unread"]["warning"])
    cached = all(step["cached"] for step in summary["steps"]) and summary["steps"]
    end = ", everything cached" if cached else ""
    lines.append(
        f"{summary['examples']:,} examples = {summary['kept']:,} kept + {summary['dropped']:,} dropped, "
        f"{summary['seconds']:.1f} s{end}"
    )
    return "\n".join(lines)
