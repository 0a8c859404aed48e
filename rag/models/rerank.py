"""Rerankers: a closer look at the first passages of a search. Knows nothing about indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rag.errors import ModelError, ModelMissing
from rag.models.reader import Reader, shipped_reader
from rag.settings import NO_RERANKER, READER
from rag.types import Passage


class Reranker(Protocol):
    """Scores passages for a question."""

    def score(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """One score for each passage, on any scale, higher is better."""
        ...


class ReaderReranker:
    """Dateline's reader as a reranker: how likely the passage holds words that answer."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def score(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """Probabilities in [0, 1]."""
        return [found[0].probability for found in self._reader.read(question, [p.text for p in passages])]


class CrossEncoderReranker:
    """Any sentence-transformers CrossEncoder with one output, such as cross-encoder/ms-marco-MiniLM-L6-v2.

    Raises:
        ModelMissing: it cannot be loaded, or has several outputs.
    """

    def __init__(self, name: str) -> None:
        from sentence_transformers import CrossEncoder

        hint = "Give a folder or an id of the Hugging Face hub, or set DATELINE_RERANKER to reader or none."
        try:
            self._model: Any = CrossEncoder(name)
        except Exception as error:  # the libraries below raise whatever they like
            raise ModelMissing(
                f"The reranker {name} cannot be loaded: {' '.join(str(error).split())[:200]}", hint
            ) from error
        if self._model.config.num_labels != 1:
            raise ModelMissing(f"The reranker {name} has {self._model.config.num_labels} outputs, not one.", hint)

    def score(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """The model's own scores."""
        pairs = [(question, f"{p.title}\n{p.text}") for p in passages]
        return [float(score) for score in self._model.predict(pairs, show_progress_bar=False)]


def open_reranker(name: str) -> Reranker | None:
    """The reranker of a setting; None for "none", and for "reader" when the shipped reader cannot be used.

    Raises:
        ModelMissing: another one cannot be loaded.
    """
    if name == NO_RERANKER:
        return None
    if name != READER:
        return CrossEncoderReranker(name)
    try:
        return ReaderReranker(shipped_reader())
    except ModelError:
        return None  # search goes on without; the bot says so, and so does rag doctor
