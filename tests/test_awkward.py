"""Awkward files, each made here: what loads, what is refused and why, and that nothing is lost."""

from __future__ import annotations

import bz2
import contextlib
import datetime
import decimal
import gzip
import io
import json
import lzma
import os
import stat
import tempfile
import zipfile
from pathlib import Path

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curation import formats
from curation.errors import CurationError
from curation.sources import Limits, parse, preview
from tests.reading import objects, opened

GOOD = {"prompt": "Name a planet.", "completion": "Saturn."}
LINE = orjson.dumps(GOOD)


@pytest.fixture
def file_of(tmp_path):
    """Writes bytes under a name and gives the path."""

    def make(content, name="data.jsonl"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


def lines_of(*lines):
    return b"\n".join(line.encode() if isinstance(line, str) else line for line in lines) + b"\n"


def parsed(path, tmp_path, **options):
    """Read in a process of its own: the report, the examples and the rejected rows."""
    out = tmp_path / "out"
    report = parse(path, out, **options)
    examples = pd.read_parquet(out / "examples.parquet")
    rejected = pd.read_parquet(out / "rejected.parquet")
    assert report.lines == report.examples + report.rejected + report.blank
    assert (len(examples), len(rejected)) == (report.examples, report.rejected)
    return report, examples, rejected


# --- encodings ------------------------------------------------------------------------------


def test_a_byte_order_mark_is_left_out_and_said_and_offsets_count_it(file_of):
    contents = opened(file_of(b"\xef\xbb\xbf" + LINE + b"\n" + LINE + b"\n"), lines=2)
    assert contents.records == [GOOD, GOOD]
    assert contents.note("encoding") == "utf-8-sig"
    assert [r.raw.offset for r in contents.examples] == [3, 3 + len(LINE) + 1]


@pytest.mark.parametrize("name", ["data.jsonl", "data.json", "data.csv"])
def test_utf_16_with_a_mark_is_decoded_and_said(file_of, name):
    text = {
        "data.jsonl": LINE.decode() + "\n",
        "data.json": "[" + LINE.decode() + "]",
        "data.csv": "prompt,completion\nName a planet.,Saturn.\n",
    }[name]
    contents = opened(file_of(text.encode("utf-16"), name))
    assert contents.records == [GOOD]
    assert contents.note("encoding") == "utf-16"


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("width", ["utf-16", "utf-32"])
def test_a_mark_of_any_width_and_order_names_the_encoding(file_of, width, order):
    contents = opened(
        file_of(("\ufeff" + LINE.decode() + "\n").encode(f"{width}-{order}")), lines=1
    )
    assert contents.records == [GOOD]
    assert contents.note("encoding") == width


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_a_guess_that_is_said(file_of, encoding):
    contents = opened(file_of((LINE.decode() + "\n").encode(encoding)), lines=1)
    assert contents.records == [GOOD]
    assert contents.note("encoding") == encoding
    assert "guess" in contents.note("guess")


@pytest.mark.parametrize(
    ("encoding", "prompt", "answer"),
    [
        ("gb18030", "什么是光合作用？", "植物利用阳光把二氧化碳和水变成糖和氧气，这是生命的基础。"),
        (
            "cp1252",
            "Qu'est-ce qu'un élève zélé ?",
            "C'est un garçon très appliqué, dès la rentrée.",
        ),
    ],
)
@pytest.mark.parametrize("name", ["data.jsonl", "data.json"])
def test_another_encoding_is_guessed_and_the_guess_is_said(file_of, encoding, prompt, answer, name):
    record = {"prompt": prompt, "completion": answer}
    text = json.dumps(record, ensure_ascii=False)
    text = f"[{text}]" if name == "data.json" else f"{text}\n" * 3
    contents = opened(file_of(text.encode(encoding), name))
    assert contents.records == [record] * (1 if name == "data.json" else 3)
    assert contents.note("encoding") == encoding
    assert "which is a guess" in contents.note("guess")


def test_a_wrong_guess_can_be_overruled(file_of, tmp_path):
    record = {
        "prompt": "Was ist ein Fluß?",
        "completion": "Wasser in einem Bett, größer als Bäche.",
    }
    path = file_of(json.dumps(record, ensure_ascii=False).encode("cp850") + b"\n")
    assert opened(path, lines=1).records != [record]
    assert opened(path, lines=1, encoding="cp850").records == [record]
    assert preview(path, encoding="cp850").encoding == "cp850"
    report, examples, _ = parsed(path, tmp_path, encoding="cp850")
    assert examples["response"].tolist() == [record["completion"]]
    with pytest.raises(CurationError, match="no text encoding 'base64'"):
        opened(path, encoding="base64")


def test_chinese_on_one_long_line_stays_utf_8(file_of):
    record = {"instruction": "解释" * 100_000, "output": "好" * 200_000}
    contents = opened(file_of(json.dumps([record], ensure_ascii=False)), lines=1)
    assert contents.records == [record]
    assert contents.note("encoding") == "utf-8"


def test_one_invalid_byte_costs_its_line_only(file_of):
    bad = b'{"prompt": "Caf\xe9?", "completion": "Yes."}'
    content = lines_of(*[LINE] * 500, bad, *[LINE] * 500)
    contents = opened(file_of(content), lines=1_001)
    assert contents.codes == ["not_utf8"]
    reject = contents.rejected[0]
    assert (reject.row, reject.raw) == (501, bad)
    assert content[reject.offset :].startswith(bad)
    assert "byte 16" in reject.message


def test_an_invalid_byte_in_an_array_costs_its_record_only(file_of):
    bad = b'{"prompt": "Caf\xe9?", "completion": "Yes."}'
    path = file_of(b"[\n" + b",\n".join([LINE] * 10 + [bad] + [LINE] * 10) + b"\n]", "data.json")
    contents = opened(path, lines=21)
    assert contents.codes == ["not_utf8"]
    assert contents.rejected[0].raw == bad
    assert path.read_bytes()[contents.rejected[0].offset :].startswith(bad)


def test_what_another_encoding_cannot_decode_costs_its_line_only(file_of):
    text = json.dumps({"prompt": "水是什么？", "completion": "氢和氧。"}, ensure_ascii=False)
    good = text.encode("gb18030")
    contents = opened(
        file_of(lines_of(good, good[:13] + b"\xff" + good[13:], good)), encoding="gb18030"
    )
    assert (len(contents.examples), contents.codes) == (2, ["not_utf8"])


@pytest.mark.parametrize(
    ("encoding", "text"), [("ascii", "é"), ("euc_kr", "\x80"), ("big5", "Ā"), ("shift_jis", "뀀")]
)
def test_what_another_encoding_cannot_decode_is_not_read_as_utf_8(file_of, encoding, text):
    bad = json.dumps({"prompt": f"{text}?", "completion": "Yes."}, ensure_ascii=False)
    contents = opened(file_of(lines_of(LINE, bad, LINE)), lines=3, encoding=encoding)
    assert (contents.records, contents.codes) == ([GOOD, GOOD], ["not_utf8"])


# --- characters -----------------------------------------------------------------------------


@pytest.mark.parametrize("control", ["\x00", "\x07", "\t", "\x1f"])
@pytest.mark.parametrize("filler", [0, 20])
def test_a_raw_control_character_in_a_string_costs_its_line(file_of, control, filler):
    bad = f'{{"prompt": "a{control}b", "completion": "c"}}'
    contents = opened(file_of(lines_of(bad, *[LINE] * (filler + 1))), lines=filler + 2)
    assert contents.codes == ["control_character"]
    assert len(contents.examples) == filler + 1


def test_an_escaped_nul_is_kept(file_of):
    contents = opened(file_of(r'{"prompt": "a\u0000b", "completion": "c"}'), lines=1)
    assert contents.records[0]["prompt"] == "a\0b"


def test_half_a_surrogate_becomes_a_replacement_character_and_is_counted(file_of):
    line = r'{"prompt": "half \ud800 here", "completion": "pair \ud83d\ude00", "\udc00": "key"}'
    for content, name in [(line, "data.jsonl"), (f"[{line}]", "data.json")]:
        contents = opened(file_of(content, name), lines=1)
        assert contents.records == [{"prompt": "half � here", "completion": "pair 😀", "�": "key"}]
        assert contents.repairs == ["lone_surrogate"]
        assert contents.examples[0].raw.raw.decode() == line


def test_keys_that_a_repair_would_make_equal_are_refused(file_of):
    contents = opened(
        file_of(r'{"prompt": "a", "completion": "b", "\ud800": 1, "\udc00": 2}'), lines=1
    )
    assert contents.codes == ["duplicate_key"]


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\u000b", "\x0c", "\x1c", "\x1e"])
def test_unusual_line_breaks_inside_a_string_never_split_a_line(file_of, odd):
    record = {"prompt": f"one{odd}two", "completion": "three"}
    escaped = orjson.dumps(record)
    raw = json.dumps(record, ensure_ascii=False).encode() if ord(odd) > 31 else escaped
    assert opened(file_of(lines_of(raw, escaped, LINE)), lines=3).records == [record, record, GOOD]
    table = file_of(f"prompt,completion\none{odd}two,three\n", "data.csv")
    assert opened(table, lines=2).records == [record]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_is_accepted(file_of, end, last):
    text = end.join([LINE.decode()] * 3 + ["", LINE.decode()]) + (end if last else "")
    contents = opened(file_of(text), lines=5)
    assert (contents.records, contents.blank) == ([GOOD] * 4, 1)
    table = end.join(["prompt,completion", "Name a planet.,Saturn."] + ([""] if last else []))
    assert opened(file_of(table, "data.csv"), lines=2).records == [GOOD]


def test_mixed_line_ends_are_accepted(file_of):
    content = LINE + b"\r\n" + LINE + b"\r" + LINE + b"\n\r\n" + LINE
    contents = opened(file_of(content), lines=5)
    assert (contents.records, contents.blank) == ([GOOD] * 4, 1)
    assert all(content[r.raw.offset :].startswith(LINE) for r in contents.examples)


@pytest.mark.parametrize(
    "text",
    [
        "\u202eright to left\u202c",
        "zero\u200bwidth\u200d\ufeff",
        "e" + "\u0301" * 100,
        "👨‍👩‍👧‍👦",
        "private \ue000 use \U000f0000",
        "<|im_start|>user [INST] </s> <<SYS>>",
        "ﬁ ﷺ ａ １",
        "  spaces before and after \t ",
        "=cmd|'/c calc'!A0",
    ],
)
@pytest.mark.parametrize("name", ["data.jsonl", "data.json", "data.csv", "data.parquet"])
def test_strange_texts_are_kept_as_they_are(file_of, tmp_path, text, name):
    record = {"prompt": text, "completion": f"about {text}"}
    if name == "data.parquet":
        path = tmp_path / name
        pq.write_table(pa.Table.from_pylist([record]), path)
    elif name == "data.csv":
        rows = ",".join('"' + v.replace('"', '""') + '"' for v in record.values())
        path = file_of(f"prompt,completion\n{rows}\n", name)
    else:
        path = file_of(orjson.dumps([record] if name == "data.json" else record), name)
    assert opened(path).records == [record]


# --- broken JSON ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ('{"prompt": "a", "completion": "b",}', "trailing_comma"),
        ('{"prompt": ["a",], "completion": "b"}', "trailing_comma"),
        ('{"prompt": "a", "completion": "b"},', "trailing_comma"),
        ('{"prompt": "a", "completion": "b"} {}', "extra_text"),
        ('{"prompt": "a", "completion": "b', "cut"),
        ('{"prompt": "a", "completion": "b"', "cut"),
        ('{"prompt": "a" "completion": "b"}', "not_json"),
        ("{'prompt': 'a', 'completion': 'b'}", "not_json"),
        ('{"prompt": "a", "completion": "\\x41"}', "not_json"),
        ("42", "not_an_object"),
        ('"x"', "not_an_object"),
        ("null", "not_an_object"),
        ("true", "not_an_object"),
        ("[1, 2]", "not_an_object"),
        ("{}", "empty_object"),
        ("hello", "not_json"),
        ('{"prompt": "one", "prompt": "two", "completion": "b"}', "duplicate_key"),
        ('{"prompt" : "one", "prompt": "two", "completion": "b"}', "duplicate_key"),
        ('{"prompt": "a", "completion": "b", "x": {"k": 1, "k": 2}}', "duplicate_key"),
        ('{"prompt": "a", "pr\\u006fmpt": "b", "completion": "c"}', "duplicate_key"),
        ('{"prompt": {"id": 1}, "completion": "b"}', "field"),
        ('{"prompt": "a", "completion": [1, 2]}', "field"),
        ('{"colour": "red"}', "field"),
    ],
)
def test_a_bad_line_is_refused_with_a_sentence_and_the_others_load(file_of, bad, code):
    content = lines_of(LINE, bad, LINE)
    contents = opened(file_of(content), lines=3)
    assert contents.records == [GOOD, GOOD]
    assert contents.codes == [code]
    reject = contents.rejected[0]
    assert (reject.row, reject.offset, reject.raw) == (2, len(LINE) + 1, bad.encode())


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("42", "a number"),
        ("4.5", "a number"),
        ('"x"', "a text"),
        ("null", "null"),
        ("true", "a truth value"),
        ("[1, 2]", "an array"),
    ],
)
def test_a_line_that_is_no_object_is_refused_with_what_it_is(file_of, line, kind):
    (reject,) = opened(file_of(lines_of(LINE, line)), lines=2).rejected
    assert reject.message == f"this is {kind}, not an object with named fields."


@pytest.mark.parametrize("first", [True, False])
def test_a_bad_first_line_does_not_change_what_the_file_is(file_of, first):
    bad = '{"prompt": "a", "completion": '
    contents = opened(
        file_of(lines_of(*([bad, LINE, LINE] if first else [LINE, LINE, bad]))), lines=3
    )
    assert (contents.records, contents.codes) == ([GOOD, GOOD], ["cut"])


def test_a_comma_after_each_line_refuses_the_lines_and_says_why(file_of):
    contents = opened(file_of(lines_of(*[LINE + b","] * 3, LINE)), lines=4)
    assert contents.codes == ["trailing_comma"] * 3
    assert "remove it" in contents.rejected[0].message


def test_both_values_of_a_duplicate_key_are_shown(file_of):
    contents = opened(
        file_of('{"prompt": "a", "completion": "left", "completion": "right"}'), lines=1
    )
    assert '"left"' in contents.rejected[0].message and '"right"' in contents.rejected[0].message
    assert contents.rejected[0].field == "completion"


def test_a_truncated_array_loads_up_to_the_cut(file_of):
    text = orjson.dumps([GOOD] * 4, option=orjson.OPT_INDENT_2)
    contents = opened(file_of(text[: len(text) - 20], "data.json"), lines=4)
    assert (contents.records, contents.codes) == ([GOOD] * 3, ["cut"])
    assert "looks cut" in contents.note("cut")
    contents = opened(file_of(text[: text.rindex(b"}") + 1], "data.json"), lines=4)
    assert contents.records == [GOOD] * 4
    assert "looks cut" in contents.note("cut")


@pytest.mark.parametrize(
    "bad",
    [
        '{"prompt": "a", "completion": "b",}',
        '{"prompt": "a" "completion": "b"}',
        '{"prompt": "she said "no" to it", "completion": "b"}',
        '{"prompt": "a, "completion": "b"}',
        '{"prompt": "a", "completion": "b"',
        '{"prompt": "a", "completion": "line\nbreak"}',
        '{"prompt": "a", "completion": "b", "turns": [{"role": "user"}, {"role": oops}]}',
        '{"prompt": "one", "prompt": "two", "completion": {"a": [1, {"b": 2}]}}',
        '{"prompt": NULL, "completion": {"a": [1, {"b": 2}]}}',
        "oops",
        "oops 34",
    ],
)
@pytest.mark.parametrize("indent", [0, 2])
def test_a_bad_record_of_an_array_is_refused_and_reading_goes_on_at_the_next(file_of, bad, indent):
    good = json.dumps(GOOD, indent=indent or None)
    path = file_of("[" + ",\n".join([good, good, bad, good, good]) + "]", "data.json")
    contents = opened(path, lines=5)
    assert contents.records == [GOOD] * 4
    assert contents.rejected[0].raw.decode() == bad
    assert path.read_bytes()[contents.rejected[0].offset :].startswith(bad.encode())


def test_commas_too_many_or_missing_between_records_are_said(file_of):
    good = LINE.decode()
    contents = opened(file_of(f"[{good},,{good} {good},]", "data.json"), lines=3)
    assert contents.records == [GOOD] * 3
    assert contents.note("commas").startswith("3 commas")


def test_text_after_an_array_is_not_lost(file_of):
    good = LINE.decode()
    contents = opened(file_of(f"[{good}]\nand more\n[{good}]\n{good}", "data.json"), lines=4)
    assert contents.records == [GOOD] * 3
    assert (contents.codes, contents.rejected[0].raw) == (["text_outside"], b"and more")


def test_objects_printed_over_many_lines_one_after_another_load(file_of):
    text = "\n".join([json.dumps(GOOD, indent=4)] * 3)
    assert opened(file_of(text), lines=3).records == [GOOD] * 3


# --- numbers --------------------------------------------------------------------------------


def test_nan_and_infinity_become_null_and_are_counted(file_of):
    line = '{"prompt": "a", "completion": "b", "x": NaN, "y": [-Infinity, Infinity]}'
    for content, name in [(line, "data.jsonl"), (f"[{line}]", "data.json")]:
        contents = opened(file_of(content, name), lines=1)
        assert (contents.records[0]["x"], contents.records[0]["y"]) == (None, [None, None])
        assert contents.repairs == ["not_a_number"]


@pytest.mark.parametrize(
    "digits",
    [
        "123456789012345678901234567890",
        "9007199254740993",
        "-9007199254740993",
        "18446744073709551616",
        "3.141592653589793238462643",
        "1e400",
        "1e-400",
        "0." + "1" * 30,
        "9" * 5_000,
    ],
)
def test_a_number_that_would_be_rounded_is_kept_as_text(file_of, digits):
    line = f'{{"prompt": "a", "completion": "b", "id": {digits}, "x": null}}'
    for content, name in [(lines_of(line, LINE), "data.jsonl"), (f"[{line}]", "data.json")]:
        contents = opened(file_of(content, name))
        assert contents.records[0]["id"] == digits
        assert contents.repairs == ["number_as_text"]


@pytest.mark.parametrize("number", ["9007199254740992", "-1", "0.1", "1.5e3", "0", "1E2"])
def test_a_number_that_is_exact_stays_a_number(file_of, number):
    contents = opened(file_of(f'{{"prompt": "a", "completion": "b", "id": {number}}}'), lines=1)
    assert contents.records[0]["id"] == json.loads(number)
    assert contents.repairs == []


def test_ids_of_mixed_kinds_load_and_come_back(file_of):
    records = [{**GOOD, "id": i} for i in (1, "two", None, 3.5, [4], {"five": 5}, True)]
    contents = opened(file_of(objects(records)), lines=7)
    assert [again(read.example) for read in contents.examples] == records


def again(example):
    return formats.write(*example[:5])


# --- limits ---------------------------------------------------------------------------------


def test_nesting_of_ten_thousand_levels_is_refused_and_nothing_crashes(file_of, tmp_path):
    deep = b'{"prompt": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}"
    report, _, rejected = parsed(file_of(lines_of(LINE, deep, LINE)), tmp_path)
    assert (report.examples, rejected["code"].tolist()) == (2, ["too_deep"])
    assert "limit nesting" in rejected["message"][0]


@pytest.mark.parametrize(("levels", "good"), [(64, True), (65, False), (3_000, False)])
def test_nesting_is_limited(file_of, levels, good):
    for inner in (
        '{"a":' * (levels - 1) + "1" + "}" * (levels - 1),
        "[" * (levels - 1) + "]" * (levels - 1),
    ):
        line = f'{{"prompt": "a", "completion": "b", "x": {inner}}}'
        for content, name in [(line, "data.jsonl"), (f"[{line},{LINE.decode()}]", "data.json")]:
            contents = opened(file_of(content, name))
            assert contents.codes == ([] if good else ["too_deep"])


def test_a_row_of_fifty_megabytes_is_refused_and_the_next_is_at_its_place(file_of, tmp_path):
    content = lines_of(LINE, b'{"prompt": "' + b"a" * 50_000_000 + b'"}', LINE)
    path = file_of(content)
    report, examples, rejected = parsed(path, tmp_path)
    assert (report.examples, rejected["code"].tolist()) == (2, ["row_too_long"])
    assert "limit row_mb" in rejected["message"][0]
    assert rejected["offset"].tolist() == [len(LINE) + 1]
    assert content[examples["source_offset"][1] :] == LINE + b"\n"
    assert opened(path, lines=3, limits=Limits(row_mb=60)).codes == ["field"]


def test_a_long_record_of_an_array_is_refused_and_the_next_loads(file_of):
    long = orjson.dumps({"prompt": "a" * 3_000_000, "completion": "b"})
    path = file_of(b"[" + b",".join([LINE, long, LINE, LINE]) + b"]", "data.json")
    contents = opened(path, lines=4, limits=Limits(row_mb=1))
    assert (contents.records, contents.codes) == ([GOOD] * 3, ["row_too_long"])
    assert path.read_bytes()[contents.examples[1].raw.offset :].startswith(LINE)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "parquet"])
def test_more_than_two_thousand_columns_are_refused(file_of, tmp_path, kind):
    record = {**GOOD, **{f"c{i}": "x" for i in range(1_999)}}
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([record]), tmp_path / "data.parquet")
        path = tmp_path / "data.parquet"
    elif kind == "csv":
        path = file_of(",".join(record) + "\n" + ",".join(record.values()) + "\n", "data.csv")
    else:
        path = file_of(orjson.dumps([record] if kind == "json" else record), f"data.{kind}")
    if kind in ("csv", "parquet"):
        with pytest.raises(CurationError, match="2,001 columns.*limit columns"):
            opened(path)
    else:
        contents = opened(path, lines=1)
        assert contents.codes == ["too_many_columns"]
        assert "limit columns" in contents.rejected[0].message


def test_time_is_limited(file_of, tmp_path):
    with pytest.raises(CurationError, match="limit seconds"):
        parse(file_of(LINE), tmp_path / "out", limits=Limits(seconds=0))


def test_memory_is_limited(file_of, tmp_path):
    path = file_of(orjson.dumps({"prompt": "a" * 300_000_000, "completion": "b"}))
    with pytest.raises(CurationError, match="limit memory_mb"):
        parse(path, tmp_path / "out", limits=Limits(memory_mb=900, row_mb=2_000))


# --- packed ---------------------------------------------------------------------------------

PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("name", ["data.jsonl.{}", "without-an-ending", "data.csv.{}"])
def test_packed_files_are_known_by_their_first_bytes(file_of, kind, name):
    text = b"prompt,completion\nName a planet.,Saturn.\n" if "csv" in name else LINE + b"\n"
    contents = opened(file_of(PACKERS[kind](text), name.format(kind)))
    assert contents.records == [GOOD]


@pytest.mark.parametrize("kind", PACKERS)
def test_a_packed_file_of_two_parts_is_read_to_its_end(file_of, kind):
    path = file_of(PACKERS[kind](LINE + b"\n") + PACKERS[kind](LINE + b"\n"))
    assert opened(path, lines=2).records == [GOOD, GOOD]


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_is_refused_with_the_limits_name(file_of, kind):
    path = file_of(PACKERS[kind](b" " * 30_000_000))
    with pytest.raises(CurationError, match="limit expansion"):
        opened(path)


@pytest.mark.parametrize("kind", PACKERS)
def test_a_packed_file_that_is_cut_gives_what_comes_before(file_of, kind):
    records = [{**GOOD, "n": os.urandom(60).hex()} for _ in range(8_000)]
    packed = PACKERS[kind](objects(records))
    contents = opened(file_of(packed[: len(packed) * 2 // 3]))
    assert contents.codes[-1] == "damaged"
    assert contents.codes[:-1] in ([], ["cut"])
    if kind != "xz":  # one block, of which nothing can be had before it is whole
        assert len(contents.examples) > 1_000
    assert contents.records == records[: len(contents.examples)]


def test_a_packed_file_that_is_damaged_from_the_start_is_refused(file_of):
    with pytest.raises(CurationError, match="damaged"):
        opened(file_of(gzip.compress(LINE)[:10] + b"\xff" * 50))
    with pytest.raises(CurationError, match="packed twice"):
        opened(file_of(gzip.compress(gzip.compress(LINE))))


# --- tables ---------------------------------------------------------------------------------


def test_ragged_rows_are_refused_and_the_others_load(file_of):
    text = "prompt,completion\na,b\na,b,c\nonly one\nc,d\n"
    contents = opened(file_of(text, "data.csv"), lines=5)
    assert [list(r.values()) for r in contents.records] == [["a", "b"], ["c", "d"]]
    assert contents.codes == ["ragged", "ragged"]
    assert [r.raw for r in contents.rejected] == [b"a,b,c", b"only one"]
    assert "3 cells where 2 are expected" in contents.rejected[0].message


def test_an_unbalanced_quote_costs_its_line_and_no_other(file_of):
    text = 'prompt,completion\na,b\n"c,d\ne,f\ng,"h\ni,j\n"k ""l""","m\nn"\n'
    contents = opened(file_of(text, "data.csv"), lines=7)
    assert [list(r.values()) for r in contents.records] == [
        ["a", "b"],
        ["e", "f"],
        ["i", "j"],
        ['k "l"', "m\nn"],
    ]
    assert contents.codes == ["quotes", "quotes"]
    assert contents.rejected[0].raw == b'"c,d'


def test_a_quote_inside_a_cell_that_does_not_begin_with_one_is_a_character(file_of):
    contents = opened(
        file_of('prompt,completion\nA 5" pipe?,It is 12.7 cm\nx,y\n', "data.csv"), lines=3
    )
    assert contents.records[0] == {"prompt": 'A 5" pipe?', "completion": "It is 12.7 cm"}


def test_line_ends_inside_a_cell_are_kept_as_they_are(file_of):
    content = b'prompt,completion\r\n"a\r\nb","c\nd\re"\r\n'
    contents = opened(file_of(content, "data.csv"), lines=2)
    assert contents.records == [{"prompt": "a\r\nb", "completion": "c\nd\re"}]
    assert content[contents.examples[0].raw.offset :].startswith(contents.examples[0].raw.raw)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("prompt,completion,prompt", "'prompt' twice"),
        ("prompt,,completion", "column 2 of the header has no name"),
    ],
)
def test_a_header_with_double_or_missing_names_is_refused(file_of, header, message):
    with pytest.raises(CurationError, match=message):
        opened(file_of(f"{header}\na,b,c\nd,e,f\n", "data.csv"))


def test_the_unnamed_index_that_pandas_writes_gets_a_name(file_of):
    contents = opened(file_of(",prompt,completion\n0,a,b\n1,c,d\n", "data.csv"), lines=3)
    assert contents.records[1] == {"column_1": "1", "prompt": "c", "completion": "d"}


def test_without_a_header_columns_are_named_and_said(file_of):
    rows = [
        f"{'pos' if i % 2 else 'neg'},I have seen film number {i} and it was so." for i in range(9)
    ]
    contents = opened(file_of("\n".join(rows), "data.csv"), lines=9)
    assert {r["label"] for r in contents.records} == {"pos", "neg"}
    assert contents.records[3]["text"] == "I have seen film number 3 and it was so."
    assert "no header" in contents.note("header")


def test_cells_stay_text(file_of):
    cells = ["NA", "null", "None", "007", "yes", "nan", "", "1e5", "2024-01-01", " x "]
    rows = "\n".join(f"question {i},{cell}" for i, cell in enumerate(cells))
    contents = opened(file_of(f"prompt,completion\n{rows}\n", "data.csv"), lines=11)
    assert [r["completion"] for r in contents.records] == cells


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_the_separator_is_found_and_shown(file_of, delimiter):
    rows = [["prompt", "completion"], ["What, then?", "This"], ["And, so?", "That"], ["Why?", "So"]]
    text = "\n".join(delimiter.join(f'"{c}"' if delimiter in c else c for c in r) for r in rows)
    for name in ("data.csv", "data"):
        path = file_of(text, name)
        contents = opened(path, lines=4)
        assert [list(r.values()) for r in contents.records] == rows[1:]
        assert contents.note("delimiter") == delimiter
    assert preview(path).delimiter == delimiter


def test_quotes_in_a_tsv_that_uses_none_are_characters(file_of):
    rows = [("text", "label"), ('"Yes," he said', "a"), ('the "foo"', "b"), ("plain", "a")]
    contents = opened(file_of("".join("\t".join(r) + "\n" for r in rows), "data.tsv"), lines=4)
    assert [tuple(r.values()) for r in contents.records] == rows[1:]
    assert "Quotes are part of the text" in contents.note("quotes")


def test_prose_in_a_txt_file_is_one_text_a_line(file_of):
    text = "Well, here we are.\nIt rains, and it pours, again.\nNo.\n"
    contents = opened(file_of(text, "words.txt"), lines=3)
    assert [r["text"] for r in contents.records] == text.splitlines()


# --- Parquet and Arrow ----------------------------------------------------------------------


def written(tmp_path, table, name="data.parquet", **options):
    path = tmp_path / name
    pq.write_table(table, path, **options)
    return path


def test_a_truncated_or_false_parquet_file_is_one_sentence(file_of, tmp_path):
    whole = written(tmp_path, pa.Table.from_pylist([GOOD] * 50)).read_bytes()
    for content in (whole[:-9], whole[: len(whole) // 2], b"PAR1" + b"x" * 90, b"PAR1"):
        with pytest.raises(CurationError, match="not a whole Parquet file") as caught:
            opened(file_of(content, "data.parquet"))
        assert "\n" not in str(caught.value)
    assert opened(file_of(LINE, "really-json.parquet"), lines=1).records == [GOOD]


def test_a_parquet_file_without_rows_says_so(tmp_path):
    path = written(tmp_path, pa.Table.from_pylist([GOOD]).slice(0, 0))
    assert "no examples" in opened(path, lines=0).note("empty")


def test_every_type_of_column_comes_through(tmp_path):
    when = datetime.datetime(2024, 5, 1, 12, 30, 0, 123456)
    table = pa.table(
        {
            "messages": pa.array(
                [[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]]
            ),
            "large": pa.array(["x"], pa.large_string()),
            "kind": pa.array(["k"]).dictionary_encode(),
            "price": pa.array([decimal.Decimal("12.3400")]),
            "when": pa.array([when]),
            "day": pa.array([when.date()]),
            "clock": pa.array([when.time()]),
            "span": pa.array([datetime.timedelta(days=1, seconds=2)]),
            "raw": pa.array([b"text"]),
            "binary": pa.array([b"\xff\x00"]),
            "big": pa.array([2**63 + 1], pa.uint64()),
            "small": pa.array([7], pa.int8()),
            "share": pa.array([float("nan")]),
            "struct": pa.array([{"a": [1, None]}]),
            "map": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())),
            "none": pa.nulls(1),
        }
    )
    contents = opened(written(tmp_path, table), lines=1)
    assert contents.records[0] == {
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        "large": "x",
        "kind": "k",
        "price": "12.3400",
        "when": "2024-05-01T12:30:00.123456",
        "day": "2024-05-01",
        "clock": "12:30:00.123456",
        "span": "1 day, 0:00:02",
        "raw": "text",
        "binary": "/wA=",
        "big": "9223372036854775809",
        "small": 7,
        "share": None,
        "struct": {"a": [1, None]},
        "map": [["k", 1]],
        "none": None,
    }
    assert set(contents.repairs) == {
        "number_as_text",
        "time_as_text",
        "binary_as_base64",
        "not_a_number",
    }
    assert contents.answers == ["b"]


def test_two_parquet_columns_of_one_name_are_refused_by_name(tmp_path):
    table = pa.table([["a"], ["b"]], names=["prompt", "prompt"])
    with pytest.raises(CurationError, match="two columns are called 'prompt'"):
        opened(written(tmp_path, table))


def test_a_small_parquet_file_that_holds_much_is_refused(tmp_path):
    table = pa.table({"prompt": ["a" * 200_000] * 1_000, "completion": ["b"] * 1_000})
    path = written(tmp_path, table, compression="zstd")
    assert path.stat().st_size < 5_000
    with pytest.raises(CurationError, match="limit expansion"):
        parse(path, tmp_path / "out")


def test_a_long_parquet_row_is_refused_and_the_others_load(tmp_path):
    rows = [GOOD, {"prompt": os.urandom(800_000).hex(), "completion": "b"}, GOOD]
    contents = opened(
        written(tmp_path, pa.Table.from_pylist(rows)), limits=Limits(row_mb=1), lines=3
    )
    assert (contents.records, contents.codes) == ([GOOD, GOOD], ["row_too_long"])


def test_bad_text_in_a_parquet_column_costs_its_row_only(tmp_path):
    raw = pa.array([b"good", b"\xff\xfe", b"fine"])
    text = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    contents = opened(written(tmp_path, pa.table({"text": text})), lines=3)
    assert [r["text"] for r in contents.records] == ["good", "fine"]
    assert contents.codes == ["value"]


def test_a_date_beyond_the_calendar_costs_its_row_only(tmp_path):
    days = pa.array([1, 2**30], pa.int32()).cast(pa.date32())
    contents = opened(written(tmp_path, pa.table({"text": ["a", "b"], "day": days})), lines=2)
    assert (len(contents.examples), contents.codes) == (1, ["value"])


@pytest.mark.parametrize("kind", ["file", "stream", "feather"])
def test_arrow_and_feather_files_load(tmp_path, kind):
    table, path = pa.Table.from_pylist([GOOD] * 3), tmp_path / "data.bin"
    if kind == "feather":
        import pyarrow.feather

        pyarrow.feather.write_feather(table, path)
    else:
        make = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
        with pa.OSFile(str(path), "wb") as sink, make(sink, table.schema) as writer:
            writer.write_table(table)
    assert opened(path, lines=3).records == [GOOD] * 3
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(CurationError, match="not a whole Arrow file"):
        opened(path)


def test_a_column_called_huggingface_by_a_stranger_does_no_harm(tmp_path):
    for metadata in (
        b"[]",
        b"{",
        b'{"info": {"features": 7}}',
        b'{"info": {"features": {"a": 1}}}',
    ):
        table = pa.Table.from_pylist([GOOD]).replace_schema_metadata({b"huggingface": metadata})
        assert opened(written(tmp_path, table), lines=1).records == [GOOD]


# --- zip archives ---------------------------------------------------------------------------


def zipped(members):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return sink.getvalue()


def test_members_that_cannot_be_trusted_are_refused_and_the_others_load(file_of):
    link = zipfile.ZipInfo("link.jsonl")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    members = [
        ("good.jsonl", LINE),
        ("../up.jsonl", LINE),
        ("/abs.jsonl", LINE),
        (link, "/etc/passwd"),
        ("inner.zip", zipped([("x.jsonl", LINE)])),
        ("picture.csv", b"\x89PNG\r\n"),
        ("folder/data.csv", "prompt,completion\nName a planet.,Saturn.\n"),
        ("__MACOSX/._good.jsonl", b"\x00\x05\x16\x07"),
        ("README.md", "# Read me"),
        ("last.json", b"[" + LINE + b"]"),
    ]
    contents = opened(file_of(zipped(members), "data.zip"), lines=3 + 5 + 1)
    assert contents.records == [GOOD] * 3
    assert [r.source for r in contents.examples] == [
        "data.zip/good.jsonl",
        "data.zip/folder/data.csv",
        "data.zip/last.json",
    ]
    assert contents.codes == ["member"] * 5
    messages = " ".join(r.message for r in contents.rejected)
    for words in ("outside the archive", "a link", "inside an archive", "a picture"):
        assert words in messages
    assert "a page" in contents.note("not_data")


def test_a_member_with_a_password_is_refused_and_the_others_load(file_of):
    content = bytearray(zipped([("locked.jsonl", LINE), ("open.jsonl", LINE)]))
    content[6] |= 1  # the flag in the member's own header, and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    contents = opened(file_of(bytes(content), "data.zip"), lines=2)
    assert contents.records == [GOOD]
    assert "password" in contents.rejected[0].message


def test_a_damaged_member_is_refused_and_the_others_load(file_of):
    content = bytearray(zipped([("bad.jsonl", LINE * 50), ("good.jsonl", LINE)]))
    content[60] ^= 0xFF
    contents = opened(file_of(bytes(content), "data.zip"))
    assert contents.records[-1] == GOOD
    assert contents.codes == ["member"]


def test_a_zip_bomb_and_a_cut_zip_are_refused(file_of):
    with pytest.raises(CurationError, match="limit expansion"):
        opened(file_of(zipped([("a.csv", b" " * 30_000_000)]), "data.zip"))
    with pytest.raises(CurationError, match="not a whole zip archive"):
        opened(file_of(zipped([("a.jsonl", LINE)])[:40], "data.zip"))


@pytest.mark.parametrize("name", ["[Content_Types].xml", "xl/workbook.xml"])
def test_a_workbook_renamed_to_csv_gets_a_sentence(file_of, name):
    content = zipped([(name, "<x/>"), ("[Content_Types].xml", "<x/>")][: 1 if "[" in name else 2])
    with pytest.raises(CurationError, match="Office document.*save the sheet as CSV"):
        opened(file_of(content, "sheet.csv"))


# --- not a file of data ---------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"\n", b" \n\t\n", b"\xef\xbb\xbf", b"[]", b" [ ] \n"])
@pytest.mark.parametrize("name", ["data.jsonl", "data.json", "data.csv", "data"])
def test_an_empty_file_has_no_examples_and_says_so(file_of, content, name):
    contents = opened(file_of(content, name))
    assert (contents.examples, contents.rejected) == ([], [])
    assert "no examples" in contents.note("empty")
    assert contents.blank == content.count(b"\n") * (b"[" not in content)


def test_a_header_alone_has_no_examples_and_says_so(file_of, tmp_path):
    report, examples, _ = parsed(file_of("prompt,completion\n", "data.csv"), tmp_path)
    assert (report.lines, report.blank, len(examples)) == (1, 1, 0)
    assert any("no examples" in note for note in report.notes)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\n", "a PDF"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file"),
        (b"\x80\x04\x95\x10\x00\x00\x00", "a Python pickle"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        (b"\x7fELF\x02\x01\x01\x00", "a program"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"FEA1\x00\x00\x00\x00", "a Feather file of the first version"),
        (bytes(range(32)) * 4, "a binary file"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"<?xml version='1.0'?><a/>", "a web page or XML"),
    ],
)
@pytest.mark.parametrize("name", ["data.jsonl", "data.csv", "data.parquet"])
def test_what_is_no_dataset_is_refused_by_what_it_is(file_of, content, what, name):
    with pytest.raises(CurationError, match=what):
        opened(file_of(content, name))


def test_a_folder_a_pipe_a_device_and_a_missing_file_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(CurationError, match="not a regular file"):
            parse(tmp_path / path, tmp_path / "out")
    with pytest.raises(CurationError, match="No such file"):
        parse(tmp_path / "missing.jsonl", tmp_path / "out")


@contextlib.contextmanager
def as_nobody():
    """Without root's right to read everything, while it lasts; anybody else has no such right."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_without_permission_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # so that it is the file that is forbidden, and not its folder
        path = Path(folder) / "data.jsonl"
        path.write_bytes(LINE)
        path.chmod(0o644)
        with as_nobody():
            assert opened(path).examples
        path.chmod(0)
        with as_nobody(), pytest.raises(CurationError, match="cannot be read: Permission denied"):
            opened(path)


def test_a_file_that_grows_or_shrinks_while_it_is_read_never_crashes_the_reader(file_of):
    path = file_of(lines_of(*[LINE] * 5_000))
    from curation.sources import read

    results = read(path)
    items = [next(results) for _ in range(10)]
    with path.open("r+b") as stream:
        stream.truncate(1_000)
    items += list(results)
    assert len(items) >= 10


# --- conversations --------------------------------------------------------------------------

USER, ANSWER = {"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "content": "4"}


@pytest.mark.parametrize(
    ("turns", "code"),
    [
        ([USER, ANSWER], ""),
        ([ANSWER, USER, ANSWER], "starts_with_assistant"),
        ([USER, USER, ANSWER], "consecutive_roles"),
        ([USER, {"role": "system", "content": "Be kind."}, ANSWER], "late_system"),
        ([{"role": "system", "content": "Be kind."}], "no_answer"),
        ([], "no_messages"),
        ([USER, {"role": "wizard", "content": "Abracadabra."}], "unknown_role"),
        ([USER, {"role": "Assistant", "content": "Hello."}], ""),
        ([USER, {"role": "assistant", "content": " \n"}], "empty_answer"),
        ([USER, {"role": "assistant", "content": ""}], "empty_answer"),
        ([USER, {"role": "assistant", "content": None}], "empty_answer"),
        ([USER, CALL, RESULT, ANSWER], ""),
        ([USER, CALL, ANSWER], "call_without_result"),
        ([USER, RESULT, ANSWER], "result_without_call"),
        ([USER], "no_answer"),
        ([USER, ANSWER, USER], "ends_with_user"),
    ],
)
def test_conversations_that_need_attention_load_with_a_code(file_of, turns, code):
    record = {"messages": turns, "id": 7}
    contents = opened(file_of(orjson.dumps(record)), lines=1)
    assert code in contents.attention[0] if code else not contents.attention[0]
    assert again(contents.examples[0].example) == record


@pytest.mark.parametrize("answer", ["", " ", None])
def test_an_empty_answer_of_a_pair_needs_attention_and_comes_back(file_of, answer):
    record = {"instruction": "Name a planet.", "input": "", "output": answer}
    contents = opened(file_of(orjson.dumps(record)), lines=1)
    assert "empty_answer" in contents.attention[0]
    assert again(contents.examples[0].example) == record


@pytest.mark.parametrize(
    "turn",
    [
        {"role": 7, "content": "a"},
        {"role": "user"},
        {"content": "a"},
        {"role": "user", "content": {"a": 1}},
        {"role": "user", "content": 5},
        "text",
        None,
        [],
    ],
)
def test_a_turn_that_is_none_is_refused_with_its_place(file_of, turn):
    contents = opened(file_of(orjson.dumps({"messages": [USER, turn]})), lines=1)
    assert contents.codes == ["field"]
    assert "messages" in contents.rejected[0].message and contents.rejected[0].field


def test_pictures_and_sounds_are_kept_as_references(file_of):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "http://unreachable.invalid/cat.png"}},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    ]
    record = {"messages": [{"role": "user", "content": parts}, ANSWER]}
    contents = opened(file_of(orjson.dumps(record)), lines=1)
    turns = contents.examples[0].example.turns
    assert turns[0]["content"] == "What is this?"
    assert turns[0]["parts"] == parts
    assert again(contents.examples[0].example) == record


# --- sizes, ids and names -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["data.jsonl", "data.json", "data.csv"])
def test_a_prompt_of_a_million_characters_loads(file_of, name):
    record = {"prompt": "字a " * 333_334, "completion": "b"}
    if name == "data.csv":
        path = file_of(f'prompt,completion\n{record["prompt"]},b\n"{record["prompt"]}",b\n', name)
        assert opened(path, lines=3).records == [record, record]
    else:
        path = file_of(json.dumps([record] if name == "data.json" else record), name)
        assert opened(path, lines=1).records == [record]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("ending", ["jsonl", "json", "csv"])
def test_files_of_one_and_two_rows_load(file_of, count, ending):
    content = {
        "jsonl": LINE + b"\n",
        "json": b"[" + b",".join([LINE] * count) + b"]",
        "csv": b"prompt,completion\n" + b"Name a planet.,Saturn.\n" * count,
    }[ending]
    content = content * count if ending == "jsonl" else content
    assert opened(file_of(content, f"data.{ending}")).records == [GOOD] * count


def test_identical_rows_are_all_kept_with_the_same_hash(file_of, tmp_path):
    report, examples, _ = parsed(file_of(lines_of(*[LINE] * 30_000)), tmp_path)
    assert report.examples == 30_000
    assert examples["content_hash"].nunique() == 1
    assert examples["source_row"].tolist() == list(range(1, 30_001))


def test_the_same_id_twice_or_none_changes_nothing(file_of, tmp_path):
    records = [{**GOOD, "id": "a"}, {**GOOD, "id": "a"}, GOOD]
    _, examples, _ = parsed(file_of(objects(records)), tmp_path)
    assert examples["content_hash"].nunique() == 1
    assert [orjson.loads(m)["id"] if m else None for m in examples["metadata"]] == ["a", "a", None]


def test_columns_named_like_our_own_come_back_and_are_said(file_of, tmp_path):
    own = {
        "dropped_by": "me",
        "split": "dev",
        "id": "7",
        "attention": "x",
        "label": "y",
        "shape": "s",
    }
    records = [{**GOOD, **own}, {**GOOD, **own, "messages": "not turns"}]
    path = file_of(objects(records))
    contents = opened(path, lines=2)
    assert [again(r.example) for r in contents.examples] == records
    for name in [*own, "messages"]:
        assert name in contents.note("reserved")
    report, examples, _ = parsed(path, tmp_path)
    assert examples["label"].isna().all()
    assert sum("dropped_by" in note for note in report.notes) == 1


def test_a_name_that_is_no_unicode_does_not_stop_a_file(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.jsonl")
    try:
        path.write_bytes(LINE)
    except OSError:
        pytest.skip("the file system takes no such name")
    report, examples, _ = parsed(path, tmp_path)
    assert report.examples == 1
    assert examples["source"].tolist() == ["caf?.jsonl"]
