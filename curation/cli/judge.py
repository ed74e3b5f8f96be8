"""The command that asks a language model for its verdict on examples."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from curation.cli.options import AsJson, JobId, ProjectPath, read_text
from curation.cli.terminal import show, working
from curation.errors import CurationError
from curation.project import Project


def judge(
    project: ProjectPath,
    url: Annotated[str, typer.Option(help="The OpenAI-compatible endpoint that is asked.")],
    model: Annotated[str, typer.Option(help="The model that the endpoint should use.")],
    rubric: Annotated[
        Path | None,
        typer.Option(help="A file of criteria, a line each: name: what a high grade means."),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Judge only so many, drawn by chance.")
    ] = None,
    price_in: Annotated[
        float, typer.Option(min=0, help="Price of a million tokens that are sent.")
    ] = 0.0,
    price_out: Annotated[
        float, typer.Option(min=0, help="Price of a million tokens of answers.")
    ] = 0.0,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Requests at a time.")] = 4,
    yes: Annotated[
        bool, typer.Option("--yes", help="Send it; without this nothing is sent.")
    ] = False,
    as_json: AsJson = False,
    job: JobId = None,
) -> None:
    """Show what a judge would be sent and what that costs; with --yes ask it to grade the kept rows."""
    from curation.judging.endpoint import KEY, Endpoint
    from curation.judging.plan import plan
    from curation.judging.rubric import DEFAULT, rubric_of
    from curation.judging.run import TRIES_OF_ROW, ungraded
    from curation.judging.run import judge as ask
    from curation.judging.verdicts import name_in_project

    with working(project, job) as (progress, result):
        opened, criteria = (
            Project.open(project),
            rubric_of(read_text(rubric)) if rubric else DEFAULT,
        )
        planned = plan(opened.path, opened.view().dataset.kept, url, model, criteria, rows)
        size, verdicts = planned.estimate, planned.verdicts
        result |= {
            "to": planned.address,
            "model": model,
            "criteria": dict(criteria.criteria),
            "requests": size.requests,
            "remembered": size.remembered,
            "tokens_in": size.tokens_in,
            "tokens_out": size.tokens_out,
            "cost": round(size.cost(price_in, price_out), 4),
            "verdicts": name_in_project(verdicts.path),
            "sent": yes,
        }
        lines = [
            f"{size.requests:,} requests to {planned.address} ({model}): prompt and response of each row, "
            f"whole, and the key in {KEY} if it is set. {size.remembered:,} verdicts are remembered.",
            f"About {size.tokens_in:,} tokens there and {size.tokens_out:,} back; cost "
            f"{result['cost']:,} at the given prices.",
        ]
        if yes and not size.requests:
            raise CurationError(
                f"Nothing was sent to {planned.address}: {model} was asked about all of these rows by this rubric "
                f"before, and {size.remembered:,} verdicts are remembered in {result['verdicts']}. Name more "
                "rows, another model or another rubric."
            )
        if not yes:
            lines += ["One of them:", *planned.sample]
            lines.append("Nothing was sent. Add --yes to send it.")
        else:
            checked = ask(
                planned.texts, Endpoint(url, model), criteria, verdicts, workers, progress
            )
            result["controls"] = {**vars(checked), "sentence": checked.sentence}
            without = Counter(ungraded(planned.texts, verdicts))
            result["ungraded"] = dict(without)
            lines += [
                f"Without a grade: {number:,} ({reason}). The same command asks again, {TRIES_OF_ROW} "
                "times in all."
                for reason, number in without.most_common(3)
            ]
            lines += [
                checked.sentence,
                f"Next, in recipe.yaml: - judged: {{verdicts: {result['verdicts']}}}",
            ]
    show(dict(result), as_json, "\n".join(lines))
