"""What a question says about time and about the outlets it asks of. Knows nothing about search.

Dates that stand in the question are found by `rag.language.values`; relative ones ("two weeks ago", "last month") are
computed by dateparser. This module knows the words around them: since, before, between, latest, first.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple

from rag.language.values import Day, days
from rag.language.words import STOP_WORDS, fold

Order = Literal["latest", "earliest"]

_TOKEN = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_MONTH_NAMES = "january february march april may june july august september october november december".split()
_MONTHS = {name: n for n, name in enumerate(_MONTH_NAMES, 1)} | {name[:3]: n for n, name in enumerate(_MONTH_NAMES, 1)}
_MONTHS["sept"] = 9
#: Words and names too: months only after a word such as "in".
_UNCLEAR_MONTHS = frozenset({"may", "march", "mar", "jan", "jun", "dec"})
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_BEFORE_VERBS = frozenset("do does did to will would can could shall should may might must".split())
_UNITS = {"day": 1, "week": 7, "month": 31, "year": 366}
#: Words before a date, longest first, and the side of it that is meant.
_RELATIONS: dict[tuple[str, ...], str] = {
    ("up", "to"): "until", ("as", "of"): "until", ("on", "or", "before"): "until", ("no", "later", "than"): "until",
    ("on", "or", "after"): "since", ("ever", "since"): "since", ("in", "the", "month", "of"): "in",
    ("in", "the", "year"): "in", ("at", "the"): "in", ("over", "the"): "in", ("during", "the"): "in",
    ("in", "the"): "in", ("on", "the"): "in", ("since", "the"): "since", ("until", "the"): "until",
    ("by", "the"): "until", ("before", "the"): "before", ("after", "the"): "after",
    ("in",): "in", ("on",): "in", ("during",): "in", ("within",): "in", ("throughout",): "in", ("dated",): "in",
    ("since",): "since", ("from",): "since", ("starting",): "since", ("after",): "after", ("following",): "after",
    ("before",): "before", ("until",): "until", ("till",): "until", ("by",): "until", ("through",): "until",
    ("between",): "between",
}  # fmt: skip
#: Part of a period, as fractions of it: "late September", "the first half of 2024".
_PARTS: dict[tuple[str, ...], tuple[int, int, int]] = {
    ("early",): (0, 1, 3), ("mid",): (1, 2, 3), ("late",): (2, 3, 3), ("start", "of"): (0, 1, 3),
    ("beginning", "of"): (0, 1, 3), ("middle", "of"): (1, 2, 3), ("end", "of"): (2, 3, 3),
    ("first", "half", "of"): (0, 1, 2), ("second", "half", "of"): (1, 2, 2), ("first", "quarter", "of"): (0, 1, 4),
    ("second", "quarter", "of"): (1, 2, 4), ("third", "quarter", "of"): (2, 3, 4),
    ("fourth", "quarter", "of"): (3, 4, 4), ("last", "quarter", "of"): (3, 4, 4),
}  # fmt: skip
_PLAIN_ORDER: dict[tuple[str, ...], Order] = {
    ("so", "far"): "latest", ("at", "the", "moment"): "latest", ("at", "present"): "latest", ("right", "now"): "latest",
    ("by", "now"): "latest", ("until", "now"): "latest", ("as", "of", "now"): "latest", ("to", "date"): "latest",
    ("these", "days"): "latest", ("most", "recent"): "latest", ("most", "recently"): "latest", ("now",): "latest",
    ("currently",): "latest", ("nowadays",): "latest", ("presently",): "latest", ("recently",): "latest",
    ("lately",): "latest",
}  # fmt: skip
#: Order words that are adjectives too: they count before a word of content, or as said in `_adjective_order`.
_ADJECTIVES: dict[str, tuple[Order, bool]] = {
    "latest": ("latest", True), "newest": ("latest", True), "current": ("latest", True), "earliest": ("earliest", True),
    "last": ("latest", False), "first": ("earliest", False),
}  # fmt: skip
#: After "first" or "last": names of things, not an order in time.
_NO_ORDER = {
    "first": (
        "name names minister ministers lady ladies aid class person hand degree division league half quarter place "
        "responder responders secretary deputy lieutenant language step time rate amendment nation nations floor"
    ).split(),
    "last": "name names resort straw word place minute stand supper".split(),
    "current": "account accounts affairs".split(),
    "latest": ["by"],
}
_NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()
_COUNTS = {"a": 1} | {word: n for n, word in enumerate(_NUMBERS, 1)}
_VAGUE = frozenset({"few", "several", "couple"})
#: What "the last few days" and "in the days after" reach: a vague number of a unit is read as one of the next.
_VAGUE_DAYS = {"day": 7, "week": 31, "month": 366, "year": 3660}


@dataclass(frozen=True, slots=True)
class TimeFrame:
    """What a question says about time.

    Attributes:
        since, until: first and last day meant, inclusive; None where open.
        order: "latest" or "earliest" of what is asked for, None if nothing is said.
        text: the words understood, as they stand in the question, joined by ", ".
        rest: the question without them, for the search; the question itself when `explicit` is false.
        explicit: the time is plainly asked for ("since May", "now", "latest"), so articles may be left out for it.
            False where the words may as well name a thing ("the 2024 election", "the first woman") or belong to the
            week of the article ("on Monday"): prefer what fits among candidates that are else as good, and leave
            nothing out.
    """

    since: date | None
    until: date | None
    order: Order | None
    text: str
    rest: str
    explicit: bool


class _Token(NamedTuple):
    text: str
    low: str
    start: int
    end: int


class _Span(NamedTuple):
    """Days meant by the tokens up to `stop` (exclusive); `plain`: they can mean nothing but a time."""

    since: date
    until: date
    stop: int
    plain: bool


class _Found(NamedTuple):
    start: int
    stop: int
    since: date | None
    until: date | None
    order: Order | None
    explicit: bool


_WRITTEN = re.compile(
    r"\b(?P<day>\d{1,2})(?P<mark>[/.])(?P<month>\d{1,2})(?P=mark)(?P<year>\d{4})\b"
    r"|(?<=\bon )(?P<day2>\d{1,2})[/.](?P<month2>\d{1,2})\.?(?=\W*$|,? [^\d])"
    rf"|\b(?P<day3>\d{{1,2}})\. (?P<name>{'|'.join(_MONTH_NAMES)})\b",
    re.I,
)


def spelled_days(question: str) -> str:
    """The question with its dates in figures spelled out, the day first as in Europe: "on 08/11/2026", "on 8.11.".

    What can only be a date with the month first is read so ("11/25/2026").
    """

    def spelled(found: re.Match[str]) -> str:
        if name := found["name"]:
            return f"{found['day3']} {name}"
        day, month = int(found["day"] or found["day2"]), int(found["month"] or found["month2"])
        if month > 12 >= day:
            day, month = month, day
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return found.group()
        return f"{day} {_MONTH_NAMES[month - 1].capitalize()} {found['year'] or ''}".rstrip()

    return _WRITTEN.sub(spelled, question)


def understand_time(question: str, today: date, newest: date | None = None) -> TimeFrame | None:
    """The time that a question speaks of, or None when it speaks of none.

    A month or day without a year is the latest such one that has begun by `today` and no more than a month after
    `newest`; with "by" or "until" it may lie up to a month ahead. "last week" is the last calendar week, Monday to
    Sunday; "the past week" and "in the last week" reach from a week ago to today. A weekday alone is the last such
    day, and never explicit.

    Args:
        today: the day of the question, from which "yesterday" is counted.
        newest: day of the newest article; default: today.
    """
    reader = _Reader(question, today, min(newest or today, today))
    found = reader.all()
    if not found:
        return None
    bounds = [(f.since, f.until) for f in found if f.since or f.until]
    plain = [f for f in found if f.explicit]
    if plain:  # what is plainly asked for is not blurred by what only may be a time
        bounds = [(f.since, f.until) for f in plain if f.since or f.until] or bounds
    since, until = _together(bounds)
    texts = [question[reader.tokens[f.start].start : reader.tokens[f.stop - 1].end] for f in found]
    return TimeFrame(
        since,
        until,
        next((f.order for f in [*plain, *found] if f.order), None),
        ", ".join(texts),
        _without(question, [(reader.tokens[f.start].start, reader.tokens[f.stop - 1].end) for f in plain]),
        bool(plain),
    )


def describe(frame: TimeFrame) -> str:
    """The frame in a few words: "17 to 23 November 2026", "since 3 March 2025", "September 2025, newest first"."""
    parts = []
    if frame.since and frame.until:
        parts.append(_describe_days(frame.since, frame.until))
    elif frame.since:
        parts.append(f"since {_day(frame.since)}")
    elif frame.until:
        parts.append(f"up to {_day(frame.until)}")
    if frame.order:
        parts.append("newest first" if frame.order == "latest" else "oldest first")
    return ", ".join(parts)


def covers(frame: TimeFrame, when: date | None) -> bool:
    """Whether a day lies within the frame; an unknown day lies in none that has bounds."""
    if when is None:
        return frame.since is None and frame.until is None
    return (frame.since is None or frame.since <= when) and (frame.until is None or when <= frame.until)


def speaks_of(frame: TimeFrame, text: str, published: date | None) -> bool:
    """Whether a text names a day, month or year within the frame, its dates completed from its publication."""
    for found in days(text):
        day = found.completed(published)
        if day.year is None:
            continue
        since, until = _bounds(day.year, day.month, day.day)
        if (frame.since is None or frame.since <= since) and (frame.until is None or until <= frame.until):
            return True
    return False


class _Reader:
    """Reads the time words of one question from left to right, the longest at each place."""

    def __init__(self, question: str, today: date, newest: date) -> None:
        self.question, self.today, self.newest = question, today, newest
        self.tokens = [_Token(m.group(), m.group().casefold(), *m.span()) for m in _TOKEN.finditer(question)]
        self.days = {day.start: day for day in self._all_days() if self._is_day(day)}

    def all(self) -> list[_Found]:
        found: list[_Found] = []
        at = 0
        while at < len(self.tokens):
            one = self._bounded(at) or self._after_or_before(at) or self._bare(at) or self._order(at)
            if one:
                found.append(one)
            at = one.stop if one else at + 1
        return found

    # -- dates and periods ------------------------------------------------------------------------------------------

    def _bounded(self, at: int) -> _Found | None:
        """A word such as "since" and the time after it."""
        for words, relation in _RELATIONS.items():
            if not self._are(at, words):
                continue
            first = self._period(at + len(words), ahead=relation in ("until", "before"))
            if not first:
                continue
            rolling = words[-1] == "the" and self._rolling(at + len(words))
            first = rolling or first
            if relation in ("between", "since") and (second := self._second(first.stop, relation)):
                since = self._begun_before(second.until, at + len(words)) or first.since
                return _Found(at, second.stop, since, second.until, None, True)
            if relation == "between":
                if first.since.day == first.until.day and first.since.month == first.until.month:
                    continue
                return _Found(at, first.stop, first.since, first.until, None, True)
            return self._related(at, first, relation)
        return None

    def _related(self, at: int, span: _Span, relation: str) -> _Found:
        one = timedelta(days=1)
        since, until = {
            "in": (span.since, span.until),
            "since": (span.since, None),
            "after": (span.until + one, None),
            "before": (None, span.since - one),
            "until": (None, span.until),
        }[relation]
        if relation == "since" and span.until > span.since and self.tokens[at].low == "from":
            until = span.until if span.until - span.since < timedelta(days=31) else None
        return _Found(at, span.stop, since, until, None, span.plain or relation != "in")

    def _second(self, at: int, relation: str) -> _Span | None:
        """The end of "between A and B" and "from A to B"."""
        joins = ("and",) if relation == "between" else ("to", "until", "till", "through", "up")
        if at < len(self.tokens) and self.tokens[at].low in joins:
            at += 2 if self.tokens[at].low == "up" else 1
            return self._period(at, ahead=True)
        return None

    def _begun_before(self, end: date, at: int) -> date | None:
        """The latest such day without a year that is not after `end`: "between November and February 2025"."""
        day = self._day_at(at)
        if day is None or day.month is None or day.year is not None:
            return None
        since = _bounds(end.year, day.month, day.day)[0]
        return since if since <= end else _bounds(end.year - 1, day.month, day.day)[0]

    def _after_or_before(self, at: int) -> _Found | None:
        """ "the week after 10 November", "in the days before the 3rd of May", "two weeks after September"."""
        start = at
        if self._are(at, ("in",)) or self._are(at, ("during",)) or self._are(at, ("within",)):
            at += 1
        if self._are(at, ("the",)):
            at += 1
        count, at = self._count(at)
        if at >= len(self.tokens) or (unit := self.tokens[at].low.removesuffix("s")) not in _UNITS:
            return None
        many = self.tokens[at].low.endswith("s")
        length = _UNITS[unit] * count if count else _VAGUE_DAYS[unit] if many else _UNITS[unit]
        one, reach = timedelta(days=1), timedelta(days=length)
        at += 1
        for words in (("after",), ("following",), ("before",), ("leading", "up", "to")):
            if self._are(at, words) and (span := self._period(at + len(words), ahead=False)):
                if words[0] in ("after", "following"):
                    return _Found(start, span.stop, span.until + one, span.until + reach, None, True)
                return _Found(start, span.stop, span.since - reach, span.since - one, None, True)
        return None

    def _bare(self, at: int) -> _Found | None:
        """A time without a word before it: plain when relative ("last week"), else it may name a thing."""
        span = self._period(at, ahead=False)
        if not span:
            return None
        relative = self._relative(at)
        order: Order | None = "latest" if self.tokens[at].low == "today" else None
        return _Found(at, span.stop, span.since, span.until, order, bool(relative))

    def _period(self, at: int, *, ahead: bool) -> _Span | None:
        if at >= len(self.tokens):
            return None
        if self.tokens[at].low == "the" and at + 1 < len(self.tokens):
            at += 1
        for words, (low, high, of) in _PARTS.items():
            if self._are(at, words) and (span := self._period(at + len(words), ahead=ahead)):
                return _part(span, low, high, of)
        if self._are(at, ("week", "of")) and (span := self._period(at + 2, ahead=ahead)):
            monday = span.since - timedelta(days=span.since.weekday())
            return _Span(monday, monday + timedelta(days=6), span.stop, True)
        if at < len(self.tokens) and self.tokens[at].low.startswith("mid-"):
            return self._mid(at, ahead)
        return self._day_range(at, ahead) or self._absolute(at, ahead) or self._relative(at)

    def _mid(self, at: int, ahead: bool) -> _Span | None:
        """ "mid-March", "mid-March 2025": the date begins inside the token."""
        day = self.days.get(self.tokens[at].start + len("mid-"))
        if day is None or day.month is None or day.day is not None:
            return None
        since, until = self._complete(day.year, day.month, None, ahead)
        return _Span(since.replace(day=11), until.replace(day=20), self._stop(day), True)

    def _day_range(self, at: int, ahead: bool) -> _Span | None:
        """ "3 and 9 November", "3-9 November", "November 3 to 9": one month for both days."""
        text = self.question[self.tokens[at].start :]
        before = re.match(r"(\d{1,2})(?:st|nd|rd|th)?\s*(?:-|–|to|and|until|through)\s*", text)
        if (
            before
            and (day := self.days.get(self.tokens[at].start + before.end()))
            and day.day
            and day.text[0].isdigit()
        ):
            until = self._complete(day.year, day.month, day.day, ahead)[0]
            first = int(before.group(1))
            if 1 <= first < until.day:
                return _Span(until.replace(day=first), until, self._stop(day), True)
        day = self._day_at(at)
        if day and day.day and not day.text[0].isdigit() and day.text[-1].isdigit():
            after = re.match(r"\s*(?:-|–|to|and|until|through)\s*(\d{1,2})\b(?!\s*[a-z])", self.question[day.end :])
            since = self._complete(day.year, day.month, day.day, ahead)[0]
            if after and since.day < int(after.group(1)) <= monthrange(since.year, since.month)[1]:
                stop = next(n for n, t in enumerate(self.tokens) if t.end >= day.end + after.end())
                return _Span(since, since.replace(day=int(after.group(1))), stop + 1, True)
        return None

    def _absolute(self, at: int, ahead: bool) -> _Span | None:
        day = self._day_at(at)
        if day is None:
            return None
        if day.weekday is not None:
            when = self.today - timedelta(days=(self.today.weekday() - day.weekday) % 7)
            return _Span(when, when, self._stop(day), False)
        since, until = self._complete(day.year, day.month, day.day, ahead)
        span = _Span(since, until, self._stop(day), True)
        if day.month is None and (following := re.match(r"\s*[-–/]\s*((?:19|20)\d\d)\b", self.question[day.end :])):
            stop = next(n for n, t in enumerate(self.tokens) if t.end >= day.end + following.end())
            return _Span(since, date(int(following.group(1)), 12, 31), stop + 1, True)
        return span

    def _complete(self, year: int | None, month: int | None, day: int | None, ahead: bool) -> tuple[date, date]:
        """Bounds of a partial date; its year is the latest that fits."""
        if year is not None:
            return _bounds(year, month, day)
        last = self.today + timedelta(days=31) if ahead else self.today
        last = min(last, self.newest + timedelta(days=31))
        for back in range(0, 9):  # a 29 February needs up to eight years
            since, until = _bounds(last.year - back, month, day)
            if since <= last and (day is None or since.day == day):
                return since, until
        return _bounds(last.year, month, None)

    # -- relative times ---------------------------------------------------------------------------------------------

    def _relative(self, at: int) -> _Span | None:
        if at >= len(self.tokens):
            return None
        word = self.tokens[at].low
        if word in ("today", "tonight", "yesterday", "tomorrow"):
            return self._asked_of_dateparser(word.replace("tonight", "today"), at + 1)
        if self._are(at, ("day", "before", "yesterday")):
            return _Span(self.today - timedelta(days=2), self.today - timedelta(days=2), at + 3, True)
        if word == "this" and self._one_of(at + 1, ("morning", "afternoon", "evening")):
            return _Span(self.today, self.today, at + 2, True)
        if word == "last" and self._one_of(at + 1, ("night", "evening")):
            return self._asked_of_dateparser("yesterday", at + 2)
        if word in ("past", "last", "previous", "recent"):
            span = self._rolling(at, single=word == "past")
            if span:
                return span
        if word in ("this", "last", "next", "previous", "coming"):
            return self._calendar(at)
        return self._ago(at)

    def _rolling(self, at: int, *, single: bool = True) -> _Span | None:
        """ "past week", "last three months", "recent days": up to today."""
        if not self._one_of(at, ("past", "last", "previous", "recent")) or self._is_verb(at):
            return None
        recent = self.tokens[at].low == "recent"
        count, stop = self._count(at + 1)
        if stop >= len(self.tokens):
            return None
        word = self.tokens[stop].low
        vague = recent or (stop > at + 1 and not count)
        if word in ("hours", "minutes", "seconds"):
            if word != "hours" or not count:
                return None
            return _Span(self.today - timedelta(days=-(-count // 24)), self.today, stop + 1, True)
        unit = word.removesuffix("s")
        if unit not in _UNITS or not (count or vague or (single and word == unit)):
            return None
        length = _VAGUE_DAYS[unit] if vague else _UNITS[unit] * (count or 1)
        return _Span(self.today - timedelta(days=length), self.today, stop + 1, True)

    def _is_verb(self, at: int) -> bool:
        """Whether "last" is one: "Did the talks last three days?", not "What did he do in the last three days?"."""
        before = [token.low for token in self.tokens[:at]]
        counted = self.tokens[at].low == "last" and self._count(at + 1)[0]
        return bool(counted) and before[-1:] not in (["the"], ["these"]) and not _BEFORE_VERBS.isdisjoint(before)

    def _calendar(self, at: int) -> _Span | None:
        """ "last week", "this year", "last Friday", "last September": a whole week, month or year."""
        which, word = self.tokens[at].low, self.tokens[at + 1].low if at + 1 < len(self.tokens) else ""
        which = {"previous": "last", "coming": "next"}.get(which, which)
        if word in _UNITS and word != "day":
            return self._asked_of_dateparser(f"{which} {word}", at + 2)
        if word == "weekend":
            saturday = self.today - timedelta(days=self.today.weekday() - 5)
            if which == "last" or (which == "this" and saturday > self.today):
                saturday -= timedelta(days=7)
            elif which == "next":
                saturday += timedelta(days=7)
            return _Span(saturday, saturday + timedelta(days=1), at + 2, True)
        if word in _WEEKDAYS:
            back = (self.today.weekday() - _WEEKDAYS.index(word)) % 7
            if which == "next":
                when = self.today + timedelta(days=7 - back)
            else:
                when = self.today - timedelta(days=back or (7 if which == "last" else 0))
            return _Span(when, when, at + 2, True)
        if word in _MONTHS and which != "next":
            month = _MONTHS[word]
            year = self.today.year - (month > self.today.month or (which == "last" and month == self.today.month))
            return _Span(*_bounds(year, month, None), at + 2, True)
        return None

    def _ago(self, at: int) -> _Span | None:
        """ "two weeks ago", "a couple of days ago": the day, week, month or year that it falls in."""
        for stop in range(at + 2, min(at + 5, len(self.tokens))):
            if self.tokens[stop].low == "ago":
                count, unit = self._count(at)
                if unit == stop - 1 and count and self.tokens[unit].low.removesuffix("s") in _UNITS:
                    return self._asked_of_dateparser(f"{count} {self.tokens[unit].low} ago", stop + 1)
        return None

    def _asked_of_dateparser(self, text: str, stop: int) -> _Span | None:
        from dateparser.date import DateDataParser

        settings = {"RELATIVE_BASE": datetime.combine(self.today, time(12))}
        found = DateDataParser(languages=["en"], settings=settings).get_date_data(text)
        if found.date_obj is None:
            return None
        when = found.date_obj.date()
        unit = next((unit for unit in ("week", "month", "year") if unit in text), "day")
        if unit == "week":
            monday = when - timedelta(days=when.weekday())
            return _Span(monday, monday + timedelta(days=6), stop, True)
        since, until = _bounds(when.year, when.month if unit != "year" else None, when.day if unit == "day" else None)
        return _Span(since, until, stop, True)

    # -- latest and first -------------------------------------------------------------------------------------------

    def _order(self, at: int) -> _Found | None:
        for words, order in _PLAIN_ORDER.items():
            if self._are(at, words):
                start = at - 1 if at and self.tokens[at - 1].low in ("until", "till") else at
                return _Found(start, at + len(words), None, None, order, True)
        return self._adjective_order(at)

    def _adjective_order(self, at: int) -> _Found | None:
        token = self.tokens[at]
        if token.low not in _ADJECTIVES or self._is_verb(at):
            return None
        order, explicit = _ADJECTIVES[token.low]
        before = self.tokens[at - 1].low if at else ""
        following = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        if before == "at" or (before == "the" and at > 1 and self.tokens[at - 2].low == "at"):
            return None  # at first, at last, at the latest
        if following is None:
            return _Found(at, at + 1, None, None, order, explicit) if token.low == "latest" else None
        if token.low == "latest" and following.low in ("on", "in", "about", "from"):
            return _Found(at - (before == "the"), at + 1, None, None, order, explicit)
        named = token.text[0].isupper() and following.text[0].isupper() and at > 0
        if named or following.low in STOP_WORDS or following.low in _NO_ORDER.get(token.low, ()):
            return None
        if self.question[token.end : following.start].strip():  # a comma or full stop between
            return None
        return _Found(at, at + 1, None, None, order, explicit)

    # -- tokens -----------------------------------------------------------------------------------------------------

    def _are(self, at: int, words: Sequence[str]) -> bool:
        return tuple(token.low for token in self.tokens[at : at + len(words)]) == tuple(words)

    def _one_of(self, at: int, words: Collection[str]) -> bool:
        return at < len(self.tokens) and self.tokens[at].low in words

    def _count(self, at: int) -> tuple[int, int]:
        """A number at this token and the token after it; 0 for "few" and where none stands."""
        if at >= len(self.tokens):
            return 0, at
        word = self.tokens[at].low
        if word.isdecimal() and len(word) < 4:
            return int(word), at + 1
        if word == "a" and self._one_of(at + 1, ("couple", "few")):
            word, at = self.tokens[at + 1].low, at + 1
        if word in _VAGUE:
            at += 2 if self._are(at + 1, ("of",)) else 1
            return (2 if word == "couple" else 0), at
        return (_COUNTS[word], at + 1) if word in _COUNTS else (0, at)

    def _day_at(self, at: int) -> Day | None:
        return self.days.get(self.tokens[at].start) if at < len(self.tokens) else None

    def _stop(self, day: Day) -> int:
        return next(n for n, token in enumerate(self.tokens) if token.end >= day.start + len(day.text)) + 1

    def _all_days(self) -> list[Day]:
        """Dates as `values.days` finds them, and all lone months, in any case and short."""
        every = [day for day in days(self.question) if not day.step]  # "last Friday" is told below
        found = [day for day in every if day.day or day.year or day.weekday is not None]
        for token in self.tokens:
            name = token.low.removeprefix("mid-")
            start = token.end - len(name)
            if name in _MONTHS and not any(day.start <= start < day.end for day in found):
                found.append(Day(None, _MONTHS[name], None, self.question[start : token.end], start, token.end))
        return found

    def _is_day(self, day: Day) -> bool:
        """Whether a lone month or year is one: "Theresa May", "April Jones" and "the bank may" are not."""
        if day.day is not None or day.weekday is not None or (day.month and day.year):
            return True
        at = next(n for n, token in enumerate(self.tokens) if token.end > day.start)
        before = self.tokens[at - 1] if at else None
        if self.tokens[at].low.startswith("mid-"):
            return True
        if day.month is None:
            return before is None or self.tokens[at].start == day.start
        led = before is not None and before.low in _LEADS
        if self.tokens[at].low in _UNCLEAR_MONTHS:
            return led
        following = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        if not led and following and following.text[0].isupper() and self.tokens[at].text[0].isupper():
            return False
        return led or at < 2 or before is None or not before.text[0].isupper()


_LEADS = frozenset(words[-1] for words in _RELATIONS) - {"the", "following", "starting"} | frozenset(
    "last this next early mid late of for to than until previous".split()
)


def _bounds(year: int, month: int | None, day: int | None) -> tuple[date, date]:
    """First and last day of a date that may lack its day and month; the month's last day for a day it lacks."""
    if month is None:
        return date(year, 1, 1), date(year, 12, 31)
    last = monthrange(year, month)[1]
    if day is None:
        return date(year, month, 1), date(year, month, last)
    return date(year, month, min(day, last)), date(year, month, min(day, last))


def _part(span: _Span, low: int, high: int, of: int) -> _Span:
    """From `low` to `high` parts of `of` of a span; a year is cut at its months."""
    length = (span.until - span.since).days + 1
    if length >= 365:
        since, until = span.since.replace(month=1 + 12 * low // of), date(span.since.year, 12 * high // of, 1)
        return _Span(since, _bounds(until.year, until.month, None)[1], span.stop, span.plain)
    first, last = timedelta(days=length * low // of), timedelta(days=length * high // of - 1)
    return _Span(span.since + first, span.since + last, span.stop, span.plain)


def _together(bounds: Sequence[tuple[date | None, date | None]]) -> tuple[date | None, date | None]:
    """One open side each make an interval; two intervals are spanned."""
    if not bounds:
        return None, None
    lows = [since for since, _ in bounds if since]
    highs = [until for _, until in bounds if until]
    since, until = min(lows, default=None), max(highs, default=None)
    if since and until and since > until:
        return until, since
    return since, until


def _without(question: str, spans: Sequence[tuple[int, int]]) -> str:
    """The question without some spans, its spaces and end tidied; the question itself when nothing would be left."""
    kept, at = [], 0
    for start, end in sorted(spans):
        kept.append(question[at:start])
        at = end
    kept.append(question[at:])
    text = " ".join("".join(kept).split())
    text = re.sub(r"\s+([?.!,;])", r"\1", text)
    text = re.sub(r"^[,;\s]+|[,;\s]+(?=[?.!]*$)", "", text)
    if not any(word not in STOP_WORDS for word in re.findall(r"\w+", text.casefold())):
        return question
    return text[:1].upper() + text[1:] if question[:1].isupper() else text


def _day(when: date) -> str:
    return f"{when.day} {when:%B %Y}"


def _describe_days(since: date, until: date) -> str:
    if since == until:
        return _day(since)
    if since.day == 1 and (until + timedelta(days=1)).day == 1:
        if (since.month, until.month) == (1, 12):
            return f"{since.year}" if since.year == until.year else f"{since.year} to {until.year}"
        if (since.year, since.month) == (until.year, until.month):
            return f"{since:%B %Y}"
        return f"{since:%B}{'' if since.year == until.year else f' {since.year}'} to {until:%B %Y}"
    if (since.year, since.month) == (until.year, until.month):
        return f"{since.day} to {_day(until)}"
    if since.year == until.year:
        return f"{since.day} {since:%B} to {_day(until)}"
    return f"{_day(since)} to {_day(until)}"


# -- outlets ----------------------------------------------------------------------------------------------------------

_SAYS = r"(?:say|says|said|report|reports|reported|write|writes|wrote|claim|claims|claimed|state|states|stated)"
_TREATS = (
    r"(?:publish|publishes|published|print|prints|printed|quote|quotes|quoted|describe|describes|described|explain|"
    r"explains|explained|mention|mentions|mentioned|cover|covers|covered|give|gives|gave|differ|disagree|agree|put|puts)"
)
_WORKS = r"(?:articles?|stor(?:y|ies)|coverage|reports?|pieces?|versions?|accounts?|columns?|editorials?)"
_TOLD = r"(?:said|reported|published|printed|written|told|quoted|described|mentioned|read|carried|appeared)"


def sources_named(question: str, sources: Collection[str]) -> tuple[tuple[str, ...], str]:
    """The outlets of the index that a question asks of, and the question without them, for the search.

    An outlet counts only where the question asks for its words: "according to X", "What does X say …", "reported by
    X", "articles of X", "X's coverage". An outlet that is itself the matter ("Who owns the Harbour Star?", "Who sued
    the Harbour Star?") or that was told something is no source here. Case, accents and a leading "The" do not matter,
    but an outlet of one word must be written with a capital: "the sun reports" may be anything.

    Returns:
        The outlets as the index spells them, in the order of the question, and the rest; the rest is the question when
        none is named.
    """
    mentions = _mentions(question, sources)
    if not mentions:
        return (), question
    groups: list[list[tuple[int, int, str]]] = []
    for mention in mentions:  # "the Ember Daily and the Harbour Star" stand together
        if groups and re.fullmatch(r"\s*(?:,|and|or|, and|&)\s*", question[groups[-1][-1][1] : mention[0]], re.I):
            groups[-1].append(mention)
        else:
            groups.append([mention])
    named: list[str] = []
    cut: list[tuple[int, int]] = []
    for group in groups:
        if span := _asked_of(question, group[0][0], group[-1][1]):
            named += [name for _, _, name in group if name not in named]
            cut.append(span)
    return tuple(named), _without(question, cut) if cut else question


def _mentions(question: str, sources: Collection[str]) -> list[tuple[int, int, str]]:
    """Places of outlets with their article, in order, the longest at each place."""
    found: list[tuple[int, int, str]] = []
    tokens = [(m.group(), m.start(), m.end()) for m in re.finditer(r"[\w.]*\w", question)]
    folded = [fold(text) for text, _, _ in tokens]
    for name in sorted(sources, key=len, reverse=True):
        wanted = [fold(word) for word in re.findall(r"[\w.]*\w", name)]
        bare = wanted[1:] if len(wanted) > 1 and wanted[0] == "the" else wanted
        for at in range(len(tokens) - len(bare) + 1 if bare else 0):
            if folded[at : at + len(bare)] != bare or (len(bare) == 1 and not tokens[at][0][0].isupper()):
                continue
            first = at - 1 if at and folded[at - 1] == "the" else at
            start, end = tokens[first][1], tokens[at + len(bare) - 1][2]
            if not any(start < b and a < end for a, b, _ in found):
                found.append((start, end, name))
    return sorted(found)


def _asked_of(question: str, start: int, end: int) -> tuple[int, int] | None:
    """The words to leave out where the question asks for what the outlets in this span say; None where it does not."""
    before, after = question[:start], question[end:]
    says = re.match(rf"\s+(?:(?:both|each|all)\s+)?(?:(?P<plain>{_SAYS})|{_TREATS})\b", after, re.I)
    verb_end = end + says.end() if says and says["plain"] else end
    if lead := re.search(r"(?:,\s*)?\baccording to\s+$", before, re.I):
        return lead.start(), end + after.startswith(",")
    if says and (lead := re.search(r"(?:,\s*)?\bas\s+$", before, re.I)):
        return lead.start(), verb_end + question.startswith(",", verb_end)
    if lead := re.search(rf"\b(?:{_TOLD}|{_WORKS})(\s+(?:by|in|of|from))\s+$", before, re.I):
        return lead.start(1), end
    if re.match(rf"['’]s?\s+(?:\w+\s+)?{_WORKS}\b", after, re.I):
        article = re.match(r"the\s+", question[start:], re.I)
        return start + (article.end() if article else 0), end + (2 if after[1:2] == "s" else 1)
    if says:
        if aux := re.search(r"\b(?:do|does|did|has|have)\s+(?:both\s+)?$", before, re.I):
            return (aux.start() if says["plain"] else start), verb_end
        if not before.strip() or re.search(r"\b(?:what|how|where|when|why|who|which|whom)\s+$", before, re.I):
            return start, verb_end
    return None
