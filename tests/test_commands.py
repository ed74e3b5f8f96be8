"""Jobs that pages start are commands that the command line takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from curation import commands
from curation.cli import app
from curation.export import ALSO, delivery_formats
from curation.reading import Reading

P = Path("a project")
ALL = [
    commands.run(P),
    commands.import_files(
        P, ["x.jsonl", "y.csv"], ["x y.jsonl", "--y.csv"], Reading(), True, "2 files"
    ),
    commands.import_files(
        P, ["x.jsonl"], [], Reading("auto", {"prompt": "question"}, (), "big5"), False, "x"
    ),
    commands.fetch(P, "owner/name", ""),
    commands.fetch(P, "owner/name", "main"),
    commands.export(P, P / "out", delivery_formats(), True, True, ALSO),
    commands.push(P, P / "exports" / "delivery", "ada/planets", True),
    commands.export(P, P / "out", [], False, False, ()),
    commands.add_reference(P, Path("gsm8k.jsonl"), "GSM8K test", ["--dropped"]),
    commands.add_reference(P, Path("gsm8k.jsonl"), "", ["--source=x", "--map=prompt=q"]),
    commands.compare(P, "gsm8k", "", "GSM8K"),
    commands.compare(P, "gsm8k", "prompt", "GSM8K"),
    commands.train(P, "20260101-000000-abcd"),
    commands.estimate(P, P / "runs" / "draft.json"),
]


@pytest.mark.parametrize("command", ALL, ids=lambda c: " ".join(c.words)[:60])
def test_the_command_line_takes_every_command_of_the_pages(command):
    registered = typer.main.get_command(app).commands[command.name]
    context = registered.make_context(
        command.name, [*command.words, "--job", "20260101-000000-abcdef"]
    )
    assert str(P) in map(str, context.params.values())
    assert context.params["job"]


def test_options_reach_the_parameters_they_are_meant_for():
    def taken(command: commands.Command) -> dict:
        registered = typer.main.get_command(app).commands[command.name]
        return registered.make_context(command.name, list(command.words)).params

    assert taken(commands.compare(P, "gsm8k", "prompt", "x"))["of"] == "prompt"
    assert (
        taken(commands.add_reference(P, Path("q.jsonl"), "A name", ["--dropped"]))["dropped"]
        is True
    )
    params = taken(commands.export(P, P / "out", ["trl", "hf"], True, False, ["atlas"]))
    assert (params["allow_attention"], params["pseudonyms"]) == (True, False)
    assert list(params["also"]) == ["atlas"]
    assert list(params["format"]) == ["trl", "hf"] and params["to"] == P / "out"
