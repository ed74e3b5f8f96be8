"""The command that asks a language model for its verdict on examples."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from curation.cli.options import AsJson, ProjectPath, read_text
from curation.cli.terminal import bar, show
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
) -> None:
    """Show what a judge would be sent and what that costs; with --yes ask it to grade the kept rows."""
    from curation.judging.endpoint import KEY, Endpoint, address_of
    from curation.judging.rubric import DEFAULT, rubric_of
    from curation.judging.run import TRIES_OF_ROW, estimate, ungraded
    from curation.judging.run import judge as ask
    from curation.judging.verdicts import Verdicts, verdict_file

    opened, criteria = Project.open(project), rubric_of(read_text(rubric)) if rubric else DEFAULT
    kept = opened.view().dataset.kept.sort_index()
    sides = (kept[side].fillna("").tolist() for side in ("prompt", "response"))
    texts = [pair for pair in zip(*sides, strict=True) if pair[1].strip()][:rows]
    if not texts:
        raise CurationError("No kept example has an answer, so there is nothing to judge.")
    verdicts = Verdicts(verdict_file(opened.path / "verdicts", model, criteria.digest))
    plan = estimate(texts, criteria, verdicts)
    value = {
        "to": address_of(url),
        "model": model,
        "criteria": dict(criteria.criteria),
        "requests": plan.requests,
        "remembered": plan.remembered,
        "tokens_in": plan.tokens_in,
        "tokens_out": plan.tokens_out,
        "cost": round(plan.cost(price_in, price_out), 4),
        "verdicts": str(verdicts.path.absolute()),
        "sent": yes,
    }
    lines = [
        f"{plan.requests:,} requests to {value['to']} ({model}): prompt and response of each row, whole, "
        f"and the key in {KEY} if it is set. {plan.remembered:,} verdicts are remembered.",
        f"About {plan.tokens_in:,} tokens there and {plan.tokens_out:,} back; cost {value['cost']:,} "
        "at the given prices.",
    ]
    if not yes:
        prompt, response = texts[0]
        example = criteria.messages(prompt, response, "0" * 16)
        lines += ["The first of them:", *(turn["content"] for turn in example)]
        lines.append("Nothing was sent. Add --yes to send it.")
    else:
        checked = ask(texts, Endpoint(url, model), criteria, verdicts, workers, bar)
        value["controls"] = {**vars(checked), "sentence": checked.sentence}
        without = Counter(ungraded(texts, verdicts))
        value["ungraded"] = dict(without)
        lines += [
            f"Without a grade: {number:,} ({reason}). The same command asks again, {TRIES_OF_ROW} times in all."
            for reason, number in without.most_common(3)
        ]
        lines += [
            checked.sentence,
            f"Next, in recipe.yaml: - judged: {{verdicts: {value['verdicts']}}}",
        ]
    show(value, as_json, "\n".join(lines))
