"""Whom and what an English text names, and whether that is a person, a place or an organisation.

Told by lists (countries, regions and large cities of Unicode's CLDR, through Babel; given names) and by how the text
itself uses a name: who speaks, what stands before it. What nothing tells stays "other". Knows nothing about articles.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from rag.language.names import CALENDAR, TITLES, Name, fullest, gender_of, names, surname
from rag.language.words import fold

if TYPE_CHECKING:
    from babel import Locale

Kind = Literal["person", "place", "organisation", "other"]

_ORGANISATIONS = frozenset(
    """agency alliance army assembly association authority bank board brigade broadcaster bureau cabinet center centre
    chamber club college commission committee company congress consortium corp corporation council court department
    federation fc force forces foundation front fund group guard hospital inc institute league liberation llc ltd
    ministry monitor movement museum nations network newspaper office organisation organization parliament party plc
    police press school senate service society taliban times tribunal tribune union united university""".split()
)
_PLACES = frozenset(
    """airport avenue bay beach border bridge canal city coast county desert district forest gate harbor harbour hill
    hills island islands isle lake line mount mountain mountains ocean pass peninsula plain port province region river
    road sea square state strait street town valley village""".split()
)
_BEFORE_PLACES = re.compile(
    r"\b(?:in|near|at|outside|across|around|inside|into|towards?|within|northern|southern|eastern|western|central)"
    r"(?: the)? $"
)
_MONTHS = frozenset(month[:3] for month in CALENDAR)
_DEMONYM = re.compile(r"(?:an|ans|ian|ians|i|is|ish|ese)$")


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in a text.

    Attributes:
        name: in the fullest form that the text has.
        count: how often it stands there in any form.
    """

    name: str
    kind: Kind
    count: int


def mentions(text: str, speakers: Collection[str] = ()) -> list[Mention]:
    """The names of a text, those that stand there most first.

    Args:
        speakers: whose words the text reports, as far as that is known; they are people unless a list says otherwise.
    """
    found: dict[str, list[Name]] = defaultdict(list)
    for each in names(text):
        found[each.text].append(each)
    found = {name: places for name, places in found.items() if not _is_demonym(name) and not _is_none(name)}
    talking = {fold(speaker) for speaker in speakers}
    common = frozenset(re.findall(r"\b[a-z]+\b", text))
    kinds = {name: _kind(name, places, text, talking, common) for name, places in found.items()}
    counts: Counter[str] = Counter()
    people = defaultdict(list)
    for name, kind in kinds.items():
        if kind == "person":
            people[surname(name)].append(name)
    for name, places in found.items():
        whole = name
        if kinds[name] in {"person", "other"}:
            whole = fullest(name, people[surname(name)])
        counts[whole] += len(places)
    return [Mention(name, kinds[name], count) for name, count in counts.most_common()]


def _kind(name: str, places: list[Name], text: str, talking: Collection[str], common: Collection[str]) -> Kind:
    folded = fold(name)
    parts = re.findall(r"[\w.]+", folded)
    if folded in _gazetteer():
        return "place"
    if any(part in _ORGANISATIONS for part in parts) or _is_acronym(name):
        return "organisation"
    if len(parts) > 1 and (parts[-1] in _PLACES or parts[0] in {"mount", "lake", "gulf", "isle", "strait", "port"}):
        return "place"
    if any(place.title or _follows_title(text, place) for place in places) or folded in talking:
        return "person"
    if gender_of(name) and parts[0] not in common:  # "New" is a given name too, but also a word
        return "person"
    inside = sum(bool(_BEFORE_PLACES.search(text[max(0, place.start - 20) : place.start])) for place in places)
    return "place" if 3 * inside >= len(places) and inside else "other"


def _is_none(name: str) -> bool:
    """Whether it is a month cut short, a letter, or words of a line in capitals."""
    return fold(name).strip(".") in _MONTHS or len(name) < 2 or (" " in name and name.isupper())


def _is_acronym(name: str) -> bool:
    letters = [c for c in name if c.isalpha()]
    return 2 <= len(letters) <= 6 and all(c.isupper() for c in letters) and " " not in name


def _follows_title(text: str, name: Name) -> bool:
    """Whether a title in lower case stands before it: "the defence minister Khawaja Asif"."""
    before = re.search(r"([\w-]+) $", text[max(0, name.start - 30) : name.start])
    return before is not None and fold(before[1]) in TITLES


def _is_demonym(name: str) -> bool:
    """Whether it says whose and not who: "Afghan", "Pakistanis", "British"."""
    folded = fold(name)
    if " " in folded or folded in _gazetteer():
        return False
    stem = folded.removesuffix("s")
    return stem in _languages() or (bool(_DEMONYM.search(folded)) and any(c[:4] == folded[:4] for c in _territories()))


@cache
def _territories() -> frozenset[str]:
    """Countries, continents and regions, folded."""
    return frozenset(
        form
        for code, name in _locale().territories.items()
        if code not in {"EU", "EZ", "UN"}  # which are no places
        for form in (fold(name), fold(name.partition(" (")[0]))
    )


@cache
def _languages() -> frozenset[str]:
    return frozenset(fold(name) for name in _locale().languages.values() if " " not in name)


@cache
def _gazetteer() -> frozenset[str]:
    """Names of places, folded: territories, and the cities that stand for time zones."""
    zones = _locale().time_zones
    cities = {str(key).rpartition("/")[2].replace("_", " ") for key in zones} | {
        zone["city"] for zone in zones.values() if "city" in zone
    }
    more = {"US", "U.S.", "UK", "U.K.", "UAE", "America", "England", "Scotland", "Wales", "Washington", "Gaza"}
    return _territories() | {fold(city) for city in cities | more}


@cache
def _locale() -> Locale:
    from babel import Locale

    return Locale("en")
