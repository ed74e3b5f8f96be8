"""Every way to choose, beside random and random balanced choices: coverage, diversity, and what is starved.

python -m benchmarks coverage [--out FOLDER] [--pools mixed …] [--budgets 100 …]

mixed: 2,543 rows of five kinds: 1,000 of Dolly, 60 of them with a system prompt of ours in front, 425 of
LIMA, 550 of GSM8K's training part, 500 in Chinese, 68 with tools. alpaca: 5,000 rows. Vectors by
all-MiniLM-L6-v2, topics by their names in the app. Nothing is filtered first. Each pool is a project in
OUT, so a second run computes the new arms alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation import Project, Recipe, Step
from curation.columns import as_text
from curation.dataset import Dataset
from curation.looking.chance import Beside, Chance, chance
from curation.looking.choice import Choice, starved
from curation.registry import operations

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "sft"
BUDGETS = (100, 250, 500, 1_000, 2_000)
DETAILED = 500
"""The budget at which every measure is printed."""

MEASURED = (
    Step("lengths"),
    Step("language"),
    Step("answer_checks"),
    Step("embed"),
    Step("project_map"),
    Step("topics"),
)

SYSTEM = "You answer briefly and say so when you do not know."

ARMS: dict[str, Mapping[str, Any]] = {
    "random": {"use": "select_random"},
    "balanced by topic": {"use": "select_balanced", "by": "topic"},
    "balanced by source": {"use": "select_balanced", "by": "source"},
    "longest": {"use": "select_highest", "score": "response_tokens"},
    "highest quality": {"use": "select_highest", "score": "quality"},
    "quality × diversity (its defaults)": {"use": "select_diverse"},
    "facility location": {"use": "select_diverse", "quality": 0.0},
    "facility location, balanced by topic": {
        "use": "select_diverse",
        "quality": 0.0,
        "balance": "topic",
    },
    "facility location, topics in proportion": {
        "use": "select_diverse",
        "quality": 0.0,
        "balance": "topic",
        "shares": "proportional",
    },
    "quality × diversity, topics in proportion": {
        "use": "select_diverse",
        "balance": "topic",
        "shares": "proportional",
    },
    "clusters × quality": {"use": "select_by_cluster"},
    "informative (MIG)": {"use": "select_informative"},
    "distinct (DEITA)": {"use": "select_distinct"},
    "k-center": {"use": "select_k_center"},
}
"""Arm → its step: the method, and parameters beside the budget. A method that is not there is left out."""


def mixed(data: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the mixed pool by source."""
    dolly, lima, chinese, tools = (
        json.loads((data / name).read_text("utf-8"))
        for name in (
            "dolly_train_sdft.json",
            "lima_train.json",
            "llamafactory_alpaca_zh_demo.json",
            "llamafactory_glaive_toolcall_en_demo.json",
        )
    )
    lines = (data / "gsm8k_train.jsonl").read_text("utf-8").splitlines()
    system = [{**row, "system": SYSTEM} for row in dolly[1_000:1_060]]
    return {
        "dolly": dolly[:940],
        "system": system,
        "lima": lima[:425],
        "maths": [json.loads(line) for line in lines[:550]],
        "chinese": chinese[:500],
        "tools": tools[:68],
    }


def alpaca(data: Path) -> dict[str, list[dict[str, Any]]]:
    """Return 5,000 rows of Alpaca, drawn with seed 0."""
    records = json.loads((data / "alpaca_en_52k.json").read_text("utf-8"))
    places = np.random.default_rng(0).choice(len(records), 5_000, replace=False)
    return {"alpaca": [records[i] for i in sorted(places)]}


POOLS = {"mixed": mixed, "alpaca": alpaca}


def project_of(name: str, data: Path, out: Path) -> Project:
    """Return the project of a pool, imported once."""
    folder = out / name
    if folder.exists():
        return Project.open(folder)
    project = Project.create(folder, recipe=Recipe(MEASURED))
    with tempfile.TemporaryDirectory() as files:
        for source, records in POOLS[name](data).items():
            file = Path(files) / f"{source}.json"
            file.write_text(json.dumps(records), "utf-8")
            project.add(file)
    project.run()
    return project


def results(
    project: Project, arms: Mapping[str, Mapping[str, Any]], budgets: Sequence[int]
) -> Iterator[tuple[str, int, Dataset, Choice, Beside]]:
    """Yield every arm at every budget: its name, budget, dataset, choice and what chance gives."""
    for budget in budgets:
        random: Chance | None = None
        for name, about in arms.items():
            params = {key: value for key, value in about.items() if key != "use"}
            step = Step(about["use"], budget=budget, **params)
            dataset = project.replay(Recipe((*MEASURED, step)))
            choice = Choice.of(dataset)
            assert choice is not None
            random = random or chance(dataset, choice)
            yield name, budget, dataset, choice, random.beside(choice)


def tally(beside: Beside) -> str:
    """Return by how many measures a choice is beyond all ten of each band: random, then balanced."""
    counts = (beside.counts(band) for band in ("random", "balanced"))
    return " / ".join(f"+{better} −{worse}" for better, worse in counts)


def keeps(dataset: Dataset, choice: Choice) -> list[str]:
    """Return how many rows of each source were chosen, and how many groups are starved."""
    source = as_text(dataset.rows["source"])
    names = list(dict.fromkeys(source))
    counts = source.loc[choice.chosen].value_counts()
    result = starved(dataset, choice)
    names_of = ", ".join(result.groups["value"].head(4)) or "none"
    return [
        *(f"{int(counts.get(name, 0)):,}" for name in names),
        f"{len(result.groups)} ({result.by_chance:.1f})",
        names_of,
    ]


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, its first column to the left."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, rule, *lines])


def main() -> None:
    """Print three tables for each pool: tallies by budget, every measure, and what was kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks coverage")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument(
        "--out", type=Path, default=Path(tempfile.gettempdir()) / "curation-coverage"
    )
    parser.add_argument("--pools", nargs="+", default=list(POOLS), choices=list(POOLS))
    parser.add_argument("--budgets", nargs="+", type=int, default=list(BUDGETS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    arms = {name: about for name, about in ARMS.items() if about["use"] in operations()}
    for pool in options.pools:
        project = project_of(pool, options.data, options.out)
        source = as_text(project.examples.rows["source"])
        print(f"\n### {pool}: {len(source):,} rows", flush=True)
        print(", ".join(f"{name} {count:,}" for name, count in source.value_counts().items()))
        tallies: dict[str, list[str]] = {name: [] for name in arms}
        details, kept, head = list[list[str]](), list[list[str]](), list[str]()
        for name, budget, dataset, choice, beside in results(project, arms, options.budgets):
            tallies[name].append(tally(beside))
            if budget == DETAILED:
                head = list(beside.table["measure"])
                details.append([name, *(f"{value:.3f}" for value in beside.table["chosen"])])
                kept.append([name, *keeps(dataset, choice)])
                if name == "random":
                    for band in ("random", "balanced"):
                        lows, highs = (beside.table[f"{band}_{end}"] for end in ("low", "high"))
                        limits = zip(lows, highs, strict=True)
                        details.insert(0, [f"ten {band}", *(f"{a:.3f}–{b:.3f}" for a, b in limits)])
        print("\nMeasures beyond all ten of each band, random / balanced:\n")
        lines = [[name, *cells] for name, cells in tallies.items()]
        print(table(["method", *[f"{budget:,}" for budget in options.budgets]], lines))
        print(f"\nAt {DETAILED:,}:\n\n{table(['method', *head], details)}")
        names = list(dict.fromkeys(source))
        print(
            f"\n{table(['method', *names, 'starved (by chance)', 'most missed'], kept)}", flush=True
        )


if __name__ == "__main__":
    main()
