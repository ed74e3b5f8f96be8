"""The command line as a person meets it: what it prints, how it ends, and what it leaves behind."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import orjson
import pandas as pd
import pytest
import yaml
from typer.main import get_command

from curation import Project, __main__, cli, jobs
from curation.registry import operations
from tests.conftest import ROOT
from tests.test_jobs import LARGE, make_project

RECIPE = """version: 1
steps:
  - fix_text: {}
  - drop_exact_duplicates: {}
  - lengths: {}
  - keep_between: {score: response_tokens, low: 2}
  - select_random: {budget: 6}
  - split: {validation: 0.2, test: 0.2}
"""


def run(*arguments: str | Path) -> tuple[int, str, str]:
    """A command in this process: exit status, stdout, stderr."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    handlers = [(s, signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM)]
    before = sys.argv
    sys.argv = ["curate", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            __main__.main()
    except SystemExit as stop:
        status = int(stop.code or 0)
    finally:
        sys.argv = before
        for number, handler in handlers:
            signal.signal(number, handler)
    return status, out.getvalue(), err.getvalue()


def answer(*arguments: str | Path) -> dict:
    """The output of a command with --json: one object on one line, and nothing else."""
    status, out, err = run(*arguments, "--json")
    assert status == 0, err
    assert out.count("\n") == 1
    value = json.loads(out)
    assert isinstance(value, dict)
    return value


def refused(*arguments: str | Path) -> str:
    """The one sentence with which a command says that it could not."""
    status, out, err = run(*arguments)
    assert status == 1 and "Traceback" not in err
    messages = err.strip().split("\n")
    return messages[-1]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What stands at place {i}?"},
                {"role": "assistant", "content": f"Thing number {i} stands there."},
            ]
        }
        for i in range(9)
    ]
    rows += [
        rows[0],
        {
            "messages": [
                {"role": "user", "content": "A word?"},
                {"role": "assistant", "content": "No"},
            ]
        },
    ]
    path = tmp_path / "chats.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows) + b"\n{broken\n")
    return path


@pytest.fixture
def project(source: Path, make_project) -> Path:
    folder = make_project({source.name: source.read_bytes()}).path
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.split("\n") if line]


def test_the_main_job_from_the_files_to_the_delivery(tmp_path, source):
    folder, out = tmp_path / "new", tmp_path / "out"
    assert answer("new", folder) == {"path": str(folder)}
    report = answer("import", folder, source)
    assert {k: report[k] for k in ("lines", "examples", "rejected", "blank")} == {
        "lines": 13,
        "examples": 11,
        "rejected": 1,
        "blank": 1,
    }
    assert report["formats"] == {"messages": 11} and report["repaired"] == {}
    assert report["encodings"] == {"chats.jsonl": "utf-8"} and report["seconds"] >= 0
    again = answer("import", folder, source)
    assert again["lines"] == again["examples"] == 0 and again["files"][0]["already"]
    (folder / "recipe.yaml").write_text(RECIPE)
    first = answer("run", folder, "--engine", "serial")
    assert (first["examples"], first["kept"]) == (11, 6) and first["peak_rss_mb"] > 1
    assert [s["use"] for s in first["steps"]] == [
        next(iter(s)) for s in yaml.safe_load(RECIPE)["steps"]
    ]
    for step in first["steps"]:
        assert set(step) >= {"use", "kept_in", "dropped", "changed", "seconds", "cached"}
    second = answer("run", folder, "--engine", "processes")
    assert second["fingerprint"] == first["fingerprint"]
    assert all(s["cached"] for s in second["steps"])
    delivered = answer("export", folder, "--to", out, "--format", "trl", "--format", "csv")
    assert sum(delivered["splits"].values()) == 6
    assert json.loads(Path(delivered["manifest"]).read_text())["delivered"] == 6
    for file in delivered["files"]:
        assert set(file) >= {"path", "rows", "bytes", "sha256"}
        assert (out / file["path"]).stat().st_size == file["bytes"]
    assert delivered["leaks"]["leak_safe"] is False


def test_people_read_tables_and_sentences(project, tmp_path):
    status, out, _ = run("run", project)
    assert status == 0 and "11 examples = 6 kept + 5 dropped" in out
    assert "everything cached" in run("run", project)[1]
    status, out, _ = run("export", project, "--to", tmp_path / "out", "--format", "openai")
    assert status == 0 and "openai/train.jsonl" in out
    assert "OpenAI chat asks for at least 10 examples" in out and "Not shown to be leak-safe" in out
    status, out, _ = run("import", project, tmp_path / "chats.jsonl")
    assert (status, out) == (0, "chats.jsonl: already here, nothing added\n")
    status, out, _ = run("operations", "keep_between")
    assert status == 0 and "keep_missing = True" in out


def test_rows_have_their_columns_in_every_format(project, tmp_path):
    fixed = (
        "id source_file source_row dropped_by reason split prompt response messages label".split()
    )
    status, out, err = run("rows", project)
    rows = lines(out)
    assert status == 0 and len(rows) == 11
    assert all(list(row)[:10] == fixed for row in rows)
    assert {r["source_row"] for r in rows} == set(range(1, 12))
    assert {r["source_file"] for r in rows} == {"chats.jsonl"}
    assert rows[0]["messages"][0] == {"role": "user", "content": "What stands at place 0?"}
    assert all(isinstance(r["response_tokens"], int) for r in rows)
    kept, dropped = (
        lines(run("rows", project, "--kept")[1]),
        lines(run("rows", project, "--dropped")[1]),
    )
    assert len(kept) == 6 and {r["dropped_by"] for r in kept} == {None}
    assert {r["split"] for r in kept} == {"train", "validation", "test"}
    assert {r["dropped_by"] for r in dropped} == {
        "drop_exact_duplicates",
        "keep_between",
        "select_random",
    }
    assert {r["reason"] for r in kept} == {""}
    twin = next(r for r in dropped if r["dropped_by"] == "drop_exact_duplicates")
    assert any(twin["reason"].startswith(f"duplicate of {r['id']}") for r in rows)
    ids = sorted(r["id"] for r in rows)
    for ending, read in [
        ("jsonl", lambda p: pd.DataFrame(lines(p.read_text("utf-8")))),
        ("parquet", pd.read_parquet),
        ("csv", lambda p: pd.DataFrame(csv.DictReader(p.open(encoding="utf-8", newline="")))),
    ]:
        path = tmp_path / f"rows.{ending}"
        assert run("rows", project, "--to", path)[:2] == (0, f"11 rows in {path}\n")
        frame = read(path)
        assert list(frame)[:10] == fixed and sorted(frame["id"]) == ids
    few = lines(run("rows", project, "--columns", "turns,attention")[1])
    assert list(few[0]) == [*fixed, "turns", "attention"]
    (rejected,) = lines(run("rows", project, "--rejected")[1])
    assert (rejected["row"], rejected["raw"]) == (13, "{broken")
    assert "no column 'colour'; there are: messages" in refused(
        "rows", project, "--columns", "colour"
    )
    assert ".jsonl, .parquet or .csv" in refused("rows", project, "--to", tmp_path / "rows.xlsx")


def test_rows_are_remembered_from_the_last_run(project):
    run("run", project)
    run("rows", project)  # finds the file's own columns, which is remembered too
    cache = project / "cache"
    before = {p: p.stat().st_ino for p in cache.rglob("*") if p.is_file()}
    status, out, err = run("rows", project, "--kept")
    assert status == 0 and len(lines(out)) == 6 and err == ""
    assert {p: p.stat().st_ino for p in cache.rglob("*") if p.is_file()} == before


def test_the_story_of_a_row_and_of_a_person_s_decision(project, tmp_path):
    run("run", project)
    rows = lines(run("rows", project)[1])
    kept = next(r for r in rows if r["dropped_by"] is None)
    story = answer("explain", project, kept["id"])
    assert story["id"] == kept["id"] and story["fate"] == "kept"
    assert story["source"] == {
        "file": "chats.jsonl",
        "row": kept["source_row"],
        "format": "messages",
    }
    whats = [e["what"] for e in story["events"]]
    assert whats == ["read", "measured", "chosen", "placed"]
    twin = next(r for r in rows if r["dropped_by"] == "drop_exact_duplicates")
    texts = {e["what"]: e["text"] for e in answer("explain", project, twin["id"])["events"]}
    assert "duplicate of" in texts["dropped"] and "placed" not in texts
    assert re.search(r"; chats\.jsonl, row \d+: What stands at place \d", texts["dropped"])
    decisions_file = tmp_path / "made.jsonl"
    decisions_file.write_text(
        f'{{"id": "{kept["id"]}", "kind": "drop", "value": null}}\n'
        f'{{"id": "{twin["id"]}", "kind": "note", "value": "seen"}}\n'
    )
    done = answer("decide", project, "--from", decisions_file, "--annotator", "Ann")
    assert (done["examples"], done["appended"], done["ignored"], done["conflicts"]) == (2, 2, 0, 0)
    status, out, err = run("explain", project, kept["id"])
    assert status == 0 and "dropped by people" in out and "by Ann" in out
    assert "1 example was decided since the last run." in err
    events = lines(run("decisions", project)[1])
    assert [(e["kind"], e["annotator"]) for e in events] == [("drop", "Ann"), ("note", "Ann")]
    opinions = lines(run("decisions", project, "--opinions")[1])
    assert [(o["question"], o["who"], o["value"]) for o in opinions] == [("verdict", "Ann", "drop")]
    assert run("decisions", project, "--to", tmp_path / "events.jsonl")[0] == 0
    assert lines((tmp_path / "events.jsonl").read_text()) == events
    (project / "recipe.yaml").write_text(
        RECIPE.replace("lengths", "type_token_ratio: {}\n  - lengths")
    )
    err = run("explain", project, kept["id"])[2]
    assert "type_token_ratio has not been run" in err or "The recipe was changed" in err
    after = answer("run", project)
    assert after["kept"] == 6, "another took its place"
    assert "no example" in refused("decide", project, "--from", bad(tmp_path), "--annotator", "Ann")


def bad(folder: Path) -> Path:
    path = folder / "bad.jsonl"
    path.write_text('{"id": "0123456789abcdef", "kind": "keep"}\n')
    return path


def test_the_beginning_of_an_id_is_enough_when_it_is_unique(project):
    ids = [r["id"] for r in lines(run("rows", project)[1])]
    assert answer("explain", project, ids[3][:10])["id"] == ids[3]
    twin = next(i for i in ids if i.endswith("-2"))
    assert answer("explain", project, twin[:-2])["id"] == twin[:-2], "a whole id is itself"
    assert "2 ids begin with" in refused("explain", project, twin[:10])
    assert "no example whose id begins with 'zzz'" in refused("explain", project, "zzz")


def test_operations_are_told_from_the_registry():
    listed = answer("operations")["operations"]
    assert [o["name"] for o in listed] == list(operations())
    (one,) = answer("operations", "drop_near_duplicates")["operations"]
    assert {p["name"] for p in one["params"]} >= {"similarity"}


def test_doctor_says_what_is_missing_and_mends_what_it_can(project):
    checks = {c["name"]: c for c in answer("doctor", project)["checks"]}
    assert checks["examples"]["ok"] and checks["source chats.jsonl"]["text"] == "as imported"
    path = project / "examples.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + b"\0" + whole[-8:])
    assert answer("doctor", project)
    assert len(Project.open(project).examples) == 11
    (copy,) = (project / "source").iterdir()
    copy.write_bytes(b"{}")
    status, out, err = run("doctor", project)
    assert status == 1 and "BAD source chats.jsonl" in out and err == ""


def test_every_command_and_option_explains_itself():
    root = get_command(cli.app)
    for name, command in root.commands.items():
        assert command.help, name
        for parameter in command.params:
            help_text = getattr(parameter, "help", None)
            if getattr(parameter, "hidden", False) or parameter.metavar in ("ID", "NAME"):
                continue
            assert help_text, f"{name}: {parameter.name}"
    status, out, _ = run("app", "--help")
    assert status == 0 and "--port" in out
    documented = "new import run rows explain decide decisions export operations doctor demo app"
    assert set(root.commands) >= set(documented.split())


def test_a_flag_has_no_type_in_the_help():
    for command in (["--help"], ["reference", "--help"]):
        status, out, _ = run(*command)
        assert status == 0 and "--help" in out and "bool" not in out
    assert "<path>" in out, "an option with a value has one"


def test_wrong_use_is_status_2(project):
    for wrong in [
        ["run"],
        ["run", str(project), "--speed", "high"],
        ["fly"],
        ["import", str(project), "x.jsonl", "--map", "prompt"],
    ]:
        assert run(*wrong)[0] == 2, wrong


def test_what_cannot_be_done_is_one_sentence_and_harms_nothing(project, tmp_path):
    run("run", project)
    before = (project / "examples.parquet").read_bytes()
    (tmp_path / "fake.csv").write_bytes(b"%PDF-1.7\nnot a table at all")
    wrong = {
        "step": (
            RECIPE.replace("drop_exact_duplicates", "drop_exact_duplicate"),
            "line 4.*drop_exact_duplicates",
        ),
        "range": (
            RECIPE.replace("{validation: 0.2", "{validation: 5"),
            "line 8.*between 0 and 0.9",
        ),
        "budget": (RECIPE.replace("budget: 6", "budget: 700"), "budget is 700 .*only 9 are kept"),
        "model": (
            RECIPE.replace("  - keep", "  - embed: {model: /no/such/model}\n  - keep"),
            "no folder /no/such/model",
        ),
        "column": (RECIPE.replace("  - lengths: {}\n", ""), "add lengths before it"),
    }
    for name, (text, message) in wrong.items():
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        sentence = refused("run", project, "--recipe", path)
        assert pd.Series([sentence]).str.contains(message).all(), sentence
    for command, message in [
        (["run", tmp_path / "nowhere"], "is not a project"),
        (["run", project, "--recipe", tmp_path / "no.yaml"], "cannot be read"),
        (["run", project, "--engine", "steam"], "no engine 'steam'"),
        (["import", project, tmp_path / "no.jsonl"], "does not exist"),
        (["import", project, tmp_path / "fake.csv"], "fake.csv"),
        (["import", project, tmp_path / "chats.jsonl", "--format", "song"], "no format 'song'"),
        (
            ["import", project, tmp_path / "chats.jsonl", "--label-names", tmp_path / "no.txt"],
            "no.txt",
        ),
        (["export", project, "--to", project], "which no export made"),
        (["export", project, "--to", tmp_path / "out", "--format", "song"], "no format 'song'"),
        (["new", project], "is not empty"),
        (["operations", "drop_nothing"], "no operation 'drop_nothing'"),
        (["doctor", tmp_path / "nowhere"], "is not a project"),
        (["demo", "--to", project], "is not empty"),
    ]:
        assert message in refused(*command), command
    opened = Project.open(project)
    assert (project / "examples.parquet").read_bytes() == before
    assert len(opened.imports) == 1 and len(opened.replay().kept) == 6


NO_SPACE = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from curation.__main__ import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_no_space_left_is_one_sentence_and_the_project_is_as_before(project, tmp_path):
    run("run", project)
    (tmp_path / "more.jsonl").write_text('{"prompt": "More?", "completion": "Yes, more."}\n' * 20)
    for command in [
        ["import", project, tmp_path / "more.jsonl"],
        ["export", project, "--to", tmp_path / "out"],
        ["rows", project, "--to", tmp_path / "rows.csv"],
    ]:
        done = subprocess.run(
            [sys.executable, "-c", NO_SPACE, "400", *map(str, command)],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        message = done.stderr.strip().split("\n")[-1]
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "File too large" in message, message
    assert not (tmp_path / "out").exists() and not (tmp_path / "rows.csv").exists()
    opened = Project.open(project)
    assert len(opened.imports) == 1 and len(opened.replay().kept) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_a_project_that_opens_and_goes_on(tmp_path, number):
    large = make_project(tmp_path, LARGE)
    command = [sys.executable, "-m", "curation", "run", str(large.path), "--engine", "serial"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    cache = large.path / "cache" / "steps"
    while not list(cache.rglob("*.arrow")):
        assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number and out == ""
    assert err.strip().split("\n")[-1] == (
        "Cancelled. What was finished is kept; run again to go on from there."
    )
    finished = {p: p.stat().st_ino for p in cache.rglob("*.arrow")}
    opened = Project.open(large.path)
    assert len(opened.examples) == LARGE and not opened.view().current
    dataset = opened.run()
    assert len(dataset) == LARGE and opened.view().current
    assert {p: p.stat().st_ino for p in finished} == finished, "what was finished is not redone"


def test_help_comes_without_heavy_imports():
    code = (
        "import sys\nfrom curation.cli import app\n"
        "heavy = 'torch streamlit umap plotly sentence_transformers transformers sklearn faiss numba "
        "scipy fasttext jieba sqlalchemy'.split()\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_reader_that_has_seen_enough_is_no_error(project):
    run("run", project)
    done = subprocess.run(
        f"{sys.executable} -m curation rows {project} | head -c 20",
        shell=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0 and len(done.stdout) == 20 and done.stderr == ""


def test_a_file_of_unknown_columns_says_how_to_name_them(tmp_path):
    run("new", tmp_path / "p")
    (tmp_path / "faq.csv").write_text(
        "frage;auskunft\nWas ist das?;Ein Test.\nUnd das?;Noch einer.\n"
    )
    status, _, err = run("import", tmp_path / "p", tmp_path / "faq.csv")
    assert status == 1 and "--map" in err and len(err.strip().splitlines()[-1]) < 500
    done = ("--map", "prompt=frage", "--map", "response=auskunft")
    assert run("import", tmp_path / "p", tmp_path / "faq.csv", *done)[0] == 0


def test_decisions_printed_and_read_again_add_nothing_and_a_later_one_counts(project, tmp_path):
    kept = lines(run("rows", project)[1])[0]["id"]
    copy, out = tmp_path / "again.jsonl", tmp_path / "out.jsonl"
    copy.write_text(f'\ufeff{{"id": "{kept}", "kind": "rate", "value": 4}}\n')
    for _ in range(2):
        assert answer("decide", project, "--from", copy, "--annotator", "Ann")["appended"] == 1
    run("decisions", project, "--to", out)
    again = answer("decide", project, "--from", out, "--annotator", "Ben")
    assert (again["appended"], again["ignored"]) == (0, 2)
    (row,) = [r for r in lines(run("rows", project)[1]) if r["id"] == kept]
    assert row["rating_by_people"] == 4 and row["decided_by"] == "Ann"


def test_a_log_hears_of_a_long_step_now_and_then(monkeypatch, capsys):
    from curation.cli import terminal

    clock = iter([0.0, 1.0, 20.0, 21.0, 22.0])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(terminal, "_last", terminal.SimpleNamespace(step="", time=0.0))
    for done in (0, 10, 200, 210):
        terminal.bar(0.5, f"Embeddings: {done} of 300")
    terminal.bar(0.6, "Map")
    assert capsys.readouterr().err.splitlines() == [
        " 50% Embeddings",
        " 50% Embeddings: 200 of 300",
        " 60% Map",
    ]


def test_a_demo_that_is_started_returns_while_its_recipe_is_run(tmp_path, monkeypatch):
    """The app can then show the run from its first second on."""
    calls: list[list[str]] = []

    def start(command, **_):
        calls.append([str(word) for word in command])
        return SimpleNamespace(pid=0, wait=int)

    monkeypatch.setattr("curation.jobs.subprocess.Popen", start)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("curation.demo.FILES", ())
    monkeypatch.setattr(Project, "add", lambda *_, **__: [])
    value = answer("demo", "--start", "--to", "new/example")
    place = str(tmp_path / "new" / "example")
    (words,) = calls
    assert words[3:5] == ["run", place] and words[-1] == value["job"], "from any folder"
    assert jobs.status(Path(place), value["job"]).command == "run"
    assert Project.open(place).recipe.steps, "the example's recipe"


def test_history_lists_acts_and_returns_to_a_moment_as_one_act(project, tmp_path):
    assert "Nobody has decided" in refused("history", project, "--return-to", 0, "--annotator", "A")
    assert answer("history", project) == {"acts": [], "older": 0}
    ids = [row["id"] for row in lines(run("rows", project)[1])]
    file = tmp_path / "file.jsonl"
    for kind, who in (("keep", "Ann"), ("drop", "Bob")):
        text = f'{{"id": "{ids[0]}", "kind": "{kind}", "reason": "why {kind}"}}\n'
        file.write_text(text)
        run("decide", project, "--from", file, "--annotator", who)
    acts = answer("history", project)["acts"]
    assert [(a["who"], a["words"], a["reason"], a["fate"]) for a in acts] == [
        ("Bob", "dropped", "why drop", ""),
        ("Ann", "kept", "why keep", "overruled by Bob"),
    ]
    assert [a["who"] for a in answer("history", project, "--person", "Ann")["acts"]] == ["Ann"]
    first = answer("history", project, "--top", 1)
    assert [a["who"] for a in first["acts"]] == ["Bob"] and first["older"]
    older = answer("history", project, "--before", first["older"])
    assert [a["who"] for a in older["acts"]] == ["Ann"] and not older["older"]
    assert answer("history", project, "--until", "2001-01-01")["acts"] == []
    assert "no time" in refused("history", project, "--since", "yesterday")
    assert "--annotator" in refused("history", project, "--return-to", 2)
    plan = answer("history", project, "--return-to", 2, "--annotator", "Cy")
    assert (plan["examples"], plan["off"], plan["saved"]) == (1, {"Bob": 1}, False)
    done = answer("history", project, "--return-to", 2, "--annotator", "Cy", "--yes")
    assert done["saved"] and done["appended"] == 1
    (row,) = [r for r in lines(run("rows", project)[1]) if r["id"] == ids[0]]
    assert (row["verdict"], row["reason_by_people"]) == ("keep", "why keep")
    status, out, _ = run("history", project)
    assert status == 0 and "Cy: went back to event 2" in out.split("\n")[0]


def test_decisions_go_to_a_table_and_to_other_tools_and_come_back(project, tmp_path):
    ids = [row["id"] for row in lines(run("rows", project)[1])]
    file = tmp_path / "file.jsonl"
    file.write_text(
        f'{{"id": "{ids[0]}", "kind": "drop", "reason": "=spam"}}\n'
        f'{{"id": "{ids[1]}", "kind": "rate", "value": 4}}\n'
        f'{{"id": "{ids[1]}", "kind": "label", "value": "x"}}\n'
    )
    run("decide", project, "--from", file, "--annotator", "Ann")
    other = tmp_path / "other"
    shutil.copytree(project, other, ignore=shutil.ignore_patterns("decisions*"))
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        to = tmp_path / name
        status, out, _ = run("decisions", project, "--table", "--to", to)
        assert status == 0 and "2 examples" in out
        again = answer("decide", project, "--from", to, "--annotator", "Bob")
        assert set(again.values()) == {0} and "older" in again
        done = answer("decide", other, "--from", to, "--annotator", "Bob")
        assert done["appended"] == (4 if name == "t.csv" else 0)
    tables = [run("decisions", p, "--table")[1] for p in (project, other)]
    assert tables[0] == tables[1] and '"reason":"=spam"' in tables[0]
    to = tmp_path / "answers.jsonl"
    status, out, err = run("decisions", project, "--format", "prodigy", "--to", to)
    assert status == 0 and "2 answers" in out
    assert err == "Prodigy has no place for 1 rating, 1 reason.\n"
    done = answer("decide", project, "--from", to, "--format", "prodigy", "--annotator", "Bob")
    assert done["appended"] == 0
    assert "no format 'lilac'" in refused("decisions", project, "--format", "lilac")
    assert "no file of Argilla" in refused(
        "decide", project, "--from", to, "--format", "argilla", "--annotator", "Bob"
    )
    assert run("decisions", project, "--table", "--opinions")[0] == 2
