"""Times in the words of the person who looks: in the time zone of their browser."""

from __future__ import annotations

from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

import streamlit as st


def zone() -> tzinfo | None:
    """Return the time zone of the browser; None for that of this machine."""
    try:
        return ZoneInfo(st.context.timezone or "")
    except (KeyError, ValueError, OSError):
        return None


def when(seconds: float) -> str:
    """Return a time in the browser's time zone."""
    return f"{datetime.fromtimestamp(seconds, zone()):%Y-%m-%d %H:%M}"
