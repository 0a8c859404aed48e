"""What a text and its metadata say, joined into one Article. Knows nothing about formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from rag.articles.clean import LONE, Cleaned, first_sentence
from rag.articles.dates import find_date
from rag.errors import ArticleError
from rag.types import Article


def make_article(
    cleaned: Cleaned, origin: str, article_id: str, *, meta: Mapping[str, Any], url: str | None = None
) -> Article:
    """Join what the text and the metadata say; metadata speaks first.

    Raises:
        ArticleError: nothing is left of the text.
    """
    if not any(c.isalnum() for c in cleaned.text):
        raise ArticleError(
            "There is no article text in it.", "Check that the file or page holds the article's own text."
        )

    def first(*names: str) -> str:
        return next((v for n in names if isinstance(meta.get(n), str) and (v := meta[n].strip())), "")

    published = next(
        (day for name in ("published_at", "published", "date", "pubDate") if (day := find_date(meta.get(name)))), None
    )
    address = first("url", "link") or url or ""
    author = meta.get("author") or meta.get("authors") or ""
    if isinstance(author, list):
        author = ", ".join(str(name) for name in author)
    return Article(
        id=LONE.sub("\ufffd", article_id),
        title=" ".join((cleaned.title or first_sentence(cleaned.text)).split()),
        text=cleaned.text,
        source=first("source", "sitename", "hostname", "publisher") or cleaned.source or host_of(address),
        published=published or cleaned.published,
        url=address or None,
        author=str(author).strip() or cleaned.author,
        origin=LONE.sub("\ufffd", origin),
    )


def is_url(text: str) -> bool:
    """True for http and https addresses."""
    return text.lower().startswith(("http://", "https://"))


def host_of(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.") if is_url(url) else ""
