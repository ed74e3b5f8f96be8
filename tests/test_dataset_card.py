"""The dataset card: one model, as Markdown and as an offline page, of hostile texts too."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
import yaml

from curation import Project, Recipe, Step, export
from curation.errors import CurationError
from curation.export.blocks import (
    Address,
    Bars,
    Card,
    Histogram,
    Intervals,
    Listing,
    Paragraph,
    Section,
    Table,
)
from curation.export.card_page import page
from curation.export.card_text import line, markdown
from curation.export.licences import LICENCES, checked_licence, describe, licence_head
from curation.report import StepReport
from curation.settings import ABOUT, read_about, read_settings, write_about
from tests.conftest import make_dataset
from tests.test_escaping import ATTACKS, RENDERER

HOSTILE = [
    *ATTACKS,
    "$\\href{javascript:alert(1)}{a}$ and $$x$$",
    "</title></style><script>alert(1)</script>",
    "' onload='alert(1)",
    '" onerror="alert(1)',
    "</svg><script>alert(1)</script>",
    "- item",
    "12. item",
    "3) item",
    "= title",
]


class Tags(HTMLParser):
    """Collects the tags and attributes of a page, and its text."""

    def __init__(self):
        super().__init__()
        self.tags, self.names, self.words, self.links = set(), set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_data(self, data):
        self.words.append(data)


def hostile_card(text: str) -> Card:
    """A card with a text in every place that data can reach."""
    blocks = (
        Paragraph(text),
        Listing((text, text)),
        Table((text, "n"), ((text, "1"),), frozenset({1})),
        Bars(text, ((text, 3), ("b", 0))),
        Histogram(text, ((1.0, 8.0, 2), (8.0, 4_096.0, 1)), (2_048,)),
        Intervals(text, text, ((text, 0.5, 0.4, 0.6),)),
    )
    return Card(text, {"pretty_name": text, "license": "mit"}, blocks[:3], (Section(text, blocks),))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_markup_in_the_page(text):
    document = page(hostile_card(text))
    parser = Tags()
    parser.feed(document)
    allowed = "html head meta title style body h1 h2 p nav a section div table thead tbody tr th td"
    assert parser.tags <= set(
        f"{allowed} ul li figure figcaption svg rect line text circle".split()
    )
    assert (
        not {name for name in parser.names if name.startswith("on")} and "style" not in parser.names
    )
    assert all(link.startswith("#s") for link in parser.links)
    whole = "".join(parser.words)
    assert whole.count(text) >= 9, "every place shows the text as it is"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_markup_in_the_markdown(text):
    document = markdown(hostile_card(text))
    head, body = document.split("---\n", 2)[1:]
    assert yaml.safe_load(head)["pretty_name"] == text
    rendered = RENDERER.render(body)
    tags = set(re.findall(r"<(/?\w+|!)", rendered))
    plain = "h1 h2 p ul li table thead tbody tr th td".split()
    assert tags <= {f"{end}{tag}" for tag in plain for end in ("", "/")}
    shown = html.unescape(re.sub(r"<[^>]*>", "", rendered)).replace("\u2060", "")
    assert shown.count(text) >= 8
    assert not re.search(r"(?<!\\)\$", body), "a formula needs a dollar sign"


@pytest.mark.parametrize("address", ["ada_l@example.org", "https://example.org/a_b", "<b>@x.y</b>"])
def test_a_contact_is_written_as_it_was_stated(address):
    stated = Card("c", {}, (Table(("", ""), (("Contact", Address(address)),)),))
    document = markdown(stated)
    assert "\u2060" not in document
    shown = re.sub(r"</?(?:a|table|thead|tbody|tr|th|td|h1)\b[^>]*>", "", RENDERER.render(document))
    assert html.escape(address) in shown, "no text of it is a tag"


def test_the_page_fetches_and_runs_nothing():
    document = page(hostile_card("x"))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', document).group(1)
    assert policy.startswith("default-src 'none'") and "style-src 'sha256-" in policy
    assert "unsafe" not in policy and "http" not in document.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in document and "@media print" in document
    assert len(document) < 20_000


def test_both_renderings_hold_the_same_texts():
    both = hostile_card("Fjord & Förde")
    parser = Tags()
    parser.feed(page(both))
    words = set(" ".join(parser.words).split())
    shown = html.unescape(
        re.sub(r"<[^>]*>", "", RENDERER.render(markdown(both).split("---\n", 2)[2]))
    )
    assert set(shown.replace(":", " ").replace(",", " ").split()) <= words | {"", "b", "3", "0"}


@pytest.mark.parametrize(
    "text, kept",
    [
        ("", ""),
        ("Apache-2.0", "apache-2.0"),
        (" CC-BY-4.0 ", "cc-by-4.0"),
        ("other: Our terms", "other: Our terms"),
        ("OTHER:Our  terms", "other: Our terms"),
    ],
)
def test_a_licence_has_the_spelling_of_the_hub(text, kept):
    assert checked_licence(text) == kept
    head = licence_head(kept)
    assert head["license"] in LICENCES
    assert head.get("license_name") == (kept.removeprefix("other: ") if "other" in kept else None)


@pytest.mark.parametrize(
    "text, near", [("Apache 2", "apache-2.0"), ("CC BY", "cc-by-"), ("other:", "")]
)
def test_an_unknown_licence_is_refused_with_the_nearest(text, near):
    with pytest.raises(CurationError, match=f"knows no licence.*{near}"):
        checked_licence(text)


@pytest.mark.parametrize(
    "text", ['a "b" \\ c', "Zeile\nzwei", "\x7f\x00\x1b", "満潮 🌊", "[about]\nx = 1"]
)
def test_what_is_stated_is_kept_beside_the_other_settings(text, tmp_path):
    project = Project.create(tmp_path / "p").path
    path = project / "project.toml"
    path.write_text(path.read_text() + "# mine\n[limits]\nseconds = 9\n")
    describe(project, {"purpose": text, "licence": "mit"})
    describe(project, {**read_about(project), "contact": "Ada"})
    assert read_about(project) == {
        "purpose": " ".join(text.split()),
        "licence": "mit",
        "contact": "Ada",
    }
    assert read_settings(project)["limits"] == {"seconds": 9} and "# mine" in path.read_text()
    assert path.read_text().count("[about]\n") == 1
    write_about(project, dict.fromkeys(ABOUT, ""))
    assert read_about(project) == {} and read_settings(project)["limits"] == {"seconds": 9}


def test_a_value_that_is_no_text_is_a_sentence(tmp_path):
    project = Project.create(tmp_path / "p").path
    path = project / "project.toml"
    path.write_text(path.read_text() + "[about]\npurpose = 3\n")
    with pytest.raises(CurationError, match="about.purpose must be a text"):
        read_about(project)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    home = tmp_path_factory.mktemp("card")
    source = home / "rows.jsonl"
    rows = [
        f'{{"prompt": "Name fjord {n}.", "response": "{"It is long. " * (n + 1)}"}}'
        for n in range(20)
    ]
    source.write_text("\n".join([*rows, rows[3]]), "utf-8")
    project = Project.create(home / "fjords")
    project.add(source)
    project.recipe += Step("drop_exact_duplicates")
    project.recipe += Step("chat_tokens")
    for name in ("lengths", "language", "answer_checks"):
        project.recipe += Step(name)
    project.recipe += Step("split")
    describe(project.path, {"purpose": "Teach fjords.", "licence": "CC-BY-4.0"})
    manifest = project.export(home / "out", formats=["trl", "hf"])
    return home / "out", manifest


def test_the_card_states_what_somebody_stated_and_what_nobody_did(delivered):
    out, manifest = delivered
    text = (out / "README.md").read_text("utf-8")
    head = yaml.safe_load(text.split("---\n")[1])
    assert head["license"] == "cc-by-4.0" and manifest["about"]["purpose"] == "Teach fjords."
    assert "| Purpose | Teach fjords. |" in text and "| Contact | not stated |" in text
    assert "The contact is not stated." in text and "The purpose is not stated." not in text


@pytest.mark.parametrize(
    ("tokenizer", "shown"),
    [
        ("{home}/models/own", "own"),
        ("~/models/own", "own"),
        ("./models/own", "own"),
        (r"C:\\models\\own", "own"),
        ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("", ""),
    ],
)
def test_no_file_names_the_folder_of_a_model(tokenizer, shown, tmp_path):
    tokenizer = tokenizer.format(home=tmp_path)
    data = make_dataset([("One?", "Yes."), ("Two?", "No.")])
    recipe = Recipe((Step("chat_tokens", tokenizer=tokenizer),))
    frame = pd.DataFrame(index=data.rows.index)
    report = StepReport(
        "chat_tokens", "chat_tokens", "Tokens", "score", {"tokenizer": tokenizer}, "f", frame
    )
    origin = export.Origin("p", [], recipe.to_yaml())
    data = data.replace(
        rows=data.rows.assign(split=pd.Series("train", index=data.rows.index, dtype="str")),
        steps=(report,),
    )
    manifest = export.export(data, origin, tmp_path / "out", ["trl"])
    assert manifest["steps"][0]["params"]["tokenizer"] == shown
    assert Recipe.from_yaml(manifest["recipe"]).steps[0].params["tokenizer"] == shown
    if tokenizer != shown:
        for path in (tmp_path / "out").rglob("*"):
            assert path.is_dir() or tokenizer.encode() not in path.read_bytes()


def test_the_card_counts_tokens_and_what_a_context_cuts(delivered):
    out, _ = delivered
    text, document = ((out / name).read_text("utf-8") for name in ("README.md", "card.html"))
    assert "Counted by the bundled WordPiece" in text and "tokens in 20 conversations" in text
    assert "| 512 | 0 | 0.0 % | 0 | 0.0 % |" in text
    for sentence in ("Examples that are left after each step", "tokens of a conversation"):
        assert sentence in document
    assert "“Name fjord 3.”" in text and "“Name fjord 3.”" in html.unescape(document)


def test_the_card_says_what_was_not_looked_for(delivered):
    out, _ = delivered
    text = (out / "README.md").read_text("utf-8")
    assert "No benchmark was compared" in text and "Nobody trained on it yet" in text
    assert "0 delivered examples seem to hold personal data" in text
    assert line("a_b") == "a\\_b"


def test_the_files_of_the_card_are_listed_with_their_checksums(delivered):
    _, manifest = delivered
    assert {"README.md", "card.html"} <= {entry["path"] for entry in manifest["files"]}
