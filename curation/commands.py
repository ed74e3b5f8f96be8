"""The commands that pages start as jobs: one function each, so that page and command line agree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from curation.reading import Reading


@dataclass(frozen=True)
class Command:
    """A command line without `curate`.

    name: its first word, by which jobs of one kind are known. words: the others. title: what people
    call the job.
    """

    name: str
    words: tuple[str, ...]
    title: str


def run(project: Path) -> Command:
    """Run the recipe."""
    return Command("run", (str(project),), "Run")


def import_files(
    project: Path,
    paths: Iterable[str],
    names: Iterable[str],
    reading: Reading,
    replace: bool,
    title: str,
) -> Command:
    """Import files that are read alike.

    names: of uploads, in the order of the paths. replace: each takes the place of another of its
    name.
    """
    options = [*reading.options(), *(["--replace"] if replace else [])]
    words = (str(project), *paths, *options, *(f"--name={name}" for name in names))
    return Command("import", words, f"Import {title}")


def fetch(project: Path, dataset: str, revision: str) -> Command:
    """Fetch and import a dataset of the Hub; an empty revision is the newest."""
    source = f"hf:{dataset}" + (f"@{revision}" if revision else "")
    return Command("import", (str(project), source), f"Import {dataset}")


def export(
    project: Path,
    to: Path,
    formats: Iterable[str],
    allow_attention: bool,
    pseudonyms: bool,
    also: Iterable[str],
) -> Command:
    """Write a delivery; also: further tables."""
    words = [str(project), f"--to={to}", *(f"--format={name}" for name in formats)]
    words += ["--allow-attention"] if allow_attention else []
    words += ["--pseudonyms"] if pseudonyms else []
    words += [f"--also={name}" for name in also]
    return Command("export", tuple(words), "Export")


def push(project: Path, delivery: Path, repository: str, public: bool) -> Command:
    """Upload a delivery of a project to the Hugging Face Hub, after a person saw what goes."""
    words = (str(delivery), repository, f"--project={project}", "--yes")
    return Command("push", (*words, *(["--public"] if public else [])), f"Send to {repository}")


def check(project: Path) -> Command:
    """Say what a delivery would hold, refuse and lose in every format."""
    return Command("check", (str(project),), "Check before delivery")


def add_reference(project: Path, source: Path, name: str, options: Iterable[str]) -> Command:
    """Read a reference set that the dataset is compared with; an empty name is made from the source's."""
    words = (str(project), str(source), *options, *([f"--name={name}"] if name else []))
    return Command("reference", words, "Add reference set")


def compare(project: Path, reference: str, side: str, title: str) -> Command:
    """Compare the dataset with a reference set, by its slug; side: "" for whole examples."""
    words = (str(project), f"--reference={reference}", *([f"--of={side}"] if side else []))
    return Command("coverage", words, f"Coverage of {title}")


def judge(
    project: Path,
    url: str,
    model: str,
    rubric: Path,
    rows: int,
    prices: tuple[float, float],
) -> Command:
    """Send kept examples to a judge, after a person saw what goes where.

    prices: of a million tokens sent and answered.
    """
    words = (
        *(str(project), f"--url={url}", f"--model={model}", f"--rubric={rubric}", f"--rows={rows}"),
        *(f"--price-in={prices[0]}", f"--price-out={prices[1]}", "--yes"),
    )
    return Command("judge", words, f"Judge by {model}")


def train(project: Path, run_id: str) -> Command:
    """Do what is left of a training run."""
    return Command("train", (str(project), f"--run={run_id}"), "Training run")


def estimate(project: Path, plan: Path) -> Command:
    """Probe what a training run will take; plan: its JSON file."""
    return Command("train", (str(project), f"--plan={plan}", "--estimate"), "Estimate")
