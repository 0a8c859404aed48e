"""Rerankers: by hand at the seam, and a real cross-encoder, tiny and untrained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from making import passage

from rag.errors import InputError, ModelMissing
from rag.evaluation.entailment import CrossEncoderEntailment
from rag.indexing.build import build_index
from rag.models.embedder import packaged_model_folder
from rag.models.rerank import CrossEncoderReranker, open_reranker
from rag.retrieval.retriever import Retriever
from rag.settings import Settings
from rag.types import Article, Passage


@pytest.fixture
def three(settings: Settings, letters: Any) -> Settings:
    articles = [
        Article("first", "T", "a a a word", published=date(2025, 1, 1)),
        Article("second", "T", "a a b word", published=date(2025, 6, 1)),
        Article("third", "T", "a b b word", published=date(2025, 12, 1)),
    ]
    build_index(articles, settings, embedder=letters)
    return settings


class Backwards:
    """Likes what is worst."""

    def score(self, question: str, passages: Sequence[Passage]) -> list[float]:
        return [float(passage.text.count("b")) for passage in passages]


def test_its_ranking_is_fused_with_the_others(three: Settings, letters: Any) -> None:
    with Retriever.open(settings=three, embedder=letters) as plain:
        before = plain.search("a word")
        assert before[0].passage.article.id == "first"
        assert "reranker" not in before[0].scores
        with_it = Retriever(plain._store, letters, three, Backwards())
        hits = {hit.passage.article.id: hit for hit in with_it.search("a word")}
    assert [hits[id_].scores["reranker_rank"] for id_ in ("first", "second", "third")] == [3, 2, 1]
    assert hits["third"].scores["reranker"] == 2.0
    for rank, hit in enumerate(before, 1):
        again = hits[hit.passage.article.id]
        assert again.score == pytest.approx(1 / (10 + rank) + 1 / (10 + again.scores["reranker_rank"]))


def test_the_day_of_asking_is_a_soft_preference(three: Settings, letters: Any) -> None:
    with Retriever.open(settings=three, embedder=letters) as retriever:
        plain = [hit.passage.article.id for hit in retriever.search("a word")]
        near = [hit.passage.article.id for hit in retriever.search("a word", as_of="2025-06-01")]
        assert plain == ["first", "second", "third"]
        assert near == ["second", "first", "third"]
        with pytest.raises(InputError, match="as_of is 'today'"):
            retriever.search("a word", as_of="today")


def cross_encoder(folder: Path, labels: int, names: dict[int, str] | None = None) -> str:
    from sentence_transformers import CrossEncoder
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    config = BertConfig(vocab_size=30522, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=16, num_labels=labels)  # fmt: skip
    if names:
        config.id2label, config.label2id = names, {name: n for n, name in names.items()}
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(packaged_model_folder()).save_pretrained(folder)
    assert CrossEncoder(str(folder)) is not None
    return str(folder)


def test_any_cross_encoder_by_name(tmp_path: Path, briefs: Settings) -> None:
    one = cross_encoder(tmp_path / "one", 1)
    scores = CrossEncoderReranker(one).score("Who?", [passage("Anna."), passage("Rain.")])
    assert len(scores) == 2
    with Retriever.open(settings=replace(briefs, reranker=one)) as retriever:
        assert "reranker" in retriever.search("Who mediated?")[0].scores
    with pytest.raises(ModelMissing, match="3 outputs"):
        open_reranker(cross_encoder(tmp_path / "three", 3))
    with pytest.raises(ModelMissing, match="cannot be loaded"):
        open_reranker(str(tmp_path / "none"))
    assert open_reranker("none") is None


def test_an_entailment_model_by_name(tmp_path: Path) -> None:
    names = {0: "contradiction", 1: "entailment", 2: "neutral"}
    judge = CrossEncoderEntailment(cross_encoder(tmp_path / "nli", 3, names))
    assert judge("It rained.", "It was wet.") in {True, False}
    with pytest.raises(ModelMissing, match="one must be named entailment"):
        CrossEncoderEntailment(cross_encoder(tmp_path / "other", 2))
