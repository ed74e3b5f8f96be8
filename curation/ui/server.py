"""Starts the app's server: `streamlit run`, less one surprise."""

from __future__ import annotations

import sys


def main() -> None:
    """Run Streamlit with this process's arguments.

    A folder called `pages` makes Streamlit take the first visit of a server's life for one of an
    app with automatic navigation, and greet a link to any page but the first with "Page not found".
    """
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.web.cli import main as streamlit

    PagesManager.uses_pages_directory = False
    streamlit(["run", *sys.argv[1:]])


if __name__ == "__main__":
    main()
