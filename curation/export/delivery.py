"""Writing of a delivery: files of each format, manifest, card, receipts and ids.

Guarantee: the folder is complete or absent; the same dataset and origin give the same bytes. Records
and receipts are written in parts, so that the memory for them does not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from curation.alike.keys import columns_of
from curation.alike.work import AT_ONCE, Work
from curation.dataset import Dataset, Progress, silent
from curation.errors import CurationError
from curation.export import atlas, receipts
from curation.export.card import READ as OF_CARD
from curation.export.card import card
from curation.export.card_page import page
from curation.export.card_text import markdown
from curation.export.croissant import croissant
from curation.export.delivery_format import DeliveryFormat, Row, Survey
from curation.export.fitting import (
    Fitting,
    check_formats,
    delivery_formats,
)
from curation.export.folder import check_folders, entry, put, put_lines, replacing
from curation.export.leaks import leaks
from curation.export.manifest import READ as OF_MANIFEST
from curation.export.manifest import manifest_of
from curation.export.offer import EVERYTHING, SPLITS, counted, listed, offered
from curation.export.origin import Origin, People
from curation.export.places import without_folders
from curation.export.shards import LARGEST, Shard, write_shards
from curation.export.trainers.tables import dataset_info
from curation.footprint import give_back
from curation.looking.filter import Filter
from curation.overlay import redacted_kinds
from curation.text.slug import slug

WorkOf = Callable[[np.ndarray], Work]
"""Positions of rows → the computations of a comparison of these."""

ALSO = {"dropped": "Dropped and refused rows", "atlas": "Table for Embedding Atlas"}
"""Further tables of a delivery, written on request."""


def check(out: Path, formats: Sequence[str]) -> None:
    """Raise CurationError when a format is unknown or `out` holds a file of another program."""
    check_formats(formats)
    check_folders(out.resolve())


def export(
    dataset: Dataset,
    origin: Origin,
    out: Path,
    formats: Sequence[str] = ("trl",),
    *,
    allow_attention: bool = False,
    pseudonyms: bool = False,
    only: Filter = EVERYTHING,
    ids: Collection[str] | None = None,
    also: Collection[str] = (),
    leak_similarity: float = 0.95,
    shard_bytes: int = LARGEST,
    progress: Progress = silent,
    work: WorkOf = lambda places: AT_ONCE,
) -> dict[str, Any]:
    """Write a delivery folder with the given formats and return its manifest.

    Rows that need attention, or hold tokens of a chat template, are left out and counted, unless
    allow_attention. A row that a format cannot hold, or its trainer would refuse, is not in that
    format; the manifest gives the reason. A folder that an export made is replaced; any other that
    is not empty is refused. pseudonyms: people are called annotator 1, 2 … in all files. only:
    filter; kept rows that do not meet it are left out, and the manifest holds its conditions. ids:
    of the only rows that are wanted; the manifest counts them, and those that are dropped.
    also: names of ALSO, further tables that are written. shard_bytes: size from which a file is continued in another.
    work: of the leak check.

    Raises CurationError, and changes nothing, when a format or an id is unknown, the filter names a
    missing column or value, no row is left to deliver, or the folder cannot be written.
    """
    check(out, formats)
    if unknown := [name for name in also if name not in ALSO]:
        raise CurationError(f"There is no table {unknown[0]!r}; choose from {', '.join(ALSO)}.")
    out = out.resolve()
    dataset, origin = without_folders(dataset, origin)
    people = People.of(origin.people, pseudonyms)
    places, why = offered(dataset, allow_attention, only, origin.people, ids)
    give_back(len(dataset))
    with replacing(out) as folder:
        writer = _Writer(dataset, people, folder, slug(origin.name, "data", None), shard_bytes)
        names = list(dict.fromkeys(formats))
        for n, name in enumerate(names):
            progress(0.8 + 0.15 * n / len(names), f"Writing {name}")
            writer.write(delivery_formats()[name], places)
        results = writer.results
        written = np.logical_or.reduce([f.delivered for f in results.values()])
        if not written.any():
            raise CurationError(_nothing_left(results, len(places)))
        places = places[written[places]]
        vectors = None if dataset.vectors is None else dataset.vectors.of_rows(places)
        progress(0.95, "Checking for leaks")
        leaked = leaks(
            dataset.rows,
            vectors,
            leak_similarity,
            lambda share, text: progress(0.95 + 0.05 * share, text),
            work(places),
            places,
        )
        give_back(len(places))
        read = dict.fromkeys((*OF_MANIFEST, *OF_CARD))
        delivered = columns_of(dataset.rows, read).iloc[places]
        files = writer.listed
        manifest = manifest_of(
            dataset, origin, people, why, results, writer.rendering, files, delivered
        )
        if only:
            manifest["filter"] = only.options()
        if ids is not None:
            manifest["ids"] = _of_ids(dataset, ids)
        manifest["leaks"] = leaked
        hub: dict[str, list[str]] = {}
        for f in files:
            if f["format"] == "hf":
                hub.setdefault(f["split"], []).append(f["path"])
        info = dataset_info(folder, hub) if hub else {}
        bare = (dataset.rows["response"] == "").to_numpy(dtype=bool)[places]
        contents = card(dataset, delivered, manifest, info, people.text, float(bare.mean()))
        for path, data in (
            ("README.md", markdown(contents).encode()),
            ("card.html", page(contents).encode()),
            ("recipe.yaml", origin.recipe.encode()),
        ):
            files.append(put(folder, path, data))
        tables = receipts.Tables(dataset, origin, people, why, results)
        files.append(receipts.write(folder, "receipts.parquet", tables.receipts()))
        files.append(receipts.write(folder, "ids.parquet", writer.ids()))
        if "dropped" in also:
            files.append(receipts.write(folder, "dropped.parquet", tables.dropped()))
            files.append(receipts.write(folder, "rejected.parquet", tables.rejected()))
        if "atlas" in also:
            files.append(atlas.write(folder, dataset.rows, places, vectors))
        lines = people.lines(delivered.index, redacted_kinds(dataset))
        files.append(put_lines(folder, "decisions.jsonl", lines))
        files.append(put(folder, "croissant.json", croissant(manifest, writer.samples)))
        put(folder, "manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
    return manifest


class _Writer:
    """Writes the files of formats and keeps what the rest of a delivery needs to know of them.

    results: the rows of each format. rendering: results of rendering, by format. samples: format →
    column → a value of it. listed: entries of the manifest.
    """

    def __init__(
        self, dataset: Dataset, people: People, folder: Path, slug: str, shard_bytes: int
    ) -> None:
        self._rows, self._folder, self._shard_bytes = dataset.rows, folder, shard_bytes
        self._words, self._facts = people.words, {"slug": slug}
        self._split = dataset.rows["split"].fillna("train").astype("str")
        self._shards: list[Shard] = []
        self.results: dict[str, Fitting] = {}
        self.rendering: dict[str, Any] = {}
        self.samples: dict[str, dict[str, Any]] = {}
        self.listed: list[dict[str, Any]] = []

    def write(self, format: DeliveryFormat, places: np.ndarray) -> None:
        """Write the files of one format."""
        fitting = self.results[format.name] = Fitting(format, self._rows, self._words)
        survey = format.survey() if format.survey else None
        sample = dict[str, Any]()
        paths: dict[str, list[str]] = {}
        for name in SPLITS:
            mine = places[(self._split == name).to_numpy()[places]]
            shards = write_shards(
                format,
                name,
                _noted(fitting.records(mine), survey, sample),
                self._folder,
                self._shard_bytes,
            )
            if not shards:
                continue
            paths[name] = [shard.path for shard in shards]
            rows = sum(len(shard.places) for shard in shards)
            few = name == "train" and rows < format.least
            warning = f"{format.title} asks for at least {format.least} examples to train on"
            for shard in shards:
                about = entry(self._folder, shard.path, len(shard.places), format.name, name)
                self.listed.append({**about, "problems": [warning] if few else []})
            self._shards += shards
        if sample:
            self.samples[format.name] = sample
        if format.extra and "train" in paths:
            for path, data in format.extra(paths, self._facts).items():
                self.listed.append(put(self._folder, path, data, format.name))
        if survey and (result := survey.result()):
            self.rendering[format.name] = result

    def ids(self) -> Iterator[pd.DataFrame]:
        """Yield the file, the row from 1 and the id of every record, file by file."""
        for shard in self._shards:
            places = np.frombuffer(shard.places, dtype=np.int64)
            for start in range(0, len(places), receipts.CHUNK):
                part = places[start : start + receipts.CHUNK]
                rows = range(start + 1, start + 1 + len(part))
                ids = self._rows.index[part]
                yield pd.DataFrame({"file": shard.path, "row": rows, "id": ids})


def _noted(
    records: Iterator[tuple[int, Row]], survey: Survey | None, sample: dict[str, Any]
) -> Iterator[tuple[int, Row]]:
    """Yield records, show them to a survey, and add a value of each column to a sample."""
    for place, record in records:
        if survey:
            survey.add(record)
        for name, value in record.items():
            if sample.get(name) is None:
                sample[name] = value
        yield place, record


def survey(
    dataset: Dataset,
    formats: Sequence[str] = ("trl",),
    words: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    allow_attention: bool = False,
) -> dict[str, dict[str, Any]]:
    """Return the contents of a delivery in each format, without writing it.

    words: see `People.words`. Returns format → rows, excluded (reason → kept rows that no format
    gets), not_in (code → rows, why, ids) and lost (part → rows).
    """
    check_formats(formats)
    places, why = offered(dataset, allow_attention)
    surveyed: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(formats):
        fitting = Fitting(delivery_formats()[name], dataset.rows, words)
        surveyed[name] = {
            "rows": sum(1 for _ in fitting.records(places)),
            "excluded": counted(why),
            "not_in": fitting.refusals(),
            "lost": fitting.losses(),
        }
    return surveyed


def _nothing_left(results: Mapping[str, Fitting], rows: int) -> str:
    reasons = [
        f"{delivery_formats()[name].title} can hold none of the {rows:,} examples "
        f"({next(iter(f.refusals().values()))['why']})"
        for name, f in results.items()
    ]
    return f"{'; '.join(reasons)}. Mend or drop them, or choose another format."


def _of_ids(dataset: Dataset, ids: Collection[str]) -> dict[str, Any]:
    """Return the manifest's entry of the listed ids: their number, and those dropped, by whom."""
    dropped = dataset.rows["dropped_by"][listed(dataset.rows.index, ids)].dropna().value_counts()
    return {"listed": len(set(ids)), "dropped": {str(by): int(n) for by, n in dropped.items()}}
