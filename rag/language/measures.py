"""What a question about a number measures: "How much did it cost?" asks for money, "How many books?" for a count.

Only what plainly cannot answer is told apart: an amount of money is no count of books, 640 readers are no price. What
nouns may stand for each other ("people", "miners") is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from rag.language.parts import PEOPLE
from rag.language.values import Day, Number, Time, days, numbers, times
from rag.language.words import fold, stem, words

_UNITS = {
    "%": "share", "pp": "share", "bp": "share", "km": "length", "mile": "length", "m": "length", "cm": "length",
    "mm": "length", "foot": "length", "kg": "weight", "tonne": "weight", "ton": "weight", "litre": "volume",
    "hectare": "area", "acre": "area", "km²": "area", "mile²": "area", "m²": "area", "km/h": "speed", "mph": "speed",
    "°": "degrees", "°C": "degrees", "°F": "degrees", "ordinal": "ordinal",
}  # fmt: skip
_MONEY = re.compile(
    r"(?:us |u\.s\. |canadian |australian |new |swedish |danish |norwegian |czech |swiss |turkish |indian |pakistani )?"
    r"(?:dollar|euro|pound|yen|yuan|renminbi|rupee|rouble|ruble|lira|cent|penn|pence|crown|kron[aeou]r?|koruna|dinar|"
    r"dirham|riyal|rial|peso|franc|zloty|forint|ringgit|baht|won|rand|real|reais|shekel|taka|hryvnia|naira|shilling|"
    r"mark|guilder|leu|lei|lev|som|tenge|birr|dong|rupiah|afghani|kwacha|cedi|sol|quid|bucks?)(?:s|ies|y)?$"
)
_TIME = re.compile(r"(?:second|minute|hour|day|night|week|fortnight|month|year|decade|centur)(?:s|y|ies)?(?:-old)?$")
#: Nouns of people that do not end as such nouns do (`PEOPLE`), and of things.
_PERSONS = re.compile(
    r"(?:child|children|pupil|student|resident|guest|passenger|member|soldier|victim|migrant|refugee|adult|patient|"
    r"inhabitant|tourist|police|troop|civilian|militant|death|life|lives|casualt|injur|dead)(?:s|es|y|ies)?$"
)
_THINGS = re.compile(
    r"(?:home|house|household|building|shop|store|boat|car|bus|train|tree|book|seat|vote|signature|job|place|room|flat|"
    r"bed|school|bridge|road|ship|plane|flight|village|town|cit|countr|article|page|letter|animal|bird|tree|piece|cop)"
    r"(?:s|es|y|ies)?$"
)
#: The noun counted: the last word before the verb, else the first after "how many".
_HOW_MANY = re.compile(
    r"\bhow many (?:(?:[\w'’-]+ ){0,3}?(?=[\w'’-]+ (?:is|are|was|were|do|does|did|has|have|had|will|can)\b))?"
    r"([\w'’-]+)",
    re.I,
)
#: Characters after a number in which its noun stands.
_NEAR = 40
_ONE = re.compile(r"\b(one) (?:other |more )?([\w-]+)", re.I)
_PAID = re.compile(
    r"\b(?:cost|price|prices|pay|pays|paid|worth|earn|earns|earned|spend|spends|spent|fine|fined|charge|charged|raise|raised|owe|"
    r"owes|owed|donate|donated|invest|invested|budget|salary|fee|bill|debt|sell|sells|sold|buy|bought|lend|lent|borrow|"
    r"borrowed|salaries|compensation|sue|sued|claim|claimed|give|gives|gave|grant|granted|bid|bids)\b"
)


def asked_measures(question: str) -> frozenset[str]:
    """What the number that a question asks for may measure, as `measure` names it; empty when anything may."""
    low = fold(question)
    if re.search(r"\b(?:at )?what time\b|\bat what hour\b", low):
        return frozenset(["clock"])
    if many := re.search(r"\bhow many (?:more |fewer |other |of the )?([\w'-]+)", low):
        noun = many.group(1)
        own = next((n for n in numbers(f"9 {noun}") if n.unit), None)
        if _MONEY.match(noun):
            return frozenset(["money"])
        if _TIME.match(noun):
            return frozenset(["time"])
        if own:
            return frozenset([_UNITS.get(own.unit, "money")])
        kinds = {_kind_of(noun)} - {"bare"} or {"people", "things"}
        return frozenset({"bare", "share", *kinds})
    if re.search(r"\b(?:what|which) (?:percentage|per cent|percent|share|proportion)\b", low):
        return frozenset(["share"])
    if re.search(r"\bhow much\b", low) and _PAID.search(low):
        return frozenset(["money", "bare", "share"])
    if re.search(r"\b(?:what (?:is|was|are|were) the|at what) (?:\w+ ){0,2}?(?:price|cost|fee|fine|budget)\b", low):
        return frozenset(["money", "bare"])
    for asks, measures in (
        (r"how (?:tall|wide|deep)\b", "length"), (r"how heavy\b", "weight"), (r"how (?:hot|cold)\b", "degrees bare"),
        (r"how long\b", "length time clock day bare"), (r"how old\b", "time bare"), (r"how fast\b", "speed time bare"),
        (r"how far\b", "length time degrees share bare"),
    ):  # fmt: skip
        if re.search(rf"\b{asks}", low):
            return frozenset(measures.split())
    return frozenset()


def measure(number: Number) -> str:
    """What a number measures: "money", "share", "length", "time", "people", "things", "bare" of nothing known, …"""
    if number.unit:
        return _UNITS.get(number.unit, "money")
    noun = fold(number.noun)
    if _MONEY.match(noun):
        return "money"
    if _TIME.match(noun):
        return "time"
    return _kind_of(noun)


def _kind_of(noun: str) -> str:
    if PEOPLE.search(noun) or _PERSONS.match(noun):
        return "people"
    return "things" if _THINGS.match(noun) else "bare"


def fitting(question: str, text: str) -> list[Number | Time | Day] | None:
    """The values of a text that may be what a question asks for; None when the question leaves that open."""
    asked = asked_measures(question)
    if not asked:
        return None
    counted = [n for n in numbers(text) if measure(n) in asked]
    if "people" in asked:
        counted = sorted([*counted, *_alone(text)], key=lambda number: number.start)
    found: list[Number | Time | Day] = [*(_of_noun(question, text, counted) or counted)]
    found += times(text) if "clock" in asked else ()
    return found + (days(text) if "day" in asked else [])


def _alone(text: str) -> list[Number]:
    """ "One person", which is no number elsewhere: "one" is a pronoun, too."""
    return [
        Number(Decimal(1), "", m[2], m[1], m.start(), m.end(1))
        for m in _ONE.finditer(text)
        if _kind_of(fold(m[2])) == "people"
    ]


def _of_noun(question: str, text: str, counted: Sequence[Number]) -> list[Number]:
    """The numbers that count what is asked for: of "36 of the ports shut as 45,000 workers left" 36 for ports."""
    noun = _HOW_MANY.search(question)
    if not noun or not counted:
        return []
    ends = [*(n.start for n in counted[1:]), len(text)]
    after = [text[n.start : min(end, n.end + _NEAR)] for n, end in zip(counted, ends, strict=True)]
    return [n for n, near in zip(counted, after, strict=True) if stem(fold(noun[1])) in map(stem, words(near))]
