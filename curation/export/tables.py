"""A frame of rows to a file that others read."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curation import files
from curation.errors import CurationError
from curation.export.trainers.tables import safe_cell


def write_frame(frame: pd.DataFrame, to: Path | None) -> None:
    """Write rows as JSON Lines, Parquet or CSV by the file's ending; to stdout as JSON Lines.

    Raises CurationError for another ending or when it cannot be written.
    """
    if to is None:
        for at in range(0, len(frame), 1_000):
            sys.stdout.write(_lines(frame.iloc[at : at + 1_000]).decode())
        return
    with files.replacing(to) as temporary:
        if to.suffix == ".jsonl":
            with open(temporary, "wb") as stream:
                for at in range(0, len(frame), 1_000):
                    stream.write(_lines(frame.iloc[at : at + 1_000]))
        elif to.suffix == ".parquet":
            pq.write_table(
                pa.Table.from_pandas(frame, preserve_index=False), temporary, compression="zstd"
            )
        elif to.suffix == ".csv":
            frame.map(safe_cell).to_csv(temporary, index=False, lineterminator="\n")
        else:
            raise CurationError(f"{to.name}: rows are written to .jsonl, .parquet or .csv.")


def _lines(frame: pd.DataFrame) -> bytes:
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return b"".join(orjson.dumps(r, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n" for r in records)
