"""Paths and URLs become Articles, one bad input never stopping the others. Knows nothing about indexes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from rag.articles.assemble import is_url
from rag.articles.encoding import decode
from rag.articles.feed import from_feed
from rag.articles.page import from_page
from rag.articles.pdf import from_pdf
from rag.articles.records import from_records
from rag.articles.text import from_text
from rag.errors import ArticleError
from rag.types import Article, Refusal

MAX_BYTES = 20_000_000
_PLAIN = {".txt", ".text", ".md", ".markdown"}
_PAGES = {".html", ".htm", ".xhtml"}
_RECORDS = {".json", ".jsonl", ".ndjson"}
_FEEDS = {".xml", ".rss", ".atom"}
SUFFIXES = frozenset(_PLAIN | _PAGES | _RECORDS | _FEEDS | {".pdf"})


def load(
    inputs: Sequence[str | Path], *, allow_private_urls: bool = False, max_bytes: int = MAX_BYTES
) -> Iterator[Article | Refusal]:
    """Read files, folders (recursively, in order of name), feeds and web pages.

    In folders, hidden files, README files and files of other kinds are passed over; named directly, a file of another
    kind is refused.

    Args:
        allow_private_urls: whether a URL may point to this machine or a private network.
        max_bytes: largest file or page.

    Yields:
        Articles with clean text, and a Refusal with reason and next step for each input that gave none.
    """
    for given in inputs:
        if is_url(str(given)):
            yield from _load_url(str(given), allow_private_urls, max_bytes)
            continue
        path = Path(given)
        try:
            path = path.expanduser()
            path.resolve()
            folder = path.is_dir()
        except (OSError, ValueError, RuntimeError) as error:  # too long, a zero byte, an unknown ~name
            reason = getattr(error, "strerror", None) or error
            yield Refusal(str(given)[:200], f"The file cannot be read: {reason}.", "Check the path.")
            continue
        if folder:
            found = list(_walk(path))
            readable = 0
            for item in found:
                if isinstance(item, Refusal):
                    yield item
                    continue
                readable += 1
                yield from _load_file(item, item.relative_to(path).with_suffix("").as_posix(), max_bytes)
            if not found:
                kinds = " ".join(sorted(SUFFIXES))
                yield Refusal(str(path.resolve()), "The folder holds no article.", f"Files read are: {kinds}")
        else:
            yield from _load_file(path, path.stem, max_bytes)


def _walk(folder: Path) -> Iterator[Path | Refusal]:
    failed: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=failed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            hidden = name.startswith(".") or name.lower().startswith("readme")
            if not hidden and path.suffix.lower() in SUFFIXES:
                yield path
    for error in failed:
        yield Refusal(str(error.filename), f"The folder cannot be read: {error.strerror}.", "Check its permissions.")


def _load_file(path: Path, article_id: str, max_bytes: int) -> Iterator[Article | Refusal]:
    origin = str(path.resolve())
    try:
        data = _read(path, max_bytes)
        kind = path.suffix.lower()
        if kind in _RECORDS:
            yield from from_records(data, origin, article_id, kind == ".json")
        elif kind in _FEEDS:
            yield from from_feed(data, origin, "")
        elif kind == ".pdf":
            yield from_pdf(data, origin, article_id)
        elif kind in _PAGES:
            yield from_page(data, origin, article_id, url=None)
        elif kind in _PLAIN:
            yield from_text(decode(data, origin), origin, article_id)
        else:
            kinds = " ".join(sorted(SUFFIXES))
            raise ArticleError(f"Files of the kind {kind or 'without suffix'!r} are not read.", f"Read are: {kinds}")
    except ArticleError as error:
        yield Refusal(origin, error.message, error.hint)


def _load_url(url: str, allow_private_urls: bool, max_bytes: int) -> Iterator[Article | Refusal]:
    from rag.articles.web import fetch_page

    try:
        page = fetch_page(url, allow_private=allow_private_urls, max_bytes=max_bytes)
        kind = page.content_type
        if kind == "application/pdf":
            yield from_pdf(page.data, url, url)
        elif kind in {"application/json", "application/x-ndjson"}:
            yield from from_records(page.data, url, url, kind == "application/json")
        elif "rss" in kind or "atom" in kind or (kind.endswith("xml") and "xhtml" not in kind):
            yield from from_feed(page.data, url, urlsplit(page.url).hostname or "")
        elif kind == "text/plain":
            yield from_text(decode(page.data, url), url, url, url=page.url)
        elif kind in {"text/html", "application/xhtml+xml", ""}:
            yield from_page(page.data, url, url, url=page.url)
        else:
            raise ArticleError(f"The address gives {kind}, which is not read.", "Give a page, a feed, a PDF or text.")
    except ArticleError as error:
        yield Refusal(url, error.message, error.hint)


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise ArticleError(
                f"The file has {size / 1e6:.1f} MB; the limit is {max_bytes / 1e6:.0f} MB.",
                "Split it into articles, one per file or one per line of a .jsonl.",
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise ArticleError("There is no such file or folder.", "Check the path.") from None
    except OSError as error:
        raise ArticleError(f"The file cannot be read: {error.strerror}.", "Check its permissions.") from error
    if not data.strip():
        raise ArticleError("The file is empty.", "Delete it or fill it.")
    return data
