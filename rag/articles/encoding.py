"""Bytes become text. Knows nothing about formats."""

from __future__ import annotations

from rag.errors import ArticleError


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
