"""The `curate` command: the same project, without the browser."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from curation import __version__, jobs
from curation.dataset import BASE_COLUMNS, Dataset, Progress
from curation.engine import make_engine
from curation.errors import Cancelled, CurationError
from curation.project import DEFAULT_RECIPE, Project
from curation.recipe import Recipe

app = typer.Typer(
    name="curate",
    help="Curate supervised fine-tuning data: clean, look, decide, choose, deliver.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ProjectPath = Annotated[Path, typer.Argument(metavar="PROJECT", help="A project folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
JobId = Annotated[str | None, typer.Option("--job", hidden=True)]
EngineName = Annotated[str, typer.Option("--engine", help="auto, serial or processes.")]


def say(text: str) -> None:
    """Print a line for people."""
    sys.stdout.write(f"{text}\n")


def show(value: Any, as_json: bool, text: str) -> None:
    """Print a result: as one JSON object, or as text for people."""
    say(json.dumps(value, ensure_ascii=False, default=str) if as_json else text)


def bar(share: float, text: str) -> None:
    """Draw progress on stderr: one moving line in a terminal, a line a step elsewhere."""
    if sys.stderr.isatty():
        filled = int(share * 24)
        line = f"\r{'█' * filled}{'░' * (24 - filled)} {share:4.0%} {text[:90]}\033[K"
        sys.stderr.write(line + ("\n" if share >= 1 else ""))
        sys.stderr.flush()
        return
    step = text.split(":")[0]
    if step and step != _last_step[0]:
        _last_step[0] = step
        sys.stderr.write(f"{share:4.0%} {step}\n")


_last_step = [""]


@contextmanager
def working(project: Path, job: str | None) -> Iterator[tuple[Progress, dict[str, Any]]]:
    """Progress that can be interrupted, on the terminal or as a job of the app."""

    def stop(signum: int, frame: Any) -> None:
        raise Cancelled

    signal.signal(signal.SIGTERM, stop)
    with jobs.reporting(project, job, bar) as made:
        yield made


@app.command()
def new(
    project: ProjectPath,
    empty: Annotated[bool, typer.Option("--empty", help="Start without any step.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a project folder with a recipe that suits most data."""
    made = Project.create(project, recipe=Recipe() if empty else DEFAULT_RECIPE)
    show(
        {"path": str(made.path)}, as_json, f"Made {made.path}. Next: curate import {made.path} FILE"
    )


@app.command("import")
def import_files(
    project: ProjectPath,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files or folders.")],
    format: Annotated[
        str, typer.Option(help="The format, when it should not be recognised.")
    ] = "auto",
    map: Annotated[
        list[str] | None, typer.Option("--map", help="field=column, as prompt=question.")
    ] = None,
    label_names: Annotated[
        Path | None, typer.Option(help="A file with one label name a line.")
    ] = None,
    name: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Read files into a project; the same file twice adds nothing."""
    pairs = [item.partition("=") for item in map or []]
    if any(not (field and sign and column) for field, sign, column in pairs):
        raise typer.BadParameter("write --map as field=column, for example --map prompt=question")
    opened = Project.open(project)
    labels = label_names.read_text("utf-8").split("\n") if label_names else None
    begin = time.perf_counter()
    with working(project, job) as (progress, result):
        entries = opened.add(
            *files,
            format=format,
            mapping={f: c for f, _, c in pairs},
            names=name,
            label_names=[la.strip() for la in labels if la.strip()] if labels else None,
            progress=progress,
        )
        total = summed(entries)
        total["seconds"] = round(time.perf_counter() - begin, 3)
        result.update(total)
    lines = [
        f"{e['name']}: already here, nothing added"
        if e.get("already")
        else (
            "{name}: {lines:,} lines = {examples:,} examples + "
            "{rejected:,} rejected + {blank:,} blank"
        ).format(name=e["name"], **e["report"])
        for e in entries
    ]
    lines += [f"  {note}" for e in entries for note in e["report"].get("notes", [])]
    show(total, as_json, "\n".join(lines))


def summed(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The reports of several files as one."""
    total: dict[str, Any] = {
        "lines": 0,
        "examples": 0,
        "rejected": 0,
        "blank": 0,
        "repaired": {},
        "formats": {},
        "encodings": {},
        "files": [],
    }
    for entry in entries:
        report = entry["report"]
        already = bool(entry.get("already"))
        total["files"].append({"name": entry["name"], "already": already, **report})
        if already:
            continue
        for count in ("lines", "examples", "rejected", "blank"):
            total[count] += report[count]
        for tally in ("repaired", "formats"):
            for code, number in report[tally].items():
                total[tally][code] = total[tally].get(code, 0) + number
        total["encodings"].update(report["encodings"])
    return total


@app.command()
def run(
    project: ProjectPath,
    recipe: Annotated[Path | None, typer.Option(help="Another recipe than the project's.")] = None,
    engine: EngineName = "auto",
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Replay the recipe; steps already done are remembered."""
    opened = Project.open(project)
    chosen = None
    if recipe is not None:
        chosen = Recipe.from_yaml(read_text(recipe), recipe.name)
    begin = time.perf_counter()
    runner = make_engine(engine)
    try:
        with working(project, job) as (progress, result):
            dataset = opened.run(chosen, engine=runner, progress=progress)
            summary = run_summary(dataset, time.perf_counter() - begin)
            result.update(summary)
    finally:
        runner.close()
    show(summary, as_json, run_text(summary))


def run_summary(dataset: Dataset, seconds: float) -> dict[str, Any]:
    """What `curate run --json` prints."""
    return {
        "examples": len(dataset),
        "kept": len(dataset.kept),
        "dropped": len(dataset.dropped),
        "steps": [report.to_dict() for report in dataset.steps],
        "fingerprint": dataset.steps[-1].fingerprint if dataset.steps else "",
        "seconds": round(seconds, 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def run_text(summary: dict[str, Any]) -> str:
    """A run's summary as a table for people."""
    lines = [f"{'step':<28}{'in':>10}{'dropped':>10}{'changed':>10}{'seconds':>10}"]
    for step in summary["steps"]:
        spent = "cached" if step["cached"] else f"{step['seconds']:.1f}"
        lines.append(
            f"{step['name']:<28}{step['kept_in']:>10,}{step['dropped']:>10,}"
            f"{step['changed']:>10,}{spent:>10}"
        )
    cached = all(step["cached"] for step in summary["steps"]) and summary["steps"]
    end = ", everything cached" if cached else ""
    lines.append(
        f"{summary['examples']:,} examples = {summary['kept']:,} kept + {summary['dropped']:,} dropped, "
        f"{summary['seconds']:.1f} s{end}"
    )
    return "\n".join(lines)


@app.command()
def rows(
    project: ProjectPath,
    kept: Annotated[bool, typer.Option("--kept", help="Only kept rows.")] = False,
    dropped: Annotated[bool, typer.Option("--dropped", help="Only dropped rows.")] = False,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Lines that were refused on import.")
    ] = False,
    columns: Annotated[str | None, typer.Option(help="Further columns to keep, by commas.")] = None,
    to: Annotated[
        Path | None, typer.Option(help="FILE.jsonl, .parquet or .csv instead of stdout.")
    ] = None,
) -> None:
    """Print or save the annotated rows."""
    opened = Project.open(project)
    if rejected:
        frame = opened.rejected
        frame = (
            frame.assign(raw=[bytes(raw).decode("utf-8", "replace") for raw in frame["raw"]])
            if len(frame)
            else frame
        )
    else:
        dataset = opened.replay(engine=make_engine("auto"), progress=bar if to else _quiet)
        chosen = (
            dataset.kept
            if kept and not dropped
            else dataset.dropped
            if dropped and not kept
            else dataset.rows
        )
        frame = row_table(dataset, chosen, columns)
    from curation.export.tables import write_frame

    write_frame(frame, to)
    if to is not None:
        say(f"{len(frame):,} rows in {to}")


def row_table(dataset: Dataset, rows: Any, columns: str | None) -> Any:
    """Rows with the columns every reader may count on, then the scores."""
    always = ["dropped_by", "split", "prompt", "response", "messages", "label"]
    scores = [c for c in dataset.rows.columns if c not in BASE_COLUMNS]
    asked = [c.strip() for c in columns.split(",")] if columns else scores
    unknown = [c for c in asked if c not in rows.columns]
    if unknown:
        raise CurationError(
            f"There is no column {unknown[0]!r}; there are: {', '.join([*BASE_COLUMNS, *scores])}."
        )
    table = rows.rename_axis("id").reset_index().rename(columns={"source": "source_file"})
    fixed = ["id", "source_file", "source_row", *always]
    return table[[*fixed, *(c for c in asked if c not in fixed and c != "source")]]


def _quiet(share: float, text: str) -> None:
    """Show nothing."""


@app.command()
def explain(
    project: ProjectPath,
    example_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: AsJson = False,
) -> None:
    """Tell the receipt of one row: where it came from, what each step and person did to it."""
    opened = Project.open(project)
    dataset = opened.view().dataset
    row = dataset.row(example_id)
    events = opened.explain(example_id, dataset)
    source = {"file": row["source"], "row": int(row["source_row"]), "format": row["format"]}
    fate = f"dropped by {row['dropped_by']}" if isinstance(row["dropped_by"], str) else "kept"
    lines = [f"{example_id}: {fate}"]
    for e in events:
        who = f" by {e['annotator']}" if e.get("annotator") else ""
        lines.append(f"  {e['title']:<30} {e['what']}{who}{': ' + e['text'] if e['text'] else ''}")
    show(
        {"id": example_id, "source": source, "fate": fate, "events": events},
        as_json,
        "\n".join(lines),
    )


@app.command()
def decide(
    project: ProjectPath,
    source: Annotated[Path, typer.Option("--from", help="JSON Lines of {id, kind, value}.")],
    annotator: Annotated[str, typer.Option(help="Whose decisions they are.")],
    as_json: AsJson = False,
) -> None:
    """Append decisions made elsewhere."""
    from curation.decisions import read_decisions

    opened = Project.open(project)
    known = opened.examples.rows
    decisions, problems = read_decisions(read_text(source), annotator, known.index)
    if problems:
        raise CurationError(f"{source.name}, {problems[0]}")
    done = opened.decisions.append(decisions)
    value = {"appended": done.appended, "ignored": done.ignored, "conflicts": len(done.conflicts)}
    text = (
        f"{done.appended:,} appended, {done.ignored:,} already there, "
        f"{len(done.conflicts):,} conflicts"
    )
    show(value, as_json, text)


@app.command("decisions")
def list_decisions(
    project: ProjectPath,
    to: Annotated[Path | None, typer.Option(help="A file instead of stdout.")] = None,
) -> None:
    """Print the events of people's decisions, oldest first, as JSON Lines."""
    opened = Project.open(project)
    events = opened.decisions.events() if opened.people() is not None else []
    lines = [json.dumps(event.to_dict(), ensure_ascii=False) for event in events]
    if to is None:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    else:
        from curation.files import write_text

        write_text(to, "".join(f"{line}\n" for line in lines))
        say(f"{len(lines):,} events in {to}")


@app.command()
def export(
    project: ProjectPath,
    to: Annotated[Path, typer.Option(help="The delivery folder.")],
    format: Annotated[list[str] | None, typer.Option(help="May be given several times.")] = None,
    allow_attention: Annotated[
        bool, typer.Option("--allow-attention", help="Also rows that need attention.")
    ] = False,
    engine: EngineName = "auto",
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Write the delivery folder, complete or not at all."""
    opened = Project.open(project)
    runner = make_engine(engine)
    try:
        with working(project, job) as (progress, result):
            manifest = opened.export(
                to,
                tuple(format or ["trl"]),
                allow_attention=allow_attention,
                engine=runner,
                progress=progress,
            )
            value = {k: manifest[k] for k in ("files", "splits", "leaks")}
            value["manifest"] = str(to / "manifest.json")
            result.update(value)
    finally:
        runner.close()
    lines = [
        f"{f['rows'] if f['rows'] is not None else '':>8} rows  {f['path']}"
        for f in value["files"]
        if f.get("rows")
    ]
    show(value, as_json, "\n".join([*lines, f"Delivered to {to}; see {to / 'README.md'}"]))


@app.command("operations")
def list_operations(
    name: Annotated[str | None, typer.Argument(metavar="NAME")] = None, as_json: AsJson = False
) -> None:
    """List the operations, their parameters and help."""
    from curation.registry import operation, operations

    found = [operation(name)] if name else list(operations().values())
    described = [
        {
            "name": o.name,
            "kind": o.kind,
            "phase": o.phase,
            "title": o.title,
            "help": o.help,
            "makes": list(o.makes),
            "params": [
                {
                    "name": p.name,
                    "type": p.type,
                    "default": p.default,
                    "choices": list(p.choices),
                    "help": p.help,
                }
                for p in o.params.values()
            ],
        }
        for o in found
    ]
    lines = []
    for o in found:
        lines.append(f"{o.name:<24} {o.kind:<7} {o.help}")
        if name:
            lines += [f"    {p.name} = {p.default!r}  {p.help}" for p in o.params.values()]
            lines += ["", o.details] if o.details else []
    show({"operations": described}, as_json, "\n".join(lines))


@app.command()
def doctor(
    project: Annotated[Path | None, typer.Argument(metavar="[PROJECT]")] = None,
    as_json: AsJson = False,
) -> None:
    """Check versions, free disk, and a project's files; repair what can be repaired."""
    from curation.doctor import examine

    checks = examine(project)
    lines = [f"{'ok ' if c['ok'] else 'BAD'} {c['name']}: {c['text']}" for c in checks]
    show({"checks": checks}, as_json, "\n".join(lines))
    if not all(c["ok"] for c in checks):
        raise typer.Exit(1)


@app.command()
def demo(
    to: Annotated[Path, typer.Option(help="Where the project goes.")] = Path("projects/example"),
    engine: EngineName = "auto",
    as_json: AsJson = False,
) -> None:
    """Do the whole main job on the bundled example."""
    from curation.demo import make_demo

    begin = time.perf_counter()
    runner = make_engine(engine)
    try:
        with working(to, None) as (progress, _):
            opened = make_demo(to)
            dataset = opened.run(engine=runner, progress=progress)
            manifest = opened.export(opened.path / "exports" / "demo", ("trl",), engine=runner)
    finally:
        runner.close()
    summary = run_summary(dataset, time.perf_counter() - begin)
    value = {**summary, "path": str(to), "files": manifest["files"], "splits": manifest["splits"]}
    show(value, as_json, f"{run_text(summary)}\nLook at it: curate app {to}")


@app.command("app")
def start_app(
    project: Annotated[Path | None, typer.Argument(metavar="[PROJECT]")] = None,
    port: Annotated[int, typer.Option(help="The port of the web app.")] = 8501,
) -> None:
    """Start the web app."""
    script = Path(__file__).resolve().parent.parent / "app.py"
    if not script.exists():
        raise CurationError(
            "The web app's files are not beside the package; start it from a checkout."
        )
    if project is not None:
        os.environ["CURATION_PROJECT"] = str(Project.open(project).path.resolve())
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    os.execv(sys.executable, command)


def version_wanted(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        say(f"curate {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=version_wanted, is_eager=True)
    ] = False,
) -> None:
    """Curate supervised fine-tuning data: clean, look, decide, choose, deliver."""


def read_text(path: Path) -> str:
    """A text file's content; raises CurationError when it cannot be read."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CurationError(f"{path} cannot be read: {error}.") from None


def main() -> None:
    """Run the command; what could not be done is one sentence on stderr and exit status 1."""
    try:
        app(prog_name="curate")
    except CurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write(f"{Cancelled()}\n")
        sys.exit(1)
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
