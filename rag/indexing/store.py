"""The index in a folder, the default. Knows nothing about files of articles, models or ranking.

One SQLite file holds the rows and the manifest; segments beside it hold what finds passages: vectors, postings, days
and sources. SQLite's transaction is the truth: a segment is written and fsynced under a new number, and the same
transaction that adds its rows names it. So a commit writes only what is new, and whenever the process dies, the last
committed state is readable. Segments that have become many are merged, in a transaction of their own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import IndexCorrupted, IndexMissing
from rag.indexing import fulltext, segments, vectors
from rag.indexing.contract import (
    NO_FILTERS,
    REBUILD,
    ArticleRow,
    BuildSettings,
    EarlierVersion,
    Filters,
    Record,
    StoredPassage,
    compare,
)
from rag.indexing.listing import Listing, Wanted, listing
from rag.indexing.rows import (
    FORMAT,
    META,
    Layout,
    article_of,
    connect_to_read,
    day_of,
    meta_of,
    row_errors,
    sqlite_errors,
    unpack,
)
from rag.indexing.segments import Segment
from rag.language.mentions import Mention
from rag.types import Article, ArticleMeta, Passage, Sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Part:
    """A segment that is current.

    Attributes:
        first, last: its first and last row.
        alive: which of its passages were not removed, None when none was.
        approximate: for a large one.
        left: number of passages that are there.
        terms: number of terms in them.
    """

    number: int
    first: int
    last: int
    segment: Segment
    sha256: str
    alive: Mask | None = None
    approximate: vectors.Approximate | None = None
    left: int = 0
    terms: int = 0

    def passing(self, filters: Filters, articles: NDArray[np.int64] | None = None) -> Mask | None:
        """Its passages that are there and pass; None for all. `articles` as `Segment.passing` takes them."""
        passes = self.segment.passing(filters, articles)
        if self.alive is None or passes is None:
            return self.alive if passes is None else passes
        return self.alive & passes


class Store:
    """An index folder, opened for reading; see `rag.indexing.contract.Reader`."""

    def __init__(self, layout: Layout, connection: sqlite3.Connection, built: BuildSettings | None = None) -> None:
        self.layout = layout
        self._db = connection
        self._built = built
        self._inode = layout.rows.stat().st_ino
        self._generation = -1
        self._tokenizer = fulltext.Tokenizer()
        self.parts: list[Part] = []

    # ---------------------------------------------------------------- opening

    @classmethod
    def open(cls, folder: Path, built: BuildSettings | None = None) -> Store:
        """Open for reading.

        Args:
            built: what the caller will search with; None skips the comparison.

        Raises:
            IndexMissing, IndexCorrupted, IndexMismatch.
        """
        layout = Layout(folder)
        if not layout.rows.is_file():
            raise IndexMissing(
                f"There is no index in {folder}.", "Run: rag index PATH (or: rag index --sample, for the bundled one)"
            )
        store = cls(layout, connect_to_read(layout), built)
        try:
            if not (manifest := store.manifest()):
                raise IndexMissing(
                    f"The index in {folder} is empty: its first run did not finish.", "Run: rag index PATH"
                )
            compare(manifest, built, FORMAT)
            store.refresh()
        except BaseException:
            store.close()
            raise
        return store

    def refresh(self) -> None:
        """Take up the newest generation if another process has written one.

        Raises:
            IndexCorrupted: its vectors are damaged.
        """
        self._follow_swap()
        for attempt in range(20):
            with self._reading():
                generation = int(self.manifest()["generation"])
                if generation == self._generation:
                    return
                with row_errors(self.layout):
                    listed = self._db.execute(
                        "SELECT number, first, last, passages, sha256, approximate FROM segments ORDER BY first"
                    ).fetchall()
                    gone = np.array(self._db.execute("SELECT row FROM removed ORDER BY row").fetchall(), np.int64)
            try:
                self.parts = self._opened(listed, gone.reshape(-1))
            except FileNotFoundError as error:
                # A writer may have committed and removed a segment since the list was read.
                if attempt < 19 and int(self.manifest()["generation"]) != generation:
                    continue
                raise IndexCorrupted(f"The index's vectors {error.filename} are missing.", REBUILD) from None
            self._generation = generation
            return

    def _opened(self, listed: Sequence[Sequence[Any]], gone: NDArray[np.int64]) -> list[Part]:
        """The segments listed; those that are open already stay so."""
        there = {part.number: part for part in self.parts}
        parts = []
        with row_errors(self.layout):
            for number, first, last, passages, sha256, measured in listed:
                if (old := there.get(number)) and old.sha256 == sha256:
                    segment, approximate = old.segment, old.approximate
                else:
                    segment = segments.read_segment(self.layout.segment(number), sha256)
                    if len(segment) != passages:
                        raise ValueError(f"segment {number} holds {len(segment)} passages and not {passages}")
                    approximate = self._approximate(number, json.loads(measured))
                alive = segment.without(gone[np.searchsorted(gone, first) : np.searchsorted(gone, last, "right")])
                lengths = segment.postings.lengths if alive is None else segment.postings.lengths[alive]
                terms = int(lengths.sum(dtype=np.int64))
                parts.append(Part(number, first, last, segment, sha256, alive, approximate, len(lengths), terms))
        return parts

    def _approximate(self, number: int, about: dict[str, Any]) -> vectors.Approximate | None:
        if not about:
            return None
        path = self.layout.approximate(number)
        if not path.exists():
            raise FileNotFoundError(2, "missing", str(path))
        try:
            return vectors.open_approximate(path, vectors.Measured(**about))
        except RuntimeError as error:
            raise IndexCorrupted(f"The index's vectors {path} are damaged.", REBUILD) from error

    def _follow_swap(self) -> None:
        """Open the rows anew when a rebuilt index was put in their place."""
        with suppress(OSError):
            if (inode := self.layout.rows.stat().st_ino) != self._inode:
                with sqlite_errors(self.layout):
                    self._db.close()
                    self._db = connect_to_read(self.layout)
                    compare(self.manifest(), self._built, FORMAT)
                self._inode, self._generation, self.parts = inode, -1, []

    def close(self) -> None:
        """Close the files."""
        self._db.close()
        self._tokenizer.close()
        self.parts = []

    # ---------------------------------------------------------------- articles

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.layout.folder)

    def manifest(self) -> dict[str, str]:
        """See `Reader.manifest`; "generation" too.

        Raises:
            IndexCorrupted: an entry is missing or of another kind.
        """
        with row_errors(self.layout):
            found = dict(self._db.execute("SELECT key, value FROM manifest"))
            if not found and not self._db.execute("SELECT 1 FROM articles LIMIT 1").fetchone():
                return {}
            if "generation" not in found:
                raise KeyError("generation")
            if found.get("format") == FORMAT:
                for name in ("generation", "dimension", "passage_tokens", "passage_overlap"):
                    if not (str(found[name]).isdecimal() and len(str(found[name])) < 16):
                        raise ValueError(f"{name} is {str(found[name])[:40]!r}")
                if not isinstance(found["embedding_model"], str):
                    raise ValueError("embedding_model is no text")
            return {str(name): str(value) for name, value in found.items()}

    def article(self, article_id: str) -> Article | None:
        """See `Reader.article`."""
        with row_errors(self.layout):
            row = self._db.execute(f"SELECT {_ARTICLE} FROM articles WHERE id = ?", (article_id,)).fetchone()
            return article_of(row) if row else None

    def known(self, article_id: str) -> tuple[str, str] | None:
        """See `Reader.known`."""
        with row_errors(self.layout):
            found: tuple[str, str] | None = self._db.execute(
                "SELECT content_hash, origin FROM articles WHERE id = ?", (article_id,)
            ).fetchone()
            return found

    def hashes(self) -> dict[str, tuple[str, str]]:
        """See `Reader.hashes`."""
        with row_errors(self.layout):
            rows = self._db.execute("SELECT id, content_hash, origin FROM articles")
            return {id_: (content_hash, origin) for id_, content_hash, origin in rows}

    def siblings(self, article_id: str) -> list[str]:
        """See `Reader.siblings`."""
        first, after = f"{article_id}~", f"{article_id}\x7f"  # "~" and what follows it in Unicode
        with row_errors(self.layout):
            rows = self._db.execute("SELECT id FROM articles WHERE id >= ? AND id < ? ORDER BY row", (first, after))
            return [id_ for (id_,) in rows]

    def at_page(self, page: str) -> str | None:
        """See `Reader.at_page`."""
        with row_errors(self.layout):
            found = self._db.execute("SELECT id FROM articles WHERE page = ? ORDER BY row LIMIT 1", (page,)).fetchone()
            return str(found[0]) if found else None

    def alike(self, bands: Collection[int]) -> list[str]:
        """See `Reader.alike`."""
        with row_errors(self.layout):
            rows = self._db.execute(
                "SELECT DISTINCT a.id FROM bands b JOIN articles a ON a.row = b.article"
                f" WHERE b.key IN ({marks(bands)}) AND a.repeats IS NULL",
                tuple(bands),
            )
            return [id_ for (id_,) in rows]

    def versions(self, article_id: str) -> tuple[EarlierVersion, ...]:
        """See `Reader.versions`."""
        with row_errors(self.layout):
            rows = self._db.execute(
                "SELECT title, text, published, content_hash, replaced_at FROM versions WHERE article_id = ?"
                " ORDER BY row DESC",
                (article_id,),
            ).fetchall()
            return tuple(EarlierVersion(r[0], r[1], day_of(r[2]), r[3], r[4]) for r in rows)

    def repeats_of(self, article_ids: Collection[str]) -> dict[str, tuple[ArticleMeta, ...]]:
        """See `Reader.repeats_of`."""
        with row_errors(self.layout):
            rows = self._db.execute(
                f"SELECT a.repeats, {META} FROM articles a WHERE a.repeats IN ({marks(article_ids)})"
                " ORDER BY a.published, a.row",
                tuple(article_ids),
            ).fetchall()
            found: dict[str, tuple[ArticleMeta, ...]] = {}
            for group, *meta in rows:
                found[group] = (*found.get(group, ()), meta_of(meta))
            return found

    def speaker(self, article_id: str) -> str | None:
        """See `Reader.speaker`."""
        with row_errors(self.layout):
            found = self._db.execute("SELECT repeats FROM articles WHERE id = ?", (article_id,)).fetchone()
            return str(found[0]) if found and found[0] is not None else None

    def listed(self, wanted: Wanted, most: int = 100, skip: int = 0) -> Listing:
        """See `Reader.listed`."""
        with row_errors(self.layout):
            return listing(self._db, wanted, most, skip)

    def article_rows(self) -> list[ArticleRow]:
        """See `Reader.article_rows`."""
        with row_errors(self.layout):
            rows = self._db.execute(
                "SELECT id, title, source, published, url, origin, repeats,"
                " (SELECT count(*) FROM passages WHERE passages.article = articles.row)"
                " FROM articles ORDER BY published IS NULL, published DESC, id"
            ).fetchall()
            return [ArticleRow(r[0], r[1], r[2], day_of(r[3]), r[4], r[5], r[7], r[6]) for r in rows]

    def extent(self) -> tuple[date | None, date | None, int]:
        """See `Reader.extent`."""
        with row_errors(self.layout):
            query = "SELECT min(published), max(published), count(repeats) FROM articles"
            first, last, repeating = self._db.execute(query).fetchone()
            return day_of(first), day_of(last), int(repeating)

    def records(self) -> Iterator[Record]:
        """See `Reader.records`; nothing may be committed meanwhile."""
        with row_errors(self.layout):
            rows = self._db.execute(f"SELECT row, bands, repeats, {_ARTICLE} FROM articles ORDER BY row")
            for row, bands, repeats, *values in rows:
                article = article_of(values)
                own = [
                    r for (r,) in self._db.execute("SELECT row FROM passages WHERE article = ? ORDER BY row", (row,))
                ]
                stored = self.passages(own)
                yield Record(
                    article,
                    [stored[each].passage for each in own],
                    self._vectors_of(own),
                    [stored[each].vectors for each in own],
                    tuple(np.frombuffer(bands, np.int64).tolist()),
                    repeats,
                    json.loads(values[-1]).get("version_of"),
                    self._mentions(row),
                    tuple(reversed(self.versions(article.id))),
                )

    def _mentions(self, article: int) -> list[Mention]:
        rows = self._db.execute("SELECT name, kind, count FROM mentions WHERE article = ? ORDER BY rowid", (article,))
        return [Mention(*row) for row in rows]

    def _vectors_of(self, rows: Sequence[int]) -> NDArray[np.float32]:
        if not rows:
            return np.zeros((0, int(self.manifest()["dimension"])), np.float32)
        part = next(part for part in self.parts if part.first <= rows[0] <= part.last)
        return np.asarray(part.segment.vectors[np.searchsorted(part.segment.rows, rows)])

    # ---------------------------------------------------------------- totals

    def counts(self) -> tuple[int, int]:
        """See `Reader.counts`."""
        with row_errors(self.layout):
            articles = self._db.execute("SELECT count(*) FROM articles").fetchone()[0]
            return articles, self._db.execute("SELECT count(*) FROM passages").fetchone()[0]

    def sources(self) -> dict[str, int]:
        """See `Reader.sources`."""
        with row_errors(self.layout):
            return dict(self._db.execute("SELECT source, count(*) FROM articles GROUP BY source ORDER BY source"))

    def outlets(self) -> list[tuple[str, str, int]]:
        """See `Reader.outlets`."""
        with row_errors(self.layout):
            return self._db.execute("SELECT source, host, count(*) FROM articles GROUP BY source, host").fetchall()

    def newest(self) -> date | None:
        """See `Reader.newest`."""
        with row_errors(self.layout):
            return day_of(self._db.execute("SELECT max(published) FROM articles").fetchone()[0])

    def last_indexed(self) -> str | None:
        """See `Reader.last_indexed`."""
        with row_errors(self.layout):
            found: str | None = self._db.execute("SELECT max(indexed_at) FROM articles").fetchone()[0]
        return found

    def size_bytes(self) -> int:
        """See `Reader.size_bytes`."""
        return sum(path.stat().st_size for path in self.layout.folder.iterdir() if path.is_file())

    def search_with(self) -> str:
        """See `Reader.search_with`."""
        near = [part for part in self.parts if part.approximate]
        told = [f"exact, {len(self.parts) - len(near)} segments"] if len(near) < len(self.parts) or not near else []
        for part in near:
            if part.approximate:
                about = part.approximate.measured
                told.append(
                    f"{about.kind} of {len(part.segment)}, {about.probes} lists read, recall@10 {about.recall:.3f} of"
                    f" exact search (n {about.queries})"
                )
        return "; ".join(told)

    # ---------------------------------------------------------------- passages

    def search_vectors(
        self, query: NDArray[np.float32], n: int, filters: Filters = NO_FILTERS
    ) -> list[tuple[int, float]]:
        """See `Reader.search_vectors`."""
        found: list[tuple[int, float]] = []
        articles = self._articles(filters)
        for part in self.parts:
            passes = part.passing(filters, articles)
            at, scores = vectors.search(part.segment.vectors, query, n, passes, part.approximate)
            found += zip(part.segment.rows[at].tolist(), scores.tolist(), strict=True)
        return _first(found, n)

    def search_text(self, words: Sequence[str], n: int, filters: Filters = NO_FILTERS) -> list[tuple[int, float]]:
        """See `Reader.search_text`."""
        keys = list(dict.fromkeys(filter(None, self._tokenizer.keys(words))))
        there = [[fulltext.matches(part.segment.postings, key, part.alive) for key in keys] for part in self.parts]
        total = sum(part.left for part in self.parts)
        terms = sum(part.terms for part in self.parts)
        holding = [sum(len(each[k].places) for each in there) for k in range(len(keys))]
        found: list[tuple[int, float]] = []
        articles = self._articles(filters)
        for part, words_of in zip(self.parts, there, strict=True):
            scores = np.zeros(len(part.segment))
            for word, often in zip(words_of, holding, strict=True):
                idf = fulltext.weight(total, often)
                fulltext.add_scores(scores, word, idf, part.segment.postings.lengths, terms / max(1, total))
            found += _best(part, scores, words_of, part.segment.passing(filters, articles), n)
        return _first(found, n)

    def holding(self, words: Sequence[str], filters: Filters = NO_FILTERS) -> list[int]:
        """See `Reader.holding`."""
        keys = self._tokenizer.keys(words)
        only = self._articles(filters)
        first: list[int] = []
        for part in self.parts:
            passes = part.passing(filters, only)
            segment = part.segment
            counts: NDArray[np.int64] = np.zeros(len(segment), np.int64)
            articles = np.unique(segment.articles if passes is None else segment.articles[passes])
            for key in keys:
                places = fulltext.matches(segment.postings, key, passes).places
                counts[places] += 1
                articles = np.intersect1d(articles, segment.articles[places])
            of = np.isin(segment.articles, articles) if passes is None else np.isin(segment.articles, articles) & passes
            at = np.flatnonzero(of)
            at = at[np.lexsort((at, -counts[at], segment.articles[at]))]
            first += segment.rows[at[np.unique(segment.articles[at], return_index=True)[1]]].tolist()
        return sorted(first)

    def _articles(self, filters: Filters) -> NDArray[np.int64] | None:
        """Rows of the articles that the filters name; None when they name none."""
        if filters.articles is None:
            return None
        with row_errors(self.layout):
            named = json.dumps(filters.articles)
            rows = self._db.execute("SELECT row FROM articles WHERE id IN (SELECT value FROM json_each(?))", (named,))
            return np.fromiter((row for (row,) in rows), np.int64)

    def passages(self, rows: Collection[int]) -> dict[int, StoredPassage]:
        """See `Reader.passages`."""
        with row_errors(self.layout):
            found = self._db.execute(
                "SELECT p.row, substr(a.text, p.start + 1, p.end - p.start), p.start, p.end, p.sentences, p.vectors,"
                f" coalesce(a.repeats, a.id), {META}"
                f" FROM passages p JOIN articles a ON a.row = p.article WHERE p.row IN ({marks(rows)})",
                tuple(rows),
            ).fetchall()
            passages = {}
            for row, text, start, end, sentences, data, group, *meta in found:
                cut = tuple(Sentence.from_list(raw) for raw in json.loads(sentences))
                passage = Passage(meta_of(meta), text, start, end, cut)
                passages[row] = StoredPassage(passage, group, unpack(data, len(cut)))
            if gone := set(rows) - set(passages):
                raise ValueError(f"passage {min(gone)} has a vector and no row")
            return passages

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """One consistent view of the rows; the one that is open already."""
        if self._db.in_transaction:
            yield
            return
        with sqlite_errors(self.layout):
            self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Rows and segments of one generation for as long as the block runs."""
        while True:
            self.refresh()
            with sqlite_errors(self.layout):
                self._db.execute("BEGIN")
            try:
                if int(self.manifest()["generation"]) != self._generation:
                    continue
                yield
                return
            finally:
                self._db.execute("ROLLBACK")


_ARTICLE = "id, title, text, source, published, url, author, origin, extra"


def marks(values: Collection[object]) -> str:
    return ",".join("?" * len(values))


def _first(found: list[tuple[int, float]], n: int) -> list[tuple[int, float]]:
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:n]


def _best(
    part: Part, scores: NDArray[np.float64], words: Sequence[fulltext.Found], passes: Mask | None, n: int
) -> list[tuple[int, float]]:
    """Rows and scores of the n best among those that pass, and of their equals."""
    places = np.concatenate([word.places for word in words]) if words else np.zeros(0, np.uint32)
    if passes is not None:
        places = places[passes[places]]
    found = scores[places]
    # A place stands there once for each word, so the n best are among the n * words first.
    if len(found) > (most := n * len(words)):
        places = places[found >= np.partition(found, len(found) - most)[len(found) - most]]
    places = np.unique(places)
    return list(zip(part.segment.rows[places].tolist(), scores[places].tolist(), strict=True))
