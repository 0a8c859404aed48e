"""Absolute dates from text and metadata. Never guesses: a relative word or a bare year gives nothing."""

from __future__ import annotations

import re
from datetime import date, datetime

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_ISO = re.compile(r"^\s*(\d{4}-\d{2}-\d{2})(?:[T ].*)?$")
_PREFIX = re.compile(r"^\s*(?:published|posted|updated|date|on|at)\b[\s:]*", re.I)


def find_date(value: object) -> date | None:
    """The day that a metadata value or a short text names, or None.

    Args:
        value: a date, a datetime, a number of seconds since 1970, or text with a day, a month and a year.
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.fromtimestamp(value).date() if 0 < value < 4_102_444_800 else None
    if not isinstance(value, str):
        return None
    if iso := _ISO.match(value):
        try:
            return date.fromisoformat(iso[1])
        except ValueError:
            return None
    text = _PREFIX.sub("", value).strip()
    if not _YEAR.search(text) or len(text) > 80:
        return None
    import dateparser

    found = dateparser.parse(
        text, languages=["en"], settings={"REQUIRE_PARTS": ["day", "month", "year"], "PARSERS": ["absolute-time"]}
    )
    return found.date() if found else None
