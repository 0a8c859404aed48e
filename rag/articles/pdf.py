"""PDF files."""

from __future__ import annotations

from rag.articles.assemble import make_article
from rag.articles.clean import clean
from rag.errors import ArticleError
from rag.types import Article


def from_pdf(data: bytes, origin: str, article_id: str) -> Article:
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
    return make_article(clean(text, title if len(title) > 8 else ""), origin, article_id, meta=meta)


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
