"""The words that answer, made whole: all of a date, of a number with its unit, of a list of names."""

from __future__ import annotations

import re

from rag.language.names import CALENDAR
from rag.language.values import days, numbers
from rag.language.words import content_stems, fold

_NAMES = r"[A-ZÀ-ÖØ-Þ][\w’'-]*(?:\s+(?:(?:of|the|al|bin|de|van|von)\s+)?[A-ZÀ-ÖØ-Þ][\w’'-]*)*"  # one name
_VERB = re.compile(r",?\s+(?:(?:who|which|that)\s+)?(?:is|are|was|were|has|have|had|will|would|could)\b")
_BETWEEN = re.compile(r"\bbetween (?:the )?$")
_IN_PLACE = re.compile(rf"\b(?:in|at|near|outside) (?:the )?({_NAMES})")
_LISTED = re.compile(rf"{_NAMES}(?:, (?:the )?{_NAMES})*,? and (?:the )?{_NAMES}")


def whole_span(sentence: str, start: int, end: int, kind: str, question: str) -> tuple[int, int]:
    """A span of a sentence, widened to the whole of the thing asked for that it is part of.

    Args:
        kind: what is asked for, see `rag.types.Query`.
    """
    if kind == "place":
        start, end = place_of_parties(sentence, start, end)
    if kind in {"person", "place", "entity", "list", "definition"}:  # "Who are the mediators?" asks for a list
        return whole_list(sentence, start, end, question)
    if kind == "date":
        return whole_date(sentence, start, end)
    return whole_number(sentence, start, end) if kind == "number" else (start, end)


def before_verb(text: str, start: int, end: int) -> int:
    """The end of a span, before the clause that it runs into: "19 people" of "19 people were killed when"."""
    found = _VERB.search(text, start + 1, end)
    return found.start() if found else end


def place_of_parties(text: str, start: int, end: int) -> tuple[int, int]:
    """The place nearest to a span that stands after "between", which names parties: "talks between A and B in C"."""
    if not _BETWEEN.search(text[:start]):
        return start, end
    places = [m.span(1) for m in _IN_PLACE.finditer(text) if fold(m[1].split()[0]) not in CALENDAR]
    return min(places, key=lambda place: abs(place[0] - start), default=(start, end))


def whole_date(text: str, start: int, end: int) -> tuple[int, int]:
    """The span widened to the whole dates that it lies in or cuts: "October" of "4 October 2023"."""
    cut = [d for d in days(text) if d.start < end and start < d.end]
    return min([start, *(d.start for d in cut)]), max([end, *(d.start + len(d.text.rstrip(".")) for d in cut)])


def whole_number(text: str, start: int, end: int) -> tuple[int, int]:
    """The span widened to the whole numbers, scale and unit included, that it cuts: "2" of "2.5 million km"."""
    cut = [n for n in numbers(text) if n.start < end and start < n.end]
    return min([start, *(n.start for n in cut)]), max([end, *(n.end for n in cut)])


def whole_list(text: str, start: int, end: int, question: str) -> tuple[int, int]:
    """The span of a whole list of names when the given one holds some of them: "Qatar" of "Turkey and Qatar".

    The reader likes short answers. Unchanged when the question names another member itself ("who, with Jim Nantz, …").
    """
    asked = set(content_stems(question))
    for listed in _LISTED.finditer(text):
        if not (listed.start() <= start and end <= listed.end()):
            continue
        members = [(listed.start() + m.start(), listed.start() + m.end()) for m in re.finditer(_NAMES, listed.group())]
        others = " ".join(text[a:b] for a, b in members if b <= start or a >= end)
        starts, ends = {a for a, _ in members}, {b for _, b in members}
        if start in starts and end in ends and not asked & set(content_stems(others)):
            return listed.span()
    return start, end
