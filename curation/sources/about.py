"""Files beside the data that hold no data: cards, licences, scripts, settings, pointers."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

TABLES = (
    ".jsonl",
    ".ndjson",
    ".json",
    ".csv",
    ".tsv",
    ".tab",
    ".psv",
    ".parquet",
    ".pq",
    ".arrow",
    ".feather",
)
"""Endings of files that hold records; such a file is data, whatever its name."""

PACKED = (".gz", ".zst", ".bz2", ".xz")

ENDINGS = {
    "a page, not data": (".md", ".markdown", ".rst", ".html", ".htm", ".tex", ".adoc"),
    "a program, not data": (
        *(".py", ".pyc", ".ipynb", ".sh", ".bat", ".ps1", ".js", ".ts", ".r", ".jl", ".c", ".h"),
        *(".cpp", ".java", ".go", ".rs", ".rb", ".pl", ".lua", ".sql"),
    ),
    "a file of settings, not data": (".toml", ".cfg", ".ini", ".lock", ".properties", ".env"),
    "a reference, not data": (".cff", ".bib", ".ris"),
    "a checksum, not data": (".md5", ".sha1", ".sha256", ".sha512"),
    "a picture, sound or film, not text": (
        *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".svg", ".ico"),
        *(".wav", ".mp3", ".flac", ".ogg", ".m4a", ".mp4", ".mov", ".avi", ".webm"),
    ),
}

NAMES = {
    "a page about the data": (
        *("readme", "license", "licence", "copying", "notice", "changelog", "changes", "citation"),
        *("authors", "contributors", "contributing", "code_of_conduct", "security", "datacard"),
        *("dataset_card", "dataset-card", "datasheet", "disclaimer"),
    ),
    "a list of packages, not data": ("requirements", "constraints", "packages", "pipfile"),
    "a file of settings, not data": ("makefile", "dockerfile", "codeowners", "procfile"),
}
"""Names without their ending, of files that hold no records."""

SPEAKING = ("readme", "license", "licence", "requirements")
"""Names whose first word is enough, as in LICENSE-MIT."""

METADATA = (
    *("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"),
    *("axolotl.yaml", "axolotl.yml"),
)
"""Files that `datasets` and trainers write beside the data."""

_POINTER = re.compile(rb"\s*version https://(git-lfs|hawser)\.github\.com/spec/v\d")
_ANNEX = re.compile(rb"(\.\./)*(\.git)?/?annex/objects/\S+\s*\Z")
_FRONT_MATTER = re.compile(rb"---[ \t]*\r?\n(.{0,20000}?\n)?---[ \t]*(\r?\n|\Z)", re.DOTALL)
_FIELD = re.compile(rb"^[\w-]+:", re.MULTILINE)

LFS = (
    "it is a Git LFS pointer, not the data itself; run `git lfs pull` where it was cloned, and "
    "import it again."
)
ANNEX = (
    "it is a git-annex pointer, not the data itself; run `git annex get` where it was cloned, and "
    "import it again."
)
CARD = "it is a page with YAML front matter, such as a dataset card, not data."


def not_data(name: str) -> str:
    """The reason why a file of that name holds no examples; "" where it may hold some."""
    path = PurePosixPath(name.lower())
    if path.suffix in PACKED:
        path = path.with_suffix("")
    if path.name in METADATA:
        return "it describes the data, and is none itself."
    if path.suffix in TABLES:
        return ""
    for what, endings in ENDINGS.items():
        if path.suffix in endings:
            return f"it is {what}."
    if path.suffix not in ("", ".txt", ".text"):
        return ""
    first = re.split(r"[-_. ]", path.stem)[0]
    for what, names in NAMES.items():
        if path.stem in names or first in names and first in SPEAKING:
            return f"it is {what}."
    return ""


def pointer(head: bytes) -> str:
    """The reason why a file with this beginning is a pointer to another; "" for none."""
    if _POINTER.match(head):
        return LFS
    return ANNEX if len(head) < 1_000 and _ANNEX.match(head) else ""


def is_card(head: bytes) -> bool:
    """Whether a text begins with YAML front matter: fields between two lines of three hyphens."""
    front = _FRONT_MATTER.match(head.removeprefix(b"\xef\xbb\xbf").lstrip())
    return front is not None and _FIELD.search(front[1] or b"") is not None
