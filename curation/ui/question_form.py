"""The form of the lead: questions that people are asked about each example, and the guidelines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from curation.errors import CurationError
from curation.guidelines import (
    FILE,
    MOST,
    GuidelinesConflict,
    mark_of,
    present_guidelines,
    versions,
    write_guidelines,
)
from curation.project import Project
from curation.questions import (
    KINDS,
    MOST_OPTIONS,
    WHEN,
    WITH_OPTIONS,
    Question,
    QuestionConflict,
    change_questions,
    moved,
    name_from,
    read_questions,
    save_question,
    without,
)
from curation.ui import state
from curation.ui.slots import Slot, widget_value
from curation.ui.text import markdown
from curation.ui.times import when

NEW = "+"
"""In the place of a name: the question that is being added."""


@dataclass(frozen=True)
class Editing:
    """The open editor of a question.

    shown: the question with which its fields began, which never changes, or they would begin anew;
    None for a new question. base: the saved question that a save replaces; None for none.
    """

    shown: Question | None
    base: Question | None

    @property
    def name(self) -> str:
        """The name of the question; NEW for a new one."""
        return self.shown.name if self.shown else NEW


@dataclass(frozen=True)
class Typing:
    """The field of the guidelines: the text with which it began, and the mark that a save replaces."""

    shown: str
    base: str


EDITED: Slot[Editing | None] = Slot("question-edited", None)
PROBLEM = Slot("question-problem", "")
GUIDELINES: Slot[Typing | None] = Slot("guidelines-typing", None)
GUIDELINES_PROBLEM = Slot("guidelines-problem", "")


def draw(project: Project) -> tuple[Question, ...]:
    """Draw the panel of questions and guidelines, and return the questions; none for wrong settings."""
    try:
        questions = read_questions(project.path)
    except CurationError as error:
        st.error(markdown(str(error), 400))
        return ()
    if not state.owns(project):
        return questions
    # Its title never changes, because a panel with another title is drawn anew, and closed.
    with st.expander("Questions and guidelines", icon=":material/quiz:"):
        first, second = st.tabs(["Questions", "Guidelines"])
        with first:
            _draw_questions(project, questions)
        with second:
            _draw_guidelines(project)
    return questions


def _draw_questions(project: Project, questions: Sequence[Question]) -> None:
    if not questions:
        st.caption(
            "People are asked to keep or drop, to label and to rate. Add a question of your own: "
            "a class, faults, a rating, a text, the better of two answers, marks in a text."
        )
    edited = EDITED.get(project)
    for place, question in enumerate(questions):
        _draw_line(project, question, place, len(questions))
        if edited and edited.name == question.name:
            _draw_editor(project, edited)
    if edited and edited.name not in [question.name for question in questions]:
        _draw_editor(project, edited)  # a new one, or one that somebody else removed
    if not edited or edited.shown:
        st.button(
            "Add a question",
            key="question-add",
            icon=":material/add:",
            on_click=_open,
            args=(project, Editing(None, None)),
        )


def _draw_line(project: Project, question: Question, place: int, count: int) -> None:
    """Draw one question in a line, with the buttons that change it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(gap=None):
            st.markdown(f"**{markdown(question.words, 200)}**")
            st.caption(markdown(_about(question), 400))
        key = f"question-{question.name}"
        _button(project, "Edit", "edit", f"{key}-edit", _open, Editing(question, question))
        _button(
            project, "Up", "arrow_upward", f"{key}-up", _move, question.name, -1, off=place == 0
        )
        last = place == count - 1
        _button(project, "Down", "arrow_downward", f"{key}-down", _move, question.name, 1, off=last)
        with st.popover("Remove", icon=":material/delete:"):
            st.write("It is asked no more. Its answers stay, and its column stays in deliveries.")
            _button(project, "Remove it", "delete", f"{key}-remove", _remove, question.name)


def _button(
    project: Project,
    title: str,
    icon: str,
    key: str,
    act: Callable[..., None],
    *args: Any,
    off: bool = False,
) -> None:
    st.button(
        title,
        key=key,
        icon=f":material/{icon}:",
        disabled=off,
        on_click=act,
        args=(project, *args),
    )


def _about(question: Question) -> str:
    """A question's settings in a line."""
    parts = [f"answers.{question.name}", KINDS[question.kind][0].lower()]
    if question.options:
        parts.append(" / ".join(question.options))
    if question.kind == "rating":
        parts.append(f"{question.lowest} to {question.highest}")
    parts += ["required"] if question.required else []
    parts += [WHEN[question.when]] if question.when != "always" else []
    return " · ".join(parts)


def _draw_editor(project: Project, edited: Editing) -> None:
    """Draw the fields of a question."""
    key, question = f"question-of-{edited.name}", edited.shown
    shown = question or Question("new", "choice", options=("yes", "no"))
    with st.container(border=True):
        left, right = st.columns(2)
        left.text_input("Question", shown.title, key=f"{key}-title", max_chars=200)
        right.text_input(
            "Short name",
            question.name if question else "",
            key=f"{key}-name",
            max_chars=40,
            disabled=question is not None,
            placeholder="" if question else "made from the question",
            help="The answers are the column answers.NAME, so it stays as it is: letters, digits, _. "
            "Left empty, it is made from the question.",
        )
        kind = left.selectbox(
            "Kind",
            list(KINDS),
            list(KINDS).index(shown.kind),
            key=f"{key}-kind",
            format_func=lambda name: KINDS[name][0],
        )
        left.caption(KINDS[str(kind)][1])
        right.selectbox(
            "Asked",
            list(WHEN),
            list(WHEN).index(shown.when),
            key=f"{key}-when",
            format_func=WHEN.__getitem__,
        )
        right.toggle(
            "Required",
            shown.required,
            key=f"{key}-required",
            help="A card is kept or dropped only after an answer.",
        )
        if kind in WITH_OPTIONS:
            st.text_area(
                "Options, one a line",
                "\n".join(shown.options),
                key=f"{key}-options",
                help=f"At most {MOST_OPTIONS}: a digit chooses each.",
            )
        if kind == "rating":
            low, high, first, last = st.columns(4)
            low.number_input("From", 1, 8, shown.lowest, key=f"{key}-lowest")
            high.number_input("To", 2, 9, shown.highest, key=f"{key}-highest")
            first.text_input("Word for the lowest", shown.low, key=f"{key}-low", max_chars=60)
            last.text_input("Word for the highest", shown.high, key=f"{key}-high", max_chars=60)
        st.text_input("Guideline", shown.guideline, key=f"{key}-guideline", max_chars=400)
        if problem := PROBLEM.get(project):
            st.error(markdown(problem, 400))
        with st.container(horizontal=True):
            st.button(
                "Save the question",
                type="primary",
                key=f"{key}-save",
                on_click=_save,
                args=(project, edited, key),
            )
            _button(project, "Close", "close", f"{key}-close", _open, None)


def _open(project: Project, edited: Editing | None) -> None:
    EDITED.set(project, edited)
    PROBLEM.set(project, "")


def _save(project: Project, edited: Editing, key: str) -> None:
    """Save the question that the fields hold, or keep them open with the reason."""

    def of(name: str, default: Any = "") -> Any:
        value = widget_value(f"{key}-{name}", default)
        return value.strip() if isinstance(value, str) else value

    kind = of("kind")
    options = [line.strip() for line in of("options").split("\n") if line.strip()]
    scale = ("lowest", "highest", "low", "high") if kind == "rating" else ()
    try:
        question = Question(
            edited.shown.name if edited.shown else of("name") or _new_name(project, of("title")),
            kind,
            of("title"),
            tuple(options) if kind in WITH_OPTIONS else (),
            bool(of("required")),
            of("guideline"),
            of("when"),
            **{name: of(name) for name in scale},
        )
        save_question(project.path, question, edited.base)
    except CurationError as error:
        if isinstance(error, QuestionConflict):
            EDITED.set(project, replace(edited, base=error.theirs))
        PROBLEM.set(project, str(error))
    else:
        _open(project, None)


def _new_name(project: Project, title: str) -> str:
    """A name that no question has, nor any answer to a question that was removed."""
    if not title:
        raise CurationError("A question needs words; type the question.")
    people = project.people()
    asked_before = () if people is None else people.questions
    return name_from(title, [*asked_before, *(q.name for q in read_questions(project.path))])


def _move(project: Project, name: str, by: int) -> None:
    with state.flashing_errors():
        change_questions(project.path, lambda questions: moved(questions, name, by))


def _remove(project: Project, name: str) -> None:
    with state.flashing_errors():
        change_questions(project.path, lambda questions: without(questions, name))
    edited = EDITED.get(project)
    if edited and edited.name == name:
        _open(project, None)


def _draw_guidelines(project: Project) -> None:
    text = present_guidelines(project.path, project.people())
    newest = Typing(text, mark_of(text))
    typing = GUIDELINES.get(project) or newest
    key = _field(typing)
    if typing != newest and str(widget_value(key, typing.shown)).strip() == typing.shown:
        typing, key = newest, _field(newest)  # nothing was typed, so the newer text is shown
        GUIDELINES_PROBLEM.set(project, "")
    GUIDELINES.set(project, typing)
    st.text_area(
        "Guidelines, shown beside the card as they are typed",
        typing.shown,
        key=key,
        height=240,
        max_chars=MOST,
    )
    if problem := GUIDELINES_PROBLEM.get(project):
        st.error(markdown(problem, 400))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Save the guidelines",
            key="guidelines-save",
            on_click=_save_guidelines,
            args=(project, typing),
            disabled=not state.annotator(),
        )
        if typing.shown != text:
            _button(project, "Show their version", "undo", "guidelines-theirs", _show_guidelines)
        st.caption(markdown(_version(project, text), 200))


def _version(project: Project, text: str) -> str:
    """The version of the guidelines that people see, in words."""
    if not state.annotator():
        return "Type your name first; each version carries one."
    history = [] if project.people() is None else versions(project.decisions)
    if not history or history[-1].mark != mark_of(text):
        return f"The file {FILE} of the project. Nobody was shown this version yet." if text else ""
    newest = history[-1]
    who = newest.who or "somebody outside the app"
    return f"Version {len(history):,} · {when(newest.time)} · by {who}"


def _field(typing: Typing) -> str:
    """The key of the field of the guidelines, for each text with which it begins."""
    return f"guidelines-{mark_of(typing.shown)}"


def _show_guidelines(project: Project) -> None:
    GUIDELINES.set(project, None)
    GUIDELINES_PROBLEM.set(project, "")


def _save_guidelines(project: Project, typing: Typing) -> None:
    """Save the guidelines that the field holds, or keep them there with the reason."""
    text = str(widget_value(_field(typing), typing.shown))
    try:
        write_guidelines(project.path, project.decisions, text, state.annotator(), typing.base)
    except CurationError as error:
        if isinstance(error, GuidelinesConflict):
            GUIDELINES.set(project, replace(typing, base=error.theirs))
        GUIDELINES_PROBLEM.set(project, str(error))
    else:
        _show_guidelines(project)
