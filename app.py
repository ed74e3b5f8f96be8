"""The table of contents: which pages there are, and the shell around each."""

import streamlit as st

from curation.ui import shell

st.set_page_config(page_title="Curation", page_icon=str(shell.ICON), layout="wide")

pages = st.navigation(
    {
        "Prepare": [
            st.Page("pages/prepare/load.py", title="Load", icon=":material/upload_file:"),
            st.Page("pages/prepare/clean.py", title="Clean", icon=":material/cleaning_services:"),
            st.Page(
                "pages/prepare/duplicates.py", title="Duplicates", icon=":material/content_copy:"
            ),
        ],
        "Explore": [
            st.Page(
                "pages/explore/overview.py",
                title="Overview",
                icon=":material/insights:",
                default=True,
            ),
            st.Page("pages/explore/map.py", title="Map", icon=":material/scatter_plot:"),
            st.Page("pages/explore/coverage.py", title="Coverage", icon=":material/my_location:"),
            st.Page("pages/explore/browse.py", title="Browse", icon=":material/table_rows:"),
        ],
        "Review": [
            st.Page("pages/review/annotate.py", title="Annotate", icon=":material/rate_review:"),
            st.Page("pages/review/team.py", title="Team", icon=":material/groups:"),
            st.Page("pages/review/history.py", title="History", icon=":material/history:"),
        ],
        "Deliver": [
            st.Page("pages/deliver/select.py", title="Select", icon=":material/checklist:"),
            st.Page("pages/deliver/export.py", title="Export", icon=":material/outbox:"),
            st.Page("pages/deliver/train.py", title="Train", icon=":material/model_training:"),
        ],
    },
    expanded=True,  # else pages are hidden behind a button when there are more than twelve
)
shell.around(pages)
