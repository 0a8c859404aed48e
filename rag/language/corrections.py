"""Corrections, clarifications and updates that an article prints about itself. Knows nothing about search.

A note is known by its label ("Correction:") or by speaking of the article itself ("An earlier version of this article
said …"). What was wrong and what is right are found where the note says both in one of the usual ways.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from rag.language.names import names
from rag.language.sentences import sentences
from rag.language.values import Day, Number, days, numbers
from rag.language.words import fold

Kind = Literal["correction", "clarification", "update"]

_LABEL = re.compile(
    r"\W{0,3}(?P<label>corrections?(?: and clarifications?)?|clarifications?|updated?|corrected|amended|"
    r"editor['’]?s['’]? note)"
    r"\b(?P<when>[^.:;\n]{0,40}?)(?::|\s[–—-]\s|\W*$)",
    re.I,
)
_WORK = r"(?:article|story|report|piece|page|post|column|headline|caption|photo caption|version|text)"
_OWN = re.compile(
    rf"\b(?:earlier|previous|original|prior|first) (?:version|edition|headline) (?:of|on|to) (?:this|our|the) "
    rf"(?:\w+ )?{_WORK}\b"
    rf"|\bthis {_WORK} (?:has been|has since been|has now been|was|was later|is) "
    rf"(?:\w+ )?(?:updated|corrected|amended|revised|changed|clarified|edited|republished)"
    rf"|\bthis {_WORK} (?:\w+ )?(?:originally|initially|previously|first|incorrectly|wrongly|mistakenly|erroneously|"
    rf"misstated|misspelled|misspelt|misidentified|gave the wrong)\b"
    r"|\bwe (?:originally|initially|previously|incorrectly|wrongly|mistakenly|erroneously) "
    r"(?:said|reported|wrote|stated)\b"
    r"|\b(?:corrected|was amended|was updated) on (?:\d|\w+ \d)",
    re.I,
)
_WRONG = re.compile(
    r"\b(?:correct(?:ed|ion|ions)?|incorrect(?:ly)?|wrong(?:ly)?|mis(?:stated|spelled|spelt|identified|reported|quoted|named)|"
    r"erroneous(?:ly)?|error|mistaken(?:ly)?|mistake|in fact)\b",
    re.I,
)
_PIVOT_BACK = re.compile(r",? (?:and )?(?:not|rather than|instead of) ", re.I)
_NOT_BUT = re.compile(r"\bnot (?P<wrong>[^,;.]+?),? but (?P<right>[^;]+)", re.I)
_FROM_TO = re.compile(
    r"\b(?:changed|corrected|amended|revised|updated)\b[^.;]*? from (?P<wrong>[^.;]+?) to (?P<right>[^;]+)", re.I
)
#: After it a note says what is right.
_RIGHT = re.compile(
    r";|[.!?][”\"]?\s+|,? (?:when|while|whereas|but) (?:in fact|it|he|she|they|the)\b|\bin fact\b|"
    r"\bshould (?:have|be|read)\b|"
    r"\bthe (?:correct|right|actual)\b|\bactually\b|\bcorrected to\b",
    re.I,
)
_MISSPELLED = re.compile(r"\b(?:misspelled|misspelt)\b", re.I)


@dataclass(frozen=True, slots=True)
class Correction:
    """A note of an article on itself; all offsets are of the article's text, end exclusive.

    Attributes:
        start, end: of the note.
        right, wrong: where the note states the value that holds, and the one withdrawn; None where it does not.
    """

    kind: Kind
    start: int
    end: int
    right: tuple[int, int] | None
    wrong: tuple[int, int] | None


class _Value(NamedTuple):
    """A number, a day or a name in a text."""

    kind: Literal["number", "day", "name"]
    start: int
    end: int
    content: Number | Day | str

    def same(self, other: _Value) -> bool:
        if isinstance(self.content, Number) and isinstance(other.content, Number):
            return self.content.agrees(other.content)
        if isinstance(self.content, Day) and isinstance(other.content, Day):
            return self.content.agrees(other.content)
        return self.kind == other.kind and str(self.content) == str(other.content)


@lru_cache(maxsize=8)  # of one article they are asked for again for each of its notes
def corrections(text: str) -> tuple[Correction, ...]:
    """The notes of an article, in order; an empty tuple when it has none.

    A note reaches from its label, or from the sentence that speaks of the article, to the end of the paragraph; a label
    on a line of its own takes the next paragraph with it.
    """
    found: list[Correction] = []
    paragraphs = [(m.start(), m.end()) for m in re.finditer(r"[^\n]+", text)]
    n = 0
    while n < len(paragraphs):
        start, end = paragraphs[n]
        label = _LABEL.match(text[start:end])
        if label and label.end() == end - start:  # on a line of its own
            following = paragraphs[n + 1] if n + 1 < len(paragraphs) else (end, end)
            if _OWN.search(text, *following) or _WRONG.search(text, *following) or " not " in text[slice(*following)]:
                n, end = n + 1, following[1]
            else:
                label = None
        own = next(
            (s.start for s in sentences(text[start:end]) if _OWN.search(text, start + s.start, start + s.end)), None
        )
        if label and not _is_note(label, text[start:end]):
            label = None
        if label or own is not None:
            found.append(_correction(text, start if label else start + (own or 0), end, label))
        n += 1
    return tuple(found)


def withdrawn(text: str, correction: Correction) -> tuple[tuple[int, int], ...]:
    """Where the article still states the value that its note withdraws, outside all notes."""
    if correction.wrong is None:
        return ()
    start, end = correction.wrong
    inside = _values(text[correction.start : correction.end], correction.start)
    wrong = next((value for value in inside if value.start < end and start < value.end), None)
    notes = corrections(text)
    if wrong is None:
        places = [(m.start(), m.end()) for m in re.finditer(re.escape(text[start:end]), text)]
    else:
        places = [(value.start, value.end) for value in _values(text, 0) if value.same(wrong)]
    return tuple(place for place in places if not any(note.start <= place[0] < note.end for note in notes))


def _is_note(label: re.Match[str], paragraph: str) -> bool:
    """A label with a colon is one; "Update" and "Corrected" must be followed by a mark or be spoken of the article."""
    when = label["when"].strip(" ,()[]")
    if when and not days(when) and not re.search(r"\d|\b(?:am|pm|gmt|appended)\b", when, re.I):
        return bool(_OWN.search(paragraph))
    return True


def _correction(text: str, start: int, end: int, label: re.Match[str] | None) -> Correction:
    note = text[start:end]
    named = fold(label["label"]) if label else ""
    body = label.end() if label else 0
    corrected = _WRONG.search(note[body:]) or re.search(r"\b(?:said|stated|reported|gave|described|identified)\b", note)
    kind: Kind
    if named.startswith("clarif") or (not named and re.search(r"\bclarif", note, re.I)):
        kind = "clarification"
    elif named.startswith("correct") or (corrected and _OWN.search(note)):
        kind = "correction"
    else:
        kind = "update"
    right, wrong = _right_and_wrong(note, body) if kind != "update" else (None, None)
    stripped = len(note) - len(note.lstrip())
    return Correction(
        kind,
        start + stripped,
        start + len(note.rstrip()),
        (start + right[0], start + right[1]) if right else None,
        (start + wrong[0], start + wrong[1]) if wrong else None,
    )


_Span = tuple[int, int]


def _right_and_wrong(note: str, body: int) -> tuple[_Span | None, _Span | None]:
    """Offsets in the note of the value that holds and of the one withdrawn."""
    values = [value for value in _values(note, 0) if value.start >= body and not _dates_the_note(note, value)]
    if found := _NOT_BUT.search(note, body):
        return _pair(note, values, found.span("right"), found.span("wrong"), first=True)
    if found := _FROM_TO.search(note, body):
        return _pair(note, values, found.span("right"), found.span("wrong"), first=True)
    for pivot in _PIVOT_BACK.finditer(note, body):
        stop = re.compile(r"[;.,](?=\s|$)|$").search(note, pivot.end())
        assert stop is not None
        start = max((m.end() for m in re.finditer(r"[;.!?]\s+", note[: pivot.start()])), default=body)
        right, wrong = _pair(note, values, (start, pivot.start()), (pivot.end(), stop.start()), first=False)
        if right and wrong:
            return right, wrong
    if misspelled := _MISSPELLED.search(note, body):  # the note gives the right spelling
        name = next((value for value in values if value.kind == "name" and value.start > misspelled.end()), None)
        return (name.start, name.end) if name else None, None
    return _around_a_turn(note, body, values)


def _around_a_turn(note: str, body: int, values: list[_Value]) -> tuple[_Span | None, _Span | None]:
    """ "gave the cost as 12 million; it is 14 million": the first turn with a value of one kind on either side."""
    turns = [m.start() for m in _RIGHT.finditer(note, body)]
    for turn in turns:
        rights = _inside(values, (turn, len(note)))
        for wrong in reversed(_inside(values, (body, turn))):
            if right := next((value for value in rights if value.kind == wrong.kind), None):
                return (right.start, right.end), (wrong.start, wrong.end)
    turn = turns[0] if turns else len(note)
    wrongs, rights = _inside(values, (body, turn)), _inside(values, (turn, len(note)))
    if wrongs and not rights and re.search(r"\b(?:as|that|to be|said|gave)\b", note[body : wrongs[-1].start]):
        return None, (wrongs[-1].start, wrongs[-1].end)
    if len(rights) == 1 and not wrongs:
        return (rights[0].start, rights[0].end), None
    return None, None


def _pair(
    note: str, values: list[_Value], right: _Span, wrong: _Span, *, first: bool
) -> tuple[_Span | None, _Span | None]:
    """A value of one kind on each side; where there is none, the withdrawn words and as many of the other side."""
    rights, wrongs = _inside(values, right), _inside(values, wrong)
    for one in wrongs:
        fitting = [value for value in rights if value.kind == one.kind and not value.same(one)]
        if fitting:
            other = fitting[0 if first else -1]
            return (other.start, other.end), (one.start, one.end)
    words = [m.span() for m in re.finditer(r"\S+", note[wrong[0] : wrong[1]])]
    others = [(m.start() + right[0], m.end() + right[0]) for m in re.finditer(r"\S+", note[right[0] : right[1]])]
    if not words or len(others) < len(words):
        return None, None
    chosen = others[: len(words)] if first else others[-len(words) :]
    end = chosen[-1][0] + len(note[chosen[-1][0] : chosen[-1][1]].rstrip(".,;"))
    return (chosen[0][0], end), (wrong[0], wrong[0] + len(note[wrong[0] : wrong[1]].rstrip()))


def _inside(values: list[_Value], span: _Span) -> list[_Value]:
    return [value for value in values if span[0] <= value.start and value.end <= span[1]]


def _dates_the_note(note: str, value: _Value) -> bool:
    """The day on which a correction was made is no corrected value."""
    if value.kind != "day":
        return False
    before = note[max(0, value.start - 30) : value.start]
    made = r"\b(?:corrected|amended|updated|published|appended|changed|revised) (?:\w+ )?(?:on|at)\s*$"
    return bool(re.search(made, before, re.I))


@lru_cache(maxsize=8)
def _values(text: str, offset: int) -> tuple[_Value, ...]:
    found: list[_Value] = [_Value("number", n.start + offset, n.end + offset, n) for n in numbers(text)]
    for day in days(text):  # the point after "2 May." is the sentence's
        length = len(text[day.start : day.end].rstrip(" .,"))
        found.append(_Value("day", day.start + offset, day.start + length + offset, day))
    found += [_Value("name", name.start + offset, name.end + offset, name.text) for name in names(text)]
    return tuple(sorted(found, key=lambda value: value.start))
