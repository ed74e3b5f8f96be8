"""An example as a conversation, with its receipt; untrusted text is shown as text only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from curation.dataset import ATTENTION, Message, load_messages
from curation.looking.search import marked
from curation.ui import tables
from curation.ui.tables import Column
from curation.ui.text import badges, highlighted, markdown

_AVATARS = {
    "user": ":material/person:",
    "assistant": ":material/smart_toy:",
    "system": ":material/settings:",
    "tool": ":material/build:",
}


def conversation(messages: Sequence[Message] | str, query: str = "") -> None:
    """Draw the turns of an example, each under its role; searched words stand out."""
    turns = load_messages(messages) if isinstance(messages, str) else messages
    for message in turns:
        with st.chat_message(message.role, avatar=_AVATARS.get(message.role, ":material/help:")):
            extra = [key for key in sorted(message.more) if key != "tool_calls"]
            st.caption(
                " · ".join(
                    [
                        markdown(message.role),
                        *(f"{markdown(k)}: {markdown(message.more[k])}" for k in extra),
                    ]
                )
            )
            pieces = marked(message.content or "", query)
            if any(mark for _, mark in pieces):
                st.markdown(highlighted(pieces))
            elif message.content:
                st.text(message.content)
            elif not message.more.get("tool_calls"):
                st.caption("*nothing*")
            for call in message.more.get("tool_calls") or []:
                st.json(call, expanded=False)
            if hidden := badges(message.content or ""):
                st.caption(":material/visibility_off: " + " · ".join(markdown(b) for b in hidden))


def fate(row: pd.Series, titles: Mapping[str, str]) -> None:
    """Draw kept or dropped, split, label and attention as badges.

    titles: value of dropped_by → its words for people.
    """
    with st.container(horizontal=True):
        if isinstance(by := row["dropped_by"], str):
            title = markdown(titles.get(by, by))
            st.badge(f"dropped by {title}", icon=":material/close:", color="red")
        else:
            st.badge("kept", icon=":material/check:", color="green")
        for column, icon in (
            ("split", ":material/call_split:"),
            ("label", ":material/sell:"),
            ("language", ":material/translate:"),
            ("topic", ":material/category:"),
        ):
            value = row.get(column)
            if isinstance(value, str) and value:
                st.badge(markdown(value, 60), icon=icon, color="gray")
        for code in str(row.get("attention") or "").split(","):
            if code:
                st.badge(
                    f"needs attention: {markdown(ATTENTION.get(code, code))}",
                    icon=":material/warning:",
                    color="orange",
                )


def receipt(events: Sequence[dict[str, Any]]) -> None:
    """Draw the events of one example, oldest first."""
    table = pd.DataFrame(
        [
            {
                "step": e["title"],
                "what": e["what"],
                "detail": e["text"],
                "by": e.get("annotator", ""),
            }
            for e in events
        ]
    )
    columns = [Column("step"), Column("what"), Column("detail", width="large"), Column("by")]
    tables.draw(table, columns, tallest=None)
