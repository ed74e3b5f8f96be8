"""Reference sets: other sets of texts that a dataset is compared with, such as a benchmark.

Guarantee: a reference set never becomes part of the dataset. It lies in the project folder under
`targets/<slug>/`: a table with the columns of examples, a note of its origin, and the results of
comparisons with it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation import files, roles
from curation.dataset import DERIVED_COLUMNS, Dataset, Progress, make_ids, silent, with_derived
from curation.errors import CurationError
from curation.formats.base import WHICH_COLUMN
from curation.text.slug import slug

COLUMNS = ("messages", *DERIVED_COLUMNS, "label", "source", "source_row", "format", "metadata")
"""Columns of a reference set, a part of an example's columns."""

PREFERRED = ("hf", "trl", "openai", "axolotl", "sharegpt", "llamafactory", "alpaca", "csv")
"""Formats of a delivery in order of preference, where several hold equally many examples."""

Read = Callable[[Path, str, Mapping[str, Any], Progress], pd.DataFrame]
"""Reads a file of that name with such settings to rows of examples; `Project` has one."""


@dataclass(frozen=True)
class ReferenceSet:
    """A named set of texts in a project folder.

    kind: file, project or export. source: the file's or folder's name. sha256: of the file's bytes,
    or of all texts of a project or export. time: when it came, in seconds since 1970.
    """

    folder: Path
    name: str
    kind: str
    source: str
    sha256: str
    time: float
    rows: int
    without_answer: int
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def slug(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @cached_property
    def examples(self) -> pd.DataFrame:
        """Its rows, indexed by id; raises CurationError when the file is not as it was written."""
        try:
            with open(self.folder / "examples.parquet", "rb") as stream:
                return pd.read_parquet(stream).set_index("id")
        except (OSError, ValueError, KeyError, pa.ArrowException):
            raise CurationError(
                f"The examples of the reference set {self.name} are damaged or gone; "
                f"remove the reference set and add {self.source} again."
            ) from None

    @property
    def results(self) -> Path:
        """The folder of the results of comparisons with it."""
        return self.folder / "results"


class ReferenceSets:
    """The reference sets of a project, each a folder below `folder`.

    read: reads a file. shown: what another project, by its folder, shows now.
    """

    def __init__(self, folder: Path, read: Read, shown: Callable[[Path], Dataset]) -> None:
        self.folder = folder
        self._read = read
        self._shown = shown

    def all(self) -> list[ReferenceSet]:
        """Return every reference set by name; one with an unreadable note is left out."""
        notes = self.folder.glob("*/target.json")
        # A hidden folder is a reference set that is being removed.
        references = [
            _opened(note.parent) for note in notes if not note.parent.name.startswith(".")
        ]
        return sorted((t for t in references if t is not None), key=lambda t: t.name.casefold())

    def get(self, name: str) -> ReferenceSet:
        """Return the reference set of that name or folder, ignoring case if only one matches.

        Raises CurationError with the existing names.
        """
        references = self.all()
        exact = [t for t in references if name in (t.name, t.slug)]
        alike = [t for t in references if name.casefold() in (t.name.casefold(), t.slug.casefold())]
        if exact or len(alike) == 1:
            return (exact or alike)[0]
        names = ", ".join(t.name for t in references)
        raise CurationError(
            f"There is no reference set {name!r}; "
            + (f"there are: {names}." if names else "add one with `curate reference PROJECT PATH`.")
        )

    def add(
        self,
        path: str | Path,
        name: str = "",
        *,
        source: str = "",
        dropped: bool = False,
        format: str = "auto",
        mapping: Mapping[str, str] | None = None,
        progress: Progress = silent,
    ) -> tuple[ReferenceSet, bool]:
        """Make a reference set of a file, a project's folder, or a delivery; return it, and if it is new.

        A project gives its kept rows, or with `dropped` all of them. The same bytes, read in the same
        way, change nothing. Other bytes under an existing name replace it, and its results are
        deleted. source: name of its origin, where that is not the path's own name. format and
        mapping: as for an import. Raises CurationError when nothing can be read from it.
        """
        roles.need(self.folder.parent, roles.OWNER)
        path = Path(path)
        source = source or path.name or path.resolve().name
        settings: dict[str, Any] = {"format": format, "mapping": dict(mapping or {})}
        if (path / "project.toml").is_file():
            kind, settings = "project", {"dropped": dropped}
            rows = _of_project(self._shown(path), dropped)
            digest = _digest(rows)
        elif (path / "manifest.json").is_file():
            kind, settings = "export", {}
            rows = self._of_export(path, progress)
            digest = _digest(rows)
        elif path.is_file():
            kind, digest = "file", files.sha256(path)
            if existing := self._known(digest, settings):
                return existing, False
            rows = self._read(path, source, settings, progress)
        else:
            what = "neither a project, an export nor a file" if path.exists() else "not there"
            raise CurationError(f"{path} is {what}; name one of these to compare with.")
        if existing := self._known(digest, settings):
            return existing, False
        if rows.empty:
            raise CurationError(f"{source} holds no example; nothing was added.")
        called = name.strip() or (source.split(".")[0] if kind == "file" else "") or source
        return self._write(called, kind, source, digest, settings, rows), True

    def remove(self, name: str) -> None:
        """Delete a reference set with its results; raises CurationError when there is none."""
        roles.need(self.folder.parent, roles.OWNER)
        reference = self.get(name)
        hidden = reference.folder.with_name(f".{reference.slug}.{time.time_ns()}")
        try:
            reference.folder.rename(hidden)  # at once, so that nobody meets half a reference set
            shutil.rmtree(hidden)
        except OSError as error:
            raise CurationError(
                f"The reference set {reference.name} could not be removed: {error.strerror}."
            ) from error

    def _known(self, digest: str, settings: Mapping[str, Any]) -> ReferenceSet | None:
        for reference in self.all():
            if (reference.sha256, dict(reference.settings)) == (digest, dict(settings)):
                return reference
        return None

    def _write(
        self,
        name: str,
        kind: str,
        source: str,
        digest: str,
        settings: Mapping[str, Any],
        rows: pd.DataFrame,
    ) -> ReferenceSet:
        former = next((t for t in self.all() if t.name == name), None)
        folder = former.folder if former else self._free(slug(name))
        shutil.rmtree(folder / "results", ignore_errors=True)
        table = rows.rename_axis("id").reset_index()
        with files.replacing(folder / "examples.parquet") as temporary:
            pq.write_table(
                pa.Table.from_pandas(table, preserve_index=False), temporary, compression="zstd"
            )
        note = {
            "name": name,
            "kind": kind,
            "source": source,
            "sha256": digest,
            "time": round(time.time(), 3),
            "rows": len(rows),
            "without_answer": int((rows["response"].fillna("") == "").sum()),
            "settings": dict(settings),
        }
        files.write_text(folder / "target.json", json.dumps(note, ensure_ascii=False, indent=1))
        return self.get(name)

    def _free(self, name: str) -> Path:
        """Return a free folder; two names may differ only in signs that folders cannot show."""
        taken = {t.slug for t in self.all()}
        number = 1
        while (folder_name := name if number == 1 else f"{name}-{number}") in taken:
            number += 1
        return self.folder / folder_name

    def _of_export(self, path: Path, progress: Progress) -> pd.DataFrame:
        """Read the delivered examples of an export: all splits of the format with the most rows."""
        try:
            manifest = json.loads((path / "manifest.json").read_text("utf-8"))
            listed = [entry for entry in manifest["files"] if entry["rows"]]
            counts = {
                name: sum(e["rows"] for e in listed if e["format"] == name) for name in PREFERRED
            }
        except (OSError, ValueError, KeyError, TypeError):
            raise CurationError(f"{path} holds a manifest.json that no export made.") from None
        best = max(PREFERRED, key=lambda name: counts[name])
        if not counts[best]:
            raise CurationError(f"{path} delivers nothing that can be read back as examples.")
        chosen = [e for e in listed if e["format"] == best]
        parts = []
        for entry in chosen:
            file = path / entry["path"]
            if not file.is_file() or files.sha256(file) != entry["sha256"]:
                raise CurationError(f"{file} is not as it was delivered; export it again.")
            settings = {"format": "auto", "mapping": {}}
            parts.append(self._read(file, entry["path"], settings, progress))
        return with_ids(pd.concat(parts, ignore_index=True))


def with_ids(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows indexed by id and limited to COLUMNS; each has a content_hash."""
    ids = make_ids(rows["content_hash"].tolist())
    kept = [c for c in (*COLUMNS, "content_hash") if c in rows]
    return rows[kept].set_axis(pd.Index(ids, name="id", dtype="str"))


def _of_project(dataset: Dataset, dropped: bool) -> pd.DataFrame:
    """Return the rows that another project shows."""
    rows = dataset.rows if dropped else dataset.kept
    return with_derived(rows[["messages", "label", "source", "source_row", "format", "metadata"]])


def _digest(rows: pd.DataFrame) -> str:
    """Return the SHA-256 of the rows' messages and labels, in their order."""
    digest = hashlib.sha256()
    for text, label in zip(rows["messages"], rows["label"].fillna(""), strict=True):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        digest.update(str(label).encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def _opened(folder: Path) -> ReferenceSet | None:
    try:
        note = json.loads((folder / "target.json").read_text("utf-8"))
        return ReferenceSet(folder=folder, **note)
    except (OSError, ValueError, TypeError):
        return None


def read_with(
    parse: Callable[[Path, str, Mapping[str, Any], Progress], tuple[Mapping[str, Any], Any]],
) -> Read:
    """Make a `Read` of a project's parser; its error gives the reason when no line can be read."""

    def read(
        path: Path, name: str, settings: Mapping[str, Any], progress: Progress
    ) -> pd.DataFrame:
        tables, report = parse(path, name, settings, progress)
        rows, refused = tables["examples"], tables["rejected"]
        if rows.empty and len(refused):
            why = str(refused["message"].iloc[0])
            if why.endswith(WHICH_COLUMN):
                why = why.removesuffix(".") + ", as prompt=question."
            raise CurationError(
                f"{name}: none of its {report.rejected:,} rows can be read as an example: {why}"
            )
        return with_ids(rows)

    return read
