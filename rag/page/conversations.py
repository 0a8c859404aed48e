"""Conversations on disk, one JSON file each, and their export. Knows nothing about pages or models."""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import RLock

from rag.answering.show import describe, short_answer
from rag.escapes import as_code, for_line, for_markdown
from rag.page.render import cited, sure
from rag.types import Answer

#: What a file's name may be made of; nothing else ever reaches the disk.
_ID = re.compile(r"[0-9a-z-]{8,64}")


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions and answers in order.

    Attributes:
        id: of its file; "" until it is first saved.
        started: ISO 8601, UTC.
        answers: oldest first; each holds its question.
    """

    id: str = ""
    started: str = ""
    answers: tuple[Answer, ...] = ()

    @property
    def title(self) -> str:
        """The first question, at most 60 characters of it."""
        first = " ".join(self.answers[0].question.split()) if self.answers else "New conversation"
        return first if len(first) <= 60 else first[:59] + "…"

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
        self._folder = folder

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
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(conversation.id)
        data = {
            "id": conversation.id,
            "started": conversation.started,
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
            return Conversation(data["id"], data["started"], tuple(Answer.from_dict(a) for a in data["answers"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def recent(self, most: int = 100) -> list[Conversation]:
        """The newest first; damaged files are left out."""
        names = sorted((path.stem for path in self._folder.glob("*.json")), reverse=True)[:most]
        return [found for name in names if (found := self.load(name))]

    def titles(self, most: int = 100) -> list[tuple[str, str, str]]:
        """Id, title and start of the newest, newest first; a file is read again only when it has changed."""
        paths = sorted(self._folder.glob("*.json"), reverse=True)[:most]
        found = (_title_of(path, path.stat().st_mtime_ns) for path in paths)
        return [title for title in found if title]

    def delete(self, id_: str) -> None:
        """Remove one; nothing happens when it is not there."""
        if id_:
            self._path(id_).unlink(missing_ok=True)

    def _path(self, id_: str) -> Path:
        if not _ID.fullmatch(id_):
            raise ValueError(f"{id_!r} is no conversation")
        return self._folder / f"{id_}.json"


@lru_cache(maxsize=10_000)
def _title_of(path: Path, _changed: int) -> tuple[str, str, str] | None:
    found = Conversations(path.parent).load(path.stem)
    return (found.id, found.title, found.started) if found else None


def own_file(path: str, flags: int) -> int:
    """An opener of files that only their owner may read."""
    return os.open(path, flags, 0o600)


def to_markdown(conversation: Conversation) -> str:
    """The conversation as Markdown, every answer with its sources and verbatim quotes."""
    lines = [f"# {for_markdown(conversation.title)}", ""]
    if conversation.started:
        lines += [f"Started {conversation.started}.", ""]
    for answer in conversation.answers:
        lines += [f"## {for_markdown(answer.question)}", ""]
        if answer.standalone != answer.question:
            lines += [f"*Searched: {for_markdown(answer.standalone)}*", ""]
        if answer.short and (answer.kind == "model" or sure(answer)):
            lines += [f"**In short:** {for_markdown(short_answer(answer))}", ""]
        lines += [for_markdown(answer.text), ""]
        for claim in answer.claims:
            lines += [
                f"- Not confirmed: {for_markdown(problem)} (“{for_markdown(claim.text)}”)" for problem in claim.problems
            ]
        if answer.versions:
            lines += ["", "The articles differ:", ""]
            for version in answer.versions:
                marks = "".join(f"[{c.number}]" for c in version.citations)
                lines.append(f"- {for_markdown(version.value)} {marks}")
        if found := cited(answer):
            lines += ["", "Sources:", ""]
            for number, citations in found.items():
                url = citations[0].passage.article.url
                address = f" — {as_code(for_line(url))}" if url else ""
                lines.append(f"- [{number}] {for_markdown(describe(citations[0]))}{address}")
                lines += [f"  > {for_markdown(citation.quote)}" for citation in citations]
        lines += ["", f"*{for_markdown(answer.model)}*", ""]
    return "\n".join(lines)


def folder_name(person: str | None) -> str:
    """A folder's name for a person who logged in; "local" where nobody logs in."""
    return f"user-{person.encode('utf-8').hex()}" if person else "local"
