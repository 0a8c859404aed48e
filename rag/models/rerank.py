"""Rerankers: a closer look at the first passages of a search. Knows nothing about indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rag.errors import ModelMissing
from rag.settings import NO_RERANKER
from rag.types import Passage


class Reranker(Protocol):
    """Scores passages for a question."""

    def score(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """One score for each passage, on any scale, higher is better."""
        ...


class CrossEncoderReranker:
    """Any sentence-transformers CrossEncoder with one output, such as cross-encoder/ms-marco-MiniLM-L6-v2.

    Raises:
        ModelMissing: it cannot be loaded, or has several outputs.
    """

    def __init__(self, name: str) -> None:
        from sentence_transformers import CrossEncoder

        hint = "Give a folder or an id of the Hugging Face hub, or set DATELINE_RERANKER to none."
        try:
            self._model: Any = CrossEncoder(name)
        except Exception as error:  # the libraries below raise whatever they like
            raise ModelMissing(
                f"The reranker {name} cannot be loaded: {' '.join(str(error).split())[:200]}", hint
            ) from error
        if self._model.num_labels != 1:
            raise ModelMissing(f"The reranker {name} has {self._model.num_labels} outputs, not one.", hint)

    def score(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """The model's own scores."""
        pairs = [(question, f"{p.article.title}\n{p.text}") for p in passages]
        return [float(score) for score in self._model.predict(pairs, show_progress_bar=False)]


def open_reranker(name: str) -> Reranker | None:
    """The reranker of a setting; None for "none".

    Raises:
        ModelMissing: it cannot be loaded.
    """
    return None if name == NO_RERANKER else CrossEncoderReranker(name)
