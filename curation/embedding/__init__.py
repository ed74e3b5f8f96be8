"""Vectors of texts: models, the backends that compute them, vectors on disk, and neighbours.

models       the folder of a model, its title, loading it
multilingual  the model of 15 languages that a package carries
tokenizer    the tokens of a text, the model's limit, windows of longer texts
backends     how a model is computed on this machine
benchmark    which backend is the fastest on this machine
static       static embeddings: a vector for each token, made from a model
encoder      a model and its backend behind one method
workers      an encoder whose texts are embedded by an engine's workers
store        vectors on disk, and the backend that a project chose for each model
neighbours   the nearest neighbours of vectors
fits         how well the vector of an answer fits that of its prompt
"""

from curation.embedding.encoder import Encoder, load_encoder
from curation.embedding.models import bundled_folder
from curation.embedding.multilingual import MULTILINGUAL, READS
from curation.embedding.neighbours import nearest
from curation.embedding.store import NotRemembered, VectorStore
from curation.embedding.tokenizer import (
    UNREADABLE,
    TextTokenizer,
    local_tokenizer,
    tokenizer_of,
    unknown_shares,
)

__all__ = [
    "MULTILINGUAL",
    "Encoder",
    "READS",
    "NotRemembered",
    "TextTokenizer",
    "UNREADABLE",
    "VectorStore",
    "bundled_folder",
    "load_encoder",
    "local_tokenizer",
    "nearest",
    "tokenizer_of",
    "unknown_shares",
]
