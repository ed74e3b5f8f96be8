"""The bundled example: every planted fault is found, few others are, and its recipe stays the same."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from curation.dataset import Dataset
from curation.demo import EXAMPLE, FILES, make_demo
from curation.embedding import VectorStore
from curation.engine import Processes, Serial
from curation.overlay import Source
from curation.project import Project
from curation.recipe import Recipe, Step
from tests.encoders import TrigramEncoder

GOLDEN = Path(__file__).parent / "golden" / "example.json"
"""Made anew, after a look at what changed, by `python -m tests.test_example`."""

READERS = {"duplicate_key", "not_an_object", "broken_json", "ragged_row"}
"""Faults of a line: the reader refuses it, with a code."""

CODES = {"broken_json": {"cut", "trailing_comma"}, "ragged_row": {"ragged"}}

PLANTED = json.loads((EXAMPLE / "faults.json").read_text("utf-8"))
"""Every fault that was planted: its file, row, fault and a note."""

PROBLEMS = {
    "answer_copies_prompt": "copies_prompt",
    "empty_answer": "empty_answer",
    "merged_instructions": "merged_instructions",
    "personal_data": "personal_data",
    "placeholder_answer": "placeholder_answer",
    "refusal": "refusal",
    "repetition": "repetition_loop",
    "special_tokens": "special_tokens",
    "truncated_answer": "truncated_answer",
    "unfollowable_url": "unfollowable_url",
    "wrong_language": "wrong_language",
}
"""Fault → the rule of `answer_checks` that names it."""

ATTENTION = {
    "consecutive_user_turns": "consecutive_roles",
    "ends_with_user": "ends_with_user",
    "starts_with_assistant": "starts_with_assistant",
    "unknown_role": "unknown_role",
}

DROPPED_BY = {
    "exact_duplicate": {"drop_exact_duplicates"},
    "near_duplicate": {"drop_near_duplicates"},
    "normalised_duplicate": {"drop_exact_duplicates", "drop_near_duplicates"},
}

BY_PEOPLE = {"wrong_label"}
"""Faults that a person finds on the Annotate page; no operation looks for them."""

SHORT = 4
"""Tokens below which a text that wants an explanation is too short."""


@dataclass
class Example:
    """The example's project, and what its recipe made of it."""

    project: Project
    result: Dataset


def tiny(patch: pytest.MonkeyPatch) -> None:
    """Every model is the tiny encoder: what is kept and dropped does not depend on the vectors."""
    patch.setattr(VectorStore, "encoder", lambda *_: TrigramEncoder(), raising=False)


@pytest.fixture(scope="session")
def example(tmp_path_factory) -> Example:
    with pytest.MonkeyPatch.context() as patch:
        tiny(patch)
        project = make_demo(tmp_path_factory.mktemp("demo") / "example")
        return Example(project, project.replay())


def key(file: str, row: int) -> str:
    return f"{file}:{row}"


def by_place(frame: pd.DataFrame, row_column: str) -> pd.DataFrame:
    """A frame by file and row of file."""
    return frame.set_axis([key(*k) for k in zip(frame["source"], frame[row_column], strict=True)])


def is_found(example: Example, fault: dict) -> bool:
    """Whether the reader or operation that should find a fault has found it, by name."""
    kind, place = fault["fault"], key(fault["file"], fault["row"])
    if kind in READERS:
        refused = by_place(example.project.rejected, "row")
        return place in refused.index and refused.at[place, "code"] in CODES.get(kind, {kind})
    row = by_place(example.result.rows.assign(id=example.result.rows.index), "source_row").loc[
        place
    ]
    if kind in PROBLEMS:
        broken = row["problems"].split(",")
        cut = kind == "truncated_answer" and "unfinished_answer" in broken
        return PROBLEMS[kind] in broken or cut
    if kind in ATTENTION:
        return (
            ATTENTION[kind] in row["attention"].split(",") and row["dropped_by"] == "drop_attention"
        )
    if kind in DROPPED_BY:
        return row["dropped_by"] in DROPPED_BY[kind]
    if kind == "too_short":
        return row["response_tokens" if pd.isna(row["label"]) else "prompt_tokens"] < SHORT
    changed = {
        name: step.delta.index if "messages" in step.delta else []
        for step in example.result.steps
        for name in [step.name]
    }
    repaired = row["id"] in changed["fix_text"]
    if kind == "html":  # entities are repaired, tags are named
        return repaired or "html" in row["problems"].split(",")
    assert kind in ("garbled_encoding", "invisible_characters"), f"nobody looks for {kind}"
    return repaired and "garbled" not in row["problems"].split(",")


@pytest.mark.parametrize(
    "fault",
    [f for f in PLANTED if f["fault"] not in BY_PEOPLE],
    ids=lambda f: f"{f['fault']}-{key(f['file'], f['row'])}",
)
def test_a_planted_fault_is_found_by_name(example, fault):
    assert is_found(example, fault), fault["note"]


def test_every_kind_of_problem_is_planted():
    from curation.operations.quality import RULES

    planted = {f["fault"] for f in PLANTED}
    others = {"garbled", "html", "unfinished_answer", "placeholder_link"}
    assert set(PROBLEMS.values()) | others == set(RULES)
    assert planted == READERS | set(PROBLEMS) | set(ATTENTION) | set(DROPPED_BY) | BY_PEOPLE | {
        "garbled_encoding",
        "html",
        "invisible_characters",
        "too_short",
    }


def test_rows_without_a_planted_fault_are_left_alone(example):
    rows = by_place(example.result.rows, "source_row")
    planted = {key(f["file"], f["row"]) for f in PLANTED}
    clean = rows[~rows.index.isin(planted)]
    suspected = clean[
        (clean["problems"].fillna("") != "")
        | (clean["attention"] != "")
        | ~clean["dropped_by"].fillna("select_balanced").isin(["select_balanced"])
    ]
    changed = example.result.steps[0].delta.index
    ids = rows.assign(id=example.result.rows.index)["id"]
    touched = ids[ids.isin(changed) & ~ids.index.isin(planted)]
    assert len(clean) > 350
    assert len(touched) == 0, "text that was clean is not changed"
    assert len(suspected) <= 2, suspected[["problems", "attention", "dropped_by"]].to_string()
    refused = by_place(example.project.rejected, "row").index
    assert set(refused) <= planted


def test_the_example_shows_what_data_are_like(example):
    rows = example.result.rows
    assert len(rows) >= 400
    assert rows["topic"].nunique() > 20
    counts = rows["language"].value_counts()
    assert counts["en"] > 200 and counts["zh"] > 50
    assert {"de", "fr", "es", "ru", "ja"} <= set(counts[counts >= 5].index)
    turns = rows["turns"].dropna()
    assert (turns == 2).sum() > 200 and (turns > 2).sum() > 30
    assert (rows["system"] != "").sum() > 20
    assert rows["label"].notna().sum() > 100 and rows["label"].nunique() >= 5
    assert len(set(rows["format"])) >= 4, "several ways to write an example down"
    assert (
        set(rows["source"])
        == set(FILES)
        == {p.name for p in EXAMPLE.iterdir()}
        - {
            "faults.json",
            "recipe.yaml",
            "vectors.arrow",
            "__init__.py",
            "__pycache__",
        }
    )


def test_the_example_s_topics_are_many_by_its_authors_words():
    topics = Counter(
        json.loads(line).get("topic")
        for line in (EXAMPLE / "languages.jsonl").read_text("utf-8").splitlines()
        if line.endswith("}")
    )
    assert len(topics) >= 6


def summary(result: Dataset) -> list[dict]:
    """The effect of each step, in numbers that do not depend on the machine."""
    return [
        {"step": s.name, "kept": s.kept_out, "dropped": s.dropped, "changed": s.changed}
        for s in result.steps
    ]


def test_the_recipe_does_to_the_example_what_it_did_before(example):
    assert summary(example.result) == json.loads(GOLDEN.read_text("utf-8"))


def test_a_second_replay_from_scratch_gives_the_same_frame(example, tmp_path, monkeypatch):
    tiny(monkeypatch)
    again = make_demo(tmp_path / "again").replay()
    pd.testing.assert_frame_equal(again.rows, example.result.rows)
    assert not any(step.cached for step in again.steps)


def test_serial_and_processes_give_the_same_frame(example, tmp_path, monkeypatch):
    from curation.cache import Cache
    from curation.replay import Replay

    monkeypatch.setattr("curation.engine.steps.BATCH_ROWS", 64)
    recipe = Recipe(
        tuple(
            Step(name)
            for name in (
                "fix_text",
                "strip_html",
                "remove_special_tokens",
                "lengths",
                "type_token_ratio",
            )
        )
    ) + Step("keep_between", score="prompt_tokens", low=3)
    source = example.project.examples
    engine = Processes(2)
    try:
        spread = Replay(Source("example", source), Cache(tmp_path / "two"), engine=engine).run(
            recipe
        )
        assert engine._pool is not None, "workers were at it"
    finally:
        engine.close()
    serial = Replay(Source("example", source), Cache(tmp_path / "one"), engine=Serial()).run(recipe)
    pd.testing.assert_frame_equal(spread.rows, serial.rows)
    assert len(serial.dropped) == 2


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        tiny(patched)
        lines = map(json.dumps, summary(make_demo(Path(folder) / "example").replay()))
        GOLDEN.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")
