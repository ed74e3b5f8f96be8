"""The documents are true: the README's commands and example run, the reference is current."""

from __future__ import annotations

import json
import pydoc
import re
import runpy
import shlex
import subprocess
import sys

import pytest
from typer.main import get_command

from curation.cli import app
from curation.cli.agents.folders import Folders
from curation.cli.agents.tools import offered
from curation.recipe import Recipe
from curation.registry import operations
from tests.conftest import PAIRS, ROOT

README = (ROOT / "README.md").read_text("utf-8")


def block(language: str) -> str:
    fenced = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert fenced
    return fenced.group(1)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with the file that the README speaks of."""
    lines = [
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": prompt},
                    {"role": "assistant", "content": response},
                ]
            }
        )
        for prompt, response in PAIRS
    ]
    (tmp_path / "chats.jsonl").write_text("\n".join(lines), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_example_in_python_runs(desk, capsys):
    exec(compile(block("python"), "README.md", "exec"), {})
    assert re.search(r"[5-8] kept, [1-3] dropped", capsys.readouterr().out)
    assert (desk / "delivery" / "manifest.json").exists()


def test_the_commands_of_the_main_job_run(desk):
    commands = re.findall(r"^    curate (.+)$", README, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "curation", *shlex.split(command)],
            capture_output=True,
            text=True,
            cwd=desk,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
    assert (desk / "out" / "trl" / "train.jsonl").exists()


def test_the_recipe_in_the_readme_is_one():
    assert len(Recipe.from_yaml(block("yaml"), "README.md")) > 10


def test_pages_that_are_made_say_what_the_program_says():
    module = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))
    pages = dict(module["pages"]())
    for path, text in pages.items():
        assert path.read_text("utf-8") == text, f"{path.name}: run python docs/make_reference.py"
    by_name = {path.name: text for path, text in pages.items()}
    assert all(f"### {name}\n" in by_name["operations.md"] for name in operations())
    for offer in offered(Folders([]), "x"):
        assert f"| `{offer.name}` | " in by_name["agents.md"]
    for name, command in get_command(app).commands.items():
        assert f"## curate {name}\n" in by_name["commands.md"]
        assert f"| `curate {name}" in by_name["cli.md"]
        options = [p for p in command.params if p.param_type_name == "option"]
        for option in options:
            row = f"\n| `{option.opts[0]}` |"
            assert (row in by_name["commands.md"]) or option.hidden, option.opts


def test_the_tree_in_the_readme_is_the_tree():
    tree = README.split("## The tree")[1]
    for name in re.findall(r"^ +([a-z_]+(?:\.py|/))", tree, re.MULTILINE):
        assert (ROOT / name).exists() or (ROOT / "curation" / name).exists(), name


def test_links_and_pictures_exist():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_function_of_the_walks_is_there():
    text = (ROOT / "docs" / "walks.md").read_text("utf-8")
    names = re.findall(r"^\| `(curation\.[\w.]+)`", text, re.MULTILINE)
    assert len(names) > 25
    for name in names:
        assert callable(pydoc.locate(name)), name
