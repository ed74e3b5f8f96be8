"""The places of a dataset's vectors in the store's file, remembered beside the delta of the embed step.

Guarantee: vectors are opened by their places without a look at any text, and only while the file holds
the same keys there, each with a sound row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from curation.cache import Cache, key
from curation.vectors import Vectors


def keep_places(cache: Cache, fingerprint: str, vectors: Vectors | None, store: Any) -> None:
    """Remember where the vectors of an embed step stand; those in memory have no place."""
    receipt = None if vectors is None or store is None else store.receipt(vectors)
    if vectors is not None and receipt:
        table = pa.table({"place": vectors.places})
        cache.put(_name(fingerprint), table.replace_schema_metadata(receipt))


def remembered_places(cache: Cache, fingerprint: str, store: Any) -> Vectors | None:
    """The vectors of an embed step at their remembered places; None where these do not hold."""
    table = cache.get(_name(fingerprint))
    if table is None:
        return None
    receipt = {name.decode(): value.decode() for name, value in table.schema.metadata.items()}
    places = np.asarray(table["place"].combine_chunks().to_numpy())
    vectors: Vectors | None = store.reopened(places, receipt)
    return vectors


def _name(fingerprint: str) -> str:
    return key("places", fingerprint)
