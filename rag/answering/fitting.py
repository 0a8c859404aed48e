"""Which sentences can answer a question at all, told by rules that need no threshold: the time, the speaker, the kind
of thing, the row of a table that it asks for, and whether an article denies what it supposes.

Knows nothing about probabilities but their order; `rag.answering.finding` has those.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import groupby

from rag.language.aliases import absent_names, is_country, of_another, office_of_another
from rag.language.measures import fitting
from rag.language.names import TITLES, names
from rag.language.premises import Supposed, affirms, denies, exchanged, supposed
from rag.language.speech import is_speaker
from rag.language.tables import asked_cells
from rag.language.values import days, numbers
from rag.language.words import content_stems, fold, stem, words
from rag.models.kinds import shipped_kinds
from rag.types import COMPARABLE, Hit, Query, Reading, Sentence

#: "Islamabad and Kabul each" are two speakers.
_SEVERAL = re.compile(r"\s+(?:and|or|&)\s+(?:the\s+)?|,\s*|\s+(?:each|both)\b", re.I)
#: "Who is the lawyer of …", "Who is Lund's lawyer": the office that is asked for.
_OFFICE = re.compile(
    r"who(?:['’]s| is| was| are| were) (?:the|an?|\S+(?: \S+)?['’]s?) (?:[\w-]+ ){0,2}?([\w-]+?)"
    r"(?= (?:of|for|at|in|to)\b|\W*$)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence of a hit that may be quoted, with what was found out about it.

    Attributes:
        reading: None when the hit was not read.
        cosine: 0 when it is not known.
    """

    hit: Hit
    sentence: Sentence
    reading: Reading | None
    cosine: float

    @property
    def text(self) -> str:
        """The sentence's own words."""
        return self.hit.passage.slice(self.sentence.start, self.sentence.end)

    @property
    def english(self) -> bool:
        """Whether the rules and the reader know its language."""
        return self.hit.passage.article.english


def eligible(query: Query, rows: Sequence[Row], values: Sequence[float], able: set[int]) -> set[int]:
    """Which of the sentences that fit may answer: those of the time and of the speaker that the question asks for.

    A sentence is of a time when its article was published then or when it names a day of it; time words may as well
    stand in an article ("last weekend"), so the condition holds only where it leaves a sentence that is comparable with
    the best. Of a speaker are the sentences that report the speaker's words, else those that name the speaker; where
    none names one who is asked for by name, none is. What a correction withdraws answers nothing.

    Args:
        values: probability of each sentence, taken alone.
        able: indices of those that fit, at least one.
    """
    found = {n for n in able if not rows[n].sentence.withdrawn} or able
    if query.frame:
        since, until = query.frame[0] or date.min, query.frame[1] or date.max
        found = _narrowed(found, {n for n in found if _in_time(rows[n], since, until)}, values)
    if query.speech == "who":
        return _narrowed(found, {n for n in found if rows[n].sentence.speaker}, values)
    if query.speaker:
        theirs = {n for n in found if speaks(rows[n].sentence, query.speaker)}
        about = {n for n in found if any(_mentions(rows[n], name) for name in _SEVERAL.split(query.speaker))}
        return theirs or about or (set() if names(f"it is {query.speaker}") else found)
    return found


def fitting_rows(query: Query, rows: Sequence[Row]) -> set[int]:
    """Which sentences hold what is asked for, see `fits`; of an office those that name its holder, if there are any,
    else, where it is a title, those of which the reader takes more than a country. Who holds that of another is none:
    the president of a union is not the president of the United States."""
    found = {n for n, row in enumerate(rows) if fits(query, row)}
    office = _OFFICE.match(query.text)
    if not office:
        return found
    found = {n for n in found if not office_of_another(query.text, rows[n].text, office[1])}
    held = {n for n in found if _holds_office(query, rows[n], stem(fold(office[1])))}
    return held or {n for n in found if fold(office[1]) not in TITLES or not _is_country(rows[n])}


def fits(query: Query, row: Row) -> bool:
    """Whether a sentence holds something of the kind that is asked for, as far as that can be told.

    A question for a number that measures something (money, a count, a length, the time of day) needs such a number; one
    for a person needs more than a number or a date; one for how many died needs a word of death. What it says of the
    Pakistani delegation answers nothing about the Afghan one.
    """
    if not row.english or row.sentence.right or row.sentence.role == "row":
        return True
    if of_another(query.text, row.text, _context(row)):
        return False
    if query.kind == "number" and _of_deaths(query.text) and not _of_deaths(f"{row.text} {_context(row)}"):
        return False
    if query.kind in {"number", "date", "entity"} and (found := fitting(query.text, row.text)) is not None:
        return bool(found)
    if query.kind == "person" and query.speech != "who" and _is_value(row):
        return bool(names_given(query, row.text))
    return True


def _of_deaths(text: str) -> bool:
    """Whether a text has a word that means what "died" means. Of 101 questions of SQuAD and SquadShifts for a number
    that have one, 84 are answered by a sentence that has one, too, and 9 of the other 17 ask for no deaths."""
    return not _deadly().isdisjoint(words(text))


@cache
def _deadly() -> frozenset[str]:
    fine = {word: numbers[-1] for word, numbers in shipped_kinds().lexicon.clusters.items()}
    return frozenset(word for word, cluster in fine.items() if cluster == fine["died"])


def _holds_office(query: Query, row: Row, office: str) -> bool:
    """Whether a sentence names the office asked for and somebody, in a passage about the rest of the question."""
    asked = set(content_stems(query.text)) - {office}
    there = set(content_stems(f"{row.hit.passage.article.title} {row.hit.passage.text}"))
    held = any(not all(map(is_country, words(row.text[i:j]))) for i, j in names_given(query, row.text))
    return held and office in content_stems(row.text) and len(asked & there) >= 0.5 * len(asked)


def _is_country(row: Row) -> bool:
    """Whether the reader's words are a country and nothing else."""
    told = words(row.hit.passage.slice(row.reading.start, row.reading.end)) if row.reading else []
    return bool(told) and all(map(is_country, told))


def names_given(query: Query, text: str) -> list[tuple[int, int]]:
    """Offsets of the names in a text that the question does not name itself."""
    asked = set(words(query.text))
    return [(n.start, n.end) for n in names(text) if not set(words(n.text)) <= asked]


def _is_value(row: Row) -> bool:
    """Whether the reader's words are a number or a date and nothing else."""
    if row.reading is None or row.reading.start >= row.reading.end:
        return False
    span = row.hit.passage.slice(row.reading.start, row.reading.end)
    found = [*numbers(span), *days(span)]
    return bool(found) and not names(f"… {span}")


def _narrowed(found: set[int], kept: set[int], values: Sequence[float]) -> set[int]:
    """What meets a condition, if one of it is comparable with the best of all; else all."""
    best = max(values[n] for n in found)
    return kept if any(values[n] >= COMPARABLE * best for n in kept) else found


def speaks(sentence: Sentence, asked: str) -> bool:
    """Whether a sentence reports the words of whom a question names, or of one of several."""
    return any(is_speaker(sentence.speaker, sentence.office, name) for name in _SEVERAL.split(asked))


def _mentions(row: Row, asked: str) -> bool:
    """Whether a sentence has the names, and the last word in small letters, of those that the question names.

    "Turkey's president" is in "The Turkish president", not in "The Turkish leader".
    """
    called, there = f"it is {asked}", set(content_stems(row.text))
    if not names(called):
        return set(content_stems(asked)) <= there
    office = [word for word in asked.split() if word.islower()][-1:]
    return not absent_names(called, row.text) and set(content_stems(" ".join(office))) <= there


def _in_time(row: Row, since: date, until: date) -> bool:
    published = row.hit.passage.article.published
    if published and since <= published <= until:
        return True
    told = (day.completed(published) for day in days(row.text))
    return any(day.year and since <= date(day.year, day.month or 1, day.day or 1) <= until for day in told)


def opposing(query: Query, rows: Sequence[Row]) -> tuple[set[int], set[int]]:
    """Sentences against what the question supposes: those that are the answer, and those that are none.

    Where an article denies what the question takes for granted ("did not collapse") or has its roles the other way
    round, and none tells it as supposed, such sentences are the answer. One with the roles exchanged never answers as
    if they were not.
    """
    what = None if query.kind == "yesno" or query.speech else supposed(query.text)
    if what is None:
        return set(), set()
    english = [n for n, row in enumerate(rows) if row.english and row.sentence.role == "text"]
    swapped = {n for n in english if exchanged(what, rows[n].text)}
    told = [n for n in english if n not in swapped and affirms(what, rows[n].text, _context(rows[n]))]
    if told:
        return set(), swapped
    denied = {n for n in english if n not in swapped and _denied(what, rows[n])}
    return denied or (swapped if what.asks_side else set()), swapped


def _denied(what: Supposed, row: Row) -> bool:
    return denies(what, row.text, _context(row))


def _context(row: Row) -> str:
    """What tells of whom a sentence speaks: its title, and the sentence that its first pronoun refers to."""
    passage = row.hit.passage
    before = next((s for s in passage.sentences if s.start == row.sentence.antecedent), None)
    return f"{passage.article.title} {passage.slice(before.start, before.end) if before else ''}"


def asked_in_tables(query: Query, rows: Sequence[Row]) -> dict[int, tuple[int, int] | None]:
    """The rows of tables that the question asks of, each with the offsets in its text of the cell asked for, None where
    none is told apart; and the other rows of these tables with (0, 0)."""
    found: dict[int, tuple[int, int] | None] = {}
    every = [n for n, row in enumerate(rows) if row.sentence.role == "row"]
    every.sort(key=lambda n: (rows[n].hit.passage.article.id, rows[n].sentence.start))
    for _, table in groupby(every, key=lambda n: (rows[n].hit.passage.article.id, rows[n].text.count("|"))):
        members = list(table)
        cells = asked_cells(query.text, [rows[n].text for n in members], query.frame)
        if cells:
            found |= dict.fromkeys(members, (0, 0))
            found |= {members[c.row]: (c.start, c.end) if c.end > c.start else None for c in cells}
    return found
