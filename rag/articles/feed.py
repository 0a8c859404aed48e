"""RSS and Atom feeds: one article an entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rag.articles.assemble import is_url, make_article
from rag.articles.clean import clean
from rag.articles.page import strip_html
from rag.errors import ArticleError
from rag.types import Article, Refusal


def from_feed(data: bytes, origin: str, host: str) -> Iterator[Article | Refusal]:
    import feedparser

    feed = feedparser.parse(data, sanitize_html=False)
    if not feed.entries:
        if not feed.version:
            raise ArticleError("The file is not an RSS or Atom feed.", "Give the address of the feed itself.")
        raise ArticleError("The feed has no entries.", "Try it again later.")
    outlet = str(feed.feed.get("title") or "").strip() or host
    seen: set[str] = set()
    for number, entry in enumerate(feed.entries, 1):
        link = str(entry.get("link") or "")
        article_id = link or str(entry.get("id") or f"{origin}:{number}")
        try:
            article = _from_entry(entry, origin, article_id, outlet)
            if article_id in seen:
                raise ArticleError(f"The id {article_id!r} was used before in this feed.", "The first one is kept.")
            seen.add(article_id)
            yield article
        except ArticleError as error:
            yield Refusal(link or f"{origin}:{number}", error.message, error.hint)


def _from_entry(entry: Any, origin: str, article_id: str, outlet: str) -> Article:
    from datetime import date

    bodies = [str(c.get("value") or "") for c in entry.get("content") or []] + [str(entry.get("summary") or "")]
    text = strip_html(max(bodies, key=len))
    when = entry.get("published_parsed") or entry.get("updated_parsed")
    meta = {
        "source": outlet,
        "date": date(*when[:3]) if when else None,
        "url": link if is_url(link := str(entry.get("link") or "")) else "",
        "author": entry.get("author") or "",
    }
    return make_article(clean(text, strip_html(str(entry.get("title") or ""))), origin, article_id, meta=meta)
