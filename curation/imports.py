"""What came into a project: files that are read, kept, mended, and read again.

Each file is kept byte for byte in `source/`, and its rows stand in two tables, which can be made
from the copies again. `imports.json` lists the files and vouches for the tables by their checksums.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation import files
from curation.dataset import Progress, carried_ids, make_ids, silent
from curation.errors import CurationError
from curation.settings import read_limits

if TYPE_CHECKING:
    from curation.sources import ImportReport

TABLES = ("examples", "rejected")

Tables = dict[str, pd.DataFrame]
"""What reading a file gave: the rows of each of TABLES."""


def reading(
    format: str = "auto",
    mapping: Mapping[str, str] | None = None,
    label_names: Sequence[str] | None = None,
    encoding: str | None = None,
) -> dict[str, Any]:
    """What is said of how files are to be read, as the `settings` of an import keep it."""
    return {
        "format": format,
        "mapping": dict(mapping or {}),
        "label_names": list(label_names or []),
        "encoding": encoding or "",
    }


class Imports:
    """The imported files of a project folder, and their rows.

    Safe for several processes: what changes imports holds a lock, and readers meet whole files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What was imported, oldest first: name, sha256, settings, and the report of each file."""
        return list(self._manifest().get("imports", []))

    @property
    def examples_sha256(self) -> str | None:
        """The checksum of the examples' table; None before the first import."""
        manifest = self._manifest()
        return str(manifest["examples_sha256"]) if manifest else None

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
        said: Mapping[str, Any],
        names: Sequence[str] | None = None,
        progress: Progress = silent,
    ) -> list[dict[str, Any]]:
        """Read files into the project; `said` is a `reading`, the rest as for `Project.add`."""
        with tempfile.TemporaryDirectory(prefix=".pack-", dir=self.folder) as scratch:
            todo = _files_of(paths, Path(scratch))
            if names is not None:
                todo = [(file, name) for (file, _), name in zip(todo, names, strict=True)]
            _check_names([name for _, name in todo])
            read = [
                self._add_file(file, name, said, part_of(progress, i, len(todo)))
                for i, (file, name) in enumerate(todo)
            ]
        with self._importing():
            return self._merge(read)

    def add_from_hub(
        self,
        id: str,
        said: Mapping[str, Any],
        revision: str | None = None,
        split: str | None = None,
        progress: Progress = silent,
    ) -> list[dict[str, Any]]:
        """Fetch a dataset of the Hub and add its splits; see `Project.add_from_hub`."""
        from curation.sources import hub

        with tempfile.TemporaryDirectory(prefix=".hub-", dir=self.folder) as scratch:
            fetched = hub.load(
                id, Path(scratch), revision=revision, split=split, progress=part_of(progress, 0, 2)
            )
            at = f"@{fetched.revision[:12]}" if fetched.revision else ""
            names = [f"{id.strip('/')}{at}/{file.name}" for file in fetched.files]
            return self.add(fetched.files, said, names, part_of(progress, 1, 2))

    def mend(self, source: str, row: int, text: str) -> dict[str, Any]:
        """Read a refused line again as somebody mended it; see `Project.mend`."""
        with self._importing():
            refused = self._standing(self._sound("rejected")[1])
            if not refused.empty:
                refused = refused[(refused["source"] == source) & (refused["row"] == row)]
            if refused.empty:
                raise CurationError(f"No line {row:,} of {source} stands refused.")
            imports = {e["name"]: e for e in self.entries}
            name = f"{source} (mended)"
            line = " ".join(text.split("\n")).encode() + b"\n"
            said = {**imports[refused["imported_as"].iloc[0]]["settings"], "encoding": "utf-8"}
            with tempfile.TemporaryDirectory(prefix=".mend-", dir=self.folder) as scratch:
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

    def rebuild(self, progress: Progress = silent) -> None:
        """Read every imported file again from the copies in `source/`; see `Project.rebuild`."""
        with self._importing():
            self._rebuild(progress)

    def parse(
        self, file: Path, name: str, said: Mapping[str, Any], progress: Progress = silent
    ) -> tuple[Tables, ImportReport]:
        """The rows of a file that is to be no part of the project, read as an import would be."""
        settings = {**reading(), **said, "limits": read_limits(self.folder)}
        return self._read(file, name, settings, progress)

    def _importing(self) -> AbstractContextManager[None]:
        """The lock under which imports are changed, by whichever process; it cannot be nested."""
        return files.locked(self.folder / ".import.lock")

    def _manifest(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / "imports.json").read_text("utf-8"))
            return found
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise CurationError(
                f"{self.folder / 'imports.json'} cannot be read: {error}."
            ) from None

    def _add_file(
        self, file: Path, name: str, said: Mapping[str, Any], progress: Progress
    ) -> tuple[dict[str, Any], Tables | None]:
        """A file's entry for `imports`, and its rows; no rows when it is there already."""
        copy, digest = self._keep_source(file, name)
        former = next((e for e in self.entries if e["name"] == name), None)
        settings = dict(former["settings"] if former and said == reading() else said)
        # A changed limit is another reading of the file.
        settings["limits"] = read_limits(self.folder)
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

        with tempfile.TemporaryDirectory(prefix=".import-", dir=self.folder) as scratch:
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

    def _keep_source(self, file: Path, name: str) -> tuple[Path, str]:
        """Copy a file into the project under its hash; what is hashed is the copy."""
        if not file.is_file():
            what = "a folder without files" if file.is_dir() else "not a file that can be read"
            raise CurationError(
                f"{file} is {what}." if file.exists() else f"{file} does not exist."
            )
        folder = self.folder / "source"
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
        imports, fresh, entries = self.entries, dict[str, Tables](), list[dict[str, Any]]()
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
                ids = make_ids(frame["content_hash"].tolist(), carried_ids(frame["metadata"]))
                frame = frame.assign(id=pd.Series(ids, dtype="str"))
            path = self.folder / f"{table}.parquet"
            with files.replacing(path) as temporary:
                pq.write_table(
                    pa.Table.from_pandas(frame, preserve_index=False), temporary, compression="zstd"
                )
            digests[f"{table}_sha256"] = files.sha256(path)
        manifest = {"imports": list(imports), **digests}
        files.write_text(
            self.folder / "imports.json", json.dumps(manifest, ensure_ascii=False, indent=1)
        )

    def _rebuild(self, progress: Progress = silent) -> None:
        imports = self.entries
        if imports:
            self._write(imports, self._read_again(imports, progress))

    def _read_again(
        self, entries: Sequence[dict[str, Any]], progress: Progress = silent
    ) -> dict[str, Tables]:
        """Name → rows of imports, from their copies, all of which are verified first."""
        copies = [self._copy_of(entry) for entry in entries]
        tables = dict[str, Tables]()
        for i, (entry, copy) in enumerate(zip(entries, copies, strict=True)):
            part = part_of(progress, i, len(entries))
            tables[entry["name"]], _ = self._read(copy, entry["name"], entry["settings"], part)
        return tables

    def _copy_of(self, entry: Mapping[str, Any]) -> Path:
        """The copy in `source/` of an imported file, verified."""
        copy = self.folder / "source" / str(entry["stored"])
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
            with open(self.folder / f"{table}.parquet", "rb") as stream:  # one file, come what may
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


def part_of(progress: Progress, part: int, parts: int) -> Progress:
    """Progress of one of several equal parts of a piece of work, the first being 0."""
    return lambda share, text: progress((part + share) / parts, text)


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
