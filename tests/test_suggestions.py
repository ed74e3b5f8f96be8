"""Suggestions: where they come from, which a card shows, and what is written beside an answer."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import Project
from curation.decisions import Decision
from curation.decisions.receipt import decision_lines
from curation.decisions.suggested import beside_answer, is_accepted
from curation.errors import CurationError
from curation.interchange import preview, table_of
from curation.looking.events import Reader, Search
from curation.looking.orders import Order
from curation.questions import Question, write_questions
from curation.report import StepReport
from curation.review import change_review, read_review
from curation.suggestions import Suggestion, Suggestions, Table, content_of, store
from curation.suggestions.making import (
    LEARNED,
    answered,
    of_answers,
    of_column,
    of_records,
    records_of,
)
from curation.suggestions.store import SCHEMA
from tests.test_card import QUESTIONS, answer, ask, place
from tests.test_cli import run
from tests.test_review import curate

TONE = Question("tone", "choice", options=("warm", "cold"))
FAULTS = Question("faults", "choices", options=("long", "wrong"))
HELP = Question("help", "rating")
LEAD = {question.name: question for question in (TONE, FAULTS, HELP)}


@pytest.fixture
def project(make_project) -> Project:
    """Sixty small questions, three questions of a lead's, and nothing held back."""
    project = make_project(QUESTIONS)
    write_questions(project.path, list(LEAD.values()))
    change_review(project.path, held_back=0.0)
    return project


def ids_of(project: Project) -> list[str]:
    return [str(i) for i in project.examples.rows.index]


def suggestion(project: Project, example: str, question: str, value, **more) -> Suggestion:
    row = project.examples.rows.loc[example]
    fields = {"source": "m", "score": 0.9, "content": content_of(row["messages"], row["rejected"])}
    return Suggestion(example, question, value, **{**fields, **more})


def save(project: Project, *rows: Suggestion) -> None:
    Suggestions(project.path).put(rows)


def card(project: Project, example: str, who: str = "Ann") -> dict:
    cards = ask(place(project, who), queue="everything", at=example, page=who)["cards"]
    return next(one for one in cards if one["id"] == example)


def press(project: Project, shown: dict, kind: str, value=None, who: str = "Ann", **more) -> None:
    """Answer about a card as its page does, with what was painted."""
    sent = answer(shown["id"], kind, value, by=who, op=f"{who}{project.last_decision()}", **more)
    sent |= {"content": shown.get("content", ""), "kept": shown["fate"]["kept"]}
    sent |= {"suggested": shown["suggestions"]}
    reply = ask(place(project, who), answers=[sent])
    assert reply["saved"] == [sent["op"]] and not reply["trouble"], reply


def beside(project: Project) -> list[tuple]:
    """The suggestions beside answers in the log: question, value and whether it was shown."""
    events = [e for e in project.decisions.events() if e.kind == "suggested"]
    return [(e.value["question"], e.value["value"], e.value["shown"]) for e in events]


# --- the file -------------------------------------------------------------------------------


def test_what_is_saved_is_read_and_a_source_takes_the_place_of_its_own_former_one(project):
    one, two, *_ = ids_of(project)
    kept = Suggestions(project.path)
    values = [
        ("tone", "warm"),
        ("faults", ["long"]),
        ("help", 4),
        ("verdict", "drop"),
        ("rating", 2.5),
    ]
    rows = [suggestion(project, one, question, value) for question, value in values]
    rows.append(suggestion(project, two, "label", "süß\u2028", source="n", score=None))
    assert kept.table().rows == ()
    assert kept.put(rows) == 6 and list(kept.table().rows) == rows
    other = replace(rows[0], example=two, value="cold")
    assert kept.put([other]) == 1
    assert list(kept.table().rows) == [*rows[1:], other], "only of that question"
    assert kept.remove("m") == 5 and [r.source for r in kept.table().rows] == ["n"]
    with pytest.raises(CurationError, match="There is no source 'm' of suggestions; there are: n."):
        kept.remove("m")


def test_where_somebody_answered_the_former_suggestion_stays(project):
    one, two, *_ = ids_of(project)
    first = [suggestion(project, i, "tone", "warm") for i in (one, two)]
    save(project, *first)
    press(project, card(project, one), "answer", {"question": "tone", "value": "cold"})
    fresh = [replace(row, value="cold") for row in first]
    Suggestions(project.path).put(fresh, answered(project.people()))
    assert {row.example: row.value for row in Suggestions(project.path).table().rows} == {
        one: "warm",
        two: "cold",
    }


def test_a_damaged_file_is_a_sentence_and_cards_come_without_suggestions(project):
    save(project, suggestion(project, ids_of(project)[0], "tone", "warm"))
    Suggestions(project.path).path.write_bytes(b"PAR1 no more")
    with pytest.raises(CurationError, match="holds no suggestions that can be read"):
        Suggestions(project.path).table()
    reply = ask(place(project))
    assert reply["cards"] and not reply["trouble"]
    assert "Delete it, or make them anew" in reply["remark"]
    assert all(one["suggestions"] == [] for one in reply["cards"])


def test_a_file_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(project, monkeypatch):
    """A value that many rows share takes no room in the file; written out, these would be 400 GB."""
    text, number = orjson.dumps("x" * 1_000_000).decode(), 400_000
    names = ("example", "question", "source", "content")
    value = pa.DictionaryArray.from_arrays(pa.array([0] * number, pa.int32()), pa.array([text]))
    columns = {name: pa.array(["tone"] * number) for name in names} | {"value": value}
    bomb = pa.table(columns | {"score": pa.array([0.5] * number)})
    path = Suggestions(project.path).path
    pq.write_table(bomb.select(SCHEMA.names), path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(CurationError, match=r"unpacks to more than 256 MB. Delete it"):
        Suggestions(project.path).table()
    with pytest.raises(CurationError, match="unpacks to more than"):
        records_of(path.read_bytes(), ".parquet")
    path.unlink()
    monkeypatch.setattr(store, "MOST", 1_000)
    rows = [suggestion(project, i, "tone", "warm") for i in ids_of(project)]
    save(project, *rows[:5])
    with pytest.raises(CurationError, match="Remove a source, or suggest fewer"):
        save(project, *rows)
    assert len(Suggestions(project.path).table()) == 5, "what is saved can be read"


def test_a_parquet_table_may_have_lists_and_several_groups_of_rows(project):
    one, two, *_ = ids_of(project)
    lines = [(one, "faults", ["long", "wrong"]), (two, "faults", ["wrong"])] * 40
    frame = pd.DataFrame(lines, columns=["id", "question", "value"])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame), sink, row_group_size=7)
    records = records_of(sink.getvalue().to_pybytes(), ".parquet")
    rows = of_records(records, project.view().dataset, LEAD, "s").rows
    assert [(r.example, r.question, r.value) for r in rows] == lines


@pytest.mark.parametrize("held_back", [0.0, 1.0])
@pytest.mark.parametrize(
    "change", [{"source": None}, {"score": float("nan")}, {"value": "a\ud800"}]
)
def test_a_suggestion_that_cannot_be_written_down_costs_no_answer(project, change, held_back):
    """A file of somebody else may hold one; the person answers as if it were not there."""
    one, *_ = ids_of(project)
    change_review(project.path, held_back=held_back)
    sound = suggestion(project, one, "tone", "warm")
    broken = replace(suggestion(project, one, "label", "sport"), **change)
    with suppress(CurationError, orjson.JSONEncodeError):
        save(project, sound, broken)
    shown = card(project, one)
    press(project, shown, "label", "art")
    sent = answer(one, "label", "tea", by="Bob", op="o") | {"content": shown.get("content", "")}
    painted = {"question": "label", "value": "sport", "source": "m", "score": 1} | change
    reply = ask(place(project, "Bob"), answers=[sent | {"suggested": [painted, 7, {}]}])
    assert reply["saved"] == ["o"] and not reply["refused"]
    assert len(project.people().opinions[one]) == 2


# --- where they come from -------------------------------------------------------------------


def test_a_table_is_read_by_id_or_text_and_what_does_not_fit_is_left_out(project):
    one, two, *_ = ids_of(project)
    lines = [
        {"id": one, "question": "answers.tone", "value": "warm", "score": "0.5", "source": "m1"},
        {"prompt": "What is 1 + 1?", "response": "It is 2.", "question": "help", "value": "4"},
        {"id": one, "question": "faults", "value": "long"},
        {"id": one, "question": "tone", "value": "loud"},
        {"id": "gone", "question": "tone", "value": "warm"},
        {"id": two, "value": "keep"},
    ]
    content = b"\n".join(map(orjson.dumps, lines))
    records = records_of(content, ".jsonl", question="verdict")
    result = of_records(records, project.view().dataset, LEAD, "file")
    assert [(r.example, r.question, r.value, r.source, r.score) for r in result.rows] == [
        (one, "tone", "warm", "m1", 0.5),
        (two, "help", 4, "file", None),
        (one, "faults", ["long"], "file", None),
        (two, "verdict", "keep", "file", None),
    ]
    assert (result.unknown, result.unfit) == (1, 1)
    assert result.sentences()[0] == "4 suggestions on 2 examples by m1, file."
    with pytest.raises(CurationError, match="needs the columns id, question and value"):
        records_of(orjson.dumps({"id": one, "value": 1}), ".jsonl")
    with pytest.raises(CurationError, match="no file of a table of suggestions"):
        records_of(b"{", ".jsonl")


def test_a_csv_and_a_parquet_table_say_the_same(project, tmp_path):
    frame = pd.DataFrame(
        {"id": ids_of(project)[:2], "question": "help", "value": ["3", "5"], "score": [0.1, 0.2]}
    )
    frame.to_parquet(tmp_path / "s.parquet")
    dataset = project.view().dataset
    both = [
        of_records(records_of(content, suffix), dataset, LEAD, "s").rows
        for content, suffix in (
            (frame.to_csv(index=False).encode(), ".csv"),
            ((tmp_path / "s.parquet").read_bytes(), ".parquet"),
        )
    ]
    assert both[0] == both[1] and [r.value for r in both[0]] == [3, 5]


def test_argilla_and_label_studio_bring_their_suggestions_and_no_decisions(project):
    one, two, *_ = ids_of(project)
    suggestions = {
        "answers.tone": {"value": "warm", "score": 0.8, "agent": "zephyr"},
        "faults": {"value": ["long", "wrong"], "score": [0.9, 0.3], "agent": "zephyr"},
        "label": {"value": None, "score": None, "agent": None},
    }
    record = {"fields": {}, "metadata": {"curation_id": one}, "suggestions": suggestions}
    older = {"question_name": "help", "value": 2, "score": 0.4, "agent": "old"}
    argilla = orjson.dumps([record, {**record, "suggestions": [older]}])
    results = [
        {"from_name": "answers.tone", "type": "choices", "value": {"choices": ["cold"]}},
        {"from_name": "verdict", "type": "choices", "value": {"choices": ["drop"]}},
        {"from_name": "box", "type": "rectanglelabels", "value": {"x": 1}},
    ]
    task = {
        "data": {"curation_id": two},
        "predictions": [{"model_version": "v3", "score": 0.7, "result": results}],
    }
    files = {"argilla": argilla, "label-studio": orjson.dumps([task])}
    dataset, rows = project.view().dataset, []
    for name, content in files.items():
        rows += of_records(records_of(content, ".json", name), dataset, LEAD, "x").rows
        people = project.decisions.state()
        assert preview(content, dataset.rows, people, "Ann", name).decisions == []
    assert [(r.example, r.question, r.value, r.source, r.score) for r in rows] == [
        (one, "tone", "warm", "zephyr", 0.8),
        (one, "faults", ["long", "wrong"], "zephyr", 0.3),
        (one, "help", 2, "old", 0.4),
        (two, "tone", "cold", "v3", 0.7),
        (two, "verdict", "drop", "v3", 0.7),
    ]


def test_a_column_suggests_where_it_has_a_value(project):
    dataset = project.view().dataset
    rows = dataset.rows.assign(guess=None, sure=np.linspace(0, 1, 60))
    rows.iloc[3, rows.columns.get_loc("guess")] = "warm"
    rows.iloc[5, rows.columns.get_loc("guess")] = "loud"
    dataset = dataset.replace(rows=rows)
    result = of_column(dataset, "guess", "tone", LEAD, score="sure", source="s")
    assert [(r.example, r.value, r.source) for r in result.rows] == [(rows.index[3], "warm", "s")]
    assert result.rows[0].score == pytest.approx(3 / 59) and result.unfit == 1
    assert of_column(dataset, "guess", "label", {}, rows=np.arange(60) > 4).rows[0].value == "loud"
    with pytest.raises(CurationError, match="no column 'nothing'"):
        of_column(dataset, "nothing", "tone", LEAD)


def test_the_light_model_suggests_only_what_nobody_answered(project):
    dataset = project.view().dataset
    axes = np.eye(2, 8, dtype=np.float32)
    vectors = axes[np.arange(60) % 2] + 0.01 * np.arange(60, dtype=np.float32)[:, None] / 60
    embed = StepReport("embed", "embed", "Embed", "embed", {}, "f", True)
    dataset = dataset.replace(vectors=vectors, steps=(embed,))
    with pytest.raises(
        CurationError, match="needs 10 answers to tone, of two kinds or more; there are 0"
    ):
        of_answers(dataset, None, "tone", LEAD)
    with pytest.raises(CurationError, match="learns verdict, label and questions with one option"):
        of_answers(dataset, None, "faults", LEAD)
    ids = ids_of(project)
    project.decisions.append(
        Decision(i, "answer", {"question": name, "value": value}, "Ann")
        for n, i in enumerate(ids[:12])
        for name, value in (("tone", ("warm", "cold")[n % 2]), ("help", 1 + 4 * (n % 2)))
    )
    result = of_answers(dataset, project.people(), "tone", LEAD)
    assert [r.example for r in result.rows] == ids[12:]
    assert [r.value for r in result.rows] == ["warm", "cold"] * 24
    assert {r.source for r in result.rows} == {LEARNED}
    assert all(0.5 < r.score <= 1 for r in result.rows)
    assert result.remark.startswith("It has learned from 10 answers.")
    helpful = of_answers(dataset, project.people(), "help", LEAD)
    assert [r.value for r in helpful.rows] == [1, 5] * 24


# --- on the card ----------------------------------------------------------------------------


def test_a_card_shows_what_fits_its_text_and_its_questions_now(project):
    one, two, three, *_ = ids_of(project)
    save(
        project,
        suggestion(project, one, "tone", "warm", source="first"),
        suggestion(project, one, "tone", "cold", source="second"),
        suggestion(project, one, "verdict", "drop", source="second", score=None),
        suggestion(project, two, "tone", "warm", content="0" * 16),
        suggestion(project, three, "faults", ["long"]),
    )
    assert card(project, one)["suggestions"] == [
        {"question": "tone", "value": "cold", "source": "second", "score": 0.9},
        {"question": "verdict", "value": "drop", "source": "second", "score": None},
    ]
    assert card(project, two)["suggestions"] == [], "of a former text"
    assert len(card(project, three)["suggestions"]) == 1
    write_questions(project.path, [TONE])
    assert card(project, three)["suggestions"] == [], "a question that is not asked any more"
    turns = orjson.loads(project.examples.rows.loc[one, "messages"])
    turns[1]["content"] = "It is something else."
    project.decisions.append([Decision(one, "edit", turns, "Bob")])
    assert card(project, one)["suggestions"] == [], "an edited text"


def test_what_was_shown_stands_beside_the_answer_and_goes_with_it(project):
    one, two, three, *_ = ids_of(project)
    save(
        project,
        *(
            suggestion(project, i, q, v)
            for i in (one, two)
            for q, v in (("tone", "warm"), ("verdict", "keep"))
        ),
    )
    press(project, card(project, one), "keep", answers={"tone": "warm"})
    press(project, card(project, two), "answer", {"question": "tone", "value": "cold"})
    press(project, card(project, three), "keep")
    assert beside(project) == [
        ("verdict", "keep", True),
        ("tone", "warm", True),
        ("tone", "warm", True),
    ]
    people = project.people()
    accepted = {
        (e.example_id, e.kind): is_accepted(e, noted)
        for events in people.opinions.values()
        for e in events
        if (noted := beside_answer(people, e))
    }
    assert accepted == {(one, "keep"): True, (one, "answer"): True, (two, "answer"): False}
    texts = [line["text"] for line in decision_lines(project.decisions, people, one)]
    assert texts == ["suggested by m, accepted", "tone: warm, suggested by m, accepted"]
    (line,) = decision_lines(project.decisions, people, two)
    assert line["text"] == "tone: cold, suggested by m: warm, changed"
    table = table_of(people, project.examples.rows).set_index("id")["suggested"]
    assert table[one] == "verdict: suggested by m, accepted; tone: suggested by m, accepted"
    assert table[two] == "tone: suggested by m: warm, changed" and table[three] == ""
    batch = next(e.batch for e in project.decisions.events() if e.example_id == one)
    project.decisions.undo("Ann", batch=batch)
    assert one not in project.people().suggested and two in project.people().suggested
    assert len(card(project, one)["suggestions"]) == 2, "it is shown again"
    project.decisions.redo("Ann", batch=batch)
    assert one in project.people().suggested


def test_who_answered_is_shown_no_more_and_a_change_of_mind_keeps_what_was_suggested(project):
    one, *_ = ids_of(project)
    save(project, suggestion(project, one, "tone", "warm"))
    press(project, card(project, one), "answer", {"question": "tone", "value": "warm"})
    assert card(project, one)["suggestions"] == []
    assert len(card(project, one, "Bob")["suggestions"]) == 1
    Suggestions(project.path).remove("m")
    press(project, card(project, one), "answer", {"question": "tone", "value": "cold"})
    assert beside(project) == [("tone", "warm", True)] * 2
    (event,) = project.people().opinions[one]
    assert not is_accepted(event, beside_answer(project.people(), event))


def test_a_held_back_suggestion_never_leaves_the_server_and_is_written_beside_the_answer(project):
    change_review(project.path, held_back=0.5)
    save(
        project, *(suggestion(project, i, "tone", "warm", source="secret") for i in ids_of(project))
    )
    review = read_review(project.path)
    hidden = [i for i in ids_of(project) if review.is_held_back(i)]
    shown = [i for i in ids_of(project) if not review.is_held_back(i)]
    assert hidden and shown
    for who in ("Ann", "Bob"):
        for example in hidden:
            assert "secret" not in json.dumps(card(project, example, who))
    assert all(card(project, i)["suggestions"] for i in shown)
    press(project, card(project, hidden[0]), "answer", {"question": "tone", "value": "cold"})
    press(project, card(project, hidden[0]), "keep")
    press(project, card(project, hidden[0]), "answer", {"question": "tone", "value": "warm"})
    assert beside(project) == [("tone", "warm", False)] * 2
    (line, *_) = decision_lines(project.decisions, project.people(), hidden[0])
    assert line["text"].startswith("tone: cold") and "secret" not in line["text"]
    shown_card = card(project, hidden[1])
    save(project, suggestion(project, hidden[1], "tone", "warm", source="secret", content="0" * 16))
    press(project, shown_card, "answer", {"question": "tone", "value": "cold"})
    assert len(beside(project)) == 2, "a suggestion about another text is none"


def test_a_suggestion_that_came_after_the_card_was_painted_stands_beside_no_answer(project):
    one, *_ = ids_of(project)
    shown = card(project, one)
    save(project, suggestion(project, one, "tone", "warm"))
    content = card(project, one)["content"]
    press(project, {**shown, "content": content}, "answer", {"question": "tone", "value": "cold"})
    assert beside(project) == []


@pytest.mark.parametrize("verdict, counted", [("drop", True), ("keep", False), (None, False)])
def test_a_hidden_suggestion_counts_where_the_card_would_have_painted_it(project, verdict, counted):
    """A card paints an answer about a drop beside a drop only; else the two arms would hold other answers."""
    why = Question("why", "choice", options=("long", "wrong"), when="drop")
    write_questions(project.path, [why])
    change_review(project.path, held_back=1.0)
    one, *_ = ids_of(project)
    verdicts = [suggestion(project, one, "verdict", verdict)] if verdict else []
    save(project, suggestion(project, one, "why", "long"), *verdicts)
    shown = card(project, one)
    assert shown["fate"]["kept"] and shown["suggestions"] == []
    press(project, shown, "drop", answers={"why": "wrong"})
    expected = [("verdict", verdict, False)] if verdict else []
    assert beside(project) == [*expected, *([("why", "long", False)] if counted else [])]


def test_an_answer_sent_twice_writes_its_suggestion_once(project):
    one, *_ = ids_of(project)
    save(project, suggestion(project, one, "verdict", "keep"))
    shown = card(project, one)
    sent = answer(one, "keep", suggested=shown["suggestions"], content=shown["content"])
    for _ in range(2):
        assert ask(place(project), answers=[sent])["saved"] == [sent["op"]]
    assert [e.kind for e in project.decisions.events()] == ["keep", "suggested"]
    assert project.people().last == 2


def test_a_label_and_a_rating_come_along_with_a_verdict(project):
    one, *_ = ids_of(project)
    rows = [("verdict", "drop"), ("label", "sums"), ("rating", 2)]
    save(project, *(suggestion(project, one, q, v) for q, v in rows))
    press(project, card(project, one), "drop", answers={"label": "sums", "rating": 2})
    people = project.people()
    assert (people.labels[one].value, people.ratings[one].value) == ("sums", 2)
    assert beside(project) == [(q, v, True) for q, v in rows]


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"question": "tone", "value": "warm", "source": "m", "score": 0.5},
        {"question": "a b", "value": "warm", "source": "m", "score": 0.5, "shown": True},
        {"question": "tone", "value": "warm", "source": 3, "score": 0.5, "shown": True},
        {"question": "tone", "value": "warm", "source": "m", "score": "x", "shown": True},
        {"question": "tone", "value": "warm", "source": "m", "score": 0.5, "shown": 1},
    ],
)
def test_a_suggestion_of_another_form_is_no_event(value):
    with pytest.raises(CurationError):
        Decision("e", "suggested", value, op_id="x:suggested").check()


# --- the order ------------------------------------------------------------------------------


def test_the_order_by_suggestions_takes_the_least_sure_answer_of_an_example(project):
    ids = ids_of(project)
    rows = [
        ("tone", ids[0], 0.9),
        ("help", ids[0], 0.2),
        ("tone", ids[1], 0.5),
        ("tone", ids[2], None),
    ]
    table = Table(suggestion(project, i, q, "warm", score=s) for q, i, s in rows)
    dataset, places = project.view().dataset, np.arange(5)
    assert Order.parse("suggested").arranged(dataset, places, None, table).positions.tolist() == [
        1,
        0,
        2,
        3,
        4,
    ]
    unsure = Order.parse("suggested:unsure")
    assert unsure.arranged(dataset, places, None, table).positions.tolist() == [0, 1, 2, 3, 4]
    assert unsure.arranged(dataset, places[::-1], None).positions.tolist() == [4, 3, 2, 1, 0]
    assert str(unsure) == "suggested:unsure" and str(Order.parse("suggested")) == "suggested"
    with pytest.raises(CurationError, match="is no order"):
        Order.parse("suggested:sure")


def test_a_saved_queue_follows_suggestions_that_were_made_anew(project):
    ids = ids_of(project)
    curate("queue", project.path, "sure", "--save", "--order", "suggested")
    for first, second in ((3, 7), (7, 3)):
        save(
            project,
            suggestion(project, ids[first], "tone", "warm", score=0.9),
            suggestion(project, ids[second], "tone", "warm", score=0.6),
        )
        expected = [ids[first], ids[second]]
        assert curate("queue", project.path, "sure").split("\n")[:2] == expected
        reply = ask(place(project), queue="sure")
        assert reply["order"][:2] == expected


# --- the command ----------------------------------------------------------------------------


def test_the_command_saves_lists_what_was_left_out_and_removes(project, tmp_path):
    one, two, *_ = ids_of(project)
    lines = [
        {"id": one, "value": "warm"},
        {"id": two, "value": "loud"},
        {"id": "x", "value": "warm"},
    ]
    (tmp_path / "judge.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    text = curate("suggest", project.path, "--from", tmp_path / "judge.jsonl", "--question", "tone")
    assert text.split("\n") == [
        "1 suggestions on 1 examples by judge.",
        "Left out, because they are about no one example of this project: 1.",
        "Left out, because they do not fit their question: 1.",
    ]
    value = json.loads(
        curate("suggest", project.path, "--column", "source", "--question", "label", "--json")
    )
    assert value == {"suggestions": 60, "examples": 60, "unknown": 0, "unfit": 0, "remark": ""}
    assert (
        curate("suggest", project.path, "--remove", "source")
        == "60 suggestions by source are removed."
    )
    for words, sentence in {
        ("--learned", "tone"): "no vectors yet",
        ("--column", "source", "--question", "mood"): "There is no question 'mood'",
        ("--column", "source"): "--column needs --question",
        (): "give one of --from, --column, --learned and --remove",
        ("--from", "nowhere.jsonl"): "cannot be read",
    }.items():
        status, _, error = run("suggest", project.path, *words)
        assert status != 0 and sentence in " ".join(error.split()), error


# --- the history ----------------------------------------------------------------------------


def test_history_says_whether_a_suggestion_was_accepted(project):
    one, two, three, four, *_ = ids_of(project)
    rows = [("tone", "warm"), ("verdict", "keep"), ("label", "sums")]
    save(project, *(suggestion(project, i, q, v) for i in (one, two, three) for q, v in rows))
    press(project, card(project, one), "keep", answers={"tone": "cold", "label": "sums"})
    press(project, card(project, two), "label", "other")
    press(project, card(project, three), "keep", reason="short")
    press(project, card(project, four), "keep")
    project.decisions.undo("Ann", batch="Ann0")
    acts = Reader(project.decisions).page().acts
    assert [act.words for act in acts] == [
        "undid: kept 1 example, answered about 1 example, labelled 1 example “sums”",
        "kept",
        "kept, suggested by m, accepted",
        "label: other, suggested by m: sums, changed",
        "kept 1 example, answered about 1 example, labelled 1 example “sums”; 2 of 3 suggestions accepted",
    ]
    assert [act.fate for act in acts][1:] == ["", "", "", "undone by Ann"]
    assert acts[2].reason == "short" and not acts[2].undone
    words = [words for _, words, _ in Reader(project.decisions).events(acts[4])]
    assert words[0] == "kept, suggested by m, accepted" and len(words) == 3
    meeting = Reader(project.decisions).page(Search(kinds=("suggested",))).acts
    assert [act.example for act in meeting] == [three, two, one]
