"""Saved queues: orders, files, names, what follows the data and what stays."""

from __future__ import annotations

import json
import threading

import pandas as pd
import pytest

from curation import Project, Recipe, Step
from curation.decisions import Decision
from curation.errors import CurationError
from curation.looking.filter import Filter
from curation.looking.orders import ORDERS, Order, by_chance, disputed, in_turns
from curation.saved_queues import SavedQueue, SavedQueues, checked_name
from tests.test_cli import answer, refused, run

BREADS = ["rye", "wheat", "spelt", "oat"]
ROWS = [
    {
        "prompt": f"How long do I bake {BREADS[n % 4]} bread number {n}?",
        "response": "Until it sounds hollow. " * (1 + n % 7),
        "stars": n % 5 + 0.5 if n % 6 else None,
        "grain": BREADS[n % 4] if n % 3 else None,
    }
    for n in range(24)
]


@pytest.fixture
def project(tmp_path):
    """Twenty-four questions on bread, some without stars, some without grain; one is dropped."""
    (tmp_path / "breads.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    steps = (Step("lengths"), Step("keep_between", score="response_tokens", low=6))
    project = Project.create(tmp_path / "breads", recipe=Recipe(steps))
    project.add(tmp_path / "breads.jsonl")
    project.run()
    return project


def decide(project, kind, places, value=None, by="Ada"):
    ids = project.examples.rows.index
    project.decisions.append(
        [Decision(ids[n], kind, value, by, op_id=f"{kind}-{by}-{n}") for n in places]
    )


def waiting(project, queue):
    """Row numbers of the examples that wait, in the queue's order."""
    dataset, people = project.view().dataset, project.people()
    positions, _ = queue.waiting(dataset, people)
    return [int(n) - 1 for n in dataset.rows["source_row"].iloc[positions]]


def arranged(project, order):
    return waiting(project, SavedQueue("q", Order.parse(order)))


# --- orders ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    "given random random:7 highest:quality lowest:a:b nearest:a:b:0.5 nearest:x:-1e-05 outliers "
    "turns:topic turns:a:b uncertain uncertain:3 disagreement".split(),
)
def test_an_order_is_read_back_from_its_text(text):
    assert str(Order.parse(text)) == text
    assert Order.parse(text).kind in ORDERS


def test_turns_are_of_topics_unless_a_column_is_named():
    assert str(Order.parse("turns")) == "turns:topic"


@pytest.mark.parametrize(
    "text",
    ["", "best", "highest", "highest:", "nearest:x", "nearest:x:", "nearest:x:nan", "random:-1"]
    + ["nearest::1", "outliers:x", "random:two", "uncertain:1.5", "given:1"],
)
def test_a_text_that_is_no_order_is_refused_with_the_orders(text):
    with pytest.raises(CurationError, match="is no order. Write given, random:7"):
        Order.parse(text)


def test_numbers_order_rows_and_missing_ones_come_last(project):
    stars = [row["stars"] for row in ROWS]
    without = [n for n, s in enumerate(stars) if s is None]
    for order, key in [
        ("highest:stars", lambda n: -stars[n]),
        ("lowest:stars", lambda n: stars[n]),
        ("nearest:stars:2.4", lambda n: abs(stars[n] - 2.4)),
    ]:
        rated = sorted((n for n in range(24) if n not in without), key=key)
        assert arranged(project, order) == rated + without


def test_chance_depends_on_the_seed_and_the_ids_alone(project):
    one, two = arranged(project, "random:1"), arranged(project, "random:2")
    assert one == arranged(project, "random:1") and one != two
    assert sorted(one) == sorted(two) == list(range(24)) != one
    ids = project.examples.rows.index
    shuffled = ids[::-1]
    assert list(ids[by_chance(ids, 1)]) == list(shuffled[by_chance(shuffled, 1)])


def test_groups_take_turns_and_the_largest_begins():
    groups = pd.Series(["b", "a", "a", "c", "a", "b", ""])
    assert [groups[i] for i in in_turns(groups)] == ["a", "b", "c", "", "a", "b", "a"]
    assert list(in_turns(groups))[:2] == [1, 0]


@pytest.mark.parametrize(
    "order, sentence",
    [
        ("highest:taste", "reads the column 'taste', which is not in the data"),
        ("highest:grain", "'grain' holds no numbers"),
        ("outliers", "add the step Density and outliers"),
        ("turns:taste", "reads the column 'taste'"),
        ("uncertain", "add the step embed"),
    ],
)
def test_an_order_by_what_is_not_in_the_data_is_one_sentence(project, order, sentence):
    with pytest.raises(CurationError, match=sentence):
        arranged(project, order)


def test_disagreement_holds_unsettled_examples_though_they_are_decided(project):
    decide(project, "keep", [1, 2, 3, 4])
    decide(project, "drop", [1, 2], by="Ben")
    decide(project, "keep", [3], by="Ben")
    decide(project, "label", [5], "sour")
    decide(project, "label", [5], "sweet", by="Ben")
    assert arranged(project, "disagreement") == [1, 2, 5]
    decide(project, "drop", [2], by="Cem")  # two against one
    assert arranged(project, "disagreement") == [1, 5]
    shares = disputed(project.people())
    assert set(shares.values()) == {1.0}
    decide(project, "keep", [1], by="Cem")
    decide(project, "drop", [1], by="Dora")
    assert sorted(disputed(project.people()).values()) == [pytest.approx(4 / 6), 1.0]
    assert arranged(project, "disagreement") == [5, 1]
    decide(project, "settle", [5], {"question": "label", "value": "sour"})
    assert arranged(project, "disagreement") == [1]


def test_answers_to_the_leads_questions_are_no_disagreement(project):
    decide(project, "keep", [1])
    decide(project, "answer", [1, 2], {"question": "tone", "value": "warm"})
    decide(project, "answer", [2], {"question": "tone", "value": "cold"}, by="Ben")
    assert arranged(project, "disagreement") == []
    decide(project, "drop", [1, 2], by="Ben")
    for who in ("Ada", "Cem"):
        decide(project, "keep", [2], by=who)  # no tie, but for the tone
    decide(project, "drop", [1, 3], by="")
    decide(project, "keep", [3])
    assert arranged(project, "disagreement") == [1]
    assert set(disputed(project.people()).values()) == {1.0}, "an answer without a name is left out"


# --- what a queue holds ---------------------------------------------------------------------


def test_a_decided_example_leaves_and_a_skipped_one_goes_to_the_end(project):
    decide(project, "keep", [3])
    decide(project, "skip", [8])
    stars = [n for n in arranged(project, "highest:stars")]
    assert 3 not in stars and stars[-1] == 8 and len(stars) == 23


def test_a_filter_follows_the_data_and_holds_dropped_examples_too(project):
    dropped = SavedQueue("short", filter=Filter.parse(["dropped"]))
    few = waiting(project, dropped)
    assert few and all(n % 7 == 0 for n in few)
    decide(project, "tag", [2], "odd")
    tagged = SavedQueue("odd", filter=Filter.parse(["tags=odd"]))
    assert waiting(project, tagged) == [2]
    decide(project, "tag", [9], "odd")
    assert waiting(project, tagged) == [2, 9]
    words = SavedQueue("oats", filter=Filter.parse([], "oat"))
    assert waiting(project, words) == [n for n in range(24) if n % 4 == 3]


def test_a_filter_reads_every_column_that_people_make(project):
    dataset = project.view().dataset

    def holds(condition):
        queue = SavedQueue("q", filter=Filter.parse([condition]))
        positions = queue.among(dataset, project.people()).positions
        return [int(n) - 1 for n in dataset.rows["source_row"].iloc[positions]]

    with pytest.raises(CurationError, match="Nobody has answered that yet"):
        holds("answers.tone=warm")
    decide(project, "answer", [1, 2], {"question": "tone", "value": "warm"})
    decide(project, "note", [3], "look again")
    decide(project, "rate", [4], 5)
    decide(project, "keep", [5, 6])
    decide(project, "drop", [5], by="Ben")
    assert holds("answers.tone=warm") == [1, 2]
    assert holds("notes=look again") == [3]
    assert holds("rating_by_people>=4") == [4]
    assert holds("decided_by=Ben") == holds("disagreement>=1") == [5]
    decide(project, "answer", [2], {"question": "tone", "value": "cold"}, by="Ben")
    decide(project, "rate", [4], 1, by="Ben")
    decide(project, "note", [6], "look again", by="Ben")
    decide(project, "drop", [6], by="Ben")
    assert holds("answers.tone=warm") == [1]
    assert holds("rating_by_people>=4") == []
    assert holds("notes=look again") == [3, 6]
    assert holds("disagreement>=1") == [4, 5, 6]
    assert holds("decided_by=Ben") == [2, 4, 5, 6]


def test_a_filter_follows_a_new_run(project):
    queue = SavedQueue("short", filter=Filter.parse(["response_tokens<=8"]))
    before = waiting(project, queue)
    assert before
    with pytest.raises(CurationError, match="filters by 'outlier', which is not in the data"):
        waiting(project, SavedQueue("lonely", filter=Filter.parse(["outlier>=1"])))
    project.recipe = Recipe((Step("keep_between", score="column:stars", low=0.0),))
    project.run()
    with pytest.raises(CurationError, match="'response_tokens', which is not in the data"):
        waiting(project, queue)


def test_chosen_ids_stay_in_their_order_and_those_that_are_gone_are_left_out(project):
    ids = list(project.examples.rows.index)
    queue = SavedQueue("few", ids=(ids[7], "0123456789abcdef", ids[2]))
    assert waiting(project, queue) == [7, 2]


def test_a_sample_is_drawn_once(project):
    ids = list(project.examples.rows.index)
    queue = SavedQueue.sampled("some", Order(), ids, 5, 3)
    assert len(queue.ids) == 5 and queue == SavedQueue.sampled("some", Order(), ids, 5, 3)
    assert queue.ids != SavedQueue.sampled("some", Order(), ids, 5, 4).ids
    assert set(queue.ids) <= set(ids) and queue.origin == "5 of 24 by chance, seed 3"
    assert waiting(project, queue) == sorted(waiting(project, queue))


# --- files ----------------------------------------------------------------------------------


def test_a_queue_is_read_back_as_it_was_saved(project):
    saved = SavedQueues(project.path)
    by_filter = SavedQueue(
        "Long & odd",
        Order("nearest", "a:b", 0.25),
        Filter.parse(["kept", "x=1..2|missing"], '"a b"'),
    )
    by_ids = SavedQueue(
        "Lasso 2", Order("random", seed=4), ids=("b", "a"), origin="drawn", by="Ada"
    )
    for queue in (by_filter, by_ids):
        assert saved.save(queue) == queue == saved.get(queue.name)
    assert saved.all() == ([by_ids, by_filter], [])
    assert saved.names() == ["Lasso 2", "Long & odd"]


def test_a_name_is_taken_once_whatever_its_case(project):
    saved = SavedQueues(project.path)
    saved.save(SavedQueue("Hard ones", by="Ada"))
    with pytest.raises(CurationError, match="There is a queue Hard ones already"):
        saved.save(SavedQueue("hard  ones", by="Ben"))
    assert saved.get("Hard ones").by == "Ada"


def test_of_two_who_save_one_name_at_once_one_is_refused(project):
    for round_ in range(5):
        start, errors = threading.Barrier(8), []

        def save(who, start=start, errors=errors, name=f"Queue {round_}"):
            start.wait()
            try:
                SavedQueues(project.path).save(SavedQueue(name, by=who))
            except CurationError as error:
                errors.append(str(error))

        threads = [threading.Thread(target=save, args=(str(n),)) for n in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert len(errors) == 7
    assert len(SavedQueues(project.path).names()) == 5


def test_a_queue_is_renamed_and_deleted_and_its_answers_stay(project):
    saved = SavedQueues(project.path)
    saved.save(SavedQueue("one", by="Ada"))
    saved.save(SavedQueue("two"))
    with pytest.raises(CurationError, match="There is a queue two already"):
        saved.rename("one", "TWO")
    assert saved.rename("one", "One").by == "Ada" and saved.names() == ["One", "two"]
    decide(project, "keep", [1])
    saved.delete("One")
    with pytest.raises(CurationError, match="There is no queue 'One'"):
        saved.delete("One")
    with pytest.raises(CurationError, match="there are: undecided, .*, two"):
        saved.rename("One", "three")
    assert saved.names() == ["two"] and len(project.people().verdicts) == 1


@pytest.mark.parametrize(
    "name",
    ["a/b", "..", "../x", ".x", "a\\b", "a\0b", "a\nb\0", "a:b", "CON", "x" * 61, "<b>", "x."],
)
def test_what_is_no_name_is_refused_and_leads_nowhere(project, name):
    with pytest.raises(CurationError, match="is no name of a queue"):
        SavedQueues(project.path).save(SavedQueue(name))
    with pytest.raises(CurationError, match="There is no queue"):
        SavedQueues(project.path).get(name)
    assert not [p for p in project.path.rglob("*.json") if "queues" in str(p)]


def test_names_of_every_script_are_fine_but_not_those_of_other_queues():
    assert checked_name("  Смешные   ответы (2) ") == "Смешные ответы (2)"
    assert checked_name("难 例") == "难 例"
    for taken in ("review", "Undecided", "to review"):
        with pytest.raises(CurationError, match="a queue that every project has"):
            checked_name(taken)
    with pytest.raises(CurationError, match="Give the queue a name"):
        checked_name("  ")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"order": "given"}', b'{"order": 3}', b"null"]
    + [
        json.dumps(
            {"order": "given", "words": "", "origin": "", "by": "", "filter": [], "ids": None} | bad
        ).encode()
        for bad in (
            {"order": "best"},
            {"filter": ["no filter"]},
            {"filter": 3},
            {"ids": [1]},
            {"ids": 7},
        )
    ],
)
def test_a_file_that_describes_no_queue_hides_no_other(project, content):
    saved = SavedQueues(project.path)
    good = saved.save(SavedQueue("good"))
    (saved.folder / "bad.json").write_bytes(content)
    queues, problems = saved.all()
    assert queues == [good] and len(problems) == 1 and "\n" not in problems[0]
    with pytest.raises(CurationError):
        saved.get("bad")
    saved.delete("bad")
    assert saved.all() == ([good], [])


def test_what_is_no_file_is_one_sentence(project):
    saved = SavedQueues(project.path)
    assert saved.all() == ([], [])
    (project.path / "queues" / "odd.json").mkdir(parents=True)
    assert saved.all()[1] == ["The file queues/odd.json cannot be read: Is a directory."]


def test_an_order_is_remembered_until_the_answers_that_it_reads_change(project, monkeypatch):
    dataset, queue = project.view().dataset, SavedQueue("q", Order("random"))
    first = queue.arranged(dataset, None)
    assert queue.arranged(dataset, None) is first
    assert SavedQueue("q", Order("random", seed=1)).arranged(dataset, None) is not first
    assert queue.arranged(dataset.replace(), None) is not first


def test_answers_change_an_order_that_reads_them_though_the_rows_are_the_same(project):
    dataset, queue = project.view().dataset, SavedQueue("q", Order("disagreement"))
    assert len(queue.arranged(dataset, project.people()).positions) == 0
    decide(project, "keep", [1])
    decide(project, "drop", [1], by="Ben")
    assert len(queue.arranged(dataset, project.people()).positions) == 1


# --- the command ----------------------------------------------------------------------------


def test_the_command_saves_lists_prints_renames_and_deletes(project):
    folder = project.path
    saved_as = answer(
        "queue", folder, "long", "--save", "--filter", "stars>=3", "--order", "highest:stars"
    )
    rated = [n for n, row in enumerate(ROWS) if (row["stars"] or 0) >= 3]
    assert saved_as == {"queue": "long", "examples": len(rated), "about": saved_as["about"]}
    assert saved_as["about"] == "--filter 'stars>=3'; highest first (stars)"
    best = sorted(rated, key=lambda n: -ROWS[n]["stars"])
    ids = project.examples.rows.index
    assert answer("queue", folder, "long")["ids"] == [ids[n] for n in best]
    assert run("queue", folder, "long")[1].split() == [ids[n] for n in best]
    (folder.parent / "ids.txt").write_text(f"{ids[5]}\n\n{ids[1]}\n")
    answer("queue", folder, "mine", "--save", "--ids", folder.parent / "ids.txt")
    assert answer("queue", folder, "mine")["ids"] == [ids[5], ids[1]]
    answer("queue", folder, "some", "--save", "--sample", 4, "--seed", 2)
    assert len(answer("queue", folder, "some")["ids"]) == 4
    listed = {q["queue"]: q["examples"] for q in answer("queue", folder, "--list")["queues"]}
    assert listed["long"] == len(rated) and listed["mine"] == 2 and listed["undecided"] > 2
    answer("queue", folder, "mine", "--rename", "ours")
    answer("queue", folder, "some", "--delete")
    assert SavedQueues(folder).names() == ["long", "ours"]
    assert "There is no queue 'some'" in refused("queue", folder, "some")
    assert "There is a queue long already" in refused("queue", folder, "long", "--save")


def test_the_command_prints_any_queue_in_another_order(project):
    given = answer("queue", project.path)["ids"]
    by_stars = answer("queue", project.path, "--order", "lowest:stars")["ids"]
    assert sorted(given) == sorted(by_stars) and given != by_stars
    assert "is no order" in refused("queue", project.path, "--order", "best")


def test_a_queue_with_a_fault_is_not_saved_and_a_broken_one_is_listed(project):
    assert "'taste'" in refused("queue", project.path, "x", "--save", "--order", "highest:taste")
    assert "column 'taste'" in refused("queue", project.path, "x", "--save", "--filter", "taste=1")
    assert "no example 'zz'" in refused(
        "queue", project.path, "x", "--save", "--ids", _file(project.path.parent / "i", "zz")
    )
    saved = SavedQueues(project.path)
    assert saved.names() == []
    saved.save(SavedQueue("late", Order("highest", "taste")))
    (saved.folder / "bad.json").write_text("{")
    listed = answer("queue", project.path, "--list")
    assert {q["queue"]: q["examples"] for q in listed["queues"]}["late"] is None
    assert len(listed["problems"]) == 2
    status, out, err = run("queue", project.path, "--list")
    assert status == 0 and "late: ? wait" in out and "bad.json describes no queue" in err


def _file(path, text):
    path.write_text(text)
    return path
