"""No pattern of ours looks twice at everything: the worst texts are read in time, whatever reads them."""

from __future__ import annotations

import subprocess
import sys

from tests import adversarial
from tests.conftest import ROOT

PATIENCE = 900
"""Seconds after which a pattern is taken to be one that never ends; all of it takes about two minutes."""


def test_the_worst_texts_take_time_that_grows_with_them():
    halves = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.adversarial", half],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for half in "01"
    ]
    names: list[str] = []
    try:
        for process in halves:
            out, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, out[-1_000:] + err[-2_000:]
            *lines, last = out.splitlines()
            assert last == "done"
            names += [line.rpartition(" ")[0] for line in lines]
    finally:
        for process in halves:
            process.kill()
    assert sorted(names) == sorted(adversarial.everything()), "each is looked at, once"
    assert {"fix_text", "answer_checks", "language", "drop_near_duplicates", "highlighted"} <= names


def test_a_pattern_that_looks_twice_at_everything_is_named():
    twice = {"spaces": lambda t: [t.count("z") for _ in range(t.count(" ") // 2)]}
    (sentence,) = adversarial.too_slow(twice | {"upper": str.upper}, [" ", "a"])
    assert sentence.startswith("spaces on ' ':")
