"""Changes an index folder: the one process that may; see `rag.indexing.store` for how it lies there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.articles.addresses import same_page
from rag.articles.outlets import host_of
from rag.indexing import fulltext, segments, vectors
from rag.indexing.contract import (
    MOST_VERSIONS,
    BuildSettings,
    Record,
    compare,
)
from rag.indexing.rows import (
    FORMAT,
    SCHEMA,
    Layout,
    connect,
    extra_of,
    pack,
    sqlite_errors,
    sync_folder,
    write_errors,
    write_lock,
)
from rag.indexing.segments import Segment, source_key
from rag.indexing.store import Part, Store, marks
from rag.language.scripts import search_tokens
from rag.types import Article

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: Sentences on which an approximate index is measured when it is built.
MEASURED_ON = 200


@dataclass(frozen=True, slots=True)
class _Added:
    """An article that waits for its segment."""

    rows: list[int]
    vectors: NDArray[np.float32]
    texts: list[tuple[str, str]]
    source: int
    day: int


class Writer:
    """The one process that may change an index folder; see `rag.indexing.contract.Writer`.

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
        self._added: dict[int, _Added] = {}
        self._lock = ExitStack()
        self._tokenizer = fulltext.Tokenizer()

    def __enter__(self) -> Writer:
        with write_errors(self._layout):
            self._layout.folder.mkdir(parents=True, exist_ok=True)
        with self._lock as stack:
            stack.enter_context(write_lock(self._layout))
            self.store = self._prepare()
            self._lock = stack.pop_all()
        return self

    def _prepare(self) -> Store:
        with write_errors(self._layout), sqlite_errors(self._layout):
            connection = connect(self._layout.rows)
            store = Store(self._layout, connection)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                is_new = not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'manifest'").fetchone()
                if not is_new and (manifest := store.manifest()):
                    compare(manifest, self._built, FORMAT)
                connection.executescript(SCHEMA)
                if store.manifest():
                    store.refresh()
                current = {part.number for part in store.parts}
                for path, number in self._layout.segment_files().items():
                    if number not in current:
                        path.unlink()  # left by a process that died before its commit, or before it removed it
                connection.execute("BEGIN IMMEDIATE")
            except BaseException:
                store.close()
                raise
        return store

    def __exit__(self, *_: object) -> None:
        with suppress(sqlite3.Error):
            self.store._db.rollback()
        self.store.close()
        self._tokenizer.close()
        self._lock.close()

    @property
    def beside(self) -> Path:
        """See `contract.Writer.beside`: the index's own folder."""
        return self._layout.folder

    @property
    def pending(self) -> int:
        """See `contract.Writer.pending`."""
        return sum(len(added.rows) for added in self._added.values())

    @property
    def committed(self) -> int:
        """See `contract.Writer.committed`."""
        return sum(part.left for part in self.store.parts)

    def put(self, record: Record) -> None:
        """See `contract.Writer.put`."""
        article = record.article
        self.delete(article.id)
        db = self.store._db
        with write_errors(self._layout):
            published = article.published.isoformat() if article.published else None
            values = {
                "id": article.id, "origin": article.origin, "title": article.title, "source": article.source,
                "published": published, "url": article.url, "page": same_page(article.url) or None,
                "host": host_of(article.url or ""), "author": article.author, "content_hash": article.content_hash,
                "bands": np.array(record.bands, np.int64).tobytes(), "repeats": record.repeats,
                "indexed_at": _now(), "text": article.text, "extra": extra_of(article, record.version_of),
            }  # fmt: skip
            names = f"({', '.join(values)}) VALUES ({marks(values)})"
            owner = int(db.execute(f"INSERT INTO articles {names}", tuple(values.values())).lastrowid or 0)
            db.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?)", [(key, owner) for key in record.bands])
            db.executemany(
                "INSERT INTO mentions (article, name, kind, count) VALUES (?, ?, ?, ?)",
                [(owner, each.name, each.kind, each.count) for each in record.mentions],
            )
            added = _Added([], record.vectors, [], source_key(article.source), _ordinal(article.published))
            for passage, parts in zip(record.passages, record.sentence_vectors, strict=True):
                cut = json.dumps([s.to_list() for s in passage.sentences], ensure_ascii=False)
                row = db.execute(
                    "INSERT INTO passages (article, start, end, sentences, vectors) VALUES (?, ?, ?, ?, ?)",
                    (owner, passage.start, passage.end, cut, pack(parts)),
                ).lastrowid
                # The page's search takes the terms of other scripts apart from the text, since it shows the text.
                more = search_tokens(f"{article.title}\n{passage.text}")
                db.execute(
                    "INSERT INTO passages_text (rowid, title, text, terms) VALUES (?, ?, ?, ?)",
                    (row, article.title, passage.text, more),
                )
                added.rows.append(int(row or 0))
                added.texts.append((article.title, f"{passage.text}\n{more}"))
        self._added[owner] = added

    def put_version(self, article: Article, replaced_at: str | None = None) -> None:
        """See `contract.Writer.put_version`."""
        db = self.store._db
        with write_errors(self._layout):
            db.execute(
                "INSERT INTO versions (article_id, title, text, published, content_hash, replaced_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    article.id, article.title, article.text, article.published and article.published.isoformat(),
                    article.content_hash, replaced_at or _now(),
                ),
            )  # fmt: skip
            db.execute(
                "DELETE FROM versions WHERE article_id = ?1 AND row NOT IN"
                " (SELECT row FROM versions WHERE article_id = ?1 ORDER BY row DESC LIMIT ?2)",
                (article.id, MOST_VERSIONS),
            )

    def drop_versions(self, article_id: str) -> None:
        """See `contract.Writer.drop_versions`."""
        with write_errors(self._layout):
            self.store._db.execute("DELETE FROM versions WHERE article_id = ?", (article_id,))

    def touch(self, article_id: str, origin: str) -> None:
        """See `contract.Writer.touch`."""
        with write_errors(self._layout):
            self.store._db.execute("UPDATE articles SET origin = ? WHERE id = ?", (origin, article_id))

    def set_repeats(self, article_id: str, repeats: str | None) -> None:
        """See `contract.Writer.set_repeats`."""
        with write_errors(self._layout):
            self.store._db.execute("UPDATE articles SET repeats = ? WHERE id = ?", (repeats, article_id))

    def repeated_by(self, article_id: str) -> list[str]:
        """See `contract.Writer.repeated_by`."""
        rows = self.store._db.execute("SELECT id FROM articles WHERE repeats = ? ORDER BY row", (article_id,))
        return [id_ for (id_,) in rows]

    def delete(self, article_id: str) -> None:
        """See `contract.Writer.delete`."""
        db = self.store._db
        with write_errors(self._layout):
            found = db.execute("SELECT row, bands FROM articles WHERE id = ?", (article_id,)).fetchone()
            if found is None:
                return
            row, bands = found
            if self._added.pop(row, None) is None:
                db.execute("INSERT OR IGNORE INTO removed SELECT row FROM passages WHERE article = ?", (row,))
            keys = np.frombuffer(bands, np.int64).tolist()
            db.executemany("DELETE FROM bands WHERE key = ? AND article = ?", [(key, row) for key in keys])
            db.execute("DELETE FROM passages_text WHERE rowid IN (SELECT row FROM passages WHERE article = ?)", (row,))
            db.execute("DELETE FROM passages WHERE article = ?", (row,))
            db.execute("DELETE FROM mentions WHERE article = ?", (row,))
            db.execute("DELETE FROM articles WHERE row = ?", (row,))

    def commit(self) -> None:
        """Make everything so far the current state, at once; then merge segments that have become many."""
        waiting, self._added = self._added, {}
        if any(added.rows for added in waiting.values()):
            self._write(lambda path: segments.write_segment(path, self._gathered(waiting)), [])
        else:
            self._finish(self._next(), [])
        while run := segments.due([len(p.segment) for p in self.store.parts], [p.left for p in self.store.parts]):
            self._merge(self.store.parts[run.start : run.stop])

    def _gathered(self, waiting: dict[int, _Added]) -> Segment:
        """What was added, as a segment."""
        kept = {owner: added for owner, added in waiting.items() if added.rows}
        sizes = [len(added.rows) for added in kept.values()]
        return Segment(
            np.concatenate([added.vectors for added in kept.values()]),
            np.array([row for added in kept.values() for row in added.rows], np.int64),
            np.repeat(np.array(list(kept), np.int64), sizes),
            np.repeat(np.array([added.source for added in kept.values()], np.uint64), sizes),
            np.repeat(np.array([added.day for added in kept.values()], np.int32), sizes),
            self._tokenizer.postings([text for added in kept.values() for text in added.texts]),
        )

    def _merge(self, parts: Sequence[Part]) -> None:
        """Put one segment in the place of several."""
        for part in parts:
            # Damage must not be written on under a new checksum.
            segments.read_segment(self._layout.segment(part.number), part.sha256, check=True)
        if any(part.left for part in parts):
            self._write(lambda path: segments.merge(path, [p.segment for p in parts], [p.alive for p in parts]), parts)
        else:
            self._finish(self._next(), parts)

    def _next(self) -> int:
        return self.store._generation + 1 if self.store._generation >= 0 else 1

    def _write(self, write: Any, old: Sequence[Part]) -> None:
        """Write a new segment in the place of old ones, and make it current."""
        number = self._next()
        with write_errors(self._layout):
            sha256 = write(self._layout.segment(number))
            segment = segments.read_segment(self._layout.segment(number), sha256, check=False)
            about: dict[str, Any] = {}
            if len(segment) >= vectors.APPROXIMATE:
                asked = self._sentences(segment)
                about = vectors.build_approximate(self._layout.approximate(number), segment.vectors, asked).to_dict()
            self.store._db.execute(
                "INSERT INTO segments (number, first, last, passages, sha256, approximate) VALUES (?, ?, ?, ?, ?, ?)",
                (number, int(segment.rows[0]), int(segment.rows[-1]), len(segment), sha256, json.dumps(about)),
            )
            self._finish(number, old)

    def _sentences(self, segment: Segment) -> NDArray[np.float32]:
        """Vectors of sentences of its passages, as what is nearest to questions."""
        draw = np.random.default_rng(2)
        rows = draw.choice(segment.rows, min(len(segment), MEASURED_ON), replace=False).tolist()
        found = [stored.vectors for stored in self.store.passages(rows).values() if len(stored.vectors)]
        if not found:
            return np.asarray(segment.vectors[np.searchsorted(segment.rows, np.sort(rows))])
        one = np.array([each[draw.integers(len(each))] for each in found], np.float32)
        scaled: NDArray[np.float32] = one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-9)
        return scaled

    def _finish(self, generation: int, old: Sequence[Part]) -> None:
        """Commit, under the number of a new generation, without the old segments."""
        db = self.store._db
        with write_errors(self._layout):
            for part in old:
                db.execute("DELETE FROM segments WHERE number = ?", (part.number,))
                db.execute("DELETE FROM removed WHERE row BETWEEN ? AND ?", (part.first, part.last))
            sync_folder(self._layout.folder)
            manifest = {
                "format": FORMAT,
                "generation": str(generation),
                **{name: str(getattr(self._built, name)) for name in BuildSettings.__slots__},
            }
            db.executemany("INSERT OR REPLACE INTO manifest (key, value) VALUES (?, ?)", manifest.items())
            db.execute("COMMIT")
            self.store.refresh()
            for part in old:
                self._layout.segment(part.number).unlink()
                self._layout.approximate(part.number).unlink(missing_ok=True)
            db.execute("BEGIN IMMEDIATE")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _ordinal(day: date | None) -> int:
    return day.toordinal() if day else 0
