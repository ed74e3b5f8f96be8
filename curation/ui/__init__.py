"""The web app's parts; the only package that knows Streamlit."""
