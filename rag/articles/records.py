"""JSON and JSON Lines: one article a record, in the shapes that news interfaces and crawlers write.

The table of names below was made from schema.org's NewsArticle, JSON Feed 1.1, and what NewsAPI, the Guardian,
newsdata, webz, news-please, newspaper4k, trafilatura, CC-News and the TREC Washington Post collection write.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urljoin

from rag.articles.assemble import is_url, make_article, name_of
from rag.articles.clean import LONE, clean
from rag.articles.encoding import decode
from rag.articles.fragment import strip_html
from rag.articles.reading import Entry, Follow, Source
from rag.errors import ArticleError
from rag.types import Article, Refusal

#: Names of each field, the surest first; a dot goes one object down. Case, "_", "-" and spaces make no difference.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "article_id", "uuid", "guid", "_id", "identifier", "uri"),
    "title": ("title", "headline", "webTitle", "fields.headline", "name", "headline.main",
              "heading"),
    "body": ("body", "text", "maintext", "articleBody", "fields.bodyText", "bodyText", "content_html", "content_text",
             "full_content", "fulltext", "full_text", "article_text", "body_text", "fields.body", "content", "contents",
             "paragraphs", "raw_text", "article"),
    "date": ("published_at", "published", "publishedAt", "datePublished", "date_published", "date_publish",
             "publish_date", "published_date", "published_on", "publication_date", "webPublicationDate", "pub_date",
             "date", "date_time", "dateCreated", "created_at", "thread.published"),
    "url": ("url", "link", "webUrl", "web_url", "article_url", "canonical_url", "mainEntityOfPage.@id",
            "mainEntityOfPage", "external_url", "source"),
    "source": ("source_name", "source-hostname", "sitename", "site_name", "meta_site_name", "source", "publisher",
               "outlet", "publication", "thread.site_full", "thread.site", "source_domain", "domain", "hostname",
               "source_id"),
    "author": ("author", "authors", "creator", "fields.byline", "byline", "byline.original", "dc:creator"),
    "language": ("language", "lang", "inLanguage"),
}  # fmt: skip
#: Where a whole answer keeps its records.
_LISTS = ("articles", "results", "data", "items", "docs", "posts", "news", "entries", "records", "hits", "@graph")
_INNER = ("response", "data", "result", "hits", "_source")
_STUB = re.compile(r"\[\+\s*(\d+) chars?\]\s*$")
_SOLD = re.compile(r"\W*only available in .{0,40}\bplans?\W*$", re.I)
_MARKUP = re.compile(r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>", re.I)
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-f]+|[a-z][a-z0-9]+);", re.I)
_HEADS = ("title", "headline", "kicker", "byline", "date")


def read(source: Source) -> Iterator[Entry | Refusal]:
    """An entry for each record.

    Raises:
        ArticleError: the file is not JSON, or holds no record.
    """
    seen: set[str] = set()
    outlet = ""
    total = source.data.count(b"\n") + 1
    for number, raw in _values(source):
        where = f"{source.origin}:{number}"
        if isinstance(raw, Refusal):
            yield raw
            continue
        found = list(_unwrapped(raw))
        if isinstance(raw, dict) and "jsonfeed.org" in str(raw.get("version")):
            outlet = name_of(raw.get("title"))
            found = [_absolute(item, source.url or name_of(raw.get("home_page_url"))) for item in found]
        if not found:
            raise ArticleError("The file holds no record.", 'Write {"title": …, "body": …} into it.')
        for n, record in enumerate(found, number):
            place = f"{source.origin}:{n}" if len(found) > 1 else where
            fallback = f"{source.id}:{n}"

            def make(record: Any = record, fallback: str = fallback, feed: str = outlet) -> Article | Follow:
                made = article_of(record, source, fallback, feed)
                article = made.article if isinstance(made, Follow) else made
                if article and article.id in seen:
                    hint = "Give each record its own id."
                    raise ArticleError(f"The id {article.id!r} was used before in this file.", hint)
                seen.add(article.id if article else "")
                return made

            lines = source.kind != ".json" and len(found) == 1
            yield Entry(place, make, at=number / total if lines else (n - number) / len(found))


def _values(source: Source) -> Iterator[tuple[int, Any]]:
    """The JSON values of the file, each with its line (of JSON Lines) or number."""
    failed: Exception | None = None
    if source.kind == ".json" or not _is_json(source.data.split(b"\n", 1)[0]):
        text = decode(source.data, source.charset)
        try:
            yield 1, json.loads(text)
            return
        except (ValueError, RecursionError) as error:
            failed = error
        if values := _in_a_row(text):
            yield from enumerate(values, 1)
            return
        if source.kind == ".json" and not any(map(_is_json, source.data.split(b"\n", 3)[:3])):
            raise ArticleError(f"The file is not valid JSON: {failed}.", "Mend it, or use .jsonl.") from failed
    # Line by line, the encoding too: one wrong byte costs one line. Not splitlines(): U+2028 may stand in a string.
    wide = b"\x00" in source.data[:64]
    lines = [line.encode() for line in decode(source.data).split("\n")] if wide else source.data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(decode(line, source.charset))
        except (ValueError, RecursionError, ArticleError) as error:
            hint = "Each line must be one JSON object."
            yield number, Refusal(f"{source.origin}:{number}", f"Line {number} is not valid JSON: {error}.", hint)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _in_a_row(text: str) -> list[Any]:
    """Values that each run over several lines, one after the other; [] when anything else is between them."""
    decoder, at, values = json.JSONDecoder(), 0, []
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return []
        values.append(value)
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
    return values


def _unwrapped(value: Any, depth: int = 0) -> Iterator[Any]:
    """The records in the answer of an interface."""
    if isinstance(value, list):
        for item in value:
            yield from _unwrapped(item, depth) if isinstance(item, dict) else [item]
    elif not isinstance(value, dict) or depth > 4:
        yield value
    elif inner := next((value[n] for n in _LISTS if _holds_records(value.get(n))), None):
        articles = [i for i in inner if "@type" not in i or re.search("Article|Posting|Report", str(i["@type"]))]
        yield from _unwrapped(articles or inner, depth + 1)
    elif value.get("articles") == [] or value.get("results") == []:
        return
    elif _get(value, "body"):
        yield value
    elif key := next((n for n in (*_INNER, *_LISTS) if isinstance(value.get(n), dict)), ""):
        yield from _unwrapped(value[key], depth + 1)
    elif value and all(isinstance(item, dict) and _get(item, "body") for item in value.values()):  # by their ids
        yield from value.values()
    else:
        yield value


def _absolute(item: Any, home: str) -> Any:
    """An entry of a JSON Feed with the whole of its address."""
    if not isinstance(item, dict) or not isinstance(item.get("url"), str):
        return item
    try:
        return {**item, "url": urljoin(home, item["url"])}
    except ValueError:
        return item


def _holds_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _get(raw: Mapping[str, Any], field: str) -> Any:
    """The first of a field's names that holds anything."""
    for name in FIELDS[field]:
        value: Any = _named(raw, name)
        if value is None and "." in name:
            value = raw
            for part in name.split("."):
                value = _named(value, part) if isinstance(value, Mapping) else None
        if value not in (None, "", [], {}):
            usable = field not in {"url", "source"} or (is_url(name_of(value)) == (field == "url"))
            if usable:
                return value
    return None


def _named(raw: Mapping[str, Any], name: str) -> Any:
    """What a record holds under a name, however it is written."""
    if name in raw:
        return raw[name]
    wanted = plain_name(name)
    return next((value for key, value in raw.items() if plain_name(key) == wanted), None)


@lru_cache(maxsize=4096)
def plain_name(name: str) -> str:
    """The name of a field without case, "_", "-" and spaces."""
    return re.sub(r"[_\- ]", "", name.casefold())


def article_of(raw: Any, source: Source, fallback: str, outlet: str) -> Article | Follow:
    """The article of a record; of a feed's entry without a body, what the feed says of it and its address.

    Args:
        fallback: id for a record without one.
        outlet: name of the JSON Feed it is from, "" for none.

    Raises:
        ArticleError: it is no object, has no body, or a stub of one.
    """
    if not isinstance(raw, dict):
        raise ArticleError("A record is not a JSON object.", 'Write {"title": …, "body": …}.')
    url = name_of(_get(raw, "url"))
    body, summary = text_of(_get(raw, "body")), False
    if not body.strip() and outlet and url:  # a feed whose entries are teasers
        body, summary = text_of(raw.get("summary") or raw.get("title")), True
    hint = f"Index its address: {url}" if url else 'Give the whole text in "body" or "text".'
    if not body.strip():
        raise ArticleError("The record has no body.", hint)
    if stub := _STUB.search(body):
        raise ArticleError(f"The record's text is a stub: {stub[1]} characters are cut off.", hint)
    if _SOLD.match(body):
        raise ArticleError(f"The record's text is a stub: {body.strip()!r}.", hint)
    given = _get(raw, "id")
    named = isinstance(given, (str, int)) and not isinstance(given, bool) and bool(str(given).strip())
    meta = {name: _get(raw, name) for name in ("date", "url", "source", "author", "language")}
    author = re.sub(r"^by\s+", "", name_of(meta["author"]), flags=re.I)
    article = make_article(
        clean(body, plain(name_of(_get(raw, "title")))),
        source.origin,
        str(given).strip() if named else fallback,
        meta={
            **meta,
            "source": name_of(meta["source"]).removeprefix("www.") or outlet,
            "author": "" if is_url(author) else author,
        },
        url=source.url or None,
    )
    return Follow(url, article) if summary else article


def text_of(value: Any) -> str:
    """A body as text: HTML without its tags, lists as paragraphs, pieces with their heads left out."""
    if isinstance(value, str):
        text = LONE.sub("\ufffd", value)
        if "\n" not in text and "\\n" in text:  # escaped twice
            text = text.replace("\\r", "").replace("\\n", "\n")
        return plain(text)
    if isinstance(value, (list, tuple)):
        return "\n\n".join(filter(None, map(text_of, value)))
    if isinstance(value, Mapping):
        if str(value.get("type") or "").lower() in _HEADS:
            return ""
        return next((t for n in ("content", "text", "value", "body", "rendered") if (t := text_of(value.get(n)))), "")
    return ""


def plain(text: str) -> str:
    """Text without markup and entities, where it has any."""
    if _MARKUP.search(text):
        return strip_html(text)
    return html.unescape(text) if _ENTITY.search(text) else text
