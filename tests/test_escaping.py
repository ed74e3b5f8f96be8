"""Untrusted text in Markdown, in a dataset card and on a page: the same attacks do nothing in either.

The two escape differently on purpose. A card is read by renderers that nobody knows, and its bytes are
delivered; a page is read by Streamlit alone, which has icons, colours and arrows of its own.
"""

from __future__ import annotations

import html
import re

import pytest
from markdown_it import MarkdownIt

from curation.export.card_text import line
from curation.ui.text import markdown

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
ESCAPERS = pytest.mark.parametrize("escape", [line, markdown], ids=["card", "page"])

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt; &amp;copy;",
    "[a](javascript:alert(1))",
    "![a](http://pictures.example/a.png)",
    "[a]: http://links.example",
    "<http://links.example>",
    "<ada@mail.example>",
    "**bold** __bold__ *slanted* _slanted_",
    "~~struck~~ `code` ``code``",
    "# title",
    "a\\*b* \\[c](d)",
    "a | b | c",
    "<!-- hidden -->",
]


@ESCAPERS
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_shown_as_the_text_that_it_is(escape, attack):
    page = RENDERER.render(f"| name |\n|---|\n| {escape(attack)} |\n\nSome {escape(attack)}\n")
    tags = set(re.findall(r"<(/?\w+|!)", page))
    assert tags <= {
        f"{end}{t}" for t in "table thead tbody tr th td p".split() for end in ("", "/")
    }
    shown = html.unescape(re.sub(r"<[^>]*>", "", page)).replace("\u2060", "")
    assert shown.count(attack) == 2, shown


@ESCAPERS
@pytest.mark.parametrize(
    "address", ["https://links.example", "www.links.example", "ada@mail.example"]
)
def test_a_bare_address_is_broken_so_that_nothing_makes_a_link_of_it(escape, address):
    safe = escape(address).replace("\\", "")
    assert "\u2060" in safe and address not in safe
    assert safe.replace("\u2060", "") == address


@ESCAPERS
def test_lines_of_a_text_never_begin_a_block(escape):
    assert "\n" not in escape("a\n\n# title\n\n- list\n\n    code")


@pytest.mark.parametrize("attack", [":red[a]", ":material/home:", "$a$", "a -> b", "a <- b"])
def test_what_only_streamlit_reads_is_text_on_a_page(attack):
    safe = markdown(attack)
    signs = re.findall(r"(?<!\\)[:$\[\]<>-]", safe.replace("\u2060", ""))
    assert not signs and html.unescape(safe.replace("\\", "").replace("\u2060", "")) == attack
