"""The `curate` command: the same project, without the browser."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from curation import __version__
from curation.cli import (
    about,
    agents,
    compare,
    data,
    deliver,
    gold,
    history,
    judge,
    lead,
    look,
    people,
    queues,
    rows,
    suggest,
    train,
)
from curation.cli.options import Command, Group
from curation.cli.terminal import in_a_sentence, say
from curation.errors import CurationError

app = typer.Typer(
    name="curate",
    cls=Group,
    help="Curate supervised fine-tuning data: clean, look, decide, choose, deliver.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

COMMANDS: dict[str, Callable[..., None]] = {
    "new": data.new,
    "recipe": data.change_recipe,
    "import": data.import_files,
    "run": data.run,
    "rows": rows.rows,
    "search": look.search_examples,
    "explain": look.explain,
    "precision": look.precision,
    "queue": queues.queue_command,
    "decide": people.decide,
    "decisions": people.list_decisions,
    "history": history.history,
    "agreement": lead.agree,
    "review": lead.review,
    "suggest": suggest.suggest,
    "suggestions": suggest.suggestions,
    "gold": gold.gold,
    "carry": people.carry,
    "check": deliver.check,
    "export": deliver.export,
    "push": deliver.push,
    "train": train.train,
    "evaluate": train.evaluate,
    "runs": train.list_runs,
    "reference": compare.reference,
    "coverage": compare.cover,
    "compare": compare.compare_selections,
    "topics": look.list_topics,
    "judge": judge.judge,
    "operations": about.list_operations,
    "schema": about.print_schema,
    "doctor": about.doctor,
    "demo": about.demo,
    "app": about.start_app,
    "mcp": agents.serve,
}
"""Every command by its name, in the order of `curate --help`."""

for _name, _command in COMMANDS.items():
    app.command(_name, cls=Command)(_command)


def print_version(show: bool) -> None:
    """Print the version and stop."""
    if show:
        say(f"curate {__version__}")
        raise typer.Exit


@app.callback()
def curate(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Curate supervised fine-tuning data: clean, look, decide, choose, deliver."""


def main() -> None:
    """Run the command; what could not be done is one sentence on stderr and exit status 1."""
    try:
        with in_a_sentence():
            app(prog_name="curate")
    except CurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
