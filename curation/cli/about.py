"""Commands on the program itself: operations, schema, doctor, demo and web app."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation import process
from curation.cli.data import run_summary, run_text
from curation.cli.deliver import export_summary, export_text
from curation.cli.options import AsJson, EngineName, ProjectIfAny, engine_of
from curation.cli.terminal import say, show, working
from curation.errors import CurationError, MissingExtra
from curation.project import Project

if TYPE_CHECKING:
    from curation.registry import Operation


def list_operations(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One operation, with its parameters.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the operations, their parameters and help."""
    from curation.registry import operation, operations

    chosen = [operation(name)] if name else list(operations().values())
    lines = []
    for o in chosen:
        lines.append(f"{o.name:<24} {o.kind:<7} {o.help}")
        if name:
            lines += [f"    {p.name} = {p.default!r}  {p.help}" for p in o.params.values()]
            lines += ["", o.details] if o.details else []
    show({"operations": [described(o) for o in chosen]}, as_json, "\n".join(lines))


def described(operation: Operation) -> dict[str, Any]:
    """Return an operation's entry in the output of `curate operations --json`."""
    return {
        "name": operation.name,
        "kind": operation.kind,
        "phase": operation.phase,
        "title": operation.title,
        "help": operation.help,
        "makes": list(operation.makes),
        "params": [
            {
                "name": p.name,
                "type": p.type,
                "default": p.default,
                "choices": list(p.choices),
                "help": p.help,
            }
            for p in operation.params.values()
        ],
    }


def print_schema() -> None:
    """Print the JSON Schema of recipe.yaml, by which an editor completes and checks a recipe."""
    from curation.schema import schema_text

    say(schema_text().rstrip())


def doctor(
    project: ProjectIfAny = None,
    allow_database: Annotated[
        bool,
        typer.Option(
            "--allow-database", help="Trust the database that the project keeps decisions in."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check versions, free disk, and a project's files; repair what can be repaired."""
    from curation import settings
    from curation.doctor import examine

    if allow_database and project is not None:
        settings.allow_database(Project.open(project).path)
    checks = examine(project)
    lines = [f"{'ok ' if c['ok'] else 'BAD'} {c['name']}: {c['text']}" for c in checks]
    show({"checks": checks}, as_json, "\n".join(lines))
    if not all(c["ok"] for c in checks):
        raise typer.Exit(1)


def demo(
    to: Annotated[Path, typer.Option(help="Where the project goes.")] = Path("projects/example"),
    start: Annotated[
        bool, typer.Option("--start", help="Start the run and return; the app shows it go on.")
    ] = False,
    engine: EngineName = "auto",
    as_json: AsJson = False,
) -> None:
    """Do the whole main job on the bundled example."""
    from curation import commands, jobs
    from curation.demo import make_demo

    begin = time.perf_counter()
    if start:
        with working(to, None) as (progress, _):
            job = jobs.start(make_demo(to, progress).path, commands.run(to.resolve()))
        show({"path": str(to), "job": job}, as_json, f"Made {to}; its recipe is being run.")
        return
    out = to / "exports" / "demo"
    with working(to, None) as (progress, _), engine_of(engine) as runner:
        opened = make_demo(to)
        dataset = opened.run(engine=runner, progress=progress)
        manifest = opened.export(out, ("trl",), engine=runner)
    delivered = export_summary(manifest, out)
    value = {
        "path": str(to),
        **run_summary(opened, dataset, time.perf_counter() - begin),
        **delivered,
    }
    text = f"{run_text(value)}\n{export_text(delivered)}\nLook at it: curate app {to}"
    show(value, as_json, text)


def start_app(
    project: ProjectIfAny = None,
    port: Annotated[int, typer.Option(help="The port of the web app.")] = 8501,
    address: Annotated[
        str, typer.Option(help="The address to listen on; by default only this machine.")
    ] = "localhost",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Another name under which the app may be reached."),
    ] = None,
    no_token: Annotated[
        bool,
        typer.Option("--no-token", help="Let in whoever reaches the port, with your rights."),
    ] = False,
    team: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Settings of a login provider, by which people log in; roles are then enforced.",
        ),
    ] = None,
) -> None:
    """Start the web app and print its address, which holds a token."""
    import importlib.util

    if team and no_token:
        raise CurationError("A login takes the place of the token; leave --no-token out.")

    if importlib.util.find_spec("streamlit") is None:
        raise MissingExtra("streamlit", "app")
    if project is not None:
        os.environ["CURATION_PROJECT"] = str(Project.open(project).path.resolve())
    command = [sys.executable, "-m", "curation.ui.server", "--port", str(port)]
    command += ["--address", address, *(["--no-token"] if no_token else [])]
    for name in allow_host or []:
        command += ["--allow-host", name]
    if team:
        command += ["--team", str(team.resolve())]
    process.become(command)
