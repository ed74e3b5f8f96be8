"""Readers under random bytes, the two ways of parsing against each other, parts, folders, the Hub."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import orjson
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from curation.errors import Cancelled, CurationError
from curation.formats import convert
from curation.sources import Limits, hub, is_saved_dataset, pack, parse, preview
from curation.sources.__main__ import Tally, example_columns, example_row
from curation.sources.document import json_document
from curation.sources.limits import Raw
from curation.sources.lines import json_lines, split_lines
from curation.sources.parts import parts
from curation.sources.reading import Many, Read, read, read_all
from curation.sources.strict import Bad, Parser
from curation.sources.tables import separated
from tests.reading import objects, opened, physical_lines

GOOD = {"prompt": "Name a planet.", "completion": "Saturn."}
LIMITS = Limits()
FUZZ = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def cut_up(data, sizes):
    """Bytes in chunks of these sizes, over and over."""
    position, chunks = 0, []
    for size in itertools.cycle(sizes):
        if position >= len(data):
            return chunks
        chunks.append(data[position : position + size])
        position += size


SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=4)

# --- lines ----------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text("ab\r\n", max_size=30).map(str.encode), SIZES)
def test_lines_are_those_of_the_whole_wherever_chunks_end(data, sizes):
    lines = list(split_lines(cut_up(data, sizes), LIMITS))
    assert b"".join(line for _, _, line, _ in lines) == data
    assert [line for _, _, line, _ in lines] == data.splitlines(keepends=True)
    assert [number for number, *_ in lines] == list(range(1, len(lines) + 1))
    assert all(data[offset:].startswith(line) for _, offset, line, _ in lines)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 9_000), min_size=1, max_size=5),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    SIZES,
)
def test_a_line_that_is_too_long_moves_no_other(lengths, end, sizes):
    data = b"".join(b"x" * length + end for length in lengths)
    limits = Limits(row_mb=3_000 / 2**20)
    chunks = cut_up(data, [size * 40 for size in sizes])
    lines = list(split_lines(chunks, limits))
    assert len(lines) == len(lengths)
    starts = itertools.accumulate((n + len(end) for n in lengths[:-1]), initial=0)
    assert [offset for _, offset, _, _ in lines] == list(starts)
    for (_, _, line, cut), length in zip(lines, lengths, strict=True):
        assert cut or len(line) == length + len(end)
        assert not cut or length > 3_000


# --- two ways of parsing --------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.sampled_from(["NaN", "Infinity", "-0", "-0.0", "9007199254740993", "1e400", "01", "1."]),
)
STRINGS = st.one_of(
    st.text(max_size=8).map(lambda t: json.dumps(t, ensure_ascii=False)),
    st.text(max_size=8).map(json.dumps),
    st.sampled_from(
        ['"\\ud800"', '"\\ud83d\\ude00"', '"a\\":1"', '"a":', '"\x01"', '"a\\u0061"', '" :"']
    ),
)
KEYS = st.sampled_from(['"a"', '"b"', '"\\u0061"', '"a\\":"', '""', '"\\ud800"', '"\\udc00"'])
JSON = st.recursive(
    NUMBERS | STRINGS | st.sampled_from(["null", "true", "false"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda v: f"[{', '.join(v)}]")
        | st.lists(
            st.tuples(KEYS, st.sampled_from([":", " :", ": ", "\t:\t", " \t : "]), inner).map(
                "".join
            ),
            max_size=3,
        ).map(lambda v: f"{{{','.join(v)}}}")
    ),
    max_leaves=8,
)


def strictly(text):
    parser = Parser(Limits(nesting=4))
    try:
        value = parser._parse_strictly(text)
    except Bad as error:
        return "bad", error.code, str(error)
    return "good", repr(value), sorted(parser.repairs)


@settings(max_examples=400, deadline=None)
@given(JSON)
def test_the_quick_parser_says_what_the_strict_one_says(text):
    try:
        line = text.encode("utf-8")
    except UnicodeEncodeError:
        return
    parser = Parser(Limits(nesting=4))
    try:
        outcome = ("good", repr(parser.parse(line)), sorted(parser.repairs))
    except Bad as error:
        outcome = ("bad", error.code, str(error))
    assert outcome == strictly(text)
    try:
        value, end, raw = parser.parse_at(f"  {text},", 2)
    except Bad as error:
        assert outcome[0] == "bad" or error.code == outcome[1]
    else:
        if outcome[0] == "good":
            assert (repr(value), sorted(parser.repairs)) == outcome[1:]
            assert raw.decode() == text


def one_by_one(data, limits=LIMITS):
    """JSON lines by the parser alone."""
    items = []
    for chunk in data.splitlines(keepends=True):
        items += json_lines(
            [chunk], limits, len(items), sum(len(c) for c in data.splitlines(True)[: len(items)])
        )
    return items


def spread(items):
    """Items with records that were given together taken apart."""
    for item in items:
        if hasattr(item, "records"):
            for i, record in enumerate(item.records):
                yield Raw(item.row + i, item.offsets[i], record, item.lines[i])
        else:
            yield item


FLAT_LINE = st.one_of(
    st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=4), min_size=1).map(
        lambda r: json.dumps(r, ensure_ascii=False)
    ),
    st.sampled_from(
        [
            '{"a": "x", "b": "y"}',
            '{"a":"x}',
            '{"},{"c":"1"}',
            '{"a":"1"',
            '"b":"2"}',
            '{"a":"1"},{"b":"2"}',
            '{"a":"1","a":"2"}',
            '{"a" :"1","a":"2"}',
            '{"a":"\\":"}',
            '{"a":{"b":"1"}}',
            '{"a":[{"b":"1"}',
            '{"b":"2"}]}',
            '{"a":1}',
            "{}",
            "",
            " ",
        ]
    ),
)


@settings(max_examples=250, deadline=None)
@given(st.lists(FLAT_LINE, max_size=6), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_lines_parsed_together_are_as_each_alone(lines, end, last):
    data = end.join(lines).encode("utf-8", "replace") + (end.encode() if last else b"")
    assert list(spread(json_lines([data], LIMITS))) == one_by_one(data)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), min_size=2, max_size=5))
def test_rows_written_together_are_as_each_alone(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("rows") / "data.jsonl"
    path.write_bytes(objects({"prompt": a, "completion": b} for a, b in pairs))
    alone = [example_row(r) for r in read(path) if isinstance(r, Read)]
    together = list[tuple[object, ...]]()
    for result in read_all(path):
        if isinstance(result, Many):
            together += zip(*example_columns(result), strict=True)
        elif isinstance(result, Read):
            assert not all(result.raw.value.values()), "only what lacks a part is read alone"
            together.append(example_row(result))
    assert together == alone


# --- random and mutated files ---------------------------------------------------------------

SEEDS = [
    objects([{**GOOD, "n": i} for i in range(4)]),
    orjson.dumps(
        [GOOD, {"messages": [{"role": "user", "content": "a"}]}], option=orjson.OPT_INDENT_2
    ),
    orjson.dumps({"version": 1, "train": [GOOD, GOOD], "test": [["a", "b"]]}),
    b'prompt,completion\na,"b\nc"\n"d ""e""",f\n',
    "text\tlabel\n好\t1\n".encode("gb18030"),
]
MUTANTS = st.tuples(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(
            st.integers(0, 400),
            st.integers(0, 12),
            st.binary(max_size=4)
            | st.sampled_from([b'"', b"{", b"}", b"[", b"]", b",", b"\n", b"\\", b'","']),
        ),
        max_size=4,
    ),
)


def mutated(seed, changes):
    for position, size, fresh in changes:
        position %= len(seed) + 1
        seed = seed[:position] + fresh + seed[position + size :]
    return seed


@FUZZ
@given(
    st.binary(max_size=300) | MUTANTS.map(lambda m: mutated(*m)),
    st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt", "a"]),
)
def test_any_bytes_are_read_or_refused_with_a_sentence(tmp_path, data, name):
    path = tmp_path / name
    path.write_bytes(data)
    try:
        contents = opened(path)
    except CurationError as error:
        assert str(error) and "\n" not in str(error)
        return
    for found_example in contents.examples:
        orjson.loads(found_example.example.messages)
    for reject in contents.rejected:
        reject.message.encode("utf-8")


@FUZZ
@given(MUTANTS)
def test_a_mutated_zip_is_read_or_refused_with_a_sentence(tmp_path, mutant):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for i, seed in enumerate(SEEDS[:4]):
            archive.writestr(f"{i}.data", seed)
    path = tmp_path / "a.zip"
    path.write_bytes(mutated(sink.getvalue(), mutant[1]))
    try:
        opened(path)
    except CurationError as error:
        assert "\n" not in str(error)


@settings(max_examples=200, deadline=None)
@given(MUTANTS.map(lambda m: mutated(*m)), SIZES)
def test_every_line_of_a_mutated_file_is_accounted_for(data, sizes):
    count = len(data.splitlines())
    assert physical_lines(spread(json_lines(cut_up(data, sizes), LIMITS))) == count
    if data.strip():
        try:
            assert physical_lines(separated(cut_up(data, sizes), LIMITS)) == count
        except CurationError:
            pass


@settings(max_examples=200, deadline=None)
@given(MUTANTS.map(lambda m: mutated(*m)), SIZES)
@example(b'{"train":[{"prompt":"a","completion":"b"}],"test":[["a","b"]],"x', [1])
@example(b'{"train":[{"prompt":"a","completion":"b"}]":[["a","b"', [1])
def test_a_document_is_the_same_wherever_chunks_end_and_offsets_are_true(data, sizes):
    text = data.decode("utf-8", "ignore").encode()
    whole = list(json_document([text], LIMITS))
    assert list(json_document(cut_up(text, sizes), LIMITS)) == whole
    for item in whole:
        if hasattr(item, "raw") and item.offset is not None:
            assert text[item.offset :].startswith(item.raw)


def test_a_record_that_is_broken_never_takes_another_along():
    good = orjson.dumps(GOOD)
    for position in range(len(good)):
        bad = good[:position] + b"\x01" + good[position + 1 :]
        for between in (b",", b",\n", b",\n  "):
            text = b"[" + between.join([good] * 3 + [bad] + [good] * 3) + b"]"
            items = list(json_document([text], LIMITS))
            whole = [i for i in items if isinstance(i, Raw) and i.value == GOOD]
            assert len(whole) == 6, (bad, items)


def test_a_broken_first_record_takes_no_other_along():
    good = orjson.dumps(GOOD)
    bad = good.replace(b'a planet."', b"a planet.")
    for between in (b",", b",\n", b"\n"):
        items = list(json_document([b"[" + between.join([bad, good, good]) + b"]"], LIMITS))
        assert [i.value for i in items if isinstance(i, Raw)] == [GOOD, GOOD]


# --- documents that hold records ------------------------------------------------------------


def test_records_under_keys_carry_the_key_as_their_split(tmp_path):
    path = tmp_path / "data.json"
    path.write_bytes(orjson.dumps({"version": 2, "train": [GOOD, GOOD], "test": [["hi", "greet"]]}))
    contents = opened(path, lines=3)
    assert contents.records == [
        {**GOOD, "split": "train"},
        {**GOOD, "split": "train"},
        {"text": "hi", "label": "greet", "split": "test"},
    ]
    assert "2 records were read from under the key 'train'" in contents.note("key")
    assert "'version'" in contents.note("beside")


def test_records_under_a_key_that_says_nothing_carry_no_split(tmp_path):
    path = tmp_path / "data.json"
    for indent in (None, 2):
        path.write_text(json.dumps({"license": "x", "data": [GOOD, GOOD]}, indent=indent))
        assert opened(path, lines=2).records == [GOOD, GOOD]


def test_a_single_record_is_a_record_though_it_holds_lists(tmp_path):
    path = tmp_path / "data.json"
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    task = {"instruction": "a", "instances": [{"input": "", "output": "b"}]}
    for record in (chat, task, {**chat, "tools": [{"name": "f"}]}):
        for indent in (None, 2):
            path.write_text(json.dumps(record, indent=indent))
            assert opened(path, lines=1).records == [record]


def test_a_broken_record_under_a_key_costs_itself_only(tmp_path):
    path = tmp_path / "data.json"
    good = json.dumps(GOOD)
    path.write_text(f'{{"data": [{good}, {good[:-9]}, {good}], "test": [{good}]}}')
    contents = opened(path, lines=4)
    assert (contents.records, contents.codes) == (
        [GOOD, GOOD, {**GOOD, "split": "test"}],
        ["cut"] if contents.codes == ["cut"] else ["not_json"],
    )


def test_a_broken_field_between_records_is_a_row_of_its_own(tmp_path):
    path = tmp_path / "data.json"
    good = json.dumps(GOOD)
    path.write_text(f'{{"train": [{good}], oops: 3, "test": [{good}]}}')
    contents = opened(path, lines=3)
    assert [(r.row, r.raw) for r in contents.rejected] == [(2, b"oops: 3")]
    assert [r.raw.row for r in contents.examples] == [1, 3]


def test_a_document_larger_than_the_window_is_read_through_it(tmp_path):
    path = tmp_path / "data.json"
    records = [{"prompt": f"{i} " * 500, "completion": "字" * 300} for i in range(2_000)]
    for document in (records, {"data": records}):
        path.write_text(json.dumps(document, ensure_ascii=False))
        contents = opened(path, lines=2_000)
        assert contents.records == records
        content = path.read_bytes()
        assert all(content[r.raw.offset :].startswith(r.raw.raw) for r in contents.examples[::97])


# --- in processes ---------------------------------------------------------------------------


def rows_of(out):
    return [pd.read_parquet(out / f"{table}.parquet") for table in ("examples", "rejected")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_read_in_parts_gives_the_rows_of_the_whole(tmp_path, monkeypatch, end):
    lines = [
        json.dumps({**GOOD, "n": i if i % 7 else "x"}, ensure_ascii=False) for i in range(3_000)
    ]
    lines[1_000], lines[2_000], lines[2_500] = "", "{oops", '{"a": "\\ud800"}'
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + end.join(lines).encode())
    content = path.read_bytes()
    regions = parts(path, path.name, LIMITS, None, 5, 1_000)
    assert len(regions) == 5 and (regions[0].offset, regions[-1].end) == (3, len(content))
    whole = list(read(path))
    pieces = list(itertools.chain.from_iterable(read(path, part=part) for part in regions))
    assert [r for r in pieces if r != whole[0]] == whole[1:]
    for part in regions[1:]:
        assert content[: part.offset].decode("utf-8-sig").count("\n") == part.before


def test_two_processes_write_what_one_writes(tmp_path):
    records = [
        {"prompt": f"What is {i}? " * 20, "completion": "A number. " * 20} for i in range(80_000)
    ]
    path = tmp_path / "data.jsonl"
    path.write_bytes(objects(records[:40_000]) + b"\n{oops\n" + objects(records[40_000:]))
    shares = []
    one = parse(
        path, tmp_path / "one", workers=1, progress=lambda share, text: shares.append(share)
    )
    two = parse(path, tmp_path / "two", workers=2)
    assert len(list((tmp_path / "two" / "examples.parquet").iterdir())) == 2
    for a, b in zip(rows_of(tmp_path / "one"), rows_of(tmp_path / "two"), strict=True):
        pd.testing.assert_frame_equal(a, b)
    assert {**one.to_dict(), "seconds": 0} == {**two.to_dict(), "seconds": 0}
    assert (one.lines, one.examples, one.rejected, one.blank) == (80_002, 80_000, 1, 1)
    assert shares == sorted(shares) and 0 < shares[-1] <= 1


def test_files_that_are_no_plain_lines_are_read_in_one_piece(tmp_path):
    path = tmp_path / "data"
    for content in (
        orjson.dumps([GOOD] * 100),
        b"a,b\n" * 500,
        ("{}\n" * 500).encode("utf-16"),
        b"{}\r" * 500,
        ('{"prompt": "Käse, groß?", "completion": "Größe über Süße."}\n' * 50).encode("cp1252"),
    ):
        path.write_bytes(content)
        assert parts(path, "data", LIMITS, None, 4, 10) == []
    path.write_bytes(b'{"prompt": "' + b"a" * 2_000 + b'"}\n' * 3)
    assert parts(path, "data", Limits(row_mb=0.0001), None, 4, 10) == []


def test_a_reading_that_is_cancelled_leaves_no_process(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(objects([GOOD] * 60_000))

    def stop(share, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        parse(path, tmp_path / "out", progress=stop)


def test_a_preview_shows_the_beginning_and_what_a_mapping_may_use(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("Frage;Antwort\nWarum?;Darum.\nWie?;So.\n")
    beginning = preview(path)
    assert (beginning.examples, beginning.columns, beginning.delimiter) == (
        [],
        ["Frage", "Antwort"],
        ";",
    )
    assert beginning.rejected[0]["code"] == "field"
    beginning = preview(path, mapping={"prompt": "Frage", "response": "Antwort"}, rows=1)
    assert beginning.formats == {"completion": 1.0}
    assert orjson.loads(beginning.examples[0]["messages"])[1]["content"] == "Darum."


# --- reports --------------------------------------------------------------------------------


def test_rows_that_do_not_fit_an_encoding_are_told_when_they_are_many(tmp_path):
    path = tmp_path / "data.jsonl"
    lines = [json.dumps(GOOD) for _ in range(38)]
    strange = json.dumps({"prompt": "Käse?", "completion": "Ja."}, ensure_ascii=False)
    for odd, good, expected in [
        (3, 38, "3 rows do not fit the encoding; name another if it is wrong."),
        (2, 37, "2 rows do not fit the encoding; name another if it is wrong."),
        (2, 38, None),
        (1, 3, None),
    ]:
        path.write_text("\n".join([*lines[:good], *[strange] * odd]), "utf-8")
        report = parse(path, tmp_path / "out", encoding="ascii")
        assert (report.examples, report.rejected) == (good, odd)
        assert [note for note in report.notes if "encoding" in note] == [expected] * bool(expected)


def test_progress_tells_the_share_that_was_read_and_the_examples(tmp_path):
    path = tmp_path / "data.json"
    path.write_bytes(orjson.dumps([GOOD] * 12_000))
    reports = []
    parse(path, tmp_path / "out", progress=lambda share, text: reports.append((share, text)))
    size = path.stat().st_size
    assert [text for _, text in reports] == [f"Reading: {n},000 examples" for n in (5, 10)]
    assert [share for share, _ in reports] == pytest.approx([5 / 12, 10 / 12], abs=100 / size)


def test_columns_beyond_the_first_two_thousand_are_counted_as_one():
    tally, example = Tally(), convert(GOOD)
    for start in (0, 1_998, 1_998):
        columns = {f"c{i}": "metadata" for i in range(start, start + 2_000)}
        tally.example(example._replace(columns=columns))
    became = tally.became()
    assert len(became) == 2_001
    assert became["c0"] == {"metadata": 1} and became["c1999"] == {"metadata": 3}
    assert became["…"] == {"metadata": 2 * 1_998}


def test_a_fault_of_the_reader_is_told_as_one(tmp_path):
    answer = tmp_path / "answer.json"
    task = json.dumps({"what": "parse", "limits": {}})
    command = [sys.executable, "-m", "curation.sources", str(answer)]
    subprocess.run(command, input=task, text=True, check=True)
    assert "a fault of this program (KeyError: 'out')" in json.loads(answer.read_text())["error"]


# --- folders of `datasets`, and the Hub -----------------------------------------------------


@pytest.fixture(scope="module")
def films():
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    rows = {"text": ["good film", "bad film", "so so"], "label": [1, 0, -1]}
    return datasets.Dataset.from_dict(rows, features=features)


def test_a_saved_dataset_is_one_dataset_with_the_names_of_its_classes(tmp_path, films):
    films.save_to_disk(str(tmp_path / "films"), num_shards=2)
    assert is_saved_dataset(tmp_path / "films")
    contents = opened(tmp_path / "films", lines=3)
    assert [r.example.label for r in contents.examples] == ["pos", "neg", None]
    report = parse(tmp_path / "films", tmp_path / "out")
    assert (report.examples, report.formats) == (3, {"label": 3})


def test_the_splits_of_a_saved_dataset_become_metadata(tmp_path, films):
    import datasets

    folder = tmp_path / "films"
    datasets.DatasetDict({"train": films, "test": films.select([1])}).save_to_disk(str(folder))
    contents = opened(folder, lines=4)
    splits = [orjson.loads(r.example.metadata)["split"] for r in contents.examples]
    assert splits == ["test", "train", "train", "train"]
    one, two = pack(folder, tmp_path / "one.zip"), pack(folder, tmp_path / "two.zip")
    assert one.read_bytes() == two.read_bytes()
    assert [r.example for r in opened(one, lines=4).examples] == [
        r.example for r in contents.examples
    ]


def test_other_folders_are_no_saved_dataset(tmp_path):
    assert not is_saved_dataset(tmp_path)
    assert not is_saved_dataset(tmp_path / "missing")
    with pytest.raises(CurationError, match="without files"):
        pack(tmp_path, tmp_path / "x.zip")


def test_what_datasets_can_open_is_fetched_split_by_split(tmp_path, films):
    folder = tmp_path / "films"
    folder.mkdir()
    films.to_parquet(str(folder / "train.parquet"))
    films.select([1]).to_parquet(str(folder / "test.parquet"))
    heard = []
    files = hub.write_splits(
        str(folder), tmp_path / "out", progress=lambda share, text: heard.append(text)
    )
    assert [path.name for path in files] == ["films-train.parquet", "films-test.parquet"]
    assert pq.read_table(files[0]).column_names == ["text", "label", "split"]
    examples = opened(files[1], lines=1).examples
    assert (examples[0].example.label, examples[0].example.metadata) == ("neg", '{"split":"test"}')
    assert "Fetching train: 3 rows" in heard
    (alone,) = hub.write_splits(str(folder), tmp_path / "alone", split="test")
    assert alone.name == "films-test.parquet"


def test_a_dataset_that_cannot_be_fetched_is_one_sentence(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    import huggingface_hub

    def unreachable(self, id, **options):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", unreachable)
    with pytest.raises(
        CurationError, match="owner/films could not be fetched: .*cannot be reached"
    ):
        hub.load("owner/films", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CurationError, match="could not be fetched"):
        hub.write_splits(str(tmp_path / "empty"), tmp_path / "out")


@pytest.mark.parametrize(
    ("kinds", "message", "reason"),
    [
        ("RepositoryNotFoundError", "404", "there is no such dataset, or it is private."),
        ("DatasetNotFoundError", "404", "there is no such dataset, or it is private."),
        ("GatedRepoError RepositoryNotFoundError", "403", "it is open only to who has accepted"),
        ("RevisionNotFoundError", "404", "it has no such revision."),
        ("DataFilesNotFoundError", "none", "it holds no data files that can be read without"),
        ("EmptyDatasetError", "none", "it holds no data files."),
        ("OfflineModeIsEnabled", "off", "cannot be reached from here. Download the dataset"),
        ("LocalEntryNotFoundError", "off", "cannot be reached from here. Download the dataset"),
        ("ReadTimeout TransportError", "slow", "cannot be reached from here. Download the dataset"),
        ("TimeoutError", "slow", "cannot be reached from here. Download the dataset"),
        ("OddError", " it broke.\nby line 7", "it broke."),
    ],
)
def test_why_a_dataset_cannot_be_fetched_is_told(tmp_path, monkeypatch, kinds, message, reason):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    error = Exception
    for kind in reversed(kinds.split()):
        error = type(kind, (error,), {})

    def failing(self, id, **options):
        raise error(message)

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", failing)
    with pytest.raises(CurationError) as caught:
        hub.load("owner/films", tmp_path / "out")
    start, _, explanation = str(caught.value).partition(": ")
    assert start == "The dataset owner/films could not be fetched"
    assert reason in explanation and ("Download" in explanation) == ("Download" in reason)


def test_a_revision_is_pinned_to_its_commit(tmp_path, monkeypatch):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    calls = []

    def dataset_info(self, id, *, revision, timeout):
        calls.append((id, revision))
        return SimpleNamespace(sha="c0ffee")

    def write_splits(*arguments, **options):
        calls.append((arguments, options))
        return [tmp_path / "films-train.parquet"]

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", dataset_info)
    monkeypatch.setattr(hub, "write_splits", write_splits)
    options = {"split": "train", "name": "en", "progress": print}
    fetched = hub.load("owner/films", tmp_path, revision="main", **options)
    assert fetched == hub.Fetched("owner/films", "c0ffee", [tmp_path / "films-train.parquet"])
    assert calls == [
        ("owner/films", "main"),
        (("owner/films", tmp_path), {**options, "revision": "c0ffee"}),
    ]


def test_the_configuration_and_the_revision_are_those_that_were_named(tmp_path, monkeypatch, films):
    import datasets

    calls = []

    def load_dataset(*arguments, **options):
        calls.append((arguments, options))
        return films.to_iterable_dataset()

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    options = {"split": "test", "revision": "c0ffee"}
    (path,) = hub.write_splits("owner/films", tmp_path, name="en", **options)
    assert calls == [(("owner/films", "en"), {**options, "streaming": True})]
    assert path.name == "films-test.parquet"
    assert pq.read_table(path).column("split").to_pylist() == ["test"] * 3


def test_only_an_owner_and_a_name_are_an_id_of_the_hub(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    (tmp_path / "owner" / "films").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for id in ("https://example.org/x y", "films", "../films", ".", str(tmp_path), "a/b/c", ""):
        with pytest.raises(CurationError, match="is not the id of a dataset"):
            hub.load(id, tmp_path / "out")
    with pytest.raises(CurationError, match="owner/films is a file or folder here"):
        hub.load("owner/films", tmp_path / "out")
    assert not (tmp_path / "out").exists()
