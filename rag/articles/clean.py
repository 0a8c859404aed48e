"""Takes out of a text what says nothing: repeated titles, lone lines of a page's furniture, tags. Reads its head.

A line goes only for what it says itself, never because of a line above it, and never when it holds a number or a name
that the rest of the text does not. Works on lines; knows nothing about where a text came from.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from rag.articles.dates import day, lone_date, text_day
from rag.types import Role, Span

_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
LONE = re.compile("[\ud800-\udfff]")  # half a character: no UTF-8 can hold it
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"[^\S\n]+")
SENTENCE_END = re.compile(r"[.!?…。！？।؟][\"'’”»)\]」』]*$")
_BULLET = re.compile(r"^(?:[•*·▪‣◦–-]|\d{1,2}[.)])\s+")

#: A whole line that is one of these is the page's and no article's.
_FURNITURE = re.compile(
    r"""^(?:exit\ mobile\ version|advertisements?|sponsored(?:\ content)?|share(?:\ this)?(?:\ (?:article|story|post))?
      |share\ (?:on|via)\ \w+|tweet|print|email|comments?|leave\ a\ (?:comment|reply)|post\ a\ comment|read\ more
      |load\ more|continue\ reading|skip\ to\ (?:main\ )?content|back\ to\ top|loading|(?:all\ )?rights\ reserved
      |story\ continues\ below(?:\ advertisement)?|article\ continues\ (?:below|after\ (?:this\ )?ad(?:vertisement)?)
      |follow\ us(?:\ on\ (?:facebook|twitter|x|instagram|youtube|linkedin|telegram|whatsapp|google\ news))?
      |(?:sign\ up|subscribe)(?:\ (?:for|to)\ (?:our|the)\ newsletter)?(?:\ now)?|related\ to\ this\ topic
      |related\ (?:stories|articles|news|posts)|recommended\ for\ you|you\ (?:may|might)\ (?:also\ )?like
      |(?:prev(?:ious)?|next)\ (?:article|post|story))\s*[:.…]*$""",
    re.I | re.X,
)
#: After such a label stands the headline of another article.
_TEASER = re.compile(
    r"(?:must|also) read|read (?:more|also|next|full(?: story)?)|related|see also|recommended|trending(?: now)?", re.I
)
_PREVIOUS = re.compile(r"^prev(?:ious)? (?:article|post|story)\s*:?$", re.I)
_NEXT = re.compile(r"^next (?:article|post|story)\s*:?$", re.I)
_CREDIT = re.compile(
    r"\(?\b(?:image|photo|photograph|picture)s?(?: (?:courtesy|credit|source))?(?: of)?\s*[:©]\s*[^.\n]{1,80}\.?\)?\s*$"
    r"|\((?:ap|afp|reuters|getty|epa)\b[^)]{0,40}\)\s*$",
    re.I,
)
#: More lines at the top of a text that say nothing new are kept.
_MOST_PASSES = 20
_DASH = r"\s*(?:[—–]|--?)\s*"
_PLACE = r"[A-Z][\w.'’ -]{1,40}(?:,\s*[A-Z][\w.'’ -]{1,40}){0,2}"
_SOURCES = [
    # CoastTimes.com | Port Elgin, Canada | March 3, 2024 — text
    re.compile(rf"^(?P<source>[^|\n]{{2,60}}?)\s*\|\s*{_PLACE}\s*\|\s*[^|\n]{{6,30}}?{_DASH}(?=\S)"),
    # PORT ELGIN, Nov 9 (Reuters) - text        PORT ELGIN (AP) — text        (The Coast News) – text
    re.compile(rf"^(?:[A-Z][\w.'’,/ -]{{1,60}}?)?\s*\((?P<source>[A-Z][\w.& ]{{1,40}})\){_DASH}(?=\S)"),
]
_OUTLET = re.compile(
    r"\b(?:news|post|times|press|agency|wire|herald|daily|journal|tribune|guardian|gazette|today|telegraph|mail|review"
    r"|chronicle|observer|standard|express|mirror|radio|tv|ap|afp|reuters|dpa|ani|pti|ians|upi|bbc|cnn|xinhua|tass"
    r"|anadolu|bloomberg|kyodo|efe|ansa)\b|\.\w{2,}$",
    re.I,
)
_HEADER = re.compile(r"^(?P<key>[A-Za-z][A-Za-z ]{1,24}?)\s*:\s*(?P<value>\S.{0,100})$")
_KEYS = {
    "source": "source", "outlet": "source", "publisher": "source",
    "by": "author", "author": "author", "byline": "author",
    "published": "date", "published on": "date", "published at": "date", "date": "date", "posted": "date",
    "posted on": "date", "updated": "updated", "updated on": "updated", "last updated": "updated",
    "url": "url", "link": "url", "title": "title", "headline": "title",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph, heading, item, caption or row, before it is laid out."""

    text: str
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A clean text and what its datelines and header lines said.

    Attributes:
        title: "" when the text does not begin with one.
        text: paragraphs separated by one blank line, items and rows that belong together by a line break; may be empty.
        source, author: "" when not named.
        published: None when not named.
        dated_by: "dateline" or "text" where `published` was found, else "".
        spans: headings, captions, items and rows of the text.
        notes: what was left out or left open, a line each.
    """

    title: str
    text: str
    source: str = ""
    author: str = ""
    published: date | None = None
    dated_by: str = ""
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()


def normalise(text: str) -> str:
    """NFC, one kind of line end and space, no control or invisible characters, no space at line ends."""
    text = LONE.sub("\ufffd", text)
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n"))
    text = _CONTROL.sub(" ", _INVISIBLE.sub("", text.replace("\u2029", "\n\n").replace("\x0c", "\n\n")))
    return "\n".join(_SPACES.sub(" ", line).strip() for line in text.split("\n")).strip()


def clean(text: str, title: str = "", *, language: str = "") -> Cleaned:
    """Clean a plain text. Cleaning a clean text with the same title changes nothing.

    Args:
        text: any text; HTML tags are not touched.
        title: the title if it is known already; else the first line is taken when it looks like one, and stays.
        language: BCP 47 tag if known; helps to read its dates.
    """
    return clean_lines([Line(line) for line in _unwrap(normalise(text)).split("\n") if line], title, language=language)


def clean_lines(lines: Sequence[Line], title: str = "", *, language: str = "", furniture: bool = True) -> Cleaned:
    """Clean what is already in lines; a line with a role keeps it.

    Args:
        furniture: whether to look for lines of a page among them.
    """
    kept = [Line(text, line.role) for line in lines for text in (normalise(line.text),) if text]
    told = " ".join(normalise(title).split())
    head: dict[str, str] = {}
    left = 0
    for _ in range(_MOST_PASSES):
        size = len(kept)
        title = told or (kept[0].text if size > 1 and _looks_like_title(kept[0].text) else "")
        said, kept = _take_header(kept, title, language)
        head = {**said, **head}
        kept = _without_title(kept, title or head.get("title", ""), bool(told or head.get("title")))
        if furniture:
            before = len(kept)
            kept = _without_furniture(kept, title)
            left += before - len(kept)
        if len(kept) == size:
            break  # else what stood below a line that went may now be at the top
    title = title or head.get("title", "")
    notes = [f"{left} {'line' if left == 1 else 'lines'} of the page's furniture left out."] if left else []
    following = [*(line.text for line in kept[1:]), ""][: len(kept)]
    kept = [Line(line.text, line.role or _role(line.text, after)) for line, after in zip(kept, following, strict=True)]
    body, spans = lay_out(kept)
    published, dated_by, why = text_day(body, language)
    if "date" in head:
        published, dated_by, why = date.fromisoformat(head["date"]), "text", ""
    if "date" not in head and "updated" in head and published is None:
        published, dated_by, why = date.fromisoformat(head["updated"]), "text", ""
        notes.append("The day is that of the last change; no other is told.")
    notes += [f"The day was left open: {why}."] if why else []
    source = head.get("source") or next(filter(None, (_dateline_source(line.text) for line in kept[:4])), "")
    return Cleaned(title, body, source, head.get("author", ""), published, dated_by, spans, tuple(notes))


def lay_out(lines: Iterable[Line]) -> tuple[str, tuple[Span, ...]]:
    """Lines as one text, paragraphs apart, and the spans of those that are no running text."""
    parts: list[str] = []
    spans: list[Span] = []
    start, before = 0, None
    for line in lines:
        if parts:
            parts.append("\n" if line.role in {"item", "row"} and line.role == before else "\n\n")
            start += len(parts[-1])
        if line.role:
            spans.append(Span(start, start + len(line.text), line.role))
        parts.append(line.text)
        start += len(line.text)
        before = line.role
    return "".join(parts), tuple(spans)


def first_sentence(text: str, limit: int = 90) -> str:
    """A title made of the first sentence of a text's first line with words, cut at a word, at most `limit`
    characters."""
    line = next((line for line in text[: 4 * limit].split("\n") if any(map(str.isalpha, line))), text[: 4 * limit])
    sentence = re.split(r"(?<=[.!?。！？])\s*(?=\s|[^\x00-\x7f])", " ".join(line.split()), maxsplit=1)[0]
    if len(sentence) <= limit:
        return sentence
    return sentence[: limit - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def _unwrap(text: str) -> str:
    """Paragraphs broken into lines of one width, as in mails and old wires, become one line each."""
    blocks = []
    for block in text.split("\n\n"):
        lines = block.split("\n")
        whole = lines[:-1]
        plain = not any(_BULLET.match(line) or "|" in line for line in lines)
        ends = sum(bool(SENTENCE_END.search(line)) for line in whole)
        if len(lines) >= 3 and plain and ends <= len(lines) // 4:
            widths = [len(line) for line in whole]
            running = sum(line[:1].islower() for line in lines[1:]) * 2 >= len(whole)
            if (min(widths) >= 50 and max(widths) <= 100) or (running and max(widths) <= 1.5 * min(widths)):
                block = " ".join(lines)
        blocks.append(block)
    return "\n\n".join(blocks)


def _looks_like_title(line: str) -> bool:
    return (
        8 <= len(line) + len(_WIDE.findall(line)) <= 160  # characters of scripts without spaces say more
        and not SENTENCE_END.search(line)
        and not _header_of(line)
        and not _BULLET.match(line)
        and not lone_date(line)
    )


def key(text: str) -> str:
    """A text as it is compared with another: words in one case, no marks."""
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


_WIDE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def words(text: str) -> list[str]:
    """The words of a text as they are compared; in scripts without spaces each character counts as one."""
    return key(_WIDE.sub(r" \g<0> ", text)).split()


def _header_of(line: str) -> tuple[str, str] | None:
    match = _HEADER.match(line)
    name = _KEYS.get(match["key"].lower()) if match else None
    return (name, match["value"].strip()) if match and name else None


def _take_header(lines: list[Line], title: str, language: str) -> tuple[dict[str, str], list[Line]]:
    """The "Source: ...", "By: ...", "Published: ..." lines right at the top or under the title, read and taken off.

    They are a header only when each line of that form is of a known kind, none says a thing twice, and each date is
    one: "Source: River Tolm, Length: 212 km" is a table of facts and stays.
    """
    at = next((n for n, line in enumerate(lines[:3]) if _HEADER.match(line.text)), None)
    if at is None or any(key(line.text) != key(title) for line in lines[:at]):
        return {}, lines
    end = at
    found: dict[str, str] = {}
    while end < len(lines) and _HEADER.match(lines[end].text) and not SENTENCE_END.search(lines[end].text):
        header = _header_of(lines[end].text)
        if header is None or header[0] in found or len(header[1].split()) > 12:
            return {}, lines
        name, value = header
        if name in {"date", "updated"}:
            if (when := day(value, language=language)[0]) is None:
                return {}, lines
            value = when.isoformat()
        found[name] = value
        end += 1
    return (found, lines[:at] + lines[end:]) if end < len(lines) else ({}, lines)


def _without_title(lines: list[Line], title: str, given: bool) -> list[Line]:
    """The title once: not at all in the text if it was given, once if the text itself began with it."""
    wanted, kept, met = key(title), [], given
    for line in lines:
        if wanted and key(line.text) == wanted:
            if met:
                continue
            met = True
            line = Line(line.text, "heading")
        kept.append(line)
    return kept or lines


def _without_furniture(lines: list[Line], title: str) -> list[Line]:
    count = Counter(word for line in lines for word in key(line.text).split()) + Counter(key(title).split())
    buttons = _buttons(lines)
    pair = any(_PREVIOUS.match(a.text) for a in lines) and any(_NEXT.match(a.text) for a in lines)
    kept: list[Line] = []
    for n, line in enumerate(lines):
        if pair and (_PREVIOUS.match(line.text) or _NEXT.match(line.text)):
            continue
        if line.role in {"row", "heading"}:
            kept.append(line)
            continue
        if buttons[n]:
            continue
        above = lines[n - 1].text if n else ""
        if pair and (_PREVIOUS.match(above) or _NEXT.match(above)) and not SENTENCE_END.search(line.text):
            continue
        label, _, rest = line.text.partition(":")
        if rest and _TEASER.fullmatch(label.strip()) and _is_pointer(rest.strip(), count, line.text):
            continue
        head = n < min(3, len(lines) - 1)
        if head and _is_keywords_or_deck(line.text, title) and _says_nothing_new(line.text, count):
            continue
        kept.append(line)
    return kept if any(any(c.isalnum() for c in line.text) for line in kept) else lines


def _buttons(lines: Sequence[Line]) -> list[bool]:
    """Which lines are buttons of a page: "Email" among "Print" and "Telephone" is an item, among "Share" a button.

    At the top of a text what stands above does not count: there the outlet's name and its menu may stand.
    """
    lone = [bool(_FURNITURE.match(line.text)) for line in lines]
    short = [len(words(line.text)) <= 3 and not SENTENCE_END.search(line.text) for line in lines]
    found = list(lone)
    start = 0
    while start < len(lines):
        end = start + 1
        while short[start] and end < len(lines) and short[end]:
            end += 1
        last_item = max((n for n in range(start, end) if not lone[n]), default=-1)
        for n in range(start, end):
            found[n] = lone[n] and (last_item < 0 or (start == 0 and n > last_item) or end == start + 1)
        start = end
    return found


def is_headline(line: str) -> bool:
    """Set As Headlines Are, and no sentence."""
    long = [word for word in re.findall(r"[^\W\d_]+", line) if len(word) > 3]
    return bool(long) and not SENTENCE_END.search(line) and sum(w[0].isupper() for w in long) >= 0.6 * len(long)


def _is_pointer(rest: str, count: Counter[str], line: str) -> bool:
    """The headline of another article after "Must read:", without a number or a name that stands only here."""
    if SENTENCE_END.search(rest):
        return False
    own = Counter(key(line).split())
    fresh = [w for w in re.findall(r"\w+", rest) if count[w.casefold()] <= own[w.casefold()]]
    names = [] if is_headline(rest) else [w for w in fresh[1:] if w[0].isupper()]
    return not names and not any(any(c.isdigit() for c in w) for w in fresh)


def _says_nothing_new(line: str, count: Counter[str]) -> bool:
    own = Counter(key(line).split())
    return bool(own) and all(count[word] > times for word, times in own.items())


def _is_keywords_or_deck(line: str, title: str) -> bool:
    """Tags under a title, or a second headline that says the title again in other words."""
    if SENTENCE_END.search(line):
        return False
    parts = [part.strip() for part in line.split(",")]
    if len(parts) >= 2 and line == line.lower() and all(0 < len(part.split()) <= 6 for part in parts):
        return True
    mine, theirs = set(key(title).split()), set(key(line).split())
    return key(line) != key(title) and len(line) <= 160 and 2 * len(mine & theirs) >= len(theirs)


def _role(text: str, after: str) -> Role | None:
    """What a line of plain text is; a heading only where a paragraph follows: "A: Eleven weeks" is an answer."""
    if _BULLET.match(text):
        return "item"
    if " | " in text and not SENTENCE_END.search(text):
        return "row"
    if _CREDIT.search(text) and len(text) < 400:
        return "caption"
    short = len(words(text)) <= 14 and len(text) <= 120 and not SENTENCE_END.search(text)
    opens = not text[:1].islower() and not text.endswith((",", ";", "-")) and not _HEADER.match(text)
    prose = (
        (bool(SENTENCE_END.search(after)) and len(words(after)) >= 10) or bool(_BULLET.match(after)) or " | " in after
    )
    return "heading" if short and opens and prose and not lone_date(text) else None


def _dateline_source(line: str) -> str:
    for pattern in _SOURCES:
        if (match := pattern.match(line)) and _OUTLET.search(match["source"].strip()):
            return match["source"].strip()
    return ""
