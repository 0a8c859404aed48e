"""Named sets of articles, one file for each person. Knows nothing about pages or the index."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection as Container
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock

from rag.errors import InputError, RagError
from rag.page.conversations import folder_name

#: Characters of a name, and collections of one person.
MOST_CHARACTERS, MOST_COLLECTIONS = 80, 500


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of articles.

    Attributes:
        articles: their ids, in the order in which they were put in; some may have been deleted since.
    """

    id: str
    name: str
    articles: tuple[str, ...] = ()


class Collections:
    """The collections of one person.

    Args:
        path: the file, made when the first is saved.
    """

    _lock = RLock()

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[Collection]:
        """By name.

        Raises:
            RagError: the file is damaged.
        """
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            found = [Collection(str(r["id"]), str(r["name"]), tuple(map(str, r["articles"]))) for r in raw]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RagError(
                f"The collections in {self._path} cannot be read: {error}.", "Mend the file, or move it away."
            ) from error
        return sorted(found, key=lambda each: each.name.casefold())

    def articles_of(self, ids: Container[str]) -> tuple[str, ...]:
        """The articles of all these collections, each once."""
        return tuple(dict.fromkeys(a for each in self.all() if each.id in ids for a in each.articles))

    def named(self, names: Iterable[str]) -> tuple[str, ...] | None:
        """The articles of the collections with these names, each once; None for no names.

        Raises:
            InputError: there is no such collection, or none of them holds an article.
        """
        wanted = {" ".join(name.split()).casefold(): name for name in names}
        if not wanted:
            return None
        known = {each.name.casefold(): each for each in self.all()}
        if unknown := [name for key, name in wanted.items() if key not in known]:
            there = ", ".join(each.name for each in known.values())
            raise InputError(
                f"There is no collection {unknown[0]!r}.",
                f"Collections: {there}." if there else "Make one on the page, under Articles: rag chat",
            )
        found = tuple(dict.fromkeys(a for key in wanted for a in known[key].articles))
        if not found:
            raise InputError(f"{' and '.join(known[key].name for key in wanted)}: no article is in it.", "Put some in.")
        return found

    def make(self, name: str, articles: Iterable[str] = ()) -> Collection:
        """A new one.

        Raises:
            InputError: the name is empty, too long, or taken.
        """
        with self._lock:
            known = self.all()
            if len(known) >= MOST_COLLECTIONS:
                raise InputError(f"There are {len(known)} collections already.", "Delete one first.")
            made = Collection(secrets.token_hex(4), _checked(name, known), tuple(dict.fromkeys(articles)))
            self._save([*known, made])
            return made

    def rename(self, id_: str, name: str) -> Collection:
        """Give one another name.

        Raises:
            InputError: there is no such collection, or the name is empty, too long, or taken.
        """
        with self._lock:
            known = self.all()
            others = [each for each in known if each.id != id_]
            return self._put(known, replace(_one(known, id_), name=_checked(name, others)))

    def add(self, id_: str, articles: Iterable[str]) -> Collection:
        """Put articles in; those that are in it stay where they are.

        Raises:
            InputError: there is no such collection.
        """
        with self._lock:
            known = self.all()
            found = _one(known, id_)
            return self._put(known, replace(found, articles=tuple(dict.fromkeys((*found.articles, *articles)))))

    def remove(self, id_: str, articles: Container[str]) -> Collection:
        """Take articles out.

        Raises:
            InputError: there is no such collection.
        """
        with self._lock:
            known = self.all()
            found = _one(known, id_)
            return self._put(known, replace(found, articles=tuple(a for a in found.articles if a not in articles)))

    def delete(self, id_: str) -> None:
        """Forget one; its articles stay in the index. Nothing happens when it is not there."""
        with self._lock:
            self._save([each for each in self.all() if each.id != id_])

    def _put(self, known: list[Collection], changed: Collection) -> Collection:
        self._save([changed if each.id == changed.id else each for each in known])
        return changed

    def _save(self, known: list[Collection]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        rows = [{"id": each.id, "name": each.name, "articles": list(each.articles)} for each in known]
        new = self._path.with_suffix(f".{os.getpid()}.new")
        with open(new, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(json.dumps(rows, ensure_ascii=False, indent=1))
        new.replace(self._path)


def collections_of(data_dir: Path, person: str | None) -> Collections:
    """The collections of a person who logged in; those of everybody where nobody logs in."""
    return Collections(data_dir / "collections" / f"{folder_name(person)}.json")


def _one(known: Iterable[Collection], id_: str) -> Collection:
    found = next((each for each in known if each.id == id_), None)
    if found is None:
        raise InputError("That collection is not there any more.", "Reload the page.")
    return found


def _checked(name: str, others: Iterable[Collection]) -> str:
    name = " ".join(name.split())
    if not name:
        raise InputError("A collection needs a name.", "Type one.")
    if len(name) > MOST_CHARACTERS:
        raise InputError(f"The name has {len(name)} characters; the limit is {MOST_CHARACTERS}.", "Take a shorter one.")
    if any(each.name.casefold() == name.casefold() for each in others):
        raise InputError(f"There is a collection {name!r} already.", "Take another name, or add to that one.")
    return name
