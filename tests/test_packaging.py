"""The package outside the repository: what is in it, and the app from it in a browser's eyes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.app_server import free_port
from tests.conftest import ROOT

PARTS = ["curation", "pages", ".streamlit"]
FILES = ["app.py", "setup.py", "pyproject.toml", "README.md", "LICENSE"]
STRAY = ["my-customers.jsonl", "salaries.csv", "notes.json", "scratch.py"]
"""Files of a checkout beside app.py that are not part of the package."""


def built(source: Path, out: Path, what: str) -> Path:
    """A wheel or sdist of a source folder, built without a network."""
    code = f"import setuptools.build_meta as b; b.build_{what}({str(out)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (archive,) = out.iterdir()
    return archive


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """The sdist of a copy of this source."""
    source = tmp_path_factory.mktemp("source")
    for part in PARTS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, source / part, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, source / name)
    for name in STRAY:
        (source / name).write_text("")
    return built(source, tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="module")
def installed(sdist, tmp_path_factory) -> Path:
    """A folder with the package as the wheel of the sdist puts it there."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    wheel = built(source, tmp_path_factory.mktemp("wheel"), "wheel")
    target = tmp_path_factory.mktemp("target")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def contents(folder: Path) -> set[str]:
    paths = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return {p.as_posix() for p in paths if "__pycache__" not in p.parts}


def test_what_lies_beside_the_app_by_chance_is_not_packed(sdist, installed):
    with tarfile.open(sdist) as archive:
        names = {Path(name).name for name in archive.getnames()}
    assert names.isdisjoint(STRAY) and contents(installed / "curation" / "web")
    assert {Path(name).name for name in contents(installed)}.isdisjoint(STRAY)


def test_the_wheel_holds_every_file_of_the_package_and_the_pages(installed):
    expected = {f"curation/{name}" for name in contents(ROOT / "curation")}
    expected |= {f"curation/web/pages/{name}" for name in contents(ROOT / "pages")}
    expected |= {"curation/web/app.py", "curation/web/.streamlit/config.toml"}
    packed = {name for name in contents(installed) if ".dist-info/" not in name}
    assert packed == expected


def test_the_app_and_the_commands_run_outside_the_repository(installed, tmp_path):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(installed), sysconfig.get_path("purelib")]),
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "STREAMLIT_SERVER_HEADLESS": "true",
    }
    for name in ("CURATION_TOKEN", "CURATION_PROJECT", "CURATION_WORKSPACE"):
        environment.pop(name, None)
    # Without the site's own paths, or an editable install of this checkout would be what is run.
    python = [sys.executable, "-S"]
    where = "import curation; print(curation.__file__)"

    def run(*command: str, **options) -> subprocess.Popen:
        return subprocess.Popen(
            [*python, *command],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    out, err = run("-c", where).communicate(timeout=60)
    assert Path(out.strip()) == installed / "curation" / "__init__.py", err
    out, err = run("-m", "curation", "new", "p").communicate(timeout=60)
    assert out.startswith("Made p."), err
    port = free_port()
    program = (
        "import os, sys; from curation.__main__ import main\n"
        "execv = os.execv; os.execv = lambda path, args: execv(path, [path, '-S', *args[1:]])\n"
        f"sys.argv = ['curate', 'app', 'p', '--port', '{port}']; main()"
    )
    process = run("-c", program)
    try:
        line = process.stdout.readline()
        assert line.startswith(f"Curation is open at http://localhost:{port}/?token="), line
        address = line.split()[-1]
        drawn = draw(address)
        assert "Load" in drawn and "There are no examples yet" in drawn
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM and "Traceback" not in err


def draw(address: str) -> str:
    """The text of the app's first page, in a browser where there is one."""
    from tests.browser import running_browser
    from tests.test_browser import settled

    for _ in range(100):
        try:
            urllib.request.urlopen(address.split("?")[0] + "_stcore/health", timeout=5)
            break
        except OSError:
            time.sleep(0.1)
    with running_browser() as browser:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("[data-testid=stSidebarNavLink]", timeout=120_000)
        settled(page)
        return page.inner_text("body")
