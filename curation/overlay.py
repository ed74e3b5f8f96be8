"""A dataset as layers: the source, what each step found, and what people say today.

A step leaves a small frame, its *delta*: the columns it adds, the rows it drops and why, the text it
changes. People leave two: edits and labels, which land after cleaning, and what they keep and drop,
which lands before selection. A dataset is its source with all of these laid over it in order. No
layer changes another, so a layer of people can be exchanged at any time: `over` puts today's
decisions in the place of those that a run knew, and an undo after a run shows what was there before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import pandas as pd

from curation.cache import Memory, key
from curation.conversations import exchanged
from curation.dataset import BASE_COLUMNS, Dataset, with_derived
from curation.heirs import NEAR, PART, heirs_of
from curation.numbered import numbers_of, replaced, spread
from curation.personal.redaction import REDACTED, redacted_json
from curation.registry import KINDS, PHASES
from curation.report import DISAGREEMENT, PEOPLE, PEOPLE_COLUMNS, StepReport
from curation.unwritten import laid_over, named

CONTROL = ("keep", "reason", "messages", "label", "split", NEAR, PART)
"""Columns of a delta that are not measured columns of the dataset."""

BESIDE = ("tools", "rejected", "metadata")
"""Texts of an example beside its conversation, which a cleaner may change too."""

T = TypeVar("T")


class Source(NamedTuple):
    """The examples as imported, and the digest of their table: read together, or not at all."""

    digest: str
    dataset: Dataset


class PeopleState(Protocol):
    """People's decisions as layers read them; `curation.decisions.State` is one."""

    def edits_frame(self) -> pd.DataFrame:
        """Rows edited or labelled: index id; messages and label (missing: not touched), reason."""

    def verdicts_frame(self) -> pd.DataFrame:
        """Rows kept or dropped by a person: index id; columns keep (bool), reason."""

    def fingerprint(self, kinds: Iterable[str] = ...) -> str:
        """Equal for equal decisions of those kinds."""


class PeopleTable(Protocol):
    """People's decisions as `with_decisions` reads them; `curation.decisions.State` is one."""

    @property
    def disagreement(self) -> Mapping[str, float]:
        """Example → share of unequal pairs of answers, where two people or more answered."""

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """The names of the columns with answers to the lead's questions."""

    def frame(self, columns: Sequence[str] = ...) -> pd.DataFrame:
        """One row per example that somebody touched, by id."""


@dataclass(frozen=True)
class PeopleLayer:
    """People's decisions on the rows, at one of the two places in the recipe where they count."""

    title: str
    fingerprint: str
    delta: pd.DataFrame = field(repr=False)

    def report(self, fingerprint: str) -> StepReport:
        """The layer as a step that is not laid yet."""
        return StepReport(
            name=PEOPLE,
            use=PEOPLE,
            title=self.title,
            kind=PEOPLE,
            params={},
            fingerprint=fingerprint,
            cached=True,
            delta=self.delta,
        )


def interleaved(
    steps: Sequence[T],
    phase_of: Callable[[T], str],
    people: PeopleState | None,
    last: str = PHASES[-1],
) -> Iterator[T | PeopleLayer]:
    """Steps by phase, with people's layers at their places.

    last: the phase in which this ends; people's layers at its end and behind it are left out.
    """
    lands = {} if people is None else {"clean": _edits, "measure": _verdicts}
    for phase in PHASES:
        yield from (step for step in steps if phase_of(step) == phase)
        if phase in lands and PHASES.index(last) > PHASES.index(phase):
            assert people is not None
            layer = lands[phase](people)
            if len(layer.delta):
                yield layer


def _edits(people: PeopleState) -> PeopleLayer:
    fingerprint = people.fingerprint(("edit", "label"))
    return PeopleLayer("Edits and labels", fingerprint, people.edits_frame())


def _verdicts(people: PeopleState) -> PeopleLayer:
    # Which copies come back depends also on what is no duplicate and on what stays for its copies.
    fingerprint = people.fingerprint(("keep", "drop", "apart", "prefer"))
    return PeopleLayer("Kept and dropped by people", fingerprint, people.verdicts_frame())


def lay(dataset: Dataset, layer: StepReport, people: PeopleState | None = None) -> Dataset:
    """The dataset with a layer over it; the layer gets its counts and is the newest of its steps.

    A person overrules every step; a step drops only what is still kept. people: decisions on copies.
    """
    rows, before, overruled = dataset.rows, None, None
    delta, by_people = layer.delta, layer.use == PEOPLE
    if by_people and "messages" in delta and (kinds := redacted_kinds(dataset)):
        delta = _redacted(rows, delta, kinds)
    numbers = numbers_of(rows.index, delta.index) if layer.numbers is None else layer.numbers
    if (numbers < 0).any():  # decided of examples that are not here now
        delta, numbers = delta[numbers >= 0], numbers[numbers >= 0]
    if "messages" in delta:
        rows, before = _reworded(rows, numbers, delta["messages"])
    own = dataset.own
    for name in [name for name in (*BESIDE, "label") if name in delta]:
        some = delta[name].notna().to_numpy()
        rows = rows.assign(**{name: replaced(rows[name], numbers[some], delta[name][some])})
        if name == "metadata":
            own = own.over(rows[name], layer.fingerprint)
    if "messages" in delta or "label" in delta:
        rows = with_derived(rows, numbers)
    columns = _measured(rows, delta, numbers)
    if "keep" in delta and len(delta):
        keep = delta["keep"].to_numpy(dtype=bool)
        if not by_people:
            columns["dropped_by"] = _dropped_by(rows["dropped_by"], numbers[~keep], layer.name)
        else:
            former = rows["dropped_by"].iloc[numbers]
            overruled = former[former.notna()]
            columns |= _decided(rows, numbers, keep)
            decided = dataset.replace(rows=rows.assign(**columns))
            heirs = heirs_of(decided, people)
            if len(heirs):
                columns["dropped_by"][heirs.index] = None
                delta = pd.concat([delta, heirs])
                numbers = np.append(numbers, numbers_of(rows.index, heirs.index))
    after = rows.assign(**columns)
    kept = dataset.rows["dropped_by"].isna()
    still = after["dropped_by"].isna()
    report = replace(
        layer,
        kept_in=int(kept.sum()),
        kept_out=int(still.sum()),
        dropped=int((kept & ~still).sum()),
        changed=0 if before is None else len(before),
        columns=tuple(c for c in delta.columns if c not in (*CONTROL, *BASE_COLUMNS)),
        delta=delta,
        before=before,
        overruled=overruled,
        numbers=numbers,
    )
    return dataset.replace(rows=after, steps=(*dataset.steps, report), own=own)


def redacted_kinds(dataset: Dataset) -> tuple[str, ...]:
    """The kinds of personal data that steps of a dataset replaced; none where no step did."""
    steps = [report for report in dataset.steps if REDACTED in report.columns]
    return tuple(dict.fromkeys(kind for report in steps for kind in report.params["kinds"]))


def _redacted(rows: pd.DataFrame, delta: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """People's edits without the personal data that steps before them replaced in all texts."""
    edits = delta["messages"].dropna()
    beside = rows[list(BESIDE)].reindex(edits.index).fillna("").astype(str)
    texts = [
        redacted_json(edit, kinds, others)
        for edit, others in zip(edits, beside.to_numpy().tolist(), strict=True)
    ]
    fresh = pd.Series(texts, index=edits.index, dtype=edits.dtype)
    places = np.flatnonzero(delta["messages"].notna())
    return delta.assign(messages=replaced(delta["messages"], places, fresh))


def _reworded(
    rows: pd.DataFrame, numbers: np.ndarray, messages: pd.Series
) -> tuple[pd.DataFrame, pd.Series]:
    """Rows with other conversations at some numbers, missing for none, and the former ones that differ."""
    some = messages.notna().to_numpy()
    numbers, fresh = numbers[some], messages[some]
    former = rows["messages"].iloc[numbers]
    differ = np.asarray(fresh.array != former.array, dtype=bool)
    changed = exchanged(rows["messages"], numbers[differ], fresh[differ])
    return rows.assign(messages=changed), former[differ]


def _measured(rows: pd.DataFrame, delta: pd.DataFrame, numbers: np.ndarray) -> dict[str, pd.Series]:
    """The columns that a delta adds; where a second step did not measure, the first's value stays."""
    elsewhere = {*CONTROL, *BASE_COLUMNS} - {"split"}
    names = [str(c) for c in delta if c not in elsewhere]
    if not names:
        return {}
    whole = spread(delta[names], numbers, rows.index)
    return {
        name: whole[name] if name == "split" else _over(rows.get(name), whole[name])
        for name in names
    }


def _over(old: pd.Series | None, fresh: pd.Series) -> pd.Series:
    if old is None or not fresh.isna().any():
        return fresh
    return laid_over(fresh, old.astype(fresh.dtype) if old.dtype != fresh.dtype else old)


def _dropped_by(dropped: pd.Series, refused: np.ndarray, step: str) -> pd.Series:
    """Name who dropped each row, after a step that drops the rows of some numbers if still kept."""
    return named(dropped, refused[dropped.isna().to_numpy()[refused]], step)


def _decided(rows: pd.DataFrame, numbers: np.ndarray, keep: np.ndarray) -> dict[str, pd.Series]:
    """Name who dropped each row, and which are pinned, after people, who overrule every step."""
    dropped = rows["dropped_by"].astype(object).to_numpy(copy=True)
    dropped[numbers[keep]] = None
    dropped[numbers[~keep]] = PEOPLE
    pinned = np.zeros(len(rows), dtype=bool)
    pinned[numbers[keep]] = True
    return {
        "dropped_by": pd.Series(dropped, index=rows.index, dtype=rows["dropped_by"].dtype),
        "pinned": pd.Series(pinned, index=rows.index),
    }


def over(
    source: Source, ran: Dataset, people: PeopleState | None, memory: Memory[Dataset]
) -> tuple[Dataset, str]:
    """A run's layers over its source, with today's decisions in the place of those it knew.

    Text, labels, and who keeps or drops what are today's, and so are all counts; scores, vectors and
    splits are the run's. A row that somebody keeps since the run is left out by no selection: that
    chose without knowing. Returns the dataset and its fingerprint.
    """
    dataset, mark = source.dataset.replace(vectors=ran.vectors), key("over", source.digest)
    pinned = _pinned(ran)
    steps = [report for report in ran.steps if report.use != PEOPLE]
    for layer in interleaved(steps, lambda report: KINDS[report.kind], people):
        mark = key(mark, layer.fingerprint)
        laid = memory.get(mark)
        if laid is None:
            if isinstance(layer, PeopleLayer):
                report = layer.report(mark)
            elif layer.kind == "select":
                report = _without(layer, _pinned(dataset).difference(pinned))
            else:
                report = layer
            laid = lay(dataset, report, people)
            memory.put(mark, laid)
        dataset = laid
    return dataset.replace(vectors=ran.vectors), mark


def _pinned(dataset: Dataset) -> pd.Index:
    """The rows that a person keeps."""
    rows = dataset.rows
    return (
        rows.index[rows["pinned"].fillna(False).astype(bool)]
        if "pinned" in rows
        else rows.index[:0]
    )


def _without(layer: StepReport, ids: pd.Index) -> StepReport:
    """A layer that says nothing of these rows."""
    if not len(ids):
        return layer
    rest = ~layer.delta.index.isin(ids)
    numbers = None if layer.numbers is None else layer.numbers[rest]
    return replace(layer, delta=layer.delta[rest], numbers=numbers)


def with_decisions(
    dataset: Dataset, people: PeopleTable | None, columns: Sequence[str] | None = None
) -> Dataset:
    """Return the dataset with what people said in columns; missing where nobody did.

    columns: by default PEOPLE_COLUMNS, and one for each answered question of the lead's. Where an
    example has two answers or more, there is a column `disagreement` too: the share of unequal pairs.
    """
    if columns is None:
        columns = (*PEOPLE_COLUMNS, *(() if people is None else people.answer_columns))
    rows = dataset.rows
    if people is None:
        empty = {c: pd.Series(None, index=rows.index, dtype="str") for c in columns}
        return dataset.replace(rows=rows.assign(**empty))
    table = people.frame(columns).reindex(rows.index).replace("", None)
    if people.disagreement:
        shares = pd.Series(dict(people.disagreement), dtype="float64")
        table[DISAGREEMENT] = shares.reindex(rows.index)
    return dataset.replace(rows=rows.assign(**table))
