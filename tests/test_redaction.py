"""Redacted personal data: everywhere in an example, with one number for a value, and in no delivery."""

from __future__ import annotations

import json
import re

import orjson
import pyarrow.parquet as pq
import pytest

from curation import Project, Step
from curation.dataset import Message, dump_messages
from curation.decisions import Decision
from curation.export.fitting import delivery_formats
from curation.operations.redact import NAMES, redact_personal
from curation.personal import DEFAULT, KINDS
from curation.personal.redaction import Redaction
from tests.conftest import make_dataset

EMAIL, PHONE, CARD = "quillaine.holm@nordpost.dk", "+47 912 38 876", "4539148803436467"
CANARIES = ("quillaine", "912 38 876", "91238876", "4539148803436467", "4539 1488 0343 6467")


def redacted(text: str, *kinds: str) -> str:
    return Redaction(kinds or DEFAULT, [text]).json(text)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A project whose rows hold the canaries in every place that a file has for them."""
    tmp_path = tmp_path_factory.mktemp("redaction")
    project = Project.create(tmp_path / "helpdesk")
    call = {"name": "mail", "arguments": {"to": EMAIL, "phone": 4791238876, "copies": 2}}
    tool = {"name": "mail", "description": f"Asks {EMAIL}", "parameters": {"type": "object"}}
    chats = [
        {
            "messages": [
                {"role": "system", "content": f"You work for {EMAIL}."},
                {"role": "user", "content": f"Write to {EMAIL}, phone {PHONE}."},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "a1", "type": "function", "function": call}],
                },
                {
                    "role": "tool",
                    "content": json.dumps({"sent": [EMAIL], "card": int(CARD)}),
                    "tool_call_id": "a1",
                },
                {
                    "role": "assistant",
                    "content": "Sent, call 0047 91238876 or 4539 1488 0343 6467.",
                },
            ],
            "tools": [{"type": "function", "function": tool}],
            "author": EMAIL,
            "about": {"phones": [PHONE]},
        },
        *({"messages": [{"role": "user", "content": f"Name {n}."}]} for n in ("a fish", "a tree")),
        {"messages": EMAIL},
    ]
    asks = ("a bird", "a boat", "an island")
    pairs = [
        {"prompt": f"Name {x}.", "chosen": f"{x}, ask Bo.", "rejected": f"{x}, ask {EMAIL}."}
        for x in asks
    ]
    plain = [
        {"instruction": f"Ask {x}.", "input": "", "output": f"By {EMAIL}", "card": int(CARD)}
        for x in asks
    ]
    plain.append({"instruction": f"Whom <b>{EMAIL}</b>?", "input": "", "output": "Nobody."})
    link = f"Ask <a href='mailto:{EMAIL}'>him</a>."
    plain.append({"instruction": link, "input": "", "output": "Whom?"})
    for name, rows in (("chats", chats), ("pairs", pairs), ("plain", plain)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        project.add(path)
    project.recipe += Step("strip_html")
    project.recipe += Step("redact_personal")
    return project


def contents_of(folder) -> str:
    """All that the files of a delivery hold, also inside of compressed tables."""
    texts = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        texts += [path.name, path.read_bytes().decode("utf-8", "replace")]
        if path.suffix == ".parquet":
            texts.append(str(pq.read_table(path).to_pylist()))
    return "\n".join(texts)


def test_no_file_of_a_delivery_holds_the_original(project, tmp_path):
    everything = list(delivery_formats())
    project.export(tmp_path / "out", formats=everything, also=("dropped", "atlas"))
    text = contents_of(tmp_path / "out")
    assert "<EMAIL_1>" in text and "<PHONE_1>" in text and "<CARD_1>" in text
    assert [canary for canary in CANARIES if canary in text] == []
    manifest = orjson.loads((tmp_path / "out" / "manifest.json").read_bytes())
    (step,) = [s for s in manifest["steps"] if s["use"] == "redact_personal"]
    counts = (
        "Replaced by placeholders: payment cards: 4 in 4 examples; "
        "e-mail addresses: 8 in 8 examples; phone numbers: 1 in 1 example."
    )
    assert step["notes"] == [counts]
    assert counts in (tmp_path / "out" / "README.md").read_text()


def test_the_original_stays_in_the_project(project):
    dataset = project.replay()
    (row,) = [i for i in dataset.rows.index if dataset.rows.at[i, "system"]]
    (event,) = [e for e in dataset.explain(row) if e.get("before")]
    assert EMAIL in event["before"] and "<EMAIL_1>" in event["after"]
    assert dataset.rows.at[row, "redacted"] == "email 1, card 1, phone 1"


def test_a_value_has_one_number_in_all_of_an_example(project):
    dataset = project.replay()
    (row,) = [i for i in dataset.rows.index if dataset.rows.at[i, "system"]]
    messages, rest = dataset.messages(row), dataset.rows.loc[row]
    assert messages[0].content == "You work for <EMAIL_1>."
    assert messages[1].content == "Write to <EMAIL_1>, phone <PHONE_1>."
    (call,) = messages[2].more["tool_calls"]
    assert call["function"]["arguments"] == {
        "to": "<EMAIL_1>",
        "phone": "<PHONE_1>",
        "copies": 2,
    }
    assert json.loads(messages[3].content) == {"sent": ["<EMAIL_1>"], "card": "<CARD_1>"}
    assert messages[4].content == "Sent, call <PHONE_1> or <CARD_1>."
    assert "Asks <EMAIL_1>" in rest["tools"]
    assert json.loads(rest["metadata"])["about"] == {"phones": ["<PHONE_1>"]}
    assert dataset.column("author")[row] == "<EMAIL_1>"


def test_a_second_pass_changes_nothing_and_numbers_in_the_text_are_not_used_again():
    once = redacted(json.dumps(["<EMAIL_3> wrote to liv@nordpost.dk and bo@nordpost.dk"]))
    assert once == '["<EMAIL_3> wrote to <EMAIL_4> and <EMAIL_5>"]'
    assert redacted(once) == once


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": "liv@nordpost.dk"}', '{"a": "<EMAIL_1>"}'),
        ('{ "liv@nordpost.dk" :1e3 }', '{ "<EMAIL_1>" :1e3 }'),
        ('["liv@nordpost.dk", "LIV@NORDPOST.DK"]', '["<EMAIL_1>", "<EMAIL_1>"]'),
        ('["Hello\\n+47 91238876"]', '["Hello\\n<PHONE_1>"]'),
        ('{"card": 4539148803436467}', '{"card": "<CARD_1>"}'),
        ('{"user_id": 4539148803436467}', '{"user_id": 4539148803436467}'),
        ('{"national_id": "11010519491231002X"}', '{"national_id": "<NATIONAL_ID_1>"}'),
        ('{"phone": "91 23 88 76"}', '{"phone": "<PHONE_1>"}'),
        ('{"sum": 91238876}', '{"sum": 91238876}'),
        ('["é \\"quoted\\" liv@nordpost.dk"]', '["é \\"quoted\\" <EMAIL_1>"]'),
        ('["{\\"to\\": \\"liv@nordpost.dk\\"}"]', '["{\\"to\\": \\"<EMAIL_1>\\"}"]'),
        ('["{not json liv@nordpost.dk"]', '["{not json <EMAIL_1>"]'),
        ('["data:text/plain,liv@nordpost.dk"]', '["data:text/plain,<EMAIL_1>"]'),
        ('["data: liv@nordpost.dk"]', '["data: <EMAIL_1>"]'),
        ('["data:a/b;base64,AA liv@nordpost.dk"]', '["data:a/b;base64,AA <EMAIL_1>"]'),
        (f'["data:a/b;base64,/{CARD}/"]', f'["data:a/b;base64,/{CARD}/"]'),
        ('{"phones": [{"id": "x"}, "91 23 88 76"]}', '{"phones": [{"id": "x"}, "<PHONE_1>"]}'),
        ('[{"id": 1}, [["+47 91238876"]]]', '[{"id": 1}, [["<PHONE_1>"]]]'),
        (
            json.dumps([json.dumps({"phone": "０９０－１２３４－８７６５"})]),
            json.dumps([json.dumps({"phone": "<PHONE_1>"})]),
        ),
    ],
)
def test_json_stays_valid_and_the_rest_as_it_is(before, after):
    assert redacted(before) == after
    json.loads(after)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("+1 212 791 2388, +1 312 791 2388, +47 91 23 88 76, +46 91238876", [1, 2, 3, 4]),
        ("call 91 23 88 76, +47 91 23 88 76, 0047 91238876, +46 91238876", [1, 1, 1, 2]),
        ("+1 503 867 2311 or (503) 867-2311 or (212) 867-2311", [1, 1, 2]),
        ("+44 20 7946 1958, call 020 7946 1958", [1, 1]),
        ("+49 30 61234567, +49 40 61234567, call 61 23 45 67", [1, 2, 3]),
    ],
)
def test_phones_have_one_number_where_one_spelling_lacks_only_the_country(text, numbers):
    redaction = Redaction(DEFAULT, [text])
    after = redaction.text(text)
    assert [int(n) for n in re.findall(r"<PHONE_(\d+)>", after)] == numbers
    assert redaction.counts == {"phone": max(numbers)}


def test_a_number_that_stays_is_not_counted():
    text = '{"phone": -4791238876, "mobile": 4791238876.5}'
    redaction = Redaction(DEFAULT, [text])
    assert redaction.json(text) == text and not redaction.counts


def test_only_the_named_kinds_are_replaced():
    rows = make_dataset([("Where?", f"{EMAIL} or {PHONE}, https://nordpost.dk/~liv")]).rows
    for kinds, answer in (
        (["phone"], f"{EMAIL} or <PHONE_1>, https://nordpost.dk/~liv"),
        (["email", "url"], f"<EMAIL_1> or {PHONE}, <URL_1>"),
    ):
        (messages,) = redact_personal(rows, kinds=kinds)["messages"]
        assert messages == dump_messages([Message("user", "Where?"), Message("assistant", answer)])


@pytest.mark.parametrize("kinds", [None, ["phone"]])
def test_edits_of_people_are_redacted_too_by_the_kinds_of_the_step(tmp_path, kinds):
    project = Project.create(tmp_path / "edited")
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "The offise?", "response": f"Ask {EMAIL}."}) + "\n")
    project.add(path)
    (row,) = project.replay().rows.index
    turns = [
        {"role": "user", "content": "The office?"},
        {"role": "assistant", "content": f"Ask {EMAIL} or {PHONE}."},
    ]
    project.decisions.append([Decision(row, "edit", turns, "Ann")])
    assert EMAIL in project.replay().rows.at[row, "messages"]
    project.recipe += Step("redact_personal", **({"kinds": kinds} if kinds else {}))
    project.run()
    project.export(tmp_path / "out", formats=["trl"], also=["dropped"])
    text = contents_of(tmp_path / "out")
    assert "The office?" in text and "912 38 876" not in text
    assert (EMAIL in text) == bool(kinds)
    (line,) = (tmp_path / "out" / "decisions.jsonl").read_text().splitlines()
    email = EMAIL if kinds else "<EMAIL_1>"
    assert json.loads(line)["value"][1]["content"] == f"Ask {email} or <PHONE_1>."
    assert f"Ask {email} or <PHONE_1>." in project.view().dataset.rows.at[row, "messages"]


def test_the_kinds_of_the_step_are_those_that_there_are():
    assert NAMES == tuple(KINDS)
