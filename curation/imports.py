"""The imported files of a project: read, kept, mended, and read again.

Guarantee: each file is kept byte for byte in `source/`, and its rows, in two tables, can be made from
the copies again. `imports.json` lists the files and the checksums of the tables.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from curation import copies, files, lock, manifest, roles
from curation.conversations import as_stored, whole
from curation.copies import Tables
from curation.dataset import Progress, carried_ids, make_ids, part_of, silent
from curation.errors import CurationError, FileRefused
from curation.incoming import Incoming, files_of, former_version, free_name, shown
from curation.manifest import TABLES
from curation.numbered import read_parquet
from curation.reading import Reading
from curation.rejected import digest_of, standing
from curation.settings import read_limits

if TYPE_CHECKING:
    from curation.sources import ImportReport

NOTHING: Mapping[str, Any] = {
    **{"lines": 0, "examples": 0, "rejected": 0, "blank": 0, "seconds": 0.0},
    **{"repaired": {}, "formats": {}, "encodings": {}, "notes": [], "left_out": {}},
}
"""Report of a file that was not read."""


class _Incoming(NamedTuple):
    """A file to add: its entry, and its rows when it was read.

    former: the import that it takes the place of. tables is None before it was read, and where the
    same file is already imported.
    """

    file: Incoming
    entry: dict[str, Any]
    former: dict[str, Any] | None = None
    tables: Tables | None = None


class Imports:
    """The imported files of a project folder, and their rows.

    Safe for several processes: a change of imports holds a lock, and readers see whole files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The imported files, oldest first: name, sha256, settings, and report of each."""
        return list(manifest.read(self.folder).get("imports", []))

    def entries_of(self, digest: str) -> list[dict[str, Any]] | None:
        """Return the entries of the examples' table of that checksum; None for a former table."""
        listed = manifest.read(self.folder)
        return list(listed["imports"]) if listed.get("examples_sha256") == digest else None

    @property
    def former(self) -> list[dict[str, Any]]:
        """Replaced versions of files, oldest first: entries with `replaced_by`."""
        return list(manifest.read(self.folder).get("former", []))

    def former_rows(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield the name of each replacing file, and the examples of the version it replaced.

        They are read again from the copies in `source/`; a version without a copy is left out.
        """
        for entry in self.former:
            copy = self.folder / "source" / entry["stored"]
            with suppress(CurationError):
                tables, _ = self.parse(copy, entry["name"], entry["settings"])
                yield entry["replaced_by"], tables["examples"]

    @property
    def left_out(self) -> dict[str, str]:
        """Files of imported folders that hold no data: name → reason."""
        return dict(manifest.read(self.folder).get("left_out", {}))

    @property
    def examples_sha256(self) -> str | None:
        """The checksum of the examples' table; None before the first import."""
        listed = manifest.read(self.folder)
        return str(listed["examples_sha256"]) if listed else None

    def why_empty(self) -> str:
        """Return why there are no examples, and what to do."""
        if (self.folder / "examples.parquet").exists():
            return (
                "imports.json is missing, so examples.parquet cannot be checked; put it back from a "
                "copy, or import the files again."
            )
        return "There are no examples yet; import a file first."

    def table(self, table: str) -> tuple[str, pd.DataFrame]:
        """Return one of TABLES and its checksum, rebuilt from `source/` when it is damaged.

        Readers wait only while it is being written.
        """
        rows = self._as_written(table)
        if rows is None:
            with self._importing():
                rows = self._sound(table)
        return rows

    @property
    def rejected(self) -> pd.DataFrame:
        """Refused lines that nobody has mended since; see `Project.rejected`."""
        return standing(self.table("rejected")[1], self.entries)

    def add(
        self,
        paths: Sequence[str | Path],
        reading: Reading,
        names: Sequence[str] | None = None,
        *,
        replace: bool = False,
        progress: Progress = silent,
    ) -> list[dict[str, Any]]:
        """Read files into the project; see `Project.add`."""
        with files.scratch(self.folder, ".pack-") as packed:
            given, left_out = files_of(paths, packed)
            if names is not None:
                given = [
                    Incoming(file.path, shown(name))
                    for file, name in zip(given, names, strict=True)
                ]
            return self._add(given, left_out, reading.settings(), replace, progress)

    def add_from_hub(
        self,
        id: str,
        reading: Reading,
        revision: str | None = None,
        split: str | None = None,
        progress: Progress = silent,
    ) -> list[dict[str, Any]]:
        """Fetch a dataset of the Hub and add its splits; see `Project.add_from_hub`."""
        from curation.sources import hub

        with files.scratch(self.folder, ".hub-") as scratch:
            fetched = hub.load(
                id, scratch, revision=revision, split=split, progress=part_of(progress, 0, 2)
            )
            name = id.strip("/")
            mark = f"@{fetched.revision[:12]}" if fetched.revision else ""
            given = [
                Incoming(file, f"{name}{mark}/{file.name}", f"hf:{name}/{file.name}")
                for file in fetched.files
            ]
            return self._add(given, {}, reading.settings(), False, part_of(progress, 1, 2))

    def mend(self, source: str, row: int, text: str) -> dict[str, Any]:
        """Read a refused line again as somebody mended it; see `Project.mend`."""
        roles.need(self.folder, roles.OWNER)
        with self._importing():
            refused = standing(self._sound("rejected")[1], self.entries)
            if not refused.empty:
                refused = refused[(refused["source"] == source) & (refused["row"] == row)]
            if refused.empty:
                raise CurationError(f"No line {row:,} of {source} stands refused.")
            imports = self.entries
            of = next(e for e in imports if e["name"] == refused["imported_as"].iloc[0])
            former = next((e for e in imports if e["origin"] == f"mended:{source}"), None)
            line = " ".join(text.split("\n")).encode() + b"\n"
            settings = {**of["settings"], "encoding": "utf-8"}
            with files.scratch(self.folder, ".mend-") as scratch:
                file = scratch / "mended.jsonl"
                file.write_bytes(line)
                mended = Incoming(file, f"{source} (mended)", f"mended:{source}")
                tables, _ = copies.read(self.folder, file, mended.name, settings, silent)
                if len(tables["examples"]) != 1:
                    why = tables["rejected"]["message"]
                    raise CurationError(
                        f"Still refused: {why.iloc[0] if len(why) else 'there is nothing in it.'}"
                    )
                if former is not None:
                    settings = former["settings"]
                    file.write_bytes(copies.content(self.folder, former) + line)
                place = [source, digest_of(refused["raw"].iloc[0])]
                settings = {**settings, "mends": [*settings.get("mends", []), place]}
                (entry,) = self._merge(self._read([mended], settings, False, {}, silent), {}, False)
                return entry

    def rebuild(self, progress: Progress = silent) -> None:
        """Read every imported file again from the copies in `source/`; see `Project.rebuild`."""
        roles.need(self.folder, roles.OWNER)
        with self._importing():
            self._rebuild(progress)

    def parse(
        self, file: Path, name: str, own_settings: Mapping[str, Any], progress: Progress = silent
    ) -> tuple[Tables, ImportReport]:
        """Read the rows of a file as an import does, without adding them to the project."""
        settings = {**Reading().settings(), **own_settings, "limits": read_limits(self.folder)}
        return copies.read(self.folder, file, name, settings, progress)

    def _importing(self) -> AbstractContextManager[None]:
        """Lock the imports for a change, against all processes; the lock cannot be nested."""
        return lock.locked(self.folder / ".import.lock")

    def _add(
        self,
        given: Sequence[Incoming],
        left_out: dict[str, str],
        settings: Mapping[str, Any],
        replace: bool,
        progress: Progress,
    ) -> list[dict[str, Any]]:
        """Read and add files, all or none; files of a folder that hold no data are left out."""
        roles.need(self.folder, roles.OWNER)
        left_out = dict(left_out)
        read = self._read(given, settings, replace, left_out, progress)
        if not read:
            reasons = "; ".join(f"{name}: {why.rstrip('.')}" for name, why in left_out.items())
            raise CurationError(f"There is no file of data in it. {reasons[:600]}.")
        with self._importing():
            return self._merge(read, left_out, replace)

    def _read(
        self,
        given: Sequence[Incoming],
        settings: Mapping[str, Any],
        replace: bool,
        left_out: dict[str, str],
        progress: Progress,
    ) -> list[_Incoming]:
        """Read files; those of a folder that hold no data are entered in `left_out`."""
        incoming = list[_Incoming]()
        for file in given:
            taken = {one.entry["name"] for one in incoming}
            incoming.append(self._incoming(file, settings, replace, taken))
        entries = [one.entry for one in incoming if "already" not in one.entry]
        unread = [(self.folder / "source" / e["stored"], e["name"], e["settings"]) for e in entries]
        read = list[_Incoming]()
        with closing(copies.read_each(self.folder, unread, progress)) as results:
            for one in incoming:
                try:
                    read.append(
                        one if "already" in one.entry else _with_rows(one, *next(results)())
                    )
                except FileRefused as error:
                    if not one.file.listed or one.former:
                        raise
                    left_out[one.file.name] = error.reason
        return read

    def _incoming(
        self, file: Incoming, given: Mapping[str, Any], replace: bool, taken: Collection[str]
    ) -> _Incoming:
        """Copy a file and make its entry, without a report unless it is already imported like this."""
        imports = self.entries
        copy, digest = copies.keep(self.folder, file)
        former = former_version(file, imports, replace)
        twin = former or next((e for e in imports if _is_twin(e, digest)), None)
        used = dict(twin["settings"] if twin and given == Reading().settings() else given)
        used["limits"] = read_limits(self.folder)  # with another limit the file is read again
        if twin and (twin["sha256"], twin["settings"]) == (digest, used):
            return _Incoming(file, {**twin, "already": True, "replaced": []})
        name = (
            former["name"] if former else free_name(file, {*taken, *(e["name"] for e in imports)})
        )
        entry = {
            "name": name,
            "beside": file.name if not former and name != file.name else "",
            "origin": file.origin,
            "sha256": digest,
            "stored": copy.name,
            "settings": used,
            "report": {},
            "time": round(time.time(), 3),
        }
        return _Incoming(file, entry, former)

    def _merge(
        self, read: Sequence[_Incoming], left_out: Mapping[str, str], replace: bool
    ) -> list[dict[str, Any]]:
        """Add files just read to the others, all at once, and return their entries; needs the lock."""
        before = imports = self.entries
        former, fresh, entries = self.former, dict[str, Tables](), list[dict[str, Any]]()
        for file, entry, _, tables in read:
            if tables is not None:
                old = former_version(file, before, replace)
                if old is not None and old["name"] in fresh:  # another of these files replaced it
                    old = None
                if old is None and any(e["name"] == entry["name"] for e in imports):
                    # Another program took the name in the meantime.
                    name = free_name(file, {e["name"] for e in imports})
                    copy = self.folder / "source" / entry["stored"]
                    tables, report = copies.read(self.folder, copy, name, entry["settings"], silent)
                    entry = {**entry, "name": name, "report": report.to_dict()}
                if old is not None:
                    imports = [e for e in imports if e["name"] != old["name"]]
                    former.append({**old, "replaced_by": entry["name"]})
                entry = {**entry, "replaced": [old["name"]] if old else []}
                imports = [*imports, entry]
                fresh[entry["name"]] = tables
            entries.append(entry)
        earlier = {name: why for name, why in self.left_out.items() if name not in fresh}
        lists = {"imports": imports, "former": former, "left_out": {**earlier, **left_out}}
        if fresh:
            self._write(lists, fresh)
        elif lists["left_out"] != self.left_out:
            listed = manifest.read(self.folder)
            manifest.write(self.folder, lists, {t: listed[f"{t}_sha256"] for t in TABLES})
        return entries + [
            {"name": name, "left_out": why, "report": NOTHING, "replaced": []}
            for name, why in left_out.items()
        ]

    def _write(self, lists: Mapping[str, Any], fresh: dict[str, Tables]) -> None:
        """Write both tables, then the manifest with their checksums; needs the lock.

        lists: lists of the manifest. fresh: name → rows of files read just now. Rows of other files
        come from the tables, or are read again where a table is damaged.
        """
        imports = lists["imports"]
        others = [e for e in imports if e["name"] not in fresh]
        written = {t: rows[1] for t in TABLES if others and (rows := self._as_written(t))}
        if others and len(written) < len(TABLES):
            written, fresh = {}, {**copies.read_again(self.folder, others), **fresh}
        names, digests = [e["name"] for e in others], {}
        for table in TABLES:
            parts = [
                t[t["imported_as"].isin(names)] for t in (written.get(table),) if t is not None
            ]
            for entry in imports:
                if entry["name"] in fresh:
                    parts.append(fresh[entry["name"]][table].assign(imported_as=entry["name"]))
            frame = pd.concat(map(as_stored, parts), ignore_index=True)
            if table == "examples":
                hashes = manifest.hashes_of(frame)
                ids = make_ids(hashes.tolist(), carried_ids(frame["metadata"]))
                frame = frame.assign(id=pd.Series(ids, dtype="str"), content_hash=hashes)
            digests[table] = manifest.write_table(self.folder, table, frame, lists)
        manifest.write(self.folder, lists, digests)

    def _rebuild(self, progress: Progress = silent) -> None:
        if lists := manifest.read(self.folder):
            self._write(lists, copies.read_again(self.folder, lists["imports"], progress))

    def _as_written(self, table: str) -> tuple[str, pd.DataFrame] | None:
        """Return one of TABLES and its checksum; None when it differs from the manifest's."""
        listed = manifest.read(self.folder)
        if not listed:
            return "", pd.DataFrame()
        try:
            with open(self.folder / f"{table}.parquet", "rb") as stream:  # one file, come what may
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                if digest != listed.get(f"{table}_sha256", digest):
                    return None
                stream.seek(0)
                return digest, whole(read_parquet(stream))
        except FileNotFoundError:
            return None

    def _sound(self, table: str) -> tuple[str, pd.DataFrame]:
        """Return the same, rebuilt from `source/` when it is damaged; needs the lock."""
        rows = self._as_written(table)
        if rows is None:
            self._rebuild()
            rows = self._as_written(table)
        assert rows is not None
        return rows


def _with_rows(one: _Incoming, tables: Tables, report: ImportReport) -> _Incoming:
    """Return a file with its rows.

    Raises FileRefused where a former version had examples and this has none, and where no row has the
    column of the label.
    """
    if one.former and not report.examples and one.former["report"]["examples"]:
        why = tables["rejected"]["message"]
        reason = (
            f"none of its {report.rejected:,} rows can be read so: {why.iloc[0]}"
            if len(why)
            else "there is nothing in it any more; is it a broken download?"
        )
        raise FileRefused(one.entry["name"], f"{reason} What was read of it before stays.")
    copies.check_label(one.entry["name"], one.entry["settings"], tables["examples"], report)
    return one._replace(entry={**one.entry, "report": report.to_dict()}, tables=tables)


def _is_twin(entry: Mapping[str, Any], digest: str) -> bool:
    """Return whether an import has these bytes; equal mended lines of two files stay two imports."""
    return bool(entry["sha256"] == digest and "mends" not in entry["settings"])
