"""The report of a run in one file: it holds every number, fetches nothing, and escapes every text."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from curation.cli import app
from curation.errors import CurationError
from curation.training import answers, picture, report
from curation.training.picture import Dot
from tests.training_runs import write_language_run, write_run


@pytest.fixture
def project(make_project):
    """150 short texts of three classes."""
    rows = [{"text": f"Text number {n}.", "label": "abc"[n % 3]} for n in range(150)]
    return make_project(rows)


ATTACK = "<script>alert('1')</script>\x00&"


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.attributes = set[str](), set[str]()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


def test_a_report_holds_the_verdict_all_arms_and_what_it_cost(project):
    run = write_run(project, budgets=(60, 120))
    run.write_notes("Try again with 5 seeds.")
    text = report.html(run)
    verdict = run.verdict
    assert verdict["sentence"] in text
    assert "The test set is small" in text and "Two seeds say little" in text
    for arm in verdict["arms"]:
        row = f"<tr><td>{arm['title']}</td><td>{answers.budget_words(arm['budget'])}</td>"
        assert f"{row}<td>{arm['mean']:.4f} (" in text
    assert "Try again with 5 seeds." in text and "recipe" in text
    assert re.search(r"plan.json SHA-256 [0-9a-f]{64}", text)
    assert f"{len(run.fits())} fits took" in text


def test_a_report_fetches_nothing_and_names_that_are_markup_are_text(project):
    run = write_run(project, arms=("curated", "random"), classes=(ATTACK, "b", "c"))
    run.write_notes(ATTACK)
    verdict = run.verdict
    verdict["arms"][0]["title"] = verdict["sentence"] = ATTACK
    run.write("verdict.json", verdict)
    text = report.html(run)
    page = Tags(text)
    assert not page.tags & {"script", "img", "link", "iframe", "object"}
    assert not page.attributes & {"src", "href", "onerror", "onload"}
    assert text.count("&lt;script&gt;") > 4


def test_a_language_models_report_has_lengths_and_samples(project):
    text = report.html(write_language_run(project))
    assert "Lengths: Curated, 60 examples, seed 1" in text and "nats per token" in text
    row = "<td>Why is **the sky** blue?</td><td>Light.</td><td>a</td><td>b</td>"
    assert row in text and "What is taken for what" not in text


def test_of_many_classes_the_most_confused_pairs_are_listed(project):
    few = report.html(write_run(project, arms=("curated", "random")))
    assert "label \\ predicted" in few
    many = report.html(write_run(project, classes=[f"class {n}" for n in range(30)]))
    assert "label \\ predicted" not in many and "most frequent of" in many


def test_the_command_writes_the_report_beside_what_it_prints(project, tmp_path):
    run, path = write_run(project), tmp_path / "report.html"
    words = ["evaluate", str(project.path), run.id, "--report", str(path)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert run.verdict["sentence"] in result.output
    assert path.read_text("utf-8") == report.html(run)


def test_a_run_that_was_ended_early_has_no_report_and_says_what_to_do(project):
    with pytest.raises(CurationError, match="resume it first"):
        report.html(write_run(project, finished=False))


def test_pictures_are_well_formed_whatever_the_names_and_numbers():
    dots = [
        Dot(ATTACK, 0.5, 0.4, 0.6, "better"),
        Dot("alone", 0.5, math.nan, math.nan, "worse"),
        Dot("nothing", math.nan, math.nan, math.nan, "same"),
    ]
    for groups in ([(ATTACK, dots)], [("one", dots[1:2])], []):
        ElementTree.fromstring(picture.intervals(groups, "F1", ATTACK))
    for points in ([(1, math.inf), (2, 3.0)], [(1, 1)], [], [(0, 5), (9, 5)]):
        svg = picture.lines({ATTACK: points}, "step", "loss", "down", diagonal=True)
        ElementTree.fromstring(svg)
        assert "nan" not in svg and "inf" not in svg


def test_signs_of_arms_differ_in_shape_and_in_colour():
    shapes = set()
    for sign, colour in picture.COLOURS.items():
        svg = picture.intervals([("g", [Dot("a", 1, 0, 2, sign)])], "m", "alt")
        mark = re.search(rf"<(polygon|circle|rect)[^>]*{colour}", svg)[0]
        shapes.add(mark.split()[0] + ("▼" if sign == "worse" else ""))
    assert len(shapes) == 4


def test_an_axis_has_round_ticks_around_all_numbers():
    assert picture._scale([0.61, 0.83])[2] == pytest.approx([0.6, 0.65, 0.7, 0.75, 0.8, 0.85])
    low, high, _ = picture._scale([3.0])
    assert low < 3 < high


def test_arms_are_grouped_by_budget_with_the_sign_of_their_comparison(project):
    groups = dict(answers.dots(write_run(project).verdict))
    assert list(groups) == ["60 examples", "Without a budget"]
    signs = {dot.name: dot.sign for dot in groups["60 examples"]}
    assert signs == {"Curated": "better", "Random": "reference"}
