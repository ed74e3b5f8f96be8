"""No pattern of ours looks twice at everything: the worst texts are read in time, whatever reads them."""

from __future__ import annotations

import subprocess
import sys

from tests import adversarial
from tests.conftest import ROOT

PATIENCE = 900
"""Seconds after which a pattern is taken to be one that never ends; all of it takes about two minutes."""


def test_the_worst_texts_take_time_that_grows_with_them():
    done = subprocess.run(
        [sys.executable, "-m", "tests.adversarial"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-1_000:] + done.stderr[-2_000:]
    lines = done.stdout.splitlines()
    assert lines[-1] == "done"
    names = {line.rpartition(" ")[0] for line in lines}
    assert {"fix_text", "answer_checks", "language", "drop_near_duplicates", "highlighted"} <= names


def test_a_pattern_that_looks_twice_at_everything_is_named():
    twice = {"spaces": lambda t: [t.count("z") for _ in range(t.count(" ") // 2)]}
    (sentence,) = adversarial.too_slow(twice | {"upper": str.upper}, [" ", "a"])
    assert sentence.startswith("spaces on ' ':")
