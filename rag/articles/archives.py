"""Archives of files of other kinds: .zip, .gz, and the web crawls of .warc (ISO 28500). Unpacked while counting."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import PurePath, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from rag.articles.kinds import ARCHIVES, READ, SUFFIXES, counted, kind_of_answer, passed_over, read, sniffed, suffix_of
from rag.articles.reading import Entry, Note, Source
from rag.errors import ArticleError
from rag.types import Refusal

#: All members of an archive together may unpack to so many times the most bytes of one.
MOST_UNPACKED = 50
MOST_MEMBERS = 100_000


def read_zip(source: Source) -> Iterator[Entry | Refusal | Note]:
    """The entries of every member of a kind that is read, in order of name.

    Raises:
        ArticleError: it is no zip file, lies in another, or holds no such member.
    """
    _not_nested(source)
    try:
        archive = zipfile.ZipFile(BytesIO(source.data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise ArticleError(f"The archive is broken: {error}.", "Pack it again.") from error
    files = [member for member in archive.infolist() if not member.is_dir()]
    kinds = [passed_over(PurePosixPath(member.filename)) for member in files]
    passed = Counter(filter(None, kinds))
    members = [member for member, kind in zip(files, kinds, strict=True) if not kind]
    members = sorted(members, key=lambda m: m.filename)[:MOST_MEMBERS]
    if not members:
        held = f": {counted(passed)}" if passed else ""
        raise ArticleError(f"The archive holds no file of a kind that is read{held}.", READ)
    if passed:
        yield Note(source.origin, f"Passed over in {source.origin}: {counted(passed)}.")
    stems = Counter(_stem(member) for member in members)
    left = MOST_UNPACKED * source.max_bytes
    for number, member in enumerate(members):
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
        stem = _stem(member)
        name = stem if stems[stem] == 1 else member.filename.lstrip("/")  # a.txt and a.docx are two articles
        for found in _member(source, data, where, name, suffix_of(member.filename)):
            yield replace(found, at=number / len(members)) if isinstance(found, Entry) else found


def _stem(member: zipfile.ZipInfo) -> str:
    return str(PurePosixPath(member.filename).with_suffix("")).lstrip("/")


def _member(source: Source, data: bytes, where: str, name: str, kind: str) -> Iterator[Entry | Refusal | Note]:
    if len(data) > source.max_bytes:
        limit = f"{source.max_bytes / 1e6:.0f} MB"
        yield Refusal(where, f"It unpacks to more than {limit}.", "Split it into articles.")
    elif data.strip():
        inner = replace(
            source, data=data, id=f"{source.id}/{name}", kind=sniffed(data, kind), charset="", depth=source.depth + 1
        )
        for found in read(inner):
            yield replace(found, where=where) if isinstance(found, Entry) else replace(found, origin=where)


def read_gzip(source: Source) -> Iterator[Entry | Refusal | Note]:
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


def read_warc(source: Source) -> Iterator[Entry | Refusal | Note]:
    """The entries of each page of a crawl, under its address; pictures, scripts and failures are passed over.

    It may be packed record by record, as the standard wants, or as a whole.

    Raises:
        ArticleError: it is broken or cut off, when the pages before that place were given, or holds no page.
    """
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    found, left = 0, MOST_UNPACKED * source.max_bytes
    stream = _Unpacked(source.data)
    try:
        for record in ArchiveIterator(stream):
            url = str(record.rec_headers.get_header("WARC-Target-URI") or "").strip("<>")
            headers = record.http_headers
            if record.rec_type not in {"response", "resource", "conversion"} or not url:
                continue
            if headers is not None and not str(headers.get_statuscode()).startswith("2"):
                continue
            data = record.content_stream().read(min(source.max_bytes, left) + 1)
            left -= len(data)
            if left < 0 or len(data) > source.max_bytes:
                yield Refusal(url, "It is larger than is read from an archive.", "Save the page alone.")
                continue
            if record.raw_stream.limit > 0 and not record.raw_stream.read(1):
                raise EOFError(stream.broken or f"it ends within {url}")
            page = _page_of(source, url, headers or record.rec_headers, data)
            if page is None:
                continue
            found += 1
            at = stream.at / len(source.data)
            for entry in read(page):
                yield replace(entry, where=url, at=at) if isinstance(entry, Entry) else replace(entry, origin=url)
        if stream.broken:
            raise EOFError(stream.broken)
    except (ArchiveLoadFailed, ValueError, AttributeError, OSError, EOFError, zlib.error) as error:
        said = " ".join(str(error).split())[:100].rstrip(".")
        told = f"The crawl is broken or cut off ({said}); pages before that place, which are read: {found}."
        raise ArticleError(told, "Fetch or write it again.") from error
    if not found:
        raise ArticleError("The crawl holds no page.", "Give a .warc with responses of text.")


class _Unpacked:
    """A file, unpacked when it is one gzip or several, that gives all that stands before the place where it breaks."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at, self.broken = data, 0, ""
        self._packed = data.startswith(b"\x1f\x8b")
        self._member = zlib.decompressobj(wbits=31)

    def read(self, size: int = 8192) -> bytes:
        """Some of the next bytes; none at the end."""
        found = b""
        while not found and not self.broken and self.at < len(self._data):
            block = self._data[self.at : self.at + min(size, 8192)]
            self.at += len(block)
            found = self._unpacked(block) if self._packed else block
        if not found and self._packed and not (self._member.eof or self.broken):
            self.broken = "it ends in the middle"
        return found

    def _unpacked(self, block: bytes) -> bytes:
        if self._member.eof:
            if not block.strip(b"\0"):  # padding
                return b""
            self._member = zlib.decompressobj(wbits=31)
        try:
            found = self._member.decompress(block)
        except zlib.error as error:
            self.broken = str(error)
            return b""
        self.at -= len(self._member.unused_data)  # the next one's
        return found


def _page_of(source: Source, url: str, headers: Any, data: bytes) -> Source | None:
    """What a record of a crawl holds; None where that is nothing to read."""
    kind, _, rest = str(headers.get_header("Content-Type") or "").partition(";")
    try:
        what = kind_of_answer(kind.strip().lower(), url, data)
    except ArticleError:
        return None
    if what in ARCHIVES or not data.strip():
        return None
    charset = rest.partition("charset=")[2].strip(" \"';") if "charset=" in rest else ""
    return replace(source, data=data, id=url, kind=what, url=url, charset=charset, depth=source.depth + 1)


def _not_nested(source: Source) -> None:
    if source.depth:
        raise ArticleError("An archive in an archive is not read.", "Unpack it.")
