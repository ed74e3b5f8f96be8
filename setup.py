"""Puts the app's pages beside the package's own files; everything else stands in pyproject.toml."""

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py

WEB = "curation.web"
"""In the installed package app.py, pages/ and .streamlit/ lie there."""

OWN = find_namespace_packages(include=["curation", "curation.*"])
PAGES = find_namespace_packages(include=["pages", "pages.*"])
DATA = ["*.css", "*.js", "*.svg", "*.json", "*.jsonl", "*.csv", "*.yaml", "*.jinja", "*.arrow"]


class Build(build_py):
    """Takes of the checkout's own folder app.py alone, whatever else lies there."""

    def find_package_modules(self, package, package_dir):
        """(package, module, file) of each module in a package."""
        found = super().find_package_modules(package, package_dir)
        return [m for m in found if package != WEB or m[1] == "app"]


setup(
    packages=[*OWN, WEB, *(f"{WEB}.{name}" for name in PAGES)],
    package_dir={WEB: "."},
    package_data={WEB: [".streamlit/config.toml"], **{name: DATA for name in OWN}},
    cmdclass={"build_py": Build},
)
