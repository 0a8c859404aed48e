"""What a reader of a format is given and what it gives back. A reader decides nothing about failures: the worker does.

A reader takes a `Source` and yields an `Entry` for each article in it; only `Entry.make` does the work, so that one
that fails, or never ends, costs that entry alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rag.errors import ArticleError
from rag.types import Article, Refusal


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to read and what is known about them.

    Attributes:
        origin: absolute path or URL they came from.
        id: the id of the article in them, or what the ids of several begin with.
        kind: suffix with its dot, e.g. ".html"; see rag/articles/kinds.py.
        url: the address after redirects, "" for a file.
        charset: as an HTTP header names it, "" if it does not.
        max_bytes: most bytes of one article when it is unpacked.
        depth: how many archives it lies in.
    """

    data: bytes
    origin: str
    id: str
    kind: str
    url: str = ""
    charset: str = ""
    max_bytes: int = 20_000_000
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Follow:
    """An address named in a feed or a sitemap, whose page holds the article.

    Attributes:
        article: what the feed itself says of it, taken when the page cannot be had; None in a sitemap.
        hints: title, source and day of publication as the feed or sitemap gives them.
    """

    url: str
    article: Article | None = None
    hints: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One article to be made.

    Attributes:
        where: names it in a refusal: the origin, "origin:3", or its own address.
        make: makes it; may raise anything.
        at: how far into its source it stands, in [0, 1]; 0 where that is not known.
    """

    where: str
    make: Callable[[], Article | Follow]
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Note:
    """A line for people about what was passed over in a source."""

    origin: str
    line: str


#: How the note begins of an article that is no more than what a feed said of it.
SUMMARY_ONLY = "Summary only"
Reader = Callable[[Source], Iterator[Entry | Refusal | Note]]


def attempt(entry: Entry) -> Article | Follow | Refusal:
    """Make an entry's article; whatever fails becomes the refusal of that entry."""
    try:
        return entry.make()
    except ArticleError as error:
        return Refusal(entry.where, error.message, error.hint)
    except MemoryError:
        return Refusal(entry.where, "It takes too much memory to read.", "Save the article's text alone as .txt.")
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        reason = f"It cannot be read ({type(error).__name__}{': ' + said if said else ''})."
        return Refusal(entry.where, reason, "Save the article's text alone as .txt.")


def is_summary(article: Article) -> bool:
    """Whether an article is no more than what a feed said of it."""
    return any(line.startswith(SUMMARY_ONLY) for line in article.notes)
