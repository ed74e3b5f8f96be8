"""Imports: which files are taken, how a file is recognised again, and what a killed import leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from curation import Project, carry, copies, doctor, files, sources
from curation.decisions import Decision
from curation.errors import CurationError
from curation.incoming import PROJECT
from curation.sources import about, not_data

POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\nsize 71234\n"
)
CARD = (
    "---\nlicense: mit\ntags:\n- tea\n---\n\n# Tea\n\n| split | rows |\n|---|---|\n| train | 1 |\n"
)


def pairs(path: Path, *answers: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"prompt": f"What is {a}?", "completion": f"It is {a}."} for a in answers]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def texts(folder: Path, **files_: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files_.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "p")


def names(project: Project) -> list[str]:
    return [entry["name"] for entry in project.imports]


def curate(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "curation", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


# --- what lies beside data --------------------------------------------------------------------


def test_of_a_cloned_dataset_the_data_is_read_and_the_rest_is_named(project, tmp_path):
    folder = texts(
        tmp_path / "tea",
        README__md=CARD,
        LICENSE="You may share it.\n",
        requirements__txt="numpy\n",
        load__py="print('tea')\n",
        __gitattributes="*.parquet filter=lfs\n",
        settings__yaml="batch: 4\nname: tea\n",
        broken__parquet="no data at all\n",
        large__jsonl=POINTER,
        large__parquet=POINTER,
    )
    pairs(folder / "data" / "train.jsonl", "oolong", "sencha")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("[core]\n")
    os.mkfifo(folder / "pipe")
    done = curate("import", project.path, folder, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["examples"], report["rejected"]) == (2, 0)
    reasons = {entry["name"]: entry["reason"] for entry in report["left_out"]}
    assert set(reasons) == {
        f"tea/{name}"
        for name in [".git", ".gitattributes", "LICENSE", "README.md", "broken.parquet"]
        + ["large.jsonl", "large.parquet", "load.py", "pipe", "requirements.txt", "settings.yaml"]
    }
    assert "git lfs pull" in reasons["tea/large.jsonl"] == reasons["tea/large.parquet"]
    assert project.left_out == reasons and names(project) == ["tea/data/train.jsonl"]
    text = curate("import", project.path, folder).stdout
    assert "tea/LICENSE was left out: it is a page about the data." in text
    pairs(folder / "large.jsonl", "matcha")  # pulled by now
    project.add(folder)
    assert "tea/large.jsonl" not in project.left_out and len(project.examples) == 3


def test_a_project_below_a_folder_is_left_out_whole(project, tmp_path):
    pairs(tmp_path / "all" / "own.jsonl", "oolong")
    theirs = Project.create(tmp_path / "all" / "team" / "theirs")
    pairs(theirs.path / "notes.jsonl", "sencha")
    (tmp_path / "all" / "link.jsonl").symlink_to(theirs.path / "notes.jsonl")
    project.add(tmp_path / "all")
    assert names(project) == ["all/own.jsonl"] and len(project.examples) == 1
    assert project.left_out == {"all/link.jsonl": PROJECT, "all/team/theirs": PROJECT}
    assert project.rejected.empty
    with pytest.raises(CurationError, match="theirs cannot be imported: it is a project"):
        project.add(theirs.path)
    pairs(theirs.path / "exports" / "first" / "train.jsonl", "matcha")
    project.add(theirs.path / "exports" / "first")
    assert len(project.examples) == 2


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("data.jsonl", POINTER, "git lfs pull"),
        ("data.csv", POINTER, "git lfs pull"),
        ("data.json", "../.git/annex/objects/Kq/w1/SHA256E-s9--ab/SHA256E-s9--ab", "git annex get"),
        ("card", CARD, "YAML front matter"),
        ("data.parquet", "prompt and answer\n", "says Parquet, but it is a text"),
        ("train.py", "import json\n", "a program"),
        ("LICENSE", "Do as you like.\n", "a page about the data"),
        ("README.md", "# Tea\n", "a page"),
        ("conf.yaml", "seed: 1\n", "without a list of records"),
        ("dataset_infos.json", "{}", "describes the data"),
    ],
)
def test_what_is_no_data_is_refused_with_its_reason(project, tmp_path, name, text, reason):
    (tmp_path / name).write_text(text)
    with pytest.raises(CurationError, match=reason):
        project.add(tmp_path / name)
    assert project.imports == []


def test_a_folder_of_nothing_but_other_files_says_what_is_in_it(project, tmp_path):
    with pytest.raises(CurationError, match="large.jsonl: it is a Git LFS pointer"):
        project.add(texts(tmp_path / "tea", large__jsonl=POINTER))
    with pytest.raises(CurationError, match="without files of data"):
        project.add(texts(tmp_path / "words", README__md=CARD))


@pytest.mark.parametrize(
    "name",
    ["license.jsonl", "readme.csv", "a/notice.json.gz", "changelog.parquet", "train.txt", "x/data"],
)
def test_data_may_be_called_as_it_likes(name):
    assert not_data(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        *("LICENSE-MIT", "README_de.txt", "a/requirements-dev.txt", "Makefile", "Setup.PY.gz"),
        *("talk.wav", "Film.MP4"),
    ],
)
def test_names_of_what_is_no_data(name):
    assert not_data(name).startswith("it is ")


def test_every_listed_name_and_ending_is_recognised():
    for what, endings in about.ENDINGS.items():
        assert {not_data(f"a{ending}") for ending in endings} == {f"it is {what}."}
    for what, names in about.NAMES.items():
        assert {not_data(name) for name in names} == {f"it is {what}."}
    assert all("describes the data" in not_data(name) for name in about.METADATA)
    assert {not_data(f"readme{ending}") for ending in about.TABLES} == {""}
    assert {not_data(f"readme.md{ending}") for ending in about.PACKED} == {
        "it is a page, not data."
    }


def test_text_that_is_called_json_is_refused_line_by_line(project, tmp_path):
    (tmp_path / "train.jsonl").write_text("Entry not found\n")
    (entry,) = project.add(tmp_path / "train.jsonl")
    assert (entry["report"]["examples"], entry["report"]["rejected"]) == (0, 1)
    (tmp_path / "table.json").write_text("prompt,answer\nTea?,A leaf.\n")
    assert project.add(tmp_path / "table.json")[0]["report"]["examples"] == 1


# --- by what a file is known again ------------------------------------------------------------


def test_files_of_one_name_in_two_folders_are_two(project, tmp_path):
    one = pairs(tmp_path / "de" / "train.jsonl", "Tee")
    two = pairs(tmp_path / "en" / "train.jsonl", "tea")
    project.add(one)
    done = curate("import", project.path, two)
    assert "stands beside train.jsonl" in done.stdout and "--replace" in done.stdout
    assert names(project) == ["train.jsonl", "en/train.jsonl"]
    assert sorted(project.examples.rows["source"]) == ["en/train.jsonl", "train.jsonl"]
    pairs(two, "tea", "coffee")
    (entry,) = project.add(two)
    assert (entry["name"], entry["replaced"]) == ("en/train.jsonl", ["en/train.jsonl"])
    assert len(project.examples) == 3
    assert all(e["already"] for e in project.add(one, two))
    three = pairs(tmp_path / "fr" / "train.jsonl", "thé")
    done = curate("import", project.path, three, "--replace", "--json")
    (entry,) = json.loads(done.stdout)["files"]
    assert (entry["name"], entry["replaced"]) == ("train.jsonl", ["train.jsonl"])
    assert names(project) == ["en/train.jsonl", "train.jsonl"] and len(project.examples) == 3


def test_files_without_a_path_are_beside_each_other_unless_asked_otherwise(project, tmp_path):
    for drink in ("tea", "coffee"):
        project.add(pairs(tmp_path / drink, drink), names=["train.jsonl.gz"])
    assert names(project) == ["train.jsonl.gz", "train (2).jsonl.gz"]
    project.add(pairs(tmp_path / "milk", "milk"), names=["train.jsonl.gz"], replace=True)
    assert len(project.examples) == 2
    both = [pairs(tmp_path / n / "x", n) for n in ("juice", "water")]
    entries = project.add(*both, names=["x.jsonl", "x.jsonl"])
    assert [e["name"] for e in entries] == ["x.jsonl", "x (2).jsonl"]


def test_files_of_one_name_in_one_call_are_told_apart_by_their_folders(project, tmp_path):
    given = [pairs(tmp_path / split / "data.jsonl", split) for split in ("train", "test")]
    entries = project.add(*given, given[0])
    assert [e["name"] for e in entries] == ["train/data.jsonl", "test/data.jsonl"]
    assert len(project.examples) == 2


def test_small_files_are_read_several_at_once_and_stay_in_their_order(
    project, tmp_path, monkeypatch
):
    read, both, progress = copies.read, threading.Barrier(2, timeout=60), []

    def meeting(folder, copy, name, *more):
        if name in ("a.jsonl", "b.jsonl"):
            both.wait()  # none of the two goes on without the other
        return read(folder, copy, name, *more)

    monkeypatch.setattr(copies, "read", meeting)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    paths = [pairs(tmp_path / f"{name}.jsonl", name) for name in "abc"]
    project.add(*paths, progress=lambda share, text: progress.append((round(share, 2), text)))
    assert names(project) == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert list(project.examples.rows["prompt"]) == ["What is a?", "What is b?", "What is c?"]
    assert [p for p in progress if p[0] in (0, 0.33, 0.67)] == [
        (0, "Reading a.jsonl"),
        (0.33, "Reading b.jsonl"),
        (0.67, "Reading c.jsonl"),
    ]
    project.rebuild()
    assert list(project.examples.rows["prompt"]) == ["What is a?", "What is b?", "What is c?"]


def test_a_large_file_is_read_alone_and_its_progress_is_its_own(project, tmp_path, monkeypatch):
    monkeypatch.setattr(copies, "SMALL", 200)
    threads, read = {}, copies.read

    def noted(folder, copy, name, *more):
        threads[name] = threading.current_thread() is threading.main_thread()
        return read(folder, copy, name, *more)

    monkeypatch.setattr(copies, "read", noted)
    large = pairs(tmp_path / "large.jsonl", *(str(n) for n in range(20)))
    project.add(pairs(tmp_path / "small.jsonl", "s"), large)
    assert threads == {"small.jsonl": False, "large.jsonl": True}


def test_one_unreadable_file_of_several_leaves_the_project_as_it_was(project, tmp_path):
    project.add(pairs(tmp_path / "first.jsonl", "f"))
    before = names(project), project.source_digest
    bad = texts(tmp_path, bad__parquet="no parquet")
    paths = [
        pairs(tmp_path / "a.jsonl", "a"),
        bad / "bad.parquet",
        pairs(tmp_path / "c.jsonl", "c"),
    ]
    with pytest.raises(CurationError, match="^bad.parquet"):
        project.add(*paths)
    assert (names(project), project.source_digest) == before
    assert not [path.name for path in project.path.glob(".import-*")]


def test_reading_is_ended_from_outside(tmp_path):
    long = pairs(tmp_path / "long.jsonl", *map(str, range(150_000)))
    stop, begun, refused = sources.Stop(), threading.Event(), list[str]()

    def read() -> None:
        try:
            sources.parse(long, tmp_path / "out", progress=lambda *_: begun.set(), stop=stop)
        except CurationError as error:
            refused.append(str(error))

    for moment in ("while it runs", "before it begins"):
        reading = threading.Thread(target=read)
        reading.start()
        if moment == "while it runs":
            assert begun.wait(60)
        stop.now()
        reading.join(60)
        assert not reading.is_alive(), moment
    assert len(refused) == 2


def test_an_import_that_fails_ends_the_readers_of_its_other_files(project, tmp_path, monkeypatch):
    stops = []
    monkeypatch.setattr(sources.Stop, "now", lambda self: stops.append(self))
    bad = texts(tmp_path, bad__parquet="no parquet") / "bad.parquet"
    with pytest.raises(CurationError, match="^bad.parquet"):
        project.add(bad, pairs(tmp_path / "a.jsonl", "a"))
    assert len(stops) == 1


def test_a_packed_file_is_read_alone(tmp_path):
    for name in ("a.jsonl", "a.jsonl.gz", "a.ZIP"):
        (tmp_path / name).write_bytes(b"x")
    assert [copies._is_small(tmp_path / n) for n in ("a.jsonl", "a.jsonl.gz", "a.ZIP")] == [
        *(True, False, False)
    ]


def test_the_bytes_that_are_here_already_add_nothing_from_elsewhere(project, tmp_path):
    first = pairs(tmp_path / "tea.jsonl", "tea")
    project.add(first)
    copied = shutil.copy(first, tmp_path / "copy.jsonl")
    assert "tea.jsonl: already here" in curate("import", project.path, copied).stdout
    assert names(project) == ["tea.jsonl"]
    folder = tmp_path / "twins"
    for name in ("a.jsonl", "b.jsonl"):
        pairs(folder / name, "coffee")
    project.add(folder)  # both of a folder's twins are there, each line accounted for
    assert names(project) == ["tea.jsonl", "twins/a.jsonl", "twins/b.jsonl"]
    assert all(e["already"] for e in project.add(folder))


def test_a_name_that_is_no_text_is_shown_with_replacements(project, tmp_path):
    for byte in (b"\xe9", b"\xe8"):
        raw = os.fsencode(tmp_path) + b"/th" + byte + b".jsonl"
        with open(raw, "wb") as stream:
            stream.write(b'{"prompt": "Tea?", "completion": "%d."}\n' % byte[0])
        done = curate("import", project.path, os.fsdecode(raw))
        assert done.returncode == 0, done.stderr
        assert curate("import", project.path, os.fsdecode(raw)).stdout.count("already here") == 1
    assert names(project)[0] == "th\ufffd.jsonl" and len(set(names(project))) == 2
    folder = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(folder)
    shutil.copy(raw, folder + b"/x\xff.jsonl")
    Project.create(tmp_path / "q").add(os.fsdecode(folder))
    missing = curate("import", project.path, os.fsdecode(folder + b"/n\xff"))
    assert missing.returncode == 1 and "Traceback" not in missing.stderr


@pytest.mark.parametrize("path", ["x" * 5_000, "a/" * 3_000, "a\0b"])
def test_an_absurd_path_is_a_sentence(project, path):
    with pytest.raises(CurationError, match="cannot be read|NUL|does not exist") as raised:
        project.add(path)
    assert len(str(raised.value)) < 1_500


# --- what is never lost -----------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\n\n", "{broken\n"])
def test_a_file_without_examples_takes_no_rows_away(project, tmp_path, text):
    path = pairs(tmp_path / "tea.jsonl", "oolong", "sencha")
    project.add(path)
    path.write_text(text)
    for more in ([], ["--replace"]):
        done = curate("import", project.path, path, *more)
        assert done.returncode == 1 and "stays" in done.stderr
    assert len(project.examples) == 2 and len(project.imports) == 1
    pairs(path, "matcha")
    project.add(path)
    assert project.examples.rows["response"].tolist() == ["It is matcha."]


def test_an_emptied_file_of_a_folder_stops_the_whole_folder(project, tmp_path):
    folder = tmp_path / "teas"
    pairs(folder / "green.jsonl", "sencha")
    pairs(folder / "black.jsonl", "assam")
    project.add(folder)
    (folder / "green.jsonl").write_text("")
    with pytest.raises(CurationError, match=r"teas/green\.jsonl: .* stays"):
        project.add(folder)
    assert len(project.examples) == 2


def test_a_lost_list_of_imports_is_said_and_written_anew(project, tmp_path):
    project.add(pairs(tmp_path / "tea.jsonl", "oolong"), pairs(tmp_path / "milk.jsonl", "milk"))
    path, before = project.path / "imports.json", project.imports
    for text in (None, "{"):
        path.unlink() if text is None else path.write_text(text)
        for words in (("rows", project.path), ("import", project.path, tmp_path / "tea.jsonl")):
            done = curate(*words)
            assert done.returncode == 1 and "curate doctor" in done.stderr, done
            assert "no examples yet" not in done.stderr
        checks = {c["name"]: c for c in doctor.examine(project.path)}
        assert not checks["imports"]["ok"] and "tea.jsonl" in checks["imports"]["text"]
        assert checks["examples"]["ok"]
        assert project.imports == before and len(Project.open(project.path).examples) == 2
    path.unlink()
    (project.path / "rejected.parquet").unlink()
    doctor.examine(project.path)
    assert project.rejected.empty and len(project.examples) == 2
    path.unlink()
    for table in ("examples", "rejected"):
        (project.path / f"{table}.parquet").write_bytes(b"PAR1 no table PAR1")
    (check,) = [c for c in doctor.examine(project.path) if c["name"] == "imports"]
    assert not check["ok"] and "import the files again" in check["text"]


# --- what a killed import leaves --------------------------------------------------------------


def scratch_of(folder: Path) -> list[str]:
    """The names of scratch files and folders; a running import may remove one during the walk."""
    names = (name for _, *listed in os.walk(folder) for part in listed for name in part)
    return sorted(name for name in names if name.startswith(files.SCRATCH))


def test_a_killed_import_leaves_nothing_after_the_next_opening(project, tmp_path):
    path = tmp_path / "long.jsonl"
    line = orjson.dumps({"prompt": "Tea? " * 40, "completion": "Yes. " * 40}) + b"\n"
    path.write_bytes(line * 60_000)
    killed = subprocess.Popen(
        [sys.executable, "-m", "curation", "import", str(project.path), str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while not any(name.startswith(".import-") for name in scratch_of(project.path)):
        assert time.monotonic() < until and killed.poll() is None
        time.sleep(0.01)
    Project.open(project.path)
    left = scratch_of(project.path)
    assert any(name.startswith(".import-") for name in left), "its program lives"
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert scratch_of(project.path) == left
    with suppress(ProcessLookupError):  # its reader shares the lock, and ends a moment after it
        while time.monotonic() < until:
            os.killpg(killed.pid, 0)
            time.sleep(0.01)
    Project.open(project.path)
    assert scratch_of(project.path) == []


def test_what_ended_programs_left_is_cleared_and_what_lives_is_not(tmp_path):
    for name in (".pack-x", ".import-y", "data"):
        texts(tmp_path / name, a__txt="a")
    (tmp_path / ".writing-old").write_text("half")
    os.utime(tmp_path / ".writing-old", (0, 0))
    (tmp_path / ".writing-new").write_text("half")
    with files.scratch(tmp_path, ".mend-") as lives, files.replacing(tmp_path / "z") as half:
        os.utime(half, (0, 0))
        assert files.clear_scratch(tmp_path) == 3
        assert lives.is_dir() and half.exists() and (tmp_path / ".writing-new").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".writing-new", "data", "z"]
    deep = texts(tmp_path / "source" / ".incoming-1", a="a")
    assert files.clear_scratch(tmp_path) == 0 and deep.exists()
    assert files.clear_scratch(tmp_path, below=True) == 1 and not deep.exists()


# --- decisions about rows that a corrected file no longer has ---------------------------------


def test_decisions_on_corrected_rows_are_told_offered_and_carried_over_as_one_action(tmp_path):
    project = Project.create(tmp_path / "p")
    path = pairs(tmp_path / "tea.jsonl", "oolong from Taiwan", "sencha frmo Japan", "assam", "mate")
    project.add(path)
    ids = {p: str(i) for i, p in project.examples.rows["prompt"].items()}
    typo, removed = ids["What is sencha frmo Japan?"], ids["What is mate?"]
    project.decisions.append(
        [
            Decision(typo, "drop", annotator="Ann"),
            Decision(typo, "tag", "green", annotator="Ben"),
            Decision(removed, "keep", annotator="Ann"),
        ]
    )
    pairs(path, "oolong from Taiwan", "sencha from Japan", "assam")
    report = json.loads(curate("import", project.path, path, "--json").stdout)
    assert set(report["decisions_without_row"]) == {typo, removed}
    assert (
        "2 decided examples"
        in {c["name"]: c for c in doctor.examine(project.path)}["rows of decisions"]["text"]
    )
    offers = {offer.former_id: offer for offer in carry.offers(project)}
    fresh = next(i for i, p in project.examples.rows["prompt"].items() if "from Japan" in p)
    assert (offers[typo].id, offers[typo].place) == (fresh, "tea.jsonl, row 2")
    assert offers[removed].id == "", "an unchanged neighbour is never offered"
    listed = json.loads(curate("carry", project.path, "--json").stdout)["offers"]
    (offer,) = [entry for entry in listed if entry["gone"] == typo]
    assert offer["id"] == fresh and sorted(offer["said"]) == ["dropped by Ann", "tagged green"]
    done = curate("carry", project.path, "--annotator", "Cay", "--json")
    assert json.loads(done.stdout)["carried"] == 1, done
    people = Project.open(project.path).people()
    assert people.verdicts[fresh].kind == "drop" and "green" in people.tags[fresh]
    (note,) = people.notes[fresh]
    assert "tea.jsonl, row 2" in note.value and "dropped; tagged green" in note.value
    assert "Ann" not in note.value, "a delivery with pseudonyms writes notes as they are"
    assert carry.without_row(project) == [removed]
    project.decisions.undo("Cay")
    assert set(carry.without_row(project)) == {typo, removed}
    assert fresh not in project.people().verdicts


def test_two_files_given_one_name_at_once_both_stay(tmp_path):
    project = Project.create(tmp_path / "p")
    for folder, prompt in (("x", "First?"), ("y", "Second?"), ("z", "Third?")):
        (tmp_path / folder).mkdir()
        line = json.dumps({"prompt": prompt, "response": "Yes."}) + "\n"
        (tmp_path / folder / "a.jsonl").write_text(line)
    project.add(tmp_path / "x" / "a.jsonl", names=["a.jsonl"])
    both = [tmp_path / "y" / "a.jsonl", tmp_path / "z" / "a.jsonl"]
    project.add(*both, names=["a.jsonl"] * 2, replace=True)
    assert sorted(project.examples.rows["prompt"]) == ["Second?", "Third?"]


def test_a_file_is_compared_with_an_import_by_size_first_and_read_once(
    project, tmp_path, monkeypatch
):
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"prompt": "Why?", "response": "So."}\n')
    project.add(file)
    (entry,) = project.imports
    read, sha256 = [], files.sha256
    monkeypatch.setattr(files, "sha256", lambda path: read.append(path) or sha256(path))
    assert copies.has_content_of(project.path, entry, file)
    assert copies.has_content_of(project.path, entry, file)
    assert read == [file]
    file.write_text('{"prompt": "Why?", "response": "No."}\n')
    os.utime(file, ns=(0, 0))
    assert not copies.has_content_of(project.path, entry, file)
    assert read == [file, file]
    file.write_text('{"prompt": "Why?", "response": "Because."}\n')
    assert not copies.has_content_of(project.path, entry, file)
    assert not copies.has_content_of(project.path, entry, tmp_path)
    assert read == [file, file], "a file of another size and a folder are not read"
