"""Puts the app's pages beside the package's own files; everything else stands in pyproject.toml."""

from setuptools import find_namespace_packages, setup

PAGES = find_namespace_packages(include=["pages", "pages.*"])

setup(
    packages=[
        *find_namespace_packages(include=["curation", "curation.*"]),
        *("curation.web", *(f"curation.web.{name}" for name in PAGES)),
    ],
    # In the installed package app.py, pages/ and .streamlit/ lie in curation/web.
    package_dir={"curation.web": "."},
    script_name="setup.py",  # so that this file is none of that package
)
