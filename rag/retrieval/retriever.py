"""A question becomes ranked hits. Knows nothing about language models or answers.

Dense search and BM25 each rank the passages that pass the filters; reciprocal rank fusion joins the two rankings
(Cormack, Clarke and Büttcher, SIGIR 2009); the first of them are compared with each other (see ranking.py); a reranker,
where one is named, reads the first of those, and its ranking is fused with theirs.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeAlias

from rag.articles.outlets import same_outlet
from rag.errors import InputError
from rag.indexing.build import IndexStatus, build_settings, status_of
from rag.indexing.contract import ArticleRow, EarlierVersion, Filters, Reader, StoredPassage
from rag.indexing.listing import Listing, Wanted
from rag.indexing.opening import open_index
from rag.language.scripts import plain, terms
from rag.language.words import STOP_WORDS, words
from rag.models.embedder import Embedder, open_embedder
from rag.models.rerank import Reranker, open_reranker
from rag.retrieval.ranking import features, shipped_ranker
from rag.settings import Settings
from rag.types import Article, ArticleMeta, Hit, Query

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The constant of reciprocal rank fusion (60 in the paper), and the weights of the rankings. Measured on the briefs'
#: gold set and on RealTimeQA; eval/README.md has the tables.
RRF_K = 10
WEIGHTS = {"dense": 0.66, "bm25": 1.0, "compared": 1.0, "reranker": 1.0}
#: How many of the fused passages are compared; eval/README.md has the table. More are read, as many at a time, where
#: these are not enough.
COMPARED = 24
#: How many of them the reranker reads.
RERANKED = 20
#: How deep each ranking is read.
DEPTH = 100


class Searcher(Protocol):
    """Where a bot's passages come from: a `Retriever`, or whatever takes its place."""

    @property
    def settings(self) -> Settings:
        """What it was opened with."""
        ...

    def search(self, query: Query) -> list[Hit]:
        """Hits for a query, best first; see `Retriever.search`."""
        ...

    def holding(self, query: Query, terms: Sequence[str]) -> list[Hit]:
        """One hit for each article that holds every term; see `Retriever.holding`."""
        ...

    def sources(self) -> dict[str, int]:
        """Number of articles by source."""
        ...

    def newest(self) -> date | None:
        """Day of the newest article, None when none is dated."""
        ...

    def versions(self, article_id: str) -> tuple[EarlierVersion, ...]:
        """The earlier versions of an article, newest first."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


class Retriever:
    """Searches one index; safe to share between threads.

    Attributes:
        settings: what it was opened with.
        embedder: the model that encodes questions.
        reranker: reads the first passages again; None for none.
    """

    def __init__(self, store: Reader, embedder: Embedder, settings: Settings, reranker: Reranker | None = None) -> None:
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
        open_index(settings).close()  # fails at once, before a model is loaded
        embedder = embedder or open_embedder(settings.embedding_model, settings.cache_dir)
        store = open_index(settings, build_settings(embedder, settings))
        return cls(store, embedder, settings, open_reranker(settings.reranker))

    def search(
        self,
        query: Query | str,
        *,
        k: int | None = None,
        source: str | Sequence[str] | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
        as_of: date | str | None = None,
        undated: bool = False,
        articles: Sequence[str] | None = None,
        vector: NDArray[np.float32] | None = None,
    ) -> list[Hit]:
        """The best passages for a question, at most `settings.max_per_article` of one article.

        Args:
            query: a Query, which brings its own filters, or anything with a letter or digit in it.
            k: most hits (1 and up), default from the settings.
            source: only articles of this source, or of these, by name without regard to case or by host.
            since, until: only articles published in this span, ends included, as dates or YYYY-MM-DD.
            as_of: the day on which the question is asked; articles published near it are preferred.
            undated: whether articles without a day pass a filter by date.
            articles: ids of the only articles to search; None for all.
            vector: the query's embedding, shape (dimension,), where the caller has it already.

        Returns:
            Hits, best first. A hit's `score` is the probability, in [0, 1], that of the passages compared it is the one
            sought, 0 for one that was not compared; with a reranker, the fused score of both. `scores` has "dense"
            (cosine in [-1, 1]) and "dense_rank", "bm25" (0 and up) and "bm25_rank", and, with a reranker, its score as
            "reranker" and "reranker_rank", each only where that ranking holds the passage. `cosines` are the sentences'
            similarities to the query.

        Raises:
            InputError: an empty question, a bad date or span, an unknown source, or k below 1.
        """
        if isinstance(query, str):
            query = Query.of(
                query,
                k=self.settings.k if k is None else k,
                source=source,
                since=since,
                until=until,
                as_of=as_of,
                undated=undated,
                articles=articles,
            )
        if vector is None:
            vector = self.embedder.encode([query.text], kind="query")[0]
        with self._lock, self._store.snapshot():
            compared = self._compare(query, vector)
            ranked, chosen, passages = self._first(compared, query)
            also = self._store.repeats_of({stored.group for stored in passages.values()})
        rankings = dict(compared.rankings)
        if self.reranker:
            rankings["reranker"], ranked = self._reread(self.reranker, query, ranked, passages)
            chosen = _choose(ranked, passages, query.k, self.settings.max_per_article)
        ranks = {name: {row: (n, score) for n, (row, score) in enumerate(each, 1)} for name, each in rankings.items()}
        hits = []
        for rank, (row, score) in enumerate(chosen, 1):
            stored = passages[row]
            scores: dict[str, float] = {}
            for name in (name for name, found in ranks.items() if row in found):
                scores[f"{name}_rank"], scores[name] = ranks[name][row]
            cosines = compared.cosines.get(row) or _cosines(stored, vector)
            copies = tuple(meta for meta in also.get(stored.group, ()) if meta.id != stored.passage.article.id)
            hits.append(Hit(stored.passage, score, rank, scores, cosines, also=copies))
        return hits

    def _compare(self, query: Query, vector: NDArray[np.float32]) -> Compared:
        """The first of the fused passages with what is known of them; the others in their order."""
        filters = self._filters(query)
        rankings = {
            "dense": self._store.search_vectors(vector, DEPTH, filters),
            "bm25": self._store.search_text(search_words(query.text), DEPTH, filters),
        }
        fused = [row for row, _ in fuse({name: [row for row, _ in found] for name, found in rankings.items()})]
        read = self._store.passages(fused[:COMPARED])
        passages = {row: read[row] for row in fused[:COMPARED]}
        cosines = {row: _cosines(stored, vector) for row, stored in passages.items()}
        known = features(passages, dict(rankings["dense"]), dict(rankings["bm25"]), cosines, query.as_of)
        return Compared(rankings, passages, cosines, known, fused[COMPARED:])

    def _first(self, compared: Compared, query: Query) -> tuple[Ranking, Ranking, dict[int, StoredPassage]]:
        """All that was read, ranked; of it what to show; and the passages: as many as it takes to have enough."""
        passages = dict(compared.passages)
        shares = shipped_ranker().share(compared.known).tolist() if passages else []
        # Of equal scores, the one that was first stays first.
        ranked = sorted(zip(passages, shares, strict=True), key=lambda pair: -pair[1])
        chosen = _choose(ranked, passages, query.k, self.settings.max_per_article)
        for at in range(0, len(compared.others), COMPARED):
            if len(chosen) == query.k:
                break
            more = compared.others[at : at + COMPARED]
            passages |= self._store.passages(more)
            ranked += [(row, 0.0) for row in more]
            chosen = _choose(ranked, passages, query.k, self.settings.max_per_article)
        return ranked, chosen, passages

    def _reread(
        self, reranker: Reranker, query: Query, ranked: Ranking, passages: Mapping[int, StoredPassage]
    ) -> tuple[Ranking, Ranking]:
        """The reranker's ranking of the first passages, and its fusion with theirs."""
        first = [row for row, _ in ranked[:RERANKED]]
        read = reranker.score(query.text, [passages[row].passage for row in first])
        reread = sorted(zip(first, read, strict=True), key=lambda pair: -pair[1])
        return reread, fuse({"compared": [row for row, _ in ranked], "reranker": [row for row, _ in reread]})

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

    def listed(self, wanted: Wanted, most: int = 100, skip: int = 0) -> Listing:
        """Articles for a person to look through, see `rag.indexing.listing`."""
        with self._lock, self._store.snapshot():
            return self._store.listed(wanted, most, skip)

    def pulse(self) -> tuple[int, int]:
        """How many articles there are, and a number that grows whenever the index changes."""
        with self._lock:
            return self._store.counts()[0], int(self._store.manifest()["generation"])

    def versions(self, article_id: str) -> tuple[EarlierVersion, ...]:
        """The earlier versions of an article, newest first."""
        with self._lock:
            return self._store.versions(article_id)

    def repeated(self, article_id: str) -> tuple[ArticleMeta, ...]:
        """The other articles that tell the same in nearly the same words."""
        with self._lock:
            speaks = self._store.speaker(article_id)
            group = speaks or article_id
            also = self._store.repeats_of([group]).get(group, ())
            first = self._store.article(group) if speaks else None
        return (*((first.meta,) if first else ()), *(meta for meta in also if meta.id != article_id))

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

    def holding(self, query: Query, terms: Sequence[str]) -> list[Hit]:
        """One hit for each article that passes the query's filters and holds every term, newest first.

        Args:
            terms: see `Store.holding`.
        """
        with self._lock, self._store.snapshot():
            stored = self._store.passages(self._store.holding(terms, self._filters(query)))
        passages = [each.passage for each in stored.values()]
        passages.sort(key=lambda p: (str(p.article.published or ""), p.article.id), reverse=True)
        return [Hit(passage, 1 / rank, rank) for rank, passage in enumerate(passages, 1)]

    def sources(self) -> dict[str, int]:
        """Number of articles by source."""
        with self._lock:
            return self._store.sources()

    def newest(self) -> date | None:
        """Day of the newest article, None when none is dated."""
        with self._lock:
            return self._store.newest()

    def _filters(self, query: Query) -> Filters:
        return Filters(tuple(self._sources(query.sources)), query.since, query.until, query.undated, query.articles)

    def _sources(self, wanted: Sequence[str]) -> list[str]:
        """Outlets as the index spells them, for names without regard to case, and for hosts.

        Raises:
            InputError: no article is of one of them.
        """
        if not wanted:
            return []
        known = self._store.sources()
        spelled = {name.casefold(): name for name in known}
        found: list[str] = []
        for name in wanted:
            exact = spelled.get(name.casefold())
            of_host = [exact] if exact is not None else self._at_host(name)
            if not of_host:
                listed = ", ".join(sorted(filter(None, known))[:20]) or "none"
                raise InputError(f"No article has the source {name!r}.", f"Known sources: {listed}.")
            found += of_host
        return list(dict.fromkeys(found))

    def _at_host(self, asked: str) -> list[str]:
        """The outlets that a host, or another spelling, names: those most of whose articles it fits."""
        fits: Counter[str] = Counter()
        every: Counter[str] = Counter()
        for source, host, times in self._store.outlets():
            every[source] += times
            fits[source] += times * same_outlet(asked, source, host)
        return [source for source, times in fits.items() if source and 2 * times > every[source]]


def fuse(rankings: dict[str, Iterable[int]], weights: Mapping[str, float] = WEIGHTS) -> list[tuple[int, float]]:
    """Weighted reciprocal rank fusion: a ranking gives weight / (RRF_K + rank) to each of its items.

    Args:
        rankings: items, best first, by the name of the ranking.
        weights: of each ranking.

    Returns:
        Items with their sums, best first; ties go to the lower item.
    """
    sums: dict[int, float] = {}
    for name, ranking in rankings.items():
        for rank, item in enumerate(ranking, 1):
            sums[item] = sums.get(item, 0.0) + weights[name] / (RRF_K + rank)
    return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))


Ranking: TypeAlias = "list[tuple[int, float]]"
"""Passage rows with their scores, best first."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The first passages of a search before they are ranked.

    Attributes:
        rankings: what each search found, by its name.
        passages: the first, by row, in the order of their fusion.
        cosines: similarity of each of their sentences to the query.
        known: their `ranking.features`.
        others: rows that were found too, in the order of their fusion.
    """

    rankings: Mapping[str, Ranking]
    passages: Mapping[int, StoredPassage]
    cosines: Mapping[int, tuple[float, ...]]
    known: NDArray[np.float64]
    others: Sequence[int]


def _cosines(stored: StoredPassage, vector: NDArray[np.float32]) -> tuple[float, ...]:
    return tuple((stored.vectors @ vector).tolist()) if stored.vectors.shape[1] == len(vector) else ()


def _choose(fused: Ranking, passages: Mapping[int, StoredPassage], k: int, most: int) -> Ranking:
    """The first k, at most `most` of one article; of near-duplicates, the first to be found speaks for all."""
    chosen: Ranking = []
    taken: Counter[str] = Counter()
    speaker: dict[str, str] = {}
    for row, score in fused:
        stored = passages[row]
        article_id = stored.passage.article.id
        if speaker.setdefault(stored.group, article_id) != article_id or taken[stored.group] == most:
            continue
        taken[stored.group] += 1
        chosen.append((row, score))
        if len(chosen) == k:
            break
    return chosen


def search_words(question: str) -> list[str]:
    """The question's content words as BM25 looks for them.

    A word of other than Latin letters stands for the terms that the index has of it, see `rag.language.scripts`.
    """
    tokens = words(question)[:200]
    kept = [token for token in tokens if token not in STOP_WORDS] or tokens
    found = [term for token in kept for term in ((token,) if plain(token) else terms(token))]
    return list(dict.fromkeys(found))
