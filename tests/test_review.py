"""The settings of a review: read, written, refused; and the share of examples that is shared."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from curation import Project
from curation.decisions import Decision
from curation.errors import CurationError
from curation.questions import Question, change_questions, read_questions
from curation.recipe import Step
from curation.review import Review, change_review, read_review, write_review
from curation.settings import read_about, write_about
from tests.test_cli import run


def curate(*words: object) -> str:
    """The output of a command."""
    status, out, err = run(*words)
    assert status == 0, err
    return out.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Project.create(tmp_path / "team").path


def test_what_is_written_is_read_and_nothing_else_changes(folder: Path) -> None:
    assert read_review(folder) == Review()
    write_about(folder, {"contact": "Ada"})
    chosen = Review(overlap=3, share=0.25, consensus="majority")
    write_review(folder, chosen)
    write_review(folder, chosen)
    assert read_review(folder) == chosen and read_about(folder) == {"contact": "Ada"}
    assert (folder / "project.toml").read_text("utf-8").count("[review]") == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("overlap = 0", "whole number from 1 to 20"),
        ("overlap = true", "whole number from 1 to 20"),
        ("overlap = 2.0", "whole number from 1 to 20"),
        ("share = 1.5", "number from 0 to 1"),
        ("share = nan", "number from 0 to 1"),
        ('consensus = "loudest"', "one of latest, majority, dawid-skene"),
        ("overlaps = 2", "no setting 'overlaps'; it has overlap, share, consensus"),
    ],
)
def test_a_value_that_does_not_fit_is_a_sentence(folder: Path, text: str, sentence: str) -> None:
    settings = folder / "project.toml"
    settings.write_text(f"{settings.read_text('utf-8')}\n[review]\n{text}\n", "utf-8")
    with pytest.raises(CurationError, match=sentence):
        read_review(folder)


def test_a_text_in_place_of_the_table_is_a_sentence(folder: Path) -> None:
    settings = folder / "project.toml"
    settings.write_text(f'review = "often"\n{settings.read_text("utf-8")}', "utf-8")
    with pytest.raises(CurationError, match=r"review is a table, \[review\]"):
        read_review(folder)


def test_the_share_of_shared_examples_is_kept_and_only_grows() -> None:
    ids = [f"{number:016x}-0" for number in range(20_000)]

    def shared(share: float) -> set[str]:
        return {i for i in ids if Review(overlap=3, share=share).people_for(i) == 3}

    fifth, half = shared(0.2), shared(0.5)
    assert 3_700 < len(fifth) < 4_300 and fifth < half
    assert shared(0.0) == set() and len(shared(1.0)) == len(ids)
    assert {Review(overlap=3, share=0.2).people_for(i) for i in set(ids) - fifth} == {1}


def test_the_examples_that_are_held_back_stay_and_have_nothing_to_do_with_the_shared_ones() -> None:
    ids = [f"{number:016x}-0" for number in range(20_000)]

    def held_back(share: float) -> set[str]:
        return {i for i in ids if Review(held_back=share).is_held_back(i)}

    tenth, half = held_back(0.1), held_back(0.5)
    assert 1_800 < len(tenth) < 2_200 and tenth < half
    assert held_back(0.0) == set() and len(held_back(1.0)) == len(ids)
    both = {i for i in tenth if Review(2, 0.5).people_for(i) == 2}
    assert 0.45 < len(both) / len(tenth) < 0.55


def test_the_command_prints_and_sets_how_many_people_answer(make_project) -> None:
    project = make_project([{"prompt": f"What is {i}?", "completion": f"{i}."} for i in range(50)])
    ids = list(project.examples.rows.index)
    answers = [("Ann", 0), ("Bob", 0), ("Cyd", 0), ("Ann", 1)]
    project.decisions.append([Decision(ids[n], "keep", annotator=who) for who, n in answers])
    assert curate("review", project.path) == (
        "Each of the 50 examples is to be answered by one person; 2 are done, with 2 answers more than that."
    )
    set_to = curate("review", project.path, "--overlap", "2", "--json")
    assert json.loads(set_to) == {
        "overlap": 2,
        "share": 1.0,
        "consensus": "latest",
        "held_back": 0.1,
        "gold": 0.05,
        "shared": 50,
        "single": 0,
        "done": 1,
        "extra": 1,
    }
    shared = sum(Review(2, 0.2).people_for(i) == 2 for i in ids)
    text = curate("review", project.path, "--share", "0.2")
    assert text.startswith(
        f"Each of {shared} shared examples is to be answered by 2 people; {50 - shared} by one person; "
    )
    assert read_review(project.path) == Review(2, 0.2)
    status, _, sentence = run("review", project.path, "--overlap", "0")
    assert status == 1 and "whole number from 1 to 20" in sentence
    assert read_review(project.path) == Review(2, 0.2)


def test_what_the_recipe_dropped_is_not_waited_for(make_project) -> None:
    words = [f"Say {word}." for word in ("one", "two", "three", "four")]
    rows = [{"prompt": word, "completion": "Yes, of course."} for word in words]
    step = Step("keep_between", score="prompt_characters", high=8)
    project = make_project(rows, Step("lengths"), step)
    project.run()
    rows = project.view().dataset.rows
    kept, dropped = (list(rows.index[rows["dropped_by"].isna() == is_kept]) for is_kept in (1, 0))
    assert (len(kept), len(dropped)) == (2, 2)
    project.decisions.append([Decision(i, "keep", annotator="Ann") for i in kept])
    assert curate("review", project.path) == (
        "Each of the 2 examples is to be answered by one person; 2 are done."
    )
    project.decisions.append([Decision(dropped[0], "drop", annotator="Ann")])
    assert "Each of the 3 examples" in curate("review", project.path)


def test_the_queue_of_a_person_is_listed(make_project) -> None:
    project = make_project([{"prompt": f"What is {i}?", "completion": f"{i}."} for i in range(4)])
    ids = list(project.examples.rows.index)
    write_review(project.path, Review(overlap=2))
    project.decisions.append([Decision(ids[0], "keep", annotator="Ann")])
    assert curate("queue", project.path, "--annotator", "Ann").split() == ids[1:]
    assert curate("queue", project.path).split() == ids


def test_settings_that_several_save_at_once_are_all_kept(folder: Path) -> None:
    def add(who: str) -> None:
        for number in range(8):
            question = Question(f"{who}{number}", "text")
            change_questions(folder, lambda questions, new=question: [*questions, new])

    def others() -> None:
        for number in range(1, 9):
            change_review(folder, overlap=number)
            change_review(folder, consensus="majority")
            write_about(folder, {"contact": f"Ada {number}"})
            write_about(folder, {"purpose": "Teach."})

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(add, "a"), pool.submit(add, "b"), pool.submit(others)]:
            done.result()
    assert sorted(q.name for q in read_questions(folder)) == sorted(
        f"{who}{number}" for who in "ab" for number in range(8)
    )
    assert read_review(folder) == Review(overlap=8, consensus="majority")
    assert read_about(folder) == {"purpose": "Teach.", "contact": "Ada 8"}


COMMENTED = """
# of the whole
[review]  # of this line
# about the overlap
overlap = 2

# about the limits
[limits]
seconds = 9  # of each file
# the end
"""


def test_comments_of_the_settings_stay_where_they_are(folder: Path) -> None:
    settings = folder / "project.toml"
    before = settings.read_text("utf-8")
    settings.write_text(before + COMMENTED, "utf-8")
    write_review(folder, Review(overlap=3))
    write_about(folder, {"contact": "Ada"})
    once = settings.read_text("utf-8")
    write_review(folder, Review(overlap=3))
    assert settings.read_text("utf-8") == once
    fresh = (
        '[review]\noverlap = 3\nshare = 1.0\nconsensus = "latest"\nheld_back = 0.1\ngold = 0.05\n'
    )
    assert (
        once
        == before
        + COMMENTED.replace("[review]  # of this line\n", "").replace("overlap = 2\n", f"\n{fresh}")
        + '\n[about]\ncontact = "Ada"\n'
    )


@pytest.mark.parametrize(
    ("text", "is_first", "is_refused"),
    [
        ("[ review ]\noverlap = 2", False, False),
        ("  [review] # mine\n  overlap = 2", False, False),
        ("review.overlap = 2", True, True),
        ("review = {overlap = 2}", True, True),
        ('["review"]\noverlap = 2', False, True),
        ('[notes]\ntext = """\n[review]\nis text\n"""', False, True),
    ],
)
def test_settings_in_any_form_stay_readable(
    folder: Path, text: str, is_first: bool, is_refused: bool
) -> None:
    settings = folder / "project.toml"
    before = settings.read_text("utf-8")
    settings.write_text(f"{text}\n{before}" if is_first else f"{before}\n{text}\n", "utf-8")
    former = settings.read_text("utf-8")
    if is_refused:
        with pytest.raises(CurationError, match=r"review stands in it .* the heading \[review\]"):
            write_review(folder, Review(overlap=3))
        assert settings.read_text("utf-8") == former
    else:
        write_review(folder, Review(overlap=3))
        assert read_review(folder) == Review(overlap=3)


def test_questions_on_one_line_are_refused_with_the_heading(folder: Path) -> None:
    settings = folder / "project.toml"
    line = 'questions = [{name = "x", kind = "text"}]'
    settings.write_text(f"{line}\n{settings.read_text('utf-8')}", "utf-8")
    with pytest.raises(CurationError, match=r"the heading \[\[questions\]\]"):
        change_questions(folder, lambda questions: [*questions, Question("y", "text")])
    assert [q.name for q in read_questions(folder)] == ["x"]
