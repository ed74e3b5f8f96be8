"""The map: where points go and stay, what is drawn of many, and what a drawn shape takes."""

from __future__ import annotations

import shutil
from hashlib import blake2b
from pickle import UnpicklingError
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from curation import Project, basis
from curation.basis import Basis
from curation.choosing.distances import spread_out
from curation.dataset import Dataset, silent
from curation.decisions import Decision
from curation.embedding.neighbours import nearest, nearest_in, trustworthiness
from curation.looking import layout, special
from curation.looking.columns import colours
from curation.looking.filter import Filter
from curation.looking.masks import digest
from curation.operations import map as mapping
from curation.recipe import Recipe, Step
from curation.ui.map import figure as maps
from curation.ui.map import treemap
from curation.ui.map.special import sentences
from curation.ui.text import markdown
from tests.drawn import opened


def unit(vectors: np.ndarray) -> np.ndarray:
    return (
        (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype("f4")
    )


def clusters(rows: int, groups: int = 5, width: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Vectors about some centres, and the centre of each."""
    rng = np.random.default_rng(0)
    group = rng.integers(groups, size=rows)
    return unit(
        rng.normal(size=(groups, width))[group] + 0.2 * rng.normal(size=(rows, width))
    ), group


def place(vectors: np.ndarray, kept: Basis | None = None, **params) -> np.ndarray:
    rows = pd.DataFrame(index=[f"{i:05}" for i in range(len(vectors))])
    neighbours = lambda k, part=slice(None): nearest(vectors[part], k)  # noqa: E731
    places = mapping.project_map(rows, vectors, neighbours, kept or Basis(), silent, **params)
    return places.to_numpy()


def test_two_runs_give_the_same_map_and_another_seed_another():
    vectors, _ = clusters(300)
    assert (place(vectors) == place(vectors)).all()
    assert not np.allclose(place(vectors), place(vectors, seed=1))


def test_of_many_rows_a_part_shapes_the_map_and_the_others_lie_among_their_like(monkeypatch):
    vectors, group = clusters(600)
    monkeypatch.setattr(basis, "FITTED", 200)
    plane = place(vectors)
    _, near = nearest_on_plane(plane, 5)
    assert (group[near] == group[:, None]).mean() > 0.95
    assert trustworthiness(vectors, plane) > 0.8


def nearest_on_plane(plane: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    from scipy.spatial import cKDTree

    return cKDTree(plane).query(plane, k)


def test_twins_share_a_place_and_new_rows_hide_no_other():
    vectors, _ = clusters(100)
    plane = place(np.concatenate([vectors, vectors[:10]]))
    assert (plane[:10] == plane[100:]).all()


def test_new_rows_go_between_their_nearest_and_not_upon_each_other(tmp_path):
    vectors, group = clusters(400)
    kept = Basis(tmp_path / "places.arrow")
    before = place(vectors[:300], kept)
    after = place(vectors, kept)
    assert (after[:300] == before).all()
    centre = np.array([np.median(before[group[:300] == g], axis=0) for g in range(5)])
    nearest_centre = np.linalg.norm(after[300:, None] - centre, axis=2).argmin(axis=1)
    assert (nearest_centre == group[300:]).mean() > 0.95
    assert len(np.unique(after, axis=0)) == 400


def test_one_text_many_times_and_a_handful_of_rows_have_places(tmp_path):
    vectors, _ = clusters(30)
    assert np.isfinite(place(np.repeat(vectors[:1], 25, axis=0))).all()
    kept = Basis(tmp_path / "places.arrow")
    before = place(vectors, kept)
    assert (place(vectors[:8], kept) == before[:8]).all()


def test_two_runs_at_once_lose_no_places(tmp_path):
    vectors, _ = clusters(400)
    kept = Basis(tmp_path / "places.arrow")
    place(vectors[:300], kept)

    class Late(Basis):
        """Another run adds rows between this one's loading and its saving."""

        def locked(self):
            place(vectors[:350], kept)
            return super().locked()

    mixed = np.concatenate([vectors[:300], vectors[350:]])
    places = place(mixed, Late(kept.path))
    assert len(kept.load()) == 400
    assert (place(mixed, kept) == places).all()


def test_a_row_that_goes_and_comes_back_is_where_it_was(tmp_path):
    vectors, _ = clusters(300)
    kept = Basis(tmp_path / "places.arrow")
    before = place(vectors, kept)
    place(vectors[:200], kept)
    assert (place(vectors, kept) == before).all()


def test_places_kept_under_longer_keys_and_in_double_precision_stay(tmp_path):
    vectors, _ = clusters(300)
    kept = Basis(tmp_path / "places.arrow")
    before = place(vectors[:290], kept)
    halves = vectors[:290].astype(np.float16)
    keys = sorted(
        (blake2b(v.tobytes(), digest_size=15).digest() + b".", i) for i, v in enumerate(halves)
    )
    plane = before[[i for _, i in keys]] * (1 + 1e-9)
    key = pa.array([key for key, _ in keys], pa.binary(16))
    kept.save(pa.table({"key": key, "x": plane[:, 0], "y": plane[:, 1]}))
    grown = place(vectors, kept)
    assert (grown[:290] == before).all()
    assert kept.load().schema.types == [pa.uint64(), pa.float32(), pa.float32()]
    assert (place(vectors, kept) == grown).all()


def test_other_data_get_a_map_of_their_own(tmp_path):
    vectors, _ = clusters(300)
    kept = Basis(tmp_path / "places.arrow")
    place(vectors, kept)
    others = unit(np.random.default_rng(1).normal(size=(300, 16)))
    mixed = np.concatenate([vectors[:100], others])  # fewer than half have a place
    assert (place(mixed, kept) == place(mixed)).all()
    assert (place(mixed, kept) == place(mixed)).all()


def test_trustworthiness_is_that_of_scikit_learn():
    from sklearn.manifold import trustworthiness as theirs

    vectors = unit(np.random.default_rng(0).normal(size=(400, 6)))
    plane = vectors[:, :2]
    assert trustworthiness(vectors, plane) == pytest.approx(
        theirs(vectors, plane, n_neighbors=15, metric="cosine"), abs=1e-5
    )


def test_nearest_in_another_set_is_exact(monkeypatch):
    vectors, _ = clusters(500)
    who, similarities = nearest_in(vectors[:50], vectors[50:], 4)
    every = vectors[:50] @ vectors[50:].T
    best = -np.sort(-every, axis=1)[:, :4]
    assert np.allclose(similarities, best, atol=1e-6)
    assert np.allclose(np.take_along_axis(every, who, axis=1), best, atol=1e-6)
    from curation.embedding import neighbours

    monkeypatch.setattr(neighbours, "EXACT_PAIRS", 0)
    _, looked_up = nearest_in(vectors[:50], vectors[50:], 4)
    assert (looked_up >= best - 1e-6).mean() >= neighbours.RECALL


def test_examples_that_stand_for_a_part_come_from_every_corner_of_it():
    vectors, group = clusters(500, groups=8)
    assert set(group[spread_out(vectors, 8)]) == set(range(8))
    assert len(set(spread_out(vectors, 40))) == 40
    assert list(spread_out(vectors[:3], 9)) == list(dict.fromkeys(spread_out(vectors[:3], 9)))


# --- what is drawn ------------------------------------------------------------------------------


@pytest.fixture
def rows() -> pd.DataFrame:
    vectors, group = clusters(3_000)
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "map_x": group * 3 + rng.normal(size=3_000),
            "map_y": rng.normal(size=3_000),
            "prompt": "<b>p</b>",
            "topic": [f"topic {g}" for g in group],
            "theme": [f"theme {g // 2}" for g in group],
            "dropped_by": pd.Series([None] * 2_999 + ["x"], dtype="str"),
            "quality": rng.random(3_000),
        },
        index=[f"{i:05}" for i in range(3_000)],
    )


def points(figure) -> int:
    return sum(len(t.x) for t in figure.data if t.type == "scattergl" and t.hoverinfo != "skip")


def test_a_part_is_drawn_from_all_its_rows_and_density_only_where_points_are_left_out(
    rows, monkeypatch
):
    monkeypatch.setattr(maps, "POINTS", 500)
    monkeypatch.setattr(layout.sample, "__defaults__", (500,))
    whole = maps.figure(rows, "quality")
    assert points(whole) == 500
    assert [t.type for t in whole.data].count("heatmap") == 1
    counted = np.nansum(10.0 ** whole.data[0].z.astype(float))
    assert counted == pytest.approx(3_000, rel=0.02)
    themes = [t.name for t in maps.figure(rows, "theme").data if t.name]
    assert f"theme 0 ({int((rows['theme'] == 'theme 0').sum()):,})" in themes, "all are counted"
    span = ((-0.3, 0.3), (-0.5, 0.5))
    inside = int(layout.within(rows, span).sum())
    assert 20 < inside < 500
    part = maps.figure(rows, "quality", part=span)
    assert points(part) == inside
    assert all(t.type != "heatmap" for t in part.data)
    assert tuple(part.layout.xaxis.range) == span[0]


def test_what_does_not_meet_the_filter_lies_behind_in_grey(rows):
    figure = maps.figure(rows[:100], "topic", ground=rows[100:])
    assert figure.data[0].hoverinfo == "skip"
    assert points(figure) == 100
    assert figure.layout.xaxis.range == maps.figure(rows, "topic").layout.xaxis.range


def test_marks_and_shapes_are_drawn_on_a_copy(rows):
    plain = maps.figure(rows, "topic")
    before = len(plain.data)
    shapes = {"lasso": [{"x": [0, 1, 1], "y": [0, 0, 1]}], "box": [{"x": [0, 1], "y": [2, 1]}]}
    marked = maps.with_marks(plain, rows.head(3), shapes, "found")
    assert len(plain.data) == before and not plain.layout.shapes
    lasso, box = (s.path for s in marked.layout.shapes)  # where they overlap a veil would lie
    assert box == "M 0,1 L 1,1 L 1,2 L 0,2 Z"
    one = maps.with_marks(plain, rows.head(0), {"box": shapes["box"]}, "found")
    veil, outline = (s.path for s in one.layout.shapes)
    assert outline == box and veil.endswith(f" {box}") and veil != box, "it has it as a hole"
    low, high = plain.layout.xaxis.range
    assert veil.startswith(f"M {low - 3 * (high - low)},")
    assert "<b>" not in marked.data[-1].text[0]


def test_a_tile_of_the_treemap_says_which_topic_it_is(rows):
    tiles = treemap.figure(rows, "dropped_by").data[0]
    assert "theme 0" in tiles.ids and "theme 0\x1ftopic 1" in tiles.ids
    size = dict(zip(tiles.ids, tiles["values"], strict=True))
    inner = sum(n for i, n in size.items() if i.startswith("theme 0\x1f"))
    assert size["theme 0"] == inner == (rows["theme"] == "theme 0").sum()
    assert size[treemap.ROOT] == len(rows)
    framed = treemap.figure(rows, "dropped_by", ("theme 0", "topic 1")).data[0]
    tile = framed.ids.index("theme 0\x1ftopic 1")
    assert max(framed.marker.line.width) == framed.marker.line.width[tile]
    assert framed.marker.line.width.count(framed.marker.line.width[tile]) == 1


def test_a_name_at_the_edge_is_moved_inwards_so_that_none_of_it_is_cut_off(rows):
    edge = rows.assign(map_x=rows["map_x"].max(), topic="a long name of a topic there")
    figure = maps.figure(pd.concat([rows.assign(topic=None), edge]), "quality")
    (name,) = figure.layout.annotations
    low, high = figure.layout.xaxis.range
    letters = 6.8 * len(name.text) / maps.PLOT_PIXELS[0] * (high - low)
    assert name.x + letters / 2 < high < edge["map_x"].iloc[0] + letters / 2


def test_what_shares_a_place_in_the_legend_has_a_sign_of_its_own_there(rows):
    many = rows.assign(topic=[f"topic {i % 40}" for i in range(len(rows))])
    figure = maps.figure(many, "topic")
    (points_of_others,) = (t for t in figure.data if t.legendgroup == "others" and len(t.x) > 1)
    (sign,) = (t for t in figure.data if t.legendgroup == "others" and len(t.x) == 1)
    assert not points_of_others.showlegend and "25 others" in sign.name
    assert sign.marker.color not in {t.marker.color for t in figure.data if t.name != sign.name}


def test_names_keep_clear_of_each_other_and_the_largest_topics_go_first(rows):
    placed = {a.text: (a.x, a.y) for a in maps.figure(rows, "topic").layout.annotations}
    stray = rows["topic"].mask(np.arange(len(rows)) < 2, "stray")
    written = maps.figure(rows.assign(topic=stray), "topic").layout.annotations
    assert len(written) == len(placed) and "stray" not in {a.text for a in written}
    assert list(placed) == list(rows["topic"].value_counts().index[: len(placed)])
    same = rows.assign(map_x=rows["map_x"] * 0 + [*range(2)] * 1_500, map_y=0.0)
    assert len(maps.figure(same, "topic").layout.annotations) < len(placed)
    assert not maps.figure(rows, "topic", names=False).layout.annotations


def test_a_group_is_a_theme_or_one_topic_of_it(rows):
    assert layout.in_group(rows, ()).all()
    theme = layout.in_group(rows, ("theme 1",))
    assert (theme == rows["theme"].eq("theme 1")).all()
    topic = layout.in_group(rows, ("theme 1", "topic 2"))
    assert (topic == rows["topic"].eq("topic 2")).all() and topic.sum() < theme.sum()
    assert not layout.in_group(rows, ("theme 0", "topic 2")).any()
    assert digest(theme) == digest(theme.copy()) != digest(topic)


def test_colours_are_columns_that_say_something_and_numbers_come_last(rows):
    nobody = pd.Series(None, index=rows.index, dtype="str")
    more = rows.assign(label=nobody, split="train", novelty=1.0, dropped_by=nobody)
    assert colours(Dataset(more)) == ["theme", "topic", "split", "quality", "novelty"]


def test_the_line_below_the_map_says_how_many_are_drawn():
    assert maps.count(1_200, 0) == "1,200 examples."
    assert maps.count(1_200, 30) == "1,200 examples. 30 were dropped before they were embedded."
    assert maps.count(9, 0, dropped=2) == "9 examples; 2 of these are dropped."
    assert maps.count(9, 0, of=1_200) == "9 examples of 1,200 lie in this part."
    assert maps.count(60_000, 0, of=70_000).startswith("50,000 of 60,000 in this part drawn;")
    assert maps.count(60_000, 0).startswith("50,000 of 60,000 drawn; what you draw around counts")


def test_what_is_special_is_what_the_rest_is_not():
    texts = ["knead the dough", "watch the comet"]
    rows = pd.DataFrame(
        {
            "prompt": [texts[i % 2] for i in range(80)],
            "response": "Well.",
            "theme": ["bread" if i % 2 == 0 else "stars" for i in range(80)],
            "source": ["*bread*" if i % 2 == 0 else "stars" for i in range(80)],
            "language": "en",
            "quality": [0.9 - i / 1_000 if i % 2 == 0 else i / 100 for i in range(80)],
            "constant": 1.0,
        },
        index=[f"{i:02}" for i in range(80)],
    )
    chosen = np.arange(80) % 2 == 0
    vectors = unit(np.random.default_rng(0).normal(size=(80, 8)))
    vectors[:20] = np.nan
    facts = special.special(Dataset(rows, vectors), chosen, ~chosen)
    assert {"knead", "dough"} <= set(facts.words) and "comet" not in facts.words
    assert (
        sentences(facts, {})[1:]
        == [
            f"source {markdown('*bread*')}: 100% of this part, 0% of the rest",  # and a theme is all in itself
            "quality: median 0.861 in this part, 0.4 in the rest",
        ]
    )
    assert len(facts.spread) == special.SPREAD and min(facts.spread) >= "20"
    assert set(facts.spread) <= set(rows.index[chosen])
    plain = special.special(Dataset(rows), chosen, ~chosen)
    assert plain.spread == list(rows.index[chosen][: special.SPREAD])


def test_sets_combine_by_and_or_and_not(rows):
    tagged = rows.head(4).assign(tags=pd.Series(["a", "a, b", "b", None], dtype="str").to_numpy())

    def mask(*conditions):
        return Filter.parse(conditions).mask(Dataset(tagged)).tolist()

    assert mask("tags=a|b") == [True, True, True, False]
    assert mask("tags=a", "tags=b") == [False, True, False, False]
    assert mask("tags=a", "tags!=b") == [True, False, False, False]
    assert mask("tags=missing") == [False, False, False, True]


# --- the page -----------------------------------------------------------------------------------


@pytest.fixture
def project(example_project, tmp_path, monkeypatch) -> Project:
    folder = shutil.copytree(example_project, tmp_path / "p" / "example")
    monkeypatch.setenv("CURATION_WORKSPACE", str(folder.parent))
    monkeypatch.delenv("CURATION_PROJECT", raising=False)
    return Project.open(folder)


def page(project: Project, **looking) -> AppTest:
    from curation.ui.state import MapView

    return opened("map", {f"map-view-{project.path}": MapView(**looking)})


def everything(project: Project) -> dict:
    rows = project.view().dataset.rows
    (x1, x2), (y1, y2) = layout.around(rows[rows["map_x"].notna()])
    return {"box": [{"x": [x1, x2], "y": [y1, y2]}]}


def test_a_drawn_shape_lists_what_is_in_it_and_zooms_into_it(project):
    app = page(project, shapes=everything(project))
    rows = project.view().dataset.rows
    count = f"{int(rows['map_x'].notna().sum()):,}"
    assert f"{count} selected" in [s.value for s in app.header]
    next(b for b in app.button if b.label == "Zoom").click().run()
    assert not app.exception
    looking = app.session_state[f"map-view-{project.path}"]
    assert looking.part is not None and looking.shapes, "it is still selected"
    next(b for b in app.button if b.label == "Whole map").click().run()
    assert app.session_state[f"map-view-{project.path}"].part is None


def test_the_row_nearest_to_a_click_is_found(rows):
    row = rows.iloc[7]
    some = rows.assign(map_x=rows["map_x"].where(np.arange(len(rows)) != 0))  # one has no place
    assert layout.nearest(some, row["map_x"] + 1e-6, row["map_y"]) == str(rows.index[7])


def test_the_rows_of_a_map_are_counted():
    places = {"map_x": [0.0, 1.0, 2.0, None], "map_y": [0.0, 1.0, 2.0, None]}
    rows = pd.DataFrame({**places, "dropped_by": [None, "people", None, "lengths"]})
    shown = np.array([True, True, True, False])
    whole = layout.MapCounts(shown=3, dropped=1, inside=None, without_place=1)
    assert layout.MapCounts.of(rows, shown, None) == whole
    part = ((0.5, 3.0), (0.5, 3.0))
    assert layout.MapCounts.of(rows, shown, part).inside == 2


def test_a_group_that_is_gone_lets_go(project):
    app = page(project, group=("a theme", "that was renamed"))
    assert app.session_state[f"map-view-{project.path}"].group == ()
    assert not [c for c in app.caption if "No example meets" in c.value]


def test_a_topic_of_the_treemap_narrows_the_map_until_it_is_let_go(project):
    rows = project.view().dataset.rows
    topic = rows.loc[rows["map_x"].notna(), "topic"].value_counts().index[0]
    theme = rows.loc[rows["topic"] == topic, "theme"].iloc[0]
    app = page(project, group=(theme, topic))
    count = int(((rows["topic"] == topic) & rows["map_x"].notna()).sum())
    assert f"{count:,} in this group" in [s.value for s in app.header]
    next(b for b in app.button if b.label == markdown(topic, 32)).click().run()
    assert not app.header


def press(app: AppTest, label: str) -> None:
    next(b for b in app.button if b.label == label).click().run()
    assert not app.exception, app.exception[0].message


def test_an_example_of_the_list_finds_its_like_and_teaches_a_concept(project):
    app = page(project, shapes=everything(project))
    rows = project.view().dataset.rows
    first = str(rows.index[rows["map_x"].notna()][0])
    app.session_state[f"open-example-{project.path}"] = first
    app.run()
    press(app, "Like this")
    assert app.session_state["map-like"] == [first]
    assert "200 of the search result selected" in [s.value for s in app.header]
    assert app.dataframe[0].value["search"].is_monotonic_decreasing
    app.session_state["map-mode"] = "Concept"
    app.session_state["map-concept"] = "maths"
    app.session_state[f"open-example-{project.path}"] = first
    app.run()
    press(app, "Yes, it is")
    assert list(project.people().tags) == [first]
    best = next(i for i in app.dataframe[0].value.index if i != first)
    assert app.session_state[f"open-example-{project.path}"] == best, (
        "the most likely of the others is open"
    )
    press(app, "No, it is not")
    assert {t for of_example in project.people().tags.values() for t in of_example} == {
        "maths",
        "not maths",
    }


def test_the_best_are_those_of_the_rows_that_meet_the_filter(project):
    rows = project.view().dataset.rows
    first = str(rows.index[rows["map_x"].notna()][0])
    app = page(project)
    app.session_state["map-like"], app.session_state["map-mode"] = [first], "Like this"
    app.session_state["map-like-top"], app.session_state["map-columns"] = 5, ["language"]
    app.session_state["map-language"] = ["de"]
    app.run()
    assert not app.exception
    assert "5 in the search result" in [s.value for s in app.header]
    assert (rows.loc[app.dataframe[0].value.index, "language"] == "de").all()


def test_a_set_is_a_tag_that_everybody_can_filter_by(project):
    app = page(project, shapes=everything(project))
    next(t for t in app.text_input if t.label == "Tag").set_value("here").run()
    next(b for b in app.button if b.label.startswith("Tag ")).click().run()
    assert not app.exception
    tags = project.people().tags
    assert (
        sum("here" in t for t in tags.values())
        == project.view().dataset.rows["map_x"].notna().sum()
    )


def test_anew_takes_a_seed_that_was_never_used_and_changes_nothing_else(tmp_path):
    texts = [f"question {i} about {'rivers' if i % 2 else 'bread'}" for i in range(40)]
    (tmp_path / "a.jsonl").write_text(
        "".join(f'{{"prompt": "{t}", "completion": "answer"}}\n' for t in texts)
    )
    project = Project.create(tmp_path / "p")
    project.add(tmp_path / "a.jsonl")
    first = Recipe((Step("embed"), Step("project_map", min_dist=0.2), Step("topics")))
    project.recipe = first
    project.run()
    own = project.run().rows[["map_x", "map_y"]]
    project.recipe = second = project.drawn_anew()
    assert [dict(s.params) for s in second] == [{}, {"seed": 1, "min_dist": 0.2}, {"seed": 1}]
    assert not project.run().rows[["map_x", "map_y"]].equals(own)
    project.recipe = first
    assert project.run().rows[["map_x", "map_y"]].equals(own)
    assert [s.params.get("seed") for s in project.drawn_anew()] == [None, 2, 2]
    twice = Recipe((*first, Step("embed", of="prompt")))  # vectors of later steps say nothing
    project.recipe = twice
    project.run()
    assert [s.params.get("seed") for s in project.drawn_anew()] == [None, 2, 2, None]
    project.recipe = first
    project.run()
    manifest = project.export(tmp_path / "out")
    replay = project.replaying(project.source()).bases_of(project.view().dataset)
    assert set(manifest["bases"]) == {basis.path.name for basis in replay.values()}
    assert len(list((project.path / "basis").glob("*.arrow"))) == 4


def test_the_page_says_how_true_the_map_is_and_draws_it_anew(project):
    app = page(project)
    assert any("Trustworthiness" in c.value for c in app.caption)
    next(b for b in app.button if b.label == "Draw anew").click().run()
    seeds = {s.use: s.params.get("seed") for s in project.recipe.steps}
    assert seeds["project_map"] == seeds["topics"] == 1
    assert any(project.path.glob("jobs/*/status.json"))
    rows = project.view().dataset.rows
    assert "map_x" in rows, "the last map is shown until the new one is there"


def test_the_map_is_drawn_while_people_decide(project):
    rows = project.view().dataset.rows
    some = rows.index[rows["map_x"].notna()][:5]
    project.decisions.append([Decision(i, "drop", None, "Bo") for i in some])
    app = page(project, shapes=everything(project))
    assert any("decided since the last run" in i.value for i in app.info)


@pytest.mark.parametrize("error", [EOFError(), OSError(28, "full"), UnpicklingError()])
def test_what_was_kept_of_compiling_may_be_damaged(error):
    class Model:
        errors: ClassVar = [error]

        def fit_transform(self, vectors):
            if self.errors:
                raise self.errors.pop()
            return vectors[:, :2]

    functions = mapping._cacheable_functions()
    assert len(functions) == 3, "umap-learn names them otherwise now"
    before = [f._cache for f in functions]
    try:
        assert mapping._placed(Model(), np.ones((3, 4))).shape == (3, 2)
        assert {type(f._cache).__name__ for f in functions} == {"NullCache"}
    finally:
        for function, cache in zip(functions, before, strict=True):
            function._cache = cache
