"""The one button that offers a file: made when it is pressed, and without drawing the page again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def draw(
    label: str, content: Callable[[], str | bytes], name: str, *, where: Any = st, **button: Any
) -> None:
    """Draw a button that offers a file.

    Args:
        label: Words on the button.
        content: Called in a thread when the button is pressed; returns the file's content.
        name: The file's name.
        where: The container to draw in.
        button: More arguments of `st.download_button`, such as `key` and `help`.
    """
    # A press that draws the page again can lose the file: Streamlit removes what the drawing before
    # had offered while the browser still asks for it.
    button.setdefault("icon", ":material/download:")
    where.download_button(label, content, name, on_click="ignore", **button)
