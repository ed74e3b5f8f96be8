"""What the documents say is so: the README's commands and example run, the reference is current."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import subprocess
import sys

import pytest

from curation.recipe import Recipe
from curation.registry import operations
from tests.conftest import PAIRS, ROOT

README = (ROOT / "README.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found.group(1)


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


def test_every_command_is_in_the_guide():
    from typer.main import get_command

    from curation.cli import app

    guide = (ROOT / "docs" / "guide" / "cli.md").read_text("utf-8")
    for name in get_command(app).commands:
        assert f"curate {name}" in guide, name


def test_the_recipe_in_the_readme_is_one():
    assert len(Recipe.from_yaml(block("yaml"), "README.md")) > 10


def test_the_reference_is_what_the_registry_says():
    made = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))
    assert made["PAGE"].read_text("utf-8") == made["page"](), "run python docs/make_reference.py"
    assert all(f"### {name}\n" in made["page"]() for name in operations())


def test_the_tree_in_the_readme_is_the_tree():
    tree = README.split("## The tree")[1]
    for name in re.findall(r"^ +([a-z_]+(?:\.py|/))", tree, re.MULTILINE):
        assert (ROOT / name).exists() or (ROOT / "curation" / name).exists(), name


def test_links_and_pictures_exist():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
