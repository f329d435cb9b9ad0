"""A text as a vector of numbers: TF-IDF and truncated SVD, doc2vec, or an embedding that is delivered."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.similarity import unit_rows
from schemas.errors import SettingsError
from schemas.relation_kinds import SimilarTextSpec

_WORD = re.compile(r"\w+")


def document_vectors(texts: Sequence[str], spec: SimilarTextSpec) -> NDArray[np.float32]:
    """Return unit vectors, (n, components or fewer); a text without a known word is all zeros.

    Raises
    ------
    SettingsError
        If doc2vec is asked for and gensim is not installed.
    """
    written = sum(1 for text in texts if text.strip())
    if written < 2:
        return np.zeros((len(texts), 1), dtype=np.float32)
    if spec.method == "given":
        return given_vectors(texts, spec.components)
    if spec.method == "doc2vec":
        return _doc2vec(texts, spec)
    return latent_semantic_vectors(texts, spec.components, spec.least_documents, spec.seed)


def latent_semantic_vectors(
    texts: Sequence[str], components: int = 100, least_documents: int = 2, seed: int = 0
) -> NDArray[np.float32]:
    """Weigh words and reduce them (latent semantic analysis; Deerwester et al. 1990): unit vectors.

    Parameters
    ----------
    texts
        At least one of them with a word.
    least_documents
        A word in fewer texts than this is not looked at.

    Returns
    -------
    (n, components or fewer)
        All zeros for a text without a known word.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    written = sum(1 for text in texts if text.strip())
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=min(least_documents, written))
    try:
        weights = vectorizer.fit_transform(texts)
    except ValueError:  # scikit-learn's word for: no word is in enough documents
        return np.zeros((len(texts), 1), dtype=np.float32)
    components = min(components, min(weights.shape) - 1)
    if components < 2:
        return unit_rows(weights.toarray())
    with np.errstate(invalid="ignore"):  # it divides by the variance, of which texts that are all alike have none
        reduced = TruncatedSVD(components, random_state=seed).fit_transform(weights)
    return unit_rows(reduced)


def _doc2vec(texts: Sequence[str], spec: SimilarTextSpec) -> NDArray[np.float32]:
    """Learn a vector a text (paragraph vectors; Le and Mikolov 2014). One worker, so that a seed gives one result."""
    try:
        from gensim.models.doc2vec import Doc2Vec, TaggedDocument
    except ImportError as error:
        raise SettingsError(
            f"Relation {spec.name} is made by doc2vec, which needs a package that is not installed.",
            expected="the package gensim",
            found=str(error),
            way_out="install it with pip install gensim, or use `method: tfidf`, which needs nothing more",
        ) from error
    words = [_WORD.findall(text.lower()) for text in texts]
    documents = [TaggedDocument(found, [place]) for place, found in enumerate(words) if found]
    model = Doc2Vec(
        vector_size=spec.components,
        min_count=spec.least_documents,
        epochs=spec.epochs,
        seed=spec.seed,
        workers=1,
        # Python's own hash of a text differs from run to run.
        hashfxn=lambda text: zlib.crc32(str(text).encode()),
    )
    model.build_vocab(documents)
    vectors = np.zeros((len(texts), spec.components), dtype=np.float32)
    if len(model.wv) == 0:  # no word is in enough documents
        return vectors
    model.train(documents, total_examples=len(documents), epochs=spec.epochs)
    for document in documents:
        (place,) = document.tags
        vectors[place] = model.dv[place]
    return unit_rows(vectors)


def given_vectors(texts: Sequence[str], components: int) -> NDArray[np.float32]:
    """Return delivered embeddings, JSON arrays of `components` numbers, as unit vectors; zeros where there is none."""
    vectors = np.zeros((len(texts), components))
    for place, text in enumerate(texts):
        if text.strip():
            vectors[place] = json.loads(text)
    return unit_rows(vectors)
