"""Which words of names stand for one another: "Pakistani" for "Pakistan", "Türkiye" for "Turkey", "UN" for "United
Nations"."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from rag.language.names import names
from rag.language.words import STOP_WORDS, fold, stem, words

#: Names and adjectives of one country or body that share no stem.
_GROUPS = tuple(
    frozenset(group.split("/"))
    for group in (
        "us/usa/america/american/americans/washington uk/britain/british/briton/britons/london eu/european/brussels "
        "turkey/turkiye/turkish/turks/ankara france/french/paris spain/spanish/spaniard/madrid netherlands/dutch/hague "
        "ireland/irish/dublin poland/polish/poles/warsaw denmark/danish/danes finland/finnish/finns "
        "switzerland/swiss germany/german/germans/berlin greece/greek/greeks wales/welsh scotland/scottish/scots "
        "china/chinese/beijing russia/russian/russians/moscow/kremlin iran/iranian/tehran israel/israeli/jerusalem "
        "ukraine/ukrainian/kyiv/kiev india/indian/delhi pakistan/pakistani/islamabad afghanistan/afghan/afghans/kabul "
        "qatar/qatari/doha japan/japanese/tokyo thailand/thai philippines/filipino cyprus/cypriot peru/peruvian "
        "congo/congolese iraq/iraqi/baghdad syria/syrian/damascus lebanon/lebanese norway/norwegian portugal/portuguese"
    ).split()
)
_ADJECTIVES = frozenset(
    """american british european turkish french spanish dutch irish polish danish finnish swiss german greek welsh
    scottish chinese russian iranian israeli ukrainian indian pakistani afghan qatari japanese thai filipino cypriot
    peruvian congolese iraqi syrian lebanese norwegian portuguese us uk eu""".split()
)
#: Overlapping, so that of "two Afghan foreign ministers" the pair "Afghan foreign" is seen.
_BEFORE_NOUN = re.compile(r"(?=(?<![\w’'-])([^\W\d_]+)(['’]s)? ([a-z][\w-]+))")
#: Between a name and what is its own.
_OWNS = re.compile(r"(?:['’]s?)? ")
#: Words of which one thing bears only one, before its noun: "the second round", "the northern province".
_KINDS = (
    frozenset("first second third fourth fifth sixth seventh eighth ninth tenth".split()),
    frozenset("north south east west northern southern eastern western".split()),
)
_ENDINGS = frozenset(["", *"s n ns an ans ian ians ish i is ese istan ia y e a en er ers ic".split()])


def same_word(one: str, other: str) -> bool:
    """Whether two folded words of names can mean the same: "pakistani" and "pakistan", "turkiye" and "turkey"."""
    if one == other or any(one in group and other in group for group in _GROUPS):
        return True
    shared = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return shared >= 4 and one[shared:] in _ENDINGS and other[shared:] in _ENDINGS


def in_text(word: str, there: Collection[str]) -> bool:
    """Whether a folded word of a name, or one that stands for it, is among the folded words of a text."""
    return word in there or any(same_word(word, other) for other in there)


def initials(parts: Sequence[str]) -> str:
    """ "un" of "United Nations"; words in lower case are passed over."""
    return fold("".join(part[0] for part in parts if part[:1].isupper()))


def is_short_for(one: str, other: str) -> bool:
    """Whether one of two names is the other's initials: "FAA" and "the Federal Aviation Administration"."""
    bare = (name.replace(".", "").removeprefix("The ").removeprefix("the ") for name in (one, other))
    short, long = sorted(bare, key=len)
    return len(short) > 1 and short.isupper() and initials(long.split()) == fold(short)


def is_country(word: str) -> bool:
    """Whether a folded word is one of a country or body that is known by several: "turkish", "eu"."""
    return any(word in group for group in _GROUPS)


def of_another(asked: str, text: str, context: str = "") -> bool:
    """Whether a text speaks of another's than is asked for: of "the Pakistani delegation", not of "the Afghan" one.

    It has the noun with another country, ordinal or quarter before it, and the asked one nowhere, nor has its context.
    """
    borne = _borne(asked)
    there = _borne(text) if borne else []
    for bearer, noun in borne:
        others = [other for other, same in there if same == noun and _kind(other) == _kind(bearer)]
        if others and not in_text(bearer, [*others, *words(f"{text} {context}")]):
            return True
    return False


def office_of_another(asked: str, text: str, office: str) -> bool:
    """Whether a text tells who holds an office, but not of whom a question names: "ILA President", "the president of
    the ILA" where the United States' is asked for.

    Args:
        office: its word, as the question has it.
    """
    called, held = [name.text for name in names(asked)], stem(fold(office))
    places = [m for m in re.finditer(r"[\w-]+", text) if stem(fold(m.group())) == held]
    owners = [_owner(text, place.start(), place.end()) for place in places]
    if not called or not owners or not all(owners):
        return False
    known = [*words(asked), *(initials(name.split()) for name in called)]
    return not any(
        any(in_text(word, known) for word in words(owner))
        or not absent_names(f"it is {owner}", asked)
        or any(len(short) > 1 and word.startswith(short) for word in known for short in [initials(owner.split())])
        for owner in owners
    )


def _owner(text: str, start: int, end: int) -> str:
    """The name that says whose the office at some offsets is, "" where none stands beside it."""
    before = None
    for name in names(text):
        title = name.start - len(name.title) - 1
        if name.title and title <= start < name.start:  # "ILA President Harold Daggett"
            if before and _OWNS.fullmatch(text[before.end : title]):  # "Iran's Foreign Minister Abbas Araghchi"
                return before.text
            told = text[title:start].split()
            return " ".join(word for word in told if is_country(fold(word)) or (len(word) > 1 and word.isupper()))
        if name.end <= start and _OWNS.fullmatch(text[name.end : start]):
            return name.text
        if name.start >= end and re.fullmatch(r" (?:of|at|for) (?:the )?", text[end : name.start]):
            return name.text
        before = name
    return ""


def another(word: str, text: str) -> re.Match[str] | None:
    """The word of a text of which a folded one is another: a country, an ordinal, a quarter."""
    kind = _kind(word)
    if kind is None:
        return None
    return next((m for m in re.finditer(r"[^\W\d_]+", text) if _kind(fold(m.group())) == kind), None)


def _borne(text: str) -> list[tuple[str, str]]:
    """Each country, ordinal and quarter of a text that stands before a noun, folded, with the noun in the singular."""
    pairs = ((fold(m[1]), bool(m[2]), m[3].casefold()) for m in _BEFORE_NOUN.finditer(text))
    return [
        (word, noun.removesuffix("s"))
        for word, owns, noun in pairs
        if noun not in STOP_WORDS
        and (word in _ADJECTIVES or (is_country(word) if owns else _kind(word) not in (None, -1)))
    ]


def _kind(word: str) -> int | None:
    """Which words exclude one another with this one before a noun: -1 for countries."""
    if is_country(word):
        return -1
    return next((n for n, kind in enumerate(_KINDS) if word in kind), None)


def absent_names(text: str, shown: str) -> list[str]:
    """The names of a text that another text has in no form; the first name may be left out there."""
    there = set(words(shown))
    short = {fold(word.strip(".,'’\"")) for word in shown.split() if word[:2].isupper()}
    found = []
    for name in names(text):
        if text[name.start - 1 : name.start].isdigit():  # a unit: "40C"
            continue
        parts = name.text.split()
        absent = [p for p in parts if not all(in_text(word, there) or not word for word in words(p))]
        if absent and parts[-1] not in absent:
            continue
        if absent and initials(parts) not in short and not _spelled_out(absent, shown):
            found.append(name.text)
    return found


def _spelled_out(absent: Sequence[str], shown: str) -> bool:
    """Whether each absent word is an abbreviation whose words stand in the text: "UN" and "United Nations"."""
    heads = fold("".join(word[0] for word in shown.replace("-", " ").split() if word[:1].isupper()))
    return all(len(word) > 1 and word.isupper() and fold(word.replace(".", "")) in heads for word in absent)
