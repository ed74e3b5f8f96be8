"""Deliveries."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from curation.cli.options import (
    AsJson,
    EngineName,
    Filters,
    JobId,
    ProjectPath,
    Words,
    engine_of,
    read_ids,
)
from curation.cli.terminal import bar, in_a_sentence, show, working
from curation.errors import CurationError
from curation.looking.filter import Filter
from curation.looking.unread import unread_by
from curation.project import Project
from curation.settings import check_settings

Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        help="alpaca, axolotl, csv, hf, llamafactory, llamafactory-preference, openai, original, "
        "sharegpt, trl, trl-completion, trl-kto or trl-preference; may be given several times.",
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
    also: Annotated[
        list[str] | None,
        typer.Option(
            help="dropped: the rows that were dropped or refused; atlas: a table for Embedding "
            "Atlas. May be given several times."
        ),
    ] = None,
    shard_megabytes: Annotated[
        int, typer.Option(help="Size from which a file is continued in another.", min=1)
    ] = 500,
    purpose: Annotated[
        str | None, typer.Option(help="What it is made for; the project and the card keep it.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="A licence of the Hub, such as cc-by-4.0, or “other: NAME”.")
    ] = None,
    contact: Annotated[str | None, typer.Option(help="Whom to ask about it.")] = None,
    filter: Filters = None,
    words: Words = "",
    ids: Annotated[
        Path | None, typer.Option(help="Only the examples of a file with an id a line.")
    ] = None,
    engine: EngineName = "auto",
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Write the delivery folder, complete or not at all; in TRL's format if none is given."""
    only, chosen = Filter.parse(filter or [], words), None if ids is None else read_ids(ids)
    stated = {"purpose": purpose, "licence": licence, "contact": contact}
    check_settings(project)
    if any(text is not None for text in stated.values()):
        from curation.export.licences import describe

        describe(project, {name: text for name, text in stated.items() if text is not None})
    with working(project, job) as (progress, result), engine_of(engine) as runner:
        opened = Project.open(project)
        manifest = opened.export(
            to,
            tuple(format or ["trl"]),
            allow_attention=allow_attention,
            pseudonyms=pseudonyms,
            only=only,
            ids=chosen,
            also=also or (),
            shard_bytes=shard_megabytes * 1_000_000,
            engine=runner,
            progress=progress,
        )
        unread = unread_by(opened.view().dataset.rows, opened.recipe)
        value = {**export_summary(manifest, to), "unread": unread.to_dict() if unread else None}
        result.update(value)
    text = export_text(value)
    show(value, as_json, f"{unread.sentence}\n{text}" if unread and unread.sentence else text)


def check(
    target: Annotated[
        Path, typer.Argument(metavar="PATH", help="A project folder, or a data file or its folder.")
    ],
    format: Formats = None,
    allow_attention: AllowAttention = False,
    engine: EngineName = "auto",
    max_problems: Annotated[
        str, typer.Option(help="Rows of a file that may have problems: 25, or 1%.")
    ] = "0",
    max_duplicates: Annotated[
        str | None, typer.Option(help="Rows of a file that may be repeated: 25, or 1%.")
    ] = None,
    max_tokens: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LENGTH[:ROWS]",
            help="A context length, and the rows that may be longer: 2048, or 2048:5%; may be given "
            "several times.",
        ),
    ] = None,
    min_rows: Annotated[int | None, typer.Option(min=0, help="Fewest rows of a file.")] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="Count tokens by this model's tokenizer and chat template, a folder or a Hub name."
        ),
    ] = None,
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Check a file by its trainer's rules, or say what a project's delivery would hold.

    A file, or a folder of files, needs one --format: each problem is named with its row, a code and
    a cure. The exit status is 0 when it passes, 1 when it does not, and 2 when it cannot be checked.

    For a project, say what a delivery would hold, refuse and lose in each format, without writing
    it; in every format if none is given.
    """
    if (target / "project.toml").is_file():
        from curation import gold

        with working(target, job) as (progress, result), engine_of(engine) as runner:
            project = Project.open(target)
            value = project.check(
                format, allow_attention=allow_attention, engine=runner, progress=progress
            )
            view = project.view()  # of today's recipe, because every step of it is remembered now
            result.update(formats=value, fingerprint=view.fingerprint if view.current else "")
            people = project.people()
            number = len(gold.kept_to_drop(people, view.dataset))
            kept = gold.kept_sentence(number, len(people.gold) if people else 0)
        text = f"{kept} The Team page settles them as known.\n" if kept else ""
        show(value, as_json, f"{text}{check_text(value)}")
        return
    try:
        value = _checked(
            target, format or [], max_problems, max_duplicates, max_tokens, min_rows, tokenizer
        )
    except CurationError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(2) from None
    show(value, as_json, file_check_text(value))
    if not value["passed"]:
        raise typer.Exit(1)


def _checked(
    path: Path,
    formats: list[str],
    problems: str,
    duplicates: str | None,
    tokens: list[str] | None,
    least: int | None,
    tokenizer: str | None,
) -> dict[str, Any]:
    """Check a file with the tolerances of the command line."""
    from curation.export.file_check import Amount, Tolerances, check_file

    if len(formats) != 1:
        raise CurationError(f"Name one format to check {path} by, for example --format trl.")
    tolerances = Tolerances(
        problems=Amount.parse(problems),
        duplicates=None if duplicates is None else Amount.parse(duplicates),
        tokens=dict(Tolerances.length_of(text) for text in tokens or ()),
        least=least,
    )
    with in_a_sentence():
        return check_file(path, formats[0], tolerances, tokenizer, bar)


def file_check_text(value: Mapping[str, Any]) -> str:
    """Tell people the outcome of checking a file."""
    lines = [f"{value['rows']:,} rows in {', '.join(value['files'])}, as {value['format']}"]
    for problem in value["problems"]:
        rows = [entry for entry in problem["first"] if entry["row"]]
        lines.append(f"{problem['rows']:>10,} × {problem['code']}: {problem['why']}")
        if rows:
            more = ", …" if problem["rows"] > len(rows) else ""
            numbers = ", ".join(f"{e['file']}:{e['row']}" for e in rows[:SHOWN])
            lines.append(f"{'':13}{numbers}{', …' if len(rows) > SHOWN else more}")
        lines.append(f"{'':13}{problem['cure']}")
    lines.append(f"{value['duplicates']['rows']:>10,} duplicates")
    if tokens := value.get("tokens"):
        lines.append(f"{tokens['total']:>10,} tokens by {tokens['tokenizer']}")
        lines += [f"{'':13}{cut['text']}" for cut in tokens["cuts"]]
    lines += [f"{failure['text']} {failure['cure']}" for failure in value["failures"]]
    return "\n".join([*lines, "It passes." if value["passed"] else "It does not pass."])


SHOWN = 8
"""Rows of a problem that are printed."""

NOT_SENT = 3
"""The exit status of `curate push` when what would go was shown and nobody agreed."""


def push(
    folder: Annotated[Path, typer.Argument(help="A delivery folder.", metavar="FOLDER")],
    repository: Annotated[str, typer.Argument(help="owner/name", metavar="REPOSITORY")],
    public: Annotated[bool, typer.Option("--public", help="Let everybody read it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it is sent.")] = False,
    as_json: AsJson = False,
    project: Annotated[Path | None, typer.Option(hidden=True)] = None,
    job: JobId = None,
) -> None:
    """Upload a delivery to the Hugging Face Hub, private unless --public, after showing what goes.

    The exit status is 0 when it was sent, 1 when it could not be, and 3 when nobody agreed to send
    it: without --yes a script is shown what would go. The token is that of huggingface_hub: HF_TOKEN,
    or the one that `hf auth login` stored.
    """
    from curation.export.deliveries import size_text
    from curation.export.push import Shipment, check_name
    from curation.export.push import push as upload

    check_name(repository)
    shipment = Shipment.of(folder)
    where = f"{'Public' if public else 'Private'} repository {repository} on the Hugging Face Hub"
    lines = [f"{size_text(size):>10}  {path}" for path, size in sorted(shipment.files.items())]
    if not as_json:
        show(None, False, "\n".join([*lines, *shipment.sentences(), where]))
    if not yes and not (sys.stdin.isatty() and typer.confirm("Send it?")):
        if as_json:
            would = {"repository": repository, "private": not public, "files": shipment.files}
            show({"sent": False, **would, "notes": list(shipment.sentences())}, True, "")
        sys.stderr.write("Nothing was sent; look at what would go, and say --yes.\n")
        raise typer.Exit(NOT_SENT)
    with working(project or folder, job) as (progress, result):
        address = upload(folder, repository, private=not public, progress=progress)
        about = {"address": address, "private": not public, "files": shipment.files}
        result.update({"sent": True, **about})
    show(dict(result), as_json, f"Sent to {address}")


def export_summary(manifest: dict[str, Any], to: Path) -> dict[str, Any]:
    """Return the output of `curate export --json`."""
    names = "files splits delivered excluded did_not_fit not_in lost rendering leaks".split()
    chosen = {"ids": manifest["ids"]} if "ids" in manifest else {}
    about = {k: manifest[k] for k in names}
    return {**about, **chosen, "manifest": str(to / "manifest.json")}


def export_text(value: dict[str, Any]) -> str:
    """A delivery's summary for people: files, what is not in them, leaks."""
    from curation.export import sentences
    from curation.export.rendering import rendered

    lines = [f"{f['rows']:>10,} rows  {f['path']}" for f in value["files"] if f["rows"]]
    lines += sentences.excluded(value["excluded"])
    lines += sentences.dropped(value.get("ids", {}))
    lines += sentences.not_held(value["not_in"], value["lost"])
    lines += [f"{name}: {rendered(entry)}" for name, entry in value["rendering"].items()]
    lines += [text for f in value["files"] for text in f.get("problems", [])]
    safe = value["leaks"]["leak_safe"]
    lines.append("Leak-safe." if safe else f"Not shown to be leak-safe: {value['leaks']['text']}")
    lines += filter(None, [value["leaks"].get("search")])
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
