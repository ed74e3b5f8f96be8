"""Ways to choose beside chance, in one table on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from curation import Project, Step
from curation.errors import CurationError
from curation.looking.chance import NAMES, beside_chance
from curation.looking.choice import Choice
from curation.recipe import Recipe
from curation.selections import compare_selections
from tests.test_cli import answer, refused, run


@pytest.fixture(scope="module")
def bread(tiny_model, tmp_path_factory):
    """Sixty embedded examples of three sources, without a selection."""
    home = tmp_path_factory.mktemp("bread")
    project = Project.create(home / "project")
    draw = np.random.default_rng(0)
    for source in ("a", "b", "c"):
        texts = [" ".join(draw.choice(["bread", "river", "the", "long"], 6)) for _ in range(20)]
        rows = [{"prompt": f"{t} {source}{n}?", "response": t} for n, t in enumerate(texts)]
        path = home / f"{source}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        project.add(path)
    project.recipe = Recipe((Step("embed", model=str(tiny_model)), Step("split")))
    return project


def test_every_choice_stands_beside_the_same_random_ones(bread):
    before = bread.recipe.to_yaml()
    value = compare_selections(bread, ["select_k_center", "select_random"], 12)
    k_center, drawn = value["selections"]
    assert (value["budget"], value["unit"], value["pool"]) == (12, "examples", 60)
    assert [s["use"] for s in value["selections"]] == ["select_k_center", "select_random"]
    assert bread.recipe.to_yaml() == before, "the recipe stays as it is"
    step = Step("select_k_center", budget=12)
    dataset = bread.replay(Recipe((bread.recipe.steps[0], step)))
    beside = beside_chance(dataset, Choice.of(dataset))
    table = beside.table.set_index("measure")
    assert k_center["measures"] == pytest.approx(table["chosen"].to_dict())
    assert k_center["verdicts"] == table["verdict"].to_dict()
    assert (k_center["better"], k_center["worse"]) == beside.counts("random")
    for band in ("random", "balanced"):
        limits = table[[f"{band}_low", f"{band}_high"]]
        assert value["bands"][band] == {n: list(row) for n, *row in limits.itertuples()}
    radius = NAMES["radius"]
    assert k_center["measures"][radius] < drawn["measures"][radius]


def test_the_recipes_own_selection_keeps_its_parameters_and_gives_the_budget(bread, tmp_path):
    project = Project.create(tmp_path / "own")
    project.add(bread.path.parent / "a.jsonl")
    own = Step("select_by_cluster", budget=100, unit="tokens", clusters=3, score=None)
    project.recipe = Recipe((Step("lengths"), bread.recipe.steps[0], own, Step("split")))
    value = compare_selections(project, ["select_by_cluster", "select_random"])
    clustered, drawn = value["selections"]
    assert (value["budget"], value["unit"]) == (100, "tokens")
    assert clustered["params"]["clusters"] == 3 and drawn["params"]["budget"] == 100
    assert compare_selections(project, ["select_random"], 7)["unit"] == "examples"


def test_the_command_prints_a_line_for_each_way_and_what_is_left_out(bread):
    value = answer("compare", bread.path, "--budget", "12")
    assert len(value["selections"]) + len(value["left_out"]) >= 8
    left_out = {entry["use"]: entry["why"] for entry in value["left_out"]}
    assert "reference" in left_out["select_like"], "there is no reference set"
    status, out, _ = run("compare", bread.path, "--budget", "12", "--method", "select_k_center")
    assert status == 0
    line = next(line for line in out.splitlines() if line.startswith("Farthest apart"))
    shown = line.split("(k-center)")[1].split()
    figures = [word for word in shown[1:] if word not in "+−"]
    k_center = next(s for s in value["selections"] if s["use"] == "select_k_center")
    assert shown[0] == "12" and "+" in shown
    assert figures == [f"{n:.4g}" for n in k_center["measures"].values()]
    assert "random, balanced ×10, least" in out


def test_what_cannot_be_compared_is_a_sentence(bread, tmp_path):
    assert "--budget 1000" in refused("compare", bread.path)
    message = refused("compare", bread.path, "--budget", "9", "--method", "lengths")
    assert message.startswith("'lengths' is no way to choose; there are: select_balanced,")
    with pytest.raises(CurationError, match="only 60 are kept"):
        compare_selections(bread, budget=61)
    with pytest.raises(CurationError, match="reference set"):
        compare_selections(bread, ["select_like"], 9)
    bare = Project.create(tmp_path / "bare")
    bare.add(bread.path.parent / "a.jsonl")
    bare.recipe = Recipe((Step("lengths"),))
    with pytest.raises(CurationError, match="add the step embed"):
        compare_selections(bare, ["select_random"], 9)
