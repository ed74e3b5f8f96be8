"""What can be asked of a dataset without a screen: search, filters, map, queues, coverage.

Nothing in it changes anything, and nothing in it draws: it imports neither Streamlit nor Plotly, so
that the pages, the command line and a script ask the same questions and get the same answers.
"""
