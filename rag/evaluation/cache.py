"""Answers kept between runs, by what they depend on: each at once, so that an interrupted run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from rag.errors import InputError
from rag.evaluation.gold import GoldItem
from rag.types import Answer


class AnswerCache:
    """Answers on disk, in one SQLite file that several runs may share.

    Args:
        path: the file; made when it is not there.
        fingerprint: of everything but the question that an answer depends on: index, model, settings, code.
        fresh: answer nothing from what is kept, but keep what comes.
        of_item: whether answers depend on the gold too (given gold evidence).

    Raises:
        InputError: the file is damaged or no such file; also of `get` and `put`.
    """

    def __init__(self, path: Path, fingerprint: str, *, fresh: bool = False, of_item: bool = False) -> None:
        self._path, self._fresh, self._of_item = path, fresh, of_item
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fingerprint = fingerprint
        self._lock = Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, timeout=60)
        try:
            with self._sound(), self._db:
                self._db.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)")
        except InputError:
            self._db.close()
            raise

    def get(self, item: GoldItem) -> Answer | None:
        """The answer kept for a question, None when there is none that can be read."""
        if self._fresh:
            return None
        with self._lock, self._sound():
            row = self._db.execute("SELECT answer FROM answers WHERE key = ?", [self._key(item)]).fetchone()
        try:
            return Answer.from_dict(json.loads(row[0])) if row else None
        except (KeyError, TypeError, ValueError):
            return None  # kept by another version: asked again

    def put(self, item: GoldItem, answer: Answer) -> None:
        """Keep an answer; it is on disk when this returns."""
        with self._lock, self._sound(), self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?)", [self._key(item), json.dumps(answer.to_dict())]
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _sound(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise InputError(f"The kept answers {self._path} cannot be used: {error}.", "Delete that file.") from error

    def _key(self, item: GoldItem) -> str:
        asked = json.dumps([self._fingerprint, item.question, sorted(item.sources), str(item.as_of)])
        if self._of_item:
            asked += item.to_line()
        return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()
