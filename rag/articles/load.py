"""Paths and URLs become Articles, one bad input never stopping the others. Knows nothing about formats or indexes."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath

from rag.articles.assemble import is_url
from rag.articles.dates import UNDATED
from rag.articles.extraction import CUT
from rag.articles.kinds import ARCHIVES, READ, SUFFIXES, counted, kind_of_answer, passed_over, sniffed, suffix_of
from rag.articles.reading import SUMMARY_ONLY, Follow, Note, Source, is_summary
from rag.articles.visitor import DELAY, Visitor
from rag.articles.worker import read_apart
from rag.errors import ArticleError
from rag.types import Article, Progress, Refusal

MAX_BYTES = 20_000_000
#: Archives hold many articles.
ARCHIVE_FACTOR = 10
#: Pages followed from one feed or sitemap in one run.
MOST_PAGES = 200
_MOST_SITEMAPS_DEEP = 3


def load(
    inputs: Sequence[str | Path],
    *,
    allow_private_urls: bool = False,
    max_bytes: int = MAX_BYTES,
    most_pages: int = MOST_PAGES,
    delay: float = DELAY,
    cache: Path | None = None,
    note: Callable[[str], None] = lambda line: None,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Iterator[Article | Refusal]:
    """Read files, folders (recursively, in order of name), archives, feeds, sitemaps and web pages.

    In folders, hidden files, README files and files of other kinds are passed over; named directly, a file of another
    kind is refused. Each file is read in a child process with a limit of time and memory.

    Args:
        allow_private_urls: whether a URL may point to this machine or a private network.
        max_bytes: largest file or page; archives may have ten times that.
        most_pages: most pages followed from one feed or sitemap.
        delay: seconds between two requests to one host.
        cache: folder that keeps what was fetched, so that it is fetched anew only when it changed; None keeps nothing.
        note: called with a line for people about what was passed over or cut short.
        progress: called as files are read, with bytes done and bytes in all.

    Yields:
        Articles with clean text, and a Refusal with reason and next step for each input that gave none.
    """
    undated = total_read = 0
    for item in _load(inputs, allow_private_urls, max_bytes, most_pages, delay, cache, note, progress):
        if isinstance(item, Article):
            total_read += 1
            undated += item.published is None
            if CUT in item.notes:
                note(f"{item.id}: {CUT}")
            for line in item.notes if item.pages else ():  # pages without text, or read from their pictures
                note(f"{item.id}: {line}")
        yield item
    if undated:
        note(f"Undated: {undated} of {total_read} articles.")


def _load(
    inputs: Sequence[str | Path],
    allow_private_urls: bool,
    max_bytes: int,
    most_pages: int,
    delay: float,
    cache: Path | None,
    note: Callable[[str], None],
    progress: Callable[[Progress], None],
) -> Iterator[Article | Refusal]:
    visitor = Visitor(allow_private=allow_private_urls, max_bytes=max_bytes, cache=cache, delay=delay)
    plan = [step for given in inputs for step in _plan(given, note)]
    total, done = sum(step.size for step in plan if isinstance(step, _File)), 0
    for step in plan:
        if isinstance(step, Refusal):
            yield step
        elif isinstance(step, str):
            yield from _load_url(step, visitor, max_bytes, most_pages, note)
        else:
            share = partial(_advance, progress, done, step.size, total)
            share(0.0)
            yield from _load_file(step, max_bytes, note, share)
            share(1.0)
            done += step.size


def _advance(progress: Callable[[Progress], None], done: int, size: int, total: int, share: float) -> None:
    progress(Progress("reading", done + round(share * size), total, "bytes"))


class _File:
    """A file to read: its path, the id of its article, and its size in bytes."""

    def __init__(self, path: Path, article_id: str) -> None:
        self.path, self.id = path, article_id
        try:
            self.size = path.stat().st_size
        except OSError:
            self.size = 0


def _plan(given: str | Path, note: Callable[[str], None]) -> list[str | _File | Refusal]:
    if is_url(str(given)):
        return [str(given)]
    path = Path(given)
    try:
        path = path.expanduser()
        path.resolve()
        folder = path.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a zero byte, an unknown ~name
        reason = getattr(error, "strerror", None) or error
        return [Refusal(str(given)[:200], f"The file cannot be read: {reason}.", "Check the path.")]
    if not folder:
        return [_File(path, path.stem)]
    passed: Counter[str] = Counter()
    found: list[str | _File | Refusal] = [
        item if isinstance(item, Refusal) else _File(item, item.relative_to(path).with_suffix("").as_posix())
        for item in _walk(path, passed)
    ]
    if passed:
        note(f"Passed over in {path}: {counted(passed)}.")
    if not found:
        found.append(Refusal(str(path.resolve()), "The folder holds no article.", READ))
    return found


def _walk(folder: Path, passed: Counter[str]) -> Iterator[Path | Refusal]:
    failed: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=failed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if kind := passed_over(PurePath(name)):
                passed[kind] += 1
            elif not path.is_file():
                passed["no regular file"] += 1
            else:
                yield path
    for error in failed:
        yield Refusal(str(error.filename), f"The folder cannot be read: {error.strerror}.", "Check its permissions.")


def _load_file(
    file: _File, max_bytes: int, note: Callable[[str], None], progress: Callable[[float], None]
) -> Iterator[Article | Refusal]:
    origin = str(file.path.resolve())
    try:
        kind = suffix_of(file.path.name)
        data = _read(file.path, max_bytes * (ARCHIVE_FACTOR if kind in ARCHIVES else 1))
        if kind not in SUFFIXES:
            raise ArticleError(f"Files of the kind {kind or 'without suffix'!r} are not read.", READ)
    except ArticleError as error:
        yield Refusal(origin, error.message, error.hint)
        return
    summaries = 0
    source = Source(data, origin, file.id, sniffed(data, kind), max_bytes=max_bytes)
    for item in read_apart(source, progress=progress):
        if isinstance(item, Note):
            note(item.line)
        elif not isinstance(item, Follow):
            yield item
        elif item.article is not None:  # a file is no leave to ask the network
            summaries += 1
            yield _summary(item.article, "the feed is a file")
        else:
            hint = "Give the address of the feed or sitemap itself, and the page is read."
            yield Refusal(item.url, "There is no article text in it, only the address of a page.", hint)
    if summaries:
        note(f"{SUMMARY_ONLY}: {summaries} articles of {file.path}. Give the feed's address to read their pages.")


def _load_url(
    url: str, visitor: Visitor, max_bytes: int, most_pages: int, note: Callable[[str], None]
) -> Iterator[Article | Refusal]:
    try:
        page = visitor.get(url)
        kind = kind_of_answer(page.content_type, page.url, page.data)
    except ArticleError as error:
        yield Refusal(url, error.message, error.hint)
        return
    waiting = [read_apart(Source(page.data, url, url, kind, page.url, page.charset, max_bytes))]
    followed: set[str] = set()
    summaries = 0
    while waiting:
        item = next(waiting[-1], None)
        if item is None:
            waiting.pop()
        elif isinstance(item, Note):
            note(item.line)
        elif not isinstance(item, Follow):
            yield item
        elif item.url in followed:
            continue
        elif item.article is None and len(followed) >= most_pages:
            note(f"{url} names more pages than the {most_pages} that are followed in one run; the newest are read.")
            break
        else:
            followed.add(item.url)
            found = _follow(item, url, visitor, max_bytes, len(followed) > most_pages)
            if isinstance(found, Source):
                if len(waiting) < _MOST_SITEMAPS_DEEP:
                    waiting.append(read_apart(found))
                continue
            summaries += isinstance(found, Article) and is_summary(found)
            yield found
    for rest in waiting:
        rest.close()
    if summaries:
        note(f"{SUMMARY_ONLY}: {summaries} articles of {url}.")


def _follow(item: Follow, origin: str, visitor: Visitor, max_bytes: int, enough: bool) -> Article | Refusal | Source:
    """The article of a page that a feed or a sitemap names, or the sitemap that an index of sitemaps names; what the
    feed says of it when the page cannot be had."""
    reason = "more pages than are followed in one run"
    if not enough:
        try:
            page = visitor.follow(item.url)
            kind = kind_of_answer(page.content_type, page.url, page.data)
            source = Source(page.data, origin, item.url, kind, page.url, page.charset, max_bytes)
            if kind == ".sitemap":
                return source
            for found in read_apart(source):
                if isinstance(found, Article):
                    return _with_hints(found, item)
                reason = found.reason if isinstance(found, Refusal) else "the address is another feed"
                break
        except ArticleError as error:
            reason = error.message
    if item.article is not None:
        return _summary(item.article, reason)
    return Refusal(item.url, reason[:1].upper() + reason[1:], "Open the page, save its text as .txt and index that.")


def _with_hints(article: Article, item: Follow) -> Article:
    """A page's article under the address, outlet and day that its feed or sitemap knows it by."""
    said, hints = item.article, item.hints
    told = said.published if said else hints.get("published")
    published = told or article.published
    notes = [note for note in article.notes if not (told and note.startswith(UNDATED))]
    dated_by = "metadata" if published and published != article.published else article.dated_by
    return replace(
        article,
        title=(said.title if said else hints.get("title")) or article.title,
        source=(said.source if said else hints.get("source")) or article.source,
        published=published,
        dated_by=dated_by,
        author=article.author or (said.author if said else ""),
        url=article.url or item.url,
        notes=tuple(notes),
    )


def _summary(article: Article, reason: str) -> Article:
    return replace(article, notes=(*article.notes, f"{SUMMARY_ONLY}: {reason.rstrip('.')}."))


def _read(path: Path, max_bytes: int) -> bytes:
    """At most so many bytes of a regular file; a pipe would wait for ever and a device never end."""
    try:
        # Not to wait for the other end of a pipe, should one take the file's place.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ArticleError("It is no regular file.", "Give files, folders or addresses.")
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise ArticleError("There is no such file or folder.", "Check the path.") from None
    except OSError as error:
        raise ArticleError(f"The file cannot be read: {error.strerror}.", "Check its permissions.") from error
    if len(data) > max_bytes:
        size = max(path.stat().st_size, len(data))
        raise ArticleError(
            f"The file has {size / 1e6:.1f} MB; the limit is {max_bytes / 1e6:.0f} MB.",
            "Split it into articles, one per file or one per line of a .jsonl.",
        )
    if not data.strip():
        raise ArticleError("The file is empty.", "Delete it or fill it.")
    return data
