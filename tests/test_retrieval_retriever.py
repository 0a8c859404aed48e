from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from rag.errors import InputError
from rag.evaluation.gold import read_gold
from rag.evaluation.metrics import judged, recall_at
from rag.indexing.build import build_index
from rag.indexing.contract import StoredPassage
from rag.resources import resource
from rag.retrieval.ranking import FEATURES, Ranker, features
from rag.retrieval.retriever import Retriever, fuse, search_words
from rag.settings import Settings
from rag.types import Article, ArticleMeta, Passage


@pytest.fixture
def small(settings: Settings, letters: Any) -> Any:
    items = [
        Article("x", "One", "a a b", "S1", date(2025, 10, 1), origin="/x"),
        Article("y", "Two", "b b a", "S2", date(2025, 11, 1), origin="/y"),
        Article("z", "Three", "c c c", "S2", None, origin="/z"),
    ]
    build_index(items, settings, embedder=letters)
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        yield retriever


def test_fusion_by_hand() -> None:
    fused = fuse({"dense": [1, 2, 3], "bm25": [3, 1]})
    # weights .66 and 1, constant 10
    assert fused == [
        (1, pytest.approx(0.66 / 11 + 1 / 12)),
        (3, pytest.approx(0.66 / 13 + 1 / 11)),
        (2, pytest.approx(0.66 / 12)),
    ]


def test_search_wordss_are_quoted_and_keep_something() -> None:
    assert search_words('Who "mediated" (the) talks? OR *') == ["mediated", "talks"]
    assert search_words("Who was it?") == ["who", "was", "it"]
    assert search_words("Türkiye's 2,600") == ["turkiye", "2", "600"]


def test_every_component_is_on_the_hit(small: Retriever) -> None:
    first, second, third = small.search("aab")
    assert [h.passage.article.id for h in (first, second, third)] == ["x", "y", "z"]
    assert [h.rank for h in (first, second, third)] == [1, 2, 3]
    # (2,1,0)/√5 against (2,1,0)/√5, (1,2,0)/√5 and (0,0,1); no word "aab" in any passage
    assert first.scores == {"dense": pytest.approx(1.0), "dense_rank": 1}
    assert second.scores["dense"] == pytest.approx(0.8)
    assert third.scores["dense"] == pytest.approx(0.0)
    assert first.score > second.score > third.score > 0
    assert first.score + second.score + third.score == pytest.approx(1)
    hit = small.search("c", k=1)[0]
    assert hit.passage.id == "z#0-5"
    assert set(hit.scores) == {"dense", "dense_rank", "bm25", "bm25_rank"}
    assert hit.scores["bm25"] > 0


def test_features_of_a_passage_by_hand() -> None:
    day = date(2025, 10, 1)
    near, far = ArticleMeta("x", "One", published=day), ArticleMeta("y", "Two")
    none = np.zeros((0, 3), np.float32)
    passages = {
        4: StoredPassage(Passage(near, "a", 0, 1), "x", none),
        7: StoredPassage(Passage(near, "b", 9, 10), "x", none),
        2: StoredPassage(Passage(far, "c", 5, 6), "y", none),
    }
    # of cosines from .2 to .6, .5 lies at three quarters; a BM25 of 3 is half of the best
    found = features(passages, {4: 0.5, 9: 0.6, 8: 0.2}, {7: 3.0, 5: 6.0}, {4: (0.3, 0.4), 7: (), 2: (0.6,)}, day)
    assert [dict(zip(FEATURES, row, strict=True)) for row in found.round(6).tolist()] == [
        {"dense": 0.75, "sentence": 0.5, "bm25": 0, "article_dense": 0.75, "article_bm25": 0.5, "lead": 1, "near": 1},
        {"dense": 0, "sentence": 0, "bm25": 0.5, "article_dense": 0.75, "article_bm25": 0.5, "lead": 0, "near": 1},
        {"dense": 0, "sentence": 1, "bm25": 0, "article_dense": 0, "article_bm25": 0, "lead": 0, "near": 0},
    ]
    assert not features(passages, {}, {}, {}, None)[:, [0, 1, 2, 3, 4, 6]].any()


def test_shares_by_hand() -> None:
    weights = (math.log(2), 0, 0, 0, 0, math.log(3), 0)
    rows = np.eye(len(FEATURES))[[0, 5, 1]]
    assert Ranker(weights).share(rows).tolist() == pytest.approx([2 / 6, 3 / 6, 1 / 6])


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"source": "S2"}, {"y", "z"}),
        ({"source": ["S1", "S2"]}, {"x", "y", "z"}),
        ({"since": "2025-10-15"}, {"y"}),
        ({"until": date(2025, 10, 1)}, {"x"}),
        ({"since": "2025-10-01", "until": "2025-11-01"}, {"x", "y"}),
        ({"source": "S1", "since": "2025-10-15"}, set()),
    ],
)
def test_filters_come_before_ranking(small: Retriever, filters: dict[str, Any], expected: set[str]) -> None:
    assert {h.passage.article.id for h in small.search("a b", **filters)} == expected


@pytest.mark.parametrize(
    ("question", "filters", "words"),
    [
        ("", {}, "empty"),
        (" ?! ", {}, "empty"),
        ("a", {"k": 0}, "k is 0"),
        ("a", {"since": "last week"}, "YYYY-MM-DD"),
        ("a", {"since": "2025-11-01", "until": "2025-10-01"}, "Exchange"),
        ("a", {"source": "S9"}, "S1, S2"),
    ],
)
def test_bad_input(small: Retriever, question: str, filters: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        small.search(question, **filters)
    with pytest.raises(InputError, match="no article 'q'"):
        small.article("q")


def test_few_passages_of_one_article(settings: Settings, letters: Any) -> None:
    settings = replace(settings, passage_tokens=16, passage_overlap=0, max_per_article=2)
    long = ". ".join(f"a b word{n} " + "a " * 12 for n in range(10))
    build_index([Article("x", "T", long), Article("y", "T", "b c a")], settings, embedder=letters)
    with Retriever.open(settings=settings, embedder=letters) as retriever:
        found = [h.passage.article.id for h in retriever.search("a b", k=8)]
        assert sorted(found) == ["x", "x", "y"]


def test_passages_beyond_the_compared_follow_in_their_order(briefs: Settings, embedder: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("rag.retrieval.retriever.COMPARED", 5)
    with Retriever.open(settings=replace(briefs, max_per_article=50), embedder=embedder) as retriever:
        hits = retriever.search("Who mediated?", k=50)
        fused = fuse(
            {
                name: [
                    h.passage.id for h in sorted((h for h in hits if rank in h.scores), key=lambda h: h.scores[rank])
                ]
                for name, rank in (("dense", "dense_rank"), ("bm25", "bm25_rank"))
            }
        )
        assert len(hits) > 10
        assert sum(hit.score for hit in hits[:5]) == pytest.approx(1)
        assert {hit.passage.id for hit in hits[:5]} == {id_ for id_, _ in fused[:5]}
        assert [(hit.passage.id, hit.score) for hit in hits[5:]] == [(id_, 0) for id_, _ in fused[5:]]
        assert retriever.search("Who mediated?", k=3) == hits[:3]


def test_odd_questions_do_not_crash(small: Retriever) -> None:
    for question in ("a" * 8_000, "word " * 1_600, 'NEAR("a" b) AND NOT -c:*', "中文 🙂 a", "\x00a"):
        assert small.search(question)


def test_many_threads_search_at_once(briefs: Settings, embedder: Any) -> None:
    with Retriever.open(settings=briefs, embedder=embedder) as retriever:
        questions = ["Who mediated?", "When was the ceasefire signed?", "Where is Torkham?"] * 8
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda q: [h.passage.id for h in retriever.search(q)], questions))
        assert found[:3] * 8 == found


def test_bare_questions_bring_the_right_passage_into_the_first_three(briefs: Settings, embedder: Any) -> None:
    items = [i for i in read_gold(resource("eval", "gold", "briefs.jsonl")) if i.answerable]
    with Retriever.open(briefs.index_dir, settings=briefs, embedder=embedder) as retriever:
        found = {item.question: retriever.search(item.question) for item in items}
        assert len(retriever.articles()) == 14
        assert retriever.status().passages == 18
    for item in items:
        if item.question in {"Who mediated?", "When was the ceasefire signed?", "Where was the ceasefire signed?"}:
            assert recall_at(*judged(found[item.question], item), 3) == 1.0, item.question
    recall = sum(recall_at(*judged(found[item.question], item), 3) for item in items) / len(items)
    assert recall >= 0.95
