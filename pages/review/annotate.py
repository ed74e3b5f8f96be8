"""Annotate: one example at a time, by keyboard."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from curation.dataset import Message, dump_messages, load_messages
from curation.decisions import State
from curation.project import Project, View
from curation.report import PEOPLE
from curation.ui import actions, cards, frame, state
from curation.ui.text import markdown

QUEUES = {
    "Undecided": "Kept examples that nobody decided yet.",
    "To review": "Examples that somebody sent to review.",
    "Needs attention": "Examples that a trainer cannot use as they stand.",
    "Dropped by the recipe": "What the machine dropped, for a second look.",
    "Everything": "All examples, decided or not.",
    "This example": "The one that was opened on another page.",
}


def queue(project: Project, rows: pd.DataFrame, name: str) -> list[str]:
    """Ids to look at, in order; decided ones leave at once, also before the next run."""
    people = project.people()
    touched = (
        set() if people is None else set(people.verdicts) | set(people.labels) | set(people.edits)
    )
    if name == "Everything":
        return list(rows.index)
    if name == "This example":
        opened = state.opened_example()
        return [opened] if opened in rows.index else []
    if name == "To review":
        return [
            i
            for i in ([] if people is None else people.flags)
            if i in rows.index and people and people.flags[i]
        ]
    if name == "Needs attention":
        chosen = rows.index[(rows["attention"] != "").to_numpy()]
    elif name == "Dropped by the recipe":
        chosen = rows.index[
            (rows["dropped_by"].notna() & (rows["dropped_by"] != "people")).to_numpy()
        ]
    else:
        chosen = rows.index[rows["dropped_by"].isna().to_numpy()]
    skipped = set() if people is None else set(people.skips)
    waiting = [i for i in chosen if i not in touched]
    return [i for i in waiting if i not in skipped] + [i for i in waiting if i in skipped]


def act(project: Project, kind: str, example_id: str, value: object, op: str, base: int) -> None:
    """Save what the card carried, then go on to the next."""
    if actions.decide(project, kind, (example_id,), value, op, base, quiet=True):
        go_on(kind, example_id)


def resolve(
    project: Project, example_id: str, kind: str, value: object, op: str, base: int
) -> None:
    """Decide an example that was sent to review: the decision also takes it out of the queue."""
    said = [(kind, example_id, value), ("unflag", example_id, "review")]
    if actions.decide_together(project, said, op, base, quiet=True):
        go_on(kind, example_id)


def go_on(kind: str, example_id: str) -> None:
    """Remember what was done and show the next card."""
    st.session_state.setdefault("trail", []).append(example_id)
    st.session_state["last-act"] = actions.DONE[kind], example_id
    st.session_state.pop("editing", None)
    st.session_state.pop("card", None)


def back() -> None:
    """Show the example before this one again."""
    trail = st.session_state.get("trail", [])
    if trail:
        st.session_state["card"] = trail.pop()


def show_undone() -> None:
    """After an undo show the example that it was about, if it was decided here."""
    undone, trail = st.session_state.pop("undone", None), st.session_state.get("trail", [])
    if undone is not None:
        st.session_state["last-act"] = "Undone:", undone
    if undone in trail:
        del trail[len(trail) - 1 - trail[::-1].index(undone)]  # it may have been here twice
        st.session_state["card"] = undone


def decided(row: pd.Series, people: State | None) -> pd.Series:
    """The row with the verdict that somebody has given it since the page was drawn."""
    verdict = None if people is None else people.verdicts.get(str(row.name))
    if verdict is None:
        return row
    return pd.Series(
        {**row, "dropped_by": PEOPLE if verdict.kind == "drop" else None}, name=row.name
    )


def save_edit(
    project: Project,
    example_id: str,
    roles: tuple[str, ...],
    key: str,
    op: str,
    base: int,
    source: str,
) -> None:
    """Save the texts of the form as an edit."""
    turns = []
    for i, (message, role) in enumerate(zip(load_messages(source), roles, strict=True)):
        content = st.session_state.get(f"{key}-{i}", message.content)
        turns.append(
            Message(
                role, content if content or message.content is not None else None, message.more
            ).to_dict()
        )
    act(project, "edit", example_id, turns, op, base)


@st.fragment
def card(project: Project, view: View, name: str) -> None:
    """The example to decide; only this part is drawn again after a key."""
    rows = view.dataset.rows
    ids = queue(project, rows, name)
    shown = st.session_state.get("card")
    example = shown if shown in rows.index else (ids[0] if ids else None)
    if name == "Everything" and shown is None and ids:
        position = min(st.session_state.get("position", 0), len(ids) - 1)
        example = ids[position]
    if example is None:
        st.success(
            "This queue is empty. Choose another, or send examples here from the Map or Browse.",
            icon=":material/done_all:",
        )
        return
    people = project.people()
    known = people.of(example) if people is not None else None
    base = known.revision if known is not None else 0
    row = decided(rows.loc[example], people)
    edit = None if people is None else people.edits.get(example)
    messages = (
        row["messages"]
        if edit is None
        else dump_messages(
            [
                Message(
                    t["role"],
                    t["content"],
                    {k: v for k, v in t.items() if k not in ("role", "content")},
                )
                for t in edit.value
            ]
        )
    )
    op = actions.new_op()
    labels = sorted(rows["label"].dropna().unique()) if rows["label"].notna().any() else []
    left, right = st.columns([8, 4], gap="large")
    with left, st.container(border=True):
        cards.fate(row)
        if st.session_state.get("editing") == example:
            draw_edit(project, example, messages, op, base)
        else:
            cards.conversation(messages)
    with right:
        st.caption(
            f"**{len(ids):,}** in this queue · {markdown(row['source'])}, row {row['source_row']}"
        )
        send = resolve_args if name == "To review" else act_args
        first = st.columns(2)
        for column, kind, label, icon, key in (
            (first[0], "keep", "Keep", ":material/check:", "k"),
            (first[1], "drop", "Drop", ":material/close:", "d"),
        ):
            callback, args = send(project, kind, example, None, f"{op}{key}", base)
            column.button(
                label,
                icon=icon,
                key=f"card-{kind}",
                shortcut=key,
                width="stretch",
                type="primary" if kind == "keep" else "secondary",
                on_click=callback,
                args=args,
            )
        second = st.columns(2)
        second[0].button(
            "Edit",
            icon=":material/edit:",
            key="card-edit",
            shortcut="e",
            width="stretch",
            on_click=st.session_state.__setitem__,
            args=("editing", example),
        )
        second[1].button(
            "Skip",
            icon=":material/redo:",
            key="card-skip",
            shortcut="s",
            width="stretch",
            on_click=act if name != "Everything" else forward,
            args=(project, "skip", example, None, f"{op}s", base) if name != "Everything" else (),
        )
        third = st.columns(2)
        third[0].button(
            "Back",
            icon=":material/arrow_back:",
            key="card-back",
            shortcut="b",
            width="stretch",
            on_click=back,
            disabled=not st.session_state.get("trail"),
        )
        third[1].button(
            "Review",
            icon=":material/flag:",
            key="card-flag",
            shortcut="f",
            width="stretch",
            help="Leave it for somebody else.",
            on_click=act,
            args=(project, "flag", example, "review", f"{op}f", base),
        )
        if isinstance(row["label"], str) or (labels and not row["response"]):
            draw_labels(project, example, labels, row["label"], op, base)
        draw_notes(project, example, known, op, base)
        done, last = st.session_state.get("last-act", ("", ""))
        st.caption(
            f"{done} “{markdown(rows.at[last, 'prompt'], 60)}”"
            if last in rows.index
            else "Keys: **K** keep, **D** drop, **E** edit, **S** skip, **F** review, **B** back."
        )
        reason = next(
            (
                e["text"]
                for e in reversed(view.dataset.explain(example))
                if e["what"] == "dropped" and e["text"]
            ),
            "",
        )
        if reason:
            st.caption(f"Dropped because: {markdown(reason, 300)}")


def forward() -> None:
    """Go on without deciding."""
    st.session_state["position"] = st.session_state.get("position", 0) + 1
    st.session_state.pop("card", None)


def act_args(project: Project, kind: str, example: str, value: object, op: str, base: int) -> tuple:  # type: ignore[type-arg]
    """The callback and arguments of an ordinary decision."""
    return act, (project, kind, example, value, op, base)


def resolve_args(
    project: Project, kind: str, example: str, value: object, op: str, base: int
) -> tuple:  # type: ignore[type-arg]
    """The callback and arguments of a decision in the review queue."""
    return resolve, (project, example, kind, value, op, base)


def draw_labels(
    project: Project, example: str, labels: list[str], current: object, op: str, base: int
) -> None:
    """One button a label, with the digits as keys."""
    st.caption("Label")
    places = st.columns(2)
    for i, label in enumerate(labels[:18]):
        places[i % 2].button(
            markdown(label, 40),
            key=f"label-{i}",
            width="stretch",
            shortcut=str(i + 1) if i < 9 else None,
            type="primary" if label == current else "secondary",
            on_click=act,
            args=(project, "label", example, label, f"{op}l{i}", base),
        )


def draw_notes(project: Project, example: str, known: object, op: str, base: int) -> None:
    """A tag and a note; neither moves on."""
    left, right = st.columns(2)
    with left.popover("Tag", icon=":material/sell:", width="stretch"):
        tag = st.text_input("Tag", key=f"tag-{example}", placeholder="e.g. maths")
        st.button(
            "Add the tag",
            key="tag-go",
            disabled=not tag.strip(),
            on_click=actions.decide,
            args=(project, "tag", (example,), tag.strip(), f"{op}t", base),
        )
    with right.popover("Note", icon=":material/sticky_note_2:", width="stretch"):
        note = st.text_area("Note", key=f"note-{example}", placeholder="for whoever comes next")
        st.button(
            "Save the note",
            key="note-go",
            disabled=not note.strip(),
            on_click=actions.decide,
            args=(project, "note", (example,), note.strip(), f"{op}n", base),
        )
    if known is not None:
        for text in known.summary():  # type: ignore[attr-defined]
            st.caption(markdown(text, 300))


def draw_edit(project: Project, example: str, messages: str, op: str, base: int) -> None:
    """A text field a turn; saving appends an edit, the source stays as it was."""
    turns = load_messages(messages)
    key = f"turn-{example}"
    for i, turn in enumerate(turns):
        lines = len(turn.content or "") // 90 + (turn.content or "").count("\n") + 2
        st.text_area(
            markdown(turn.role, 40),
            value=turn.content or "",
            key=f"{key}-{i}",
            height=min(420, max(80, 26 * lines)),
        )
    with st.container(horizontal=True):
        st.button(
            "Save",
            type="primary",
            icon=":material/save:",
            key="edit-save",
            shortcut="Ctrl+Enter",
            on_click=save_edit,
            args=(project, example, tuple(t.role for t in turns), key, f"{op}e", base, messages),
        )
        st.button(
            "Cancel", key="edit-cancel", on_click=st.session_state.pop, args=("editing", None)
        )


def draw() -> None:
    """The page."""
    frame.header(
        "Annotate",
        "One example at a time; a decision is saved before the next is shown, and can be undone.",
    )
    project, view = state.need_view()
    if not state.annotator():
        st.info(
            "Say who you are in the sidebar first, so that your decisions carry your name.",
            icon=":material/badge:",
        )
        return
    name = (
        st.segmented_control(
            "Queue",
            list(QUEUES),
            key="queue",
            default="Undecided",
            label_visibility="collapsed",
            required=True,
            persist_state="session",
            on_change=st.session_state.pop,
            args=("card", None),
        )
        or "Undecided"
    )
    st.caption(QUEUES[name])
    show_undone()
    card(project, view, name)


draw()
