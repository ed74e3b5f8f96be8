"""Files of a format and a split, written record by record, in shards above a size.

Guarantee: the memory that it needs does not grow with the number of records, apart from eight bytes
for the place of each.
"""

from __future__ import annotations

import itertools
import os
import shutil
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from curation import files
from curation.export.delivery_format import DeliveryFormat, Leading, Row

LARGEST = 500_000_000
"""Bytes above which a file is divided, unless a delivery says otherwise."""


@dataclass(frozen=True)
class Shard:
    """A file that was written: its path in the folder, and the places of its records' examples."""

    path: str
    places: array[int]


def write_shards(
    format: DeliveryFormat,
    split: str,
    records: Iterator[tuple[int, Row]],
    folder: Path,
    largest: int = LARGEST,
) -> list[Shard]:
    """Write records to files of a split, the next file when one has reached `largest` bytes.

    records: place of the example, and a record of it. Returns no file for no record.
    """
    leading: list[tuple[int, Row]] = []
    parts: list[tuple[Path, array[int]]] = []
    rest = _set_aside(records, leading) if format.leads else records
    for first in rest:
        path, places = folder / f".part-{len(parts)}", array("q")
        with open(path, "wb") as stream:
            filling = _filling(itertools.chain([first], rest), stream, largest, places)
            format.dump(filling, stream)
            files.sync(stream)
        parts.append((path, places))
    if leading:
        parts[:1] = [_with_leading(format, folder, leading, parts[:1])]
    shards = []
    for number, (path, places) in enumerate(parts):
        name = _name(format, split, number, len(parts))
        (folder / name).parent.mkdir(exist_ok=True)
        os.rename(path, folder / name)
        shards.append(Shard(name, places))
    return shards


def _name(format: DeliveryFormat, split: str, number: int, count: int) -> str:
    numbered = f"{split}-{number:05d}-of-{count:05d}{format.ending}"
    if format.name == "hf":  # the names that load_dataset knows by itself
        return f"data/{numbered}"
    return f"{format.name}/{numbered if count > 1 else f'{split}{format.ending}'}"


def _set_aside(
    records: Iterator[tuple[int, Row]], leading: list[tuple[int, Row]]
) -> Iterator[tuple[int, Row]]:
    """Yield the records without those that have to stand first, which are added to a list."""
    chosen = Leading()
    for place, record in records:
        if chosen.adds(record):
            leading.append((place, record))
        else:
            yield place, record


def _filling(
    records: Iterator[tuple[int, Row]], stream: BinaryIO, largest: int, places: array[int]
) -> Iterator[Row]:
    """Yield records until a stream has reached a size."""
    for place, record in records:
        places.append(place)
        yield record
        if stream.tell() >= largest:
            return


def _with_leading(
    format: DeliveryFormat,
    folder: Path,
    leading: list[tuple[int, Row]],
    first: list[tuple[Path, array[int]]],
) -> tuple[Path, array[int]]:
    """Return the first file with the leading records put before its own."""
    path, places = folder / ".part-first", array("q", [place for place, _ in leading])
    with open(path, "wb") as stream:
        format.dump((record for _, record in leading), stream)
        for old, old_places in first:
            with open(old, "rb") as source:
                shutil.copyfileobj(source, stream)
            old.unlink()
            places += old_places
        files.sync(stream)
    return path, places
