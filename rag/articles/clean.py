"""Takes out of a text what is not the article: furniture of the page, credits, repeated titles, datelines.

Works on lines, by rules that can be read. Knows nothing about where a text came from.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from rag.articles.dates import find_date

_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
LONE = re.compile("[\ud800-\udfff]")  # half a character: no UTF-8 can hold it
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"[^\S\n]+")

#: A whole line like one of these belongs to the page, not to the article.
_FURNITURE = re.compile(
    r"""^(?:
      must\ read | also\ read | read\ (?:more|also|next|full) | related\ (?:stories|articles|news|posts|to\ this\ topic)
      | you\ may\ (?:also\ )?like
      | (?:image|photo|picture|video)s?(?:\ (?:courtesy|credit|source|by))? | (?:image|photo|picture|file\ photo)\ [-–—]
      | representational\ (?:image|photo|picture) | file\ (?:image|photo)
    )\s*[:|].*$
    | ^(?:related\ to\ this\ topic|exit\ mobile\ version|advertisements?|ad|sponsored(?:\ content)?|share(?:\ this)?
      |share\ (?:on|via)\ .{1,40}|tweet|print|email|comments?|leave\ a\ comment|post\ a\ comment|read\ more|load\ more
      |continue\ reading|skip\ to\ (?:main\ )?content|follow\ us(?:\ on\ .{1,60})?|back\ to\ top|loading\.*
      |story\ continues\ below.*|article\ continues\ (?:below|after).*|all\ rights\ reserved.*|copyright\ ©.*|©\ .{1,80}
      |(?:sign\ up|subscribe)\ (?:for|to)\ .{0,80}|subscribe(?:\ now)?|join\ (?:our|us\ on)\ .{1,60}
      |this\ (?:article|story)\ (?:was\ )?(?:originally|first)\ (?:published|appeared).{0,120})\s*:?\s*$""",
    re.I | re.X,
)
#: These may also begin a sentence of the article, so only a headline after them goes.
_TEASER = re.compile(
    r"^(?:related|see also|recommended(?: for you)?|trending(?: now)?|more from|credits?)\s*[:|]", re.I
)
_NAVIGATION = re.compile(r"^(?:prev(?:ious)?|next) (?:article|post|story)\s*:?$", re.I)
#: After one of these lines nothing of the article follows.
_END = re.compile(
    r"^(?:related to this topic|related (?:stories|articles|news|posts)|exit mobile version|more from .{1,60}"
    r"|recommended for you|you may also like|leave a (?:comment|reply))\s*:?\s*$",
    re.I,
)
_CREDIT = re.compile(
    r"(?P<image>\(?\b(?:image|photo|photograph|picture)s?(?: (?:courtesy|credit|source))?(?: of)?\s*[:©]"
    r"\s*[^.\n]{1,80}\.?\)?\s*$)"
    r"|\s*\((?:ap|afp|reuters|getty|epa)\b[^)]{0,40}\)\s*$",
    re.I,
)
_SENTENCE_END = re.compile(r"[.!?…][\"'’”)\]]*$")
_BULLET = re.compile(r"^[•*·▪‣◦–-]\s+")
_DASH = r"\s*(?:[—–]|--?)\s*"
_PLACE = r"[A-Z][\w.'’ -]{1,40}(?:,\s*[A-Z][\w.'’ -]{1,40}){0,2}"
_DATELINES = [
    # TheInterviewTimes.com | Istanbul, Turkey | November 9, 2025 — text
    re.compile(rf"^(?P<source>[^|\n]{{2,60}}?)\s*\|\s*{_PLACE}\s*\|\s*(?P<date>[^|\n]{{6,30}}?){_DASH}(?=\S)"),
    # Istanbul, Turkey | November 9, 2025 — text
    re.compile(rf"^{_PLACE}\s*\|\s*(?P<date>[^|\n]{{6,30}}?){_DASH}(?=\S)"),
    # ISTANBUL, Nov 9 (Reuters) - text        ISTANBUL (AP) — text
    re.compile(
        r"^(?:[A-Z][A-Z.'’ /-]+|[A-Z][\w.'’-]+)(?:,\s*[A-Z][\w.'’ -]{1,30})?"
        r"(?:,\s*(?P<date>[A-Z][a-z]{2,8}\.?\s+\d{1,2}(?:,\s*\d{4})?))?"
        rf"\s*\((?P<source>[A-Z][\w.& ]{{1,40}})\){_DASH}(?=\S)"
    ),
    # (The Post News) – text
    re.compile(rf"^\((?P<source>[A-Z][\w.& ]{{1,40}})\){_DASH}(?=\S)"),
]
_OUTLET = re.compile(
    r"\b(?:news|post|times|press|agency|wire|herald|daily|journal|tribune|guardian|gazette|today|telegraph|mail|review"
    r"|chronicle|observer|standard|express|mirror|radio|tv|ap|afp|reuters|dpa|ani|pti|ians|upi|bbc|cnn|xinhua|tass"
    r"|anadolu|bloomberg|kyodo|efe|ansa)\b|\.\w{2,}$",
    re.I,
)
_META = re.compile(
    r"^(?P<key>source|published(?: on| at)?|date|posted(?: on)?|updated(?: on)?|by|author)\s*:\s*"
    r"(?P<value>\S.{0,100})$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A clean text and what its datelines and header lines said.

    Attributes:
        title: "" when the text does not begin with one.
        text: paragraphs separated by one blank line; may be empty.
        source, author: "" when not named.
        published: None when not named.
    """

    title: str
    text: str
    source: str = ""
    author: str = ""
    published: date | None = None


def normalise(text: str) -> str:
    """NFC, one kind of line end and space, no control or invisible characters, no space at line ends."""
    text = LONE.sub("\ufffd", text)
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n"))
    text = _CONTROL.sub(" ", _INVISIBLE.sub("", text.replace("\u2029", "\n\n").replace("\x0c", "\n\n")))
    return "\n".join(_SPACES.sub(" ", line).strip() for line in text.split("\n")).strip()


def clean(text: str, title: str = "") -> Cleaned:
    """Clean a text. Cleaning a clean text with its title changes nothing.

    Args:
        text: any text; HTML tags are not touched.
        title: the title if it is known already; else the first line is taken when it looks like one.
    """
    done = _clean_once(text, title)
    # What stood below a line that went may now be at the top; each pass takes something away, so this ends.
    while len((again := _clean_once(done.text, done.title)).text) < len(done.text):
        done = Cleaned(
            done.title or again.title,
            again.text,
            done.source or again.source,
            done.author or again.author,
            done.published or again.published,
        )
    return done


def _clean_once(text: str, title: str) -> Cleaned:
    lines = [line for line in _unwrap(normalise(text)).split("\n") if line]
    title = " ".join(normalise(title).split())
    found: dict[str, str] = {}
    published: date | None = None
    if not title and lines and _looks_like_title(lines[0]) and len(lines) > 1:
        title = lines[0]
    kept: list[str] = []
    skip_next = False
    for n, line in enumerate(lines):
        if _END.match(line) and sum(map(len, kept)) > 0:
            break
        if _NAVIGATION.match(line):
            skip_next = True
            continue
        if skip_next:
            # The headline of another article stands below "Prev Article".
            skip_next = False
            if not _SENTENCE_END.search(line) or len(line) < 160:
                continue
        if _is_title(line, title) or _FURNITURE.match(line):
            continue
        if _TEASER.match(line) and not _SENTENCE_END.search(line):
            continue
        if n < 12 and (meta := _META.match(line)):
            key, value = meta["key"].lower().split()[0], meta["value"].strip()
            if key in {"source", "by", "author"} and len(value.split()) <= 8 and not _SENTENCE_END.search(value):
                found.setdefault("source" if key == "source" else "author", value)
                continue
            if key in {"published", "date", "posted", "updated"} and (day := find_date(value)):
                published = published or day
                continue
        if not kept and _is_keywords(line):
            continue
        if not (line := _without_credit(line, bool(kept))):
            continue
        if len(kept) < 3:
            line, source, day = _take_dateline(line)
            if source:
                found.setdefault("source", source)
            published = published or day
        kept.append(line)
    kept = _drop_subtitle(kept, title)
    if not kept:
        # Better a caption too many than an article emptied: what reads like a sentence stays.
        kept = [line for line in lines if _SENTENCE_END.search(line) and len(line.split()) >= 5]
    return Cleaned(title, "\n\n".join(_join_bullets(kept)), found.get("source", ""), found.get("author", ""), published)


def _unwrap(text: str) -> str:
    """Paragraphs broken into lines of one width, as in mails and old wires, become one line each."""
    blocks = []
    for block in text.split("\n\n"):
        lines = block.split("\n")
        even = all(50 <= len(line) <= 100 and not _BULLET.match(line) for line in lines[:-1])
        ends = sum(bool(_SENTENCE_END.search(line)) for line in lines[:-1])
        if len(lines) >= 3 and even and ends <= len(lines) // 4:
            block = " ".join(lines)
        blocks.append(block)
    return "\n\n".join(blocks)


def first_sentence(text: str, limit: int = 90) -> str:
    """A title made of a text's first sentence, cut at a word, at most `limit` characters."""
    sentence = re.split(r"(?<=[.!?])\s", " ".join(text[: 4 * limit].split()), maxsplit=1)[0]
    if len(sentence) <= limit:
        return sentence
    return sentence[: limit - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def _looks_like_title(line: str) -> bool:
    return (
        8 <= len(line) <= 160 and not _SENTENCE_END.search(line) and not _META.match(line) and not _BULLET.match(line)
    )


def _is_title(line: str, title: str) -> bool:
    return bool(title) and _key(line) == _key(title)


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def _is_keywords(line: str) -> bool:
    """Tags under a title: short comma-separated phrases in lower case, no sentence."""
    parts = [part.strip() for part in line.split(",")]
    return (
        len(parts) >= 2
        and not _SENTENCE_END.search(line)
        and line == line.lower()
        and all(0 < len(part.split()) <= 6 for part in parts)
    )


def _without_credit(line: str, begun: bool) -> str:
    """The line without the credit at its end; "" when it is a caption.

    A caption ends in an image credit and is short or stands above the article, or is no sentence without its credit.
    """
    match = _CREDIT.search(line)
    if not match or len(line) >= 600:
        return line
    rest = line[: match.start()].rstrip()
    if not _SENTENCE_END.search(rest) or (match["image"] and (not begun or len(line) < 160)):
        return ""
    return rest


def _take_dateline(line: str) -> tuple[str, str, date | None]:
    for pattern in _DATELINES:
        if match := pattern.match(line):
            parts = match.groupdict()
            day = find_date(parts["date"]) if parts.get("date") else None
            source = (parts.get("source") or "").strip()
            if day is None and not _OUTLET.search(source):
                continue
            return line[match.end() :], source, day
    return line, "", None


def _drop_subtitle(lines: list[str], title: str) -> list[str]:
    """A second headline at the top says the title again in other words."""
    mine = set(_key(title).split())
    for n, line in enumerate(lines[:2]):
        words = set(_key(line).split())
        if (
            mine
            and len(lines) > n + 1
            and not _SENTENCE_END.search(line)
            and len(line) <= 160
            and len(words & mine) >= 0.5 * len(words)
        ):
            return lines[:n] + lines[n + 1 :]
    return lines


def _join_bullets(lines: list[str]) -> list[str]:
    """Neighbouring bullets share a paragraph, a line each."""
    joined: list[str] = []
    for line in lines:
        if _BULLET.match(line) and joined and _BULLET.match(joined[-1].rsplit("\n", 1)[-1]):
            joined[-1] += f"\n{line}"
        else:
            joined.append(line)
    return joined
