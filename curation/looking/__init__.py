"""Questions about a dataset, answered without a screen: search, filters, map, queues, coverage.

Guarantee: nothing here changes a project or draws. It imports neither Streamlit nor Plotly, so that
pages, command line and scripts get the same answers.
"""
