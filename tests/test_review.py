"""The settings of a review: read, written, refused; and the share of examples that is shared."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation import Project
from curation.errors import CurationError
from curation.review import Review, read_review, write_review
from curation.settings import read_about, write_about


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
