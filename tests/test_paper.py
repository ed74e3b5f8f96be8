"""The main job on paper, and the picture of the growth table: figures follow from what was measured."""

from __future__ import annotations

import argparse
import json
import xml.etree.ElementTree as ET

import pytest

from benchmarks import paper
from benchmarks._scale_picture import STAGES, draw
from benchmarks.scale import Results
from tests.conftest import ROOT

SIZES = (100_000, 1_000_000)


def results(path):
    """Ten microseconds a row for everything, and a second of start; 1,000 bytes of text a row."""
    kept = Results(path)
    for rows in SIZES:
        kept.begin(rows)
        kept.add(rows, "input", bytes=1_000 * rows)
        for name in ("import", "run", "view of the first page", "export"):
            kept.add(
                rows, name, seconds=1 + rows / 1e5, processor=2 + rows / 1e5, gib=0.5 + rows / 1e6
            )
        for name in ("fix_text", "drop_near_duplicates"):
            kept.add(rows, f"· {name}", seconds=1 + rows / 1e5)
    return kept


@pytest.fixture
def growth(tmp_path, capsys):
    return paper.Growth(results(tmp_path / "scale.json").content, texts_per_second=50)


def stage(name: str) -> paper.Stage:
    return next(s for s in paper.STAGES if s.name.startswith(name))


def test_a_row_more_costs_what_it_cost_between_the_measured_numbers(growth):
    assert growth.text == pytest.approx(1_000)
    assert growth.core_seconds(stage("read"), 10**8) == pytest.approx(2 + 1_000)
    step = (2 + 1_000) / 2
    assert growth.core_seconds(stage("repair"), 10**8) == pytest.approx(step), "half of the run"
    near = growth.core_seconds(stage("near"), 10**8)
    assert near == pytest.approx(step * 8 / 6), "and with the logarithm"
    assert growth.core_seconds(stage("vectors, the model"), 10**6) == 20_000
    assert growth.most_rows("run", 64) == pytest.approx(63.5e6)


def test_bytes_are_those_of_keys_vectors_and_text(growth):
    assert stage("exact").bytes_of(600) == (24, 24)
    assert stage("near").bytes_of(600) == pytest.approx((24 + 800, 640))
    assert stage("vectors, static").bytes_of(600) == (0, 512 + 600)


def test_the_tables_add_up_and_go_between_the_marks_of_the_page(growth):
    options = argparse.Namespace(core_hour=0.5, network_gb=0.1, machine_gib=64)
    lines = list(paper.on_paper(growth, 10**8, options))
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")][2:]
    figures = {r[0]: [float(c.replace(",", "") or 0) for c in r[1:]] for r in rows[:-1]}
    hours = sum(f[0] for name, f in figures.items() if name != "vectors, the model instead")
    assert float(rows[-1][1].replace(",", "")) == pytest.approx(hours, abs=0.5)
    hours, _, machines, sent, money = figures["near copies"]
    assert money == pytest.approx(hours * 0.5 + sent * 0.1, rel=0.02) and machines == 2
    page = (ROOT / "docs" / "guide" / "scale.md").read_text("utf-8")
    again = paper.between_marks(paper.between_marks(page, lines), ["figures"])
    assert paper.between_marks(page, ["figures"]) == again and "\nfigures\n" in again


def test_one_measured_number_of_rows_is_not_enough(growth):
    lines = [n for n in json.loads(json.dumps([*growth.lines.values()])) if n["rows"] > 200_000]
    with pytest.raises(SystemExit, match="Two numbers"):
        paper.Growth({"cores": 2, "lines": lines}, 50)


def test_a_measurement_takes_the_place_of_a_former_one_for_as_many_rows(tmp_path, capsys):
    kept = results(tmp_path / "scale.json")
    kept.begin(SIZES[0])
    kept.add(SIZES[0], "import", seconds=7)
    again = Results(tmp_path / "scale.json").content
    assert [n for n in again["lines"] if n["rows"] == SIZES[0]] == [
        {"rows": SIZES[0], "stage": "import", "seconds": 7}
    ]
    assert len(again["lines"]) == 8 and again["cores"] >= 1


def test_the_picture_shows_every_command_at_its_place(tmp_path, capsys):
    lines = results(tmp_path / "scale.json").content["lines"]
    picture = ET.fromstring(draw(lines))
    tag = "{http://www.w3.org/2000/svg}"
    assert {e.text for e in picture.iter(f"{tag}text")} >= {*STAGES, "100,000", "1,000,000"}
    drawn = [e.get("points").split() for e in picture.iter(f"{tag}polyline") if e.get("points")]
    assert len(drawn) == 8, "four commands in two panels"
    xs = {point.split(",")[0] for line in drawn[:4] for point in line}
    assert xs == {"60.0", "400.0"}, "the two numbers of rows are the ends of the axis"
    assert "<svg" in draw([])
