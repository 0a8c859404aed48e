"""Sitemaps and their indexes (sitemaps.org, and Google's for news): the addresses of pages, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rag.articles.assemble import is_url
from rag.articles.dates import find_date
from rag.articles.reading import Entry, Follow, Source
from rag.errors import ArticleError

#: Addresses that the protocol allows in one sitemap.
MOST_ADDRESSES = 50_000


def read(source: Source) -> Iterator[Entry]:
    """An entry for each address; its hints are the title, outlet and day that a news sitemap gives.

    Raises:
        ArticleError: it is no sitemap, or names no address.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=False)
    root = etree.fromstring(source.data, parser)
    if root is None:
        raise ArticleError("The sitemap is not valid XML.", "Give the address of the sitemap itself.")
    found = []
    for element in root.iterchildren():
        values = {
            etree.QName(node).localname: (node.text or "").strip()
            for node in element.iter()
            if isinstance(node.tag, str)
        }
        url = values.get("loc", "")
        if is_url(url):
            found.append((values.get("publication_date") or values.get("lastmod") or "", url, values))
        if len(found) >= MOST_ADDRESSES:
            break
    if not found:
        raise ArticleError("The sitemap names no page.", "Try it again later.")
    found.sort(key=lambda item: item[0], reverse=True)  # ISO 8601 sorts as text
    for _, url, values in found:

        def make(url: str = url, values: Any = values) -> Follow:
            hints = {
                "title": values.get("title", ""),
                "source": values.get("name", ""),
                "published": find_date(values.get("publication_date") or ""),
            }
            return Follow(url, None, hints)

        yield Entry(url, make)
