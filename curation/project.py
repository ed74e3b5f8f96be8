"""The project folder: what it holds, what its recipe makes of it, and what is delivered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any

import pandas as pd

from curation import files, recipe_file, roles
from curation.basis import Bases
from curation.cache import Cache, Memory
from curation.dataset import Dataset, Progress, silent
from curation.engine import Engine, Serial
from curation.errors import CurationError
from curation.examples import Examples
from curation.history import History
from curation.imports import Imports
from curation.overlay import Source
from curation.reading import Reading
from curation.recipe import Recipe
from curation.replay import Compute, Replay, everything
from curation.review import read_review
from curation.settings import (
    check_settings,
    decisions_place,
    has_decisions,
    read_limits,
    read_settings,
    write_settings,
)
from curation.view import View, Views

if TYPE_CHECKING:
    from curation.decisions import Consensus, DecisionStore, State
    from curation.embedding import VectorStore
    from curation.reference_sets import ReferenceSets

__all__ = ["Project", "View"]


class Project:
    """A folder that holds one dataset, its recipe, and people's decisions.

    Make one with `Project.create`, come back to it with `Project.open`.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._imports = path, Imports(path)
        self.history = History(path / "cache")
        self.memory = Memory[Dataset]()
        self._views = Views(self)
        self._source = Examples(self._imports, path / "cache" / "steps")
        self._read = local()

    @classmethod
    def create(
        cls, path: str | Path, name: str | None = None, recipe: Recipe | None = None
    ) -> Project:
        """Make a project folder; raises CurationError when something is there already.

        The recipe is empty unless one is given; the app and the command line give DEFAULT_RECIPE.
        """
        roles.need_host()
        folder = files.path_of(path)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CurationError(f"{folder} is there already and is not empty; choose another name.")
        with suppress(OSError):  # what stands against it, the first file says
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        recipe_file.begin(folder, recipe or Recipe())
        write_settings(folder, name or folder.name)
        return cls(folder)

    @classmethod
    def open(cls, path: str | Path) -> Project:
        """Open a project folder; raises CurationError when it is none, or from a later program."""
        folder = files.path_of(path)
        check_settings(folder)
        roles.need(folder, roles.READER)
        for place in (folder, folder / "source"):
            files.clear_scratch(place)
        return cls(folder)

    @property
    def settings(self) -> dict[str, Any]:
        """The content of project.toml; raises CurationError when it cannot be read."""
        return read_settings(self.path)

    @property
    def name(self) -> str:
        """The project's name as people see it."""
        return str(self.settings.get("name", self.path.name))

    @property
    def limits(self) -> dict[str, float]:
        """Limits of reading a file that project.toml sets; see `settings.read_limits`."""
        return read_limits(self.path)

    # --- what came in -----------------------------------------------------------------------

    @property
    def imports(self) -> list[dict[str, Any]]:
        """The imports, oldest first: name, sha256, settings, and the report of each file."""
        return self._imports.entries

    def add(
        self,
        *paths: str | Path,
        format: str = "auto",
        mapping: Mapping[str, str] | None = None,
        label_names: Sequence[str] | None = None,
        encoding: str | None = None,
        names: Sequence[str] | None = None,
        replace: bool = False,
        progress: Progress = silent,
    ) -> list[dict[str, Any]]:
        """Read files into the project; one report per file.

        The same file twice adds nothing. Another version from the same path takes its place, read
        as the former one was unless something else is said; with `replace`, any file of its name
        does. A folder is all its files of data, or one dataset where `save_to_disk` wrote it; a file
        that is left out has a report with `left_out`, the reason. mapping: columns, as {"prompt":
        "question"}. encoding: a Python codec. names: the files' names as people know them. Raises
        CurationError when one of the files cannot be read; the project is then as before.
        """
        reading = Reading.of(format, mapping, label_names, encoding)
        return self._imports.add(paths, reading, names, replace=replace, progress=progress)

    def former_rows(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Examples of versions that others took the place of; see `Imports.former_rows`."""
        return self._imports.former_rows()

    @property
    def left_out(self) -> dict[str, str]:
        """Files of imported folders that are no data: name → reason."""
        return self._imports.left_out

    def add_from_hub(
        self,
        id: str,
        *,
        revision: str | None = None,
        split: str | None = None,
        progress: Progress = silent,
        **options: Any,
    ) -> list[dict[str, Any]]:
        """Fetch a dataset of the Hugging Face Hub, pinned to a commit, and add its splits as files.

        options: those of `add`. Raises CurationError when the Hub or the dataset cannot be reached.
        """
        return self._imports.add_from_hub(id, Reading.of(**options), revision, split, progress)

    def mend(self, source: str, row: int, text: str) -> dict[str, Any]:
        """Read a refused line again as somebody mended it, and add the example.

        Mended lines of a file are a file of their own beside it, so that the source stays what it
        was, byte for byte. Raises CurationError, with the reader's sentence, while it is still
        refused, and when there is no such refused line.
        """
        return self._imports.mend(source, row, text)

    def rebuild(self, progress: Progress = silent) -> None:
        """Read all files again from `source/`; raises CurationError for a damaged copy, all as before."""
        self._imports.rebuild(progress)

    @property
    def examples(self) -> Dataset:
        """The examples as imported, before any step; raises CurationError when there are none.

        A file that is not as it was written is found by its checksum and rebuilt from `source/`.
        """
        return self.source().dataset

    def source(self) -> Source:
        """The examples and the digest of their table, read as one; see `examples`."""
        return self._source.now()

    def source_with_files(self) -> tuple[Source, list[dict[str, Any]]]:
        """The source, and the files that it was read from, whoever imports meanwhile."""
        return self._source.with_files()

    @property
    def source_digest(self) -> str | None:
        """The digest of the examples' table as it stands; None before the first import."""
        return self._imports.examples_sha256

    @property
    def rejected(self) -> pd.DataFrame:
        """Refused lines: source, row, offset, field, code, message and the raw bytes.

        Lines that somebody mended since are not among them.
        """
        return self._imports.rejected

    # --- what is done to it -----------------------------------------------------------------

    @property
    def recipe(self) -> Recipe:
        """The steps, as in recipe.yaml; setting it saves, unless somebody else did since the reading.

        What was read last in the same thread is what a new recipe is taken to be made from.
        """
        recipe = recipe_file.read(self.path)
        self._read.revision = recipe.revision
        return recipe

    @recipe.setter
    def recipe(self, recipe: Recipe) -> None:
        self.save_recipe(recipe, getattr(self._read, "revision", None) or self.recipe.revision)

    def recipe_text(self) -> str:
        """The text of recipe.yaml; raises CurationError when it cannot be read."""
        return recipe_file.text(self.path)

    def save_recipe(self, recipe: Recipe, base: str) -> None:
        """Save the recipe; `base` is the revision it was made from. See `recipe_file.save`."""
        recipe_file.save(self.path, recipe, base)
        self._read.revision = recipe.revision

    @cached_property
    def decisions(self) -> DecisionStore:
        """The store of people's decisions; opened on first use.

        Raises DatabaseNotAllowed for a database that this account was not asked about.
        """
        from curation.decisions import DecisionStore

        where, journal = decisions_place(self.path), self.path / "decisions.journal.jsonl"
        return DecisionStore(where, journal=journal, guard=partial(roles.guard, self.path))

    @cached_property
    def counted(self) -> Consensus:
        """People's decisions as a policy counts them; opened on first use, as `decisions` is."""
        from curation.decisions import Consensus

        return Consensus(self.decisions)

    def people(self, until: int | None = None, policy: str | None = None) -> State | None:
        """People's decisions that count, by the project's policy or another; None without any."""
        if not has_decisions(self.path):
            return None
        return self.counted.state(policy or read_review(self.path).consensus, until)

    def last_decision(self) -> int:
        """The number of the newest event of people's decisions; 0 while there is none."""
        return self.decisions.last() if has_decisions(self.path) else 0

    @cached_property
    def vectors(self) -> VectorStore:
        """Embeddings on disk, by model and text."""
        from curation.embedding import VectorStore

        return VectorStore(self.path / "cache" / "vectors", self.path / "encoders.json")

    @property
    def bases(self) -> Bases:
        """The bases of operations, to which they keep so that new rows move no others: places, topics."""
        return Bases(self.path / "basis")

    @property
    def references(self) -> ReferenceSets:
        """Other sets of texts that this one is held against."""
        from curation.reference_sets import ReferenceSets, read_with

        def shown(path: Path) -> Dataset:
            return Project.open(path).view().dataset

        return ReferenceSets(self.path / "targets", read_with(self._imports.parse), shown)

    def replaying(
        self,
        source: Source,
        until: int | None = None,
        engine: Engine | None = None,
        progress: Progress = silent,
        policy: str | None = None,
    ) -> Replay:
        """Return the replay of a source with the decisions of now, or of after event `until`."""
        return Replay(
            source=source,
            cache=Cache(self.path / "cache" / "steps"),
            store=self.vectors,
            people=self.people(until, policy),
            bases=self.bases,
            engine=engine or Serial(),
            progress=progress,
            memory=self.memory,
            references=self.references,
            folder=self.path,
        )

    def replay(
        self,
        recipe: Recipe | None = None,
        *,
        upto: int | None = None,
        compute: Compute = everything,
        engine: Engine | None = None,
        progress: Progress = silent,
    ) -> Dataset:
        """The dataset that recipe and decisions give; see `Replay.run` for what it raises."""
        return self.replaying(self.source(), None, engine, progress).run(
            self.recipe if recipe is None else recipe, upto=upto, compute=compute
        )

    def run(
        self,
        recipe: Recipe | None = None,
        *,
        engine: Engine | None = None,
        progress: Progress = silent,
    ) -> Dataset:
        """Replay everything and remember it as the last run, which pages show until the next.

        Raises CurationError, beside what `Replay.run` does, when it cannot be remembered.
        """
        roles.need(self.path, roles.OWNER)
        chosen = self.recipe if recipe is None else recipe
        seq, policy = self.last_decision(), read_review(self.path).consensus
        replay = self.replaying(self.source(), seq, engine, progress, policy)
        dataset = replay.run(chosen)
        self.history.note(chosen, seq, replay.source.digest, dataset.steps, policy)
        if replay.cache.refused:
            raise CurationError(
                f"All steps were computed but cannot be shown: {replay.cache.refused}"
            )
        return dataset

    def view(self) -> View:
        """Return the view of pages: of today's recipe if that takes moments, else of the last run.

        Decisions made since the last run are laid over either, and nothing is computed for them.
        """
        return self._views.now()

    def partial(self, recipe: Recipe | None = None) -> Dataset:
        """As much of a recipe as is remembered or quickly computed, for editing it.

        With the decisions of the last run, for which the steps are remembered.
        """
        return self._views.partial(self.recipe if recipe is None else recipe)

    def estimate(self, recipe: Recipe | None = None) -> tuple[float, list[str]]:
        """Seconds that the steps not remembered will take, and the steps never timed here.

        Measured on this machine's earlier runs, per row; what was never run is named, not guessed.
        """
        chosen = self.recipe if recipe is None else recipe
        replay = self.replaying(self.source())
        return self.history.estimate(replay.missing(chosen), len(replay.source.dataset))

    def drawn_anew(self) -> Recipe:
        """Today's recipe with seeds by which map and topics are worked out anew from all examples."""
        replay = self.replaying(self.source(), self.last_decision())
        return replay.anew(self.recipe, self.view().dataset)

    def explain(self, example_id: str, dataset: Dataset | None = None) -> list[dict[str, Any]]:
        """The receipt of one row, people's decisions with their authors and times included."""
        from curation.decisions.receipt import decision_lines

        data, people = self.view().dataset if dataset is None else dataset, self.people()
        lines = [] if people is None else decision_lines(self.decisions, people, example_id)
        return [*data.explain(example_id), *lines]

    def export(
        self,
        out: str | Path,
        formats: Sequence[str] = ("trl",),
        *,
        engine: Engine | None = None,
        progress: Progress = silent,
        **options: Any,
    ) -> dict[str, Any]:
        """Run the recipe, write a delivery folder, complete or not at all, and return its manifest.

        See `curation.export.export` for the options and what it raises.
        """
        from curation import deliver

        return deliver.deliver(self, Path(out), formats, engine, progress, options)

    def check(
        self,
        formats: Sequence[str] | None = None,
        *,
        allow_attention: bool = False,
        engine: Engine | None = None,
        progress: Progress = silent,
    ) -> dict[str, dict[str, Any]]:
        """Count what a delivery would hold, refuse and lose in each format, by replaying the recipe.

        All formats unless some are named; see `curation.export.survey`.
        """
        from curation import deliver

        return deliver.check(self, formats, allow_attention, engine, progress)
