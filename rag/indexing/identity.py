"""Which article an incoming one is: a newer version of one that is known, an older one, or another of the same name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rag.articles.addresses import same_page
from rag.indexing.contract import Reader
from rag.indexing.duplicates import shingles
from rag.types import Article

#: Least share, in [0, 1], of the shorter text's runs of five words that two versions have in common. Of 171 pairs of
#: articles on the same few subjects the most alike have .06, and texts half of which was written anew at least .33.
ALIKE = 0.2
#: How the origin begins of what came through the page.
UPLOAD = "upload://"


def alike(one: str, other: str) -> bool:
    """Whether two texts are versions of one, as far as their words tell."""
    mine, theirs = shingles(one), shingles(other)
    return len(mine & theirs) >= ALIKE * min(len(mine), len(theirs))


class Known:
    """Content hash and origin by id, of the index and of what a run is about to write to it.

    Asked article by article, so that a run over one article costs the same in a large index.
    """

    def __init__(self, store: Reader) -> None:
        self._store = store
        self._changed: dict[str, tuple[str, str] | None] = {}

    def get(self, id_: str) -> tuple[str, str] | None:
        """Content hash and origin, None when there is no such article."""
        return self._changed[id_] if id_ in self._changed else self._store.known(id_)

    def __contains__(self, id_: str) -> bool:
        return self.get(id_) is not None

    def __setitem__(self, id_: str, value: tuple[str, str]) -> None:
        self._changed[id_] = value

    def __delitem__(self, id_: str) -> None:
        self._changed[id_] = None

    def siblings(self, id_: str) -> list[str]:
        """Ids that begin with this one and "~"."""
        new = [other for other in self._changed if other.startswith(f"{id_}~")]
        return [other for other in dict.fromkeys([*self._store.siblings(id_), *new]) if other in self]

    def every(self) -> dict[str, tuple[str, str]]:
        """All of them."""
        merged = {**self._store.hashes(), **self._changed}
        return {id_: value for id_, value in merged.items() if value}


class Identity:
    """Settles ids.

    Args:
        known: kept up to date by the caller.
        at_page: id of the article of the index at an address without what counts visitors, or None.
        stored: gives a known article.
    """

    def __init__(
        self, known: Known, at_page: Callable[[str], str | None], stored: Callable[[str], Article | None]
    ) -> None:
        self._known, self._stored, self._at_page = known, stored, at_page
        self._at: dict[str, str] = {}

    def settle(self, article: Article) -> Article:
        """The article under the id of what it is a version of, or under a new one when its own means another."""
        key = same_page(article.url)
        there = (self._at_page(key) or self._at.get(key, "")) if key else ""
        if there and there != article.id and there in self._known and self._is_version(article, there):
            article = replace(article, id=there)
        elif article.id not in self._known:
            article = replace(article, id=self._of_same_file(article) or article.id)
        elif (known := self._known.get(article.id)) and known[0] != article.content_hash:
            uploaded = article.origin.startswith(UPLOAD)  # whose name says nothing about where it lay
            if known[1] != article.origin or uploaded:
                article = self._apart(article, uploaded)
        if key:
            self._at.setdefault(key, article.id)
        return article

    def _apart(self, article: Article, uploaded: bool) -> Article:
        """The article as it is when it succeeds the one that has its id, else under its own id or a sibling's."""
        old = self._stored(article.id)
        if old is None or self._succeeds(article, old):
            return article
        own = f"{article.id}~{_short(article.origin + article.content_hash if uploaded else article.origin)}"
        if own not in self._known and uploaded:
            siblings = self._known.siblings(article.id)
            versions = (id_ for id_ in siblings if (old := self._stored(id_)) and alike(old.text, article.text))
            own = next(versions, own)
        return replace(article, id=own)

    def _of_same_file(self, article: Article) -> str:
        """The id that the same file has since it was read as part of a folder around the given one, or of one in it."""
        if article.origin.startswith(UPLOAD) or not _is_named_after_file(article):
            return ""
        number = re.search(r":\d+$", article.id)
        parts = Path(article.origin).with_suffix("").parts[1:]
        tails = ("/".join(parts[n:]) + (number[0] if number else "") for n in range(len(parts)))
        ids = (id_ for tail in tails for id_ in (tail, f"{tail}~{_short(article.origin)}"))
        return next((id_ for id_ in ids if (known := self._known.get(id_)) and known[1] == article.origin), "")

    def _is_version(self, article: Article, there: str) -> bool:
        """One address from two places is one article; in one feed it may be the entries of a live blog."""
        known = self._known.get(there)
        if known and known[1] != article.origin:
            return True
        old = self._stored(there)
        return old is not None and alike(old.text, article.text)

    def _succeeds(self, article: Article, old: Article) -> bool:
        """Whether an article is a version of the one that has its id and came from another place."""
        if (key := same_page(article.url)) and key == same_page(old.url):
            return True
        if not _is_named_after_file(old):
            same_outlet = bool(article.source) and article.source == old.source
            return same_outlet or article.title == old.title or alike(article.text, old.text)
        if old.origin.startswith(UPLOAD):
            return alike(article.text, old.text)
        if "://" in old.origin or Path(old.origin).exists():
            return False
        # The file was moved, renamed or saved in another kind.
        return Path(old.origin).parent == Path(article.origin).parent or alike(article.text, old.text)


def is_older(article: Article, old: Article) -> bool:
    """Whether an incoming version was published before the one that is there."""
    return article.published is not None and old.published is not None and article.published < old.published


def _is_named_after_file(article: Article) -> bool:
    """Whether the id is no more than the name of the file, with a number where it holds several articles."""
    origin = article.origin.removeprefix(UPLOAD)
    if not origin or "://" in origin:
        return False
    name = article.id.partition("~")[0]
    stem, _, number = name.rpartition(":")
    stem = stem if number.isdigit() else name
    return f"/{Path(origin).with_suffix('').as_posix()}".endswith(f"/{stem}")


def _short(text: str) -> str:
    return hashlib.sha1(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()[:6]
