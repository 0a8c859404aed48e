"""Articles, passages and vectors on disk. Knows nothing about files of articles, models or ranking.

One SQLite file holds the rows, the full-text table and the manifest; one FAISS file holds the vectors. SQLite's
transaction is the truth: vectors are written beside it under a new generation's name and fsynced, and the same
transaction that adds the rows names that generation. Whenever the process dies, the last committed pair is readable.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import IndexBusy, IndexCorrupted, IndexMismatch, IndexMissing, IndexWriteError
from rag.indexing.listing import Listing, Wanted, listing
from rag.language.mentions import Mention
from rag.language.scripts import count_words, search_tokens
from rag.types import Article, ArticleMeta, Passage, Sentence, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = "3"
#: Weight of a match in the title in BM25, against 1 in the passage.
TITLE_WEIGHT = 0.3
#: Earlier versions kept of one article.
MOST_VERSIONS = 20
REBUILD = "Run: rag index --rebuild"
SCHEMA = """
CREATE TABLE IF NOT EXISTS manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS articles (
  row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, origin TEXT NOT NULL, title TEXT NOT NULL,
  text TEXT NOT NULL, source TEXT NOT NULL, published TEXT, url TEXT, author TEXT NOT NULL,
  content_hash TEXT NOT NULL, signature BLOB NOT NULL, repeats TEXT, indexed_at TEXT NOT NULL,
  extra TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS versions (
  row INTEGER PRIMARY KEY AUTOINCREMENT, article_id TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
  published TEXT, content_hash TEXT NOT NULL, replaced_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS versions_article ON versions (article_id);
CREATE INDEX IF NOT EXISTS articles_source ON articles (source);
CREATE INDEX IF NOT EXISTS articles_repeats ON articles (repeats);
CREATE TABLE IF NOT EXISTS passages (
  row INTEGER PRIMARY KEY AUTOINCREMENT, article INTEGER NOT NULL REFERENCES articles (row),
  start INTEGER NOT NULL, end INTEGER NOT NULL, sentences TEXT NOT NULL DEFAULT '[]', vectors BLOB NOT NULL DEFAULT x''
);
CREATE INDEX IF NOT EXISTS passages_article ON passages (article);
-- "terms" holds those of words of other than Latin letters, which the tokenizer cannot cut itself; with vowel signs
-- counted as letters it keeps them whole.
CREATE VIRTUAL TABLE IF NOT EXISTS passages_text USING fts5 (
  title, text, terms, tokenize="porter unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
);
CREATE TABLE IF NOT EXISTS mentions (
  article INTEGER NOT NULL REFERENCES articles (row), name TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS mentions_article ON mentions (article);
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Every file of an index folder."""

    folder: Path

    @property
    def rows(self) -> Path:
        """SQLite: articles, passages, full text, manifest."""
        return self.folder / "index.sqlite"

    @property
    def lock(self) -> Path:
        """Held by the one process that writes."""
        return self.folder / "write.lock"

    def vectors(self, generation: int) -> Path:
        """FAISS: the vectors of one generation."""
        return self.folder / f"vectors-{generation}.faiss"


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What an index was built with; an index is opened only with the same."""

    embedding_model: str
    dimension: int
    passage_tokens: int
    passage_overlap: int


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """An article as listed: without its text.

    Attributes:
        repeats: id of the article that this one nearly duplicates, or None.
    """

    id: str
    title: str
    source: str
    published: date | None
    url: str | None
    origin: str
    passages: int
    repeats: str | None


@dataclass(frozen=True, slots=True)
class EarlierVersion:
    """An article as it was before a newer version took its place.

    Attributes:
        content_hash: as `Article.content_hash`.
        replaced_at: when the newer one was read, ISO 8601, UTC.
    """

    title: str
    text: str
    published: date | None
    content_hash: str
    replaced_at: str


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage with what the index keeps beside it.

    Attributes:
        group: id of the article that speaks for its near-duplicates, its own id without one.
        vectors: of its sentences, shape (sentences, dimension), rows of length 1 to within a hundredth.
    """

    passage: Passage
    group: str
    vectors: NDArray[np.float32]


class Store:
    """An index folder, opened for reading or for writing.

    Not safe for use by several threads at once: the caller holds a lock.
    """

    def __init__(self, layout: Layout, connection: sqlite3.Connection, built: BuildSettings | None = None) -> None:
        self.layout = layout
        self._db = connection
        self._built = built
        self._inode = layout.rows.stat().st_ino
        self._generation = -1
        self._vectors: Any = None

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
        store = cls(layout, _connect_to_read(layout), built)
        try:
            with store._reading():
                if not (manifest := store.manifest()):
                    raise IndexMissing(
                        f"The index in {folder} is empty: its first run did not finish.", "Run: rag index PATH"
                    )
                _compare(manifest, built)
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
            manifest = self.manifest()
            generation = int(manifest["generation"])
            if generation == self._generation:
                return
            try:
                self._vectors = _read_vectors(self.layout.vectors(generation), manifest["vectors_sha256"])
            except FileNotFoundError:
                # A writer may have committed and removed this generation since the manifest was read.
                if attempt < 19 and int(self.manifest()["generation"]) != generation:
                    continue
                raise IndexCorrupted(
                    f"The index's vectors {self.layout.vectors(generation)} are missing.", REBUILD
                ) from None
            self._generation = generation
            return

    def _follow_swap(self) -> None:
        """Open the rows anew when a rebuilt index was put in their place."""
        with suppress(OSError):
            if (inode := self.layout.rows.stat().st_ino) != self._inode:
                with _sqlite_errors(self.layout):
                    self._db.close()
                    self._db = _connect_to_read(self.layout)
                    _compare(self.manifest(), self._built)
                self._inode, self._generation = inode, -1

    def close(self) -> None:
        """Close the files."""
        self._db.close()

    # ---------------------------------------------------------------- reading

    def manifest(self) -> dict[str, str]:
        """What the index was built with, and its current generation; {} before the first commit.

        Raises:
            IndexCorrupted: an entry is missing or of another kind.
        """
        with _row_errors(self.layout):
            found = dict(self._db.execute("SELECT key, value FROM manifest"))
            if not found and not self._db.execute("SELECT 1 FROM articles LIMIT 1").fetchone():
                return {}
            if "generation" not in found:
                raise KeyError("generation")
            if found.get("format") == FORMAT:
                for name in ("generation", "dimension", "passage_tokens", "passage_overlap"):
                    if not str(found[name]).isdecimal():
                        raise ValueError(f"{name} is {str(found[name])[:40]!r}")
                if not all(isinstance(found[name], str) for name in ("embedding_model", "vectors_sha256")):
                    raise ValueError("embedding_model or vectors_sha256 is no text")
            return {str(name): str(value) for name, value in found.items()}

    def article(self, article_id: str) -> Article | None:
        """The article with that id, or None."""
        with _row_errors(self.layout):
            row = self._db.execute(
                "SELECT id, title, text, source, published, url, author, origin, extra FROM articles WHERE id = ?",
                (article_id,),
            ).fetchone()
        if row is None:
            return None
        with _row_errors(self.layout):
            return article_of(row)

    def hashes(self) -> dict[str, tuple[str, str]]:
        """Content hash and origin by article id."""
        with _row_errors(self.layout):
            rows = self._db.execute("SELECT id, content_hash, origin FROM articles")
            return {id_: (content_hash, origin) for id_, content_hash, origin in rows}

    def addresses(self) -> dict[str, str]:
        """Address by article id, of those that have one."""
        with _row_errors(self.layout):
            return dict(self._db.execute("SELECT id, url FROM articles WHERE url IS NOT NULL ORDER BY row").fetchall())

    def versions(self, article_id: str) -> tuple[EarlierVersion, ...]:
        """The earlier versions of an article, newest first."""
        with _row_errors(self.layout):
            if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'versions'").fetchone():
                return ()  # written before versions were kept
            rows = self._db.execute(
                "SELECT title, text, published, content_hash, replaced_at FROM versions WHERE article_id = ?"
                " ORDER BY row DESC",
                (article_id,),
            ).fetchall()
        return tuple(EarlierVersion(r[0], r[1], _date(r[2]), r[3], r[4]) for r in rows)

    def signatures(self) -> Iterator[tuple[str, NDArray[np.uint64]]]:
        """Article ids with their MinHash signatures, near-duplicates left out."""
        with _row_errors(self.layout):
            rows = self._db.execute("SELECT id, signature FROM articles WHERE repeats IS NULL ORDER BY row").fetchall()
        for id_, signature in rows:
            with _row_errors(self.layout):
                values = np.frombuffer(signature, dtype=np.uint64)
            yield id_, values

    def article_rows(self) -> list[ArticleRow]:
        """All articles, newest first, undated last."""
        with _row_errors(self.layout):
            rows = self._db.execute(
                "SELECT id, title, source, published, url, origin, repeats,"
                " (SELECT count(*) FROM passages WHERE passages.article = articles.row)"
                " FROM articles ORDER BY published IS NULL, published DESC, id"
            ).fetchall()
            return [ArticleRow(r[0], r[1], r[2], _date(r[3]), r[4], r[5], r[7], r[6]) for r in rows]

    def counts(self) -> tuple[int, int]:
        """Numbers of articles and passages."""
        with _row_errors(self.layout):
            articles = self._db.execute("SELECT count(*) FROM articles").fetchone()[0]
            return articles, self._db.execute("SELECT count(*) FROM passages").fetchone()[0]

    def last_indexed(self) -> str | None:
        """When an article was last written, ISO 8601 in UTC."""
        with _row_errors(self.layout):
            found: str | None = self._db.execute("SELECT max(indexed_at) FROM articles").fetchone()[0]
        return found

    def passages(self, rows: Collection[int]) -> dict[int, StoredPassage]:
        """Passages by row."""
        marks = ",".join("?" * len(rows))
        with _row_errors(self.layout):
            found = self._db.execute(
                "SELECT p.row, substr(a.text, p.start + 1, p.end - p.start), p.start, p.end, p.sentences, p.vectors,"
                f" coalesce(a.repeats, a.id), {_META}"
                f" FROM passages p JOIN articles a ON a.row = p.article WHERE p.row IN ({marks})",
                tuple(rows),
            ).fetchall()
            passages = {}
            for row, text, start, end, sentences, vectors, group, *meta in found:
                cut = tuple(Sentence.from_list(raw) for raw in json.loads(sentences))
                passage = Passage(_meta(meta), text, start, end, cut)
                passages[row] = StoredPassage(passage, group, _unpack(vectors, len(cut)))
            if gone := set(rows) - set(passages):
                raise ValueError(f"passage {min(gone)} has a vector and no row")
            return passages

    def repeats_of(self, article_ids: Collection[str]) -> dict[str, tuple[ArticleMeta, ...]]:
        """The near-duplicates that each of these articles speaks for."""
        marks = ",".join("?" * len(article_ids))
        with _row_errors(self.layout):
            rows = self._db.execute(
                f"SELECT a.repeats, {_META} FROM articles a WHERE a.repeats IN ({marks}) ORDER BY a.published, a.row",
                tuple(article_ids),
            ).fetchall()
            found: dict[str, tuple[ArticleMeta, ...]] = {}
            for group, *meta in rows:
                found[group] = (*found.get(group, ()), _meta(meta))
            return found

    def listed(self, wanted: Wanted, most: int = 100, skip: int = 0) -> Listing:
        """Articles for a person to look through, with counts to narrow them by."""
        with _row_errors(self.layout):
            return listing(self._db, wanted, most, skip)

    def outlets(self) -> list[tuple[str, str]]:
        """Source and address of every article that has an address."""
        with _row_errors(self.layout):
            return self._db.execute("SELECT source, url FROM articles WHERE url IS NOT NULL").fetchall()

    def filter_rows(
        self,
        sources: Sequence[str],
        since: date | None,
        until: date | None,
        undated: bool = False,
        articles: Sequence[str] | None = None,
    ) -> NDArray[np.int64] | None:
        """Rows of the passages that pass the filters, shape (n,); None when there is no filter.

        Args:
            sources: as `sources()` spells them.
            undated: whether undated articles pass a filter by date.
            articles: ids of the only articles that pass; None for all.
        """
        where, values = [], []
        if articles is not None:
            where.append("a.id IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(articles)))
        if sources:
            where.append(f"a.source IN ({','.join('?' * len(sources))})")
            values += list(sources)
        days = []
        if since:
            days.append("a.published >= ?")
            values.append(since.isoformat())
        if until:
            days.append("a.published <= ?")
            values.append(until.isoformat())
        if days:
            where.append(f"({' AND '.join(days)}{' OR a.published IS NULL' if undated else ''})")
        if not where:
            return None
        with _row_errors(self.layout):
            rows = self._db.execute(
                f"SELECT p.row FROM passages p JOIN articles a ON a.row = p.article WHERE {' AND '.join(where)}", values
            )
            return np.fromiter((row for (row,) in rows), dtype=np.int64)

    def sources(self) -> dict[str, int]:
        """Number of articles by source."""
        with _row_errors(self.layout):
            return dict(self._db.execute("SELECT source, count(*) FROM articles GROUP BY source ORDER BY source"))

    def newest(self) -> date | None:
        """Day of the newest article, None when none is dated."""
        with _row_errors(self.layout):
            return _date(self._db.execute("SELECT max(published) FROM articles").fetchone()[0])

    def search_vectors(
        self, query: NDArray[np.float32], n: int, allowed: NDArray[np.int64] | None
    ) -> list[tuple[int, float]]:
        """Passage rows with their cosine in [-1, 1], best first.

        Args:
            query: shape (dimension,), length 1.
            allowed: only these rows; None allows all.
        """
        import faiss

        if not self._vectors.ntotal:
            return []
        parameters = None
        if allowed is not None:
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(allowed))  # type: ignore[call-arg]
        scores, rows = self._vectors.search(query[np.newaxis, :], min(n, self._vectors.ntotal), params=parameters)
        return [(int(row), float(score)) for row, score in zip(rows[0], scores[0], strict=True) if row >= 0]

    def holding(self, terms: Sequence[str], allowed: NDArray[np.int64] | None) -> list[int]:
        """For each article that holds every term, in title or text, the row of its first passage that holds the most.

        Args:
            terms: words as the full-text table has them; none asks for all articles.
            allowed: only these passages; None allows all.
        """
        with _sqlite_errors(self.layout):
            owner = dict(self._db.execute("SELECT row, article FROM passages"))
            if allowed is not None:
                owner = {row: owner[row] for row in allowed.tolist() if row in owner}
            found = dict.fromkeys(owner.values(), 0)
            counts: dict[int, int] = dict.fromkeys(owner, 0)
            for term in terms:
                rows = self._db.execute("SELECT rowid FROM passages_text WHERE passages_text MATCH ?", (f'"{term}"',))
                here = [row for (row,) in rows if row in owner]
                for row in here:
                    counts[row] += 1
                for article in {owner[row] for row in here}:
                    found[article] += 1
        first: dict[int, int] = {}
        for row in sorted(owner, key=lambda row: (-counts[row], row)):
            first.setdefault(owner[row], row)
        return sorted(first[article] for article, n in found.items() if n == len(terms))

    def search_text(self, query: str, n: int, allowed: NDArray[np.int64] | None) -> list[tuple[int, float]]:
        """Passage rows with their BM25 score (0 and up, higher is better), best first.

        Args:
            query: an FTS5 expression.
        """
        with _row_errors(self.layout):
            if allowed is None:
                found = self._db.execute(
                    f"SELECT rowid, -bm25(passages_text, {TITLE_WEIGHT}, 1, 1)"
                    " FROM passages_text WHERE passages_text MATCH ?"
                    f" ORDER BY bm25(passages_text, {TITLE_WEIGHT}, 1, 1), rowid LIMIT ?",
                    (query, n),
                ).fetchall()
                return [(int(row), float(score)) for row, score in found]
            allowed_rows = set(allowed.tolist())
            ordered = self._db.execute(
                f"SELECT rowid, -bm25(passages_text, {TITLE_WEIGHT}, 1, 1)"
                " FROM passages_text WHERE passages_text MATCH ?"
                f" ORDER BY bm25(passages_text, {TITLE_WEIGHT}, 1, 1), rowid",
                (query,),
            )
            kept: list[tuple[int, float]] = []
            for row, score in ordered:
                if row in allowed_rows:
                    kept.append((int(row), float(score)))
                    if len(kept) == n:
                        break
            return kept

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """One consistent view of the rows."""
        with _sqlite_errors(self.layout):
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("ROLLBACK")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Rows and vectors of one generation for as long as the block runs."""
        while True:
            self.refresh()
            with _sqlite_errors(self.layout):
                self._db.execute("BEGIN")
            try:
                if int(self.manifest()["generation"]) != self._generation:
                    continue
                yield
                return
            finally:
                self._db.execute("ROLLBACK")


class Writer:
    """The one process that may change an index; use as a context manager.

    Changes gather in an open transaction until `commit`; leaving without it discards them.

    Raises:
        IndexBusy: another process is writing.
        IndexMismatch: the index was built with other settings.
        IndexCorrupted: it is damaged.
        IndexWriteError: the disk refused; the last committed state stays.
    """

    def __init__(self, folder: Path, built: BuildSettings) -> None:
        self._layout = Layout(folder)
        self._built = built
        self._removed: list[int] = []
        self._added: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
        self._lock = ExitStack()

    def __enter__(self) -> Writer:
        with write_errors(self._layout):
            self._layout.folder.mkdir(parents=True, exist_ok=True)
        with self._lock as stack:
            stack.enter_context(write_lock(self._layout))
            self.store = self._prepare()
            self._lock = stack.pop_all()
        return self

    def _prepare(self) -> Store:
        with write_errors(self._layout), _sqlite_errors(self._layout):
            connection = connect(self._layout.rows)
            store = Store(self._layout, connection)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.executescript(SCHEMA)
                _add_columns(connection)
                manifest = store.manifest()
                self._generation = int(manifest.get("generation", 0))
                if manifest:
                    _compare(manifest, self._built)
                    store.refresh()
                    self._vectors = store._vectors
                else:
                    self._vectors = _empty_vectors(self._built.dimension)
                for path in self._layout.folder.glob("vectors-*"):
                    if path != self._layout.vectors(self._generation):
                        path.unlink()  # left by a process that died before its commit
                connection.execute("BEGIN IMMEDIATE")
            except BaseException:
                connection.close()
                raise
        return store

    def __exit__(self, *_: object) -> None:
        with suppress(sqlite3.Error):
            self.store._db.rollback()
        self.store.close()
        self._lock.close()

    @property
    def pending(self) -> int:
        """Passages added since the last commit."""
        return sum(len(rows) for rows, _ in self._added)

    @property
    def committed(self) -> int:
        """Passages in the last committed generation."""
        return int(self._vectors.ntotal)

    def put(
        self,
        article: Article,
        passages: Sequence[Passage],
        vectors: NDArray[np.float32],
        sentence_vectors: Sequence[NDArray[np.float32]],
        signature: NDArray[np.uint64],
        repeats: str | None,
        *,
        version_of: str | None = None,
        mentions: Sequence[Mention] = (),
    ) -> None:
        """Add an article, or replace the one with its id.

        Args:
            vectors: shape (len(passages), dimension), rows of length 1.
            sentence_vectors: for each passage, one row of length 1 for each of its sentences.
            signature: MinHash of the text.
            repeats: id of the article that it nearly duplicates.
            version_of: id of the article whose story it tells with other values.
            mentions: whom and what it names.
        """
        self.delete(article.id)
        db = self.store._db
        with write_errors(self._layout):
            published = article.published.isoformat() if article.published else None
            cursor = db.execute(
                "INSERT INTO articles (id, origin, title, text, source, published, url, author, content_hash,"
                " signature, repeats, indexed_at, extra) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    article.id, article.origin, article.title, article.text, article.source, published, article.url,
                    article.author, article.content_hash, signature.tobytes(), repeats,
                    datetime.now(UTC).isoformat(timespec="seconds"), _extra(article, version_of),
                ),
            )  # fmt: skip
            db.executemany(
                "INSERT INTO mentions (article, name, kind, count) VALUES (?, ?, ?, ?)",
                [(cursor.lastrowid, each.name, each.kind, each.count) for each in mentions],
            )
            rows: list[int] = []
            for passage, parts in zip(passages, sentence_vectors, strict=True):
                cut = json.dumps([s.to_list() for s in passage.sentences], ensure_ascii=False)
                position = (cursor.lastrowid, passage.start, passage.end, cut, _pack(parts))
                added = db.execute(
                    "INSERT INTO passages (article, start, end, sentences, vectors) VALUES (?, ?, ?, ?, ?)", position
                )
                rows.append(int(added.lastrowid or 0))
                content = (
                    rows[-1], article.title, passage.text, search_tokens(f"{article.title}\n{passage.text}"),
                )  # fmt: skip
                db.execute("INSERT INTO passages_text (rowid, title, text, terms) VALUES (?, ?, ?, ?)", content)
        self._added.append((np.array(rows, dtype=np.int64), vectors))

    def put_version(self, article: Article) -> None:
        """Keep an article as an earlier version of the one with its id; of many the oldest go."""
        db = self.store._db
        with write_errors(self._layout):
            db.execute(
                "INSERT INTO versions (article_id, title, text, published, content_hash, replaced_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    article.id, article.title, article.text, article.published and article.published.isoformat(),
                    article.content_hash, datetime.now(UTC).isoformat(timespec="seconds"),
                ),
            )  # fmt: skip
            db.execute(
                "DELETE FROM versions WHERE article_id = ?1 AND row NOT IN"
                " (SELECT row FROM versions WHERE article_id = ?1 ORDER BY row DESC LIMIT ?2)",
                (article.id, MOST_VERSIONS),
            )

    def drop_versions(self, article_id: str) -> None:
        """Forget the earlier versions of an article that is deleted."""
        with write_errors(self._layout):
            self.store._db.execute("DELETE FROM versions WHERE article_id = ?", (article_id,))

    def touch(self, article_id: str, origin: str) -> None:
        """Record that an unchanged article is now read from another place."""
        with write_errors(self._layout):
            self.store._db.execute("UPDATE articles SET origin = ? WHERE id = ?", (origin, article_id))

    def set_repeats(self, article_id: str, repeats: str | None) -> None:
        """Record which article this one nearly duplicates."""
        with write_errors(self._layout):
            self.store._db.execute("UPDATE articles SET repeats = ? WHERE id = ?", (repeats, article_id))

    def repeated_by(self, article_id: str) -> list[str]:
        """Ids of the articles that nearly duplicate this one."""
        rows = self.store._db.execute("SELECT id FROM articles WHERE repeats = ? ORDER BY row", (article_id,))
        return [id_ for (id_,) in rows]

    def delete(self, article_id: str) -> None:
        """Remove an article and its passages; no error when there is none."""
        db = self.store._db
        with write_errors(self._layout):
            row = db.execute("SELECT row FROM articles WHERE id = ?", (article_id,)).fetchone()
            if row is None:
                return
            rows = [passage for (passage,) in db.execute("SELECT row FROM passages WHERE article = ?", row)]
            db.executemany("DELETE FROM passages_text WHERE rowid = ?", [(passage,) for passage in rows])
            db.execute("DELETE FROM passages WHERE article = ?", row)
            db.execute("DELETE FROM mentions WHERE article = ?", row)
            db.execute("DELETE FROM articles WHERE row = ?", row)
        self._removed += rows

    def commit(self) -> None:
        """Make everything so far the current state, at once."""
        import faiss

        if self._removed:
            gone = np.array(self._removed, dtype=np.int64)
            self._vectors.remove_ids(faiss.IDSelectorBatch(gone))
            kept = []
            for rows, vectors in self._added:
                stays = ~np.isin(rows, gone)
                kept.append((rows[stays], vectors[stays]))
            self._added = kept
        for rows, vectors in self._added:
            if len(rows):
                self._vectors.add_with_ids(vectors, rows)
        self._added, self._removed = [], []
        data = faiss.serialize_index(self._vectors)
        previous, self._generation = self._generation, self._generation + 1
        path = self._layout.vectors(self._generation)
        with write_errors(self._layout):
            with path.open("wb") as file:
                file.write(data.data)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self._layout.folder)
            manifest = {
                "format": FORMAT,
                "generation": str(self._generation),
                "vectors_sha256": hashlib.sha256(data.data).hexdigest(),
                **{name: str(getattr(self._built, name)) for name in BuildSettings.__slots__},
            }
            self.store._db.executemany(
                "INSERT OR REPLACE INTO manifest (key, value) VALUES (?, ?)",
                manifest.items(),
            )
            self.store._db.execute("COMMIT")
            self._layout.vectors(previous).unlink(missing_ok=True)
            self.store._db.execute("BEGIN IMMEDIATE")


def article_of(row: Sequence[Any]) -> Article:
    """An article from its id, title, text, source, day, address, author, origin and extra.

    Raises:
        ValueError, TypeError, AttributeError: one of them cannot be.
    """
    id_, title, text, source, published, url, author, origin, extra = row
    more = json.loads(extra)
    return Article(
        id_, title, text, source, _date(published), url, author, origin,
        language=more.get("language", ""),
        dated_by=more.get("dated_by", ""),
        spans=tuple(Span(*raw) for raw in more.get("spans", ())),
        pages=tuple(more.get("pages", ())),
        notes=tuple(more.get("notes", ())),
        corrected=more.get("corrected", ""),
    )  # fmt: skip


#: Columns of `ArticleMeta` in SQL, for a table of articles called "a"; `_meta` reads them.
_META = "a.id, a.title, a.source, a.published, a.url, a.author, a.extra"


def _meta(row: Sequence[Any]) -> ArticleMeta:
    id_, title, source, published, url, author, extra = row
    more = json.loads(extra)
    return ArticleMeta(
        id_, title, source, _date(published), url, author, more.get("language", ""), more.get("corrected", ""),
        tuple(more.get("pages", ())),
    )  # fmt: skip


def _extra(article: Article, version_of: str | None) -> str:
    """What has no column of its own, as JSON; what is empty is left out."""
    values = {
        "version_of": version_of,
        "words": count_words(article.text),
        "language": article.language,
        "dated_by": article.dated_by,
        "spans": [[span.start, span.end, span.role] for span in article.spans],
        "pages": list(article.pages),
        "notes": list(article.notes),
        "corrected": article.corrected,
    }
    return json.dumps({name: value for name, value in values.items() if value}, ensure_ascii=False)


def _pack(vectors: NDArray[np.float32]) -> bytes:
    """Unit rows as bytes: 8 bits a number, since a sentence's cosine to a query needs no more."""
    return np.round(vectors * 127).astype(np.int8).tobytes()


def _unpack(data: bytes, rows: int) -> NDArray[np.float32]:
    flat = np.frombuffer(data, dtype=np.int8).astype(np.float32) / np.float32(127)
    return flat.reshape(rows, -1) if rows and len(flat) else np.zeros((rows, 0), dtype=np.float32)


def _add_columns(connection: sqlite3.Connection) -> None:
    """Give the tables of an index of the first format what the second added, so that it can be rebuilt."""
    for table, column, kind in (
        ("articles", "extra", "TEXT NOT NULL DEFAULT '{}'"),
        ("passages", "sentences", "TEXT NOT NULL DEFAULT '[]'"),
        ("passages", "vectors", "BLOB NOT NULL DEFAULT x''"),
    ):
        if column not in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)


def _connect_to_read(layout: Layout) -> sqlite3.Connection:
    """A connection for reading; where nothing can be written (a read-only disk), one that needs no other files.

    Raises:
        IndexCorrupted: it cannot be opened.
    """
    connection = connect(layout.rows)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return connection
    except sqlite3.OperationalError as error:
        connection.close()
        log = Path(f"{layout.rows}-wal")
        if not os.access(layout.rows, os.R_OK):
            raise IndexCorrupted(f"The index {layout.rows} may not be read.", "Check its permissions.") from error
        if os.access(layout.folder, os.W_OK) or (log.exists() and log.stat().st_size):
            raise IndexCorrupted(f"The index {layout.rows} cannot be opened: {error}.", REBUILD) from error
        address = f"{layout.rows.resolve().as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(address, uri=True, timeout=30, isolation_level=None, check_same_thread=False)
    except sqlite3.DatabaseError:
        return connection  # whoever reads it says what is wrong


def _compare(manifest: dict[str, str], built: BuildSettings | None) -> None:
    if manifest.get("format") != FORMAT:
        raise IndexMismatch(
            f"The index has format {manifest.get('format')}, this version reads format {FORMAT}.", REBUILD
        )
    for name in BuildSettings.__slots__ if built else ():
        if manifest[name] != (wanted := str(getattr(built, name))):
            raise IndexMismatch(
                f"The index was built with {name} {manifest[name]}, but the settings say {wanted}.",
                f"{REBUILD} (or set DATELINE_{name.upper()}={manifest[name]}).",
            )


def _empty_vectors(dimension: int) -> Any:
    import faiss

    return faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))


def _read_vectors(path: Path, sha256: str) -> Any:
    import faiss

    data = np.fromfile(path, dtype=np.uint8)
    if hashlib.sha256(data.data).hexdigest() != sha256:
        raise IndexCorrupted(f"The index's vectors {path} are damaged: their checksum differs.", REBUILD)
    try:
        return faiss.deserialize_index(data)
    except RuntimeError as error:
        raise IndexCorrupted(f"The index's vectors {path} are damaged.", REBUILD) from error


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


@contextmanager
def write_lock(layout: Layout) -> Iterator[None]:
    """Held by the one process that changes an index; the folder is there.

    Raises:
        IndexBusy: another process holds it.
        IndexWriteError: it cannot be taken.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(layout.lock, timeout=0)
    with write_errors(layout):
        try:
            lock.acquire()
        except Timeout:
            raise IndexBusy(
                f"Another process is writing to the index in {layout.folder}.",
                "Wait for it to finish, or name another folder with --index.",
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _sqlite_errors(layout: Layout) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            raise IndexBusy(f"The index in {layout.folder} is locked.", "Try again in a moment.") from error
        raise IndexCorrupted(f"The index {layout.rows} is damaged: {error}.", REBUILD) from error


@contextmanager
def _row_errors(layout: Layout) -> Iterator[None]:
    """As `_sqlite_errors`, where rows are read and what they hold is made into values: it may be anything."""
    try:
        with _sqlite_errors(layout):
            yield
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else error
        raise IndexCorrupted(f"The index {layout.rows} holds what cannot be: {said}.", REBUILD) from error


@contextmanager
def write_errors(layout: Layout) -> Iterator[None]:
    hint = "The previous index is unchanged. Free some space or name another folder with --index, then run it again."
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise IndexWriteError(f"The index in {layout.folder} could not be written: {reason}.", hint) from error
    except sqlite3.OperationalError as error:
        if "malformed" in str(error):
            raise
        raise IndexWriteError(f"The index in {layout.folder} could not be written: {error}.", hint) from error
