"""PDF files by pdfplumber: words with their places on paper become columns, paragraphs, headings and rows of tables.

Chosen for its licence and its words: pdfplumber (MIT, on pdfminer.six, MIT) gives each word's place, size and font and
finds ruled tables; it needs pypdfium2 (Apache/BSD), which draws scanned pages for text recognition. PyMuPDF is quicker
but AGPL. pypdf, which was here before, gives the text of a page in the order it was drawn: columns mixed, no places.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from io import BytesIO
from statistics import median
from typing import Any

from rag.articles import lexicon, ocr
from rag.articles.assemble import make_article
from rag.articles.clean import clean, normalise
from rag.articles.dates import days_in
from rag.articles.layout import Line, Word, lines_in_order
from rag.articles.reading import Entry, Source
from rag.articles.worker import tick
from rag.errors import ArticleError
from rag.types import Article, Role

MOST_PAGES = 3000
#: A page with fewer words and a picture is a scan with a stamp on it.
STAMP = 20
#: Lines of a page that its head or its foot may have.
_EDGE = 4
_ENDS = re.compile(r"[.!?…:;。！？][\"'’”)\]»]*$")
#: Titles that programs give: "Microsoft Word - draft3.docx", "Untitled-1", "Layout_2".
_WORKING = re.compile(
    r"\.(?:docx?|odt|rtf|txt|pdf|indd|qxd|pub|tex|dvi|e?ps|xlsx?|pptx?|html?|pages)\b|^(?:microsoft|untitled|document\d"
    r"|layout|slide|print|scan)\b|_\w*_|\b(?:draft|final|version|v)[ _-]?\d",
    re.I,
)
_BULLET = re.compile(r"^[•*·▪‣◦■●–-]\s+\S")


@dataclass(slots=True)
class Paragraph:
    """Some lines of a page that belong together.

    Attributes:
        role: "heading", "row" or "item"; None for running text.
        page: 0-based.
        size: of its type, in points.
    """

    text: str
    role: Role | None
    page: int
    size: float = 0.0


@dataclass(slots=True)
class _Page:
    lines: list[Line] = field(default_factory=list)
    height: float = 0.0
    typed: bool = False


def read(source: Source) -> Iterator[Entry]:
    """The one article of a PDF."""
    yield Entry(source.origin, lambda: _article(source))


def _article(source: Source) -> Article:
    try:
        pages, info, notes = _pages(source)
    except (ArticleError, MemoryError):
        raise
    except Exception as error:  # a damaged PDF makes its reader raise nearly anything
        said = " ".join(str(error).split())[:120].rstrip(".?! ") or type(error).__name__
        raise ArticleError(f"The PDF is broken: {said}.", "Open it in a viewer and save it again.") from error
    masthead = _masthead_day(pages)
    dropped = _drop_furniture(pages)
    if dropped:
        notes.append(f"Left out: {dropped} lines that repeat at the head or foot of pages.")
    paragraphs, starts = _paragraphs(pages)
    title = _title(str(info.get("Title") or ""), paragraphs)
    text = "\n\n".join(p.text for p in paragraphs)
    cleaned = clean(text, title)
    author = str(info.get("Author") or "").strip()
    meta = {"author": author if " " in author and not re.search(r"\d", author) else ""}
    article = make_article(
        cleaned, source.origin, source.id, meta=meta, url=source.url or None,
        blocks=[(p.text, p.role) for p in paragraphs], pages=_offsets(cleaned.text, starts), notes=notes,
    )  # fmt: skip
    return _dated(article, masthead, info)


def _masthead_day(pages: list[_Page]) -> date | None:
    """The one day that short lines at the head of the first page name, as mastheads do."""
    first = next((page for page in pages if page.lines), None)
    if first is None or first.typed:
        return None
    lines = [line.text for line in _downwards(first)[:_EDGE] if line.bottom < 0.12 * first.height]
    days = {day for text in lines if len(text) < 120 and not _ENDS.search(text) for day in days_in(text)}
    return days.pop() if len(days) == 1 else None


def _dated(article: Article, masthead: date | None, info: dict[str, Any]) -> Article:
    """The day of the masthead or the one on which the file was made, where the text names none; the latter may be years
    after the article."""
    if article.published is None and masthead:
        return replace(article, published=masthead, dated_by="text")
    made = re.match(r"(?:D:)?(\d{4})(\d\d)(\d\d)", str(info.get("CreationDate") or ""))
    if article.published or not made:
        return article
    try:
        day = date(int(made[1]), int(made[2]), int(made[3]))
    except ValueError:
        return article
    if not day.year >= 1990:
        return article
    return replace(article, published=day, dated_by="file")


def _pages(source: Source) -> tuple[list[_Page], dict[str, Any], list[str]]:
    import logging

    import pdfplumber
    from pdfminer.pdfdocument import PDFPasswordIncorrect
    from pdfplumber.utils.exceptions import PdfminerException

    for name in ("pdfminer", "pdfplumber"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what is wrong with a file is said in its refusal
    try:
        document = pdfplumber.open(BytesIO(source.data), password="")
    except (PDFPasswordIncorrect, PdfminerException) as error:
        if isinstance(error, PDFPasswordIncorrect) or isinstance(
            error.args[:1] and error.args[0], PDFPasswordIncorrect
        ):
            raise ArticleError("The PDF is locked with a password.", "Save an unlocked copy.") from error
        raise
    pages: list[_Page] = []
    empty: list[int] = []
    recognised: list[int] = []
    failed: list[int] = []
    with document:
        for page in document.pages[:MOST_PAGES]:
            number = len(pages) + 1
            tick(len(source.data), None if source.depth else (number - 1) / len(document.pages))
            found = _Page(height=float(page.height))
            try:
                words = _words(page)
                scan = len(words) < STAMP and bool(page.images)
                if not words or scan or lexicon.is_rubbish(" ".join(w.text for w in words)):
                    empty.append(number)
                    text = ocr.recognise(source.data, number - 1) if words or page.images else ""
                    if text.strip():
                        recognised.append(number)
                        found.lines, found.typed = _typed(text, " ".join(word.text for word in words)), True
                else:
                    found.lines = lines_in_order(words, _tables(page))
                page.close()
            except (ArticleError, MemoryError):
                raise
            except Exception:  # one page that cannot be read costs no other
                failed.append(number)
            pages.append(found)
        total = len(document.pages)
        info = {str(key): value for key, value in (document.metadata or {}).items()}
    return pages, info, _notes(total, pages, empty, recognised, failed)


def _notes(total: int, pages: list[_Page], empty: list[int], recognised: list[int], failed: list[int]) -> list[str]:
    notes = []
    missing = [n for n in empty if n not in recognised]
    if missing:
        install = "" if ocr.available() else f" {ocr.INSTALL}"
        if not any(page.lines for page in pages):
            one = "on its page" if total == 1 else f"on any of its {total} pages"
            raise ArticleError(
                f"The PDF holds no text {one}; it may be a scan.",
                install.strip() or "Text recognition (tesseract) found none either; type the text into a .txt.",
            )
        notes.append(f"{len(missing)} of {total} pages hold no text ({_ranges(missing)}).{install}")
    if recognised:
        counted = "page" if len(recognised) == 1 else "pages"
        notes.append(f"Read by text recognition: {counted} {_ranges(recognised)}; it may misread.")
    if failed:
        if len(failed) == len(pages):
            raise ArticleError("The PDF is broken: none of its pages can be read.", "Save it again in a viewer.")
        notes.append(f"{len(failed)} of {total} pages are broken ({_ranges(failed)}).")
    if total > MOST_PAGES:
        notes.append(f"Only the first {MOST_PAGES} of {total} pages are read.")
    return notes


def _ranges(numbers: Sequence[int]) -> str:
    """ "1-3, 5" for 1, 2, 3, 5."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and runs[-1][-1] == n - 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _words(page: Any) -> list[Word]:
    found = page.dedupe_chars().extract_words(
        use_text_flow=False, keep_blank_chars=False, extra_attrs=["size", "fontname"], x_tolerance_ratio=0.2
    )
    return [
        Word(w["text"], w["x0"], w["x1"], w["top"], w["bottom"], w["size"], "bold" in w["fontname"].lower())
        for w in found
        if w["text"].strip() and w["upright"]
    ]


def _tables(page: Any) -> list[tuple[tuple[float, float, float, float], list[str]]]:
    """The ruled tables of a page: the box of each, and its rows."""
    if len(page.lines) + len(page.rects) + len(page.curves) < 4:
        return []
    found = []
    for table in page.find_tables():
        rows = [[" ".join((cell or "").split()) for cell in row] for row in table.extract()]
        rows = [row for row in rows if any(row)]
        if len(rows) >= 2 and max(len(row) for row in rows) >= 2:
            found.append((table.bbox, [" | ".join(row) for row in rows]))
    return found


def _typed(text: str, stamp: str) -> list[Line]:
    """Recognised text as lines, without those of a stamp that is there as text; a blank line ends a paragraph."""
    lines, top = [], 0.0
    for raw in text.split("\n"):
        top += 12
        line = " ".join(raw.split())
        if line and line not in stamp:
            lines.append(Line(line, 0, 6.0 * len(line), top, top + 10, 10.0))
    return lines


def _drop_furniture(pages: list[_Page]) -> int:
    """Take out lines that stand at the head or foot of at least half the pages, figures aside, and page numbers."""
    filled = [page for page in pages if page.lines]
    if len(filled) < 2:
        return 0
    heads = [_rows(_edges(page)) for page in filled]
    count = Counter(key for head in heads for key in {_key(row) for row in head})
    dropped = 0
    for page, head in zip(filled, heads, strict=True):
        keys = [_key(row) for row in head]
        often = [count[key] >= max(2, len(filled) / 2) or not key.strip("#-– ") for key in keys]
        gone = {id(line) for row, is_gone in zip(head, often, strict=True) if is_gone for line in row}
        dropped += len(gone)
        page.lines = [line for line in page.lines if id(line) not in gone]
    return dropped


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines that stand side by side together: a head is one line on one page, and one for each column on another."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.top, line.x0)):
        if rows and abs(rows[-1][0].top - line.top) < 0.3 * line.size:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _key(row: Sequence[Line]) -> str:
    text = " ".join(line.text for line in sorted(row, key=lambda line: line.x0))
    return re.sub(r"\s+", " ", re.sub(r"\d+", "#", text)).strip().casefold()


def _edges(page: _Page) -> list[Line]:
    """The lines at the head and the foot of a page that a gap or another size of type parts from the rest."""
    if page.typed:
        return []
    found = []
    lines = _downwards(page)
    steps = [b.top - a.top for a, b in itertools.pairwise(page.lines) if 0 < b.top - a.top < 4 * a.size]
    usual = median(steps) if steps else 0.0
    for run in (lines[: _EDGE + 1], lines[: -_EDGE - 2 : -1]):
        parted = 0
        for n, (line, inner) in enumerate(itertools.pairwise(run), 1):
            if line.role or not (line.bottom < 0.12 * page.height or line.top > 0.88 * page.height):
                break
            if abs(inner.top - line.top) > 1.4 * usual or abs(inner.size - line.size) > 0.1 * line.size:
                parted = n
        found += run[:parted]
    return found


def _downwards(page: _Page) -> list[Line]:
    """The lines of a page from its head to its foot: what stands beside a column is of the head, too."""
    return sorted(page.lines, key=lambda line: line.top)


def _paragraphs(pages: list[_Page]) -> tuple[list[Paragraph], list[list[str]]]:
    """The paragraphs, and of each page the first words of each."""
    sizes = [line.size for page in pages for line in page.lines for _ in range(len(line.text) // 20 + 1)]
    body = median(sizes) if sizes else 10.0
    known = lexicon.words_of(line.text for page in pages for line in page.lines)
    done: list[Paragraph] = []
    starts: list[list[str]] = [[] for _ in pages]
    for number, page in enumerate(pages):
        for group in _grouped(page.lines):
            text = group[0].text
            for line in group[1:]:
                text = lexicon.joined(text, line.text, known)
            starts[number].append(text)
            big = group[0].size > 1.15 * body and len(text) < 250
            role = group[0].role or ("heading" if big else "item" if _BULLET.match(text) else None)
            last = done[-1] if done else None
            goes_on = (
                last is not None and role is None and last.role is None and last.page < number
                and not _ENDS.search(last.text) and not text[:1].isupper()
            )  # fmt: skip
            if goes_on and last is not None:
                last.text = lexicon.joined(last.text, text, known)
            else:
                done.append(Paragraph(text, role, number, group[0].size))
    return done, starts


def _grouped(lines: list[Line]) -> list[list[Line]]:
    """Lines of one paragraph together: one column, one size, an even distance, no indent, no end before the edge."""
    steps = [b.top - a.top for a, b in itertools.pairwise(lines) if 0 < b.top - a.top < 4 * a.size]
    usual = median(steps) if steps else 0.0
    right: dict[int, float] = {}
    left: dict[int, float] = {}
    for line in lines:
        right[line.column] = max(right.get(line.column, 0.0), line.x1)
        left[line.column] = min(left.get(line.column, line.x0), line.x0)
    groups: list[list[Line]] = []
    for line in lines:
        last = groups[-1][-1] if groups else None
        if last is None or _is_new(last, line, groups[-1], usual, right, left):
            groups.append([line])
        else:
            groups[-1].append(line)
    return groups


def _is_new(
    last: Line, line: Line, group: list[Line], usual: float, right: dict[int, float], left: dict[int, float]
) -> bool:
    if line.role or last.role or abs(line.size - last.size) > 0.12 * last.size or _BULLET.match(line.text):
        return True
    ended = bool(_ENDS.search(last.text))
    if line.column != last.column:
        return ended or (line.text[:1].isupper() and line.bold != last.bold)
    wide = right[last.column] - left[last.column] or 1.0
    if line.top - last.top > 1.35 * max(usual, 0.8 * line.size):
        return True
    if line.bold != last.bold and (ended or last.x1 < right[last.column] - 0.2 * wide):
        return True
    indented = line.x0 > left[line.column] + 0.7 * line.size
    if indented and last.x0 < line.x0 - 0.5 * line.size and ended:
        return True
    # What stands alone on short lines: a headline, a byline, the lines of an address.
    short = last.x1 < left[last.column] + 0.75 * wide
    return short and (ended or (len(group) == 1 and line.text[:1].isupper() and not last.text.endswith((",", "-"))))


def _title(given: str, paragraphs: list[Paragraph]) -> str:
    """The title the file names unless it is a working title or words that the text does not know, else the largest
    heading at the top."""
    top = paragraphs[:12]
    words = set(re.findall(r"\w+", " ".join(p.text for p in paragraphs[:40]).casefold()))
    mine = re.findall(r"\w+", normalise(given).casefold())
    borne_out = sum(word in words for word in mine) >= 0.6 * len(mine)
    if len(mine) >= 2 and not _WORKING.search(given) and (borne_out or len(mine) >= 3):
        return " ".join(given.split())
    heads = [p for p in top if p.role == "heading" and p.page == 0 and 8 <= len(p.text) <= 200]
    return max(heads, key=lambda p: p.size).text if heads else ""


def _offsets(text: str, starts: Sequence[Sequence[str]]) -> list[int]:
    """Where each page begins in the cleaned text: at the first of its paragraphs that is still there."""
    offsets: list[int] = []
    at = after = 0
    for page, mine in enumerate(starts):
        # Without the first word, which may have been joined to the last one of the page before.
        tails = [normalise(start)[:250].partition(" ")[2][:200] for start in mine[:20]]
        first = _first_of([tail for tail in tails if len(tail) > 3], text, after)
        if first is not None:
            after = first + 1
            if page:  # to the beginning of the word before
                before = max(first - 1, 0)
                at = max(text.rfind(" ", 0, before) + 1, text.rfind("\n", 0, before) + 1, at)
        offsets.append(at)
    return offsets


def _first_of(tails: Sequence[str], text: str, after: int) -> int | None:
    """Where the first of some paragraphs of a page stands: the longest is looked for, and back from it the others,
    since short ones may stand anywhere."""
    for n in sorted(range(len(tails)), key=lambda n: -len(tails[n])):
        if (place := text.find(tails[n], after)) >= 0:
            for tail in reversed(tails[:n]):
                before = text.rfind(tail, after, place)
                place = before if before >= 0 else place
            return place
    return None
