"""Names in running English text: where they stand, whether two are one person's. Knows nothing about speech or search.

One notion of a name for the whole house: a run of capitalised words, joined by particles such as "al-", "de", "bin",
"van", and by "of" after such words as "Bank" and "Ministry".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Literal

from rag.language.words import STOP_WORDS, fold

_WORD = re.compile(r"(?:[A-Z]\.){2,}|[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_PARTICLES = frozenset("al el de del della der den di da dos das du la le bin ibn van von ter bint ben abu y e".split())
_JOINING = _PARTICLES | {"of", "the"}
#: Before the first capital of a compound these make no name of it: "anti-Assad", "ex-President".
_PREFIXES = frozenset("anti pro non ex post pre mid self inter trans pan co vice sub".split())
#: "of" joins what follows to these: "Bank of England", but "Mayor Rask of Orvelt".
_HEADS = frozenset(
    """bank court house ministry university council church kingdom republic gulf sea bay isle island lake department
    office institute association union league board bureau chamber college school academy federation society party duke
    duchess order port cape strait lords states commonwealth army bishop archbishop museum""".split()
)
TITLES = frozenset(
    """mr mrs ms miss dr prof professor sir dame lord lady president vice-president minister premier chancellor
    secretary secretary-general ambassador senator governor mayor mayoress king queen prince princess sheikh sultan
    emir pope bishop archbishop imam rabbi judge general colonel major captain sergeant lieutenant commander admiral
    inspector superintendent detective officer constable spokesman spokeswoman spokesperson chairman chairwoman
    chair director coach manager doctor reverend father sister brother councillor representative congressman
    congresswoman commissioner chief prosecutor deputy ceo sen rep gov gen col lt sgt administrator executive""".split()
)
ABBREVIATED = ("Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Sen", "Rep", "Gov", "Gen", "Col", "Lt", "Sgt")
CALENDAR = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december""".split()
)
#: Words that open sentences and are no names there, besides stop words and words that stand in lower case elsewhere.
_OPENERS = frozenset(
    """yesterday today tomorrow meanwhile however police officials residents critics experts authorities witnesses
    rescuers investigators analysts economists scientists doctors prosecutors lawyers protesters opponents
    supporters voters workers farmers parents pupils students teachers soldiers local many several another one two
    three four five six seven eight nine ten people thousands hundreds dozens last next earlier later still yet also
    nobody everyone correction clarification update asked""".split()
)
_MEN = frozenset(
    "mr sir lord king prince sheikh sultan emir pope imam spokesman chairman congressman father brother".split()
)
_WOMEN = frozenset("mrs ms miss dame lady queen princess spokeswoman chairwoman congresswoman mayoress sister".split())

Gender = Literal["man", "woman"]


@dataclass(frozen=True, slots=True)
class Name:
    """A name and its character offsets (end exclusive); titles before it are left out.

    Attributes:
        title: the title words before it, as written, "" if none ("Prime Minister").
    """

    text: str
    start: int
    end: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int
    opens: bool  # a sentence or a line begins here
    capital: bool


@lru_cache(maxsize=1 << 16)
def _capital(word: str) -> bool:
    parts = re.split(r"[-'’]", word)
    if len(parts) > 1 and parts[0].casefold() in _PREFIXES:
        return False
    return any(part[:1].isupper() for part in parts)


def names(text: str) -> list[Name]:
    """Names in order, none inside another; a lone word that opens a sentence counts when it is a name elsewhere."""
    return list(_names(text))


@lru_cache(maxsize=64)  # of one article they are asked for several times
def _names(text: str) -> tuple[Name, ...]:
    found = list(_runs(text, _words(text)))
    inside = {word for run in found for n, word in enumerate(run) if not (n == 0 and word.opens)}
    known = {word.text for word in inside}
    lower = {word for word in set(_WORD.findall(text)) if not _capital(word)}
    kept: list[Name] = []
    for run in found:
        first = run[0]
        if first.opens and _common(first.text, lower, known, alone=len(run) == 1):
            run = run[1:]
        if name := _named(text, run):
            kept.append(name)
    return tuple(kept)


def same_person(one: str, other: str) -> bool:
    """Whether two names can be one person's: the same last name, and no first names or initials that differ."""
    mine, theirs = _parts(one), _parts(other)
    if not mine or not theirs:
        return False
    if len(mine) == 1 or len(theirs) == 1:
        short, long = sorted((mine, theirs), key=len)
        return short[0] in long
    if set(mine) <= set(theirs) or set(theirs) <= set(mine):
        return True
    if mine[-1] != theirs[-1]:
        return False
    return mine[0] == theirs[0] or (min(len(mine[0]), len(theirs[0])) == 1 and mine[0][0] == theirs[0][0])


def fullest(name: str, among: list[str]) -> str:
    """The longest form of a person's name among others, the latest of them when several persons share the last name.

    Args:
        among: names in the order in which they matter least to most.
    """
    mine = _parts(name)
    longer = [other for other in among if len(_parts(other)) > len(mine) and mine and _parts(other)[-1] == mine[-1]]
    longer = [other for other in longer if same_person(name, other)]
    return max((other for other in longer if same_person(other, longer[-1])), key=len, default=name)


def surname(name: str) -> str:
    """The last of a name's folded words: only names that share it can be fuller forms of each other."""
    return (_parts(name) or ("",))[-1]


def gender_of(name: Name | str) -> Gender | None:
    """Whether a name is a man's or a woman's: by its title, else by its given name; None where neither tells."""
    title = fold(name.title) if isinstance(name, Name) else ""
    if words := set(re.findall(r"\w+", title)):
        if words & _MEN:
            return "man"
        if words & _WOMEN:
            return "woman"
    parts = _parts(name.text if isinstance(name, Name) else name)
    if len(parts) < 2:
        return None
    given = parts[0].split("-")[0]
    men, women = _given_names()
    return "man" if given in men else "woman" if given in women else None


def _runs(text: str, words: Iterable[_Word]) -> Iterator[list[_Word]]:
    """Runs of a text's words that belong to one name, particles between them included."""
    headlines = _headlines(text)
    run: list[_Word] = []
    pending: list[_Word] = []  # particles that join only if a capital follows
    for word in words:
        gap = text[(pending or run)[-1].end : word.start] if run else ""
        joined = bool(run) and _joins(gap, (pending or run)[-1].text)
        if run and not joined:
            yield run
            run, pending = [], []
        named = word.capital and word.text.casefold() not in CALENDAR
        if named and not any(start <= word.start < end for start, end in headlines):
            run += [*pending, word]
            pending = []
        elif run and _may_join(run, pending, word):
            pending.append(word)
        elif run:
            yield run
            run, pending = [], []
    if run:
        yield run


def _may_join(run: list[_Word], pending: list[_Word], word: _Word) -> bool:
    """A particle, "of" after such a word as "Bank", or "the" after that "of"."""
    if word.text == "of":
        return fold(run[-1].text) in _HEADS
    return word.text in _PARTICLES or (word.text == "the" and bool(pending) and pending[-1].text == "of")


def _joins(gap: str, before: str) -> bool:
    """Whether what stands between two words keeps them in one name: a space, or the point of an initial or a title."""
    if gap in (" ", "\u00a0"):
        return not re.search(r"['’]s$", before)
    return gap == ". " and (len(before) == 1 or before in ABBREVIATED)


_OPENS = re.compile(r"(?:[.!?:…]['\"”’)\]]*\s+['\"“‘(\[]*|\n\s*['\"“‘(\[]*|[\"“«„])$")
_SHORT = re.compile(rf"\b(?:{'|'.join(ABBREVIATED)}|[A-Z])\.\s$")


def _words(text: str) -> Iterator[_Word]:
    """The words that can belong to a name; whether one opens a sentence is looked at where it has a capital."""
    for match in _WORD.finditer(text):
        word = match.group()
        if not _capital(word):
            if word in _JOINING:
                yield _Word(word, *match.span(), opens=False, capital=False)
            continue
        before = text[max(0, match.start() - 7) : match.start()]
        opens = not before.strip() or bool(_OPENS.search(before))
        yield _Word(word, *match.span(), opens and not _SHORT.search(before), capital=True)


def _headlines(text: str) -> list[tuple[int, int]]:
    """Lines written in title case, where capitals mean nothing: without an end mark, most long words capitalised."""
    found = []
    at = 0
    for line in text.splitlines(keepends=True):
        if not line.rstrip().endswith((".", "!", "?", "”", '"')):
            long = [word for word in _WORD.findall(line) if len(word) > 3]
            capitals = sum(word[0].isupper() for word in long)
            if len(long) > 4 and capitals / len(long) > 0.8:
                found.append((at, at + len(line)))
        at += len(line)
    return found


def _common(word: str, lower: set[str], known: set[str], *, alone: bool) -> bool:
    """Whether a word that opens a sentence is capitalised for that only."""
    low = word.casefold()
    if low in STOP_WORDS or low in _OPENERS or re.sub(r"['’].*", "", low) in STOP_WORDS:
        return True
    bare = re.sub(r"['’]s$", "", word)
    if word in known or bare in known:
        return False
    return low in lower or (alone and low not in TITLES)


def _named(text: str, run: list[_Word]) -> Name | None:
    while run and (run[-1].text in _PARTICLES or run[-1].text in ("of", "the")):
        run = run[:-1]
    titles = max((n for n, word in enumerate(run[:-1], 1) if fold(word.text) in TITLES), default=0)
    if titles == len(run) - 1 and fold(run[titles - 1].text) == "general":  # "General Motors", but "General Asim Khan"
        titles = 0
    body = run[titles:]
    if not body or (len(body) == 1 and (fold(body[0].text) in TITLES or body[0].text.casefold() in STOP_WORDS)):
        return None
    start, end = body[0].start, body[-1].end
    name = re.sub(r"['’]s?$", "", text[start:end])
    return Name(name, start, start + len(name), text[run[0].start : body[0].start].strip())


@lru_cache(maxsize=1 << 14)
def _parts(name: str) -> tuple[str, ...]:
    """Folded words of a name without titles and particles; an "al-" is dropped."""
    found = [re.sub(r"^(?:al|el)-|['’]s?$", "", word) for word in re.findall(r"[\w'’-]+", fold(name))]
    bare = [word.replace("’", "'") for word in found if word and word not in TITLES and word not in _PARTICLES]
    return tuple(bare or [word for word in found if word])


@cache
def _given_names() -> tuple[frozenset[str], frozenset[str]]:
    """Given names of men and of women, folded."""
    text = resources.files("rag.language").joinpath("given_names.txt").read_text(encoding="utf-8")
    _, men, women = re.split(r"\[(?:men|women)\]", text)
    return frozenset(men.split()), frozenset(women.split())
