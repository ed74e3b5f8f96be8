"""Whose answer counts: policies, settled answers, rates of people, and what a recipe makes of them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from curation import Project, Step
from curation.decisions import Consensus, Decision, DecisionStore, State
from curation.decisions.consensus import POLICIES, consensus, fit_point, rates
from curation.decisions.dawid_skene import Rates, fit
from curation.decisions.fold import fold
from curation.errors import CurationError
from curation.overlay import with_decisions
from curation.review import CONSENSUS, Review, write_review
from tests.test_cli import run


def settle(example: str, question: str, value, who: str = "Lea") -> Decision:
    return Decision(example, "settle", {"question": question, "value": value}, who)


@pytest.fixture
def store(tmp_path):
    opened = DecisionStore(tmp_path / "d.db", journal=tmp_path / "d.jsonl")
    yield opened
    opened.close()


# --- policies by hand count -------------------------------------------------------------------


def three(store: DecisionStore) -> None:
    """Two drop `a` and one keeps it, later; `b` is a tie; `c` has one answer; `d` is rated."""
    for who, example, kind, value in [
        ("Ann", "a", "drop", None),
        ("Bob", "a", "drop", None),
        ("Cyd", "a", "keep", None),
        ("Ann", "b", "keep", None),
        ("Bob", "b", "drop", None),
        ("Cyd", "c", "drop", None),
        ("Ann", "d", "rate", 5),
        ("Bob", "d", "rate", 4),
        ("Cyd", "d", "rate", 1),
        ("Ann", "d", "label", "sport"),
        ("Bob", "d", "label", "world"),
        ("Cyd", "d", "label", "sport"),
    ]:
        store.append([Decision(example, kind, value, who)])


def test_the_policies_are_those_of_the_settings():
    assert tuple(CONSENSUS) == POLICIES


def test_the_majority_counts_and_a_tie_counts_for_nobody(store):
    three(store)
    latest, majority = (Consensus(store).state(policy) for policy in ("latest", "majority"))
    assert latest is store.state(), "the latest answer costs nothing"
    assert {i: e.kind for i, e in latest.verdicts.items()} == dict(a="keep", b="drop", c="drop")
    assert {i: e.kind for i, e in majority.verdicts.items()} == dict(a="drop", c="drop")
    assert majority.unsettled == {"b": ("verdict",)}
    assert majority.verdicts_frame()["reason"].to_dict() == {
        "a": "dropped by Ann and Bob (2 of 3)",
        "c": "dropped by Cyd",
    }
    assert majority.of("d").summary() == [
        "labelled sport by Ann and Cyd (2 of 3)",
        "rated 4 by Ann, Bob and Cyd (the median of 3)",
    ]
    assert majority.of("b").summary() == ["no verdict counts: the answers are a tie"]
    assert majority.disagreement == pytest.approx({"a": 2 / 3, "b": 1.0, "d": 5 / 6})


def test_a_settled_answer_counts_before_and_after_others_until_it_is_undone(store):
    three(store)
    counted = Consensus(store)
    store.append([settle("a", "verdict", "keep"), settle("d", "rating", 2.5)])
    store.append([Decision("a", "drop", annotator="Dan")])
    for policy in POLICIES:
        state = counted.state(policy)
        assert state.verdicts["a"].kind == "keep" and state.ratings["d"].value == 2.5
        assert state.verdicts_frame().loc["a", "reason"] == "settled as keep by Lea"
    assert "settled as 2.5 by Lea" in counted.state("majority").of("d").summary()
    store.append([settle("a", "verdict", "drop", "Max")])
    assert counted.state("latest").verdicts["a"].annotator == "Max"
    store.undo("Max")
    assert counted.state("latest").verdicts["a"].kind == "keep"
    store.undo("Lea"), store.undo("Lea")
    assert counted.state("latest") == store.state()
    assert counted.state("majority").verdicts["a"].annotator == "Dan"


@pytest.mark.parametrize(
    "value, sentence",
    [
        (
            {"question": "verdict", "value": "maybe"},
            "A verdict is one of: keep, drop; not 'maybe'.",
        ),
        ({"question": "label", "value": " "}, "A label needs a name that is not empty."),
        ({"question": "rating", "value": "5"}, "A rate needs a number as its value, not '5'."),
        ({"question": "no name", "value": "x"}, "A question's name is a letter"),
        ({"question": "verdict"}, 'A settle needs {"question": …, "value": …} as its value.'),
        ("keep", 'A settle needs {"question": …, "value": …} as its value.'),
    ],
)
def test_what_settles_nothing_is_refused_with_a_sentence(store, value, sentence):
    with pytest.raises(CurationError) as caught:
        store.append([Decision("a", "settle", value, "Lea")])
    assert str(caught.value).startswith(sentence)
    assert store.last() == 0


def test_a_new_event_counts_only_the_examples_that_it_touches(store, monkeypatch):
    from curation.decisions import consensus as module

    three(store)
    counted = Consensus(store)
    before = counted.state("majority")
    touched: list[str] = []
    plain = module._Counted._answers

    def noted(self, state, example):
        touched.append(example)
        return plain(self, state, example)

    monkeypatch.setattr(module._Counted, "_answers", noted)
    store.append([Decision("b", "drop", annotator="Cyd")])
    assert counted.state("majority").verdicts["b"].kind == "drop" and touched == ["b"]
    assert counted.state("majority").unsettled == {} and touched == ["b"]
    assert "b" not in before.verdicts and before.unsettled == {"b": ("verdict",)}


def test_a_repaired_store_is_counted_anew(store):
    three(store)
    counted = Consensus(store)
    assert "a" in counted.state("majority").verdicts
    from curation.decisions import rebuild

    path, journal = store.database.path, store.journal
    store.close()
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:-2]), "utf-8")
    path.unlink()
    rebuild(path, journal)
    again = DecisionStore(path, journal=journal)
    counted._store = again
    assert counted.state("majority") == consensus(again.state(), "majority")
    again.close()


# --- Dawid and Skene --------------------------------------------------------------------------


def simulated(people, classes: int, examples: int, each: int, seed: int):
    """Right answers, and the answers of people: how often each is right, or what they always say."""
    random = np.random.default_rng(seed)
    right, answers = random.integers(0, classes, examples), []
    for truth in right:
        chosen = random.choice(len(people), each, replace=False)
        given = []
        for n in sorted(chosen):
            if isinstance(people[n], str):
                answer = people[n]
            elif random.random() < people[n]:
                answer = str(truth)
            else:
                answer = str(random.integers(classes))
            given.append((f"p{n}", answer))
        answers.append(given)
    return [str(truth) for truth in right], answers


def test_two_careful_people_outweigh_nobody_and_one_spammer_counts_for_little():
    """A person who always answers 0 says nothing: with one other answer, the other counts."""
    _, answers = simulated([0.95, 0.95, 0.95, "0"], 2, 400, 3, 1)
    model = fit(answers)
    assert model.likelihoods([("p0", "1"), ("p3", "0")])["1"] > 0.9
    assert model.likelihoods([("p0", "1"), ("p1", "9")]) is None, "9 was never answered"
    accuracy = model.accuracy()
    assert min(accuracy[f"p{n}"] for n in range(3)) > 0.9 and accuracy["p3"] < 0.6


def test_the_accuracy_of_people_is_that_of_their_simulation():
    skills = [0.95, 0.9, 0.8, 0.6]
    right, answers = simulated(skills, 3, 2_000, 3, 2)
    shares = fit(answers).accuracy()
    for n in range(4):
        mine = [
            dict(given)[f"p{n}"] == truth
            for truth, given in zip(right, answers, strict=True)
            if f"p{n}" in dict(given)
        ]
        assert shares[f"p{n}"] == pytest.approx(np.mean(mine), abs=0.03)


@pytest.mark.parametrize(
    "people, classes, each", [([0.9, 0.8, 0.6, 0.5], 2, 3), ([0.9, 0.8, 0.7, 0.6, "1"], 4, 2)]
)
def test_without_a_prior_it_is_the_published_method(people, classes, each):
    """crowd-kit is no dependency; where it is installed, both must agree."""
    aggregation = pytest.importorskip("crowdkit.aggregation")
    _, answers = simulated(people, classes, 300, each, 3)
    table = pd.DataFrame(
        [(n, who, answer) for n, given in enumerate(answers) for who, answer in given],
        columns=["task", "worker", "label"],
    )
    theirs = aggregation.DawidSkene(n_iter=200, tol=-1.0).fit(table)
    ours = fit(answers, prior=0.0)
    for n, given in enumerate(answers):
        expected = theirs.probas_.loc[n, sorted({answer for _, answer in given})]
        expected = expected / expected.sum()
        for answer, share in ours.likelihoods(given).items():
            assert share == pytest.approx(expected[answer], abs=2e-3)


def test_rates_are_the_same_in_any_order_and_need_what_is_shared():
    _, answers = simulated([0.9, 0.8, 0.6], 2, 200, 2, 4)
    model = fit(answers)
    again = fit([given[::-1] for given in reversed(answers)])
    assert np.array_equal(model.errors, again.errors) and np.array_equal(model.priors, again.priors)
    assert fit([[("Ann", "x")], [("Bob", "y")]]) is None
    assert fit([[("Ann", str(n)), ("Bob", str(n))] for n in range(101)]) is None


def test_the_work_of_a_fit_is_bounded(monkeypatch):
    from curation.decisions import dawid_skene as module

    _, answers = simulated([0.9, 0.8, 0.6], 3, 200, 2, 4)
    cells = sum(len(given) for given in {tuple(given) for given in answers})
    work = (cells + 3 * 3) * 3
    assert fit(answers).rounds > 12
    monkeypatch.setattr(module, "MOST_WORK", work * 12)
    assert fit(answers).rounds == 12
    monkeypatch.setattr(module, "MOST_WORK", work * 10 - 1)
    assert fit(answers) is None


def test_a_fit_holds_up_nobody_who_does_not_need_it(store, monkeypatch):
    from threading import Event, Thread

    from curation.decisions import consensus as module

    three(store)
    counted, begun, end = Consensus(store), Event(), Event()

    def slow(state):
        begun.set()
        assert end.wait(60)
        return rates(state)

    monkeypatch.setattr(module, "rates", slow)
    fits = Thread(target=counted.state, args=["dawid-skene"])
    others = Thread(target=counted.state, args=["majority"])
    fits.start()
    assert begun.wait(60)
    others.start()
    others.join(30)
    waited = others.is_alive()
    end.set()
    fits.join(), others.join()
    assert not waited
    assert counted.state("dawid-skene") == Consensus(store).state("dawid-skene")


def test_answers_that_are_likely_to_five_digits_are_a_tie(store):
    store.append([Decision("a", "label", value, who) for who, value in (("A", "x"), ("B", "y"))])
    equal = np.full((3, 2, 2), 0.5)

    def label(first: float):
        model = Rates(("A", "B"), ("x", "y"), np.array([first, 1 - first]), equal)
        return consensus(store.state(), "dawid-skene", {"label": model}).labels.get("a")

    assert label(0.500002) is None
    assert label(0.50002).value == "x"


def test_rates_hold_still_between_two_fit_points(store):
    assert [fit_point(n) for n in (0, 1, 15, 16, 17, 31, 32, 1_000, 1_000_000)] == [
        *(0, 1, 15, 16, 16, 30, 32, 960, 983_040)
    ]
    right, answers = simulated([0.95, 0.9, 0.9, "drop"], 2, 120, 3, 5)
    for n, given in enumerate(answers):
        kinds = {"0": "keep", "1": "drop", "drop": "drop"}
        store.append([Decision(f"e{n}", kinds[answer], None, who) for who, answer in given])
    counted = Consensus(store)
    state = counted.state("dawid-skene")
    assert counted.models(store.last()) is counted.models(store.last() + 1)
    kept = {i for i, e in state.verdicts.items() if e.kind == "keep"}
    expected = {f"e{n}" for n, truth in enumerate(right) if truth == "0"}
    majority = {i for i, e in counted.state("majority").verdicts.items() if e.kind == "keep"}
    assert len(kept ^ expected) < len(majority ^ expected)
    store.append([Decision("e0", "drop", annotator="p0")])
    fresh = consensus(store.state(), "dawid-skene", rates(fold(store.events(until=fit_point(361)))))
    assert counted.state("dawid-skene") == fresh
    assert Consensus(store).state("dawid-skene") == fresh, "a pure function of the events"


# --- what a recipe, a receipt and a delivery make of it ------------------------------------------


@pytest.fixture
def project(make_project) -> Project:
    """Rows 0 and 5 are copies. Of row 0 the latest answer differs from the most; row 1 is a tie."""
    rows = [{"prompt": f"What is {n}?", "completion": f"It is {n % 5} of them."} for n in range(6)]
    rows[5]["prompt"] = rows[0]["prompt"]
    project = make_project(rows, Step("drop_near_duplicates", similarity=0.9))
    ids = list(project.examples.rows.index)
    for who, number, kind in [
        ("Ann", 0, "keep"),
        ("Bob", 0, "keep"),
        ("Cyd", 0, "drop"),
        ("Ann", 1, "drop"),
        ("Bob", 1, "keep"),
        ("Ann", 2, "drop"),
        ("Ann", 5, "keep"),
        ("Bob", 5, "drop"),
    ]:
        project.decisions.append([Decision(ids[number], kind, annotator=who)])
    return project


def use(project: Project, policy: str) -> None:
    write_review(project.path, Review(consensus=policy))


def reason(project: Project, example: str) -> list[str]:
    return [line["text"] for line in project.explain(example) if line["step"] == "people"]


def test_the_majority_keeps_a_row_that_the_latest_answer_dropped(project, tmp_path):
    ids = list(project.examples.rows.index)
    assert ids[0] not in project.run().kept.index
    use(project, "majority")
    kept = project.run().kept.index
    assert ids[0] in kept and ids[2] not in kept
    assert ids[1] in kept and ids[5] not in kept, "of a tie the recipe decides"
    assert any("kept by Ann and Bob (2 of 3)" in text for text in reason(project, ids[0]))
    lines = {
        (e["what"], e["annotator"]): e["text"]
        for e in project.explain(ids[0])
        if e["step"] == "decision"
    }
    assert lines == {
        ("keep", "Ann"): "",
        ("keep", "Bob"): "",
        ("drop", "Cyd"): "another answer counts",
    }
    manifest = project.export(tmp_path / "out", ["trl"])
    receipts = pd.read_parquet(tmp_path / "out" / "receipts.parquet").set_index("id")
    assert receipts.loc[ids[0], ["delivered", "decided_by"]].tolist() == [
        True,
        "keep by Ann, keep by Bob",
    ]
    assert receipts.at[ids[2], "reason"] == "dropped by Ann"
    assert manifest["decisions"]["policy"] == "majority"
    assert manifest["decisions"]["by_annotator"] == {
        "Ann": {"drop": 1, "keep": 1},
        "Bob": {"keep": 1},
    }
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "The answer that most people gave counts" in card
    delivered = (tmp_path / "out" / "decisions.jsonl").read_text("utf-8").splitlines()
    assert sorted(json.loads(line)["annotator"] for line in delivered) == ["Ann", "Ann", "Bob"]


def test_a_settled_answer_is_in_receipt_and_delivery_and_is_read_from_a_file(project, tmp_path):
    ids = list(project.examples.rows.index)
    use(project, "majority")
    settled = tmp_path / "settled.jsonl"
    value = {"question": "verdict", "value": "drop"}
    settled.write_text(json.dumps({"id": ids[1], "kind": "settle", "value": value}), "utf-8")
    run("decide", project.path, "--annotator", "Lea", "--from", settled)
    assert ids[1] not in project.run().kept.index
    lines = [e for e in project.explain(ids[1]) if e["step"] == "decision"]
    assert [e["text"] for e in lines] == ["settled by Lea", "settled by Lea", "verdict: drop"]
    project.export(tmp_path / "out", ["trl"])
    (line,) = [
        json.loads(line)
        for line in (tmp_path / "out" / "decisions.jsonl").read_text("utf-8").splitlines()
        if ids[1] in line
    ]
    assert (line["kind"], line["value"], line["annotator"]) == ("settle", value, "Lea")
    receipts = pd.read_parquet(tmp_path / "out" / "receipts.parquet").set_index("id")
    assert receipts.at[ids[1], "reason"] == "settled as drop by Lea"
    printed = run("decisions", project.path)[1].splitlines()
    assert json.loads(printed[-1])["kind"] == "settle"


def test_under_pseudonyms_no_reason_names_anybody(project, tmp_path):
    use(project, "majority")
    ids = list(project.examples.rows.index)
    names = ("Ann", "Bob", "Eva-Maria", "Zoe", "Bo")
    project.decisions.append([Decision(ids[3], "drop", annotator=who) for who in names])
    project.decisions.append([settle(ids[1], "verdict", "drop", "Ann")])
    project.run()
    project.export(tmp_path / "out", ["trl"], pseudonyms=True)
    table = pd.read_parquet(tmp_path / "out" / "receipts.parquet").set_index("id")
    assert table.at[ids[3], "reason"].startswith("dropped by annotator ")
    for path in (tmp_path / "out").rglob("*"):
        for name in ("Ann ", "Ann,", '"Ann"', "Bob", "Cyd", "Eva", "Zoe"):
            assert not path.is_file() or name.encode() not in path.read_bytes(), (path, name)


@pytest.mark.parametrize("policy", ["majority", "dawid-skene", "latest"])
def test_after_a_change_of_policy_a_run_gives_what_a_fresh_project_gives(project, policy, tmp_path):
    import shutil

    project.run()
    for other in ("majority", "dawid-skene", "latest"):
        use(project, other)
        project.run()
    use(project, policy)
    fresh = Project.open(
        shutil.copytree(project.path, tmp_path / "fresh", ignore=shutil.ignore_patterns("cache"))
    )
    ours, theirs = project.run(), fresh.run()
    pd.testing.assert_frame_equal(ours.rows, theirs.rows)
    assert [s.fingerprint for s in ours.steps] == [s.fingerprint for s in theirs.steps]
    for example in ours.rows.index:
        assert project.explain(example) == fresh.explain(example)


def test_a_page_shows_the_policy_of_today_over_the_last_run(project):
    ids = list(project.examples.rows.index)
    project.run()
    assert project.view().current
    use(project, "majority")
    view = project.view()
    assert view.dataset.rows["dropped_by"].isna()[ids[0]]
    assert view.current or "whose answer counts was changed" in view.note


def test_disagreement_is_a_column_where_two_people_answered(project):
    from curation.looking.columns import colours, numbers
    from curation.looking.filter import Filter

    ids = list(project.examples.rows.index)
    dataset = with_decisions(project.run(), project.people())
    column = dataset.rows["disagreement"]
    assert column[ids[0]] == pytest.approx(2 / 3) and column[ids[1]] == 1.0
    assert column[ids[2]] != column[ids[2]], "missing where one person answered"
    assert "disagreement" in numbers(dataset) and "disagreement" in colours(dataset)
    assert list(dataset.rows.index[Filter.parse(["disagreement>=0.9"]).checked(dataset)]) == [
        ids[1],
        ids[5],
    ]
    table = run("rows", project.path, "--columns", "disagreement", "--filter", "disagreement>=0.9")[
        1
    ]
    assert len(table.splitlines()) == 2
    alone = with_decisions(project.run(), State())
    assert "disagreement" not in alone.rows


def test_people_without_a_name_vote_and_a_long_list_of_names_is_cut(store):
    names = ["", "Ann", "Bob", "Cyd", "Dan", "Eva"]
    store.append([Decision("a", "keep", annotator=who) for who in names])
    verdicts = Consensus(store).state("majority").verdicts_frame()
    assert verdicts.loc["a", "reason"] == "kept by Ann, Bob, Cyd and 3 others (6 of 6)"
    store.append([Decision("b", "keep"), Decision("b", "keep", annotator="Ann")])
    verdicts = Consensus(store).state("majority").verdicts_frame()
    assert verdicts.loc["b", "reason"] == "kept by Ann and somebody without a name (2 of 2)"
    assert store.state().disagreement == {"a": 0.0}
