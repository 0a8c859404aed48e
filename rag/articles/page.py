"""Web pages: the article in a page, and the words of a piece of HTML."""

from __future__ import annotations

from typing import Any

from rag.articles.assemble import make_article
from rag.articles.clean import clean
from rag.errors import ArticleError
from rag.types import Article


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


def strip_html(markup: str) -> str:
    """The words of a piece of HTML, a line for each block."""
    from lxml import html as lxml_html
    from lxml.etree import ParserError

    if "<" not in markup and "&" not in markup:
        return markup
    try:
        root = lxml_html.fragment_fromstring(markup, create_parent="div")
    except ParserError:
        return ""
    for element in root.xpath(".//script|.//style"):
        element.drop_tree()
    for element in root.iter("p", "br", "div", "li", "h1", "h2", "h3", "h4", "blockquote", "tr"):
        element.tail = "\n" + (element.tail or "")
    return str(root.text_content())
