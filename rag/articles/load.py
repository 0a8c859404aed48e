"""Paths and URLs become Articles, one bad input never stopping the others. Knows nothing about indexes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rag.articles.clean import LONE, Cleaned, clean, first_sentence
from rag.articles.dates import find_date
from rag.errors import ArticleError
from rag.types import Article, Refusal

MAX_BYTES = 20_000_000
_PLAIN = {".txt", ".text", ".md", ".markdown"}
_PAGES = {".html", ".htm", ".xhtml"}
_RECORDS = {".json", ".jsonl", ".ndjson"}
_FEEDS = {".xml", ".rss", ".atom"}
SUFFIXES = frozenset(_PLAIN | _PAGES | _RECORDS | _FEEDS | {".pdf"})


def is_url(text: str) -> bool:
    """True for http and https addresses."""
    return text.lower().startswith(("http://", "https://"))


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
            yield from _from_records(data, origin, article_id, kind == ".json")
        elif kind in _FEEDS:
            yield from _from_feed(data, origin, "")
        elif kind == ".pdf":
            yield _from_pdf(data, origin, article_id)
        elif kind in _PAGES:
            yield from_page(data, origin, article_id, url=None)
        elif kind in _PLAIN:
            yield _from_text(decode(data, origin), origin, article_id)
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
            yield _from_pdf(page.data, url, url)
        elif kind in {"application/json", "application/x-ndjson"}:
            yield from _from_records(page.data, url, url, kind == "application/json")
        elif "rss" in kind or "atom" in kind or (kind.endswith("xml") and "xhtml" not in kind):
            yield from _from_feed(page.data, url, urlsplit(page.url).hostname or "")
        elif kind == "text/plain":
            yield _from_text(decode(page.data, url), url, url, url=page.url)
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


def decode(data: bytes, origin: str) -> str:
    """Bytes as text: UTF-8 or UTF-16 by their mark, UTF-8 if valid, else the likeliest encoding.

    Raises:
        ArticleError: the bytes are not text.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    head = data[:4096]
    binary = ArticleError("The file is not text.", "Give .txt, .md, .html, .pdf, .json, .jsonl or a feed.")
    if b"\x00" in head or head.startswith((b"\x89PNG", b"PK\x03\x04", b"\x1f\x8b", b"%PDF", b"\xff\xd8\xff")):
        raise binary
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(data).best()
        if best is None:
            raise binary from None
        text = str(best)
    controls = sum((c < " " and c not in "\t\n\r\f\v") or c == "\x7f" for c in text[:4096])
    if controls > 0.02 * min(len(text), 4096):
        raise binary
    return text


def _article(
    cleaned: Cleaned, origin: str, article_id: str, *, meta: Mapping[str, Any], url: str | None = None
) -> Article:
    """Join what the text and the metadata say; metadata speaks first.

    Raises:
        ArticleError: nothing is left of the text.
    """
    if not any(c.isalnum() for c in cleaned.text):
        raise ArticleError(
            "There is no article text in it.", "Check that the file or page holds the article's own text."
        )

    def first(*names: str) -> str:
        return next((v for n in names if isinstance(meta.get(n), str) and (v := meta[n].strip())), "")

    published = next(
        (day for name in ("published_at", "published", "date", "pubDate") if (day := find_date(meta.get(name)))), None
    )
    address = first("url", "link") or url or ""
    author = meta.get("author") or meta.get("authors") or ""
    if isinstance(author, list):
        author = ", ".join(str(name) for name in author)
    return Article(
        id=LONE.sub("\ufffd", article_id),
        title=" ".join((cleaned.title or first_sentence(cleaned.text)).split()),
        text=cleaned.text,
        source=first("source", "sitename", "hostname", "publisher") or cleaned.source or _host(address),
        published=published or cleaned.published,
        url=address or None,
        author=str(author).strip() or cleaned.author,
        origin=LONE.sub("\ufffd", origin),
    )


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.") if is_url(url) else ""


def _from_text(text: str, origin: str, article_id: str, url: str | None = None) -> Article:
    import frontmatter
    from yaml import YAMLError

    meta: dict[str, Any] = {}
    body = text.lstrip("\ufeff")
    if body.startswith("---"):
        try:
            meta, body = frontmatter.parse(body)
        except (YAMLError, ValueError) as error:
            line = " ".join(str(error).split())[:200]
            raise ArticleError(f"The front matter is not valid YAML: {line}", "Mend the lines between ---.") from error
    elif body.startswith("+++"):
        meta, body = _toml_front_matter(body)
    title = str(meta.get("title") or "")
    if not title and (heading := _heading(body)):
        title = heading
    if Path(origin).suffix.lower() in {".md", ".markdown"}:
        body = _strip_markdown(body)
    return _article(clean(body, title), origin, article_id, meta=meta, url=url)


def _toml_front_matter(text: str) -> tuple[dict[str, Any], str]:
    import re
    import tomllib

    match = re.match(r"\+\+\+[ \t]*\r?\n(.*?)^\+\+\+[ \t\r]*$", text, re.S | re.M)
    if not match:
        return {}, text
    try:
        return tomllib.loads(match[1].replace("\r\n", "\n")), text[match.end() :]
    except tomllib.TOMLDecodeError as error:
        raise ArticleError(f"The front matter is not valid TOML: {error}", "Mend the lines between +++.") from error


def _heading(body: str) -> str:
    first = next((line.strip() for line in body.splitlines() if line.strip()), "")
    return first[2:].strip() if first.startswith("# ") else ""


def _strip_markdown(body: str) -> str:
    """Markdown's marks go, its words stay."""
    import re

    body = re.sub(r"^[ ]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t\r]*$", r"\n\1\n", body, flags=re.M)
    body = re.sub(r"!\[([^\]]*)\]\([^)]*\)", "", body)
    body = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", body)
    body = re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", r"\2", body)
    body = re.sub(r"(?<!\w)([*_])(?=\S)([^*_\n]+?)(?<=\S)\1(?!\w)", r"\2", body)
    body = re.sub(r"^[ ]{0,3}>[ ]?", "", body, flags=re.M)
    body = re.sub(r"^[ ]{0,3}[*+-][ \t]+", "• ", body, flags=re.M)
    # A paragraph may run over several lines; bullets keep theirs.
    return re.sub(r"(?<=\S)[ ]*\n(?=[^\s•])", " ", body)


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
    return _article(clean(str(meta["text"]), title), origin, article_id, meta=meta, url=url)


def _from_pdf(data: bytes, origin: str, article_id: str) -> Article:
    import logging
    from io import BytesIO

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what is wrong with a file is said in its refusal
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ArticleError("The PDF is locked with a password.", "Save an unlocked copy.")
        text = "\n\n".join(_unwrap(page.extract_text() or "") for page in reader.pages)
        info = reader.metadata
        title = (info.title if info else None) or ""
        meta = {"author": (info.author if info else None) or "", "date": info.creation_date if info else None}
    except ArticleError:
        raise
    except Exception as error:  # a damaged PDF makes its reader raise nearly anything
        raise ArticleError(f"The PDF is broken: {error}.", "Open it in a viewer and save it again.") from error
    if not any(c.isalnum() for c in text):
        raise ArticleError("The PDF holds no text; it may be a scan.", "Run text recognition (OCR) on it first.")
    return _article(clean(text, title if len(title) > 8 else ""), origin, article_id, meta=meta)


def _unwrap(text: str) -> str:
    """Lines of a PDF are lines on paper: one that does not end a sentence goes on in the next."""
    import re

    text = re.sub(r"(\w)-\n(?=[a-z])", r"\1", text)
    longest = max((len(line) for line in text.splitlines()), default=0)
    lines: list[str] = []
    for line in text.splitlines():
        line = line.strip()
        if lines and line and lines[-1] and (len(lines[-1].rsplit("\n", 1)[-1]) > 0.7 * longest or line[0].islower()):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _from_records(data: bytes, origin: str, file_id: str, whole: bool) -> Iterator[Article | Refusal]:
    text = decode(data, origin)
    seen: set[str] = set()
    for number, raw in _records(text, origin, whole):
        where = f"{origin}:{number}"
        if isinstance(raw, Refusal):
            yield raw
            continue
        try:
            article = _from_record(raw, origin, f"{file_id}:{number}")
        except ArticleError as error:
            yield Refusal(where, error.message, error.hint)
            continue
        if article.id in seen:
            yield Refusal(where, f"The id {article.id!r} was used before in this file.", "Give each record its own id.")
            continue
        seen.add(article.id)
        yield article
    if not text.strip():
        raise ArticleError("The file is empty.", "Delete it or fill it.")


def _records(text: str, origin: str, whole: bool) -> Iterator[tuple[int, Any]]:
    if whole:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ArticleError(f"The file is not valid JSON: {error}.", "Mend it, or use .jsonl.") from error
        if isinstance(data, dict) and isinstance(data.get("articles"), list):
            data = data["articles"]
        if data == []:
            raise ArticleError("The file holds no record.", 'Write {"title": …, "body": …} into it.')
        yield from enumerate(data if isinstance(data, list) else [data], 1)
        return
    # Not splitlines(): U+2028 and its like may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            hint = "Each line must be one JSON object."
            yield number, Refusal(f"{origin}:{number}", f"Line {number} is not valid JSON: {error}.", hint)


def _from_record(raw: Any, origin: str, fallback_id: str) -> Article:
    if not isinstance(raw, dict):
        raise ArticleError("A record is not a JSON object.", 'Write {"title": …, "body": …}.')
    raw = {key: LONE.sub("\ufffd", value) if isinstance(value, str) else value for key, value in raw.items()}
    body = next((raw[n] for n in ("body", "text", "content") if isinstance(raw.get(n), str) and raw[n].strip()), "")
    if not body:
        raise ArticleError("The record has no body.", 'Give the text in "body" or "text".')
    source = raw.get("source")
    if isinstance(source, dict):  # the form of some news interfaces: {"source": {"name": …}}
        raw = {**raw, "source": source.get("name") or ""}
    given = raw.get("id")
    article_id = (
        str(given).strip()
        if isinstance(given, (str, int)) and not isinstance(given, bool) and str(given).strip()
        else fallback_id
    )
    title = raw.get("title")
    return _article(clean(body, title if isinstance(title, str) else ""), origin, article_id, meta=raw)


def _from_feed(data: bytes, origin: str, host: str) -> Iterator[Article | Refusal]:
    import feedparser

    feed = feedparser.parse(data, sanitize_html=False)
    if not feed.entries:
        if not feed.version:
            raise ArticleError("The file is not an RSS or Atom feed.", "Give the address of the feed itself.")
        raise ArticleError("The feed has no entries.", "Try it again later.")
    outlet = str(feed.feed.get("title") or "").strip() or host
    seen: set[str] = set()
    for number, entry in enumerate(feed.entries, 1):
        link = str(entry.get("link") or "")
        article_id = link or str(entry.get("id") or f"{origin}:{number}")
        try:
            article = _from_entry(entry, origin, article_id, outlet)
            if article_id in seen:
                raise ArticleError(f"The id {article_id!r} was used before in this feed.", "The first one is kept.")
            seen.add(article_id)
            yield article
        except ArticleError as error:
            yield Refusal(link or f"{origin}:{number}", error.message, error.hint)


def _from_entry(entry: Any, origin: str, article_id: str, outlet: str) -> Article:
    from datetime import date

    bodies = [str(c.get("value") or "") for c in entry.get("content") or []] + [str(entry.get("summary") or "")]
    text = strip_html(max(bodies, key=len))
    when = entry.get("published_parsed") or entry.get("updated_parsed")
    meta = {
        "source": outlet,
        "date": date(*when[:3]) if when else None,
        "url": link if is_url(link := str(entry.get("link") or "")) else "",
        "author": entry.get("author") or "",
    }
    return _article(clean(text, strip_html(str(entry.get("title") or ""))), origin, article_id, meta=meta)


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
