"""Values that a browser session keeps: of a project, in a slot; of a widget, under its key.

Only this module and `state` use the session's dictionary. A session may lose its values at any time,
by a reload of the page; the truth is on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st

from curation.project import Project

Value = TypeVar("Value")


@dataclass(frozen=True)
class Slot(Generic[Value]):
    """A value that a session keeps for each project.

    Each project has its own value, and none sees the value of another. default: the value
    while none was set; it must not be changed in place.
    """

    name: str
    default: Value

    def key(self, project: Project) -> str:
        """The key under which the session keeps the value of a project."""
        return f"{self.name}-{project.path}"

    def get(self, project: Project) -> Value:
        """The value of a project, or the default."""
        value: Value = st.session_state.get(self.key(project), self.default)
        return value

    def set(self, project: Project, value: Value) -> None:
        """Keep a value of a project; also as a button's callback."""
        st.session_state[self.key(project)] = value

    def take(self, project: Project) -> Value:
        """The value of a project, which is the default from now on."""
        value: Value = st.session_state.pop(self.key(project), self.default)
        return value


def widget_value(key: str, default: Any = None) -> Any:
    """The value of the widget with a key; the default while it was never drawn."""
    return st.session_state.get(key, default)


def set_widget(key: str, value: Any) -> None:
    """Give the widget with a key a value: in a callback, or before it is drawn."""
    st.session_state[key] = value
