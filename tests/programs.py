"""Python programs that a test starts beside itself, and lets go on together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from tests.conftest import ROOT


def start_program(code: str, *words: object) -> subprocess.Popen[str]:
    """Start a program with words on its command line; its three streams are pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed_together(programs: Sequence[subprocess.Popen[str]]) -> list[str]:
    """Send a line to programs that wait for one, at once; what each printed until it ended well."""
    for program in programs:
        program.stdin.write("\n")
        program.stdin.flush()
    texts = []
    for program in programs:
        out, err = program.communicate(timeout=120)
        assert program.returncode == 0, err
        texts.append(out)
    return texts
