"""The results of operations on published data, beside those of people or other programs.

python -m benchmarks operations [--data FOLDER] [NAME…]

Prints one row of a table for each figure. The data are those of benchmarks/README.md; without NAME
all parts run, which takes some minutes.
"""

from __future__ import annotations

import argparse
import csv
import gettext
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curation import Project, Step
from curation.dataset import Dataset
from curation.embedding import load_encoder
from curation.export.leaks import leaks
from curation.looking.chance import beside_chance
from curation.looking.choice import Choice
from curation.recipe import Recipe
from curation.registry import operation

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SFT = ("sft/alpaca_en_52k.json", "sft/lima_train.json", "sft/dolly_train_sdft.json")
LOCALE = Path("/usr/share/locale")
"""The folder of translated messages; Debian's libglib2.0-data and libgtk-4-common fill it."""
MESSAGES = (
    "ar bg bn ca cs da de el es fa fi fr hi hr hu id it ko lt lv nl no pl pt ro ru sk sl sr sv ta te th tr "
    "uk vi zh"
).split()
SAMPLE = 5_000
"""Rows of Alpaca, drawn with seed 0, where all of them would take minutes."""

MEASURE = (Step("lengths"), Step("language"), Step("answer_checks"))
Line = tuple[str, str, int, str]
"""Operation, data, rows, figure."""


def replayed(records: Path | list[dict[str, Any]], *steps: Step) -> Dataset:
    """A file or records after some steps, in a project that is deleted again."""
    with tempfile.TemporaryDirectory() as folder:
        file = records
        if not isinstance(file, Path):
            file = Path(folder) / "records.json"
            file.write_text(json.dumps(records), "utf-8")
        project = Project.create(Path(folder) / "project", recipe=Recipe(steps))
        project.add(file)
        return project.run()


def alpaca(data: Path) -> list[dict[str, Any]]:
    """A fixed sample of Alpaca."""
    records = json.loads((data / SFT[0]).read_text("utf-8"))
    places = np.random.default_rng(0).choice(len(records), SAMPLE, replace=False)
    return [records[i] for i in sorted(places)]


def share(part: int, whole: int) -> str:
    """A count as part of another."""
    return f"{part:,} of {whole:,} ({part / max(whole, 1):.1%})"


def spearman(one: pd.Series, two: pd.Series) -> float:
    """Rank correlation of two scores."""
    return float(one.astype(float).corr(two.astype(float), method="spearman"))


def ranked(score: pd.Series, good: np.ndarray) -> float:
    """The chance that a good row has the higher score of two, one good and one not (ROC AUC)."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(good, score.astype(float)))


def cleaners(data: Path) -> Iterator[Line]:
    """Shares of rows that each cleaner changes; garbled texts of ftfy's own tests repaired."""
    names = ("fix_text", "strip_html", "remove_special_tokens")
    for file in SFT:
        dataset = replayed(data / file, *map(Step, names))
        for step in dataset.steps:
            yield step.use, file, len(dataset.rows), f"changed {share(step.changed, step.kept_in)}"
    cases = json.loads((data / "language/ftfy_test_cases.json").read_text("utf-8"))
    repaired = decoded([case["original"] for case in cases])
    right = [case.get("fixed-encoding", case["fixed"]) for case in cases]
    for title, picked in (("garbled", True), ("sound", False)):
        part = [i for i, c in enumerate(cases) if (c["original"] != right[i]) is picked]
        exact = sum(repaired[i] == right[i] for i in part)
        yield (
            "fix_text",
            f"ftfy's test cases, {title}",
            len(part),
            f"right {share(exact, len(part))}",
        )


def decoded(texts: list[str]) -> list[str]:
    """Texts after the repair of their encoding alone."""
    batch = pd.DataFrame({"text": texts, "role": "user"})
    others = dict.fromkeys(("entities", "invisible", "spaces"), False)
    return list(operation("fix_text").run(batch, encoding=True, **others))


def duplicates(data: Path) -> Iterator[Line]:
    """Rows dropped, and how many of them the author of the data dropped as well."""
    for file in (*SFT, "duplicates/toolformer_7673.json"):
        dataset = replayed(data / file, Step("drop_exact_duplicates"))
        figure = f"dropped {share(len(dataset.dropped), len(dataset.rows))}"
        yield "drop_exact_duplicates", file, len(dataset.rows), figure
    whole = json.loads((data / "duplicates/toolformer_7673.json").read_text("utf-8"))
    for similarity, file in ((0.9, "toolformer_at_0.9_5959"), (0.7, "toolformer_at_0.7_3487")):
        rest = json.loads((data / f"duplicates/{file}.json").read_text("utf-8"))
        kept = {json.dumps(record, sort_keys=True) for record in rest}
        removed = np.array([json.dumps(record, sort_keys=True) not in kept for record in whole])
        rows = replayed(whole, Step("drop_near_duplicates", similarity=similarity)).rows
        dropped = rows["dropped_by"].notna().to_numpy()
        author = removed[rows["source_row"].to_numpy() - 1]
        figure = (
            f"at {similarity}: of {dropped.sum():,} dropped the author dropped "
            f"{share(int((dropped & author).sum()), int(dropped.sum()))}, of all {author.mean():.1%}"
        )
        yield "drop_near_duplicates", "duplicates/toolformer_7673.json", len(rows), figure
    yield from paraphrases(data)


def paraphrases(data: Path) -> Iterator[Line]:
    """Pairs of sentences that people called the same or not, as prompts of one answer."""
    text = (data / "duplicates/msrp_paraphrase_train.tsv").read_text("utf-8-sig")
    pairs = list(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    for similarity in (0.8, 0.5):
        same = [pair[0] == "1" for pair in pairs if near(pair[3], pair[4], similarity)]
        figure = (
            f"at {similarity}: {share(sum(same), len(same))} pairs that are alike are paraphrases"
        )
        yield "drop_near_duplicates", "duplicates/msrp_paraphrase_train.tsv", len(pairs), figure


def meanings(data: Path) -> Iterator[Line]:
    """The same pairs by the cosine of their vectors."""
    file = "duplicates/msrp_paraphrase_train.tsv"
    text = (data / file).read_text("utf-8-sig")
    pairs = list(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    encoder = load_encoder("")
    one, two = (encoder.encode([pair[side] for pair in pairs]) for side in (3, 4))
    cosine, same = (one * two).sum(axis=1), np.array([pair[0] == "1" for pair in pairs])
    for similarity in (0.97, 0.95, 0.9):
        near = cosine >= similarity
        figure = f"at {similarity}: {share(int(same[near].sum()), int(near.sum()))} pairs are paraphrases"
        yield "drop_similar", file, len(pairs), figure


def near(one: str, two: str, similarity: float) -> bool:
    """Whether one of two texts would be dropped for the other."""
    from curation.alike import Sides, shingle_sets

    sides = Sides([shingle_sets([one, two])])
    return bool(sides.codes[0] == sides.codes[1] or len(sides.pairs(similarity)[0].first))


def messages() -> dict[str, list[str]]:
    """The messages of GLib and GTK in the languages of LOCALE, of 40 characters at least, 200 of each."""
    texts: dict[str, list[str]] = {}
    for file in sorted(LOCALE.glob("*/LC_MESSAGES/g[lt][ik][bk][24]0.mo")):
        code = {"pt_BR": "pt", "zh_CN": "zh", "nb": "no"}.get(file.parts[-3], file.parts[-3])
        if code not in MESSAGES:
            continue
        with file.open("rb") as stream:
            catalogue = gettext.GNUTranslations(stream)
        for translated in catalogue._catalog.values():
            plain = " ".join(re.sub(r"%\S+|_|<[^>]+>|--?[a-z-]+", " ", str(translated)).split())
            if len(plain) >= 40:
                texts.setdefault(code, []).append(plain)
    rng = np.random.default_rng(0)
    return {
        code: [str(t) for t in rng.permutation(sorted(set(part)))[:200]]
        for code, part in texts.items()
    }


def languages(data: Path) -> Iterator[Line]:
    """Sentences of six languages and messages of programs in 34, whole and their first characters."""
    sentences = {
        file.stem: [line for line in file.read_text("utf-8").splitlines() if line.strip()]
        for file in sorted((data / "language").glob("*.txt"))
    }
    for name, texts in (("sentences of six languages", sentences), ("messages", messages())):
        for longest in (None, 80, 40, 25):
            pairs = [
                (text[:longest], code)
                for code, lines in texts.items()
                for text in lines
                if longest is None or len(text) >= (longest // 2 if code in "ja zh" else longest)
            ]
            frame = pd.DataFrame(pairs, columns=["prompt", "code"]).assign(response="")
            given = operation("language").run(frame, shortest=12)["prompt_language"]
            named, right = int((given != "").sum()), int((given == frame["code"]).sum())
            figure = f"named {share(named, len(pairs))}; right {share(right, named)}"
            yield "language", f"{name}, first {longest}" if longest else name, len(pairs), figure
    rows = replayed(alpaca(data), Step("language")).rows
    for column in ("prompt_language", "language"):
        english, other = (rows[column] == "en").sum(), (~rows[column].isin(["", "en"])).sum()
        figure = f"{column}: {english / len(rows):.1%} English, {other:,} rows another language"
        yield "language", "a sample of Alpaca (English)", len(rows), figure


def scores(data: Path) -> Iterator[Line]:
    """Scores beside length, and beside a model's judgement of the same rows."""
    name, sample = "a sample of Alpaca", alpaca(data)
    rows = replayed(sample, *MEASURE, Step("type_token_ratio"), Step("drop_bad_answers")).rows
    length = rows["response_tokens"]
    for score in ("type_token_ratio", "quality"):
        use = "answer_checks" if score == "quality" else score
        measured = rows[score].notna()
        value = spearman(rows[score][measured], length[measured])
        yield use, name, len(rows), f"{score}: Spearman with response_tokens {value:.2f}"
    records = [sample[i - 1] for i in rows["source_row"]]
    for file, judge in (
        ("alpagasus_claude_t45", "Claude's 4.5 or more (AlpaGasus)"),
        ("cherry_alpaca_5_percent", "Cherry, the 5 % of highest IFD"),
    ):
        chosen = json.loads((data / f"selected/{file}.json").read_text("utf-8"))
        keys = {(r["instruction"], r.get("input", ""), r["output"]) for r in chosen}
        good = np.array([(r["instruction"], r["input"], r["output"]) in keys for r in records])
        for score in ("quality", "response_tokens", "type_token_ratio"):
            value = ranked(rows[score].fillna(0), good)
            yield "answer_checks", name, len(rows), f"{score}: ROC AUC {value:.3f} of {judge}"
        dropped = rows["dropped_by"].notna().to_numpy()
        figure = (
            f"dropped {share(int(dropped.sum()), len(rows))}; of these {judge} "
            f"{share(int((good & dropped).sum()), int(dropped.sum()))}, of all {good.mean():.1%}"
        )
        yield "drop_bad_answers", name, len(rows), figure


def corrections(data: Path) -> Iterator[Line]:
    """Rows of machine-translated Alpaca that volunteers read: which they edited or removed."""
    file = "zh/corrected_by_people_0-3252.jsonl"
    lines = (data / file).read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    edited = np.array([row["action"] != "same" for row in rows])
    after = replayed([row["before"] for row in rows], *MEASURE, Step("drop_bad_answers")).rows
    dropped = after["dropped_by"].notna().to_numpy()
    changed = edited[after["source_row"].to_numpy() - 1]
    figure = (
        f"of {share(int(dropped.sum()), len(after))} dropped people had changed or removed "
        f"{share(int((changed & dropped).sum()), int(dropped.sum()))}, of all {changed.mean():.1%}"
    )
    yield "drop_bad_answers", file, len(after), figure
    counts = after["problems"][dropped].str.split(",").explode().value_counts()
    yield "answer_checks", file, len(after), ", ".join(f"{n} {c}" for n, c in counts.items())


def attention(data: Path) -> Iterator[Line]:
    """Rows of published files that a trainer cannot use as they stand."""
    for file in (*SFT, "sft/fastchat_dummy_conversation.json"):
        dataset = replayed(data / file, Step("drop_attention"))
        figure = f"dropped {share(len(dataset.dropped), len(dataset.rows))}"
        yield "drop_attention", file, len(dataset.rows), figure


def selections(data: Path) -> Iterator[Line]:
    """Choices of 500 rows beside random ones of the same size, on draft vectors."""
    sample = alpaca(data)
    for step in (
        Step("select_diverse", budget=500, quality=0.0),
        Step("select_diverse", budget=500),
        Step("select_highest", budget=500),
        Step("select_random", budget=500),
    ):
        dataset = replayed(sample, *MEASURE, Step("embed", way="draft"), step)
        choice = Choice.of(dataset)
        assert choice is not None
        reach = beside_chance(dataset, choice).table.iloc[0]
        figure = (
            f"{dict(step.params)}: mean similarity to the nearest chosen {reach['chosen']:.3f}, of ten random "
            f"choices {reach['random_low']:.3f} to {reach['random_high']:.3f}; mean quality "
            f"{dataset.kept['quality'].mean():.2f}, of all {dataset.rows['quality'].mean():.2f}"
        )
        yield step.use, "a sample of Alpaca", len(dataset.rows), figure


def splits(data: Path) -> Iterator[Line]:
    """Near copies that stand on two sides of a split, beside a split by chance."""
    file = "duplicates/toolformer_7673.json"
    for title, steps in (
        ("after drop_exact_duplicates", (Step("drop_exact_duplicates"),)),
        ("after drop_near_duplicates", (Step("drop_near_duplicates", similarity=0.8),)),
    ):
        rows = replayed(data / file, *steps, Step("split")).kept
        sizes = rows["split"].value_counts()
        ours = leaks(rows, None, 1.0)["same_prompt"]
        chance = rows.assign(split=np.random.default_rng(0).permutation(rows["split"].to_numpy()))
        figure = (
            f"{title}: {sizes['validation']:,} and {sizes['test']:,} held out; prompts in more than "
            f"one split {ours:,}, by chance {leaks(chance, None, 1.0)['same_prompt']:,}"
        )
        yield "split", file, len(rows), figure


def labelled(data: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Texts with their labels: news, titles of Chinese news, and thirty intents; 3,000 of each."""
    text = (data / "classify/ag_news_7600.csv").read_text("utf-8")
    news = [(f"{title} {body}", label) for label, title, body in csv.reader(text.splitlines())]
    titles = (data / "classify/thucnews_titles_10k.tsv").read_text("utf-8").splitlines()
    intents = [
        (text, label)
        for part in json.loads((data / "classify/clinc150_full.json").read_text("utf-8")).values()
        for text, label in part
    ]
    thirty = sorted({label for _, label in intents})[:30]
    for name, pairs in (
        ("AG News", news),
        ("THUCNews titles", [tuple(line.split("\t")) for line in titles]),
        ("CLINC, 30 intents", [pair for pair in intents if pair[1] in thirty]),
    ):
        places = np.random.default_rng(0).choice(len(pairs), 3_000, replace=False)
        yield name, [pairs[i] for i in places]


def labels(data: Path) -> Iterator[Line]:
    """Labels of which a fifth were exchanged for others by chance, and those that are named."""
    steps = (Step("embed"), Step("label_quality"), Step("training_dynamics"))
    for name, pairs in labelled(data):
        rng, names = np.random.default_rng(0), sorted({label for _, label in pairs})
        right = np.array([names.index(label) for _, label in pairs])
        others = (right + rng.integers(1, len(names), len(right))) % len(names)
        given = np.where(rng.random(len(right)) < 0.2, others, right)
        records = [{"text": t, "label": names[i]} for (t, _), i in zip(pairs, given, strict=True)]
        rows = replayed(records, *steps).rows
        places = rows["source_row"].to_numpy() - 1
        wrong, named = (given != right)[places], rows["wrong_label"].to_numpy(dtype=bool)
        suggested = [names.index(label) for label in rows["suggested_label"][wrong & named]]
        figure = (
            f"of the named {share(int((wrong & named).sum()), int(named.sum()))} are wrong; of the "
            f"wrong {share(int((wrong & named).sum()), int(wrong.sum()))} are named, and "
            f"{np.mean(suggested == right[places][wrong & named]):.1%} of these are suggested right; "
            f"right ones named {share(int((named & ~wrong).sum()), int((~wrong).sum()))}"
        )
        yield "label_quality", name, len(rows), figure
        for use, score in (("label_quality", "label_quality"), ("training_dynamics", "confidence")):
            value = ranked(-rows[score], wrong)
            yield use, name, len(rows), f"low {score}: ROC AUC {value:.3f} of a wrong label"


PARTS: dict[str, Callable[[Path], Iterable[Line]]] = {
    part.__name__: part
    for part in (
        *(cleaners, duplicates, languages, scores, corrections, attention),
        *(selections, splits, labels, meanings),
    )
}


def main() -> None:
    """Print a Markdown table of the named parts, or of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    print("| operation | data | rows | figure |\n|---|---|---:|---|")
    for name in arguments.parts or PARTS:
        for use, data, rows, figure in PARTS[name](arguments.data):
            print(f"| {use} | {data} | {rows:,} | {figure} |", flush=True)


if __name__ == "__main__":
    main()
