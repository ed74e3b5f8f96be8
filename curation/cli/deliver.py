"""Deliveries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from curation.cli.options import AsJson, EngineName, JobId, ProjectPath, engine_of
from curation.cli.terminal import show, working
from curation.project import Project


def export(
    project: ProjectPath,
    to: Annotated[Path, typer.Option(help="The delivery folder; a former one is replaced.")],
    format: Annotated[
        list[str] | None,
        typer.Option(
            help="alpaca, axolotl, csv, hf, llamafactory, openai, original, sharegpt or trl; "
            "may be given several times; trl if not given."
        ),
    ] = None,
    allow_attention: Annotated[
        bool, typer.Option("--allow-attention", help="Also rows that need attention.")
    ] = False,
    engine: EngineName = "auto",
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Write the delivery folder, complete or not at all."""
    with working(project, job) as (progress, result), engine_of(engine) as runner:
        manifest = Project.open(project).export(
            to,
            tuple(format or ["trl"]),
            allow_attention=allow_attention,
            engine=runner,
            progress=progress,
        )
        value = export_summary(manifest, to)
        result.update(value)
    show(value, as_json, export_text(value))


def export_summary(manifest: dict[str, Any], to: Path) -> dict[str, Any]:
    """What `curate export --json` prints."""
    names = ("files", "splits", "delivered", "excluded", "did_not_fit", "leaks")
    return {**{k: manifest[k] for k in names}, "manifest": str(to / "manifest.json")}


def export_text(value: dict[str, Any]) -> str:
    """A delivery's summary for people: files, what is not in them, leaks."""
    lines = [f"{f['rows']:>10,} rows  {f['path']}" for f in value["files"] if f["rows"]]
    lines += [f"{n:,} kept examples are left out: {why}" for why, n in value["excluded"].items()]
    lines += [
        f"{n:,} examples are not in {name}, which cannot hold them"
        for name, n in value["did_not_fit"].items()
    ]
    lines += [text for f in value["files"] for text in f.get("problems", [])]
    safe = value["leaks"]["leak_safe"]
    lines.append("Leak-safe." if safe else f"Not shown to be leak-safe: {value['leaks']['text']}")
    folder = Path(value["manifest"]).parent
    return "\n".join([*lines, f"Delivered to {folder}; see {folder / 'README.md'}"])
