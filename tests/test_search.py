"""Search: which rows hold words, which vectors are near, and that showing it makes no markup."""

from __future__ import annotations

import json
import re
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from curation import Project
from curation.embedding import VectorStore
from curation.errors import CurationError
from curation.looking import search
from curation.looking.search import Query
from tests.conftest import PAIRS, make_dataset
from tests.drawn import opened as page_of
from tests.encoders import TrigramEncoder
from tests.test_cli import answer, refused, run


def rows_of(*texts: str | tuple[str, str]) -> pd.DataFrame:
    return make_dataset([t if isinstance(t, tuple) else (t, "") for t in texts]).rows


def hits_of(rows: pd.DataFrame, query: str) -> list[int]:
    return search.words(rows, query).positions.tolist()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sky", {2}),
        ("SKY blue", {2}),
        ("blue boil", set()),
        ("boil", {0, 3}),
        ("boil -cool", set()),
        ("what -ring -光", set()),
        ('"boil an egg"', {0, 3}),
        ('"an boil egg"', set()),
        ("egg boil", {0, 3}),
        ('-"boil an egg" a', {1, 2, 4, 5, 6}),
        ("光合", {7}),
        ("植物 -糖", set()),
        ("ＳＫＹ", {2}),
        ("prin", {6}),
        ("('hello')", {6}),
        ("fließendes", set()),
    ],
)
def test_all_words_must_occur_whatever_their_case_and_width(dataset, query, expected):
    assert set(hits_of(dataset.rows, query)) == expected


def test_letters_of_another_width_in_the_data_are_found_too():
    rows = rows_of("Ｐｙｔｈｏｎ　３ を使う", "python 3", "PYTHON3", "ﾃﾞｰﾀ", "ruby")
    assert set(hits_of(rows, "python")) == {0, 1, 2}
    assert set(hits_of(rows, '"python 3"')) == {0, 1}
    assert set(hits_of(rows, "-ｐｙｔｈｏｎ")) == {3, 4}
    assert set(hits_of(rows_of("12 m² of oak", "CO₂", "12 km"), "m2")) == {0}


def test_composition_and_the_kind_of_apostrophe_do_not_count_and_accents_do():
    rows = rows_of(
        "a cafe\u0301 on the quay", "a café", "a cafe", "I don’t know", "I don't", "don`t"
    )
    assert set(hits_of(rows, "café")) == set(hits_of(rows, "cafe\u0301")) == {0, 1}
    assert set(hits_of(rows, "cafe")) == {2}
    assert set(hits_of(rows, "don't")) == set(hits_of(rows, "don’t")) == {3, 4}
    assert search.marked("cafe\u0301s, cafés", "café") == [
        ("cafe\u0301", True), ("s, ", False), ("café", True), ("s", False),
    ]  # fmt: skip
    assert search.marked("① don’t ﬁnd", "don't find")[1:] == [
        ("don’t", True),
        (" ", False),
        ("ﬁnd", True),
    ]
    assert "don’t" in search.snippet("x" * 400 + " I don’t know", "don't")


def test_a_column_that_changed_is_read_anew():
    for text in ("für", "fuer", "für"):
        rows = rows_of(text, "plain")
        assert hits_of(rows, "für") == ([0] if text == "für" else [])


def test_texts_of_other_signs_are_read_in_a_few_times_their_own_memory():
    """The place of each such sign would be a number of eight bytes, and most signs are three of them."""
    rows = pd.DataFrame({name: pd.Series(["茶は熱い。" * 400] * 200) for name in search.COLUMNS})
    size = 3 * 200 * 400 * len("茶は熱い。".encode())
    tracemalloc.start()
    try:
        texts = search.texts_of(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * size
    assert sorted(search.words(rows, "熱い", texts).positions) == [*range(200)]


def test_signs_of_regular_expressions_are_plain_text():
    rows = rows_of("a.b", "axb", "what? (yes|no) [x]* \\d ^$", "100% {a}")
    for query, expected in [
        ("a.b", {0}),
        ("(yes|no)", {2}),
        ("\\d", {2}),
        ("[x]*", {2}),
        ("^$", {2}),
        ("{a}", {3}),
        ("?", {2}),
    ]:
        assert set(hits_of(rows, query)) == expected, query


def test_a_query_without_words_finds_nothing_and_filters_nothing(dataset):
    for query in ("", "   ", '""', '"  "'):
        assert hits_of(dataset.rows, query) == []
        assert search.matches(dataset.rows, query).all()
    assert hits_of(dataset.rows.iloc[:0], "sky") == []


def test_a_missing_text_holds_no_words_and_lone_surrogates_do_no_harm(dataset):
    rows = dataset.rows.assign(response=pd.Series(None, index=dataset.rows.index, dtype="str"))
    assert hits_of(rows, "planet") == [1]
    assert hits_of(rows, "saturn") == []
    assert hits_of(rows, "\udcff") == hits_of(rows, "?")


def test_side_by_side_comes_before_apart_and_the_prompt_before_the_response():
    rows = rows_of(
        ("Something else.", "A river near the bank, and a stone bridge over it, once."),
        ("Something else.", "The bridge of stone."),
        ("A stone bridge", "Yes."),
        ("bridge, of which stone", "Yes."),
    )
    assert hits_of(rows, "stone bridge")[0] == 2
    assert hits_of(rows, "stone bridge")[-1] == 1
    assert hits_of(rows, "stone") == sorted(hits_of(rows, "stone"), key=lambda i: i not in (2, 3))


def test_more_often_in_less_text_comes_first():
    rows = rows_of(("q", "salt " + "and much else besides that is not it " * 9), ("q", "salt salt"))
    assert hits_of(rows, "salt") == [1, 0]


def plain(text: str) -> str:
    return " ".join(text.casefold().split())


words_ = some.text("abAB ä光.*(", max_size=12)


@given(some.lists(words_, min_size=1, max_size=6), some.text("abä光.*(", min_size=1, max_size=3))
def test_a_word_is_found_where_python_finds_it(texts, word):
    rows = pd.DataFrame({c: pd.Series(texts, dtype="str") for c in search.COLUMNS})
    assert set(hits_of(rows, word)) == {i for i, t in enumerate(texts) if plain(word) in plain(t)}


@given(some.lists(some.text("xy -\"'", max_size=8), max_size=5))
def test_any_query_can_be_read(parts):
    query = Query.parse(" ".join(parts))
    assert all(term.strip() for term in (*query.required, *query.excluded))


# --- by meaning -----------------------------------------------------------------------------


def unit(rng: np.random.Generator, rows: int) -> np.ndarray:
    vectors = rng.normal(size=(rows, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_nearest_are_those_of_all_comparisons_and_rows_without_vector_are_left_out():
    vectors = unit(np.random.default_rng(1), 300)
    vectors[[3, 50]] = np.nan
    aim = vectors[7] + 0.1
    hits = search.meaning(vectors, aim, 20)
    true = np.nan_to_num(vectors @ (aim / np.linalg.norm(aim)), nan=-2)
    assert hits.positions.tolist() == np.argsort(-true, kind="stable")[:20].tolist()
    assert hits.scores == pytest.approx(true[hits.positions])
    assert not {3, 50} & set(search.meaning(vectors, aim, 1_000).positions)
    assert len(search.meaning(vectors, aim, 1_000)) == 298


def test_equal_vectors_come_in_their_order_and_no_more_than_asked():
    vectors = np.tile(unit(np.random.default_rng(2), 1), (9, 1))
    assert search.meaning(vectors, vectors[0], 4).positions.tolist() == [0, 1, 2, 3]
    assert len(search.meaning(np.full((4, 8), np.nan, np.float32), vectors[0], 4)) == 0
    assert len(search.meaning(np.zeros((0, 8), np.float32), vectors[0], 4)) == 0


def test_several_examples_ask_for_their_mean_and_are_not_their_own_answer():
    vectors = unit(np.random.default_rng(3), 60)
    hits = search.like(vectors, [4, 9], 10)
    assert not {4, 9} & set(hits.positions) and len(hits) == 10
    mean = search.meaning(vectors, vectors[[4, 9]].mean(axis=0), 60).positions
    assert hits.positions.tolist() == [p for p in mean if p not in (4, 9)][:10]
    vectors[4] = np.nan
    assert (search.like(vectors, [4, 9], 5).positions == search.like(vectors, 9, 5).positions).all()
    with pytest.raises(CurationError, match="None of these examples has a vector"):
        search.like(vectors, [4])


def test_without_embeddings_a_sentence_says_what_to_do(dataset):
    with pytest.raises(CurationError, match="add the step embed"):
        search.query_vector("sky", dataset.steps, None)


def test_the_query_is_read_by_the_encoder_of_the_last_embed_step(monkeypatch, tmp_path):
    models = []

    class Store(VectorStore):
        def encoder(self, model="", backend="auto", texts=None):
            models.append((model, backend))
            return TrigramEncoder()

    class Report:
        def __init__(self, kind, **params):
            self.kind, self.params = kind, params

    monkeypatch.setattr(search, "_encoders", {})
    steps = [Report("embed", model="one", way="auto"), Report("embed", model="two", way="draft")]
    vector = search.query_vector("sky", [*steps, Report("score")], Store(tmp_path))
    assert models == [("two", "draft")]
    assert vector == pytest.approx(TrigramEncoder().encode(["sky"])[0])


# --- showing why ----------------------------------------------------------------------------

NASTY = [
    "evil <script>alert(1)</script> ![evil](http://evil/y.png) $evil$ :red[evil] `evil`",
    "    evil code\n\tevil tab\n# evil\n- evil\n1. evil\n> evil\n```\nevil\n```\n\nevil  two",
    "evil] :] ]evil :orange-background[evil] \\evil\\ :material/evil: www.evil.com eve@evil.org",
]


@given(some.text(), some.text("abc \n", min_size=1, max_size=4))
def test_the_pieces_of_a_text_are_the_text(text, query):
    assert "".join(piece for piece, _ in search.marked(text, query)) == text


def test_the_words_are_marked_in_a_snippet_around_the_first():
    text = "word " * 100 + "The Bridge of stone, the bridge.\nAnd " + "more " * 100
    pieces = search.marked(search.snippet(text, "bridge -word", 80), "bridge -word")
    assert [piece for piece, mark in pieces if mark] == ["Bridge", "bridge"]
    line = "".join(piece for piece, _ in pieces)
    assert line.startswith("… ") and line.endswith("…") and "\n" not in line and len(line) <= 84
    assert search.snippet("nothing here", "bridge") == ""
    assert search.marked("ａｂｃ光合作用", "ABC 合作") == [
        ("ａｂｃ", True),
        ("光", False),
        ("合作", True),
        ("用", False),
    ]


@pytest.mark.parametrize("nasty", NASTY)
def test_lit_words_make_no_markup_of_the_data(nasty):
    from curation.ui.text import highlighted

    shown = highlighted(search.marked(nasty, "evil"))
    assert shown.count(":orange-background[evil]") == nasty.count("evil")
    rest = shown.replace(":orange-background[evil]", "evil")
    assert not re.search(r"(?<!\\)[<`*$\[\]:#>!|]", rest)
    assert not re.search(r"(^|\n)( {4}|\t)", shown)
    without = re.sub(r"\\(.)|\u2060|(?<= ) \n", r"\1", rest)
    assert plain(without.replace("\u00a0", " ")) == plain(nasty)


# --- where people search --------------------------------------------------------------------


def browse(mode: str = "Words", **session) -> AppTest:
    more = {n.replace("_", "-") if n.startswith("browse") else n: v for n, v in session.items()}
    return page_of("browse", {"browse-mode": mode, **more})


def opened(project: Project, example_id: str) -> dict[str, str]:
    """The values of a session with an open example."""
    return {f"open-example-{project.path}": str(example_id)}


def count(app: AppTest) -> int:
    return next(
        int(m.group(1).replace(",", ""))
        for c in app.caption
        if (m := re.match(r"\*\*([\d,]+)\*\* of", c.value))
    )


def test_browse_finds_words_and_lights_them_up(project):
    rows = project.view().dataset.rows
    hits = search.words(rows, "water")
    app = browse(browse_words="water", **opened(project, rows.index[hits.positions[0]]))
    assert count(app) == len(hits) > 0
    assert any(":orange-background[water]" in m.value for m in app.markdown)


def test_browse_finds_what_is_like_an_example(project):
    rows = project.view().dataset.rows
    first = str(project.view().dataset.kept.index[0])
    app = browse(**opened(project, first))
    next(b for b in app.button if b.label == "Like this").click().run()
    assert not app.exception
    assert app.session_state["browse-like"] == [first]
    assert count(app) == min(search.TOP, project.view().dataset.vectors.shape[0] - 1, count(app))
    assert app.dataframe[0].value["search"].is_monotonic_decreasing
    assert first not in app.dataframe[0].value.index
    assert len(rows) > count(app) > 0


def test_browse_finds_a_meaning_above_a_least_similarity(project):
    app = browse("Meaning", browse_meaning="food in the kitchen")
    best = app.dataframe[0].value["search"]
    assert best.is_monotonic_decreasing and len(best) == min(count(app), 200)
    least = round(float(best.iloc[3]), 2)
    app.slider(key="browse-meaning-least").set_value(least).run()
    assert 0 < count(app) == int((best >= least).sum())


def test_without_embeddings_browse_says_what_to_do(tmp_path, monkeypatch, main_module):
    lines = [{"prompt": p, "response": r} for p, r in PAIRS]
    source = tmp_path / "few.jsonl"
    source.write_text("\n".join(map(json.dumps, lines)))
    project = Project.create(tmp_path / "projects" / "few")
    project.add(source)
    monkeypatch.setenv("CURATION_PROJECT", str(project.path))
    app = browse("Meaning", browse_meaning="kitchen")
    assert any("embed" in i.value for i in app.info)
    assert "embed" in refused("search", project.path, "kitchen", "--meaning")


def test_the_command_prints_id_similarity_and_first_line(project):
    rows = project.view().dataset.rows
    result = answer("search", project.path, "water", "--top", "3")
    hits = search.words(rows, "water")
    assert result["found"] == len(hits)
    assert [h["id"] for h in result["hits"]] == list(rows.index[hits.positions[:3]])
    first = str(project.view().dataset.kept.index[0])
    alike = answer("search", project.path, "--like", first[:12], "--top", "5")["hits"]
    assert len(alike) == 5 and first not in [h["id"] for h in alike]
    assert sorted((h["similarity"] for h in alike), reverse=True) == [
        h["similarity"] for h in alike
    ]
    status, out, _ = run("search", project.path, "how to cook", "--meaning", "--top", "2")
    lines = out.splitlines()
    assert status == 0 and len(lines) == 2
    for line in lines:
        example, similarity, prompt = line.split("  ", 2)
        assert -1 <= float(similarity) <= 1
        assert str(rows.at[example, "prompt"]).strip().startswith(prompt)
    for wrong in ([], ["water", "--like", first]):
        assert run("search", project.path, *wrong)[0] == 2
