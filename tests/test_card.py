"""The server's side of the card: queues, answers that are written once, and what comes next."""

from __future__ import annotations

import time
from dataclasses import replace

import orjson
import pytest

from curation import Project, Step
from curation.decisions import Decision
from curation.decisions.moments import changes_since, return_to
from curation.looking.queues import Board, following, queue
from curation.review import Review, write_review
from curation.ui.card.answers import write
from curation.ui.card.replies import Place, reply
from curation.ui.presence import GRACE, Presence

QUESTIONS = [{"prompt": f"What is {i} + {i}?", "completion": f"It is {2 * i}."} for i in range(60)]

EDIT = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]


@pytest.fixture
def project(make_project) -> Project:
    """A project of sixty small questions."""
    return make_project(QUESTIONS)


def answer(example: str, kind: str = "keep", value=None, **more) -> dict:
    """The answer that a browser sends for one key."""
    fresh = {
        "op": f"{example}-{kind}",
        "revision": 0,
        "by": "Ann",
        "time": 1.0,
        "queue": "undecided",
    }
    return {"example": example, "kind": kind, "value": value, **fresh, **more}


def place(project: Project, annotator: str = "Ann", board: Board | None = None) -> Place:
    return Place(
        project=project,
        address="sums",
        view=project.view(),
        board=board or Board(),
        annotator=annotator,
        session="s",
    )


def ask(seat: Place, **request) -> dict:
    defaults = {"project": "sums", "page": "p", "queue": "undecided", "at": "", "have": {}}
    return reply(seat, {**defaults, "sent": 1, "answers": [], **request})


def waiting(project: Project, name: str = "undecided", who: str = "", **review) -> list[str]:
    rows = project.view().dataset.rows
    return list(rows.index[queue(rows, project.people(), name, who, Review(**review))])


# --- queues ---------------------------------------------------------------------------------


def test_what_is_decided_leaves_and_what_is_skipped_waits_at_the_end(project):
    ids = list(project.examples.rows.index)
    say = [
        ("keep", 0),
        ("drop", 1),
        ("label", 2),
        ("edit", 3),
        ("skip", 5),
        ("skip", 4),
        ("flag", 6),
    ]
    values = {"label": "sum", "edit": [{"role": "user", "content": "?"}], "flag": "review"}
    project.decisions.append([Decision(ids[i], kind, values.get(kind), "Ann") for kind, i in say])
    assert waiting(project) == [*ids[7:], ids[5], ids[4]], "the longest skipped comes first"
    assert waiting(project, "review") == [ids[6]]
    assert waiting(project, "everything") == ids
    project.decisions.append([Decision(ids[5], "skip", None, "Ann")])
    assert waiting(project)[-2:] == [ids[4], ids[5]]


def test_what_is_undone_waits_again_where_it_was(project):
    view = project.view()
    ids = list(view.dataset.rows.index)
    project.decisions.append([Decision(ids[1], "drop", None, "Ann", op_id="d")])
    assert ids[1] not in waiting(project)
    project.decisions.undo("Ann", op_id="d")
    assert waiting(project) == ids


def test_the_queue_of_what_needs_attention_and_of_what_was_dropped(project, dataset):
    rows = dataset.rows.assign(attention=["no_answer", *[""] * 7])
    rows["dropped_by"] = [None, "drop_exact_duplicates", "people", *[None] * 5]
    assert list(queue(rows, None, "attention")) == [0]
    assert list(queue(rows, None, "dropped")) == [1]
    assert list(queue(rows, None, "undecided")) == [0, 2, 3, 4, 5, 6, 7]


def test_a_queue_is_a_person_s_own(project):
    ids = list(project.examples.rows.index)
    answers = [("Ann", 0), ("Bob", 0), ("Ann", 1), ("Cyd", 2)]
    project.decisions.append([Decision(ids[n], "keep", None, who) for who, n in answers])
    assert waiting(project, who="Ann") == ids[3:], "one person answers each"
    assert waiting(project, who="Ann", overlap=2) == ids[2:]
    assert waiting(project, who="Bob", overlap=2) == ids[1:]
    assert waiting(project, who="Dan", overlap=2) == ids[1:]
    assert waiting(project, who="Dan", overlap=3) == ids
    shared = {i for i in ids if Review(2, 0.5).people_for(i) == 2}
    assert 0 < len(shared) < 60
    alone = [i for i in ids[1:] if i in shared or i not in (ids[1], ids[2])]
    assert waiting(project, who="Dan", overlap=2, share=0.5) == alone
    project.decisions.append([Decision(ids[5], "flag", "review", "Ann")])
    assert ids[5] not in waiting(project, who="Bob", overlap=2)
    assert waiting(project, "review", who="Bob", overlap=2) == [ids[5]]


def test_a_board_that_follows_the_events_equals_a_new_one(project):
    """Answers, undo, tags and skips reach a board one by one, also on another view of the rows."""
    ids = list(project.examples.rows.index)
    board, rows = Board(), project.view().dataset.rows

    def changes(seq, former):
        return project.decisions.read(lambda fold: fold.changes(seq, former))

    kinds = [("keep", None), ("label", "sum"), ("edit", []), ("skip", None), ("tag", "odd")]
    kinds += [("flag", "review"), ("drop", None), ("untag", "odd"), ("label", "other")]
    for turn in range(40):
        who, (kind, value) = "ABC"[turn % 3], kinds[turn % len(kinds)]
        if turn % 7 == 6:
            project.decisions.undo(who)
        else:
            project.decisions.append([Decision(ids[turn % 11], kind, value, who)])
        if turn % 10 == 9:
            rows = rows.assign(note=turn)
        people = project.people()
        for person in "AD":
            for review in (Review(), Review(2), Review(3, 0.4)):
                look = board.look(rows, people, "undecided", person, review, changes)
                fresh = Board().look(rows, people, "undecided", person, review)
                assert list(look.positions) == list(fresh.positions)
                assert look[1:] == fresh[1:]
    assert look.labels == ["other", "sum"] and look.counts["everything"] == len(ids)


def test_two_people_are_never_given_the_same_card(project):
    first = ask(place(project, "Ann"), page="ann")
    second = ask(place(project, "Bob"), page="bob")
    assert first["order"] == list(project.examples.rows.index)[:30], "half of what waits"
    assert len(second["order"]) == 20 and not set(first["order"]) & set(second["order"])
    assert (first["left"], second["left"]) == (60, 60)


@pytest.mark.parametrize("overlap", [1, 2])
def test_people_share_a_short_queue_to_its_last_card(project, overlap):
    write_review(project.path, Review(overlap))
    seats = {who: place(project, who) for who in ("ann", "bob", "cyd")}
    screens = {page: ask(seat, page=page)["order"][0] for page, seat in seats.items()}
    decided: list[str] = []
    while screens:
        for page in list(screens):
            example = screens.pop(page)
            decided.append(example)
            sent = [answer(example, by=page, op=f"{page}-{example}")]
            response = ask(seats[page], page=page, answers=sent)
            if response["order"]:
                screens[page] = response["order"][0]
        for page in [p for p in seats if p not in screens]:  # it asks again, while others have some
            if order := ask(seats[page], page=page)["order"]:
                screens[page] = order[0]
    assert len(decided) == overlap * len(QUESTIONS)
    assert {len(people) for people in project.people().answered.values()} == {overlap}
    assert project.decisions.leases.live() == []


def test_what_is_on_other_screens_is_said_and_comes_when_they_leave(project):
    project.decisions.append(
        [Decision(i, "keep", None, "Eve") for i in project.examples.rows.index[2:]]
    )
    first, second = project.examples.rows.index[:2]
    assert ask(place(project, "Ann"), page="ann")["order"] == [first]
    linked = ask(place(project, "Bob"), page="bob", at=first)
    assert linked["cards"][0]["id"] == first, "a link is followed, also to somebody's card"
    assert ask(place(project, "Cyd"), page="cyd")["order"] == [second]
    late = ask(place(project, "Dan"), page="dan")
    assert (late["order"], late["elsewhere"], late["left"]) == ([], 2, 2)
    project.decisions.leases.release(["ann"])
    assert ask(place(project, "Dan"), page="dan")["order"] == [first]


def test_another_s_answer_is_not_shown_before_the_own_one(project):
    write_review(project.path, Review(overlap=2))
    example = project.examples.rows.index[0]
    say = [("drop", None), ("label", "sum"), ("rate", 2), ("tag", "odd"), ("note", "spam")]
    project.decisions.append([Decision(example, kind, value, "Ann") for kind, value in say])
    own = [("tag", "sum"), ("note", "short")]
    project.decisions.append([Decision(example, kind, value, "Bob") for kind, value in own])
    (card,) = [c for c in ask(place(project, "Bob"))["cards"] if c["id"] == example]
    assert (card["fate"]["person"], card["fate"]["kept"]) == (False, True)
    assert (card["label"], card["rating"]) == ("", None)
    assert (card["tags"], card["notes"]) == (["sum"], [["Bob", "short"]])
    response = ask(place(project, "Bob"), answers=[answer(example, by="Bob")], at=example)
    assert response["notices"] == [], "another answer is what is wanted"
    (card,) = [c for c in response["cards"] if c["id"] == example]
    assert card["fate"] == {"kept": True, "by": "Bob", "person": True} and card["label"] == "sum"
    assert card["tags"] == ["odd", "sum"] and ["Ann", "spam"] in card["notes"]


def test_a_shared_card_is_as_the_recipe_made_it_in_every_field(make_project):
    rows = [{"prompt": f"Count {n}.", "completion": "one " * n, "label": "sum"} for n in (1, 2, 3)]
    low = Step("keep_between", score="response_tokens", low=2)
    project = make_project(rows, Step("lengths"), low, Step("split"))
    project.run()
    write_review(project.path, Review(overlap=2))
    short, *others = project.examples.rows.index

    def cards(who: str) -> dict:
        shown = ask(place(project, who), queue="everything", at=short)["cards"]
        return {card["id"]: {**card, "revision": 0} for card in shown}

    before = cards("Bob")
    assert before[short]["fate"]["kept"] is False and before[short]["reason"]
    assert all(before[i]["facts"][0][0] == "split" for i in others)
    hidden = {i: {**card, "facts": []} for i, card in before.items()}
    hidden[short]["reason"] = ""  # it may be of the edited text
    turns = [{"role": "user", "content": "Hm?"}, {"role": "assistant", "content": ""}]
    say = [("keep", None), ("edit", turns), ("label", "mine"), ("rate", 2), ("tag", "odd")]
    say += [("note", "spam"), ("flag", "review"), ("answer", {"question": "tone", "value": "warm"})]
    project.decisions.append([Decision(short, *what, annotator="Ann") for what in say])
    touched = [Decision(others[0], "tag", "odd", "Ann"), Decision(others[0], "rate", 1, "Ann")]
    project.decisions.append([*touched, Decision(others[1], "drop", annotator="Ann")])
    assert cards("Ann")[short]["edited"] == "Ann", "her own answer stays in view"
    assert cards("Bob") == {**hidden, others[0]: before[others[0]]}, "decided since the run"
    project.run()
    ann, bob = cards("Ann")[short], cards("Bob")
    assert ann["attention"] and "Hm?" in ann["messages"] and ann["fate"]["by"] == "Ann"
    assert bob.pop(others[0])["facts"] and not hidden.pop(others[0])["facts"]
    assert any("= 0, below 2" in e["text"] for e in project.explain(short)), "of her text"
    assert bob == hidden, "and run with it"
    own = [("rate", 4), ("flag", "review"), ("tag", "mine")]
    project.decisions.append([Decision(short, *what, annotator="Bob") for what in own])
    bob = cards("Bob")[short]
    assert (bob["rating"], bob["flags"], bob["tags"]) == (4, ["review"], ["mine"])
    project.decisions.append([Decision(short, "drop", annotator="Bob")])
    bob = cards("Bob")[short]
    assert bob["edited"] == "Ann" and "Hm?" in bob["messages"] and bob["label"] == "mine"
    write_review(project.path, Review(overlap=1))
    assert "Hm?" in cards("Cy")[short]["messages"], "an example of one person hides nothing"


def test_the_overlap_can_change_while_people_work(project):
    ids = list(project.examples.rows.index)
    ask(place(project, "Ann"), answers=[answer(ids[0])])
    assert ids[0] not in ask(place(project, "Bob"), page="b")["order"]
    write_review(project.path, Review(overlap=2))
    assert ask(place(project, "Bob"), page="b")["order"][0] == ids[0]
    assert ids[0] not in ask(place(project, "Ann"))["order"]
    write_review(project.path, Review(overlap=1))
    late = answer(ids[0], "drop", by="Bob", revision=1)
    assert ask(place(project, "Bob"), page="b", answers=[late])["saved"] == [late["op"]]
    assert project.people().answered[ids[0]] == ("Ann", "Bob"), "an extra answer is kept"


def test_everything_goes_on_from_where_one_is(project):
    rows = project.view().dataset.rows
    ids = list(rows.index)
    assert following(rows, ids[10], 3) == ids[11:14]
    assert following(rows, "", 2) == ids[:2]
    assert following(rows, ids[-1], 2) == []
    ask(place(project), queue="everything", at=ids[10])
    (lease,) = project.decisions.leases.live()
    assert (lease.example_id, lease.holder) == (ids[10], "Ann"), "only what is on the screen"


def test_a_page_that_was_closed_is_named_once_after_a_moment():
    pages, open_now = Presence(), {"s1", "s2"}
    pages.arrived("a", "s1")
    pages.arrived("b", "s2")
    assert pages.closed(open_now.__contains__, 0.0) == []
    open_now.discard("s1")
    assert pages.closed(open_now.__contains__, 1.0) == []
    pages.arrived("a", "s3")
    open_now.add("s3")
    assert pages.closed(open_now.__contains__, 1.0 + GRACE) == [], "a reload"
    open_now.clear()
    assert pages.closed(open_now.__contains__, 100.0) == []
    open_now.add("s2")
    assert pages.closed(open_now.__contains__, 100.0 + GRACE) == ["a"]
    assert pages.closed(open_now.__contains__, 200.0) == [], "b is connected again"
    pages.left("s2")
    assert pages.closed(open_now.__contains__, time.monotonic() + GRACE) == ["b"]


# --- writing --------------------------------------------------------------------------------


def test_an_answer_that_is_sent_again_adds_nothing(project):
    ids = list(project.examples.rows.index)
    sent = [answer(ids[0]), answer(ids[1], "drop")]
    first = write(project, sent)
    again = write(project, [*sent, answer(ids[2], "flag", "review")])
    assert first.saved == [a["op"] for a in sent]
    assert again.saved == [*first.saved, f"{ids[2]}-flag"]
    events = project.decisions.events()
    assert [(e.example_id, e.kind, e.op_id) for e in events] == [
        (ids[0], "keep", f"{ids[0]}-keep"),
        (ids[1], "drop", f"{ids[1]}-drop"),
        (ids[2], "flag", f"{ids[2]}-flag"),
    ]


def test_an_answer_carries_the_revision_that_was_on_screen(project):
    example = project.examples.rows.index[0]
    project.decisions.append([Decision(example, "drop", None, "Bob")])
    shown = ask(place(project), at=example)["cards"][0]
    assert shown["revision"] == 1
    written = write(project, [answer(example, revision=shown["revision"])])
    assert written.notices == [], "Bob's word was on the screen"
    assert project.decisions.events()[-1].base_revision == 1
    project.decisions.append([Decision(example, "drop", None, "Bob", base_revision=2)])
    late = write(project, [answer(example, revision=2, op="late")])
    assert late.notices == [
        (example, "Bob decided this example meanwhile; both decisions are kept.")
    ]
    assert write(project, [answer(example, revision=4, op="own")]).notices == []
    assert project.decisions.last() == 5


def test_only_who_was_overruled_is_named_as_having_decided(project):
    example = project.examples.rows.index[0]
    project.decisions.append(
        [
            Decision(example, "drop", None, "Eve"),
            Decision(example, "drop", None, "Bob"),
            Decision(example, "note", "hm", "Dan"),
            Decision(example, "flag", "review", "Carol"),
        ]
    )
    response = write(project, [answer(example, queue="review", op="late")])
    assert response.notices == [
        (example, "Bob decided this example meanwhile; both decisions are kept.")
    ]
    assert [e.kind for e in project.decisions.events()][-2:] == ["keep", "unflag"]


def test_what_makes_no_decision_is_refused_and_holds_up_no_other(project):
    ids = list(project.examples.rows.index)
    sent = [
        answer(ids[0]),
        answer(ids[1], "rate", "five", op="rate"),
        answer(ids[2], by="", op="nameless"),
        answer(ids[3], "edit", {"messages": "[", "texts": []}, op="edit"),
        {"op": "bare"},
        "not an answer",
        answer(ids[4]),
    ]
    written = write(project, sent)
    assert written.saved == [f"{ids[0]}-keep", f"{ids[4]}-keep"]
    assert set(written.refused) == {"rate", "nameless", "edit", "bare", ""}
    assert "number" in written.refused["rate"] and "name" in written.refused["nameless"]


def test_what_could_not_be_saved_stays_unsaved_and_in_order(project, monkeypatch):
    from curation.decisions import NotSaved

    ids = list(project.examples.rows.index)

    def full(decisions):
        raise NotSaved("the disk is full")

    monkeypatch.setattr(project.decisions, "append", full)
    response = ask(place(project), answers=[answer(ids[0]), answer(ids[1])])
    assert response["saved"] == [] and "disk is full" in response["trouble"]
    monkeypatch.undo()
    assert len(ask(place(project), answers=[answer(ids[0]), answer(ids[1])])["saved"]) == 2


def test_an_undo_names_what_it_takes_back_and_is_sent_twice_without_harm(project):
    ids = list(project.examples.rows.index)
    undo = answer(ids[0], "undo", {"batch": f"{ids[0]}-keep"}, op="u")
    sent = [answer(ids[0]), answer(ids[1], "drop"), undo]
    assert write(project, sent).saved == [f"{ids[0]}-keep", f"{ids[1]}-drop", "u"]
    assert write(project, sent).saved == [f"{ids[0]}-keep", f"{ids[1]}-drop", "u"]
    assert project.decisions.last() == 3
    assert set(project.people().verdicts) == {ids[1]}
    redo = answer(ids[0], "redo", {"batch": f"{ids[0]}-keep"}, op="r")
    write(project, [redo])
    assert set(project.people().verdicts) == {ids[0], ids[1]}


def test_a_decision_in_the_review_queue_takes_the_flag_away_as_one_act(project):
    example = project.examples.rows.index[0]
    write(project, [answer(example, "flag", "review")])
    write(project, [answer(example, queue="review")])
    assert waiting(project, "review") == []
    project.decisions.undo("Ann")
    assert waiting(project, "review") == [example]
    assert project.people().verdicts == {}


def test_a_reason_is_saved_with_its_answer_as_one_act(project):
    example = project.examples.rows.index[0]
    write(project, [answer(example, "drop", reason="off topic", queue="review")])
    people = project.people()
    assert people.reason(people.verdicts[example]) == "off topic"
    (line,) = [e for e in project.explain(example) if e["what"] == "drop"]
    assert (line["text"], line["reason"]) == ("off topic", "off topic")
    assert not [e for e in project.explain(example) if e["what"] == "note"]
    undo = ask(place(project))["undo"]
    assert (undo["kind"], undo["count"]) == ("drop", 1)
    write(project, [answer(example, "undo", undo["target"])])
    assert not project.people().verdicts and not project.people().notes


def test_an_edit_is_made_of_the_turns_that_were_on_screen(project):
    example = project.examples.rows.index[0]
    number = 12345678901234567890
    turns = [
        {"role": "user", "content": "add"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"function": {"arguments": {"n": number, "x": 1.0}}}],
        },
        {"role": "assistant", "content": "old", "reasoning_content": "because"},
    ]
    value = {"messages": orjson.dumps(turns).decode(), "texts": [[2, "content", "new"]]}
    write(project, [answer(example, "edit", value)])
    (event,) = project.decisions.events()
    assert event.value[:2] == turns[:2], "numbers and calls are what they were"
    assert event.value[2] == {**turns[2], "content": "new"}
    wrong = {**value, "texts": [[0, "role", "system"]]}
    assert "texts" in write(project, [answer(example, "edit", wrong, op="w")]).refused["w"]


# --- replies --------------------------------------------------------------------------------


def test_a_page_of_another_project_is_told_and_nothing_is_written(project):
    example = project.examples.rows.index[0]
    response = ask(place(project), project="other", answers=[answer(example)])
    assert "another project" in response["trouble"] and "saved" not in response
    assert project.people() is None


def test_only_cards_that_the_page_does_not_have_are_sent(project):
    seat = place(project)
    first = ask(seat)
    have = {card["id"]: card["revision"] for card in first["cards"]}
    assert [card["id"] for card in first["cards"]] == first["order"]
    current = first["order"][0]
    second = ask(seat, at=current, have=have)
    assert [c["id"] for c in second["cards"]] == [i for i in second["order"] if i not in have]
    write(project, [answer(current, "tag", "sums", by="Bob")])
    third = ask(seat, at=current, have=have)
    assert [(c["id"], c["revision"], c["tags"]) for c in third["cards"] if c["id"] == current] == [
        (current, 1, ["sums"])
    ]


def test_a_card_shows_the_text_that_counts_now_also_after_an_undo(project):
    example = project.examples.rows.index[0]
    source = project.examples.rows.at[example, "messages"]
    value = {"messages": source, "texts": [[1, "content", "Zero."]]}
    write(project, [answer(example, "edit", value)])
    seat = place(project)
    assert "Zero." in ask(seat, at=example)["cards"][0]["messages"]
    write(project, [answer(example, "undo", {"batch": f"{example}-edit"}, op="u")])
    (card,) = [c for c in ask(seat, at=example)["cards"] if c["id"] == example]
    assert card["messages"] == source and card["edited"] == ""


@pytest.mark.parametrize(
    "kind, value",
    [
        ("drop", None),
        ("label", "sum"),
        ("edit", EDIT),
        ("settle", {"question": "label", "value": "sum"}),
    ],
)
def test_a_board_names_an_event_after_which_no_decision_is_lost(project, kind, value):
    ids, board, store = list(project.examples.rows.index), Board(), project.decisions
    store.append([Decision(ids[0], kind, value, "Ann", op_id="d")])
    before = project.people()
    source, newest = board.losses(before, store)
    assert newest == before.last, "a new board knows nothing of the views before"
    store.append([Decision(ids[1], "tag", "odd", "Ann", op_id="t")])
    store.undo("Ann", op_id="t")
    assert board.losses(project.people(), store) == (source, newest), "nothing of it is in rows"
    store.undo("Ann", op_id="d")
    lost = project.people().last
    assert board.losses(project.people(), store) == (source, lost)
    store.append([Decision(ids[2], "keep", None, "Ann")])
    assert board.losses(project.people(), store) == (source, lost)
    assert board.losses(before, store) == (source, lost), "a slow page brings an earlier state"
    store.append([Decision(ids[3], "keep", None, "Ann")])
    assert board.losses(project.people(), store) == (source, lost)


@pytest.mark.parametrize("used", [False, True])
def test_a_card_shows_nothing_that_was_decided_and_undone_beside_the_making_of_its_view(
    project, used
):
    ids, board = list(project.examples.rows.index), Board()
    if used:
        ask(place(project, "Eve", board))
    project.decisions.append(
        [
            Decision(ids[0], "label", "spam", "Bob", batch="b"),
            Decision(ids[0], "edit", EDIT, "Bob", batch="b"),
        ]
    )
    seat = place(project, "Ann", board)
    project.decisions.undo("Bob", batch="b")
    (card,) = [c for c in ask(seat, at=ids[0])["cards"] if c["id"] == ids[0]]
    assert (card["label"], "?" in card["messages"].split("content")[1][:6]) == ("", False)


def test_a_view_is_made_again_where_the_log_was_repaired(project):
    seat = place(project)
    ask(seat)
    seat.view, seat.source = replace(seat.view, dataset=replace(seat.view.dataset)), object()
    former = seat.view
    ask(seat)
    assert seat.view is not former
    again = seat.view
    ask(seat)
    assert seat.view is again


def test_undo_offers_the_last_action_of_this_person_only(project):
    ids = list(project.examples.rows.index)
    many = [Decision(i, "drop", None, "Ann", batch="lasso") for i in ids[:5]]
    project.decisions.append(many)
    project.decisions.append([Decision(ids[9], "keep", None, "Bob")])
    response = ask(place(project))["undo"]
    assert response == {"target": {"batch": "lasso"}, "example": ids[4], "kind": "drop", "count": 5}
    assert ask(place(project, "Eve"))["undo"] is None


def test_the_card_names_the_act_that_an_undo_takes_back(project):
    """After each act the offered target is the one that the store chooses, also of a return."""
    ids = list(project.examples.rows.index)
    write(project, [answer(ids[0], "drop", reason="off topic")])
    imported = [Decision(i, "keep", None, "Bob", batch="import:Ann:x/click") for i in ids[1:4]]
    project.decisions.append(imported)
    return_to(project.decisions, changes_since(project.decisions, 2, project.people), "Ann")
    offers = []
    while offer := ask(place(project))["undo"]:
        offers.append((offer["kind"], offer["count"]))
        assert project.decisions.undo("Ann").value == offer["target"]
    assert offers == [("return", 1), ("keep", 3), ("drop", 1)]
    assert project.decisions.undo("Ann") is None


def test_the_newest_decision_of_a_kind_is_taken_back_without_its_act(project):
    ids = list(project.examples.rows.index)
    settle = {"question": "verdict", "value": "keep"}
    project.decisions.append(
        [Decision(i, "settle", settle, "Ann", op_id=f"s{i}", batch="file") for i in ids[:2]]
    )
    write(project, [answer(ids[3])])
    for example in ids[1::-1]:
        event = project.decisions.undo("Ann", of_kind="settle")
        assert event.value == {"op_id": f"s{example}"}
    assert project.decisions.undo("Ann", of_kind="settle") is None
    assert set(project.people().verdicts) == {ids[3]}


def test_long_examples_come_in_smaller_numbers_but_one_always_comes(project, monkeypatch):
    from curation.ui.card import replies as module

    monkeypatch.setattr(module, "MOST_TEXT", 10)
    assert len(ask(place(project))["cards"]) == 1
    monkeypatch.setattr(module, "LONGEST", 40)
    (card,) = ask(place(project))["cards"]
    assert card["cut"] > 0 and len(orjson.loads(card["messages"])) == 2


def test_an_answer_about_what_is_gone_is_kept_and_said_to_be(project):
    example = project.examples.rows.index[0]
    sent = [answer("0123456789abcdef"), answer(example), "nothing", answer("f" * 16, by="")]
    response = ask(place(project), answers=sent)
    text = "This example is not in the data any more; the answer is kept."
    assert response["notices"] == [("0123456789abcdef", text)]
    assert [e.example_id for e in project.decisions.events()] == ["0123456789abcdef", example]


def test_an_example_that_is_gone_is_said_to_be(project):
    response = ask(place(project), at="0123456789abcdef")
    assert response["gone"] and response["order"]
