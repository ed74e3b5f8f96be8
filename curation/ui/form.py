"""Draws the parameters of an operation or a learner as a form: the signature is the only description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import streamlit as st

from curation.parameters import Parameter
from curation.project import Project
from curation.review import change_review, read_review
from curation.ui import state
from curation.ui.filters import OFFERED
from curation.ui.slots import widget_value


class HasParameters(Protocol):
    """An operation, a learner, or anything else with parameters by name."""

    @property
    def params(self) -> Mapping[str, Parameter]:
        """Its parameters."""


def parameters(
    owner: HasParameters,
    values: Mapping[str, Any],
    *,
    key: str,
    columns: Sequence[str] = (),
    numbers: Sequence[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
    skip: Sequence[str] = (),
) -> dict[str, Any]:
    """Draw widgets for all parameters; return the values that differ from the defaults.

    columns, numbers: names for a parameter that takes a column, or a column of numbers. choices:
    values that are offered for a list parameter.
    """
    chosen: dict[str, Any] = {}
    shown = [p for p in owner.params.values() if p.name not in skip]
    offered = {p.name: (choices or {}).get(p.name, ()) for p in shown}
    narrow = [p for p in shown if not _of_lines(p, offered[p.name])]
    places = st.columns(min(3, len(narrow))) if narrow else []
    wide = st.container()
    for parameter in shown:
        value = values.get(parameter.name, parameter.default)
        number = narrow.index(parameter) if parameter in narrow else None
        with wide if number is None else places[number % len(places)]:
            names = numbers if parameter.numeric else columns
            new = widget(
                parameter, value, f"{key}-{parameter.name}", names, offered[parameter.name]
            )
        if new != parameter.default or parameter.name in values:
            chosen[parameter.name] = new
    return chosen


def widget(
    parameter: Parameter,
    value: Any,
    key: str,
    columns: Sequence[str] = (),
    offered: Sequence[str] = (),
) -> Any:
    """Draw one parameter's widget with a value; return its value now."""
    label = parameter.name.replace("_", " ").capitalize()
    help_text = parameter.help or None
    if parameter.type == "flag":
        return st.toggle(label, value=bool(value), key=key, help=help_text)
    if parameter.type == "choice":
        options = list(parameter.choices)
        return st.selectbox(
            label,
            options,
            index=options.index(value),
            key=key,
            help=help_text,
            format_func=_in_words,
        )
    if parameter.type == "column":
        options = list(dict.fromkeys([*([value] if value else []), *columns]))
        if parameter.optional:
            return st.selectbox(
                label,
                options,
                index=0 if value else None,
                key=key,
                help=help_text,
                placeholder="none",
            )
        return st.selectbox(label, options, index=0, key=key, help=help_text)
    if _of_lines(parameter, offered):
        before = "\n".join(value)
        lines = st.text_area(
            label,
            before,
            key=key,
            help=help_text,
            height=min(260, 68 + 24 * len(value)),
            placeholder="one per line",
        )
        if lines == before:  # an unchanged value keeps its line breaks and outer spaces
            return list(value)
        return [line.strip() for line in (lines or "").split("\n") if line.strip()]
    if parameter.type == "list":
        first = [*value, *parameter.default, *parameter.choices, *offered[:OFFERED]]
        picked = st.multiselect(
            label,
            list(dict.fromkeys(first)),
            default=list(value),
            key=key,
            help=help_text,
            format_func=_in_words if parameter.choices else str,
            accept_new_options=not parameter.choices,
            wrap=True,
        )
        if len(offered) > OFFERED:
            st.caption(
                f"The {OFFERED} most frequent of {len(offered):,} are listed; type any other."
            )
        return picked
    if parameter.type in ("integer", "number"):
        return _number(parameter, value, label, key, help_text)
    return st.text_input(label, value=value or "", key=key, help=help_text)


def _in_words(value: object) -> str:
    """A choice as people read it: its name in code without underscores."""
    return str(value).replace("_", " ")


def _of_lines(parameter: Parameter, offered: Sequence[str]) -> bool:
    """Whether it is a list without values to offer, which is typed one value per line."""
    return parameter.type == "list" and not (parameter.choices or offered or parameter.default)


def _number(parameter: Parameter, value: Any, label: str, key: str, help_text: str | None) -> Any:
    kind: Any = int if parameter.type == "integer" else float
    bounds = parameter.bounds
    low, high, step = (bounds.low, bounds.high, bounds.step) if bounds else (None, None, None)
    if not parameter.optional and low is not None and high is not None and kind is float:
        return st.slider(
            label, kind(low), kind(high), kind(value), step=step or 0.01, key=key, help=help_text
        )
    return st.number_input(
        label,
        value=None if value is None else kind(value),
        key=key,
        help=help_text,
        min_value=None if low is None else kind(low),
        max_value=None if high is None else kind(high),
        step=kind(step) if step else (1 if kind is int else None),
        placeholder="no limit",
    )


def share(
    project: Project, setting: str, label: str, *, title: str, icon: str, about: str, saved: str
) -> None:
    """Draw the button of a form with a share of the review's settings, in per cent.

    setting: its name in `Review`. about: its help. saved: the sentence after it was saved.
    """
    with st.popover(title, icon=icon), st.form(setting, border=False):
        value = round(getattr(read_review(project.path), setting) * 100)
        st.number_input(label, 0, 100, value=value, key=f"share-{setting}", help=about)
        st.form_submit_button(
            "Save", type="primary", on_click=_save_share, args=(project, setting, saved)
        )


def _save_share(project: Project, setting: str, saved: str) -> None:
    with state.flashing_errors():
        percent = widget_value(f"share-{setting}")
        if percent != round(getattr(read_review(project.path), setting) * 100):
            change_review(project.path, **{setting: percent / 100})
        state.flash(saved)
