"""Deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.cli.options import AsJson, EngineName, Filters, JobId, ProjectPath, Words, engine_of
from curation.cli.terminal import show, working
from curation.looking.filter import Filter
from curation.project import Project

Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        help="alpaca, axolotl, csv, hf, llamafactory, llamafactory-preference, openai, original, "
        "sharegpt, trl or trl-preference; may be given several times.",
    ),
]
AllowAttention = Annotated[
    bool, typer.Option("--allow-attention", help="Also rows that need attention.")
]


def export(
    project: ProjectPath,
    to: Annotated[Path, typer.Option(help="The delivery folder; a former one is replaced.")],
    format: Formats = None,
    allow_attention: AllowAttention = False,
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="Call people annotator 1, 2 … in all files.")
    ] = False,
    filter: Filters = None,
    words: Words = "",
    engine: EngineName = "auto",
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Write the delivery folder, complete or not at all; in TRL's format if none is given."""
    only = Filter.parse(filter or [], words)
    with working(project, job) as (progress, result), engine_of(engine) as runner:
        manifest = Project.open(project).export(
            to,
            tuple(format or ["trl"]),
            allow_attention=allow_attention,
            pseudonyms=pseudonyms,
            only=only,
            engine=runner,
            progress=progress,
        )
        value = export_summary(manifest, to)
        result.update(value)
    show(value, as_json, export_text(value))


def check(
    project: ProjectPath,
    format: Formats = None,
    allow_attention: AllowAttention = False,
    engine: EngineName = "auto",
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Say what a delivery would hold, refuse and lose in each format, without writing it.

    In every format if none is given.
    """
    with working(project, job) as (progress, result), engine_of(engine) as runner:
        value = Project.open(project).check(
            format, allow_attention=allow_attention, engine=runner, progress=progress
        )
        result.update(value)
    show(value, as_json, check_text(value))


def export_summary(manifest: dict[str, Any], to: Path) -> dict[str, Any]:
    """Return the output of `curate export --json`."""
    names = "files splits delivered excluded did_not_fit not_in lost rendering leaks".split()
    return {**{k: manifest[k] for k in names}, "manifest": str(to / "manifest.json")}


def export_text(value: dict[str, Any]) -> str:
    """A delivery's summary for people: files, what is not in them, leaks."""
    from curation.export import sentences
    from curation.export.rendering import rendered

    lines = [f"{f['rows']:>10,} rows  {f['path']}" for f in value["files"] if f["rows"]]
    lines += sentences.excluded(value["excluded"])
    lines += sentences.not_held(value["not_in"], value["lost"])
    lines += [f"{name}: {rendered(entry)}" for name, entry in value["rendering"].items()]
    lines += [text for f in value["files"] for text in f.get("problems", [])]
    safe = value["leaks"]["leak_safe"]
    lines.append("Leak-safe." if safe else f"Not shown to be leak-safe: {value['leaks']['text']}")
    folder = Path(value["manifest"]).parent
    return "\n".join([*lines, f"Delivered to {folder}; see {folder / 'README.md'}"])


def check_text(value: Mapping[str, Any]) -> str:
    """Tell people how many rows each format would hold."""
    from curation.export import sentences

    lines = [f"{entry['rows']:>10,} rows  {name}" for name, entry in value.items()]
    excluded = next(iter(value.values()))["excluded"]
    lines += sentences.excluded(excluded)
    lines += sentences.not_held(
        {name: entry["not_in"] for name, entry in value.items()},
        {name: entry["lost"] for name, entry in value.items()},
    )
    return "\n".join(lines)
