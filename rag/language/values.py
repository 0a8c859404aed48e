"""Numbers, dates and times of day in running text, in a form that can be compared.

Knows nothing about questions or claims. Dates stay as partial as the text leaves them: "Oct. 19" has no year. A text is
cut into tokens once, and one walk over them takes the longest value that begins at each; what a word means stands in
the tables below. Quantulum3, text2num and dateparser were measured on news and are worse at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from rag.language.words import STOP_WORDS

# ---------------------------------------------------------------------- tables

_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = {name: n for n, name in enumerate(_MONTHS, 1)} | {name[:3]: n for n, name in enumerate(_MONTHS, 1)}
_MONTH |= {"sept": 9}
#: Months that are other words too: these need a word of time before them, the lower-case ones in any case.
_VERBS, _LOWER = frozenset({"march", "may"}), frozenset({"march", "may", "august"})
_GIVEN_NAMES = frozenset({"april", "june", "august", "may"})
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_WEEKDAY = {name: n for n, name in enumerate(_WEEKDAYS)}
_TIME_CUES = frozenset("in since until till by last next during early late mid".split())
_CUES = _TIME_CUES | frozenset("the a this of from before after between through for to".split())
_YEAR_CUES = _TIME_CUES | frozenset("of from before after".split())
_STEPS = {"next": 1, "coming": 1, "last": -1, "past": -1}
_ZONES = frozenset("gmt utc bst cet cest est edt pst pdt ist".split())
_HOURS = {"noon": 12, "midday": 12, "midnight": 0}

_SMALL = {
    word: n
    for n, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS = {word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_SCALES = {
    "thousand": 10**3, "lakh": 10**5, "million": 10**6, "crore": 10**7, "billion": 10**9, "trillion": 10**12,
    "mn": 10**6, "mln": 10**6, "bn": 10**9, "tn": 10**12, "dozen": 12, "hundred": 100,
}  # fmt: skip
#: Scales that must stand right behind the digits; the second row after a currency sign alone.
_GLUED_SCALES = {"k": 10**3}
_MONEY_SCALES = {"m": 10**6, "b": 10**9, "t": 10**12}
_ORDINALS = {
    word: n
    for n, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth".split(),
        1,
    )
}
_ORDINALS |= {f"{word[:-1]}ieth": n for word, n in _TENS.items()} | {"hundredth": 100, "thousandth": 1000}
_PARTS = {"half": 2, "quarter": 4} | {word: n for word, n in _ORDINALS.items() if 3 <= n <= 10}
_PARTS_PLURAL = {f"{word}s": n for word, n in _PARTS.items() if word != "half"}
_VULGAR = {"½": Fraction(1, 2), "⅓": Fraction(1, 3), "⅔": Fraction(2, 3), "¼": Fraction(1, 4), "¾": Fraction(3, 4)}
_SLASHED = {"1/2", "1/3", "2/3", "1/4", "3/4"}

#: Units by the words that name them (of up to three tokens).
_UNITS: Mapping[str, str] = {
    phrase: unit
    for unit, phrases in {
        "%": "% percent|per cent|percentage|pc",
        "pp": "percentage point|percentage points|% point|% points",
        "bp": "basis point|basis points",
        "km": "km|kms|kilometre|kilometer|kilometres|kilometers",
        "mile": "mi|mile|miles",
        "m": "m|metre|meter|metres|meters",
        "cm": "cm|centimetre|centimeter|centimetres|centimeters",
        "mm": "mm|millimetre|millimeter|millimetres|millimeters",
        "foot": "ft|foot|feet",
        "kg": "kg|kilo|kilos|kilogram|kilograms|kilogramme|kilogrammes",
        "tonne": "tonne|tonnes|metric ton|metric tons",
        "ton": "ton|tons",
        "litre": "litre|liter|litres|liters",
        "hectare": "ha|hectare|hectares",
        "acre": "acre|acres",
        "km²": "sq km|square km|square kilometre|square kilometer|square kilometres|square kilometers|km²",
        "mile²": "sq mi|sq mile|sq miles|square mile|square miles",
        "m²": "sq m|square metre|square meter|square metres|square meters|m²",
        "km/h": "km / h|kph|kmh|kilometres per hour|kilometers per hour|kilometres an hour|kilometers an hour",
        "mph": "mph|miles per hour|miles an hour",
        "°": "°|degree|degrees",
        "°C": "° c|degrees c|degrees celsius|celsius|degrees centigrade",
        "°F": "° f|degrees f|degrees fahrenheit|fahrenheit",
        "$": "$|dollar|dollars|usd|us dollars",
        "€": "€|euro|euros|eur",
        "£": "£|pounds|pound sterling|pounds sterling|gbp",
        "¥": "¥|yen|jpy",
        "yuan": "yuan|renminbi|cny",
        "rupee": "₹|rs|inr|pkr|rupee|rupees",
        "rouble": "rouble|roubles|ruble|rubles",
        "lira": "lira|liras",
        "cent": "cent|cents",
        "penny": "pence|penny",
    }.items()
    for phrase in phrases.replace("% percent", "%|percent").split("|")
}
_GLUED_UNITS = {"C": "°C", "F": "°F"}
#: What may stand before an amount of money, with the country's letters before the sign.
_BEFORE = {word: _UNITS[word] for word in ("$", "€", "£", "¥", "₹", "rs", "usd", "eur", "gbp", "inr", "pkr")}
_COUNTRIES = {"us": "", "a": "A", "au": "A", "c": "C", "ca": "C", "hk": "HK", "nz": "NZ", "s": "S"}
#: "5m" is metres before these and before a thing ("a 5m wall"), million before several ("5m people") or nothing.
_DIMENSIONS = frozenset("high long wide deep tall thick away above below apart underground".split())
_PEOPLE = frozenset("people men women children police cattle sheep youth staff".split())
#: Nouns that make four digits a count and not a year.
_COUNTED = _PEOPLE | frozenset(
    "soldiers troops fighters militants civilians refugees migrants deaths dead homes houses families jobs workers "
    "students protesters prisoners cases".split()
)
#: What spans of time are counted in: "two in five days" is no share.
_SPANS = frozenset("second seconds minute minutes hour hours day days week weeks month months year years".split())
_PREFIXES = "mid|pre|post|early|late|under|over|sub|magnitude|minus|all|top"

_LEX = re.compile(
    rf"""
      (?P<coded>(?:https?://|www\.)\S+ | \d{{3}}-\d{{3}}-\d{{4}}
        | (?!(?:{_PREFIXES})-)[^\W\d_]+-\d\w* | [^\W\d]+\d\w*(?:\.\d+)* | \d+[^\W\d_]+\d\w*
        | \d+(?:\.\d+){{3,}})
    | (?P<date>\d{{1,4}}(?P<sep>[-/.])\d{{1,2}}(?P=sep)\d{{1,4}}(?!\w))
    | (?P<years>(?:1[89]|20)\d\d[-–/]\d\d(?![\d\w]))
    | (?P<clock>\d{{1,2}}:\d\d(?::\d\d)?(?:\.\d+)?(?!\w+:|:\d))
    | (?P<share>\d*[½⅓⅔¼¾] | \d{{1,2}}/\d{{1,2}}(?![\d/]))
    | (?P<digits>(?:
          \d{{1,3}}(?:\.\d{{3}})+,\d+                                 # 3.500,50
        | \d{{1,3}}(?:\.\d{{3}}){{2,}}                                # 1.234.567
        | \d{{1,3}}(?:[ \u00a0\u2009\u202f]\d{{3}})+(?:[.,]\d{{1,2}})?  # 3 500
        | \d{{1,3}}(?:,\d{{2,3}})*,\d{{3}}(?:\.\d+)?                  # 1,234.5 and 1,00,000
        | \d+,\d{{1,2}}(?=\s?(?:%|€))                                 # 4,5 %
        | \d+(?:\.\d+)?
      )(?!\d))
    | (?P<noon>[ap]\.?m\b\.?)
    | (?P<word>[^\W\d_]+)
    | (?P<sign>\S)
    """,
    re.VERBOSE | re.IGNORECASE,
)


# ---------------------------------------------------------------------- values


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text.

    Attributes:
        amount: with its scale applied ("1.2 billion" is 1200000000); a share of a whole in per cent ("a third").
        unit: one of the units above ("%", "km", "$", …), "ordinal" or "".
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
        step: 1 for the next one ("next Friday"), -1 for the one before ("last May"), 0 where the text does not say.
    """

    year: int | None
    month: int | None
    day: int | None
    text: str
    start: int
    end: int
    weekday: int | None = None
    step: int = 0

    def agrees(self, other: Day) -> bool:
        """No part given by both differs, and at least one part is given by both."""
        mine = (self.year, self.month, self.day, self.weekday, self.step or None)
        theirs = (other.year, other.month, other.day, other.weekday, other.step or None)
        both = [(a, b) for a, b in zip(mine, theirs, strict=True) if a is not None and b is not None]
        return bool(both) and all(a == b for a, b in both)

    def completed(self, published: date | None) -> Day:
        """With the year, or a weekday's date, filled in from the day of publication.

        A weekday alone means the last such day up to publication; a date without a year means the latest such day
        that is not more than a month after publication. "Next" means the first after publication, "last" the one
        before it.
        """
        if published is None or self.year is not None:
            return self
        if self.weekday is not None:
            return self._of_the_week(published, self.weekday)
        if self.month is None:
            return self
        year, later = published.year, published + timedelta(days=31)
        mine, theirs = (self.month, self.day or 0), (published.month, published.day if self.day else 0)
        if self.step:
            year += (mine <= theirs) if self.step > 0 else -(mine >= theirs)
        elif (year, self.month, self.day or 1) > (later.year, later.month, later.day):
            year -= 1
        return replace(self, year=year, step=0)

    def _of_the_week(self, published: date, weekday: int) -> Day:
        if self.step > 0:
            when = published + timedelta(days=(weekday - published.weekday()) % 7 or 7)
        else:
            back = (published.weekday() - weekday) % 7
            when = published - timedelta(days=back or (7 if self.step else 0))
        return Day(when.year, when.month, when.day, self.text, self.start, self.end, self.weekday)


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day, hour 0 to 23; text, start, end: as written, and where."""

    hour: int
    minute: int
    text: str
    start: int
    end: int


def numbers(text: str) -> list[Number]:
    """Numbers in digits or in words, ordinals and shares included, dates and times of day left out, in order."""
    return [value for value in _values(text) if isinstance(value, Number)]


def days(text: str) -> list[Day]:
    """Dates, months, weekdays and years in the text, in order, none inside another."""
    return [value for value in _values(text) if isinstance(value, Day)]


def times(text: str) -> list[Time]:
    """Times of day in the text, in order: "14:20", "2.20pm", "noon"."""
    return [value for value in _values(text) if isinstance(value, Time)]


# ---------------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of a text; kind is the name of its group in _LEX, low its lower-case form."""

    kind: str
    text: str
    low: str
    start: int
    end: int


_END = _Token("end", "", "", -1, -1)


@dataclass(frozen=True, slots=True)
class _Amount:
    """A number without its unit: the value, the token after it, its last scale, whether ordinal or a share."""

    value: Fraction
    after: int
    scale: int = 1
    ordinal: bool = False
    share: bool = False


@lru_cache(maxsize=4096)
def _values(text: str) -> tuple[Number | Day | Time, ...]:
    return tuple(_Walk(text).read())


class _Walk:
    """One walk over the tokens of a text. Each `_read_…` takes the place of a token and says what begins there."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [
            _Token(str(m.lastgroup if m.lastgroup != "sep" else "date"), m.group(), m.group().lower(), *m.span())
            for m in _LEX.finditer(text)
        ]
        self.last_day = -2  # where the last date ended, as a place in the tokens

    def read(self) -> Iterator[Number | Day | Time]:
        at = 0
        while at < len(self.tokens):
            after = at + 1
            if (time := self._read_time(at)) is not None:
                yield from time[0]
                after = time[1]
            elif (dates := self._read_days(at)) is not None:
                yield from dates[0]
                after = self.last_day = dates[1]
            elif (counted := self._read_numbers(at)) is not None:
                yield from counted[0]
                after = counted[1]
            at = after

    # -- helpers

    def _at(self, at: int) -> _Token:
        return self.tokens[at] if 0 <= at < len(self.tokens) else _END

    def _low(self, at: int) -> str:
        return self._at(at).low

    def _glued(self, at: int) -> bool:
        """Whether this token stands right behind the one before."""
        return 0 < at < len(self.tokens) and self.tokens[at - 1].end == self.tokens[at].start

    def _past_hyphen(self, at: int) -> int:
        """The place of the next word, a hyphen skipped."""
        return at + 1 if self._low(at) in {"-", "‑", "–"} and self._at(at + 1).kind == "word" else at

    def _written(self, first: int, after: int) -> tuple[str, int, int]:
        start, end = self.tokens[first].start, self.tokens[after - 1].end
        return self.text[start:end], start, end

    # -- times of day

    def _read_time(self, at: int) -> tuple[list[Time], int] | None:
        token, after = self._at(at), at + 1
        if token.low in _HOURS and token.kind == "word":
            return [Time(_HOURS[token.low], 0, *self._written(at, after))], after
        half = self._at(after).low[0] if self._at(after).kind == "noon" else ""
        if self._low(after) in {"to", "-", "–"} and self._at(after + 2).kind == "noon":
            half = self._low(after + 2)[0]  # "7 to 10 p.m."
        if token.kind == "clock" or (token.kind == "digits" and half and re.fullmatch(r"\d\d?(\.\d\d)?", token.text)):
            parts = [int(part) for part in re.split(r"[:.]", token.text)]
        elif token.kind == "digits" and re.fullmatch(r"\d{4}", token.text) and self._low(after) in _ZONES:
            parts = [int(token.text[:2]), int(token.text[2:])]
        else:
            return None
        hour, minute = parts[0], parts[1] if len(parts) > 1 else 0
        if half and 1 <= hour <= 12:
            hour, after = hour % 12 + (12 if half == "p" else 0), after + (self._at(after).kind == "noon")
        if len(parts) > 2 or hour > 23 or minute > 59:
            return [], after  # a duration or a result: 1:58.3
        return [Time(hour, minute, *self._written(at, after))], after

    # -- dates

    def _read_days(self, at: int) -> tuple[list[Day], int] | None:
        token = self._at(at)
        if token.kind == "date":
            return [day for day in [_numeric_date(token)] if day], at + 1
        if token.kind == "years":
            return _two_years(token), at + 1
        if token.kind not in {"word", "digits"}:
            return None
        step, place = self._read_step(at)
        if self._low(place) in _WEEKDAY and self._at(place).kind == "word":
            return [Day(None, None, None, *self._written(at, place + 1), _WEEKDAY[self._low(place)], step)], place + 1
        return self._day_first(at) or self._month_first(at, place, step) or self._year(at)

    def _read_step(self, at: int) -> tuple[int, int]:
        """ "next" or "last" before a date: the step, and where the date begins."""
        step = _STEPS.get(self._low(at), 0)
        if self._low(at) == "this" and self._low(at + 1) in _WEEKDAY:
            step = 1
        if step and self._low(at - 1) != "the" and self._low(at + 1) in {*_WEEKDAY, *_MONTH}:
            return step, at + 1
        return 0, at

    def _day_number(self, at: int) -> tuple[int, int] | None:
        """A day of the month in digits, and the token after it; not the count of something ("9%", "5 km")."""
        token = self._at(at)
        if token.kind != "digits" or not re.fullmatch(r"0?[1-9]|[12]\d|3[01]", token.text):
            return None
        after = at + 1
        if self._glued(after) and self._low(after) in {"st", "nd", "rd", "th"}:
            return int(token.text), after + 1
        if self._glued(after) and self._at(after).kind == "word":
            return None
        if self._unit(after)[0] or self._low(after) in _SCALES:
            return None
        return int(token.text), after

    def _month(self, at: int) -> tuple[int, int] | None:
        """A month's name, and the token after it and its point."""
        token = self._at(at)
        if token.kind != "word" or token.low not in _MONTH:
            return None
        short = len(token.low) <= 4 and token.low not in _MONTHS
        return _MONTH[token.low], at + 1 + (short and self._low(at + 1) == "." and self._glued(at + 1))

    def _year_number(self, at: int) -> tuple[int, int] | None:
        """A year that belongs to a month, "of" or a comma before it skipped."""
        at += self._low(at) in {",", "of"}
        token = self._at(at)
        if token.kind != "digits" or not re.fullmatch(r"1\d{3}|20\d\d", token.text):
            return None
        return (int(token.text), at + 1) if self._unglued_end(at) else None

    def _unglued_end(self, at: int) -> bool:
        return not (self._glued(at + 1) and self._at(at + 1).kind in {"word", "digits"})

    def _day_first(self, at: int) -> tuple[list[Day], int] | None:
        """ "19 October 2025", "the 19th of October", "19-21 October", "the fifth of May"."""
        if self._low(at) in _ORDINALS and self._low(at + 1) == "of":
            first: tuple[int, int] | None = (_ORDINALS[self._low(at)], at + 1)
        else:
            first = self._day_number(at)
        if first is None:
            return None
        ends = [(at, first)]
        if self._low(first[1]) in {"-", "–", "to", "and"} and (second := self._day_number(first[1] + 1)):
            ends.append((first[1] + 1, second))
        after = ends[-1][1][1]
        of = self._low(after) == "of"
        month = self._month(after + of)
        if month is None:
            return None
        year = self._year_number(month[1])
        name = self._at(after + of).text
        if name in _VERBS and not (of or year or after - ends[-1][0] > 1):
            return None  # "of the five, 5 may leave"
        after = year[1] if year else month[1]
        found = []
        for n, (place, (day, day_end)) in enumerate(ends, 1):
            written = self._written(place, after if n == len(ends) else day_end)
            found.append(Day(year[0] if year else None, month[0], day, *written))
        return found, after

    def _month_first(self, at: int, place: int, step: int) -> tuple[list[Day], int] | None:
        """ "October 19, 2025", "October 19-21", "October 2025", "in May", "last October"."""
        month = self._month(place)
        if month is None:
            return None
        if first := self._day_number(month[1]):
            second = None
            if self._low(first[1]) in {"-", "–", "and"}:
                second = self._day_number(first[1] + 1)
                if second and self._month(second[1] + (self._low(second[1]) == "of")):
                    second = None  # "October 30 and 1 November"
            after = second[1] if second else first[1]
            year = self._year_number(after)
            after = year[1] if year else after
            number = year[0] if year else None
            found = [Day(number, month[0], first[0], *self._written(place, first[1] if second else after))]
            if second:
                found.append(Day(number, month[0], second[0], *self._written(first[1] + 1, after)))
            return found, after
        if year := self._year_number(month[1]):
            return [Day(year[0], month[0], None, *self._written(place, year[1]))], year[1]
        if not step and not self._bare_month(place, month[1]):
            return None
        return [Day(None, month[0], None, *self._written(at, month[1]), None, step)], month[1]

    def _bare_month(self, at: int, after: int) -> bool:
        """Whether a month's name alone means the month: "in May", never "may" or "Theresa May"."""
        token, before = self._at(at), self._at(at - 1)
        if at == 0 and after == len(self.tokens):
            return True  # "May" is all there is
        name = token.low
        capital = token.text[0].isupper()
        cued = before.low in (_CUES if capital else _TIME_CUES) or (before.low == "-" and self._low(at - 2) == "mid")
        joined = self.last_day == at - 1 and before.low in {"and", "or", "to", "-", "–", ","}
        if name not in _MONTHS:
            return cued or joined
        follower = self._at(after)
        if name in _GIVEN_NAMES and follower.text[:1].isupper() and follower.low not in _WEEKDAY:
            return False  # June Carter
        if name in (_VERBS if capital else _LOWER):
            listed = capital and follower.low in {"and", "or", "to", "-", "–"} and self._month(after + 1) is not None
            return cued or joined or listed
        return True

    def _year(self, at: int) -> tuple[list[Day], int] | None:
        """Four digits alone that are a year and no count: "in 2021", but not "2,021 people", "$2024" or "1990s"."""
        token, after = self._at(at), at + 1
        if token.kind != "digits" or not re.fullmatch(r"1\d{3}|20\d\d", token.text):
            return None
        before = self._low(at - 1)
        follower = self._low(self._past_hyphen(after))
        if (self._glued(at) and before in _BEFORE) or not self._unglued_end(at):
            return None
        if self._unit(self._past_hyphen(after))[0] or follower in _SCALES:
            return None
        cued = before in _YEAR_CUES
        round_number = token.text.endswith("00")
        if int(token.text) < 1800 and (not cued or _plural(follower)):
            return None
        if (follower in _COUNTED and (round_number or not cued)) or (round_number and _plural(follower)):
            return None
        return [Day(int(token.text), None, None, *self._written(at, after))], after

    # -- numbers

    def _read_numbers(self, at: int) -> tuple[list[Number], int] | None:
        """A number, or both ends of a range, which share their scale, unit and noun: "$5-7 million"."""
        token = self._at(at)
        if self._glued(at + 1) and token.kind == "digits" and self._low(at + 1) == "s":
            return [], at + 2  # "the 1990s"
        low = self._read_number(at)
        if low is None:
            return ([], at + 1) if token.kind in {"coded", "clock", "share"} else None
        number, after, amount = low
        joint = self._low(after)
        if joint in {"-", "–", "to"} or (joint == "and" and self._low(at - 1) == "between"):
            high = self._read_number(after + 1, joined=True)
            if high is not None and "ordinal" not in {number.unit, high[0].unit}:
                return [*self._range(number, amount, high)], high[1]
        return [number], after

    def _range(self, low: Number, amount: _Amount, high: tuple[Number, int, _Amount]) -> Iterator[Number]:
        other, _, theirs = high
        if amount.scale == 1 and theirs.scale > 1 and amount.value < theirs.value / theirs.scale:
            low = replace(low, amount=low.amount * theirs.scale)
        if low.amount < other.amount:
            yield replace(low, unit=low.unit or other.unit, noun=other.noun)
            before = low.unit if low.text[0] in _BEFORE else ""  # "$5-7 million", but not "1.3% to 5,400"
            yield replace(other, unit=other.unit or before)
        else:
            yield from (low, other)

    def _read_number(self, at: int, joined: bool = False) -> tuple[Number, int, _Amount] | None:
        """A number with sign, currency, scale and unit, the token after it, and its bare amount."""
        place, negative = at, False
        if self._low(place) in {"minus", "-", "−", "–"} and (self._low(place) == "minus" or self._is_sign(place)):
            place, negative = place + 1, True
        money, place = self._currency(place)
        amount = self._share(place) or self._digits(place) or self._spelled(place)
        if amount is None:
            return None
        if amount.share or amount.ordinal:
            unit, after = "%" if amount.share else "ordinal", amount.after
        else:
            amount = self._scaled(amount, bool(money))
            unit, after = self._unit(self._past_hyphen(amount.after))
            after = after if unit else amount.after
            if not unit and self._glued(amount.after) and self._at(amount.after).text in _GLUED_UNITS:
                unit, after = _GLUED_UNITS[self._at(amount.after).text], amount.after + 1
        if self._alone(place, amount, unit or money, joined):
            return None
        noun_at = self._past_hyphen(after)
        noun = self._at(noun_at)
        split_off = noun_at > after or not self._glued(after)
        value = -amount.value if negative else amount.value
        number = Number(
            Decimal(value.numerator) / value.denominator,
            money or unit,
            noun.low if noun.kind == "word" and split_off else "",
            *self._written(at, after),
        )
        return number, after, amount

    def _is_sign(self, at: int) -> bool:
        """Whether a dash is a minus: right before digits, nothing right before it."""
        following = self._at(at + 1)
        return self._glued(at + 1) and following.kind == "digits" and not self._glued(at)

    def _currency(self, at: int) -> tuple[str, int]:
        """The currency before an amount ("" if none) and where the amount begins: "US$", "Rs.", "USD"."""
        if self._low(at) in _COUNTRIES and self._glued(at + 1) and self._at(at + 1).text == "$":
            return f"{_COUNTRIES[self._low(at)]}$", at + 2
        if self._low(at) in _BEFORE and self._at(at).kind in {"sign", "word"}:
            after = at + 1 + (self._low(at + 1) == "." and self._at(at).kind == "word")
            if self._at(after).kind == "digits":
                return _BEFORE[self._low(at)], after
        return "", at

    def _digits(self, at: int) -> _Amount | None:
        token = self._at(at)
        if token.kind == "share":
            whole = re.match(r"\d*", token.text)
            parts = [_VULGAR[c] for c in token.text if c in _VULGAR]
            return _Amount(int(whole.group() or 0) + parts[0], at + 1) if parts and whole else None
        if token.kind != "digits":
            return None
        value = Fraction(_plain(token.text))
        if self._glued(at + 1) and self._low(at + 1) in {"st", "nd", "rd", "th"}:
            return _Amount(value, at + 2, ordinal=True)
        if (of := self._in_or_out_of(at, value, at + 1)) is not None:
            return of
        return _Amount(value, at + 1)

    def _scaled(self, amount: _Amount, money: bool) -> _Amount:
        """The amount times the scale words after it, and with "and a half"."""
        value, scale, after = amount.value, amount.scale, amount.after
        if [self._low(self._past_hyphen(after)), *self._lows(self._past_hyphen(after) + 1)] == ["and", "a", "half"]:
            value, after = value + Fraction(1, 2), self._after_half(after)
        while True:
            place = self._past_hyphen(after)
            word, glued = self._low(place), self._glued(place) and place == after
            factor = _SCALES.get(word, 0)
            if glued and not factor:
                factor = _GLUED_SCALES.get(word, 0) or (_MONEY_SCALES.get(word, 0) if money else 0)
                if word == "m" and not factor and self._means_million(after):
                    factor = 10**6
            if not factor:
                return _Amount(value, after, scale)
            value, scale, after = value * factor, scale * factor, place + 1

    def _lows(self, at: int) -> list[str]:
        """The next two words, hyphens skipped."""
        second = self._past_hyphen(at)
        return [self._low(second), self._low(self._past_hyphen(second + 1))]

    def _after_half(self, at: int) -> int:
        for _ in range(3):
            at = self._past_hyphen(at) + 1
        return at

    def _means_million(self, at: int) -> bool:
        """Whether the "m" right behind digits is million ("5m people") and not metres ("a 5m wall")."""
        words = []
        for place in range(self._past_hyphen(at + 1), at + 4):
            if self._at(place).kind != "word" or self._low(place) in STOP_WORDS:
                break
            words.append(self._at(place).low)
        if not words:
            return True
        if words[0] in _DIMENSIONS:
            return False
        first = at - 1 - (self._at(at - 2).kind == "sign")
        attributive = self._low(first - 1) in {"a", "an", "the"}
        return words[0] == "down" or any(_plural(word) for word in words[: 1 if attributive else 2])

    def _unit(self, at: int) -> tuple[str, int]:
        """The unit that begins here ("" if none) and the token after it, the longest phrase first."""
        for length in (3, 2, 1):
            phrase = " ".join(self._low(place) for place in range(at, at + length))
            if phrase in _UNITS:
                return _UNITS[phrase], at + length
        return "", at

    def _spelled(self, at: int) -> _Amount | None:
        """A number in words: "two hundred and fifty thousand", "a dozen", "twenty-first"."""
        total, part, scale, place = 0, None, 10**15, at
        if self._low(at) in {"a", "an"} and self._low(at + 1) in _SCALES and self._low(at + 1).isalpha():
            part, place = 1, at + 1
        while self._at(place).kind == "word":
            word = self._low(place)
            if word in _ORDINALS and ((part is None and not total) or _fits(part, _ORDINALS[word])):
                if part is None and self._is_instant(place):
                    return None
                return _Amount(Fraction(total + (part or 0) + _ORDINALS[word]), place + 1, ordinal=True)
            small = _SMALL.get(word, _TENS.get(word))
            if small is not None and _fits(part, small):
                part = (part or 0) + small
            elif word == "hundred" and part and part < 100:
                part *= 100
            elif word in _SCALES and word != "hundred" and part and _SCALES[word] < scale:
                total, scale, part = total + part * _SCALES[word], _SCALES[word], None
            elif not (word == "and" and self._goes_on(part, total, place + 1)):
                break
            place = self._past_hyphen(place + 1)
        if place == at or (part is None and not total):
            return None
        if self._low(place - 1) in {"-", "–", "‑"}:
            place -= 1  # a hyphen that led nowhere
        value = Fraction(total + (part or 0))
        return self._in_or_out_of(at, value, place) or _Amount(value, place, scale if not part and total else 1)

    def _goes_on(self, part: int | None, total: int, at: int) -> bool:
        """Whether "and" goes on with the number: after hundreds or a scale, before something below a hundred."""
        small = _SMALL.get(self._low(at), _TENS.get(self._low(at)))
        return small is not None and (
            (part is not None and part >= 100 and part % 100 == 0) or (part is None and total > 0)
        )

    def _is_instant(self, at: int) -> bool:
        """Whether "second" is a piece of time."""
        if self._low(at) != "second" or self._low(at - 1) not in {"a", "per", "each", "every", "split"}:
            return False
        follower = self._at(at + 1)
        return self._low(at - 1) != "a" or follower.kind != "word" or follower.low in {*STOP_WORDS, "later", "ago"}

    def _alone(self, at: int, amount: _Amount, unit: str, joined: bool) -> bool:
        """Whether a word is no number by itself: "one" the pronoun, "zero", a scale after "several"."""
        word = self._low(at)
        if word in {"one", "zero"} and amount.after == at + 1 and not unit and not joined:
            return not (self._low(at - 1) == "between" and self._low(at + 1) == "and")
        return False

    # -- shares

    def _share(self, at: int) -> _Amount | None:
        """A share of a whole in per cent, or of an amount: "two thirds", "half of", "half a million", "2/3"."""
        token, place = self._at(at), at
        if token.kind == "share":
            if "/" in token.text and token.text not in _SLASHED:
                return None
            value = Fraction(token.text) if "/" in token.text else self._digits_of(at)
            return self._share_of(value, at + 1) if value < 1 else None
        if token.low == "half":
            return self._half(at)
        count = 1 if token.low in {"a", "an"} else _SMALL.get(token.low, 0)
        if not count:
            return None
        place = self._past_hyphen(at + 1)
        word = self._low(place)
        if count > 1:
            parts = _PARTS_PLURAL.get(word, 0)
            named = parts > count and (parts != 4 or count == 3)
        else:
            parts = _PARTS.get(word, 0)
            follower = self._at(place + 1)
            ends = follower.kind != "word" or follower.low in STOP_WORDS
            named = parts > 2 and (token.low == "one" or (ends and not (follower.low == "-" and parts != 4)))
        return self._share_of(Fraction(count, parts), place + 1) if named else None

    def _digits_of(self, at: int) -> Fraction:
        amount = self._digits(at)
        return amount.value if amount else Fraction(1)

    def _half(self, at: int) -> _Amount | None:
        following = self._low(at + 1)
        if following in {"a", "an", "of", "the", "its", "their", "his", "her", "our", "all"}:
            return self._share_of(Fraction(1, 2), at + 1)
        return _Amount(Fraction(50), at + 1, share=True) if self._low(at - 1) in {"by", "in"} else None

    def _share_of(self, value: Fraction, at: int) -> _Amount:
        """The share times the scale after it ("half a million"), of one thing ("half an hour"), or in per cent."""
        place = at + (self._low(at) == "of")
        one = self._low(place) in {"a", "an"}
        if (
            self._low(place + one) in _SCALES
            or self._unit(place + one)[0]
            or (one and self._at(at - 1).kind != "share")
        ):
            return _Amount(value, place + one)
        return _Amount(value * 100, at, share=True)

    def _in_or_out_of(self, at: int, count: Fraction, after: int) -> _Amount | None:
        """ "one in five", "nine out of ten" as a share; not "two in five days" or "one in 2021"."""
        place = after + 1 if self._low(after) == "in" else after + 2
        if self._low(after) != "in" and [self._low(after), self._low(after + 1)] != ["out", "of"]:
            return None
        whole = _SMALL.get(self._low(place)) or _TENS.get(self._low(place))
        if whole is None and re.fullmatch(r"\d{1,3}", self._at(place).text):
            whole = int(self._at(place).text)
        if not whole or not 0 < count < whole or count.denominator > 1 or count > 99:
            return None
        follower = self._low(self._past_hyphen(place + 1))
        if follower in _SPANS or follower in _SCALES or self._unit(place + 1)[0]:
            return None
        return _Amount(100 * count / whole, place + 1, share=True)


# ---------------------------------------------------------------------- forms


def _plain(digits: str) -> str:
    """Digits with thousands and decimals in any of the forms of _LEX as Python reads them."""
    digits = re.sub(r"[ \u00a0\u2009\u202f]", "", digits)
    if re.fullmatch(r"\d{1,3}(\.\d{3})+,\d+|\d+,\d{1,2}", digits):
        return digits.replace(".", "").replace(",", ".")
    if re.fullmatch(r"\d{1,3}(\.\d{3}){2,}", digits):
        return digits.replace(".", "")
    return digits.replace(",", "")


def _numeric_date(token: _Token) -> Day | None:
    """A date in digits: day first where points part it or only that can be; where both can be, the year alone."""
    written = (token.text, token.start, token.end)
    first, second, third = re.split(r"[-/.]", token.text)
    if len(first) == 4:
        return _checked(int(first), int(second), int(third), written)
    if len(third) != 4:
        return None
    one, two, year = int(first), int(second), int(third)
    if "." in token.text or one == two or one > 12:
        return _checked(year, two, one, written)
    if two > 12:
        return _checked(year, one, two, written)
    return Day(year, None, None, *written)


def _checked(year: int, month: int, day: int, written: tuple[str, int, int]) -> Day | None:
    try:
        date(year, month, day)
    except ValueError:
        return None
    return Day(year, month, day, *written)


def _two_years(token: _Token) -> list[Day]:
    """ "2024-25" as both years, "2024-10" as a month."""
    first, last = int(token.text[:4]), int(token.text[5:])
    if last > first % 100:
        later = Day(first // 100 * 100 + last, None, None, token.text[5:], token.start + 5, token.end)
        return [Day(first, None, None, token.text[:4], token.start, token.start + 4), later]
    if 1 <= last <= 12 and token.text[4] == "-":
        return [Day(first, last, None, token.text, token.start, token.end)]
    return []


def _fits(part: int | None, small: int) -> bool:
    """Whether a number below a hundred may follow what was read: "twenty" and "five", "hundred" and "twelve"."""
    if part is None:
        return True
    return (part % 100 == 0 and part > 0) or (part % 100 in _TENS.values() and 0 < small < 10)


def _plural(word: str) -> bool:
    """Whether a word looks like several of something."""
    return word in _PEOPLE or (len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")))
