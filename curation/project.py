"""The project folder: what it holds, what its recipe makes of it, and what is delivered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock, local
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from curation import files, lock, schema
from curation.basis import Bases
from curation.cache import Cache, Memory, key
from curation.columns import FileColumns
from curation.dataset import Dataset, Progress, silent
from curation.engine import Engine, Serial
from curation.errors import CurationError, RecipeConflict
from curation.history import History
from curation.imports import Imports, part_of, reading
from curation.overlay import Source
from curation.recipe import Recipe, Step
from curation.recipe_text import edited
from curation.registry import operation
from curation.replay import Compute, Replay, everything
from curation.settings import SCHEMA, decisions_place, read_limits, read_settings, write_settings
from curation.versions import module_version
from curation.view import View, Views

if TYPE_CHECKING:
    from curation.decisions import DecisionStore, State
    from curation.embedding import VectorStore
    from curation.looking.coverage import Compared
    from curation.targets import Target, Targets

__all__ = ["DEFAULT_RECIPE", "Project", "View", "describe_value"]

DEFAULT_RECIPE = Recipe(
    (
        Step("fix_text"),
        Step("drop_exact_duplicates"),
        Step("lengths"),
        Step("language"),
        Step("answer_checks"),
        Step(
            "drop_bad_answers"
        ),  # before copies are compared, so that a whole one outlives a cut one
        Step("drop_near_duplicates", similarity=0.8, keep="longest"),
        Step("embed"),
        Step("project_map"),
        Step("topics"),
        Step("keep_between", score="prompt_tokens", low=1, high=2048),
        Step("split", validation=0.05, test=0.05),
    )
)
"""What a new project starts with from the app and the command line: safe for most SFT data."""


class Project:
    """A folder that holds one dataset, its recipe, and people's decisions.

    Make one with `Project.create`, come back to it with `Project.open`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._imports = Imports(path)
        self.history = History(path / "cache")
        self.memory = Memory[Dataset]()
        self._views = Views(self)
        self._reading = Lock()
        self._source: Source | None = None
        self._read = local()

    @classmethod
    def create(
        cls, path: str | Path, name: str | None = None, recipe: Recipe | None = None
    ) -> Project:
        """Make a project folder; raises CurationError when something is there already.

        The recipe is empty unless one is given; the app and the command line give DEFAULT_RECIPE.
        """
        folder = files.path_of(path)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CurationError(f"{folder} is there already and is not empty; choose another name.")
        with suppress(OSError):  # what stands against it, the first file says
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_text(folder / schema.NAME, schema.schema_text())
        text = schema.MODELINE + (recipe or Recipe()).to_yaml()
        files.write_text(folder / "recipe.yaml", text)
        write_settings(folder, name or folder.name)
        return cls(folder)

    @classmethod
    def open(cls, path: str | Path) -> Project:
        """Open a project folder; raises CurationError when it is none, or from a later program."""
        folder = files.path_of(path)
        if not (folder / "project.toml").is_file():
            raise CurationError(
                f"{folder} is not a project: it has no project.toml. "
                f"Make one with `curate new {folder}`."
            )
        for place in (folder, folder / "source"):
            files.clear_scratch(place)
        project = cls(folder)
        if project.settings.get("schema") != SCHEMA:
            raise CurationError(
                f"{folder} has schema {project.settings.get('schema')!r}; this program reads {SCHEMA}. "
                "It was made by another version: go on with that one, or make a new project and import "
                "the files that lie in the folder's source/ again. People's decisions stay in the "
                "folder; the version that made it prints them with `curate decisions`."
            )
        return project

    @property
    def settings(self) -> dict[str, Any]:
        """What project.toml says; raises CurationError when it cannot be read."""
        return read_settings(self.path)

    @property
    def name(self) -> str:
        """The project's name as people see it."""
        return str(self.settings.get("name", self.path.name))

    @property
    def limits(self) -> dict[str, float]:
        """Limits of reading a file that differ from `curation.sources.Limits`, by name.

        They stand in the table `limits` of project.toml.

        Raises CurationError for a limit that there is none of, or that is no positive number.
        """
        return read_limits(self.path)

    # --- what came in -----------------------------------------------------------------------

    @property
    def imports(self) -> list[dict[str, Any]]:
        """What was imported, oldest first: name, sha256, settings, and the report of each file."""
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

        The same file twice adds nothing; another version of it, from the same path, takes its
        place, read as the former one was unless something else is said; with `replace`, any file of
        its name does. Another file of the same name gets a name of its own. A folder is all its
        files of data, or one dataset where `save_to_disk` wrote it; what is left out of it has a
        report with `left_out`, the reason. Paths that end alike are told apart by the folders above
        them. `mapping` says which column is which, as {"prompt": "question"};
        encoding is a Python codec, where the guess is wrong; `names` are the files' names as people
        know them, when they differ from the paths. Raises CurationError when one of the files
        cannot be read at all; the project is then as before.
        """
        said = reading(format, mapping, label_names, encoding)
        return self._imports.add(paths, said, names, replace=replace, progress=progress)

    def former_rows(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Examples of versions that others took the place of, each with that one's name.

        Read anew from the copies in `source/`; a version of which the copy is gone is passed over.
        """
        for entry in self._imports.former:
            copy = self.path / "source" / entry["stored"]
            with suppress(CurationError):
                tables, _ = self._imports.parse(copy, entry["name"], entry["settings"])
                yield entry["replaced_by"], tables["examples"]

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
        return self._imports.add_from_hub(id, reading(**options), revision, split, progress)

    def mend(self, source: str, row: int, text: str) -> dict[str, Any]:
        """Read a refused line again as somebody mended it, and add the example.

        Mended lines of a file are a file of their own beside it, so that the source stays what it
        was, byte for byte. Raises CurationError, with the reader's sentence, while it is still
        refused, and when there is no such refused line.
        """
        return self._imports.mend(source, row, text)

    def rebuild(self, progress: Progress = silent) -> None:
        """Read every imported file again from the copies in `source/`.

        Raises CurationError when a copy is damaged or gone; nothing is then changed.
        """
        self._imports.rebuild(progress)

    @property
    def examples(self) -> Dataset:
        """The examples as imported, before any step; raises CurationError when there are none.

        A file that is not as it was written is found by its checksum and rebuilt from `source/`.
        """
        return self.source().dataset

    def source(self) -> Source:
        """The examples and the digest of their table, read as one; see `examples`."""
        with self._reading:
            written = self.source_digest
            if written is None:
                raise CurationError(self._imports.why_empty())
            if self._source is None or self._source.digest != written:
                digest, table = self._imports.table("examples")
                rows = table.set_index("id").drop(columns=["content_hash", "imported_as"])
                missing = pd.Series(None, index=rows.index, dtype="str")
                rows = rows.assign(dropped_by=missing, split=missing)
                own = FileColumns(rows["metadata"], digest, Cache(self.path / "cache" / "steps"))
                self._source = Source(digest, Dataset(rows, own=own))
            return self._source

    def _read_from(self) -> tuple[Source, list[dict[str, Any]]]:
        """The source, and the files that it was read from, whoever imports meanwhile."""
        while True:
            source = self.source()
            imports = self._imports.entries_of(source.digest)
            if imports is not None:
                return source, imports

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
        recipe = Recipe.from_yaml(self.recipe_text(), "recipe.yaml")
        self._read.revision = recipe.revision
        return recipe

    @recipe.setter
    def recipe(self, recipe: Recipe) -> None:
        self.save_recipe(recipe, getattr(self._read, "revision", None) or self.recipe.revision)

    def recipe_text(self) -> str:
        """The text of recipe.yaml; raises CurationError when it cannot be read."""
        try:
            return (self.path / "recipe.yaml").read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise CurationError(f"recipe.yaml cannot be read: {why}.") from None

    def save_recipe(self, recipe: Recipe, base: str) -> None:
        """Save the recipe; `base` is the revision it was made from.

        Raises RecipeConflict, with both texts, when the saved one has another revision by now, and
        RecipeError when the recipe cannot be run. Of several programs that save at once, one does.
        """
        recipe.check()
        with lock.locked(self.path / ".recipe.lock"):
            former = self.recipe_text()
            if Recipe.from_yaml(former, "recipe.yaml").revision != base:
                raise RecipeConflict(former, edited(former, recipe))
            files.write_text(self.path / "recipe.yaml", edited(former, recipe))
        self._read.revision = recipe.revision

    @cached_property
    def decisions(self) -> DecisionStore:
        """What people decided; opened on first use.

        Raises DatabaseNotAllowed for a database that this account was not asked about.
        """
        from curation.decisions import DecisionStore

        journal = self.path / "decisions.journal.jsonl"
        return DecisionStore(decisions_place(self.path), journal=journal)

    def people(self, until: int | None = None) -> State | None:
        """People's decisions, now or after event `until`; None while there are none."""
        if not self._has_decisions():
            return None
        return self.decisions.state(until)

    def last_decision(self) -> int:
        """The number of the newest event of people's decisions; 0 while there is none."""
        return self.decisions.last() if self._has_decisions() else 0

    def _has_decisions(self) -> bool:
        """Whether there may be decisions; a file without content was made on a full disk."""
        if self.settings.get("decisions") != "sqlite":
            return True
        try:
            return (self.path / "decisions.db").stat().st_size > 0
        except FileNotFoundError:
            return False

    @cached_property
    def vectors(self) -> VectorStore:
        """Embeddings on disk, by model and text."""
        from curation.embedding import VectorStore

        return VectorStore(self.path / "cache" / "vectors", self.path / "encoders.json")

    @property
    def bases(self) -> Bases:
        """What operations keep to so that new rows move no others: the map's places, topics."""
        return Bases(self.path / "basis")

    @property
    def targets(self) -> Targets:
        """Other sets of texts that this one is held against."""
        from curation.targets import Targets, read_with

        def shown(path: Path) -> Dataset:
            return Project.open(path).view().dataset

        return Targets(self.path / "targets", read_with(self._imports.parse), shown)

    def replaying(
        self,
        source: Source,
        until: int | None = None,
        engine: Engine | None = None,
        progress: Progress = silent,
    ) -> Replay:
        """What replays a source with the decisions of now, or of after event `until`."""
        return Replay(
            source=source.dataset,
            fingerprint=source.digest,
            cache=Cache(self.path / "cache" / "steps"),
            store=self.vectors,
            people=self.people(until),
            bases=self.bases,
            engine=engine or Serial(),
            progress=progress,
            memory=self.memory,
        )

    def _replay(
        self, until: int | None = None, engine: Engine | None = None, progress: Progress = silent
    ) -> Replay:
        return self.replaying(self.source(), until, engine, progress)

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
        return self._replay(None, engine, progress).run(
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
        chosen = self.recipe if recipe is None else recipe
        seq = self.last_decision()
        dataset, refused = self._run(self._replay(seq, engine, progress), chosen, seq)
        if refused:
            raise CurationError(f"All steps were computed but cannot be shown: {refused}")
        return dataset

    def _run(self, replay: Replay, chosen: Recipe, seq: int) -> tuple[Dataset, str]:
        """The replayed dataset, and why it could not be remembered, if so."""
        dataset = replay.run(chosen)
        self.history.note(chosen, seq, replay.fingerprint, dataset.steps)
        return dataset, replay.cache.refused

    def view(self) -> View:
        """What pages show: today's recipe if that is a matter of moments, else the last run's.

        Decisions made since the last run are laid over either, and nothing is computed for them.
        """
        return self._views.now()

    def partial(self, recipe: Recipe | None = None) -> Dataset:
        """As much of a recipe as is remembered or quickly computed, for editing it.

        With the decisions of the last run, for which the steps are remembered.
        """
        return self._views.partial(self.recipe if recipe is None else recipe)

    # --- how long it will take --------------------------------------------------------------

    def estimate(self, recipe: Recipe | None = None) -> tuple[float, list[str]]:
        """Seconds that the steps not remembered will take, and the steps never timed here.

        Measured on this machine's earlier runs, per row; what was never run is named, not guessed.
        """
        chosen = self.recipe if recipe is None else recipe
        replay = self._replay()
        stages = replay.missing(chosen)
        rates, rows = self.history.rates(), len(replay.source)
        known = [rates[use] * rows for use in stages if use in rates]
        return float(np.sum(known)), [use for use in stages if use not in rates]

    # --- beside another set -----------------------------------------------------------------

    def coverage_key(self, target: Target, of: str = "", view: View | None = None) -> str:
        """What a comparison with a target is remembered under: view, target, sides, code.

        view: that of now unless one is given.
        """
        as_read, shown = (target.sha256, target.settings), view or self.view()
        return key(shown.fingerprint, as_read, of, module_version("curation.looking.coverage"))

    def coverage(self, target: Target, of: str = "", progress: Progress = silent) -> Compared:
        """Hold what pages show against a target; remembered until either changes.

        of: prompt, response or both; empty for what the recipe's embeddings are of. Raises
        CurationError without embeddings.
        """
        from curation.looking import coverage

        view = self.view()
        name, dataset = self.coverage_key(target, of, view), view.dataset
        known = coverage.remembered(target.results, name)
        if known is not None:
            return known
        step = next((r for r in reversed(dataset.steps) if r.kind == "embed"), None)
        if step is None or dataset.vectors is None:
            raise CurationError(
                "A comparison needs embeddings: add the step Embeddings and run the recipe."
            )
        params = {**step.params, **({"of": of} if of else {})}
        if params != step.params:
            part = part_of(progress, 0, 2)
            here = ~np.isnan(dataset.vectors[:, 0])
            rows = dataset.rows[here]
            vectors = np.full_like(dataset.vectors, np.nan)
            vectors[here] = self._embed(step.use, params, rows, part)
            dataset = dataset.replace(vectors=vectors)
        part = part_of(progress, 1, 4)
        found = self._embed(step.use, params, target.examples, part)
        part = part_of(progress, 1, 2)
        compared = coverage.compare(dataset, found, list(target.examples.index), part)
        compared = replace(compared, about={**compared.about, "of": params["of"]})
        coverage.remember(target.results, name, compared)
        return compared

    def _embed(
        self, use: str, params: Mapping[str, Any], rows: pd.DataFrame, progress: Progress
    ) -> np.ndarray:
        """Vectors of rows that are no part of a replay, by an operation of the kind `embed`."""
        embed = operation(use)
        offers = {"rows": rows, "store": self.vectors, "progress": progress}
        answer = embed.run(*(offers[name] for name in embed.inputs), **params)
        return np.asarray(answer[0] if isinstance(answer, tuple) else answer)

    # --- receipts and deliveries ------------------------------------------------------------

    def drawn_anew(self) -> Recipe:
        """Today's recipe with seeds by which map and topics are worked out anew from all examples."""
        return self._replay(self.last_decision()).anew(self.recipe, self.view().dataset)

    def explain(self, example_id: str, dataset: Dataset | None = None) -> list[dict[str, Any]]:
        """The receipt of one row, people's decisions with their authors and times included."""
        data = self.view().dataset if dataset is None else dataset
        return [*data.explain(example_id), *self._decided(example_id)]

    def _decided(self, example_id: str) -> list[dict[str, Any]]:
        """What people said of one example, oldest first, and what became of each of it."""
        from curation.decisions.fold import overruled

        people = self.people()
        if people is None:
            return []
        events = self.decisions.events(example_id=example_id, until=people.last)
        later = overruled(events, people.undone)
        told = []
        for event in events:
            by = later[event.op_id].annotator if event.op_id in later else ""
            undone = event.op_id in people.undone
            fate = "taken back" if undone else f"overruled by {by}" if by else ""
            told.append(
                {
                    "step": "decision",
                    "title": "Decision",
                    "what": event.kind,
                    "text": ", ".join(t for t in (describe_value(event.value), fate) if t),
                    "annotator": event.annotator,
                    "time": event.time,
                    "value": event.value,
                    "undone": undone,
                    "overruled_by": by,
                }
            )
        return told

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
        from curation import export

        export.check(Path(out), formats)  # before the work, not after it
        recipe, seq = self.recipe, self.last_decision()
        source, imports = self._read_from()
        replay = self.replaying(source, seq, engine, lambda s, text: progress(0.8 * s, text))
        dataset, _ = self._run(replay, recipe, seq)
        origin = export.Origin(
            self.path.resolve().name,
            imports,
            recipe.to_yaml(),
            self.people(seq),
            imported=source.dataset.rows["messages"],
            encoders=self.vectors.used(dataset.steps),
            bases={
                basis.path.name: files.sha256(basis.path)
                for basis in replay.bases_of(dataset).values()
                if basis.path is not None and basis.exists
            },
        )
        return export.export(dataset, origin, Path(out), formats, progress=progress, **options)

    def check(
        self,
        formats: Sequence[str] | None = None,
        *,
        allow_attention: bool = False,
        engine: Engine | None = None,
        progress: Progress = silent,
    ) -> dict[str, dict[str, Any]]:
        """What a delivery would hold, refuse and lose in each format, by replaying the recipe.

        All formats unless some are named; see `curation.export.survey`.
        """
        from curation import export

        names = list(formats or export.targets())
        export.check_formats(names)
        dataset = self.replay(engine=engine, progress=progress)
        words = export.People.of(self.people(), False).words()
        return export.survey(dataset, names, words, allow_attention=allow_attention)


def describe_value(value: Any) -> str:
    """A decision's value in a few words."""
    if value is None:
        return ""
    if isinstance(value, list):
        return f"{len(value)} turns"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
