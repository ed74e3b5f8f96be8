"""Texts to vectors, remembered by their content, and which vectors lie near which."""

from curation.embedding.encoder import Encoder, bundled_folder, load_encoder
from curation.embedding.neighbours import nearest
from curation.embedding.reading import Reader, reader
from curation.embedding.store import NotRemembered, VectorStore

__all__ = [
    "Encoder",
    "NotRemembered",
    "Reader",
    "VectorStore",
    "bundled_folder",
    "load_encoder",
    "nearest",
    "reader",
]
