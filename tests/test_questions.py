"""The lead's questions: their settings, the answers that fit, guidelines, and what carries answers."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import orjson
import pandas as pd
import pytest

from curation import Project
from curation.dataset import ID
from curation.decisions import Decision
from curation.decisions.event import is_question_name
from curation.errors import CurationError
from curation.guidelines import (
    newest,
    note,
    read_guidelines,
    shown_guidelines,
    versions,
    write_guidelines,
)
from curation.looking.filter import Filter
from curation.overlay import with_decisions
from curation.questions import (
    Question,
    moved,
    name_from,
    put,
    read_questions,
    without,
    write_questions,
)
from curation.review import Review, read_review, write_review
from curation.ui.card.answers import write
from tests.test_card import answer, ask, place

ROWS = [{"prompt": f"What is {i} + {i}?", "completion": f"It is {2 * i}."} for i in range(6)]
TONE = Question("tone", "choice", "How does it sound?", ("warm", "cold"), required=True)
FAULTS = Question("faults", "choices", options=("long", "wrong", "rude"))
HELP = Question("help", "rating", lowest=1, highest=7, low="useless", high="splendid")
ALL = (
    TONE,
    FAULTS,
    HELP,
    Question("words", "text"),
    Question("better", "ranking"),
    Question("fit", "turns", options=("yes", "no")),
    Question("errors", "spans", options=("wrong", "odd")),
    Question("why", "choice", options=("spam", "lie"), when="drop"),
)


@pytest.fixture
def project(make_project) -> Project:
    return make_project(ROWS)


def about(question: str, value) -> dict:
    return {"question": question, "value": value}


# --- settings ---------------------------------------------------------------------------------


def test_what_is_written_is_read_in_its_order_and_nothing_else_changes(project):
    write_review(project.path, Review(overlap=2))
    odd = Question(
        "odd", "choice", 'He said "x" \\ [[questions]]\n[review]', ("a | b", "光 🌕", "#")
    )
    write_questions(project.path, [*ALL, odd])
    write_questions(project.path, [odd, *ALL])
    assert read_questions(project.path) == (odd, *ALL)
    assert read_review(project.path) == Review(overlap=2)
    write_questions(project.path, [])
    assert read_questions(project.path) == ()
    settings = tomllib.loads((project.path / "project.toml").read_text("utf-8"))
    assert "questions" not in settings and settings["review"]["overlap"] == 2


def test_questions_are_added_changed_moved_and_removed():
    colder = Question("tone", "choice", options=("cold",))
    assert put([TONE], HELP) == [TONE, HELP]
    assert put([TONE, HELP], colder, "tone") == [colder, HELP]
    assert moved([TONE, HELP, FAULTS], "faults", -1) == [TONE, FAULTS, HELP]
    assert moved([TONE, HELP, FAULTS], "tone", -1) == [TONE, HELP, FAULTS]
    assert moved([TONE, HELP, FAULTS], "tone", 5) == [HELP, FAULTS, TONE]
    assert without([TONE, HELP], "tone") == [HELP]
    for change in (lambda: moved([], "tone", 1), lambda: without([HELP], "tone")):
        with pytest.raises(CurationError, match="no question 'tone' any more"):
            change()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('name = "tone"', "question 1 needs a kind"),
        ('kind = "text"', "question 1 needs a name"),
        ('name = "two words"\nkind = "text"', "cannot be named 'two words'"),
        ('name = "label"\nkind = "text"', "verdict, label and rating are taken"),
        ('name = "x"\nkind = "sort"', "kind is one of choice, choices, rating"),
        ('name = "x"\nkind = "choice"', "options is a list of 1 to 9 texts"),
        ('name = "x"\nkind = "choice"\noptions = "a"', "options is a list of texts"),
        ('name = "x"\nkind = "choice"\noptions = ["a", "a"]', "options has each text once"),
        ('name = "x"\nkind = "choice"\noptions = ["a", " "]', "one line each"),
        ('name = "x"\nkind = "choices"\noptions = ["a, b"]', "no comma"),
        ('name = "x"\nkind = "rating"\noptions = ["a"]', "left out for the kind rating"),
        ('name = "x"\nkind = "rating"\nhighest = 10', "highest is a whole number from 1 to 9"),
        ('name = "x"\nkind = "rating"\nlowest = true', "lowest is a whole number"),
        ('name = "x"\nkind = "rating"\nlowest = 5', "highest is above lowest, which is 5"),
        ('name = "x"\nkind = "text"\nrequired = 1', "required is true or false"),
        ('name = "x"\nkind = "text"\ntitle = 1', "title is a text in quotes"),
        ('name = "x"\nkind = "ranking"\nwhen = "drop"', "when is always for the kind ranking"),
        ('name = "x"\nkind = "text"\nwhen = "keep"', "when is one of always, drop"),
        ('name = "x"\nkind = "text"\ncolour = 1', "question 1 has no setting 'colour'"),
        ('name = "x"\nkind = "text"\n[[questions]]\nname = "X"\nkind = "text"', "named 'x'"),
    ],
)
def test_a_setting_that_does_not_fit_is_a_sentence(project, text, sentence):
    settings = project.path / "project.toml"
    settings.write_text(f"{settings.read_text('utf-8')}\n[[questions]]\n{text}\n", "utf-8")
    with pytest.raises(CurationError) as refused:
        read_questions(project.path)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("text", ["questions = 3", "questions = [1]", "[questions]\nname = 'x'"])
def test_a_list_that_is_none_is_a_sentence(project, text):
    settings = project.path / "project.toml"
    before = settings.read_text("utf-8")
    settings.write_text(f"{text}\n{before}" if "[q" not in text else f"{before}\n{text}", "utf-8")
    with pytest.raises(CurationError, match=r"\[\[questions\]\]"):
        read_questions(project.path)


FITTING = {
    "tone": ["warm"],
    "faults": [[], ["long", "rude"]],
    "help": [1, 7],
    "words": ["", "naïve 光 🌕"],
    "better": ["preferred", "tie"],
    "fit": [{}, {"1": "yes", "3": "no"}],
    "errors": [[], [{"turn": 1, "start": 0, "end": 3, "option": "odd"}]],
    "why": ["spam"],
}
WRONG = {
    "tone": ["hot", ["warm"], 1],
    "faults": ["long", ["long", "long"], ["hot"], [1]],
    "help": [0, 8, 2.5, True, "3"],
    "words": [1, "x" * 5_001],
    "better": ["first", 1],
    "fit": [{"1": "maybe"}, {"x": "yes"}, ["yes"], {"-1": "yes"}],
    "errors": [
        "odd",
        [{"turn": 1, "start": 3, "end": 3, "option": "odd"}],
        [{"turn": 1, "start": -1, "end": 3, "option": "odd"}],
        [{"turn": 1, "start": 0, "end": 3, "option": "red"}],
        [{"turn": 1, "start": 0, "end": 3}],
        [{"turn": True, "start": 0, "end": 3, "option": "odd"}],
    ],
    "why": ["warm"],
}


def test_answers_that_fit_are_saved_and_others_are_refused(project):
    write_questions(project.path, ALL)
    example = project.examples.rows.index[0]
    for table, saved in ((FITTING, True), (WRONG, False)):
        for name, values in table.items():
            for value in values:
                sent = answer(example, "answer", about(name, value), op=f"{name}-{value!r}")
                response = write(project, [sent])
                assert bool(response.saved) is saved, (name, value)
                assert bool(response.refused) is not saved
    answers = project.people().answers[example]
    assert {name: e.value["value"] for name, e in answers.items()} == {
        name: values[-1] for name, values in FITTING.items()
    }


def test_an_answer_to_a_removed_question_is_kept_and_a_wrong_file_of_settings_loses_none(project):
    ids = list(project.examples.rows.index)
    sent = [answer(ids[0], "answer", about("gone", "x"), op="gone")]
    assert write(project, sent).saved == ["gone"]
    settings = project.path / "project.toml"
    before = settings.read_text("utf-8")
    settings.write_text(f"{before}\n[[questions]]\nname = 'x'\n", "utf-8")
    response = ask(place(project), answers=[answer(ids[1], "answer", about("x", "y"), op="x")])
    assert "needs a kind" in response["trouble"] and not response["saved"]
    assert not response["refused"], "it is sent again when the file is mended"
    settings.write_text(before, "utf-8")
    assert ask(place(project), answers=[answer(ids[1], "answer", about("x", "y"), op="x")])["saved"]


def test_a_drop_and_its_answers_are_one_act(project):
    write_questions(project.path, ALL)
    example = project.examples.rows.index[0]
    sent = answer(example, "drop", answers={"why": "spam"}, reason="an advertisement", op="d")
    assert write(project, [sent]).saved == ["d"]
    assert write(project, [sent]).saved == ["d"]
    assert [e.kind for e in project.decisions.events()] == ["drop", "note", "answer"]
    assert project.people().answers[example]["why"].value["value"] == "spam"
    project.decisions.undo("Ann")
    assert project.people().answers == {} and project.people().verdicts == {}
    wrong = answer(example, "drop", answers={"why": "so"}, op="w")
    assert write(project, [wrong]).refused.keys() == {"w"}


def test_a_question_named_reason_and_a_typed_reason_are_both_kept(project):
    write_questions(project.path, [Question("reason", "text", when="drop")])
    example = project.examples.rows.index[0]
    sent = answer(example, "drop", answers={"reason": "an answer"}, reason="a reason", op="d")
    assert write(project, [sent]).saved == ["d"]
    people = project.people()
    assert people.answers[example]["reason"].value["value"] == "an answer"
    assert people.reason(people.verdicts[example]) == "a reason"


def test_a_card_holds_the_persons_own_answers_only(project):
    write_questions(project.path, ALL)
    example = project.examples.rows.index[0]
    for who, value in (("Ann", "warm"), ("Bob", "cold")):
        write(project, [answer(example, "answer", about("tone", value), by=who, op=who)])
    for who, value in (("Ann", {"tone": "warm"}), ("Bob", {"tone": "cold"}), ("Eve", {})):
        response = ask(place(project, who), at=example)
        (card,) = [c for c in response["cards"] if c["id"] == example]
        assert card["answers"] == value
    write_questions(project.path, [Question("tone", "spans", options=("warm",))])
    (card,) = [c for c in ask(place(project), at=example)["cards"] if c["id"] == example]
    assert card["answers"] == {}, "an answer to what the question was before"
    assert [q["name"] for q in response["questions"]] == [q.name for q in ALL]
    assert response["questions"][0]["title"] == "How does it sound?"
    assert response["questions"][1]["title"] == "faults"


# --- guidelines -------------------------------------------------------------------------------


def test_each_version_of_the_guidelines_is_in_the_log_in_its_order(project):
    example = project.examples.rows.index[0]
    assert ask(place(project))["guidelines"] == {"mark": "", "text": ""}
    assert project.last_decision() == 0, "without guidelines nothing is written"
    write_guidelines(project.path, project.decisions, "  Be kind.\n", "Ada")
    write(project, [answer(example)])
    (project.path / "guidelines.md").write_text("Be strict 光.", "utf-8")
    first = ask(place(project))
    assert first["guidelines"]["text"] == "Be strict 光."
    again = ask(place(project), guidelines=first["guidelines"]["mark"])
    assert "text" not in again["guidelines"], "it is sent once"
    assert [(e.kind, e.annotator) for e in project.decisions.events()] == [
        ("guideline", "Ada"),
        ("keep", "Ann"),
        ("guideline", ""),
    ]
    assert [version.who for version in versions(project.decisions)] == ["Ada", ""]
    assert newest(project.people(2)) == "Be kind." and newest(project.people()) == "Be strict 光."
    assert ask(place(project))["undo"]["kind"] == "keep"
    note(project.decisions, "Be strict 光.", "Eve")
    assert len(versions(project.decisions)) == 2


def test_the_same_text_again_later_is_a_version_of_its_own(project):
    for text in ("a", "b", "a", "a"):
        write_guidelines(project.path, project.decisions, text, "Ada")
    assert len(versions(project.decisions)) == 3
    write_guidelines(project.path, project.decisions, "", "Ada")
    assert newest(project.people()) == "" and ask(place(project))["guidelines"]["mark"] == ""


def test_a_file_that_was_changed_elsewhere_is_a_version_before_a_save_takes_its_place(project):
    write_guidelines(project.path, project.decisions, "a", "Ada")
    (project.path / "guidelines.md").write_text("b", "utf-8")
    write_guidelines(project.path, project.decisions, "c", "Ada")
    texts = [(e.value, e.annotator) for e in project.decisions.events()]
    assert texts == [("a", "Ada"), ("b", ""), ("c", "Ada")]


def test_two_folders_of_one_log_show_its_newest_guidelines(project, tmp_path):
    """Two folders share a log where both name one database."""
    store, folders = project.decisions, [tmp_path / name for name in ("one", "two", "none")]

    def shown() -> list[str]:
        return [shown_guidelines(folder, store, store.state()) for folder in folders]

    for folder in folders:
        folder.mkdir()
    for name in ("one", "two"):
        (tmp_path / name / "guidelines.md").write_text(name, "utf-8")
    assert shown() == ["one", "two", "two"]
    assert shown() == shown() == ["two", "two", "two"]
    write_guidelines(folders[0], store, "one", "Ada")
    assert shown() == ["one", "one", "one"]
    (folders[1] / "guidelines.md").write_text("three", "utf-8")
    assert shown() == ["one", "three", "three"]
    (folders[1] / "guidelines.md").unlink()
    assert shown() == ["three", "", ""]
    assert [version.who for version in versions(store)] == ["", "", "Ada", "", ""]


def test_guidelines_that_cannot_be_shown_are_a_sentence(project):
    path = project.path / "guidelines.md"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CurationError, match="cannot be read as text"):
        read_guidelines(project.path)
    path.write_text("x" * 100_001)
    with pytest.raises(CurationError, match="at most 100,000"):
        read_guidelines(project.path)
    with pytest.raises(CurationError, match="at most 100,000"):
        write_guidelines(project.path, project.decisions, "x" * 100_001, "Ada")
    assert "at most 100,000" in ask(place(project))["trouble"]


# --- columns and deliveries -------------------------------------------------------------------


@pytest.fixture
def answered(project) -> Project:
    ids = list(project.examples.rows.index)
    answers = [(0, "tone", "warm"), (1, "tone", "cold"), (0, "help", 4), (1, "help", 2)]
    answers += [(0, "faults", ["rude", "long"]), (2, "faults", [])]
    project.decisions.append(
        [Decision(ids[i], "answer", about(q, v), "Ann") for i, q, v in answers]
    )
    return project


def test_answers_are_columns_that_filters_know(answered):
    dataset = with_decisions(answered.view().dataset, answered.people())
    ids = list(dataset.rows.index)

    def ids_of(text: str) -> list[str]:
        return list(dataset.rows.index[Filter.parse([text], "").checked(dataset)])

    assert ids_of("answers.tone=warm") == [ids[0]]
    assert ids_of("answers.tone=missing") == ids[2:]
    assert ids_of("answers.help>=3") == [ids[0]]
    assert ids_of("answers.faults=long") == [ids[0]]
    assert ids_of("answers.faults!=long") == ids[1:]
    with pytest.raises(CurationError, match=r"hot.*cold"):
        ids_of("answers.tone=hot")
    assert pd.isna(dataset.rows.at[ids[2], "answers.help"])


def test_deliveries_carry_answers(answered, tmp_path: Path):
    ids = list(answered.examples.rows.index)
    answered.export(tmp_path / "out", formats=["original", "hf", "csv"])
    whole = {"faults": ["rude", "long"], "help": 4, "tone": "warm"}
    (original,) = (tmp_path / "out").rglob("original/*.jsonl")
    lines = [orjson.loads(line) for line in original.read_bytes().splitlines()]
    assert orjson.loads(lines[0]["curation_answers"]) == whole
    assert "curation_answers" not in lines[5]
    (table,) = (tmp_path / "out").rglob("csv/*.csv")
    with open(table, encoding="utf-8-sig", newline="") as stream:
        rows = {row[ID]: row for row in csv.DictReader(stream)}
    assert orjson.loads(rows[ids[0]]["curation_answers"]) == whole
    (parquet,) = (tmp_path / "out").rglob("data/*.parquet")
    frame = pd.read_parquet(parquet).set_index(ID)
    assert orjson.loads(frame.at[ids[1], "curation_answers"]) == {"help": 2, "tone": "cold"}
    manifest = orjson.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert manifest["decisions"]["delivered_with"]["answers"] == 3


def test_a_file_of_answers_is_checked_and_an_own_copy_of_the_log_is_not(project, tmp_path):
    from curation.cli.people import of_file

    write_questions(project.path, ALL)
    example, file = project.examples.rows.index[0], tmp_path / "answers.jsonl"

    def read(*lines: dict):
        file.write_bytes(b"\n".join(orjson.dumps(line) for line in lines))
        return of_file(project, file, "Zoe")[0]

    def line(kind: str, question: str, value, **more) -> dict:
        return {"id": example, "kind": kind, "value": about(question, value), **more}

    fitting = [line("answer", "tone", "warm"), line("settle", "help", 7), line("answer", "old", 1)]
    assert len(read(*fitting)) == 3
    for wrong in (line("answer", "tone", "wram"), line("answer", "help", 9)):
        with pytest.raises(CurationError, match="line 2: .* is no answer to the question"):
            read(fitting[0], wrong)
    with pytest.raises(CurationError, match="line 1: .* is no answer"):
        read(line("settle", "tone", "wram"))
    assert len(read(line("answer", "tone", "wram", op_id="printed"))) == 1


@pytest.mark.parametrize(
    "words, taken, name",
    [
        ("Is it safe?", (), "is_it_safe"),
        ("  Größe & Café — 2 ", (), "grosse_cafe_2"),
        ("3 of 4: right?", (), "of_4_right"),
        ("安全？", (), "question"),
        ("42", ["Question"], "question_2"),
        ("Verdict", (), "verdict_2"),
        ("Safe", ["SAFE", "safe_2"], "safe_3"),
        ("a" * 60, (), "a" * 40),
        ("a" * 60, ["a" * 40], "a" * 38 + "_2"),
        ("b" * 39 + " c", (), "b" * 39),
    ],
)
def test_a_name_is_made_from_words(words, taken, name):
    assert name_from(words, taken) == name and is_question_name(name)
