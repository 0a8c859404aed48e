"""Web pages: the article in a page."""

from __future__ import annotations

from collections.abc import Iterator

from rag.articles.assemble import make_article
from rag.articles.encoding import declared_charset, decode
from rag.articles.extraction import extract
from rag.articles.fragment import bounded_tags
from rag.articles.reading import Entry, Source
from rag.types import Article


def read(source: Source) -> Iterator[Entry]:
    """The one article of a page."""

    def make() -> Article:
        text = bounded_tags(decode(source.data, source.charset or declared_charset(source.data)))
        return from_page(text, source.origin, source.id, url=source.url or None)

    yield Entry(source.origin, make)


def from_page(data: bytes | str, origin: str, article_id: str, *, url: str | None) -> Article:
    """The article of a page; its address is the one that the page calls its own.

    Raises:
        ArticleError: no article is found in it.
    """
    page = extract(data, url)
    meta = {"language": page.language}
    return make_article(page.cleaned, origin, article_id, meta=meta, url=page.canonical or url)
