"""Writers of faults into clean rows: each takes a row and gives it with one fault.

Of each list of wordings those at even places are for rows whose number is even, by which the rules were
mended; odd rows were kept aside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from benchmarks import _wordings as wordings

Entry = TypeVar("Entry")
Draw = np.random.Generator


class Row(NamedTuple):
    """A prompt and its answer in a language."""

    prompt: str
    response: str
    language: str


class Fault(NamedTuple):
    """A row with a fault; aside: whether its wording was kept aside."""

    kind: str
    row: Row
    aside: bool


Writer = Callable[[Row, Row, int, Draw], Row]
"""Takes a row, another row of its language, the number of the fault, and chance."""


def nth(entries: Sequence[Entry], number: int) -> Entry:
    """Return an entry for a numbered fault: an even place for an even number, an odd one for an odd."""
    half = entries[number % 2 :: 2] or entries
    return half[number // 2 % len(half)]


def _short(text: str, longest: int = 300) -> str:
    """Return the beginning of a text, to its last whole sentence where it has one."""
    if len(text) <= longest:
        return text
    end = max(text.rfind(sign, 0, longest) for sign in (". ", "。", "\n", "! ", "? "))
    return text[: end + 1].strip() if end > 0 else text[:longest]


def refusal(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with a refusal in place of its answer."""
    offer = str(draw.choice(wordings.OFFERS[row.language]))
    return row._replace(response=nth(wordings.REFUSALS[row.language], number) + offer)


def foreign_refusal(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return a request with a refusal in one of seven further languages."""
    language = list(wordings.PROMPTS)[number // 2 % len(wordings.PROMPTS)]
    texts = wordings.REFUSALS[language]
    half = texts[number % 2 :: 2]
    prompt = nth(wordings.PROMPTS[language], number)
    return Row(prompt, half[number // 2 // len(wordings.PROMPTS) % len(half)], language)


def placeholder(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with a placeholder in place of its answer."""
    return row._replace(response=nth(wordings.PLACEHOLDERS[row.language], number))


def truncated(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with its answer cut where a limit of tokens falls, within a word or after one."""
    text = row.response
    for _ in range(50):
        end = int(draw.integers(len(text) * 3 // 10, len(text) * 95 // 100))
        if number // 2 % 2 and " " in text:
            end = text.rfind(" ", 0, end)
        cut = text[:end].rstrip()
        if cut and cut[-1] not in '.!?。！？:：;；…"”)' and text[end : end + 1] != "\n":
            return row._replace(response=cut)
    return row._replace(response=text[: len(text) // 2])


def loop(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with an answer that ends in a loop, of its own sentence or of a phrase."""
    text, times = _short(row.response, 200), int(draw.integers(12, 40))
    if number // 2 % 3 == 0:
        return row._replace(
            response=text + " " + nth(wordings.LOOPED[row.language], number) * times
        )
    unit = re.split(r"(?<=[.!?。！？])\s*|\n", text.strip())[-1] or text
    if number // 2 % 3 == 1:
        return row._replace(response=text + "".join(f"\n{n}. {unit}" for n in range(2, times)))
    return row._replace(response=text + (" " if row.language == "en" else "") + f"{unit} " * times)


def merged(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with another turn inside its answer."""
    parts = {"question": other.prompt, "reply": other.response, "answer": row.response}
    return row._replace(
        response=nth(wordings.MERGED[row.language], number).format(
            **{name: _short(text) for name, text in parts.items()}
        )
    )


def special_token(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with a token of a chat template at the end, the start or within its answer."""
    token, text = nth(wordings.TOKENS, number), row.response
    place = (len(text), 0, text.find(" ", len(text) // 2) + 1)[number // 2 % 3]
    return row._replace(response=f"{text[:place]}{token}{text[place:]}")


def copied_prompt(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with its prompt in place of its answer."""
    forms = {"prompt": row.prompt, "upper": row.prompt.upper(), "shorter": row.prompt[:-1]}
    return row._replace(response=nth(wordings.COPIES, number).format(**forms))


def page(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with a prompt about a page behind a link."""
    url = wordings.URLS[int(draw.integers(len(wordings.URLS)))]
    return row._replace(prompt=nth(wordings.PAGES[row.language], number).format(url=url))


def link(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with a sentence after its answer that sends the reader to no page."""
    return row._replace(response=f"{row.response} {nth(wordings.LINKS[row.language], number)}")


def html(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with the markup of a web page in its answer."""
    text = row.response
    words = text.split(" ") if row.language == "en" else [text[:6], text[6:]]
    size = 3 if row.language == "en" else 1
    joined = {
        "first": " ".join(words[:size]),
        "rest": " ".join(words[size:]) or text,
        "answer": text,
    }
    return row._replace(response=nth(wordings.HTML, number).format(**joined))


def garbled(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with its answer read in another encoding than it was written in."""
    words = _short(row.response).split(" ")
    odd = wordings.ODD_WORDS[row.language]
    for _ in range(2):
        words.insert(int(draw.integers(len(words) + 1)), odd[int(draw.integers(len(odd)))])
    written, read = nth(wordings.ENCODINGS, number)
    return row._replace(response=" ".join(words).encode(written, "replace").decode(read, "replace"))


def another_language(row: Row, other: Row, number: int, draw: Draw) -> Row:
    """Return the row with the answer of a row of another language, which `other` is."""
    return row._replace(response=_short(other.response, 600))


def _digits(draw: Draw, count: int) -> str:
    return "".join(map(str, draw.integers(0, 10, count)))


def email(draw: Draw) -> str:
    """Return an address."""
    names, hosts = (
        ("mara.lindt", "jchen88", "o-pereira", "t_haug"),
        ("posteo.de", "qq.com", "uib.no"),
    )
    return f"{draw.choice(names)}{draw.integers(1, 99)}@{draw.choice(hosts)}"


def phone(draw: Draw) -> str:
    """Return a telephone number of one of five countries."""
    forms = (
        lambda: f"+44 20 7{_digits(draw, 3)} {_digits(draw, 4)}",
        lambda: f"+49 30 {draw.integers(2, 9)}{_digits(draw, 6)}",
        lambda: (
            f"(212) {draw.integers(2, 9)}{_digits(draw, 2).replace('55', '46')}-{_digits(draw, 4)}"
        ),
        lambda: f"13{draw.integers(5, 9)}{_digits(draw, 8)}",
        lambda: (
            f"+33 6 {_digits(draw, 2)} {_digits(draw, 2)} {_digits(draw, 2)} {_digits(draw, 2)}"
        ),
    )
    return forms[int(draw.integers(len(forms)))]()


def card(draw: Draw) -> str:
    """Return the number of a bank card with its check digit."""
    body = str(draw.choice(("4539", "5425", "4716", "5186"))) + _digits(draw, 11)
    total = sum(
        d if place % 2 else (2 * d - 9 if d > 4 else 2 * d)
        for place, d in enumerate(map(int, body))
    )
    whole = body + str(-total % 10)
    return str(draw.choice(("", " ", "-"))).join(whole[i : i + 4] for i in range(0, 16, 4))


def iban(draw: Draw) -> str:
    """Return the number of a German account with its check digits."""
    account = _digits(draw, 18)
    check = 98 - int(f"{account}131400") % 97
    whole = f"DE{check:02}{account}"
    return str(draw.choice(("", " "))).join(whole[i : i + 4] for i in range(0, 22, 4))


CARRIERS = {
    "en": (
        "You can reach her under {}.",
        "Write it down: {}",
        "My details: {}, thanks.",
        "It is {}.",
    ),
    "zh": ("联系方式：{}。", "请记下 {}", "这是我的信息：{}，谢谢。", "是{}。"),
}


def personal(kind: Callable[[Draw], str]) -> Writer:
    """Return a writer that puts personal data of a kind into an answer."""

    def write(row: Row, other: Row, number: int, draw: Draw) -> Row:
        sentence = nth(CARRIERS[row.language], number).format(kind(draw))
        return row._replace(response=f"{row.response} {sentence}")

    return write


WRITERS: dict[str, tuple[str, Writer]] = {
    "refusal": ("refusal", refusal),
    "refusal, 7 languages": ("refusal", foreign_refusal),
    "placeholder": ("placeholder_answer", placeholder),
    "truncated": ("truncated_answer", truncated),
    "truncated, flags too": ("truncated_answer unfinished_answer", truncated),
    "loop": ("repetition_loop", loop),
    "merged turns": ("merged_instructions", merged),
    "special token": ("special_tokens", special_token),
    "copied prompt": ("copies_prompt", copied_prompt),
    "page to open": ("unfollowable_url", page),
    "link to no page": ("placeholder_link", link),
    "HTML": ("html", html),
    "garbled": ("garbled", garbled),
    "another language": ("wrong_language", another_language),
    "e-mail": ("personal_data", personal(email)),
    "phone": ("personal_data", personal(phone)),
    "card": ("personal_data", personal(card)),
    "IBAN": ("personal_data", personal(iban)),
}
"""Kind of fault → the rules that look for it, and its writer."""


def grams(text: str) -> set[str]:
    """Return runs of five words, or of five characters where no spaces stand between words."""
    pieces = text.lower().split()
    if len(pieces) < 5 or len(pieces) * 12 < len(text):
        return {text[i : i + 5] for i in range(max(1, len(text) - 4))}
    return {" ".join(pieces[i : i + 5]) for i in range(len(pieces) - 4)}


def jaccard(one: str, two: str) -> float:
    """Return how many runs of two texts are the same, as a share of all of them."""
    first, second = grams(one), grams(two)
    return len(first & second) / max(1, len(first | second))


_CODE = re.compile(r"^(?: {4}|\t)|`|~~~", re.MULTILINE)
"""Lines of code, in which capitals and white space change the meaning."""


def exact_copy(row: Row, number: int) -> Row:
    """Return the row as it is, in capitals, or with other white space around its words.

    A prompt that holds code stays as it is: in capitals it would be another program.
    """
    if _CODE.search(row.prompt):
        return row
    if number % 3 == 1:
        return row._replace(prompt=row.prompt.upper())
    if number % 3 == 2:
        return row._replace(
            prompt=f"  {row.prompt.replace(' ', '  ')}\n", response=row.response + "\n"
        )
    return row


def near_copy(row: Row, draw: Draw) -> Row | None:
    """Return the row with a few words of its answer changed, at a similarity of 0.8 to 0.99."""
    spaced = row.language == "en"
    for _ in range(30):
        pieces = row.response.split(" ") if spaced else list(row.response)
        if len(pieces) < 40:
            return None
        place = int(draw.integers(len(pieces) - 4))
        change = int(draw.integers(3))
        if change == 0:
            del pieces[place]
        elif change == 1:
            pieces[place] = "indeed" if spaced else "很"
        else:
            pieces[-1:] = [pieces[-1], "Indeed." if spaced else "好。"]
        text = (" " if spaced else "").join(pieces)
        if 0.8 <= jaccard(row.response, text) < 1:
            return row._replace(response=text)
    return None
