"""Gold items: they come at a share of each person's cards, look like others, and decide nothing."""

from __future__ import annotations

import json

import orjson
import pytest

from curation import Project, gold
from curation.cli.agents.folders import Folders
from curation.cli.agents.reading import Reading
from curation.decisions import Decision
from curation.decisions.receipt import decision_lines
from curation.errors import CurationError
from curation.interchange import table_of
from curation.looking.bias import answers_beside, biases
from curation.looking.checks import among, by_person, by_question, in_turn
from curation.looking.events import Reader
from curation.questions import Question, write_questions
from curation.review import change_review
from curation.roles import ANNOTATOR, NotAllowed
from curation.saved_queues import SavedQueue, SavedQueues
from curation.ui.card.replies import reply
from tests.test_card import QUESTIONS, answer, ask, place
from tests.test_review import curate
from tests.test_roles import ANN, acting, rank
from tests.test_suggestions import card, ids_of, save, suggestion

TONE = Question("tone", "choice", options=("warm", "cold"))


@pytest.fixture
def project(make_project) -> Project:
    """Sixty small questions, the last twelve of which are gold: to be kept, set by Lea."""
    project = make_project(QUESTIONS)
    write_questions(project.path, [TONE])
    change_review(project.path, held_back=0.0)
    gold.make(project, [(i, "verdict", "keep") for i in ids_of(project)[48:]], "Lea")
    return project


def golden(project: Project) -> list[str]:
    return ids_of(project)[48:]


def work(project: Project, who: str, cards: int, kind: str = "keep", page: str = "") -> list[str]:
    """Answer card after card as a page does, and return the examples that were on the screen."""
    seat, screens, shown, answers, current = place(project, who), [], {}, [], ""
    while len(screens) < cards:
        request = {"page": page or who, "at": current, "answers": answers}
        request["have"] = {i: shown[i]["revision"] for i in shown}
        result = ask(seat, **request)
        assert not result["trouble"]
        shown |= {one["id"]: one for one in result["cards"]}
        queue = [i for i in ([current] if current else []) + result["order"] if i not in screens]
        if not queue:
            break
        screens.append(queue[0])
        op = f"{who}-{queue[0]}-{project.last_decision()}"
        answers = [answer(queue[0], kind, by=who, op=op)]
        current = queue[1] if len(queue) > 1 else ""
    ask(seat, page=page or who, at=current, answers=answers)
    return screens


# --- where they stand -----------------------------------------------------------------------


def test_a_share_of_the_places_is_gold_and_a_person_s_places_stay():
    order, checks = [f"e{n}" for n in range(4_000)], [f"g{n}" for n in range(1_000)]
    both = list(among(order, checks, "Ann", 0, 0.05))
    assert sorted(both) == sorted([*order, *checks]), "what is left of them stands at the end"
    both = both[: both.index(order[-1]) + 1]
    share = sum(i.startswith("g") for i in both) / len(both)
    assert 0.04 < share < 0.06
    assert [i for i in both if i.startswith("e")] == order
    fixed = [n for n, i in enumerate(both[:2_000]) if i.startswith("g")]
    rest = [i for i in both[500:] if i.startswith("e")]
    later = list(among(rest, [i for i in checks if i not in both[:500]], "Ann", 500, 0.05))
    assert later[:1_000] == both[500:1_500], "also after 500 of them were answered"
    others = [n for n, i in enumerate(among(order, checks, "Bob", 0, 0.05)) if i.startswith("g")]
    assert fixed != others[: len(fixed)]
    assert list(among(order, checks, "Ann", 0, 0.0)) == order
    assert list(among(order[:3], checks[:2], "Ann", 0, 1.0))[2:] == order[:3]


def test_each_person_gets_gold_items_among_their_cards_and_each_once(project):
    change_review(project.path, gold=0.3)
    screens = {who: work(project, who, 24) for who in ("Eva", "Bob")}
    checks = set(golden(project))
    for who, examples in screens.items():
        assert len(examples) == len(set(examples)) == 24
        assert 3 <= len(checks & set(examples)) <= 12, who
    assert not (set(screens["Eva"]) & set(screens["Bob"])) - checks, "others are for one person"
    assert checks & set(screens["Eva"]) & set(screens["Bob"])
    assert not checks & set(work(project, "Lea", 60)), "who set them is not checked"


def test_what_others_hold_and_what_is_on_the_screen_take_no_place_of_a_gold_item(project):
    """Else the first cards of whoever comes second would be gold, and each gold item followed by one."""
    change_review(project.path, gold=0.3)
    plain, checks = ids_of(project)[:48], in_turn(golden(project), "Eva")
    assert work(project, "Eva", 20) == list(among(plain, checks, "Eva", 0, 0.3))[:20]
    anns = ask(place(project, "Ann"), page="Ann")["order"]
    order = ask(place(project, "Ben"), page="Ben")["order"]
    free = [i for i in order if i not in checks]
    assert len(free) > 3 and not set(free) & set(anns)
    assert order == list(among(free, in_turn(checks, "Ben"), "Ben", 0, 0.3))[: len(order)]
    assert order[-1] == free[-1], "what is left comes when nothing else waits"


def test_a_gold_item_stands_in_one_tab_of_a_person_as_any_example_does(project):
    change_review(project.path, gold=0.3)
    first, second = (set(ask(place(project, "Eva"), page=page)["order"]) for page in "ab")
    assert first & set(golden(project)) and second - first and not first & second


def test_a_queue_counts_gold_items_like_others_and_ends(project):
    change_review(project.path, gold=0.2)
    assert curate("review", project.path).startswith(
        "Each of the 48 examples is to be answered by one"
    )
    assert ask(place(project), page="Ann")["left"] == 60
    plain, (one, two, *_) = ids_of(project), golden(project)
    for n, (example, kind, value) in enumerate(
        [(plain[0], "keep", None), (one, "drop", None), (two, "flag", "review")]
    ):
        result = ask(place(project), page="Ann", answers=[answer(example, kind, value, op=f"n{n}")])
        assert result["left"] == result["counts"]["undecided"] == 59 - n
    project.decisions.undo("Ann", op_id="n1")
    assert ask(place(project), page="Ann")["left"] == 58
    change_review(project.path, gold=0.05)
    assert 47 <= ask(place(project), page="Ann")["left"] <= 50, "three of the sixty at most"
    change_review(project.path, gold=0.2)
    work(project, "Ann", 100)
    last = ask(place(project), page="Ann")
    assert (last["left"], last["order"], last["elsewhere"]) == (0, [], 0)


def test_a_queue_gets_the_gold_items_that_it_would_hold(project):
    change_review(project.path, gold=0.9)
    one, two, *_ = golden(project)
    some = ids_of(project)[:6]
    SavedQueues(project.path).save(SavedQueue("some", ids=(*some, one)))
    order = ask(place(project), queue="some", page="s")["order"]
    assert one in order and not set(order) - {*some, one}
    for queue in ("dropped", "attention", "review"):
        assert ask(place(project), queue=queue, page="t")["order"] == []


def test_a_skipped_gold_item_comes_back_after_the_others_as_any_skipped_example_does(project):
    change_review(project.path, gold=0.3)
    skipped = work(project, "Ann", 24, kind="skip")
    checks = set(golden(project))
    assert checks & set(skipped) and set(skipped) - checks
    rest = work(project, "Ann", 100)
    assert rest[-24:] == skipped, "in the order in which they were skipped"
    assert len(rest) == 60 and not project.people().verdicts.keys() & checks


# --- what they do ---------------------------------------------------------------------------


def test_answers_to_gold_items_decide_nothing_and_are_compared_with_nobody_s(project):
    one, two, *_ = golden(project)
    before = project.people()
    for who, kind in (("Ann", "drop"), ("Bob", "keep")):
        for example, value in ((one, None), (two, None)):
            sent = answer(
                example, kind, value, by=who, op=f"{who}{example}", answers={"tone": "cold"}
            )
            assert ask(place(project, who), answers=[sent])["saved"] == [sent["op"]]
    people = project.people()
    for name in ("verdicts", "labels", "answers", "opinions", "answered", "disagreement", "notes"):
        assert getattr(people, name) == getattr(before, name)
    assert people.fingerprint() == before.fingerprint()
    assert len(people.opinions_frame()) == 0
    assert table_of(people, project.examples.rows).empty
    assert project.view().dataset.rows.loc[[one, two], "dropped_by"].isna().all()
    lines = by_person(people).to_dict("records")
    assert [(row["who"], row["right"], row["answers"]) for row in lines] == [
        ("Ann", 0, 2),
        ("Bob", 2, 2),
    ]
    assert lines[1]["low"] == pytest.approx(0.3424, abs=1e-3), "Wilson, two of two"
    assert curate("gold", project.path).split("\n") == [
        "12 gold items",
        "Ann: 0 of 2 right, 0% (0% to 66%)",
        "Bob: 2 of 2 right, 100% (34% to 100%)",
    ]


def test_the_shares_of_each_question_tell_which_one_people_get_wrong(project):
    one, two, *_ = golden(project)
    gold.make(project, [(i, "tone", "warm") for i in (one, two)], "Bob")
    for who, example, tone in (("Ann", one, "cold"), ("Ann", two, "warm"), ("Cyd", one, "cold")):
        sent = answer(example, "keep", by=who, op=f"{who}{example}", answers={"tone": tone})
        ask(place(project, who), answers=[sent])
    table = by_question(project.people())
    assert table[["question", "answers", "right"]].to_numpy().tolist() == [
        ["tone", 3, 1],
        ["verdict", 3, 3],
    ]
    assert table["low"][0] == pytest.approx(0.0615, abs=1e-3), "Wilson, one of three"
    assert curate("gold", project.path).split("\n")[-3:] == [
        "By question:",
        "tone: 1 of 3 right, 33% (6% to 79%)",
        "verdict: 3 of 3 right, 100% (44% to 100%)",
    ]


def test_the_latest_answer_counts_and_an_undone_one_does_not(project):
    one, *_ = golden(project)
    for n, kind in enumerate(("drop", "keep")):
        ask(place(project), answers=[answer(one, kind, op=f"o{n}")])
    assert by_person(project.people())[["answers", "right"]].to_numpy().tolist() == [[1, 1]]
    undo = ask(place(project))["undo"]
    assert (undo["kind"], undo["example"], undo["count"]) == ("keep", one, 1)
    project.decisions.undo("Ann", **undo["target"])
    assert by_person(project.people())[["answers", "right"]].to_numpy().tolist() == [[1, 0]]


def test_who_set_an_answer_and_who_had_given_one_are_not_checked(project):
    one, two, three, *_ = ids_of(project)
    project.decisions.append([Decision(one, "drop", annotator="Ann")])
    gold.make(project, [(one, "verdict", "keep")], "Lea")
    ask(place(project, "Ann"), answers=[answer(one, "keep", op="again")])
    ask(place(project, "Lea"), answers=[answer(one, "drop", by="Lea", op="lead")])
    people = project.people()
    assert not people.checks and people.verdicts[one].annotator == "Lea"
    assert by_person(people).empty


def test_other_work_on_a_gold_item_is_as_on_any_example(project):
    one, *_ = golden(project)
    ask(
        place(project),
        answers=[answer(one, "tag", "odd", op="t"), answer(one, "note", "look", op="n")],
    )
    project.decisions.append([Decision(one, "drop", annotator="Bob")])  # by a filter, not on a card
    people = project.people()
    assert list(people.tags[one]) == ["odd"] and people.notes[one] and people.verdicts[one]


def test_what_is_known_to_be_for_dropping_and_is_kept_is_named_and_settled_at_once(project):
    one, two, *_ = ids_of(project)
    gold.make(project, [(one, "verdict", "drop"), (two, "verdict", "drop")], "Lea")
    sentence = "2 of 14 gold items are known to be for dropping and are kept."
    assert curate("check", project.path, "--format", "trl").startswith(sentence)
    examples = gold.kept_to_drop(project.people(), project.view().dataset)
    assert examples == [one, two] and gold.kept_sentence(2, 14) == sentence
    assert gold.kept_sentence(0, 14) == ""
    with pytest.raises(CurationError, match="carries the name"):
        gold.settle(project, examples, " ")
    assert gold.settle(project, examples, "Lea") == 2
    assert gold.kept_to_drop(project.people(), project.view().dataset) == []
    project.decisions.undo("Lea")
    assert {one, two} <= set(project.view().dataset.kept.index)


def test_the_command_confirms_the_shares_that_were_set(project):
    lines = curate("review", project.path, "--gold", "0.1", "--held-back", "0.2").split("\n")
    assert lines[:2] == [
        "Gold items among a person's cards: 10%.",
        "Shown without suggestions: 20%.",
    ]


# --- nothing tells them apart -----------------------------------------------------------------


def test_the_card_of_a_gold_item_is_as_others_before_and_after_the_answer(project):
    plain, one = ids_of(project)[0], golden(project)[0]
    project.decisions.append(
        Decision(one, "settle", {"question": q, "value": v}, "Lea")
        for q, v in (("verdict", "drop"), ("label", "sums"))
    )
    write_questions(project.path, [TONE])

    def looks(example: str) -> dict:
        return {
            n: v
            for n, v in card(project, example).items()
            if n not in ("id", "revision", "messages", "source")
        }

    assert looks(one) == looks(plain), "what was settled does not show"
    for example in (plain, one):
        sent = answer(example, "keep", op=f"k{example}", answers={"tone": "warm"})
        ask(place(project), answers=[sent])
    assert looks(one) == looks(plain)
    assert looks(one)["fate"] == {"kept": True, "by": "Ann", "person": True}
    assert looks(one)["answers"] == {"tone": "warm"}


def test_history_and_receipts_do_not_tell_a_gold_item(project):
    plain, one = ids_of(project)[0], golden(project)[0]
    for example in (plain, one):
        ask(place(project), answers=[answer(example, "keep", op=f"k{example}")])
    acts = Reader(project.decisions).page().acts
    assert [(act.words, act.example, act.fate) for act in acts] == [
        ("kept", one, ""),
        ("kept", plain, ""),
    ]
    lines = {
        i: [
            {k: v for k, v in line.items() if k != "time"}
            for line in decision_lines(project.decisions, project.people(), i)
        ]
        for i in (plain, one)
    }
    assert lines[one] == lines[plain] and lines[one][0]["what"] == "keep"
    tool = Reading(Folders([project.path.parent])).decisions(project=project.path.name)
    assert [(e["example_id"], e["kind"], e["value"]) for e in tool["decisions"]] == [
        (one, "keep", None),
        (plain, "keep", None),
    ]
    text = json.dumps([[act.to_dict() for act in acts], lines, tool])
    assert "gold" not in text and "check" not in text


def test_a_reply_holds_no_word_of_gold(project):
    change_review(project.path, gold=0.5)
    result = reply(
        place(project), {"project": "sums", "page": "p", "queue": "undecided", "sent": 1}
    )
    checks = [one for one in result["cards"] if one["id"] in golden(project)]
    assert checks and len(checks) < len(result["cards"])
    assert "gold" not in json.dumps(result) and "check" not in json.dumps(result)
    shown = [set(one) for one in result["cards"]]
    assert all(names == shown[0] for names in shown)


# --- making them ----------------------------------------------------------------------------


def test_settled_answers_and_a_file_make_gold_once_and_one_is_taken_back(project, tmp_path):
    one, two, three, *_ = ids_of(project)
    project.decisions.append([Decision(one, "settle", {"question": "label", "value": "a"}, "Lea")])
    assert (
        curate("gold", project.path, "--settled", "--annotator", "Lea")
        == "1 settled answer is gold now."
    )
    assert (
        curate("gold", project.path, "--settled", "--annotator", "Lea")
        == "0 settled answers are gold now."
    )
    lines = [
        {"id": two, "value": "warm"},
        {"id": three, "value": "loud"},
        {"id": "x", "value": "warm"},
    ]
    (tmp_path / "g.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    words = (
        "gold",
        project.path,
        "--from",
        tmp_path / "g.jsonl",
        "--question",
        "tone",
        "--annotator",
        "Lea",
    )
    assert curate(*words).split("\n")[0] == "1 answer is gold now."
    assert curate(*words).split("\n")[0] == "0 answers are gold now."
    assert project.people().gold[two]["tone"].value["value"] == "warm"
    curate("gold", project.path, "--remove", two, "--annotator", "Lea")
    assert two not in project.people().gold and one in project.people().gold
    with pytest.raises(CurationError, match="is no gold item"):
        gold.unmake(project, two, "Lea")
    with pytest.raises(CurationError, match="carries the name"):
        gold.make(project, [(two, "tone", "warm")], " ")


def test_an_item_with_several_right_answers_is_taken_back_whole(project):
    one, *_ = golden(project)
    gold.make(project, [(one, "tone", "warm")], "Lea")
    with pytest.raises(CurationError, match="carries a name"):
        gold.unmake(project, one, " ")
    assert len(project.people().gold[one]) == 2
    assert gold.unmake(project, one, "Lea") == 2
    assert one not in project.people().gold


def test_only_an_owner_makes_gold(project):
    rank(project, ANNOTATOR)
    with acting(ANN), pytest.raises(NotAllowed):
        gold.make(project, [(ids_of(project)[0], "verdict", "keep")], ANN.email)


def test_gold_says_whether_people_who_saw_a_suggestion_were_right(project):
    change_review(project.path, held_back=0.5)
    checks = golden(project)
    save(project, *(suggestion(project, i, "verdict", "drop") for i in checks))
    for example in checks:
        shown = card(project, example)
        sent = answer(example, "drop" if shown["suggestions"] else "keep", op=f"o{example}")
        sent |= {"content": shown["content"], "suggested": shown["suggestions"]}
        ask(place(project), answers=[sent])
    (result,) = biases(answers_beside(project.people()))
    assert (
        result.shown.answers + result.hidden.answers == 12
        and result.shown.answers
        and result.hidden.answers
    )
    assert (result.shown.checked, result.shown.right) == (result.shown.answers, 0)
    assert (result.hidden.checked, result.hidden.right) == (
        result.hidden.answers,
        result.hidden.answers,
    )
