"""Writing of rows to a file: JSON Lines, Parquet or CSV."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation import files
from curation.errors import CurationError
from curation.export.trainers.tables import safe_cell

ENDINGS = (".jsonl", ".parquet", ".csv")


def check_ending(to: Path | None) -> None:
    """Raise CurationError unless `to` is None or a file name that `write_frame` knows."""
    if to is not None and to.suffix not in ENDINGS:
        raise CurationError(f"{to.name}: rows are written to .jsonl, .parquet or .csv.")


def write_frame(frame: pd.DataFrame, to: Path | None) -> None:
    """Write rows as JSON Lines, Parquet or CSV by the file's ending; to stdout as JSON Lines.

    JSON Lines hold `messages` as a list of turns, the others as JSON text. Raises CurationError
    for another ending or when it cannot be written.
    """
    check_ending(to)
    if to is None:
        for start in range(0, len(frame), CHUNK):
            sys.stdout.write(json_lines(frame.iloc[start : start + CHUNK]).decode())
        return
    with files.replacing(to) as temporary:
        if to.suffix == ".jsonl":
            with open(temporary, "wb") as stream:
                for start in range(0, len(frame), CHUNK):
                    stream.write(json_lines(frame.iloc[start : start + CHUNK]))
        elif to.suffix == ".parquet":
            table = pa.Table.from_pandas(frame, preserve_index=False)
            pq.write_table(table, temporary, compression="zstd")
        else:  # quoted, because Python before 3.13 does not quote a lone carriage return
            frame.map(safe_cell).to_csv(
                temporary, index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC
            )


CHUNK = 1_000
"""Rows that are turned into text at once."""


def json_lines(frame: pd.DataFrame) -> bytes:
    """Return rows as JSON Lines, in which `messages` is a list of turns and a missing value is null."""
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    for record in records:
        if record.get("messages"):
            record["messages"] = orjson.Fragment(record["messages"])
    return b"".join(orjson.dumps(r, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n" for r in records)
