"""What a text and its metadata say, joined into one Article. Knows nothing about formats."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from rag.articles.clean import LONE, Cleaned, first_sentence, normalise
from rag.articles.dates import UNDATED, day
from rag.articles.outlets import author_of, outlet_of, title_of
from rag.articles.outlets import host_of as site_of
from rag.errors import ArticleError
from rag.language.detect import language_of
from rag.types import Article, Role, Span


def make_article(
    cleaned: Cleaned,
    origin: str,
    article_id: str,
    *,
    meta: Mapping[str, Any],
    url: str | None = None,
    blocks: Iterable[tuple[str, Role | None]] = (),
    pages: Sequence[int] = (),
    notes: Sequence[str] = (),
) -> Article:
    """Join what the text and the metadata say; metadata speaks first.

    Args:
        meta: "title", "source", "date", "author", "url" and their other names; values of any type.
        blocks: what the text was made of, in order, each with its role; those with one become spans.
        pages: offsets of pages in `cleaned.text`.

    Raises:
        ArticleError: nothing is left of the text.
    """
    if not any(c.isalnum() for c in cleaned.text):
        raise ArticleError(
            "There is no article text in it.", "Check that the file or page holds the article's own text."
        )

    def first(*names: str) -> str:
        return next((v for n in names if (v := name_of(meta.get(n)))), "")

    language = first("language", "lang")
    outlet = outlet_of(first("source", "sitename", "hostname", "publisher"))
    published, why = None, ""
    for name in ("published_at", "published", "date", "pubDate"):
        if published is None and (given := meta.get(name)):
            published, why = day(given, language=language, others=filter(None, [cleaned.published]))
            why = why or f"its date {name_of(given)[:40]!r} is not understood"
    if why and published is None and cleaned.published is None:
        notes = (*notes, f"{UNDATED} {why}.")
    address = first("url", "link") or url or ""
    if is_url(address) and not host_of(address):
        address, notes = "", (*notes, f"Its address {address[:80]!r} is malformed and left out.")
    heads = cleaned.title or first_sentence(cleaned.text)
    source = outlet or outlet_of(cleaned.source) or site_of(address)
    return Article(
        id=LONE.sub("\ufffd", article_id),
        title=title_of(heads, source, address) if cleaned.title else heads,
        text=cleaned.text,
        source=source,
        published=published or cleaned.published,
        url=LONE.sub("\ufffd", address) or None,
        author=author_of(first("author", "authors") or cleaned.author, source),
        origin=LONE.sub("\ufffd", origin),
        language=language_of(cleaned.text, language),
        dated_by="metadata" if published else cleaned.dated_by,
        spans=spans_of(cleaned.text, blocks) or cleaned.spans,
        pages=tuple(pages),
        notes=(*notes, *cleaned.notes),
    )


def name_of(value: object) -> str:
    """The name in a metadata value: text itself, an object's "name", the names of a list's members, joined."""
    if isinstance(value, str):
        return " ".join(LONE.sub("\ufffd", value).split())
    if isinstance(value, Mapping):
        return next(
            (n for key in ("name", "title", "value", "text", "@value", "en") if (n := name_of(value.get(key)))), ""
        )
    if isinstance(value, (list, tuple)):
        return ", ".join(dict.fromkeys(filter(None, map(name_of, value[:20]))))
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def spans_of(text: str, blocks: Iterable[tuple[str, Role | None]]) -> tuple[Span, ...]:
    """Where the blocks that are no running text ended up in the cleaned text; what was cleaned away is passed over."""
    starts: dict[str, list[int]] = {}
    at = 0
    for line in text.split("\n"):
        starts.setdefault(line, []).append(at)
        at += len(line) + 1
    spans: list[Span] = []
    at = 0
    for block, role in blocks:
        for line in normalise(block).split("\n") if role else ():
            where = starts.get(line, []) if line else []
            if (n := bisect_left(where, at)) < len(where):
                at = where[n] + len(line)
                spans.append(Span(where[n], at, role))  # type: ignore[arg-type]
    return tuple(spans)


def is_url(text: str) -> bool:
    """True for http and https addresses."""
    return text.lower().startswith(("http://", "https://"))


def host_of(url: str) -> str:
    """The host of an address without "www.", "" where it has none."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.") if is_url(url) else ""
    except ValueError:  # "http://[x"
        return ""
