"""Personal data: what would reach somebody or open something, and what only looks like it."""

from __future__ import annotations

import pytest

from curation.personal import KINDS, find, kinds
from curation.personal.numbers import IDENTITIES, is_card

TOKEN = "q7Zb2LmX9vRt4KpW8sNd3HfY6cGj1QaE5uTo"
FOUND = [
    ("email", "Write to liv.holm@nordpost.dk, please."),
    ("email", "WRITE TO LIV@SMØRBRØD.DK"),
    ("email", "liv.holm [at] nordpost [dot] dk"),
    ("email", "liv at nordpost dot dk, or liv.holm at post dot no"),
    ("email", "ｌｉｖ＠ｎｏｒｄｐｏｓｔ．ｄｋ"),
    ("email", "mailto:liv+boats@mail.com"),
    ("phone", "He is at +47 91 23 88 76 now."),
    ("phone", "Office: +1 (503) 867-2311 ext. 12"),
    ("phone", "London +44 (0)20 7946 1958"),
    ("phone", "(503) 867-2311"),
    ("phone", "Mara Lind, 503-867-2311"),
    ("phone", "Call 503 867 2311 tonight."),
    ("phone", "You can reach her on 9876501234."),
    ("phone", "166-684-7899 fax"),
    ("phone", "手机：13912674308"),
    ("phone", "手机：139 1267 4308"),
    ("phone", "電話は ０９０-１２３４-８７６５"),
    ("phone", "080-1234-8765 までどうぞ"),
    ("phone", "Ligue 98 12 34 77"),
    ("card", "Paid with 4539 1488 0343 6467."),
    ("card", "Amex 3787 491205 31641"),
    ("iban", "To GB82 WEST 1234 5698 7654 32, please."),
    ("iban", "de89370400440532013000"),
    ("ssn", "His SSN is 536-22-8147."),
    ("ssn", "social security number 536 22 8147"),
    ("national_id", "身份证 11010519491231002X"),
    ("national_id", "CPF 111.444.777-35"),
    ("national_id", "NHS number 943 476 5919"),
    ("national_id", "RSSMRA85T10A562S"),
    ("ip", "keep getting address 86.231.85.193 blocked"),
    ("ip", "from 2a02:8108:9640:1c44:1d2e:3f00:77aa:0b1c"),
    ("key", f"export TOKEN=ghp_{TOKEN}"),
    ("key", "-----BEGIN RSA PRIVATE KEY-----"),
    ("key", "AKIA" + "Q3EGRTX7" + "Z5MKW2LB"),
    ("key", f"api_key = '{TOKEN}'"),
    ("key", "postgres://liv:kV9w2xQz@db.nordpost.dk:5432/boats"),
]
WITHOUT_SPACES = [
    ("我的电话是", "13912674308", "联系我"),
    ("请拨打", "13912674308", "人工服务"),
    ("我的phone是", "13912674308", "。"),
    ("전화는 ", "010-2345-6789", "입니다"),
    ("ติดต่อ", "081-234-5678", "นะ"),
    ("身份证号是", "11010519491231002X", "谢谢"),
    ("卡号是", "4539578763621486", "和"),
    ("账号", "DE89370400440532013000", "转账"),
    ("地址是", "85.214.132.117", "请"),
    ("请发送到", "liv.berg@nordpost.dk", "我们会尽快"),
    ("私は", "liv@smørbrød.dk", "です"),
    ("ログ", "2a02:8108:9640:1c44:1d2e:3f00:77aa:0b1c", "から"),
    ("密钥是", "AKIA" + "Q3EGRTX7" + "Z5MKW2LB", "请"),
]
NOT_FOUND = [
    "Write to liv@example.org, liv@example.com.au or info@nordpost.dk.",
    "git clone git@codeberg.org:liv/boats.git",
    "Call 555-123-4567, (800) 867-2311 or 0800 123 4567.",
    "Call us about order 98 12 34 77.",
    "Phone: (234) 567-8901",
    "On 2023-11-05 at 08:15:30, from 1914-1918 to 1939-1945.",
    "Version 2.10.4.1138, part 0451 22334, order 503-867-2311.",
    "I use git 1.7.7.3 as user123@gmail.com.",
    "Version 62.14.4.11, 127.0.0.1, 192.168.1.20, 8.8.8.8, 00:1b:44:11:3a:b7, at 12:30:45",
    "Compute 503-867-2311 and 12 * 34567890.",
    "The answer is 10.2857142857, not 3000 / 200 and not 62426244000 + 198472480000.",
    "A phone shop made 16000-12500 = <<16000-12500=3500>>3500, then $1680000.",
    "3.14159265358979, 59.913869, 10.752245",
    "1111 2222 3333 4444 and 1234 5678 9012 3456",
    "Test cards: 4111 1111 1111 1111, 4242424242424242, 3782 822463 10005",
    "10 20 30 40 50 60 70 80 90 100, 0011100000, 0110100110",
    "GB82 WEST 1234 5698 7654 33",
    "11010519491231002Y is none, nor is 110105194912310021",
    "ISBN 978-3-16-148410-0, doi:10.1000/182.4539148803436, ISSN 2049-3630",
    "/var/log/2024/0171/2234567.txt and IMG_4539148803436467.jpg, C:\\4539148803436467",
    "The call returned at 1679433381.",
    "sk-learn, task-force-of-the-whole-long-word, sk-xxxxxxxxxxxxxxxxxxxxxxxx",
    "AKIAIOSFODNN7EXAMPLE and api_key = 'YOUR_API_KEY_1234567890'",
    "postgres://user:password@localhost:5432/boats",
    "key: averylongnameofavariable, token = get_token_from_environment(3)",
    "Look at the dot in the middle.",
    "The hash is 3f2504e04f8911d39a0c0305e82c3301.",
    "See https://nordpost.dk/boats?page=2.",
    "On 078-05-1120 and 123-45-6789.",
    "版本号是62.14.4.11，订单号13912674308",
    "价格13800120000元，人口13912674308人",
]


@pytest.mark.parametrize(("kind", "text"), FOUND)
def test_personal_data_is_found_by_kind(kind, text):
    assert kind in kinds(text)


@pytest.mark.parametrize(("before", "data", "after"), WITHOUT_SPACES)
def test_letters_of_scripts_without_spaces_end_it(before, data, after):
    text = before + data + after
    assert [text[f.start : f.end] for f in find(text)] == [data]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_looks_like_it_is_not(text):
    assert find(text) == []


def test_check_digits_are_checked():
    assert is_card("4539148803436467") and not is_card("4539148803436468")
    assert kinds("NO93 8601 1117 947") == ["iban"] and not kinds("NO93 8601 1117 948")
    assert kinds("11010519491231002x") and not kinds("110105194912310020")


def test_two_spellings_have_one_value():
    phones = find("+47 91 23 88 76, (0047) no, 0047 91238876, phone +47-912-388-76")
    assert {f.value for f in phones} == {"+4791238876"}
    cards = find("4539 1488 0343 6467 and 4539148803436467")
    assert [f.value for f in cards] == ["4539148803436467"] * 2
    assert {f.value for f in find("Liv@Nordpost.dk, liv (at) nordpost (dot) dk")} == {
        "liv@nordpost.dk"
    }


def test_places_are_those_of_the_text_as_it_is_written():
    text = "電話 ０９０-１２３４-８７６５ です"
    (phone,) = find(text)
    assert text[phone.start : phone.end] == "０９０-１２３４-８７６５"


def test_of_two_that_overlap_one_counts():
    text = "postgres://liv:kV9w2xQz@db.nordpost.dk:5432/boats"
    assert [f.kind for f in find(text, KINDS)] == ["key"]


def test_a_web_address_is_sought_only_where_it_is_named():
    text = "See https://nordpost.dk/~liv."
    assert not kinds(text)
    assert [text[f.start : f.end] for f in find(text, ["url"])] == ["https://nordpost.dk/~liv"]


def test_every_identity_has_a_check_in_the_library():
    import importlib

    for identity in IDENTITIES:
        assert callable(importlib.import_module(f"stdnum.{identity.module}").is_valid)
