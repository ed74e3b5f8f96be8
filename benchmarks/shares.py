"""Shares of code and mathematics in answers of published sets, and which of them are high.

python -m benchmarks shares [--data FOLDER]

HumanEval stands for code without fences, GSM8K for mathematics, with its calculator's marks and without;
Dolly for neither.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from curation.registry import operation

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ANSWERS = {
    "Dolly": "sft/dolly_train_sdft.json",
    "LIMA": "sft/lima_train.json",
    "Alpaca": "sft/alpaca_en_52k.json",
    "Alpaca zh": "zh/alpaca_zh_machine_10k.json",
}


def texts(data: Path) -> dict[str, list[str]]:
    """Answers by the name of their set."""
    sets = {
        name: [record["output"] for record in json.loads((data / file).read_text("utf-8"))]
        for name, file in ANSWERS.items()
    }
    with gzip.open(data / "benchmarks/HumanEval.jsonl.gz", "rt", encoding="utf-8") as stream:
        problems = [json.loads(line) for line in stream]
    sets["HumanEval, solutions"] = [problem["canonical_solution"] for problem in problems]
    sets["HumanEval, with docstrings"] = [p["prompt"] + p["canonical_solution"] for p in problems]
    lines = (data / "sft/gsm8k_train.jsonl").read_text("utf-8").splitlines()
    sets["GSM8K"] = [json.loads(line)["answer"] for line in lines]
    sets["GSM8K, plain"] = [re.sub(r"<<.*?>>", "", text) for text in sets["GSM8K"]]
    return sets


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    sets = texts(parser.parse_args().data)
    print(
        "| score | data | answers | mean | above 0 | 0.1 or more | 0.5 or more | AUC against Dolly |"
    )
    print("|---|---|" + "---:|" * 6)
    for name in ("code_share", "maths_share"):
        step = operation(name)
        shares = {
            title: np.nan_to_num(step.run(pd.DataFrame({"response": part}, dtype="str")))
            for title, part in sets.items()
        }
        plain = shares["Dolly"]
        for title, values in shares.items():
            labels = np.repeat([0, 1], [len(plain), len(values)])
            auc = roc_auc_score(labels, np.concatenate([plain, values]))
            print(
                f"| {name} | {title} | {len(values):,} | {values.mean():.3f} | {np.mean(values > 0):.1%} "
                f"| {np.mean(values >= 0.1):.1%} | {np.mean(values >= 0.5):.1%} | {auc:.3f} |"
            )


if __name__ == "__main__":
    main()
