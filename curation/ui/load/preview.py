"""Recognition of one file, and the person's corrections of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from curation import copies, formats, sources
from curation.incoming import origin_of
from curation.project import Project
from curation.reading import Reading
from curation.ui import cards, uploads
from curation.ui.load.columns import draw_columns
from curation.ui.load.likely import draw_offer
from curation.ui.text import markdown

FIELDS = {
    "prompt": "Prompt",
    "response": "Response",
    "system": "System",
    "input": "Input beside the prompt",
    "choices": "Choices",
    "history": "Earlier turns",
    "reasoning": "Reasoning of the answer",
    "tools": "Tools",
    "chosen": "Chosen answer",
    "rejected": "Rejected answer",
    "messages": "Messages",
    "text": "Text",
    "label": "Label",
}


@dataclass(frozen=True)
class FileToRead:
    """A file that a person points at, and how it is to be read.

    replace: whether it replaces another of its name; None until the person chose. imported: whether
    it is in the project with this reading.
    """

    path: Path
    name: str
    reading: Reading
    replace: bool | None = False
    imported: bool = False


def draw(project: Project, path: Path, name: str) -> FileToRead:
    """Draw the recognition of one file and the widgets that correct it."""
    key = hashlib.blake2b(str(path).encode(), digest_size=6).hexdigest()  # two may share a name
    entry = _entry(project, path, name)
    before = Reading.of_import(entry) if entry else Reading()
    if path.is_dir():
        st.caption("A folder: every file in it is read in its recognised format.")
        return FileToRead(path, name, before)
    if entry and _is_imported(project, entry, path):
        st.caption(
            ":material/check: The project has this file. If you read it differently, that replaces it."
        )
        reading = _draw_reading(project, path, name, before, key)
        return FileToRead(path, name, reading, True, imported=reading == before)
    replace = _draw_place(project, path, name, key) if entry else False
    return FileToRead(path, name, _draw_reading(project, path, name, before, key), replace)


def _entry(project: Project, path: Path, name: str) -> dict[str, Any] | None:
    """The import of the same place, else of the same name; None when there is none."""
    entries, origin = project.imports, _origin(project, path)
    same_place = (e for e in entries if origin and e["origin"] == origin)
    return next(same_place, None) or next((e for e in entries if e["name"] == name), None)


def _origin(project: Project, path: Path) -> str:
    return "" if uploads.is_upload(project, path) else origin_of(path)


def _is_imported(project: Project, entry: dict[str, Any], path: Path) -> bool:
    """Whether the import holds the bytes of the file, which may take seconds to read."""
    with st.spinner("Looking whether it is in the project …"):
        return copies.has_content_of(project.path, entry, path)


def _draw_place(project: Project, path: Path, name: str, key: str) -> bool | None:
    """Whether a file replaces another of its name; None until the person chose."""
    origin = _origin(project, path)
    if origin and any(entry["origin"] == origin for entry in project.imports):
        return False  # it is that file's next version
    choice = st.segmented_control(
        f"The project already has {markdown(name)}",
        ["Replace it", "Keep both"],
        key=f"place-{key}",
    )
    return None if choice is None else choice != "Keep both"


@st.cache_resource(max_entries=32, show_spinner="Looking at the file …")
def _preview(
    path: str,
    version: tuple[int, int],
    name: str,
    reading: Reading,
    limits: sources.Limits,
) -> Any:
    """The content of a file's beginning. version: the file's size and time."""
    return sources.preview(
        Path(path),
        name=name,
        format=reading.format,
        mapping=reading.mapping,
        encoding=reading.encoding or None,
        limits=replace(limits, seconds=min(60, limits.seconds)),
    )


def _draw_reading(project: Project, path: Path, name: str, before: Reading, key: str) -> Reading:
    """Draw a file's beginning beside widgets for its reading; before: its former reading."""

    settings: dict[str, Any] = dict(project.limits)
    limits = sources.Limits(**settings)

    def preview(reading: Reading) -> Any:
        status = path.stat()
        version = (status.st_size, status.st_mtime_ns)
        return _preview(str(path), version, name, reading, limits)

    left, right = st.columns([2, 3], gap="large")
    with left:
        reading = _reading(preview(Reading(encoding=before.encoding)), before, key)
    beginning = preview(reading)
    with left:
        _draw_facts(beginning, key)
    with right:
        _draw_examples(beginning, key)
    return reading


def _reading(beginning: Any, before: Reading, key: str) -> Reading:
    """Widgets for format, columns and encoding."""
    names = ["auto", *formats.names()]
    format = st.selectbox(
        "Format",
        names,
        index=names.index(before.format),
        key=f"format-{key}",
        format_func=lambda name: "recognise automatically" if name == "auto" else name,
    )
    mapping = dict[str, str]()
    if beginning.columns and st.toggle(
        "Choose the columns", value=bool(before.mapping), key=f"map-{key}"
    ):
        columns = list(beginning.columns)
        for field, title in FIELDS.items():
            former = before.mapping.get(field)
            column = st.selectbox(
                title,
                columns,
                index=columns.index(former) if former in columns else None,
                key=f"map-{key}-{field}",
                placeholder="as recognised",
            )
            if column:
                mapping[field] = column
    encoding = before.encoding
    if beginning.encoding not in ("", "utf-8") or encoding:
        encoding = st.text_input(
            "Encoding",
            value=encoding,
            key=f"encoding-{key}",
            placeholder=f"{beginning.encoding}, a guess" if beginning.encoding else "as recognised",
            help="For example gb18030, big5, shift_jis, cp1252 or latin-1.",
        ).strip()
    return replace(before, format=format, mapping=mapping, encoding=encoding)


def _draw_facts(beginning: Any, key: str) -> None:
    """Formats, encoding, separator, notes, and what each column became."""
    recognised = (
        ", ".join(f"{markdown(n)} ({c:.0%} sure)" for n, c in beginning.formats.items())
        or "no format recognised"
    )
    encoding, separator = beginning.encoding, beginning.delimiter
    facts = [f"**{recognised}**", f"encoding {markdown(encoding)}" if encoding else ""]
    facts += [f"separator `{separator!r}`" if separator else ""]
    st.caption(" · ".join(fact for fact in facts if fact))
    for note in beginning.notes:
        st.caption(f":material/info: {markdown(note, 300)}")
    read = len(beginning.examples) + len(beginning.rejected)
    draw_columns(beginning.became, read, f"columns-{key}")
    draw_offer(beginning, key)


def _draw_examples(beginning: Any, key: str) -> None:
    """The first examples, one at a time, and the first refused lines."""
    if not beginning.examples:
        st.caption("None of the first lines could be read as an example.")
    else:
        number = (
            st.number_input("Example", 1, len(beginning.examples), 1, key=f"see-{key}")
            if len(beginning.examples) > 1
            else 1
        )
        with st.container(border=True, height=320, autoscroll=False):
            example = beginning.examples[int(number) - 1]
            if example.get("label"):
                st.badge(markdown(example["label"], 60), icon=":material/sell:")
            cards.conversation(example["messages"])
    for refusal in beginning.rejected[:3]:
        st.caption(f":material/block: row {refusal['row']}: {markdown(refusal['message'], 300)}")
