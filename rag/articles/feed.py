"""RSS, Atom and RDF feeds: one article an entry, or its address where the feed has a summary only."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urljoin, urlsplit

from rag.articles.assemble import is_url, make_article
from rag.articles.clean import clean
from rag.articles.dates import find_date
from rag.articles.encoding import declared_charset, decode
from rag.articles.fragment import strip_html
from rag.articles.reading import Entry, Follow, Source
from rag.errors import ArticleError
from rag.types import Article

#: A feed's own text with fewer words is a teaser, unless it comes as the entry's content.
SHORT = 120
_CUT = re.compile(
    r"(?:\[?(?:…|\.\.\.|&hellip;)\]?|\b(?:read|continue reading|see) (?:more|the full\b.{0,40}))\W*$", re.I
)


def read(source: Source) -> Iterator[Entry]:
    """An entry for each entry of the feed.

    Raises:
        ArticleError: it is no feed, or has no entries.
    """
    import feedparser

    # feedparser guesses encodings by the header and the declaration; one wrong byte turns the whole to Latin-1.
    text = decode(source.data, source.charset or declared_charset(source.data))
    feed = feedparser.parse(_undeclared(text).encode("utf-8", "replace"), sanitize_html=False)
    if not feed.entries:
        if not feed.version:
            raise ArticleError("The file is not an RSS or Atom feed.", "Give the address of the feed itself.")
        raise ArticleError("The feed has no entries.", "Try it again later.")
    home = source.url or str(feed.feed.get("link") or "")
    outlet = _plain(feed.feed.get("title")) or (urlsplit(source.url).hostname or "" if source.url else "")
    links = [_link(entry, home) for entry in feed.entries]
    count = Counter(links)
    seen: set[str] = set()
    for number, (entry, link) in enumerate(zip(feed.entries, links, strict=True), 1):
        own = str(entry.get("id") or "")
        # Entries of a live blog share one address.
        id_ = (link if count[link] == 1 or own in {"", link} else f"{link}#{own}") or own or f"{source.origin}:{number}"

        def make(entry: Any = entry, id_: str = id_, link: str = link) -> Article | Follow:
            made = _article(entry, source, id_, link, outlet)
            if id_ in seen:
                raise ArticleError(f"The id {id_!r} was used before in this feed.", "The first one is kept.")
            seen.add(id_)
            return made

        yield Entry(link or f"{source.origin}:{number}", make, at=number / len(links))


_DECLARATION = re.compile(r"""^(\ufeff?\s*<\?xml[^>]*?)\s+encoding\s*=\s*["'][^"']*["']""")


def _undeclared(text: str) -> str:
    return _DECLARATION.sub(r"\1", text)


def _link(entry: Any, home: str) -> str:
    link = str(entry.get("link") or "").strip()
    if not link and is_url(own := str(entry.get("id") or "")):
        link = own
    try:
        return urljoin(home, link) if link else ""
    except ValueError:
        return link


def _plain(value: object) -> str:
    """A title as text: markup goes, entities are resolved, those that were escaped twice too."""
    return " ".join(html.unescape(strip_html(str(value or ""))).split())


def _text(value: object) -> str:
    """A body as text; entities that were escaped twice are resolved too."""
    text = strip_html(str(value or ""))
    return _FOOT.sub("", html.unescape(text) if _ENTITY.search(text) else text)


#: What WordPress writes below each entry.
_FOOT = re.compile(r"(?:^|\n)[ \t]*The post .{1,300} (?:appeared first on|first appeared on) .{1,120}\s*$")
_ENTITY = re.compile(r"&(?:amp|quot|lt|gt|apos|nbsp|euro|[lr][sd]quo|[mn]dash|hellip|#\d{2,5}|#x[0-9a-f]{2,4});", re.I)


def _article(entry: Any, source: Source, id_: str, link: str, outlet: str) -> Article | Follow:
    contents = [_text(c.get("value")) for c in entry.get("content") or []]
    summary = _text(entry.get("summary"))
    text = max([*contents, summary], key=len)
    title = _plain(entry.get("title"))
    whole = bool(contents) and len(max(contents, key=len)) >= len(summary) and not _CUT.search(text.strip())
    whole = whole or (len(text.split()) >= SHORT and not _CUT.search(text.strip()))
    web = link if is_url(link) else ""
    teaser = not whole and bool(web)
    told = _plain((entry.get("source") or {}).get("title")) if isinstance(entry.get("source"), dict) else ""
    article = None
    if not teaser or any(c.isalnum() for c in text):
        meta = {"source": told or outlet, "date": _day(entry), "url": web, "author": str(entry.get("author") or "")}
        try:
            article = make_article(clean(_CUT.sub("", text) if teaser else text, title), source.origin, id_, meta=meta)
        except ArticleError:  # no more than the title again
            if not teaser:
                raise
    if not teaser and article is not None:
        return article
    return Follow(web, article, {"title": title, "source": told or outlet, "published": _day(entry)})


def _day(entry: Any) -> date | None:
    """The day where the outlet is: as written, with the zone that is written, not turned into UTC."""
    for name in ("published", "updated", "created"):
        if found := find_date(entry.get(name)):
            return found
        if when := entry.get(f"{name}_parsed"):
            return _date(*when[:3])
    return None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
