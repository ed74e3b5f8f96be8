"""How easy a text is to read: syllables, sentences, and which texts have a score."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation.registry import operation
from curation.text.readable import CONSTANTS, english_syllables, reading_ease


@pytest.mark.parametrize(
    "word, count",
    [
        ("a", 1), ("cat", 1), ("table", 2), ("make", 1), ("walked", 1), ("wanted", 2), ("the", 1),
        ("banana", 3), ("beautiful", 3), ("rhythm", 1), ("university", 5),
        ("movie", 2), ("hmm", 1),
    ],
)  # fmt: skip
def test_english_syllables_are_groups_of_vowels_that_are_spoken(word, count):
    assert english_syllables(word) == count


def test_the_score_is_flesch_s_formula():
    text = "The cat sat on the mat and saw a dog. It ran to the tree, and the dog ran too.\nAt home"
    words, sentences, syllables = 22, 3, 22
    expected = 206.835 - 1.015 * words / sentences - 84.6 * syllables / words
    assert reading_ease(text, "en") == pytest.approx(expected)


EASY = {
    "en": "The sun is up. We go out. " * 4,
    "de": "Die Sonne ist da. Wir gehen raus. " * 4,
    "es": "El sol sale hoy. Todos van al mar. " * 4,
    "fr": "Le soleil est là. Nous allons à la mer. " * 4,
    "it": "Il sole è alto. Noi siamo al mare. " * 4,
    "nl": "De zon is op. Wij gaan naar zee. " * 4,
    "ru": "Мы идём в лес. Там поёт птица. " * 4,
}
HARD = {
    "en": "International organisations continuously investigate extraordinary possibilities. ",
    "de": "Internationale Organisationen untersuchen außergewöhnliche Möglichkeiten kontinuierlich. ",
    "es": "Organizaciones internacionales investigan continuamente posibilidades extraordinarias. ",
    "fr": "Les organisations internationales examinent continuellement des possibilités extraordinaires. ",
    "it": "Organizzazioni internazionali investigano continuamente possibilità straordinarie. ",
    "nl": "Internationale organisaties onderzoeken voortdurend buitengewone mogelijkheden. ",
    "ru": "Международные организации непрерывно исследуют исключительные возможности. ",
}


@pytest.mark.parametrize("language", CONSTANTS)
def test_plain_sentences_are_easier_in_every_language_with_constants(language):
    easy, hard = reading_ease(EASY[language], language), reading_ease(HARD[language] * 5, language)
    assert easy is not None and hard is not None and easy > 60 > hard


def test_other_languages_short_texts_and_code_have_no_score():
    texts = {
        "en": [EASY["en"], "Too short.", "```\n" + EASY["en"] + "\n```", ""],
        "pl": [EASY["en"]],
        "": [EASY["en"]],
    }
    rows = pd.DataFrame([(c, t) for c, group in texts.items() for t in group], dtype="str")
    rows.columns = ["language", "response"]
    rows = rows.assign(prompt="", prompt_language="en")
    step = operation("readability")
    assert list(np.isnan(step.run(rows, **step.check({})))) == [False] + [True] * 5
    assert np.isnan(step.run(rows, **step.check({"side": "prompt"}))).all()
