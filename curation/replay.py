"""Applying a recipe and people's decisions to a dataset, remembering every prefix.

Each step turns into a small frame, its *delta*: the columns it adds, the rows it drops and why, the
text it changes. A dataset is the source with all deltas laid over it, so nothing is ever lost, and
a delta found in the cache is as good as one computed. A delta's key is made of the source, every
step before it and the decisions used so far. Batched scores and cleaners are remembered a second
time by the text they saw, so an edit of one row or another filter repeats one batch and not all.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from curation.basis import Bases, Basis
from curation.cache import Cache, key
from curation.dataset import BASE_COLUMNS, Dataset, Progress, overlaid, silent, with_derived
from curation.embedding.store import NotRemembered
from curation.engine import Batch, Engine, Serial
from curation.engine.batches import BATCH_COLUMNS, BATCH_ROWS, as_columns, run_batch
from curation.errors import CurationError
from curation.recipe import Recipe, Step, replace_params
from curation.registry import Operation
from curation.report import PEOPLE, StepReport
from curation.versions import module_version

SEEDS = 2**31
"""Seeds that a step may have, from 0."""

_CONTROL = ("keep", "reason", "messages", "label", "split")
_WIDTHS = (50, 100, 200)
"""Numbers of neighbours that are computed and remembered: the map and a selection share the 50."""
_NO_DELTA = pd.DataFrame({"keep": pd.Series(dtype=bool)})


class PeopleState(Protocol):
    """What replay asks of people's decisions; `curation.decisions.State` is one."""

    def edits_frame(self) -> pd.DataFrame:
        """Rows edited or labelled: index id; messages and label (missing: not touched), reason."""

    def verdicts_frame(self) -> pd.DataFrame:
        """Rows kept or dropped by a person: index id; columns keep (bool), reason."""


class Memory:
    """The datasets of recently replayed prefixes, newest last, for as long as the process lives."""

    def __init__(self, size: int = 32) -> None:
        self._size = size
        self._datasets: OrderedDict[str, Dataset] = OrderedDict()

    def get(self, fingerprint: str) -> Dataset | None:
        """The dataset after the prefix of that fingerprint."""
        found = self._datasets.pop(fingerprint, None)
        if found is not None:
            self._datasets[fingerprint] = found
        return found

    def put(self, fingerprint: str, dataset: Dataset) -> None:
        """Remember a dataset; the one unused for longest is forgotten."""
        self._datasets[fingerprint] = dataset
        while len(self._datasets) > self._size:
            self._datasets.popitem(last=False)


class NotCached(CurationError):
    """A replay met a step not remembered that it may not compute; it got to `partial`."""

    def __init__(self, step: str, partial: Dataset) -> None:
        super().__init__(f"{step} has not been run yet.")
        self.step = step
        self.partial = partial


def everything(operation: Operation) -> bool:
    """Compute whatever is not remembered."""
    return True


def nothing(operation: Operation) -> bool:
    """Compute nothing; only what is remembered counts."""
    return False


@dataclass
class Replay:
    """Everything a replay needs besides the recipe.

    source: the examples as imported, and `fingerprint`, which stands for them. people: decisions,
    or None. store: the vector store that `embed` operations get. bases: what operations keep to.
    """

    source: Dataset
    fingerprint: str
    cache: Cache
    store: Any = None
    people: PeopleState | None = None
    bases: Bases = field(default_factory=Bases)
    engine: Engine = field(default_factory=Serial)
    progress: Progress = silent
    memory: Memory = field(default_factory=Memory)

    def run(
        self,
        recipe: Recipe,
        *,
        upto: int | None = None,
        compute: Callable[[Operation], bool] = everything,
    ) -> Dataset:
        """The dataset after the recipe's steps (the first `upto` of them, when given).

        compute: which operations may be computed when they are not remembered.
        Raises RecipeError for a recipe that cannot be run, CurationError where a step cannot do
        its work, NotCached where it may not compute one.
        """
        recipe.check()
        stages = list(self._stages(recipe, upto))
        dataset, fingerprint = self.source, self.fingerprint
        for i, stage in enumerate(stages):
            decide = stage.step is not None and compute(stage.step.operation)
            fingerprint = stage.fingerprint(fingerprint, self, decide)
            known = self.memory.get(fingerprint)
            if known is None:
                if self.progress is not silent:
                    self.progress(i / len(stages), stage.title)
                known = self._advance(dataset, stage, fingerprint, (i, len(stages)), compute)
                self.memory.put(fingerprint, known)
            dataset = known
        self.cache.prune()
        self.progress(1.0, "done")
        return dataset

    def fingerprints(self, recipe: Recipe) -> list[str]:
        """The fingerprint after each stage; the last stands for the whole result."""
        prints = [self.fingerprint]
        for stage in self._stages(recipe, None):
            prints.append(stage.fingerprint(prints[-1], self))
        return prints

    def missing(self, recipe: Recipe) -> list[str]:
        """Operations of the steps that a run would have to compute, in order."""
        at, missing = self.fingerprint, []
        for stage in self._stages(recipe, None):
            at = stage.fingerprint(at, self)
            if stage.step and self.memory.get(at) is None and not self.cache.has(at):
                missing.append(stage.step.use)
        return missing

    def _stages(self, recipe: Recipe, upto: int | None) -> Iterator[_Stage]:
        named = list(zip(recipe.steps, recipe.names, strict=True))
        steps = [(s, n) for s, n in named[: len(named) if upto is None else upto] if s.enabled]
        edits = None if self.people is None else self.people.edits_frame()
        verdicts = None if self.people is None else self.people.verdicts_frame()
        last = (
            PHASE_OF_WHOLE if upto is None else (steps[-1][0].operation.phase if steps else "clean")
        )
        for phase in ("clean", "edits", "measure", "verdicts", "select", "split"):
            if phase == "edits" and edits is not None and len(edits) and last != "clean":
                yield _Stage(PEOPLE, "Edits and labels", edits)
            elif phase == "verdicts" and verdicts is not None and len(verdicts):
                if last in ("select", "split"):
                    yield _Stage(PEOPLE, "Kept and dropped by people", verdicts)
            for step, name in steps:
                if step.operation.phase == phase:
                    yield _Stage(name, step.operation.title, None, step)

    def _advance(
        self,
        dataset: Dataset,
        stage: _Stage,
        fingerprint: str,
        place: tuple[int, int],
        compute: Callable[[Operation], bool],
    ) -> Dataset:
        begin = time.perf_counter()
        remembered = self.cache.get(fingerprint) if stage.step else None
        vectors = dataset.vectors
        if stage.step and stage.step.operation.kind == "embed" and remembered is not None:
            try:
                vectors = self._compute(dataset, stage.step, silent, self.store.remembering())[1]
            except NotRemembered:  # the vectors are gone, so there is work to be done
                remembered = None
        if stage.step is None:
            assert stage.people is not None
            delta, spent = stage.people, 0.0
            delta = delta[dataset.rows.index.get_indexer(delta.index) >= 0]
        elif remembered is not None:
            delta, spent = _from_table(remembered)
        else:
            if not compute(stage.step.operation):
                raise NotCached(stage.name, dataset)
            at, of = place
            inner = lambda share, text="": self.progress(  # noqa: E731 - a partial with arithmetic
                (at + share) / of, f"{stage.title}: {text}" if text else stage.title
            )
            try:
                delta, vectors = self._compute(dataset, stage.step, inner, name=stage.name)
            except MemoryError:
                raise CurationError(f"{stage.title} ran out of memory.") from None
            except CurationError as error:
                if type(error) is CurationError and stage.name not in str(error):
                    raise CurationError(f"{stage.name}: {error}") from error
                raise
            spent = time.perf_counter() - begin
            self.cache.put(fingerprint, _to_table(delta, spent))
        after, before = _lay_over(dataset, stage, delta, vectors)
        if stage.step is None and vectors is not None:
            after = self._embed_revived(after, compute)
        gone = (
            int(dataset.rows["dropped_by"].isna().sum()),
            int(after.rows["dropped_by"].isna().sum()),
        )
        step = stage.step
        report = StepReport(
            name=stage.name,
            use=step.use if step else PEOPLE,
            title=stage.title,
            kind=step.operation.kind if step else PEOPLE,
            params=step.arguments if step else {},
            kept_in=gone[0],
            kept_out=gone[1],
            dropped=int(
                (dataset.rows["dropped_by"].isna() & after.rows["dropped_by"].notna()).sum()
            ),
            changed=0 if before is None else len(before),
            seconds=time.perf_counter() - begin,
            computed_seconds=spent,
            cached=remembered is not None or step is None,
            fingerprint=fingerprint,
            columns=tuple(c for c in delta.columns if c not in (*_CONTROL, *BASE_COLUMNS)),
            delta=delta,
            before=before,
        )
        return after.replace(steps=(*dataset.steps, report))

    def _compute(
        self,
        dataset: Dataset,
        step: Step,
        progress: Progress,
        store: Any = None,
        name: str = "",
    ) -> tuple[pd.DataFrame, np.ndarray | None]:
        operation, params = step.operation, step.arguments
        self._demand(operation, params, dataset)
        if operation.batched:
            return self._in_batches(operation, params, dataset.rows, progress), dataset.vectors
        kept = dataset.kept.sort_index()
        supplied = self._inputs(
            operation, params, dataset, kept, progress, store or self.store, name
        )
        answer = operation.run(*(supplied(name) for name in operation.inputs), **params)
        if operation.kind != "embed":
            return as_columns(operation, answer, kept.index, params), dataset.vectors
        delta = _NO_DELTA
        if isinstance(answer, tuple):
            answer, columns = answer
            delta = as_columns(operation, columns, kept.index, params)
        vectors = np.full((len(dataset.rows), answer.shape[1]), np.nan, dtype=np.float32)
        vectors[dataset.rows.index.get_indexer(kept.index)] = answer
        return delta, vectors

    def _demand(self, operation: Operation, params: Mapping[str, Any], dataset: Dataset) -> None:
        """Say which column is missing, and which operation would make it."""
        from curation.registry import operations

        for column in operation.columns_read(params):
            if column in dataset.rows.columns:
                continue
            makers = [
                o.name
                for o in operations().values()
                if o.can_make(column) and column not in o.needs
            ]
            hint = (
                f"add {makers[0]} before it"
                if makers
                else (f"there are: {', '.join(dataset.scores) or 'none yet'}")
            )
            raise CurationError(
                f"{operation.name} reads the column {column!r}, which is not there: {hint}."
            )
        if {"vectors", "neighbours"} & set(operation.inputs) and dataset.vectors is None:
            raise CurationError(f"{operation.name} needs embeddings: add embed before it.")

    def _in_batches(
        self, operation: Operation, params: dict[str, Any], rows: pd.DataFrame, progress: Progress
    ) -> pd.DataFrame:
        columns = [
            *BATCH_COLUMNS,
            *(c for c in operation.columns_read(params) if c not in BATCH_COLUMNS),
        ]
        view = rows[columns]
        if len(view) == 0:
            return run_batch(Batch(operation.name, params, view))
        batches = [
            Batch(operation.name, params, view.iloc[i : i + BATCH_ROWS])
            for i in range(0, len(view), BATCH_ROWS)
        ]
        remembers = operation.kind != "filter"  # a filter is quicker than a look into the cache
        depends = operation.depends_on(params, self.store)
        names = [_batch_key(operation, batch, depends) if remembers else "" for batch in batches]
        found = [self.cache.get(name) if remembers else None for name in names]
        todo = [batch for batch, table in zip(batches, found, strict=True) if table is None]
        fresh = self.engine.run(todo)
        parts = []
        for i, (batch, name, table) in enumerate(zip(batches, names, found, strict=True)):
            if table is not None:
                part = _positions_to_ids(table.to_pandas(), batch.rows.index)
            else:
                part = next(fresh)
                if remembers:
                    positions = pd.Index(batch.rows.index.get_indexer(part.index), name="row")
                    self.cache.put(name, pa.Table.from_pandas(part.set_axis(positions)))
            parts.append(part)
            progress(
                (i + 1) / len(batches), f"{min(len(view), (i + 1) * BATCH_ROWS):,} of {len(view):,}"
            )
        return pd.concat(parts)

    def _inputs(
        self,
        operation: Operation,
        params: dict[str, Any],
        dataset: Dataset,
        kept: pd.DataFrame,
        progress: Progress,
        store: Any,
        name: str,
    ) -> Callable[[str], Any]:
        def vectors() -> np.ndarray:
            assert dataset.vectors is not None
            return dataset.vectors[dataset.rows.index.get_indexer(kept.index)]

        def neighbours(k: int, part: Any = None) -> tuple[np.ndarray, np.ndarray]:
            mine = vectors() if part is None else vectors()[part]
            return self._neighbours(mine, k, progress)

        offers: dict[str, Callable[[], Any]] = {
            "rows": lambda: kept,
            "vectors": vectors,
            "neighbours": lambda: neighbours,
            "store": lambda: store,
            "decisions": lambda: self.people,
            "basis": lambda: self._basis(name, params, dataset.steps),
            "progress": lambda: progress,
            "rng": lambda: np.random.default_rng(int(params.get("seed", 0))),
        }
        return lambda name: offers[name]()

    def _basis(self, name: str, params: Mapping[str, Any], before: Sequence[StepReport]) -> Basis:
        """What a step keeps to; places and centres hold among vectors made in one way only."""
        from curation.registry import operation

        space = [
            [r.use, r.params, operation(r.use).depends_on(r.params, self.store)]
            for r in before
            if r.kind == "embed"
        ]
        return self.bases.of(name, params, space[-1:])

    def bases_of(self, dataset: Dataset) -> dict[str, Basis]:
        """What each step of a replayed dataset keeps to, by the step's name."""
        from curation.registry import operation

        return {
            report.name: self._basis(report.name, report.params, dataset.steps[:at])
            for at, report in enumerate(dataset.steps)
            if report.use != PEOPLE and "basis" in operation(report.use).inputs
        }

    def anew(self, recipe: Recipe, dataset: Dataset) -> Recipe:
        """The recipe with, for each step that keeps to what it worked out, a seed never used for it.

        dataset: of a replay of it, for what its vectors are.
        """
        steps = list(recipe.steps)
        for position, (name, step) in enumerate(zip(recipe.names, recipe.steps, strict=True)):
            if "basis" not in step.operation.inputs:
                continue
            at = next((i for i, r in enumerate(dataset.steps) if r.name == name), None)
            params, before = dict(step.arguments), dataset.steps[:at]
            while self._basis(name, params, before).exists or params == step.arguments:
                params["seed"] = (int(params["seed"]) + 1) % SEEDS
            steps[position] = replace_params(step, {**step.params, "seed": params["seed"]})
        return Recipe(tuple(steps))

    def _neighbours(
        self, vectors: np.ndarray, k: int, progress: Progress
    ) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest; remembered in few widths, so that several steps share one computation."""
        widths = (*_WIDTHS, k)
        width = min(next(w for w in widths if w >= k), max(0, len(vectors) - 1))
        indices, similarities = self._remembered_neighbours(vectors, width, progress)
        return indices[:, :k], similarities[:, :k]

    def _remembered_neighbours(
        self, vectors: np.ndarray, k: int, progress: Progress
    ) -> tuple[np.ndarray, np.ndarray]:
        from curation.embedding.neighbours import nearest

        digest = hashlib.blake2b(np.ascontiguousarray(vectors).data, digest_size=16).hexdigest()
        code = module_version(nearest.__module__)
        name = key("neighbours", code, digest, vectors.shape, k)
        table = self.cache.get(name)
        if table is None:
            indices, similarities = nearest(vectors, k, progress)
            width = indices.shape[1]
            columns = [pa.array(a.reshape(-1)) for a in (indices, similarities)]
            lists = [
                pa.FixedSizeListArray.from_arrays(c, width) if width else pa.nulls(len(vectors))
                for c in columns
            ]
            table = pa.table(dict(zip(("indices", "similarities"), lists, strict=True)))
            self.cache.put(name, table)
            return indices, similarities
        shape = (len(vectors), -1)
        parts = [
            table[c].combine_chunks().flatten().to_numpy() for c in ("indices", "similarities")
        ]
        return parts[0].reshape(shape), parts[1].reshape(shape)

    def _embed_revived(self, dataset: Dataset, compute: Callable[[Operation], bool]) -> Dataset:
        """Give vectors to rows that a person kept although they were dropped before `embed`."""
        assert dataset.vectors is not None
        bare = dataset.rows["dropped_by"].isna().to_numpy() & np.isnan(dataset.vectors[:, 0])
        steps = [r for r in dataset.steps if r.kind == "embed"]
        if not bare.any() or not steps:
            return dataset
        from curation.registry import operation

        rows = dataset.rows[bare].sort_index()
        embed = operation(steps[-1].use)
        store = self.store if compute(embed) else self.store.remembering()
        offers = {"rows": rows, "store": store, "progress": silent}
        vectors = dataset.vectors.copy()
        try:
            answer = embed.run(*(offers[name] for name in embed.inputs), **steps[-1].params)
            made = answer[0] if isinstance(answer, tuple) else answer
            vectors[dataset.rows.index.get_indexer(rows.index)] = made
        except NotRemembered:
            raise NotCached(steps[-1].name, dataset) from None
        return dataset.replace(vectors=vectors)


PHASE_OF_WHOLE = "split"


@dataclass(frozen=True)
class _Stage:
    """A step of the recipe, or the place where people's decisions land."""

    name: str
    title: str
    people: pd.DataFrame | None
    step: Step | None = None

    def fingerprint(self, before: str, replay: Replay, decide: bool = False) -> str:
        """A name for the result after this stage, given the one before; `decide` as in registry."""
        if self.step is None:
            assert self.people is not None
            return key(before, PEOPLE, list(self.people.columns), _said(self.people))
        operation, params = self.step.operation, self.step.arguments
        depends = operation.depends_on(params, replay.store, decide)
        if "decisions" in operation.inputs:
            depends = [depends, operation.read_of(params, replay.people)]
        return key(before, self.name, operation.version, params, depends)


def _said(people: pd.DataFrame) -> str:
    """A digest of what people said of which examples, in whatever order; pages ask for it often."""
    ordered = people.sort_index()
    columns = [ordered[c].astype(object).where(ordered[c].notna(), None) for c in ordered]
    said = [ordered.index.tolist(), *(column.tolist() for column in columns)]
    return hashlib.blake2b(orjson.dumps(said), digest_size=16).hexdigest()


def _lay_over(
    dataset: Dataset, stage: _Stage, delta: pd.DataFrame, vectors: np.ndarray | None
) -> tuple[Dataset, pd.Series | None]:
    """The dataset with a delta laid over it, and the text it replaced."""
    rows, before = dataset.rows, None
    if "messages" in delta:
        fresh = delta["messages"].dropna()
        fresh = fresh[fresh != rows.loc[fresh.index, "messages"]]
        before = rows.loc[fresh.index, "messages"]
        rows = rows.assign(messages=overlaid(rows["messages"], fresh))
    if "label" in delta:
        rows = rows.assign(label=overlaid(rows["label"], delta["label"].dropna()))
    if "messages" in delta or "label" in delta:
        rows = with_derived(rows, list(delta.index))
    elsewhere = {*_CONTROL, *BASE_COLUMNS} - {"split"}
    made = [str(c) for c in delta if c not in elsewhere]
    whole = delta[made]
    if not delta.index.equals(rows.index):
        whole = whole.reindex(rows.index)
    fresh_columns = {
        name: whole[name] if name == "split" else _over(rows.get(name), whole[name])
        for name in made
    }
    if "keep" in delta and len(delta):
        fresh_columns["dropped_by"] = _dropped_by(rows["dropped_by"], stage, delta["keep"])
        if stage.step is None:
            pinned = pd.Series(False, index=rows.index)
            pinned[delta.index[delta["keep"]]] = True
            fresh_columns["pinned"] = pinned
    return dataset.replace(rows=rows.assign(**fresh_columns), vectors=vectors), before


def _over(old: pd.Series | None, fresh: pd.Series) -> pd.Series:
    """A measured column; where a second step did not measure, what the first found stays."""
    if old is None or not fresh.isna().any():
        return fresh
    return fresh.where(fresh.notna(), old.astype(fresh.dtype) if old.dtype != fresh.dtype else old)


def _dropped_by(dropped: pd.Series, stage: _Stage, keep: pd.Series) -> pd.Series:
    """Who dropped each row: a step drops what is still kept, a person overrules everybody."""
    result = dropped.copy()
    if stage.step is None:
        result[keep.index[keep]] = None
        result[keep.index[~keep]] = PEOPLE
        return result
    refused = keep.index[~keep]
    still = result.loc[refused].isna()
    result[refused[still.to_numpy()]] = stage.name
    return result


def with_people(dataset: Dataset, people: PeopleState) -> Dataset:
    """A replayed dataset with today's decisions shown on it, before the next run takes them in.

    Edited text, labels, and who keeps or drops what are up to date; scores are those of the run.
    """
    rows = dataset.rows
    mine = rows["dropped_by"] == PEOPLE
    if mine.any():
        rows = rows.assign(dropped_by=rows["dropped_by"].mask(mine))
    result = dataset.replace(rows=rows)
    for frame in (people.edits_frame(), people.verdicts_frame()):
        known = frame[rows.index.get_indexer(frame.index) >= 0]
        if len(known):
            result, _ = _lay_over(result, _Stage(PEOPLE, "", known), known, result.vectors)
    return result


def _batch_key(operation: Operation, batch: Batch, depends: Any) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for column in ("messages", "label", *operation.columns_read(batch.params)):
        if pd.api.types.is_float_dtype(batch.rows[column]):  # JSON knows no infinity
            digest.update(batch.rows[column].to_numpy(dtype=float, na_value=np.nan).tobytes())
            continue
        values = batch.rows[column].tolist()
        digest.update(
            orjson.dumps([None if v != v else v for v in values], option=orjson.OPT_SERIALIZE_NUMPY)
        )
    return key(
        "batch", operation.name, operation.version, batch.params, depends, digest.hexdigest()
    )


def _positions_to_ids(part: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    return part.set_axis(index[part.index.to_numpy()])


def _to_table(delta: pd.DataFrame, seconds: float) -> pa.Table:
    table = pa.Table.from_pandas(delta)
    return table.replace_schema_metadata(
        {**(table.schema.metadata or {}), b"seconds": repr(seconds).encode()}
    )


def _from_table(table: pa.Table) -> tuple[pd.DataFrame, float]:
    return table.to_pandas(), float(table.schema.metadata[b"seconds"])
