"""The leak check of a delivery: its verdict, and the nearest pairs in two splits with both prompts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from curation.export.leaks import listed_pairs
from curation.export.sentences import ratio_sentence
from curation.ui import tables
from curation.ui.tables import Column
from curation.ui.text import markdown

PAIRS = (
    Column("likeness", width=180),
    Column("similarity", kind="number", width=90),
    Column("splits", width=130),
    Column("one", "one asks", "excerpt"),
    Column("other", "the other asks", "excerpt"),
)


def draw(leaks: dict[str, Any]) -> None:
    """Draw whether the splits are known to be apart, the leakage, and the pairs that are too near."""
    sentence = ratio_sentence(leaks)
    if leaks.get("leak_safe"):
        text = "Leak-safe: no prompt, no near copy by words and none by meaning is in two splits."
        st.success(f"{text} {markdown(sentence)}", icon=":material/verified:")
        return
    text = leaks.get("text") or "This delivery is not known to be leak-safe; see the manifest."
    st.warning(f"{markdown(text, 700)} {markdown(sentence)}", icon=":material/leak_add:")
    pairs = listed_pairs(leaks)
    if pairs:
        st.header("Nearest pairs in two splits", anchor=False)
        tables.draw(pd.DataFrame(pairs), PAIRS, tallest=320)
