"""Mutation testing: break a seeded sample of expressions, one at a time, and see if a test fails.

`python -m tests.mutation [PACKAGE ...] [--sample 80] [--seed 0] [--seconds 20]` prints the survivors
and the score.
The mutations are mutmut's; its own runner leaves decorated functions and module code alone.
A mutant runs the tests that call its function and those that start a process, fastest first, for
twenty seconds at most. Stores are SQLite's, and no test uses the example project.
Not mutated: docstrings, annotations, imports, `cast`, and texts for people (strings with a space,
f-strings, what an error says).
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

ROOT = Path(__file__).resolve().parent.parent

PACKAGES = {
    "decisions": ("decisions/*.py", "decisions decisions_faults"),
    "overlay": ("overlay.py", "layers overlay"),
    "splits": ("operations/split.py export/leaks.py", "split leaks"),
    "export": (
        "export/*.py",
        "export leaks export_calls export_parts export_people template_tokens",
    ),
    "recipe": ("recipe*.py", "recipe recipe_text"),
    "reading": (
        "sources/*.py formats/*.py",
        "sources json_shapes formats shapes awkward reading real_files imports",
    ),
}
"""Package → its files in `curation`, and the test files that answer for it."""

OWN = ("curation", "tests")
"""Packages that each run imports anew; all others are imported once, before a run is forked."""

STARTS = {"subprocess.Popen", "os.fork", "os.posix_spawn"}
"""Audit events of a started process."""

PROCESS = ("", 0)
"""Mark among a test's calls for a started process, which may call anything."""

MEMORY = 8 << 30
"""Bytes that a mutant may allocate."""

UNTOUCHED = cst.Annotation | cst.Import | cst.ImportFrom | cst.Raise | cst.FormattedString


def mutations(node, positions, line=1):
    """Yield (line, node, mutated node) of a syntax tree."""
    text_for_people = isinstance(node, cst.SimpleString) and " " in node.value
    cast = isinstance(node, cst.Call) and getattr(node.func, "value", "") == "cast"
    if text_for_people or cast or isinstance(node, UNTOUCHED):
        return
    line = positions[node].start.line if node in positions else line
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            yield from ((line, node, mutated) for mutated in operator(node))
    for child in node.children:
        yield from mutations(child, positions, line)


def sampled(paths, size, generator):
    """Yield (path, line, mutated code) of a random sample of the mutants that compile."""
    population = []
    for path in paths:
        wrapper = MetadataWrapper(cst.parse_module(path.read_text("utf-8")))
        positions = wrapper.resolve(PositionProvider)
        population += [(path, wrapper.module, *m) for m in mutations(wrapper.module, positions)]
    generator.shuffle(population)
    print(f"{len(population)} mutants", flush=True)
    for path, module, line, node, mutated in population:
        if size == 0:
            return
        try:
            code = module.deep_replace(node, mutated).code
            compile(code, path, "exec")
        except (SyntaxError, cst.CSTValidationError, TypeError):
            continue
        size -= 1
        yield path, line, code


class Record:
    """A pytest plugin: of each test its seconds, the functions it calls, whether it starts a process.

    Tests on the example project are not run: its making takes longer than all other tests of a mutant.
    """

    def __init__(self, work):
        self.work, self.tests, self.calls, self.failed = work, {}, set(), set()
        self.paths = {str(path) for path in (work / "curation").rglob("*.py")}
        sys.addaudithook(lambda event, _: event in STARTS and self.calls.add(PROCESS))

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if "example_project" not in item.fixturenames]

    def trace(self, frame, event, _):
        if frame.f_code.co_filename in self.paths:
            self.calls.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.calls = set()
        threading.settrace(self.trace)
        sys.settrace(self.trace)
        started = time.monotonic()
        result = yield
        sys.settrace(None)
        self.tests[item.nodeid] = (time.monotonic() - started, sorted(self.calls))
        return result

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_sessionfinish(self):
        modules = [name for name in sys.modules if name.split(".")[0] not in OWN]
        (self.work / "calls.json").write_text(
            json.dumps([modules, self.tests, sorted(self.failed)])
        )


def run(work, arguments, seconds, record=False):
    """Return the exit status of pytest in a copy of the project; None where it took too long."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            output = os.open(work / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.chdir(work)
            os.environ |= {"PYTHONPATH": str(work), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
            sys.path[:] = [str(work), *(path for path in sys.path if Path(path or ".") != ROOT)]
            for name in [name for name in sys.modules if name.split(".")[0] in OWN]:
                del sys.modules[name]
            fixed = ["-q", "-p", "no:cacheprovider", f"--basetemp={work}/tmp"]
            fixed += ["-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0", "--tb=no"]
            fixed += [] if record else ["-x"]
            fixed += ["-k", "not postgres"]
            status = pytest.main([*fixed, *arguments], plugins=[Record(work)] if record else [])
        finally:
            os._exit(status)
    deadline = time.monotonic() + seconds
    while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.02)
    return os.waitstatus_to_exitcode(ended[1])


def tests_of(path, line, code, calls, limit):
    """Return the tests that can notice a change in a line, fastest first, and their seconds.

    limit: seconds of tests at most; slower ones are left out.
    """
    functions = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.FunctionDef)]
    starts = {n: min(d.lineno for d in [n, *n.decorator_list]) for n in functions}
    around = [n for n in functions if starts[n] <= line <= n.end_lineno]
    if around:
        own = max(around, key=starts.get)
        lines = range(starts[own], own.end_lineno + 1)
    names, budget = [], limit
    for name, (seconds, called) in sorted(calls.items(), key=lambda test: test[1][0]):
        calls_it = not around or any(f == str(path) and n in lines for f, n in called)
        if (calls_it or list(PROCESS) in called) and seconds <= budget:
            names.append(name)
            budget -= seconds
    return names, limit - budget


def interval(killed, total, z=1.96):
    """Return Wilson's 95 % interval of a share, in per cent."""
    share, spread = killed / total, z * z / total
    half = z * (share * (1 - share) / total + spread / (4 * total)) ** 0.5
    return [100 * (share + spread / 2 + sign * half) / (1 + spread) for sign in (-1, 1)]


def score(package, work, sample, seed, limit):
    """Print the survivors and the score of a package."""
    patterns, files = PACKAGES[package]
    files = [f"tests/test_{file}.py" for file in files.split()]
    home = work / "curation"
    paths = sorted(path for pattern in patterns.split() for path in home.glob(pattern))
    assert run(work, files, 1200, record=True) in (0, 1), (work / "output.txt").read_text()
    modules, calls, failed = json.loads((work / "calls.json").read_text())
    for name in failed:
        print(f"{name} fails without a mutant and is left out: it would kill each")
        del calls[name]
    for name in modules:
        with suppress(Exception):
            importlib.import_module(name)
    killed = total = 0
    for path, line, code in sampled(paths, sample, random.Random(f"{package} {seed}")):
        original = path.read_text("utf-8")
        names, seconds = tests_of(path, line, original, calls, limit)
        path.write_text(code, "utf-8")
        os.utime(path, (total + 1, total + 1))  # compiled code is told apart by its time
        survived = not names or run(work, names, 30 + 3 * seconds) == 0
        path.write_text(original, "utf-8")
        total += 1
        killed += not survived
        if survived:
            lines = original.splitlines(), code.splitlines()
            print(f"{path.relative_to(work)}:{line} survives {len(names)} tests")
            print(*list(difflib.unified_diff(*lines, lineterm="", n=0))[3:], sep="\n", flush=True)
    low, high = interval(killed, total)
    print(
        f"{package}: {killed} of {total} killed, {100 * killed / total:.0f} % ({low:.0f}-{high:.0f})"
    )


def main():
    """Score the packages that the command line names, else all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=" ".join(PACKAGES))
    parser.add_argument("--sample", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20, help="of tests for a mutant")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder, "project")
        shutil.copytree(ROOT, work, ignore=shutil.ignore_patterns(".*", "projects"))
        if (ROOT.parent / "shared").exists():
            Path(folder, "shared").symlink_to(ROOT.parent / "shared")
        for package in options.packages or PACKAGES:
            score(package, work, options.sample, options.seed, options.seconds)


if __name__ == "__main__":
    main()
