"""Web pages: the article in a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rag.articles.assemble import make_article
from rag.articles.clean import clean
from rag.articles.encoding import declared_charset, decode
from rag.articles.fragment import bounded_tags
from rag.articles.reading import Entry, Source
from rag.errors import ArticleError
from rag.types import Article


def read(source: Source) -> Iterator[Entry]:
    """The one article of a page."""

    def make() -> Article:
        text = bounded_tags(decode(source.data, source.charset or declared_charset(source.data)))
        return from_page(text.encode("utf-8", "replace"), source.origin, source.id, url=source.url or None)

    yield Entry(source.origin, make)


def from_page(data: bytes, origin: str, article_id: str, *, url: str | None) -> Article:
    """A web page by trafilatura, its date by htmldate.

    Raises:
        ArticleError: no article is found in it.
    """
    from htmldate import find_date as find_page_date
    from trafilatura import bare_extraction

    document = bare_extraction(data, url=url, with_metadata=True, include_comments=False, include_tables=True)
    meta: dict[str, Any] = document.as_dict() if document is not None else {}
    if not meta.get("text"):
        raise ArticleError("No article text was found in the page.", "Save its text as .txt and index that.")
    day = find_page_date(data.decode("utf-8", "replace"), extensive_search=False, original_date=True)
    meta["date"] = day or meta.get("date")
    meta["source"] = meta.get("sitename") or meta.get("hostname") or ""
    title = str(meta.get("title") or "")
    return make_article(clean(str(meta["text"]), title), origin, article_id, meta=meta, url=url)
