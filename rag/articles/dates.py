"""Days from metadata, texts and addresses. Never guesses: a relative word, a bare year, 03/04/2026 give nothing.

Every day is the one written: "24 Nov 2026 06:30 +0900" is the 24th, wherever it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from rag.language.detect import language_of

#: Languages whose names of months are understood, the commonest first.
LANGUAGES = tuple("en de fr es it pt nl tr ru uk pl zh ja ko ar hi cs sv da nb fi el hu ro id vi".split())
#: In these languages 03/04/2026 is the 3rd of April. English writes it both ways and Chinese neither.
_DAY_FIRST = frozenset("de fr es it pt nl tr ru uk pl cs sv da nb fi el ro id vi ar hi".split())
#: How a note begins that tells why an article has no day.
UNDATED = "Undated:"
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_ISO = re.compile(r"\s*(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?$", re.S)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T?\d{4,6}Z?)?$")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s?[-/.年년]\s?(\d{1,2})\s?[-/.月월]\s?(\d{1,2})\s?(?:[日일]|(?!\d))")
_DAY_OR_MONTH_FIRST = re.compile(r"(?<![\d.,/-])(\d{1,2})([./-])\s?(\d{1,2})\2\s?(\d{4})(?!\d)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?$")
_PREFIX = re.compile(
    r"^\W*(?:(?:first |last )?(?:published|posted|updated|modified|created)|date|on|at|publié|mis à jour|veröffentlicht"
    r"|stand|publicado|actualizado|pubblicato|опубликовано|yayın(?:lanma)?(?: tarihi)?|发布(?:时间|日期)?)\b[\s:：]*"
    r"(?:(?:on|at|le|am|el|il)\b[\s:]*)?",
    re.I,
)
_EARLIEST, _LATEST = 1800, 2100
_AMBIGUOUS = "{} may be the {} or the {}"


def day(value: object, *, language: str = "", others: Iterable[date] = ()) -> tuple[date | None, str]:
    """The day that a metadata value or a short text names.

    Args:
        value: a date or datetime; seconds, milliseconds or microseconds since 1970 as a number or text; 20261124; ISO
            8601, RFC 822; a day, a named month and a year in one of `LANGUAGES`; numbers with dots (day first) or
            slashes; {"$date": ...} and the like.
        language: BCP 47 tag of the outlet; settles 03/04/2026 where it is written one way ("de", "en-US").
        others: days that the same article names otherwise; settle it too.

    Returns:
        The day, or None, and "" or why it was left open, in words for people.
    """
    if isinstance(value, datetime):
        return value.date(), ""
    if isinstance(value, date):
        return value, ""
    if isinstance(value, Mapping):
        return _from_mapping(value, language, others)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None, ""
    if isinstance(value, (int, float)):
        return _from_number(value), ""
    text = " ".join(value.split())
    if _NUMBER.match(text) and len(text) < 40:
        return _from_number(float(text) if "." in text else int(text)), ""
    return _from_text(text, language, others)


def find_date(value: object) -> date | None:
    """`day` without the reason."""
    return day(value)[0]


def readings(text: str) -> list[date]:
    """Every day that a numeric form such as 03/04/2026 may be, day first before month first; [] if none stands there.

    Dots are day first in every language that writes them.
    """
    if match := _YEAR_FIRST.search(text):
        return _days([(match[1], match[2], match[3])])
    if not (match := _DAY_OR_MONTH_FIRST.search(text)):
        return []
    first, mark, second, year = match.groups()
    orders = [(year, second, first)] if mark == "." else [(year, second, first), (year, first, second)]
    return _days(orders)


def settle(choices: list[date], language: str = "", others: Iterable[date] = ()) -> date | None:
    """The one of two readings that the language or the article's other days speak for, else None."""
    if len(choices) < 2:
        return choices[0] if choices else None
    known = list(others)
    if len(named := [choice for choice in choices if choice in known]) == 1:
        return named[0]
    tag = language.lower().replace("_", "-")
    if tag.split("-")[0] in _DAY_FIRST or tag in {"en-gb", "en-au", "en-nz", "en-ie", "en-in", "en-za"}:
        return choices[0]
    if tag in {"en-us", "en-ph"}:
        return choices[1]
    near = [choice for choice in choices if any(abs((choice - other).days) <= 7 for other in known)]
    return near[0] if len(near) == 1 else None


def _days(orders: list[tuple[str, str, str]]) -> list[date]:
    found: list[date] = []
    for year, month, number in orders:
        made = _made(int(year), int(month), int(number))
        if made and made not in found:
            found.append(made)
    return found


def _made(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number) if _EARLIEST <= year < _LATEST else None
    except ValueError:
        return None


def _from_number(number: float) -> date | None:
    # A small number is a year or a count, no moment: 1970 is not when news came out.
    if not 10_000_000 <= number < 1e20:
        return None
    whole = int(number)
    if whole == number and whole < 100_000_000:
        return _made(whole // 10000, whole // 100 % 100, whole % 100)
    for unit in (1, 1_000, 1_000_000, 1_000_000_000):
        # Seconds from 1970 to 2100; what is larger counts in thousandths, millionths and so on.
        if 0 < number / unit < 4_102_444_800:
            return datetime.fromtimestamp(number / unit, UTC).date()
    return None


def _from_mapping(value: Mapping[Any, Any], language: str, others: Iterable[date]) -> tuple[date | None, str]:
    for name in ("$date", "$numberLong", "iso", "datetime", "date", "_seconds", "seconds", "value", "timestamp"):
        if name in value:
            return day(value[name], language=language, others=others)
    parts = [value.get(name) for name in ("year", "month", "day")]
    if all(isinstance(part, int) for part in parts):
        return _made(*(int(str(part)) for part in parts)), ""
    return None, ""


def _from_text(text: str, language: str, others: Iterable[date]) -> tuple[date | None, str]:
    if match := _ISO.match(text) or _COMPACT.match(text):
        return _made(*map(int, match.groups()[:3])), ""
    if not _YEAR.search(_latin_digits(text)) or len(text) > 120:
        return None, ""
    if found := readings(text):
        chosen = settle(found, language, others)
        if chosen is None:
            first, second = found
            return None, _AMBIGUOUS.format(text[:40], f"{first:%d %B %Y}", f"{second:%d %B %Y}")
        return chosen, ""
    return _from_words(text, language), ""


def _latin_digits(text: str) -> str:
    return "".join(str(int(c)) if c.isdecimal() else c for c in text)


def _from_words(text: str, language: str) -> date | None:
    """A day, a month by its name and a year, with a weekday or a time or without."""
    from email.utils import parsedate_to_datetime

    try:
        found = parsedate_to_datetime(text)
        if _YEAR.search(text):
            return found.date()
    except (ValueError, IndexError, TypeError, OverflowError):
        pass
    import dateparser

    own = language.lower().replace("_", "-").split("-")[0]
    # A page in Russian may be made from an English template.
    tongues = [[own, "en"], list(LANGUAGES)] if own in LANGUAGES else [list(LANGUAGES)]
    settings = {"REQUIRE_PARTS": ["day", "month", "year"], "PARSERS": ["absolute-time"]}
    forms = dict.fromkeys((_PREFIX.sub("", text), text))
    for words, languages in ((words, some) for some in tongues for words in forms):
        try:
            parsed = dateparser.parse(_latin_digits(words), languages=languages, settings=settings)
        except (ValueError, OverflowError, RecursionError, AttributeError, TypeError, IndexError):
            parsed = None  # what its grammar stumbles over is no date
        if parsed and str(parsed.year) in _latin_digits(words):
            return date(parsed.year, parsed.month, parsed.day)
    return None


def lone_date(line: str) -> bool:
    """Whether a line is a date and nothing else, a weekday, a time or "Published:" aside."""
    line = line.strip()
    if len(line) > 60 or len(line.split()) > 9 or not _YEAR.search(_latin_digits(line)):
        return False
    found, why = day(line)
    return found is not None or bool(why)


def text_day(text: str, language: str = "") -> tuple[date | None, str, str]:
    """The day on which a text says that it came out: in a dateline, a line "Published: ...", a line that is a date.

    Returns:
        The day or None; "dateline", "text" or ""; "" or why a day was left open.
    """
    lines = [line for line in text[:4000].split("\n") if line.strip()]
    open_ = ""
    for line in lines[:8]:
        place, written = _dateline(line)
        if not written and lone_date(line):
            written = line
        if not written:
            continue
        found, why = day(written, language=language)
        if why:
            # "en" leaves open what its outlets write both ways.
            told = language or _order_in(text[:20_000]) or language_of(text, "en")
            found, why = day(written, language=told, others=named_days(text[:20_000]))
        if found:
            return found, "dateline" if place else "text", ""
        open_ = open_ or why
    return None, "", open_


def _order_in(text: str) -> str:
    """The tag of a language that writes days as a text does: "en-GB" where one can only be day first, as 25/03/2026,
    "en-US" for 03/25/2026, "" where none or both stand."""
    found = [(int(m[1]), int(m[3])) for m in _DAY_OR_MONTH_FIRST.finditer(text) if m[2] != "."]
    orders = {
        "en-GB" if first > 12 else "en-US" for first, second in found if first > 12 >= second or second > 12 >= first
    }
    return orders.pop() if len(orders) == 1 else ""


_DATELINE = re.compile(r"^(?P<head>[^\n—–]{6,90}?)(?:\s*\([^()\n]{2,40}\))?\s*(?:[—–]|--|\s-\s|-\s)\s*(?=\S)")
_BRACKETED = re.compile(r"^(?P<place>[^\W\d_][\w. /-]{1,30}),?\s*\((?P<date>[^()]{6,30})\)[.:,–—-]?\s+(?=\S)")
#: "(21 November 2025) Text", "21 November 2025. Text", "21.11.2025 „Text"
_FIRST = re.compile(
    r"^\(?(?P<date>\d{1,2}[^()|:–—]{5,20}?\d{4})(?:\)\s?[.:–—-]?|\s?[.:|–—-]|(?=\s[“„«\"]))\s+(?=[^\s\d])"
)
_NAMED_DAY = re.compile(
    r"\d{4}-\d{2}-\d{2}|\d{1,2}(?:\.|st|nd|rd|th)?\s(?:de\s)?[^\W\d_]{3,12}\.?,?\s(?:de\s)?\d{4}|[^\W\d_]{3,12}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{4}"
    r"|\d{4}年\d{1,2}月\d{1,2}日"
)


def _dateline(line: str) -> tuple[str, str]:
    """The place (or the date, where none stands) and the date of "HALDEN, Norway, 21 November 2025 (Reuters) - text".

    Returns:
        ("", "") if the line has none.
    """
    if (match := _FIRST.match(line)) and lone_date(match["date"]):
        return match["date"], match["date"]
    if (match := _BRACKETED.match(line)) and lone_date(match["date"]):
        return match["place"], match["date"]
    match = _DATELINE.match(line)
    if not match or not _YEAR.search(_latin_digits(match["head"])):
        return "", ""
    if lone_date(match["head"]):
        return match["head"], match["head"]
    parts = [part.strip() for part in re.split(r"[,|]", match["head"])]
    for n in range(1, len(parts)):
        written = ", ".join(parts[n:])
        if parts[0][:1].isupper() and len(parts[0].split()) <= 5 and lone_date(written):
            return parts[0], written
    return "", ""


def named_days(text: str) -> list[date]:
    """The days that a text names with a month's name or in ISO form, at most forty."""
    matches = [match[0] for match, _ in zip(_NAMED_DAY.finditer(text), range(40), strict=False)]
    return [found for written in dict.fromkeys(matches) if (found := day(written)[0])]


_IN_ADDRESS = re.compile(r"(?<!\d)((?:19|20)\d{2})([-/_.]?)(0?[1-9]|1[0-2])\2(0?[1-9]|[12]\d|3[01])(?!\d)")


def url_day(url: str) -> date | None:
    """The day in an address, /2026/11/20/ or 2026-11-20 or 20261120; None for anything less."""
    for year, mark, month, number in _IN_ADDRESS.findall(url.partition("?")[0]):
        if mark or len(month + number) == 4:
            return _made(int(year), int(month), int(number))
    return None


_SHORT_DAY = re.compile(
    _NAMED_DAY.pattern
    + r"|(?<![\d.,/-])\d{1,2}(?P<mark>[./-])\s?\d{1,2}(?P=mark)\s?\d{4}(?!\d|:\d\d)|\d{4}[/.]\d{1,2}[/.]\d{1,2}(?!\d)"
    r"|(?<![\d.])\d{1,2}\.\s?\d{1,2}\.\s?[0-3]\d(?=\d{1,2}:\d\d|[^\d.]|$)"
)


def days_in(text: str, language: str = "", others: Iterable[date] = ()) -> list[date]:
    """The days that a short line names, in order; those with two readings that nothing settles are left out.

    Args:
        language, others: as for `day`.
    """
    written = (match[0] for match in _SHORT_DAY.finditer(text[:400]))
    known = list(others)
    found = (day(_CENTURY.sub(r"\g<1>20\g<2>", words), language=language, others=known)[0] for words in written)
    return [when for when in found if when]


_CENTURY = re.compile(r"^(\d{1,2}\.\s?\d{1,2}\.\s?)(\d{2})$")
