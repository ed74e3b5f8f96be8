"""The project folder, and the only code that touches it."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation import files
from curation.cache import Cache
from curation.dataset import Dataset, Progress, make_ids, silent
from curation.engine import Engine, Serial
from curation.errors import CurationError, RecipeConflict
from curation.recipe import Recipe, Step
from curation.registry import Operation
from curation.replay import Memory, NotCached, Replay, everything, nothing, with_people
from curation.report import StepReport

if TYPE_CHECKING:
    from curation.decisions import DecisionStore, State
    from curation.embedding import VectorStore
    from curation.sources import ImportReport

SCHEMA = 1

DEFAULT_RECIPE = Recipe(
    (
        Step("fix_text"),
        Step("drop_exact_duplicates"),
        Step("drop_near_duplicates", similarity=0.8),
        Step("lengths"),
        Step("language"),
        Step("answer_checks"),
        Step("embed"),
        Step("project_map"),
        Step("topics"),
        Step("drop_bad_answers"),
        Step("keep_between", score="prompt_tokens", low=1, high=2048),
        Step("split", validation=0.05, test=0.05),
    )
)
"""What a new project starts with from the app and the command line: safe for most SFT data."""


NEVER_RUN = "The recipe has not been run on these examples yet."
SHOWN_THEN = "What you see is the last run with today's decisions on it."


@dataclass(frozen=True)
class View:
    """What pages show: a replayed dataset with today's decisions on it.

    current: whether it is what the recipe and the decisions give now; otherwise `note` says what
    has changed since, and the dataset is that of the last run.
    """

    dataset: Dataset
    current: bool
    note: str
    fingerprint: str


class Project:
    """A folder that holds one dataset, its recipe, and people's decisions.

    Make one with `Project.create`, come back to it with `Project.open`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._memory = Memory()
        self._lock = RLock()
        self._examples: tuple[str, Dataset] | None = None
        self._view: tuple[tuple[Any, ...], View] | None = None

    @classmethod
    def create(
        cls, path: str | Path, name: str | None = None, recipe: Recipe | None = None
    ) -> Project:
        """Make a project folder; raises CurationError when something is there already.

        The recipe is empty unless one is given; the app and the command line give DEFAULT_RECIPE.
        """
        folder = Path(path)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CurationError(f"{folder} is there already and is not empty; choose another name.")
        settings = (
            f'name = {json.dumps(name or folder.name)}\nschema = {SCHEMA}\ndecisions = "sqlite"\n'
        )
        files.write_text(folder / "recipe.yaml", (recipe or Recipe()).to_yaml())
        files.write_text(folder / "project.toml", settings)
        return cls(folder)

    @classmethod
    def open(cls, path: str | Path) -> Project:
        """Open a project folder; raises CurationError when it is none, or from a later program."""
        folder = Path(path)
        if not (folder / "project.toml").is_file():
            raise CurationError(
                f"{folder} is not a project: it has no project.toml. "
                f"Make one with `curate new {folder}`."
            )
        project = cls(folder)
        if project.settings.get("schema") != SCHEMA:
            raise CurationError(
                f"{folder} has schema {project.settings.get('schema')!r}; "
                f"this program reads {SCHEMA}."
            )
        return project

    @property
    def settings(self) -> dict[str, Any]:
        """What project.toml says; raises CurationError when it cannot be read."""
        try:
            return tomllib.loads((self.path / "project.toml").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CurationError(f"{self.path / 'project.toml'} cannot be read: {error}.") from None

    @property
    def name(self) -> str:
        """The project's name as people see it."""
        return str(self.settings.get("name", self.path.name))

    # --- what came in -----------------------------------------------------------------------

    @property
    def imports(self) -> list[dict[str, Any]]:
        """What was imported, oldest first: name, sha256, settings, and the report of each file."""
        return list(self._manifest().get("imports", []))

    def _manifest(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.path / "imports.json").read_text("utf-8"))
            return found
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise CurationError(f"{self.path / 'imports.json'} cannot be read: {error}.") from None

    def add(
        self,
        *paths: str | Path,
        format: str = "auto",
        mapping: Mapping[str, str] | None = None,
        label_names: Sequence[str] | None = None,
        encoding: str | None = None,
        names: Sequence[str] | None = None,
        progress: Progress = silent,
    ) -> list[dict[str, Any]]:
        """Read files into the project; one report per file.

        The same file twice adds nothing; another version of a file of the same name takes its
        place, read as the former one was unless something else is said. A folder is all its files,
        or one dataset where `save_to_disk` wrote it. `mapping` says which column is which, as
        {"prompt": "question"}; encoding is a Python codec, where the guess is wrong; `names` are
        the files' names as people know them, when they differ from the paths. Raises CurationError
        for a file that cannot be read at all; the project is then as before.
        """
        said: dict[str, Any] = {
            "format": format,
            "mapping": dict(mapping or {}),
            "label_names": list(label_names or []),
            "encoding": encoding or "",
        }
        with self._lock, tempfile.TemporaryDirectory(prefix=".pack-", dir=self.path) as scratch:
            todo = [f for path in paths for f in _files_below(Path(path), Path(scratch))]
            if names is not None:
                todo = [(file, name) for (file, _), name in zip(todo, names, strict=True)]
            return [
                self._add_file(file, name, said, _part_of(progress, i, len(todo)))
                for i, (file, name) in enumerate(todo)
            ]

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
        from curation.sources import hub

        with tempfile.TemporaryDirectory(prefix=".hub-", dir=self.path) as scratch:
            fetched = hub.load(
                id, Path(scratch), revision=revision, split=split, progress=_part_of(progress, 0, 2)
            )
            at = f"@{fetched.revision[:12]}" if fetched.revision else ""
            names = [f"{id.strip('/')}{at}/{file.name}" for file in fetched.files]
            return self.add(
                *fetched.files, names=names, progress=_part_of(progress, 1, 2), **options
            )

    def _add_file(
        self, file: Path, name: str, said: dict[str, Any], progress: Progress
    ) -> dict[str, Any]:
        copy, digest = self._keep_source(file, name)
        imports = self.imports
        former = next((e for e in imports if e["name"] == name), None)
        settings = former["settings"] if former and said == _NOTHING_SAID else said
        for entry in imports:
            if (entry["name"], entry["sha256"], entry["settings"]) == (name, digest, settings):
                return {**entry, "already": True}
        new, report = self._read(copy, name, settings, progress)
        # A file of the same bytes under another name, or of the same name with other bytes.
        replaced = [e["name"] for e in imports if e["name"] == name or e["sha256"] == digest]
        entry = {
            "name": name,
            "sha256": digest,
            "stored": copy.name,
            "settings": settings,
            "report": report.to_dict(),
            "replaced": replaced,
            "time": round(time.time(), 3),
        }
        self._merge(new, replaced, [*(e for e in imports if e["name"] not in replaced), entry])
        return entry

    def _read(
        self, copy: Path, name: str, settings: Mapping[str, Any], progress: Progress
    ) -> tuple[dict[str, pd.DataFrame], ImportReport]:
        """The examples and rejects of one file, and the report of reading it."""
        from curation import sources

        with tempfile.TemporaryDirectory(prefix=".import-", dir=self.path) as scratch:
            report = sources.parse(
                copy,
                Path(scratch),
                name=name,
                format=settings["format"],
                mapping=settings["mapping"],
                label_names=settings["label_names"] or None,
                encoding=settings.get("encoding") or None,
                progress=progress,
            )
            tables = ("examples", "rejected")
            return {t: pd.read_parquet(Path(scratch) / f"{t}.parquet") for t in tables}, report

    def mend(self, source: str, row: int, text: str) -> dict[str, Any]:
        """Read a refused line again as somebody mended it, and add the example.

        Mended lines of a file are a file of their own beside it, so that the source stays what it
        was, byte for byte. Raises CurationError, with the reader's sentence, while it is still
        refused, and when there is no such refused line.
        """
        with self._lock:
            entry = next((e for e in self.imports if source.startswith(e["name"])), None)
            refused = self.rejected
            if entry is None or not ((refused["source"] == source) & (refused["row"] == row)).any():
                raise CurationError(f"No line {row:,} of {source} stands refused.")
            name = f"{source} (mended)"
            line = " ".join(text.split("\n")).encode() + b"\n"
            said = {**entry["settings"], "encoding": "utf-8"}
            with tempfile.TemporaryDirectory(prefix=".mend-", dir=self.path) as scratch:
                alone = Path(scratch) / "line.jsonl"
                alone.write_bytes(line)
                tables, _ = self._read(alone, name, said, silent)
                if len(tables["examples"]) != 1:
                    why = tables["rejected"]["message"]
                    raise CurationError(
                        f"Still refused: {why.iloc[0] if len(why) else 'there is nothing in it.'}"
                    )
                former = next((e for e in self.imports if e["name"] == name), None)
                earlier = b""
                if former is not None:
                    earlier = (self.path / "source" / former["stored"]).read_bytes()
                    said = former["settings"]
                said = {**said, "mends": [*said.get("mends", []), [source, int(row)]]}
                together = Path(scratch) / "mended.jsonl"
                together.write_bytes(earlier + line)
                return self._add_file(together, name, said, silent)

    def _keep_source(self, file: Path, name: str) -> tuple[Path, str]:
        """Copy a file into the project under its hash; what is hashed is the copy."""
        if not file.is_file():
            what = "a folder without files" if file.is_dir() else "not a file that can be read"
            raise CurationError(
                f"{file} is {what}." if file.exists() else f"{file} does not exist."
            )
        folder = self.path / "source"
        suffix = "".join(re.findall(r"\.[A-Za-z0-9]{1,8}", Path(name).name)[-2:])
        staged = folder / ".incoming"
        try:
            with files.replacing(staged) as temporary:
                shutil.copyfile(file, temporary)
        except CurationError as error:
            raise CurationError(f"{file} could not be copied into the project: {error}") from None
        digest = files.sha256(staged)
        kept = folder / f"{digest}{suffix}"
        os.replace(staged, kept)
        return kept, digest

    def _merge(
        self, new: dict[str, pd.DataFrame], replaced: list[str], imports: list[dict[str, Any]]
    ) -> None:
        """Put fresh rows beside the others; imports.json is written last and vouches for them."""
        tables = {}
        for table, fresh in new.items():
            path = self.path / f"{table}.parquet"
            if path.exists():
                old = pd.read_parquet(path)
                old = old[~old["imported_as"].isin(replaced)]
                fresh = pd.concat(
                    [old, fresh.assign(imported_as=imports[-1]["name"])], ignore_index=True
                )
            else:
                fresh = fresh.assign(imported_as=imports[-1]["name"])
            tables[table] = fresh
        examples = tables["examples"]
        tables["examples"] = examples.assign(
            id=pd.Series(make_ids(examples["content_hash"].tolist()), dtype="str")
        )
        for table, frame in tables.items():
            with files.replacing(self.path / f"{table}.parquet") as temporary:
                pq.write_table(
                    pa.Table.from_pandas(frame, preserve_index=False), temporary, compression="zstd"
                )
        manifest = {
            "imports": imports,
            "examples_sha256": files.sha256(self.path / "examples.parquet"),
        }
        files.write_text(
            self.path / "imports.json", json.dumps(manifest, ensure_ascii=False, indent=1)
        )

    def rebuild(self, progress: Progress = silent) -> None:
        """Read every imported file again from the copies in `source/`.

        Raises CurationError when a copy is damaged or gone.
        """
        imports = self.imports
        for table in ("examples", "rejected"):
            (self.path / f"{table}.parquet").unlink(missing_ok=True)
        for i, entry in enumerate(imports):
            copy = self.path / "source" / entry["stored"]
            if not copy.is_file() or files.sha256(copy) != entry["sha256"]:
                raise CurationError(
                    f"The copy of {entry['name']} in source/ is damaged or gone; import it again."
                )
            new, _ = self._read(copy, entry["name"], entry["settings"], progress)
            self._merge(new, [], [*imports[: i + 1]])

    @property
    def examples(self) -> Dataset:
        """The examples as imported, before any step; raises CurationError when there are none.

        A file that is not as it was written is found by its checksum and rebuilt from `source/`.
        """
        with self._lock:
            manifest = self._manifest()
            if not manifest:
                raise CurationError("There are no examples yet; import a file first.")
            digest = manifest["examples_sha256"]
            if self._examples is None or self._examples[0] != digest:
                path = self.path / "examples.parquet"
                if not path.is_file() or files.sha256(path) != digest:
                    self.rebuild()
                    digest = self._manifest()["examples_sha256"]
                rows = pd.read_parquet(path).set_index("id")
                rows = rows.drop(columns=["content_hash", "imported_as"])
                missing = pd.Series(None, index=rows.index, dtype="str")
                self._examples = digest, Dataset(rows.assign(dropped_by=missing, split=missing))
            return self._examples[1]

    @property
    def rejected(self) -> pd.DataFrame:
        """Refused lines: source, row, offset, field, code, message and the raw bytes.

        Lines that somebody mended since are not among them.
        """
        path = self.path / "rejected.parquet"
        if not path.exists():
            return pd.DataFrame()
        frame = pd.read_parquet(path)
        mends = [tuple(m) for e in self.imports for m in e["settings"].get("mends", [])]
        if not mends:
            return frame
        places = pd.MultiIndex.from_frame(frame[["source", "row"]])
        return frame[~places.isin(mends)]

    # --- what is done to it -----------------------------------------------------------------

    @property
    def recipe(self) -> Recipe:
        """The steps, as in recipe.yaml; setting it saves."""
        return Recipe.from_yaml(self._recipe_text(), "recipe.yaml")

    @recipe.setter
    def recipe(self, recipe: Recipe) -> None:
        self.save_recipe(recipe)

    def _recipe_text(self) -> str:
        try:
            return (self.path / "recipe.yaml").read_text("utf-8")
        except OSError as error:
            raise CurationError(f"recipe.yaml cannot be read: {error.strerror}.") from None

    def save_recipe(self, recipe: Recipe, base: str | None = None) -> None:
        """Save the recipe; `base` is the revision it was made from.

        Raises RecipeConflict, with both texts, when the saved one has another revision by now, and
        RecipeError when the recipe cannot be run.
        """
        recipe.check()
        with self._lock:
            if base is not None and self.recipe.revision != base:
                raise RecipeConflict(self._recipe_text(), recipe.to_yaml())
            files.write_text(self.path / "recipe.yaml", recipe.to_yaml())

    @cached_property
    def decisions(self) -> DecisionStore:
        """What people decided; opened on first use."""
        from curation.decisions import DecisionStore

        where = str(self.settings.get("decisions", "sqlite"))
        target: str | Path = self.path / "decisions.db" if where == "sqlite" else where
        return DecisionStore(target, journal=self.path / "decisions.journal.jsonl")

    def people(self, until: int | None = None) -> State | None:
        """People's decisions, now or after event `until`; None while there are none."""
        if "decisions" not in self.__dict__ and not self._has_decisions():
            return None
        return self.decisions.state(until)

    def _has_decisions(self) -> bool:
        return self.settings.get("decisions") != "sqlite" or (self.path / "decisions.db").exists()

    @cached_property
    def vectors(self) -> VectorStore:
        """Embeddings on disk, by model and text."""
        from curation.embedding import VectorStore

        return VectorStore(self.path / "cache" / "vectors", self.path / "encoders.json")

    def _replay(
        self, until: int | None = None, engine: Engine | None = None, progress: Progress = silent
    ) -> Replay:
        examples = self.examples
        assert self._examples is not None
        return Replay(
            source=examples,
            fingerprint=self._examples[0],
            cache=Cache(self.path / "cache" / "steps"),
            store=self.vectors,
            people=self.people(until),
            engine=engine or Serial(),
            progress=progress,
            memory=self._memory,
        )

    def replay(
        self,
        recipe: Recipe | None = None,
        *,
        upto: int | None = None,
        compute: Callable[[Operation], bool] = everything,
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
        """Replay everything and remember it as the last run, which pages show until the next."""
        chosen = self.recipe if recipe is None else recipe
        seq = self.decisions.last() if self._has_decisions() else 0
        replay = self._replay(seq, engine, progress)
        dataset = replay.run(chosen)
        self._note_timings(dataset.steps)
        latest = {"recipe": chosen.to_yaml(), "decisions": seq, "source": replay.fingerprint}
        files.write_text(self._latest_file, json.dumps(latest))
        return dataset

    def view(self) -> View:
        """What pages show: the replayed dataset if every step is remembered, else the last run's.

        Nothing is computed that takes long; today's decisions are laid over either.
        """
        with self._lock:
            last = self.decisions.last() if self._has_decisions() else 0
            about = (
                self._recipe_text(),
                last,
                self._manifest().get("examples_sha256"),
                _modified(self._latest_file),
            )
            if self._view is None or self._view[0] != about:
                self._view = about, self._make_view()
            return self._view[1]

    def _make_view(self) -> View:
        replay = self._replay()
        people = replay.people
        try:
            recipe = self.recipe
            dataset = replay.run(recipe, compute=self.quick)
            return View(dataset, True, "", replay.fingerprints(recipe)[-1])
        except CurationError as error:
            note = str(error)
        latest = self._latest(replay.fingerprint)
        if latest is None:
            dataset, print_, note = replay.source, replay.fingerprint, NEVER_RUN
        else:
            recipe, seq = latest
            try:
                old = self._replay(seq)
                dataset, print_ = old.run(recipe, compute=nothing), old.fingerprints(recipe)[-1]
                note = f"{self._what_changed(recipe, seq) or note} {SHOWN_THEN}"
            except CurationError:
                dataset, print_, note = replay.source, replay.fingerprint, NEVER_RUN
        if people is not None:
            dataset = with_people(dataset, people)
            print_ = f"{print_}-{self.decisions.last()}"
        return View(dataset, False, note, print_)

    def quick(self, operation: Operation) -> bool:
        """Whether an operation is known to take a page's patience at most: about two seconds."""
        if operation.slow:
            return False
        rate = self._timings().get(operation.name)
        if rate is None:
            return operation.kind == "filter" and operation.batched
        return rate * len(self.examples) < 2.0

    @property
    def _latest_file(self) -> Path:
        return self.path / "cache" / "latest.json"

    def partial(self, recipe: Recipe | None = None) -> Dataset:
        """As much of a recipe as is remembered or quickly computed, for editing it."""
        try:
            return self.replay(recipe, compute=self.quick)
        except NotCached as stopped:
            return stopped.partial

    def _latest(self, source: str) -> tuple[Recipe, int] | None:
        try:
            latest = json.loads(self._latest_file.read_text("utf-8"))
            if latest["source"] != source:
                return None
            return Recipe.from_yaml(latest["recipe"]), int(latest["decisions"])
        except (OSError, ValueError, KeyError, CurationError):
            return None  # a cache entry that cannot be read is a miss

    def _what_changed(self, recipe: Recipe, seq: int) -> str:
        changes = []
        if self._recipe_text() != recipe.to_yaml() and self.recipe != recipe:
            changes.append("the recipe was changed")
        new = (self.decisions.last() if self._has_decisions() else 0) - seq
        if new > 0:
            changes.append(f"{new:,} decision{'s were' if new > 1 else ' was'} made")
        return f"Since the last run {' and '.join(changes)}." if changes else ""

    # --- how long it will take --------------------------------------------------------------

    def _timings(self) -> dict[str, float]:
        try:
            found: dict[str, float] = json.loads((self.path / "cache" / "timings.json").read_text())
            return found
        except (OSError, ValueError):
            return {}

    def _note_timings(self, steps: Sequence[StepReport]) -> None:
        rates = self._timings()
        for report in steps:
            if not report.cached and report.kept_in:
                rates[report.use] = report.seconds / report.kept_in
        files.write_text(self.path / "cache" / "timings.json", json.dumps(rates, indent=1))

    def estimate(self, recipe: Recipe | None = None) -> tuple[float, list[str]]:
        """Seconds that the steps not remembered will take, and the steps never timed here.

        Measured on this machine's earlier runs, per row; what was never run is named, not guessed.
        """
        chosen = self.recipe if recipe is None else recipe
        replay = self._replay()
        stages = replay.missing(chosen)
        rates, rows = self._timings(), len(replay.source)
        known = [rates[use] * rows for use in stages if use in rates]
        return float(np.sum(known)), [use for use in stages if use not in rates]

    # --- receipts and deliveries ------------------------------------------------------------

    def explain(self, example_id: str, dataset: Dataset | None = None) -> list[dict[str, Any]]:
        """The receipt of one row, people's decisions with their authors and times included."""
        data = self.view().dataset if dataset is None else dataset
        events = data.explain(example_id)
        if self._has_decisions():
            for event in self.decisions.events(example_id=example_id):
                events.append(
                    {
                        "step": "decision",
                        "title": "Decision",
                        "what": event.kind,
                        "text": describe_value(event.value),
                        "annotator": event.annotator,
                        "time": event.time,
                    }
                )
        return events

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
        recipe = self.recipe
        dataset = self.run(recipe, engine=engine, progress=lambda s, text: progress(0.8 * s, text))
        origin = export.Origin(
            self.path.resolve().name, self.imports, recipe.to_yaml(), self.people()
        )
        return export.export(dataset, origin, Path(out), formats, progress=progress, **options)


def _part_of(progress: Progress, part: int, parts: int) -> Progress:
    return lambda share, text: progress((part + share) / parts, text)


def _modified(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def describe_value(value: Any) -> str:
    """A decision's value in a few words."""
    if value is None:
        return ""
    if isinstance(value, list):
        return f"{len(value)} turns"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def slug(name: str) -> str:
    """A name made safe for a folder: letters, digits, dots, hyphens; never empty, never hidden."""
    plain = re.sub(r"[^\w.-]+", "-", name, flags=re.UNICODE).strip("-.")
    return plain[:80] or "project"


_NOTHING_SAID = {"format": "auto", "mapping": {}, "label_names": [], "encoding": ""}


def _files_below(path: Path, scratch: Path) -> list[tuple[Path, str]]:
    """A file with its name, every file of a folder with its path inside, or a saved dataset."""
    from curation import sources

    if not path.is_dir():
        return [(path, path.name)]
    if sources.is_saved_dataset(path):
        return [(sources.pack(path, scratch / f"{path.name}.zip"), path.name)]
    found = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    if not found:
        raise CurationError(f"{path} is a folder without files.")
    return [(p, f"{path.name}/{p.relative_to(path).as_posix()}") for p in found]
