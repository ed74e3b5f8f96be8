"""Pages drawn without a browser, by Streamlit's own test runner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT


def opened(page: str, session: Mapping[str, Any] | None = None, who: str = "Ann") -> AppTest:
    """Return a page as somebody sees it who opens it.

    page: its name without folder and ending. session: what the session has already.
    """
    (path,) = (ROOT / "pages").glob(f"*/{page}.py")
    app = AppTest.from_file(str(path), default_timeout=120)
    for name, value in {"annotator": who, **(session or {})}.items():
        app.session_state[name] = value
    app.run()
    assert not app.exception, app.exception[0].message
    return app
