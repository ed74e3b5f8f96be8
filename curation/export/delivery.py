"""Writing of a delivery: files of each format, manifest, card, receipts and ids.

Guarantee: the folder is complete or absent; the same dataset and origin give the same bytes.
"""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from curation import __version__
from curation.dataset import ATTENTION, Dataset, Progress, silent
from curation.decisions.state import State
from curation.errors import CurationError
from curation.export.card import card
from curation.export.delivery_format import DeliveryFormat
from curation.export.fitting import Fitted, check_formats, delivery_formats, fitted
from curation.export.folder import check_folders, put, replacing
from curation.export.leaks import leaks
from curation.export.origin import Origin, People
from curation.export.parts import WORDS
from curation.export.receipts import parquet, receipts
from curation.export.trainers.tables import dataset_info
from curation.looking.filter import Filter
from curation.overlay import with_decisions
from curation.text.slug import slug
from curation.text.tokens import has_token
from curation.text.web import ABOUT_HTML

SPLITS = ("train", "validation", "test")

PACKAGES = (
    "numpy",
    "pandas",
    "scikit-learn",
    "umap-learn",
    "torch",
    "sentence-transformers",
    "faiss-cpu",
    "lingua-language-detector",
    "ftfy",
)
"""Packages whose versions the manifest names, because results depend on them."""

TEMPLATE = "template_tokens"
"""Code of rows whose text holds tokens that end a turn in a chat template."""


FILTERED = "filter"
"""Code of rows that do not meet the filter of a delivery."""

EVERYTHING = Filter()


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
    leak_similarity: float = 0.95,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Write a delivery folder with the given formats and return its manifest.

    Rows that need attention, or hold tokens of a chat template, are left out and counted, unless
    allow_attention. A row that a format cannot hold, or its trainer would refuse, is not in that
    format; the manifest gives the reason. A folder that an export made is replaced; any other that
    is not empty is refused. pseudonyms: people are called annotator 1, 2 … in all files. only:
    filter; kept rows that do not meet it are left out, and the manifest holds its conditions.

    Raises CurationError, and changes nothing, when a format is unknown, the filter names a missing
    column or value, no row is left to deliver, or the folder cannot be written.
    """
    check(out, formats)
    out = out.resolve()
    people = People.of(origin.people, pseudonyms)
    rows, why = offered(dataset, allow_attention, only, origin.people)
    with replacing(out) as folder:
        results: dict[str, Fitted] = {}
        listed: list[dict[str, Any]] = []
        id_tables: list[pd.DataFrame] = []
        names = list(dict.fromkeys(formats))
        facts = {"name": origin.name, "slug": slug(origin.name, "data", None)}
        words = people.words()
        for n, name in enumerate(names):
            progress(0.8 + 0.15 * n / len(names), f"Writing {name}")
            results[name], entries, tables = _write_format(
                delivery_formats()[name], rows, words, folder, facts
            )
            listed += entries
            id_tables += tables
        delivered = rows[rows.index.isin(set().union(*(f.records for f in results.values())))]
        if delivered.empty:
            raise CurationError(_nothing_left(results, len(rows)))
        progress(0.95, "Checking for leaks")
        manifest = _manifest(dataset, origin, people, why, results, listed, delivered)
        if only:
            manifest["filter"] = only.options()
        manifest["leaks"] = leaks(
            delivered,
            _vectors(dataset, delivered.index),
            leak_similarity,
            lambda share, text: progress(0.95 + 0.05 * share, text),
        )
        hub = {f["split"]: f["path"] for f in listed if f["format"] == "hf"}
        info = dataset_info(folder, hub) if hub else {}
        for path, data in (
            ("README.md", card(dataset, delivered, manifest, info, people.text).encode()),
            ("recipe.yaml", origin.recipe.encode()),
            ("receipts.parquet", parquet(receipts(dataset, origin, people, why, results))),
            ("ids.parquet", parquet(pd.concat(id_tables, ignore_index=True))),
            ("decisions.jsonl", _lines(people, delivered.index)),
        ):
            listed.append(put(folder, path, data))
        put(folder, "manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
    return manifest


def offered(
    dataset: Dataset,
    allow_attention: bool = False,
    only: Filter = EVERYTHING,
    people: State | None = None,
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the kept rows that formats get, and each kept row's reason for being left out, or "".

    Raises CurationError when no row is left, or the filter names a missing column or value.
    """
    kept = dataset.kept.sort_values(["source", "source_row"], kind="stable")
    why = left_out(kept) if not allow_attention else pd.Series("", index=kept.index)
    if only:
        mask = pd.Series(only.checked(with_decisions(dataset, people)), index=dataset.rows.index)
        why = why.mask(~mask.reindex(kept.index), FILTERED)
    rows = kept[(why == "").to_numpy()]
    if rows.empty:
        raise CurationError(
            "Nothing is kept that could be exported; loosen a filter or allow what needs attention."
        )
    return rows, why


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
    rows, why = offered(dataset, allow_attention)
    results = {
        name: fitted(delivery_formats()[name], rows, words) for name in dict.fromkeys(formats)
    }
    return {
        name: {
            "rows": len(f.records),
            "excluded": _counted(why),
            "not_in": f.refusals(),
            "lost": f.losses(),
        }
        for name, f in results.items()
    }


def left_out(rows: pd.DataFrame) -> pd.Series:
    """Return the codes, joined by commas, for which an export leaves a row out; "" for none."""
    codes = rows["attention"].fillna("").astype("str")
    texts = (rows[name].fillna("") for name in ("prompt", "messages", "rejected", "label", "tools"))
    tokens = [
        has_token(*others, html=bool(ABOUT_HTML.search(prompt)))
        for prompt, *others in zip(*texts, strict=True)
    ]
    return codes.mask(np.array(tokens, dtype=bool), (codes + f",{TEMPLATE}").str.lstrip(","))


def _nothing_left(results: Mapping[str, Fitted], rows: int) -> str:
    reasons = [
        f"{delivery_formats()[name].title} can hold none of the {rows:,} examples "
        f"({next(iter(f.refusals().values()))['why']})"
        for name, f in results.items()
    ]
    return f"{'; '.join(reasons)}. Mend or drop them, or choose another format."


def _counted(why: pd.Series) -> dict[str, int]:
    titles = {
        **ATTENTION,
        TEMPLATE: "its text holds tokens of a chat template",
        FILTERED: "it does not meet the filter of this delivery",
    }
    codes = why[why != ""].str.split(",").explode()
    return {titles.get(str(c), str(c)): int(n) for c, n in codes.value_counts().items()}


def _vectors(dataset: Dataset, index: pd.Index) -> np.ndarray | None:
    if dataset.vectors is None:
        return None
    vectors: np.ndarray = dataset.vectors[dataset.rows.index.get_indexer(index)]
    return vectors


def _lines(people: People, delivered: pd.Index) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in people.lines(delivered))


def _write_format(
    format: DeliveryFormat,
    rows: pd.DataFrame,
    words: Mapping[str, Mapping[str, Any]],
    folder: Path,
    facts: dict[str, Any],
) -> tuple[Fitted, list[dict[str, Any]], list[pd.DataFrame]]:
    """Write the files of one format; return its rows, the manifest's entries, and tables of ids."""
    split = rows["split"].fillna("train").astype(str)
    whole, listed, id_tables, written = Fitted(), [], list[pd.DataFrame](), dict[str, str]()
    for part in SPLITS:
        result = fitted(format, rows[(split == part).to_numpy()], words)
        whole.add(result)
        if not result.records:
            continue
        ids = {id(record): name for name, record in result.records.items()}
        records = format.order(list(result.records.values()))
        written[part] = path = _name(format, part)
        few = part == "train" and len(records) < format.least
        warning = f"{format.title} asks for at least {format.least} examples to train on"
        entry = put(folder, path, format.dump(records), len(records), format.name, part)
        listed.append({**entry, "problems": [warning] if few else []})
        order = [ids[id(record)] for record in records]
        id_tables.append(pd.DataFrame({"file": path, "row": range(1, len(order) + 1), "id": order}))
    extra = format.extra(written, facts) if "train" in written else {}
    listed += [put(folder, path, data, None, format.name) for path, data in extra.items()]
    return whole, listed, id_tables


def _name(format: DeliveryFormat, part: str) -> str:
    if format.name == "hf":  # the names that load_dataset knows by itself
        return f"data/{part}-00000-of-00001.parquet"
    return f"{format.name}/{part}{format.ending}"


def _manifest(
    dataset: Dataset,
    origin: Origin,
    people: People,
    why: pd.Series,
    results: Mapping[str, Fitted],
    listed: list[dict[str, Any]],
    delivered: pd.DataFrame,
) -> dict[str, Any]:
    split = delivered["split"].fillna("train").astype(str)
    decisions = people.table(delivered.index)
    state = origin.people
    return {
        "name": origin.name,
        "examples": len(dataset),
        "kept": len(dataset.kept),
        "delivered": len(delivered),
        "splits": {name: n for name in SPLITS if (n := int((split == name).sum()))},
        "excluded": _counted(why),
        "did_not_fit": {name: len(f.refused) for name, f in results.items() if f.refused},
        "not_in": {name: f.refusals() for name, f in results.items() if f.refused},
        "lost": {name: f.losses() for name, f in results.items()},
        "rendering": {
            name: rendering
            for name, f in results.items()
            if (rendering := delivery_formats()[name].examine(list(f.records.values())))
        },
        "sources": [_source(entry, delivered["source"]) for entry in origin.imports],
        "steps": [
            {k: v for k, v in r.to_dict().items() if k not in ("seconds", "cached")}
            for r in dataset.steps
        ],
        "fingerprint": dataset.steps[-1].fingerprint if dataset.steps else "",
        "recipe": origin.recipe,
        "decisions": {
            "events": state.last if state else 0,
            "fingerprint": state.fingerprint() if state else "",
            "by_annotator": people.counts(),
            "delivered_with": {
                name: n for name in WORDS if (n := int((decisions[name].fillna("") != "").sum()))
            },
        },
        "encoders": dict(origin.encoders),
        "bases": dict(origin.bases),
        **({"proof": dict(origin.proof)} if origin.proof is not None else {}),
        "versions": _versions(),
        "files": listed,
    }


def _source(entry: Mapping[str, Any], sources: pd.Series) -> dict[str, Any]:
    """Return the manifest's entry of an imported file: digest, settings, and counts of rows."""
    name = str(entry["name"])
    counts = {k: entry["report"][k] for k in ("lines", "examples", "rejected", "blank")}
    inside = (sources == name) | sources.str.startswith(f"{name}/")
    read_as = {k: v for k, v in entry.get("settings", {}).items() if v and k != "limits"}
    columns = {k: entry["report"][k] for k in ("formats", "columns") if k in entry["report"]}
    about = {"name": name, "sha256": entry["sha256"], **counts, "delivered": int(inside.sum())}
    return {**about, "read_as": {**read_as, **columns}}


@functools.cache
def _versions() -> dict[str, str]:
    versions = {"curation": __version__, "python": ".".join(map(str, sys.version_info[:2]))}
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions
