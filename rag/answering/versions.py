"""Where articles give different values for what is asked. Knows nothing about thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rag.language.values import Day, Number, days, numbers
from rag.language.words import content_stems
from rag.types import Candidate, Citation, Query, Version


@dataclass(slots=True)
class _Group:
    value: Number | Day
    best: Candidate
    citations: list[Citation] = field(default_factory=list)


def values_of(query: Query, ranked: Sequence[Candidate]) -> tuple[Version, ...]:
    """The different numbers or days that the likeliest sentences give, likeliest first.

    A value is read from the words that answer, not from the rest of the sentence. Dates are completed from the day of
    publication, so that "on Wednesday" and "29 October" can agree; numbers differ only where both have one unit and
    count one thing.

    Args:
        ranked: the sentences, likeliest first.
    """
    groups: list[_Group] = []
    for candidate in ranked:
        value = _value(query.kind, candidate)
        if value is None:
            continue
        known = next((group for group in groups if _agree(group.value, value)), None)
        if known is None and (not groups or _comparable(groups[0].value, value)):
            known = _Group(value, candidate)
            groups.append(known)
        if known and all(c.article.id != candidate.citation.article.id for c in known.citations):
            known.citations.append(candidate.citation)
    return tuple(Version(_shown(g.value), tuple(g.citations), g.best.alone) for g in groups)


def _value(kind: str, candidate: Candidate) -> Number | Day | None:
    """The number or day in the words that answer; None where they hold none, or another kind of thing is asked for."""
    span = candidate.span
    if span is None or kind not in {"number", "date", "entity"}:
        return None
    sentence = candidate.citation
    start, end = span.start - sentence.start, span.end - sentence.start
    found: Sequence[Number | Day]
    if kind == "date":
        found = [day.completed(span.article.published) for day in days(sentence.quote)]
    else:
        found = numbers(sentence.quote)
    return next((value for value in found if start <= value.start < end), None)


def _agree(one: Number | Day, other: Number | Day) -> bool:
    if isinstance(one, Number) and isinstance(other, Number):
        return one.agrees(other)
    return isinstance(one, Day) and isinstance(other, Day) and one.agrees(other)


def _comparable(one: Number | Day, other: Number | Day) -> bool:
    """Whether two values can be two accounts of one thing."""
    if isinstance(one, Number) and isinstance(other, Number):
        nouns = set(content_stems(one.noun)), set(content_stems(other.noun))
        return one.unit == other.unit and (bool(one.unit) or not all(nouns) or bool(nouns[0] & nouns[1]))
    return isinstance(one, Day) and isinstance(other, Day)


def _shown(value: Number | Day) -> str:
    if isinstance(value, Day) and value.weekday is not None and value.day is not None:
        return f"{value.text} ({value.year}-{value.month:02d}-{value.day:02d})"
    if isinstance(value, Number) and value.noun and not value.unit.strip("ordinal"):
        return f"{value.text} {value.noun}"
    return value.text
