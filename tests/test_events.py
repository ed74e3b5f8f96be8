"""History: acts in words, newest first, with their fate; filters, and pages."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decisions import Decision, DecisionStore, as_one_act, read_decisions
from curation.decisions.consensus import Consensus
from curation.decisions.moments import changes_since, moment_words, return_to
from curation.decisions.receipt import decision_lines
from curation.errors import CurationError
from curation.looking.events import Reader, Search


@pytest.fixture
def store(tmp_path):
    opened = DecisionStore(tmp_path / "decisions.db", journal=tmp_path / "journal.jsonl")
    yield opened
    opened.close()


def one(example: str, kind: str, value=None, who: str = "Ann", time: float = 10.0) -> Decision:
    op = f"{example}-{kind}-{value}-{who}-{time}"
    return Decision(example, kind, value, who, op_id=op, batch=op, time=time)


def lines(store: DecisionStore, **search) -> list[tuple[str, str, str]]:
    reader = Reader(store, {"a": "news"}.get)
    return [(act.who, act.words, act.fate) for act in reader.page(Search(**search)).acts]


def test_acts_are_told_in_words_newest_first(store):
    store.append([one("a", "label", "sports")])
    store.append([one("a", "label", "world", "Bob")])
    store.append(as_one_act([("drop", i, None) for i in "abc"], "Cy", "bulk", 0, "spam"))
    store.append([one("b", "rate", 2), one("b", "rate", 4), one("b", "tag", "odd")])
    store.undo("Bob", batch="bulk")
    reader = Reader(store, lambda example: {"a": "news"}.get(example, ""))
    acts = reader.page().acts
    assert [(act.who, act.words, act.fate) for act in acts] == [
        ("Bob", "undid: dropped 3 examples, of Cy", ""),
        ("Ann", "tagged “odd”", ""),
        ("Ann", "rating: 2 → 4", ""),
        ("Ann", "rating: 2", "overruled by Ann"),
        ("Cy", "dropped 3 examples", "undone by Bob"),
        ("Bob", "label: news → world", ""),
        ("Ann", "label: news → sports", "overruled by Bob"),
    ]
    bulk = acts[4]
    assert (bulk.examples, bulk.example, bulk.reason, bulk.undone) == (3, "", "spam", True)
    assert bulk.target == {"batch": "bulk"} and acts[1].example == "b"
    assert [(e.example_id, words) for e, words, _ in reader.events(bulk)] == [
        (i, "dropped") for i in "abc"
    ]


def test_what_was_settled_is_said_with_its_undo(store):
    desk = {"question": "desk", "value": "billing"}
    store.append(
        [one("a", "settle", desk), one("a", "settle", {"question": "verdict", "value": "keep"})]
    )
    store.append(as_one_act([("settle", i, desk) for i in "ab"], "Lea", "both", 0))
    store.undo("Ann", op_id=store.events()[0].op_id)
    assert [words for _, words, _ in lines(store)] == [
        "undid: settled desk: billing",
        "settled 2 examples “desk: billing”",
        "settled verdict: keep",
        "settled desk: billing",
    ]
    reader = Reader(store)
    act = reader.page(Search(batch="both")).acts[0]
    assert [words for _, words, _ in reader.events(act)] == ["settled desk: billing"] * 2


def test_a_receipt_says_what_an_undo_took_back(store):
    desk = {"question": "desk", "value": "billing"}
    store.append([one("a", "settle", desk)])
    store.append(as_one_act([("drop", i, None) for i in "ab"], "Lea", "both", 0, "spam"))
    store.append([one("a", "check", {"question": "verdict", "value": "keep"})])
    store.undo("Lea", batch="both")
    store.undo("Lea", op_id=store.events()[0].op_id)
    store.redo("Lea", batch="both")
    store.undo("Ann", op_id="a-check-{'question': 'verdict', 'value': 'keep'}-Ann-10.0")
    texts = [
        line["text"]
        for i in "ab"
        for line in decision_lines(store, store.state(), i)
        if line["what"] in ("undo", "redo")
    ]
    assert texts == ["drop", "settle desk: billing", "drop", "keep", "drop", "drop"]


def test_a_batch_that_counts_in_part_says_so(store):
    store.append(as_one_act([("keep", i, None) for i in "abc"], "Ann", "bulk", 0))
    store.append([one("a", "drop", who="Bob")])
    assert lines(store)[1] == ("Ann", "kept 3 examples", "1 of 3 overruled")
    store.undo("Ann", op_id="bulk:1")
    assert lines(store)[2][2] == "1 of 3 undone"
    assert not Reader(store).page().acts[2].undone


def test_a_reader_asks_the_database_once(store):
    for who in ("Ann", "Bob"):
        store.append(as_one_act([("label", f"{n}", who) for n in range(40)], who, who, 0))
    store.append([one("a", "answer", {"question": "help", "value": n}) for n in (3, 4)])
    store.undo("Cy", batch="Bob")
    reader, queries = Reader(store), []
    engine = store.database.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *call: queries.append(call[2]))
    acts = reader.page().acts
    assert [act.fate for act in acts] == ["", "", "overruled by Ann", "undone by Cy", ""]
    for search in (Search(example="7", person="Bob"), Search(batch="Bob", counts=False)):
        (act,) = reader.page(search).acts
        assert [fate for _, _, fate in reader.events(act)] == ["undone by Cy"] * 40
    assert reader.people() == ["Ann", "Bob", "Cy"] and queries == []
    store.events()
    assert queries, "what was counted is what the database is asked"


def test_an_answer_replaces_its_own_author_s_former_answer(store):
    help_is = [{"question": "help", "value": value} for value in (5, 3, 2, 1)]
    store.append([one("a", "answer", help_is[0], "Bob"), one("a", "answer", help_is[2], "Ann")])
    store.append([one("a", "rate", 5, "Bob"), one("a", "rate", 2, "Ann")])
    store.append([one("a", "label", "world", "Bob"), one("a", "answer", help_is[3], "Ann")])
    store.append([one("a", "answer", help_is[1], "Bob"), one("a", "label", "sports", "Bob")])
    assert lines(store)[::-1] == [
        ("Bob", "help: 5", "overruled by Ann"),
        ("Ann", "help: 2", "overruled by Ann"),
        ("Bob", "rating: 5", "overruled by Ann"),
        ("Ann", "rating: 2", ""),
        ("Bob", "label: news → world", "overruled by Bob"),
        ("Ann", "help: 2 → 1", "overruled by Bob"),
        ("Bob", "help: 5 → 3", ""),
        ("Bob", "label: world → sports", ""),
    ]


def parts(store) -> None:
    """An act of Ann's in two parts, with two acts of others between them; all about `a`."""
    first = as_one_act([("drop", "a", None), ("drop", "b", None)], "Ann", "bulk", 0)
    store.append([one("a", "note", "oldest", "Cy")])
    store.append(first)
    store.append([one("a", "keep", who="Bob"), one("c", "keep", who="Bob")])
    store.append([Decision("a", "tag", "x", "Ann", op_id="bulk:2", batch="bulk/more")])
    store.append([one("a", "note", "newest", "Cy")])


def test_an_act_in_two_parts_is_listed_once_where_one_example_is_searched(store):
    parts(store)
    expected = [
        ("Cy", "noted “newest”"),
        ("Ann", "dropped 2 examples, tagged 1 example “x”"),
        ("Bob", "kept"),
        ("Cy", "noted “oldest”"),
    ]
    assert [(who, words) for who, words, _ in lines(store, example="a")] == expected
    for size in (1, 2, 3):
        reader, before, listed = Reader(store), 0, []
        while len(listed) <= len(expected):
            page = reader.page(Search(example="a"), before, size)
            listed += [(act.who, act.words) for act in page.acts]
            if not (before := page.older):
                break
        assert listed == expected, size


def test_the_rows_of_an_act_in_parts_are_its_own_only(store):
    parts(store)
    reader = Reader(store)
    act = reader.page(Search(example="a")).acts[1]
    assert [(e.example_id, e.kind) for e, _, _ in reader.events(act)] == [
        ("a", "drop"),
        ("b", "drop"),
        ("a", "tag"),
    ]
    assert len(reader.events(act, most=2)) == 2


def test_what_counts_is_what_the_policy_and_the_settled_answers_say(store):
    store.append([one("a", "drop"), one("a", "drop", who="Bob"), one("a", "keep", who="Cy")])
    store.append([one("b", "keep"), one("b", "drop"), one("b", "drop", who="Bob")])
    store.append([one("b", "keep", who="Cy"), one("c", "keep"), one("c", "drop", who="Bob")])
    store.append([one("d", "keep"), one("d", "settle", {"question": "verdict", "value": "drop"})])
    people = Consensus(store).state("majority")
    reader = Reader(store, people=people)
    fates = [act.fate for act in reversed(reader.page().acts)]
    tie, other = "the answers are a tie", "another answer counts"
    expected = ["", "", other, "overruled by Ann", "", "", other, tie, tie, "settled by Ann", ""]
    assert fates == expected
    lines = [line for i in "abcd" for line in decision_lines(store, people, i)]
    assert [
        fate for line, fate in zip(lines, expected, strict=True) if fate in line["text"]
    ] == expected
    assert [act.words for act in reader.page(Search(counts=True, example="a")).acts] == [
        "dropped",
        "dropped",
    ]


def test_an_undo_of_an_undo_and_a_return_have_words(store):
    store.append([one("a", "keep"), one("b", "keep")])
    undo = store.undo("Ann")
    store.undo("Bob", op_id=undo.op_id)
    return_to(store, changes_since(store, 1), "Cy")
    assert lines(store) == [
        ("Cy", "went back to event 1", ""),
        ("Bob", "undid: undid: kept, of Ann", ""),
        ("Ann", "undid: kept", "undone by Bob"),
        ("Ann", "kept", "undone by Cy"),
        ("Ann", "kept", ""),
    ]


def test_an_import_is_of_its_importer_and_is_found_by_either_name(store):
    text = '{"id": "a", "kind": "keep", "annotator": "Bob"}\n{"id": "b", "kind": "drop"}'
    store.append(read_decisions(text, "Ann", {"a", "b"}).decisions)
    expected = [("Ann", "imported: kept 1 example, dropped 1 example", "")]
    assert lines(store, person="Ann") == lines(store, person="Bob") == expected
    assert lines(store, person="Cy") == []


def test_acts_are_searched_by_every_condition(store):
    store.append([one("a", "keep", time=1.0), one("b", "drop", who="Bob", time=2.0)])
    store.append(as_one_act([("tag", i, "x") for i in "abc"], "Ann", "bulk", 0))
    store.append([one("a", "drop", who="Bob", time=3.0)])
    assert [w for _, w, _ in lines(store, person="Bob")] == ["dropped", "dropped"]
    assert [w for _, w, _ in lines(store, kinds=("keep", "tag"))] == [
        "tagged 3 examples “x”",
        "kept",
    ]
    assert [w for _, w, _ in lines(store, example="c")] == ["tagged 3 examples “x”"]
    assert [w for _, w, _ in lines(store, example="a")][1:] == ["tagged 3 examples “x”", "kept"]
    assert [w for _, w, _ in lines(store, since=2.0, until=3.0)] == ["dropped"]
    assert [w for _, w, _ in lines(store, batch="bulk")] == ["tagged 3 examples “x”"]
    assert [w for _, w, _ in lines(store, counts=False)] == ["kept"]
    assert lines(store, counts=True, kinds=("keep",)) == []
    with pytest.raises(CurationError, match="no decision 'dorp'"):
        Search(kinds=("dorp",))


def test_the_numbers_of_a_moment(store):
    store.append(
        [one("a", "keep"), one("b", "drop"), one("b", "label", "x"), one("c", "note", "y")]
    )
    counts = moment_words(store.state())
    assert {k: n for k, n in counts.items() if n} == {
        "kept": 1,
        "dropped": 1,
        "labelled": 1,
        "noted": 1,
    }


acts = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from(["keep", "drop", "tag"]), st.integers(1, 3)),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(acts, st.integers(1, 4), st.sampled_from(["", "A"]), st.sampled_from([(), ("keep",)]))
def test_pages_hold_every_act_once_in_order(tmp_path_factory, history, size, person, kinds):
    store = DecisionStore(tmp_path_factory.mktemp("h") / "d.db")
    for n, (who, kind, many) in enumerate(history):
        value = "x" if kind == "tag" else None
        store.append(as_one_act([(kind, i, value) for i in "xyz"[:many]], who, f"op{n}", 0))
    expected = [
        f"op{n}"
        for n, (who, kind, _) in reversed(list(enumerate(history)))
        if person in ("", who) and (not kinds or kind in kinds)
    ]
    reader, before, listed = Reader(store), 0, []
    for _ in range(len(history) + 1):
        page = reader.page(Search(person=person, kinds=kinds), before, size)
        assert len(page.acts) <= size
        listed += [act.target["batch"] for act in page.acts]
        before = page.older
        if not before:
            break
    assert listed == expected
    store.close()
