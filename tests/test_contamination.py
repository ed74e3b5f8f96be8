"""Contamination: examples that hold rows of reference sets, and steps that read such sets."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from curation.alike.contamination import COMMON, overlaps
from curation.alike.numbers import Templates, numbers
from curation.dataset import silent
from curation.decisions import Decision
from curation.errors import CurationError
from curation.looking.contamination import contaminated
from curation.looking.queues import queue
from curation.operations.decontaminate import decontaminate
from curation.recipe import Recipe, Step
from tests.conftest import make_dataset

HENS = (
    "Mia has four hens on her farm by the lake, and each of them lays one brown egg every single day. "
    "How many eggs do the hens lay in a week?"
)
BOATS = (
    "A harbour rents small boats to visitors for nine coins an hour, and larger ones for twice as much. "
    "What does a large boat cost for an afternoon of three hours?"
)
SUMS = "".join(
    json.dumps({"question": question, "answer": answer}) + "\n"
    for question, answer in ((HENS, "28 eggs."), (BOATS, "54 coins."))
)
RECORDS = [
    {"prompt": f"Solve this step by step, please:\n{HENS}", "response": "Restyled, it is 28."},
    {"prompt": "Why is the sky blue?", "response": f"Because. {BOATS}"},
    {"prompt": "How do tides work?", "response": "The moon pulls at the sea."},
]
WORDS = Step("decontaminate", similarity=None)


@pytest.fixture
def project(make_project, tmp_path):
    fresh = make_project(RECORDS, WORDS)
    path = tmp_path / "sums.jsonl"
    path.write_text(SUMS, "utf-8")
    fresh.references.add(path)
    return fresh


def in_order(dataset):
    return dataset.rows.sort_values("source_row")


def test_a_question_inside_of_a_longer_prompt_is_named_with_its_set_and_row(project):
    rows = in_order(project.replay())
    assert rows["dropped_by"].notna().tolist() == [True, False, False]
    assert rows["contaminated_by"].iloc[0] == "sums: row 1"
    report = project.replay().steps[0]
    reason = report.delta["reason"][rows.index[0]]
    assert reason == "the prompt holds 100% of sums: row 1"
    assert "1 example holds a row of sums." in report.notes


def test_what_is_flagged_is_kept_and_named(project):
    rows = in_order(project.replay(Recipe((Step("decontaminate", action="flag"),))))
    assert rows["dropped_by"].isna().all()
    assert rows["contaminated_by"].notna().tolist() == [True, False, False]


def test_whole_examples_and_answers_are_compared_where_asked(project):
    both = Step("decontaminate", sides=["prompt", "both"], similarity=None)
    rows = in_order(project.replay(Recipe((both,))))
    assert rows["contaminated_by"].fillna("").tolist() == ["sums: row 1", "sums: row 2", ""]


def test_an_example_that_holds_rows_of_two_sets_counts_for_both(project, tmp_path):
    """One question stands in both sets, whose names begin alike, and in one of them in other words."""
    path = tmp_path / "more.jsonl"
    path.write_text(json.dumps({"question": f"Why? {HENS}", "answer": "28."}) + "\n", "utf-8")
    project.references.add(path, "sums: more")
    dataset = project.replay()
    assert in_order(dataset)["contaminated_by"].iloc[0] == "sums: row 1; sums: more: row 1"
    notes = dataset.steps[0].notes
    for name in ("sums", "sums: more"):
        assert f"1 example holds a row of {name}." in notes
        table = contaminated(dataset, name, project.references.get(name).examples)
        assert table is not None and len(table) == 1
        assert HENS in table["asked"].iloc[0]
    sets = project.export(tmp_path / "out", formats=["trl"])["contamination"][0]["sets"]
    assert [entry["examples"] for entry in sets] == [1, 1]


def test_a_step_that_compares_nothing_is_refused(project):
    with pytest.raises(CurationError, match="no side is named, so nothing would be compared"):
        project.replay(Recipe((Step("decontaminate", sides=[]),)))


def test_a_step_is_run_again_when_its_set_changes_and_not_for_another_one(project, tmp_path):
    recipe = Recipe((Step("decontaminate", sets=["sums"], similarity=None),))
    once = project.replay(recipe)
    assert once.rows["dropped_by"].notna().sum() == 1
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"question": "How do tides work?", "answer": "So."}) + "\n")
    project.references.add(other)
    again = project.replay(recipe)
    assert again.steps[0].fingerprint == once.steps[0].fingerprint, "another set is not read"
    assert project.replay().rows["dropped_by"].notna().sum() == 2, "without names all sets are"
    changed = tmp_path / "changed.jsonl"
    changed.write_text(SUMS.splitlines()[1] + "\n")
    project.references.add(changed, "sums")
    after = project.replay(recipe)
    assert after.steps[0].fingerprint != once.steps[0].fingerprint
    assert after.rows["dropped_by"].notna().sum() == 0


def test_a_set_that_is_missing_is_named(make_project, project):
    with pytest.raises(CurationError, match="no reference set 'gone'.*there are: sums"):
        project.replay(Recipe((Step("decontaminate", sets=["gone"]),)))
    project.references.remove("sums")
    with pytest.raises(CurationError, match="There is no reference set to compare with: add one"):
        project.replay()


def test_the_view_of_a_project_notices_a_new_reference_set(project, tmp_path):
    project.run()
    assert project.view().current
    path = tmp_path / "more.jsonl"
    path.write_text(json.dumps({"question": "How do tides work?", "answer": "So."}) + "\n")
    project.references.add(path)
    assert not project.view().current


def test_a_share_counts_the_words_of_the_reference_and_not_of_the_text():
    words = [f"word{n}" for n in range(40)]
    whole = " ".join(words)
    part = "before " * 30 + " ".join(words[:10]) + " between " * 30 + " ".join(words[24:34])
    result = overlaps([whole, part, "nothing of it", ""], [whole])
    assert result.nearest.tolist() == [0, 0, -1, -1]
    assert result.share == pytest.approx([1, 0.5, 0, 0]) and result.run.tolist() == [40, 10, 0, 0]


def test_runs_of_many_references_are_boilerplate():
    task = "Answer the following question with one letter and say nothing else at all:"
    references = [f"{task} is item{n} one of them?" for n in range(COMMON + 1)]
    assert overlaps([f"{task} how are you today?"], references).nearest.tolist() == [-1]
    assert overlaps([references[3]], references).nearest.tolist() == [3]
    few = overlaps([f"{task} how are you today?"], references[:COMMON])
    assert few.run.tolist() == [13]


def test_a_short_reference_is_held_by_its_equal_only():
    result = overlaps(["Name a planet!", "Name a planet or a star.", "Name"], ["name a planet"])
    assert result.nearest.tolist() == [0, -1, -1]
    assert overlaps(["yes"], ["Yes."], least=8).nearest.tolist() == [-1]


def test_scripts_without_spaces_are_compared_by_characters():
    text = "植物利用阳光把二氧化碳和水变成糖和氧气，这个过程叫做光合作用，它发生在叶绿体里。"
    result = overlaps([f"请解释：{text}", text[:20], "今天天气很好。"], [text])
    assert result.nearest.tolist() == [0, 0, -1]
    assert result.share[0] == 1 and 0.4 < result.share[1] < 0.6
    assert result.run[1] == round(19 * 8 / 13), "in words"


def test_numbers_are_the_same_however_they_are_written():
    assert numbers("Three hens, 1,000 eggs and 2.50 coins") == {"3", "1000", "2.5"}
    assert numbers("none at all") == frozenset()


def test_texts_of_one_template_differ_in_numbers_alone():
    texts = ["What is 3 plus 4?", "What is 3 plus 14?", "what is 3  plus 4", "What is 3 and 4?"]
    templates = Templates(texts)
    first = np.zeros(4, dtype=int)
    assert templates.differ(first, np.arange(4)).tolist() == [False, True, False, False]


def test_flagged_examples_wait_in_a_queue_until_somebody_decides(project):
    project.recipe = Recipe((Step("decontaminate", action="flag", similarity=None),))
    dataset = project.run()
    waiting = dataset.rows.index[queue(dataset.rows, project.people(), "contaminated")]
    assert waiting.tolist() == in_order(dataset).index[:1].tolist()
    bare = dataset.rows.drop(columns="contaminated_by")
    assert len(queue(bare, None, "contaminated")) == 0
    project.decisions.append([Decision(waiting[0], "keep", annotator="Ada")])
    assert len(queue(dataset.rows, project.people(), "contaminated")) == 0


def test_a_delivery_names_the_sets_their_digests_and_what_was_taken_out(project, tmp_path):
    manifest = project.export(tmp_path / "out")
    reference = project.references.get("sums")
    about = {"name": "sums", "sha256": reference.sha256, "rows": 2}
    assert manifest["references"] == [{**about, "read_by": ["decontaminate"]}]
    (entry,) = manifest["contamination"]
    assert entry["sets"] == [{**about, "examples": 1}]
    assert (entry["examples"], entry["delivered"], entry["run"]) == (1, 0, 13)
    project.recipe = Recipe((Step("decontaminate", action="flag", similarity=None),))
    assert project.export(tmp_path / "out")["contamination"][0]["delivered"] == 1


def test_what_the_step_names_is_shown_beside_the_rows_of_the_set(project):
    dataset, examples = project.replay(), project.references.get("sums").examples
    table = contaminated(dataset, "sums", examples)
    assert table["asked"].tolist() == [HENS] and table["fate"].tolist() == ["✕ dropped"]
    assert contaminated(dataset, "another", examples).empty
    named = project.replay(Recipe((Step("decontaminate", sets=["sums"]),)))
    assert contaminated(named, "another", examples) is None


def texts(*numbers) -> str:
    return " ".join(f"word{n}" for n in numbers)


def named(pairs, sets, vectors=None, **params):
    """The names that `decontaminate` gives for examples; sets: name → its pairs. vectors: text → a vector."""
    targets = [
        SimpleNamespace(
            name=name,
            examples=make_dataset(rows).rows.assign(source_row=range(1, len(rows) + 1)),
        )
        for name, rows in sets.items()
    ]

    def embedder(rows, side):
        return np.array([vectors[text] for text in rows[side]], dtype=np.float32)

    answer = decontaminate(
        make_dataset(pairs).rows,
        lambda names: targets,
        None if vectors is None else embedder,
        silent,
        **params,
    )
    return [reason or None for reason in answer["reason"]]


def test_the_share_and_the_run_count_from_their_limits_on():
    sets = {"s": [(texts(*range(60)), "")]}
    two_runs = [(f"{texts(*range(12))} and {texts(*range(40, 52))}", "So.")]
    assert named(two_runs, sets, overlap=0.4) == ["the prompt holds 40% of s: row 1"]
    assert named(two_runs, sets, overlap=0.41) == [None]
    one_run = [(f"Tell me: {texts(*range(13))}", "So.")]
    assert named(one_run, sets, run=13) == ["the prompt holds a run of 13 words of s: row 1"]
    assert named(one_run, sets, run=14) == [None]


def test_an_example_is_named_after_the_set_of_which_it_holds_most():
    part, whole = [(texts(*range(20), *range(50, 70)), "")], [(texts(*range(20)), "")]
    for sets in ({"part": part, "whole": whole}, {"whole": whole, "part": part}):
        assert named([(texts(*range(20)), "So.")], sets) == [
            "the prompt holds 100% of whole: row 1"
        ]


def test_answers_are_compared_with_answers_and_short_ones_are_not():
    short, long = texts(*range(7)), texts(*range(8))
    sets = {"s": [("One?", short), ("Two?", long)]}
    pairs = [("A?", short), ("B?", long), (long, "C.")]
    reasons = named(pairs, sets, sides=["response"])
    assert reasons == [None, "the answer holds 100% of s: row 2", None]


def test_meanings_count_from_their_limit_on_where_the_numbers_are_the_same():
    own, other, same = "Buy 3 red hens", "Get 4 hens of red", "Purchase three hens, red"
    vectors = {own: [1, 0], other: [0.96, 0.28], same: [0.8, 0.6]}
    sets = {"s": [(other, ""), (same, "")]}
    reason = "the prompt means nearly the same (0.80) as s: row 2"
    limit = float(np.float32(0.8))
    assert named([(own, "So.")], sets, vectors, similarity=limit) == [reason]
    assert named([(own, "So.")], {"s": sets["s"][:0:-1]}, vectors, similarity=limit) == [
        reason.replace("row 2", "row 1")
    ]
    assert named([(own, "So.")], sets, vectors, similarity=0.81) == [None]
    assert named([(own, "So.")], sets, vectors, similarity=None) == [None]
    words = named([(same, "So.")], sets, vectors, similarity=0.5)
    assert words == ["the prompt holds 100% of s: row 2"], "words are named before meanings"
