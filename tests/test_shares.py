"""Shares of code and mathematics in a text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation.registry import operation


def share(name, text, **params):
    frame = pd.DataFrame({"prompt": "", "response": [text]}, dtype="str")
    step = operation(name)
    return float(step.run(frame, **step.check(params))[0])


@pytest.mark.parametrize(
    "text",
    [
        "```\nanything at all, in words\n```",
        "def add(a, b):\n    # the sum of both numbers\n    return a + b",
        "for (int i = 0; i < n; i++) {\n    total += i;\n}",
        "ul {\n  list-style-type: circle;\n}",
        "SELECT name\nFROM rivers\nWHERE length > 1000;",
        "<ul>\n  <li>Rhine</li>\n</ul>",
        'def f():\n    """Say which river is\n    the longest of all of them.\n    """\n    return rhine',
        "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old words here\n+new words here",
        "print('hello')",
        "import os\nfor name in names:\n    print(name)",
        "@cached\ndef f():\n    return 1",
        "$ pip install duckdb\n$ cd data",
        "return n % 2",
        "UPDATE t SET a = 1;",
        "return [x for x in values if isinstance(x, int)]",
    ],
)
def test_code_is_seen_with_and_without_a_fence(text):
    assert share("code_share", text) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Return the book to the library (the old one).",
        "If you are late, for any reason:\nwhile you wait, read.",
        "Heidi's Pancake house;\nBert's Cafe;\nErnie's Coffee Shop;",
        "Pasta = casarecce, gnocchi, tonnarelli, orecchiette",
        "- one\n    - a point that is indented, as lists are\n    - and another",
        "# A heading\n\nFrom here on, select what you like. Import duties are low.",
        "<noinput>",
        "请把书还给图书馆。",
        "@anna thanks for the great party last night\n@ben see you soon",
        "UPDATE The meeting moved to Monday.\nWHERE Room 4\nFROM Anna",
        "$ 5 for a coffee\n$ 7 for cake",
        "$ per hour",
        "Shakespeare(1564-1616)\nMilton(1608-1674)",
        "He pays\nimport duties of nine percent",
        "The union asked for\nprivate talks and\npublic transport for all",
        "For the crust, mix:\n\nwith the flour and butter in a bowl:\n2 cups flour",
        "I read your draft.\nif I were you, I would change one thing:\nthe title",
        "They will\nassert their right to rest (and win)",
        "return tickets\nreturn home - or not",
        "class act: somebody with manners",
        "let x = 5",
        "break",
    ],
)
def test_prose_is_no_code(text):
    assert share("code_share", text) == 0


def test_what_stands_in_backticks_counts_by_its_characters_without_blanks():
    assert share("code_share", "Use `len` here") == 5 / 12


@pytest.mark.parametrize(
    "text",
    [
        "3 + 4 = 7",
        "$E = mc^2$",
        r"\(a_1 + a_2\)",
        "\\begin{align}\na &= b\n\\end{align}",
        "<<48/2=24>>",
        "x^2 + 2x - 15 = 0",
        "5 > 3",
    ],
)
def test_formulas_are_mathematics(text):
    assert share("maths_share", text) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Open 24/7 since 10/12/2019, call 555-0199.",
        "The war of 1861 - 1865 cost $5 and $10 more.",
        "```\nx = 3 + 4\n```",
        "def f(a):\n    return a + 1",
        "A cat and a dog",
        "pages 10-20 of 3.4.1",
    ],
)
def test_dates_ranges_money_and_code_are_no_mathematics(text):
    assert share("maths_share", text) == 0


@pytest.mark.parametrize("name", ["code_share", "maths_share"])
def test_a_text_without_characters_has_no_share_and_the_side_is_chosen(name):
    assert np.isnan(share(name, " \n"))
    assert np.isnan(share(name, "3 + 4 = 7", side="prompt"))
