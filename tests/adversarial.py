"""Long texts on which a pattern that looks twice at everything never ends.

Run as a program it gives each of them to every operation that reads rows one by one, and to what pages
show text with. Whatever takes long on a text must take about an eighth of that on an eighth of the text;
else the program says what it was and ends with status 1. See `tests/test_linear.py`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

SIZE = 60_000

LONG = 0.3
"""Seconds on one text from which on a check is looked at again; most take a hundredth of it."""

MOST = 24.0
"""Limit for the time of a text eight times as long: linear growth gives 8, square growth 64."""

PIECES = [
    " ", "-", "a", "7", "[", "]", "(", "<", "<p", "<p ", "</", "&", "&a", '"', "'", "“", "`", "```", "~~~",
    "\n", " \n", "\r", "\t", "|", "#", "*", "_", ".", ",", "。", "是", "é", "e\u0301", "Ã", "â€", "\x85",
    "\u200b", "\u00a0", "@", "a@", "a.", "@a.", "+1 ", "12 ", "1-", "A1B2 ", "http://a ", "see http://", "<s>",
    "[INST]", "<|", "{", "}", "\\", "$", "😀", "ก", "क्\u200d", "sorry I ", "as an ai ", "n/a ", "\n1. ",
    "\n# instruction", "\nhuman:", "\n@@ -1", "\n    ", "(at)", "[ at ]", "eyJ", "sk-", "<no", "\u2060", "don't ",
    "1,", "1.", "1+1 ", "<user>\n",
]  # fmt: skip
"""Pieces that are repeated to a long text, also with an end that no pattern expects."""


def text(piece: str, size: int = SIZE) -> str:
    """The piece again and again, at the start of a line and within one, with an end nobody expects."""
    half = (piece * (size // len(piece)))[: size // 2] + "x \n!"
    return half + "\nNow " + half


def checks() -> dict[str, Callable[[str], Any]]:
    """Functions that read or show a text alone, by name."""
    from curation import answers, personal, topic_names
    from curation.dataset import Message, derive, dump_messages
    from curation.looking import changes, search
    from curation.text import folding
    from curation.text import words as text_words
    from curation.ui import text as shown

    def both(rule):
        pairs = answers.Pair
        return lambda t: (rule.breaks(pairs("Say it.", t)), rule.breaks(pairs(t, "It is so.")))

    def sought(kind):
        return lambda t: personal.find(t, [kind])

    return {
        **{f"rule {name}": both(rule) for name, rule in answers.RULES.items()},
        **{f"personal {name}": sought(name) for name in personal.KINDS},
        "folded": folding.folded,
        "folded words": lambda t: folding.folded(t, False),
        "words": text_words.words,
        "topic words": topic_names.topic_words,
        "marked": lambda t: search.marked(t, 'a "1 2" don\'t é'),
        "snippet": lambda t: search.snippet(t, "zz x"),
        "query": search.Query.parse,
        "highlighted": lambda t: shown.highlighted([(t, True), (t, False)]),
        "markdown": lambda t: shown.markdown(t, 10**9),
        "hover": shown.hover,
        "badges": shown.badges,
        "changed words": lambda t: changes.marked(t, t.replace("x", "y z") + t[:5_000]),
        "derive": lambda t: derive(dump_messages([Message("user", t)])),
    }  # fmt: skip


def operations() -> dict[str, Callable[[str], Any]]:
    """Every operation that reads rows one by one, on rows whose prompt or answer is the text."""
    from curation import registry
    from curation.alike import AT_ONCE
    from curation.dataset import silent
    from curation.engine.batches import Batch, run_batch
    from tests.conftest import make_dataset

    def rows(t: str) -> Any:
        frame = make_dataset([("Say it.", t), (t, "It is so.")]).rows
        frame = frame.assign(response_tokens=9.0, language="en", prompt_language="en", topic="")
        frame = frame.assign(theme="", problems="")
        return frame.assign(**{c: 1.0 for c in ("prompt_tokens", "quality")}).sort_index()

    def batched(operation, params):
        return lambda t: run_batch(Batch(operation.name, params, rows(t)))

    def whole(operation, params):
        def check(t: str) -> None:
            given = {"rows": rows(t), "progress": silent, "decisions": None}
            inputs = given | {"work": AT_ONCE}
            operation.run(*(inputs[i] for i in operation.inputs), **params)

        return check

    columns, checks = rows("x"), {}
    for operation in registry.operations().values():
        params = operation.check({})
        if operation.batched and all(c in columns for c in operation.columns_read(params)):
            checks[operation.name] = batched(operation, params)
    for name in ("drop_exact_duplicates", "drop_near_duplicates"):
        operation = registry.operation(name)
        checks[name] = whole(operation, operation.check({}))
    return checks


def seconds(check: Callable[[str], Any], given: str) -> float:
    begin = time.perf_counter()
    check(given)
    return time.perf_counter() - begin


def grows(check: Callable[[str], Any], piece: str, once: float) -> float:
    """The time of a text divided by the time of an eighth of it; once: its time in a first run."""
    whole = min(once, seconds(check, text(piece)))
    eighth = min(seconds(check, text(piece, SIZE // 8)) for _ in range(2))
    return whole / max(eighth, LONG / 100)


def too_slow(everything: dict[str, Callable[[str], Any]], pieces: Iterable[str]) -> list[str]:
    """A sentence for each check and piece where eight times the text takes much longer than that."""
    sentences = []
    pieces = list(pieces)
    for name, check in everything.items():
        check(text("warm "))
        begin = time.perf_counter()
        for piece in pieces:
            once = seconds(check, text(piece))
            if once > LONG and (ratio := grows(check, piece, once)) > MOST:
                sentences.append(
                    f"{name} on {piece[:20]!r}: 8 times the text took {ratio:.0f} times as long"
                )
        sys.stdout.write(f"{name} {time.perf_counter() - begin:.1f}\n")
        sys.stdout.flush()
    return sentences


if __name__ == "__main__":
    slow = too_slow(checks() | operations(), [*PIECES, "".join(PIECES)])
    sys.stdout.write("\n".join([*slow, "done\n"]))
    sys.exit(bool(slow))
