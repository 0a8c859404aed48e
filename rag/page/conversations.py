"""Conversations on disk, one JSON file each. Knows nothing about pages or models."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import RLock

from rag.types import Answer

#: What a file's name may be made of; nothing else ever reaches the disk.
_ID = re.compile(r"[0-9a-z-]{8,64}")
#: Characters of a name, and of what is shown around a hit.
MOST_NAME, AROUND = 200, 60


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions and answers in order.

    Attributes:
        id: of its file; "" until it is first saved.
        started: ISO 8601, UTC.
        answers: oldest first; each holds its question.
        name: that a person gave it, "" for none.
        pinned: whether it stands above the others.
    """

    id: str = ""
    started: str = ""
    answers: tuple[Answer, ...] = ()
    name: str = ""
    pinned: bool = False

    @property
    def title(self) -> str:
        """Its name, or the first question; at most 60 characters."""
        return _title(self.name, [answer.question for answer in self.answers[:1]])

    def with_answer(self, answer: Answer) -> Conversation:
        """The conversation with one more answer."""
        return replace(self, answers=(*self.answers, answer))

    def branch(self, turns: int) -> Conversation:
        """A new conversation that begins with the first so many turns of this one, which stays as it is."""
        return Conversation(answers=self.answers[:turns])


class Conversations:
    """The conversations of one person.

    Args:
        folder: made when the first is saved.
    """

    _lock = RLock()

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, conversation: Conversation) -> Conversation:
        """Write it, whole or not at all; returns it with its id. One without answers is not kept."""
        if not conversation.answers:
            self.delete(conversation.id)
            return conversation
        if not conversation.id:
            now = datetime.now(UTC)
            conversation = replace(
                conversation,
                id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}",
                started=now.isoformat(timespec="seconds"),
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(conversation.id)
        data = {
            "id": conversation.id,
            "started": conversation.started,
            "name": conversation.name,
            "pinned": conversation.pinned,
            "answers": [answer.to_dict() for answer in conversation.answers],
        }
        new = path.with_suffix(f".{os.getpid()}.new")
        with open(new, "w", encoding="utf-8", opener=own_file) as file:
            file.write(json.dumps(data, ensure_ascii=False))
        new.replace(path)
        return conversation

    def append(self, conversation: Conversation, answer: Answer) -> Conversation:
        """Add an answer to a conversation as it is on disk now: another tab may have added to it meanwhile.

        Returns:
            The conversation with all answers; a new one when it was never saved, or was deleted meanwhile.
        """
        with self._lock:
            kept = self.load(conversation.id) if conversation.id else None
            return self.save((kept or conversation).with_answer(answer))

    def load(self, id_: str) -> Conversation | None:
        """The conversation, or None when there is no such file or it is damaged."""
        try:
            data = json.loads(self._path(id_).read_text(encoding="utf-8"))
            answers = tuple(Answer.from_dict(a) for a in data["answers"])
            name, pinned = str(data.get("name", "")), bool(data.get("pinned"))
            return Conversation(data["id"], data["started"], answers, name, pinned)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def recent(self, most: int = 100) -> list[Conversation]:
        """The newest first; damaged files are left out."""
        names = sorted((path.stem for path in self.folder.glob("*.json")), reverse=True)[:most]
        return [found for name in names if (found := self.load(name))]

    def rename(self, id_: str, name: str) -> Conversation | None:
        """Give it a name, "" for none again; None when it is not there."""
        return self._changed(id_, name=" ".join(name.split())[:MOST_NAME])

    def pin(self, id_: str, pinned: bool) -> Conversation | None:
        """Have it stand above the others, or no longer; None when it is not there."""
        return self._changed(id_, pinned=pinned)

    def entries(self, most: int = 100) -> list[Entry]:
        """The pinned ones, then the newest, each newest first; a file is read again only when it has changed."""
        entries = [entry for entry, _ in self._read()]
        return [e for e in entries if e.pinned] + [e for e in entries if not e.pinned][:most]

    def find(self, words: str, most: int = 30) -> list[Found]:
        """Turns whose question or answer holds every word, and conversations whose name does; newest first.

        Args:
            words: without regard to case.
        """
        wanted = words.casefold().split()
        found: list[Found] = []
        for entry, turns in self._read() if wanted else ():
            hits = [n for n, text in enumerate(turns) if _holds(text, wanted)]
            if not hits and not _holds(entry.title, wanted):
                continue
            found += [Found(entry, n, _around(turns[n], wanted[0])) for n in hits[:3] or [0]]
            if len(found) >= most:
                break
        return found[:most]

    def delete(self, id_: str) -> None:
        """Remove one; nothing happens when it is not there."""
        if id_:
            self._path(id_).unlink(missing_ok=True)

    def _changed(self, id_: str, **values: str | bool) -> Conversation | None:
        with self._lock:
            found = self.load(id_)
            return self.save(replace(found, **values)) if found else None  # type: ignore[arg-type]

    def _read(self) -> Iterable[tuple[Entry, tuple[str, ...]]]:
        for path in sorted(self.folder.glob("*.json"), reverse=True):
            try:
                known = _entry_of(path, path.stat().st_mtime_ns)
            except FileNotFoundError:  # deleted meanwhile
                continue
            if known:
                yield known

    def _path(self, id_: str) -> Path:
        if not _ID.fullmatch(id_):
            raise ValueError(f"{id_!r} is no conversation")
        return self.folder / f"{id_}.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversation as it is listed."""

    id: str
    title: str
    started: str
    pinned: bool
    turns: int


@dataclass(frozen=True, slots=True)
class Found:
    """A turn that holds what was looked for.

    Attributes:
        turn: 0-based.
        around: some words of it.
    """

    entry: Entry
    turn: int
    around: str


@lru_cache(maxsize=5_000)
def _entry_of(path: Path, _changed: int) -> tuple[Entry, tuple[str, ...]] | None:
    """How it is listed, and the text of each turn; None of a damaged file. No hit is read, which takes long."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        turns = tuple(f"{answer['question']}\n{answer.get('text', '')}" for answer in data["answers"])
        title = _title(str(data.get("name", "")), [answer["question"] for answer in data["answers"][:1]])
        return Entry(path.stem, title, str(data["started"]), bool(data.get("pinned")), len(turns)), turns
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _title(name: str, questions: Iterable[str]) -> str:
    first = " ".join((name or next(iter(questions), "New conversation")).split())
    return first if len(first) <= 60 else first[:59] + "…"


def _holds(text: str, wanted: list[str]) -> bool:
    folded = text.casefold()
    return all(word in folded for word in wanted)


def _around(text: str, word: str) -> str:
    at = max(text.casefold().find(word), 0)
    start, end = max(at - AROUND, 0), at + AROUND
    return ("…" if start else "") + " ".join(text[start:end].split()) + ("…" if end < len(text) else "")


def own_file(path: str, flags: int) -> int:
    """An opener of files that only their owner may read."""
    return os.open(path, flags, 0o600)


def folder_name(person: str | None) -> str:
    """A folder's name for a person who logged in; "local" where nobody logs in."""
    return f"user-{person.encode('utf-8').hex()}" if person else "local"
