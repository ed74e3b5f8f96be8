"""Filters on the command line: rows, queues, decisions and deliveries of some examples."""

from __future__ import annotations

import json
import shlex

import pandas as pd
import pytest

from curation import Project, Recipe, Step
from curation.decisions import Decision, DecisionStore
from curation.errors import CurationError
from curation.looking.filter import Filter
from curation.looking.queues import queue
from tests.conftest import make_dataset
from tests.test_cli import answer, lines, refused, run

LANGUAGES = ["en", "de", "en", "fr"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty examples with a rating (none for every fifth) and a language; two are dropped."""
    home = tmp_path_factory.mktemp("filters")
    rows = [
        {
            "prompt": f"Which river runs past mill {n}?",
            "response": "The Elbe." if n % 10 else "?",
            "mood": LANGUAGES[n % 4],
            **({"rating": n / 2} if n % 5 else {}),
        }
        for n in range(20)
    ]
    (home / "mills.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = (Step("lengths"), Step("keep_between", score="response_tokens", low=2))
    project = Project.create(home / "mills", recipe=Recipe(steps))
    project.add(home / "mills.jsonl")
    project.run()
    return project.path


@pytest.fixture
def project(folder, tmp_path):
    import shutil

    return shutil.copytree(folder, tmp_path / "mills")


def conditions_of(texts):
    """The arguments that a shell makes of a manifest's filter."""
    return tuple(shlex.split(" ".join(texts)))


def numbers(*arguments):
    """The rows of the file that `curate rows` prints."""
    status, out, err = run("rows", *arguments)
    assert status == 0, err
    return [row["source_row"] - 1 for row in lines(out)]


def test_rows_are_those_of_which_every_condition_holds(project):
    assert numbers(project, "--filter", "mood=de") == [1, 5, 9, 13, 17]
    assert numbers(project, "--filter", "mood=de|fr", "--filter", "rating>=8") == [17, 19]
    assert numbers(project, "--filter", "rating=missing") == [0, 5, 10, 15]
    assert numbers(project, "--filter", "rating=missing", "--filter", "kept") == [5, 15]
    assert numbers(project, "--filter", "rating=missing", "--dropped") == [0, 10]
    assert numbers(project, "--filter", "dropped_by=keep_between") == [0, 10]
    assert numbers(project, "--words", '"mill 7"') == [7]
    assert len(numbers(project, "--kept", "--dropped")) == 20


def test_a_delivery_by_a_wrong_name_is_refused_before_the_work(project, tmp_path, monkeypatch):
    def work(opened):
        raise AssertionError("the recipe was run")

    monkeypatch.setattr(Project, "source_with_files", work)
    message = refused("export", project, "--to", tmp_path / "out", "--filter", "mod=de")
    assert "There is no column 'mod'; near to it: mood" in message


@pytest.mark.parametrize("command", ["rows", "queue", "export", "decide"])
def test_a_name_that_is_not_there_is_refused_and_changes_nothing(project, command, tmp_path):
    more = {
        "export": ["--to", tmp_path / "out"],
        "decide": ["--kind", "drop", "--annotator", "Ada", "--yes"],
    }.get(command, [])
    message = refused(command, project, "--filter", "mod=de", *more)
    assert "There is no column 'mod'; near to it: mood" in message
    assert "near to it: 'fr'" in refused(command, project, "--filter", "mood=fro", *more)
    assert "is no filter" in refused(command, project, "--filter", "mood", *more)
    assert not (tmp_path / "out").exists() and Project.open(project).people() is None


def test_an_undo_in_a_file_that_changes_nothing_is_left_out_and_said(project, tmp_path):
    about = ("decide", project, "--filter", "mood=de", "--annotator", "Bob")
    answer(*about, "--kind", "drop", "--yes")
    store = Project.open(project).decisions
    batch, chosen = store.events()[0].batch, store.events()[0].example_id
    file = tmp_path / "undo.jsonl"
    line = {"id": chosen, "kind": "undo", "value": {"batch": batch}}
    file.write_text(json.dumps(line))
    about = ("decide", project, "--from", file, "--annotator", "Ada")
    first, second = answer(*about), answer(*about)
    assert (first["appended"], first["without_effect"]) == (1, 0), "anybody may take it back"
    assert (second["appended"], second["ignored"], second["without_effect"]) == (0, 0, 1)
    assert "1 line left out: there is nothing to undo or redo" in run(*about)[1]
    assert not Project.open(project).people().verdicts
    both = [{**line, "kind": "redo"}, line, line, {**line, "value": {"batch": "none"}}]
    file.write_text("\n".join(map(json.dumps, both)))
    third = answer(*about)
    assert (third["appended"], third["without_effect"]) == (2, 2)
    own = {"id": chosen, "kind": "keep", "batch": "mine"}, {**line, "value": {"batch": "mine"}}
    file.write_text("\n".join(map(json.dumps, own)))
    assert answer(*about)["appended"] == 2, "an undo of what the file itself decides"
    assert not Project.open(project).people().verdicts
    printed = tmp_path / "log.jsonl"
    printed.write_text("".join(json.dumps(e.to_dict()) + "\n" for e in store.events()))
    assert answer("decide", project, "--from", printed, "--annotator", "Ada")["ignored"] == 10


def test_a_decision_for_all_that_a_filter_holds_is_one_act(project):
    about = ("decide", project, "--filter", "mood=de", "--annotator", "Ada")
    nothing = dict.fromkeys(("appended", "ignored", "conflicts", "withheld", "without_effect"), 0)
    assert answer(*about, "--kind", "drop") == {"examples": 5, **nothing}
    assert Project.open(project).people() is None
    assert "nothing is saved without --yes" in run(*about, "--kind", "drop")[1]
    assert answer(*about, "--kind", "drop", "--yes") == {
        "examples": 5,
        **nothing,
        "appended": 5,
    }
    assert numbers(project, "--filter", "dropped_by=people") == [1, 5, 9, 13, 17]
    tagged = run(*about, "--kind", "tag", "--value", "north", "--yes")[1]
    assert tagged.startswith("tag: saved for 5 examples as one action; 5 appended")
    assert numbers(project, "--filter", "tags=north", "--filter", "rating>=8") == [17]
    Project.open(project).decisions.undo("Ada")
    assert Project.open(project).people().tags == {}
    Project.open(project).decisions.undo("Ada")
    assert numbers(project, "--filter", "kept") == [n for n in range(20) if n % 10]


def test_a_name_is_saved_without_the_blanks_around_it(project, tmp_path):
    about = ("decide", project, "--annotator", " Ada ", "--words", '"mill 3"')
    answer(*about, "--kind", "drop", "--yes")
    (event,) = Project.open(project).decisions.events()
    file = tmp_path / "decisions.jsonl"
    file.write_text(json.dumps({"id": event.example_id, "kind": "keep"}))
    run("decide", project, "--annotator", " Ada ", "--from", file)
    events = Project.open(project).decisions.events()
    assert [(event.kind, event.annotator) for event in events] == [("drop", "Ada"), ("keep", "Ada")]


def test_decisions_of_a_filter_and_of_a_file_are_reported_alike(project, tmp_path, monkeypatch):
    """Bob decides after the filter has been applied, before its decisions are appended."""
    chosen = Project.open(project).examples.rows.index[3]
    bob = [Decision(chosen, "keep", annotator="Bob")]
    append = DecisionStore.append

    def late(store, decisions):
        monkeypatch.setattr(DecisionStore, "append", append)
        append(store, bob)
        return append(store, decisions)

    monkeypatch.setattr(DecisionStore, "append", late)
    about = ("decide", project, "--annotator", "Ada")
    many = answer(*about, "--words", '"mill 3"', "--kind", "drop", "--yes")
    assert [many[name] for name in ("examples", "appended", "ignored", "conflicts")] == [1, 1, 0, 1]
    file = tmp_path / "decisions.jsonl"
    file.write_text(json.dumps({"id": chosen, "kind": "keep"}))
    assert answer(*about, "--from", file).keys() == many.keys()


def test_what_cannot_be_decided_for_many_is_refused(project):
    about = ("decide", project, "--annotator", "Ada", "--yes")
    assert "--kind is one of: keep" in refused(*about, "--filter", "kept", "--kind", "edit")
    assert "needs a number" in refused(*about, "--filter", "kept", "--kind", "rate")
    assert "tag" in refused(*about, "--filter", "kept", "--kind", "tag")
    nameless = ("decide", project, "--filter", "kept", "--kind", "drop", "--annotator", " ")
    assert "carry a name" in refused(*nameless, "--yes")
    assert run(*about, "--kind", "drop")[0] == 2
    assert run(*about, "--kind", "drop", "--filter", "kept", "--from", "x.jsonl")[0] == 2
    assert Project.open(project).people() is None


def test_a_queue_is_listed_in_the_order_of_the_page(project):
    opened = Project.open(project)
    rows = opened.view().dataset.rows
    ids = list(rows.index)
    run("decide", project, "--words", '"mill 3"', "--kind", "skip", "--annotator", "Ada", "--yes")
    run("decide", project, "--words", '"mill 4"', "--kind", "keep", "--annotator", "Ada", "--yes")
    listed = run("queue", project)[1].split()
    waiting = [n for n in range(20) if n % 10 and n not in (3, 4)]
    assert listed == [ids[n] for n in [*waiting, 3]]
    assert listed == list(rows.index[queue(rows, Project.open(project).people(), "undecided")])
    value = answer("queue", project, "dropped")
    assert value == {"queue": "dropped", "examples": 2, "ids": [ids[0], ids[10]]}
    french = answer("queue", project, "--filter", "mood=fr")
    assert french["ids"] == [ids[n] for n in (7, 11, 15, 19, 3)], "skipped ones last"
    status, out, err = run("queue", project, "review")
    assert (status, out) == (0, "") and err.endswith("Nothing waits in the queue review.\n")
    assert answer("queue", project, "review")["ids"] == []
    assert "there are: undecided, review" in refused("queue", project, "undecide")


def test_a_delivery_of_some_rows_says_so_in_manifest_and_receipts(project, tmp_path):
    out = tmp_path / "out"
    options = ("--filter", "mood=de|fr", "--words", "river -17")
    status, text, err = run("export", project, "--to", out, *options)
    assert status == 0, err
    assert "left out: it does not meet the filter of this delivery" in text
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["filter"] == ["--filter 'mood=de|fr'", "--words 'river -17'"]
    assert conditions_of(manifest["filter"]) == options
    assert manifest["delivered"] == 9
    receipts = pd.read_parquet(out / "receipts.parquet")
    kept = receipts[receipts["dropped_by"].isna()]
    assert (kept["delivered"] == (kept["left_out"] == "")).all()
    assert set(kept["left_out"]) == {"", "filter"} and kept["delivered"].sum() == 9
    assert (receipts.loc[receipts["dropped_by"].notna(), "left_out"] == "").all()
    run("export", project, "--to", out)
    assert "filter" not in json.loads((out / "manifest.json").read_text())
    assert "Nothing is kept" in refused("export", project, "--to", out, "--filter", "dropped")


def test_a_delivery_of_listed_ids_is_these_rows_and_no_others(project, tmp_path):
    ids = [row["id"] for row in lines(run("rows", project)[1])]
    listed, out = tmp_path / "chosen.txt", tmp_path / "out"
    chosen = [ids[5], ids[0], "", f" {ids[1]}", ids[5]]  # the one of row 0 is dropped
    listed.write_text("\ufeff" + "\r\n".join(chosen), "utf-8")
    status, text, err = run("export", project, "--to", out, "--ids", listed)
    assert status == 0, err
    assert "16 kept examples are left out: it is not among the listed ids" in text
    assert "1 of 3 listed examples is dropped and not in it: by keep_between 1" in text
    assert sorted(pd.read_parquet(out / "ids.parquet")["id"]) == sorted([ids[1], ids[5]])
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["ids"] == {"listed": 3, "dropped": {"keep_between": 1}}
    assert manifest["delivered"] == 2
    left = pd.read_parquet(out / "receipts.parquet").set_index("id")["left_out"]
    assert (left == "not_listed").sum() == 16 and not left[[ids[0], ids[1], ids[5]]].any()
    both = ("--ids", listed, "--filter", "rating=missing")
    assert answer("export", project, "--to", out, *both)["delivered"] == 1
    listed.write_text(ids[0])
    message = refused("export", project, "--to", out, "--ids", listed)
    assert "None of the 1 listed examples is kept; a decision to keep brings one back." in message


def test_a_delivery_of_ids_that_are_not_there_is_refused_before_the_work(
    project, tmp_path, monkeypatch
):
    ids = [row["id"] for row in lines(run("rows", project)[1])]
    monkeypatch.setattr(Project, "replaying", None)  # nothing is replayed
    listed = tmp_path / "chosen.txt"
    listed.write_text("\n".join([ids[3], "stray", ids[4][:8], "lost"]))
    message = refused("export", project, "--to", tmp_path / "out", "--ids", listed)
    assert f"3 of the 4 listed ids are of no example here: {ids[4][:8]}, lost, stray." in message
    assert not (tmp_path / "out").exists()


def test_rows_of_listed_ids_are_these_whether_kept_or_not(project, tmp_path):
    ids = [row["id"] for row in lines(run("rows", project)[1])]
    listed = tmp_path / "chosen.txt"
    listed.write_text("\n".join([ids[7], ids[0], ids[5], ids[7]]))
    assert numbers(project, "--ids", listed) == [0, 5, 7]
    assert numbers(project, "--ids", listed, "--dropped") == [0]
    assert numbers(project, "--ids", listed, "--filter", "rating=missing", "--kept") == [5]
    status, _, err = run("rows", project, "--rejected", "--ids", listed)
    assert status == 2 and "has no" in err
    listed.write_text(f"{ids[7]}\nstray")
    message = refused("rows", project, "--ids", listed, "--filter", "rating=missing")
    assert "1 of the 2 listed ids are of no example here: stray." in message


def test_rows_are_named_by_the_beginnings_of_their_ids(project):
    ids = [row["id"] for row in lines(run("rows", project)[1])]
    short = [
        next(i[:n] for n in range(1, 17) if sum(j[:n] == i[:n] for j in ids) == 1) for i in ids
    ]
    assert len(short[3]) < 16
    rows = numbers(project, "--filter", f"id={short[3]}|{ids[5]}")
    assert sorted(rows) == sorted(numbers(project, "--filter", f"id={ids[3]}|{short[5]}"))
    assert len(rows) == 2 and len(numbers(project, "--filter", f"id!={short[3]}")) == 19
    both = ("--annotator", "Ann", "--kind", "drop", "--filter", f"id={short[3]}|{short[5]}")
    assert answer("decide", project, *both, "--yes")["appended"] == 2
    assert sorted(Project.open(project).people().verdicts) == sorted([ids[3], ids[5]])
    refusal = refused("rows", project, "--filter", "id=zz|x")
    assert "begins with 'zz'" in refusal and "begins with 'x'" in refusal
    shared = next(i[0] for i in ids if sum(j[0] == i[0] for j in ids) > 1)
    assert "ids begin with" in refused("decide", project, *both[:4], "--filter", f"id={shared}")


def test_a_whole_id_is_its_own_row_though_another_begins_with_it():
    data = make_dataset([("Which mill?", "The old one.")] * 2)
    first, second = data.rows.index
    assert second.startswith(first)
    assert Filter.parse([f"id={first}"]).checked(data).tolist() == [True, False]
    assert Filter.parse([f"id={second}"]).checked(data).tolist() == [False, True]
    with pytest.raises(CurationError, match="2 ids begin with"):
        Filter.parse([f"id={first[:9]}"]).checked(data)
