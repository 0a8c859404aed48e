"""What two versions of one text say differently: a number, a day, a name, yes or no. Knows nothing about storage.

Copies of a wire story differ in a word here and there and in length; that is no update. A later version of it gives
another toll, another day, another name, or denies what the earlier one said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from typing import Literal

from rag.language.names import Name, names, same_person
from rag.language.sentences import sentences
from rag.language.values import Day, Number, days, numbers
from rag.language.words import fold, words
from rag.types import Sentence

_DENIES = re.compile(r"\b(?:not|never|no|nobody|none|nothing|without|cannot)\b|n['’]t\b", re.I)
#: Two sentences are versions of one another when they share more of their words than not.
_ALIKE = 0.5
#: And say the same but for a "not" when they share nearly all.
_SAME = 0.8


@dataclass(frozen=True, slots=True)
class Difference:
    """What one sentence says otherwise than its counterpart.

    Attributes:
        kind: "number", "day", "name" or "negation".
        one, other: the words that differ, "" where one of them has none (a number that was added; a "not").
        one_sentence, other_sentence: offsets of the two sentences in their texts.
    """

    kind: Literal["number", "day", "name", "negation"]
    one: str
    other: str
    one_sentence: tuple[int, int]
    other_sentence: tuple[int, int]


def differs(
    one: str,
    other: str,
    *,
    one_published: date | None = None,
    other_published: date | None = None,
    outlets: Collection[str] = (),
) -> tuple[Difference, ...]:
    """Where two near-duplicate texts differ in substance, in the order of the first; empty when one copies the other.

    Sentences that only one of them has make no difference, since outlets shorten what they take over. A number counts
    where the counterpart lacks it; a day or a name where the counterpart has another in its place, so that "on
    Thursday" agrees with "today".

    Args:
        one_published, other_published: days from which "Monday" and "3 May" are completed.
        outlets: names that may differ without substance, such as those of the two outlets.
    """
    mine, theirs = _cut(one), _cut(other)
    matcher = SequenceMatcher(None, [key for key, _ in mine], [key for key, _ in theirs], autojunk=False)
    found: list[Difference] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "replace":
            continue
        for left, right, alike in _paired(mine[a:b], theirs[c:d]):
            found += _differences(one, other, left, right, alike, (one_published, other_published), outlets)
    return tuple(found)


_Keyed = tuple[str, Sentence]


def _cut(text: str) -> list[_Keyed]:
    """Sentences with their folded words."""
    return [(" ".join(words(text[s.start : s.end])), s) for s in sentences(text)]


def _paired(mine: Sequence[_Keyed], theirs: Sequence[_Keyed]) -> list[tuple[Sentence, Sentence, float]]:
    """Counterparts among sentences that stand in one place, the most alike first; with their likeness in [0, 1]."""
    pairs = [
        (SequenceMatcher(None, left.split(), right.split(), autojunk=False).ratio(), i, j)
        for i, (left, _) in enumerate(mine)
        for j, (right, _) in enumerate(theirs)
    ]
    found: list[tuple[int, int, float]] = []
    for alike, i, j in sorted(pairs, key=lambda pair: -pair[0]):
        if alike > _ALIKE and all(i != a and j != b for a, b, _ in found):
            found.append((i, j, alike))
    return [(mine[i][1], theirs[j][1], alike) for i, j, alike in sorted(found)]


def _differences(
    one: str,
    other: str,
    left: Sentence,
    right: Sentence,
    alike: float,
    published: tuple[date | None, date | None],
    outlets: Collection[str],
) -> list[Difference]:
    a, b = one[left.start : left.end], other[right.start : right.end]
    places = (left.start, left.end), (right.start, right.end)
    found: list[Difference] = []
    less, more = _unmatched(_counts(a), _counts(b))
    found += [Difference("number", x, y, *places) for x, y in _zipped(less, more)]
    first = [day.completed(published[0]) for day in days(a)]
    second = [day.completed(published[1]) for day in days(b)]
    less, more = _unmatched(first, second)
    found += [Difference("day", x, y, *places) for x, y in zip(less, more, strict=False)]
    less, more = _unmatched(_people(a, outlets), _people(b, outlets))
    found += [Difference("name", x, y, *places) for x, y in zip(less, more, strict=False)]
    denials = [match.group() for match in _DENIES.finditer(a)], [match.group() for match in _DENIES.finditer(b)]
    if alike >= _SAME and len(denials[0]) % 2 != len(denials[1]) % 2:
        found.append(Difference("negation", " ".join(denials[0]), " ".join(denials[1]), *places))
    return found


def _counts(text: str) -> list[Number]:
    return [number for number in numbers(text) if number.unit != "ordinal"]


def _people(text: str, outlets: Collection[str]) -> list[Name]:
    known = {fold(name).removeprefix("the ") for name in outlets}
    return [name for name in names(f"… {text}") if fold(name.text) not in known]


def _unmatched(one: Sequence[Number | Day | Name], other: Sequence[Number | Day | Name]) -> tuple[list[str], list[str]]:
    """What each side has that agrees with nothing left on the other."""
    free = list(other)
    alone: list[str] = []
    for value in one:
        match = next((candidate for candidate in free if _agree(value, candidate)), None)
        if match is None:
            alone.append(value.text)
        else:
            free.remove(match)
    return alone, [value.text for value in free]


def _agree(one: Number | Day | Name, other: Number | Day | Name) -> bool:
    if isinstance(one, Number) and isinstance(other, Number):
        return one.agrees(other)
    if isinstance(one, Day) and isinstance(other, Day):
        return one.agrees(other)
    return isinstance(one, Name) and isinstance(other, Name) and same_person(one.text, other.text)


def _zipped(one: Sequence[str], other: Sequence[str]) -> list[tuple[str, str]]:
    length = max(len(one), len(other))
    return [(one[n] if n < len(one) else "", other[n] if n < len(other) else "") for n in range(length)]
