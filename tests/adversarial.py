"""Texts of 100 KB and more on which a pattern that looks twice at everything never ends.

Run as a program it gives each of them to every operation that reads rows one by one, and to what pages
show text with; see `tests/test_linear.py`.
"""

from __future__ import annotations

import sys
import time

SIZE = 120_000

PIECES = [
    " ", "-", "a", "7", "[", "]", "(", "<", "<p", "<p ", "</", "&", "&a", '"', "'", "“", "`", "```", "~~~",
    "\n", " \n", "\r", "\t", "|", "#", "*", "_", ".", ",", "。", "是", "é", "e\u0301", "Ã", "â€", "\x85",
    "\u200b", "\u00a0", "@", "a@", "a.", "@a.", "+1 ", "12 ", "1-", "A1B2 ", "http://a ", "see http://", "<s>",
    "[INST]", "<|", "{", "}", "\\", "$", "😀", "ก", "क्\u200d", "sorry I ", "as an ai ", "n/a ", "\n1. ",
    "\n# instruction", "\nhuman:", "\n@@ -1", "\n    ", "(at)", "[ at ]", "eyJ", "sk-", "<no", "\u2060", "don't ",
]  # fmt: skip
"""What is repeated until a text is long; each also with an end that no pattern expects."""


def texts() -> list[str]:
    """The texts, the repeated pieces with a sign behind them, and all of them mixed."""
    long = [(piece * (SIZE // len(piece)))[:SIZE] + "x\n!" for piece in PIECES]
    return [*long, "".join(PIECES) * (SIZE // len("".join(PIECES)))]


def operations(parts: list[str]) -> None:
    """Run every operation on rows, one by one, whose prompt or answer is such a text."""
    from curation import registry
    from curation.dataset import silent
    from curation.engine.batches import Batch, run_batch
    from tests.conftest import make_dataset

    rows = make_dataset([pair for t in parts for pair in (("Say it.", t), (t, "It is so."))]).rows
    rows = rows.assign(response_tokens=9.0, language="en", prompt_language="en", topic="", theme="")
    rows = rows.assign(problems="", **{c: 1.0 for c in ("prompt_tokens", "quality")})
    for operation in registry.operations().values():
        params = operation.check({})
        if operation.batched and all(c in rows for c in operation.columns_read(params)):
            begin = time.perf_counter()
            run_batch(Batch(operation.name, params, rows))
            say(operation.name, begin)
    for name in ("drop_exact_duplicates", "drop_near_duplicates"):
        begin, operation = time.perf_counter(), registry.operation(name)
        inputs = {"rows": rows.sort_index(), "progress": silent}
        operation.run(*(inputs[i] for i in operation.inputs), **operation.check({}))
        say(name, begin)


def functions(parts: list[str]) -> None:
    """Give every text to what reads or shows a text alone."""
    from curation import answers, personal, search, text, words
    from curation.dataset import Message, derive, dump_messages
    from curation.ui import text as shown

    def both(rule):
        return lambda t: (rule("Say it.", t), rule(t, "It is so."))

    checks = {
        **{f"rule {name}": both(rule) for name, (_, rule) in answers.RULES.items()},
        **{f"personal {name}": kind for name, kind in personal.KINDS.items()},
        "folded": text.folded,
        "folded words": lambda t: text.folded(t, False),
        "words": text.words,
        "topic words": words.topic_words,
        "marked": lambda t: search.marked(t, 'a "1 2" don\'t é'),
        "snippet": lambda t: search.snippet(t, "zz x"),
        "query": search.Query.parse,
        "highlighted": lambda t: shown.highlighted([(t, True), (t, False)]),
        "markdown": lambda t: shown.markdown(t, 10**9),
        "hover": shown.hover,
        "badges": shown.badges,
        "changed lines": lambda t: shown.changed_lines(t, t.replace("x", "y z") + t[:5_000]),
        "derive": lambda t: derive(dump_messages([Message("user", t)])),
    }  # fmt: skip
    for name, check in checks.items():
        begin = time.perf_counter()
        for part in parts:
            check(part)
        say(name, begin)


def say(name: str, begin: float) -> None:
    """Say how long something took, for whoever wonders where it hangs."""
    sys.stdout.write(f"{name} {time.perf_counter() - begin:.1f}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    everything = texts()
    functions(everything)
    operations(everything)
    sys.stdout.write("done\n")
