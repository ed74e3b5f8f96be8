"""The files' own columns: every scalar beside the conversation, under its name in the file.

Their values stay as JSON in each row's metadata, and a column is read when something names it.
Guarantee: columns that nobody reads cost neither memory nor time. Accepted cost: the first use of a
column parses the metadata of all rows.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from curation.cache import Cache, key
from curation.errors import CurationError

PREFIX = "column:"
"""Prefix of a file's own column where a step or the program has a column of that name."""

CLAIMED = frozenset(("id", "source_file", "dropped_by", "pinned", "keep", "reason"))
"""Further names that never mean a file's column."""

LISTED = 2_000
"""Most columns of a dataset; of more, those with the most rows are used."""

HELD = 16
"""Columns kept in memory at a time."""

LETTERS = 2_000_000
"""Letters of metadata parsed at a time; Python's objects take ten times their memory."""

ROWS = 4_000
"""Rows that are parsed at a time at most."""

_VERSION = 1
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_NOTHING = frozenset(("", "na", "n/a", "nan", "null", "none"))
"""Texts that tables write for a missing number."""


class FileColumns:
    """The scalar columns in the metadata of imported rows.

    metadata: a JSON object or "" for each row. fingerprint: key of the metadata, under which results
    are stored in `cache`. A column is a number where every value is a number, also one written as
    text; otherwise it is boolean or text. Null and blank count as missing. A key with a list or an
    object in any row is no column.
    """

    def __init__(
        self, metadata: pd.Series | None = None, fingerprint: str = "", cache: Cache | None = None
    ) -> None:
        self._metadata = pd.Series(dtype="str") if metadata is None else metadata
        self._fingerprint, self._cache = fingerprint, cache
        self._kinds: dict[str, str] | None = None
        self._held: OrderedDict[str, pd.Series] = OrderedDict()

    def over(self, metadata: pd.Series, change: str) -> FileColumns:
        """The columns of other metadata of the same rows; change: key of what changed them."""
        return FileColumns(metadata, key(self._fingerprint, change), self._cache)

    @property
    def kinds(self) -> Mapping[str, str]:
        """Name → integer, float, boolean, number (written as text) or text; in the files' order."""
        if self._kinds is None:
            table = self._remembered(None)
            if table is None:
                kinds = _kinds(self._metadata)
                names, values = list(kinds), list(kinds.values())
                table = pa.table({"name": pa.array(names, pa.string()), "kind": values})
                self._remember(None, table)
            names, values = (table[column].to_pylist() for column in ("name", "kind"))
            self._kinds = dict(zip(names, values, strict=True))
        return self._kinds

    def is_number(self, name: str) -> bool:
        """Whether a column of that name holds numbers only, or yes and no."""
        return self.kinds.get(name, "text") != "text"

    def read(self, name: str) -> pd.Series:
        """A column, indexed by id: int64, Int64, float64, boolean or str; KeyError without one."""
        column = self._held.pop(name, None)
        if column is None:
            table = self._remembered(name)
            if table is None or len(table) != len(self._metadata):
                values = _values(self._metadata, name, self.kinds[name])
                table = pa.table({"value": values})
                self._remember(name, table)
            column = _series(table["value"], self._metadata.index)
        self._held[name] = column
        while len(self._held) > HELD:
            self._held.popitem(last=False)
        return column

    def _remembered(self, name: str | None) -> pa.Table | None:
        return None if self._cache is None else self._cache.get(self._key(name))

    def _remember(self, name: str | None, table: pa.Table) -> None:
        if self._cache is not None and len(self._metadata):
            with contextlib.suppress(CurationError, OSError):  # what cannot be kept is read again
                self._cache.put(self._key(name), table)

    def _key(self, name: str | None) -> str:
        """Return the cache's key of a column; None means the list of all columns."""
        return key("file column", _VERSION, self._fingerprint, name)


def _records(metadata: pd.Series) -> Iterator[tuple[np.ndarray, list[dict[str, Any]]]]:
    """Yield positions and records of rows that have metadata, some rows at a time."""
    lengths = metadata.str.len().to_numpy(dtype=float, na_value=0)
    filled = np.flatnonzero(lengths)
    ends = np.cumsum(lengths[filled])
    start = 0
    while start < len(filled):
        enough = int(np.searchsorted(ends, (ends[start - 1] if start else 0) + LETTERS))
        places = filled[start : max(start + 1, min(enough, start + ROWS))]
        start += len(places)
        yield places, orjson.loads("[" + ",".join(metadata.iloc[places].tolist()) + "]")


def _kinds(metadata: pd.Series) -> dict[str, str]:
    """Map name → kind of every column with a value and without nested values."""
    columns: dict[str, _Seen] = {}
    for _, records in _records(metadata):
        alike: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        for record in records:
            alike.setdefault(tuple(record), []).append(tuple(record.values()))
        for names, rows in alike.items():
            for name, values in zip(names, zip(*rows, strict=True), strict=True):
                if name not in columns:
                    columns[name] = _Seen()
                columns[name].add(values)
    kinds = {name: (kind, s.rows) for name, s in columns.items() if (kind := s.kind)}
    if len(kinds) > LISTED:
        least = sorted((rows for _, rows in kinds.values()), reverse=True)[LISTED - 1]
        kinds = {n: k for n, k in kinds.items() if k[1] >= least}
    return {name: kind for name, (kind, _) in list(kinds.items())[:LISTED]}


class _Seen:
    """The types and numbers of a column's values so far."""

    def __init__(self) -> None:
        self.types: set[type] = set()
        self.rows = 0
        self._small = self._numbers = True

    def add(self, values: Sequence[Any]) -> None:
        """Add some of its values."""
        types = set(map(type, values))
        if str in types and (self._numbers or str not in self.types):
            texts = [v for v in values if type(v) is str and v.strip()]
            if not texts:
                types.discard(str)
            self._numbers = self._numbers and all(map(_number_or_nothing, texts))
        if int in types and self._small:
            self._small = all(-(2**63) <= v < 2**63 for v in values if type(v) is int)
        self.rows += len(values) - (values.count(None) if type(None) in types else 0)
        self.types |= types - {type(None)}

    @property
    def kind(self) -> str:
        """Integer, float, boolean, number or text; empty for what is no column."""
        if not self.types or self.types & {list, dict}:
            return ""
        if self.types == {bool}:
            return "boolean"
        if self.types == {int}:
            return "integer" if self._small else "number"
        if self.types <= {int, float}:
            return "float"
        return "number" if self._numbers and bool not in self.types else "text"


def _number_or_nothing(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None or text.strip().casefold() in _NOTHING


def _values(metadata: pd.Series, name: str, kind: str) -> pa.Array:
    """Return one column as an array, one value a row."""
    values: list[Any] = [None] * len(metadata)
    for places, records in _records(metadata):
        for place, record in zip(places.tolist(), records, strict=True):
            values[place] = record.get(name)
    if kind in ("number", "text"):
        return pa.array([_as_written(v) for v in values], pa.large_string())
    values = [v if type(v) is not str else None for v in values]
    types = {"integer": pa.int64(), "float": pa.float64(), "boolean": pa.bool_()}
    if kind == "float":
        values = [None if v is None else float(v) for v in values]
    return pa.array(values, types[kind])


def _as_written(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value if value and value.strip() else None
    return orjson.dumps(value).decode()


def _series(values: pa.ChunkedArray, index: pd.Index) -> pd.Series:
    kind = values.type
    if pa.types.is_large_string(kind):
        return pd.Series(values.to_pandas(), dtype="str").set_axis(index)
    if pa.types.is_floating(kind):
        return pd.Series(values.to_numpy(), index=index, dtype="float64")
    if pa.types.is_integer(kind) and not values.null_count:
        return pd.Series(values.to_numpy(), index=index, dtype="int64")
    whole = "Int64" if pa.types.is_integer(kind) else "boolean"
    return pd.Series(values.to_pylist(), index=index, dtype=whole)


# --- what a column's values are, as text and as numbers ---------------------------------------


def as_text(values: pd.Series) -> pd.Series:
    """Return a column as text: "true", "4", "4.5"; "" for a missing value."""
    if pd.api.types.is_bool_dtype(values):
        return values.map({True: "true", False: "false"}).astype("str").fillna("")
    if pd.api.types.is_float_dtype(values):
        texts = ["" if v != v else f"{v:.15g}" for v in values.to_numpy(float, na_value=np.nan)]
        return pd.Series(texts, index=values.index, dtype="str")
    return values.astype("str").fillna("")


def as_numbers(values: pd.Series) -> pd.Series:
    """Return a column as float64, NaN for a missing number; yes is 1 and no is 0.

    Raises CurationError for a column of text, unless every text is a number.
    """
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return pd.Series(values.to_numpy(float, na_value=np.nan), index=values.index)
    texts = as_text(values)
    strange = next((t for t in texts.unique() if not _number_or_nothing(t)), None)
    if strange is not None:
        example = texts.index[(texts == strange).to_numpy()][0]
        raise CurationError(f"{strange[:40]!r} of example {example} is not a number")
    return pd.to_numeric(texts.where(texts.map(_NUMBER.fullmatch).notna()), errors="coerce")


def is_number(values: pd.Series) -> bool:
    """Return whether `as_numbers` can read a column and gives at least one number."""
    try:
        return bool(as_numbers(values).notna().any())
    except CurationError:
        return False


def holds(values: pd.Series, texts: Sequence[str]) -> np.ndarray:
    """Return True for each row whose value is one of some texts; "" means a missing value.

    Numbers are compared as numbers, so that 4 is 4.0; texts as they are written.
    """
    if pd.api.types.is_bool_dtype(values):
        texts = [text.casefold() for text in texts]
    elif pd.api.types.is_numeric_dtype(values):
        numbers = [float(text) for text in texts if _NUMBER.fullmatch(text)]
        equal = np.isin(values.to_numpy(float, na_value=np.nan), numbers)
        return equal | values.isna().to_numpy() if "" in texts else equal
    return as_text(values).isin(texts).to_numpy(dtype=bool)


def unknown_values(values: pd.Series, texts: Sequence[str], name: str) -> list[str]:
    """Return a sentence for each text that is no value of a column, with similar values."""
    absent = [text for text in texts if not holds(values, [text]).any()]
    if not absent:
        return []
    existing = [str(v) for v in as_text(values).value_counts().index[:5_000] if v]
    folded = {text.strip().casefold(): text for text in reversed(existing)}
    sentences = []
    for text in absent[:10]:
        close = difflib.get_close_matches(text.strip().casefold(), folded, n=3, cutoff=0.5)
        shown = [repr(folded[c][:60]) for c in close] or [repr(k[:60]) for k in existing[:5]]
        what = "near to it" if close else "the most frequent" if len(existing) > 5 else "there are"
        values_shown = ", ".join(shown) or "none"
        sentences.append(f"No example has {text!r} as its {name}; {what}: {values_shown}.")
    if len(absent) > 10:
        sentences.append(f"{len(absent) - 10:,} more of the values stand in no example.")
    return sentences
