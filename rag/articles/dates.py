"""Days from metadata, texts and addresses. Never guesses: a relative word, a bare year, 03/04/2026 give nothing.

Every day is the one written: "24 Nov 2026 06:30 +0900" is the 24th, wherever it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

#: Languages whose names of months are understood, the commonest first.
LANGUAGES = tuple("en de fr es it pt nl tr ru uk pl zh ja ko ar hi cs sv da nb fi el hu ro id vi".split())
#: In these languages 03/04/2026 is the 3rd of April. English writes it both ways and Chinese neither.
_DAY_FIRST = frozenset("de fr es it pt nl tr ru uk pl cs sv da nb fi el ro id vi ar hi".split())
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
    tag = language.lower().replace("_", "-")
    if tag.split("-")[0] in _DAY_FIRST or tag in {"en-gb", "en-au", "en-nz", "en-ie", "en-in", "en-za"}:
        return choices[0]
    if tag in {"en-us", "en-ph"}:
        return choices[1]
    known = list(others)
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
    tongues = [own, "en"] if own in LANGUAGES else list(LANGUAGES)
    settings = {"REQUIRE_PARTS": ["day", "month", "year"], "PARSERS": ["absolute-time"]}
    for words in dict.fromkeys((_PREFIX.sub("", text), text)):
        try:
            parsed = dateparser.parse(_latin_digits(words), languages=tongues, settings=settings)
        except (ValueError, OverflowError, RecursionError, AttributeError, TypeError, IndexError):
            parsed = None  # what its grammar stumbles over is no date
        if parsed and str(parsed.year) in _latin_digits(words):
            return date(parsed.year, parsed.month, parsed.day)
    return None
