"""Load: files in, what was recognised, what was refused and why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import streamlit as st

from curation import files, formats, jobs, sources
from curation.demo import EXAMPLE, FILES, make_demo
from curation.errors import CurationError
from curation.project import Project, slug
from curation.ui import cards, frame, state
from curation.ui.text import markdown, short

FIELDS = {
    "prompt": "Prompt",
    "response": "Response",
    "system": "System",
    "input": "Input beside the prompt",
    "history": "Earlier turns",
    "messages": "Messages",
    "text": "Text",
    "label": "Label",
}


def allowed_root() -> Path:
    """Files are read by path only under this folder: CURATION_FILES, or the home folder."""
    return Path(os.environ.get("CURATION_FILES", Path.home())).resolve()


def draw_projects(project: Project | None) -> None:
    """Make a project, or open the bundled example."""
    with st.container(border=project is None):
        if project is None:
            st.subheader("Start", anchor=False)
        columns = st.columns([4, 2, 2], vertical_alignment="bottom")
        name = columns[0].text_input(
            "Name of the new project", key="new-name", placeholder="support-bot"
        )
        columns[1].button(
            "Make it",
            key="new-go",
            type="primary" if project is None else "secondary",
            icon=":material/add:",
            width="stretch",
            disabled=not name.strip(),
            on_click=make,
            args=(name.strip(),),
        )
        columns[2].button(
            "Open the example",
            key="new-example",
            icon=":material/school:",
            width="stretch",
            on_click=open_example,
            help="A few hundred examples in several languages, with faults planted in them.",
        )


def make(name: str) -> None:
    """Make a project and choose it."""
    try:
        state.make_project(name)
    except CurationError as error:
        state.flash(str(error), ":material/error:")


def open_example() -> None:
    """Open the example, making it first where it is not there."""
    path = state.workspace() / "example"
    try:
        if not (path / "project.toml").exists():
            frame.start_run(make_demo(path))
        state.choose_project(path)
    except CurationError as error:
        state.flash(str(error), ":material/error:")


def incoming(project: Project) -> list[tuple[Path, str]]:
    """The files that the person points at, each with its name."""
    how = st.segmented_control(
        "From",
        ["Upload", "Path", "Example"],
        default="Upload",
        key="load-how",
        required=True,
        label_visibility="collapsed",
    )
    if how == "Example":
        picked = st.pills(
            "Files",
            FILES,
            selection_mode="multi",
            default=list(FILES),
            key="load-example",
            label_visibility="collapsed",
        )
        return [(EXAMPLE / name, name) for name in picked]
    if how == "Path":
        root = allowed_root()
        text = st.text_input(
            "Path of a file or folder",
            key="load-path",
            placeholder=str(root / "data.jsonl"),
            help=f"Under {root}. Set CURATION_FILES to allow another folder.",
        )
        if not text.strip():
            return []
        path = (root / text.strip()).resolve()
        if not path.is_relative_to(root):
            raise CurationError(
                f"{path} is not under {root}, the folder that files may be read from."
            )
        if not path.exists():
            raise CurationError(f"{path} does not exist.")
        return [(path, path.name)]
    found = st.file_uploader(
        "JSON Lines, JSON, CSV, TSV or Parquet, plain or compressed",
        accept_multiple_files=True,
        key="load-upload",
    )
    return [(kept(project, upload), upload.name) for upload in found]


def kept(project: Project, upload: Any) -> Path:
    """An upload as a file of its own, so that reading it never happens in the app."""
    path = project.path / "jobs" / "uploads" / f"{upload.file_id}-{slug(upload.name)}"
    if not path.exists():
        files.write_bytes(path, upload.getvalue())
    return path


@st.cache_resource(max_entries=32, show_spinner="Looking at the file …")
def preview(
    path: str, changed: float, name: str, format: str, mapping: tuple[tuple[str, str], ...]
) -> Any:
    """What a file holds, as far as its beginning tells."""
    return sources.preview(Path(path), name=name, format=format, mapping=dict(mapping))


def draw_preview(path: Path, name: str) -> tuple[str, dict[str, str]]:
    """What was recognised in one file, and the person's own word on it."""
    if path.is_dir():
        st.caption("A folder: every file in it is read, each in the format that is recognised.")
        return "auto", {}
    first = preview(str(path), path.stat().st_mtime, name, "auto", ())
    left, right = st.columns([2, 3], gap="large")
    with left:
        formats_ = ["auto", *formats.names()]
        format = st.selectbox(
            "Format",
            formats_,
            key=f"format-{name}",
            format_func=lambda f: "recognised by itself" if f == "auto" else f,
        )
        mapping: dict[str, str] = {}
        if first.columns and st.toggle("Say which column is which", key=f"map-{name}"):
            for field, title in FIELDS.items():
                column = st.selectbox(
                    title,
                    list(first.columns),
                    index=None,
                    key=f"map-{name}-{field}",
                    placeholder="as recognised",
                )
                if column:
                    mapping[field] = column
    seen = (
        first
        if format == "auto" and not mapping
        else preview(str(path), path.stat().st_mtime, name, format, tuple(sorted(mapping.items())))
    )
    with left:
        found = (
            ", ".join(f"{markdown(n)} ({c:.0%} sure)" for n, c in seen.formats.items())
            or "no format recognised"
        )
        facts = [f"**{found}**", f"encoding {markdown(seen.encoding)}" if seen.encoding else ""]
        facts += [f"separator `{seen.delimiter!r}`" if seen.delimiter else ""]
        st.caption(" · ".join(f for f in facts if f))
        for note in seen.notes:
            st.caption(f":material/info: {markdown(note, 300)}")
    with right:
        if not seen.examples:
            st.caption("None of the first lines could be read as an example.")
        else:
            place = (
                st.number_input("Example", 1, len(seen.examples), 1, key=f"see-{name}")
                if len(seen.examples) > 1
                else 1
            )
            with st.container(border=True, height=320):
                example = seen.examples[int(place) - 1]
                if example.get("label"):
                    st.badge(markdown(example["label"], 60), icon=":material/sell:")
                cards.conversation(example["messages"])
        for refusal in seen.rejected[:3]:
            st.caption(
                f":material/block: row {refusal['row']}: {markdown(refusal['message'], 300)}"
            )
    return format, mapping


def start(
    project: Project, todo: tuple[tuple[str, str, str, tuple[tuple[str, str], ...]], ...]
) -> None:
    """Start the import of each file as a job of its own."""
    for path, name, format, mapping in todo:
        command = ["import", str(project.path), path, "--format", format]
        command += [f"--map={field}={column}" for field, column in mapping]
        if Path(path).is_file():
            command += ["--name", name]
        jobs.start(project.path, f"Import {name}", command)


def draw_imports(project: Project) -> None:
    """What is in the project, file by file, and that nothing was lost."""
    entries = project.imports
    if not entries:
        st.caption("Nothing was imported yet.")
        return
    table = pd.DataFrame(
        [
            {
                "file": e["name"],
                **{k: e["report"][k] for k in ("lines", "examples", "rejected", "blank")},
                "repaired": sum(e["report"]["repaired"].values()),
                "formats": ", ".join(f"{n} {c:,}" for n, c in e["report"]["formats"].items()),
                "encoding": ", ".join(sorted(set(e["report"]["encodings"].values()))),
            }
            for e in entries
        ]
    )
    st.dataframe(
        table, hide_index=True, width="stretch", height="content" if len(table) < 12 else 420
    )
    total = table[["lines", "examples", "rejected", "blank"]].sum()
    st.caption(
        f"**{total['lines']:,} lines = {total['examples']:,} examples + "
        f"{total['rejected']:,} rejected + {total['blank']:,} blank**"
    )
    for entry in entries:
        for note in entry["report"].get("notes", []):
            st.caption(f":material/info: {markdown(entry['name'])}: {markdown(note, 300)}")


def draw_rejected(project: Project) -> None:
    """Refused lines with the reason, and as a file to mend and import again."""
    rejected = project.rejected
    if rejected.empty:
        st.caption("No line was refused.")
        return
    text = rejected["raw"].map(lambda raw: bytes(raw).decode("utf-8", "replace"))
    table = rejected[["source", "row", "field", "code", "message"]].assign(
        raw=text.map(lambda t: short(t, 200))
    )
    st.dataframe(
        table.head(2_000),
        hide_index=True,
        width="stretch",
        height=min(420, 60 + 36 * len(table)),
        column_config={"message": st.column_config.TextColumn(width="large")},
    )
    left, right = st.columns(2)
    left.download_button(
        "Download the refused lines as they were",
        lambda: b"\n".join(bytes(r) for r in rejected["raw"]) + b"\n",
        "rejected.txt",
        key="rejected-raw",
        icon=":material/download:",
        width="stretch",
    )
    right.download_button(
        "Download with reasons (JSON Lines)",
        lambda: as_jsonl(rejected),
        "rejected.jsonl",
        key="rejected-jsonl",
        icon=":material/download:",
        width="stretch",
    )


def as_jsonl(rejected: pd.DataFrame) -> bytes:
    """Refused lines with file, row, offset, field, code, reason and text."""
    rows = rejected.assign(
        raw=rejected["raw"].map(lambda raw: bytes(raw).decode("utf-8", "replace"))
    ).to_dict("records")
    clean = [{k: None if v is pd.NA or v != v else v for k, v in row.items()} for row in rows]
    return b"".join(orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n" for row in clean)


def draw() -> None:
    """The page."""
    frame.header(
        "Load",
        "Any SFT file opens; every line is an example, a refused line with a reason, or blank.",
    )
    project = state.current_project()
    if project is None:
        draw_projects(None)
        return
    with st.container(border=True):
        todo = []
        for path, name in incoming(project):
            with st.container(border=True):
                st.markdown(f"**{markdown(name)}**")
                try:
                    format, mapping = draw_preview(path, name)
                except CurationError as error:
                    st.error(markdown(error, 400), icon=":material/block:")
                    continue
                todo.append((str(path), name, format, tuple(mapping.items())))
        st.button(
            f"Import {len(todo)} file{'s' if len(todo) != 1 else ''}" if todo else "Import",
            type="primary",
            key="load-go",
            icon=":material/download:",
            disabled=not todo,
            on_click=start,
            args=(project, tuple(todo)),
        )
    part = st.segmented_control(
        "Show",
        ["Imported", "Refused", "New project"],
        default="Imported",
        key="load-part",
        required=True,
        label_visibility="collapsed",
    )
    if part == "Refused":
        draw_rejected(project)
    elif part == "New project":
        draw_projects(project)
    else:
        draw_imports(project)


draw()
