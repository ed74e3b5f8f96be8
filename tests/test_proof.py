"""The results of a training, in the manifest and the card of a delivery."""

from __future__ import annotations

import json

import pytest

from curation.export.deliveries import folder_of
from curation.export.proof import limits, proof
from curation.recipe import Recipe, Step
from tests.test_escaping import RENDERER
from tests.training_runs import write_run

HOSTILE = "[a](javascript:alert(1)) | **b** <script>"


@pytest.fixture
def news(make_project):
    rows = [{"text": f"Text {n} of a class.", "label": "abc"[n % 3]} for n in range(150)]
    return make_project(rows, Step("fix_text"))


def measured(project, **options):
    """A run whose receipt names the project's examples."""
    run = write_run(project, classes=("a", "b", "c"), **options)
    run.write("receipt.json", {"examples": project.source().digest})
    return run


def delivered(project):
    out = folder_of(project.path) / "d"
    manifest = project.export(out, formats=["csv"])
    assert json.loads((out / "manifest.json").read_text()).get("proof") == manifest.get("proof")
    return manifest, (out / "README.md").read_text()


def test_a_delivery_without_a_run_claims_nothing(news):
    manifest, card = delivered(news)
    assert "proof" not in manifest and "Did curation help" not in card


def test_manifest_and_card_hold_the_verdict_every_arm_and_its_interval(news):
    run = measured(news)
    manifest, card = delivered(news)
    result = manifest["proof"]
    assert (result["run"], result["same_recipe"], result["same_examples"]) == (run.id, True, True)
    assert run.verdict["sentence"] in card and "another recipe" not in card
    for arm in run.verdict["arms"]:
        low, high = (f"{arm[end] * 100:.1f}" for end in ("low", "high"))
        assert f"| {arm['title']} |" in card and f"{low} to {high}" in card


def test_a_result_of_another_recipe_or_of_other_examples_says_so(news):
    write_run(news)
    news.recipe = Recipe((Step("fix_text"), Step("drop_exact_duplicates")))
    _, card = delivered(news)
    assert "another recipe and other examples than this delivery's" in card


def test_a_run_of_this_recipe_counts_before_a_newer_one_of_another(news):
    own = measured(news)
    recipe, digest = news.recipe, news.source().digest
    news.recipe = Recipe((Step("fix_text"), Step("drop_exact_duplicates")))
    other = measured(news)
    result = proof([other, own], recipe, digest)  # newest first
    assert result["run"] == own.id and limits(result) == ""
    assert proof([other], recipe, digest)["same_recipe"] is False


def test_a_run_without_a_comparison_or_with_a_broken_recipe_proves_nothing(news):
    run = measured(news)
    run.write("plan.json", {**run.plan, "recipe": "steps: 5"})
    assert proof([run], news.recipe, "") is None
    assert proof([measured(news, finished=False)], news.recipe, "") is None


def test_names_of_arms_are_no_markup_in_the_card(news):
    run = measured(news)
    verdict = run.verdict
    verdict["arms"][0]["title"] = verdict["sentence"] = HOSTILE
    run.write("verdict.json", verdict)
    _, card = delivered(news)
    page = RENDERER.render(card.split("---", 2)[2])
    assert "<a" not in page and "<script" not in page and "<strong>b" not in page
    assert "javascript:alert(1)" in page, "it is there as text"
