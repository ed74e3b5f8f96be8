"""Personal data: what would reach somebody or open something, and what only looks like it."""

from __future__ import annotations

import pytest

from curation.personal import is_card, is_chinese_identity, is_iban, kinds

FOUND = [
    ("email", "Write to liv.holm@nordpost.dk, please."),
    ("email", "WRITE TO LIV@SMØRBRØD.DK"),
    ("email", "liv.holm [at] nordpost [dot] dk"),
    ("phone", "He is at +47 91 23 88 76 now."),
    ("phone", "Office: +1 (503) 867-2311 ext. 12"),
    ("phone", "(503) 867-2311"),
    ("phone", "Mara Lind, 503-867-2311"),
    ("phone", "Call 503 867 2311 tonight."),
    ("phone", "You can reach her on 9876501234."),
    ("phone", "手机：13912674308"),
    ("phone", "080-1234-8765 までどうぞ"),
    ("phone", "Ligue 98 12 34 77"),
    ("card", "Paid with 4539 1488 0343 6467."),
    ("card", "Amex 3782 822463 10005"),
    ("account", "To GB82 WEST 1234 5698 7654 32, please."),
    ("account", "de89370400440532013000"),
    ("identity", "His SSN is 536-22-8147."),
    ("identity", "身份证 11010519491231002X"),
    ("key", "export TOKEN=ghp_" + "a1B2" * 9),
    ("key", "-----BEGIN RSA PRIVATE KEY-----"),
    ("key", "AKIA" + "ABCD1234" * 2),
]
NOT_FOUND = [
    "Write to liv@example.org or info@nordpost.dk.",
    "git clone git@codeberg.org:liv/boats.git",
    "Call 555-123-4567 or (800) 867-2311.",
    "On 2023-11-05 at 08:15:30, from 1914-1918 to 1939-1945.",
    "Version 2.10.4.1138, part 0451 22334, order 503-867-2311.",
    "Compute 503-867-2311 and 12 * 34567890.",
    "3.14159265358979, 59.913869, 10.752245",
    "1111 2222 3333 4444 and 1234 5678 9012 3456",
    "10 20 30 40 50 60 70 80 90 100, 0011100000, 0110100110",
    "GB82 WEST 1234 5698 7654 33",
    "11010519491231002Y is none, nor is 110105194912310021",
    "sk-learn, task-force-of-the-whole-long-word",
    "The hash is 3f2504e04f8911d39a0c0305e82c3301.",
]


@pytest.mark.parametrize(("kind", "text"), FOUND)
def test_personal_data_is_found_by_kind(kind, text):
    assert kind in kinds(text)


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_looks_like_it_is_not(text):
    assert kinds(text) == []


def test_check_digits_are_checked():
    assert is_card("4539148803436467") and not is_card("4539148803436468")
    assert is_iban("NO93 8601 1117 947") and not is_iban("NO93 8601 1117 948")
    assert is_chinese_identity("11010519491231002x")
    assert not is_chinese_identity("110105194912310020")
