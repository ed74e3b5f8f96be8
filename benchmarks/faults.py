"""Planted faults: how many of each kind are found, and how many untouched rows are named.

    python -m benchmarks faults [--data FOLDER] [--seed N] [PART…]

Of each kind 200 are planted, in English and Chinese, among rows without faults: Alpaca's that Claude
gave 4.5 or more, GSM8K and LIMA; Alpaca in Chinese that volunteers read and left as it was. Half of the
wordings were kept aside while the rules were mended. Rows that a rule named and that have that fault in a
reader's eyes are left out (`read_rows.json`). Others may have faults, so precision is a lower bound.
The data are those of benchmarks/README.md; without PART all run.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._faults import WRITERS, Fault, Row, exact_copy, near_copy, nth
from benchmarks._second_wordings import AGAIN, FAULTS
from benchmarks._wordings import PROMPTS
from benchmarks.operations import DATA, MEASURE, labelled, replayed, share
from curation import Project, Step
from curation.answers import RULES, Pair
from curation.dataset import silent
from curation.embedding.multilingual import MULTILINGUAL
from curation.operations.labels import label_quality
from curation.recipe import Recipe
from curation.recipe_file import DEFAULT_RECIPE

EACH = 200
"""Planted faults of each kind."""

UNTOUCHED = 3_000
"""Rows without a planted fault, at most, half of them Chinese."""

Records = list[dict[str, Any]]
Templates = dict[str, tuple[str, dict[str, list[str]]]]

READ: dict[str, frozenset[str]] = {
    kind: frozenset(digests)
    for kind, digests in json.loads(
        (Path(__file__).parent / "read_rows.json").read_text("utf-8")
    ).items()
}
"""Rule, or `dropped` → digests of published rows that it named and that a reader found faulty."""


def digest(prompt: str, response: str) -> str:
    """Return the name of a row in `read_rows.json`, which holds no text of the data."""
    return blake2b(f"{prompt}\0{response}".encode(), digest_size=6).hexdigest()


def loaded(data: Path, file: str) -> Records:
    """Read a file of JSON or JSON Lines."""
    text = (data / file).read_text("utf-8")
    if not file.endswith("l"):
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _pair(record: dict[str, Any], language: str) -> Row:
    if "question" in record:
        return Row(record["question"], record["answer"], language)
    parts = [record["instruction"], record.get("input", "")]
    return Row("\n\n".join(part for part in parts if part.strip()), record["output"], language)


def clean_rows(data: Path, draw: np.random.Generator) -> dict[str, list[Row]]:
    """Return rows without faults by language, in an order by chance."""
    good = loaded(data, "selected/alpagasus_claude_t45.json")
    good += loaded(data, "sft/gsm8k_train.jsonl")[:1_500] + loaded(data, "sft/lima_train.json")
    read = loaded(data, "zh/corrected_by_people_0-3252.jsonl")
    chinese = [record["after"] for record in read if record["action"] == "same"]
    rows = {
        "en": [_pair(record, "en") for record in good],
        "zh": [_pair(record, "zh") for record in chinese],
    }
    least = {"en": 60, "zh": 24}
    faulty = frozenset().union(*(READ[kind] for kind in READ if kind != "dropped"))
    long = {
        code: [
            row
            for row in rows[code]
            if len(row.response) >= least[code] and digest(row.prompt, row.response) not in faulty
        ]
        for code in rows
    }
    return {code: [long[code][i] for i in draw.permutation(len(long[code]))] for code in rows}


def planted(data: Path, seed: int) -> tuple[list[Fault], list[Row]]:
    """Return rows with one fault each, and rows without any."""
    draw = np.random.default_rng(seed)
    rows = clean_rows(data, draw)
    faults = []
    for kind, (_, write) in WRITERS.items():
        for number in range(EACH):
            code = "zh" if number % 4 > 1 else "en"
            row, other = rows[code].pop(), rows[code][0]
            if kind == "another language":
                other = rows["en" if code == "zh" else "zh"].pop()
            faults.append(
                Fault(kind, write(row, other, number // 4 * 2 + number % 2, draw), number % 2 == 1)
            )
    return faults, [row for code in rows for row in rows[code][: UNTOUCHED // 2]]


def checked(rows: list[Row]) -> pd.DataFrame:
    """Return the rows after the rules, in their order."""
    records = [{"prompt": row.prompt, "response": row.response} for row in rows]
    after = replayed(records, *MEASURE).rows
    return after.sort_values("source_row").reset_index(drop=True)


def found_by_rules(data: Path, seed: int) -> Iterator[list[str]]:
    """Recall by language and by half of the wordings, and what is named without a fault."""
    yield "fault planted|recall|English|Chinese|wordings seen|kept aside|untouched named|precision|F1".split(
        "|"
    )
    faults, untouched = planted(data, seed)
    problems = checked([fault.row for fault in faults] + untouched)["problems"].str.split(",")
    languages = np.array([fault.row.language for fault in faults])
    kinds = np.array([fault.kind for fault in faults])
    aside = np.array([fault.aside for fault in faults])
    for kind, (rule, _) in WRITERS.items():
        rules = set(rule.split())
        hits = problems.map(rules.intersection).map(bool).to_numpy(dtype=bool)
        ours, alarms = hits[: len(faults)], int(hits[len(faults) :].sum())
        chosen = kinds == kind
        parts = [chosen & (languages == code) for code in ("en", "zh")]
        parts += [chosen & ~aside, chosen & aside]
        recall, right = ours[chosen].mean(), int(ours[chosen].sum())
        precision = right / max(1, right + alarms)
        yield [
            kind,
            f"{recall:.3f}",
            *(f"{ours[part].mean():.3f}" if part.any() else "–" for part in parts),
            f"{alarms} of {len(untouched):,}",
            f"{precision:.3f}",
            f"{2 * precision * recall / max(precision + recall, 1e-9):.3f}",
        ]


def second(data: Path, seed: int, faults: Templates = FAULTS) -> Iterator[list[str]]:
    """Recall on another set of wordings, each on four rows."""
    yield "fault planted, other wordings|wordings|rows|recall|English|Chinese|others".split("|")
    rows = clean_rows(data, np.random.default_rng(seed))
    for kind, (rule, templates) in faults.items():
        planted: list[Row] = []
        for code, texts in templates.items():
            for number in range(4 * len(texts)):
                template, host = texts[number // 4], rows.get(code, rows["en"]).pop()
                other = rows.get(code, rows["en"])[0]
                parts = {"answer": host.response, "prompt": host.prompt, "question": other.prompt}
                parts |= {"reply": other.response, "short": host.response[:150]}
                prompt = nth(PROMPTS[code], number) if code in PROMPTS else host.prompt
                planted.append(Row(prompt, template.format(**parts), code))
        named = checked(planted)["problems"].str.split(",").map(lambda names: rule in names)  # noqa: B023
        hits, codes = named.to_numpy(dtype=bool), np.array([row.language for row in planted])
        others = ~np.isin(codes, ["en", "zh"])
        yield [
            kind,
            str(sum(map(len, templates.values()))),
            str(len(planted)),
            *(
                f"{hits[part].mean():.3f}" if part.any() else "–"
                for part in (codes != "", codes == "en", codes == "zh", others)
            ),
        ]


def third(data: Path, seed: int) -> Iterator[list[str]]:
    """Recall on a third set of wordings."""
    return second(data, seed, AGAIN)


def copies(data: Path, seed: int) -> Iterator[list[str]]:
    """Copies dropped, and rows dropped that are no copy."""
    yield "copies planted|language|recall|precision|F1".split("|")
    draw = np.random.default_rng(seed)
    for code, rows in clean_rows(data, draw).items():
        rows = list({row.response: row for row in rows}.values())[:2_000]
        exact = [exact_copy(row, number) for number, row in enumerate(rows[:EACH])]
        near = [copy for row in rows[EACH:] if (copy := near_copy(row, draw)) is not None][:EACH]
        for title, more, step in (
            ("exact", exact, Step("drop_exact_duplicates")),
            ("near, Jaccard ≥ 0.8", near, Step("drop_near_duplicates", similarity=0.8)),
        ):
            records = [{"prompt": row.prompt, "response": row.response} for row in [*rows, *more]]
            after = replayed(records, step).rows
            dropped = after.loc[after["dropped_by"].notna(), "source_row"].to_numpy() > len(rows)
            recall, precision = dropped.sum() / len(more), dropped.mean()
            f1 = 2 * precision * recall / (precision + recall)
            yield [f"{len(more)} {title}", code, f"{recall:.3f}", f"{precision:.3f}", f"{f1:.3f}"]


def contamination(data: Path, seed: int) -> Iterator[list[str]]:
    """Questions of a test set among the rows, word for word."""
    yield "copies of test questions|recall|other rows dropped".split("|")
    draw = np.random.default_rng(seed)
    test = loaded(data, "benchmarks/gsm8k_test.jsonl")
    hidden = [test[i] for i in draw.permutation(len(test))[:EACH]]
    rows = loaded(data, "sft/gsm8k_train.jsonl")[:2_000] + hidden
    with tempfile.TemporaryDirectory() as folder:
        project = Project.create(Path(folder) / "p", recipe=Recipe((Step("decontaminate"),)))
        project.references.add(data / "benchmarks/gsm8k_test.jsonl")
        file = Path(folder) / "rows.json"
        file.write_text(json.dumps(rows), "utf-8")
        project.add(file)
        after = project.run().rows
    copied = after["source_row"].to_numpy() > 2_000
    dropped = after["dropped_by"].notna().to_numpy()
    yield [
        f"{EACH} of GSM8K",
        f"{dropped[copied].mean():.3f}",
        share(int(dropped[~copied].sum()), 2_000),
    ]


def languages(data: Path, seed: int) -> Iterator[list[str]]:
    """Languages of the first characters of sentences in six languages."""
    yield "characters|sentences|language named|right".split("|")
    files = sorted((data / "language").glob("*.txt"))
    for longest in (20, 40, 80):
        texts = [
            (line[:longest], file.stem)
            for file in files
            for line in file.read_text("utf-8").splitlines()
            if len(line) >= longest
        ]
        records = [{"prompt": text, "response": "1"} for text, _ in texts]
        after = replayed(records, Step("language")).rows.sort_values("source_row")
        given, truth = after["prompt_language"].to_numpy(str), np.array([code for _, code in texts])
        yield [
            str(longest),
            f"{len(texts):,}",
            f"{(given != '').mean():.3f}",
            f"{(given == truth).mean():.3f}",
        ]


def labels(data: Path, seed: int) -> Iterator[list[str]]:
    """Labels exchanged by chance, and those that are named, by encoder and with `strict`."""
    yield "200 labels exchanged|encoder|strict|rows|recall|precision|F1".split("|")
    for name, pairs in labelled(data):
        draw, some = np.random.default_rng(seed), pairs[:1_500]
        names, flipped = sorted({label for _, label in some}), np.zeros(len(some), dtype=bool)
        flipped[draw.choice(len(some), EACH, replace=False)] = True
        records = [
            {
                "text": text,
                "label": str(draw.choice([n for n in names if n != label])) if flip else label,
            }
            for (text, label), flip in zip(some, flipped, strict=True)
        ]
        for encoder in ("", MULTILINGUAL):
            dataset = replayed(records, Step("embed", model=encoder))
            wrong = flipped[dataset.rows["source_row"].to_numpy() - 1]
            for strict in (False, True):
                table = label_quality(dataset.rows, dataset.vectors[:], None, silent, strict=strict)
                named = table["wrong_label"].to_numpy(dtype=bool)
                recall, precision = named[wrong].mean(), wrong[named].mean()
                f1 = 2 * precision * recall / (precision + recall)
                yield [
                    name,
                    encoder or "all-MiniLM-L6-v2",
                    "yes" if strict else "no",
                    f"{len(wrong):,}",
                    *(f"{value:.3f}" for value in (recall, precision, f1)),
                ]


def openai_calls(records: Records) -> Records:
    """Return conversations of the Glaive demo as chats with calls as OpenAI's files have them."""
    roles, chats = {"human": "user", "gpt": "assistant", "observation": "tool"}, []
    for record in records:
        turns: Records = []
        for number, turn in enumerate(record["conversations"]):
            if turn["from"] != "function_call":
                turns.append({"role": roles[turn["from"]], "content": turn["value"]})
                if turn["from"] == "observation":
                    turns[-1]["tool_call_id"] = f"call_{number - 1}"
                continue
            call = json.loads(turn["value"])
            function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
            calls = [{"id": f"call_{number}", "type": "function", "function": function}]
            turns.append({"role": "assistant", "content": None, "tool_calls": calls})
        tools = [{"type": "function", "function": tool} for tool in json.loads(record["tools"])]
        chats.append({"messages": turns, **({"tools": tools} if tools else {})})
    return chats


def untouched_sets(data: Path) -> dict[str, Records]:
    """Return published sets, the tool chats also as OpenAI's files have them."""
    glaive = loaded(data, "sft/llamafactory_glaive_toolcall_en_demo.json")
    return {
        "LIMA": loaded(data, "sft/lima_train.json"),
        "Dolly": loaded(data, "sft/dolly_train_sdft.json"),
        "GSM8K": loaded(data, "sft/gsm8k_train.jsonl"),
        "tool chats, Glaive": glaive,
        "tool chats, OpenAI": openai_calls(glaive),
    }


def alarms(data: Path, seed: int) -> Iterator[list[str]]:
    """Rows that the recipe of a new project drops from published sets, and those without a fault."""
    yield "set|rows|dropped|copies|faulty, as read|false alarms|a thousand|by".split("|")
    chosen = [step for step in DEFAULT_RECIPE.steps if not _needs_vectors(step)]
    for name, records in untouched_sets(data).items():
        rows = replayed(records, *chosen).rows
        dropped = rows[rows["dropped_by"].notna()]
        copies = dropped["dropped_by"].str.endswith("_duplicates")
        texts = zip(dropped["prompt"], dropped["response"], strict=True)
        faulty = np.array([digest(*pair) in READ["dropped"] for pair in texts], dtype=bool)
        false = len(dropped) - int((copies | faulty).sum())
        counts = dropped["dropped_by"].value_counts()
        yield [
            name,
            f"{len(rows):,}",
            str(len(dropped)),
            str(int(copies.sum())),
            str(int((faulty & ~copies).sum())),
            str(false),
            f"{1_000 * false / len(rows):.1f}",
            ", ".join(f"{step} {count}" for step, count in counts.items()) or "–",
        ]


def _needs_vectors(step: Step) -> bool:
    return step.use in {"embed", "project_map", "topics", "label_quality", "drop_wrong_labels"}


def endings(data: Path, seed: int) -> Iterator[list[str]]:
    """Whole texts without a full stop, as answers, that are called cut."""
    yield "whole texts without a full stop|language|texts|called cut|a thousand".split("|")
    thucnews = (data / "classify/thucnews_titles_10k.tsv").read_text("utf-8").splitlines()
    news = (data / "classify/ag_news_7600.csv").read_text("utf-8").splitlines()
    intents = json.loads((data / "classify/clinc150_full.json").read_text("utf-8"))
    sets = {
        "titles of news (THUCNews)": ("zh", [line.split("\t")[0] for line in thucnews]),
        "titles of news (AG News)": ("en", [title for _, title, _ in csv.reader(news)]),
        "what people ask a machine (CLINC)": (
            "en",
            [text for part in intents.values() for text, _ in part],
        ),
    }
    for name, (code, texts) in sets.items():
        cut = sum(
            RULES["truncated_answer"].breaks(Pair("", text.strip(), code, code)) for text in texts
        )
        yield [name, code, f"{len(texts):,}", str(cut), f"{1_000 * cut / len(texts):.1f}"]


def corrections(data: Path, seed: int) -> Iterator[list[str]]:
    """Rows that volunteers edited or removed, ranked by what is wrong with them."""
    from sklearn.metrics import average_precision_score

    yield "order of 3,252 rows in Chinese|average precision|lift of the first 5 %".split("|")
    records = loaded(data, "zh/corrected_by_people_0-3252.jsonl")
    edited = np.array([record["action"] != "same" for record in records])
    rows = checked([_pair(record["before"], "zh") for record in records])
    draw = np.random.default_rng(seed)
    orders = {
        "lowest quality first": -rows["quality"].to_numpy(float),
        "longest first": rows["response_tokens"].to_numpy(float),
    }
    first = len(edited) // 20
    for name, order in orders.items():
        shuffled = [draw.permutation(len(edited)) for _ in range(20)]
        lifts = [edited[p][np.argsort(-order[p], kind="stable")[:first]].mean() for p in shuffled]
        value = average_precision_score(edited, order)
        yield [name, f"{value:.3f}", f"{np.mean(lifts) / edited.mean():.2f}"]
    yield ["random", f"{edited.mean():.3f}", "1.00"]


PARTS: dict[str, Callable[[Path, int], Iterator[list[str]]]] = {
    "rules": found_by_rules,
    "second": second,
    "third": third,
    "copies": copies,
    "contamination": contamination,
    "languages": languages,
    "labels": labels,
    "alarms": alarms,
    "endings": endings,
    "corrections": corrections,
}


def main() -> None:
    """Print a Markdown table of each named part, or of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in arguments.parts or PARTS:
        print(f"\n### {name}\n")
        for number, cells in enumerate(PARTS[name](arguments.data, arguments.seed)):
            print("| " + " | ".join(cells) + " |", flush=True)
            if not number:
                print("|---" * len(cells) + "|")


if __name__ == "__main__":
    main()
