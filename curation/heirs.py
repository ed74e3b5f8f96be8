"""Heirs: copies that come back because a person dropped the row that was kept for them.

Guarantee: a copy comes back only where the step knows no copy of it that stays, and of several copies
the step's own choice comes back. Accepted: a row that comes back is not compared with the rows that
later steps kept, so it may stay beside a near copy, in the next run too; later steps that drop copies
compare it only with the copies that come back from them.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pandas as pd

from curation.cache import Memory, key
from curation.dataset import Dataset, silent
from curation.registry import operation
from curation.report import PEOPLE, StepReport

NEAR = "duplicate_of_all"
"""The column of a delta that names all rows that a step kept and a dropped row is a copy of."""

PART = "duplicate_part"
"""The column of a delta that names a part for each row, where a step finds other pairs among fewer rows.

Rows of two parts are no copies, and the step's operation, given this column, finds the pairs again.
"""

NO_HEIRS = pd.DataFrame(
    {"keep": pd.Series(dtype=bool), "reason": pd.Series(dtype="str")},
    index=pd.Index([], dtype="str"),
)


def heirs_of(dataset: Dataset, people: Any) -> pd.DataFrame:
    """The rows that come back, by id, of a dataset on which people's verdicts are laid.

    Columns keep and reason. people: decisions on copies, or None.
    """
    rows, heirs = dataset.rows, NO_HEIRS
    dropped = rows.index[rows["dropped_by"] == PEOPLE]
    for step in dataset.steps if len(dropped) else ():
        if NEAR not in step.delta:
            continue
        copies = _orphans(step, rows, dropped, people)
        if not len(copies):
            continue
        back = _kept_again(step, dataset, people, copies, _newcomers(step, rows, heirs.index))
        reasons = [
            f"comes back: {i}, which was kept for it, was dropped by people"
            for i in step.delta["duplicate_of"].loc[back]
        ]
        reason = pd.Series(reasons, index=back, dtype="str")
        heirs = pd.concat([heirs, pd.DataFrame({"keep": True, "reason": reason})])
    return heirs


def _orphans(step: StepReport, rows: pd.DataFrame, dropped: pd.Index, people: Any) -> pd.Index:
    """The rows that a step dropped as copies of rows of which people dropped every one, sorted."""
    kept_for = step.delta["duplicate_of"]
    copies = kept_for.index[kept_for.isin(dropped)]
    copies = copies[(rows["dropped_by"].loc[copies] == step.name).to_numpy()]
    apart = {} if people is None else people.apart
    missing = set(dropped)

    def stays_for(copy: str, other: str) -> bool:
        told_apart = other in apart.get(copy, ()) or copy in apart.get(other, ())
        return other not in missing and not told_apart

    near = zip(copies.tolist(), step.delta[NEAR].loc[copies].tolist(), strict=True)
    orphans = [
        copy for copy, others in near if not any(stays_for(copy, other) for other in others.split())
    ]
    heirs: pd.Index = pd.Index(sorted(orphans), dtype="str")
    return heirs


def _newcomers(step: StepReport, rows: pd.DataFrame, heirs: pd.Index) -> pd.Index:
    """The rows that stay though the step did not keep them: people keep them, or they came back."""
    pinned = rows.index[rows["pinned"].fillna(False).astype(bool)]
    kept = step.delta.index[step.delta["keep"].to_numpy()]
    newcomers: pd.Index = pinned.append(heirs).difference(kept)
    return newcomers


def _kept_again(
    step: StepReport, dataset: Dataset, people: Any, copies: pd.Index, newcomers: pd.Index
) -> pd.Index:
    """The copies that a step's operation keeps when it is given these and the newcomers alone.

    Newcomers stay before all copies. Remembered by the rows, for most decisions of people leave the
    copies as they were.
    """
    while True:
        answer = _answer(step, dataset, people, copies, newcomers)
        keep = answer["keep"]
        kept: pd.Index = keep.index[keep.to_numpy()].difference(newcomers)
        hidden = newcomers[~keep.loc[newcomers].to_numpy()]
        if not len(hidden):
            return kept
        # They stay though other newcomers are near to them, so what is near to them goes too.
        stay = set(newcomers)
        near = answer[NEAR].loc[copies].fillna("")
        copies = copies[[stay.isdisjoint(others.split()) for others in near]]
        newcomers = hidden


def _answer(
    step: StepReport, dataset: Dataset, people: Any, copies: pd.Index, newcomers: pd.Index
) -> pd.DataFrame:
    """The answer of a step's operation for these copies and the newcomers: columns keep and NEAR."""
    from curation.alike import AT_ONCE
    from curation.embedding.neighbours import nearest, without_gaps

    again, ids = operation(step.use), copies.union(newcomers)
    rows = dataset.with_columns(again.columns_read(step.params), dataset.rows.loc[ids])
    if PART in step.delta:
        rows = rows.assign(
            **{PART: _parts(step.delta[PART], dataset.rows["duplicate_of"].loc[ids])}
        )
    offers: dict[str, Any] = {
        "rows": rows,
        "progress": silent,
        "decisions": _preferring(people, newcomers),
        "work": AT_ONCE,
    }
    name, places = "", b""
    if "vectors" in again.inputs:
        assert dataset.vectors is not None
        offers["vectors"] = vectors = dataset.vectors[dataset.rows.index.get_indexer(ids)]
        offers["neighbours"] = lambda k, some=slice(None): nearest(without_gaps(vectors)[some], k)
        places = vectors.tobytes()
    with suppress(TypeError):  # a column of lists
        content = pd.util.hash_pandas_object(rows).to_numpy()
        name = key(
            *(step.use, again.version, step.params, list(rows.columns), list(ids), content),
            *(again.read_of(step.params, people), list(newcomers)),
            hashlib.blake2b(places, digest_size=16).hexdigest(),
        )
    answer = _again.get(name) if name else None
    if answer is None:
        answer = again.run(*(offers[i] for i in again.inputs), **step.params)[["keep", NEAR]]
        if name:
            _again.put(name, answer)
    return answer


def _parts(parts: pd.Series, kept_for: pd.Series) -> pd.Series:
    """The part of each row: that of the row that was kept for it, where the step did not see it.

    kept_for: the row that was kept for each, missing where none was. Other rows are a part each.
    """
    ids = kept_for.index
    own = pd.Series(ids, index=ids, dtype="str")
    of_kept = parts.reindex(kept_for).set_axis(ids)
    return parts.reindex(ids).fillna(of_kept).fillna(own)


def _preferring(people: Any, newcomers: pd.Index) -> Any:
    """People's decisions on copies, as if a person had last preferred these rows."""
    newest = SimpleNamespace(seq=float("inf"))
    preferred = {} if people is None else people.preferred
    return SimpleNamespace(
        apart={} if people is None else people.apart,
        preferred={**preferred, **dict.fromkeys(newcomers, newest)},
    )


_again = Memory[pd.DataFrame](8)
"""Answers of `_answer`."""
