"""Other tools over the same passages: bm25s, txtai's hybrid, LangChain's FAISS. Needs pip install -e '.[benchmarks]'.

Each encodes questions by itself, with the packaged encoder as its own documentation loads it; passages' vectors may be
given, so that a comparison of searches need not embed them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rag.models.embedder import packaged_model_folder

Search = Callable[[str, int], list[int]]
"""A question and how many: numbers of the passages found, best first."""


def bm25s_search(texts: Sequence[str]) -> Search:
    """bm25s as its README has it: English stop words, stemmed."""
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False)

    def search(question: str, k: int) -> list[int]:
        tokens = bm25s.tokenize([question], stopwords="en", stemmer=stemmer, show_progress=False)
        found, scores = index.retrieve(tokens, k=k, show_progress=False)
        return [int(n) for n, score in zip(found[0], scores[0], strict=True) if score > 0]

    return search


def txtai_index(texts: Sequence[str]) -> Any:
    """txtai's hybrid index (BM25 and dense, its defaults), embedding included."""
    from txtai import Embeddings

    index = Embeddings(path=str(packaged_model_folder()), hybrid=True, gpu=False)
    index.index((n, text, None) for n, text in enumerate(texts))
    return index


def txtai_search(texts: Sequence[str], vectors: np.ndarray) -> Search:
    """txtai's hybrid index of passages that are embedded already; it embeds questions itself."""
    from txtai import Embeddings
    from txtai.vectors import VectorsFactory

    own = VectorsFactory.create({"path": str(packaged_model_folder()), "gpu": False, "normalize": True}, None)
    known = dict(zip(texts, vectors, strict=True))

    def transform(given: Any) -> Any:
        given = [given] if isinstance(given, str) else list(given)
        return np.stack([known[text] if text in known else own.encode([text])[0] for text in given])

    index = Embeddings(method="external", transform=transform, hybrid=True)
    index.index((n, text, None) for n, text in enumerate(texts))
    return lambda question, k: [int(n) for n, _ in index.search(question, k)]


def langchain_search(texts: Sequence[str], vectors: np.ndarray) -> Search:
    """LangChain's FAISS store, its questions embedded by sentence-transformers."""
    from langchain_community.vectorstores import FAISS
    from langchain_core.embeddings import Embeddings
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(packaged_model_folder()), device="cpu")

    class Encoder(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return model.encode(texts, normalize_embeddings=True).tolist()

        def embed_query(self, text: str) -> list[float]:
            return model.encode([text], normalize_embeddings=True)[0].tolist()

    numbered = [{"n": n} for n in range(len(texts))]
    store = FAISS.from_embeddings(zip(texts, vectors.tolist(), strict=True), Encoder(), metadatas=numbered)
    return lambda question, k: [d.metadata["n"] for d in store.similarity_search(question, k=k)]
