"""The project folder, and the only code that touches it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import tomllib
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation import files
from curation.basis import Bases
from curation.cache import Cache, key
from curation.dataset import Dataset, Progress, make_ids, silent
from curation.engine import Engine, Serial
from curation.errors import CurationError, RecipeConflict
from curation.recipe import Recipe, Step
from curation.registry import Operation, operation
from curation.replay import Memory, NotCached, Replay, everything, nothing, with_people
from curation.report import StepReport
from curation.versions import module_version

if TYPE_CHECKING:
    from curation.coverage import Compared
    from curation.decisions import DecisionStore, State
    from curation.embedding import VectorStore
    from curation.sources import ImportReport
    from curation.targets import Target, Targets

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

PATIENCE = 2.0
"""Seconds of work that a page may do before it shows something; more is a job."""

TABLES = ("examples", "rejected")

Tables = dict[str, pd.DataFrame]
"""What reading a file gave: the rows of each of TABLES."""


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

    @property
    def limits(self) -> dict[str, float]:
        """Limits of reading a file that differ from `curation.sources.Limits`, by name.

        They stand in the table `limits` of project.toml.

        Raises CurationError for a limit that there is none of, or that is no positive number.
        """
        from curation.sources import Limits

        told: dict[str, float] = dict(self.settings.get("limits", {}))
        known = [field.name for field in fields(Limits)]
        for name, value in told.items():
            if name not in known or isinstance(value, bool) or not isinstance(value, int | float):
                raise CurationError(
                    f"project.toml: limits.{name} = {value!r} is none; known are, with positive "
                    f"numbers: {', '.join(known)}."
                )
            if value <= 0:
                raise CurationError(f"project.toml: limits.{name} must be above 0, not {value!r}.")
        return told

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
        or one dataset where `save_to_disk` wrote it; paths that end alike are told apart by the
        folders above them. `mapping` says which column is which, as {"prompt": "question"};
        encoding is a Python codec, where the guess is wrong; `names` are the files' names as people
        know them, when they differ from the paths. Raises CurationError when one of the files
        cannot be read at all; the project is then as before.
        """
        said: dict[str, Any] = {
            "format": format,
            "mapping": dict(mapping or {}),
            "label_names": list(label_names or []),
            "encoding": encoding or "",
        }
        with tempfile.TemporaryDirectory(prefix=".pack-", dir=self.path) as scratch:
            todo = _files_of(paths, Path(scratch))
            if names is not None:
                todo = [(file, name) for (file, _), name in zip(todo, names, strict=True)]
            _check_names([name for _, name in todo])
            read = [
                self._add_file(file, name, said, _part_of(progress, i, len(todo)))
                for i, (file, name) in enumerate(todo)
            ]
        with self._importing():
            return self._merge(read)

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

    def _importing(self) -> AbstractContextManager[None]:
        """The lock under which imports are changed, by whichever process; it cannot be nested."""
        return files.locked(self.path / ".import.lock")

    def _add_file(
        self, file: Path, name: str, said: dict[str, Any], progress: Progress
    ) -> tuple[dict[str, Any], Tables | None]:
        """A file's entry for `imports`, and its rows; no rows when it is there already."""
        copy, digest = self._keep_source(file, name)
        former = next((e for e in self.imports if e["name"] == name), None)
        settings = dict(former["settings"] if former and said == _NOTHING_SAID else said)
        settings["limits"] = self.limits  # a changed limit is another reading of the file
        if former and (former["sha256"], former["settings"]) == (digest, settings):
            return {**former, "already": True}, None
        tables, report = self._read(copy, name, settings, progress)
        if not report.examples and report.rejected and former and former["report"]["examples"]:
            why = tables["rejected"]["message"].iloc[0]
            raise CurationError(
                f"{name}: none of its {report.rejected:,} rows can be read so: {why} "
                "What was read of it before stays."
            )
        entry = {
            "name": name,
            "sha256": digest,
            "stored": copy.name,
            "settings": settings,
            "report": report.to_dict(),
            "time": round(time.time(), 3),
        }
        return entry, tables

    def _read(
        self, copy: Path, name: str, settings: Mapping[str, Any], progress: Progress
    ) -> tuple[Tables, ImportReport]:
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
                limits=sources.Limits(**settings.get("limits", {})),
                progress=progress,
            )
            return {t: pd.read_parquet(Path(scratch) / f"{t}.parquet") for t in TABLES}, report

    def mend(self, source: str, row: int, text: str) -> dict[str, Any]:
        """Read a refused line again as somebody mended it, and add the example.

        Mended lines of a file are a file of their own beside it, so that the source stays what it
        was, byte for byte. Raises CurationError, with the reader's sentence, while it is still
        refused, and when there is no such refused line.
        """
        with self._importing():
            refused = self._standing(self._sound("rejected")[1])
            if not refused.empty:
                refused = refused[(refused["source"] == source) & (refused["row"] == row)]
            if refused.empty:
                raise CurationError(f"No line {row:,} of {source} stands refused.")
            imports = {e["name"]: e for e in self.imports}
            name = f"{source} (mended)"
            line = " ".join(text.split("\n")).encode() + b"\n"
            said = {**imports[refused["imported_as"].iloc[0]]["settings"], "encoding": "utf-8"}
            with tempfile.TemporaryDirectory(prefix=".mend-", dir=self.path) as scratch:
                file = Path(scratch) / "mended.jsonl"
                file.write_bytes(line)
                tables, _ = self._read(file, name, said, silent)
                if len(tables["examples"]) != 1:
                    why = tables["rejected"]["message"]
                    raise CurationError(
                        f"Still refused: {why.iloc[0] if len(why) else 'there is nothing in it.'}"
                    )
                if name in imports:
                    said = imports[name]["settings"]
                    file.write_bytes(self._copy_of(imports[name]).read_bytes() + line)
                place = [source, _digest(refused["raw"].iloc[0])]
                said = {**said, "mends": [*said.get("mends", []), place]}
                (entry,) = self._merge([self._add_file(file, name, said, silent)])
                return entry

    def _keep_source(self, file: Path, name: str) -> tuple[Path, str]:
        """Copy a file into the project under its hash; what is hashed is the copy."""
        if not file.is_file():
            what = "a folder without files" if file.is_dir() else "not a file that can be read"
            raise CurationError(
                f"{file} is {what}." if file.exists() else f"{file} does not exist."
            )
        folder = self.path / "source"
        suffix = "".join(re.findall(r"\.[A-Za-z0-9]{1,8}", Path(name).name)[-2:])
        staged = folder / f".incoming-{uuid.uuid4().hex}"
        try:
            with files.replacing(staged) as temporary:
                shutil.copyfile(file, temporary)
            digest = files.sha256(staged)
            kept = folder / f"{digest}{suffix}"
            os.replace(staged, kept)
        except CurationError as error:
            raise CurationError(f"{file} could not be copied into the project: {error}") from None
        finally:
            staged.unlink(missing_ok=True)
        return kept, digest

    def _merge(self, read: Sequence[tuple[dict[str, Any], Tables | None]]) -> list[dict[str, Any]]:
        """Put files just read beside the others, all at once, and return their entries.

        The lock is held.
        """
        imports, fresh, entries = self.imports, dict[str, Tables](), list[dict[str, Any]]()
        for entry, tables in read:
            if tables is not None:
                replaced = [e["name"] for e in imports if _takes_place(entry, e)]
                entry = {**entry, "replaced": replaced}
                imports = [*(e for e in imports if e["name"] not in replaced), entry]
                fresh[entry["name"]] = tables
            entries.append(entry)
        if fresh:
            self._write(imports, fresh)
        return entries

    def _write(self, imports: Sequence[dict[str, Any]], fresh: dict[str, Tables]) -> None:
        """Write both tables, and imports.json last, which vouches for them; the lock is held.

        fresh: name → rows of what was read just now. The others' rows are those of the tables, or
        are read again where these are not as they were written.
        """
        others = [e for e in imports if e["name"] not in fresh]
        written = {t: found[1] for t in TABLES if others and (found := self._as_written(t))}
        if others and len(written) < len(TABLES):
            written, fresh = {}, {**self._read_again(others), **fresh}
        names = [e["name"] for e in others]
        digests = {}
        for table in TABLES:
            parts = [
                t[t["imported_as"].isin(names)] for t in (written.get(table),) if t is not None
            ]
            for entry in imports:
                if entry["name"] in fresh:
                    parts.append(fresh[entry["name"]][table].assign(imported_as=entry["name"]))
            frame = pd.concat(parts, ignore_index=True)
            if table == "examples":
                ids = make_ids(frame["content_hash"].tolist())
                frame = frame.assign(id=pd.Series(ids, dtype="str"))
            path = self.path / f"{table}.parquet"
            with files.replacing(path) as temporary:
                pq.write_table(
                    pa.Table.from_pandas(frame, preserve_index=False), temporary, compression="zstd"
                )
            digests[f"{table}_sha256"] = files.sha256(path)
        manifest = {"imports": list(imports), **digests}
        files.write_text(
            self.path / "imports.json", json.dumps(manifest, ensure_ascii=False, indent=1)
        )

    def rebuild(self, progress: Progress = silent) -> None:
        """Read every imported file again from the copies in `source/`.

        Raises CurationError when a copy is damaged or gone; nothing is then changed.
        """
        with self._importing():
            self._rebuild(progress)

    def _rebuild(self, progress: Progress = silent) -> None:
        imports = self.imports
        if imports:
            self._write(imports, self._read_again(imports, progress))

    def _read_again(
        self, entries: Sequence[dict[str, Any]], progress: Progress = silent
    ) -> dict[str, Tables]:
        """Name → rows of imports, from their copies, all of which are verified first."""
        copies = [self._copy_of(entry) for entry in entries]
        tables = dict[str, Tables]()
        for i, (entry, copy) in enumerate(zip(entries, copies, strict=True)):
            part = _part_of(progress, i, len(entries))
            tables[entry["name"]], _ = self._read(copy, entry["name"], entry["settings"], part)
        return tables

    def _copy_of(self, entry: Mapping[str, Any]) -> Path:
        """The copy in `source/` of an imported file, verified."""
        copy = self.path / "source" / str(entry["stored"])
        if not copy.is_file() or files.sha256(copy) != entry["sha256"]:
            raise CurationError(
                f"The copy of {entry['name']} in source/ is damaged or gone; import it again."
            )
        return copy

    def _as_written(self, table: str) -> tuple[str, pd.DataFrame] | None:
        """One of TABLES and its checksum; None when the manifest does not vouch for what is there."""
        manifest = self._manifest()
        if not manifest:
            return "", pd.DataFrame()
        try:
            with open(self.path / f"{table}.parquet", "rb") as stream:  # one file, come what may
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                if digest != manifest.get(f"{table}_sha256", digest):
                    return None
                stream.seek(0)
                return digest, pd.read_parquet(stream)
        except FileNotFoundError:
            return None

    def _sound(self, table: str) -> tuple[str, pd.DataFrame]:
        """The same, rebuilt from `source/` when it is not as it was written; the lock is held."""
        found = self._as_written(table)
        if found is None:
            self._rebuild()
            found = self._as_written(table)
        assert found is not None
        return found

    def _table(self, table: str) -> tuple[str, pd.DataFrame]:
        """The same for readers, who wait only when they find it in the middle of being written."""
        found = self._as_written(table)
        if found is None:
            with self._importing():
                found = self._sound(table)
        return found

    @property
    def examples(self) -> Dataset:
        """The examples as imported, before any step; raises CurationError when there are none.

        A file that is not as it was written is found by its checksum and rebuilt from `source/`.
        """
        with self._lock:
            manifest = self._manifest()
            if not manifest:
                raise CurationError("There are no examples yet; import a file first.")
            if self._examples is None or self._examples[0] != manifest["examples_sha256"]:
                digest, table = self._table("examples")
                rows = table.set_index("id").drop(columns=["content_hash", "imported_as"])
                missing = pd.Series(None, index=rows.index, dtype="str")
                self._examples = digest, Dataset(rows.assign(dropped_by=missing, split=missing))
            return self._examples[1]

    @property
    def rejected(self) -> pd.DataFrame:
        """Refused lines: source, row, offset, field, code, message and the raw bytes.

        Lines that somebody mended since are not among them.
        """
        return self._standing(self._table("rejected")[1])

    def _standing(self, refused: pd.DataFrame) -> pd.DataFrame:
        """Refused lines without those mended: as many of a file's equal lines as there are mends.

        Lines are known by their bytes, not their places, which differ in the file's next version.
        """
        mends = Counter(tuple(m) for e in self.imports for m in e["settings"].get("mends", []))
        if refused.empty or not mends:
            return refused
        sources = {source for source, _ in mends}

        def stands(source: str, raw: bytes) -> bool:
            if source not in sources:
                return True
            place = (source, _digest(raw))
            mends[place] -= 1
            return mends[place] < 0

        pairs = zip(refused["source"], refused["raw"], strict=True)
        return refused[[stands(source, raw) for source, raw in pairs]]

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

    def _last_decision(self) -> int:
        return self.decisions.last() if self._has_decisions() else 0

    def _has_decisions(self) -> bool:
        return self.settings.get("decisions") != "sqlite" or (self.path / "decisions.db").exists()

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

        def parse(path: Path, name: str, said: Mapping[str, Any], progress: Progress) -> Any:
            settings = {**_NOTHING_SAID, **said, "limits": self.limits}
            return self._read(path, name, settings, progress)

        return Targets(self.path / "targets", read_with(parse))

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
            bases=self.bases,
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
        return self._run(chosen, self._last_decision(), engine, progress)

    def _run(self, chosen: Recipe, seq: int, engine: Engine | None, progress: Progress) -> Dataset:
        replay = self._replay(seq, engine, progress)
        dataset = replay.run(chosen)
        self._note_timings(dataset.steps)
        latest = {"recipe": chosen.to_yaml(), "decisions": seq, "source": replay.fingerprint}
        files.write_text(self._latest_file, json.dumps(latest))
        return dataset

    def view(self) -> View:
        """What pages show: today's recipe if that is a matter of moments, else the last run's.

        Decisions made since the last run are laid over either, and nothing is computed for them.
        """
        with self._lock:
            about = (
                self._recipe_text(),
                self._last_decision(),
                self._manifest().get("examples_sha256"),
                _modified(self._latest_file),
            )
            if self._view is None or self._view[0] != about:
                self._view = about, self._make_view()
            return self._view[1]

    def _make_view(self) -> View:
        last = self._last_decision()
        today = self._replay(last)
        latest = self._latest(today.fingerprint)
        seq = min(last, latest[1]) if latest else last
        base = today if seq == last else self._replay(seq)
        dataset, print_, note = base.source, base.fingerprint, NEVER_RUN
        try:
            recipe = self.recipe
            dataset = base.run(recipe, compute=self._quick(base, recipe))
            print_ = base.fingerprints(recipe)[-1]
            if seq == last:
                return View(dataset, True, "", print_)
            note = f"{self._what_changed(recipe, seq)} {SHOWN_THEN}"
        except CurationError as error:
            with suppress(CurationError):  # the cache may have lost the last run
                if latest:
                    recipe = latest[0]
                    old, changed = (
                        base.run(recipe, compute=nothing),
                        self._what_changed(recipe, seq),
                    )
                    dataset, print_ = old, base.fingerprints(recipe)[-1]
                    note = f"{changed or error} {SHOWN_THEN}"
        if today.people is not None:
            dataset, print_ = with_people(dataset, today.people), f"{print_}-{last}"
        return View(dataset, False, note, print_)

    def _quick(self, replay: Replay, recipe: Recipe) -> Callable[[Operation], bool]:
        """Allows the first steps not remembered, as long as all take a page's PATIENCE at most.

        What they take is known from earlier runs; filters of single rows that were never timed here
        are counted as nothing.
        """
        rates, left, allowed = self._timings(), PATIENCE, set[str]()
        for use in replay.missing(recipe):
            step = operation(use)
            known = use in rates or (step.kind == "filter" and step.batched)
            left -= rates.get(use, 0.0) * len(replay.source)
            if step.slow or not known or left < 0:
                allowed.discard(use)  # it may stand in the recipe twice
                break
            allowed.add(use)
        return lambda step: step.name in allowed

    @property
    def _latest_file(self) -> Path:
        return self.path / "cache" / "latest.json"

    def partial(self, recipe: Recipe | None = None) -> Dataset:
        """As much of a recipe as is remembered or quickly computed, for editing it.

        With the decisions of the last run, for which the steps are remembered.
        """
        last = self._last_decision()
        today = self._replay(last)
        latest = self._latest(today.fingerprint)
        base = self._replay(min(last, latest[1])) if latest else today
        chosen = self.recipe if recipe is None else recipe
        try:
            return base.run(chosen, compute=self._quick(base, chosen))
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
        new = self._last_decision() - seq
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

    # --- beside another set -----------------------------------------------------------------

    def coverage_key(self, target: Target, of: str = "") -> str:
        """What a comparison with a target is remembered under: view, target, sides, code."""
        as_read = (target.sha256, target.settings)
        return key(self.view().fingerprint, as_read, of, module_version("curation.coverage"))

    def coverage(self, target: Target, of: str = "", progress: Progress = silent) -> Compared:
        """Hold what pages show against a target; remembered until either changes.

        of: prompt, response or both; empty for what the recipe's embeddings are of. Raises
        CurationError without embeddings.
        """
        from curation import coverage

        name, dataset = self.coverage_key(target, of), self.view().dataset
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
            part = _part_of(progress, 0, 2)
            here = ~np.isnan(dataset.vectors[:, 0])
            rows = dataset.rows[here]
            vectors = np.full_like(dataset.vectors, np.nan)
            vectors[here] = self._embed(step.use, params, rows, part)
            dataset = dataset.replace(vectors=vectors)
        part = _part_of(progress, 1, 4)
        found = self._embed(step.use, params, target.examples, part)
        part = _part_of(progress, 1, 2)
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
        recipe, seq, imports = self.recipe, self._last_decision(), self.imports
        dataset = self._run(recipe, seq, engine, lambda s, text: progress(0.8 * s, text))
        origin = export.Origin(
            self.path.resolve().name,
            imports,
            recipe.to_yaml(),
            self.people(seq),
            encoders=self.vectors.choices(),
            bases=self.bases.digests(recipe.names),
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


def _takes_place(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether a file is another version of an earlier one, or the same bytes by another name.

    Lines that were mended alike in two files are two examples all the same.
    """
    mended = "mends" in new["settings"] or "mends" in old["settings"]
    return bool(new["name"] == old["name"] or (new["sha256"] == old["sha256"] and not mended))


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _check_names(names: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise CurationError(
                f"Two of the files are called {name}; rename one, or import them one by one."
            )


def _files_of(given: Sequence[str | Path], scratch: Path) -> list[tuple[Path, str]]:
    """Every file of what is given, each once, with the name that it gets."""
    paths = list(dict.fromkeys(Path(os.path.abspath(path)) for path in given))
    found = []
    for i, path in enumerate(paths):
        # As many of the folders above it as tell it from the others that are given.
        depth = 1
        while any(o != path and o.parts[-depth:] == path.parts[-depth:] for o in paths):
            depth += 1
        found += _files_below(path, "/".join(path.parts[-depth:]), scratch / str(i))
    return found


def _files_below(path: Path, name: str, packed: Path) -> list[tuple[Path, str]]:
    """A file with its name, every file of a folder with its path inside, or a saved dataset.

    Hidden files, and links that lead out of the folder, are not followed.
    """
    from curation import sources

    if not path.is_dir():
        return [(path, name)]
    if sources.is_saved_dataset(path):
        return [(sources.pack(path, packed), name)]
    root = path.resolve()
    found = [
        (p, inside)
        for p in sorted(path.rglob("*"))
        if p.is_file() and p.resolve().is_relative_to(root)
        for inside in [p.relative_to(path)]
        if not any(part.startswith(".") for part in inside.parts)
    ]
    if not found:
        raise CurationError(f"{path} is a folder without files; links out of it do not count.")
    return [(p, f"{name}/{inside.as_posix()}") for p, inside in found]
