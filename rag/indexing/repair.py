"""Builds an index anew from what the old one holds, damaged or not, beside it, and swaps it in.

Every article is read by its row, so a damaged page costs the articles on it and no others; each is held against its
own checksum, since SQLite cannot tell a changed text from the right one. Killed at any moment, the old index stays
until the new one is whole. Knows nothing about files of articles.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.indexing.rows import SCHEMA, Layout, article_of, connect, sync_folder, write_errors, write_lock
from rag.models.embedder import Embedder
from rag.settings import Settings
from rag.types import Article, Progress, Refusal

#: Bytes of an SQLite page, unless its file says otherwise, and of its header.
_PAGE, _HEADER = 4096, 100
#: Rows of articles that can be on one page at most: each has a hash of 64 digits.
_ROWS_PER_PAGE = 40
_COLUMNS = "id, title, text, source, published, url, author, origin, content_hash"
_VERSION = "article_id, title, text, published, content_hash, replaced_at"


@dataclass(slots=True)
class Salvage:
    """What can be read of the articles of a damaged index.

    Attributes:
        lost: what could not be read; filled while `articles` runs.
        damaged: whether anything was wrong with the file.
    """

    layout: Layout
    work: Path
    lost: list[Refusal] = field(default_factory=list)
    damaged: bool = False

    def articles(self) -> Iterator[Article]:
        """The articles, in the order in which they were indexed."""
        with closing(self._open()) as db:
            names = self._names(db)
            last = max([*names, self._last_row(db)], default=0)
            columns = {row[1] for row in _tolerant(db, "PRAGMA table_info(articles)")}
            wanted = _COLUMNS + (", extra" if "extra" in columns else ", '{}'")
            unreadable = 0
            for row in range(1, last + 1):
                try:
                    found = db.execute(f"SELECT {wanted} FROM articles WHERE row = ?", (row,)).fetchone()
                    if found is None:
                        if row in names:
                            raise ValueError("its row is gone")
                        continue
                    article = article_of((*found[:8], found[9]))
                    if article.content_hash != found[8]:
                        raise ValueError("its text is not what was indexed")
                except (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError) as error:
                    self.damaged = True
                    if row in names:
                        self._lose(names[row], str(error))
                    else:
                        unreadable += not names  # without their names nobody knows which rows there were
                    continue
                yield article
            if unreadable or not last:
                self.damaged = True
                self._lose(str(self.layout.rows), "not all names of its articles can be read")

    def versions(self) -> list[tuple[Any, ...]]:
        """The rows of earlier versions, oldest first, up to the first that cannot be read."""
        with closing(self._open()) as db:
            return list(_tolerant(db, f"SELECT {_VERSION} FROM versions ORDER BY row"))

    def _lose(self, name: str, reason: str) -> None:
        self.lost.append(
            Refusal(name, f"It could not be read from the damaged index: {reason}.", "Index its file or address again.")
        )

    def _open(self) -> sqlite3.Connection:
        db = connect(self.layout.rows)
        db.text_factory = _text
        try:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                self.damaged = True
            db.execute("SELECT row FROM articles LIMIT 1").fetchone()
            return db
        except sqlite3.DatabaseError:
            db.close()
        self.damaged = True
        copy = self.work / "copy.sqlite"
        for ending in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{self.layout.rows}{ending}", f"{copy}{ending}")
        _mend_first_page(copy)
        db = connect(copy)
        db.text_factory = _text
        return db

    @staticmethod
    def _names(db: sqlite3.Connection) -> dict[int, str]:
        """Ids by row, from the table's index of ids, which lies on other pages; read from both ends."""
        found: dict[int, str] = {}
        for order in ("ASC", "DESC"):
            for row, id_ in _tolerant(db, f"SELECT row, id FROM articles ORDER BY id {order}"):
                found[int(row)] = str(id_)
        return found

    @staticmethod
    def _last_row(db: sqlite3.Connection) -> int:
        for query in ("SELECT seq FROM sqlite_sequence WHERE name = 'articles'", "SELECT max(row) FROM articles"):
            for (found,) in _tolerant(db, query):
                if isinstance(found, int):
                    return int(found)
        pages = next((n for (n,) in _tolerant(db, "PRAGMA page_count")), 0)
        return int(pages) * _ROWS_PER_PAGE


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What rebuilding did: passages written, and what could not be read."""

    passages: int = 0
    lost: tuple[Refusal, ...] = ()


def rebuild_index(
    settings: Settings, embedder: Embedder, progress: Callable[[Progress], None] | None = None
) -> Rebuilt:
    """Split and embed every article of an index anew; nothing happens where there is none.

    A damaged index is kept in a folder damaged-… inside it, for a person to look at.

    Raises:
        IndexBusy: another process is writing.
        IndexWriteError: the disk refused; the old index stays.
    """
    from rag.indexing.build import build_index

    layout = Layout(settings.index_dir)
    if not layout.rows.exists():
        return Rebuilt()
    beside = layout.folder / "rebuilding"
    with write_errors(layout), write_lock(layout):
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        salvage = Salvage(layout, beside)
        report = build_index(
            salvage.articles(), replace(settings, index_dir=beside / "index"), embedder=embedder, progress=progress
        )
        with closing(connect(beside / "index" / layout.rows.name)) as db:
            # A damaged page may give rows without a value that each must have: those are no versions.
            db.executemany(f"INSERT OR IGNORE INTO versions ({_VERSION}) VALUES (?, ?, ?, ?, ?, ?)", salvage.versions())
        if salvage.damaged:
            _keep(layout)
        _swap(Layout(beside / "index"), layout)
        shutil.rmtree(beside, ignore_errors=True)
    return Rebuilt(report.passages, (*salvage.lost, *report.refusals))


def _keep(layout: Layout) -> None:
    """Copy a damaged index away, whole."""
    kept = layout.folder / f"damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    kept.mkdir(exist_ok=True)
    for path in layout.folder.iterdir():
        if path.is_file() and path != layout.lock:
            shutil.copy2(path, kept)


def _swap(new: Layout, old: Layout) -> None:
    """Put one index in another's place: its segments first, under numbers that are free, then its rows, at once."""
    # Every number is new to the old folder, so that nothing there is written over.
    more = 1 + max([0, *old.segment_files().values(), *new.segment_files().values()])
    with closing(connect(new.rows)) as db:
        numbers = [number for (number,) in db.execute("SELECT number FROM segments")]
        db.executemany(
            "UPDATE segments SET number = ? WHERE number = ?", [(n + more, n) for n in sorted(numbers)[::-1]]
        )
        db.execute("UPDATE manifest SET value = value + ? WHERE key = 'generation'", (more,))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in numbers:
        new.segment(number).replace(old.segment(number + more))
        with suppress(FileNotFoundError):
            new.approximate(number).replace(old.approximate(number + more))
    sync_folder(old.folder)
    # What is only in the old log goes into the old rows, so that the log can go without a loss.
    with suppress(sqlite3.Error), closing(connect(old.rows)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for ending in ("-wal", "-shm"):
        Path(f"{old.rows}{ending}").unlink(missing_ok=True)
    new.rows.replace(old.rows)
    sync_folder(old.folder)
    current = {number + more for number in numbers}
    for path in [p for p, number in old.segment_files().items() if number not in current]:
        path.unlink()
    for path in old.folder.glob("vectors-*.faiss"):  # of formats 1 to 3
        path.unlink()


def _mend_first_page(path: Path) -> None:
    """Give a file the length that its pages need, and the first page of an index of this version if it has none.

    The tables are always made in the same order, so they begin at the same pages.
    """
    data = bytearray(path.read_bytes())
    data += bytes(-len(data) % _PAGE)
    pages = len(data) // _PAGE
    fresh_path = path.with_name("fresh.sqlite")
    with closing(connect(fresh_path)) as db:
        db.executescript(SCHEMA)
    fresh = fresh_path.read_bytes()[:_PAGE]
    fresh_path.unlink()
    with closing(connect(path)) as db:
        try:
            readable = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'articles'").fetchone() == (1,)
        except sqlite3.DatabaseError:
            readable = False
    if readable:
        return
    if not data.startswith(b"SQLite format 3\0") or not _has_tables(bytes(data)):
        data[:_PAGE] = fresh
    # How many pages there are, and no list of free ones (SQLite's file format, 1.3).
    data[28:40] = pages.to_bytes(4, "big") + bytes(8)
    data[92:96] = data[24:28]
    path.write_bytes(data)


def _has_tables(data: bytes) -> bool:
    return data[_HEADER] == 13 and b"CREATE TABLE articles" in data[:_PAGE]


def _tolerant(db: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """Rows up to the first that cannot be read."""
    with suppress(sqlite3.Error):
        yield from db.execute(query)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
