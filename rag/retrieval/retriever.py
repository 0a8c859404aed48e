"""A question becomes ranked hits. Knows nothing about language models or answers.

Dense search and BM25 each rank the passages that pass the filters; reciprocal rank fusion joins the two rankings
(Cormack, Clarke and Büttcher, SIGIR 2009); a reranker reads the first of them, and its ranking is fused in too.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import RLock
from types import TracebackType

from rag.errors import InputError
from rag.indexing.build import IndexStatus, build_settings, status_of
from rag.models.embedder import Embedder, SentenceTransformerEmbedder
from rag.indexing.store import ArticleRow, Store
from rag.models.rerank import Reranker, open_reranker
from rag.settings import Settings
from rag.language.words import STOP_WORDS, words
from rag.types import Article, Hit

#: The constant of reciprocal rank fusion (60 in the paper), and the weights of the rankings. Measured on the briefs'
#: gold set and on RealTimeQA; eval/README.md has the tables.
RRF_K = 10
WEIGHTS = {"dense": 0.66, "bm25": 1.0, "reranker": 1.0}
#: How many of the fused passages the reranker reads.
RERANKED = 20
#: Preference for articles published near the day of the question: a passage's score grows by at most NEAR_WEIGHT, less
#: with each NEAR_DAYS between (exponentially).
NEAR_WEIGHT, NEAR_DAYS = 0.3, 30
#: How deep each ranking is read.
DEPTH = 100


class Retriever:
    """Searches one index; safe to share between threads.

    Attributes:
        settings: what it was opened with.
        embedder: the model that encodes questions.
        reranker: reads the first passages again; None for none.
    """

    def __init__(self, store: Store, embedder: Embedder, settings: Settings, reranker: Reranker | None = None) -> None:
        self._store = store
        self._lock = RLock()
        self.embedder = embedder
        self.settings = settings
        self.reranker = reranker

    @classmethod
    def open(
        cls, path: Path | str | None = None, *, settings: Settings | None = None, embedder: Embedder | None = None
    ) -> Retriever:
        """Open an index.

        Args:
            path: its folder; default from the settings.
            embedder: default: the model that the settings name.

        Raises:
            IndexMissing, IndexCorrupted, IndexMismatch: see rag/errors.py.
            ModelMissing: the embedding model, or a reranker other than the shipped one, cannot be loaded.
        """
        settings = settings or Settings.load()
        if path is not None:
            settings = replace(settings, index_dir=Path(path))
        Store.open(settings.index_dir).close()  # fails at once, before a model is loaded
        embedder = embedder or SentenceTransformerEmbedder(settings.embedding_model)
        store = Store.open(settings.index_dir, build_settings(embedder, settings))
        return cls(store, embedder, settings, open_reranker(settings.reranker))

    def search(
        self,
        question: str,
        *,
        k: int | None = None,
        source: str | Sequence[str] | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
        as_of: date | str | None = None,
    ) -> list[Hit]:
        """The best passages for a question, at most `settings.max_per_article` of one article.

        Args:
            question: anything with a letter or digit in it.
            k: most hits (1 and up), default from the settings.
            source: only articles of this source, or of these.
            since, until: only articles published in this span, ends included, as dates or YYYY-MM-DD; undated
                articles are then left out.
            as_of: the day on which the question is asked; articles published near it are preferred, none is left out.

        Returns:
            Hits, best first. `scores` has "dense" (cosine in [-1, 1]) and "dense_rank", "bm25" (0 and up) and
            "bm25_rank", "reranker" (the reader's probability in [0, 1], or another model's score) and "reranker_rank",
            each only where that ranking holds the passage.

        Raises:
            InputError: an empty question, a bad date or span, an unknown source, or k below 1.
        """
        k = self.settings.k if k is None else k
        if k < 1:
            raise InputError(f"k is {k}.", "Ask for at least one passage.")
        if not words(question):
            raise InputError("The question is empty.", "Ask with at least one word or number.")
        first, last, asked = _day("since", since), _day("until", until), _day("as_of", as_of)
        if first and last and first > last:
            raise InputError(f"since ({first}) is later than until ({last}).", "Swap them.")
        vector = self.embedder.encode([question], kind="query")[0]
        with self._lock, self._store.snapshot():
            allowed = self._store.filter_rows(self._sources(source), first, last)
            if allowed is not None and not len(allowed):
                return []
            rankings = {
                "dense": self._store.search_vectors(vector, DEPTH, allowed),
                "bm25": self._store.search_text(match_expression(question), DEPTH, allowed),
            }
            fused = fuse({name: [row for row, _ in found] for name, found in rankings.items()})
            passages = self._store.passages([row for row, _ in fused])
        if self.reranker:
            first_rows = [row for row, _ in fused[:RERANKED]]
            read = self.reranker.score(question, [passages[row][0] for row in first_rows])
            # Of equal scores, the one that was first stays first.
            ranked = sorted(zip(first_rows, read, strict=True), key=lambda pair: -pair[1])
            rankings["reranker"] = ranked
            fused = fuse({name: [row for row, _ in found] for name, found in rankings.items()})
        if asked:
            fused = sorted(
                ((row, score * _nearness(asked, passages[row][0].published)) for row, score in fused),
                key=lambda pair: -pair[1],
            )
        components = {
            name: {row: (rank, score) for rank, (row, score) in enumerate(found, 1)} for name, found in rankings.items()
        }
        hits: list[Hit] = []
        taken: Counter[str] = Counter()
        speaker: dict[str, str] = {}
        for row, score in fused:
            passage, group = passages[row]
            # Of near-duplicate articles, the first to be found speaks for all.
            if speaker.setdefault(group, passage.article_id) != passage.article_id:
                continue
            if taken[group] == self.settings.max_per_article:
                continue
            taken[group] += 1
            scores: dict[str, float] = {}
            for name, found in components.items():
                if row in found:
                    scores[name], scores[f"{name}_rank"] = found[row][1], found[row][0]
            hits.append(Hit(passage, score, len(hits) + 1, scores))
            if len(hits) == k:
                break
        return hits

    def article(self, article_id: str) -> Article:
        """The whole article.

        Raises:
            InputError: there is none with that id.
        """
        with self._lock:
            article = self._store.article(article_id)
        if article is None:
            raise InputError(f"There is no article {article_id!r}.", "See the ids with: rag status --articles")
        return article

    def articles(self) -> list[ArticleRow]:
        """All articles without their text, newest first."""
        with self._lock:
            return self._store.article_rows()

    def status(self) -> IndexStatus:
        """What the index holds."""
        with self._lock:
            return status_of(self._store)

    def fingerprint(self) -> str:
        """sha256 (64 hex digits) of all articles and of how they were split and embedded."""
        with self._lock:
            manifest, hashes = self._store.manifest(), self._store.hashes()
        built = [manifest[name] for name in ("embedding_model", "passage_tokens", "passage_overlap")]
        parts = [*built, *(f"{id_} {content}" for id_, (content, _) in sorted(hashes.items()))]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def close(self) -> None:
        """Close the index."""
        with self._lock:
            self._store.close()

    def __enter__(self) -> Retriever:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _sources(self, source: str | Sequence[str] | None) -> list[str]:
        wanted = [source] if isinstance(source, str) else list(source or ())
        if wanted:
            known = self._store.sources()
            for name in wanted:
                if name not in known:
                    listed = ", ".join(sorted(filter(None, known))[:20]) or "none"
                    raise InputError(f"No article has the source {name!r}.", f"Known sources: {listed}.")
        return wanted


def fuse(rankings: dict[str, Iterable[int]]) -> list[tuple[int, float]]:
    """Weighted reciprocal rank fusion: a ranking gives weight / (RRF_K + rank) to each of its items.

    Args:
        rankings: items, best first, by the name of the ranking, a key of WEIGHTS.

    Returns:
        Items with their sums, best first; ties go to the lower item.
    """
    sums: dict[int, float] = {}
    for name, ranking in rankings.items():
        for rank, item in enumerate(ranking, 1):
            sums[item] = sums.get(item, 0.0) + WEIGHTS[name] / (RRF_K + rank)
    return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))


def _nearness(asked: date, published: date | None) -> float:
    """A factor from 1 (long before, after, or undated) to 1 + NEAR_WEIGHT (the same day)."""
    if published is None:
        return 1.0
    return 1.0 + NEAR_WEIGHT * math.exp(-abs((asked - published).days) / NEAR_DAYS)


def match_expression(question: str) -> str:
    """The question as an FTS5 expression: its content words, each quoted, joined by OR."""
    tokens = words(question)[:200]
    kept = [token for token in tokens if token not in STOP_WORDS] or tokens
    return " OR ".join(f'"{token}"' for token in dict.fromkeys(kept))


def _day(name: str, value: date | str | None) -> date | None:
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise InputError(f"{name} is {value!r}.", "Give a day as YYYY-MM-DD, e.g. 2025-10-19.") from None
