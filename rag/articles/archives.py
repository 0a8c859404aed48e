"""Archives of files of other kinds: .zip, .gz, and the web crawls of .warc (ISO 28500). Unpacked while counting."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import PurePath, PurePosixPath
from urllib.parse import urlsplit

from rag.articles.kinds import ARCHIVES, SUFFIXES, kind_of_answer, read, sniffed, suffix_of
from rag.articles.reading import Entry, Source
from rag.errors import ArticleError
from rag.types import Refusal

#: All members of an archive together may unpack to so many times the most bytes of one.
MOST_UNPACKED = 50
MOST_MEMBERS = 100_000


def read_zip(source: Source) -> Iterator[Entry | Refusal]:
    """The entries of every member of a kind that is read, in order of name.

    Raises:
        ArticleError: it is no zip file, lies in another, or holds no such member.
    """
    _not_nested(source)
    try:
        archive = zipfile.ZipFile(BytesIO(source.data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise ArticleError(f"The archive is broken: {error}.", "Pack it again.") from error
    members = sorted((m for m in archive.infolist() if _is_readable(m)), key=lambda m: m.filename)[:MOST_MEMBERS]
    if not members:
        raise ArticleError("The archive holds no file of a kind that is read.", "Unpack it and look.")
    left = MOST_UNPACKED * source.max_bytes
    for member in members:
        where = f"{source.origin}:{member.filename}"
        try:
            with archive.open(member) as file:
                data = file.read(min(source.max_bytes, left) + 1)
        except (
            zipfile.BadZipFile,
            RuntimeError,
            OSError,
            EOFError,
            ValueError,
            NotImplementedError,
            zlib.error,
        ) as error:
            yield Refusal(where, f"It cannot be unpacked: {error}.", "Unpack the archive yourself.")
            continue
        left -= len(data)
        if left < 0:
            limit = f"{MOST_UNPACKED * source.max_bytes / 1e6:.0f} MB"
            raise ArticleError(f"The archive unpacks to more than {limit}.", "Unpack it and index the folder.")
        path = PurePosixPath(member.filename)
        yield from _member(source, data, where, str(path.with_suffix("")), path.suffix.lower())


def _is_readable(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not member.is_dir() and not hidden and path.suffix.lower() in SUFFIXES


def _member(source: Source, data: bytes, where: str, name: str, kind: str) -> Iterator[Entry | Refusal]:
    if len(data) > source.max_bytes:
        limit = f"{source.max_bytes / 1e6:.0f} MB"
        yield Refusal(where, f"It unpacks to more than {limit}.", "Split it into articles.")
    elif data.strip():
        inner = replace(
            source, data=data, id=f"{source.id}/{name}", kind=sniffed(data, kind), charset="", depth=source.depth + 1
        )
        for found in read(inner):
            yield replace(found, where=where) if isinstance(found, Entry) else replace(found, origin=where)


def read_gzip(source: Source) -> Iterator[Entry | Refusal]:
    """The entries of the one file that is packed.

    Raises:
        ArticleError: it is broken, too large, of a kind that is not read, or lies in another archive.
    """
    name = PurePath(urlsplit(source.origin).path if "://" in source.origin else source.origin).name
    inner = suffix_of(name.removesuffix(".gz").removesuffix(".GZ"))
    if inner == ".warc":
        yield from read_warc(source)
        return
    _not_nested(source)
    try:
        with gzip.GzipFile(fileobj=BytesIO(source.data)) as file:
            data = file.read(source.max_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ArticleError(f"The file is packed wrongly: {error}.", "Unpack it yourself.") from error
    if len(data) > source.max_bytes:
        raise ArticleError(f"It unpacks to more than {source.max_bytes / 1e6:.0f} MB.", "Split it into articles.")
    kind = sniffed(data, inner)
    if kind not in SUFFIXES and kind != ".sitemap":
        raise ArticleError(f"Files of the kind {inner + '.gz'!r} are not read.", "Unpack it and look.")
    id_ = source.id.removesuffix(inner)
    yield from read(replace(source, data=data, kind=kind, id=id_, depth=source.depth + 1))


def read_warc(source: Source) -> Iterator[Entry | Refusal]:
    """The entries of each page of a crawl, under its address; pictures, scripts and failures are passed over.

    Raises:
        ArticleError: it is broken, or holds no page.
    """
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    found, left = 0, MOST_UNPACKED * source.max_bytes
    try:
        for record in ArchiveIterator(BytesIO(source.data)):
            url = str(record.rec_headers.get_header("WARC-Target-URI") or "").strip("<>")
            headers = record.http_headers
            if record.rec_type not in {"response", "resource", "conversion"} or not url:
                continue
            if headers is not None and not str(headers.get_statuscode()).startswith("2"):
                continue
            kind, _, rest = str((headers or record.rec_headers).get_header("Content-Type") or "").partition(";")
            data = record.content_stream().read(min(source.max_bytes, left) + 1)
            left -= len(data)
            if left < 0 or len(data) > source.max_bytes:
                yield Refusal(url, "It is larger than is read from an archive.", "Save the page alone.")
                continue
            try:
                what = kind_of_answer(kind.strip().lower(), url, data)
            except ArticleError:
                continue
            if what in ARCHIVES or not data.strip():
                continue
            found += 1
            charset = rest.partition("charset=")[2].strip(" \"';") if "charset=" in rest else ""
            page = replace(source, data=data, id=url, kind=what, url=url, charset=charset, depth=source.depth + 1)
            for entry in read(page):
                yield replace(entry, where=url) if isinstance(entry, Entry) else replace(entry, origin=url)
    except (ArchiveLoadFailed, ValueError, AttributeError, OSError, EOFError, zlib.error) as error:
        raise ArticleError(f"The crawl is broken: {error}.", "Write it again.") from error
    if not found:
        raise ArticleError("The crawl holds no page.", "Give a .warc with responses of text.")


def _not_nested(source: Source) -> None:
    if source.depth:
        raise ArticleError("An archive in an archive is not read.", "Unpack it.")
