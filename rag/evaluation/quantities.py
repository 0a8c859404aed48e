"""Dates and amounts in answers and aliases, for scoring alone.

On purpose no code of the product: what reads numbers and dates for an answer must not also judge it. Smaller, too: an
alias is a few words that a person wrote, and where this reads nothing, an answer is held to the alias's own words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_MONTHS = "January February March April May June July August September October November December".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen".split()
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORTH = {w: n for n, w in enumerate(_ONES)} | {w: 10 * n for n, w in enumerate(_TENS, 2)}
_SCALES = {"thousand": 3, "million": 6, "m": 6, "mn": 6, "billion": 9, "bn": 9, "trillion": 12, "tn": 12}
_RANKS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_UNITS = {
    "%": r"%", "km": r"kilomet(?:re|er)s?|kms?", "mile": r"miles?", "m": r"met(?:re|er)s?", "$": r"dollars?|USD",
    "€": r"euros?", "£": r"pounds?", "tonne": r"tonnes?", "kg": r"kilograms?|kilos?|kg", "hectare": r"hectares?",
}  # fmt: skip

#: What makes four digits a count and not a year.
_COUNTED = "|".join([*list(_UNITS.values())[1:], "people", "soldiers?", "million", "billion"])
_MONTH = "|".join(rf"{name[:3]}(?:t?\.|{name[3:]}|t)?" for name in _MONTHS)
_NTH = r"(?:st|nd|rd|th)?"
_YEAR = r"1[89]\d\d|20\d\d"
_DATE = re.compile(
    rf"""\b(?:
      (?P<year>{_YEAR})-(?P<month>\d\d)-(?P<day>\d\d)
    | (?P<day2>[0-3]?\d){_NTH}\s+(?:of\s+)?(?P<month2>{_MONTH})(?!\w)(?:,?\s+(?P<year2>{_YEAR}))?
    | (?P<month3>{_MONTH})\s+(?P<day3>[0-3]?\d){_NTH}(?![\d%]|[.,]\d)(?:,?\s+(?P<year3>{_YEAR}))?
    | (?P<month4>{_MONTH}),?\s+(?:of\s+)?(?P<year4>{_YEAR})
    | (?P<month5>{"|".join(_MONTHS)})
    | (?P<weekday>{"|".join(_DAYS)})
    | (?<![$€£\d.,-])(?P<year6>{_YEAR})(?!,\d|\.\d|\s*%|-?\s*(?:{_COUNTED})\b)
    )(?!\w)""",
    re.VERBOSE,
)
_NUMBER = re.compile(
    r"(?P<money>[$€£])?(?<![\w.,])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?P<nth>st|nd|rd|th)?(?!\d)"
    rf"(?:[\s-]*(?P<scale>thousand|million|billion|trillion|bn|tn|(?(money)mn?|(?!)))\b)?"
    rf"(?:[\s-]*(?P<unit>%|(?:{'|'.join(list(_UNITS.values())[1:])})\b))?"
    r"(?:[\s-]+(?P<noun>[^\W\d_]+))?",
    re.IGNORECASE,
)
_WORD = "|".join([*_WORTH, "hundred", "thousand"])
_SPELLED = re.compile(
    rf"\b(?:an?\s+(?=hundred|thousand))?(?:{_WORD})\b(?:(?:\s+and)?[\s-]+(?:{_WORD})\b)*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number: with its scale, its unit ("" if none, "th" for an ordinal), and the word after it."""

    value: Decimal
    unit: str
    noun: str


@dataclass(frozen=True, slots=True)
class Date:
    """A date as far as it is given; weekday 0 = Monday."""

    year: int | None
    month: int | None
    day: int | None
    weekday: int | None

    def named_by(self, other: Date) -> bool:
        """Whether the other gives this one's finest part, and no part of it otherwise."""
        parts = [(getattr(self, p), getattr(other, p)) for p in ("day", "month", "year", "weekday")]
        finest = next(theirs for mine, theirs in parts if mine is not None)
        return finest is not None and all(a == b for a, b in parts if a is not None and b is not None)


@dataclass(frozen=True, slots=True)
class Quantities:
    """The dates and amounts of a text, in order, and the text without them; what is counted stays."""

    dates: tuple[Date, ...]
    amounts: tuple[Amount, ...]
    rest: str


def quantities(text: str) -> Quantities:
    """Read a text: "25 militants died on 5 May" has an amount and a date, and " militants died on " is the rest."""
    dates: list[Date] = []
    amounts: list[Amount] = []

    def date(match: re.Match[str]) -> str:
        found = _date(match, text)
        if found is None:
            return match.group()
        dates.append(found)
        return " ; "

    def amount(match: re.Match[str]) -> str:
        unit = match["money"] or ("th" if match["nth"] else "")
        if match["unit"]:
            unit = next(name for name, form in _UNITS.items() if re.fullmatch(form, match["unit"], re.IGNORECASE))
        value = Decimal(match["digits"].replace(",", "")) * 10 ** _SCALES.get((match["scale"] or "").lower(), 0)
        amounts.append(Amount(value, unit, (match["noun"] or "").lower()))
        return f" {match['noun'] or ''}"

    rest = _DATE.sub(date, text)
    rest = re.sub(r"(?i)per\s?cent(?:age)?\b", "%", _SPELLED.sub(_digits, rest))
    for n, word in enumerate(_RANKS, 1):
        rest = re.sub(rf"(?i)\b{word}\b", f"{n}th", rest)
    rest = _NUMBER.sub(amount, rest)
    return Quantities(tuple(dates), tuple(amounts), rest)


def _date(match: re.Match[str], text: str) -> Date | None:
    got = {name.rstrip("23456"): value for name, value in match.groupdict().items() if value}
    if got == {"month": "May"} and text.strip() != "May":
        before = text[: match.start()].split()[-1:]
        if before not in (["in"], ["since"], ["until"], ["by"], ["last"], ["next"]):
            return None
    month = got.get("month", "")
    number = int(month) if month.isdigit() else [m[:3] for m in _MONTHS].index(month[:3]) + 1 if month else None
    day, year = int(got["day"]) if "day" in got else None, int(got["year"]) if "year" in got else None
    return Date(year, number, day, _DAYS.index(got["weekday"]) if "weekday" in got else None)


def _digits(match: re.Match[str]) -> str:
    """Number words as digits; "one" alone stays, which is more often a pronoun."""
    words = match.group().rstrip(" -")
    value = None if words.casefold() in {"one", "zero"} else _value(words)
    return match.group() if value is None else f"{value}{match.group()[len(words) :]}"


def _value(words: str) -> int | None:
    """What number words say: "two hundred and fifty thousand"; None for words that are none, such as "five six"."""
    total = part = 0
    below = 1000
    for word in re.findall(r"[a-z]+", words.casefold()):
        if word == "thousand":
            total, part, below = total + (part or 1) * 1000, 0, 1000
        elif word == "hundred":
            part, below = (part or 1) * 100, 100
        elif word in _WORTH:
            if _WORTH[word] >= below:
                return None
            part, below = part + _WORTH[word], 10 if word in _TENS else 0
    return total + part or None
