"""SQLite's side of an index folder: its tables, its connections, what rows mean, and what its errors mean."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.errors import IndexBusy, IndexCorrupted, IndexWriteError
from rag.indexing.contract import REBUILD
from rag.language.scripts import count_words
from rag.types import Article, ArticleMeta, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = "4"
SCHEMA = """
CREATE TABLE IF NOT EXISTS manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS articles (
  row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, origin TEXT NOT NULL, title TEXT NOT NULL,
  source TEXT NOT NULL, published TEXT, url TEXT, page TEXT, host TEXT NOT NULL, author TEXT NOT NULL,
  content_hash TEXT NOT NULL, bands BLOB NOT NULL, repeats TEXT, indexed_at TEXT NOT NULL, text TEXT NOT NULL,
  extra TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS versions (
  row INTEGER PRIMARY KEY AUTOINCREMENT, article_id TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
  published TEXT, content_hash TEXT NOT NULL, replaced_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS versions_article ON versions (article_id);
CREATE INDEX IF NOT EXISTS articles_source ON articles (source, host);
CREATE INDEX IF NOT EXISTS articles_published ON articles (published);
CREATE INDEX IF NOT EXISTS articles_page ON articles (page);
CREATE INDEX IF NOT EXISTS articles_repeats ON articles (repeats);
CREATE TABLE IF NOT EXISTS passages (
  row INTEGER PRIMARY KEY AUTOINCREMENT, article INTEGER NOT NULL REFERENCES articles (row),
  start INTEGER NOT NULL, end INTEGER NOT NULL, sentences TEXT NOT NULL DEFAULT '[]', vectors BLOB NOT NULL DEFAULT x''
);
CREATE INDEX IF NOT EXISTS passages_article ON passages (article);
-- For people who look through the articles; what finds passages for a question lies in the segments. "terms" holds
-- those of words of other than Latin letters, which the tokenizer cannot cut itself; with vowel signs counted as
-- letters it keeps them whole.
CREATE VIRTUAL TABLE IF NOT EXISTS passages_text USING fts5 (
  title, text, terms, tokenize="porter unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
);
CREATE TABLE IF NOT EXISTS mentions (
  article INTEGER NOT NULL REFERENCES articles (row), name TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS mentions_article ON mentions (article);
-- Which articles share a band of their MinHash.
CREATE TABLE IF NOT EXISTS bands (key INTEGER, article INTEGER, PRIMARY KEY (key, article)) WITHOUT ROWID;
-- The current segments, and the rows in them that are gone.
CREATE TABLE IF NOT EXISTS segments (
  number INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, passages INTEGER NOT NULL,
  sha256 TEXT NOT NULL, approximate TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS removed (row INTEGER PRIMARY KEY);
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

    def segment(self, number: int) -> Path:
        """Vectors, postings and filters of some passages, see `rag.indexing.segments`."""
        return self.folder / f"segment-{number}.safetensors"

    def approximate(self, number: int) -> Path:
        """FAISS: the approximate index of a large segment."""
        return self.folder / f"segment-{number}.faiss"

    def segment_files(self) -> dict[Path, int]:
        """Files of segments that lie there, current or not, with their numbers."""
        found = {path: path.stem.partition("-")[2] for path in self.folder.glob("segment-*")}
        return {path: int(number) if number.isdecimal() else -1 for path, number in found.items()}


def article_of(row: Sequence[Any]) -> Article:
    """An article from its id, title, text, source, day, address, author, origin and extra.

    Raises:
        ValueError, TypeError, AttributeError: one of them cannot be.
    """
    id_, title, text, source, published, url, author, origin, extra = row
    more = json.loads(extra)
    return Article(
        id_, title, text, source, day_of(published), url, author, origin,
        language=more.get("language", ""),
        dated_by=more.get("dated_by", ""),
        spans=tuple(Span(*raw) for raw in more.get("spans", ())),
        pages=tuple(more.get("pages", ())),
        notes=tuple(more.get("notes", ())),
        corrected=more.get("corrected", ""),
    )  # fmt: skip


#: Columns of `ArticleMeta` in SQL, for a table of articles called "a"; `meta_of` reads them.
META = "a.id, a.title, a.source, a.published, a.url, a.author, a.extra"


def meta_of(row: Sequence[Any]) -> ArticleMeta:
    id_, title, source, published, url, author, extra = row
    more = json.loads(extra)
    return ArticleMeta(
        id_, title, source, day_of(published), url, author, more.get("language", ""), more.get("corrected", ""),
        tuple(more.get("pages", ())),
    )  # fmt: skip


def extra_of(article: Article, version_of: str | None) -> str:
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


def pack(vectors: NDArray[np.float32]) -> bytes:
    """Unit rows as bytes: 8 bits a number, since a sentence's cosine to a query needs no more."""
    return np.round(vectors * 127).astype(np.int8).tobytes()


def unpack(data: bytes, rows: int) -> NDArray[np.float32]:
    flat = np.frombuffer(data, dtype=np.int8).astype(np.float32) / np.float32(127)
    return flat.reshape(rows, -1) if rows and len(flat) else np.zeros((rows, 0), dtype=np.float32)


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)


def connect_to_read(layout: Layout) -> sqlite3.Connection:
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


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def day_of(text: str | None) -> date | None:
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
def sqlite_errors(layout: Layout) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            raise IndexBusy(f"The index in {layout.folder} is locked.", "Try again in a moment.") from error
        raise IndexCorrupted(f"The index {layout.rows} is damaged: {error}.", REBUILD) from error


@contextmanager
def row_errors(layout: Layout) -> Iterator[None]:
    """As `sqlite_errors`, where rows are read and what they hold is made into values: it may be anything."""
    try:
        with sqlite_errors(layout):
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
