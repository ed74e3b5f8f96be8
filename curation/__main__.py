"""The `curate` command: the same project, without the browser."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
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
from curation.engine import Engine, make_engine
from curation.errors import Cancelled, CurationError, MissingExtra
from curation.project import DEFAULT_RECIPE, Project
from curation.recipe import Recipe
from curation.report import PEOPLE

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

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
EngineName = Annotated[
    str, typer.Option("--engine", help="auto, serial or processes; the results are the same.")
]
OUTSIDE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
"""Errors of the system that are no fault of the program: no space, no permission."""


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

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with jobs.reporting(project, job, bar) as made, in_a_sentence():
        yield made


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Turn what the system refuses into a sentence; any other error keeps its trace."""
    try:
        yield
    except OSError as error:
        if error.errno not in OUTSIDE:
            raise
        what = error.filename or "A file"
        raise CurationError(f"{what} could not be read or written: {error.strerror}.") from error


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
    map: Annotated[
        list[str] | None, typer.Option("--map", help="field=column, as prompt=question.")
    ] = None,
    label_names: Annotated[
        Path | None, typer.Option(help="A file with one label name a line.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="The text's encoding, when the guess is wrong.")
    ] = None,
    name: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Read files into a project; the same file twice adds nothing."""
    pairs = [item.partition("=") for item in map or []]
    if any(not (field and sign and column) for field, sign, column in pairs):
        raise typer.BadParameter("write --map as field=column, for example --map prompt=question")
    begin = time.perf_counter()
    with working(project, job) as (progress, result):
        labels = read_text(label_names).split("\n") if label_names else None
        opened, entries = Project.open(project), list[dict[str, Any]]()
        said: dict[str, Any] = {
            "format": format,
            "mapping": {f: c for f, _, c in pairs},
            "label_names": [la.strip() for la in labels if la.strip()] if labels else None,
            "encoding": encoding,
        }
        for id in (f.removeprefix("hf:") for f in files if f.startswith("hf:")):
            at, _, revision = id.partition("@")
            entries += opened.add_from_hub(at, revision=revision or None, progress=progress, **said)
        if paths := [f for f in files if not f.startswith("hf:")]:
            entries += opened.add(*paths, names=name, progress=progress, **said)
        total = summed(entries)
        total["seconds"] = round(time.perf_counter() - begin, 3)
        result.update(total)
        if total["rejected"] and not total["examples"]:
            why = opened.rejected["message"].iloc[-1]
            raise CurationError(
                f"None of {total['rejected']:,} rows became an example; the last was refused since {why} "
                "Say which column is which with --map, as in --map prompt=question --map "
                "response=answer; `curate rows --rejected` lists every refusal."
            )
    lines = [
        f"{e['name']}: already here, nothing added"
        if e.get("already")
        else (
            "{name}: {lines:,} lines = {examples:,} examples + "
            "{rejected:,} rejected + {blank:,} blank"
        ).format(name=e["name"], **e["report"])
        for e in entries
    ]
    lines += [
        f"  {e['name']} took the place of {name if name != e['name'] else 'its former version'}"
        for e in entries
        if not e.get("already")
        for name in e["replaced"]
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
    begin = time.perf_counter()
    with working(project, job) as (progress, result), engine_of(engine) as runner:
        chosen = None if recipe is None else Recipe.from_yaml(read_text(recipe), recipe.name)
        dataset = Project.open(project).run(chosen, engine=runner, progress=progress)
        summary = run_summary(dataset, time.perf_counter() - begin)
        result.update(summary)
    show(summary, as_json, run_text(summary))


@contextmanager
def engine_of(name: str) -> Iterator[Engine]:
    """An engine whose workers end with the block."""
    runner = make_engine(name)
    try:
        yield runner
    finally:
        runner.close()


def run_summary(dataset: Dataset, seconds: float) -> dict[str, Any]:
    """What `curate run --json` prints."""
    return {
        "examples": len(dataset),
        "kept": len(dataset.kept),
        "dropped": len(dataset.dropped),
        "steps": [report.to_dict() for report in dataset.steps],
        "fingerprint": dataset.steps[-1].fingerprint if dataset.steps else "",
        "seconds": round(seconds, 3),
        "peak_rss_mb": peak_rss_mb(),
    }


def peak_rss_mb() -> float | None:
    """The most memory that this process held, in MB; None where the system does not say."""
    if resource is None:
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


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
    columns: Annotated[
        str | None, typer.Option(help="Columns by commas, instead of all scores.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="FILE.jsonl, .parquet or .csv instead of stdout.")
    ] = None,
    engine: EngineName = "auto",
) -> None:
    """Print or save the annotated rows; the recipe is run first if anything has changed."""
    from curation.export.tables import check_ending, write_frame

    check_ending(to)
    opened = Project.open(project)
    if rejected:
        frame = opened.rejected
        if len(frame):
            frame = frame.assign(raw=[bytes(r).decode("utf-8", "replace") for r in frame["raw"]])
    else:
        dataset = current(opened, engine)
        only = "kept" if kept and not dropped else "dropped" if dropped and not kept else "rows"
        frame = row_table(dataset, getattr(dataset, only), columns)
    write_frame(frame, to)
    if to is not None:
        say(f"{len(frame):,} rows in {to}")


def current(opened: Project, engine: str) -> Dataset:
    """What recipe and decisions give now: remembered from the last run if nothing changed since."""
    view = opened.view()
    if view.current:
        return view.dataset
    with working(opened.path, None) as (progress, _), engine_of(engine) as runner:
        return opened.replay(engine=runner, progress=progress)


def row_table(dataset: Dataset, rows: Any, columns: str | None) -> Any:
    """Rows with the columns every reader may count on, then the scores."""
    always = ["dropped_by", "split", "prompt", "response", "messages", "label"]
    scores = [c for c in dataset.rows.columns if c not in BASE_COLUMNS]
    fixed = ["id", "source_file", "source_row", *always]
    asked = [c.strip() for c in columns.split(",")] if columns else scores
    unknown = [c for c in asked if c not in rows.columns and c not in fixed]
    if unknown:
        raise CurationError(
            f"There is no column {unknown[0]!r}; there are: {', '.join([*BASE_COLUMNS, *scores])}."
        )
    table = rows.rename_axis("id").reset_index().rename(columns={"source": "source_file"})
    return table[[*fixed, *(c for c in asked if c not in fixed and c != "source")]]


@app.command("search")
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
    from curation import search

    if bool(text.strip()) == bool(like):
        raise typer.BadParameter("give either a text to look for or --like ID")
    opened = Project.open(project)
    view = opened.view()
    if not view.current:
        sys.stderr.write(f"{view.note}\n")
    dataset = view.dataset
    if like or meaning:
        search.embedded_by(dataset.steps)
        assert dataset.vectors is not None  # there is an embed step
        if like:
            ids = dataset.rows.index.tolist()
            places = [ids.index(full_id(dataset, part)) for part in like]
            hits = search.like(dataset.vectors, places, top)
        else:
            vector = search.query_vector(text, dataset.steps, opened.vectors)
            hits = search.meaning(dataset.vectors, vector, top)
    else:
        hits = search.words(dataset.rows, text)
    found = [
        {
            "id": str(dataset.rows.index[at]),
            "similarity": round(float(score), 4) if like or meaning else None,
            "prompt": next(iter(str(dataset.rows["prompt"].iloc[at]).strip().splitlines()), ""),
        }
        for at, score in zip(hits.positions[:top], hits.scores[:top], strict=True)
    ]
    lines = [
        f"{hit['id']}  {'' if hit['similarity'] is None else format(hit['similarity'], '.3f') + '  '}"
        f"{hit['prompt']}"
        for hit in found
    ]
    if not like and not meaning:
        lines.append(f"{len(hits):,} examples hold these words.")
    show({"found": len(hits), "hits": found}, as_json, "\n".join(lines))


@app.command()
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
    show(
        {"id": example_id, "source": source, "fate": fate, "events": events},
        as_json,
        "\n".join(lines),
    )


def full_id(dataset: Dataset, text: str) -> str:
    """The id that begins so; raises CurationError when several do, or none."""
    ids = dataset.rows.index
    found = [text] if text in ids else ids[ids.str.startswith(text)].tolist()
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise CurationError(f"There is no example whose id begins with {text!r}.")
    some = ", ".join(found[:4]) + (" …" if len(found) > 4 else "")
    raise CurationError(f"{len(found):,} ids begin with {text!r}: {some}; give more of it.")


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


@app.command()
def target(
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
    map: Annotated[
        list[str] | None, typer.Option("--map", help="field=column, as prompt=question.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="The file it is said to come from; PATH's name if not given.")
    ] = "",
    remove: Annotated[str | None, typer.Option(help="Remove the target of that name.")] = None,
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Add a target to compare a project with, list them, or remove one."""
    pairs = [item.partition("=") for item in map or []]
    if any(not (field and sign and column) for field, sign, column in pairs):
        raise typer.BadParameter("write --map as field=column, for example --map prompt=question")
    said: dict[str, Any] = {
        "source": source,
        "dropped": dropped,
        "format": format,
        "mapping": {f: c for f, _, c in pairs},
    }
    with working(project, job) as (progress, result):
        targets, text = Project.open(project).targets, ""
        if remove is not None:
            targets.remove(remove)
            text = f"Removed {remove}."
        elif path is not None:
            made, new = targets.add(path, name, progress=progress, **said)
            text = f"{made.name}: {made.rows:,} rows" + ("" if new else ", already here")
            text += f", {n:,} without an answer" if (n := made.without_answer) else ""
        listed = [
            {
                k: getattr(t, k)
                for k in ("name", "kind", "source", "rows", "without_answer", "sha256")
            }
            for t in targets.all()
        ]
        result.update({"targets": listed, "said": text})
    lines = [f"{t['name']:<28} {t['rows']:>8,} rows  {t['kind']} {t['source']}" for t in listed]
    show({"targets": listed}, as_json, text or "\n".join(lines) or "There are no targets yet.")


@app.command("coverage")
def cover(
    project: ProjectPath,
    target: Annotated[str, typer.Option(help="The target's name; see `curate target`.")],
    of: Annotated[
        str, typer.Option(help="prompt, response or both; if not given, as the recipe embeds.")
    ] = "",
    reach: Annotated[
        float | None, typer.Option(min=0, max=1, help="Similarity that counts as within reach.")
    ] = None,
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Compare a project with a target: the share within reach, gaps, over-represented topics."""
    begin = time.perf_counter()
    if of not in ("", "prompt", "response", "both"):
        raise typer.BadParameter("--of is prompt, response or both")
    with working(project, job) as (progress, result):
        opened = Project.open(project)
        chosen, view = opened.targets.get(target), opened.view()
        compared = opened.coverage(chosen, of, progress)
        value = coverage_summary(compared, chosen, reach)
        value["seconds"] = round(time.perf_counter() - begin, 3)
        value["peak_rss_mb"] = peak_rss_mb()
        result.update({k: v for k, v in value.items() if k not in ("gaps", "over_represented")})
    if not view.current:
        sys.stderr.write(f"{view.note}\n")
    show(value, as_json, coverage_text(value))


def coverage_summary(compared: Any, target: Any, reach: float | None) -> dict[str, Any]:
    """What `curate coverage --json` prints."""
    from curation import coverage

    at = compared.about["reach"] if reach is None else reach
    prompts, over = target.examples["prompt"], coverage.over_represented(compared)
    return {
        "target": target.name,
        "rows": len(compared.rows),
        "of": compared.about["of"],
        "reach": at,
        "within_reach": {s: round(compared.within(at, s), 4) for s in compared.about["stages"]},
        "by_chance": compared.by_chance(at),
        "gaps": [
            {
                "name": gap.name,
                "size": gap.size,
                "missing": len(gap.missing),
                "farthest": [
                    {
                        "target": prompts[i][:300],
                        "nearest": compared.rows.at[i, "nearest"],
                        "similarity": round(float(compared.rows.at[i, compared.last]), 4),
                    }
                    for i in gap.missing[:5]
                ],
                "dropped_within_reach": len(gap.closing),
            }
            for gap in coverage.gaps(compared, prompts, at)
        ],
        "over_represented": over.replace({float("inf"): None}).to_dict("records"),
    }


def coverage_text(value: dict[str, Any]) -> str:
    """A comparison for people."""
    shares = ", ".join(f"{stage} {share:.1%}" for stage, share in value["within_reach"].items())
    lines = [
        f"{value['target']}: {value['rows']:,} rows, within reach ({value['reach']:.2f}): {shares}"
    ]
    if value["by_chance"]:
        low, high = value["by_chance"]
        lines.append(f"Random parts of the same size: {low:.1%} to {high:.1%}")
    for gap in value["gaps"]:
        lines.append(f"{gap['missing']:>7,} of {gap['size']:,} out of reach: {gap['name']}")
        lines += [
            f"{'':>10}{far['similarity']:.2f}  {' '.join(far['target'].split())[:100]}"
            for far in gap["farthest"][:2]
        ]
    many = [t for t in value["over_represented"] if t["cut"]]
    lines += [f"{t['cut']:>7,} of {t['here']:,} too many: {t['topic']}" for t in many[:10]]
    lines += [f"        and {len(many) - 10} more topics"] if len(many) > 10 else []
    return "\n".join(lines)


@app.command("topics")
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
        given |= naming.asked(topics, name_by, model, bar)
    recipe = opened.recipe
    for old, new in given.items():
        recipe = naming.renamed(recipe, old, new, naming.original_names(dataset))
    if given:
        opened.recipe = recipe
    value = {"topics": [dataclasses.asdict(topic) for topic in topics], "renamed": given}
    show(value, as_json, topics_text(topics, given, project))


def topics_text(topics: list[Any], given: dict[str, str], project: Path) -> str:
    """Topics for people, by theme, with three examples each; then what was renamed."""
    lines, theme = [], None
    for topic in topics:
        if topic.theme != theme:
            theme = topic.theme
            lines.append(f"\n{theme}")
        lines.append(f"{topic.size:>8,}  {topic.name}   [{', '.join(topic.words)}]")
        lines += [f"{'':10}- {text[:90]}" for text in topic.examples[:3]]
    if given:
        lines += ["", *(f"{old} = {new}" for old, new in given.items())]
        lines.append(f"{len(given)} names are in the recipe. Next: curate run {project}")
    return "\n".join(lines).lstrip("\n")


@app.command("operations")
def list_operations(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One operation, with its parameters.")
    ] = None,
    as_json: AsJson = False,
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
    project: Annotated[
        Path | None, typer.Argument(metavar="[PROJECT]", help="A project folder.")
    ] = None,
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
    out = to / "exports" / "demo"
    with working(to, None) as (progress, _), engine_of(engine) as runner:
        opened = make_demo(to)
        dataset = opened.run(engine=runner, progress=progress)
        manifest = opened.export(out, ("trl",), engine=runner)
    delivered = export_summary(manifest, out)
    value = {"path": str(to), **run_summary(dataset, time.perf_counter() - begin), **delivered}
    text = f"{run_text(value)}\n{export_text(delivered)}\nLook at it: curate app {to}"
    show(value, as_json, text)


@app.command("app")
def start_app(
    project: Annotated[
        Path | None, typer.Argument(metavar="[PROJECT]", help="A project folder.")
    ] = None,
    port: Annotated[int, typer.Option(help="The port of the web app.")] = 8501,
) -> None:
    """Start the web app."""
    import importlib.util

    if importlib.util.find_spec("streamlit") is None:
        raise MissingExtra("streamlit", "app")
    script = Path(__file__).resolve().parent.parent / "app.py"
    if not script.exists():
        raise CurationError(
            "The web app's files are not beside the package; start it from a checkout."
        )
    if project is not None:
        os.environ["CURATION_PROJECT"] = str(Project.open(project).path.resolve())
    command = [sys.executable, "-m", "curation.ui.server", str(script), "--server.port", str(port)]
    os.execv(sys.executable, command)


def version_wanted(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        say(f"curate {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool,
        typer.Option("--version", callback=version_wanted, is_eager=True, help="Show the version."),
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
        with in_a_sentence():
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
