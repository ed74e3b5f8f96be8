"""The ten worst files that somebody may open, and a part of the sentence that each must get."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

GOOD = b'{"prompt": "Name a planet.", "completion": "Saturn."}\n'


def _zip_that_climbs() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../outside.jsonl", GOOD)
        archive.writestr("inside.jsonl", GOOD)
    return buffer.getvalue()


def _office_file() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


def _cut_parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table({"prompt": ["a"] * 500, "completion": ["b"] * 500}), buffer)
    return buffer.getvalue()[:-200]


def write(folder: Path) -> dict[str, str]:
    """Write the files into a folder; name → what the page must say of it."""
    contents = {
        "deep.jsonl": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"\n" + GOOD, "nested deeper"),
        "bomb.jsonl.gz": (gzip.compress(b"[" + b" " * 60_000_000, 9), "limit expansion"),
        "long.jsonl": (b'{"prompt": "' + b"x" * 50_000_000 + b'"}\n' + GOOD, "limit row_mb"),
        "climbs.zip": (_zip_that_climbs(), "outside"),
        "report.jsonl": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + GOOD, "PDF"),
        "empty.jsonl": (b"", "no examples"),
        "sheet.csv": (_office_file(), "Office"),
        "cut.parquet": (_cut_parquet(), "not a whole"),
        "twice.csv": (b"prompt,prompt,completion\na,b,c\n", "twice"),
        "broken.jsonl": (b'{"prompt": "a", "prompt": "b"}\n\x00\xff{{{\n' + GOOD, "stands twice"),
    }
    for name, (data, _) in contents.items():
        (folder / name).write_bytes(data)
    return {name: sentence for name, (_, sentence) in contents.items()}
