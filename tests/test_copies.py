"""The copies in `source/`: packed where that pays, read as the bytes that were copied, damage noticed."""

from __future__ import annotations

import gzip
import json
import random

import pytest
import zstandard

from curation import CurationError, Project, copies, doctor, manifest

ROWS = 3_000


def lines(rows: int = ROWS) -> bytes:
    draw = random.Random(0)
    words = "the sea rises where nobody looks for a river and its long way home".split()
    return b"".join(
        json.dumps(
            {"prompt": f"Question {n}?", "completion": " ".join(draw.choices(words, k=80))}
        ).encode()
        + b"\n"
        for n in range(rows)
    )


@pytest.fixture(scope="module")
def text() -> bytes:
    return lines()


@pytest.fixture
def project(tmp_path, text) -> Project:
    (tmp_path / "long.jsonl").write_bytes(text)
    fresh = Project.create(tmp_path / "project")
    fresh.add(tmp_path / "long.jsonl")
    return fresh


def only(project: Project):
    (copy,) = (project.path / "source").iterdir()
    return copy


def test_a_long_text_is_kept_packed_and_read_as_it_was(project, tmp_path, text):
    (entry,), packed = project.imports, only(project)
    assert packed.name == f"{entry['sha256']}.jsonl{copies.ENDING}"
    assert packed.stat().st_size < len(text) / 2
    assert zstandard.ZstdDecompressor().decompress(packed.read_bytes()) == text
    assert copies.content(project.path, entry) == text
    before, digest = project.examples.rows, project.source_digest
    assert len(before) == ROWS
    project.rebuild()
    assert project.source_digest == digest and only(project) == packed
    (again,) = project.add(tmp_path / "long.jsonl")
    assert again["already"] and only(project) == packed
    assert all(check["ok"] for check in doctor.examine(project.path) if "source" in check["name"])


def test_a_file_is_compared_with_a_packed_copy_by_its_bytes(project, tmp_path, text):
    (entry,), other = project.imports, tmp_path / "other.jsonl"
    assert copies.has_content_of(project.path, entry, tmp_path / "long.jsonl")
    for content in (text[:-1], text[:-2] + b" \n"):
        other.write_bytes(content)
        assert not copies.has_content_of(project.path, entry, other)


def test_small_and_packed_files_are_kept_as_they_are(tmp_path, text):
    project = Project.create(tmp_path / "project")
    (tmp_path / "short.jsonl").write_bytes(lines(3))
    (tmp_path / "packed.jsonl.gz").write_bytes(
        gzip.compress(text + random.Random(1).randbytes(2**21))
    )
    for name in ("short.jsonl", "packed.jsonl.gz"):
        kept, digest = copies.keep(project.path, copies.Incoming(tmp_path / name, name))
        assert kept.read_bytes() == (tmp_path / name).read_bytes()
        assert kept.name == digest + name[name.index(".") :]


def test_a_plain_copy_of_an_earlier_version_stays_and_is_read(project, tmp_path, text):
    (entry,), packed = project.imports, only(project)
    packed.unlink()
    plain = project.path / "source" / entry["stored"]
    plain.write_bytes(text)
    again = Project.open(project.path)
    again.rebuild()
    assert len(again.examples) == ROWS
    again.add(tmp_path / "long.jsonl")
    assert only(project) == plain


def bomb(size: int, named: int | None = None) -> bytes:
    """A packed copy that unpacks to so many bytes, and whose beginning may name others."""
    packer = zstandard.ZstdCompressor(write_content_size=True)
    whole = packer.compress(bytes(size))
    if named is None:
        return whole
    other = packer.compress(bytes(named))
    short = zstandard.frame_header_size(other)
    return other[:short] + whole[zstandard.frame_header_size(whole) :]


DAMAGES = {
    "a bit": lambda data: data[:5_000] + bytes([data[5_000] ^ 8]) + data[5_001:],
    "cut": lambda data: data[:-5_000],
    "empty": lambda data: b"",
    "of something else": lambda data: b"Not packed at all, and rather long. " * 40,
    "another text": lambda data: zstandard.ZstdCompressor().compress(lines(ROWS - 1)),
    "a bomb": lambda data: bomb(2**28),
    "a bomb that names less": lambda data: bomb(2**28, 2**20),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_packed_copy_is_noticed_and_imported_again(damage, project, tmp_path):
    (entry,), packed, before = project.imports, only(project), project.examples.rows
    whole = packed.read_bytes()
    packed.write_bytes(damage(whole))
    with pytest.raises(CurationError, match=r"copy of long\.jsonl in source/ is damaged or gone"):
        project.rebuild()
    assert Project.open(project.path).examples.rows.equals(before)
    check = next(c for c in doctor.examine(project.path) if c["name"] == "source long.jsonl")
    assert not check["ok"] and "damaged or gone" in check["text"]
    project.add(tmp_path / "long.jsonl")
    assert packed.read_bytes() == whole
    packed.unlink()
    with pytest.raises(CurationError, match="damaged or gone"):
        copies.verified(project.path, entry)


def test_no_more_is_unpacked_than_a_copy_names_and_may_hold(project, tmp_path):
    for data in (bomb(2**28), bomb(2**28, 2**20)):
        only(project).write_bytes(data)
        (entry,) = project.imports
        unpacked = 0
        with pytest.raises(CurationError):
            for piece in copies._pieces(project.path / "source" / entry["stored"]):
                unpacked += len(piece)
        assert unpacked <= 2**20


def test_a_text_that_packs_beyond_the_limit_of_a_reader_is_kept_plain(tmp_path):
    project = Project.create(tmp_path / "project")
    (tmp_path / "same.txt").write_bytes(b"again and again\n" * 2**20)
    kept, _ = copies.keep(project.path, copies.Incoming(tmp_path / "same.txt", "same.txt"))
    assert kept.read_bytes() == b"again and again\n" * 2**20


def test_a_hash_that_is_the_id_is_written_once_and_comes_back(tmp_path):
    project = Project.create(tmp_path / "project")
    (tmp_path / "some.jsonl").write_bytes(lines(3) + lines(2))
    project.add(tmp_path / "some.jsonl")
    ids = project.examples.rows.index.tolist()
    _, table = project._imports.table("examples")
    assert table["content_hash"].notna().tolist() == [False] * 3 + [True] * 2
    assert manifest.hashes_of(table).tolist() == [*ids[:3], *ids[:2]]
    assert ids[3:] == [f"{name}-2" for name in ids[:2]]
    (tmp_path / "more.jsonl").write_bytes(lines(4))
    project.add(tmp_path / "more.jsonl")
    after, digest = project.examples.rows.index.tolist(), project.source_digest
    assert after[:5] == ids and after[5:7] == [f"{name}-3" for name in ids[:2]]
    assert after[7] == f"{ids[2]}-2" and len(after) == 9
    project.rebuild()
    assert project.source_digest == digest


def test_a_hash_stays_when_another_row_gets_the_id_that_it_was(tmp_path):
    """A row that brings the id of another gets its hash, until its text comes without any id."""
    project = Project.create(tmp_path / "project")

    def added(name: str, prompt: str, **more: str) -> str:
        text = json.dumps({"prompt": prompt, "completion": "Yes.", **more})
        (tmp_path / name).write_text(text + "\n")
        project.add(tmp_path / name)
        return str(project.examples.rows.index[-1])

    owner = added("one.jsonl", "Is tea hot?")
    mended = added("two.jsonl", "Is tea cold?", curation_id=owner)
    assert added("three.jsonl", "Is tea cold?") == mended != owner
    _, table = project._imports.table("examples")
    assert table["id"].tolist() == [owner, f"{mended}-2", mended]
    assert manifest.hashes_of(table).tolist() == [owner, mended, mended]
    digest = project.source_digest
    project.rebuild()
    assert project.source_digest == digest
