"""Topics: clusters at two levels that stay, names of their own words, other names on request."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_mutual_info_score
from typer.testing import CliRunner

from curation import naming
from curation.basis import Basis
from curation.cli import app
from curation.dataset import silent
from curation.embedding import nearest
from curation.errors import CurationError
from curation.operations.topics import merged, new_names, rename_topics, topics
from curation.project import Project
from curation.recipe import Recipe, Step
from curation.topic_names import Naming, names, topic_words
from tests.conftest import make_dataset

SUBJECTS = {
    "bread": "Knead the sourdough, let the dough rise and bake the bread in a hot oven.",
    "sea": "The harbour ferry left the quay and the sailors hauled the ropes of the ship.",
    "stars": "Through the telescope the astronomers watched a galaxy of distant stars.",
    "garden": "Prune the roses in spring and water the tomatoes in the greenhouse.",
}


def groups(rows: int, kinds: int, noise: float = 0.25, seed: int = 0):
    """Rows about some subjects, vectors around as many directions, and the subjects."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(kinds, 24))
    kind = np.arange(rows) % kinds
    vectors = centres[kind] + noise * draw.normal(size=(rows, 24)) * 2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = list(SUBJECTS.values())
    pairs = [(f"Tell me of case {i}.", texts[k % len(texts)]) for i, k in enumerate(kind)]
    return make_dataset(pairs).rows, vectors.astype(np.float32), kind


def near_of(vectors: np.ndarray):
    return lambda k, part=slice(None): nearest(vectors[part], k)


def topics_of(rows: pd.DataFrame, vectors: np.ndarray, basis: Basis | None = None, **params):
    return topics(rows, vectors, near_of(vectors), basis or Basis(), silent, **params)


def test_topics_agree_with_the_groups_there_are_and_themes_hold_them_together():
    rows, vectors, kind = groups(400, 12)
    table = topics_of(rows, vectors, topics=12, themes=4)
    assert adjusted_mutual_info_score(kind, table["topic"]) > 0.9
    assert table["topic"].nunique() == 12 and table["theme"].nunique() == 4
    assert (table.groupby("topic")["theme"].nunique() == 1).all()
    pd.testing.assert_frame_equal(table, topics_of(rows, vectors, topics=12, themes=4))


def test_no_more_topics_than_different_vectors():
    rows, vectors, _ = groups(30, 3, noise=0)
    table = topics_of(rows, vectors, topics=9)
    assert table["topic"].nunique() == 3


def test_added_rows_leave_the_others_topics_in_place(tmp_path):
    rows, vectors, kind = groups(300, 8, noise=0.4)
    basis = Basis(tmp_path / "basis.arrow")
    first = topics_of(rows[:200], vectors[:200], basis, topics=8)
    grown = topics_of(rows, vectors, basis, topics=8)
    pd.testing.assert_frame_equal(grown[:200], first)
    assert set(grown["topic"]) == set(first["topic"])
    assert adjusted_mutual_info_score(kind[200:], grown["topic"][200:]) > 0.8
    back = topics_of(rows[100:], vectors[100:], basis, topics=8)
    pd.testing.assert_frame_equal(back, grown[100:])


def test_what_another_run_found_anew_meanwhile_is_left_as_it_is(tmp_path):
    rows, vectors, _ = groups(300, 8, noise=0.4)
    basis, other = Basis(tmp_path / "basis.arrow"), Basis(tmp_path / "other.arrow")
    topics_of(rows[:200], vectors[:200], basis, topics=8)
    topics_of(rows, vectors, other, topics=5)

    class Overtaken(Basis):
        def locked(self):
            self.save(other.load())
            return super().locked()

    topics_of(rows, vectors, Overtaken(basis.path), topics=8)
    assert basis.load().equals(other.load())


def test_topics_kept_under_longer_keys_stay(tmp_path):
    rows, vectors, _ = groups(300, 8, noise=0.4)
    basis = Basis(tmp_path / "basis.arrow")
    before = topics_of(rows[:200], vectors[:200], basis, topics=8)
    grown = topics_of(
        rows, vectors, Basis(shutil.copy(basis.path, tmp_path / "same.arrow")), topics=8
    )
    names = basis.load()["topic"].to_pylist()
    halves = vectors[:200].astype(np.float16)
    keys = [blake2b(v.tobytes(), digest_size=15).digest() + b"." for v in halves]
    members = [
        b"".join(k for k, t in zip(keys, before["topic"], strict=True) if t == name)
        for name in names
    ]
    old = basis.load().drop_columns(["keys"])
    basis.save(old.append_column("members", pa.array(members, pa.large_binary())))
    pd.testing.assert_frame_equal(topics_of(rows, vectors, basis, topics=8), grown)
    assert "members" not in basis.load().column_names


@pytest.mark.parametrize("start, end", [(0, 500), (250, 450)], ids=["more", "new"])
def test_topics_are_found_anew_when_the_rows_are_others(start, end, tmp_path):
    rows, vectors, _ = groups(500, 10, noise=0.4)
    basis = Basis(tmp_path / "basis.arrow")
    topics_of(rows[:200], vectors[:200], basis)
    part = slice(start, end)
    anew = topics_of(rows[part], vectors[part])
    pd.testing.assert_frame_equal(topics_of(rows[part], vectors[part], basis), anew)


def test_who_tries_a_filter_comes_back_to_the_same_topics(tmp_path):
    rows, vectors, _ = groups(400, 8, noise=0.4)
    basis = Basis(tmp_path / "basis.arrow")
    before = topics_of(rows[:399], vectors[:399], basis)
    pd.testing.assert_frame_equal(topics_of(rows[:120], vectors[:120], basis), before[:120])
    pd.testing.assert_frame_equal(topics_of(rows, vectors, basis)[:399], before)


def test_of_many_rows_a_part_makes_the_topics_and_twins_share_theirs(tmp_path, monkeypatch):
    rows, vectors, kind = groups(400, 8, noise=0.5)
    vectors[200:] = vectors[:200]
    monkeypatch.setattr("curation.basis.FITTED", 120)
    monkeypatch.setattr("curation.operations.topics.FITTED", 120)
    basis = Basis(tmp_path / "basis.arrow")
    table = topics_of(rows, vectors, basis, topics=8)
    assert (table["topic"].to_numpy()[:200] == table["topic"].to_numpy()[200:]).all()
    assert adjusted_mutual_info_score(kind[:200], table["topic"][:200]) > 0.7
    pd.testing.assert_frame_equal(topics_of(rows[1:], vectors[1:], basis, topics=8), table[1:])


def test_ward_merges_what_costs_least_and_heeds_sizes():
    line = np.array([[0.0], [1.0], [10.0], [11.5], [30.0]])
    assert merged(line, np.ones(5), 3).tolist() == [0, 0, 1, 1, 2]
    between = np.array([[0.0], [4.0], [9.0]])
    assert merged(between, np.array([1, 1, 1]), 2).tolist() == [0, 0, 1]
    assert merged(between, np.array([1000, 1000, 1]), 2).tolist() == [0, 1, 1]
    assert merged(line, np.ones(5), 9).tolist() == [0, 1, 2, 3, 4]


# --- names ----------------------------------------------------------------------------------------


def test_words_that_stand_together_are_named_together():
    texts = ["Climate change warms the sea."] * 6 + ["Neural network layers learn."] * 6
    terms = Naming(texts, np.repeat([0, 1], 6), 2).terms([0, 1])
    assert "climate change" in terms[0] and "neural network" in terms[1]
    chinese = Naming(
        ["机器学习很有趣", "我爱机器学习"] * 3 + ["苹果树"] * 6, np.repeat([0, 1], 6), 2
    )
    assert "机器学习" in chinese.terms([0, 1])[0]


def test_singular_and_plural_are_one_word_in_the_spelling_met_most():
    texts = ["A recipe.", "Two recipes.", "Good recipes.", "Dogs bark."]
    terms = Naming(texts, np.array([0, 0, 0, 1]), 2).terms([0, 1])
    assert terms[0] == ["recipes"] and set(terms[1]) == {"dogs", "bark"}


def test_no_two_names_are_alike():
    same = ["oven", "bread", "flour", "yeast"]
    labels = names([same, same, same[:2], same[:2], []], taken=["oven · bread"])
    assert labels[:2] == ["oven · bread · flour", "oven · bread · yeast"]
    assert labels[2:] == ["oven · bread (2)", "oven · bread (3)", "other"]


def test_words_lose_endings_behind_an_apostrophe():
    assert topic_words("The dog's bone isn't l’eau, they'll dance") == [
        "dog",
        "bone",
        "eau",
        "dance",
    ]


# --- other names ----------------------------------------------------------------------------------

FRAME = pd.DataFrame(
    {
        "topic": pd.Series(["bread", "rolls", "ships", None], dtype="str"),
        "theme": pd.Series(["food", "food", "sea", None], dtype="str"),
    }
)


def test_renaming_relabels_both_columns_merges_and_ignores_what_is_not_there():
    table = rename_topics(
        FRAME, names=["bread = Baking = fun", "rolls = Baking = fun", "sea = Sea", "moon = Moon"]
    )
    assert table["topic"].tolist()[:3] == ["Baking = fun", "Baking = fun", "ships"]
    assert table["theme"].tolist()[:3] == ["food", "food", "Sea"]
    assert table.iloc[3].isna().all()


@pytest.mark.parametrize("line", ["bread", "bread = ", " = Baking", "bread=Baking"])
def test_a_line_that_names_no_topic_is_refused_in_a_sentence(line):
    with pytest.raises(CurationError, match="old name = new name"):
        rename_topics(FRAME, names=[line])


def test_the_recipe_keeps_new_names_in_one_step_behind_topics():
    recipe = Recipe((Step("embed"), Step("topics"), Step("split")))
    once = naming.renamed(recipe, "bread", " Baking \n bread")
    assert [s.use for s in once] == ["embed", "topics", "rename_topics", "split"]
    assert once.steps[2].params["names"] == ["bread = Baking bread"]
    twice = naming.renamed(naming.renamed(once, "Baking bread", "Loaves"), "sea", "Ships")
    assert twice.steps[2].params["names"] == ["bread = Loaves", "sea = Ships"]
    assert Recipe.from_yaml(twice.to_yaml()) == twice
    back = naming.renamed(naming.renamed(twice, "Loaves", "bread"), "Ships", "sea")
    assert back == recipe
    with pytest.raises(CurationError, match="add topics"):
        naming.renamed(Recipe((Step("embed"),)), "a", "b")
    with pytest.raises(CurationError, match="needs a name"):
        naming.renamed(recipe, "bread", " \n")


def test_topics_gathered_under_a_name_go_along_when_it_changes():
    recipe = naming.renamed(Recipe((Step("topics"),)), "rolls", "bread")
    recipe = naming.renamed(recipe, "bread", "Baking", originals={"bread", "rolls"})
    given = new_names(recipe.steps[1].params["names"])
    assert given == {"rolls": "Baking", "bread": "Baking"}


@pytest.mark.parametrize(
    "answer, name",
    [
        ("Baking bread", "Baking bread"),
        ('\n**Topic: "Baking bread."**\nBecause …', "Baking bread"),
        ("<b>烘焙</b>面包。", "烘焙面包"),
        ("a = b | [c](d)\x1b[31m", "a b c(d)31m"),
        ("word " * 20, "word word word word word word word word"),
        ("x" * 90, "x" * 40),
        ("```\n\n```", ""),
    ],
)
def test_an_answer_becomes_one_short_line_without_markup(answer, name):
    assert naming.cleaned(answer) == name


class Endpoint(HTTPServer):
    """A small OpenAI-compatible endpoint that remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict, str | None]] = []
        self.status, self.body, self.location = 200, None, ""
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Answer(BaseHTTPRequestHandler):
    server: Endpoint

    def do_GET(self) -> None:  # what a followed redirect would ask
        self.server.requests.append((self.path, {}, self.headers.get("Authorization")))
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, question, self.headers.get("Authorization")))
        reply = {"choices": [{"message": {"content": '"Found name"'}}]}
        body = json.dumps(reply).encode() if self.server.body is None else self.server.body
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *about: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


TOPICS = [
    naming.Topic("food", "bread · oven", 9, ("bread", "oven"), ("Bake it.",) * 5),
    naming.Topic("sea", "ship · quay", 7, ("ship", "quay"), ("Row.",)),
]


def test_an_endpoint_gives_names_and_no_two_alike(endpoint, monkeypatch):
    monkeypatch.setenv(naming.KEY, "secret")
    given = naming.names_by_model(TOPICS, endpoint.url, "tiny")
    assert given == {"bread · oven": "Found name", "ship · quay": "Found name (ship)"}
    path, body, key = endpoint.requests[0]
    assert (path, body["model"], key) == ("/v1/chat/completions", "tiny", "Bearer secret")
    sent = json.loads(body["messages"][1]["content"])
    assert sent == {"words": ["bread", "oven"], "texts": ["Bake it."] * 5}


@pytest.mark.parametrize(
    "status, body, sentence",
    [
        (401, b"no key", "refused with status 401; is CURATION_API_KEY set .*no key"),
        (500, b"{}", "refused with status 500"),
        (200, b"<html>", "OpenAI-compatible"),
        (200, b'{"choices": []}', "OpenAI-compatible"),
        (200, b"[1]", "OpenAI-compatible"),
        (200, b"[" * 100_000, "OpenAI-compatible"),
    ],
)
def test_what_an_endpoint_does_wrong_is_a_sentence(endpoint, status, body, sentence):
    endpoint.status, endpoint.body = status, body
    with pytest.raises(CurationError, match=sentence):
        naming.names_by_model(TOPICS, endpoint.url, "tiny")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_goes_to_no_other_address(endpoint, monkeypatch, status):
    monkeypatch.setenv(naming.KEY, "secret")
    endpoint.status, endpoint.location = status, f"{endpoint.url}/elsewhere"
    with pytest.raises(CurationError, match="leads on to .*/elsewhere, where nothing was sent"):
        naming.names_by_model(TOPICS, endpoint.url, "tiny")
    assert [path for path, _, _ in endpoint.requests] == ["/v1/chat/completions"]


def test_an_endpoint_that_is_not_there_is_a_sentence(endpoint):
    with pytest.raises(CurationError, match="could not be reached"):
        naming.names_by_model(TOPICS, "http://127.0.0.1:9/v1", "tiny")
    for url in ("file:///etc/passwd", "localhost:8000"):
        with pytest.raises(CurationError, match="no address of an endpoint"):
            naming.names_by_model(TOPICS, url, "tiny")


def test_a_name_that_nothing_bears_is_refused_with_what_it_is_like(example_project, tmp_path):
    import shutil

    folder = shutil.copytree(example_project, tmp_path / "example")
    before = Project.open(folder)
    topic = str(before.view().dataset.kept["topic"].iloc[0])
    wrong = CliRunner().invoke(app, ["topics", str(folder), "--rename", f"{topic}x = cookery"])
    assert f"Did you mean {topic!r}" in str(wrong.exception)
    assert Project.open(folder).recipe == before.recipe
    right = CliRunner().invoke(app, ["topics", str(folder), "--rename", f"{topic} = cookery"])
    assert right.exit_code == 0 and right.output.startswith(f"{topic} = cookery\n1 name is")
    again = CliRunner().invoke(app, ["topics", str(folder), "--rename", "cookery = cooking"])
    assert again.exit_code == 0, "a name that was given may be changed before the run"


def test_the_command_lists_topics_and_writes_names_into_the_recipe(
    example_project, tmp_path, endpoint
):
    import shutil

    folder = shutil.copytree(example_project, tmp_path / "example")
    before = Project.open(folder).recipe
    listed = CliRunner().invoke(app, ["topics", str(folder), "--json"])
    assert listed.exit_code == 0, listed.output
    shown = json.loads(listed.stdout)["topics"]
    kept = Project.open(folder).view().dataset.kept
    assert {t["name"]: t["size"] for t in shown} == kept["topic"].value_counts().to_dict()
    assert all(t["words"] and t["examples"] for t in shown)
    assert Project.open(folder).recipe == before and endpoint.requests == []

    old = shown[0]["name"]
    done = CliRunner().invoke(app, ["topics", str(folder), "--rename", f"{old} = My topic"])
    assert done.exit_code == 0 and "My topic" in done.output
    rows = Project.open(folder).run().kept
    assert (rows["topic"] == "My topic").sum() == shown[0]["size"]

    done = CliRunner().invoke(app, ["topics", str(folder), "--name-by", endpoint.url, "--json"])
    assert done.exit_code == 0, done.output
    assert len(endpoint.requests) == len(shown)
    given = json.loads(done.stdout.splitlines()[-1])["renamed"]
    assert len(given) == len(set(given.values())) == len(shown)
    names = set(Project.open(folder).run().kept["topic"])
    assert names == set(given.values()), "also the one that had been renamed before"
