"""Word-processor files (.docx, ISO/IEC 29500) and electronic books (.epub).

Both are zips of XML that lxml reads as it is: only text, styles and order are wanted, and files of other programs than
Word lack the parts that the libraries for writing them insist on. The known library for .epub, ebooklib, is AGPL.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from rag.articles.assemble import make_article
from rag.articles.clean import clean
from rag.articles.encoding import declared_charset, decode
from rag.articles.fragment import strip_html
from rag.articles.reading import Entry, Source
from rag.errors import ArticleError
from rag.types import Article, Role

_HEADING = re.compile(r"^(?:heading|title|subtitle|berschrift|titre|titolo|titulo)", re.I)


def read_docx(source: Source) -> Iterator[Entry]:
    """The one article of a document."""
    yield Entry(source.origin, lambda: _docx(source))


def _docx(source: Source) -> Article:
    with _open(source) as package:
        body = _xml(package, "word/document.xml", source.max_bytes)
        names = package.namelist()
        notes = [_xml(package, n, source.max_bytes) for n in ("word/footnotes.xml", "word/endnotes.xml") if n in names]
        core = _xml(package, "docProps/core.xml", source.max_bytes) if "docProps/core.xml" in names else None
    blocks: list[tuple[str, Role | None]] = []
    for element in _outer(body):
        if _local(element) == "tbl":
            for row in (r for r in element.iter() if _local(r) == "tr"):
                cells = [" ".join(_words(c).split()) for c in row.iter() if _local(c) == "tc"]
                blocks.append((" | ".join(cells), "row"))
        else:
            style = next((_value(e) for e in element.iter() if _local(e) == "pStyle"), "")
            listed = any(_local(e) == "numPr" for e in element.iter())
            text = _words(element)
            role: Role | None = "heading" if _HEADING.match(style) else "item" if listed else None
            blocks.append((f"• {text.strip()}" if role == "item" else text, role))
    blocks += [(_words(note), None) for root in notes for note in root if not _is_rule(note)]
    blocks = [(text, role) for text, role in blocks if text.strip()]
    told = {_local(e): (e.text or "").strip() for e in core.iter()} if core is not None else {}
    title = blocks[0][0] if blocks and blocks[0][1] == "heading" else ""
    meta = {"author": told.get("creator", ""), "date": None}
    text = "\n\n".join(block for block, _ in blocks)
    return make_article(clean(text, title), source.origin, source.id, meta=meta, blocks=blocks)


def _outer(body: Any) -> Iterator[Any]:
    """Paragraphs and tables, in order; those within a table belong to it. What tracking deleted is left out."""
    stack = [body]
    while stack:
        element = stack.pop()
        name = _local(element)
        if name in {"p", "tbl"}:
            yield element
        elif name not in {"del", "moveFrom"}:
            stack += reversed(element)


def _is_rule(note: Any) -> bool:
    """Whether a footnote is no more than the line above the footnotes."""
    return any(key.rsplit("}", 1)[-1] == "type" for key in note.attrib)


def _words(element: Any) -> str:
    parts = []
    doubled = any(_local(node) == "Fallback" for node in element.iter())
    for node in element.iter():
        name = _local(node)
        if doubled and any(_local(each) == "Fallback" for each in node.iterancestors()):
            continue  # a text box is there a second time, for old programs
        if name == "t":  # what was deleted with tracking is "delText"
            parts.append(node.text or "")
        elif name in {"tab", "br", "cr"} or (name == "p" and parts):
            parts.append(" ")
        elif name == "noBreakHyphen":
            parts.append("-")
    return "".join(parts)


def read_epub(source: Source) -> Iterator[Entry]:
    """The book as one article a chapter, in the order of its spine.

    Raises:
        ArticleError: it is broken.
    """
    with _open(source) as package:
        names = set(package.namelist())
        told, chapters = _spine(package, source.max_bytes)
        chapters = [c for c in chapters if c in names] or sorted(
            n for n in names if n.lower().endswith((".xhtml", ".html", ".htm"))
        )
        left, texts = 10 * source.max_bytes, []
        for name in chapters:
            data = _bytes(package, name, min(left, source.max_bytes))
            left -= len(data)
            texts.append((name, data))
    if not texts:
        raise ArticleError("The book holds no chapter.", "Save its text as .txt.")
    for number, (name, data) in enumerate(texts, 1):
        if not re.search(rb"\w", re.sub(rb"<[^>]*>", b"", data[data.find(b"<body") :])):
            continue  # a cover

        def make(data: bytes = data, number: int = number) -> Article:
            markup = decode(data, declared_charset(data))
            heading = re.search(r"<h[1-3][^>]*>(.*?)</h[1-3]>", markup, re.S | re.I)
            title = " ".join(strip_html(heading[1]).split()) if heading else ""
            body = markup[max(markup.find("<body"), 0) :]
            meta = {"author": told.get("creator", ""), "source": told.get("publisher", ""), "date": told.get("date")}
            id_ = source.id if len(texts) == 1 else f"{source.id}:{number}"
            notes = [f"Chapter {number} of {told['title']}."] if told.get("title") and len(texts) > 1 else []
            blocks: list[tuple[str, Role | None]] = [(title, "heading")] if title else []
            return make_article(
                clean(strip_html(body), title or told.get("title", "")), source.origin, id_, meta=meta, notes=notes,
                blocks=blocks,
            )  # fmt: skip

        yield Entry(f"{source.origin}:{name}", make)


def _spine(package: zipfile.ZipFile, most: int) -> tuple[dict[str, str], list[str]]:
    """Metadata and the chapters' names in the order of reading; empty where the package does not say."""
    if "META-INF/container.xml" not in package.namelist():
        return {}, []
    root = next((e.get("full-path") for e in _xml(package, "META-INF/container.xml", most).iter()
                 if _local(e) == "rootfile"), None)  # fmt: skip
    if not root or root not in package.namelist():
        return {}, []
    opf = _xml(package, root, most)
    items = [e for e in opf.iter() if _local(e) == "item" and "nav" not in (e.get("properties") or "").split()]
    hrefs = {e.get("id"): e.get("href") or "" for e in items}  # without the table of contents
    order = [hrefs.get(e.get("idref"), "") for e in opf.iter() if _local(e) == "itemref"]
    told: dict[str, str] = {}
    for element in opf.iter():
        if _local(element) in {"title", "creator", "publisher", "date", "language"} and element.text:
            told.setdefault(_local(element), element.text.strip())
    folder = posixpath.dirname(root)
    return told, [posixpath.normpath(posixpath.join(folder, unquote(href.split("#")[0]))) for href in order if href]


def _open(source: Source) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(BytesIO(source.data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise ArticleError(f"The file is broken: {error}.", "Open it in its program and save it again.") from error


def _bytes(package: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        with package.open(name) as file:
            data = file.read(most + 1)
    except (KeyError, ValueError, zipfile.BadZipFile, RuntimeError, OSError, EOFError, zlib.error) as error:
        said = str(error).strip("'\"")
        raise ArticleError(f"The file is broken: {said}.", "Open it in its program and save it again.") from error
    if len(data) > most:
        raise ArticleError(f"It unpacks to more than {most / 1e6:.0f} MB.", "Save its text as .txt.")
    return data


def _xml(package: zipfile.ZipFile, name: str, most: int) -> Any:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    root = etree.fromstring(_bytes(package, name, most), parser)
    if root is None:
        raise ArticleError(f"The file is broken: {name} is not XML.", "Open it in its program and save it again.")
    return root


def _local(element: Any) -> str:
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""


def _value(element: Any) -> str:
    return next((str(value) for key, value in element.attrib.items() if key.rsplit("}", 1)[-1] == "val"), "")
