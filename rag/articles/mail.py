"""Mail: single letters (.eml), mailboxes (.mbox), and pages that a browser saved as mail (.mhtml)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

from rag.articles.assemble import is_url, make_article
from rag.articles.clean import clean
from rag.articles.encoding import declared_charset, decode
from rag.articles.fragment import strip_html
from rag.articles.page import from_page
from rag.articles.reading import Entry, Source
from rag.errors import ArticleError
from rag.types import Article

#: Characters of a header that are read; parsing one takes work that grows with their square.
_LONGEST_HEADER = 4000
_FROM_LINE = re.compile(rb"^From \S.*\d{4}\s*$", re.M)


class _ShortHeaders(policy.EmailPolicy):
    def header_fetch_parse(self, name: str, value: str) -> Any:
        return super().header_fetch_parse(name, value[:_LONGEST_HEADER])


def read_mail(source: Source) -> Iterator[Entry]:
    """The one article of a letter: its subject, its sender as source, its text."""
    yield Entry(source.origin, lambda: _letter(source.data, source, source.id))


def read_mbox(source: Source) -> Iterator[Entry]:
    """An entry for each letter of a mailbox.

    Raises:
        ArticleError: there is none.
    """
    starts = [m.start() for m in _FROM_LINE.finditer(source.data)]
    starts = [at for at in starts if at == 0 or source.data[at - 2 : at] in (b"\n\n", b"\r\n")]
    if not starts:
        raise ArticleError("The file is no mailbox.", "Name a single letter .eml.")
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(source.data)], strict=True), 1):

        def make(start: int = start, end: int = end, number: int = number) -> Article:
            letter = source.data[start:end].split(b"\n", 1)[-1]
            return _letter(re.sub(rb"(?m)^>(>*From )", rb"\1", letter), source, f"{source.id}:{number}")

        yield Entry(f"{source.origin}:{number}", make, at=start / len(source.data))


def read_mhtml(source: Source) -> Iterator[Entry]:
    """The one article of a saved page, under the address it was saved from."""

    def make() -> Article:
        message = _parse(source.data)
        for part in message.walk():
            if part.get_content_type() in {"text/html", "application/xhtml+xml"}:
                data = _payload(part)
                page = decode(data, part.get_content_charset() or declared_charset(data)).encode("utf-8", "replace")
                url = str(message.get("Snapshot-Content-Location") or part.get("Content-Location") or "").strip()
                return from_page(page, source.origin, source.id, url=url if is_url(url) else None)
        raise ArticleError("The file holds no page.", "Save the page as .html.")

    yield Entry(source.origin, make)


def _parse(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=_ShortHeaders())
    assert isinstance(message, EmailMessage)
    return message


def _letter(data: bytes, source: Source, id_: str) -> Article:
    message = _parse(data)
    if not message.keys():
        raise ArticleError("The file is no mail: it has no header.", "Name a text .txt.")
    notes = []
    parts = [part for kind in ("plain", "html") if (part := message.get_body(preferencelist=(kind,))) is not None]
    if not parts:
        raise ArticleError("The mail holds no text.", "Save its text as .txt.")
    texts = [_text(part) for part in parts]
    # The plain form of a newsletter may be no more than "Open this mail in a browser".
    text = texts[-1] if len(texts[-1].split()) > 2 * len(texts[0].split()) else texts[0]
    if names := [str(a.get_filename() or a.get_content_type()) for a in message.iter_attachments()]:
        notes.append(f"Not read: {len(names)} attachments ({', '.join(names[:5])}).")
    name, address = parseaddr(_header(message, "From"))
    meta = {"source": name or address.partition("@")[2], "date": _header(message, "Date")}
    subject = re.sub(r"^(?:\s*(?:re|fwd?|aw|wg)\s*:)+\s*", "", _header(message, "Subject"), flags=re.I)
    return make_article(clean(text, subject), source.origin, id_, meta=meta, notes=notes)


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name) or "").split())
    except (
        ValueError,
        IndexError,
        AttributeError,
        TypeError,
    ):  # a malformed header makes the parser raise any of these
        return ""


def _text(part: object) -> str:
    assert isinstance(part, EmailMessage)
    body = _payload(part)
    text = decode(body, part.get_content_charset() or "") if body.strip() else ""
    return strip_html(text) if part.get_content_type() == "text/html" else text


def _payload(part: object) -> bytes:
    assert isinstance(part, EmailMessage)
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""
