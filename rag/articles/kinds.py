"""Which kind a file or an answer of a server is, and which reader reads it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath
from urllib.parse import urlsplit

from rag.articles.reading import Entry, Note, Reader, Source
from rag.errors import ArticleError
from rag.types import Refusal

PLAIN = (".txt", ".text")
MARKDOWN = (".md", ".markdown")
PAGES = (".html", ".htm", ".xhtml", ".shtml", ".php")
RECORDS = (".json", ".jsonl", ".ndjson")
FEEDS = (".xml", ".rss", ".atom")
ARCHIVES = (".zip", ".warc", ".mbox", ".gz")
TABLES = (".csv", ".tsv")
OTHERS = (".pdf", ".docx", ".epub", ".eml", ".mhtml", ".mht", *TABLES)
SUFFIXES = frozenset({*PLAIN, *MARKDOWN, *PAGES, *RECORDS, *FEEDS, *ARCHIVES, *OTHERS})
READ = "Read are: " + " ".join(sorted(SUFFIXES))

_BY_TYPE = {
    "application/pdf": ".pdf", "application/json": ".json", "application/feed+json": ".json",
    "application/ld+json": ".json", "application/x-ndjson": ".jsonl", "application/jsonl": ".jsonl",
    "application/rss+xml": ".xml", "application/atom+xml": ".xml", "application/rdf+xml": ".xml",
    "application/xml": ".xml", "text/xml": ".xml", "text/html": ".html", "application/xhtml+xml": ".html",
    "text/plain": ".txt", "text/markdown": ".md", "text/csv": ".csv",
    "text/tab-separated-values": ".tsv", "message/rfc822": ".eml",
    "multipart/related": ".mhtml", "application/epub+zip": ".epub", "application/zip": ".zip",
    "application/mbox": ".mbox", "application/warc": ".warc", "application/gzip": ".gz",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}  # fmt: skip
#: Types that servers give to anything.
_VAGUE = {
    "",
    "application/octet-stream",
    "binary/octet-stream",
    "text/plain",
    "text/html",
    "application/xml",
    "text/xml",
}
_PROLOGUE = re.compile(r"(?:\ufeff|\s+|<\?.*?\?>|<!--.*?-->|<!doctype\b[^>\[]*(?:\[.*?\]\s*)?>)*", re.I | re.S)
_FEED_ROOTS = {"rss", "feed", "rdf", "urlset", "sitemapindex", "opml", "nitf"}


def suffix_of(name: str) -> str:
    """The suffix that says how to read a file; that before ".gz" is looked at when it is unpacked."""
    return PurePath(name).suffix.lower()


def passed_over(path: PurePath) -> str:
    """As what a file of a folder or an archive that is not read is counted; "" for one that is read."""
    if any(part.startswith((".", "__MACOSX")) for part in path.parts):
        return "hidden"
    if path.stem.lower() == "readme":
        return "README"
    suffix = path.suffix.lower()
    return "" if suffix in SUFFIXES else suffix or "without suffix"


def counted(passed: Counter[str]) -> str:
    """ "3 .jpg, 1 README": the twelve most frequent."""
    return ", ".join(f"{count} {kind}" for kind, count in passed.most_common(12))


def kind_of_answer(content_type: str, url: str, data: bytes) -> str:
    """The kind of what a server gave: by its type, by what it is where types are vague, by the address.

    Raises:
        ArticleError: it is of a kind that is not read.
    """
    kind = _BY_TYPE.get(content_type) or (".xml" if content_type.endswith("+xml") else "")
    if content_type not in _VAGUE:
        if not kind:
            raise ArticleError(f"The address gives {content_type}, which is not read.", READ)
        return kind
    named = suffix_of(urlsplit(url).path)
    fallback = kind or (named if named in SUFFIXES else ".html" if b"<" in data[:1024] else ".txt")
    if fallback == ".txt" and named in {*MARKDOWN, *RECORDS, *TABLES}:
        fallback = named
    return sniffed(data, fallback)


def sniffed(data: bytes, kind: str) -> str:
    """The kind of some bytes where what they are speaks louder than their name, else `kind`."""
    if data.startswith(b"%PDF-"):
        return ".pdf"
    if kind in ARCHIVES or kind in OTHERS:
        return kind
    if data.startswith(b"WARC/"):
        return ".warc"
    root = _root(data)
    if root in _FEED_ROOTS:
        return ".xml" if root not in {"urlset", "sitemapindex"} else ".sitemap"
    if root == "html" and kind in {*PLAIN, *FEEDS}:
        return ".html"
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if kind in {".html", ".txt", ".xml"} and head.startswith((b'{"', b"[{", b"{\n", b"{\r", b"{ ")) and _is_json(data):
        return ".json"
    return kind


def _root(data: bytes) -> str:
    """Name of the root element in lower case without its prefix; "html" for a doctype of it, "" for no markup."""
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    head = data[:8192].decode("utf-16" if wide else "utf-8", "replace")
    start = _PROLOGUE.match(head)
    assert start
    if re.search(r"<!doctype\s+html", start[0], re.I):
        return "html"
    found = re.match(r"<(?:[\w.-]+:)?([\w.-]+)", head[start.end() :])
    return found[1].lower() if found else ""


def _is_json(data: bytes) -> bool:
    import json

    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def read(source: Source) -> Iterator[Entry | Refusal | Note]:
    """The entries of a source by the reader of its kind; whatever fails becomes a refusal of the source."""
    try:
        yield from reader_of(source.kind)(source)
    except ArticleError as error:
        yield Refusal(source.origin, error.message, error.hint)
    except MemoryError:
        yield Refusal(source.origin, "It takes too much memory to read.", "Split it.")
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        yield Refusal(source.origin, f"It cannot be read ({type(error).__name__}: {said}).", "Check the file.")


def reader_of(kind: str) -> Reader:
    """The reader of a kind.

    Raises:
        ArticleError: no reader reads it.
    """
    from rag.articles import archives, documents, feed, mail, page, pdf, records, sitemap, table, text

    if kind in PLAIN or kind in MARKDOWN:
        return text.read
    if kind in PAGES:
        return page.read
    if kind in RECORDS:
        return records.read
    if kind in FEEDS:
        return feed.read
    if kind in TABLES:
        return table.read
    found: dict[str, Reader] = {
        ".pdf": pdf.read, ".docx": documents.read_docx, ".epub": documents.read_epub,
        ".eml": mail.read_mail, ".mhtml": mail.read_mhtml, ".mht": mail.read_mhtml, ".mbox": mail.read_mbox,
        ".zip": archives.read_zip, ".warc": archives.read_warc, ".gz": archives.read_gzip, ".sitemap": sitemap.read,
    }  # fmt: skip
    if kind not in found:
        raise ArticleError(f"Files of the kind {kind or 'without suffix'!r} are not read.", READ)
    return found[kind]
