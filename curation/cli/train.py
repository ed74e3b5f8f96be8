"""Training runs: did curation help?"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from curation import files, runs
from curation.cli.options import AsJson, JobId, ProjectPath, read_text
from curation.cli.terminal import show, working
from curation.errors import CurationError
from curation.project import Project
from curation.runs import Run

RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="An id of a run, or as much of one as is unique.")
]


def train(
    project: ProjectPath,
    learner: Annotated[
        str, typer.Option(help="logistic, lstm, encoder, small_gpt or causal_lm.")
    ] = "",
    set: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of the learner."),
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            help="curated, kept, random, balanced, balanced:COLUMN, longest, everything, recipe:FILE or "
            "export:FOLDER; may be given several times.",
        ),
    ] = None,
    budget: Annotated[
        list[int] | None,
        typer.Option("--budget", min=2, help="How many examples; several make a curve."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Paired repetitions.")] = None,
    test: Annotated[
        str, typer.Option(help="The test set: share, or given for the files' own.")
    ] = "",
    test_share: Annotated[float | None, typer.Option(help="Its share of the examples.")] = None,
    equal: Annotated[str, typer.Option(help="What arms have equal: examples or tokens.")] = "",
    plan: Annotated[
        Path | None, typer.Option(help="A plan as JSON, in place of the options above.")
    ] = None,
    run: Annotated[str, typer.Option("--run", help="Go on with the run of that id.")] = "",
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Only probe how long it will take.")
    ] = False,
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Train on what was chosen and on what was not, and say whether curation helped.

    A test set is taken out first; the recipe then chooses from the rest, as do random and the other
    arms. Each is trained on at each budget with paired seeds.
    """
    from curation.training.estimate import estimate as probe
    from curation.training.run import execute

    opened = Project.open(project)
    with working(project, job) as (progress, result):
        if run:
            given = (learner, set, arm, budget, seeds, test, test_share, equal, plan)
            if estimate or any(value not in (None, "") for value in given):
                raise typer.BadParameter("a run goes on with its own plan: give --run alone")
            begun = runs.open_run(project, run)
        else:
            chosen = _plan(opened, learner, set or [], plan)
            changes = {
                "arms": tuple(arm) if arm else None,
                "budgets": tuple(budget) if budget else None,
                "seeds": seeds,
                "test": test or None,
                "test_share": test_share,
                "equal": equal or None,
            }
            chosen = replace(chosen, **{k: v for k, v in changes.items() if v is not None}).check()
            if estimate:
                value = asdict(probe(opened, chosen, progress))
                result.update(value)
                show(value, as_json, estimate_text(value))
                return
            begun = runs.create(project, chosen.to_json())
        sys.stderr.write(f"If it is ended, go on with: curate train {project} --run {begun.id}\n")
        result["run"] = begun.id
        with begun.working():
            try:
                result.update(execute(opened, begun, progress))
            except CurationError:
                if not begun.fits():  # it could not even begin
                    runs.delete(begun)
                raise
    show(result, as_json, run_text(begun))


def _plan(project: Project, learner: str, settings: list[str], file: Path | None) -> Any:
    """The plan of a file, or the default one for the project's examples."""
    from curation.training.plan import Plan, plan_for

    if file is not None:
        try:
            value = json.loads(read_text(file))
        except ValueError as error:
            raise CurationError(f"{file} is no JSON: {error}.") from None
        return Plan.from_json(value)
    return plan_for(project, learner, dict(map(_setting, settings)))


def _setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE, the value as JSON where it is that, and otherwise as text."""
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise typer.BadParameter("write --set as name=value, for example --set epochs=3")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def evaluate(
    project: ProjectPath,
    run: RunId,
    report: Annotated[
        Path | None, typer.Option(help="Write the whole result to this HTML file, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the verdict of a run, every arm, and each class of its first arm."""
    from curation.training.report import html

    opened = runs.open_run(project, run)
    if opened.verdict is None:
        raise CurationError(
            f"The run {opened.id} has no results; go on with it: curate train {project} --run {opened.id}"
        )
    if report is not None:
        files.write_text(report, html(opened))
    value = {"run": opened.id, "plan": opened.plan, **opened.verdict, "fits": opened.fits()}
    show(value, as_json, run_text(opened) + class_text(opened))


def list_runs(
    project: ProjectPath,
    delete: Annotated[str, typer.Option(help="Delete the run of that id.")] = "",
    note: Annotated[
        str,
        typer.Option(metavar="ID=TEXT", help="Write a note on a run, in place of its former one."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List training runs, newest first; write a note on one, or delete one."""
    if delete:
        with (deleted := runs.open_run(project, delete)).working():
            runs.delete(deleted)
        sys.stderr.write(f"Deleted the run {deleted.id}.\n")
    if note:
        name, sign, text = note.partition("=")
        if not sign:
            raise typer.BadParameter("write --note as ID=TEXT")
        runs.open_run(project, name).write_notes(text)
    from curation.training.standing import listing

    table = listing(runs.all_runs(project))
    entries = [
        {"run": run, **{name: value for name, value in row.items() if value == value}}
        for run, row in zip(table.index, table.to_dict("records"), strict=True)
    ]
    lines = [
        "  ".join(
            str(entry[name])
            for name in ("run", "learner", "state", "verdict", "notes")
            if entry.get(name)
        )
        for entry in entries
    ]
    show({"runs": entries}, as_json, "\n".join(lines) or "There is no training run yet.")


def estimate_text(value: dict[str, Any]) -> str:
    """The estimate of a run as text."""
    fits = f"{value['fits']:,} fit{'' if value['fits'] == 1 else 's'}"
    lines = [
        f"About {_duration(value['seconds'])} for {fits}, the longest "
        f"{_duration(value['seconds_per_fit'])}; {value['memory_mb']:,.0f} MB of memory.",
        *(
            [f"{value['tokens_per_second']:,.0f} tokens a second."]
            if value["tokens_per_second"]
            else []
        ),
        *value["warnings"],
        *([value["refused"]] if value["refused"] else []),
    ]
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:,.0f} min" if seconds >= 90 else f"{seconds:,.0f} s"


def run_text(run: Run) -> str:
    """A run's verdict and its arms, for people."""
    verdict = run.verdict
    assert verdict is not None
    scale = verdict["scale"]
    lines = [run.id, verdict["sentence"], *verdict["warnings"]]
    if run.holdout is not None:
        lines.append(run.holdout["text"])
    digits = 1 if scale != 1 else 3
    more = [name for name in ("accuracy", "precision", "recall") if verdict["metric"] != "loss"]

    def number(value: float | None) -> str:
        return "" if value is None else f"{value * scale:.{digits}f}"

    heads = "".join(f"{name:>11}" for name in more)
    lines.append(f"\n{'':26}{'budget':>8}{'train':>8}{verdict['metric']:>10}  95 % interval{heads}")
    for row in verdict["arms"]:
        budget = "all" if row["budget"] is None else f"{row['budget']:,}"
        interval = f"{number(row['low'])} to {number(row['high'])}"
        others = "".join(f"{number(row[name]):>11}" for name in more)
        lines.append(
            f"{row['title'][:25]:<26}{budget:>8}{row['train']:>8,}{number(row['mean']):>10}  "
            f"{interval:<13}{others}"
        )
    return "\n".join(lines)


def class_text(run: Run) -> str:
    """Precision, recall and F1 of each class, first arm first, and the F1 of the others; "" without."""
    from curation.training.answers import by_class

    table = by_class(run)
    if table.empty:
        return ""
    names = [str(name) for name in table.columns]
    width = max(12, *(len(name) + 2 for name in names))
    lines = ["\n\nEach class at the greatest budget, means over the seeds"]
    lines.append(" " * 24 + "".join(f"{name:>{width}}" for name in names))
    for name, row in table.iterrows():
        cells = "".join(
            f"{value:>{width},.0f}" if value > 1 else f"{value:>{width}.3f}" for value in row
        )
        lines.append(f"{str(name)[:22]:<24}{cells}")
    return "\n".join(lines)
