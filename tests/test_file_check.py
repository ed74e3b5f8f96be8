"""Files of anybody, checked by the rules of the trainers that shall read them."""

from __future__ import annotations

import ast
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from curation import Project
from curation.errors import CurationError
from curation.export.cures import CURES, findings
from curation.export.file_check import UNCHECKED, Amount, Tolerances, check_file
from curation.export.fitting import delivery_formats
from curation.export.trainers.llamafactory import TAGS
from tests.conftest import ROOT
from tests.tiny_lm import byte_tokenizer

ASK, TELL = {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Yo"}
CALL = {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": "{}"}}
HUMAN, GPT = {"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Yo"}
ALPACA = {"instruction": "Hi?", "input": "", "output": "Yo"}


def lines(path: Path, *rows) -> Path:
    texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(texts) + "\n", "utf-8")
    return path


def codes(path: Path, format: str) -> dict[str, list[int]]:
    """Code → numbers of the rows that have it."""
    problems = check_file(path, format)["problems"]
    return {p["code"]: [entry["row"] for entry in p["first"]] for p in problems}


@pytest.fixture(scope="module")
def delivery(tmp_path_factory):
    """A delivery in every format, with tools, preferences, several turns and two splits."""
    home = tmp_path_factory.mktemp("delivery")
    tools = [{"type": "function", "function": {"name": "tide", "parameters": {}}}]
    called = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    result = {"role": "tool", "content": "06:12", "tool_call_id": "c1"}
    rows = [
        *(
            {"messages": [{**ASK, "content": f"Ask {n}?"}, TELL], "split": "train"}
            for n in range(12)
        ),
        {"messages": [{"role": "system", "content": "Be brief."}, ASK, TELL, ASK, TELL]},
        {"messages": [ASK, called, result, TELL], "tools": tools},
        {"prompt": "Which?", "chosen": "This.", "rejected": "That."},
        {"text": "It rained.", "label": "weather"},
    ]
    project = Project.create(home / "project")
    project.add(lines(home / "rows.jsonl", *rows))
    project.export(home / "out", formats=list(delivery_formats()))
    return home / "out"


@pytest.mark.parametrize("name", sorted(delivery_formats().keys() - set(UNCHECKED)))
def test_what_an_export_writes_passes_the_check_of_its_format(delivery, name):
    outcome = check_file(delivery, name, Tolerances(least=1))
    assert outcome["problems"] == [] and outcome["passed"], outcome
    assert outcome["rows"] > 0


def forms_of(rows) -> dict[str, bytes]:
    """The same records in the forms that an import reads, by name."""
    texts = [json.dumps(row) for row in rows]
    plain = "\n".join(texts).encode()
    return {
        "lines.jsonl": plain,
        "windows.jsonl": b"\r\n\r\n".join(text.encode() for text in texts) + b"\r\n",
        "lines.jsonl.gz": gzip.compress(plain),
        "array.json": f"[{', '.join(texts)}]".encode(),
        "indented.json": "\n".join(json.dumps(row, indent=1) for row in rows).encode(),
        "one_line.jsonl": "".join(texts).encode(),
    }


@pytest.mark.parametrize("name", forms_of([]))
def test_openai_reads_one_object_a_line_and_others_what_datasets_reads(name, tmp_path):
    rows = [{"messages": [{**ASK, "content": f"Ask {n}?"}, TELL]} for n in range(12)]
    path = tmp_path / name
    path.write_bytes(forms_of(rows)[name])
    expected = {} if name in ("lines.jsonl", "windows.jsonl") else {"not_lines": [0]}
    assert codes(path, "openai") == expected
    assert check_file(path, "openai")["passed"] == (not expected)
    assert "not_lines" not in codes(path, "trl")


TRL = {
    "example_missing_assistant_message": {"messages": [ASK]},
    "unrecognized_role": {"messages": [ASK, {"role": "robot", "content": "Yo"}, TELL]},
    "missing_messages_list": {"messages": []},
    "missing_key": {"foo": 1},
    "mixed_columns": {"prompt": "Why?", "completion": "So."},
    "mixed_types": {"messages": [ASK, TELL, ASK, TELL], "source": ["a"]},
    "unreadable": '{"messages": [',
    "missing_content": {"messages": [ASK, {"role": "assistant", "content": ""}]},
    "message_missing_key": {"messages": [ASK, TELL, {"role": "user"}]},
    "call_without_result": {
        "messages": [ASK, {**TELL, "content": "", "tool_calls": [CALL]}, ASK, TELL]
    },
    "template_tokens": {"messages": [ASK, {**TELL, "content": "Yo<|im_end|>"}]},
}


@pytest.mark.parametrize("code", TRL)
def test_a_planted_fault_is_named_with_its_row_and_cure(code, tmp_path):
    good = {"messages": [ASK, TELL], "source": "a"}
    path = lines(tmp_path / "train.jsonl", good, TRL[code], good)
    outcome = check_file(path, "trl")
    problem = next(p for p in outcome["problems"] if p["code"] == code)
    assert [entry["row"] for entry in problem["first"]] == [2]
    assert problem["cure"] == CURES[code] and problem["first"][0]["file"] == "train.jsonl"
    assert outcome["rows_with_problems"] == 1 and not outcome["passed"]
    assert outcome["duplicates"]["rows"] == 1


@pytest.mark.parametrize(
    "format, row, fault",
    [
        ("trl", {"prompt": "Hi?", "completion": "Yo"}, None),
        ("trl", {"prompt": [ASK], "completion": [TELL]}, None),
        ("trl", {"prompt": "Hi?", "completion": 3}, "data_type"),
        ("trl", {"text": "Once upon a time."}, None),
        ("trl-preference", {"prompt": "Hi?", "chosen": "Yo", "rejected": "No"}, None),
        ("trl-preference", {"chosen": [ASK, TELL], "rejected": [ASK, TELL]}, None),
        ("trl-preference", {"prompt": "Hi?", "chosen": "Yo"}, "missing_key"),
        ("openai", {"conversations": [HUMAN, GPT]}, "missing_key"),
        ("openai", {"messages": [ASK, {**TELL, "weight": 2}]}, "data_type"),
        ("axolotl", {"messages": [ASK, TELL]}, None),
        ("axolotl", {"messages": "Hi?"}, "missing_messages_list"),
        ("alpaca", ALPACA, None),
        ("alpaca", {**ALPACA, "output": ""}, "missing_output"),
        ("alpaca", {**ALPACA, "history": ["a"]}, "data_type"),
        ("alpaca", {"question": "Hi?", "answer": "Yo"}, "missing_key"),
        ("sharegpt", {"conversations": [HUMAN, GPT]}, None),
        ("sharegpt", {"conversations": [HUMAN, {"from": "gpt", "value": " "}]}, "missing_content"),
        (
            "sharegpt",
            {"conversations": [HUMAN, {"from": "bot", "value": "a"}]},
            "unrecognized_role",
        ),
        ("sharegpt", {"conversations": [HUMAN, {"from": "gpt"}]}, "missing_key"),
        ("sharegpt", {"conversations": [HUMAN, {"from": "gpt", "value": 3}]}, "data_type"),
        ("sharegpt", {"conversations": ["Hi?", "Yo"]}, "data_type"),
        ("sharegpt", {"conversations": [HUMAN, GPT], "tools": "{"}, "invalid_tools"),
    ],
)
def test_each_trainer_s_forms_pass_and_their_faults_do_not(format, row, fault, tmp_path):
    path = lines(tmp_path / "train.jsonl", row)
    assert list(codes(path, format)) == ([fault] if fault else [])


def llamafactory(folder: Path, rows: list, entry: dict | None) -> Path:
    if entry is not None:
        info = {"mine": {"file_name": "train.json", **entry}}
        (folder / "dataset_info.json").write_text(json.dumps(info))
    path = folder / "train.json"
    path.write_text(json.dumps(rows))
    return path


def test_llamafactory_is_checked_by_its_dataset_info(tmp_path):
    spoken = [{"role": "u", "text": "Hi?"}, {"role": "a", "text": "Yo"}]
    tags = {"role_tag": "role", "content_tag": "text", "user_tag": "u", "assistant_tag": "a"}
    entry = {
        "formatting": "sharegpt",
        "columns": {"messages": "talk"},
        "tags": {**TAGS, **tags},
    }
    path = llamafactory(tmp_path, [{"talk": spoken}, {"talk": spoken[:1]}, {"chat": []}], entry)
    assert codes(path, "llamafactory") == {"odd_turns": [2], "missing_key": [3]}
    llamafactory(tmp_path, [{"talk": spoken}], {**entry, "tags": tags})
    assert list(codes(path, "llamafactory")) == ["dataset_info_tags"]
    llamafactory(tmp_path, [{"q": "Hi?", "output": "Yo"}], {"columns": {"prompt": "q"}})
    assert codes(path, "llamafactory") == {}
    llamafactory(tmp_path, [{"conversations": [HUMAN, GPT]}], {"formatting": "sharegpt"})
    assert codes(path, "llamafactory") == {}
    (tmp_path / "dataset_info.json").unlink()
    assert codes(path, "llamafactory") == {"dataset_info": [0]}
    assert not check_file(path, "llamafactory", Tolerances(Amount(9)))["passed"]


@pytest.mark.parametrize(
    "entry",
    [
        {"formatting": "sharegpt", "tags": ["role_tag"]},
        {"formatting": "sharegpt", "tags": 3},
        {"formatting": "sharegpt", "columns": ["messages"]},
        {"columns": {"prompt": ["instruction"]}},
    ],
)
def test_an_entry_of_dataset_info_of_another_shape_is_a_problem_of_the_file(entry, tmp_path):
    path = llamafactory(tmp_path, [{"conversations": [HUMAN, GPT]}], entry)
    assert codes(path, "llamafactory") == {"dataset_info": [0]}


def test_a_file_that_only_the_import_can_read_does_not_pass(tmp_path):
    """The import guesses encodings, looks below keys and takes a cut array; no trainer does."""
    text, path = json.dumps([{"messages": [ASK, TELL]}]), tmp_path / "a.json"
    files = {
        "encoding": [text.encode("utf-16"), text.replace("Yo", "Yó").encode("cp1252")],
        "cut": [text[:-1].encode()],
        "nested": [f'{{"rows": {text}}}'.encode()],
    }
    for code, datas in files.items():
        for data in datas:
            path.write_bytes(data)
            assert codes(path, "trl") == {code: [0]}, data
            assert not check_file(path, "trl", Tolerances(Amount(9)))["passed"]
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert codes(path, "trl") == {}
    assert "encoding" in codes(path, "openai")


def test_hostile_rows_are_problems_and_never_the_end_of_the_check(tmp_path):
    odd = [
        {"messages": {"role": "user"}},
        {"messages": [None, 3, [[]]]},
        {"messages": [{"role": {}, "content": {}}]},
        {"messages": [ASK, {"role": "assistant", "content": None, "tool_calls": ["x", 1]}]},
        {"messages": [ASK, {"role": "assistant", "content": None, "tool_calls": {"a": 1}}]},
        "[1, 2]",
        "{}",
        "\ufeff\x00",
        {"conversations": 3, "chosen": None, "rejected": {}, "instruction": [], "output": 0},
    ]
    for name in delivery_formats().keys() - set(UNCHECKED):
        outcome = check_file(lines(tmp_path / "a.jsonl", *odd), name)
        assert outcome["rows"] >= 8 and not outcome["passed"], name


@pytest.mark.parametrize(
    "options, passes",
    [
        (Tolerances(), False),
        (Tolerances(problems=Amount.parse("1")), True),
        (Tolerances(problems=Amount.parse("24%")), False),
        (Tolerances(problems=Amount.parse("25%")), True),
        (Tolerances(problems=Amount(1), duplicates=Amount.parse("1")), False),
        (Tolerances(problems=Amount(1), duplicates=Amount.parse("50%")), True),
        (Tolerances(problems=Amount(1), least=5), False),
        (Tolerances(problems=Amount(1), least=4), True),
    ],
)
def test_tolerances_let_so_many_rows_pass_and_no_more(options, passes, tmp_path):
    row = {"messages": [ASK, TELL]}
    path = lines(tmp_path / "a.jsonl", row, row, row, {"messages": [ASK]})
    outcome = check_file(path, "trl", options)
    assert outcome["passed"] == passes, outcome["failures"]


def test_tokens_are_counted_by_the_template_and_judged_by_length(tmp_path):
    byte_tokenizer().save_pretrained(tmp_path / "model")
    rows = [{"messages": [ASK, {**TELL, "content": "x" * n}]} for n in (1, 10, 100)]
    path = lines(tmp_path / "a.jsonl", *rows)

    def failures(*texts):
        tolerances = Tolerances(tokens=dict(map(Tolerances.length_of, texts)))
        return check_file(path, "trl", tolerances, str(tmp_path / "model"))["failures"]

    fixed = 6 + 3 + 1 + 1 + 11 + 1 + 1
    assert failures(f"{fixed + 100}") == []
    assert [f["code"] for f in failures(f"{fixed + 99}")] == ["too_long"]
    assert failures(f"{fixed + 10}:34%") == [] and failures(f"{fixed + 9}:34%") != []
    outcome = check_file(path, "trl", tokenizer=str(tmp_path / "model"))
    assert outcome["tokens"]["most"] == fixed + 100 and outcome["tokens"]["longest"][0]["row"] == 3


@pytest.mark.parametrize("text", ["", "a", "-1", "²", "nan", "inf", "1%%", "%"])
def test_an_amount_that_is_none_is_refused(text):
    with pytest.raises(CurationError, match="no amount"):
        Amount.parse(text)
    with pytest.raises(CurationError):
        Tolerances.length_of(f"2048:{text or 'x'}")
    with pytest.raises(CurationError):
        Tolerances.length_of(text)


def curate(*words, **options):
    command = [sys.executable, "-m", "curation", "check", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **options)


def test_the_exit_status_says_passed_failed_or_not_checked(tmp_path):
    good = lines(tmp_path / "good.jsonl", {"messages": [ASK, TELL]})
    bad = lines(tmp_path / "bad.jsonl", {"messages": [ASK]})
    passed = curate(good, "--format", "trl", "--json")
    assert passed.returncode == 0 and json.loads(passed.stdout)["passed"] is True
    failed = curate(bad, "--format", "trl")
    assert failed.returncode == 1
    assert (
        "bad.jsonl:1" in failed.stdout
        and CURES["example_missing_assistant_message"] in failed.stdout
    )
    assert curate(tmp_path / "none.jsonl", "--format", "trl").returncode == 2


def emitted(tree: ast.AST):
    """Codes that a module gives: in calls and in yielded, listed or returned pairs of texts."""
    places = {"Problem": 1, "NotHeld": 0, "_failure": 0, "note": 0}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = places.get(name)
            argument = node.args[place] if place is not None and len(node.args) > place else None
            if name == "append" and node.args and isinstance(node.args[0], ast.Tuple):
                argument = node.args[0].elts[0]
        elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            argument = node.value.elts[0]
        elif isinstance(node, ast.List) and node.elts and isinstance(node.elts[0], ast.Tuple):
            code, why = node.elts[0].elts
            argument = None if isinstance(why, ast.Call) else code  # a field of a schema
        else:
            continue
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value


def test_every_code_has_a_cure_and_every_cure_a_code():
    export, chat = ROOT / "curation" / "export", ROOT / "curation" / "chat"
    names = "accepted file_check fitting delivery_format preference parts".split()
    paths = [*(export / f"{name}.py" for name in names), *(export / "trainers").glob("*.py")]
    given = {
        code
        for path in [*paths, chat / "calls.py"]
        for code in emitted(ast.parse(path.read_text("utf-8")))
    }
    given |= set(
        "unexpected_shape template_tokens attention missing_instruction missing_output "
        "cut nested encoding not_lines".split()
    )
    assert {code for code in given if code not in CURES} == set()
    assert CURES.keys() - given == set()


def test_a_survey_of_a_project_becomes_lines_with_cures():
    refusal = {"rows": 1, "why": "it calls tools", "ids": []}
    surveyed = {
        "alpaca": {"not_in": {"calls_tools": refusal, "odd_turns": {**refusal, "rows": 3}}},
        "trl": {"not_in": {}},
    }
    lines = findings(surveyed)
    assert [(line["format"], line["code"], line["rows"]) for line in lines] == [
        ("alpaca", "odd_turns", 3),
        ("alpaca", "calls_tools", 1),
    ]
    assert all(line["cure"] == CURES[line["code"]] for line in lines)
