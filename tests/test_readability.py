"""Readability: syllables, sentences, and the texts that have a score."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from curation.registry import operation
from curation.text.readable import CONSTANTS, _counter, english_syllables, reading_ease


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


BY_HAND = {
    "de": "idee 2 aber 2 oma 2 abend 2 uhu 2 europa 3 auto 2 haus 1 eine 2 über 2 leben 2 schule 2 ofen 2 igel 2 "
    "radio 3 menschen 2 arbeit 2 oder 2 ich 1 alle 2 gehen 2 sonne 2 unter 2 bäume 2",
    "es": "agua 2 una 2 ella 2 oro 2 amigo 3 aire 2 ahora 3 hora 2 idea 3 casa 2 día 2 país 2 río 2 ciudad 2 bueno 2 "
    "libro 2 escuela 3 isla 2 uno 2 era 2 historia 3 leer 2 tiempo 2 y 1 queso 2",
    "fr": "idée 2 ami 2 école 2 une 1 été 2 table 1 maison 2 eau 1 père 1 aussi 2 avoir 2 petite 2 homme 1 enfant 2 "
    "animal 3 univers 3 oui 1 après 2 elle 1 grande 1 livre 1 les 1 famille 2 bien 1 question 2 nuit 1 rue 1",
    "it": "amore 3 era 2 ogni 2 uno 2 idea 3 acqua 2 casa 2 amico 3 italia 3 io 1 aereo 4 oro 2 ieri 2 anno 2 "
    "essere 3 città 2 uomo 2 bambino 3 famiglia 3 ora 2 giorno 2 mai 1 più 1 scuola 2",
    "nl": "avond 2 over 2 eten 2 idee 2 oma 2 auto 2 huis 1 ik 1 open 2 zee 1 water 2 onder 2 alle 2 uur 1 ieder 2 "
    "school 1 kinderen 3 euro 2 aan 1 ander 2 zeeën 2 familie 3 een 1 ezel 2",
    "ru": "она 2 это 2 имя 2 его 2 яма 2 дом 1 мама 2 окно 2 россия 3 идея 3 я 1 и 1 в 0 читаю 3 поэт 2 время 2 "
    "город 2 улица 3 школа 2 моя 2 если 2 они 2 учитель 3 армия 3",
}
"""Words with their syllables, as dictionaries of their languages divide them or as they are spoken."""


@pytest.mark.parametrize("language", BY_HAND)
def test_syllables_agree_with_those_counted_by_hand(language):
    words = BY_HAND[language].split()
    expected = {word: int(count) for word, count in zip(words[::2], words[1::2], strict=True)}
    count = _counter(language)
    assert {word: count(word) for word in expected} == expected


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
