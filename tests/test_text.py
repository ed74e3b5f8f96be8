"""Texts: scripts, words, folding, code and prose, and names for folders."""

from __future__ import annotations

import pytest

from curation.text.folding import caseless, compatible, folded, one_line, plain_quotes
from curation.text.markup import prose, segments
from curation.text.scripts import han_count, holds_kana, is_han, is_unspaced
from curation.text.slug import column_word, slug
from curation.text.words import units, words, words_and_signs


@pytest.mark.parametrize("text", ["ภาษาไทย", "ລາວ", "မြန်မာ", "ខ្មែរ", "ひらがな", "漢字", "㐀𠀀豈"])
def test_scripts_without_spaces_are_known(text):
    assert is_unspaced(text)
    first, *_ = words(text)
    assert len(words(f"{text}{text}")) > 1 and text.startswith(first)


def test_a_text_is_unspaced_from_a_quarter_of_its_letters():
    assert is_unspaced("漢字" + "abcde") and not is_unspaced("漢字" + "abcdef")
    assert not is_unspaced("한국어 문장") and not is_unspaced("Prose.") and not is_unspaced("")


def test_chinese_is_told_from_japanese_and_korean():
    assert is_han("鿿a") and not is_han("a鿿") and not is_han("한") and not is_han("カ")
    assert han_count("漢a字カ") == 2
    assert (
        holds_kana("漢字ゟ")
        and holds_kana("ヿ")
        and not holds_kana("漢字")
        and not holds_kana("한")
    )


def test_words_hold_their_marks_and_joiners():
    assert words("पानी में") == ["पानी", "में"]
    assert words("می\u200cخواهم") == ["می\u200cخواهم"]
    assert words("Cafe\u0301 N°5, don't") == ["cafe\u0301", "n", "5", "don", "t"]
    assert words("你好 ok") == ["你", "好", "ok"]
    assert units("c++ is a - b, well-known; c") == [
        "c",
        "+",
        "+",
        "is",
        "a",
        "-",
        "b",
        "well",
        "known",
        "c",
    ]


def test_a_hyphen_within_a_word_is_no_sign_and_a_minus_is():
    assert units("é-x") == ["é", "x"]
    assert units("é -x") == ["é", "-", "x"] and units("x- é") == ["x", "-", "é"]
    assert units("a -x") == ["a", "-", "x"] and units("a-x") == ["a", "x"]


def test_pieces_of_a_text_are_the_text_and_code_is_told_from_prose():
    text = "Say `a  b`:\n~~~\nx | y\n~~~\n| a | b |\n\n    indented\n\nend ``` open"
    pieces = segments(text)
    assert "".join(piece for piece, _ in pieces) == text
    kinds = [kind for _, kind in pieces]
    assert kinds == ["prose", "code", "prose", "code", "table", "prose", "code"]


def test_white_space_sets_words_apart_and_characters_that_need_none_stand_alone():
    assert words_and_signs("to-do: 漢字! 한국") == ["to-do:", "漢", "字", "!", "한", "국"]


def test_code_is_no_prose():
    assert prose("Run `ls`, then\n```\nrm x\n```\nDone.").split() == "Run , then Done.".split()


def test_what_does_not_change_a_text_is_folded():
    assert caseless("Ａ Straße e\u0301") == "a strasse é"
    assert compatible("Ａ² ﬁ") == "A² fi" and compatible("Ａ² ﬁ", raised=False) == "A2 fi"
    assert plain_quotes("‘a’ “b” «c» l´d") == '\'a\' "b" "c" l\'d'
    assert folded(" Two  Words\n`A  b` ") == "two words\n`A  b`"
    assert folded("Is it, warm?", punctuation=False) == "is it warm"
    assert folded("?!", punctuation=False) == "?!"


def test_a_line_is_cut_where_it_may_be_no_longer():
    assert one_line(" a \n\t b ") == "a b" and one_line("abcd", 4) == "abcd"
    assert one_line("ab cde", 4) == "ab…" and one_line("abcde", 4) == "abc…"


def test_names_become_safe_folders():
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug(" .. ") == "project" and slug("客服 2024!") == "客服-2024"
    assert slug("!", "data") == "data" and slug(".hidden-") == "hidden"
    assert len(slug("a" * 200)) == 80 and slug("a" * 200, longest=None) == "a" * 200


def test_words_of_columns_are_short_and_no_two_texts_share_one():
    assert column_word("oil prices") == "oil_prices" and column_word("数学") == "数学"
    marked = [column_word(text) for text in ("Oil", "oil!", "oil?", "🙂")]
    assert len({*marked, "oil"}) == 5 and all(name.startswith("oil_") for name in marked[:3])
    assert marked[3].isalnum()
