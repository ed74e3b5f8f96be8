"""What came into a project: files that are read, kept, mended, and read again.

Each file is kept byte for byte in `source/`, and its rows stand in two tables, which can be made
from the copies again. `imports.json` lists the files and vouches for the tables by their checksums.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from curation import copies, files, lock, manifest
from curation.copies import Tables
from curation.dataset import Progress, carried_ids, make_ids, part_of, silent
from curation.errors import CurationError, FileRefused
from curation.incoming import Incoming, files_of, former_version, free_name, shown
from curation.manifest import TABLES
from curation.reading import Reading
from curation.settings import read_limits

if TYPE_CHECKING:
    from curation.sources import ImportReport

NOTHING: Mapping[str, Any] = {
    **{"lines": 0, "examples": 0, "rejected": 0, "blank": 0, "seconds": 0.0},
    **{"repaired": {}, "formats": {}, "encodings": {}, "notes": [], "left_out": {}},
}
"""The report of a file that was not read."""


class _Incoming(NamedTuple):
    """A file that was read: what it gave, or no tables where it is there already."""

    file: Incoming
    entry: dict[str, Any]
    tables: Tables | None


class Imports:
    """The imported files of a project folder, and their rows.

    Safe for several processes: what changes imports holds a lock, and readers meet whole files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What was imported, oldest first: name, sha256, settings, and the report of each file."""
        return list(manifest.read(self.folder).get("imports", []))

    def entries_of(self, digest: str) -> list[dict[str, Any]] | None:
        """The entries that the examples' table of that checksum was read from; None for a former one."""
        known = manifest.read(self.folder)
        return list(known["imports"]) if known.get("examples_sha256") == digest else None

    @property
    def former(self) -> list[dict[str, Any]]:
        """Versions that others took the place of, oldest first: entries with `replaced_by`."""
        return list(manifest.read(self.folder).get("former", []))

    def former_rows(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Examples of versions that others took the place of, each with that one's name.

        Read anew from the copies in `source/`; a version of which the copy is gone is passed over.
        """
        for entry in self.former:
            copy = self.folder / "source" / entry["stored"]
            with suppress(CurationError):
                tables, _ = self.parse(copy, entry["name"], entry["settings"])
                yield entry["replaced_by"], tables["examples"]

    @property
    def left_out(self) -> dict[str, str]:
        """Files of imported folders that are no data: name → reason."""
        return dict(manifest.read(self.folder).get("left_out", {}))

    @property
    def examples_sha256(self) -> str | None:
        """The checksum of the examples' table; None before the first import."""
        known = manifest.read(self.folder)
        return str(known["examples_sha256"]) if known else None

    def why_empty(self) -> str:
        """Why there are no examples, and what to do."""
        if (self.folder / "examples.parquet").exists():
            return (
                "imports.json is gone, which vouches for examples.parquet; put it back from a copy, "
                "or import the files again."
            )
        return "There are no examples yet; import a file first."

    def table(self, table: str) -> tuple[str, pd.DataFrame]:
        """One of TABLES and its checksum, rebuilt from `source/` when it is not as it was written.

        Readers wait only when they find it in the middle of being written.
        """
        found = self._as_written(table)
        if found is None:
            with self._importing():
                found = self._sound(table)
        return found

    @property
    def rejected(self) -> pd.DataFrame:
        """Refused lines that nobody has mended since; see `Project.rejected`."""
        return self._standing(self.table("rejected")[1])

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
            known = id.strip("/")
            at = f"@{fetched.revision[:12]}" if fetched.revision else ""
            given = [
                Incoming(file, f"{known}{at}/{file.name}", f"hf:{known}/{file.name}")
                for file in fetched.files
            ]
            return self._add(given, {}, reading.settings(), False, part_of(progress, 1, 2))

    def mend(self, source: str, row: int, text: str) -> dict[str, Any]:
        """Read a refused line again as somebody mended it; see `Project.mend`."""
        with self._importing():
            refused = self._standing(self._sound("rejected")[1])
            if not refused.empty:
                refused = refused[(refused["source"] == source) & (refused["row"] == row)]
            if refused.empty:
                raise CurationError(f"No line {row:,} of {source} stands refused.")
            imports = self.entries
            of = next(e for e in imports if e["name"] == refused["imported_as"].iloc[0])
            former = next((e for e in imports if e["origin"] == f"mended:{source}"), None)
            line = " ".join(text.split("\n")).encode() + b"\n"
            said = {**of["settings"], "encoding": "utf-8"}
            with files.scratch(self.folder, ".mend-") as scratch:
                file = scratch / "mended.jsonl"
                file.write_bytes(line)
                mended = Incoming(file, f"{source} (mended)", f"mended:{source}")
                tables, _ = copies.read(self.folder, file, mended.name, said, silent)
                if len(tables["examples"]) != 1:
                    why = tables["rejected"]["message"]
                    raise CurationError(
                        f"Still refused: {why.iloc[0] if len(why) else 'there is nothing in it.'}"
                    )
                if former is not None:
                    said = former["settings"]
                    file.write_bytes(copies.verified(self.folder, former).read_bytes() + line)
                place = [source, _digest(refused["raw"].iloc[0])]
                said = {**said, "mends": [*said.get("mends", []), place]}
                (entry,) = self._merge([self._read_in(mended, said, False, (), silent)], {}, False)
                return entry

    def rebuild(self, progress: Progress = silent) -> None:
        """Read every imported file again from the copies in `source/`; see `Project.rebuild`."""
        with self._importing():
            self._rebuild(progress)

    def parse(
        self, file: Path, name: str, said: Mapping[str, Any], progress: Progress = silent
    ) -> tuple[Tables, ImportReport]:
        """The rows of a file that is to be no part of the project, read as an import would be."""
        settings = {**Reading().settings(), **said, "limits": read_limits(self.folder)}
        return copies.read(self.folder, file, name, settings, progress)

    def _importing(self) -> AbstractContextManager[None]:
        """The lock under which imports are changed, by whichever process; it cannot be nested."""
        return lock.locked(self.folder / ".import.lock")

    def _add(
        self,
        given: Sequence[Incoming],
        left_out: dict[str, str],
        said: Mapping[str, Any],
        replace: bool,
        progress: Progress,
    ) -> list[dict[str, Any]]:
        """Read files and put them in, all or none, but for those of a folder that are no data."""
        read, taken = list[_Incoming](), set[str]()
        for i, file in enumerate(given):
            try:
                one = self._read_in(file, said, replace, taken, part_of(progress, i, len(given)))
            except FileRefused as error:
                if not file.listed or former_version(file, self.entries, replace):
                    raise
                left_out = {**left_out, file.name: error.reason}
                continue
            taken.add(one.entry["name"])
            read.append(one)
        if not read:
            reasons = "; ".join(f"{name}: {why.rstrip('.')}" for name, why in left_out.items())
            raise CurationError(f"There is no file of data in it. {reasons[:600]}.")
        with self._importing():
            return self._merge(read, left_out, replace)

    def _read_in(
        self,
        file: Incoming,
        said: Mapping[str, Any],
        replace: bool,
        taken: Collection[str],
        progress: Progress,
    ) -> _Incoming:
        """A file's entry and its rows; no rows when these bytes are there already, read so."""
        imports = self.entries
        copy, digest = copies.keep(self.folder, file)
        former = former_version(file, imports, replace)
        twin = former or next((e for e in imports if _is_twin(e, digest)), None)
        settings = dict(twin["settings"] if twin and said == Reading().settings() else said)
        # A changed limit is another reading of the file.
        settings["limits"] = read_limits(self.folder)
        if twin and (twin["sha256"], twin["settings"]) == (digest, settings):
            return _Incoming(file, {**twin, "already": True, "replaced": []}, None)
        name = (
            former["name"] if former else free_name(file, {*taken, *(e["name"] for e in imports)})
        )
        tables, report = copies.read(self.folder, copy, name, settings, progress)
        if former and not report.examples and former["report"]["examples"]:
            why = tables["rejected"]["message"]
            reason = (
                f"none of its {report.rejected:,} rows can be read so: {why.iloc[0]}"
                if len(why)
                else "there is nothing in it any more; is it a broken download?"
            )
            raise FileRefused(name, f"{reason} What was read of it before stays.")
        entry = {
            "name": name,
            "beside": file.name if not former and name != file.name else "",
            "origin": file.origin,
            "sha256": digest,
            "stored": copy.name,
            "settings": settings,
            "report": report.to_dict(),
            "time": round(time.time(), 3),
        }
        return _Incoming(file, entry, tables)

    def _merge(
        self, read: Sequence[_Incoming], left_out: Mapping[str, str], replace: bool
    ) -> list[dict[str, Any]]:
        """Put files just read beside the others, all at once, and return their entries.

        The lock is held.
        """
        before = imports = self.entries
        former, fresh, entries = self.former, dict[str, Tables](), list[dict[str, Any]]()
        for file, entry, tables in read:
            if tables is not None:
                old = former_version(file, before, replace)
                if (
                    old is not None and old["name"] in fresh
                ):  # another of these files took its place
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
        gone = {name: why for name, why in self.left_out.items() if name not in fresh}
        lists = {"imports": imports, "former": former, "left_out": {**gone, **left_out}}
        if fresh:
            self._write(lists, fresh)
        elif lists["left_out"] != self.left_out:
            known = manifest.read(self.folder)
            manifest.write(self.folder, lists, {t: known[f"{t}_sha256"] for t in TABLES})
        return entries + [
            {"name": name, "left_out": why, "report": NOTHING, "replaced": []}
            for name, why in left_out.items()
        ]

    def _write(self, lists: Mapping[str, Any], fresh: dict[str, Tables]) -> None:
        """Write both tables, and the manifest last, which vouches for them; the lock is held.

        lists: those of the manifest. fresh: name → rows of what was read just now. The others' rows
        are those of the tables, or are read again where these are not as they were written.
        """
        imports = lists["imports"]
        others = [e for e in imports if e["name"] not in fresh]
        written = {t: rows[1] for t in TABLES if others and (rows := self._as_written(t))}
        if others and len(written) < len(TABLES):
            written, fresh = {}, {**copies.read_again(self.folder, others), **fresh}
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
                ids = make_ids(frame["content_hash"].tolist(), carried_ids(frame["metadata"]))
                frame = frame.assign(id=pd.Series(ids, dtype="str"))
            digests[table] = manifest.write_table(self.folder, table, frame, lists)
        manifest.write(self.folder, lists, digests)

    def _rebuild(self, progress: Progress = silent) -> None:
        lists = manifest.read(self.folder)
        if lists:
            self._write(lists, copies.read_again(self.folder, lists["imports"], progress))

    def _as_written(self, table: str) -> tuple[str, pd.DataFrame] | None:
        """One of TABLES and its checksum; None when the manifest does not vouch for what is there."""
        known = manifest.read(self.folder)
        if not known:
            return "", pd.DataFrame()
        try:
            with open(self.folder / f"{table}.parquet", "rb") as stream:  # one file, come what may
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
                if digest != known.get(f"{table}_sha256", digest):
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

    def _standing(self, refused: pd.DataFrame) -> pd.DataFrame:
        """Refused lines without those mended: as many of a file's equal lines as there are mends.

        Lines are known by their bytes, not their places, which differ in the file's next version.
        """
        mends = Counter(tuple(m) for e in self.entries for m in e["settings"].get("mends", []))
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


def _is_twin(entry: Mapping[str, Any], digest: str) -> bool:
    """Whether an import has these bytes; lines mended alike in two files are two all the same."""
    return bool(entry["sha256"] == digest and "mends" not in entry["settings"])


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
