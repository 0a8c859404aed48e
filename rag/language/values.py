"""Numbers and dates in running text, in a form that can be compared.

Knows nothing about questions or claims. Dates stay as partial as the text leaves them: "Oct. 19" has no year.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = (
    r"(?P<{0}>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<{0}>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?P<{0}>1[89]\d\d|20\d\d)"
_DATES = [
    re.compile(r"\b(?P<y>1[89]\d\d|20\d\d)-(?P<m>0[1-9]|1[0-2])-(?P<d>0[1-9]|[12]\d|3[01])\b"),
    re.compile(rf"\b{_MONTH.format('m')}\s+{_DAY.format('d')}\b(?:,?\s+{_YEAR.format('y')}\b)?", re.I),
    re.compile(rf"\b{_DAY.format('d')}\s+(?:of\s+)?{_MONTH.format('m')}(?:,?\s+{_YEAR.format('y')}\b)?", re.I),
    re.compile(rf"\b{_MONTH.format('m')},?\s+(?:of\s+)?{_YEAR.format('y')}\b", re.I),
]
_BARE_MONTH = re.compile(
    r"\b(?P<m>January|February|March|April|June|July|August|September|October|November|December)\b"
)
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_WEEKDAY = re.compile(rf"\b(?P<w>{'|'.join(_WEEKDAYS)})\b", re.I)
_BARE_YEAR = re.compile(r"\b(?P<y>1[89]\d\d|20\d\d)\b")

_UNITS = {
    "%": "%", "percent": "%", "per cent": "%", "percentage": "%", "pc": "%",
    "km": "km", "kms": "km", "kilometre": "km", "kilometer": "km", "kilometres": "km", "kilometers": "km",
    "mile": "mile", "miles": "mile", "mi": "mile", "metre": "m", "meter": "m", "metres": "m", "meters": "m",
    "dollar": "$", "dollars": "$", "usd": "$", "euro": "€", "euros": "€", "pounds": "£",
}  # fmt: skip
_CURRENCY = {"$": "$", "€": "€", "£": "£"}
_SCALES = {"thousand": 3, "million": 6, "m": 6, "mn": 6, "billion": 9, "bn": 9, "trillion": 12, "tn": 12}
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth".split()
_UNIT = (
    r"(?:[\s-]*(?P<unit>%|per cent\b|percentage\b|percent\b|pc\b|kilomet(?:re|er)s?\b|kms?\b|miles?\b|met(?:re|er)s?\b"
    r"|dollars?\b|euros?\b|pounds\b))?"
)
_NOUN = r"(?:[\s-]+(?P<noun>[^\W\d_]+))?"
_NUMBER = re.compile(
    r"(?P<cur>[$€£])?(?<![\w.,])(?P<num>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?P<ord>st|nd|rd|th)?(?![\d])"
    # "m" is million after a currency sign only: "$5m", but "5 m" are metres.
    rf"(?:[\s-]*(?P<scale>thousand|million|billion|trillion|bn|tn|(?(cur)mn?|(?!)))\b)?{_UNIT}{_NOUN}",
    re.I,
)
_BELOW_100 = rf"(?:(?:{'|'.join(_TENS)})(?:[\s-](?:{'|'.join(_SMALL[1:10])}))?|{'|'.join(_SMALL[2:])})"
# "one" alone is left out: it is more often a pronoun than a count.
_SPELLED = re.compile(
    rf"\b(?P<word>(?:(?:an?|{'|'.join(_SMALL[1:])})\s+hundred(?:\s+and\s+(?:{_BELOW_100}|one))?|{_BELOW_100})"
    rf"|{'|'.join(_ORDINALS[1:])})\b(?:[\s-]+(?P<scale>thousand|million|billion|trillion)\b)?{_UNIT}{_NOUN}",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text.

    Attributes:
        amount: with its scale applied ("1.2 billion" is 1200000000).
        unit: "%", "km", "mile", "m", "$", "€", "£", "ordinal" or "".
        noun: the word after it, lower case, "" if none ("25 militants" -> "militants").
        text, start, end: as written, and where (the noun left out).
    """

    amount: Decimal
    unit: str
    noun: str
    text: str
    start: int
    end: int

    def agrees(self, other: Number) -> bool:
        """Same amount and no conflict of units (a missing unit agrees with any)."""
        return self.amount == other.amount and (not self.unit or not other.unit or self.unit == other.unit)


@dataclass(frozen=True, slots=True)
class Day:
    """A date as far as the text gives it; None where it says nothing.

    Attributes:
        weekday: 0 = Monday; set when the text names a weekday only.
        text, start, end: as written, and where.
    """

    year: int | None
    month: int | None
    day: int | None
    text: str
    start: int
    end: int
    weekday: int | None = None

    def agrees(self, other: Day) -> bool:
        """No part given by both differs, and at least one part is given by both."""
        mine = (self.year, self.month, self.day, self.weekday)
        theirs = (other.year, other.month, other.day, other.weekday)
        both = [(a, b) for a, b in zip(mine, theirs, strict=True) if a is not None and b is not None]
        return bool(both) and all(a == b for a, b in both)

    def completed(self, published: date | None) -> Day:
        """With the year, or a weekday's date, filled in from the day of publication.

        A weekday alone means the last such day up to publication; a date without a year means the latest such day
        that is not more than a month after publication.
        """
        if published is None or self.year is not None:
            return self
        if self.weekday is not None:
            when = published - timedelta(days=(published.weekday() - self.weekday) % 7)
            return Day(when.year, when.month, when.day, self.text, self.start, self.end, self.weekday)
        if self.month is None:
            return self
        year, later = published.year, published + timedelta(days=31)
        if (year, self.month, self.day or 1) > (later.year, later.month, later.day):
            year -= 1
        return Day(year, self.month, self.day, self.text, self.start, self.end, self.weekday)


def days(text: str) -> list[Day]:
    """Dates, months, weekdays and years in the text, in order, none inside another."""
    found: list[Day] = []
    taken: list[tuple[int, int]] = []
    for pattern in (*_DATES, _BARE_MONTH, _WEEKDAY, _BARE_YEAR):
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            if pattern is _BARE_YEAR and not _stands_as_year(text, match):
                continue
            taken.append(match.span())
            parts = match.groupdict()
            found.append(
                Day(
                    int(parts["y"]) if parts.get("y") else None,
                    _month(parts["m"]) if parts.get("m") else None,
                    int(parts["d"]) if parts.get("d") else None,
                    match.group().rstrip(" ,"),
                    match.start(),
                    match.end(),
                    _WEEKDAYS.index(parts["w"].lower()) if parts.get("w") else None,
                )
            )
    return sorted(found, key=lambda day: day.start)


def numbers(text: str) -> list[Number]:
    """Numbers in digits or in words below two thousand, ordinals included, dates left out, in order."""
    dates = [(day.start, day.end) for day in days(text) if day.weekday is None]
    found: list[Number] = []
    for match in (*_NUMBER.finditer(text), *_SPELLED.finditer(text)):
        parts = match.groupdict()
        last = next(name for name in ("unit", "scale", "ord", "num", "word") if parts.get(name))
        start, end = match.start(), match.end(last)
        if any(start < b and a < end for a, b in dates):
            continue
        word = (parts.get("word") or "").lower()
        if word:
            ordinal = word in _ORDINALS
            amount = Decimal(_ORDINALS.index(word) if ordinal else _cardinal(word))
        else:
            ordinal = bool(parts["ord"])
            amount = Decimal(parts["num"].replace(",", ""))
        amount *= Decimal(10) ** _SCALES.get((parts["scale"] or "").lower(), 0)
        unit = _UNITS.get((parts.get("unit") or "").lower(), "") or _CURRENCY.get(parts.get("cur") or "", "")
        noun = (parts["noun"] or "").lower()
        found.append(Number(amount, unit or ("ordinal" if ordinal else ""), noun, text[start:end], start, end))
    return sorted(found, key=lambda number: number.start)


def _cardinal(words: str) -> int:
    """What number words below two thousand say: "twenty-five", "a hundred", "one hundred and five"."""
    total = 0
    for word in re.findall(r"[a-z]+", words):
        if word == "hundred":
            total *= 100
        elif word in _TENS:
            total += 10 * (_TENS.index(word) + 2)
        elif word in _SMALL:
            total += _SMALL.index(word)
        elif word in {"a", "an"}:
            total += 1
    return total


def _month(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text[:3].lower()) + 1


def _stands_as_year(text: str, match: re.Match[str]) -> bool:
    """A four-digit number is a year unless a unit, a currency sign or a counted noun stands by it."""
    before, after = text[: match.start()], text[match.end() :]
    inside = before.endswith(("$", "€", "£")) or (before.endswith((",", ".")) and before[-2:-1].isdigit())
    return not inside and not re.match(
        r"\s*(?:%|,\d|\.\d|-?\s*(?:km|kilomet|mile|met(?:re|er)|percent|per cent|dollars?|people|soldiers?))",
        after,
        re.I,
    )
