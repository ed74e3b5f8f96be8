"""Load: files in, what was recognised, what was refused and why."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import streamlit as st

from curation import commands, formats, sources
from curation.demo import EXAMPLE, FILES, make_demo
from curation.errors import CurationError
from curation.incoming import origin_of
from curation.project import Project
from curation.ui import cards, shell, state, uploads
from curation.ui.columns import draw_columns
from curation.ui.leftover import draw_left_out, draw_without_row
from curation.ui.slots import widget_value
from curation.ui.text import markdown, short

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
    with state.flashing_errors():
        state.make_project(name)


def open_example() -> None:
    """Open the example, making it first where it is not there."""
    path = state.workspace() / "example"
    with state.flashing_errors():
        if not (path / "project.toml").exists():
            shell.start_run(make_demo(path))
        state.choose_project(path)


def incoming(project: Project) -> list[tuple[Path, str]]:
    """The files that the person points at, each with its name."""
    how = st.segmented_control(
        "From",
        ["Upload", "Path", "Hub", "Example"],
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
    if how == "Hub":
        draw_hub(project)
        return []
    if how == "Path":
        roots = uploads.allowed_roots()
        text = st.text_input(
            "Path of a file or folder",
            key="load-path",
            placeholder=str(roots[-1] / "data.jsonl"),
            help=f"Under {' or '.join(map(str, roots))}. Set CURATION_FILES to allow another folder.",
        ).strip()
        if not text:
            return []
        path = uploads.allowed(text)
        return [(path, path.name)]
    found = st.file_uploader(
        "JSON Lines, JSON, CSV, TSV or Parquet, plain or compressed",
        accept_multiple_files=True,
        key="load-upload",
    )
    return [(uploads.kept(project, upload), upload.name) for upload in found]


def draw_hub(project: Project) -> None:
    """A dataset of the Hugging Face Hub by its id; it is fetched, pinned, and read like a file."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    id = left.text_input("Dataset", key="load-hub", placeholder="owner/name").strip()
    revision = right.text_input("Revision", key="load-revision", placeholder="the newest").strip()
    st.button(
        "Fetch and import",
        key="load-hub-go",
        icon=":material/cloud_download:",
        disabled=not id,
        on_click=shell.start_job,
        args=(project, commands.fetch(project.path, id, revision)),
        help="Needs the network. No code of the dataset is run.",
    )


@dataclass(frozen=True)
class Reading:
    """How a file is to be read: what the person said of it."""

    format: str = "auto"
    mapping: tuple[tuple[str, str], ...] = ()
    encoding: str = ""
    instead: bool = False

    def options(self) -> list[str]:
        """The same as options of `curate import`."""
        options = ["--format", self.format, *(f"--map={f}={c}" for f, c in self.mapping)]
        options += ["--encoding", self.encoding] if self.encoding else []
        return [*options, "--replace"] if self.instead else options


def remembered(project: Project, name: str) -> Reading:
    """How a file of that name was read before."""
    for entry in project.imports:
        if entry["name"] == name:
            said = entry["settings"]
            mapping = tuple(said["mapping"].items())
            return Reading(said["format"], mapping, said.get("encoding", ""))
    return Reading()


@st.cache_resource(max_entries=32, show_spinner="Looking at the file …")
def preview(path: str, changed: float, name: str, how: Reading, limits: sources.Limits) -> Any:
    """What a file holds, as far as its beginning tells."""
    return sources.preview(
        Path(path),
        name=name,
        format=how.format,
        mapping=dict(how.mapping),
        encoding=how.encoding or None,
        limits=replace(limits, seconds=min(60, limits.seconds)),
    )


def draw_preview(path: Path, name: str, before: Reading, limits: sources.Limits) -> Reading:
    """What was recognised in one file, and the person's own word on it."""
    key = hashlib.blake2b(str(path).encode(), digest_size=6).hexdigest()  # two may share a name
    if path.is_dir():
        st.caption("A folder: every file in it is read, each in the format that is recognised.")
        return before
    changed = path.stat().st_mtime
    first = preview(str(path), changed, name, Reading(encoding=before.encoding), limits)
    left, right = st.columns([2, 3], gap="large")
    with left:
        formats_ = ["auto", *formats.names()]
        format = st.selectbox(
            "Format",
            formats_,
            index=formats_.index(before.format),
            key=f"format-{key}",
            format_func=lambda f: "recognised by itself" if f == "auto" else f,
        )
        mapping, said = dict[str, str](), dict(before.mapping)
        if first.columns and st.toggle(
            "Say which column is which", value=bool(said), key=f"map-{key}"
        ):
            columns = list(first.columns)
            for field, title in FIELDS.items():
                known = said.get(field)
                column = st.selectbox(
                    title,
                    columns,
                    index=columns.index(known) if known in columns else None,
                    key=f"map-{key}-{field}",
                    placeholder="as recognised",
                )
                if column:
                    mapping[field] = column
        encoding = before.encoding
        if first.encoding not in ("", "utf-8") or encoding:
            encoding = st.text_input(
                "Encoding",
                value=encoding,
                key=f"encoding-{key}",
                placeholder=f"{first.encoding}, a guess" if first.encoding else "as recognised",
                help="For example gb18030, big5, shift_jis, cp1252 or latin-1.",
            ).strip()
    how = Reading(format, tuple(sorted(mapping.items())), encoding)
    seen = preview(str(path), changed, name, how, limits)
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
        draw_columns(seen.became, f"columns-{key}")
    with right:
        if not seen.examples:
            st.caption("None of the first lines could be read as an example.")
        else:
            place = (
                st.number_input("Example", 1, len(seen.examples), 1, key=f"see-{key}")
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
    return how


def start(project: Project, todo: tuple[tuple[str, str, Reading], ...]) -> None:
    """Start one job for all files that are read alike; they are then merged at once."""
    alike = dict[tuple[Reading, bool], list[tuple[str, str]]]()
    for path, name, how in todo:
        alike.setdefault((how, is_upload(project, path)), []).append((path, name))
    for (how, uploaded), group in alike.items():
        paths = [path for path, _ in group]
        names = [name for _, name in group] if uploaded else []  # a file is known by its path
        title = group[0][1] if len(group) == 1 else f"{len(group)} files"
        command = commands.import_files(project.path, paths, names, how.options(), title)
        shell.start_job(project, command)


def is_upload(project: Project, path: str) -> bool:
    """Whether a file came from the browser, so that nobody knows where it lies."""
    return Path(path).is_relative_to(project.path / "uploads")


def draw_place(project: Project, path: Path, name: str) -> bool | None:
    """Whether a file takes the place of another of its name; None until the person said so."""
    origin = "" if is_upload(project, str(path)) else origin_of(path)
    named = [entry for entry in project.imports if entry["name"] == name]
    if not named or path.is_dir() or (origin and named[0]["origin"] == origin):
        return False
    choice = st.segmented_control(
        f"{markdown(name)} is here already",
        ["Put this one in its place", "Keep both"],
        key=f"place-{hashlib.blake2b(str(path).encode(), digest_size=6).hexdigest()}",
    )
    return None if choice is None else choice != "Keep both"


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
    draw_mending(project, rejected)
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


def draw_mending(project: Project, rejected: pd.DataFrame) -> None:
    """One refused line as text that can be mended and tried again."""
    places = [(str(s), int(r)) for s, r in zip(rejected["source"], rejected["row"], strict=True)]
    picked = st.selectbox(
        "Mend a line",
        range(min(len(places), 2_000)),
        format_func=lambda i: f"{places[i][0]}, row {places[i][1]:,}",
        key="mend-pick",
    )
    if picked is None:
        return
    line = rejected.iloc[picked]
    st.caption(f":material/block: {markdown(line['message'], 400)}")
    source, row = places[picked]
    key = f"mend-{source}-{row}"
    st.text_area(
        "As a JSON object",
        value=bytes(line["raw"]).decode("utf-8", "replace")[:20_000],
        key=key,
        height=140,
    )
    st.button(
        "Try again",
        icon=":material/healing:",
        key="mend-go",
        on_click=mend,
        args=(project, source, row, key),
    )


def mend(project: Project, source: str, row: int, key: str) -> None:
    """Read a refused line again as it was mended."""
    with state.flashing_errors():
        project.mend(source, row, widget_value(key))
        state.flash(f"Row {row:,} of {source} is an example now")


def as_jsonl(rejected: pd.DataFrame) -> bytes:
    """Refused lines with file, row, offset, field, code, reason and text."""
    rows = rejected.assign(
        raw=rejected["raw"].map(lambda raw: bytes(raw).decode("utf-8", "replace"))
    ).to_dict("records")
    clean = [{k: None if v is pd.NA or v != v else v for k, v in row.items()} for row in rows]
    return b"".join(orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n" for row in clean)


def draw() -> None:
    """The page."""
    shell.header(
        "Load",
        "Any SFT file opens; every line is an example, a refused line with a reason, or blank.",
    )
    project = state.current_project()
    if project is None:
        draw_projects(None)
        return
    with st.container(border=True):
        todo, limits, undecided = [], sources.Limits(**project.limits), False
        for path, name in incoming(project):
            with st.container(border=True):
                st.markdown(f"**{markdown(name)}**")
                try:
                    instead = draw_place(project, path, name)
                    how = draw_preview(path, name, remembered(project, name), limits)
                except CurationError as error:
                    st.error(markdown(error, 400), icon=":material/block:")
                    continue
                undecided = undecided or instead is None
                todo.append((str(path), name, replace(how, instead=bool(instead))))
        st.button(
            f"Import {len(todo)} file{'s' if len(todo) != 1 else ''}" if todo else "Import",
            type="primary",
            key="load-go",
            icon=":material/download:",
            disabled=not todo or undecided,
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
        draw_left_out(project)
        draw_without_row(project)


draw()
